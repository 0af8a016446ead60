"""Sparse events: one pulse, where and what it says; and what a reader that never misses must look at."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data.errors import DataError
from rnncourse.data.events import PULSES, least_looks, sparse_events


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_without_noise_there_is_one_pulse_and_nothing_else(steps, lasts, seed) -> None:
    if lasts > steps:
        with pytest.raises(DataError, match="lasts must lie between 1 and"):
            sparse_events(3, np.random.default_rng(seed), steps=steps, lasts=lasts)
        return
    made = sparse_events(12, np.random.default_rng(seed), steps=steps, lasts=lasts, noise=0.0)
    assert made.inputs.shape == (12, steps, 2)
    assert made.inputs.dtype == np.float32
    for row, kind, start in zip(made.inputs, made.kinds, made.starts, strict=True):
        expected = np.zeros((steps, 2))
        expected[start : start + lasts] = [1 if kind >= 2 else -1, 1 if kind % 2 else -1]
        np.testing.assert_array_equal(row, expected)


def test_all_kinds_and_starts_occur_and_noise_is_noise() -> None:
    made = sparse_events(5000, np.random.default_rng(0), steps=10, lasts=3)
    assert set(made.kinds) == set(range(PULSES))
    assert set(made.starts) == set(range(8))
    quiet = sparse_events(5000, np.random.default_rng(0), steps=10, lasts=3, noise=0.0)
    assert np.std(made.inputs - quiet.inputs) == pytest.approx(0.1, rel=0.02)
    assert len(made) == 5000


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_the_least_looks_are_those_of_the_patient_reader(steps, lasts) -> None:
    if lasts > steps:
        with pytest.raises(DataError, match="lasts"):
            least_looks(steps=steps, lasts=lasts)
        return
    looks = []
    for start in range(steps - lasts + 1):
        at, seen = 0, 1
        while not start <= at < start + lasts:
            at, seen = at + lasts, seen + 1
        assert at < steps
        looks.append(seen)
    assert least_looks(steps=steps, lasts=lasts) == pytest.approx(np.mean(looks) / steps)


def test_bad_counts_are_named() -> None:
    with pytest.raises(DataError, match="count must be at least 1, got 0"):
        sparse_events(0, np.random.default_rng(0))
