"""What chapter 3.2 shows of the household before it trains: the load, its jumps, and persistence's error where it lies.

``next-minute-house`` keeps means over five minutes or more, counts and errors, and no measured value.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.experiments.ch32_next_minute import DAY, JUMP, Floats, Source, minutes, split_of
from rnncourse.baselines import Baseline, LinearAutoregression, Persistence
from rnncourse.data import Windows, load_power, synthetic_power
from rnncourse.studies import Scale, Study

SHOWN = 9  # day of the series that is drawn, from 0: a Wednesday in January; its week begins two days before
STRETCH = 27  # days: as many as the test part has, and a few hours
STEPS = (1, 2, 5, 10, 15, 30, 60)  # minutes in a row of the series
EDGES = np.concatenate(([0.0], np.geomspace(0.01, 10.24, 21)))  # of changes, in standard deviations


@dataclass(frozen=True, kw_only=True)
class HouseConfig:
    """One run: nothing is drawn at random."""

    seed: int
    source: Source


def run_house(config: HouseConfig, device: str) -> dict[str, Any]:
    """Describe the series and its split.

    Returns:
        In kW: ``day`` in means of five minutes, ``week`` of half an hour, ``days`` of a day; ``mean`` and ``std`` of
        the training part. Rows of the parts and windows in them, rows that are ``missing`` and that stay ``open``
        after short gaps are filled. What `changes`, `persistence` and `by_step` say.
    """
    series, split = minutes(config.source), split_of(config.source, 0, 60)
    raw = load_power() if config.source == "household" else synthetic_power(days=14)
    values, monday = series.values[:, 0], (SHOWN - 2) * DAY
    rows = len(values)
    return {
        "day": means(values[SHOWN * DAY : (SHOWN + 1) * DAY], 5),
        "week": means(values[monday : monday + 7 * DAY], 30),
        "days": means(values, DAY),
        "mean": float(split.scaler.mean[0]),
        "std": float(split.scaler.std[0]),
        "cuts": [split.train_rows, int(round(0.85 * rows, 6))],
        "rows": rows,
        "missing": int(np.isnan(raw.values).sum()),
        "open": int(np.isnan(values).sum()),
        "train_windows": len(split.train),
        "validation_windows": len(split.validation),
        "test_windows": len(split.test),
        "test_days": len(np.unique(split.test.times.astype("datetime64[D]"))),
        **changes(split.train),
        **persistence(config.source),
        "by_step": by_step(values),
    }


def means(values: Floats, size: int) -> list[float]:
    """Means of so many rows each; of a part without a known value NaN."""
    parts = values[: len(values) // size * size].reshape(-1, size)
    known = np.isfinite(parts).sum(axis=1)
    sums = np.nansum(parts, axis=1)
    return np.where(known, sums / np.maximum(known, 1), np.nan).tolist()  # type: ignore[no-any-return]


def changes(windows: Windows) -> dict[str, Any]:
    """Sizes of the changes from the last row of a window to its target: counts between `EDGES`, and their shares.

    ``jumps`` is the share of changes above `JUMP`; ``jump_squares`` and ``jump_sizes`` are these changes' shares of the
    sum of all squares and of all sizes, that is of persistence's two errors.
    """
    values = windows.series.values[:, 0]
    size = np.abs(windows.targets[:, 0] - values[windows.target_rows - windows.horizon])
    jump = size > JUMP
    return {
        "changes": np.histogram(np.minimum(size, EDGES[-1]), EDGES)[0].tolist(),
        "jumps": float(jump.mean()),
        "jump_squares": float((size[jump] ** 2).sum() / (size**2).sum()),
        "jump_sizes": float(size[jump].sum() / size.sum()),
    }


def persistence(source: Source) -> dict[str, Any]:
    """Errors of persistence and AR on the validation part, and of persistence on every stretch of `STRETCH` days."""
    split = split_of(source, 0, 60)
    found: dict[str, Any] = {}
    models: dict[str, Baseline] = {"persistence": Persistence(), "ar": LinearAutoregression(60)}
    for name, model in models.items():
        errors = model.fit(split.train).predict(split.validation) - split.validation.targets
        found[f"validation_{name}"] = float(np.mean(errors**2))
    values = split.train.series.values[:, 0]
    step = np.diff(values)
    per_day = step[: len(step) // DAY * DAY].reshape(-1, DAY)
    length = min(STRETCH, len(per_day) - 1)
    for name, error in {"mse": per_day**2, "mae": np.abs(per_day)}.items():
        sums, known = np.nansum(error, axis=1), np.isfinite(error).sum(axis=1)
        found[f"stretch_{name}"] = [
            float(sums[first : first + length].sum() / known[first : first + length].sum())
            for first in range(len(per_day) - length + 1)
        ]
    return found


def by_step(values: Floats) -> list[float]:
    """Test MSE of persistence where a row of the series is the mean of so many minutes: `STEPS`, each standardised."""
    found = []
    for size in STEPS:
        rows: NDArray[np.float64] = np.array(means(values, size))
        cut, last = round(0.7 * len(rows)), round(0.85 * len(rows))
        std = np.nanstd(rows[:cut])
        found.append(float(np.nanmean((np.diff(rows[last:]) / std) ** 2)))
    return found


def house_grid(scale: Scale, seeds: int) -> list[HouseConfig]:
    """One run."""
    return [HouseConfig(seed=0, source="household" if scale == "full" else "synthetic")]


HOUSE = Study(
    name="next-minute-house",
    about="what does the house draw, how does it jump, and what is persistence's error where?",
    seeds=1,
    grid=house_grid,
    run=run_house,
    data=lambda scale: minutes("household" if scale == "full" else "synthetic").fingerprint,
    notes="Means over five minutes or more, counts and errors: no measured value is kept.",
)

STUDIES = (HOUSE,)
