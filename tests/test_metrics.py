"""Metrics: known answers, refusals, and intervals that cover what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnncourse import metrics
from rnncourse.metrics import (
    Interval,
    difference_over_blocks,
    difference_over_seeds,
    mae,
    mase,
    mse,
    naive_mae,
    rmse,
    skill,
    skill_over_blocks,
)

# On a grid: no difference is so small that its square underflows.
FLOATS = arrays(np.float64, 12, elements=st.integers(-1_000_000, 1_000_000).map(lambda n: n / 10_000))


def test_by_hand() -> None:
    prediction, target = [1.0, 2.0, 5.0], [1.0, 4.0, 1.0]
    assert (mse(prediction, target), mae(prediction, target)) == (20 / 3, 2.0)
    assert rmse(prediction, target) == pytest.approx((20 / 3) ** 0.5, rel=1e-15)
    assert mase(prediction, target, train=[0.0, 1.0, 3.0, 2.0]) == pytest.approx(2 / (4 / 3), rel=1e-15)
    assert skill([1.0, 1.0], [0.0, 0.0], reference=[2.0, 2.0]) == 0.5


def test_the_scale_is_that_of_training() -> None:
    train = np.array([0.0, 2.0, np.nan, 2.0, 6.0, 9.0])
    assert naive_mae(train) == 3.0  # of 2, 4 and 3; the two pairs with a hole do not count
    assert naive_mae(train, season=2) == 3.5  # of 0 and 7
    prediction, target = np.arange(3.0), np.ones(3)
    assert mase(prediction, target, train=train) == mae(prediction, target) / 3.0


def test_persistence_on_its_own_training_series_has_mase_one() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(size=500))
    assert mase(walk[:-1], walk[1:], train=walk) == pytest.approx(1.0, rel=1e-12)


@given(prediction=FLOATS, target=FLOATS, factor=st.floats(0.1, 10), shift=st.floats(-10, 10))
@settings(deadline=None, max_examples=50)
def test_units(prediction: np.ndarray, target: np.ndarray, factor: float, shift: float) -> None:
    other = [factor * values + shift for values in (prediction, target)]
    assert mae(*other) == pytest.approx(factor * mae(prediction, target), rel=1e-9, abs=1e-9)
    assert mse(*other) == pytest.approx(factor**2 * mse(prediction, target), rel=1e-9, abs=1e-9)
    assert mae(prediction, target) <= rmse(prediction, target) * (1 + 1e-12)


@pytest.mark.parametrize("metric", [mse, mae, rmse])
def test_shapes_that_would_broadcast_are_refused(metric: object) -> None:
    with pytest.raises(ValueError, match=r"one shape, got \(3,\) and \(3, 1\)"):
        metric(np.zeros(3), np.zeros((3, 1)))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: mse([], []), "must not be empty"),
        (lambda: mae([1.0, np.nan], [1.0, 1.0]), "must be finite"),
        (lambda: naive_mae([1.0]), r"more than 1 values, got shape \(1,\)"),
        (lambda: naive_mae(np.zeros((3, 1))), r"got shape \(3, 1\)"),
        (lambda: naive_mae([1.0, 2.0], season=0), "season must be at least 1"),
        (lambda: naive_mae([2.0, 2.0]), "never changes over 1 steps"),
        (lambda: naive_mae([1.0, np.nan, 2.0]), "all such pairs are missing"),
        (lambda: skill([1.0], [1.0], reference=[1.0]), "reference makes no error"),
        (lambda: difference_over_blocks([1.0, 2.0], [1.0], block=1), "second must be one loss per item"),
        (lambda: difference_over_blocks([1.0, 2.0], [1.0, 2.0, 3.0], block=1), "paired item by item, got 2 and 3"),
        (lambda: difference_over_blocks([1.0, 2.0], [1.0, 2.0], block=3), "block must lie between 1 and the 2 losses"),
        (lambda: difference_over_blocks([1.0, 2.0], [1.0, 2.0], block=0), "block must lie"),
        (lambda: difference_over_seeds([1.0, np.inf], [1.0, 2.0]), "first must be finite"),
        (lambda: difference_over_seeds([1.0, 2.0], [1.0, 2.0], draws=0), "draws must be at least 1"),
        (lambda: difference_over_seeds([1.0, 2.0], [1.0, 2.0], level=1.0), "level must lie between 0 and 1"),
        (lambda: skill_over_blocks([1.0, 2.0], [0.0, 0.0], block=1), "reference makes no error"),
    ],
)
def test_they_refuse(call: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call()  # type: ignore[operator]


def test_blocks_are_stretches_of_the_circle() -> None:
    """Every resampled mean is a mean of whole circular blocks and one remainder."""
    losses = np.arange(7.0)[:, None] ** 2
    circle = np.concatenate((losses, losses))[:, 0]
    possible = {
        round((circle[a : a + 3].sum() + circle[b : b + 3].sum() + circle[c]) / 7, 9)
        for a in range(7)
        for b in range(7)
        for c in range(7)
    }
    means = metrics._block_means(losses, 3, 500, np.random.default_rng(0))
    assert {round(float(m), 9) for m in means[:, 0]} <= possible
    assert len(set(means[:, 0].round(9))) > 30
    assert metrics._block_means(losses, 7, 20, np.random.default_rng(0)) == pytest.approx(losses.mean(), rel=1e-12)


def test_pairing_removes_what_both_share() -> None:
    rng = np.random.default_rng(0)
    shared = rng.gamma(1, 5, 400)
    better = difference_over_blocks(shared, shared + 0.1, block=20)
    assert (better.estimate, better.low, better.high) == pytest.approx((-0.1, -0.1, -0.1), abs=1e-9)
    assert better.excludes_zero
    assert not difference_over_blocks(shared, shared[::-1], block=20).excludes_zero


def test_a_seed_fixes_the_interval() -> None:
    one, two = np.random.default_rng(0).random((2, 50))
    assert difference_over_blocks(one, two, block=5, seed=3) == difference_over_blocks(one, two, block=5, seed=3)
    assert difference_over_blocks(one, two, block=5, seed=3) != difference_over_blocks(one, two, block=5, seed=4)


def test_skill_and_its_interval() -> None:
    rng = np.random.default_rng(1)
    reference = rng.normal(0, 1, 3000)
    ours = 0.8 * reference
    interval = skill_over_blocks(ours**2, reference**2, block=50)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.2, 0.2, 0.2), abs=1e-9)
    other = rng.normal(0, 0.8, 3000)
    interval = skill_over_blocks(other**2, reference**2, block=50)
    assert interval.estimate == pytest.approx(skill(other, np.zeros(3000), reference=reference), rel=1e-12)
    assert 0 < interval.low < interval.estimate < interval.high


def _coverage(intervals: list[Interval]) -> float:
    return float(np.mean([interval.low <= 0 <= interval.high for interval in intervals]))


def test_blocks_cover_where_single_windows_do_not() -> None:
    """300 series of correlated losses (memory 0.9) with a true difference of 0, nominal 90 %. The standard error of
    a coverage is below 0.029. Single windows promise ten times the evidence there is.
    """
    rng = np.random.default_rng(5)
    shocks = rng.normal(size=(300, 700))
    losses = np.empty((300, 600))
    state = np.zeros(300)
    for t in range(700):
        state = 0.9 * state + shocks[:, t]
        if t >= 100:
            losses[:, t - 100] = state
    zero = np.zeros(600)
    blocks, single = (
        _coverage([difference_over_blocks(row, zero, block=size, draws=200, level=0.9, seed=1) for row in losses])
        for size in (40, 1)
    )
    assert blocks > 0.78
    assert single < 0.45


@pytest.mark.parametrize(("seeds", "expected"), [(5, 0.88), (10, 0.92)])
def test_coverage_over_seeds_is_what_the_docstring_says(seeds: int, expected: float) -> None:
    """1,000 experiments: the standard error of a coverage is 0.010, and three of them are allowed."""
    rng = np.random.default_rng(seeds)
    scores = rng.normal(size=(1000, 2, seeds))
    covered = _coverage([difference_over_seeds(one, two, draws=400, seed=1) for one, two in scores])
    assert covered == pytest.approx(expected, abs=0.03)
