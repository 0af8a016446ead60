"""Small sequence tasks made on the spot: sentences, planted pairs, a value to keep, tones. All are synthetic.

Each is built so that one question has one answer: what a model must see in order to be right is known beforehand.
Token 0 is padding in every task of tokens.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.series import Floats

Ints = NDArray[np.int64]

__all__ = [
    "PADDING",
    "PAIR_SYMBOLS",
    "TAGS",
    "TONE_CLASSES",
    "Sentences",
    "TaggedSentences",
    "kept_value",
    "planted_pair",
    "spectrogram",
    "synthetic_reviews",
    "synthetic_tagging",
    "synthetic_tones",
]

PADDING = 0


def _need_count(count: int) -> None:
    if not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"count must be a whole number, at least 1, got {count!r}; say how many to make.")


# --- Sentences


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
        return _encode(self.words, self.vocabulary)


@dataclass(frozen=True)
class TaggedSentences:
    """Sentences with a tag for each word.

    Attributes:
        words: the sentences, a tuple of words each.
        tags: index into `TAGS` of each word, -1 for padding, ``(count, time)``.
        decided_by: what decides each tag, ``(count, time)``: 0 the word alone, 1 the words before it, 2 those after
            it, -1 for padding.
        vocabulary: every word that may occur; word number k has the token k + 1.
    """

    words: tuple[tuple[str, ...], ...]
    tags: Ints
    decided_by: Ints
    vocabulary: tuple[str, ...]

    @property
    def ids(self) -> Ints:
        """Tokens ``(count, time)``, padded at the end with 0."""
        return _encode(self.words, self.vocabulary)


def _encode(sentences: tuple[tuple[str, ...], ...], vocabulary: tuple[str, ...]) -> Ints:
    token = {word: index for index, word in enumerate(vocabulary, 1)}
    ids = np.full((len(sentences), max(map(len, sentences))), PADDING, dtype=np.int64)
    for row, words in zip(ids, sentences, strict=True):
        row[: len(words)] = [token[word] for word in words]
    return ids


_SUBJECTS = ("film", "plot", "cast", "score", "ending", "book", "story", "hero")
POSITIVE = ("good", "great", "fine", "lovely", "clever", "funny", "warm", "brilliant")
NEGATIVE = ("bad", "awful", "poor", "dull", "silly", "boring", "cold", "terrible")
_DEGREES = ("very", "really", "rather", "quite")
_REVIEW_WORDS = ("the", "was", "not", "and", "but", ".", *_SUBJECTS, *_DEGREES, *POSITIVE, *NEGATIVE)


def synthetic_reviews(count: int, *, seed: int, negation: float = 0.4, turn: float = 0.4) -> Sentences:
    """Generated film reviews of one or two clauses: "the plot was not dull but the cast was quite awful ."

    The label is the opinion of the last clause. "not" turns a clause round, and after "but" comes the opposite of what
    stood before it, so counting friendly words is not enough.

    Args:
        count: sentences, at least 1. No two are the same.
        seed: of the random generator.
        negation: share of clauses with "not", 0 to 1.
        turn: share of sentences with "but", at most 0.8; another 0.2 have "and".

    Returns:
        The sentences; label 1 is friendly, 0 is not, and both are equally likely.

    Raises:
        ValueError: ``count`` or a share is out of range.
    """
    _need_count(count)
    if not (0 <= negation <= 1 and 0 <= turn <= 0.8):
        raise ValueError(f"negation must lie in [0, 1] and turn in [0, 0.8], got {negation} and {turn}.")
    rng = np.random.default_rng(seed)
    made: dict[tuple[str, ...], int] = {}
    while len(made) < count:
        label, kind = int(rng.integers(2)), float(rng.random())
        words = _clause(label, negation, rng)
        if kind < turn + 0.2:
            opposite = kind < turn
            first = _clause(1 - label if opposite else label, negation, rng)
            words = [*first, "but" if opposite else "and", *words]
        made.setdefault((*words, "."), label)
    return Sentences(tuple(made), np.array(list(made.values())), _REVIEW_WORDS)


def _clause(label: int, negation: float, rng: np.random.Generator) -> list[str]:
    turned = rng.random() < negation
    degree = [str(rng.choice(_DEGREES))] if rng.random() < 0.5 else []
    opinion = POSITIVE if label != turned else NEGATIVE
    return ["the", str(rng.choice(_SUBJECTS)), "was", *(["not"] if turned else []), *degree, str(rng.choice(opinion))]


TAGS = ("DET", "ADJ", "NOUN", "VERB", "PRON", "ADV", "END")
_DET, _ADJ, _NOUN, _VERB, _PRON, _ADV, _END = range(len(TAGS))
_PLAIN = {
    _DET: ("the", "a", "this"),
    _ADJ: ("wet", "tall", "red", "quiet"),
    _NOUN: ("dog", "ship", "child", "tree", "house", "king"),
    _VERB: ("sees", "finds", "likes", "hears"),
    _PRON: ("they", "we", "you"),
    _ADV: ("often", "never", "soon"),
    _END: (".",),
}
_AFTER_KNOWN = ("old", "cold", "light", "rich")  # ADJ before another ADJ or a NOUN, NOUN before anything else
_BEFORE_KNOWN = ("walk", "play", "answer", "watch")  # NOUN after DET or ADJ, VERB after PRON or ADV
_TAG_WORDS = (*(word for words in _PLAIN.values() for word in words), *_AFTER_KNOWN, *_BEFORE_KNOWN, "her")
_Word = tuple[str, int, int]


def synthetic_tagging(count: int, *, seed: int) -> TaggedSentences:
    """Generated sentences with ambiguous words: "the old often hears her tall dog ."

    "old", "cold", "light" and "rich" are ADJ or NOUN by the word *after* them, and "her" is DET or PRON likewise.
    "walk", "play", "answer" and "watch" are NOUN or VERB by the words *before* them. One word to either side decides.

    Args:
        count: sentences, at least 1.
        seed: of the random generator.

    Returns:
        The sentences, their tags, and what decides each tag.

    Raises:
        ValueError: ``count`` is below 1.
    """
    _need_count(count)
    rng = np.random.default_rng(seed)
    sentences = [_sentence(rng) for _ in range(count)]
    longest = max(map(len, sentences))
    marks = np.full((2, count, longest), -1, dtype=np.int64)
    for row, sentence in enumerate(sentences):
        marks[:, row, : len(sentence)] = np.array([part[1:] for part in sentence]).T
    words = tuple(tuple(word for word, *_ in sentence) for sentence in sentences)
    return TaggedSentences(words, marks[0], marks[1], _TAG_WORDS)


def _plain(tag: int, rng: np.random.Generator) -> _Word:
    return str(rng.choice(_PLAIN[tag])), tag, 0


def _sentence(rng: np.random.Generator) -> list[_Word]:
    adverbs = [_plain(_ADV, rng) for _ in range(rng.integers(3))]
    if rng.random() < 0.4:
        subject = [_plain(_PRON, rng)]
        verb = (str(rng.choice(_BEFORE_KNOWN)), _VERB, 1) if rng.random() < 0.7 else _plain(_VERB, rng)
    else:
        subject, verb = _phrase([_plain(_DET, rng)], rng), _plain(_VERB, rng)
    return [*subject, *adverbs, verb, *_object(rng), _plain(_END, rng)]


def _phrase(start: list[_Word], rng: np.random.Generator) -> list[_Word]:
    """What a determiner opens: adjectives and a noun, or an adjective that is a noun here."""
    adjectives = [_plain(_ADJ, rng) for _ in range(rng.integers(3))]
    match rng.integers(4):
        case 0:
            return [*start, (str(rng.choice(_AFTER_KNOWN)), _NOUN, 2)]
        case 1:
            return [*start, (str(rng.choice(_AFTER_KNOWN)), _ADJ, 2), *adjectives, _plain(_NOUN, rng)]
        case 2:
            return [*start, *adjectives, (str(rng.choice(_BEFORE_KNOWN)), _NOUN, 1)]
        case _:
            return [*start, *adjectives, _plain(_NOUN, rng)]


def _object(rng: np.random.Generator) -> list[_Word]:
    match rng.integers(4):
        case 0:
            after = [_plain(_ADV, rng)] if rng.random() < 0.5 else []
            return [("her", _PRON, 2), *after]
        case 1:
            # An adjective or a plain noun follows, so that the next word alone tells which "her" it is.
            adjectives = [_plain(_ADJ, rng)] if rng.random() < 0.5 else []
            return [("her", _DET, 2), *adjectives, _plain(_NOUN, rng)]
        case 2:
            return _phrase([_plain(_DET, rng)], rng)
        case _:
            return []


# --- A pair to find, a value to keep

PAIR_SYMBOLS = 6
_FIRST, _SECOND = 1, 2


def planted_pair(count: int, *, seq_len: int, seed: int, longest: int | None = None) -> tuple[Ints, Ints]:
    """Strings of six symbols in which symbol 2 follows symbol 1 directly at one place, or nowhere.

    At one random place stands "1 2" (class 1) or "2 1" (class 0), between other symbols. Everywhere else "1 2" does not
    occur. Both classes hold the same symbols equally often, so only their order tells them apart.

    Args:
        count: strings, at least 1.
        seq_len: symbols in a string, at least 4.
        seed: of the random generator.
        longest: pad at the end to this many symbols; ``seq_len`` by default.

    Returns:
        Tokens 1 to 6, ``(count, longest)``, and classes, ``(count,)``.

    Raises:
        ValueError: ``count``, ``seq_len`` or ``longest`` is out of range.
    """
    _need_count(count)
    if seq_len < 4:
        raise ValueError(f"seq_len must be at least 4, for the pair and what stands around it, got {seq_len}.")
    if longest is not None and longest < seq_len:
        raise ValueError(f"longest must be at least seq_len={seq_len}, got {longest}; pad to more.")
    rng = np.random.default_rng(seed)
    others = np.arange(3, PAIR_SYMBOLS + 1)
    ids = rng.integers(1, PAIR_SYMBOLS + 1, (count, seq_len))
    classes = rng.integers(0, 2, count)
    place, rows = rng.integers(1, seq_len - 2, count), np.arange(count)
    for offset in (-1, 2):
        ids[rows, place + offset] = rng.choice(others, count)
    ids[rows, place], ids[rows, place + 1] = 3, 3  # no chance pair is left or made here
    while (found := (ids[:, :-1] == _FIRST) & (ids[:, 1:] == _SECOND)).any():
        row, column = np.nonzero(found)
        ids[row, column + 1] = rng.choice(others, len(row))
    ids[rows, place] = np.where(classes == 1, _FIRST, _SECOND)
    ids[rows, place + 1] = np.where(classes == 1, _SECOND, _FIRST)
    padded = np.full((count, longest or seq_len), PADDING, dtype=np.int64)
    padded[:, :seq_len] = ids
    return padded, classes


def kept_value(count: int, *, distance: int, seed: int) -> tuple[NDArray[np.float32], Ints]:
    """A sign at the first step, noise of the same kind after it; the sign is asked for at the last step.

    Args:
        count: sequences, at least 1.
        distance: steps from the sign to the end, at least 1; a sequence has one step more.
        seed: of the random generator.

    Returns:
        Sequences ``(count, distance + 1, 2)``: a value of -1 or 1 and a mark, 1 at the first step and 0 elsewhere; and
        classes ``(count,)``, 1 where the first value is 1.

    Raises:
        ValueError: ``count`` or ``distance`` is below 1.
    """
    _need_count(count)
    if distance < 1:
        raise ValueError(f"distance must be at least 1 step, got {distance}.")
    rng = np.random.default_rng(seed)
    x = np.zeros((count, distance + 1, 2), dtype=np.float32)
    x[..., 0] = 2 * rng.integers(0, 2, (count, distance + 1)) - 1
    x[:, 0, 1] = 1
    return x, (x[:, 0, 0] > 0).astype(np.int64)


# --- Tones

TONE_CLASSES = ("low", "high", "rising", "falling")
_LOW, _HIGH = 0.08, 0.16  # cycles per sample


def synthetic_tones(
    count: int, *, seed: int, samples: int = 256, noise: float = 1.0
) -> tuple[NDArray[np.float32], Ints]:
    """Tones in noise: low, high, from low to high, from high to low.

    The change comes at a random time in the middle half, the phase is random, and each tone is up to a tenth off its
    frequency.

    Args:
        count: tones, at least 1.
        seed: of the random generator.
        samples: length of each, at least 32.
        noise: standard deviation of the noise; the tone has amplitude 1.

    Returns:
        Waves ``(count, samples)`` and classes ``(count,)``, indices into `TONE_CLASSES`.

    Raises:
        ValueError: ``count``, ``samples`` or ``noise`` is out of range.
    """
    _need_count(count)
    if samples < 32 or noise < 0:
        raise ValueError(f"samples must be at least 32 and noise not negative, got {samples} and {noise}.")
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, len(TONE_CLASSES), count)
    low, high = (f * rng.uniform(0.9, 1.1, count) for f in (_LOW, _HIGH))
    before = np.where((classes == 0) | (classes == 2), low, high)
    after = np.where((classes == 0) | (classes == 3), low, high)
    change = rng.uniform(0.25, 0.75, count) * samples
    frequency = np.where(np.arange(samples) < change[:, None], before[:, None], after[:, None])
    phase = 2 * np.pi * (np.cumsum(frequency, axis=1) + rng.random((count, 1)))
    wave = np.sin(phase) + noise * rng.standard_normal((count, samples))
    return wave.astype(np.float32), classes


def spectrogram(waves: NDArray[np.floating], *, window: int = 32, hop: int = 16) -> NDArray[np.float32]:
    """Logarithm of the power in each frequency band, frame by frame.

    Args:
        waves: ``(count, samples)``.
        window: samples in a frame, weighted by a Hann window; at least 2.
        hop: samples from one frame to the next, at least 1.

    Returns:
        ``(count, frames, window // 2 + 1)``, in natural-log units of power, with 1e-3 added before the logarithm.

    Raises:
        ValueError: the waves are no table, or shorter than a frame, or ``window`` or ``hop`` is out of range.
    """
    table = np.asarray(waves)
    if window < 2 or hop < 1:
        raise ValueError(f"window must be at least 2 and hop at least 1, got {window} and {hop}.")
    if table.ndim != 2 or table.shape[1] < window:
        raise ValueError(f"waves must be (count, samples) with at least {window} samples, got shape {table.shape}.")
    frames: Floats = np.lib.stride_tricks.sliding_window_view(table, window, axis=1)[:, ::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=2)) ** 2
    return np.log(power + 1e-3).astype(np.float32)
