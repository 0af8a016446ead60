"""The padding explorer's Python side: it reads with the cell of the package, and its state is checked."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.gradients import state_jacobians
from rnncourse.widgets import PaddingExplorer, StateError

LIMITED = settings(max_examples=25, deadline=None)
NETWORKS = ("packed", "padded", "padded, keeps")
WORDS = ("a", "b", "c")
SENTENCES = ("a b", "c", "b c a b")


def layers(seed: int) -> list[nn.LSTM]:
    torch.manual_seed(seed)
    return [nn.LSTM(4, 8, batch_first=True, dtype=torch.float64).requires_grad_(False) for _ in NETWORKS]


def state(rnns: list[nn.LSTM], seed: int = 0) -> dict[str, Any]:
    """Three torch layers and a random readout, as the widget takes them."""
    rng = np.random.default_rng(seed)
    return {
        "sentences": SENTENCES,
        "labels": [1, 0, 1],
        "words": WORDS,
        "embedding": rng.normal(size=(3, 3, 4)),
        "W_ih": [rnn.weight_ih_l0.numpy() for rnn in rnns],
        "W_hh": [rnn.weight_hh_l0.numpy() for rnn in rnns],
        "b": [(rnn.bias_ih_l0 + rnn.bias_hh_l0).numpy() for rnn in rnns],
        "W_hy": rng.normal(size=(3, 8)),
        "b_y": rng.normal(size=3),
    }


def vectors(widget: PaddingExplorer, sentence: int) -> np.ndarray:
    rows = [WORDS.index(word) for word in SENTENCES[sentence - 1].split()]
    return np.asarray(widget.embedding)[rows, NETWORKS.index(widget.network)]


@LIMITED
@given(
    seed=st.integers(0, 99),
    network=st.sampled_from(NETWORKS),
    place=st.sampled_from(["behind", "in front"]),
    pads=st.integers(0, 60),
    sentence=st.integers(1, 3),
)
def test_the_states_are_those_of_torch(seed: int, network: str, place: str, pads: int, sentence: int) -> None:
    rnns = layers(seed)
    widget = PaddingExplorer(network=network, place=place, pads=pads, sentence=sentence, **state(rnns, seed))
    words, nothing = vectors(widget, sentence), np.zeros((pads, 4))
    row = np.concatenate([words, nothing] if place == "behind" else [nothing, words])
    n = NETWORKS.index(network)
    wanted = rnns[n](torch.from_numpy(row)[None])[0][0].numpy()
    reading = widget.reading(sentence)
    assert reading.h == pytest.approx(wanted, abs=1e-12)
    assert reading.last_word == len(words) + (pads if place == "in front" else 0)
    logits = torch.from_numpy(wanted @ widget.W_hy[n] + widget.b_y[n])
    assert reading.friendly == pytest.approx(torch.sigmoid(logits).numpy(), abs=1e-12)


@pytest.mark.parametrize("pads", [1, 2, 7, 30])
def test_what_comes_back_is_the_product_of_the_jacobians(pads: int) -> None:
    rnns = layers(3)
    widget = PaddingExplorer(pads=pads, **state(rnns))
    start = rnns[0](torch.from_numpy(vectors(widget, 1))[None])[1]
    parts = [part.clone().requires_grad_() for part in start]
    last = rnns[0](torch.zeros(1, pads, 4, dtype=torch.float64), tuple(parts))[0][0, -1]
    weights = np.asarray(widget.W_hy[0])
    dh, dc = torch.autograd.grad(last @ torch.from_numpy(weights), parts)
    size = np.hypot(dh.norm().item(), dc.norm().item()) / np.linalg.norm(weights)
    assert widget.reading(1).reaches == pytest.approx(np.log10(size), abs=1e-9)
    row = torch.cat([torch.from_numpy(vectors(widget, 1)), torch.zeros(pads, 4, dtype=torch.float64)])
    largest = state_jacobians(rnns[0], row).log10_singular_values[-pads - 1, 0].item()
    assert widget.reading(1).reaches <= largest + 1e-9


@pytest.mark.parametrize("place", ["in front", "masked"])
def test_nothing_is_lost_where_no_padding_is_read_after_the_last_word(place: str) -> None:
    widget = PaddingExplorer(place=place, pads=30)
    assert [reading.reaches for reading in widget.readings] == pytest.approx([0.0] * 3, abs=1e-12)
    word, read = widget.apart
    assert word == pytest.approx(read, abs=1e-12)


def test_masked_padding_changes_nothing_but_the_length() -> None:
    plain, masked = PaddingExplorer(pads=0), PaddingExplorer(pads=12, place="masked")
    for a, b in zip(plain.readings, masked.readings, strict=True):
        assert np.array_equal(a.h, b.h[: len(a.h)])
        assert np.array_equal(b.h[len(a.h) :], np.repeat(a.h[-1:], 12, axis=0))
        assert (a.forget, a.written, a.last_word) == (b.forget, b.written, b.last_word)


def test_the_spread_is_the_distance_from_the_mean() -> None:
    widget = PaddingExplorer(pads=4)
    ends = np.stack([reading.h[-1] for reading in widget.readings])
    pairs = [np.sum((a - b) ** 2) for a in ends for b in ends]
    assert widget.apart[1] == pytest.approx(np.sqrt(np.mean(pairs) / 2))


def test_the_table_follows_the_padding() -> None:
    widget = PaddingExplorer(network="padded", place="behind", pads=3)
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in widget.fallback_html().split("<tr>")[2:]]
    assert [row[0].split(" (")[0] for row in rows] == list(widget.sentences)
    for row in rows:
        sentence = widget.sentences.index(row[0].split(" (")[0]) + 1
        for pads, text in zip((0, 1, 2, 5, 10, 20, 40, 60), row[1:], strict=True):
            widget.pads = pads
            assert float(text) == pytest.approx(widget.reading(sentence).friendly[-1], abs=5.1e-4)


def test_the_summary_follows_padding_and_layout() -> None:
    widget = PaddingExplorer()
    first = widget.summary()
    widget.pads = 25
    second = widget.summary()
    widget.place = "in front"
    assert len({first, second, widget.summary()}) == 3
    assert "25 padding steps in front" in widget.summary()


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"sentence": 4}, r"sentence must be at most 3"),
        ({"labels": [1, 0]}, r"labels must have one entry for each of the 3 sentences"),
        ({"sentences": ("the plot", "a song", "the cast")}, "holds 'a'; add it to words"),
        ({"sentences": ("the  plot", "the cast", "the")}, "holds ''"),
        ({"words": ("the", "plot")}, "embedding must have one entry for each of the 2 words"),
        ({"pads": 61}, "from 0 to 60"),
        ({"network": "mine"}, "'packed' or 'padded'"),
        ({"place": "left"}, "'behind' or 'in front' or 'masked'"),
        ({"W_hy": [[0.0] * 8] * 2}, r"shape \(3, 8\)"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_no_trace(changes: dict[str, Any], culprit: str) -> None:
    widget = PaddingExplorer()
    before = widget.state_json()
    ((name, value),) = changes.items()
    with pytest.raises(StateError, match=culprit):
        setattr(widget, name, value)
    assert widget.state_json() == before
    with pytest.raises(StateError):
        PaddingExplorer(**changes)
