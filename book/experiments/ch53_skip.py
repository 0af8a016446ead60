"""A study for *Skipping updates*: how many updates can a learned gate leave out before it misses a pulse?

``skip-rnn`` trains Skip GRUs, for which an update has a price, on pulses of one step and of eight.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.fresh_batches import Fresh
from rnncourse.studies import Scale, Study
from rnncourse.training import fit, set_seed
from rnncourse.variants import SkipGRU

Floats = NDArray[np.float32]

COST = 0.01
LENGTH = 40
FREE, PRICED, STEPS = 8, 16, 25
"""Epochs before an update has its price and after that, and training steps in an epoch."""
LR = 5e-3


def sparse_events(
    count: int, rng: np.random.Generator, *, steps: int = 40, lasts: int = 1
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Noise in two channels and in it one pulse, of four kinds by its signs: inputs, kinds and first steps."""
    starts = rng.integers(steps - lasts + 1, size=count)
    kinds = rng.integers(4, size=count)
    signs = 2.0 * np.stack([kinds // 2, kinds % 2], axis=-1) - 1
    time = np.arange(steps)
    during = (time >= starts[:, None]) & (time < starts[:, None] + lasts)
    inputs = during[:, :, None] * signs[:, None, :] + 0.1 * rng.normal(size=(count, steps, 2))
    return inputs.astype(np.float32), kinds, starts


@dataclass(frozen=True, kw_only=True)
class SkipConfig:
    """One run of ``skip-rnn``.

    Attributes:
        lasts: steps that the pulse lasts.
        cost: price of an update in the loss.
        seed: of the initial weights and of the training sequences.
    """

    lasts: int
    cost: float
    seed: int


class PulseReader(nn.Module):
    """A Skip GRU of 16 units that names a pulse at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.body = SkipGRU(2, 16, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(batch, 4)`` and updates of each sequence ``(batch,)``, from ``(batch, time, 2)``."""
        run = self.body.run(x)
        return self.head(run.output[:, -1]), run.updates.sum(dim=1)


def skip_grid(scale: Scale, seeds: int) -> list[SkipConfig]:
    """Each length of a pulse once per seed."""
    lengths = (8, 1) if scale == "full" else (8,)
    return [SkipConfig(lasts=lasts, cost=COST, seed=seed) for seed in range(seeds) for lasts in lengths]


def skip_loss(cost: float) -> Callable[[tuple[Tensor, Tensor], Tensor], Tensor]:
    """Cross-entropy and a price for each update."""

    def loss(output: tuple[Tensor, Tensor], kinds: Tensor) -> Tensor:
        scores, updates = output
        return nn.functional.cross_entropy(scores, kinds) + cost * updates.mean()

    return loss


def judged(net: PulseReader, config: SkipConfig, count: int, seed: int) -> dict[str, float]:
    """Accuracy and share of updates of a reader on new sequences, in per cent, and its loss, the price included."""
    inputs, kinds, _ = sparse_events(count, np.random.default_rng(seed), steps=LENGTH, lasts=config.lasts)
    wanted = torch.from_numpy(kinds)
    with torch.inference_mode():
        scores, updates = net(torch.from_numpy(inputs))
        loss = skip_loss(config.cost)((scores, updates), wanted)
    return {
        "accuracy": 100 * float((scores.argmax(dim=1) == wanted).double().mean()),
        "share": 100 * float(updates.mean()) / LENGTH,
        "loss": float(loss),
    }


def run_skip(config: SkipConfig, device: str) -> dict[str, Any]:
    """Train one reader of pulses, judge it after each epoch, and test the one with the lowest loss on validation.

    Returns:
        ``accuracy`` and ``share`` of the steps that update in per cent, number of ``parameters``, ``chosen``, the epoch
        from 1, none of the first ones, in which updates are free; by epoch ``validation_loss``, with the price,
        ``validation_accuracy`` and ``validation_share``.
    """

    def draw(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        inputs, kinds, _ = sparse_events(64, rng, steps=LENGTH, lasts=config.lasts)
        return torch.from_numpy(inputs), torch.from_numpy(kinds)

    set_seed(config.seed)
    net = PulseReader()
    optimiser = torch.optim.Adam(net.parameters(), lr=LR)
    curves: dict[str, list[float]] = {"accuracy": [], "share": [], "loss": []}
    chosen, kept = 0, dict[str, Tensor]()
    for epoch in range(1, FREE + PRICED + 1):
        fit(
            net,
            Fresh(STEPS, draw),
            epochs=1,
            loss=skip_loss(config.cost if epoch > FREE else 0.0),
            optimiser=lambda parameters: optimiser,  # the same one in every epoch, with its moments
            clip_norm=1.0,
            seed=1000 * config.seed + epoch,
            device=device,
            progress=False,
        )
        for name, value in judged(net, config, 500, 2**32).items():
            curves[name].append(value)
        if epoch > FREE and curves["loss"][-1] == min(curves["loss"][FREE:]):
            chosen, kept = epoch, {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.load_state_dict(kept)
    tested = judged(net, config, 2000, 2**31)
    return {
        "accuracy": tested["accuracy"],
        "share": tested["share"],
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "chosen": chosen,
        **{f"validation_{name}": curve for name, curve in curves.items()},
    }


SKIP_RNN = Study(
    name="skip-rnn",
    about="how many updates can a learned gate leave out before it misses a pulse?",
    seeds=5,
    grid=skip_grid,
    run=run_skip,
    notes=f"Generated sequences, drawn anew at each of {(FREE + PRICED) * STEPS:,} training steps, of which the first "
    f"{FREE * STEPS:,} have no price; 2,000 others to test on.",
)

STUDIES = (SKIP_RNN,)
