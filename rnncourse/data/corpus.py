"""Labelled texts, and what their duplicates say: how often texts repeat, and under which labels."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.data.errors import DataError

__all__ = ["Corpus", "Duplicates", "TextSplits", "TrainTest", "duplicates_of", "shared_texts"]


@dataclass(frozen=True)
class Duplicates:
    """How the texts of a corpus repeat.

    Of the rows with one text, the first is original and each later one is a repetition. A repetition is exact if an
    earlier row has the same text and the same label; it is in conflict if the earlier rows with its text all have
    other labels.

    Attributes:
        rows: rows of the corpus.
        distinct: different texts.
        exact: rows that repeat an earlier row, text and label.
        conflicting: rows that repeat an earlier text under a label that it did not have before.
        conflicting_texts: texts that occur under two labels or more.
        best: rows that the best classifier of the text alone gets right: each text under its most frequent label.
    """

    rows: int
    distinct: int
    exact: int
    conflicting: int
    conflicting_texts: int
    best: int

    @property
    def repeated(self) -> int:
        """Rows whose text occurs in an earlier row; the sum of ``exact`` and ``conflicting``."""
        return self.exact + self.conflicting

    @property
    def ceiling(self) -> float:
        """Largest accuracy, as a share of the rows, that a classifier of the text alone can reach on these rows."""
        return self.best / self.rows

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows, {self.distinct:,} distinct texts; {self.exact:,} rows repeat text and label, "
            f"{self.conflicting:,} repeat a text under another label; ceiling {self.ceiling:.2%}"
        )


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with one label each.

    Attributes:
        name: what it is; a generated corpus says "synthetic" here.
        texts: the texts, in order.
        labels: index of each text's class, ``(texts,)``.
        classes: names of the classes.
    """

    name: str
    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        texts, labels = _texts(self.texts, self.name), _integers(self.labels, f"the labels of {self.name}")
        if labels.shape != (len(texts),):
            raise DataError(
                f"{self.name} has {len(texts):,} texts and labels of shape {labels.shape}: give one label each."
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
        if wrong.size:
            raise DataError(
                f"{self.name} has label {labels[wrong[0]]} at row {wrong[0]}, "
                f"but 0 to {len(self.classes) - 1} are expected."
            )
        labels.setflags(write=False)
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "classes", tuple(self.classes))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of classes, texts and labels in their order, equal for equal corpora on every machine."""
        digest = hashlib.sha256("|".join(self.classes).encode())
        for text, label in zip(self.texts, self.labels.tolist(), strict=True):
            content = text.encode()
            # The length goes first, so that no two different corpora run together into the same bytes.
            digest.update(b"%d %d\n" % (label, len(content)) + content)
        return digest.hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """Number of texts of each class."""
        found = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))

    def take(self, indices: ArrayLike) -> "Corpus":
        """The texts at some places.

        Args:
            indices: rows to keep, in that order; repeats are allowed.

        Returns:
            A corpus of these rows, under the same name.

        Raises:
            DataError: an index is no integer, or points outside of the corpus.
        """
        rows = _integers(indices, "indices")
        if rows.ndim != 1:
            raise DataError(f"indices must be one list of integers, got the shape {rows.shape}.")
        outside = rows[(rows < 0) | (rows >= len(self))]
        if outside.size:
            raise DataError(f"indices hold {outside[0]}, but {self.name} has rows 0 to {len(self) - 1}.")
        return Corpus(self.name, tuple(self.texts[row] for row in rows), self.labels[rows], self.classes)

    def duplicates(self) -> Duplicates:
        """Count repeated texts and conflicting labels.

        Returns:
            The counts, and the ceiling that conflicting labels put on every classifier of the text alone.

        Raises:
            DataError: the corpus is empty.
        """
        if not self.texts:
            raise DataError(f"{self.name} is empty: there is nothing to compare.")
        return duplicates_of(self.texts, self.labels.tolist())


def _texts(texts: Iterable[str], name: str) -> tuple[str, ...]:
    if isinstance(texts, str):
        raise DataError(f"the texts of {name} are a single string: give a list of texts.")
    given = tuple(texts)
    for row, text in enumerate(given):
        if not isinstance(text, str):
            raise DataError(f"the text at row {row} of {name} is a {type(text).__name__}: give strings.")
    return given


def _integers(values: ArrayLike, what: str) -> NDArray[np.int64]:
    given = np.array(values)
    if given.size and given.dtype.kind not in "iu":
        raise DataError(f"{what} must be integers, got {given.dtype}.")
    return given.astype(np.int64)


@dataclass(frozen=True, eq=False)
class TextSplits:
    """A corpus as its authors split it.

    Attributes:
        train: to learn from.
        validation: to choose by.
        test: to report on, once.
    """

    train: Corpus
    validation: Corpus
    test: Corpus

    @property
    def parts(self) -> dict[str, Corpus]:
        """The parts by name, in order."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the parts' fingerprints."""
        return _joint_fingerprint(self.parts)

    @property
    def joined(self) -> Corpus:
        """All parts in one corpus, in order; to count what they share, never to train on."""
        return _joined(self.parts)


@dataclass(frozen=True, eq=False)
class TrainTest:
    """A corpus that comes with a test set and without a validation set.

    Attributes:
        train: to learn from and to choose by; cut your validation set from it.
        test: to report on, once.
    """

    train: Corpus
    test: Corpus

    @property
    def parts(self) -> dict[str, Corpus]:
        """The parts by name, in order."""
        return {"train": self.train, "test": self.test}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the parts' fingerprints."""
        return _joint_fingerprint(self.parts)

    @property
    def joined(self) -> Corpus:
        """All parts in one corpus, in order; to count what they share, never to train on."""
        return _joined(self.parts)


def _joined(parts: Mapping[str, Corpus]) -> Corpus:
    first = next(iter(parts.values()))
    texts = tuple(text for part in parts.values() for text in part.texts)
    labels = np.concatenate([part.labels for part in parts.values()])
    return Corpus(f"{first.name} and the other parts", texts, labels, first.classes)


def _joint_fingerprint(parts: Mapping[str, Corpus]) -> str:
    text = "\n".join(f"{name} {part.fingerprint}" for name, part in parts.items())
    return hashlib.sha256(text.encode()).hexdigest()


def duplicates_of(texts: Sequence[str], labels: Sequence[int]) -> Duplicates:
    """Count repeated texts and conflicting labels.

    Args:
        texts: at least one text.
        labels: one label for each.

    Returns:
        The counts.
    """
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for text, label in zip(texts, labels, strict=True):
        found[text][label] += 1
    kinds = [len(of_text) for of_text in found.values()]
    return Duplicates(
        rows=len(texts),
        distinct=len(found),
        exact=len(texts) - sum(kinds),
        conflicting=sum(kinds) - len(found),
        conflicting_texts=sum(kind > 1 for kind in kinds),
        best=sum(max(of_text.values()) for of_text in found.values()),
    )


def shared_texts(first: Corpus, second: Corpus) -> int:
    """How many rows of one corpus have a text that another one holds too.

    Args:
        first: the corpus that was seen before, such as the train part.
        second: the corpus whose rows are counted, such as the test part.

    Returns:
        Rows of ``second`` whose text is in ``first``, under whichever label.
    """
    seen = set(first.texts)
    return sum(text in seen for text in second.texts)
