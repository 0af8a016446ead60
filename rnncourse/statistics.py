"""Errors of forecasts, their scale, and how far to trust a difference between two models.

Over seeds, which are few: `t_over_seeds` with `sign_flip_test` beside it.
Over test items, whose neighbours are alike: `bootstrap_over_blocks`. The two answer different questions: how other
seeds might have turned out on this test set, and how another stretch of the same series might have. Shapes that do not
fit, entries that are not finite and numbers out of range are a ``ValueError``. Every interval is nominally one of 95 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_LEVEL, _DRAWS = 0.95, 2000  # of an interval, and how often a bootstrap draws


# --- errors


def mse(prediction: ArrayLike, target: ArrayLike) -> float:
    """Mean squared error over all entries of two arrays of one shape."""
    return float(np.mean(_errors(prediction, target) ** 2))


def mae(prediction: ArrayLike, target: ArrayLike) -> float:
    """Mean absolute error over all entries of two arrays of one shape."""
    return float(np.mean(np.abs(_errors(prediction, target))))


def rmse(prediction: ArrayLike, target: ArrayLike) -> float:
    """Root of the mean squared error, in the unit of the target."""
    return float(np.sqrt(mse(prediction, target)))


def skill(prediction: ArrayLike, target: ArrayLike, *, reference: ArrayLike) -> float:
    """Skill against another forecast, ``1 - RMSE / RMSE(reference)``: 1 is perfect, 0 as good as the reference."""
    if not (base := rmse(reference, target)):
        raise ValueError("reference makes no error: skill against it is not defined.")
    return 1.0 - rmse(prediction, target) / base


def _errors(prediction: ArrayLike, target: ArrayLike) -> Floats:
    predicted, wanted = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
    # (n,) against (n, 1) would broadcast to (n, n) and score nonsense.
    if predicted.shape != wanted.shape:
        raise ValueError(f"prediction and target must have one shape, got {predicted.shape} and {wanted.shape}.")
    if predicted.size == 0:
        raise ValueError(f"prediction and target must not be empty, got shape {predicted.shape}.")
    if not (np.isfinite(predicted).all() and np.isfinite(wanted).all()):
        raise ValueError("prediction and target must be finite: one of them holds NaN or infinity.")
    return predicted - wanted


# --- intervals


@dataclass(frozen=True)
class Interval:
    """An estimate from ``low`` to ``high``."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def t_over_seeds(first: ArrayLike, second: ArrayLike) -> Interval:
    """Student's t interval of the mean difference of two models' scores, ``(seeds,)`` each, paired by seed.

    Its coverage is right where the differences are normal.

    Source: Student (1908), The probable error of a mean.
    """
    from scipy.stats import t

    one, two = _pair(first, second)
    n, difference = len(one), one - two
    half = float(t.ppf((1 + _LEVEL) / 2, n - 1)) * float(difference.std(ddof=1)) / n**0.5
    estimate = float(difference.mean())
    return Interval(estimate, estimate - half, estimate + half)


def bootstrap_over_blocks(first: ArrayLike, second: ArrayLike, *, block: int) -> Interval:
    """Percentile bootstrap of the difference of two mean losses over a test series, by blocks of time.

    Errors of neighbouring windows are alike, so single windows are no independent evidence. Whole blocks are drawn
    instead, the same ones for both forecasts.

    Args:
        first: loss of one forecast on each test window, in the order of time, ``(n,)``: squared errors, say.
        second: loss of the other on the same windows, ``(n,)``.
        block: windows in a block; longer than the errors stay correlated, such as a day of minutes.

    Source: Künsch (1989); Politis & Romano (1992), circular blocks.
    """
    one, two = _pair(first, second)
    difference = one - two
    drawn = _block_means(difference[:, None], block)[:, 0]
    return _percentiles(float(difference.mean()), drawn)


def skill_over_blocks(squared: ArrayLike, reference: ArrayLike, *, block: int) -> Interval:
    """Percentile bootstrap of the `skill` of a forecast, by blocks of time.

    The arguments are those of `bootstrap_over_blocks`: squared errors of the forecast and of the reference.
    """
    one, two = _pair(squared, reference)
    drawn = _block_means(np.column_stack((one, two)), block)
    drawn = np.maximum(drawn, 0.0)  # differences of running sums can fall below zero by a rounding error
    if two.mean() <= 0 or (drawn[:, 1] <= 0).any():
        raise ValueError("reference makes no error in a whole resampled series: skill against it is not defined.")
    estimate = 1.0 - float(np.sqrt(one.mean() / two.mean()))
    return _percentiles(estimate, 1.0 - np.sqrt(drawn[:, 0] / drawn[:, 1]))


def _block_means(losses: Floats, block: int) -> Floats:
    """Means of resampled series, ``(draws, k)``, for losses ``(n, k)``: circular blocks, the same ones for all k."""
    n, rng = len(losses), np.random.default_rng(0)
    if not 1 <= block <= n:
        raise ValueError(f"block must lie between 1 and the {n} losses, got {block}.")
    sums = np.concatenate((np.zeros((1, losses.shape[1])), np.cumsum(np.concatenate((losses, losses[:block])), axis=0)))
    whole, rest = divmod(n, block)
    starts = rng.integers(n, size=(_DRAWS, whole))
    total = (sums[starts + block] - sums[starts]).sum(axis=1)
    if rest:
        last = rng.integers(n, size=_DRAWS)
        total += sums[last + rest] - sums[last]
    means: Floats = total / n
    return means


def _percentiles(estimate: float, drawn: Floats) -> Interval:
    low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(estimate, float(low), float(high))


# --- tests that assume no distribution


def sign_flip_test(first: ArrayLike, second: ArrayLike) -> float:
    """Exact paired permutation test of a mean difference, two-sided.

    If the two models differed by chance alone, each pair's difference could as well have had the other sign. All
    ``2 ** n`` ways to choose the signs are tried. With 10 pairs the smallest possible result is 2/1024.

    Scores of 2 to 20 runs of each model give the share of sign choices whose mean difference is at least as far from 0
    as the one seen.

    Source: Fisher (1935), The design of experiments, section 21.
    """
    one, two = _pair(first, second)
    if len(one) > 20:
        raise ValueError(f"the exact test tries all signs, too many for {len(one)} pairs: give at most 20.")
    difference = one - two
    sums = np.zeros(1)
    for value in difference:
        sums = np.concatenate((sums + value, sums - value))
    # Equal differences in another order may sum to a little less.
    rounding = 1e-9 * np.abs(difference).sum()
    return float(np.mean(np.abs(sums) >= np.abs(difference.sum()) - rounding))


def _scores(scores: ArrayLike, name: str) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"{name} must be one number per run or item, at least 2, got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, but holds NaN or infinity.")
    return values


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    one, two = _scores(first, "first"), _scores(second, "second")
    if len(one) != len(two):
        raise ValueError(f"first and second must be paired one by one, got {len(one)} and {len(two)}.")
    return one, two
