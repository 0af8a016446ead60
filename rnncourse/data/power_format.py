"""The format of the UCI power file: ``;`` between fields, ``dd/mm/yyyy``, ``?`` for what is missing."""

import csv
from io import BytesIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnncourse.data.errors import DataError
from rnncourse.data.series import Series

STAMPS = ("Date", "Time")
COLUMNS = (
    "Global_active_power",
    "Global_reactive_power",
    "Voltage",
    "Global_intensity",
    "Sub_metering_1",
    "Sub_metering_2",
    "Sub_metering_3",
)
UNITS = ("kW", "kvar", "V", "A", "Wh", "Wh", "Wh")
HEADER = ";".join((*STAMPS, *COLUMNS))
# Twenty years of minutes. A stray date must not make a grid that fills the memory.
MAX_MINUTES = 20 * 366 * 1440
_MINUTE = np.timedelta64(1, "m")


def parse_power(content: bytes, *, name: str = "household power") -> Series:
    """Read minutes of household power.

    Args:
        content: the text of the file, its header first.
        name: how to call it in the series and in complaints.

    Returns:
        A series ``(minutes, 7)`` from the first stamp to the last, in ``UNITS``. Rows of ``?`` and absent minutes
        are NaN.

    Raises:
        DataError: the separator or a column is wrong, a line is cut short or holds what is no number, a stamp is
            malformed, repeated or out of order, or a column is missing throughout.

    Source: Hebrail & Berard (2012), UCI data set 235.
    """
    _check_header(content, name)
    frame = _table(content, name)
    minutes = _minutes(frame["Date"], frame["Time"], name)
    values = _numbers(frame, name)
    rows = (minutes - minutes[0]).astype(np.int64)
    grid = np.full((int(rows[-1]) + 1, len(COLUMNS)), np.nan)
    grid[rows] = values
    return Series(name, grid, COLUMNS, UNITS, minutes[0], _MINUTE)


def _check_header(content: bytes, name: str) -> None:
    first = content[:1000].split(b"\n", 1)[0].rstrip(b"\r").decode("latin-1")
    if first == HEADER:
        return
    for separator, called in ((",", "comma"), ("\t", "tab"), ("|", "bar"), (" ", "space")):
        if ";" not in first and separator in first:
            raise DataError(f"{name} separates its columns by a {called}, but a semicolon is expected.")
    given = first.split(";")
    missing = [column for column in (*STAMPS, *COLUMNS) if column not in given]
    if missing:
        raise DataError(f"{name} lacks the column {missing[0]!r} in its first line {first[:60]!r}.")
    raise DataError(f"{name} begins with {first[:120]!r}, but the columns are expected as {HEADER!r}.")


def _table(content: bytes, name: str) -> pd.DataFrame:
    """All fields as text, each line with as many as the header."""
    lines = _check_lines(content, name)
    try:
        frame = pd.read_csv(
            BytesIO(content),
            sep=";",
            dtype=object,
            encoding="ascii",
            keep_default_na=False,
            skip_blank_lines=False,
            quoting=csv.QUOTE_NONE,
            index_col=False,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{name} cannot be read ({' '.join(str(error).split())}).") from error
    if len(frame) != lines - 1:
        raise DataError(f"{name} has {lines - 1} lines but {len(frame)} rows: it holds stray carriage returns.")
    if frame.empty:
        raise DataError(f"{name} has a header and no rows: it is cut short.")
    return frame


def _check_lines(content: bytes, name: str) -> int:
    """Count the lines, and hold the fields of each against the header's; pandas would pad a short line in silence."""
    characters = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if not content.endswith(b"\n"):
        ends = np.append(ends, len(content))
    before = np.searchsorted(np.flatnonzero(characters == ord(";")), ends)
    fields = np.diff(before, prepend=0) + 1
    wrong = fields != len(STAMPS) + len(COLUMNS)
    if wrong.any():
        line = int(wrong.argmax())
        raise DataError(f"line {line + 1} of {name} has {fields[line]} fields, but 9 are expected: is it cut short?")
    return len(ends)


def _stamp_parts(texts: pd.Series, form: str, what: str, name: str) -> NDArray[np.datetime64]:
    """Dates or times; there are few different ones, so each is read once."""
    codes, different = pd.factorize(texts)
    read = pd.to_datetime(pd.Series(different, dtype=object), format=form, errors="coerce", exact=True)
    bad = read.isna().to_numpy()
    if bad.any():
        line = int(np.isin(codes, np.flatnonzero(bad)).argmax())
        raise DataError(f"line {line + 2} of {name} holds {texts.iloc[line]!r}, which is no {what}.")
    stamps: NDArray[np.datetime64] = read.to_numpy().astype("datetime64[s]")[codes]
    return stamps


def _minutes(dates: pd.Series, times: pd.Series, name: str) -> NDArray[np.datetime64]:
    days = _stamp_parts(dates, "%d/%m/%Y", "date as dd/mm/yyyy", name)
    clock = _stamp_parts(times, "%H:%M:%S", "time as hh:mm:ss", name)
    stamps = days + (clock - clock.astype("datetime64[D]"))
    minutes: NDArray[np.datetime64] = stamps.astype("datetime64[m]")
    odd = stamps != minutes
    if odd.any():
        line = int(odd.argmax())
        raise DataError(f"line {line + 2} of {name} is stamped {stamps[line]}, but whole minutes are expected.")
    steps = np.diff(minutes).astype(np.int64)
    if (steps <= 0).any():
        line = int((steps <= 0).argmax()) + 1
        what = "repeats the time stamp" if steps[line - 1] == 0 else "goes back in time to"
        raise DataError(f"line {line + 2} of {name} {what} {minutes[line]}: each minute once and in order is expected.")
    if int((minutes[-1] - minutes[0]).astype(np.int64)) >= MAX_MINUTES:
        raise DataError(f"{name} runs from {minutes[0]} to {minutes[-1]}: more than 20 years cannot be right.")
    return minutes


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    columns = []
    for column in COLUMNS:
        codes, different = pd.factorize(frame[column])
        wanted = ~pd.Series(different, dtype=object).isin(["?", ""]).to_numpy()
        read = np.array(pd.to_numeric(pd.Series(different, dtype=object), errors="coerce"), dtype=np.float64)
        bad = wanted & ~np.isfinite(read)
        if bad.any():
            line = int(np.isin(codes, np.flatnonzero(bad)).argmax())
            raise DataError(
                f"line {line + 2} of {name} holds {frame[column].iloc[line]!r} in {column}, which is no number."
            )
        columns.append(read[codes])
    return np.column_stack(columns)
