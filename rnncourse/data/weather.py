"""Daily weather in Seattle, 2012 to 2015: real, and on each machine that has this package."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from rnncourse.data.errors import DataError
from rnncourse.data.files import read_file
from rnncourse.data.series import Series

UNITS = {"temp_max": "°C", "temp_min": "°C", "precipitation": "mm", "wind": "m/s"}
DAYS = np.arange(np.datetime64("2012-01-01"), np.datetime64("2016-01-01"))


def seattle_weather(*, path: Path | None = None) -> Series:
    """The Seattle series ``(1461, 4)``, a row a day, none missing: degrees in °C, precipitation in mm, wind in m/s.

    Args:
        path: a CSV file with a ``date`` and the four columns; without it, the one that the package vega_datasets ships.

    Raises:
        DataError: there is no such file, a column is missing or holds what is no number, or the days are not those of
            2012 to 2015, each once, in order.

    Source: NOAA, through the package vega_datasets.
    """
    if path is None:
        from vega_datasets import local_data

        path = Path(local_data.seattle_weather.filepath)
    content = read_file(path, limit=2**20)
    try:
        frame = pd.read_csv(BytesIO(content), encoding="utf-8-sig")
        values = frame[list(UNITS)].to_numpy(dtype=np.float64)
        days = pd.to_datetime(frame["date"]).to_numpy().astype("datetime64[D]")
    except (ValueError, KeyError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is no table of date, {', '.join(UNITS)} ({reason}).") from error
    if not np.array_equal(days, DAYS):
        raise DataError(f"{path} has {len(days):,} days, but each of {DAYS[0]} to {DAYS[-1]} in order is expected.")
    return Series("Seattle weather", values, tuple(UNITS), tuple(UNITS.values()), DAYS[0], np.timedelta64(1, "D"))
