"""Readers: causal, blind to padding, and refusing what does not fit."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rnncourse.readers import CausalConvolutions, FlatReader, SequenceReader


def bodies() -> dict[str, tuple[Any, int]]:
    torch.manual_seed(0)
    return {
        "rnn": (nn.RNN(4, 5, batch_first=True), 5),
        "gru": (nn.GRU(4, 5, batch_first=True), 5),
        "both": (nn.GRU(4, 5, batch_first=True, bidirectional=True), 10),
        "cnn": (CausalConvolutions(4, 5, kernel_size=3, dilations=(1, 2)), 5),
    }


@pytest.mark.parametrize("name", ["rnn", "gru", "both", "cnn"])
@pytest.mark.parametrize("read", ["last", "max", "each"])
def test_padding_changes_nothing(name: str, read: Any) -> None:
    body, width = bodies()[name]
    net = SequenceReader(body, width=width, num_classes=3, read=read, num_embeddings=7)
    ids = torch.tensor([[1, 2, 3, 4, 5], [6, 5, 4, 0, 0]])
    wide = net(nn.functional.pad(ids, (0, 4)))
    alone = net(ids[1:, :3])
    if read == "each":
        torch.testing.assert_close(wide[1:, :3], alone)
        assert wide.shape == (2, 9, 3)
    else:
        torch.testing.assert_close(wide[1:], alone)
        torch.testing.assert_close(wide, net(ids))
        assert wide.shape == (2, 3)


@pytest.mark.parametrize(("name", "causal"), [("rnn", True), ("gru", True), ("cnn", True), ("both", False)])
def test_only_a_bidirectional_reader_sees_what_comes_later(name: str, causal: bool) -> None:
    body, width = bodies()[name]
    net = SequenceReader(body, width=width, num_classes=3, read="each", num_embeddings=7)
    one, other = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[1, 2, 3, 5]])
    assert torch.equal(net(one)[:, :3], net(other)[:, :3]) == causal


def test_features_are_read_at_the_end() -> None:
    layer = nn.LSTM(2, 4, batch_first=True)
    net = SequenceReader(layer, width=4, num_classes=3)
    x = torch.randn(5, 6, 2)
    torch.testing.assert_close(net(x), net.head(layer(x)[0][:, -1]))


def test_the_flat_reader_has_weights_for_each_place_and_none_for_padding() -> None:
    torch.manual_seed(0)
    net = FlatReader(4, 6, 8, 2)
    assert net.hidden.weight.shape == (8, 18)
    silent = net(torch.zeros(1, 6, dtype=torch.long))
    torch.testing.assert_close(silent, net.head(torch.relu(net.hidden.bias))[None])
    assert not torch.equal(net(torch.tensor([[1, 0, 0, 0, 0, 0]])), net(torch.tensor([[0, 1, 0, 0, 0, 0]])))


def test_a_one_hot_vector_times_the_table_is_the_look_up_bit_by_bit() -> None:
    table = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32))
    ids = torch.randint(50, (30,))
    assert torch.equal(nn.functional.one_hot(ids, 50).float() @ table, nn.functional.embedding(ids, table))


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="input_size, channels, kernel_size and each of dilations"):
        CausalConvolutions(2, 3, kernel_size=2, dilations=())
    with pytest.raises(ValueError, match="input_size, channels, kernel_size and each of dilations"):
        CausalConvolutions(2, 3, kernel_size=2, dilations=(1, 0))
    with pytest.raises(ValueError, match=r"expected \(batch, time, 2\)"):
        CausalConvolutions(2, 3, kernel_size=2, dilations=(1,))(torch.zeros(4, 5, 3))
    with pytest.raises(ValueError, match="read must be 'last', 'max' or 'each'"):
        SequenceReader(nn.RNN(2, 3, batch_first=True), width=3, num_classes=2, read="first")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch_first=True"):
        SequenceReader(nn.RNN(2, 3), width=3, num_classes=2)
