"""The sentence reader's Python side: words, weights, what it reads, and the network on record."""

import base64
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_network import network_of, probabilities, vocabulary_of

from book.experiments.ch41_emotion import pack, reader_splits
from rnncourse.data.sentences import WORD_CEILING
from rnncourse.networks import TextClassifier, class_logits
from rnncourse.studies import recorded
from rnncourse.text import tokenise
from rnncourse.widgets import SentenceReader
from rnncourse.widgets.sentence_reader import MOST_WORDS, layout, split_words, unpack

LIMITED = settings(max_examples=30)
WORDS = ("i", "am", "not", "sad", "don't", "happy")


def state(seed: int, words: tuple[str, ...] = WORDS, hidden_size: int = 5, embedding_dim: int = 4) -> dict[str, Any]:
    """The widget's traits for a network with random weights."""
    torch.manual_seed(seed)
    sizes = {"embedding_dim": embedding_dim, "hidden_size": hidden_size}
    net = TextClassifier("gru", vocabulary_size=len(words) + 2, classes=6, bidirectional=True, **sizes)
    return {"words": words, "weights": base64.b64encode(pack(net)[0]).decode(), **sizes}


@pytest.fixture(scope="module")
def row() -> Any:
    return recorded("sentence-reader").frame.iloc[0]


# --- words


@LIMITED
@given(st.text(max_size=60))
def test_words_of_any_text_are_those_of_the_package(text: str) -> None:
    assert split_words(text) == tokenise(text)


# --- reading


@LIMITED
@given(
    text=st.lists(st.sampled_from([*WORDS, "wug", "Blick"]), min_size=1, max_size=12),
    at=st.integers(0, 13),
    seed=st.integers(0, 99),
)
def test_every_beginning_is_read_as_torch_reads_it(text: list[str], at: int, seed: int) -> None:
    widget = SentenceReader(text=" ".join(text), at=at, **state(seed))
    reading, count = widget.reading, min(at or len(text), len(text))
    assert reading.words == tuple(word.lower() for word in text[:count])
    assert reading.known == tuple(word in WORDS for word in reading.words)
    beginnings = [" ".join(text[: t + 1]) for t in range(count)]
    assert reading.beliefs == pytest.approx(probabilities(widget, beginnings), abs=1e-9)
    assert reading.beliefs.sum(axis=1) == pytest.approx(1.0)
    net = network_of(widget)
    ids = torch.from_numpy(vocabulary_of(widget).encode([beginnings[-1]])[0].astype(np.int64))[None]
    states, nothing = net.rnn(net.vectors(ids))[0][0].detach().numpy(), np.zeros((1, 5))
    for moved, path in (
        (reading.forward, np.vstack((nothing, states[:, :5]))),
        (reading.backward, np.vstack((states[:, 5:], nothing))),
    ):
        assert moved == pytest.approx(np.linalg.norm(np.diff(path, axis=0), axis=1), abs=1e-9)


def test_all_unknown_words_are_one() -> None:
    first, second = (SentenceReader(text=text, **state(3)) for text in ("wug blick", "فردا ۱۲"))
    assert first.reading.known == second.reading.known == (False, False)
    assert np.array_equal(first.reading.beliefs, second.reading.beliefs)
    assert "2 of them unknown" in repr(first)
    assert first.fallback_html().count("(unknown)") == 2


def test_a_text_may_have_no_words_or_too_many_or_be_read_in_part() -> None:
    for text in ("", "  ", "!?", "😀"):
        widget = SentenceReader(text=text, at=3)
        assert widget.reading.words == ()
        assert widget.reading.beliefs.shape == (0, 6)
        assert repr(widget) == "SentenceReader: no words to read"
        assert "No words to read" in widget.host_html()
    reading = SentenceReader(text="i am not " * 4_000, **state(1)).reading
    assert len(reading.words) == MOST_WORDS
    part = SentenceReader(text="I am not sad, I am happy", at=4, **state(1))
    for whole, shorter in ((reading, " ".join(reading.words)), (part.reading, "I am not sad")):
        again = SentenceReader(text=shorter, **state(1)).reading
        for name in ("forward", "backward", "beliefs"):
            assert np.array_equal(getattr(whole, name), getattr(again, name))
    part.at = 60
    assert len(part.reading.words) == 7


# --- weights


def test_weights_come_back_as_they_went() -> None:
    torch.manual_seed(5)
    sizes = {"embedding_dim": 7, "hidden_size": 3}
    net = TextClassifier("gru", vocabulary_size=12, classes=4, bidirectional=True, **sizes)
    packed, rounded = pack(net)
    arrays = unpack(base64.b64encode(packed).decode(), words=10, classes=4, **sizes)
    assert arrays["embedding"] == pytest.approx(rounded.embedding.weight[1:].detach().numpy(), abs=1e-7)
    assert arrays["backward.W_hh"] == pytest.approx(rounded.rnn.weight_hh_l0_reverse.detach().numpy(), abs=1e-7)
    assert arrays["forward.b_hh"] == pytest.approx(net.rnn.bias_hh_l0.detach().numpy(), abs=0)
    for name, whole in (("embedding", net.embedding.weight[1:]), ("W_hy", net.head.weight)):
        largest = whole.abs().amax(dim=1, keepdim=True).detach().numpy()
        assert (np.abs(arrays[name] - whole.detach().numpy()) <= 0.501 * largest / 127).all()
    assert layout(words=10, classes=4, **sizes).itemsize == len(packed)


# --- the network on record


def test_the_record_fits_the_widget(row: Any) -> None:
    widget = SentenceReader(**row["reader"])
    assert widget.held_out == (row["tested"], 100 * row["accuracy"], 100 * row["accuracy_rounded"])
    assert row["tested"] >= 2_000
    assert len(recorded("sentence-reader").text) <= 400_000
    assert len(widget.host_html()) <= 400_000
    assert row["bytes"] == len(base64.b64decode(widget.weights))


def test_rounding_costs_at_most_half_a_point(row: Any) -> None:
    for name in ("accuracy", "masked_accuracy"):
        assert abs(row[name] - row[f"{name}_rounded"]) <= 0.005
    assert row["accuracy_rounded"] > 0.95 > WORD_CEILING >= row["tfidf_logreg"]


def test_the_recorded_weights_reach_the_recorded_accuracy(row: Any) -> None:
    widget = SentenceReader(**row["reader"])
    test = reader_splits(4).test
    logits = class_logits(network_of(widget).float(), vocabulary_of(widget).encode(test.texts), device="cpu")
    assert (logits.argmax(axis=1) == test.labels).mean() == pytest.approx(row["accuracy_rounded"], abs=5e-4)


def test_the_examples_come_in_twins(row: Any) -> None:
    widget = SentenceReader(**row["reader"])
    first, second, third, fourth, strange = widget.examples
    for one, other in ((first, second), (third, fourth)):
        assert Counter(split_words(one)) == Counter(split_words(other))
        beliefs = []
        for text in (one, other):
            widget.text = text
            beliefs.append(widget.reading.beliefs[-1])
            assert all(widget.reading.known)
        assert beliefs[0].argmax() != beliefs[1].argmax()
    widget.text = strange
    assert not all(widget.reading.known)
