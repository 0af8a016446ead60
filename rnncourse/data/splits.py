"""Training, validation and test in the order of time, scaled by what training saw."""

from dataclasses import dataclass, replace

import numpy as np

from rnncourse.data.errors import DataError
from rnncourse.data.series import Floats, Series
from rnncourse.data.windows import Windows, make_windows


@dataclass(frozen=True, eq=False)
class Scaler:
    """Standardisation of each feature: ``(value - mean) / std``.

    Attributes:
        mean: mean of each feature, ``(feature,)``, in the units of the series.
        std: standard deviation of each feature (divided by the number of values), ``(feature,)``, positive.
    """

    mean: Floats
    std: Floats

    def transform(self, series: Series) -> Series:
        """The series in standard deviations from the mean.

        Args:
            series: ``(time, feature)``, with as many features as the scaler saw.

        Returns:
            A series of the same shape, its units ``sd``.
        """
        values = (series.values - self.mean) / self.std
        return replace(series, values=values, units=("sd",) * len(series.columns))

    def inverse(self, values: Floats, column: int = 0) -> Floats:
        """Predictions or targets of one feature, back in its units.

        Args:
            values: standardised numbers of any shape.
            column: the feature they belong to.

        Returns:
            An array of the same shape, in the units of the series.
        """
        restored: Floats = np.asarray(values) * self.std[column] + self.mean[column]
        return restored


def fit_scaler(series: Series, *, rows: int) -> Scaler:
    """Mean and standard deviation of the first rows; missing entries do not count.

    Args:
        series: ``(time, feature)``.
        rows: how many rows to read, from the beginning: those of training.

    Returns:
        The scaler. What comes after ``rows`` has no influence on it.

    Raises:
        DataError: there are not that many rows, or a feature is constant or missing in all of them.
    """
    if not 1 <= rows <= len(series):
        raise DataError(f"rows must lie between 1 and the {len(series)} rows of {series.name}, got {rows}.")
    seen = series.values[:rows]
    for name, column in zip(series.columns, seen.T, strict=True):
        known = column[np.isfinite(column)]
        if not len(known) or known.min() == known.max():
            what = "constant" if len(known) else "missing"
            raise DataError(f"{name} is {what} in the first {rows} rows of {series.name}: it cannot be standardised.")
    return Scaler(np.nanmean(seen, axis=0), np.nanstd(seen, axis=0))


@dataclass(frozen=True, eq=False)
class Split:
    """One forecasting task: three sets of windows that follow one another in time.

    Attributes:
        train: windows to fit on.
        validation: windows to select a model on; may be empty.
        test: windows to score once.
        scaler: standardisation, fitted on the rows of training alone.
        train_rows: number of rows that training saw: none of its inputs or targets lies at or after this row.
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

    Args:
        series: ``(time, feature)``, in its own units.
        window: rows of one window, at least 1.
        horizon: rows from the last row of a window to its target, at least 1.
        target: column to predict; without it, the first.
        train: share of the rows for training.
        validation: share of the rows for validation, 0 for none; the rest is for the test.

    Returns:
        The windows of the three parts, standardised by the rows of training.

    Raises:
        DataError: the shares leave no row for training or test, a part holds no window, or as for `make_windows`.
    """
    if not (0 < train < 1 and 0 <= validation < 1 and train + validation < 1):
        raise DataError(f"train and validation must be shares that leave some for the test, got {train}, {validation}.")
    # Rounded first: 0.7 + 0.15 is a little less than 0.85 in binary.
    first, second = (int(round(share * len(series), 6)) for share in (train, train + validation))
    make_windows(series, window=window, horizon=horizon, target=target)  # its complaints come first
    scaler = fit_scaler(series, rows=first)
    windows = make_windows(scaler.transform(series), window=window, horizon=horizon, target=target)
    split = Split(
        windows.between(0, first),
        windows.between(first, second),
        windows.between(second, len(series)),
        scaler,
        first,
    )
    for name, part in (("train", split.train), ("test", split.test)):
        if not len(part):
            raise DataError(f"no window of {window} rows has its target in the {name} part of {series.name}.")
    return split
