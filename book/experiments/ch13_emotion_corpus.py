"""What can be said of the emotion corpus before a network sees it: counts, conflicts, and what lists of words know.

Nothing of a text is recorded, only numbers about it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.data.emotion import load_emotion
from rnncourse.data.sentences import order_sentences
from rnncourse.studies import Scale, Study
from rnncourse.text import Vocabulary, tokenise
from rnncourse.text_baselines import LinearSVM, LogisticBagOfWords, TextBaseline

Labels = NDArray[np.int64]
Predict = Callable[[Sequence[str]], Labels]
Shares = dict[str, NDArray[np.float64]]

STRENGTHS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Imagined sightings of each word, from which the one with the best validation accuracy is taken."""

LINEAR: Mapping[str, tuple[Callable[[float], TextBaseline], tuple[float, ...]]] = MappingProxyType(
    {
        "logreg": (lambda strength: LogisticBagOfWords(strength=strength), (1.0, 3.0, 10.0, 30.0, 100.0)),
        "svm": (lambda strength: LinearSVM(strength=strength), (0.1, 0.3, 1.0, 3.0, 10.0)),
    }
)
"""Linear baselines, and the strengths of their penalty, from which validation takes one."""

_CONTRACTED = (
    *("can", "don", "didn", "doesn", "isn", "wasn", "aren", "weren", "won", "wouldn", "couldn", "shouldn", "haven"),
    *("hasn", "hadn"),
)
NEGATIONS = frozenset(
    (
        *("no", "not", "never", "nothing", "nobody", "none", "without", "hardly", "cannot"),
        *(f"{verb}{ending}" for verb in _CONTRACTED for ending in ("t", "'t")),
    )
)
"""Words that deny; the messages are written with and without apostrophes."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One part of the corpus.

    Attributes:
        part: ``train``, ``validation``, ``test``, or ``all`` for the three together.
        data: ``tweets`` (real) or ``sentences`` (generated).
        seed: no part in it; the counts are counts.
    """

    part: str
    data: str
    seed: int = 0


def grid(scale: Scale, seeds: int) -> list[Config]:
    """One run per part."""
    parts = ("train", "validation", "test", "all")
    return [Config(part=part, data="tweets" if scale == "full" else "sentences") for part in parts]


@lru_cache
def splits(name: str) -> TextSplits:
    """The three parts of a corpus.

    Args:
        name: ``tweets`` or ``sentences``.

    Returns:
        The authors' split, or generated sentences in a split of their own.
    """
    if name == "tweets":
        return load_emotion()
    sizes = {"train": 800, "validation": 200, "test": 200}
    return TextSplits(**{part: order_sentences(size, seed=seed) for seed, (part, size) in enumerate(sizes.items())})


def word_shares(texts: Sequence[str], labels: NDArray[np.int64], *, classes: int, strength: float) -> Shares:
    """How the texts that hold a word divide among the classes.

    Args:
        texts: training texts.
        labels: the class of each, ``(n,)``.
        classes: how many classes there are.
        strength: imagined texts with each word that divide as all texts do, so that a word seen once counts little.

    Returns:
        For each word one share per class, ``(classes,)``, which sum to 1.
    """
    counts: defaultdict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(classes))
    for sentence, label in zip(texts, labels.tolist(), strict=True):
        for word in set(tokenise(sentence)):
            counts[word][label] += 1
    prior = np.bincount(labels, minlength=classes) / len(labels)
    return {word: (count + strength * prior) / (count.sum() + strength) for word, count in counts.items()}


def telling_word(sentence: str, shares: Shares) -> str | None:
    """The word of a text that says most about its class.

    Args:
        sentence: any text.
        shares: from `word_shares`.

    Returns:
        The known word with the largest share, the last in the alphabet of equals; None without a known word.
    """
    known = [word for word in set(tokenise(sentence)) if word in shares]
    return max(known, key=lambda word: (float(shares[word].max()), word), default=None)


def by_one_word(texts: Sequence[str], shares: Shares, *, otherwise: int) -> NDArray[np.int64]:
    """Classify each text by its telling word alone.

    Args:
        texts: any texts, ``n`` of them.
        shares: from `word_shares`.
        otherwise: class of a text without a known word.

    Returns:
        Classes, ``(n,)``.
    """
    words = (telling_word(sentence, shares) for sentence in texts)
    return np.array([otherwise if word is None else int(shares[word].argmax()) for word in words], dtype=np.int64)


def conflicts(labelled: Corpus) -> list[list[int]]:
    """Texts that occur under two labels, by pair of labels.

    Args:
        labelled: a corpus.

    Returns:
        A square table, ``(classes, classes)``: entry ``[a][b]`` with ``a < b`` counts the texts under both labels.
    """
    found: defaultdict[str, set[int]] = defaultdict(set)
    for sentence, label in zip(labelled.texts, labelled.labels.tolist(), strict=True):
        found[sentence].add(label)
    pairs = Counter(pair for labels in found.values() for pair in combinations(sorted(labels), 2))
    size = range(len(labelled.classes))
    return [[pairs[row, column] for column in size] for row in size]


def run(config: Config, device: str) -> dict[str, Any]:
    """Count one part.

    Args:
        config: which.
        device: ignored; nothing is trained.

    Returns:
        ``counts`` (texts by class), ``lengths`` (texts by number of words, from 0), ``characters`` (of the longest
        text), ``distinct``, ``exact``, ``conflicting``, ``conflicting_texts`` and ``best`` as in `Duplicates`,
        ``conflict_pairs`` as in `conflicts`, ``words`` and ``unknown`` (running words, and those that training lacks),
        ``vocabulary`` (different words of training), ``in_train`` and ``in_train_same`` (texts that training holds
        too, and those under the same label).
        For validation and test also one entry per text: ``labels`` (a string of digits), ``denies`` (a string of 0
        and 1: holds a word of `NEGATIONS`), ``tokens``, ``unknown_by_text``, and what is said of each text, a string
        of digits, by one word (``one_word``), by logistic regression (``logreg``) and by the SVM (``svm``), each at
        the strength that validation chose (``one_word_strength`` and so on).
    """
    parts = splits(config.data)
    chosen = _joined(parts) if config.part == "all" else parts.parts[config.part]
    metrics = {**_counted(chosen), **_against_training(chosen, parts.train)}
    return metrics if config.part in ("all", "train") else {**metrics, **_by_text(chosen, parts)}


def _joined(parts: TextSplits) -> Corpus:
    every = parts.parts.values()
    texts = tuple(sentence for part in every for sentence in part.texts)
    return Corpus("all", texts, np.concatenate([part.labels for part in every]), parts.train.classes)


def _counted(chosen: Corpus) -> dict[str, Any]:
    found = chosen.duplicates()
    return {
        "counts": list(chosen.counts.values()),
        "lengths": np.bincount([len(tokenise(sentence)) for sentence in chosen.texts]).tolist(),
        "rows": found.rows,
        "distinct": found.distinct,
        "exact": found.exact,
        "conflicting": found.conflicting,
        "conflicting_texts": found.conflicting_texts,
        "best": found.best,
        "conflict_pairs": conflicts(chosen),
    }


def _against_training(chosen: Corpus, train: Corpus) -> dict[str, int]:
    known, held = Vocabulary.of(train.texts), set(train.texts)
    same = set(zip(train.texts, train.labels.tolist(), strict=True))
    words = [word for sentence in chosen.texts for word in tokenise(sentence)]
    return {
        "characters": max(map(len, chosen.texts)),
        "words": len(words),
        "unknown": sum(word not in known.ids for word in words),
        "vocabulary": len(known) - 2,
        "in_train": sum(sentence in held for sentence in chosen.texts),
        "in_train_same": sum(row in same for row in zip(chosen.texts, chosen.labels.tolist(), strict=True)),
    }


def _by_text(chosen: Corpus, parts: TextSplits) -> dict[str, Any]:
    known = Vocabulary.of(parts.train.texts).ids
    tokens = [tokenise(sentence) for sentence in chosen.texts]
    said: dict[str, Any] = {}
    for name in ("one_word", *LINEAR):
        strength, predict = _chosen(name, parts)
        said |= {name: _digits(predict(chosen.texts)), f"{name}_strength": strength}
    return {
        "labels": _digits(chosen.labels),
        "denies": _digits(np.array([not NEGATIONS.isdisjoint(words) for words in tokens])),
        "tokens": [len(words) for words in tokens],
        "unknown_by_text": [sum(word not in known for word in words) for words in tokens],
        **said,
    }


@lru_cache
def _chosen(name: str, parts: TextSplits) -> tuple[float, Predict]:
    """The first of the strengths with the best validation accuracy, and the classifier."""
    train, validation = parts.train, parts.validation
    fitted: dict[float, Predict] = {}
    if name == "one_word":
        fitted = {strength: _one_word(train, strength) for strength in STRENGTHS}
    else:
        make, strengths = LINEAR[name]
        fitted = {strength: make(strength).fit(train.texts, train.labels).predict for strength in strengths}
    right = {
        strength: int((predict(validation.texts) == validation.labels).sum()) for strength, predict in fitted.items()
    }
    best = max(right, key=lambda strength: right[strength])
    return best, fitted[best]


def _one_word(train: Corpus, strength: float) -> Predict:
    shares = word_shares(train.texts, train.labels, classes=len(train.classes), strength=strength)
    most = int(np.bincount(train.labels).argmax())
    return lambda texts: by_one_word(texts, shares, otherwise=most)


def _digits(values: NDArray[Any]) -> str:
    return "".join(str(int(value)) for value in values)


def _data(scale: Scale) -> str:
    return splits("tweets" if scale == "full" else "sentences").fingerprint


STUDY = Study(
    name="emotion-corpus",
    about="how large, how uneven and how contradictory the emotion corpus is, and what lists of words know",
    seeds=1,
    grid=grid,
    run=run,
    data=_data,
    notes="Nothing is trained but lists of words. No text is recorded, only numbers about texts.",
)
STUDIES = (STUDY,)
