"""Sudden changes of a load, each with a quiet minute to compare with."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.windows import Split

Rows = NDArray[np.int64]

WINDOW = 60
BEFORE, AFTER = 20, 20  # minutes shown on either side of a jump
AT = WINDOW - 1 - AFTER  # step of a stretch at which the jump is read


class Events(NamedTuple):
    """Jumps of one direction: the row at which each new load is read, and that of a matching minute without a jump."""

    rows: Rows
    controls: Rows


def threshold(split: Split, quantile: float = 0.99) -> float:
    """Smallest change between neighbouring minutes that counts as a jump: a quantile of those in the training part."""
    seen = split.train.series.values[: split.train_rows, 0]
    return float(np.nanquantile(np.abs(np.diff(seen)), quantile))


def find_events(split: Split, limit: float) -> dict[str, Events]:
    """Jumps of the test part after twenty quiet minutes, ``up`` and ``down``, with their controls.

    Args:
        split: a forecasting task of one feature, its windows at least `WINDOW` long.
        limit: smallest change that counts, from `threshold`.

    Raises:
        ValueError: a direction has no jump, or an hour with a jump has no stretch without one.
    """
    series = split.test.series
    values = series.values[:, 0]
    change = np.diff(values, prepend=np.nan)
    jump = np.abs(change) > limit
    jumps, whole = (np.concatenate(([0], np.cumsum(marks))) for marks in (jump, np.isfinite(values)))
    candidates = np.arange(split.test.target_rows[0] + AT, len(values) - AFTER)
    candidates = candidates[whole[candidates + AFTER + 1] - whole[candidates - AT] == WINDOW]
    steady = candidates[jumps[candidates] == jumps[candidates - BEFORE]]
    quiet = steady[jumps[steady + AFTER + 1] == jumps[steady]]
    sudden = steady[jump[steady]]
    hours = series.times.astype("datetime64[h]").astype(np.int64) % 24
    found = {"up": sudden[change[sudden] > 0], "down": sudden[change[sudden] < 0]}
    for name, rows in found.items():
        if not len(rows):
            raise ValueError(f"the test part of {series.name} has no {name}ward jump beyond {limit:.3g}: use more.")
        if not np.isin(hours[rows], hours[quiet]).all():
            raise ValueError(f"an hour with a jump {name} has no stretch without a jump: use more days.")
    return {name: Events(rows, _match(rows, quiet, values, hours)) for name, rows in found.items()}


def _match(rows: Rows, quiet: Rows, values: NDArray[np.float64], hours: Rows) -> Rows:
    """For each jump the quiet minute of the same hour whose load before it is closest; the lower load of equals."""
    quiet = quiet[np.argsort(values[quiet - 1], kind="stable")]
    pools = (quiet[hours[quiet] == hour] for hour in hours[rows])
    return np.array(
        [pool[np.abs(values[pool - 1] - values[row - 1]).argmin()] for row, pool in zip(rows, pools, strict=True)]
    )
