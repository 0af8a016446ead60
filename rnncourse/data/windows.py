"""Windows on a series: views that skip gaps, cut in the order of time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self, overload

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rnncourse.data.errors import DataError
from rnncourse.data.series import Floats, Series


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one series with their targets, in the order of time.

    Window ``k`` reads rows ``starts[k] … starts[k] + window - 1`` and its target is ``horizon`` rows after its last
    one. No row of an input and no target is missing. Nothing is copied until `inputs` has to gather across a gap.

    Attributes:
        series: what the windows look at.
        window: rows of one window.
        horizon: rows from the last row of a window to its target, at least 1.
        starts: first row of each window, ``(n,)``, increasing.
        target: columns to predict, indices on the feature axis.
    """

    series: Series
    window: int
    horizon: int
    starts: NDArray[np.int64]
    target: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, which: slice) -> Self: ...
    @overload
    def __getitem__(self, which: NDArray[np.bool_]) -> Self: ...
    def __getitem__(self, which: slice | NDArray[np.bool_]) -> Self:
        """Some of the windows, in the same order: ``windows[:800]``, ``windows[::4]``, ``windows[mask]``."""
        return replace(self, starts=self.starts[which])

    @property
    def every(self) -> Floats:
        """Read-only view of *all* windows, gaps included: ``(time - window + 1, window, feature)``."""
        return np.moveaxis(sliding_window_view(self.series.values, self.window, axis=0), -1, 1)

    @property
    def target_rows(self) -> NDArray[np.int64]:
        """Row of each target in the series, ``(n,)``."""
        return self.starts + (self.window - 1 + self.horizon)

    @property
    def inputs(self) -> Floats:
        """Inputs ``(n, window, feature)``: a view where the windows follow one another evenly, else gathered."""
        spacing = self._spacing
        if spacing:
            return self.every[self.starts[0] : self.starts[-1] + 1 : spacing]
        return self.every[self.starts]

    @property
    def targets(self) -> Floats:
        """Targets ``(n, outputs)``, one output per column in ``target``."""
        return self.series.values[self.target_rows[:, None], self.target]

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Time stamp of each target, ``(n,)``."""
        return self.series.start + self.target_rows * self.series.step

    @property
    def _spacing(self) -> int:
        """Rows between neighbouring windows where that is the same all along, else 0."""
        if len(self) < 2:
            return len(self)
        steps = np.diff(self.starts)
        return int(steps[0]) if (steps == steps[0]).all() else 0

    def stretches(self) -> Iterator["Windows"]:
        """The windows between one gap and the next; `inputs` of each is a view and copies nothing.

        Yields:
            Windows of consecutive starts.
        """
        breaks = np.flatnonzero(np.diff(self.starts) != 1) + 1
        for starts in np.split(self.starts, breaks):
            if len(starts):
                yield replace(self, starts=starts)

    def between(self, first: int, last: int) -> "Windows":
        """The windows whose *target* lies in rows ``first`` to ``last - 1``.

        Their inputs may reach back before ``first``: the past is known when a forecast is made.

        Args:
            first: first row.
            last: row after the last one.

        Returns:
            Those windows, perhaps none.
        """
        return self[(self.target_rows >= first) & (self.target_rows < last)]


def make_windows(series: Series, *, window: int, horizon: int = 1, target: str | None = None) -> Windows:
    """All windows of a series that hold no missing value.

    Args:
        series: any series, ``(time, feature)``.
        window: rows of one window, at least 1.
        horizon: rows from the last row of a window to its target, at least 1.
        target: column to predict; without it, the first.

    Returns:
        The windows, ``inputs`` of shape ``(n, window, feature)`` and ``targets`` of shape ``(n, 1)``.

    Raises:
        DataError: a number is below 1, the series is shorter than a window and its target, or each window meets a gap.
    """
    for name, value in (("window", window), ("horizon", horizon)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise DataError(f"{name} must be a whole number of rows, at least 1, got {value!r}.")
    needed = window + horizon
    if needed > len(series):
        raise DataError(
            f"a window of {window} rows with its target {horizon} ahead needs {needed} rows, "
            f"but {series.name} has {len(series)}: choose a shorter window."
        )
    column = 0 if target is None else series.index(target)
    whole = np.isfinite(series.values).all(axis=1)
    before = np.concatenate(([0], np.cumsum(whole)))
    n = len(series) - needed + 1
    complete = before[window : window + n] - before[:n] == window
    known = np.isfinite(series.values[needed - 1 :, column])
    starts = np.flatnonzero(complete & known).astype(np.int64)
    if not len(starts):
        raise DataError(f"every window of {window} rows of {series.name} meets a missing value: fill or shorten.")
    return Windows(series, int(window), int(horizon), starts, (column,))
