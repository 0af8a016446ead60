"""Missing stretches: counted, and filled only where somebody asks for it."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError
from rnncourse.data.series import Floats, Series

Fill = Literal["previous", "linear"]


@dataclass(frozen=True, eq=False)
class GapReport:
    """How many rows are missing, and in which stretches.

    Attributes:
        rows: rows of the series.
        missing: rows in which at least one feature is missing.
        starts: first row of each gap, ``(gaps,)``.
        lengths: rows of each gap, ``(gaps,)``.
    """

    rows: int
    missing: int
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def longest(self) -> int:
        """Rows of the longest gap, 0 without one."""
        return int(self.lengths.max(initial=0))

    def up_to(self, limit: int) -> int:
        """Number of missing rows in gaps of at most ``limit`` rows.

        Args:
            limit: length in rows.

        Returns:
            The sum of the lengths of those gaps.
        """
        return int(self.lengths[self.lengths <= limit].sum())

    def __str__(self) -> str:
        share = 100 * self.missing / self.rows
        return (
            f"{self.missing:,} of {self.rows:,} rows missing ({share:.2f} %) "
            f"in {len(self.lengths):,} gaps, the longest of {self.longest:,} rows"
        )


@dataclass(frozen=True, eq=False)
class Filled:
    """A series with its short gaps filled, and what was done.

    Attributes:
        series: the series after filling.
        filled: number of entries that were made up.
        left: number of entries that are still missing.
    """

    series: Series
    filled: int
    left: int


def _stretches(missing: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8))).astype(np.int64)
    return edges[::2], edges[1::2] - edges[::2]


def gaps(series: Series) -> GapReport:
    """Count what is missing.

    Args:
        series: any series, ``(time, feature)``.

    Returns:
        The report; a row counts as missing where any feature is.
    """
    missing = np.asarray(np.isnan(series.values).any(axis=1))
    starts, lengths = _stretches(missing)
    return GapReport(len(series), int(missing.sum()), starts, lengths)


def fill_short_gaps(series: Series, *, limit: int, method: Fill = "previous") -> Filled:
    """Fill gaps of at most ``limit`` rows; longer ones, and those at either end, stay missing.

    ``previous`` repeats the last value before the gap: it knows nothing of what follows. ``linear`` draws a line to
    the first value *after* the gap. A window that ends in such a gap has seen a part of its own target, so a score on
    linearly filled windows is too good.

    Args:
        series: any series, ``(time, feature)``.
        limit: longest gap to fill, in rows; at least 1.
        method: ``previous`` or ``linear``.

    Returns:
        The filled series, and how many entries were filled and left.

    Raises:
        DataError: ``limit`` is below 1, or the method is unknown.
    """
    if limit < 1:
        raise DataError(f"limit must be at least 1 row, got {limit}.")
    if method not in ("previous", "linear"):
        raise DataError(f"method must be 'previous' or 'linear', got {method!r}.")
    values = np.column_stack([_fill_column(column, limit, method) for column in series.values.T])
    before, after = int(np.isnan(series.values).sum()), int(np.isnan(values).sum())
    return Filled(replace(series, values=values), before - after, after)


def _fill_column(column: Floats, limit: int, method: Fill) -> Floats:
    filled = column.copy()
    for start, length in zip(*_stretches(np.isnan(column)), strict=True):
        end = start + length
        if length > limit or start == 0 or end == len(column):
            continue
        last = column[end] if method == "linear" else column[start - 1]
        filled[start:end] = np.linspace(column[start - 1], last, length + 2)[1:-1]
    return filled
