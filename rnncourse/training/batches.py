"""Where batches come from: arrays, gathered and cast one batch at a time, or any object that yields them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from rnncourse.data import Windows

Array: TypeAlias = NDArray[Any] | Tensor


@runtime_checkable
class Batches(Protocol):
    """What `fit` and `predict` accept in the place of arrays."""

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        ...

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Any, Tensor]]:
        """``(inputs, targets)`` of one epoch, drawn or in a fixed order; several arguments of a network are a tuple."""
        ...


Data: TypeAlias = tuple[Array, Array] | Batches


@dataclass(frozen=True, eq=False)
class ArrayBatches:
    """Batches of two arrays. Each batch is gathered when it is due; the arrays are never copied whole.

    Attributes:
        x: inputs, ``(n, …)``, NumPy or torch; ``y``, the targets, likewise, or None where there are none.
        batch_size: samples per batch; the last one takes the rest. Where the order is drawn, a rest of one sample joins
            the batch before it.
        dtype: what floating-point numbers become; integers become ``int64``.
    """

    x: Array
    y: Array | None
    batch_size: int
    dtype: torch.dtype = torch.float32

    def __len__(self) -> int:
        return 1 + len(_cuts(len(self.x), self.batch_size)) if len(self.x) else 0

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, in an order drawn by ``generator``, or in the order of the arrays."""
        n = len(self.x)
        if generator is None:
            parts = torch.split(torch.arange(n), self.batch_size)
        else:
            parts = torch.randperm(n, generator=generator).tensor_split(_cuts(n, self.batch_size))
        for which in parts:
            inputs = _gather(self.x, which, self.dtype)
            yield inputs, inputs if self.y is None else _gather(self.y, which, self.dtype)


@dataclass(frozen=True, eq=False)
class FreshWindows:
    """Training batches in which each epoch draws other windows, for series too long to be read in every epoch.

    ``per_epoch`` windows are drawn without replacement; batches are as those of `ArrayBatches`.
    """

    windows: Windows
    per_epoch: int
    batch_size: int

    def __post_init__(self) -> None:
        if not 1 <= self.per_epoch <= len(self.windows):
            raise ValueError(f"per_epoch must lie between 1 and the {len(self.windows)} windows, got {self.per_epoch}.")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}.")

    def __len__(self) -> int:
        return 1 + len(_cuts(self.per_epoch, self.batch_size))

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs ``(batch, window, feature)`` and targets ``(batch, outputs)``, float32.

        ``generator`` draws the windows; without one, they are the first, in order.
        """
        order = torch.randperm(len(self.windows), generator=generator) if generator else torch.arange(self.per_epoch)
        for which in order[: self.per_epoch].tensor_split(_cuts(self.per_epoch, self.batch_size)):
            starts, rows = self.windows.starts[which.numpy()], self.windows.target_rows[which.numpy()]
            targets = self.windows.series.values[rows[:, None], self.windows.target]
            yield _tensor(self.windows.every[starts], torch.float32), _tensor(targets, torch.float32)


def _cuts(n: int, batch_size: int) -> list[int]:
    """Where an epoch is cut; a last batch of one joins the one before it, as batch normalisation needs two samples."""
    cuts = list(range(batch_size, n, batch_size))
    return cuts[:-1] if batch_size > 1 and cuts and n - cuts[-1] == 1 else cuts


def as_batches(data: Data, name: str, batch_size: int, dtype: torch.dtype) -> Batches:
    """Batches of whatever the caller gave; ``name`` is what the data are to the caller, for complaints."""
    if isinstance(data, tuple):
        if len(data) != 2:
            raise TypeError(f"{name} is a tuple of {len(data)}; expected (inputs, targets).")
        x, y = (_array(part, f"the {what} of {name}") for part, what in zip(data, ("inputs", "targets"), strict=True))
        if len(x) != len(y):
            raise ValueError(f"{name} has {len(x):,} inputs and {len(y):,} targets; expected one target per input.")
        data = ArrayBatches(x, y, batch_size, dtype)
    if not isinstance(data, Batches):
        raise TypeError(f"{name} is a {type(data).__name__}; expected (inputs, targets) or an object with .batches().")
    if len(data) == 0:
        raise ValueError(f"{name} is empty; expected at least one sample.")
    return data


def not_finite(batches: Batches) -> str:
    """Where the first NaN or infinity of data in their fixed order is, such as ``"sample 7"``; empty where none is."""
    for number, (inputs, targets) in enumerate(batches.batches(None)):
        for part in (*inputs, targets) if isinstance(inputs, tuple) else (inputs, targets):
            if isinstance(part, Tensor) and not bool(part.isfinite().all()):
                if not isinstance(batches, ArrayBatches):
                    return f"batch {number}"
                bad = (~part.isfinite()).flatten(1).any(dim=1) if part.ndim > 1 else ~part.isfinite()
                return f"sample {number * batches.batch_size + int(bad.nonzero()[0])}"
    return ""


def _array(part: object, what: str) -> Array:
    array = part if isinstance(part, Tensor) else np.asarray(part)
    if array.ndim == 0:
        raise ValueError(f"{what} are a single number; expected an array with samples on its first axis.")
    if isinstance(array, np.ndarray) and array.dtype.kind not in "fiub":
        raise TypeError(f"{what} have dtype {array.dtype}; expected numbers.")
    return array


def _gather(array: Array, which: Tensor, dtype: torch.dtype) -> Tensor:
    """Some samples as a tensor; ``(batch, …)``."""
    if isinstance(array, np.ndarray):
        return _tensor(array[which.numpy()], dtype)
    part = array[which.to(array.device)]
    return part.to(dtype if part.is_floating_point() else torch.int64)


def _tensor(rows: NDArray[Any], dtype: torch.dtype) -> Tensor:
    if rows.dtype.kind != "f":
        return torch.from_numpy(rows.astype(np.int64, copy=False))
    return torch.from_numpy(rows.astype(np.float64 if dtype == torch.float64 else np.float32, copy=False)).to(dtype)
