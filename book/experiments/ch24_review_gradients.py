"""A study for *Vanishing and exploding gradients*: how much of the loss arrives at the first of two hundred words?

The coursework's question in its own setting: film reviews, an RNN and an LSTM, before training and after.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from book.experiments.text_training import (
    Floats,
    Labels,
    Recipe,
    accuracy,
    nll,
    size,
    train_and_judge,
    with_small_vectors,
)
from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.data.imdb import load_imdb
from rnncourse.data.sentences import order_sentences
from rnncourse.gradients import gradient_flow
from rnncourse.networks import Kind, TextClassifier, class_logits
from rnncourse.studies import Scale, Study
from rnncourse.text import Encoded, TextBatches, Vocabulary, pad
from rnncourse.text_baselines import LogisticBagOfWords
from rnncourse.training import set_seed

Source = Literal["reviews", "sentences"]
WORDS: Mapping[Source, int] = MappingProxyType({"reviews": 200, "sentences": 10})
COUNTS: Mapping[Source, tuple[int, int, int]] = MappingProxyType(
    {"reviews": (5_000, 2_000, 5_000), "sentences": (300, 100, 100)}
)
VOCABULARY, UNITS, EPOCHS, DROPOUT = 10_000, 64, 10, 0.3
LR = 5e-4
AT = (1, 10, 50, 100, 150, 190, 200)  # steps at which single texts are looked at
WATCHED, ALONE = 64, 16  # texts whose gradients are measured together, and one by one


@dataclass(frozen=True, kw_only=True)
class ReviewConfig:
    """One reader of reviews.

    Attributes:
        model: ``rnn``, ``lstm``, or ``tfidf-lr``, which reads the same words in no order.
        lr: Adam's constant rate; 0 for the baseline.
        seed: of the initial weights and of the order of the batches.
        source: ``reviews`` or ``sentences``.
    """

    model: str
    lr: float
    seed: int
    source: Source


@lru_cache(maxsize=1)
def texts(source: Source) -> TextSplits:
    """Texts of at least so many words as are read, half of each class."""
    train, validation, test = COUNTS[source]
    if source == "reviews":
        corpus = load_imdb()
        learned, kept = corpus.train, corpus.test
    else:
        learned, kept = (order_sentences(3_000, seed=seed) for seed in (0, 1))
    first = long_texts(learned, train + validation, WORDS[source])
    return TextSplits(
        train=first.take(np.arange(train)),
        validation=first.take(np.arange(train, train + validation)),
        test=long_texts(kept, test, WORDS[source]),
    )


def long_texts(corpus: Corpus, count: int, words: int) -> Corpus:
    """So many of the texts that have enough words, the classes in turn, drawn once."""
    lengths = Vocabulary.of(corpus.texts, size=2).encode(corpus.texts).lengths
    generator = np.random.default_rng(0)
    by_class = [generator.permutation(np.flatnonzero((corpus.labels == c) & (lengths >= words))) for c in (0, 1)]
    return corpus.take(np.column_stack([rows[: count // 2] for rows in by_class]).ravel())


@lru_cache(maxsize=1)
def _encoded(source: Source) -> tuple[dict[str, Encoded], int]:
    """The last words of each text as ids, and the number of ids."""
    parts = texts(source).parts
    vocabulary = Vocabulary.of(parts["train"].texts, size=VOCABULARY)
    encoded = {name: vocabulary.encode(part.texts, length=WORDS[source], cut="front") for name, part in parts.items()}
    return encoded, len(vocabulary)


def run_reviews(config: ReviewConfig, device: str) -> dict[str, Any]:
    """Train one reader, choose its epoch on the validation texts, and follow its gradient before and after.

    Returns:
        ``test_accuracy``, ``validation_chosen``, ``parameters``; of a network also its curves, epoch by epoch, and
        what `followed` says before (``untrained_…``) and after training.
    """
    encoded, words = _encoded(config.source)
    parts = texts(config.source).parts
    labels = {name: part.labels for name, part in parts.items()}
    if config.model == "tfidf-lr":
        last = _encoded_texts(config.source)
        fitted = LogisticBagOfWords().fit(last["train"], labels["train"])
        found = {name: accuracy(fitted.predict(last[name]), labels[name]) for name in ("validation", "test")}
        return {
            "test_accuracy": found["test"],
            "validation_chosen": found["validation"],
            "parameters": fitted.parameters,
        }
    set_seed(config.seed)
    kind: Kind = config.model  # type: ignore[assignment]
    net = with_small_vectors(
        TextClassifier(
            kind,
            vocabulary_size=words,
            embedding_dim=UNITS,
            hidden_size=UNITS,
            classes=2,
            read="last",
            dropout=DROPOUT,
            embedding_dropout=DROPOUT,
        )
    )

    def logits(name: str) -> Floats:
        return class_logits(net, encoded[name], batch_size=500, layout="right", device=device).astype(np.float64)

    def judge() -> dict[str, float]:
        said, wanted = logits("validation"), labels["validation"]
        return {"validation_loss": nll(said, wanted), "validation_accuracy": accuracy(said.argmax(axis=1), wanted)}

    before = followed(net, encoded["test"], labels["test"])
    train = TextBatches(encoded["train"], labels["train"], 64, "right")
    recipe = Recipe(epochs=EPOCHS, batch_size=64, lr=config.lr, cycle=False)
    course = train_and_judge(net, train, judge, recipe, seed=config.seed, device=device)
    return {
        "test_accuracy": accuracy(logits("test").argmax(axis=1), labels["test"]),
        "validation_chosen": course.curves["validation_accuracy"][course.selected - 1],
        "parameters": size(net),
        "best_epoch": course.selected,
        **course.curves,
        **{f"untrained_{name}": value for name, value in before.items()},
        **followed(net, encoded["test"], labels["test"]),
    }


def _encoded_texts(source: Source) -> dict[str, list[str]]:
    """The words that a network reads, for a baseline that takes texts."""
    words = np.array(Vocabulary.of(texts(source).train.texts, size=VOCABULARY).words)
    return {
        name: [" ".join(words[part[row]]) for row in range(len(part))] for name, part in _encoded(source)[0].items()
    }


def followed(net: TextClassifier, encoded: Encoded, labels: Labels) -> dict[str, list[Any]]:
    """log10 of the gradient at every step.

    Returns:
        ``log10_dh`` and, for an LSTM, ``log10_dc``: the norm over the states of `WATCHED` texts and all units
        together, of their mean loss, ``(time,)``. ``log10_dh_alone``: of each of `ALONE` texts and its own loss, the
        norm over the units at the steps `AT`, ``(text, step)``.
    """
    head = copy.deepcopy(net.head).double()
    targets = torch.tensor(labels[:WATCHED])
    with torch.no_grad():
        vectors = net.embedding(pad(encoded.take(np.arange(WATCHED)))[0])

    def loss(output: Tensor, wanted: Tensor) -> Tensor:
        return functional.cross_entropy(head(output[:, -1]), wanted)

    flow = gradient_flow(net.rnn, vectors, partial(loss, wanted=targets))
    one_by_one = [
        gradient_flow(net.rnn, vectors[row : row + 1], partial(loss, wanted=targets[row : row + 1])).log10_dh
        for row in range(ALONE)
    ]
    steps = [at - 1 for at in AT if at <= vectors.shape[1]]
    found = {"log10_dh": flow.log10_dh, "log10_dh_alone": torch.stack(one_by_one)[:, steps]}
    if flow.log10_dc is not None:
        found["log10_dc"] = flow.log10_dc
    return {name: np.round(value.cpu().numpy(), 3).tolist() for name, value in found.items()}


def review_grid(scale: Scale, seeds: int) -> list[ReviewConfig]:
    """Both networks from every seed, and the baseline once."""
    source: Source = "reviews" if scale == "full" else "sentences"
    still = [ReviewConfig(model="tfidf-lr", lr=0.0, seed=0, source=source)]
    return still + [
        ReviewConfig(model=model, lr=LR, seed=seed, source=source) for seed in range(seeds) for model in ("rnn", "lstm")
    ]


def _review_data(scale: Scale) -> str:
    return texts("reviews" if scale == "full" else "sentences").fingerprint


IMDB_GRADIENTS = Study(
    name="imdb-gradients",
    about="how much of the loss arrives at the first of two hundred words, before and after training?",
    seeds=5,
    grid=review_grid,
    run=run_reviews,
    data=_review_data,
    notes=(
        "5,000 training reviews of at least 200 words to learn from, 2,000 others to choose the epoch, 5,000 such test "
        "reviews to score; half of each class; the last 200 words of each, so nothing is padded. One constant rate for "
        "both networks, the better of 0.0005 and 0.002 for the RNN of seed 0; 10 epochs, gradients clipped to norm one."
    ),
)

FASTER = 2e-3  # the other rate of the notes above


def faster_grid(scale: Scale, seeds: int) -> list[ReviewConfig]:
    """Both networks from every seed at the other rate."""
    return [replace(config, lr=FASTER) for config in review_grid(scale, seeds) if config.lr]


IMDB_GRADIENTS_FASTER = replace(
    IMDB_GRADIENTS,
    name="imdb-gradients-faster",
    about="how much of the loss arrives at the first of two hundred words at four times the rate?",
    grid=faster_grid,
    notes=IMDB_GRADIENTS.notes.replace("the better of 0.0005 and 0.002 for the RNN of seed 0", "0.002"),
)

STUDIES = (IMDB_GRADIENTS, IMDB_GRADIENTS_FASTER)
