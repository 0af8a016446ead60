"""Daily weather in Seattle, 2012 to 2015: real, and on each machine that has this package."""

import numpy as np

from rnncourse.data.series import Series

UNITS = {"temp_max": "°C", "temp_min": "°C", "precipitation": "mm", "wind": "m/s"}


def seattle_weather() -> Series:
    """The Seattle series ``(1461, 4)``, a row a day, none missing: degrees in °C, precipitation in mm, wind in m/s.

    Source: NOAA, through the package vega_datasets.
    """
    from vega_datasets import local_data

    values = local_data.seattle_weather()[list(UNITS)].to_numpy(dtype=np.float64)
    start, day = np.datetime64("2012-01-01"), np.timedelta64(1, "D")
    return Series("Seattle weather", values, tuple(UNITS), tuple(UNITS.values()), start, day)
