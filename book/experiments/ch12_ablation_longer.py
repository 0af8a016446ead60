"""The coursework's three LSTMs of *Gate ablation* again, with more training.

It repeats a part of the study ``ablation`` and shares its way to train; a module of its own, so that the recorded runs
of the one stay those of its code.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.nn import functional

from book.experiments import ch12_ablation as ablation
from book.experiments.ch12_ablation import COURSEWORK, POWER, Source
from rnncourse import training
from rnncourse.networks import Forecaster
from rnncourse.studies import Scale, Study
from rnncourse.training import predict, set_seed

__all__ = ["STUDIES", "Config", "grid", "run"]


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        variant: one of `COURSEWORK`.
        stride: every which training window is read; each is read once.
        seed: of the initial weights and of the order of the windows.
        source: ``household`` or ``synthetic``.
    """

    variant: str
    stride: int
    seed: int
    source: Source = "household"


def grid(scale: Scale, seeds: int) -> list[Config]:
    """Seed by seed: the coursework's three on every third window; small, on every fortieth of the synthetic house."""
    stride = 3 if scale == "full" else 40
    source: Source = "household" if scale == "full" else "synthetic"
    return [Config(variant, stride, seed, source) for seed in range(seeds) for variant in COURSEWORK]


def run(config: Config, device: str) -> dict[str, Any]:
    """Train and score one of the coursework's three at its size, on as much of the training part as asked for.

    Args:
        config: which, and how much.
        device: where.

    Returns:
        Test MSE and ``mae`` in standard deviations, and what `book.experiments.ch12_ablation.run` says of training.
    """
    split, recipe = ablation._split(config.source), POWER["power, two layers of 64"]
    train = split.train[:: config.stride]
    batches = training.ArrayBatches(train.inputs, train.targets, recipe.batch_size)
    set_seed(config.seed)
    net = Forecaster("lstm", hidden_size=recipe.hidden_size, num_layers=recipe.num_layers)
    measured = ablation._train(net, config.variant, batches, functional.mse_loss, recipe.lr, 1, config.seed, device)
    errors = predict(net, split.test.every[split.test.starts], device=device).astype(np.float64) - split.test.targets
    return {
        "score": float(np.mean(errors**2)),
        "mae": float(np.mean(np.abs(errors))),
        "train_windows": len(train),
        "test_windows": len(errors),
        **measured,
    }


STUDY = Study(
    name="ablation-longer",
    about="the coursework's three LSTMs at its size with more training: do the gates change places?",
    seeds=6,
    grid=grid,
    run=run,
    data=ablation._fingerprint,
    notes=(
        "Household power as in the study ablation, two layers of 64 units, but every 3rd training window and not every "
        "14th, each read once. The test set is whole. Weights are those of the last step."
    ),
)
STUDIES = (STUDY,)
