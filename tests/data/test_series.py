"""Series, their gaps, their windows and splits: views, and nothing from the future."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import DataError, Series, chronological, fill_short_gaps, fit_scaler, gaps, make_windows
from tests.refusals import refusing

NAN, MINUTE = np.nan, np.timedelta64(1, "m")


def series(values: Any, start: str = "2007-01-01T00:00") -> Series:
    table = np.asarray(values, dtype=float).reshape(len(values), -1)
    names = tuple("abcdef"[: table.shape[1]])
    return Series("house", table, names, ("kW",) * len(names), np.datetime64(start), MINUTE)


def test_rows_keep_their_time_and_columns_their_units() -> None:
    both = series([[1, 4], [2, 5], [3, 6]])
    assert both.times[2] == np.datetime64("2007-01-01T00:02")
    assert both.select("b").values.tolist() == [[4], [5], [6]]
    with pytest.raises(ValueError, match="read-only"):
        both.values[0, 0] = 5


def test_the_fingerprint_follows_content_and_nothing_else() -> None:
    one = series([1, NAN, 3])
    odd = np.array([1, np.frombuffer(b"\x01\x00\x00\x00\x00\x00\xf8\xff", "<f8")[0], 3])
    assert one.fingerprint == series(odd).fingerprint == replace(one, values=odd[:, None]).fingerprint
    others = (series([1, NAN, 4]), series([1, NAN, 3], start="2007-01-02T00:00"), replace(one, columns=("z",)))
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_gaps_are_counted_over_all_features() -> None:
    report = gaps(series(np.column_stack([[1, NAN, 3, 4, NAN, NAN, 7], [1, 2, NAN, 4, 5, 6, 7]])))
    assert report == "4 of 7 rows missing (57.14 %) in 2 gaps, the longest of 2 rows"
    assert gaps(series([1, 2])) == "0 of 2 rows missing (0.00 %) in 0 gaps, the longest of 0 rows"


def test_only_short_gaps_inside_are_filled() -> None:
    holes = series([NAN, 1, NAN, NAN, 4, NAN, NAN, NAN, 8, NAN])
    line = fill_short_gaps(holes, limit=2, method="linear").values[:, 0]
    np.testing.assert_allclose(line, [NAN, 1, 2, 3, 4, NAN, NAN, NAN, 8, NAN], rtol=1e-15)
    hold = fill_short_gaps(holes, limit=3).values[:, 0]
    np.testing.assert_array_equal(hold, [NAN, 1, 1, 1, 4, 4, 4, 4, 8, NAN])
    assert np.isnan(holes.values).sum() == 7


VALUES = st.lists(st.just(NAN) | st.floats(-5, 5), min_size=2, max_size=40)


@given(values=VALUES, limit=st.integers(1, 8), cut=st.integers(1, 39))
def test_filling_from_the_past_does_not_know_the_future(values: list[float], limit: int, cut: int) -> None:
    """Changing what follows the end of a gap changes nothing up to there; a long gap is never touched."""
    values = [1.0, *values, 2.0]
    other = [*values[:cut], *(value + 3 for value in values[cut:])]
    one, two = (fill_short_gaps(series(x), limit=limit).values[:, 0] for x in (values, other))
    np.testing.assert_array_equal(one[:cut], two[:cut])
    lengths = [len(gap) for gap in "".join("?" if np.isnan(x) else " " for x in values).split()]
    assert np.isnan(one).sum() == sum(length for length in lengths if length > limit)


def test_windows_and_targets_by_hand() -> None:
    windows = make_windows(series(np.arange(6)), window=2, horizon=3)
    assert windows.inputs.tolist() == [[[0], [1]], [[1], [2]]]
    assert windows.targets.tolist() == [[4], [5]]
    assert windows.times[0] == np.datetime64("2007-01-01T00:04")
    cut = make_windows(series(np.arange(1461.0)), window=10)
    assert [len(cut[:800]), len(cut[800:1000]), len(cut[1000:]), len(cut[cut.starts < 3])] == [800, 200, 451, 3]


def test_inputs_are_views_without_a_gap() -> None:
    source = series(np.random.default_rng(0).normal(size=(100, 2)))
    windows = make_windows(source, window=7)
    for some in (windows, windows[:30], windows[::3], windows[5:6]):
        assert np.shares_memory(some.inputs, source.values)
    for some in (windows, windows[:30], windows[::3], windows[5:6], windows[::-1], windows[:0], windows[[1, 5, 6]]):
        expected = [source.values[s : s + 7] for s in some.starts]
        np.testing.assert_array_equal(some.inputs, np.reshape(expected, (len(some), 7, 2)))
    with pytest.raises(ValueError, match="read-only"):
        windows.inputs[0, 0, 0] = 1.0


@given(missing=st.lists(st.booleans(), min_size=8, max_size=60), window=st.integers(1, 5), horizon=st.integers(1, 3))
def test_exactly_the_complete_windows_are_there(missing: list[bool], window: int, horizon: int) -> None:
    values = np.where(missing, NAN, np.arange(len(missing), dtype=float))
    values[0] = 0.0
    ends = [(s, s + window) for s in range(len(values) - window - horizon + 1)]
    known = [s for s, end in ends if np.isfinite(values[s:end]).all() and np.isfinite(values[end - 1 + horizon])]
    if not known:
        with pytest.raises(DataError, match="meets a missing value"):
            make_windows(series(values), window=window, horizon=horizon)
        return
    windows = make_windows(series(values), window=window, horizon=horizon)
    assert windows.starts.tolist() == known
    assert np.isfinite(windows.inputs).all()
    assert np.isfinite(windows.targets).all()


def test_the_parts_follow_one_another_and_the_scaler_is_that_of_the_training_rows() -> None:
    split = chronological(series(np.arange(100.0)), window=5, train=0.7, validation=0.15)
    rows = [part.target_rows for part in (split.train, split.validation, split.test)]
    assert [(r[0], r[-1]) for r in rows] == [(5, 69), (70, 84), (85, 99)]
    assert split.train_rows == 70
    values = np.random.default_rng(1).normal(3, 2, size=(200, 2))
    values[17, 0] = NAN
    split = chronological(series(values), window=4, target="b")
    np.testing.assert_allclose(split.scaler.mean, np.nanmean(values[:140], axis=0), rtol=1e-12)
    np.testing.assert_allclose(split.scaler.std, np.nanstd(values[:140], axis=0), rtol=1e-12)
    back = split.scaler.inverse(split.test.targets, column=1)
    np.testing.assert_allclose(back, make_windows(series(values), window=4, target="b")[-30:].targets, rtol=1e-12)
    scaled = fit_scaler(series(values), rows=8).transform(series(values))
    assert (scaled.start, scaled.step, scaled.units) == (series(values).start, MINUTE, ("sd", "sd"))


@given(
    seed=st.integers(0, 10_000),
    cut=st.integers(75, 99),
    window=st.integers(1, 8),
    horizon=st.integers(1, 4),
    holes=st.lists(st.integers(1, 99), max_size=6),
)
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
    shape = {"window": window, "horizon": horizon, "train": 0.7, "validation": 0.05}
    try:
        one, two = (chronological(series(v), **shape) for v in (values, other))  # type: ignore[arg-type]
    except DataError:  # the holes left a part without a window
        return
    np.testing.assert_array_equal([one.scaler.mean, one.scaler.std], [two.scaler.mean, two.scaler.std])
    for name in ("train", "validation", "test"):
        a, b = (getattr(split, name).between(0, cut) for split in (one, two))
        for what in ("starts", "inputs", "targets"):
            np.testing.assert_array_equal(getattr(a, what), getattr(b, what))
    assert one.train.target_rows.max() < one.train_rows == 70


FLAT = series(np.where(np.arange(50) < 40, 1.0, 2.0))
TEN, FIFTY = series(np.arange(10)), series(np.arange(50))
SHARES = ((0.0, 0.1), (1.0, 0.0), (0.7, 0.3), (0.5, -0.1))


test_it_refuses = refusing(
    *((lambda v=v: replace(TEN, values=np.zeros(v)), "values must be") for v in ((3,), (0, 1), (2, 2))),
    (lambda: series([1.0, np.inf]), "infinite value in row 1"),
    (lambda: TEN.select("z"), "no column 'z': choose from a"),
    (lambda: fill_short_gaps(TEN, limit=0), "limit"),
    (lambda: fill_short_gaps(TEN, limit=1, method="cubic"), "method"),
    *((lambda w=w: make_windows(TEN, window=w), "window must") for w in (0, 2.5)),
    *((lambda h=h: make_windows(TEN, window=3, horizon=h), "horizon must") for h in (0, -1)),
    *((lambda w=w, h=h: make_windows(TEN, window=w, horizon=h), "need 11") for w, h in ((10, 1), (3, 8))),
    *((lambda s=s: chronological(FIFTY, window=3, train=s[0], validation=s[1]), "shares") for s in SHARES),
    (lambda: chronological(FIFTY, window=40), "in the train part"),
    (lambda: chronological(FLAT, window=3), "a does not vary in the first 35 rows"),
    (lambda: fit_scaler(FLAT, rows=51), "rows must"),
    error=DataError,
)
