"""The parser of the UCI power file: what it reads, what it refuses, and that nothing else happens."""

import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import DataError, Series, parse_power
from rnncourse.data.power_format import COLUMNS, HEADER


def line(minute: int, fields: str = "2.58;0.136;241.97;10.6;0;0;0.0") -> str:
    stamp = datetime.datetime(2007, 1, 1) + datetime.timedelta(minutes=minute)
    return f"{stamp.day}/{stamp.month}/{stamp.year};{stamp:%H:%M:%S};{fields}\n"


def text(*lines: str, header: str = HEADER) -> bytes:
    return (header + "\n" + "".join(lines)).encode("latin-1")


MISSING = "?;?;?;?;?;?;"


def test_a_small_file_by_hand() -> None:
    series = parse_power(text(line(0), line(1, MISSING), line(4, "0.2;0;240;0.8;1;2;17")))
    assert (series.columns, len(series), series.synthetic) == (COLUMNS, 5, False)
    assert series.times[-1] == np.datetime64("2007-01-01T00:04")
    np.testing.assert_array_equal(series.values[:, 0], [2.58, np.nan, np.nan, np.nan, 0.2])
    np.testing.assert_array_equal(series.values[4], [0.2, 0, 240, 0.8, 1, 2, 17])


@pytest.mark.parametrize("date", ["1/1/2007", "01/01/2007"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_days_with_and_without_zeros_and_either_line_end(date: str, end: str) -> None:
    content = f"{HEADER}\n{date};00:00:00;1;0;240;4;0;0;0{end}".encode()
    assert parse_power(content).values[0].tolist() == [1, 0, 240, 4, 0, 0, 0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "lacks the column 'Date'"),
        (text(), "has a header and no rows"),
        (text(line(0)).replace(b";", b","), "separates its columns by a comma, but a semicolon is expected"),
        (text(line(0)).replace(b";", b"\t"), "separates its columns by a tab"),
        (text(line(0)).replace(b"Voltage;", b""), "lacks the column 'Voltage'"),
        (text(line(0), header=HEADER.replace("Date;Time", "Time;Date")), "columns are expected as"),
        (text(line(0), line(1)[:-8]), "line 3 of .* has 7 fields, but 9 are expected"),
        (text(line(0), line(1)[:12]), "line 3 of .* has 2 fields"),
        (text(line(0), "\n", line(1)), "line 3 of .* has 1 fields"),
        (text(line(0, "1;2;3;4;5;6;7;8"), line(1)), "line 2 of .* has 10 fields"),
        (text(line(0), line(0)), "line 3 of .* repeats the time stamp 2007-01-01T00:00"),
        (text(line(2), line(1)), "line 3 of .* goes back in time to 2007-01-01T00:01"),
        (text(line(0)).replace(b"1/1/", b"1/13/"), "line 2 of .* '1/13/2007', which is no date as dd/mm/yyyy"),
        (text(line(0)).replace(b"1/1/2007", b"2007-01-01"), "no date as dd/mm/yyyy"),
        (text(line(0)).replace(b"00:00:00", b"24:00:00"), "'24:00:00', which is no time"),
        (text(line(0)).replace(b"00:00:00", b"00:00:30"), "whole minutes are expected"),
        (text(line(0), line(1, "two;0;240;4;0;0;0")), "line 3 of .* 'two' in Global_active_power, which is no number"),
        (text(line(0), line(1, "1;0;inf;4;0;0;0")), "'inf' in Voltage"),
        (text(line(0), line(1, "1;0;1e999;4;0;0;0")), "'1e999' in Voltage"),
        (text(line(0), line(1, "1;0;240\xff;4;0;0;0")), "cannot be read"),
        (text(line(0), line(1).replace("2.58", "2\r.58")), "stray carriage returns"),
        (text(line(0, MISSING), line(1, MISSING)), "every entry is missing"),
        (text(line(0), line(1, "1;0;?;4;0;0;0")).replace(b"241.97", b"?"), "holds no value in Voltage"),
        (text(line(0), line(1).replace("2007", "2057")), "more than 20 years"),
    ],
)
def test_it_refuses(content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        parse_power(content)
    assert "\n" not in str(caught.value)


@given(
    rows=st.lists(
        st.tuples(
            st.integers(1, 5), st.one_of(st.none(), st.lists(st.floats(0, 500, width=32), min_size=7, max_size=7))
        ),
        min_size=1,
        max_size=25,
    )
)
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_back(rows: list[tuple[int, list[float] | None]]) -> None:
    rows = [(1, [1.0] * 7), *rows]
    minutes = np.cumsum([step for step, _ in rows])
    content = text(
        *(
            line(int(minute), MISSING if values is None else ";".join(map(repr, values)))
            for minute, (_, values) in zip(minutes, rows, strict=True)
        )
    )
    series = parse_power(content)
    expected = np.full((minutes[-1] - minutes[0] + 1, 7), np.nan)
    for minute, (_, values) in zip(minutes, rows, strict=True):
        if values is not None:
            expected[minute - minutes[0]] = values
    np.testing.assert_array_equal(series.values, expected)


GOOD = text(*(line(m) for m in range(6)), line(6, MISSING), line(8))


@given(
    position=st.integers(0, len(GOOD)),
    length=st.integers(0, 30),
    junk=st.one_of(
        st.binary(max_size=8), st.sampled_from([b";", b"?", b"\n", b"\r", b'"', b"\x00", b"e9", b"-", b"."])
    ),
)
@settings(deadline=None, max_examples=250)
def test_any_damage_is_read_or_refused_in_one_sentence(position: int, length: int, junk: bytes) -> None:
    """Fuzz: cut out and put in bytes anywhere. No other exception, no warning, no line break, no shifted grid."""
    damaged = GOOD[:position] + junk + GOOD[position + length :]
    complaint, series = "", None
    try:
        series = parse_power(damaged)
    except DataError as error:
        complaint = str(error)
    assert "\n" not in complaint
    if series is None:
        return
    assert isinstance(series, Series)
    assert (np.diff(series.times) == np.timedelta64(1, "m")).all()
    assert not np.isinf(series.values).any()


@given(content=st.binary(max_size=200))
@settings(deadline=None, max_examples=60)
def test_any_bytes_after_the_header(content: bytes) -> None:
    with pytest.raises(DataError):
        parse_power(HEADER.encode() + b"\n" + content)
