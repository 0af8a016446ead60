"""What studies of forecasts share: errors summed by day."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def daily_sums(errors: Floats, times: NDArray[np.datetime64]) -> dict[str, list[float]]:
    """Sums of errors per day, from which every mean over days can be had.

    Args:
        errors: ``(n, …)``, in standard deviations.
        times: time stamp of each, ``(n,)``, increasing.

    Returns:
        ``daily_squared``, ``daily_absolute`` and ``daily_count``: one number per day with any error.

    Raises:
        ValueError: there is no error, or not one time stamp for each.
    """
    if len(errors) != len(times) or not len(errors):
        raise ValueError(f"errors and times must be as many and at least 1, got {len(errors)} and {len(times)}.")
    _, first = np.unique(times.astype("datetime64[D]"), return_index=True)
    flat = errors.reshape(len(errors), -1)
    per_day = {"squared": flat**2, "absolute": np.abs(flat), "count": np.ones_like(flat)}
    return {f"daily_{name}": np.add.reduceat(rows.sum(axis=1), first).tolist() for name, rows in per_day.items()}
