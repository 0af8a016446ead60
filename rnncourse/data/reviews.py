"""Generated film reviews whose opinion is known, and decided by the order of their words. Synthetic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError

PADDING = 0
POSITIVE = ("good", "great", "fine", "lovely", "clever", "funny", "warm", "brilliant")
NEGATIVE = ("bad", "awful", "poor", "dull", "silly", "boring", "cold", "terrible")
_SUBJECTS = ("film", "plot", "cast", "score", "ending", "book", "story", "hero")
_DEGREES = ("very", "really", "rather", "quite")
_WORDS = ("the", "was", "not", "and", "but", ".", *_SUBJECTS, *_DEGREES, *POSITIVE, *NEGATIVE)


@dataclass(frozen=True)
class Sentences:
    """Sentences with a label each, ``(count,)``, or one for each word, ``(count, time)``, -1 for padding.

    Word number k of ``vocabulary`` has the token k + 1.
    """

    words: tuple[tuple[str, ...], ...]
    labels: NDArray[np.int64]
    vocabulary: tuple[str, ...]

    @property
    def ids(self) -> NDArray[np.int64]:
        """Tokens ``(count, time)``, padded at the end with 0."""
        token = {word: index for index, word in enumerate(self.vocabulary, 1)}
        ids = np.full((len(self.words), max(map(len, self.words))), PADDING, dtype=np.int64)
        for row, words in zip(ids, self.words, strict=True):
            row[: len(words)] = [token[word] for word in words]
        return ids


def synthetic_reviews(count: int, *, seed: int) -> Sentences:
    """Generated film reviews of one or two clauses: "the plot was not dull but the cast was quite awful ."

    The label is the opinion of the last clause, 1 for a friendly one; both are equally likely, and no two sentences
    are the same. "not" turns four clauses in ten round. Four sentences in ten have "but", after which comes the
    opposite of what stood before it, and two have "and". So counting friendly words is not enough.
    """
    if not isinstance(count, int | np.integer) or count < 1:
        raise DataError(f"count must be a whole number, at least 1, got {count!r}.")
    rng = np.random.default_rng(seed)
    made: dict[tuple[str, ...], int] = {}
    while len(made) < count:
        label, kind = int(rng.integers(2)), float(rng.random())
        words = _clause(label, rng)
        if kind < 0.6:
            opposite = kind < 0.4
            words = [*_clause(1 - label if opposite else label, rng), "but" if opposite else "and", *words]
        made.setdefault((*words, "."), label)
    return Sentences(tuple(made), np.array(list(made.values())), _WORDS)


def _clause(label: int, rng: np.random.Generator) -> list[str]:
    turned = rng.random() < 0.4
    degree = [rng.choice(_DEGREES)] if rng.random() < 0.5 else []
    subject, opinion = rng.choice(_SUBJECTS), rng.choice(POSITIVE if label != turned else NEGATIVE)
    return [str(word) for word in ("the", subject, "was", *(["not"] if turned else []), *degree, opinion)]
