"""Sudden changes of a load, each with a quiet minute to compare with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.splits import Split

__all__ = ["AFTER", "AT", "BEFORE", "WINDOW", "Events", "find_events", "threshold"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

WINDOW = 60
BEFORE, AFTER = 20, 20  # minutes shown on either side of a jump
AT = WINDOW - 1 - AFTER  # step of a stretch at which the jump is read
QUANTILE = 0.99


@dataclass(frozen=True, eq=False)
class Events:
    """Jumps of one direction and a control for each.

    Attributes:
        rows: row at which the new load is read, ``(n,)``.
        controls: row of the matching minute without a jump, ``(n,)``.
    """

    rows: Rows
    controls: Rows


def threshold(split: Split, quantile: float = QUANTILE) -> float:
    """Smallest change between neighbouring minutes that counts as a jump, in standard deviations of training.

    Args:
        split: a forecasting task of one feature.
        quantile: of the absolute changes in the training part.

    Returns:
        That quantile; what follows the training part has no influence on it.
    """
    seen = split.train.series.values[: split.train_rows, 0]
    return float(np.nanquantile(np.abs(np.diff(seen)), quantile))


def find_events(split: Split, limit: float) -> dict[str, Events]:
    """Jumps of the test part after twenty quiet minutes, upward and downward, with their controls.

    Args:
        split: a forecasting task of one feature, its windows at least `WINDOW` long.
        limit: smallest change that counts, from `threshold`.

    Returns:
        ``up`` and ``down``.

    Raises:
        ValueError: a direction has no jump, or an hour with a jump has no stretch without one.
    """
    series = split.test.series
    values = series.values[:, 0]
    change = np.diff(values, prepend=np.nan)
    jump = np.abs(change) > limit
    jumps = np.concatenate(([0], np.cumsum(jump)))
    candidates = np.arange(split.test.target_rows[0] + AT, len(values) - AFTER)
    whole = np.concatenate(([0], np.cumsum(np.isfinite(values))))
    candidates = candidates[whole[candidates + AFTER + 1] - whole[candidates - AT] == WINDOW]
    steady = candidates[jumps[candidates] == jumps[candidates - BEFORE]]
    quiet = steady[jumps[steady + AFTER + 1] == jumps[steady]]
    sudden = steady[jump[steady]]
    hours = (series.start + np.arange(len(values)) * series.step).astype("datetime64[h]").astype(np.int64) % 24
    found = {"up": sudden[change[sudden] > 0], "down": sudden[change[sudden] < 0]}
    for name, rows in found.items():
        if not len(rows):
            raise ValueError(f"the test part of {series.name} has no {name}ward jump beyond {limit:.3g}: use more.")
    return {name: Events(rows, _match(rows, quiet, values, hours)) for name, rows in found.items()}


def _match(rows: Rows, quiet: Rows, values: Floats, hours: Rows) -> Rows:
    """For each jump the quiet minute of the same hour whose load before it is closest."""
    chosen = np.empty_like(rows)
    for hour in np.unique(hours[rows]):
        pool = quiet[hours[quiet] == hour]
        if not len(pool):
            raise ValueError(f"no stretch without a jump at hour {hour}: use more days.")
        pool = pool[np.argsort(values[pool - 1], kind="stable")]
        here = hours[rows] == hour
        levels, wanted = values[pool - 1], values[rows[here] - 1]
        right = np.clip(np.searchsorted(levels, wanted), 1, len(pool) - 1) if len(pool) > 1 else np.zeros(1, np.int64)
        left = np.maximum(right - 1, 0)
        nearer = np.where(np.abs(levels[left] - wanted) <= np.abs(levels[right] - wanted), left, right)
        chosen[here] = pool[nearer]
    return chosen
