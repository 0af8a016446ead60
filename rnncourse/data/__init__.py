"""Series to forecast and texts to classify: real ones, checked, and generated ones that say so.

`seattle_weather` ships with the installation. `load_power` reads the UCI household power file from the folder that
``RNNCOURSE_DATA`` names, or from the cache that ``rnncourse data fetch power`` fills. `synthetic_power` needs
neither. All three return a `Series`; `chronological` cuts one into standardised `Windows` without looking ahead.

`load_emotion` and `load_imdb` read labelled texts from the same places; `order_sentences` generates some. Their parts
are `Corpus` objects, which count their duplicates and their conflicting labels.
"""

from rnncourse.data.corpus import Corpus, Duplicates, TextSplits, TrainTest, shared_texts
from rnncourse.data.downloads import download
from rnncourse.data.emotion import EMOTIONS, load_emotion, read_emotion, read_emotion_csv
from rnncourse.data.emotion_files import check_emotion, fetch_emotion
from rnncourse.data.errors import DataError
from rnncourse.data.folders import cache_folder, data_folder, locate
from rnncourse.data.imdb import MOODS, check_imdb, fetch_imdb, load_imdb
from rnncourse.data.missing import Filled, GapReport, fill_short_gaps, gaps
from rnncourse.data.power import PowerCheck, check_power, fetch_power, load_power
from rnncourse.data.power_format import parse_power
from rnncourse.data.registry import DATASETS, Dataset, Fingerprint, Kind, find
from rnncourse.data.resampling import hourly, resample
from rnncourse.data.sentences import order_sentences
from rnncourse.data.series import Series
from rnncourse.data.splits import Scaler, Split, chronological, fit_scaler
from rnncourse.data.synthetic import APPLIANCES, Appliance, synthetic_power
from rnncourse.data.weather import seattle_weather
from rnncourse.data.windows import Windows, make_windows

__all__ = [
    "APPLIANCES",
    "DATASETS",
    "EMOTIONS",
    "MOODS",
    "Appliance",
    "Corpus",
    "DataError",
    "Dataset",
    "Duplicates",
    "Filled",
    "Fingerprint",
    "GapReport",
    "Kind",
    "PowerCheck",
    "Scaler",
    "Series",
    "Split",
    "TextSplits",
    "TrainTest",
    "Windows",
    "cache_folder",
    "check_emotion",
    "check_imdb",
    "check_power",
    "chronological",
    "data_folder",
    "download",
    "fetch_emotion",
    "fetch_imdb",
    "fetch_power",
    "fill_short_gaps",
    "find",
    "fit_scaler",
    "gaps",
    "hourly",
    "load_emotion",
    "load_imdb",
    "load_power",
    "locate",
    "make_windows",
    "order_sentences",
    "parse_power",
    "read_emotion",
    "read_emotion_csv",
    "resample",
    "seattle_weather",
    "shared_texts",
    "synthetic_power",
]
