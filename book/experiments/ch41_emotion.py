"""Four studies for *Emotion*: what the corpus is, what a network reads that a count does not, padding, a reader.

``emotion-corpus`` counts: size, conflicts, overlap, and what lists of words know; no text is recorded, only numbers.
``emotion`` sets networks against counts of words, with and without the order of the words. Everything is chosen on the
validation part; the test part is scored after every epoch too, to measure what choosing on it would have gained.
``emotion-padding`` trains the coursework's network as Keras would, on a quarter of the messages: padded on either side
and packed, with and without dropout, four times as long, and by the recipe of the small networks at their rates.
``sentence-reader`` is a classifier of generated sentences, small enough to read in the page, its weights on record in
one byte each.
"""

import base64
import copy
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from book.experiments.final_states import final_states
from book.experiments.text_training import (
    Floats,
    Labels,
    Recipe,
    accuracy,
    confusion,
    log_softmax,
    nll,
    size,
    train_and_judge,
    with_small_vectors,
)
from rnncourse.data import shared_texts
from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.data.emotion import load_emotion
from rnncourse.data.sentences import order_sentences
from rnncourse.networks import TextClassifier, class_logits, emotion_network
from rnncourse.studies import Scale, Study
from rnncourse.text import PADDING, UNKNOWN, Encoded, Layout, TextBatches, Vocabulary, tokenise
from rnncourse.text_baselines import LinearSVM, LogisticBagOfWords, Majority, TextBaseline
from rnncourse.training import fit, one_cycle, predict, set_seed

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
class CorpusConfig:
    """One part of the corpus.

    Attributes:
        part: ``train``, ``validation``, ``test``, or ``all`` for the three together.
        data: ``tweets`` (real) or ``sentences`` (generated).
        seed: no part in it; the counts are counts.
    """

    part: str
    data: str
    seed: int = 0


def corpus_grid(scale: Scale, seeds: int) -> list[CorpusConfig]:
    """One run per part."""
    parts = ("train", "validation", "test", "all")
    return [CorpusConfig(part=part, data="tweets" if scale == "full" else "sentences") for part in parts]


@lru_cache
def messages() -> TextSplits:
    """The authors' split; what is scored stands in `unordered` rows."""
    parts = load_emotion()
    return replace(parts, validation=unordered(parts.validation), test=unordered(parts.test))


def unordered(chosen: Corpus) -> Corpus:
    """The same texts by class and then by a hash: what is recorded per text says nothing of the files' rows."""
    hashes = [hashlib.sha256(text.encode()).digest() for text in chosen.texts]
    return chosen.take(sorted(range(len(chosen)), key=lambda row: (chosen.labels[row], hashes[row])))


@lru_cache
def corpus_splits(name: str) -> TextSplits:
    """The three parts of a corpus."""
    if name == "tweets":
        return messages()
    sizes = {"train": 800, "validation": 200, "test": 200}
    return TextSplits(**{part: order_sentences(size, seed=seed) for seed, (part, size) in enumerate(sizes.items())})


def word_shares(texts: Sequence[str], labels: NDArray[np.int64], *, classes: int, strength: float) -> Shares:
    """How the texts that hold a word divide among the classes."""
    counts: defaultdict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(classes))
    for sentence, label in zip(texts, labels.tolist(), strict=True):
        for word in set(tokenise(sentence)):
            counts[word][label] += 1
    prior = np.bincount(labels, minlength=classes) / len(labels)
    return {word: (count + strength * prior) / (count.sum() + strength) for word, count in counts.items()}


def telling_word(sentence: str, shares: Shares) -> str | None:
    """The word of a text that says most about its class."""
    known = [word for word in set(tokenise(sentence)) if word in shares]
    return max(known, key=lambda word: (float(shares[word].max()), word), default=None)


def by_one_word(texts: Sequence[str], shares: Shares, *, otherwise: int) -> NDArray[np.int64]:
    """Classify each text by its telling word alone."""
    words = (telling_word(sentence, shares) for sentence in texts)
    return np.array([otherwise if word is None else int(shares[word].argmax()) for word in words], dtype=np.int64)


def conflicts(labelled: Corpus) -> list[list[int]]:
    """Texts that occur under two labels, by pair of labels."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for sentence, label in zip(labelled.texts, labelled.labels.tolist(), strict=True):
        found[sentence].add(label)
    pairs = Counter(pair for labels in found.values() for pair in combinations(sorted(labels), 2))
    size = range(len(labelled.classes))
    return [[pairs[row, column] for column in size] for row in size]


def count_part(config: CorpusConfig, device: str) -> dict[str, Any]:
    """Count one part.

    Returns:
        ``counts`` (texts by class), ``lengths`` (texts by number of words, from 0), ``characters`` (of the longest
        text), ``distinct``, ``exact``, ``conflicting``, ``conflicting_texts`` and ``best`` as in `Duplicates`,
        ``conflict_pairs`` as in `conflicts`, ``words`` and ``unknown`` (running words, and those that training lacks),
        ``vocabulary`` (different words of training), ``in_train`` and ``in_train_same`` (texts that training holds
        too, and those under the same label).
        For validation and test also one entry per text, in `unordered` rows: ``labels`` (a string of digits),
        ``denies`` (a string of 0 and 1: holds a word of `NEGATIONS`), ``tokens``, ``unknown_by_text``, and what is said
        of each text, a string of digits, by one word (``one_word``), by logistic regression (``logreg``) and by the SVM
        (``svm``), each at the strength that validation chose (``one_word_strength`` and so on).
    """
    parts = corpus_splits(config.data)
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


def _corpus_data(scale: Scale) -> str:
    return corpus_splits("tweets" if scale == "full" else "sentences").fingerprint


Source = Literal["messages", "sentences"]
Words = Literal["ordered", "shuffled"]

BINS = 15  # of equal width, for the largest probability
PADDED = 79  # tokens of every message in the report
SHUFFLES = 5
NETWORKS = ("small", "bag", "report", "one-way")
BASELINES: Mapping[str, TextBaseline] = MappingProxyType(
    {"majority": Majority(), "tfidf-logreg": LogisticBagOfWords(), "tfidf-svm": LinearSVM()}
)
SENTENCES = {"train": 2000, "validation": 400, "test": 400}
REPORTED_WORDS = 60_000  # rows of the report's embedding
MIN_COUNT = 1  # how often a training word has to occur to have a vector
EMBEDDING, HIDDEN = 100, 64
DROPOUT, WORD_DROPOUT = 0.5, 0.3  # of what the head reads, and of the word vectors
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "small": Recipe(epochs=8, batch_size=32, lr=3e-3, forget=0.05),
        "one-way": Recipe(epochs=8, batch_size=32, lr=3e-3, forget=0.05),
        "bag": Recipe(epochs=8, batch_size=32, lr=3e-3, forget=0.05),
        "report": Recipe(epochs=5, batch_size=32, lr=1e-3, cycle=False, clip_norm=None),
    }
)


@dataclass(frozen=True, kw_only=True)
class EmotionConfig:
    """One run.

    Attributes:
        model: a baseline (``majority``, ``tfidf-logreg``, ``tfidf-svm``), ``report`` (the coursework's network on
            messages padded to 79 tokens), ``small`` (a packed bidirectional GRU), ``one-way`` (the same forwards
            alone), or ``bag`` (the mean of the word vectors in the place of the GRU).
        words: ``ordered``, or ``shuffled``: the words of every text of every part in one random order.
        seed: of the initial weights, the order of the batches and the dropout.
        source: ``messages`` or ``sentences``.
    """

    model: str
    words: Words
    seed: int
    source: Source


class BagOfVectors(nn.Module):
    """The mean of the word vectors and a linear layer: what is left of a `TextClassifier` without recurrence.

    Args:
        vocabulary_size: ids.
        embedding_dim: entries of a word's vector.
        classes: classes to name.
        dropout: probability of dropping an entry of the mean.
        embedding_dropout: probability of dropping an entry of a word's vector.
    """

    def __init__(
        self, *, vocabulary_size: int, embedding_dim: int, classes: int, dropout: float, embedding_dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim, padding_idx=PADDING)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(embedding_dim, classes)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits ``(batch, classes)`` of ids ``(batch, time)`` with ``lengths`` tokens; padding has the vector 0."""
        total = self.embedding_dropout(self.embedding(ids)).sum(dim=1)
        logits: Tensor = self.head(self.dropout(total / lengths[:, None]))
        return logits


@dataclass(frozen=True, eq=False)
class _Part:
    """Texts as strings and as ids, and their classes."""

    texts: tuple[str, ...]
    encoded: Encoded
    labels: Labels


@dataclass(frozen=True, eq=False)
class _Parts:
    train: _Part
    validation: _Part
    test: _Part
    mixed: tuple[_Part, ...]  # the test part in other orders of words
    words: int
    classes: int


@lru_cache(maxsize=2)
def splits(source: Source) -> TextSplits:
    """What a study reads: the authors' split, or generated sentences with a seed for each part."""
    if source == "messages":
        return messages()
    return TextSplits(
        **{name: order_sentences(count, seed=seed) for seed, (name, count) in enumerate(SENTENCES.items())}
    )


def mixed(texts: Iterable[str], seed: int) -> tuple[str, ...]:
    """The texts with the words of each in random order."""
    generator = np.random.default_rng(seed)
    return tuple(" ".join(generator.permutation(tokenise(text)).tolist()) for text in texts)


@lru_cache(maxsize=4)
def _parts(source: Source, words: Words) -> _Parts:
    corpora = splits(source).parts
    texts = {name: corpus.texts for name, corpus in corpora.items()}
    if words == "shuffled":
        texts = {name: mixed(part, 100 + number) for number, (name, part) in enumerate(texts.items())}
    vocabulary = Vocabulary.of(texts["train"], min_count=MIN_COUNT)

    def part(texts: tuple[str, ...], name: str) -> _Part:
        return _Part(texts, vocabulary.encode(texts), corpora[name].labels)

    return _Parts(
        **{name: part(texts[name], name) for name in corpora},
        mixed=tuple(part(mixed(texts["test"], seed), "test") for seed in range(SHUFFLES)),
        words=len(vocabulary),
        classes=len(corpora["test"].classes),
    )


def run(config: EmotionConfig, device: str) -> dict[str, Any]:
    """Fit one model, choose its epoch on the validation part, and score it on the test part.

    Returns:
        Of the test part what `class_scores` says, and ``predictions``, one digit per text; ``parameters``. Of the
        validation part ``validation_confusion`` and ``validation_predictions``. ``shuffled_predictions`` of the test
        texts with their words in another order, the same for all models, and ``shuffled_accuracy``, the mean over
        five such orders. Of a network also what `_confidence` says, ``train_accuracy_final``, ``vocabulary_size``,
        the number of ``epochs``, the ``selected`` one, and by epoch the loss and accuracy of each part.
    """
    parts = _parts(config.source, config.words)
    if config.model in BASELINES:
        fitted = BASELINES[config.model].fit(parts.train.texts, parts.train.labels)
        return {**_outcome(parts, lambda part: fitted.predict(part.texts)), "parameters": fitted.parameters}
    set_seed(config.seed)
    net, layout, length = network(config.model, parts.words, parts.classes)
    recipe = RECIPES[config.model]
    train = TextBatches(parts.train.encoded, parts.train.labels, recipe.batch_size, layout, length)

    def logits(part: _Part) -> Floats:
        return class_logits(net, part.encoded, layout=layout, length=length, device=device).astype(np.float64)

    course = train_and_judge(net, train, lambda: _judged(parts, logits), recipe, seed=config.seed, device=device)
    return {
        **_outcome(parts, lambda part: logits(part).argmax(axis=1)),
        **_confidence(logits(parts.validation), parts.validation.labels, logits(parts.test), parts.test.labels),
        "train_accuracy_final": accuracy(logits(parts.train).argmax(axis=1), parts.train.labels),
        "parameters": size(net),
        "vocabulary_size": int(net.embedding.num_embeddings),
        "epochs": recipe.epochs,
        "selected": course.selected,
        **course.curves,
    }


def network(model: str, words: int, classes: int) -> tuple[TextClassifier | BagOfVectors, Layout, int | None]:
    """A network with fresh weights, and how its texts are laid out."""
    match model:
        case "report":
            return emotion_network(vocabulary_size=max(REPORTED_WORDS, words), classes=classes), "left", PADDED
        case "bag":
            bag = BagOfVectors(
                vocabulary_size=words,
                embedding_dim=EMBEDDING,
                classes=classes,
                dropout=DROPOUT,
                embedding_dropout=WORD_DROPOUT,
            )
            return with_small_vectors(bag), "packed", None
        case "small" | "one-way":
            net = TextClassifier(
                "gru",
                vocabulary_size=words,
                embedding_dim=EMBEDDING,
                hidden_size=HIDDEN,
                classes=classes,
                bidirectional=model == "small",
                read="packed",
                dropout=DROPOUT,
                embedding_dropout=WORD_DROPOUT,
            )
            return with_small_vectors(net), "packed", None
    raise ValueError(f"model is {model!r}; expected one of {', '.join((*NETWORKS, *BASELINES))}.")


def _judged(parts: _Parts, logits: Callable[[_Part], Floats]) -> dict[str, float]:
    """Accuracy and loss of the validation part, which chooses the epoch, and of the test part, which does not."""
    judged: dict[str, float] = {}
    for name, part in (("validation", parts.validation), ("test", parts.test)):
        found = logits(part)
        judged[f"{name}_accuracy"] = accuracy(found.argmax(axis=1), part.labels)
        judged[f"{name}_loss"] = nll(found, part.labels)
    return judged


def class_scores(named: Labels, labels: Labels, classes: int) -> dict[str, Any]:
    """Scores of one set of texts."""
    counts = np.array(confusion(named, labels, classes), dtype=np.float64)
    right, true, said = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    f1 = 2 * right / np.maximum(true + said, 1)
    return {
        "accuracy": float(right.sum() / counts.sum()),
        "macro_f1": float(f1.mean()),
        "weighted_f1": float((f1 * true).sum() / true.sum()),
        "recall": (right / np.maximum(true, 1)).tolist(),
        "precision": (right / np.maximum(said, 1)).tolist(),
        "confusion": counts.astype(np.int64).tolist(),
    }


def digits(named: Labels) -> str:
    """Classes from 0 to 9 as one string, a digit per text."""
    if len(named) and not 0 <= named.min() <= named.max() <= 9:
        raise ValueError(f"named holds classes {named.min()} to {named.max()}; expected 0 to 9, one digit each.")
    return "".join(map(str, named.tolist()))


def temperature(logits: Floats, labels: Labels) -> float:
    """The number to divide logits by that makes their probabilities fit best.

    Source: Guo et al. (2017), On calibration of modern neural networks.
    """
    candidates = np.geomspace(0.1, 10, 401)
    return float(candidates[np.argmin([nll(logits / candidate, labels) for candidate in candidates])])


def calibration(logits: Floats, labels: Labels) -> dict[str, Any]:
    """The largest probability of each text, in bins, and how often it is right.

    Source: Guo et al. (2017), On calibration of modern neural networks, equation 3.
    """
    probability = np.exp(log_softmax(logits))
    largest, right = probability.max(axis=1), probability.argmax(axis=1) == labels
    which = np.minimum((largest * BINS).astype(np.int64), BINS - 1)
    counts, sums, correct = (
        np.bincount(which, weights=weights, minlength=BINS) for weights in (np.ones(len(labels)), largest, right)
    )
    return {
        "counts": counts.astype(np.int64).tolist(),
        "sums": np.round(sums, 4).tolist(),
        "correct": correct.astype(np.int64).tolist(),
        "ece": float(np.abs(sums - correct).sum() / len(labels)),
    }


def _outcome(parts: _Parts, named: Callable[[_Part], Labels]) -> dict[str, Any]:
    """What a model says of the validation texts, the test texts, and the test texts with their words mixed."""
    validation, test, *others = (named(part) for part in (parts.validation, parts.test, *parts.mixed))
    labels = parts.test.labels
    return {
        **class_scores(test, labels, parts.classes),
        "predictions": digits(test),
        "validation_confusion": confusion(validation, parts.validation.labels, parts.classes),
        "validation_predictions": digits(validation),
        "shuffled_predictions": digits(others[0]),
        "shuffled_accuracy": float(np.mean([accuracy(other, labels) for other in others])),
    }


def _confidence(validation: Floats, validation_labels: Labels, test: Floats, test_labels: Labels) -> dict[str, Any]:
    """Calibration of the test part, as it is and after one temperature that the validation part chooses."""
    one = temperature(validation, validation_labels)
    plain, scaled = calibration(test, test_labels), calibration(test / one, test_labels)
    sure = np.exp(log_softmax(test)).max(axis=1)
    return {
        "nll": nll(test, test_labels),
        "nll_scaled": nll(test / one, test_labels),
        "temperature": one,
        **{f"confidence_{name}": value for name, value in plain.items()},
        **{f"confidence_{name}_scaled": value for name, value in scaled.items()},
        "confidence_percent": np.rint(100 * sure).astype(np.int64).tolist(),
    }


def grid(scale: Scale, seeds: int) -> list[EmotionConfig]:
    """Baselines once, each network with every seed, and three models on shuffled words."""
    source: Source = "messages" if scale == "full" else "sentences"
    wanted: list[tuple[str, Words, int]] = [(model, "ordered", 0) for model in BASELINES]
    wanted.append(("tfidf-svm", "shuffled", 0))
    trained: list[tuple[str, Words]] = [("small", "ordered"), ("small", "shuffled"), ("bag", "ordered")]
    if scale == "full":
        trained += [("report", "ordered"), ("one-way", "ordered")]
    wanted += [(model, words, seed) for model, words in trained for seed in range(seeds)]
    return [EmotionConfig(model=model, words=words, seed=seed, source=source) for model, words, seed in wanted]


def _fingerprint(scale: Scale) -> str:
    return splits("messages" if scale == "full" else "sentences").fingerprint


Layouts = Literal["left", "right", "packed"]
How = Literal["report", "cycle"]

QUARTER = 4_000  # messages to learn from, drawn once
BLIND_EPOCHS = 20  # four times as many as the report's
RATES = (1e-3, 3e-3)


@dataclass(frozen=True, kw_only=True)
class PaddingConfig:
    """One run.

    Attributes:
        model: ``report``, or a network of the study ``emotion``: ``small``, ``one-way`` or ``bag``.
        layout: where the padding stands, up to the longest message of a batch; ``packed`` for none.
        how: ``report`` is Keras's Adam at a constant rate in batches drawn blindly; ``cycle`` is the recipe of the
            small networks.
        lr: the rate, or the highest one of the cycle.
        dropout: False leaves out both dropout layers of the report's network.
        seed: of the initial weights, the order of the batches and the dropout.
        source: ``messages`` or ``sentences``.
    """

    model: str
    layout: Layouts
    how: How
    lr: float
    dropout: bool
    seed: int
    source: Source


class ReportNetwork(nn.Module):
    """The coursework's network with what Keras starts from: an embedding, a bidirectional GRU, two dense layers.

    The vector of the padding learns like every other one, as in an ``Embedding`` without ``mask_zero``.

    Args:
        words: rows of the embedding.
        classes: classes to name.
        packed: read each text without its padding; otherwise the whole row.
        dropout: probability of dropping a feature, before either dense layer.
    """

    def __init__(self, words: int, classes: int, *, packed: bool, dropout: float = 0.5) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(words, 100)
        self.gru = nn.GRU(100, 128, batch_first=True, bidirectional=True)
        self.norm = nn.BatchNorm1d(256, eps=1e-3, momentum=0.01)
        self.hidden, self.out = nn.Linear(256, 64), nn.Linear(64, classes)
        self.dropout = nn.Dropout(dropout)
        keras_start_(self)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits ``(batch, classes)`` of ids ``(batch, time)`` with ``lengths`` tokens, the longest first if packed."""
        features = self.norm(self.ends(ids, lengths))
        hidden = torch.relu(self.hidden(self.dropout(features)))
        logits: Tensor = self.out(self.dropout(hidden))
        return logits

    def ends(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """What the two directions hold at their end, ``(batch, 256)``, the forward one first."""
        return final_states(self.gru, self.embedding, ids, lengths if self.packed else None)


@torch.no_grad()
def keras_start_(net: nn.Module) -> None:
    """Give a network the weights that Keras starts from: word vectors within 0.05, Glorot, orthogonal, biases 0."""
    for name, weights in net.named_parameters():
        if name.startswith("embedding"):
            nn.init.uniform_(weights, -0.05, 0.05)
        elif "bias" in name:
            nn.init.zeros_(weights)
        elif "weight_hh" in name:
            nn.init.orthogonal_(weights)
        elif weights.ndim == 2:
            nn.init.xavier_uniform_(weights)


def padding_grid(scale: Scale, seeds: int) -> list[PaddingConfig]:
    """The report's network in three layouts, without dropout, and by the other recipe; the small ones at its rates."""
    source: Source = "messages" if scale == "full" else "sentences"
    faithful: list[tuple[Layouts, bool]] = [("packed", True), ("left", True), ("right", True), ("packed", False)]
    rows: list[tuple[str, Layouts, How, float, bool]]
    rows = [("report", layout, "report", RATES[0], dropout) for layout, dropout in faithful]
    rows += [(model, "packed", "cycle", rate, True) for model in ("report", "small", "bag") for rate in RATES]
    return [
        PaddingConfig(model=model, layout=layout, how=how, lr=rate, dropout=dropout, seed=seed, source=source)
        for seed in range(seeds)
        for model, layout, how, rate, dropout in rows
    ]


@lru_cache(maxsize=2)
def _quarter(source: Source) -> _Parts:
    """All parts, but only some of the training texts, and the vocabulary of these."""
    corpora = splits(source).parts
    drawn = np.sort(np.random.default_rng(0).permutation(len(corpora["train"]))[:QUARTER])
    learned = corpora["train"].take(drawn)
    vocabulary = Vocabulary.of(learned.texts, min_count=MIN_COUNT)

    def part(texts: tuple[str, ...], labels: Labels) -> _Part:
        return _Part(texts, vocabulary.encode(texts), labels)

    test = corpora["test"]
    return _Parts(
        train=part(learned.texts, learned.labels),
        validation=part(corpora["validation"].texts, corpora["validation"].labels),
        test=part(test.texts, test.labels),
        mixed=tuple(part(mixed(test.texts, seed), test.labels) for seed in range(SHUFFLES)),
        words=len(vocabulary),
        classes=len(test.classes),
    )


def run_padding(config: PaddingConfig, device: str) -> dict[str, Any]:
    """Train one network, choose its epoch on the validation part, and score it on the test part.

    Returns:
        What `run` returns of a network. Of the report's network also ``spread``, the standard deviation of the states
        over the test texts, its mean over the units of the forward and of the backward direction, and
        ``spread_padded`` with every text padded to 79 tokens. By the report's recipe also loss and accuracy of each
        epoch with the statistics `settled`: ``settled_validation_loss``, ``settled_test_accuracy`` and so on.
    """
    parts, blindly = _quarter(config.source), config.how == "report"
    set_seed(config.seed)
    net, recipe = _padding_network(config, parts), _padding_recipe(config)
    train = TextBatches(parts.train.encoded, parts.train.labels, recipe.batch_size, config.layout, bucket=not blindly)

    def logits(part: _Part, of: nn.Module = net) -> Floats:
        if config.layout == "packed":
            return class_logits(of, part.encoded, device=device).astype(np.float64)
        batches = TextBatches(part.encoded, part.labels, recipe.batch_size, config.layout)
        return predict(of, batches, device=device).astype(np.float64)

    def judge() -> dict[str, float]:
        return _judged(parts, logits) | (_settled_scores(net, train, parts, logits) if blindly else {})

    course = train_and_judge(net, train, judge, recipe, seed=config.seed, device=device)
    return {
        **_outcome(parts, lambda part: logits(part).argmax(axis=1)),
        **_confidence(logits(parts.validation), parts.validation.labels, logits(parts.test), parts.test.labels),
        **(_spreads(net, parts.test, config.layout) if isinstance(net, ReportNetwork) else {}),
        "train_accuracy_final": accuracy(logits(parts.train).argmax(axis=1), parts.train.labels),
        "parameters": size(net),
        "vocabulary_size": parts.words,
        "epochs": len(course.curves["train_loss"]),
        "selected": course.selected,
        **course.curves,
    }


def _padding_network(config: PaddingConfig, parts: _Parts) -> nn.Module:
    if config.model != "report":
        return network(config.model, parts.words, parts.classes)[0]
    dropout = DROPOUT if config.dropout else 0.0
    return ReportNetwork(parts.words, parts.classes, packed=config.layout == "packed", dropout=dropout)


@torch.no_grad()
def _spreads(net: ReportNetwork, part: _Part, layout: Layout) -> dict[str, list[float]]:
    """How far the states differ between texts, by direction, padded as in training and to the report's length."""
    if layout == "packed":
        order = np.argsort(-part.encoded.lengths, kind="stable")
        part = _Part(part.texts, part.encoded.take(order), part.labels[order])
    spreads = {}
    for name, length in (("spread", None), ("spread_padded", PADDED)):
        batches = TextBatches(part.encoded, part.labels, 32, layout, length).batches(None)
        ends = torch.cat([net.ends(*inputs) for inputs, _ in batches])
        spreads[name] = [float(half.std(dim=0).mean()) for half in ends.chunk(2, dim=1)]
    return spreads


@dataclass(frozen=True)
class KerasAdam(Recipe):
    """Adam as Keras has it: a constant rate, and another epsilon than torch's."""

    def optimiser(self, parameters: Iterable[nn.Parameter], steps: int) -> torch.optim.Optimizer:
        """Adam for these parameters."""
        return torch.optim.Adam(parameters, lr=self.lr, eps=1e-7, fused=True)


def _padding_recipe(config: PaddingConfig) -> Recipe:
    if config.how == "cycle":
        return replace(RECIPES["small"], lr=config.lr)
    epochs = BLIND_EPOCHS if config.source == "messages" else 2
    return KerasAdam(epochs=epochs, batch_size=32, lr=config.lr, cycle=False, clip_norm=None)


def _settled_scores(
    net: nn.Module, train: TextBatches, parts: _Parts, logits: Callable[[_Part, nn.Module], Floats]
) -> dict[str, float]:
    twin = settled(net, train)
    return {f"settled_{name}": value for name, value in _judged(parts, lambda part: logits(part, twin)).items()}


@torch.no_grad()
def settled(net: nn.Module, train: TextBatches) -> nn.Module:
    """The same weights with the statistics that they have over all training batches, in place of moving averages.

    Source: Wu & Johnson (2021), Rethinking "Batch" in BatchNorm, section 3.
    """
    twin = copy.deepcopy(net).eval()
    assert isinstance(twin.norm, nn.BatchNorm1d)
    twin.norm.reset_running_stats()
    twin.norm.momentum = None  # every batch counts alike
    twin.norm.train()
    for inputs, _ in train.batches(torch.Generator().manual_seed(0)):
        twin(*inputs)
    return twin.eval()


TRAIN, VALIDATION, TEST = 8_000, 2_000, 4_000  # sentences
MASKED = 0.1  # share of the words that one copy of the training sentences makes unknown
BATCH = 64
LEVELS = 127  # largest entry of a rounded row
EXAMPLES = (
    "I pretend to feel happy but deep down I feel lonely",
    "I pretend to feel lonely but deep down I feel happy",
    "my friends are happy while I am sad",
    "my friends are sad while I am happy",
    "yesterday my cat felt miserable, but I felt cheerful",
)


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """One small network.

    Attributes:
        seed: of the initial weights, the order of the batches, and what is made unknown or cut off.
        sentences: generated sentences to learn from.
        epochs: passes over them.
        embedding_dim: entries of a word's vector.
        hidden_size: units of each direction.
    """

    seed: int
    sentences: int = TRAIN
    epochs: int = 4
    embedding_dim: int = 32
    hidden_size: int = 32


def reader_grid(scale: Scale, seeds: int) -> list[ReaderConfig]:
    """One run per seed, on generated sentences at either scale."""
    return [ReaderConfig(seed=seed) for seed in range(seeds)]


def reader_splits(sentences: int) -> TextSplits:
    """The corpus of the study: parts that share no pair of twins but by chance."""
    return TextSplits(
        order_sentences(sentences, seed=101), order_sentences(VALIDATION, seed=102), order_sentences(TEST, seed=103)
    )


def masked(encoded: Encoded, *, share: float, seed: int) -> Encoded:
    """The same texts with some words made unknown, each with the same probability."""
    chosen = np.random.default_rng(seed).random(len(encoded.ids)) < share
    return Encoded(np.where(chosen, UNKNOWN, encoded.ids), encoded.offsets)


def beginnings(encoded: Encoded, *, seed: int) -> Encoded:
    """The first words of each text, as many as are drawn from one to all of them."""
    kept = np.random.default_rng(seed).integers(1, encoded.lengths + 1)
    return Encoded.of([encoded[k][:length] for k, length in enumerate(kept)])


def train_reader(config: ReaderConfig, parts: TextSplits, vocabulary: Vocabulary) -> TextClassifier:
    """A bidirectional GRU that sees every sentence three times per epoch: whole, with some words unknown, and begun.

    So it learns a vector for the unknown word, and what to believe before a sentence has said it all.
    """
    set_seed(config.seed)
    net = TextClassifier(
        "gru",
        vocabulary_size=len(vocabulary),
        embedding_dim=config.embedding_dim,
        hidden_size=config.hidden_size,
        classes=len(parts.train.classes),
        bidirectional=True,
    )
    whole = vocabulary.encode(parts.train.texts)
    copies = (whole, masked(whole, share=MASKED, seed=config.seed), beginnings(whole, seed=config.seed))
    every = Encoded.of([kind[k] for kind in copies for k in range(len(kind))])
    batches = TextBatches(every, np.tile(parts.train.labels, len(copies)), BATCH)
    fit(
        net,
        batches,
        TextBatches(vocabulary.encode(parts.validation.texts), parts.validation.labels, BATCH),
        epochs=config.epochs,
        loss=cross_entropy,
        optimiser=one_cycle(1e-2, config.epochs * len(batches)),
        clip_norm=1.0,
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    return net.eval()


def round_rows(matrix: Tensor) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """A matrix as signed bytes with one scale per row."""
    values = matrix.detach().double().numpy()
    scales = (np.abs(values).max(axis=1) / LEVELS).astype(np.float32)
    entries = np.round(values / np.where(scales > 0, scales, 1)[:, None])
    return scales, np.clip(entries, -LEVELS, LEVELS).astype(np.int8)


def pack(net: TextClassifier) -> tuple[bytes, TextClassifier]:
    """Weights as the page reads them, and the network that has these weights."""
    rounded, packed = copy.deepcopy(net), b""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    recurrent = [getattr(rounded.rnn, name + way) for way in ("", "_reverse") for name in names]
    with torch.no_grad():
        rows = rounded.embedding.weight[UNKNOWN:]  # the padding is never read
        for array in (rows, *recurrent, *rounded.head.parameters()):
            if array.ndim == 1:
                packed += array.numpy().astype("<f4").tobytes()
                continue
            scales, entries = round_rows(array)
            array.copy_(torch.from_numpy(scales[:, None] * entries))
            packed += scales.astype("<f4").tobytes() + entries.tobytes()
    return packed, rounded


def named_right(net: TextClassifier, encoded: Encoded, labels: NDArray[np.int64]) -> float:
    """Share of the texts that a network names right."""
    return float((class_logits(net, encoded, device="cpu").argmax(axis=1) == labels).mean())


def shuffled(encoded: Encoded, generator: np.random.Generator) -> Encoded:
    """The same texts with the tokens of each in random order."""
    text = np.repeat(np.arange(len(encoded)), encoded.lengths)
    return Encoded(encoded.ids[np.lexsort((generator.random(len(text)), text))], encoded.offsets)


def _scores(net: TextClassifier, rounded: TextClassifier, test: Encoded, labels: NDArray[np.int64]) -> dict[str, Any]:
    unknown = masked(test, share=MASKED, seed=0)
    before, after = (torch.from_numpy(class_logits(one, test, device="cpu")).softmax(1) for one in (net, rounded))
    mixed = shuffled(test, np.random.default_rng(0))
    return {
        "accuracy": named_right(net, test, labels),
        "accuracy_rounded": named_right(rounded, test, labels),
        "masked_accuracy": named_right(net, unknown, labels),
        "masked_accuracy_rounded": named_right(rounded, unknown, labels),
        "shuffled_accuracy": named_right(rounded, mixed, labels),
        "largest_change": float((before - after).abs().max()),
    }


def run_reader(config: ReaderConfig, device: str) -> dict[str, Any]:
    """Train, round the weights, score the network before and after, and the baselines beside it.

    Returns:
        ``reader``, the state of the widget that shows it; accuracy on the test part, as shares, of the network before
        and after rounding, on whole sentences and with a tenth of the words unknown, and of the rounded network on
        the same words in random order; ``largest_change``, the largest difference that rounding makes to any
        probability; ``tfidf_logreg`` and ``tfidf_svm``, accuracy of the baselines; ``parameters``, ``bytes``,
        ``vocabulary``, ``tested``, the test sentences, and ``seen``, those of them that are in the training part too.
    """
    parts = reader_splits(config.sentences)
    vocabulary = Vocabulary.of(parts.train.texts)
    net = train_reader(config, parts, vocabulary)
    packed, rounded = pack(net)
    test, labels = vocabulary.encode(parts.test.texts), parts.test.labels
    scores = _scores(net, rounded, test, labels)
    baselines: dict[str, TextBaseline] = {"tfidf_logreg": LogisticBagOfWords(), "tfidf_svm": LinearSVM()}
    for name, baseline in baselines.items():
        fitted = baseline.fit(parts.train.texts, parts.train.labels)
        scores[name] = float((fitted.predict(parts.test.texts) == labels).mean())
    reader = {
        "words": list(vocabulary.words[UNKNOWN + 1 :]),
        "classes": list(parts.train.classes),
        "weights": base64.b64encode(packed).decode(),
        "embedding_dim": config.embedding_dim,
        "hidden_size": config.hidden_size,
        "held_out": [len(test), 100 * scores["accuracy"], 100 * scores["accuracy_rounded"]],
        "examples": list(EXAMPLES),
        "text": EXAMPLES[0],
    }
    return {
        **scores,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "bytes": len(packed),
        "vocabulary": len(vocabulary),
        "tested": len(test),
        "seen": shared_texts(parts.train, parts.test),
        "reader": reader,
    }


def _reader_data(scale: Scale) -> str:
    return reader_splits(TRAIN).fingerprint


CORPUS = Study(
    name="emotion-corpus",
    about="how large, how uneven and how contradictory the emotion corpus is, and what lists of words know",
    seeds=1,
    grid=corpus_grid,
    run=count_part,
    data=_corpus_data,
    notes="Nothing is trained but lists of words. No text is recorded, only numbers about texts, by class and then in "
    "the order of a hash, so that no row of the files gets its label from here.",
)


EMOTION = Study(
    name="emotion",
    about="what does a network that reads a message know that a count of its words does not?",
    seeds=5,
    grid=grid,
    run=run,
    data=_fingerprint,
    notes="The authors' split, nothing left out. The epoch is chosen by the accuracy on the validation part; the "
    "test part is scored after every epoch to measure what choosing on it would gain, and has no part in the "
    f"choice. The network of the report reads messages padded in front to {PADDED} tokens, for "
    f"{RECIPES['report'].epochs} epochs.",
)


PADDED_STUDY = Study(
    name="emotion-padding",
    about="what do padding, dropout and the recipe do to the network of the report?",
    seeds=5,
    grid=padding_grid,
    run=run_padding,
    data=_fingerprint,
    notes=f"Learned from {QUARTER:,} messages of the training part, drawn once; the other parts whole. Padded "
    "rows have the length of the longest message of the batch. The epoch is chosen by the accuracy on the validation "
    f"part. The report's own recipe runs for {BLIND_EPOCHS} epochs; after each the network is also scored with the "
    "statistics of batch normalisation that its weights have over the whole training part.",
)


READER = Study(
    name="sentence-reader",
    about="a small bidirectional GRU on generated sentences that reads in the page",
    seeds=1,
    grid=reader_grid,
    run=run_reader,
    data=_reader_data,
    notes="Synthetic data at either scale. The weights are rounded to one byte each before the network is shown.",
)

STUDIES = (CORPUS, EMOTION, PADDED_STUDY, READER)
