"""Texts of many lengths as batches of one length each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnncourse.text.tokens import PADDING, UNKNOWN, Encoded

Layout = Literal["packed", "right", "left"]

LAYOUTS: tuple[str, ...] = get_args(Layout)
"""Where the padding goes: ``"packed"`` and ``"right"`` behind a text, ``"left"`` in front of it."""

_POOL = 100  # batches that are sorted by length together: enough to be tight, few enough to differ from epoch to epoch


def pad(encoded: Encoded, *, layout: Layout = "right", length: int | None = None) -> tuple[Tensor, Tensor]:
    """Texts as one rectangle of ids.

    An empty text becomes one unknown token, so that every text has a last token to be read at.

    Args:
        encoded: texts, at least one.
        layout: ``"right"`` or ``"packed"`` to pad behind the text, ``"left"`` to pad in front of it.
        length: steps of the rectangle; None takes those of the longest text.

    Returns:
        Ids ``(n, time)``, int64, `PADDING` where there is no token, and the tokens of each text, ``(n,)``, int64,
        each at least 1.

    Raises:
        ValueError: there is no text, one is longer than ``length``, or there is no such layout.
    """
    _check_layout(layout)
    if not len(encoded):
        raise ValueError("encoded holds no text; expected at least one to pad.")
    lengths = np.maximum(encoded.lengths, 1)
    longest = int(lengths.max())
    if length is not None and length < longest:
        raise ValueError(
            f"text {int(lengths.argmax())} has {longest:,} tokens but length is {length}; "
            f"shorten the texts first: encoded.cut({length})."
        )
    steps = np.arange(longest if length is None else length)
    inside = steps < lengths[:, None] if layout != "left" else steps >= len(steps) - lengths[:, None]
    rectangle = np.full(inside.shape, PADDING, dtype=np.int64)
    rectangle[inside] = _without_gaps(encoded)
    return torch.from_numpy(rectangle), torch.from_numpy(lengths)


def _without_gaps(encoded: Encoded) -> NDArray[np.int32]:
    """All ids, with one unknown token for each empty text."""
    empty = encoded.offsets[:-1][encoded.lengths == 0]
    return np.insert(encoded.ids, empty, UNKNOWN) if len(empty) else encoded.ids


@dataclass(frozen=True, eq=False)
class TextBatches:
    """Batches of texts and their labels, for `fit` and `predict`: ``((ids, lengths), labels)``.

    With a generator an epoch has every text once, in a new order. Texts of similar length share a batch then, so
    that little is padded. Without a generator the texts come *in the order given*, so that row k of a prediction
    belongs to text k.

    All batches have the same size, or one text less: none is left with a single text by chance, which batch
    normalisation could not learn from.

    Attributes:
        encoded: the texts, at least one.
        labels: the class of each, ``(n,)``, from 0.
        batch_size: texts per batch, at most.
        layout: ``"right"`` pads behind the texts, ``"left"`` in front of them. ``"packed"`` pads behind them and, where
            the order is drawn, puts the longest text of a batch first, so that packing has nothing to reorder.
        length: steps of every batch; None takes those of its longest text.
        bucket: put texts of similar length together where the order is drawn; False draws batches blindly.

    Raises:
        TypeError: the texts are not encoded, or the labels no whole numbers.
        ValueError: texts and labels differ in number, there are none, a label is negative, a text is longer than
            ``length``, the batch size is below 1, or there is no such layout.
    """

    encoded: Encoded
    labels: NDArray[np.int64]
    batch_size: int = 64
    layout: Layout = "packed"
    length: int | None = None
    bucket: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.encoded, Encoded):
            raise TypeError(f"encoded is a {type(self.encoded).__name__}; expected the result of Vocabulary.encode.")
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size!r}; expected a whole number of at least 1.")
        _check_layout(self.layout)
        object.__setattr__(self, "labels", _checked_labels(self.labels, len(self.encoded)))
        longest = int(self.encoded.lengths.max())
        if self.length is not None and self.length < max(longest, 1):
            raise ValueError(
                f"length is {self.length} but the longest text has {longest:,} tokens; "
                "shorten the texts first: encoded.cut(length)."
            )

    def __len__(self) -> int:
        return -(-len(self.encoded) // self.batch_size)

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
        """The batches of one epoch.

        Args:
            generator: draws their order; None keeps the order of the texts.

        Yields:
            ``((ids, lengths), labels)``: ids ``(batch, time)``, tokens of each text ``(batch,)`` and labels
            ``(batch,)``, all int64.
        """
        for which in self.order(generator):
            inputs = pad(self.encoded.take(which), layout=self.layout, length=self.length)
            yield inputs, torch.from_numpy(self.labels[which])

    def order(self, generator: torch.Generator | None) -> list[NDArray[np.int64]]:
        """Which texts each batch of one epoch holds.

        Args:
            generator: draws the order; None keeps the order of the texts.

        Returns:
            Numbers of texts, from 0, batch by batch.
        """
        n, number = len(self.encoded), len(self)
        batch = np.arange(n) * number // n  # of each place in the epoch; sizes differ by at most one
        bounds = np.searchsorted(batch, np.arange(1, number))
        if generator is None:
            return np.split(np.arange(n), bounds)
        drawn = torch.randperm(n, generator=generator).numpy()
        if not self.bucket:
            parts = np.split(drawn, bounds)
            return [self._longest_first(part) for part in parts] if self.layout == "packed" else parts
        parts = np.split(drawn[np.lexsort((-self.encoded.lengths[drawn], batch // _POOL))], bounds)
        return [parts[index] for index in torch.randperm(number, generator=generator).tolist()]

    def _longest_first(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        return which[np.argsort(-self.encoded.lengths[which], kind="stable")]


def _check_layout(layout: str) -> None:
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}; expected one of {', '.join(map(repr, LAYOUTS))}.")


def _checked_labels(labels: Any, texts: int) -> NDArray[np.int64]:
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"labels have shape {array.shape} and dtype {array.dtype}; expected a row of whole numbers.")
    if len(array) != texts:
        raise ValueError(f"there are {texts:,} texts and {len(array):,} labels; expected one label per text.")
    if not texts:
        raise ValueError("there is no text; expected at least one.")
    if array.min() < 0:
        raise ValueError(f"labels hold {array.min()}; expected classes from 0.")
    return array.astype(np.int64, copy=False)
