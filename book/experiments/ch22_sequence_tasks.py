"""Sequence tasks: what reads what. All data are synthetic but the images of digits.

Four small tasks share one grid. In each the baselines stand beside the networks, and run k of every model has seed k,
so differences can be taken seed by seed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import networks
from rnncourse.data.reviews import NEGATIVE, PADDING, POSITIVE, Sentences, synthetic_reviews
from rnncourse.networks import CausalConvolutions
from rnncourse.studies import Study
from rnncourse.training import fit, set_seed

__all__ = ["STUDIES", "TRAINED_LENGTHS", "Config"]

TRAINED_LENGTHS = tuple(range(4, 21))
Arrays = tuple[Tensor, Tensor]
Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        task: ``images``, ``sentiment``, ``tags`` or ``tones``.
        model: what learns it; the baselines are among them.
        setting: ``raw`` or ``spectrogram`` for tones, else empty.
        seed: of data, initial weights and order of the batches.
    """

    task: str
    model: str
    setting: str
    seed: int


class SequenceClassifier(nn.Module):
    """Tokens or features, a body, a place to read it, a linear layer: two bodies compared with all else the same.

    Args:
        body: a recurrent layer with ``batch_first``, or `CausalConvolutions`.
        width: features that the body puts out; twice its units where it is bidirectional.
        num_classes: classes to name.
        read: ``"last"``: the last step that is no padding; ``"max"``: the maximum of each feature over time;
            ``"each"``: every step.
        num_embeddings: tokens, padding 0 at the end included; None where the input is features without padding.
    """

    def __init__(
        self,
        body: networks.Recurrent | CausalConvolutions,
        *,
        width: int,
        num_classes: int,
        read: str = "last",
        num_embeddings: int | None = None,
    ) -> None:
        super().__init__()
        self.read = read
        self.embedding = None if num_embeddings is None else nn.Embedding(num_embeddings, body.input_size, PADDING)
        self.body, self.head = body, nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)``, or ``(batch, time, num_classes)`` with ``read="each"``."""
        if self.embedding is None:
            lengths, features = torch.full((len(x),), x.shape[1]), x
        else:
            lengths, features = (x != PADDING).sum(dim=1), self.embedding(x)
        states = self._states(features, lengths)
        if self.read == "last":
            states = states[torch.arange(len(states)), lengths - 1]
        elif self.read == "max":
            padding = torch.arange(states.shape[1]) >= lengths[:, None]
            states = states.masked_fill(padding[..., None], -torch.inf).amax(dim=1)
        logits: Tensor = self.head(states)
        return logits

    def _states(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What the body says at each step, ``(batch, time, width)``."""
        if isinstance(self.body, CausalConvolutions):
            read: Tensor = self.body(features)
            return read
        if self.body.bidirectional:  # its second direction must not start in the padding
            packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
            return pad_packed_sequence(self.body(packed)[0], batch_first=True, total_length=features.shape[1])[0]
        output: Tensor = self.body(features)[0]
        return output


MODELS: Mapping[str, tuple[str, ...]] = {
    "images": ("majority", "linear", "mlp", "rows"),
    "sentiment": ("majority", "bag", "pairs", "gru"),
    "tags": ("majority", "forward", "delayed", "both"),
    "tones": ("linear", "cnn", "rnn", "lstm"),
}
_SETTINGS = {"tones": ("raw", "spectrogram")}


def grid(scale: str, seeds: int) -> list[Config]:
    """Every model of every task; the small scale has the three smallest tasks alone."""
    tasks = ("images", "sentiment", "tags") if scale == "small" else tuple(MODELS)
    return [
        Config(task, model, setting, seed)
        for task in tasks
        for setting in _SETTINGS.get(task, ("",))
        for model in MODELS[task]
        for seed in range(seeds)
    ]


def run(config: Config, device: str) -> Metrics:
    """Train one model on one task and score it on fresh data; always on the CPU, which is faster for these sizes."""
    metrics: Metrics = _RUNS[config.task](config)
    return metrics


# --- Shared steps


def _learn(
    net: nn.Module, train: Arrays, validation: Arrays, *, seed: int, epochs: int, lr: float = 1e-2, loss: Any = None
) -> None:
    fit(
        net,
        train,
        validation,
        epochs=epochs,
        lr=lr,
        loss=loss or nn.functional.cross_entropy,
        clip_norm=1.0,
        seed=seed,
        device="cpu",
        progress=False,
    )


def _named(net: nn.Module, x: Tensor) -> NDArray[np.int64]:
    """The class that the network names for each item."""
    net.eval()
    with torch.no_grad():
        parts = [net(part).argmax(dim=-1) for part in torch.split(x, 500)]
    named: NDArray[np.int64] = torch.cat(parts).numpy()
    return named


def _right(named: NDArray[np.int64], wanted: Tensor | NDArray[np.int64]) -> float:
    return 100 * float(np.mean(named == np.asarray(wanted)))


def _size(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _tensors(x: NDArray[Any], y: NDArray[Any]) -> Arrays:
    return torch.as_tensor(x), torch.as_tensor(y)


def _cut(x: Tensor, y: Tensor, *ends: int) -> list[Arrays]:
    starts = (0, *ends[:-1])
    return [(x[a:b], y[a:b]) for a, b in zip(starts, ends, strict=True)]


def _recurrent(kind: str, inputs: int, units: int, **options: bool) -> networks.Recurrent:
    kinds = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    layer: networks.Recurrent = kinds[kind](inputs, units, batch_first=True, **options)
    return layer


# --- One-to-one and many-to-one: digits as one vector or as eight rows


@lru_cache(maxsize=1)
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    digits = load_digits()
    return (digits.images / 16).astype(np.float32), digits.target.astype(np.int64)


def _images(config: Config) -> Metrics:
    images, labels = _digits()
    order = np.random.default_rng(config.seed).permutation(len(labels))
    x, y = _tensors(images[order], labels[order])
    train, validation, test = _cut(x, y, 1200, 1400, len(y))
    set_seed(config.seed)
    match config.model:
        case "majority":
            return {"accuracy": _right(np.full(len(test[1]), np.bincount(train[1]).argmax()), test[1])}
        case "linear":
            net: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        case "mlp":
            net = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
        case _:
            net = SequenceClassifier(_recurrent("gru", 8, 20), width=20, num_classes=10)
    _learn(net, train, validation, seed=config.seed, epochs=15)
    return {"accuracy": _right(_named(net, test[0]), test[1]), "parameters": _size(net)}


# --- Many-to-one: a sentence and its opinion


def _sentiment(config: Config) -> Metrics:
    made = synthetic_reviews(4000, seed=config.seed)
    train, validation, test = _cut(*_tensors(made.ids, made.labels), 2000, 2500, 4000)
    sentences = made.words[2500:]
    geometry: dict[str, float] = {}
    match config.model:
        case "majority":
            named = np.full(len(test[1]), np.bincount(train[1]).argmax())
        case "bag" | "pairs":
            counts = CountVectorizer(ngram_range=(1, 2 if config.model == "pairs" else 1), token_pattern=r"\S+")
            table = counts.fit_transform(" ".join(words) for words in made.words[:2000])
            fitted = LogisticRegression(max_iter=1000).fit(table, train[1])
            named = fitted.predict(counts.transform(" ".join(words) for words in sentences))
        case _:
            set_seed(config.seed)
            body = _recurrent("gru", 8, 16)
            net = SequenceClassifier(body, width=16, num_classes=2, num_embeddings=len(made.vocabulary) + 1)
            geometry["neighbours_before"] = same_opinion(net, made.vocabulary)
            _learn(net, train, validation, seed=config.seed, epochs=8)
            named = _named(net, test[0])
            geometry["neighbours_after"] = same_opinion(net, made.vocabulary)
            geometry["parameters"] = _size(net)
    hits = 100.0 * (named == test[1].numpy())
    turned = np.array(["not" in words or "but" in words for words in sentences])
    return {
        "accuracy": float(hits.mean()),
        "plain": float(hits[~turned].mean()),
        "turned": float(hits[turned].mean()),
        **geometry,
    }


def _counts(ids: Tensor, words: int) -> NDArray[np.float64]:
    rows = [np.bincount(row[row > 0] - 1, minlength=words) for row in ids.numpy()]
    return np.array(rows, dtype=np.float64)


def same_opinion(net: SequenceClassifier, vocabulary: Sequence[str]) -> float:
    """Share of the adjectives, in per cent, whose nearest adjective by cosine is of the same opinion."""
    assert net.embedding is not None
    opinions = [*POSITIVE, *NEGATIVE]
    rows = torch.tensor([vocabulary.index(word) + 1 for word in opinions])
    vectors = nn.functional.normalize(net.embedding.weight.detach()[rows], dim=1)
    nearest = (vectors @ vectors.T).fill_diagonal_(-2).argmax(dim=1).numpy()
    side = np.arange(len(opinions)) < len(POSITIVE)
    return 100 * float(np.mean(side == side[nearest]))


# --- Many-to-many: a tag for every word


_Tagged = list[tuple[str, str, int]]
_TAG_WORDS = {
    "DET": ("the", "a", "this"),
    "ADJ": ("wet", "tall", "red", "quiet"),
    "NOUN": ("dog", "ship", "child", "tree", "house", "king"),
    "VERB": ("sees", "finds", "likes", "hears"),
    "PRON": ("they", "we", "you"),
    "ADV": ("often", "never", "soon"),
    "END": (".",),
}
# "after" is ADJ before another ADJ or a NOUN, and NOUN before anything else; "before" is NOUN after DET or ADJ, and
# VERB after PRON or ADV; "her" is DET before an ADJ or a NOUN, and PRON before anything else.
_AMBIGUOUS = {
    "after": ("old", "cold", "light", "rich"),
    "before": ("walk", "play", "answer", "watch"),
    "her": ("her",),
}
TAGS = tuple(_TAG_WORDS)


def synthetic_tagging(count: int, *, seed: int) -> tuple[Sentences, NDArray[np.int64]]:
    """Generated sentences with ambiguous words: "the old often hears her tall dog ."

    "old", "cold", "light" and "rich" are ADJ or NOUN by the word *after* them, and "her" is DET or PRON likewise.
    "walk", "play", "answer" and "watch" are NOUN or VERB by the words *before* them. One word to either side decides.

    Returns:
        The sentences, labelled by the tag of each word; and what decides each tag: 0 the word alone, 1 the words before
        it, 2 those after it, -1 for padding.
    """
    rng = np.random.default_rng(seed)
    sentences = [_sentence(rng) for _ in range(count)]
    tags, decided_by = np.full((2, count, max(map(len, sentences))), -1, dtype=np.int64)
    for row, made in enumerate(sentences):
        tags[row, : len(made)] = [TAGS.index(tag) for _, tag, _ in made]
        decided_by[row, : len(made)] = [decider for *_, decider in made]
    words = tuple(tuple(word for word, *_ in made) for made in sentences)
    vocabulary = (word for kinds in (_TAG_WORDS, _AMBIGUOUS) for kind in kinds.values() for word in kind)
    return Sentences(words, tags, tuple(vocabulary)), decided_by


def _plain(tag: str, rng: np.random.Generator, count: int = 1) -> _Tagged:
    return [(str(rng.choice(_TAG_WORDS[tag])), tag, 0) for _ in range(count)]


def _either(kind: str, tag: str, rng: np.random.Generator) -> _Tagged:
    return [(str(rng.choice(_AMBIGUOUS[kind])), tag, 1 if kind == "before" else 2)]


def _sentence(rng: np.random.Generator) -> _Tagged:
    adverbs = _plain("ADV", rng, int(rng.integers(3)))
    if rng.random() < 0.4:
        subject = _plain("PRON", rng)
        verb = _either("before", "VERB", rng) if rng.random() < 0.7 else _plain("VERB", rng)
    else:
        subject, verb = _phrase(rng), _plain("VERB", rng)
    return subject + adverbs + verb + _object_of(rng) + _plain("END", rng)


def _phrase(rng: np.random.Generator) -> _Tagged:
    """A determiner, adjectives and a noun, or an adjective that is a noun here."""
    determiner, adjectives = _plain("DET", rng), _plain("ADJ", rng, int(rng.integers(3)))
    match rng.integers(4):
        case 0:
            return determiner + _either("after", "NOUN", rng)
        case 1:
            return determiner + _either("after", "ADJ", rng) + adjectives + _plain("NOUN", rng)
        case 2:
            return determiner + adjectives + _either("before", "NOUN", rng)
        case _:
            return determiner + adjectives + _plain("NOUN", rng)


def _object_of(rng: np.random.Generator) -> _Tagged:
    match rng.integers(4):
        case 0:
            return [("her", "PRON", 2), *_plain("ADV", rng, int(rng.random() < 0.5))]
        case 1:
            # An adjective or a plain noun follows, so that the next word alone tells which "her" it is.
            return [("her", "DET", 2), *_plain("ADJ", rng, int(rng.random() < 0.5)), *_plain("NOUN", rng)]
        case 2:
            return _phrase(rng)
        case _:
            return []


def _tag_loss(output: Tensor, tags: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output[:, -tags.shape[1] :].flatten(0, 1), tags.flatten(), ignore_index=-1)


def _tags(config: Config) -> Metrics:
    made, decided_by = synthetic_tagging(2700, seed=config.seed)
    ids, tags = _tensors(made.ids, made.labels)
    if config.model == "delayed":  # one more step to read, so that each tag may come one word late
        ids = nn.functional.pad(ids, (0, 1))
    train, validation, test = _cut(ids, tags, 1200, 1500, 2700)
    if config.model == "majority":
        table = np.zeros((len(made.vocabulary) + 1, len(TAGS)))
        np.add.at(table, (train[0][train[1] >= 0], train[1][train[1] >= 0]), 1)
        named, size = table.argmax(axis=1)[test[0].numpy()], 0
    else:
        set_seed(config.seed)
        units, both = (12, True) if config.model == "both" else (20, False)
        body = _recurrent("gru", 8, units, bidirectional=both)
        net = SequenceClassifier(
            body,
            width=units * (1 + both),
            num_classes=len(TAGS),
            read="each",
            num_embeddings=len(made.vocabulary) + 1,
        )
        _learn(net, train, validation, seed=config.seed, epochs=6, loss=_tag_loss)
        named, size = _named(net, test[0]), _size(net)
    decided = decided_by[1500:]
    hits = 100.0 * (named[:, -tags.shape[1] :] == test[1].numpy())
    by = {name: float(hits[decided == kind].mean()) for kind, name in enumerate(("word", "left", "right"))}
    return {"accuracy": float(hits[decided >= 0].mean()), **by, "parameters": size}


# --- Lengths never seen in training


PAIR_SYMBOLS = 6


def planted_pair(count: int, *, seq_len: int, seed: int, longest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Strings of six symbols in which 2 follows 1 directly at one place (class 1), or nowhere (class 0), padded by 0.

    At one random place stands "1 2" or "2 1", between other symbols; everywhere else "1 2" does not occur. Both classes
    hold the same symbols equally often, so only their order tells them apart.
    """
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, PAIR_SYMBOLS + 1, (count, seq_len))
    classes = rng.integers(0, 2, count)
    others = np.arange(3, PAIR_SYMBOLS + 1)
    place, rows = rng.integers(1, seq_len - 2, count), np.arange(count)
    for offset in (-1, 2):
        ids[rows, place + offset] = rng.choice(others, count)
    ids[rows, place], ids[rows, place + 1] = 3, 3  # no chance pair is left or made here
    while (found := (ids[:, :-1] == 1) & (ids[:, 1:] == 2)).any():
        row, column = np.nonzero(found)
        ids[row, column + 1] = rng.choice(others, len(row))
    ids[rows, place], ids[rows, place + 1] = 2 - classes, 1 + classes
    return np.pad(ids, ((0, 0), (0, longest - seq_len))), classes


class PlaceByPlace(nn.Module):
    """A multilayer perceptron on a sequence of tokens, one-hot, each place with weights of its own.

    Args:
        num_embeddings: tokens, padding 0 included; padding is a row of zeros.
        longest: places.
        hidden_size: units of the hidden layer, with ReLU.
        num_classes: classes to name.
    """

    def __init__(self, num_embeddings: int, longest: int, hidden_size: int, num_classes: int) -> None:
        super().__init__()
        self.tokens = num_embeddings
        self.hidden = nn.Linear(longest * (num_embeddings - 1), hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of tokens ``(batch, longest)``."""
        one_hot = nn.functional.one_hot(ids, self.tokens)[..., 1:].flatten(1)
        logits: Tensor = self.head(torch.relu(self.hidden(one_hot.to(self.hidden.weight.dtype))))
        return logits


# --- Tones, as samples and as a spectrogram


def synthetic_tones(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Waves of 128 samples in noise of twice the tone's power, and classes: low, high, rising, falling."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 4, count)
    low, high = (f * rng.uniform(0.9, 1.1, count) for f in (0.08, 0.16))  # cycles per sample
    before = np.where((classes == 0) | (classes == 2), low, high)
    after = np.where((classes == 0) | (classes == 3), low, high)
    change = rng.uniform(0.25, 0.75, count) * 128
    frequency = np.where(np.arange(128) < change[:, None], before[:, None], after[:, None])
    phase = 2 * np.pi * (np.cumsum(frequency, axis=1) + rng.random((count, 1)))
    return (np.sin(phase) + rng.standard_normal((count, 128))).astype(np.float32), classes


def spectrogram(waves: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithm of the power in each of 17 bands, in frames of 32 samples, 16 apart: ``(count, frames, 17)``."""
    frames = np.lib.stride_tricks.sliding_window_view(waves, 32, axis=1)[:, ::16]
    power = np.abs(np.fft.rfft(frames * np.hanning(32), axis=2)) ** 2
    return np.log(power + 1e-3).astype(np.float32)


def _tones(config: Config) -> Metrics:
    waves, classes = synthetic_tones(3000, config.seed)
    features = waves[..., None] if config.setting == "raw" else spectrogram(waves)
    features = (features - features[:1200].mean((0, 1))) / features[:1200].std((0, 1))
    train, validation, test = _cut(*_tensors(features, classes), 1200, 1500, 3000)
    if config.model == "linear":
        # The time average of a wave says nothing at all, so the raw baseline gets every sample instead.
        flat = [part.flatten(1) if config.setting == "raw" else part.mean(1) for part in (train[0], test[0])]
        fitted = LogisticRegression(max_iter=1000).fit(flat[0].numpy(), train[1])
        return {"accuracy": _right(fitted.predict(flat[1].numpy()), test[1])}
    set_seed(config.seed)
    net = _tone_network(config.model, config.setting)
    _learn(net, train, validation, seed=config.seed, epochs=10)
    return {"accuracy": _right(_named(net, test[0]), test[1]), "parameters": _size(net)}


def _tone_network(model: str, setting: str) -> SequenceClassifier:
    inputs = 1 if setting == "raw" else 17
    if model == "cnn":
        kernel, dilations = (9, (1, 2, 4)) if setting == "raw" else (3, (1, 2))
        convolutions = CausalConvolutions(inputs, 10, kernel_size=kernel, dilations=dilations)
        return SequenceClassifier(convolutions, width=10, num_classes=4, read="max")
    units = 40 if model == "rnn" else 20
    return SequenceClassifier(_recurrent(model, inputs, units), width=units, num_classes=4)


_RUNS: Mapping[str, Callable[[Config], Metrics]] = {
    "images": _images,
    "sentiment": _sentiment,
    "tags": _tags,
    "tones": _tones,
}


def fingerprint(scale: str) -> str:
    """Fingerprint of the one data set that is not made on the spot."""
    images, labels = _digits()
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()[:16]


STUDY = Study(
    name="sequence-tasks",
    about="What reads what: four small tasks with their baselines.",
    seeds=5,
    grid=grid,
    run=run,
    data=fingerprint,
    notes="Small networks and short training throughout: a few hundred updates with Adam at a rate of 0.01, the "
    "gradient clipped at norm 1. Nothing was tuned per model.",
)
STUDIES = (STUDY,)
