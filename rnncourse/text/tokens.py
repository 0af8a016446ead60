"""Words of a text, their numbers, and texts as numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Cut = Literal["front", "back"]

PADDING = 0
"""The id that fills a row up; no token has it."""

UNKNOWN = 1
"""The id of every word that the vocabulary does not hold."""

SPECIAL = ("<pad>", "<unk>")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def tokenise(text: str) -> list[str]:
    """Words of a text, in lower case.

    A word is a run of letters and digits, with apostrophes inside it: ``"Don't stop -- me!"`` has the words
    ``don't``, ``stop`` and ``me``. Everything else separates words and is dropped. The typographic apostrophe counts
    as the plain one.

    Args:
        text: any text, empty ones included.

    Returns:
        The words in order; none for a text without letters and digits.

    Raises:
        TypeError: ``text`` is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text is a {type(text).__name__}; expected a string.")
    return _WORD.findall(text.lower().replace("’", "'"))


@dataclass(frozen=True, eq=False)
class Encoded:
    """Texts as token ids, end to end: no padding, and any length each.

    Attributes:
        ids: tokens of all texts, one text after the other, ``(tokens,)``, int32.
        offsets: where each text begins in ``ids``, and where the last one ends, ``(n + 1,)``, int64.

    Raises:
        TypeError: the ids or offsets are no whole numbers.
        ValueError: the offsets do not cut ``ids`` into texts, or an id is padding or negative.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        ids, bounds = _whole_numbers("ids", self.ids), _whole_numbers("offsets", self.offsets)
        if not len(bounds) or bounds[0] != 0 or bounds[-1] != len(ids) or (np.diff(bounds) < 0).any():
            raise ValueError(
                f"offsets must rise from 0 to {len(ids):,}, the number of ids, with one entry per text more."
            )
        if len(ids) and not UNKNOWN <= ids.min() <= ids.max() <= np.iinfo(np.int32).max:
            raise ValueError(f"ids go from {ids.min()} to {ids.max()}; expected ids from 1 in int32, as 0 is padding.")
        object.__setattr__(self, "ids", ids.astype(np.int32, copy=False))
        object.__setattr__(self, "offsets", bounds.astype(np.int64, copy=False))

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | NDArray[Any]]) -> Encoded:
        """Texts from one row of ids each.

        Args:
            rows: ids of each text; a row may be empty.

        Returns:
            The texts in that order.
        """
        listed = [_whole_numbers(f"row {number}", row) for number, row in enumerate(rows)]
        return cls(np.concatenate([np.empty(0, np.int32), *listed]), _offsets([len(row) for row in listed]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> NDArray[np.int32]:
        """Ids of one text, ``(length,)``; negative numbers count from the end."""
        if not -len(self) <= number < len(self):
            raise IndexError(f"there is no text {number} among {len(self):,}.")
        number %= len(self)
        return self.ids[self.offsets[number] : self.offsets[number + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, ``(n,)``; 0 for an empty one."""
        return np.diff(self.offsets)

    def take(self, which: Sequence[int] | NDArray[Any]) -> Encoded:
        """Some of the texts, in the order asked for.

        Args:
            which: numbers of the texts from 0, or a mask ``(n,)``.

        Returns:
            Those texts; one that is named twice comes twice.

        Raises:
            IndexError: a number is out of range, or the mask has another length.
        """
        starts, lengths = self.offsets[:-1][_index(which)], self.lengths[_index(which)]
        return self._pieces(starts, lengths)

    def cut(self, length: int, end: Cut = "back") -> Encoded:
        """Shorten long texts.

        Args:
            length: tokens that a text keeps at most.
            end: ``"back"`` cuts the back off and keeps the *first* tokens, ``"front"`` keeps the *last* ones.

        Returns:
            All texts in their order; those of at most ``length`` tokens as they are.

        Raises:
            ValueError: ``length`` is below 1, or there is no such end.
        """
        if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
            raise ValueError(f"length is {length!r}; expected a whole number of at least 1.")
        if end not in get_args(Cut):
            raise ValueError(f"cut is {end!r}; expected one of 'front' and 'back'.")
        kept = np.minimum(self.lengths, length)
        return self._pieces(self.offsets[:-1] if end == "back" else self.offsets[1:] - kept, kept)

    def shuffled(self, generator: np.random.Generator) -> Encoded:
        """The same texts with the tokens of each in random order.

        Args:
            generator: draws the orders.

        Returns:
            As many texts, each with the tokens it had.
        """
        text = np.repeat(np.arange(len(self)), self.lengths)
        order = np.lexsort((generator.random(len(text)), text))
        return Encoded(self.ids[order], self.offsets)

    def _pieces(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Encoded:
        offsets = _offsets(lengths)
        # Token k of a piece stands at start + k: one range over all tokens, shifted piece by piece.
        where = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Encoded(self.ids[where], offsets)


@dataclass(frozen=True)
class Vocabulary:
    """Words and their ids.

    Attributes:
        words: the word of each id; the first two are ``<pad>`` and ``<unk>``, which no text contains.

    Raises:
        ValueError: the first two are others, or a word comes twice.
    """

    words: tuple[str, ...]
    ids: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        if self.words[: len(SPECIAL)] != SPECIAL:
            raise ValueError(f"words begins with {self.words[:2]}; expected {SPECIAL}.")
        ids = {word: number for number, word in enumerate(self.words)}
        if len(ids) != len(self.words):
            twice = next(word for number, word in enumerate(self.words) if ids[word] != number)
            raise ValueError(f"words holds {twice!r} twice; expected each word once.")
        object.__setattr__(self, "ids", ids)

    @classmethod
    def of(cls, texts: Iterable[str], *, size: int | None = None, min_count: int = 1) -> Vocabulary:
        """The vocabulary of some texts: those of the training split, and no others.

        Args:
            texts: training texts.
            size: ids at most, padding and unknown included: what an embedding has rows. None keeps all words.
            min_count: how often a word has to occur to get an id.

        Returns:
            The most frequent words first, words of the same count in alphabetical order.

        Raises:
            TypeError: ``texts`` is one string, or holds something else than strings.
            ValueError: ``size`` is below 2, or ``min_count`` below 1.
        """
        if size is not None and size < len(SPECIAL):
            raise ValueError(f"size is {size}; expected at least 2: padding and unknown have an id each.")
        if min_count < 1:
            raise ValueError(f"min_count is {min_count}; expected at least 1.")
        counts = Counter(chain.from_iterable(map(tokenise, _several(texts))))
        frequent = [(-count, word) for word, count in counts.items() if count >= min_count]
        room = None if size is None else size - len(SPECIAL)
        return cls((*SPECIAL, *(word for _, word in sorted(frequent)[:room])))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, texts: Iterable[str], *, length: int | None = None, cut: Cut = "back") -> Encoded:
        """Texts as ids.

        Args:
            texts: any texts, empty ones included.
            length: tokens that a text keeps at most; None keeps all.
            cut: ``"back"`` keeps the *first* ``length`` tokens, ``"front"`` the *last* ones.

        Returns:
            One row of ids per text; words that the vocabulary does not hold are `UNKNOWN`.

        Raises:
            TypeError: ``texts`` is one string, or holds something else than strings.
            ValueError: ``length`` is below 1, or ``cut`` no such end.
        """
        find, rows = self.ids.get, list[NDArray[np.int32]]()
        for text in _several(texts):
            tokens = tokenise(text)
            rows.append(np.fromiter(map(find, tokens, repeat(UNKNOWN)), np.int32, len(tokens)))
        encoded = Encoded.of(rows)
        return encoded if length is None else encoded.cut(length, cut)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Words of some ids.

        Args:
            ids: ids of one text; `PADDING` is left out.

        Returns:
            The words; ``<unk>`` where the word is not known.

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        numbers = [int(number) for number in ids]
        beyond = [number for number in numbers if not 0 <= number < len(self)]
        if beyond:
            raise IndexError(f"id {beyond[0]} is not among the {len(self):,} ids of the vocabulary.")
        return [self.words[number] for number in numbers if number != PADDING]


def _several(texts: Iterable[str]) -> Iterable[str]:
    if isinstance(texts, str):
        raise TypeError("texts is one string, whose letters would count as texts; expected a list of strings.")
    return texts


def _whole_numbers(name: str, given: Sequence[int] | NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(given)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"{name} has shape {array.shape} and dtype {array.dtype}; expected a row of integers.")
    return array if array.size else array.astype(np.int32)


def _offsets(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _index(which: Sequence[int] | NDArray[Any]) -> NDArray[Any]:
    index = np.asarray(which)
    return index if index.size else index.astype(np.int64)
