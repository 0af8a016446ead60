"""How the texts of two chapters are learned: judged after every epoch, chosen by validation, and scored."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

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
    """Shrink fresh word vectors, in place: a rare word then says little, where torch's unit variance is loud noise."""
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


def size(net: nn.Module) -> int:
    """Number of parameters."""
    return sum(weights.numel() for weights in net.parameters())
