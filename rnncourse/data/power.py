"""Household power, minute by minute: found, fetched, checked and loaded.

The format of the UCI file: ``;`` between fields, ``dd/mm/yyyy``, ``?`` for what is missing.
"""

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnncourse.data.errors import DataError
from rnncourse.data.files import expect_hash, read_file
from rnncourse.data.registry import DATASETS, required
from rnncourse.data.series import Series

POWER = DATASETS["power"]
MEMBER = "household_power_consumption.txt"
UNITS = {
    **{"Global_active_power": "kW", "Global_reactive_power": "kvar", "Voltage": "V", "Global_intensity": "A"},
    **{"Sub_metering_1": "Wh", "Sub_metering_2": "Wh", "Sub_metering_3": "Wh"},
}
COLUMNS = tuple(UNITS)
HEADER = ";".join(("Date", "Time", *COLUMNS))
# Twenty years of minutes. A stray date must not make a grid that fills the memory.
MAX_MINUTES = 20 * 366 * 1440


def load_power(*columns: str, path: Path | None = None) -> Series:
    """The minutes of household power, gaps left as they are: NaN where the meter said nothing.

    Args:
        columns: columns to keep, in that order; without any, ``Global_active_power`` alone, in kW.
        path: a file in the official format, plain, as the official ``.zip``, or as ``.xz`` or ``.gz``; without it, the
            file below ``RNNCOURSE_DATA``, else the fetched one. A malformed one is a `DataError`.

    Source: Hebrail & Berard (2012), UCI data set 235.
    """
    file = required(POWER) if path is None else path
    series = parse_power(read_file(file, member=MEMBER), name=f"household power ({file.name})")
    return series.select(*(columns or COLUMNS[:1]))


def check_power(path: Path) -> tuple[str, Series]:
    """Which of the known contents a file has, and all its columns; a `DataError` if it is damaged or none of them."""
    expect_hash(path, POWER.sha256.get(path.name))
    content = read_file(path, member=MEMBER)
    series = parse_power(content, name=path.name)
    rows = content.count(b"\n") - content.endswith(b"\n")  # the header is no row
    known = {"{rows:,} rows, {first} to {last}".format(**content): content["of"] for content in POWER.known}
    found = f"{rows:,} rows, {series.start} to {series.times[-1]}"
    if found not in known:
        raise DataError(f"{path.name} has {found}, but {' or '.join(known)} are expected: it is cut or altered.")
    return f"{known[found]}: {found}", series


def parse_power(content: bytes, *, name: str = "household power") -> Series:
    """Read minutes of household power, ``(minutes, 7)`` from first to last stamp; NaN for ``?`` and absent ones.

    A `DataError` says which line is cut short or holds what is no number, or whose stamp is malformed or out of order.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    first = content[:1000].split(b"\n", 1)[0].rstrip(b"\r").decode("latin-1")
    if first != HEADER:
        raise DataError(f"{name} begins with {first[:60]!r}, but the columns must be {HEADER!r}, with semicolons.")
    frame = _table(content, name)
    minutes = _minutes(frame, name)
    rows = (minutes - minutes[0]).astype(np.int64)
    grid = np.full((int(rows[-1]) + 1, len(COLUMNS)), np.nan)
    grid[rows] = frame[list(COLUMNS)].to_numpy()
    return Series(name, grid, COLUMNS, tuple(UNITS.values()), minutes[0], np.timedelta64(1, "m"))


def _table(content: bytes, name: str) -> pd.DataFrame:
    """The rows, each with as many fields as the header: pandas would pad a short line in silence."""
    lines = content.removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines, 1):
        if line.count(b";") != len(COLUMNS) + 1:
            raise DataError(
                f"line {number} of {name} has {line.count(b';') + 1} fields, but 9 are expected: is it cut?"
            )
    try:
        frame = pd.read_csv(
            BytesIO(content),
            sep=";",
            encoding="ascii",
            dtype={"Date": str, "Time": str} | dict.fromkeys(COLUMNS, np.float64),
            na_values=["?", ""],
            keep_default_na=False,
            skip_blank_lines=False,
            quoting=csv.QUOTE_NONE,
            index_col=False,
        )
    except ValueError as error:
        raise DataError(f"{name} cannot be read ({' '.join(str(error).split())}).") from error
    if not 0 < len(frame) == len(lines) - 1:
        raise DataError(f"{name} has {len(lines) - 1} lines after its header, but {len(frame)} rows: is it cut short?")
    return frame


def _minutes(frame: pd.DataFrame, name: str) -> NDArray[np.datetime64]:
    texts = frame["Date"] + " " + frame["Time"]
    stamps = pd.to_datetime(texts, format="%d/%m/%Y %H:%M:%S", errors="coerce", exact=True)
    minutes: NDArray[np.datetime64] = stamps.to_numpy().astype("datetime64[m]")
    steps = np.diff(minutes, prepend=minutes[0] - 1).astype(np.int64)
    wrong = (stamps.isna() | (stamps.dt.second != 0) | (steps <= 0)).to_numpy()
    if wrong.any():
        line = int(wrong.argmax())
        raise DataError(
            f"line {line + 2} of {name} is stamped {texts[line]!r}, but whole minutes as dd/mm/yyyy;hh:mm:ss are "
            "expected, each once and in order."
        )
    if int((minutes[-1] - minutes[0]).astype(np.int64)) >= MAX_MINUTES:
        raise DataError(f"{name} runs from {minutes[0]} to {minutes[-1]}: more than 20 years cannot be right.")
    return minutes
