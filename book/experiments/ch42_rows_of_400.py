"""A study for *Sequence length*: an LSTM in rows of 400 tokens, and what lifts it from chance.

The coursework's LSTM at its longest length; two things change, alone and together: how the padded batch is laid out and
read, and whether the learning rate is fixed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from book.experiments.text_training import (
    Floats,
    Labels,
    Recipe,
    accuracy,
    confusion,
    nll,
    size,
    train_and_judge,
    with_small_vectors,
)
from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.data.imdb import load_imdb
from rnncourse.data.sentences import order_sentences
from rnncourse.networks import TextClassifier, class_logits
from rnncourse.studies import Scale, Study
from rnncourse.text import Encoded, Layout, TextBatches, Vocabulary, tokenise
from rnncourse.text_baselines import LogisticBagOfWords
from rnncourse.training import set_seed

Source = Literal["reviews", "sentences"]
Way = Literal["right", "left", "word", "mean", "none"]
Rate = Literal["fixed", "cycle", "none"]

LENGTH: Mapping[Scale, int] = MappingProxyType({"full": 400, "small": 40})
TRAINED, CHOSEN, SCORED = 2_500, 2_000, 3_000  # reviews to train on, to choose by, and of the test set scored apart
SENTENCES = {"train": 300, "validation": 200, "test": 400}
VOCABULARY = 10_000
WIDTH = 16  # units, and entries of a word's vector
PASSES: Mapping[Source, int] = MappingProxyType({"reviews": 6, "sentences": 1})
BATCH, PEAK = 32, 5e-3  # texts per step, and the highest rate
BIN_EDGES = (1, 50, 100, 200, 400, 10**6)


@dataclass(frozen=True, kw_only=True)
class LengthConfig:
    """One run.

    Attributes:
        model: ``rnn``, ``lstm``, or the baseline ``tfidf-lr``.
        length: tokens that a text keeps, its last ones, and steps of a padded row; 0 keeps whole texts.
        way: where the padding is and what is read. ``right``: padding on the right, the last step of the row.
            ``left``: padding on the left, the last step. ``word``: padding on the right, the text's last token, which
            in one direction is what packing computes. ``mean``: padding on the right, the mean over all steps of the
            row, padding included. ``none`` for the baseline.
        rate: of Adam, ``fixed`` or one ``cycle`` with the same highest rate; ``none`` for the baseline.
        seed: of the initial weights and of the order of the batches.
        source: ``reviews`` or ``sentences``.
    """

    model: str
    length: int
    way: Way
    rate: Rate
    seed: int
    source: Source


class WholeRow(TextClassifier):
    """A classifier that is not told where its texts end, so that padding is read like words."""

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits of rows ``(batch, time)``."""
        return super().forward(ids)


@lru_cache(maxsize=1)
def _reviews() -> TextSplits:
    """Reviews to train on and to choose by, drawn once from the training set, half of each class; all test reviews."""
    corpus = load_imdb()
    generator = np.random.default_rng(0)
    by_class = [generator.permutation(np.flatnonzero(corpus.train.labels == label)) for label in (0, 1)]
    train, rest = TRAINED // 2, (TRAINED + CHOSEN) // 2
    return TextSplits(
        train=corpus.train.take(np.sort(np.concatenate([rows[:train] for rows in by_class]))),
        validation=corpus.train.take(np.sort(np.concatenate([rows[train:rest] for rows in by_class]))),
        test=corpus.test,
    )


@lru_cache(maxsize=1)
def _sentences() -> TextSplits:
    return TextSplits(
        **{name: order_sentences(count, seed=seed) for seed, (name, count) in enumerate(SENTENCES.items())}
    )


def splits(source: Source) -> TextSplits:
    """What a study reads: some of the reviews and all test reviews, or generated sentences."""
    return _reviews() if source == "reviews" else _sentences()


@lru_cache(maxsize=2)
def _encoded(source: Source) -> tuple[dict[str, Encoded], int]:
    """Whole texts of each part as ids, and the number of ids."""
    parts = splits(source).parts
    vocabulary = Vocabulary.of(parts["train"].texts, size=VOCABULARY)
    return {name: vocabulary.encode(part.texts) for name, part in parts.items()}, len(vocabulary)


def run(config: LengthConfig, device: str) -> dict[str, Any]:
    """Fit one model, choose its pass on the validation reviews, and score it on all test reviews and on some of them.

    Returns:
        ``test_accuracy``; ``scored_accuracy``, on `SCORED` of the test reviews, half of each class; ``confusion``,
        ``validation_chosen`` (accuracy at the chosen pass), number of ``parameters``, and what `by_length` says. Of a
        network also its curves, ``best_epoch``, ``train_accuracy``, and what `_padding` says.
    """
    labels = {name: part.labels for name, part in splits(config.source).parts.items()}
    found, measured = (_baseline if config.model == "tfidf-lr" else _network)(config, labels)
    some = scoring_set(labels["test"], SCORED)
    return {
        "test_accuracy": accuracy(found, labels["test"]),
        "scored_accuracy": accuracy(found[some], labels["test"][some]),
        "confusion": confusion(found, labels["test"], len(splits(config.source).test.classes)),
        **by_length(_encoded(config.source)[0]["test"].lengths, found == labels["test"]),
        **measured,
    }


def scoring_set(labels: Labels, count: int) -> Labels:
    """Numbers of so many texts, as many of each class, drawn once; all of a class where it has fewer."""
    generator, classes = np.random.default_rng(1), np.unique(labels)
    share = count // len(classes)
    return np.concatenate([generator.permutation(np.flatnonzero(labels == c))[:share] for c in classes])


def _baseline(config: LengthConfig, labels: Mapping[str, Labels]) -> tuple[Labels, dict[str, Any]]:
    texts = {name: shortened(part, config.length) for name, part in splits(config.source).parts.items()}
    fitted = LogisticBagOfWords().fit(texts["train"], labels["train"])
    chosen = accuracy(fitted.predict(texts["validation"]), labels["validation"])
    return fitted.predict(texts["test"]), {"parameters": fitted.parameters, "validation_chosen": chosen}


def shortened(corpus: Corpus, length: int) -> list[str]:
    """Texts with at most so many words, their last ones; 0 keeps them whole."""
    return [" ".join(tokenise(text)[-length:]) for text in corpus.texts]


def _network(config: LengthConfig, labels: Mapping[str, Labels]) -> tuple[Labels, dict[str, Any]]:
    whole, words = _encoded(config.source)
    cut = {name: part.cut(config.length, "front") for name, part in whole.items()}
    set_seed(config.seed)
    net = classifier(config, words)
    layout: Layout = {"left": "left", "word": "packed"}.get(config.way, "right")  # type: ignore[assignment]
    length = None if config.way == "word" else config.length
    recipe = Recipe(PASSES[config.source], BATCH, PEAK, cycle=config.rate == "cycle")

    def logits(name: str) -> Floats:
        found = class_logits(net, cut[name], batch_size=500, layout=layout, length=length, device="cpu")
        return found.astype(np.float64)

    def judge() -> dict[str, float]:
        found, wanted = logits("validation"), labels["validation"]
        return {"validation_loss": nll(found, wanted), "validation_accuracy": accuracy(found.argmax(axis=1), wanted)}

    train = TextBatches(cut["train"], labels["train"], BATCH, layout, length)
    course = train_and_judge(net, train, judge, recipe, seed=config.seed, device="cpu")
    return logits("test").argmax(axis=1), {
        "parameters": size(net),
        "train_accuracy": accuracy(logits("train").argmax(axis=1), labels["train"]),
        "validation_chosen": course.curves["validation_accuracy"][course.selected - 1],
        "best_epoch": course.selected,
        **course.curves,
        **_padding(whole["test"].lengths, config.length),
    }


def classifier(config: LengthConfig, words: int) -> TextClassifier:
    """The untrained network."""
    build = TextClassifier if config.way == "word" else WholeRow
    net = build(
        config.model,  # type: ignore[arg-type]
        vocabulary_size=words,
        embedding_dim=WIDTH,
        hidden_size=WIDTH,
        classes=len(splits(config.source).test.classes),
        # The same numbers in one direction, from a kernel that is several times as fast as the one for packed texts.
        read={"word": "true-last", "mean": "mean"}.get(config.way, "last"),  # type: ignore[arg-type]
    )
    return with_small_vectors(net)


def by_length(lengths: Labels, right: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Texts and right answers by the length of the whole text."""
    which = np.searchsorted(BIN_EDGES, np.maximum(lengths, 1), side="right") - 1
    bins = len(BIN_EDGES) - 1
    return {
        "bin_edges": list(BIN_EDGES),
        "bin_total": np.bincount(which, minlength=bins).tolist(),
        "bin_right": np.bincount(which[right], minlength=bins).tolist(),
    }


def _padding(lengths: Labels, length: int) -> dict[str, float]:
    """Share of the test texts shorter than the row, and mean number of steps that their rows are longer."""
    missing = np.maximum(length - lengths, 0)
    return {"share_short": float(np.mean(missing > 0)), "mean_pad": float(missing.mean())}


def collapse_grid(scale: Scale, seeds: int) -> list[LengthConfig]:
    """The baseline once; and four ways to lay out and read a row, each with a fixed rate and with a cycle."""
    source: Source = "reviews" if scale == "full" else "sentences"
    ways: tuple[Way, ...] = ("right", "left", "word", "mean")
    rates: tuple[Rate, ...] = ("fixed", "cycle")
    words = LengthConfig(model="tfidf-lr", length=LENGTH[scale], way="none", rate="none", seed=0, source=source)
    return [words] + [
        LengthConfig(model="lstm", length=LENGTH[scale], way=way, rate=rate, seed=seed, source=source)
        for way in ways
        for rate in rates
        for seed in range(seeds)
    ]


def _fingerprint(scale: Scale) -> str:
    return splits("reviews" if scale == "full" else "sentences").fingerprint


_DATA = (
    f"At full scale {TRAINED:,} of the 25,000 training reviews, half of each class, to keep the study short; "
    f"{CHOSEN:,} others choose the pass. All 25,000 test reviews are scored, and {SCORED:,} of them once more by "
    "themselves. The same reviews, ids and settings for all runs. Read at the last word means that the state is taken "
    "at the text's last token, which in one direction is what packing computes."
)

COLLAPSE = Study(
    name="collapse",
    about="an LSTM in rows of 400 tokens: what lifts it from chance, another padding, another readout or a schedule?",
    seeds=5,
    grid=collapse_grid,
    run=run,
    data=_fingerprint,
    notes=_DATA,
)

STUDIES = (COLLAPSE,)
