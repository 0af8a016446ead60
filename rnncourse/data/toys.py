"""Small sequence tasks made on the spot: sentences with an opinion, words with a tag, a value to keep. All synthetic.

Each is built so that one question has one answer: what a model must see in order to be right is known beforehand.
Token 0 is padding. A `DataError` names a count below 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError

Ints = NDArray[np.int64]
Rng = np.random.Generator

PADDING = 0


@dataclass(frozen=True)
class Sentences:
    """Sentences with one label each.

    Attributes:
        words: the sentences, a tuple of words each.
        labels: class of each sentence, ``(count,)``.
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
    """Sentences with a tag for each word in the place of a label.

    Attributes:
        decided_by: what decides each tag, ``(count, time)``: 0 the word alone, 1 the words before it, 2 those after
            it, -1 for padding.
    """

    decided_by: Ints

    @property
    def tags(self) -> Ints:
        """Index into `TAGS` of each word, -1 for padding, ``(count, time)``."""
        return self.labels


_SUBJECTS = ("film", "plot", "cast", "score", "ending", "book", "story", "hero")
POSITIVE = ("good", "great", "fine", "lovely", "clever", "funny", "warm", "brilliant")
NEGATIVE = ("bad", "awful", "poor", "dull", "silly", "boring", "cold", "terrible")
_DEGREES = ("very", "really", "rather", "quite")
_REVIEW_WORDS = ("the", "was", "not", "and", "but", ".", *_SUBJECTS, *_DEGREES, *POSITIVE, *NEGATIVE)


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
    return Sentences(tuple(made), np.array(list(made.values())), _REVIEW_WORDS)


def _clause(label: int, rng: Rng) -> list[str]:
    turned = rng.random() < 0.4
    degree = [_one(_DEGREES, rng)] if rng.random() < 0.5 else []
    opinion = POSITIVE if label != turned else NEGATIVE
    return ["the", _one(_SUBJECTS, rng), "was", *(["not"] if turned else []), *degree, _one(opinion, rng)]


def _one(words: tuple[str, ...], rng: Rng) -> str:
    return str(rng.choice(words))


TAGS = ("DET", "ADJ", "NOUN", "VERB", "PRON", "ADV", "END")
_PLAIN = {
    "DET": ("the", "a", "this"),
    "ADJ": ("wet", "tall", "red", "quiet"),
    "NOUN": ("dog", "ship", "child", "tree", "house", "king"),
    "VERB": ("sees", "finds", "likes", "hears"),
    "PRON": ("they", "we", "you"),
    "ADV": ("often", "never", "soon"),
    "END": (".",),
}
_AFTER_KNOWN = ("old", "cold", "light", "rich")  # ADJ before another ADJ or a NOUN, NOUN before anything else
_BEFORE_KNOWN = ("walk", "play", "answer", "watch")  # NOUN after DET or ADJ, VERB after PRON or ADV
_TAG_WORDS = (*(word for words in _PLAIN.values() for word in words), *_AFTER_KNOWN, *_BEFORE_KNOWN, "her")
_Word = tuple[str, str, int]


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
    return TaggedSentences(words, tags, _TAG_WORDS, decided_by)


def _plain(tag: str, rng: Rng, most: int = 1) -> list[_Word]:
    """One word of a tag, or up to ``most`` of them."""
    return [(_one(_PLAIN[tag], rng), tag, 0) for _ in range(1 if most == 1 else rng.integers(most + 1))]


def _sentence(rng: Rng) -> list[_Word]:
    adverbs = _plain("ADV", rng, 2)
    if rng.random() < 0.4:
        subject = _plain("PRON", rng)
        verb = [(_one(_BEFORE_KNOWN, rng), "VERB", 1)] if rng.random() < 0.7 else _plain("VERB", rng)
    else:
        subject, verb = _phrase(rng), _plain("VERB", rng)
    return [*subject, *adverbs, *verb, *_object(rng), *_plain("END", rng)]


def _phrase(rng: Rng) -> list[_Word]:
    """What a determiner opens: adjectives and a noun, or an adjective that is a noun here."""
    determiner, adjectives = _plain("DET", rng), _plain("ADJ", rng, 2)
    match rng.integers(4):
        case 0:
            return [*determiner, (_one(_AFTER_KNOWN, rng), "NOUN", 2)]
        case 1:
            return [*determiner, (_one(_AFTER_KNOWN, rng), "ADJ", 2), *adjectives, *_plain("NOUN", rng)]
        case 2:
            return [*determiner, *adjectives, (_one(_BEFORE_KNOWN, rng), "NOUN", 1)]
        case _:
            return [*determiner, *adjectives, *_plain("NOUN", rng)]


def _object(rng: Rng) -> list[_Word]:
    match rng.integers(4):
        case 0:
            return [("her", "PRON", 2), *(_plain("ADV", rng) if rng.random() < 0.5 else [])]
        case 1:
            # An adjective or a plain noun follows, so that the next word alone tells which "her" it is.
            return [("her", "DET", 2), *(_plain("ADJ", rng) if rng.random() < 0.5 else []), *_plain("NOUN", rng)]
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
    rng = np.random.default_rng(seed)
    x = np.zeros((count, distance + 1, 2), dtype=np.float32)
    x[..., 0] = 2 * rng.integers(0, 2, (count, distance + 1)) - 1
    x[:, 0, 1] = 1
    return x, (x[:, 0, 0] > 0).astype(np.int64)


def _need(**numbers: int) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise DataError(f"{name} must be a whole number, at least 1, got {value!r}.")
