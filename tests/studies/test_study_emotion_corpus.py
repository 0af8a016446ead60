"""Counting the emotion corpus: conflicts, overlap of the parts, and what one word says."""

import numpy as np
import pytest

from book.experiments import ch13_emotion_corpus as study
from rnncourse.data import Corpus, TextSplits

CLASSES = ("low", "high")


def corpus(*rows: tuple[str, int]) -> Corpus:
    texts, labels = zip(*rows, strict=True)
    return Corpus("rows", texts, np.array(labels), CLASSES)


TRAIN = corpus(("i am sad", 0), ("so sad", 0), ("so glad", 1), ("i am glad", 1), ("i am here", 1), ("i am here", 0))
VALIDATION = corpus(("sad day", 0), ("glad day", 1))
TEST = corpus(("so glad", 1), ("so sad", 1), ("never mind", 1))


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = TextSplits(TRAIN, VALIDATION, TEST)
    monkeypatch.setattr(study, "splits", lambda name: parts)


def shares(strength: float) -> study.Shares:
    return study.word_shares(TRAIN.texts, TRAIN.labels, classes=2, strength=strength)


def test_shares_are_counts_of_texts_pulled_towards_all_texts() -> None:
    assert shares(0.0)["sad"].tolist() == [1.0, 0.0]
    assert shares(2.0)["sad"].tolist() == [3 / 4, 1 / 4]  # two texts seen, two imagined ones, half of them each
    assert shares(0.0)["am"].tolist() == [0.5, 0.5]


def test_a_word_counts_once_per_text() -> None:
    table = study.word_shares(["no no no", "no"], np.array([0, 1]), classes=2, strength=0.0)
    assert table["no"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("sentence", "word"), [("so sad", "sad"), ("sad glad", "sad"), ("I am", "i"), ("who knows", None), ("", None)]
)
def test_the_telling_word_has_the_largest_share_and_ties_go_to_the_last(sentence: str, word: str | None) -> None:
    assert study.telling_word(sentence, shares(0.0)) == word


def test_a_text_without_known_words_gets_the_other_class() -> None:
    assert study.by_one_word(["so sad", "who knows"], shares(0.0), otherwise=1).tolist() == [0, 1]


def test_conflicts_are_counted_once_per_text_and_pair() -> None:
    rows = corpus(("a", 0), ("a", 1), ("a", 1), ("b", 1), ("c", 1), ("c", 0))
    assert study.conflicts(rows) == [[0, 2], [0, 0]]


@pytest.mark.usefixtures("split")
def test_a_part_is_compared_with_training() -> None:
    found = study.run(study.Config(part="test", data="tweets"), "cpu")
    assert (found["in_train"], found["in_train_same"]) == (2, 1)
    assert (found["words"], found["unknown"]) == (6, 2)
    assert found["unknown_by_text"] == [0, 0, 2]
    assert found["denies"] == "001"
    assert found["labels"] == "111"
    assert found["one_word"] == "100"  # a text without a known word gets the first of the most frequent classes


@pytest.mark.usefixtures("split")
def test_all_parts_together_are_counted_as_one() -> None:
    found = study.run(study.Config(part="all", data="tweets"), "cpu")
    assert found["rows"] == 11
    assert found["exact"] == 1
    assert found["conflicting"] == 2
    assert found["conflict_pairs"] == [[0, 2], [0, 0]]
    assert "labels" not in found


def test_the_small_study_shows_that_one_word_cannot_tell_twins_apart() -> None:
    found = study.run(study.Config(part="test", data="sentences"), "cpu")
    right = np.array(list(found["one_word"])) == np.array(list(found["labels"]))
    assert right.reshape(-1, 2).sum(axis=1).max() <= 1
    assert found["conflicting"] == 0
    assert found["logreg_strength"] in study.LINEAR["logreg"][1]
    for name, ceiling in (("logreg", 1), ("svm", 2)):
        right = np.array(list(found[name])) == np.array(list(found["labels"]))
        assert right.reshape(-1, 4)[:, :2].sum(axis=1).max() <= 1  # far twins share every pair of neighbours, too
        assert right.reshape(-1, 4)[:, 2:].sum(axis=1).max() <= ceiling


def test_the_grid_has_every_part_once() -> None:
    for scale, data in (("small", "sentences"), ("full", "tweets")):
        configs = study.grid(scale, 1)
        assert [config.part for config in configs] == ["train", "validation", "test", "all"]
        assert {config.data for config in configs} == {data}
