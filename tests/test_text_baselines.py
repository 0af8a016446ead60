"""Text baselines: what they can learn, what they cannot, and what they refuse."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.text_baselines import LinearSVM, LogisticBagOfWords, Majority

BASELINES = (Majority(), LogisticBagOfWords(), LinearSVM(), LinearSVM(longest=1))
TEXTS = ["glad and merry", "merry day", "sad day", "so sad and low", "low", "glad"]
LABELS = np.array([1, 1, 0, 0, 0, 1])


def by_order(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Two words in one order or the other: the order is the class, among words that say nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=count)
    filler = rng.choice(["the", "a", "one", "some"], size=(count, 2))
    return [
        f"{a} {'not glad' if label else 'glad not'} {b}" for label, (a, b) in zip(labels, filler, strict=True)
    ], labels


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_the_majority_is_the_most_frequent_class(labels: list[int]) -> None:
    fitted = Majority().fit([""] * len(labels), np.array(labels))
    most = int(fitted.predict(["anything"])[0])
    counts = np.bincount(labels)
    assert counts[most] == counts.max()
    assert most == counts.argmax()
    assert fitted.predict([""] * 3).tolist() == [most] * 3
    assert fitted.parameters == 1


@pytest.mark.parametrize("baseline", BASELINES[1:], ids=lambda baseline: baseline.name)
def test_words_are_learned(baseline: Any) -> None:
    fitted = baseline.fit(TEXTS, LABELS)
    assert fitted.predict(["Merry, MERRY!", "how sad", "low"]).tolist() == [1, 0, 0]
    assert fitted.predict(TEXTS).dtype == np.int64


def test_only_pairs_of_words_see_order() -> None:
    train, test = by_order(400, 0), by_order(400, 1)
    accuracy = {
        baseline.name: float((baseline.fit(*train).predict(test[0]) == test[1]).mean()) for baseline in BASELINES
    }
    assert accuracy["TF-IDF (1–2) + linear SVM"] == 1.0
    for name in ("majority", "TF-IDF + logistic regression", "TF-IDF + linear SVM"):
        assert 0.4 < accuracy[name] < 0.6


def test_parameters_are_weights_intercepts_and_frequencies() -> None:
    words = len({word for text in TEXTS for word in text.split()})
    pairs = len({pair for text in TEXTS for pair in pairwise(text.split())})
    assert LogisticBagOfWords().fit(TEXTS, LABELS).parameters == 2 * words + 1
    assert LinearSVM().fit(TEXTS, LABELS).parameters == 2 * (words + pairs) + 1
    assert LinearSVM().fit(TEXTS, np.arange(6) % 3).parameters == 4 * (words + pairs) + 3
    assert LogisticBagOfWords(min_texts=2).fit(TEXTS, LABELS).parameters == 2 * 6 + 1


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.name)
def test_texts_without_a_known_word_get_a_class_too(baseline: Any) -> None:
    fitted = baseline.fit(TEXTS, LABELS)
    assert set(fitted.predict(["", "zzz", "?!"]).tolist()) <= {0, 1}
    nothing = fitted.predict([])
    assert nothing.shape == (0,)
    assert nothing.dtype == np.int64


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.name)
@pytest.mark.parametrize(
    ("texts", "labels"), [([], []), ("a b", [0]), ("a b", [[0, 1]]), ("a b", ["x", "y"]), ("a b", [0.0, 1.0])]
)
def test_bad_input_is_named(baseline: Any, texts: Any, labels: Any) -> None:
    with pytest.raises(ValueError, match="labels"):
        baseline.fit(list(texts)[::2], labels)
    with pytest.raises(TypeError, match="texts"):
        baseline.fit("ab", [0, 1])


@pytest.mark.parametrize("baseline", BASELINES[1:], ids=lambda baseline: baseline.name)
def test_what_cannot_be_fitted_is_refused(baseline: Any) -> None:
    for texts, labels in ((["a", "b"], [3, 3]), (["", "?!"], [0, 1])):
        with pytest.raises(ValueError, match="class|vocabulary"):
            baseline.fit(texts, labels)
    with pytest.raises(TypeError, match="texts"):
        baseline.fit(TEXTS, LABELS).predict("glad")
