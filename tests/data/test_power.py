"""The UCI power file: what its parser reads, what it refuses, how it is found, checked and fetched."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from archives import PACK, attempt, write, zipped
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import DataError, gaps, load_power
from rnncourse.data.power import COLUMNS, HEADER, MEMBER, POWER, check_power, parse_power
from rnncourse.data.registry import locate

NAN = np.nan
MISSING = "?;?;?;?;?;?;"


def line(minute: int, fields: str = "2.58;0.136;241.97;10.6;0;0;0.0") -> str:
    stamp = datetime.datetime(2007, 1, 1) + datetime.timedelta(minutes=minute)
    return f"{stamp.day}/{stamp.month}/{stamp.year};{stamp:%H:%M:%S};{fields}\n"


def text(*lines: str, header: str = HEADER) -> bytes:
    return (header + "\n" + "".join(lines)).encode("latin-1")


def test_a_small_file_by_hand() -> None:
    series = parse_power(text(line(0), line(1, MISSING), line(4, "0.2;0;240;0.8;1;2;17")))
    assert (series.columns, len(series), series.units[0]) == (COLUMNS, 5, "kW")
    assert series.times[-1] == np.datetime64("2007-01-01T00:04")
    np.testing.assert_array_equal(series.values[:, 0], [2.58, NAN, NAN, NAN, 0.2])
    np.testing.assert_array_equal(series.values[4], [0.2, 0, 240, 0.8, 1, 2, 17])


ONE, TWO = text(line(0)), text(line(0), line(1))


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (b"", "begins with ''"),
        (text(), "cut short"),
        *((ONE.replace(*change), "columns must be") for change in ((b";", b","), (b"Voltage;", b""))),
        *((text(line(0), wrong), "line 3 .* fields") for wrong in (line(1)[:-8], line(1)[:12], "\n")),
        (text(line(0, "1;2;3;4;5;6;7;8"), line(1, "1;2;3;4;5;6")), "line 2 .* fields"),
        *((text(line(first), line(second)), "line 3 .* in order") for first, second in ((0, 0), (2, 1))),
        *((ONE.replace(b"1/1/2007", wrong), f"line 2 .*{wrong.decode()}") for wrong in (b"1/13/2007", b"2007-01-01")),
        *((TWO.replace(b"00:01:00", wrong), f"line 3 .*{wrong.decode()}") for wrong in (b"24:00:00", b"00:01:30")),
        *((text(line(0), line(1, f"1;0;{wrong};4;0;0;0")), "infinite") for wrong in ("inf", "1e999")),
        (text(line(0, MISSING), line(1, MISSING)), "every entry is missing"),
        (text(line(0), line(1, "1;0;?;4;0;0;0")).replace(b"241.97", b"?"), "no value in Voltage"),
        (text(line(0), line(1).replace("2007", "2057")), "20 years"),
    ],
)
def test_it_refuses(content: bytes, culprit: str) -> None:
    with pytest.raises(DataError, match=culprit) as caught:
        parse_power(content)
    assert "\n" not in str(caught.value)


ROW = st.one_of(st.none(), st.lists(st.floats(0, 500, width=32).map(lambda x: round(x, 3)), min_size=7, max_size=7))


@given(rows=st.lists(st.tuples(st.integers(1, 5), ROW), min_size=1, max_size=25))
def test_what_is_written_is_read_back(rows: list[tuple[int, list[float] | None]]) -> None:
    rows = [(1, [1.0] * 7), *rows]
    minutes = np.cumsum([step for step, _ in rows])
    fields = [MISSING if values is None else ";".join(map(repr, values)) for _, values in rows]
    series = parse_power(text(*(line(int(minute), field) for minute, field in zip(minutes, fields, strict=True))))
    expected = np.full((minutes[-1] - minutes[0] + 1, 7), NAN)
    for minute, (_, values) in zip(minutes, rows, strict=True):
        expected[minute - minutes[0]] = NAN if values is None else values
    np.testing.assert_array_equal(series.values, expected)


GOOD = text(*(line(m) for m in range(6)), line(6, MISSING), line(8))
JUNK = st.binary(max_size=40) | st.sampled_from([b";", b"?", b"\n", b"\r", b'"', b"\x00", b"e9", b"-", b".", b"nan"])


@given(position=st.integers(0, len(GOOD)), length=st.integers(0, 30), junk=JUNK)
def test_any_damage_is_read_or_refused_in_one_sentence(position: int, length: int, junk: bytes) -> None:
    """Cut out and put in bytes anywhere. No other exception, no warning, no line break, no shifted grid."""
    series = attempt(parse_power, GOOD[:position] + junk + GOOD[position + length :])
    if series is None:
        return
    assert (np.diff(series.times) == np.timedelta64(1, "m")).all()
    assert not np.isinf(series.values).any()


SMALL = text(*(line(m, f"{m}.5;0.1;240;4;0;0;1") for m in range(20) if m not in (7, 9)), line(20, MISSING), line(21))


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in counts as whole."""
    known = {"of": "small", "rows": 20, "first": "2007-01-01T00:00", "last": "2007-01-01T00:21"}
    for key, value in known.items():
        monkeypatch.setitem(POWER.known[0], key, value)


@pytest.mark.parametrize("name", [*POWER.files, MEMBER])
def test_each_form_is_found_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    content = zipped((MEMBER, SMALL)) if name.endswith("zip") else PACK[".xz" if name.endswith("xz") else ""](SMALL)
    path = write(tmp_path / "mine" / name, content)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    assert locate(POWER) == path
    assert np.flatnonzero(np.isnan(load_power().values[:, 0])).tolist() == [7, 9, 20]
    assert load_power("Voltage", "Sub_metering_3").values[0].tolist() == [240, 1]


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="run `rnncourse data fetch power`, or set RNNCOURSE_DATA"):
        load_power()
    with pytest.raises(DataError, match="no column 'Power'"):
        load_power("Power", path=write(tmp_path / "a.txt", SMALL))
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere, which is not a folder"):
        load_power()


@pytest.mark.usefixtures("_small")
def test_a_whole_file_is_known_and_an_altered_one_is_not(tmp_path: Path) -> None:
    known, series = check_power(write(tmp_path / "a.zip", zipped((MEMBER, SMALL))))
    assert known == "small: 20 rows, 2007-01-01T00:00 to 2007-01-01T00:21"
    assert gaps(series) == "3 of 22 rows missing (13.64 %) in 3 gaps, the longest of 1 rows"
    first, *rows = SMALL.split(b"\n")
    for altered in (rows[:-2], rows[:5] + rows[6:], [row.replace(b"2007", b"2008") for row in rows]):
        with pytest.raises(DataError, match=r"20 rows, 2007-01-01T00:00 to 2007-01-01T00:21"):
            check_power(write(tmp_path / "a.txt", b"\n".join([first, *altered])))
    with pytest.raises(DataError, match="SHA-256 9f07d8ff"):
        check_power(write(tmp_path / Path(POWER.files[2]).name, PACK[".xz"](SMALL)))
