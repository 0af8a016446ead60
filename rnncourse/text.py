"""From texts to batches of token ids: words, a vocabulary, and padding that a network need not read::

    vocabulary = Vocabulary.of(train.texts, size=20_000)
    batches = TextBatches(vocabulary.encode(train.texts), train.labels, batch_size=64)
    fit(net, batches, TextBatches(vocabulary.encode(validation.texts), validation.labels), loss=cross_entropy, epochs=5)

Two ids stand for no word: 0 is padding, 1 an unknown word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Cut = Literal["front", "back"]
Layout = Literal["packed", "right", "left"]
Ints = Sequence[int] | NDArray[Any]

PADDING, UNKNOWN = 0, 1
LAYOUTS: tuple[str, ...] = get_args(Layout)

_SPECIAL = ("<pad>", "<unk>")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_POOL = 100  # batches that are sorted by length together: enough to be tight, few enough to differ from epoch to epoch


def tokenise(text: str) -> list[str]:
    """Words of a text, in lower case: runs of letters and digits, with apostrophes of either kind inside them."""
    if not isinstance(text, str):
        raise TypeError(f"text is a {type(text).__name__}; expected a string.")
    return _WORD.findall(text.lower().replace("’", "'"))


@dataclass(frozen=True, eq=False)
class Encoded:
    """Texts as token ids, end to end: no padding, and any length each.

    ``ids`` are the tokens of all texts, int32, at least 1; ``offsets`` say where each text begins in them and where the
    last one ends, ``(n + 1,)``, int64.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        ids, bounds = _whole_numbers("ids", self.ids), _whole_numbers("offsets", self.offsets)
        if not len(bounds) or bounds[0] != 0 or bounds[-1] != len(ids) or (np.diff(bounds) < 0).any():
            raise ValueError(
                f"offsets must rise from 0 to {len(ids):,}, the number of ids, with one entry more than texts."
            )
        if len(ids) and not UNKNOWN <= ids.min() <= ids.max() <= np.iinfo(np.int32).max:
            raise ValueError(f"ids go from {ids.min()} to {ids.max()}; expected ids from 1 in int32, as 0 is padding.")
        object.__setattr__(self, "ids", ids.astype(np.int32, copy=False))
        object.__setattr__(self, "offsets", bounds.astype(np.int64, copy=False))

    @classmethod
    def of(cls, rows: Iterable[Ints]) -> Encoded:
        """Texts from one row of ids each; a row may be empty."""
        listed = [_whole_numbers(f"row {number}", row) for number, row in enumerate(rows)]
        return cls(np.concatenate([np.empty(0, np.int32), *listed]), _offsets([len(row) for row in listed]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> NDArray[np.int32]:
        """Ids of one text, ``(length,)``; negative numbers count from the end."""
        first, last = self.offsets[:-1][number], self.offsets[1:][number]
        return self.ids[first:last]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, ``(n,)``; 0 for an empty one."""
        return np.diff(self.offsets)

    def take(self, which: Ints) -> Encoded:
        """Some of the texts, by their numbers from 0 in the order asked for, or by a mask ``(n,)``."""
        index = np.asarray(which) if len(which) else np.empty(0, np.int64)
        return self._pieces(self.offsets[:-1][index], self.lengths[index])

    def cut(self, length: int, end: Cut = "back") -> Encoded:
        """Shorten each text to at most ``length`` tokens: ``"back"`` keeps the *first* ones, ``"front"`` the *last*."""
        if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
            raise ValueError(f"length is {length!r}; expected a whole number of at least 1.")
        if end not in get_args(Cut):
            raise ValueError(f"cut is {end!r}; expected one of 'front' and 'back'.")
        kept = np.minimum(self.lengths, length)
        return self._pieces(self.offsets[:-1] if end == "back" else self.offsets[1:] - kept, kept)

    def _pieces(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Encoded:
        offsets = _offsets(lengths)
        # Token k of a piece stands at start + k: one range over all tokens, shifted piece by piece.
        where = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Encoded(self.ids[where], offsets)


@dataclass(frozen=True)
class Vocabulary:
    """Different words and their ids; the first two words are ``<pad>`` and ``<unk>``, which no text contains."""

    words: tuple[str, ...]
    ids: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", {word: number for number, word in enumerate(self.words)})
        if self.words[: len(_SPECIAL)] != _SPECIAL or len(self.ids) != len(self.words):
            raise ValueError(f"words begins with {self.words[:2]}; expected {_SPECIAL}, and each word once.")

    @classmethod
    def of(cls, texts: Iterable[str], *, size: int | None = None, min_count: int = 1) -> Vocabulary:
        """The words of the *training* texts, the most frequent first, words of the same count in alphabetical order.

        ``size`` ids at most, padding and unknown included, go to words that occur ``min_count`` times or more.
        """
        if min_count < 1 or (size is not None and size < len(_SPECIAL)):
            raise ValueError(f"size is {size} and min_count {min_count}; expected at least 2 and 1.")
        counts = Counter(chain.from_iterable(map(tokenise, several(texts))))
        frequent = [(-count, word) for word, count in counts.items() if count >= min_count]
        return cls((*_SPECIAL, *(word for _, word in sorted(frequent)))[:size])

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, texts: Iterable[str], *, length: int | None = None, cut: Cut = "back") -> Encoded:
        """Texts as ids, `UNKNOWN` for words that are not in the vocabulary, shortened as by `Encoded.cut` if asked."""
        rows = list[NDArray[np.int32]]()
        for text in several(texts):
            tokens = tokenise(text)
            rows.append(np.fromiter(map(self.ids.get, tokens, repeat(UNKNOWN)), np.int32, len(tokens)))
        return Encoded.of(rows) if length is None else Encoded.of(rows).cut(length, cut)


def several(texts: Iterable[str]) -> Any:
    """The texts, unless they are one string, whose letters would count as texts."""
    if isinstance(texts, str):
        raise TypeError("texts is one string; expected a list of strings.")
    return texts


def _whole_numbers(name: str, given: Ints) -> NDArray[Any]:
    array = np.asarray(given)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"{name} has shape {array.shape} and dtype {array.dtype}; expected a row of whole numbers.")
    return array if array.size else array.astype(np.int32)


def _offsets(lengths: Ints) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def pad(encoded: Encoded, *, layout: Layout = "right", length: int | None = None) -> tuple[Tensor, Tensor]:
    """Texts as one rectangle of ids ``(n, time)``, and the tokens of each text, ``(n,)``, both int64.

    An empty text becomes one unknown token, so that each has a last token to read. `PADDING` stands behind the text, in
    front of it with the layout ``"left"``. The rectangle has ``length`` steps, or those of the longest text.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}; expected one of {', '.join(map(repr, LAYOUTS))}.")
    if not len(encoded):
        raise ValueError("encoded holds no text; expected at least one to pad.")
    lengths = np.maximum(encoded.lengths, 1)
    longest = int(lengths.max())
    if length is not None and length < longest:
        raise ValueError(f"length is {length} but a text has {longest:,} tokens; shorten it: encoded.cut({length}).")
    steps = np.arange(longest if length is None else length)
    inside = steps < lengths[:, None] if layout != "left" else steps >= len(steps) - lengths[:, None]
    rectangle = np.full(inside.shape, PADDING, dtype=np.int64)
    rectangle[inside] = np.insert(encoded.ids, encoded.offsets[:-1][encoded.lengths == 0], UNKNOWN)
    return torch.from_numpy(rectangle), torch.from_numpy(lengths)


@dataclass(frozen=True, eq=False)
class TextBatches:
    """Batches of texts and their labels, for `fit` and `predict`: ``((ids, lengths), labels)``.

    With a generator an epoch has every text once, in a new order. Texts of similar length share a batch then, so
    that little is padded. Without a generator the texts come *in the order given*, so that row k of a prediction
    belongs to text k. All batches have the same size, or one text less: none is left with a single text by chance.

    Attributes:
        labels: the class of each text, ``(n,)``, from 0.
        batch_size: texts per batch, at most; of pairs, one may be a triple.
        layout: as for `pad`, as is ``length``; ``"packed"`` also puts the longest text of a drawn batch first.
        bucket: put texts of similar length together where the order is drawn; False draws batches blindly.
    """

    encoded: Encoded
    labels: NDArray[np.int64]
    batch_size: int = 64
    layout: Layout = "packed"
    length: int | None = None
    bucket: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size!r}; expected a whole number of at least 1.")
        labels = _whole_numbers("labels", self.labels)
        if len(labels) != len(self.encoded) or (labels < 0).any():
            raise ValueError(f"labels must be {len(self.encoded):,} classes from 0, one for each text, got {labels}.")
        object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))
        pad(self.encoded.take(np.argsort(self.encoded.lengths)[-1:]), layout=self.layout, length=self.length)

    def __len__(self) -> int:
        n = len(self.encoded)
        return max(n // 2, 1) if self.batch_size == 2 else -(-n // self.batch_size)  # pairs and an odd one: a triple

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
        """The batches of one epoch, ids ``(batch, time)``, tokens and labels ``(batch,)``, all int64."""
        for which in self.order(generator):
            inputs = pad(self.encoded.take(which), layout=self.layout, length=self.length)
            yield inputs, torch.from_numpy(self.labels[which])

    def order(self, generator: torch.Generator | None) -> list[NDArray[np.int64]]:
        """Which texts each batch of one epoch holds: their numbers, batch by batch."""
        n, number = len(self.encoded), len(self)
        batch = np.arange(n) * number // n  # of each place in the epoch; sizes differ by at most one
        bounds = np.searchsorted(batch, np.arange(1, number))
        if generator is None:
            return np.split(np.arange(n), bounds)
        drawn = torch.randperm(n, generator=generator).numpy()
        shorter = -self.encoded.lengths[drawn]
        if self.bucket:
            parts = np.split(drawn[np.lexsort((shorter, batch // _POOL))], bounds)
            return [parts[index] for index in torch.randperm(number, generator=generator).tolist()]
        return np.split(drawn[np.lexsort((shorter, batch))] if self.layout == "packed" else drawn, bounds)
