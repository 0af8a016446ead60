"""Windows and splits: views, gaps, and nothing from the future."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import DataError, Series, chronological, fit_scaler, make_windows

NAN = np.nan


def series(values: np.ndarray) -> Series:
    table = np.asarray(values, dtype=float).reshape(len(values), -1)
    names = tuple("abcdef"[: table.shape[1]])
    return Series(
        "house", table, names, ("kW",) * len(names), np.datetime64("2007-01-01T00:00"), np.timedelta64(1, "m")
    )


def test_windows_and_targets_by_hand() -> None:
    windows = make_windows(series(np.arange(6)), window=2, horizon=3)
    assert windows.inputs.tolist() == [[[0], [1]], [[1], [2]]]
    assert windows.targets.tolist() == [[4], [5]]
    assert windows.times[0] == np.datetime64("2007-01-01T00:04")


def test_inputs_are_views_without_a_gap() -> None:
    source = series(np.random.default_rng(0).normal(size=(100, 2)))
    windows = make_windows(source, window=7)
    for some in (windows, windows[:30], windows[::3], windows[5:6]):
        assert np.shares_memory(some.inputs, source.values)
        assert some.inputs.shape == (len(some), 7, 2)
        np.testing.assert_array_equal(some.inputs, np.stack([source.values[s : s + 7] for s in some.starts]))
    with pytest.raises(ValueError, match="read-only"):
        windows.inputs[0, 0, 0] = 1.0


def test_stretches_between_gaps_are_views_and_cover_every_window_once() -> None:
    values = np.arange(40.0)
    values[[12, 13, 30]] = NAN
    windows = make_windows(series(values), window=4)
    parts = list(windows.stretches())
    assert [len(part) for part in parts] == [8, 12, 5]
    assert all(np.shares_memory(part.inputs, windows.series.values) for part in parts)
    np.testing.assert_array_equal(np.concatenate([part.inputs for part in parts]), windows.inputs)
    np.testing.assert_array_equal(np.concatenate([part.targets for part in parts]), windows.targets)


@given(
    missing=st.lists(st.booleans(), min_size=8, max_size=60),
    window=st.integers(1, 5),
    horizon=st.integers(1, 3),
)
@settings(deadline=None, max_examples=80)
def test_exactly_the_complete_windows_are_there(missing: list[bool], window: int, horizon: int) -> None:
    values = np.where(missing, NAN, np.arange(len(missing), dtype=float))
    values[0] = 0.0
    expected = [
        s
        for s in range(len(values) - window - horizon + 1)
        if np.isfinite(values[s : s + window]).all() and np.isfinite(values[s + window - 1 + horizon])
    ]
    if not expected:
        with pytest.raises(DataError, match="meets a missing value"):
            make_windows(series(values), window=window, horizon=horizon)
        return
    windows = make_windows(series(values), window=window, horizon=horizon)
    assert windows.starts.tolist() == expected
    assert np.isfinite(windows.inputs).all()
    assert np.isfinite(windows.targets).all()


@pytest.mark.parametrize(
    ("window", "horizon", "complaint"),
    [
        (0, 1, "window must be a whole number of rows, at least 1, got 0"),
        (3, 0, "horizon must be a whole number of rows, at least 1, got 0"),
        (3, -1, "horizon must be"),
        (2.5, 1, "window must be a whole number"),
        (10, 1, "needs 11 rows, but house has 10: choose a shorter window"),
        (3, 8, "needs 11 rows"),
    ],
)
def test_windows_refuse(window: int, horizon: int, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        make_windows(series(np.arange(10)), window=window, horizon=horizon)


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(DataError, match="no column 'voltage'"):
        make_windows(series(np.arange(10)), window=2, target="voltage")


def test_the_parts_follow_one_another() -> None:
    split = chronological(series(np.arange(100.0)), window=5, train=0.7, validation=0.15)
    rows = [part.target_rows for part in (split.train, split.validation, split.test)]
    assert [(r[0], r[-1]) for r in rows] == [(5, 69), (70, 84), (85, 99)]
    assert split.train_rows == 70


def test_the_scaler_is_that_of_the_training_rows() -> None:
    values = np.random.default_rng(1).normal(3, 2, size=(200, 2))
    values[17, 0] = NAN
    split = chronological(series(values), window=4, target="b")
    np.testing.assert_allclose(split.scaler.mean, np.nanmean(values[:140], axis=0), rtol=1e-12)
    np.testing.assert_allclose(split.scaler.std, np.nanstd(values[:140], axis=0), rtol=1e-12)
    back = split.scaler.inverse(split.test.targets, column=1)
    np.testing.assert_allclose(back, make_windows(series(values), window=4, target="b")[-30:].targets, rtol=1e-12)


@given(
    seed=st.integers(0, 10_000),
    cut=st.integers(75, 99),
    window=st.integers(1, 8),
    horizon=st.integers(1, 4),
    holes=st.lists(st.integers(1, 99), max_size=6),
)
@settings(deadline=None, max_examples=60)
def test_changing_the_future_changes_nothing_before_it(
    seed: int, cut: int, window: int, horizon: int, holes: list[int]
) -> None:
    """Rows from ``cut`` on are replaced by others, holes included; all that ends before is bitwise the same."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(100, 2))
    values[holes] = NAN
    values[0] = 0.0
    other = values.copy()
    other[cut:] = rng.normal(50, 9, size=(100 - cut, 2))
    other[cut:][rng.random(100 - cut) < 0.3] = NAN
    other[-1] = 7.0
    try:
        one, two = (
            chronological(series(v), window=window, horizon=horizon, train=0.7, validation=0.05)
            for v in (values, other)
        )
    except DataError:  # the holes left a part without a window
        return
    np.testing.assert_array_equal(one.scaler.mean, two.scaler.mean)
    np.testing.assert_array_equal(one.scaler.std, two.scaler.std)
    for name in ("train", "validation", "test"):
        a, b = (getattr(split, name).between(0, cut) for split in (one, two))
        np.testing.assert_array_equal(a.starts, b.starts)
        np.testing.assert_array_equal(a.inputs, b.inputs)
        np.testing.assert_array_equal(a.targets, b.targets)
    assert one.train.target_rows.max() < one.train_rows == 70


def test_a_scaler_fitted_on_everything_would_be_caught() -> None:
    """The test above can fail: the whole series gives another scaler once the future changes."""
    values = np.random.default_rng(0).normal(size=(100, 1))
    other = values.copy()
    other[80:] += 9
    assert fit_scaler(series(values), rows=100).mean != fit_scaler(series(other), rows=100).mean
    assert fit_scaler(series(values), rows=80).mean == fit_scaler(series(other), rows=80).mean


def test_the_coursework_cut_counts_samples() -> None:
    windows = make_windows(series(np.arange(1461.0)), window=10)
    assert [len(windows[:800]), len(windows[800:1000]), len(windows[1000:])] == [800, 200, 451]
    assert len(windows[np.array([True] + [False] * 1450)]) == 1


@pytest.mark.parametrize(("train", "validation"), [(0.0, 0.1), (1.0, 0.0), (0.7, 0.3), (0.5, -0.1)])
def test_splits_refuse_shares(train: float, validation: float) -> None:
    with pytest.raises(DataError, match="shares"):
        chronological(series(np.arange(50)), window=3, train=train, validation=validation)


def test_a_part_without_a_window_is_named() -> None:
    with pytest.raises(DataError, match="in the train part"):
        chronological(series(np.arange(50)), window=40)
    with pytest.raises(DataError, match="window of 60 rows .* needs 61 rows"):
        chronological(series(np.arange(50)), window=60)


def test_a_column_without_spread_cannot_be_standardised() -> None:
    flat = np.where(np.arange(50) < 40, 1.0, 2.0)
    with pytest.raises(DataError, match="a is constant in the first 35 rows"):
        chronological(series(flat), window=3)
    late = np.where(np.arange(50) < 40, NAN, np.arange(50))
    with pytest.raises(DataError, match="a is missing in the first 35 rows"):
        fit_scaler(series(late), rows=35)
    with pytest.raises(DataError, match="rows must lie between 1 and the 50 rows"):
        fit_scaler(series(flat), rows=51)


def test_scaling_keeps_the_grid() -> None:
    source = series(np.arange(10.0))
    scaled = fit_scaler(source, rows=8).transform(source)
    assert (scaled.start, scaled.step, scaled.units) == (source.start, source.step, ("sd",))
    assert replace(scaled, values=source.values, units=source.units).fingerprint == source.fingerprint
