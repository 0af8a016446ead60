"""Paired comparisons: exact on small cases, monotone, symmetric, and plain about bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rnncourse.paired import cliffs_delta, compare, holm, sign_flip_test

SCORES = st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=8)
PAIRS = st.lists(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), min_size=2, max_size=9)


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
def test_the_sign_flip_test_by_hand(difference, p) -> None:
    assert sign_flip_test(difference, np.zeros(len(difference))) == p


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_the_sign_flip_test_is_scipys_permutation_test(pairs) -> None:
    one, two = np.array(pairs, dtype=float).T
    theirs = stats.permutation_test(
        (one, two), lambda a, b: np.sum(a - b), permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    assert sign_flip_test(one, two) == pytest.approx(theirs.pvalue)


@settings(deadline=None, max_examples=80)
@given(PAIRS)
def test_the_sign_flip_test_takes_no_side(pairs) -> None:
    one, two = np.array(pairs, dtype=float).T
    assert sign_flip_test(one, two) == sign_flip_test(two, one)
    assert 0 < sign_flip_test(one, two) <= 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.02]) == pytest.approx([0.02])


@settings(deadline=None, max_examples=80)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_order_and_lies_between_none_and_bonferroni(p) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p))).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_cliffs_delta_by_hand() -> None:
    assert cliffs_delta([1, 2], [3, 4]) == -1
    assert cliffs_delta([3, 4], [1, 2]) == 1
    assert cliffs_delta([1, 1], [1, 1]) == 0
    assert cliffs_delta([0, 2, 2], [1, 1]) == pytest.approx(1 / 3)


@settings(deadline=None, max_examples=80)
@given(SCORES, SCORES)
def test_cliffs_delta_is_what_mann_whitney_counts(one, two) -> None:
    u = stats.mannwhitneyu(one, two).statistic if len({*one, *two}) > 1 else len(one) * len(two) / 2
    assert cliffs_delta(one, two) == pytest.approx(2 * u / (len(one) * len(two)) - 1)


def test_a_comparison_holds_its_parts_together() -> None:
    reference = np.arange(10.0)
    found = compare(reference, {"worse": reference + 1, "same": reference, "better": reference - 0.5})
    assert list(found) == ["worse", "same", "better"]
    assert found["worse"].difference.estimate == 1
    assert found["worse"].p == 2 / 1024
    assert found["worse"].adjusted_p == pytest.approx(6 / 1024)
    assert found["same"].adjusted_p == 1
    assert found["better"].delta < 0 < found["worse"].delta


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sign_flip_test([1.0], [2.0]), "first must be one score per run"),
        (lambda: sign_flip_test([1, 2], [1, np.nan]), "second must be finite"),
        (lambda: sign_flip_test([1, 2], [1, 2, 3]), "paired run by run"),
        (lambda: sign_flip_test(range(21), range(21)), "at most 20"),
        (lambda: holm([]), "p_values must be one list"),
        (lambda: holm([0.2, 1.2]), "p_values must be one list"),
        (lambda: holm([np.nan]), "p_values must be one list"),
        (lambda: cliffs_delta([[1, 2]], [1, 2]), "first must be one score per run"),
        (lambda: compare([1, 2], {}), "models is empty"),
    ],
)
def test_bad_input_is_named(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
