"""What studies of texts share: training that is judged after every epoch, choosing by validation, and scores."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncourse.text import PADDING, UNKNOWN, TextBatches
from rnncourse.training import Batches, fit

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Reader = TypeVar("Reader", bound=nn.Module)
SMALL = 0.1  # standard deviation of fresh word vectors
BINS = 15  # of equal width, for the largest probability


@dataclass(frozen=True, eq=False)
class ForgottenWords:
    """Batches in which some words are unknown, others in each epoch, so that no word is relied on alone.

    Attributes:
        source: the batches.
        share: probability of a token being replaced; nothing is replaced in a fixed order, which is for scoring.
    """

    source: TextBatches
    share: float

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
        """The batches of one epoch, as `TextBatches` has them."""
        for (ids, lengths), labels in self.source.batches(generator):
            if generator is not None:
                lost = torch.rand(ids.shape, generator=generator) < self.share
                ids = ids.masked_fill(lost & (ids != PADDING), UNKNOWN)
            yield (ids, lengths), labels


@dataclass(frozen=True)
class Recipe:
    """How a network learns: Adam, whose rate rises over the first tenth of the steps and falls to almost nothing.

    Attributes:
        epochs: passes over the training texts.
        batch_size: texts per step.
        lr: highest rate of the cycle, or the rate where it is constant.
        cycle: False keeps the rate constant.
        smoothing: share of the target that goes to all classes alike.
        clip_norm: largest norm of a gradient.
        forget: probability of a training token being replaced by the unknown one.
    """

    epochs: int
    batch_size: int
    lr: float
    cycle: bool = True
    smoothing: float = 0.0
    clip_norm: float | None = 1.0
    forget: float = 0.0

    def optimiser(self, parameters: Iterable[nn.Parameter], steps: int) -> torch.optim.Optimizer:
        """Adam with its schedule.

        Args:
            parameters: what learns.
            steps: number of steps that will be taken.

        Returns:
            The optimiser; it moves its own rate after every step.

        Source: Smith & Topin (2019), Super-convergence.
        """
        optimiser = torch.optim.Adam(parameters, lr=self.lr, fused=True)
        if self.cycle:
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.lr, total_steps=steps + 1, pct_start=0.1)
            optimiser.register_step_post_hook(lambda *_: schedule.step())
        return optimiser


@dataclass(frozen=True)
class Course:
    """A training, epoch by epoch.

    Attributes:
        curves: one number per epoch under each name; ``train_loss`` and what the judge returned.
        selected: the epoch that validation chose, from 1.
    """

    curves: dict[str, list[float]]
    selected: int


def train_and_judge(
    net: nn.Module,
    train: TextBatches,
    judge: Callable[[], Mapping[str, float]],
    recipe: Recipe,
    *,
    seed: int,
    device: str,
) -> Course:
    """Train a network, judge it after each epoch, and leave the chosen epoch's weights in it.

    Chosen is the epoch with the highest ``validation_accuracy``; of equals the one with the lowest
    ``validation_loss``, and then the first. Nothing else that the judge says has a part in the choice.

    Args:
        net: the network; its present weights are the start.
        train: training batches.
        judge: looks at the network; returns ``validation_accuracy``, ``validation_loss`` and what else is to be noted.
        recipe: how to learn.
        seed: decides the order of the batches, the forgotten words and the dropout.
        device: where.

    Returns:
        The curves and the choice.
    """
    batches: Batches = ForgottenWords(train, recipe.forget) if recipe.forget else train
    optimiser = recipe.optimiser(net.parameters(), recipe.epochs * len(train))
    curves: dict[str, list[float]] = {}
    best: tuple[float, float] | None = None
    selected, kept = 0, dict[str, Tensor]()
    for epoch in range(1, recipe.epochs + 1):
        history = fit(
            net,
            batches,
            epochs=1,
            loss=partial(nn.functional.cross_entropy, label_smoothing=recipe.smoothing),
            clip_norm=recipe.clip_norm,
            optimiser=lambda parameters: optimiser,  # the same one in every epoch, with its moments
            seed=1000 * seed + epoch,
            device=device,
            progress=False,
        )
        judged = judge()
        for name, value in {"train_loss": history.train_loss[0], **judged}.items():
            curves.setdefault(name, []).append(value)
        merit = (judged["validation_accuracy"], -judged["validation_loss"])
        if best is None or merit > best:
            best, selected = merit, epoch
            kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.load_state_dict(kept)
    return Course(curves, selected)


def with_small_vectors(net: Reader) -> Reader:
    """Shrink fresh word vectors, in place: a rare word then says little, where torch's unit variance is loud noise.

    Args:
        net: a network with fresh weights; its word vectors get the standard deviation `SMALL`.

    Returns:
        The same network.
    """
    embedding = net.embedding
    assert isinstance(embedding, nn.Embedding)
    with torch.no_grad():
        embedding.weight.mul_(SMALL)
    return net


def accuracy(named: Labels, labels: Labels) -> float:
    """Share of the texts that are named right, 0 to 1."""
    return float(np.mean(named == labels))


def nll(logits: Floats, labels: Labels) -> float:
    """Mean of the negative log probability of the right class, in nats."""
    return float(-np.mean(log_softmax(logits)[np.arange(len(labels)), labels]))


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities of logits ``(n, classes)``."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def confusion(named: Labels, labels: Labels, classes: int) -> list[list[int]]:
    """Texts by true class, in rows, and named class, in columns."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, named), 1)
    rows: list[list[int]] = counts.tolist()
    return rows


def class_scores(named: Labels, labels: Labels, classes: int) -> dict[str, Any]:
    """Scores of one set of texts.

    Args:
        named: the class that is named for each text.
        labels: the true ones.
        classes: number of classes.

    Returns:
        ``accuracy``, ``macro_f1`` and ``weighted_f1`` (means of F1 over classes and over texts), ``recall`` and
        ``precision`` by class (0 where nothing can be counted), all from 0 to 1, and the `confusion`.
    """
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
    """Classes from 0 to 9 as one string, a digit per text.

    Raises:
        ValueError: a class has two digits.
    """
    if len(named) and not 0 <= named.min() <= named.max() <= 9:
        raise ValueError(f"named holds classes {named.min()} to {named.max()}; expected 0 to 9, one digit each.")
    return "".join(map(str, named.tolist()))


def temperature(logits: Floats, labels: Labels) -> float:
    """The number to divide logits by that makes their probabilities fit best.

    Args:
        logits: of validation texts, ``(n, classes)``.
        labels: their classes.

    Returns:
        Where `nll` is lowest among 401 numbers from 0.1 to 10, each 1.2 % above the one before.

    Source: Guo et al. (2017), On calibration of modern neural networks.
    """
    candidates = np.geomspace(0.1, 10, 401)
    return float(candidates[np.argmin([nll(logits / candidate, labels) for candidate in candidates])])


def calibration(logits: Floats, labels: Labels) -> dict[str, Any]:
    """The largest probability of each text, in bins, and how often it is right.

    Args:
        logits: ``(n, classes)``.
        labels: the true classes.

    Returns:
        By bin of the largest probability, `BINS` of them from 0 to 1: ``counts``, ``sums`` of that probability, and
        texts named right in ``correct``. The expected calibration error in ``ece``, 0 to 1.

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


def size(net: nn.Module) -> int:
    """Number of parameters."""
    return sum(weights.numel() for weights in net.parameters())
