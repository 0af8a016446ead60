"""Two studies for *Sequence length*: does a network fail on the length of a text, or on the padding that it reads?

``sequence-length`` is the coursework's sweep over lengths with three layouts of the padding, all else held fixed.
``padding-reader`` trains three LSTMs small enough to be computed in the page: one without padding, two with padding on
the right, from torch's weights and from gates that keep and write little. Their weights are rounded to four decimals
before anything is measured.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

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
from rnncourse.data.reviews import synthetic_reviews
from rnncourse.data.sentences import order_sentences
from rnncourse.gradients import gradient_flow
from rnncourse.initialisation import chrono_
from rnncourse.networks import TextClassifier, class_logits
from rnncourse.studies import Scale, Study
from rnncourse.text import Cut, Encoded, Layout, TextBatches, Vocabulary, pad, tokenise
from rnncourse.text_baselines import LinearSVM, LogisticBagOfWords, Majority, TextBaseline
from rnncourse.training import History, fit, one_cycle, set_seed

Source = Literal["reviews", "sentences"]
Cell: TypeAlias = tuple[str, int, Layout | Literal["none"], Cut, str]  # model, length, layout, cut, read

LENGTHS: Mapping[Scale, tuple[int, ...]] = MappingProxyType({"full": (50, 100, 200, 400), "small": (10, 60)})
TRAINED, CHOSEN = 5_000, 2_000  # reviews to train on and to choose by, half of them positive
SENTENCES = {"train": 1_200, "validation": 200, "test": 400}
VOCABULARY = 10_000
EMBEDDING, HIDDEN = 32, 32
DROPOUT = 0.3
RECIPES: Mapping[Source, Recipe] = MappingProxyType(
    {"reviews": Recipe(epochs=5, batch_size=64, lr=5e-3), "sentences": Recipe(epochs=6, batch_size=32, lr=1e-2)}
)
BASELINES: Mapping[str, TextBaseline] = MappingProxyType(
    {"majority": Majority(), "tfidf-lr": LogisticBagOfWords(), "tfidf-svm": LinearSVM()}
)
BIN_EDGES = (1, 50, 100, 200, 400, 10**6)
DISTANCES = (0, 10, 25, 50, 100, 200, 399)  # steps before the last one
FLOOR = -300.0  # decades: smaller gradients are written as this
LOOKED_AT = 16  # texts whose gradients are measured


@dataclass(frozen=True, kw_only=True)
class LengthConfig:
    """One run.

    Attributes:
        model: ``rnn``, ``lstm`` or ``gru``, or a baseline: ``majority``, ``tfidf-lr``, ``tfidf-svm``.
        length: tokens that a text keeps, and steps of a padded row; 0 keeps whole texts.
        layout: ``right`` or ``left`` for padding read like words, ``packed`` for none, ``none`` for a baseline.
        cut: ``front`` keeps the last tokens of a long text, ``back`` the first ones.
        read: ``last`` step of the row, last token of a ``packed`` text, ``mean`` over its tokens, ``none`` for a
            baseline.
        seed: of the initial weights, the order of the batches and the dropout.
        source: ``reviews`` or ``sentences``.
    """

    model: str
    length: int
    layout: Layout | Literal["none"]
    cut: Cut
    read: str
    seed: int
    source: Source


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
    """Fit one model, choose its epoch on the validation reviews, and score it on all test reviews.

    Returns:
        ``test_accuracy``, ``confusion``, ``validation_chosen`` (accuracy at the chosen epoch), number of
        ``parameters``, of texts (``n_train``, ``n_test``) and of ids (``vocabulary``). Of a network also its curves,
        what `by_length` and `_padding` say, and `decades` before and after training.
    """
    labels = {name: part.labels for name, part in splits(config.source).parts.items()}
    found, measured = (_baseline if config.model in BASELINES else _network)(config, labels, device)
    return {
        "test_accuracy": accuracy(found, labels["test"]),
        "confusion": confusion(found, labels["test"], len(splits(config.source).test.classes)),
        "n_train": len(labels["train"]),
        "n_test": len(labels["test"]),
        **by_length(_encoded(config.source)[0]["test"].lengths, found == labels["test"]),
        **measured,
    }


def _baseline(config: LengthConfig, labels: Mapping[str, Labels], device: str) -> tuple[Labels, dict[str, Any]]:
    texts = {name: shortened(part, config.length, config.cut) for name, part in splits(config.source).parts.items()}
    fitted = BASELINES[config.model].fit(texts["train"], labels["train"])
    chosen = accuracy(fitted.predict(texts["validation"]), labels["validation"])
    return fitted.predict(texts["test"]), {"parameters": fitted.parameters, "validation_chosen": chosen}


def shortened(corpus: Corpus, length: int, cut: Cut) -> list[str]:
    """Texts with at most so many words; 0 keeps them whole."""
    if not length:
        return list(corpus.texts)
    kept = slice(-length, None) if cut == "front" else slice(length)
    return [" ".join(tokenise(text)[kept]) for text in corpus.texts]


def _network(config: LengthConfig, labels: Mapping[str, Labels], device: str) -> tuple[Labels, dict[str, Any]]:
    whole, words = _encoded(config.source)
    cut = {name: part.cut(config.length, config.cut) for name, part in whole.items()}
    net, layout, length = _classifier(config, words)
    untrained = decades(net, cut["test"], labels["test"], config.length)
    recipe = RECIPES[config.source]
    train = TextBatches(cut["train"], labels["train"], recipe.batch_size, layout, length)

    def logits(name: str) -> Floats:
        found = class_logits(net, cut[name], batch_size=500, layout=layout, length=length, device=device)
        return found.astype(np.float64)

    def judge() -> dict[str, float]:
        found, wanted = logits("validation"), labels["validation"]
        return {"validation_loss": nll(found, wanted), "validation_accuracy": accuracy(found.argmax(axis=1), wanted)}

    course = train_and_judge(net, train, judge, recipe, seed=config.seed, device=device)
    test = logits("test")
    return test.argmax(axis=1), {
        "parameters": size(net),
        "vocabulary": words,
        "test_loss": nll(test, labels["test"]),
        "train_accuracy": accuracy(logits("train").argmax(axis=1), labels["train"]),
        "validation_chosen": course.curves["validation_accuracy"][course.selected - 1],
        "best_epoch": course.selected,
        **course.curves,
        **_padding(whole["test"].lengths, config),
        "gradient_decades_untrained": untrained,
        "gradient_decades": decades(net, cut["test"], labels["test"], config.length),
    }


def _classifier(config: LengthConfig, words: int) -> tuple[TextClassifier, Layout, int | None]:
    """The untrained network, and how its texts are laid out."""
    if config.layout == "none":
        raise ValueError(f"layout is 'none' for the network {config.model!r}; expected 'right', 'left' or 'packed'.")
    set_seed(config.seed)
    net = TextClassifier(
        config.model,  # type: ignore[arg-type]
        vocabulary_size=words,
        embedding_dim=EMBEDDING,
        hidden_size=HIDDEN,
        classes=len(splits(config.source).test.classes),
        # The same numbers in one direction, from a kernel that is several times as fast as the one for packed texts.
        read="true-last" if config.read == "packed" else config.read,  # type: ignore[arg-type]
        dropout=DROPOUT,
        embedding_dropout=DROPOUT,
    )
    return with_small_vectors(net), config.layout, None if config.layout == "packed" else config.length


def by_length(lengths: Labels, right: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Texts and right answers by the length of the whole text."""
    which = np.searchsorted(BIN_EDGES, np.maximum(lengths, 1), side="right") - 1
    bins = len(BIN_EDGES) - 1
    return {
        "bin_edges": list(BIN_EDGES),
        "bin_total": np.bincount(which, minlength=bins).tolist(),
        "bin_right": np.bincount(which[right], minlength=bins).tolist(),
    }


def _padding(lengths: Labels, config: LengthConfig) -> dict[str, float]:
    """Share of the test texts shorter than the row, and mean number of steps that their rows are longer."""
    missing = np.maximum(config.length - lengths, 0)
    return {"share_short": float(np.mean(missing > 0)), "mean_pad": float(missing.mean())}


def decades(net: TextClassifier, encoded: Encoded, labels: Labels, length: int) -> list[float]:
    """How the gradient of the loss shrinks on its way back, on texts that fill the row."""
    rows = np.flatnonzero(encoded.lengths == length)[:LOOKED_AT]
    if not len(rows):
        return []
    ids, _ = pad(encoded.take(rows))
    targets = torch.from_numpy(labels[rows])
    head = copy.deepcopy(net.head).double()
    mean = net.read == "mean"

    def loss(output: Tensor) -> Tensor:
        return nn.functional.cross_entropy(
            head(output.mean(dim=1) if mean else output[:, -1]), targets, reduction="sum"
        )

    with torch.no_grad():
        vectors = net.embedding(ids)
    norms = gradient_flow(net.rnn, vectors, loss).dh.cpu().numpy()[::-1]
    with np.errstate(divide="ignore"):
        relative = np.log10(norms[[distance for distance in DISTANCES if distance < length]] / norms[0])
    reached: list[float] = np.maximum(relative, FLOOR).tolist()
    return reached


def grid(scale: Scale, seeds: int) -> list[LengthConfig]:
    """The sweep over lengths, padded on the right and packed; the mean read at two lengths; the baseline once."""
    source: Source = "reviews" if scale == "full" else "sentences"
    lengths = LENGTHS[scale]
    layouts: tuple[Layout, ...] = ("right", "packed")
    nets: list[Cell] = [
        (model, length, layout, "front", "packed" if layout == "packed" else "last")
        for length in lengths
        for layout in layouts
        for model in ("rnn", "lstm")
    ]
    nets += [("rnn", length, "packed", "front", "mean") for length in (lengths[0], lengths[-1])]
    runs: list[tuple[Cell, int]] = [(("tfidf-lr", length, "none", "front", "none"), 0) for length in lengths]
    runs += [(cell, seed) for seed in range(seeds) for cell in nets]
    return [
        LengthConfig(model=model, length=length, layout=layout, cut=cut, read=read, seed=seed, source=source)
        for (model, length, layout, cut, read), seed in runs
    ]


def _fingerprint(scale: Scale) -> str:
    return splits("reviews" if scale == "full" else "sentences").fingerprint


# --- three LSTMs for the page

Network = Literal["packed", "padded", "padded, keeps"]

READER_HIDDEN, READER_EMBEDDING, READER_PASSES, READER_PEAK = 8, 4, 24, 2e-2
READER_LENGTHS: Mapping[Network, int] = MappingProxyType({"packed": 13, "padded": 60, "padded, keeps": 60})
DECIMALS = 4


@dataclass(frozen=True, eq=False)
class Reviews:
    """Generated reviews, split and encoded.

    Attributes:
        vocabulary: of the training reviews.
        train, validation, test: the reviews of each part.
    """

    vocabulary: Vocabulary
    train: Corpus
    validation: Corpus
    test: Corpus

    def encode(self, part: Corpus) -> Encoded:
        """Ids of a part."""
        return self.vocabulary.encode(part.texts)


@lru_cache(maxsize=1)
def reviews() -> Reviews:
    """The reviews of the study, no two the same: 2,000 to learn from, 500 to choose by, 1,500 to score."""
    made = synthetic_reviews(4_000, seed=0)
    texts = tuple(" ".join(words) for words in made.words)
    every = Corpus("synthetic reviews", texts, made.labels.astype(np.int64), ("unfriendly", "friendly"))
    parts = [every.take(np.arange(*bounds)) for bounds in ((0, 2_000), (2_000, 2_500), (2_500, 4_000))]
    return Reviews(Vocabulary.of(parts[0].texts), *parts)


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """One small LSTM.

    Attributes:
        seed: of the initial weights and the order of the batches.
        network: how it learned: without padding, with it, or with it and gates that begin by keeping.
    """

    seed: int
    network: Network


def reader_grid(scale: Scale, seeds: int) -> list[ReaderConfig]:
    """One run per network and seed, the same at either scale."""
    return [ReaderConfig(seed=seed, network=network) for network in READER_LENGTHS for seed in range(seeds)]


def run_reader(config: ReaderConfig, device: str) -> dict[str, Any]:
    """Train, round the weights, and score the rounded network as it learned.

    Returns:
        ``words``, the vocabulary; ``embedding``, one row per word; ``W_ih``, ``W_hh`` and ``b`` (the sum of torch's two
        biases), rows in torch's order i, f, g, o; ``W_hy`` and ``b_y`` of the two classes; the curves ``train_loss``
        and ``validation_loss``; ``accuracy`` on the test reviews, padded as it learned.
    """
    net, history = trained_reader(config)
    weights = dict(net.named_parameters())
    with torch.no_grad():
        weights["rnn.bias_ih_l0"].add_(weights["rnn.bias_hh_l0"])
        weights["rnn.bias_hh_l0"].zero_()
        for weight in weights.values():
            weight.copy_(weight.double().round(decimals=DECIMALS))
    data, shape = reviews(), reader_shape(config)
    said = class_logits(net, data.encode(data.test), device="cpu", **shape).argmax(axis=1)
    rounded = {name: np.round(weight.detach().double().numpy(), DECIMALS).tolist() for name, weight in weights.items()}
    return {
        "words": list(data.vocabulary.words),
        "embedding": rounded["embedding.weight"],
        "W_ih": rounded["rnn.weight_ih_l0"],
        "W_hh": rounded["rnn.weight_hh_l0"],
        "b": rounded["rnn.bias_ih_l0"],
        "W_hy": rounded["head.weight"],
        "b_y": rounded["head.bias"],
        "accuracy": accuracy(said, data.test.labels),
        "train_loss": history.train_loss,
        "validation_loss": history.validation_loss,
    }


def reader_shape(config: ReaderConfig) -> dict[str, Any]:
    """How the reviews of a small LSTM are laid out."""
    layout = "packed" if config.network == "packed" else "right"
    return {"layout": layout, "length": READER_LENGTHS[config.network]}


def trained_reader(config: ReaderConfig) -> tuple[TextClassifier, History]:
    """A small LSTM, trained, and its curves."""
    data, shape = reviews(), reader_shape(config)
    set_seed(config.seed)
    net = TextClassifier(
        "lstm",
        vocabulary_size=len(data.vocabulary),
        embedding_dim=READER_EMBEDDING,
        hidden_size=READER_HIDDEN,
        classes=2,
        read="packed" if config.network == "packed" else "last",
    )
    if config.network == "padded, keeps":
        assert isinstance(net.rnn, nn.LSTM)
        chrono_(net.rnn, t_max=READER_LENGTHS[config.network], seed=config.seed)
    train, chosen = (TextBatches(data.encode(part), part.labels, 64, **shape) for part in (data.train, data.validation))
    history = fit(
        net,
        train,
        chosen,
        epochs=READER_PASSES,
        loss=nn.functional.cross_entropy,
        clip_norm=1.0,
        optimiser=one_cycle(READER_PEAK, READER_PASSES * len(train)),
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    return net, history


def _reader_data(scale: Scale) -> str:
    data = reviews()
    return "-".join(part.fingerprint[:12] for part in (data.train, data.validation, data.test))


SEQUENCE_LENGTH = Study(
    name="sequence-length",
    about="why does a network fail on long texts: the length, or the padding that it reads?",
    seeds=5,
    grid=grid,
    run=run,
    data=_fingerprint,
    notes=f"At full scale, {TRAINED:,} of the 25,000 training reviews, half of each class, to keep the study short; "
    f"{CHOSEN:,} others of them choose the epoch. All 25,000 test reviews are scored, once. The same reviews, "
    f"{VOCABULARY:,} ids and settings for every length, layout and seed. "
    "The network of a packed text reads no padding: its state is taken at the text's last token, which in one "
    "direction is what packing computes.",
)

PADDING_READER = Study(
    name="padding-reader",
    about="three small LSTMs on generated reviews, whose states over padding the page computes",
    seeds=1,
    grid=reader_grid,
    run=run_reader,
    data=_reader_data,
    notes="Generated reviews at either scale. The weights are rounded to four decimals before the network is scored.",
)

STUDIES = (SEQUENCE_LENGTH, PADDING_READER)
