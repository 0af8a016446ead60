"""Text classifiers that read no order, or next to none: what a recurrent network has to beat.

``baseline.fit(texts, labels)`` returns a `FittedTexts`. Words are those of `rnncourse.text.tokenise`, as for networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncourse.text import several, tokenise

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FittedTexts:
    """A text baseline after training."""

    name: str
    parameters: int  # the document frequencies of TF-IDF among them
    predict: Callable[[Sequence[str]], Labels]


@dataclass(frozen=True)
class Majority:
    """The most frequent class of the training texts, always; the lowest of equals."""

    name: str = "majority"

    def fit(self, texts: Sequence[str], labels: Labels) -> FittedTexts:
        """Count the labels; the texts are not read."""
        classes, counts = np.unique(_checked(texts, labels), return_counts=True)
        most = int(classes[counts.argmax()])
        return FittedTexts(self.name, 1, lambda texts: np.full(len(texts), most, dtype=np.int64))


@dataclass(frozen=True)
class LogisticBagOfWords:
    """TF-IDF of words that occur in ``min_texts`` texts or more, and logistic regression with ``C`` of ``strength``."""

    min_texts: int = 1
    strength: float = 1.0
    name: str = "TF-IDF + logistic regression"

    def fit(self, texts: Sequence[str], labels: Labels) -> FittedTexts:
        """Learn from training texts and the class of each, ``(n,)``."""
        from sklearn.linear_model import LogisticRegression

        return _linear(self.name, texts, labels, 1, self.min_texts, LogisticRegression(C=self.strength, max_iter=2_000))


@dataclass(frozen=True)
class LinearSVM:
    """TF-IDF of words and pairs of neighbours, such as ``not happy``, and a linear support vector machine.

    N-grams of up to ``longest`` words count that occur in ``min_texts`` texts; ``strength`` is scikit-learn's ``C``.
    """

    longest: int = 2
    min_texts: int = 1
    strength: float = 1.0

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return f"TF-IDF{f' (1–{self.longest})' if self.longest > 1 else ''} + linear SVM"

    def fit(self, texts: Sequence[str], labels: Labels) -> FittedTexts:
        """Learn from training texts and the class of each, ``(n,)``."""
        from sklearn.svm import LinearSVC

        # The order of its coordinates is drawn: fixed, so that the same texts give the same machine.
        machine = LinearSVC(C=self.strength, random_state=0, max_iter=10_000)
        return _linear(self.name, texts, labels, self.longest, self.min_texts, machine)


TextBaseline: TypeAlias = Majority | LogisticBagOfWords | LinearSVM


def _linear(name: str, texts: Sequence[str], labels: Labels, longest: int, min_texts: int, model: Any) -> FittedTexts:
    from sklearn.feature_extraction.text import TfidfVectorizer

    classes = _checked(texts, labels)
    weigh = TfidfVectorizer(
        tokenizer=tokenise, token_pattern=None, lowercase=False, ngram_range=(1, longest), min_df=min_texts
    )
    model.fit(weigh.fit_transform(texts), classes)

    def predict(texts: Sequence[str]) -> Labels:
        if not len(several(texts)):
            return np.empty(0, np.int64)
        predicted: Labels = model.predict(weigh.transform(texts)).astype(np.int64)
        return predicted

    return FittedTexts(name, int(model.coef_.size + model.intercept_.size + weigh.idf_.size), predict)


def _checked(texts: Sequence[str], labels: Labels) -> Labels:
    array = np.asarray(labels)
    if not len(several(texts)) or array.shape != (len(texts),) or array.dtype.kind not in "iu":
        found = f"labels are {array.dtype} of shape {array.shape}"
        raise ValueError(f"{found}; expected a whole number for each of {len(texts):,} texts, at least one.")
    return array.astype(np.int64, copy=False)
