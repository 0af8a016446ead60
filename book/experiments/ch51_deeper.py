"""Two studies for *Deeper*: stacks of LSTM layers against one wide layer with as many parameters.

``depth`` reads generated reviews, ``depth-imdb`` the last hundred words of real ones. Both have one recipe: Adam at one
of two constant rates, and the weights of the pass with the lowest validation loss, found with patience.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.ch24_review_gradients import long_texts
from rnncourse.data.imdb import load_imdb
from rnncourse.data.reviews import PADDING, synthetic_reviews
from rnncourse.studies import Scale, Study
from rnncourse.text import Vocabulary, pad
from rnncourse.training import fit, predict, set_seed

Source = Literal["made", "reviews"]
Ints = NDArray[np.int64]
Part = tuple[Ints, Ints]

STACKS: Mapping[str, tuple[str, int, int]] = MappingProxyType(
    {
        "1 × 42": ("plain", 1, 42),
        "2 × 26": ("plain", 2, 26),
        "3 × 20": ("plain", 3, 20),
        "4 × 17": ("plain", 4, 17),
        "4 × 17, residual": ("residual", 4, 17),
    }
)
"""Kind, layers and units of each stack. All have nearly as many parameters."""

RATES: Mapping[Source, tuple[float, float]] = MappingProxyType({"made": (3e-3, 1e-2), "reviews": (1e-3, 3e-3)})
EMBEDDING, WORDS, VOCABULARY = 16, 100, 5_000
COUNTS: Mapping[Source, tuple[int, int, int]] = MappingProxyType(
    {"made": (150, 500, 2_000), "reviews": (3_000, 1_000, 5_000)}
)
PASSES: Mapping[Source, tuple[int, int, int]] = MappingProxyType({"made": (250, 80, 32), "reviews": (20, 4, 64)})
"""Most passes over the training texts, patience, and texts per batch."""
SMALL = 0.1  # standard deviation of fresh vectors of real words


@dataclass(frozen=True, kw_only=True)
class DepthConfig:
    """One run.

    Attributes:
        model: ``majority``, ``bag`` or one of `STACKS`.
        lr: Adam's constant rate; 0 for a baseline.
        seed: of the initial weights and the order of the batches.
        texts: ``made`` or ``reviews``.
    """

    model: str
    lr: float
    seed: int
    texts: Source


class ResidualLSTM(nn.Module):
    """LSTM layers that add to their input wherever the two have one size.

    Source: He et al. (2016), Deep residual learning; between recurrent layers Wu et al. (2016), section 3.1.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        widths = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(width, hidden_size, batch_first=True) for width in widths)

    def forward(self, steps: Tensor) -> tuple[Tensor, None]:
        """Outputs of the top layer, ``(batch, time, hidden_size)``, and no state."""
        for layer in self.layers:
            added, _ = layer(steps)
            steps = steps + added if steps.shape == added.shape else added
        return steps, None


class ReviewReader(nn.Module):
    """Embeds a review, reads it with a stack of LSTM layers and judges it by its last word's state.

    Args:
        words: size of the vocabulary without padding.
        stack: one of `STACKS`.
    """

    def __init__(self, words: int, stack: str) -> None:
        super().__init__()
        kind, layers, units = STACKS[stack]
        self.embedding = nn.Embedding(words + 1, EMBEDDING, padding_idx=PADDING)
        self.body: nn.Module = (
            ResidualLSTM(EMBEDDING, units, layers)
            if kind == "residual"
            else nn.LSTM(EMBEDDING, units, layers, batch_first=True)
        )
        self.head = nn.Linear(units, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores of the two labels: ``(batch, time)`` tokens to ``(batch, 2)``."""
        states, _ = self.body(self.embedding(tokens))
        last = (tokens != PADDING).sum(dim=1) - 1
        scores: Tensor = self.head(states[torch.arange(len(tokens), device=tokens.device), last])
        return scores


@lru_cache(maxsize=2)
def parts(source: Source) -> tuple[list[Part], int]:
    """Tokens and labels to learn from, to choose by and to test on, and the number of words."""
    train, validation, test = COUNTS[source]
    if source == "made":
        data = synthetic_reviews(train + validation + test, seed=0)
        cuts = (train, train + validation)
        pairs = zip(np.split(data.ids, cuts), np.split(data.labels, cuts), strict=True)
        return list(pairs), len(data.vocabulary)
    corpus = load_imdb()
    learned, kept = long_texts(corpus.train, train + validation, WORDS), long_texts(corpus.test, test, WORDS)
    texts = (learned.take(np.arange(train)), learned.take(np.arange(train, train + validation)), kept)
    vocabulary = Vocabulary.of(texts[0].texts, size=VOCABULARY)
    encoded = [vocabulary.encode(part.texts, length=WORDS, cut="front") for part in texts]
    return [(pad(ids)[0].numpy(), part.labels) for ids, part in zip(encoded, texts, strict=True)], len(vocabulary) - 1


def run_depth(config: DepthConfig, device: str) -> dict[str, Any]:
    """Train one stack to its plateau and judge other reviews with the weights that validation chose.

    Returns:
        Test ``accuracy`` in per cent, ``parameters`` in all; of a network also ``body_parameters`` of the recurrent
        layers, ``train_loss`` and ``validation_loss`` by pass, and ``best_validation``, the lowest of the latter.
    """
    (train, validation, test), words = parts(config.texts)
    if config.model not in STACKS:
        named, size = _without_order(config.model, train, validation, test[0], words)
        return {"accuracy": 100 * float(np.mean(named == test[1])), "parameters": size}
    passes, patience, batch_size = PASSES[config.texts]
    set_seed(config.seed)
    net = ReviewReader(words, config.model)
    if config.texts == "reviews":
        with torch.no_grad():
            net.embedding.weight.mul_(SMALL)
    history = fit(
        net,
        train,
        validation,
        epochs=passes,
        patience=patience,
        batch_size=batch_size,
        lr=config.lr,
        loss=nn.functional.cross_entropy,
        clip_norm=1.0,
        seed=config.seed,
        device=device,
        progress=False,
    )
    named = predict(net, test[0], batch_size=500, device=device).argmax(axis=1)
    return {
        "accuracy": 100 * float(np.mean(named == test[1])),
        "parameters": _size(net),
        "body_parameters": _size(net.body),
        "train_loss": history.train_loss,
        "validation_loss": history.validation_loss,
        "best_validation": history.best_validation_loss,
    }


def _size(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def _without_order(model: str, train: Part, validation: Part, test: Ints, words: int) -> tuple[Ints, int]:
    """What the more frequent label, or a linear model of word counts, says of the test reviews; and its size."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    if model == "majority":
        return np.full(len(test), np.bincount(train[1]).argmax()), 0

    def counts(ids: Ints) -> Any:
        texts, places = np.nonzero(ids != PADDING)
        return csr_matrix((np.ones(len(texts)), (texts, ids[texts, places])), shape=(len(ids), words + 1))

    lines = [LogisticRegression(max_iter=1000, C=c).fit(counts(train[0]), train[1]) for c in (0.01, 0.1, 1.0, 10.0)]
    line = max(lines, key=lambda one: one.score(counts(validation[0]), validation[1]))
    named: Ints = line.predict(counts(test))
    return named, int(line.coef_.size + line.intercept_.size)


def depth_grid(scale: Scale, seeds: int) -> list[DepthConfig]:
    """Two baselines once on generated reviews, then each stack once per rate and seed."""
    full = ("1 × 42", "2 × 26", "4 × 17", "4 × 17, residual")
    stacks = full if scale == "full" else ("1 × 42", "4 × 17")
    return _grid("made", stacks, RATES["made"] if scale == "full" else RATES["made"][-1:], seeds)


def imdb_grid(scale: Scale, seeds: int) -> list[DepthConfig]:
    """Two baselines once, then one, two and three layers, seed by seed; generated reviews at the small scale."""
    full = scale == "full"
    source: Source = "reviews" if full else "made"
    stacks = ("1 × 42", "2 × 26", "3 × 20") if full else ("2 × 26",)
    return _grid(source, stacks, RATES[source] if full else RATES[source][-1:], seeds)


def _grid(source: Source, stacks: tuple[str, ...], rates: tuple[float, ...], seeds: int) -> list[DepthConfig]:
    still = [DepthConfig(model=model, lr=0.0, seed=0, texts=source) for model in ("majority", "bag")]
    return still + [
        DepthConfig(model=stack, lr=lr, seed=seed, texts=source)
        for seed in range(seeds)
        for stack in stacks
        for lr in rates
    ]


def _fingerprint(scale: Scale) -> str:
    return load_imdb().train.fingerprint[:12] if scale == "full" else "none"


DEPTH = Study(
    name="depth",
    about="do several thin LSTM layers read reviews better than one wide layer with as many parameters?",
    seeds=5,
    grid=depth_grid,
    run=run_depth,
    notes="Generated reviews: 150 to learn from, 500 to choose the pass by, 2,000 to test on.",
)

DEPTH_IMDB = Study(
    name="depth-imdb",
    about="do two or three LSTM layers read film reviews better than one wide layer with as many parameters?",
    seeds=5,
    grid=imdb_grid,
    run=run_depth,
    data=_fingerprint,
    notes="The last 100 words of reviews that have as many: 3,000 of the training reviews to learn from and 1,000 to "
    "choose the pass by, 5,000 of the test reviews to test on, half of each class.",
)

STUDIES = (DEPTH, DEPTH_IMDB)
