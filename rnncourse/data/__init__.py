"""Series to forecast: real ones, checked, and a generated one that says so.

`seattle_weather` ships with the installation. `load_power` reads the UCI household power file from the folder that
``RNNCOURSE_DATA`` names, or from the cache that ``rnncourse data fetch power`` fills. `synthetic_power` needs
neither. All three return a `Series`; `chronological` cuts one into standardised `Windows` without looking ahead.
"""

from rnncourse.data.downloads import download
from rnncourse.data.errors import DataError
from rnncourse.data.folders import cache_folder, data_folder, locate
from rnncourse.data.missing import Filled, GapReport, fill_short_gaps, gaps
from rnncourse.data.power import PowerCheck, check_power, fetch_power, load_power
from rnncourse.data.power_format import parse_power
from rnncourse.data.registry import DATASETS, Dataset, Fingerprint, Kind, find
from rnncourse.data.resampling import hourly, resample
from rnncourse.data.series import Series
from rnncourse.data.splits import Scaler, Split, chronological, fit_scaler
from rnncourse.data.synthetic import APPLIANCES, Appliance, synthetic_power
from rnncourse.data.weather import seattle_weather
from rnncourse.data.windows import Windows, make_windows

__all__ = [
    "APPLIANCES",
    "DATASETS",
    "Appliance",
    "DataError",
    "Dataset",
    "Filled",
    "Fingerprint",
    "GapReport",
    "Kind",
    "PowerCheck",
    "Scaler",
    "Series",
    "Split",
    "Windows",
    "cache_folder",
    "check_power",
    "chronological",
    "data_folder",
    "download",
    "fetch_power",
    "fill_short_gaps",
    "find",
    "fit_scaler",
    "gaps",
    "hourly",
    "load_power",
    "locate",
    "make_windows",
    "parse_power",
    "resample",
    "seattle_weather",
    "synthetic_power",
]
