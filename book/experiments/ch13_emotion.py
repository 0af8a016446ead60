"""Six emotions: networks that read a message against counts of its words, with and without the order of the words.

At full scale, the authors' split of 20,000 messages; at small scale, generated sentences. Everything is chosen on the
validation part. The test part is scored after every epoch too, to measure what choosing on it would have gained.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from torch import Tensor, nn

from book.experiments.reading import (
    Floats,
    Labels,
    Recipe,
    accuracy,
    calibration,
    class_scores,
    confusion,
    digits,
    log_softmax,
    nll,
    size,
    temperature,
    train_and_judge,
    with_small_vectors,
)
from rnncourse.data.corpus import TextSplits
from rnncourse.data.emotion import load_emotion
from rnncourse.data.sentences import order_sentences
from rnncourse.networks import TextClassifier, class_logits, emotion_network
from rnncourse.studies import Scale, Study
from rnncourse.text import PADDING, Encoded, Layout, TextBatches, Vocabulary, tokenise
from rnncourse.text_baselines import LinearSVM, LogisticBagOfWords, Majority, TextBaseline
from rnncourse.training import set_seed

__all__ = [
    "NETWORKS",
    "PADDED",
    "STUDIES",
    "BagOfVectors",
    "EmotionConfig",
    "grid",
    "run",
]

Source = Literal["messages", "sentences"]
Words = Literal["ordered", "shuffled"]

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
        return load_emotion()
    return TextSplits(
        **{name: order_sentences(count, seed=seed) for seed, (name, count) in enumerate(SENTENCES.items())}
    )


def mixed(texts: Iterable[str], seed: int) -> tuple[str, ...]:
    """The texts with the words of each in random order.

    Args:
        texts: any texts.
        seed: of the orders.

    Returns:
        As many texts, words with blanks between them.
    """
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

    Args:
        config: which.
        device: where.

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
    """A network with fresh weights, and how its texts are laid out.

    Args:
        model: one of `NETWORKS`.
        words: ids of the vocabulary.
        classes: classes to name.

    Returns:
        The network, the layout of its batches, and their steps, None for those of the longest text.
    """
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


STUDY = Study(
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
STUDIES = (STUDY,)
