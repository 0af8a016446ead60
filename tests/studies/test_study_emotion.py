"""The study of emotions: what each model can and cannot tell, and scores that agree with each other."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from book.experiments import ch13_emotion as study
from book.experiments import reading
from book.experiments.ch13_emotion import BASELINES, NETWORKS, BagOfVectors, EmotionConfig, mixed, network
from rnncourse.data.sentences import order_sentences
from rnncourse.studies import study_named as find

(STUDY,) = study.STUDIES
SHORT = reading.Recipe(epochs=3, batch_size=16, lr=1e-2, forget=0.05)


@pytest.fixture(autouse=True)
def few_sentences(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A moment's worth of sentences, and three epochs."""
    monkeypatch.setattr(study, "SENTENCES", {"train": 200, "validation": 40, "test": 60})
    monkeypatch.setattr(study, "RECIPES", dict.fromkeys(NETWORKS, SHORT))
    study.splits.cache_clear()
    study._parts.cache_clear()
    yield
    study.splits.cache_clear()
    study._parts.cache_clear()


def config(model: str, **options: Any) -> EmotionConfig:
    return EmotionConfig(**{"model": model, "words": "ordered", "seed": 0, "source": "sentences"} | options)


def test_the_full_grid_has_every_network_with_every_seed_and_every_baseline_once() -> None:
    assert find("emotion") is STUDY
    assert STUDY.seeds >= 5
    full = study.grid("full", 5)
    assert len(set(full)) == len(full)
    cells = Counter((one.model, one.words) for one in full)
    for model in NETWORKS:
        assert cells[model, "ordered"] == 5
    assert cells["small", "shuffled"] == 5
    assert all(cells[model, "ordered"] == 1 for model in BASELINES)
    assert {one.source for one in full} == {"messages"}
    assert {one.source for one in study.grid("small", 2)} == {"sentences"}


def test_a_run_repeats_itself_and_its_numbers_agree() -> None:
    first, again, other = (study.run(one, "cpu") for one in (config("small"), config("small"), config("small", seed=1)))
    assert first == again
    assert first["predictions"] != other["predictions"] or first["nll"] != other["nll"]
    labels = study.splits("sentences").test.labels
    named = np.array([int(digit) for digit in first["predictions"]])
    assert first["accuracy"] == pytest.approx(np.mean(named == labels))
    assert np.trace(first["confusion"]) == pytest.approx(first["accuracy"] * len(labels))
    assert np.sum(first["confusion"], axis=1).tolist() == np.bincount(labels, minlength=6).tolist()
    assert sum(first["confidence_counts"]) == sum(first["confidence_counts_scaled"]) == len(labels)
    assert sum(first["confidence_correct"]) == np.trace(first["confusion"])
    assert first["nll"] == pytest.approx(first["test_loss"][first["selected"] - 1])
    assert first["accuracy"] == first["test_accuracy"][first["selected"] - 1]
    assert len(first["confidence_percent"]) == len(labels)
    assert 100 * sum(first["confidence_sums"]) == pytest.approx(sum(first["confidence_percent"]), abs=0.5 * len(labels))


def test_validation_chooses_the_epoch() -> None:
    metrics = study.run(config("small"), "cpu")
    merits = list(zip(metrics["validation_accuracy"], (-loss for loss in metrics["validation_loss"]), strict=True))
    assert metrics["selected"] == merits.index(max(merits)) + 1
    assert metrics["epochs"] == len(merits) == len(metrics["train_loss"]) == SHORT.epochs
    named = np.array([int(digit) for digit in metrics["validation_predictions"]])
    labels = study.splits("sentences").validation.labels
    assert np.mean(named == labels) == metrics["validation_accuracy"][metrics["selected"] - 1]


def test_without_recurrence_the_order_of_words_changes_nothing() -> None:
    metrics = study.run(config("bag"), "cpu")
    assert metrics["shuffled_predictions"] == metrics["predictions"]
    assert metrics["shuffled_accuracy"] == pytest.approx(metrics["accuracy"])
    assert metrics["accuracy"] <= 0.5  # twins have the same words and different emotions


def test_a_count_of_words_is_right_on_half_of_the_sentences_at_most() -> None:
    counted, pairs = (study.run(config(model), "cpu") for model in ("tfidf-logreg", "tfidf-svm"))
    assert counted["accuracy"] <= 0.5
    assert counted["shuffled_predictions"] == counted["predictions"]
    assert pairs["accuracy"] <= 0.75
    assert pairs["shuffled_predictions"] != pairs["predictions"]
    assert study.run(config("majority"), "cpu")["parameters"] == 1


def test_every_model_sees_the_same_mixed_test_texts() -> None:
    texts = order_sentences(40, seed=3).texts
    assert mixed(texts, 0) == mixed(texts, 0) != mixed(texts, 1)
    assert mixed(texts, 0) != texts
    assert [sorted(text.split()) for text in mixed(texts, 0)] == [sorted(text.split()) for text in texts]
    assert mixed(("", "word"), 0) == ("", "word")
    ordered, shuffled = (study._parts("sentences", words) for words in ("ordered", "shuffled"))
    for name in ("train", "validation", "test"):
        before, after = getattr(ordered, name), getattr(shuffled, name)
        assert before.texts != after.texts
        assert before.labels.tolist() == after.labels.tolist()
        assert before.encoded.lengths.tolist() == after.encoded.lengths.tolist()


def test_the_network_of_the_report_has_its_size_and_its_padding() -> None:
    net, layout, length = network("report", 15_000, 6)
    assert reading.size(net) == 6_193_990
    assert (layout, length) == ("left", 79)
    small, *_ = network("small", 100, 6)
    one_way, *_ = network("one-way", 100, 6)
    assert reading.size(small) - reading.size(one_way) == 3 * 64 * (100 + 64 + 2) + 64 * 6
    assert small.embedding.weight[1:].std().item() == pytest.approx(reading.SMALL, rel=0.05)
    with pytest.raises(ValueError, match="model is 'cnn'; expected one of small, bag"):
        network("cnn", 100, 6)


def test_a_bag_of_vectors_takes_the_mean_of_the_words() -> None:
    bag = BagOfVectors(vocabulary_size=9, embedding_dim=4, classes=3, dropout=0.5, embedding_dropout=0.5).eval()
    ids, lengths = torch.tensor([[2, 3, 0], [4, 5, 6]]), torch.tensor([2, 3])
    wanted = bag.head(torch.stack([bag.embedding.weight[[2, 3]].mean(0), bag.embedding.weight[[4, 5, 6]].mean(0)]))
    torch.testing.assert_close(bag(ids, lengths), wanted)


def test_shuffled_words_are_learned_from_shuffled_words() -> None:
    metrics = study.run(replace(config("small"), words="shuffled"), "cpu")
    assert metrics["accuracy"] <= 0.7  # nothing but luck is above a half
    assert len(metrics["shuffled_predictions"]) == 60
