"""Coarser steps: the mean over each hour of a series of minutes."""

from dataclasses import replace

import numpy as np

from rnncourse.data.errors import DataError
from rnncourse.data.series import Series


def resample(series: Series, step: np.timedelta64, *, least: float = 1.0) -> Series:
    """Means over longer steps, such as hours of minutes.

    A step of the result begins on a multiple of its length (a full hour); incomplete steps at either end are left
    out. A mean is missing where fewer than the share ``least`` of its rows were measured: with the default, one
    missing minute makes the hour missing.

    Args:
        series: any series, ``(time, feature)``.
        step: length of the new step, a whole multiple of the series' own.
        least: smallest share of measured rows in a step, in (0, 1].

    Returns:
        A series ``(steps, feature)`` in the same units, its stamp the beginning of the step.

    Raises:
        DataError: ``step`` is no multiple of the series' step, ``least`` is out of range, or no step is complete.
    """
    if not 0 < least <= 1:
        raise DataError(f"least must be a share in (0, 1], got {least}.")
    if step <= np.timedelta64(0, "s") or step % series.step != np.timedelta64(0, "s"):
        raise DataError(f"step must be a whole multiple of the series' step of {series.step}, got {step}.")
    factor = int(step // series.step)
    since = (series.start - np.datetime64("1970-01-01T00:00")) % step
    if since % series.step != np.timedelta64(0, "s"):
        raise DataError(f"{series.name} starts at {series.start}: none of its rows begins a step of {step}.")
    first = int((-since % step) // series.step)
    steps = (len(series) - first) // factor
    if steps < 1:
        raise DataError(f"{series.name} has {len(series)} rows, too few for one whole step of {step}.")
    blocks = series.values[first : first + steps * factor].reshape(steps, factor, -1)
    measured = np.isfinite(blocks).sum(axis=1)
    means = np.full(measured.shape, np.nan)
    np.divide(np.nansum(blocks, axis=1), measured, out=means, where=measured >= max(1.0, least * factor))
    return replace(series, values=means, start=series.start + first * series.step, step=step)


def hourly(series: Series, *, least: float = 1.0) -> Series:
    """Means over full hours.

    Args:
        series: a series with a step of at most an hour, ``(time, feature)``.
        least: smallest share of measured rows in an hour, in (0, 1].

    Returns:
        A series ``(hours, feature)``.

    Raises:
        DataError: as for `resample`.
    """
    return resample(series, np.timedelta64(60, "m"), least=least)
