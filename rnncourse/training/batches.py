"""Where batches come from: arrays, gathered and cast one batch at a time, or any object that yields them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array: TypeAlias = NDArray[Any] | Tensor
_SAMPLES = 32


@runtime_checkable
class Batches(Protocol):
    """What `fit` and `predict` accept in the place of arrays."""

    def __len__(self) -> int:
        """Number of batches."""
        ...

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Any, Tensor]]:
        """The batches of one epoch.

        Args:
            generator: draws their order; None asks for a fixed order.

        Yields:
            ``(inputs, targets)``: the network's argument, or a tuple of its arguments, and the targets.
        """
        ...


Data: TypeAlias = tuple[Array, Array] | Batches


@dataclass(frozen=True, eq=False)
class ArrayBatches:
    """Batches of two arrays. Each batch is gathered when it is due; the arrays are never copied whole.

    Attributes:
        x: inputs, ``(n, …)``, NumPy or torch; a strided view of windows is welcome.
        y: targets, ``(n, …)``, or None where there are none.
        batch_size: samples per batch; the last one takes the rest.
        dtype: what floating-point numbers become; integers become ``int64``.
    """

    x: Array
    y: Array | None
    batch_size: int
    dtype: torch.dtype = torch.float32

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, in an order drawn by ``generator``, or in the order of the arrays."""
        n = len(self.x)
        order = torch.arange(n) if generator is None else torch.randperm(n, generator=generator)
        for which in torch.split(order, self.batch_size):
            inputs = _gather(self.x, which, self.dtype)
            yield inputs, inputs if self.y is None else _gather(self.y, which, self.dtype)


def _gather(array: Array, which: Tensor, dtype: torch.dtype) -> Tensor:
    """Some samples as a tensor; ``(batch, …)``."""
    if isinstance(array, Tensor):
        part = array[which.to(array.device)]
        return part.to(dtype if part.is_floating_point() else torch.int64)
    rows = array[which.numpy()]
    if rows.dtype.kind != "f":
        return torch.from_numpy(rows.astype(np.int64, copy=False))
    wide = dtype == torch.float64
    return torch.from_numpy(rows.astype(np.float64 if wide else np.float32, copy=False)).to(dtype)


def as_batches(data: Data, *, name: str, batch_size: int, dtype: torch.dtype) -> Batches:
    """Batches of whatever the caller gave.

    Args:
        data: a pair of arrays, or an object with ``batches``.
        name: what the data are to the caller, for complaints.
        batch_size: samples per batch of arrays.
        dtype: floating-point type of the network.

    Returns:
        An object that yields batches.

    Raises:
        TypeError: the data are neither.
        ValueError: there are none, or inputs and targets differ in number.
    """
    if isinstance(data, tuple):
        if len(data) != 2:
            raise TypeError(f"{name} is a tuple of {len(data)}; expected (inputs, targets).")
        x, y = (
            _as_array(part, f"the {what} of {name}") for part, what in zip(data, ("inputs", "targets"), strict=True)
        )
        if len(x) != len(y):
            raise ValueError(f"{name} has {len(x):,} inputs and {len(y):,} targets; expected one target per input.")
        data = ArrayBatches(x, y, batch_size, dtype)
    if not isinstance(data, Batches):
        raise TypeError(f"{name} is a {type(data).__name__}; expected (inputs, targets) or an object with .batches().")
    if len(data) == 0:
        raise ValueError(f"{name} is empty; expected at least one sample.")
    return data


def _as_array(part: object, what: str) -> Array:
    array = part if isinstance(part, Tensor) else np.asarray(part)
    if array.ndim == 0:
        raise ValueError(f"{what} are a single number; expected an array with samples on its first axis.")
    if isinstance(array, np.ndarray) and array.dtype.kind not in "fiub":
        raise TypeError(f"{what} have dtype {array.dtype}; expected numbers.")
    return array


def fingerprint(batches: Batches) -> str:
    """A short mark of the data, so that a checkpoint is not resumed on other ones.

    Args:
        batches: training or validation data.

    Returns:
        Of arrays: shapes and a hash of up to 32 samples spread over them. Of other objects: the number of batches.
    """
    if not isinstance(batches, ArrayBatches) or batches.y is None:
        return f"{len(batches)} batches"
    which = torch.linspace(0, len(batches.x) - 1, min(_SAMPLES, len(batches.x))).long()
    digest = hashlib.sha256()
    for array in (batches.x, batches.y):
        digest.update(_gather(array, which, torch.float64).cpu().numpy().tobytes())
    return f"{tuple(batches.x.shape)} -> {tuple(batches.y.shape)}, {digest.hexdigest()[:16]}"
