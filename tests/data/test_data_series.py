"""Series, their gaps, and coarser steps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import DataError, Series, fill_short_gaps, gaps, hourly, resample

MINUTE = np.timedelta64(1, "m")
NAN = np.nan


def series(*columns: list[float], start: str = "2007-01-01T00:00") -> Series:
    names = tuple("abcdef"[: len(columns)])
    return Series(
        "house", np.column_stack(columns).astype(float), names, ("kW",) * len(names), np.datetime64(start), MINUTE
    )


def test_rows_keep_their_time_and_columns_their_units() -> None:
    both = series([1, 2, 3], [4, 5, 6])
    assert both.times[2] == np.datetime64("2007-01-01T00:02")
    assert both.select("b").values.tolist() == [[4], [5], [6]]
    assert both.between(1, 3).times.tolist() == both.times[1:].tolist()


def test_values_cannot_be_changed_behind_a_window() -> None:
    with pytest.raises(ValueError, match="read-only"):
        series([1, 2]).values[0, 0] = 5


def test_the_fingerprint_follows_content_and_nothing_else() -> None:
    one = series([1, NAN, 3])
    odd = np.array([1, np.frombuffer(b"\x01\x00\x00\x00\x00\x00\xf8\xff", "<f8")[0], 3])
    assert one.fingerprint == series(odd.tolist()).fingerprint == replace(one, values=odd[:, None]).fingerprint
    others = (series([1, NAN, 4]), series([1, NAN, 3], start="2007-01-02T00:00"), replace(one, columns=("z",)))
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 4


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (np.zeros(3), r"got shape \(3,\)"),
        (np.zeros((0, 1)), r"got shape \(0, 1\)"),
        (np.zeros((2, 2)), "need 2 columns and units, got 1 and 1"),
        (np.array([[1.0], [np.inf]]), "infinite value in row 1"),
        (np.full((3, 1), NAN), "holds no value in a: every entry is missing"),
    ],
)
def test_a_series_refuses(values: np.ndarray, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Series("house", values, ("a",), ("kW",), np.datetime64("2007-01-01T00:00"), MINUTE)


def test_unknown_columns_and_rows_are_named() -> None:
    with pytest.raises(DataError, match="no column 'z': choose from a"):
        series([1, 2]).select("z")
    with pytest.raises(DataError, match="rows 1 to 9 are not a stretch of the 2 rows"):
        series([1, 2]).between(1, 9)


def test_gaps_are_counted_over_all_features() -> None:
    report = gaps(series([1, NAN, 3, 4, NAN, NAN, 7], [1, 2, NAN, 4, 5, 6, 7]))
    assert (report.missing, report.longest, report.starts.tolist(), report.lengths.tolist()) == (4, 2, [1, 4], [2, 2])
    assert (report.up_to(1), report.up_to(2)) == (0, 4)
    assert "4 of 7 rows missing (57.14 %) in 2 gaps, the longest of 2 rows" in str(report)


def test_only_short_gaps_inside_are_filled() -> None:
    holes = series([NAN, 1, NAN, NAN, 4, NAN, NAN, NAN, 8, NAN])
    line = fill_short_gaps(holes, limit=2, method="linear")
    np.testing.assert_allclose(line.series.values[:, 0], [NAN, 1, 2, 3, 4, NAN, NAN, NAN, 8, NAN], rtol=1e-15)
    assert (line.filled, line.left) == (2, 5)
    hold = fill_short_gaps(holes, limit=3).series.values[:, 0]
    np.testing.assert_array_equal(hold, [NAN, 1, 1, 1, 4, 4, 4, 4, 8, NAN])
    assert np.isnan(holes.values).sum() == 7


@given(
    values=st.lists(st.one_of(st.just(NAN), st.floats(-5, 5)), min_size=2, max_size=40),
    limit=st.integers(1, 8),
    cut=st.integers(1, 39),
)
@settings(deadline=None, max_examples=60)
def test_filling_from_the_past_does_not_know_the_future(values: list[float], limit: int, cut: int) -> None:
    """Changing what follows the end of a gap changes nothing up to there; a long gap is never touched."""
    values = [1.0, *values, 2.0]
    cut = min(cut, len(values) - 1)
    other = [*values[:cut], *(value + 3 for value in values[cut:])]
    one, two = (fill_short_gaps(series(x), limit=limit) for x in (values, other))
    np.testing.assert_array_equal(one.series.values[:cut], two.series.values[:cut])
    report = gaps(series(values))
    assert one.filled == report.up_to(limit)
    assert one.left == report.missing - report.up_to(limit)


@pytest.mark.parametrize(("limit", "method", "culprit"), [(0, "previous", "limit"), (1, "cubic", "method")])
def test_filling_refuses(limit: int, method: str, culprit: str) -> None:
    with pytest.raises(DataError, match=culprit):
        fill_short_gaps(series([1, NAN, 2]), limit=limit, method=method)  # type: ignore[arg-type]


def test_hours_begin_on_the_hour_and_are_whole() -> None:
    minutes = series(np.arange(200.0).tolist(), start="2007-01-01T00:50")
    hours = hourly(minutes)
    assert hours.times.tolist() == [np.datetime64(f"2007-01-01T0{h}:00").item() for h in (1, 2, 3)]
    np.testing.assert_allclose(hours.values[:, 0], [39.5, 99.5, 159.5], rtol=1e-15)
    np.testing.assert_array_equal(resample(minutes, MINUTE).values, minutes.values)


def test_an_hour_with_a_hole_is_missing_unless_you_allow_it() -> None:
    values = np.ones(120)
    values[5:20] = NAN
    assert np.isnan(hourly(series(values.tolist())).values[:, 0]).tolist() == [True, False]
    assert hourly(series(values.tolist()), least=0.75).values[:, 0].tolist() == [1, 1]
    assert np.isnan(hourly(series(values.tolist()), least=0.76).values[0, 0])


@pytest.mark.parametrize(
    ("step", "least", "complaint"),
    [
        (np.timedelta64(90, "s"), 1.0, "step must be a whole multiple"),
        (np.timedelta64(0, "m"), 1.0, "step must be a whole multiple"),
        (np.timedelta64(60, "m"), 0.0, "least must be a share"),
        (np.timedelta64(60, "m"), 1.5, "least must be a share"),
        (np.timedelta64(60, "m"), 1.0, "too few for one whole step"),
    ],
)
def test_resampling_refuses(step: np.timedelta64, least: float, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        resample(series([1.0] * 50), step, least=least)
