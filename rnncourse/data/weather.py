"""Daily weather in Seattle, 2012 to 2015: real, and on each machine that has this package."""

from typing import TYPE_CHECKING

import numpy as np

from rnncourse.data.errors import DataError
from rnncourse.data.registry import SEATTLE
from rnncourse.data.series import Series

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("temp_max", "temp_min", "precipitation", "wind")
UNITS = ("°C", "°C", "mm", "m/s")


def seattle_weather() -> Series:
    """The Seattle series, one row a day, nothing missing.

    Returns:
        A series ``(1461, 4)``: ``temp_max`` and ``temp_min`` in °C, ``precipitation`` in mm, ``wind`` in m/s.

    Raises:
        DataError: the installed vega_datasets ships another table.

    Source: NOAA, through the package vega_datasets (``local_data.seattle_weather``).
    """
    from vega_datasets import local_data

    return from_frame(local_data.seattle_weather())


def from_frame(frame: "pd.DataFrame") -> Series:
    """Check a table of daily weather against what Seattle's must be.

    Args:
        frame: columns ``date`` and those of `seattle_weather`.

    Returns:
        The series.

    Raises:
        DataError: a column is missing or not numeric, or the days are not those of 2012 to 2015, each once, in order.
    """
    missing = [name for name in ("date", *COLUMNS) if name not in frame.columns]
    if missing:
        raise DataError(f"the table of Seattle's weather lacks the column {missing[0]!r}: install vega_datasets 0.9.")
    expected = SEATTLE.fingerprints[0]
    days = frame["date"].to_numpy().astype("datetime64[D]")
    wanted = np.arange(np.datetime64(expected.first), np.datetime64(expected.last) + 1)
    if not np.array_equal(days, wanted):
        raise DataError(
            f"the table of Seattle's weather must have {expected.rows:,} days in order, {expected.first} to "
            f"{expected.last}, got {len(days):,} rows that differ: install vega_datasets 0.9."
        )
    try:
        values = frame[list(COLUMNS)].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise DataError(f"the table of Seattle's weather holds what is no number ({error}).") from error
    return Series("Seattle weather", values, COLUMNS, UNITS, wanted[0], np.timedelta64(1, "D"))
