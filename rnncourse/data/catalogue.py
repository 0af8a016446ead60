"""What can be done with each data set: fetch it, and read it whole and say what was found."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from pathlib import Path

from rnncourse.data.corpus import Corpus, TextSplits, TrainTest, shared_texts
from rnncourse.data.downloads import fetch_archive
from rnncourse.data.emotion import EMOTION, check_emotion, fetch_emotion
from rnncourse.data.imdb import IMDB, check_imdb, read_reviews
from rnncourse.data.power import POWER, check_power
from rnncourse.data.registry import required
from rnncourse.data.sentences import order_sentences
from rnncourse.data.series import Series, gaps
from rnncourse.data.synthetic import synthetic_power
from rnncourse.data.weather import seattle_weather


def _power() -> list[str]:
    path = required(POWER)
    known, series = check_power(path)
    return [str(path), known, gaps(series)]


def _series(series: Series) -> list[str]:
    return [f"{series.name}, {len(series):,} rows", gaps(series), f"fingerprint {series.fingerprint}"]


def _sentences() -> list[str]:
    corpus = order_sentences(4000, seed=0)
    return [*_corpus(corpus.name, corpus), f"fingerprint {corpus.fingerprint}"]


def _corpus(name: str, corpus: Corpus) -> list[str]:
    counts = ", ".join(f"{label} {count:,}" for label, count in corpus.counts.items())
    return [f"{name}: {corpus.duplicates()}", f"{name}: {counts}"]


def _texts(path: Path, check: Callable[[Path], TextSplits | TrainTest]) -> list[str]:
    splits = check(path)
    lines = [str(path), *(line for name, part in splits.parts.items() for line in _corpus(name, part))]
    for (first, seen), (second, rows) in combinations(splits.parts.items(), 2):
        lines.append(f"{shared_texts(seen, rows):,} rows of {second} have a text that {first} holds too")
    lines.append(f"all parts: {splits.joined.duplicates()}")
    return [*lines, f"fingerprint {splits.fingerprint}"]


#: Reads a data set whole and tells what was found, a line each.
REPORTS: Mapping[str, Callable[[], list[str]]] = {
    "seattle-weather": lambda: _series(seattle_weather()),
    "power": _power,
    "synthetic-power": lambda: _series(synthetic_power(days=1)),
    "emotion": lambda: _texts(required(EMOTION).parent, check_emotion),
    "imdb": lambda: _texts(required(IMDB), check_imdb),
    "order-sentences": _sentences,
}

#: Fetches a data set into the cache, its progress told to ``progress``.
FETCHES: Mapping[str, Callable[..., Path]] = {
    "power": partial(fetch_archive, POWER, check_power),
    "emotion": fetch_emotion,
    "imdb": partial(fetch_archive, IMDB, read_reviews),
}
