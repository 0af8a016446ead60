"""What can be done with each data set of the registry: fetch it, and read it whole and say what was found.

The command line knows no data set by name; it looks here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from rnncourse.data.corpus import Corpus, TextSplits, TrainTest, shared_texts
from rnncourse.data.emotion import read_emotion_csv
from rnncourse.data.emotion_files import check_emotion, fetch_emotion
from rnncourse.data.folders import required
from rnncourse.data.imdb import check_imdb, fetch_imdb
from rnncourse.data.missing import gaps
from rnncourse.data.power import check_power, fetch_power
from rnncourse.data.registry import EMOTION, IMDB, POWER
from rnncourse.data.sentences import order_sentences
from rnncourse.data.series import Series
from rnncourse.data.synthetic import synthetic_power
from rnncourse.data.weather import seattle_weather

__all__ = ["HANDLERS", "Handler"]


@dataclass(frozen=True)
class Handler:
    """What can be done with one data set.

    Attributes:
        report: read it whole, from a file or, without one, from where it lies; tell what was found, a line each.
        fetch: fetch it into the cache, its progress told to ``progress``; None where there is nothing to fetch.
        options: which of the options ``url`` and ``sha256`` it takes.
    """

    report: Callable[[Path | None], list[str]]
    fetch: Callable[..., Path] | None = None
    options: frozenset[str] = frozenset()


def _power(file: Path | None) -> list[str]:
    checked = check_power(file or required(POWER))
    return [str(checked.path), str(checked.fingerprint), str(checked.gaps)]


def _series(series: Series) -> list[str]:
    return [f"{series.name}, {len(series):,} rows", str(gaps(series)), f"fingerprint {series.fingerprint}"]


def _emotion(file: Path | None) -> list[str]:
    path = file or required(EMOTION)
    if path.suffix == ".csv":
        return [f"{path}, a table of yours: compared with nothing", *_corpus(path.name, read_emotion_csv(path))]
    return [str(path.parent), *_splits(check_emotion(path.parent))]


def _imdb(file: Path | None) -> list[str]:
    path = file or required(IMDB)
    return [str(path), *_splits(check_imdb(path))]


def _sentences(_: Path | None) -> list[str]:
    corpus = order_sentences(4000, seed=0)
    return [*_corpus(corpus.name, corpus), f"fingerprint {corpus.fingerprint}"]


def _corpus(name: str, corpus: Corpus) -> list[str]:
    counts = ", ".join(f"{label} {count:,}" for label, count in corpus.counts.items())
    return [f"{name}: {corpus.duplicates()}", f"{name}: {counts}"]


def _splits(splits: TextSplits | TrainTest) -> list[str]:
    lines = [line for name, part in splits.parts.items() for line in _corpus(name, part)]
    for (first, seen), (second, rows) in combinations(splits.parts.items(), 2):
        lines.append(f"{shared_texts(seen, rows):,} rows of {second} have a text that {first} holds too")
    lines.append(f"all parts: {splits.joined.duplicates()}")
    return [*lines, f"fingerprint {splits.fingerprint}"]


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "seattle-weather": Handler(lambda _: _series(seattle_weather())),
        "power": Handler(_power, fetch_power, frozenset(["url", "sha256"])),
        "synthetic-power": Handler(lambda _: _series(synthetic_power(days=1))),
        "emotion": Handler(_emotion, fetch_emotion, frozenset(["url"])),
        "imdb": Handler(_imdb, fetch_imdb, frozenset(["url", "sha256"])),
        "order-sentences": Handler(_sentences),
    }
)
"""The handlers, by the names of the registry."""
