"""Parts of studies: a classifier of sequence tasks, and texts with their words in another order."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from book.experiments.ch22_sequence_tasks import SequenceClassifier
from book.experiments.ch41_emotion import shuffled
from rnncourse.networks import CausalConvolutions
from rnncourse.text import Encoded
from tests.closeness import assert_close_ulp

BODIES: dict[str, Any] = {
    "rnn": lambda: nn.RNN(4, 5, batch_first=True),
    "gru": lambda: nn.GRU(4, 5, batch_first=True),
    "both": lambda: nn.GRU(4, 5, batch_first=True, bidirectional=True),
    "cnn": lambda: CausalConvolutions(4, 5, kernel_size=3, dilations=(1, 2)),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("read", ["last", "max", "each"])
def test_padding_changes_nothing_and_only_two_directions_see_what_comes_later(name: str, read: str) -> None:
    torch.manual_seed(0)
    width = 10 if name == "both" else 5
    net = SequenceClassifier(BODIES[name](), width=width, num_classes=3, read=read, num_embeddings=7)
    ids = torch.tensor([[1, 2, 3, 4, 5], [6, 5, 4, 0, 0]])
    wide, alone = net(nn.functional.pad(ids, (0, 4))), net(ids[1:, :3])
    each = read == "each"
    assert wide.shape == ((2, 9, 3) if each else (2, 3))
    assert_close_ulp(wide[1:, :3] if each else wide[1:], alone, 64, scale=1.0)
    assert_close_ulp(wide[:, :5] if each else wide, net(ids), 64, scale=1.0)
    if each:
        other = torch.tensor([[1, 2, 3, 4, 6]])
        assert torch.equal(net(ids[:1])[:, :4], net(other)[:, :4]) == (name != "both")


def test_features_are_read_at_the_end() -> None:
    layer = nn.LSTM(2, 4, batch_first=True)
    net, x = SequenceClassifier(layer, width=4, num_classes=3), torch.randn(5, 6, 2)
    assert_close_ulp(net(x), net.head(layer(x)[0][:, -1]), 64, scale=1.0)


def test_all_orders_of_three_tokens_are_equally_likely() -> None:
    mixed = shuffled(Encoded.of([[1, 2, 3], [], [5, 4]] * 6_000), np.random.default_rng(0))
    assert [sorted(ids) for ids in mixed] == [[1, 2, 3], [], [4, 5]] * 6_000
    counts = Counter(tuple(ids) for ids in map(list, mixed) if len(ids) == 3)
    assert len(counts) == 6
    assert all(abs(count - 1_000) < 120 for count in counts.values())  # four standard deviations
