"""Windows on a series: views that skip gaps, cut in the order of time, scaled by what training saw."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rnncourse.data.errors import DataError
from rnncourse.data.series import Floats, Series


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one series with their targets, in the order of time; no row of an input and no target is missing.

    Window ``k`` reads rows ``starts[k] … starts[k] + window - 1`` and its target is ``horizon`` rows after its last
    one, in the columns ``target``. Nothing is copied until `inputs` has to gather across a gap.
    """

    series: Series
    window: int
    horizon: int
    starts: NDArray[np.int64]
    target: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, which: slice | NDArray[np.bool_]) -> Self:
        """Some of the windows, by a slice or a mask."""
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
        spacing = np.diff(self.starts[:2]).sum() or 1
        if len(self) and spacing > 0 and (np.diff(self.starts) == spacing).all():
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

    def between(self, first: int, last: int) -> "Windows":
        """The windows whose *target* lies in rows ``first`` to ``last - 1``; inputs may reach back before them."""
        return self[(self.target_rows >= first) & (self.target_rows < last)]


def make_windows(series: Series, *, window: int, horizon: int = 1, target: str | None = None) -> Windows:
    """All windows of so many rows that hold no missing value; a `DataError` where there is none.

    ``horizon`` is the number of rows from the last one of a window to its target, in the column ``target``, else the
    first.
    """
    for name, value in {"window": window, "horizon": horizon}.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise DataError(f"{name} must be a whole number of rows, at least 1, got {value!r}.")
    needed = window + horizon
    if needed > len(series):
        raise DataError(f"a window and its target need {needed} rows, but {series.name} has {len(series)}: shorten it.")
    column = 0 if target is None else series.index(target)
    known = np.isfinite(series.values)
    complete = sliding_window_view(known.all(axis=1), window)[: len(series) - needed + 1].all(axis=1)
    starts = np.flatnonzero(complete & known[needed - 1 :, column]).astype(np.int64)
    if not len(starts):
        raise DataError(f"every window of {window} rows of {series.name} meets a missing value: fill or shorten.")
    return Windows(series, int(window), int(horizon), starts, (column,))


@dataclass(frozen=True, eq=False)
class Scaler:
    """Standardisation ``(value - mean) / std``, both ``(feature,)`` in the units of the series."""

    mean: Floats
    std: Floats

    def transform(self, series: Series) -> Series:
        """The series in standard deviations from the mean, its units ``sd``."""
        values = (series.values - self.mean) / self.std
        return replace(series, values=values, units=("sd",) * len(series.columns))

    def inverse(self, values: Floats, column: int = 0) -> Floats:
        """Standardised predictions or targets of one feature, of any shape, back in the units of the series."""
        restored: Floats = np.asarray(values) * self.std[column] + self.mean[column]
        return restored


def fit_scaler(series: Series, *, rows: int) -> Scaler:
    """Mean and standard deviation of the first ``rows`` rows, those of training; missing entries do not count."""
    if not 1 <= rows <= len(series):
        raise DataError(f"rows must lie between 1 and the {len(series)} rows of {series.name}, got {rows}.")
    seen = series.values[:rows]
    for name, column in zip(series.columns, seen.T, strict=True):
        if len(np.unique(column[np.isfinite(column)])) < 2:
            raise DataError(
                f"{name} does not vary in the first {rows} rows of {series.name}: it cannot be standardised."
            )
    return Scaler(np.nanmean(seen, axis=0), np.nanstd(seen, axis=0))


@dataclass(frozen=True, eq=False)
class Split:
    """One forecasting task: windows to fit on, to select by (perhaps none) and to score once, in the order of time.

    The scaler is fitted on the first ``train_rows`` rows; no input or target of training lies at or after this row.
    """

    train: Windows
    validation: Windows
    test: Windows
    scaler: Scaler
    train_rows: int


def chronological(
    series: Series,
    *,
    window: int,
    horizon: int = 1,
    target: str | None = None,
    train: float = 0.7,
    validation: float = 0.15,
) -> Split:
    """Standardise a series and cut its windows into training, validation and test, in the order of time.

    The cuts are rows of the series. A window belongs to the part in which its target lies, so a training window
    reads training rows only, and a test window may look back over the cut, as a forecast does.

    ``train`` and ``validation`` are shares of the rows, the rest is for the test; the others are as for `make_windows`.
    """
    if not (0 < train < 1 and 0 <= validation < 1 and train + validation < 1):
        raise DataError(f"train and validation must be shares that leave some for the test, got {train}, {validation}.")
    # Rounded first: 0.7 + 0.15 is a little less than 0.85 in binary.
    first, second = (int(round(share * len(series), 6)) for share in (train, train + validation))
    windows = make_windows(series, window=window, horizon=horizon, target=target)
    scaler = fit_scaler(series, rows=first)
    windows = replace(windows, series=scaler.transform(series))
    parts = [windows.between(*rows) for rows in ((0, first), (first, second), (second, len(series)))]
    for name, part in (("train", parts[0]), ("test", parts[2])):
        if not len(part):
            raise DataError(f"no window of {window} rows has its target in the {name} part of {series.name}.")
    return Split(parts[0], parts[1], parts[2], scaler, first)
