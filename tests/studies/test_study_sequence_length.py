"""The study of lengths: its sweep, the layouts it compares, and what it says of the padding."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from book.experiments import ch14_sequence_length as study
from book.experiments.ch14_sequence_length import BASELINES, BIN_EDGES, LengthConfig, by_length, shortened
from book.experiments.reading import Recipe
from rnncourse.data.corpus import Corpus, TrainTest
from rnncourse.studies import study_named as find

SHORT = Recipe(epochs=2, batch_size=16, lr=1e-2)


@pytest.fixture(autouse=True)
def few_sentences(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A moment's worth of sentences, and two epochs."""
    monkeypatch.setattr(study, "SENTENCES", {"train": 120, "validation": 40, "test": 60})
    monkeypatch.setattr(study, "RECIPES", {"sentences": SHORT})
    study._sentences.cache_clear()
    study._encoded.cache_clear()
    yield
    study._sentences.cache_clear()
    study._encoded.cache_clear()


def config(model: str, layout: str = "packed", length: int = 10, **options: Any) -> LengthConfig:
    read = {"packed": "packed", "none": "none"}.get(layout, "last")
    given = {"model": model, "layout": layout, "length": length, "cut": "front", "read": read, "seed": 0}
    return LengthConfig(**{**given, "source": "sentences"} | options)


def test_the_full_grid_holds_the_sweep_with_every_seed() -> None:
    assert find("sequence-length") is study.STUDIES[0]
    assert study.STUDIES[0].seeds >= 3
    full = study.grid("full", 3)
    assert len(set(full)) == len(full)
    cells = Counter((one.model, one.length, one.layout, one.cut, one.read) for one in full)
    for model in ("rnn", "lstm"):
        for length in (50, 100, 200, 400):
            for layout, read in (("right", "last"), ("left", "last"), ("packed", "packed")):
                assert cells[model, length, layout, "front", read] == 3
            assert cells["tfidf-lr", length, "none", "back", "none"] == 1
    assert sum(one.model in BASELINES for one in full) == 1 + 2 * (1 + 2 * 4)
    assert {one.source for one in full} == {"reviews"}
    assert {one.source for one in study.grid("small", 1)} == {"sentences"}


@pytest.mark.parametrize("layout", ["right", "left", "packed"])
def test_a_run_repeats_itself_and_says_how_much_it_padded(layout: str) -> None:
    first, again = (study.run(config("lstm", layout, 60), "cpu") for _ in range(2))
    assert first == again
    assert first["n_train"] == 120
    assert first["n_test"] == sum(first["bin_total"]) == np.sum(first["confusion"]) == 60
    assert sum(first["bin_right"]) == np.trace(first["confusion"]) == pytest.approx(60 * first["test_accuracy"])
    assert first["share_short"] == 1
    assert 60 - 20 <= first["mean_pad"] <= 60 - 4
    assert first["gradient_decades"] == []  # no sentence fills the row
    assert first["validation_chosen"] == first["validation_accuracy"][first["best_epoch"] - 1]
    assert len(first["train_loss"]) == SHORT.epochs
    assert first["parameters"] == first["vocabulary"] * 32 + 4 * 32 * (32 + 32 + 2) + 32 * 6 + 6


def test_layouts_agree_where_nothing_is_padded_and_differ_where_something_is() -> None:
    losses = {
        (layout, length): study.run(config("rnn", layout, length), "cpu")["test_loss"]
        for layout in ("right", "left", "packed")
        for length in (4, 60)
    }
    assert losses["right", 4] == losses["left", 4] == pytest.approx(losses["packed", 4], abs=0.02)
    assert len({losses[layout, 60] for layout in ("right", "left", "packed")}) == 3


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
def test_gradients_are_looked_at_before_and_after(model: str) -> None:
    metrics = study.run(config(model, length=10), "cpu")
    for name in ("gradient_decades", "gradient_decades_untrained"):
        assert len(metrics[name]) == 1  # of the distances, 0 alone lies within ten steps
        assert metrics[name][0] == 0
    longer = study.run(config(model, length=12), "cpu")["gradient_decades_untrained"]
    assert longer[0] == 0
    assert -30 < longer[1] < 0


def test_the_mean_of_the_states_sends_gradients_everywhere_at_once() -> None:
    last, mean = (
        study.run(config("rnn", length=12, read=read), "cpu")["gradient_decades_untrained"][1]
        for read in ("packed", "mean")
    )
    assert abs(mean) < 1 < -last


def test_a_baseline_reads_the_kept_words() -> None:
    corpus = Corpus("two", ("A b, c d e.", "f"), np.array([0, 1]), ("x", "y"))
    assert shortened(corpus, 2, "front") == ["d e", "f"]
    assert shortened(corpus, 2, "back") == ["a b", "f"]
    assert shortened(corpus, 0, "back") == ["A b, c d e.", "f"]
    whole, kept = (study.run(config("tfidf-lr", "none", length), "cpu") for length in (0, 60))
    assert whole == kept
    assert whole["test_accuracy"] <= 0.5
    assert study.run(config("majority", "none", 0), "cpu")["parameters"] == 1


def test_texts_are_counted_by_their_whole_length() -> None:
    lengths = np.array([0, 1, 49, 50, 99, 100, 200, 399, 400, 5000])
    right = np.array([True, False] * 5)
    found = by_length(lengths, right)
    assert found["bin_edges"] == list(BIN_EDGES)
    assert found["bin_total"] == [3, 2, 1, 2, 2]
    assert found["bin_right"] == [2, 1, 0, 1, 1]


def test_a_network_needs_a_layout() -> None:
    with pytest.raises(ValueError, match="layout is 'none' for the network 'rnn'"):
        study.run(config("rnn", "none"), "cpu")


def test_reviews_are_thinned_by_class_and_no_review_chooses_what_it_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = tuple(f"review {number}" for number in range(60))
    corpus = Corpus("reviews", texts, np.arange(60) % 2, ("negative", "positive"))
    monkeypatch.setattr(study, "load_imdb", lambda: TrainTest(corpus, corpus))
    monkeypatch.setattr(study, "TRAINED", 20)
    monkeypatch.setattr(study, "CHOSEN", 10)
    study._reviews.cache_clear()
    parts = study.splits("reviews")
    study._reviews.cache_clear()
    assert len(parts.test) == 60
    assert parts.train.counts == {"negative": 10, "positive": 10}
    assert parts.validation.counts == {"negative": 5, "positive": 5}
    assert not set(parts.train.texts) & set(parts.validation.texts)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As in a worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
