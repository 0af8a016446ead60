"""A series on a regular time grid: one row per step, NaN where nothing was measured."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """A multivariate series on a regular grid.

    A step without a measurement is a row of NaN, so that a gap never shortens time.

    Attributes:
        name: what the series is; a generated series carries the word *synthetic* here.
        values: measurements ``(time, feature)``, float64, read-only, in ``units``; NaN where missing.
        columns: name of each feature.
        units: unit of each feature, such as ``kW``.
        start: time stamp of row 0.
        step: time between two rows.
        synthetic: whether the values were generated and not measured.

    Raises:
        DataError: the shapes disagree, a value is infinite, or a column holds no value at all.
    """

    name: str
    values: Floats
    columns: tuple[str, ...]
    units: tuple[str, ...]
    start: np.datetime64
    step: np.timedelta64
    synthetic: bool = False

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64).view()
        if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] == 0:
            raise DataError(f"values must be (time, feature) with at least one of each, got shape {values.shape}.")
        if not values.shape[1] == len(self.columns) == len(self.units):
            raise DataError(
                f"values of shape {values.shape} need {values.shape[1]} columns and units, "
                f"got {len(self.columns)} and {len(self.units)}."
            )
        if np.isinf(values).any():
            raise DataError(f"{self.name} holds an infinite value in row {int(np.isinf(values).any(1).argmax())}.")
        empty = np.asarray(np.isnan(values).all(axis=0))
        if empty.any():
            missing = ", ".join(name for name, none in zip(self.columns, empty, strict=True) if none)
            raise DataError(f"{self.name} holds no value in {missing}: every entry is missing.")
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
        """Position of a column.

        Args:
            column: its name.

        Returns:
            Its index on the feature axis.

        Raises:
            DataError: there is no such column.
        """
        if column not in self.columns:
            raise DataError(f"{self.name} has no column {column!r}: choose from {', '.join(self.columns)}.")
        return self.columns.index(column)

    def select(self, *columns: str) -> "Series":
        """The series with some of its columns.

        Args:
            columns: their names, in the wished order.

        Returns:
            A series of shape ``(time, len(columns))``.

        Raises:
            DataError: there is no such column.
        """
        which = [self.index(column) for column in columns]
        units = tuple(self.units[i] for i in which)
        return replace(self, values=self.values[:, which], columns=columns, units=units)

    def between(self, first: int, last: int) -> "Series":
        """Rows ``first`` to ``last - 1``, on their own grid.

        Args:
            first: first row.
            last: row after the last one.

        Returns:
            A series of ``last - first`` rows, a view.

        Raises:
            DataError: the range is empty or outside the series.
        """
        if not 0 <= first < last <= len(self):
            raise DataError(f"rows {first} to {last} are not a stretch of the {len(self)} rows of {self.name}.")
        return replace(self, values=self.values[first:last], start=self.start + first * self.step)
