"""A series on a regular time grid: one row per step, NaN where nothing was measured."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """A multivariate series on a regular grid, so that a gap never shortens time."""

    name: str  #: what it is; a generated series carries the word *synthetic* here
    values: Floats  #: measurements ``(time, feature)``, read-only, NaN where missing
    columns: tuple[str, ...]
    units: tuple[str, ...]
    start: np.datetime64  #: time stamp of row 0
    step: np.timedelta64  #: time between two rows

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64).view()
        if values.ndim != 2 or 0 in values.shape or not values.shape[1] == len(self.columns) == len(self.units):
            raise DataError(
                f"values must be (time, feature) with a column and a unit each, got the shape {values.shape}, "
                f"{len(self.columns)} columns and {len(self.units)} units."
            )
        if np.isinf(values).any():
            raise DataError(f"{self.name} holds an infinite value in row {int(np.isinf(values).any(1).argmax())}.")
        empty = [name for name, column in zip(self.columns, values.T, strict=True) if np.isnan(column).all()]
        if empty:
            raise DataError(f"{self.name} holds no value in {', '.join(empty)}: every entry is missing.")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Time stamp of each row, ``(time,)``."""
        return self.start + np.arange(len(self)) * self.step

    @property
    def fingerprint(self) -> str:
        """SHA-256 of name, grid, columns and values, equal for equal series on every machine."""
        # NaN has many bit patterns; all of them mean the same here.
        canonical = np.where(np.isnan(self.values), np.nan, self.values).astype("<f8")
        head = "|".join((self.name, str(self.start), str(self.step), *self.columns, *self.units, str(canonical.shape)))
        return hashlib.sha256(head.encode() + canonical.tobytes()).hexdigest()

    def index(self, column: str) -> int:
        """Position of a column on the feature axis; a `DataError` if there is none of that name."""
        if column not in self.columns:
            raise DataError(f"{self.name} has no column {column!r}: choose from {', '.join(self.columns)}.")
        return self.columns.index(column)

    def select(self, *columns: str) -> "Series":
        """The series with some of its columns, in the order asked for; a `DataError` names an unknown one."""
        which = [self.index(column) for column in columns]
        units = tuple(self.units[i] for i in which)
        return replace(self, values=self.values[:, which], columns=columns, units=units)


def _stretches(missing: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8))).astype(np.int64)
    return edges[::2], edges[1::2] - edges[::2]


def gaps(series: Series) -> str:
    """What is missing, in a sentence; a row counts as missing where any feature is."""
    missing = np.asarray(np.isnan(series.values).any(axis=1))
    _, lengths = _stretches(missing)
    return (
        f"{missing.sum():,} of {len(series):,} rows missing ({missing.mean():.2%}) "
        f"in {len(lengths):,} gaps, the longest of {lengths.max(initial=0):,} rows"
    ).replace("%)", " %)")


def fill_short_gaps(series: Series, *, limit: int, method: Literal["previous", "linear"] = "previous") -> Series:
    """Fill gaps of at most ``limit`` rows, 1 or more; longer ones, and those at either end, stay missing.

    ``previous`` repeats the last value before the gap: it knows nothing of what follows. ``linear`` draws a line to
    the first value *after* the gap. A window that ends in such a gap has seen a part of its own target, so a score on
    linearly filled windows is too good.
    """
    if limit < 1 or method not in ("previous", "linear"):
        raise DataError(f"limit must be at least 1 and method 'previous' or 'linear', got {limit} and {method!r}.")
    values = series.values.copy()
    for column in values.T:
        for start, length in zip(*_stretches(np.isnan(column)), strict=True):
            end = start + length
            if length <= limit and start > 0 and end < len(column):
                last = column[end] if method == "linear" else column[start - 1]
                column[start:end] = np.linspace(column[start - 1], last, length + 2)[1:-1]
    return replace(series, values=values)
