"""Errors and intervals: known answers, other programs' answers, coverage, refusals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rnncourse import statistics
from rnncourse.statistics import (
    Interval,
    bootstrap_over_blocks,
    mae,
    mse,
    rmse,
    sign_flip_test,
    skill,
    skill_over_blocks,
    t_over_seeds,
)
from tests.closeness import assert_close_ulp
from tests.refusals import refusing

PAIRS = st.lists(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), min_size=2, max_size=9)


# --- errors


def test_errors_by_hand() -> None:
    prediction, target = [1.0, 2.0, 5.0], [1.0, 4.0, 1.0]
    assert (mse(prediction, target), mae(prediction, target)) == (20 / 3, 2.0)
    assert_close_ulp([rmse(prediction, target)], [(20 / 3) ** 0.5], 1)
    assert skill([1.0, 1.0], [0.0, 0.0], reference=[2.0, 2.0]) == 0.5


# --- intervals


def test_blocks_are_stretches_of_the_circle() -> None:
    """Every resampled mean is a mean of whole circular blocks and one remainder."""
    losses = np.arange(7.0)[:, None] ** 2
    circle = np.concatenate((losses, losses))[:, 0]
    sums = {
        circle[a : a + 3].sum() + circle[b : b + 3].sum() + circle[c]
        for a in range(7)
        for b in range(7)
        for c in range(7)
    }
    means = statistics._block_means(losses, 3)[:, 0]
    assert set(np.rint(means * 7)) <= sums
    assert len(set(means.round(9))) > 30
    assert statistics._block_means(losses, 7) == pytest.approx(losses.mean(), rel=1e-12)


def test_pairing_removes_what_both_share() -> None:
    shared = np.random.default_rng(0).gamma(1, 5, 400)
    better = bootstrap_over_blocks(shared, shared + 0.1, block=20)
    assert (better.estimate, better.low, better.high) == pytest.approx((-0.1, -0.1, -0.1), abs=1e-9)
    unpaired = bootstrap_over_blocks(shared, shared[::-1], block=20)
    assert unpaired.low < 0 < unpaired.high
    assert str(Interval(0.12345, -1.0, 2.0)) == "0.1235 [-1, 2]"


def test_the_same_scores_give_the_same_interval() -> None:
    one, two = np.random.default_rng(0).random((2, 50))
    assert bootstrap_over_blocks(one, two, block=5) == bootstrap_over_blocks(one, two, block=5)


def test_skill_and_its_interval() -> None:
    rng = np.random.default_rng(1)
    reference = rng.normal(0, 1, 3000)
    interval = skill_over_blocks((0.8 * reference) ** 2, reference**2, block=50)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.2, 0.2, 0.2), abs=1e-9)
    other = rng.normal(0, 0.8, 3000)
    interval = skill_over_blocks(other**2, reference**2, block=50)
    assert interval.estimate == pytest.approx(skill(other, np.zeros(3000), reference=reference), rel=1e-12)
    assert 0 < interval.low < interval.estimate < interval.high


def coverage(intervals: list[Interval]) -> float:
    return float(np.mean([interval.low <= 0 <= interval.high for interval in intervals]))


def test_blocks_cover_where_single_windows_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 series of correlated losses (memory 0.9) with a true difference of 0, nominal 90 %. The standard error of
    a coverage is below 0.029. Single windows promise ten times the evidence there is.
    """
    shocks = np.random.default_rng(5).normal(size=(300, 700))
    losses = np.zeros((300, 700))
    for t in range(1, 700):
        losses[:, t] = 0.9 * losses[:, t - 1] + shocks[:, t]
    monkeypatch.setattr(statistics, "_DRAWS", 200)
    monkeypatch.setattr(statistics, "_LEVEL", 0.9)
    blocks, single = (
        coverage([bootstrap_over_blocks(row[100:], np.zeros(600), block=size) for row in losses]) for size in (40, 1)
    )
    assert blocks > 0.78
    assert single < 0.45


@pytest.mark.parametrize("seeds", [5, 10])
def test_coverage_over_seeds_is_what_is_said(seeds: int) -> None:
    """1,000 experiments: the standard error of a coverage is 0.007, and four of them are allowed."""
    scores = np.random.default_rng(seeds).normal(size=(1000, 2, seeds))
    assert coverage([t_over_seeds(one, two) for one, two in scores]) == pytest.approx(0.95, abs=0.03)


@settings(max_examples=60)
@given(PAIRS.filter(lambda pairs: len({a - b for a, b in pairs}) > 1))
def test_students_interval_is_scipys(pairs: Any) -> None:
    one, two = np.array(pairs, dtype=float).T
    ours, theirs = t_over_seeds(one, two), stats.ttest_rel(one, two).confidence_interval(0.95)
    assert_close_ulp([ours.low, ours.high], [theirs.low, theirs.high], 64)
    assert ours.estimate == np.mean(one - two)
    assert t_over_seeds(two, one).low == -ours.high


# --- tests


@pytest.mark.parametrize(
    ("difference", "p"),
    [
        ([1, 1, 1], 2 / 8),
        ([3, 2, -1], 4 / 8),
        ([1, -1], 1.0),
        ([0, 0, 0], 1.0),
        ([0, 0, 5], 1.0),
        ([0.1] * 10, 2 / 1024),
    ],
)
def test_the_sign_flip_test_by_hand(difference: list[float], p: float) -> None:
    assert sign_flip_test(difference, np.zeros(len(difference))) == p


@settings(max_examples=60)
@given(PAIRS)
def test_the_sign_flip_test_is_scipys_permutation_test_and_takes_no_side(pairs: Any) -> None:
    one, two = np.array(pairs, dtype=float).T
    theirs = stats.permutation_test(
        (one, two), lambda a, b: np.sum(a - b), permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    assert sign_flip_test(one, two) == sign_flip_test(two, one) == pytest.approx(theirs.pvalue)
    assert 0 < sign_flip_test(one, two) <= 1


# --- what is refused

SEEDED: Any = (t_over_seeds, sign_flip_test)


test_bad_input_is_named = refusing(
    *((lambda f=f: f(np.zeros(3), np.zeros((3, 1))), "prediction and target") for f in (mse, mae, rmse)),
    *((lambda p=p: mae(p, np.ones(len(p))), "prediction and target") for p in ([], [1.0, np.nan])),
    (lambda: skill([1.0], [1.0], reference=[1.0]), "reference makes"),
    (lambda: skill_over_blocks([1.0, 2.0], [0.0, 0.0], block=1), "reference makes"),
    *((lambda b=b: bootstrap_over_blocks([1, 2], [1, 2], block=b), "block must") for b in (0, 3)),
    *((lambda f=f: f([1, 2], [1]), "second must") for f in SEEDED),
    *((lambda f=f: f([1, 2], [1, np.nan]), "second must be finite") for f in SEEDED),
    (lambda: sign_flip_test(range(21), range(21)), "at most 20"),
)
