"""Small sequence tasks made on the spot: sentences with an opinion, words with a tag, a value to keep. All synthetic.

Each is built so that one question has one answer: what a model must see in order to be right is known beforehand.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError

Ints = NDArray[np.int64]
_Tagged = list[tuple[str, str, int]]

PADDING = 0
_WORDS = tomllib.loads(Path(__file__).with_name("toys.toml").read_text(encoding="utf-8"))
_REVIEW, _TAG, _AMBIGUOUS = _WORDS["review"], _WORDS["tag"], _WORDS["ambiguous"]
POSITIVE, NEGATIVE, TAGS = tuple(_REVIEW["positive"]), tuple(_REVIEW["negative"]), tuple(_TAG)


@dataclass(frozen=True)
class Sentences:
    """Sentences with labels.

    Attributes:
        words: the sentences, a tuple of words each.
        labels: class of each sentence, ``(count,)``, or of each word, ``(count, time)``, -1 for padding.
        vocabulary: every word that may occur; word number k has the token k + 1.
    """

    words: tuple[tuple[str, ...], ...]
    labels: Ints
    vocabulary: tuple[str, ...]

    @property
    def ids(self) -> Ints:
        """Tokens ``(count, time)``, padded at the end with 0."""
        token = {word: index for index, word in enumerate(self.vocabulary, 1)}
        ids = np.full((len(self.words), max(map(len, self.words))), PADDING, dtype=np.int64)
        for row, words in zip(ids, self.words, strict=True):
            row[: len(words)] = [token[word] for word in words]
        return ids


@dataclass(frozen=True)
class TaggedSentences(Sentences):
    """Sentences with a tag for each word.

    Attributes:
        decided_by: what decides each tag, ``(count, time)``: 0 the word alone, 1 the words before it, 2 those after
            it, -1 for padding.
    """

    decided_by: Ints

    @property
    def tags(self) -> Ints:
        """Index into `TAGS` of each word, -1 for padding, ``(count, time)``."""
        return self.labels


def synthetic_reviews(count: int, *, seed: int) -> Sentences:
    """Generated film reviews of one or two clauses: "the plot was not dull but the cast was quite awful ."

    The label is the opinion of the last clause, 1 for a friendly one; both are equally likely, and no two sentences
    are the same. "not" turns four clauses in ten round. Four sentences in ten have "but", after which comes the
    opposite of what stood before it, and two have "and". So counting friendly words is not enough.
    """
    _need(count=count)
    rng = np.random.default_rng(seed)
    made: dict[tuple[str, ...], int] = {}
    while len(made) < count:
        label, kind = int(rng.integers(2)), float(rng.random())
        words = _clause(label, rng)
        if kind < 0.6:
            opposite = kind < 0.4
            words = [*_clause(1 - label if opposite else label, rng), "but" if opposite else "and", *words]
        made.setdefault((*words, "."), label)
    vocabulary = ("the", "was", "not", "and", "but", ".", *(word for kind in _REVIEW.values() for word in kind))
    return Sentences(tuple(made), np.array(list(made.values())), vocabulary)


def _clause(label: int, rng: np.random.Generator) -> list[str]:
    turned = rng.random() < 0.4
    degree = [rng.choice(_REVIEW["degrees"])] if rng.random() < 0.5 else []
    subject, opinion = rng.choice(_REVIEW["subjects"]), rng.choice(POSITIVE if label != turned else NEGATIVE)
    return [str(word) for word in ("the", subject, "was", *(["not"] if turned else []), *degree, opinion)]


def synthetic_tagging(count: int, *, seed: int) -> TaggedSentences:
    """Generated sentences with ambiguous words: "the old often hears her tall dog ."

    "old", "cold", "light" and "rich" are ADJ or NOUN by the word *after* them, and "her" is DET or PRON likewise.
    "walk", "play", "answer" and "watch" are NOUN or VERB by the words *before* them. One word to either side decides.
    """
    _need(count=count)
    rng = np.random.default_rng(seed)
    sentences = [_sentence(rng) for _ in range(count)]
    tags, decided_by = np.full((2, count, max(map(len, sentences))), -1, dtype=np.int64)
    for row, sentence in enumerate(sentences):
        tags[row, : len(sentence)] = [TAGS.index(tag) for _, tag, _ in sentence]
        decided_by[row, : len(sentence)] = [decider for *_, decider in sentence]
    words = tuple(tuple(word for word, *_ in sentence) for sentence in sentences)
    vocabulary = (word for kinds in (_TAG, _AMBIGUOUS) for kind in kinds.values() for word in kind)
    return TaggedSentences(words, tags, tuple(vocabulary), decided_by)


def _plain(tag: str, rng: np.random.Generator, count: int = 1) -> _Tagged:
    return [(str(rng.choice(_TAG[tag])), tag, 0) for _ in range(count)]


def _either(kind: str, tag: str, rng: np.random.Generator) -> _Tagged:
    return [(str(rng.choice(_AMBIGUOUS[kind])), tag, 1 if kind == "before" else 2)]


def _sentence(rng: np.random.Generator) -> _Tagged:
    adverbs = _plain("ADV", rng, int(rng.integers(3)))
    if rng.random() < 0.4:
        subject = _plain("PRON", rng)
        verb = _either("before", "VERB", rng) if rng.random() < 0.7 else _plain("VERB", rng)
    else:
        subject, verb = _phrase(rng), _plain("VERB", rng)
    return subject + adverbs + verb + _object(rng) + _plain("END", rng)


def _phrase(rng: np.random.Generator) -> _Tagged:
    """A determiner, adjectives and a noun, or an adjective that is a noun here."""
    determiner, adjectives = _plain("DET", rng), _plain("ADJ", rng, int(rng.integers(3)))
    match rng.integers(4):
        case 0:
            return determiner + _either("after", "NOUN", rng)
        case 1:
            return determiner + _either("after", "ADJ", rng) + adjectives + _plain("NOUN", rng)
        case 2:
            return determiner + adjectives + _either("before", "NOUN", rng)
        case _:
            return determiner + adjectives + _plain("NOUN", rng)


def _object(rng: np.random.Generator) -> _Tagged:
    match rng.integers(4):
        case 0:
            return [("her", "PRON", 2), *_plain("ADV", rng, int(rng.random() < 0.5))]
        case 1:
            # An adjective or a plain noun follows, so that the next word alone tells which "her" it is.
            return [("her", "DET", 2), *_plain("ADJ", rng, int(rng.random() < 0.5)), *_plain("NOUN", rng)]
        case 2:
            return _phrase(rng)
        case _:
            return []


def kept_value(count: int, *, distance: int, seed: int) -> tuple[NDArray[np.float32], Ints]:
    """A sign at the first step, noise of the same kind after it; the sign is asked for at the last step.

    Returns:
        Sequences ``(count, distance + 1, 2)``: a value of -1 or 1 and a mark, 1 at the first step and 0 elsewhere; and
        classes ``(count,)``, 1 where the first value is 1.
    """
    _need(count=count, distance=distance)
    x = np.zeros((count, distance + 1, 2), dtype=np.float32)
    x[..., 0] = 2 * np.random.default_rng(seed).integers(0, 2, (count, distance + 1)) - 1
    x[:, 0, 1] = 1
    return x, (x[:, 0, 0] > 0).astype(np.int64)


def _need(**numbers: int) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise DataError(f"{name} must be a whole number, at least 1, got {value!r}.")
