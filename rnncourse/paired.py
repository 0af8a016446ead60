"""Many models against one, run by run: is the difference more than chance, and how large is it?

Made for scores of a few seeds, which are often far from normal: a network learns a task or it does not. So nothing
here assumes a distribution, and no effect is divided by a spread that may be zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.metrics import Interval, difference_over_seeds

__all__ = ["Comparison", "cliffs_delta", "compare", "holm", "sign_flip_test"]

Floats = NDArray[np.float64]
_MOST = 20


@dataclass(frozen=True)
class Comparison:
    """One model against the reference.

    Attributes:
        difference: mean of the model's scores minus the reference's, with an interval over seeds.
        p: probability of a mean difference at least as large, were the sign of each pair's difference a coin's.
        adjusted_p: the same after Holm's correction for all models compared.
        delta: Cliff's delta of the model's scores against the reference's.
    """

    difference: Interval
    p: float
    adjusted_p: float
    delta: float


def compare(reference: ArrayLike, models: Mapping[str, ArrayLike]) -> dict[str, Comparison]:
    """Compare several models with one, paired by run.

    Args:
        reference: its scores, one per seed, ``(seeds,)``.
        models: scores of each model for the same seeds, in the same order.

    Returns:
        A comparison per model, in the order given.

    Raises:
        ValueError: there is no model, or scores are not paired, not finite, fewer than 2 or more than 20.
    """
    if not models:
        raise ValueError("models is empty: give the scores of at least one model to compare.")
    tests = {name: sign_flip_test(scores, reference) for name, scores in models.items()}
    adjusted = dict(zip(tests, holm(list(tests.values())), strict=True))
    return {
        name: Comparison(
            difference_over_seeds(scores, reference), tests[name], adjusted[name], cliffs_delta(scores, reference)
        )
        for name, scores in models.items()
    }


def sign_flip_test(first: ArrayLike, second: ArrayLike) -> float:
    """Exact paired permutation test of a mean difference, two-sided.

    If the two models differed by chance alone, each pair's difference could as well have had the other sign. All
    ``2 ** n`` ways to choose the signs are tried. With 10 pairs the smallest possible result is 2/1024.

    Args:
        first: scores of one model, ``(n,)``, n from 2 to 20.
        second: scores of the other in the same runs, ``(n,)``.

    Returns:
        Share of sign choices whose mean difference is at least as far from 0 as the one seen.

    Raises:
        ValueError: the scores are not paired, not finite, or too few or too many.

    Source: Fisher (1935), The design of experiments, section 21.
    """
    one, two = _scores(first, "first"), _scores(second, "second")
    if len(one) != len(two):
        raise ValueError(f"first and second must be paired run by run, got {len(one)} and {len(two)} scores.")
    if len(one) > _MOST:
        raise ValueError(f"the exact test tries all signs, too many for {len(one)} pairs: give at most {_MOST}.")
    difference = one - two
    sums = np.zeros(1)
    for value in difference:
        sums = np.concatenate((sums + value, sums - value))
    # Equal differences in another order may sum to a little less.
    rounding = 1e-9 * np.abs(difference).sum()
    return float(np.mean(np.abs(sums) >= np.abs(difference.sum()) - rounding))


def holm(p_values: ArrayLike) -> Floats:
    """Holm's correction: p-values adjusted so that the chance of *any* false alarm among them keeps to the level.

    Args:
        p_values: one per comparison, ``(m,)``, each from 0 to 1.

    Returns:
        Adjusted p-values in the same order, ``(m,)``, each from 0 to 1.

    Raises:
        ValueError: there are none, or one is no probability.

    Source: Holm (1979).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values must be one list of probabilities from 0 to 1, got {p_values!r}.")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def cliffs_delta(first: ArrayLike, second: ArrayLike) -> float:
    """Cliff's delta: how often one model's score is above the other's, less how often it is below.

    Every run of one is set against every run of the other, whatever its seed.

    Args:
        first: scores of one model, ``(n,)``.
        second: scores of the other, ``(m,)``.

    Returns:
        From -1, where all of ``first`` lie below all of ``second``, to 1; ties count for neither.

    Raises:
        ValueError: scores are not finite or fewer than 2.

    Source: Cliff (1993), Dominance statistics.
    """
    one, two = _scores(first, "first"), _scores(second, "second")
    return float(np.mean(np.sign(one[:, None] - two)))


def _scores(scores: ArrayLike, name: str) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"{name} must be one score per run, at least 2, got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, but holds NaN or infinity.")
    return values
