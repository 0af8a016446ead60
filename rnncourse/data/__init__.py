"""Series to forecast and texts to classify: real ones, checked, and generated ones that say so.

`seattle_weather` ships with the installation. `load_power` reads the UCI household power file from the folder that
``RNNCOURSE_DATA`` names, or from the cache that ``rnncourse data fetch power`` fills; `synthetic_power` is generated.
`chronological` cuts a `Series` into standardised `Windows` without looking ahead. `load_emotion` and `load_imdb` read
labelled texts from the same places, `order_sentences` generates some; a `Corpus` counts its duplicates and conflicts.
"""

from rnncourse.data.corpus import Corpus, TextSplits, TrainTest, shared_texts
from rnncourse.data.emotion import EMOTIONS, load_emotion
from rnncourse.data.errors import DataError
from rnncourse.data.imdb import load_imdb
from rnncourse.data.power import load_power
from rnncourse.data.sentences import order_sentences
from rnncourse.data.series import Series, fill_short_gaps, gaps
from rnncourse.data.synthetic import synthetic_power
from rnncourse.data.weather import seattle_weather
from rnncourse.data.windows import Scaler, Split, Windows, chronological, fit_scaler, make_windows

__all__ = ["EMOTIONS", "Corpus", "DataError", "Scaler", "Series", "Split", "TextSplits", "TrainTest", "Windows"]
__all__ += ["chronological", "fill_short_gaps", "fit_scaler", "gaps", "load_emotion", "load_imdb", "load_power"]
__all__ += ["make_windows", "order_sentences", "seattle_weather", "shared_texts", "synthetic_power"]
