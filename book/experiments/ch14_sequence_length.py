"""How long a text may be: the coursework's sweep over lengths, with three layouts of the padding.

A network that reads a padded row to its last step has its last words far behind it where the padding is on the right.
The sweep holds all else fixed: the same tokens, the same start, the same batches of texts.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.reading import (
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
from rnncourse.gradients import gradient_flow
from rnncourse.networks import TextClassifier, class_logits
from rnncourse.studies import Scale, Study
from rnncourse.text import Cut, Encoded, Layout, TextBatches, Vocabulary, pad, tokenise
from rnncourse.text_baselines import LinearSVM, LogisticBagOfWords, Majority, TextBaseline
from rnncourse.training import set_seed

__all__ = ["BASELINES", "BIN_EDGES", "DISTANCES", "LENGTHS", "STUDIES", "LengthConfig", "grid", "run"]

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

    Args:
        config: which.
        device: where.

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
    """Texts with at most so many words; 0 keeps them whole.

    Args:
        corpus: the texts.
        length: words that each keeps at most.
        cut: ``front`` keeps the last words, ``back`` the first.

    Returns:
        The kept words with blanks between them.
    """
    if not length:
        return list(corpus.texts)
    kept = slice(-length, None) if cut == "front" else slice(length)
    return [" ".join(tokenise(text)[kept]) for text in corpus.texts]


def _network(config: LengthConfig, labels: Mapping[str, Labels], device: str) -> tuple[Labels, dict[str, Any]]:
    if config.layout == "none":
        raise ValueError(f"layout is 'none' for the network {config.model!r}; expected 'right', 'left' or 'packed'.")
    layout: Layout = config.layout
    whole, words = _encoded(config.source)
    cut = {name: part.cut(config.length, config.cut) for name, part in whole.items()}
    classes = len(splits(config.source).test.classes)
    set_seed(config.seed)
    net = TextClassifier(
        config.model,  # type: ignore[arg-type]
        vocabulary_size=words,
        embedding_dim=EMBEDDING,
        hidden_size=HIDDEN,
        classes=classes,
        # The same numbers in one direction, from a kernel that is several times as fast as the one for packed texts.
        read="true-last" if config.read == "packed" else config.read,  # type: ignore[arg-type]
        dropout=DROPOUT,
        embedding_dropout=DROPOUT,
    )
    with_small_vectors(net)
    untrained = decades(net, cut["test"], labels["test"], config.length)
    length = None if layout == "packed" else config.length
    recipe = RECIPES[config.source]
    train = TextBatches(cut["train"], labels["train"], recipe.batch_size, layout, length)

    def logits(name: str) -> Floats:
        found = class_logits(net, cut[name], batch_size=500, layout=layout, length=length, device=device)
        return found.astype(np.float64)

    def judge() -> dict[str, float]:
        found = logits("validation")
        return {
            "validation_loss": nll(found, labels["validation"]),
            "validation_accuracy": accuracy(found.argmax(axis=1), labels["validation"]),
        }

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


def by_length(lengths: Labels, right: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Texts and right answers by the length of the whole text.

    Args:
        lengths: tokens of each whole text, ``(n,)``.
        right: whether its class was named, ``(n,)``.

    Returns:
        ``bin_edges``, of which bin k goes from edge k to the one before edge k + 1, and by bin ``bin_total`` and
        ``bin_right``. A text without tokens counts as one of length 1.
    """
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
    """How the gradient of the loss shrinks on its way back, on texts that fill the row.

    Args:
        net: the network; as before afterwards.
        encoded: texts of at most ``length`` tokens.
        labels: their classes.
        length: tokens of the texts that are looked at, the first sixteen of them; without any, there is no answer.

    Returns:
        log10 of ``‖dL/dh‖``, the norm over these texts and all units, at `DISTANCES` before the last step, those that
        lie within the text, relative to the last step; at least `FLOOR`.
    """
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
    """The sweep over lengths and layouts, the other cut for the packed LSTM, the mean read, and baselines once."""
    source: Source = "reviews" if scale == "full" else "sentences"
    lengths = LENGTHS[scale]
    sweep: list[Cell] = [
        (model, length, layout, "front", "packed" if layout == "packed" else "last")
        for length in lengths
        for layout in get_args(Layout)
        for model in ("rnn", "lstm")
    ]
    more: list[Cell] = []
    if scale == "full":
        more += [("lstm", length, "packed", "back", "packed") for length in lengths]
        more += [("rnn", length, "packed", "front", "mean") for length in (lengths[0], lengths[-1])]
        more += [("gru", lengths[-1], "right", "front", "last")]
    pieces: list[tuple[int, Cut]] = [(0, "front")]
    pieces += [(length, cut) for length in lengths for cut in get_args(Cut)]
    still: list[Cell] = [("majority", 0, "none", "front", "none")]
    still += [(model, length, "none", cut, "none") for model in ("tfidf-lr", "tfidf-svm") for length, cut in pieces]
    runs = [(cell, 0) for cell in still] + [
        (cell, seed) for cells in (sweep, more) for seed in range(seeds) for cell in cells
    ]
    return [
        LengthConfig(model=model, length=length, layout=layout, cut=cut, read=read, seed=seed, source=source)
        for (model, length, layout, cut, read), seed in runs
    ]


def _fingerprint(scale: Scale) -> str:
    return splits("reviews" if scale == "full" else "sentences").fingerprint


STUDY = Study(
    name="sequence-length",
    about="why does a network fail on long texts: the length, or the padding that it reads?",
    seeds=3,
    grid=grid,
    run=run,
    data=_fingerprint,
    notes=f"At full scale, {TRAINED:,} of the 25,000 training reviews, half of each class, to keep the study short; "
    f"{CHOSEN:,} others of them choose the epoch. All 25,000 test reviews are scored, once. The same reviews, "
    f"{VOCABULARY:,} ids and settings for every length, layout and seed. "
    "The network of a packed text reads no padding: its state is taken at the text's last token, which in one "
    "direction is what packing computes.",
)
STUDIES = (STUDY,)
