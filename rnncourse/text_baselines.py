"""Text classifiers that read no order, or next to none: what a recurrent network has to beat.

All follow one protocol: ``baseline.fit(texts, labels)`` returns a `FittedTexts`, whose ``predict(texts)`` gives one
class per text. Words are those of `rnncourse.text.tokenise`, so that baselines and networks see the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnncourse.text import several, tokenise

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FittedTexts:
    """A text baseline after training: its name, how many numbers it learned, and its way from texts to classes."""

    name: str
    parameters: int  # the document frequencies of TF-IDF among them
    predict: Callable[[Sequence[str]], Labels]


class TextBaseline(Protocol):
    """What every text baseline can do: ``name``, what to call it in a table, and ``fit``."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def fit(self, texts: Sequence[str], labels: Labels) -> FittedTexts:
        """Learn from training texts and the class of each, ``(n,)``; TypeError and ValueError name bad input."""
        ...


@dataclass(frozen=True)
class Majority:
    """The most frequent class of the training texts, always; the lowest of equals."""

    name: str = "majority"

    def fit(self, texts: Sequence[str], labels: Labels) -> FittedTexts:
        """As `TextBaseline.fit`; the texts are not read."""
        classes, counts = np.unique(_checked(texts, labels), return_counts=True)
        most = int(classes[counts.argmax()])
        return FittedTexts(self.name, 1, lambda texts: np.full(len(texts), most, dtype=np.int64))


@dataclass(frozen=True)
class LogisticBagOfWords:
    """TF-IDF of the words and logistic regression: which words occur, and nothing of their order.

    A word counts that occurs in ``min_texts`` training texts; ``strength`` is scikit-learn's ``C``.
    """

    min_texts: int = 1
    strength: float = 1.0
    name: str = "TF-IDF + logistic regression"

    def fit(self, texts: Sequence[str], labels: Labels) -> FittedTexts:
        """As `TextBaseline.fit`."""
        from sklearn.linear_model import LogisticRegression

        return _linear(self.name, texts, labels, 1, self.min_texts, LogisticRegression(C=self.strength, max_iter=2_000))


@dataclass(frozen=True)
class LinearSVM:
    """TF-IDF of words and pairs of neighbours, such as ``not happy``, and a linear support vector machine.

    An n-gram of up to ``longest`` words counts that occurs in ``min_texts`` training texts; ``strength`` is
    scikit-learn's ``C``.
    """

    longest: int = 2
    min_texts: int = 1
    strength: float = 1.0

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return f"TF-IDF{f' (1–{self.longest})' if self.longest > 1 else ''} + linear SVM"

    def fit(self, texts: Sequence[str], labels: Labels) -> FittedTexts:
        """As `TextBaseline.fit`."""
        from sklearn.svm import LinearSVC

        # The order of its coordinates is drawn: fixed, so that the same texts give the same machine.
        machine = LinearSVC(C=self.strength, random_state=0, max_iter=10_000)
        return _linear(self.name, texts, labels, self.longest, self.min_texts, machine)


def _linear(name: str, texts: Sequence[str], labels: Labels, longest: int, min_texts: int, model: Any) -> FittedTexts:
    from sklearn.feature_extraction.text import TfidfVectorizer

    classes = _checked(texts, labels)
    if len(np.unique(classes)) < 2:
        raise ValueError(f"labels hold class {classes[0]} alone; expected two classes at least, or take Majority().")
    weigh = TfidfVectorizer(
        tokenizer=tokenise, token_pattern=None, lowercase=False, ngram_range=(1, longest), min_df=min_texts
    )
    try:
        features = weigh.fit_transform(texts)
    except ValueError as error:
        raise ValueError(f"texts share no word that occurs in {min_texts} or more of them: nothing to fit.") from error
    model.fit(features, classes)

    def predict(texts: Sequence[str]) -> Labels:
        if not len(several(texts)):
            return np.empty(0, np.int64)
        predicted: Labels = model.predict(weigh.transform(texts)).astype(np.int64)
        return predicted

    return FittedTexts(name, int(model.coef_.size + model.intercept_.size + weigh.idf_.size), predict)


def _checked(texts: Sequence[str], labels: Labels) -> Labels:
    array = np.asarray(labels)
    if not len(several(texts)) or array.shape != (len(texts),):
        raise ValueError(
            f"labels have shape {array.shape}; expected one for each of {len(texts):,} texts, at least one."
        )
    if array.dtype.kind not in "iu":
        raise TypeError(f"labels have dtype {array.dtype}; expected whole numbers.")
    return array.astype(np.int64, copy=False)
