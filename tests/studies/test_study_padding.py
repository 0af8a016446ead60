"""The studies of *Sequence length* on generated reviews: what they follow over padding, and what they train."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from book.experiments import ch14_padding as padding
from book.experiments import ch14_padding_reader as padding_reader
from book.experiments.ch14_padding import STEPS, Config, accuracy, apart, build, over_padding, reaches, reviews, train
from rnncourse.gradients import gradient_flow
from rnncourse.initialisation import forget_bias_
from rnncourse.studies import study_named as find
from rnncourse.text import pad

KINDS = ("rnn", "lstm", "gru")
SMALL = Config(seed=0, hidden_size=6, embedding_dim=4, epochs=1, length=13)


def some(count: int = 5):
    data = reviews()
    return data.encode(data.test.take(np.arange(count))), data.test.labels[:count]


@pytest.mark.parametrize("kind", KINDS)
def test_the_states_over_padding_are_those_of_a_padded_row(kind) -> None:
    net, (encoded, _) = build(replace(SMALL, kind=kind)), some()
    h, c = over_padding(net, encoded, 7)
    assert (c is not None) == (kind == "lstm")
    ids, lengths = pad(encoded, length=int(encoded.lengths.max()) + 7)
    with torch.no_grad():
        output = net.double().rnn(net.embedding(ids))[0]
    for row, n in enumerate(lengths.tolist()):
        assert torch.allclose(h[row], output[row, n - 1 : n + 7], atol=1e-6)


def test_an_lstm_cell_goes_on_with_its_state() -> None:
    net, (encoded, _) = build(SMALL), some()
    h, c = over_padding(net, encoded, 3)
    lstm = net.double().rnn
    nothing = torch.zeros(5, 1, 4, dtype=torch.float64)
    with torch.no_grad():
        _, (h_next, c_next) = lstm(nothing, (h[:, 2].unsqueeze(0).contiguous(), c[:, 2].unsqueeze(0).contiguous()))
    assert torch.allclose(h_next[0], h[:, 3], atol=1e-12)
    assert torch.allclose(c_next[0], c[:, 3], atol=1e-12)


def test_apart_is_the_spread_about_the_mean() -> None:
    states = torch.tensor([[[0.0, 0.0]], [[2.0, 0.0]]])
    assert apart(states) == pytest.approx([1.0])
    assert apart(states[:1]) == pytest.approx([0.0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_padded_texts(kind) -> None:
    net, (encoded, labels) = build(replace(SMALL, kind=kind)), some(60)
    alike = np.flatnonzero(encoded.lengths == encoded.lengths[0])
    dh, dc = reaches(net, encoded.take(alike), labels[alike], 9)
    ids, _ = pad(encoded.take(alike), length=int(encoded.lengths[0]) + 9)
    head, targets = net.double().head, torch.from_numpy(labels[alike])
    with torch.no_grad():
        vectors = net.embedding(ids)
    flow = gradient_flow(net.rnn, vectors, lambda o: nn.functional.cross_entropy(head(o[:, -1]), targets))
    assert dh == pytest.approx(flow.dh[-10:].numpy(), rel=1e-5)
    assert (dc is None) == (kind != "lstm")


def test_texts_of_different_lengths_have_no_common_last_word() -> None:
    net, (encoded, labels) = build(SMALL), some(20)
    assert len(set(encoded.lengths.tolist())) > 1
    with pytest.raises(ValueError, match="pass texts of one length"):
        reaches(net, encoded, labels, 3)


def test_the_reviews_are_different_and_fill_their_rows() -> None:
    data = reviews()
    texts = [text for part in (data.train, data.validation, data.test) for text in part.texts]
    assert len(set(texts)) == len(texts) == 4_000
    assert data.encode(data.test).lengths.max() <= padding.LENGTHS[0]
    assert all((data.encode(part).ids > 1).all() for part in (data.validation, data.test))  # no unknown word


def test_the_starts_do_what_their_names_say() -> None:
    plain, keep, little = (build(Config(seed=3, start=start)) for start in padding.STARTS)
    wanted = forget_bias_(build(Config(seed=3)).rnn, padding.FORGET_BIAS)
    assert torch.equal(keep.rnn.bias_ih_l0, wanted.bias_ih_l0)
    assert torch.equal(plain.rnn.weight_hh_l0, little.rnn.weight_hh_l0)
    gates = (little.rnn.bias_ih_l0 + little.rnn.bias_hh_l0).detach().chunk(4)
    assert torch.allclose(gates[0], -gates[1])  # chrono: the input gate shuts as far as the forget gate opens


@pytest.mark.parametrize("layout", ["packed", "right", "left"])
def test_training_learns_something_and_repeats(layout) -> None:
    config = replace(SMALL, layout=layout, epochs=4, hidden_size=12)
    net, losses = train(config)
    again, other = train(config)
    assert losses == other
    assert losses[-1] < losses[0]
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    assert 0.5 < accuracy(net, config) <= 1.0


def test_a_run_has_every_measure_step_by_step() -> None:
    found = padding.run(SMALL, "cpu")
    assert found["mean_pad"] == pytest.approx(13 - reviews().encode(reviews().test).lengths.mean())
    for name in ("apart", "norm", "late_accuracy", "gradient", "cell_norm", "cell_gradient"):
        assert len(found[name]) == len(found[f"untrained_{name}"]) == STEPS + 1
    assert len(found["forget_gate"]) == len(found["input_gate"]) == STEPS
    assert found["untrained_apart"][-1] < 1e-3 * found["untrained_apart"][0]
    assert found["late_accuracy"][3] != found["untrained_late_accuracy"][3]


@pytest.mark.parametrize(("name", "rows"), [("padding", 8), ("padding-reader", 3)])
def test_the_small_grid_is_small(name, rows) -> None:
    configs = find(name).grid("small", 1)
    assert len(configs) == rows
    assert all(config.seed == 0 for config in configs)


def test_the_readers_weights_are_rounded_and_complete(monkeypatch) -> None:
    monkeypatch.setattr(padding_reader, "EPOCHS", 1)
    found = padding_reader.run(padding_reader.Config(seed=0, network="packed"), "cpu")
    shapes = {"embedding": (35, 4), "W_ih": (32, 4), "W_hh": (32, 8), "b": (32,), "W_hy": (2, 8), "b_y": (2,)}
    for name, shape in shapes.items():
        weights = np.array(found[name])
        assert weights.shape == shape
        assert np.array_equal(weights, np.round(weights, padding_reader.DECIMALS))
    assert np.array(found["embedding"])[0].tolist() == [0.0] * 4
    assert len(found["words"]) == 35
    assert len(found["late_accuracy"]) == padding_reader.LENGTH + 1
