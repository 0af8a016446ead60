"""Labelled texts, and what their duplicates say: how often texts repeat, and under which labels."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError


@dataclass(frozen=True)
class Duplicates:
    """How the texts of a corpus repeat; of the rows with one text, the first is original."""

    rows: int
    distinct: int  # different texts
    exact: int  # rows that repeat an earlier row, text and label
    conflicting: int  # rows that repeat an earlier text under a label that it did not have before
    conflicting_texts: int  # texts that occur under two labels or more
    best: int  # rows that the best classifier of the text alone gets right: each text under its most frequent label

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
    """Texts with one label each: its index into ``classes``, read-only. A generated one is *synthetic* by its name."""

    name: str
    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        texts, labels = tuple(self.texts), np.array(self.labels)
        if isinstance(self.texts, str) or not all(isinstance(text, str) for text in texts):
            raise DataError(f"the texts of {self.name} must be a list of strings.")
        if labels.shape != (len(texts),) or (labels.size and labels.dtype.kind not in "iu"):
            wanted, given = f"{len(texts):,} whole numbers, one for each text", f"{labels.shape} of {labels.dtype}"
            raise DataError(f"the labels of {self.name} must be {wanted}, got the shape {given}.")
        wrong = labels[(labels < 0) | (labels >= len(self.classes))]
        if wrong.size:
            raise DataError(f"{self.name} has the label {wrong[0]}, but 0 to {len(self.classes) - 1} are expected.")
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "labels", labels.astype(np.int64))
        object.__setattr__(self, "classes", tuple(self.classes))
        self.labels.setflags(write=False)

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

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> "Corpus":
        """Some rows, counted from 0, in the order asked for; repeats are allowed."""
        which = np.asarray(rows, dtype=None if len(rows) else np.int64)
        return Corpus(self.name, tuple(self.texts[row] for row in which), self.labels[which], self.classes)

    def duplicates(self) -> Duplicates:
        """Count repeated texts and conflicting labels; a `DataError` if the corpus is empty."""
        if not self.texts:
            raise DataError(f"{self.name} is empty: there is nothing to compare.")
        found: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for text, label in zip(self.texts, self.labels.tolist(), strict=True):
            found[text][label] += 1
        kinds = np.array([len(labels) for labels in found.values()])
        return Duplicates(
            rows=len(self),
            distinct=len(found),
            exact=len(self) - int(kinds.sum()),
            conflicting=int(kinds.sum()) - len(found),
            conflicting_texts=int((kinds > 1).sum()),
            best=sum(max(labels.values()) for labels in found.values()),
        )


class _Parts:
    """A corpus in parts: the fields of a dataclass."""

    @property
    def parts(self) -> dict[str, Corpus]:
        """The parts by name, in order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the parts' fingerprints."""
        text = "\n".join(f"{name} {part.fingerprint}" for name, part in self.parts.items())
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def joined(self) -> Corpus:
        """All parts in one corpus, in order; to count what they share, never to train on."""
        first, *others = self.parts.values()
        texts = tuple(text for part in (first, *others) for text in part.texts)
        labels = np.concatenate([part.labels for part in (first, *others)])
        return Corpus(f"{first.name} and the other parts", texts, labels, first.classes)


@dataclass(frozen=True, eq=False)
class TextSplits(_Parts):
    """A corpus as its authors split it: to learn from, to choose by, and to report on, once."""

    train: Corpus
    validation: Corpus
    test: Corpus


@dataclass(frozen=True, eq=False)
class TrainTest(_Parts):
    """A corpus that comes with a test set and without a validation set: cut yours from ``train``."""

    train: Corpus
    test: Corpus


def shared_texts(first: Corpus, second: Corpus) -> int:
    """How many rows of the second corpus have a text that the first one holds too, under whichever label."""
    seen = set(first.texts)
    return sum(text in seen for text in second.texts)
