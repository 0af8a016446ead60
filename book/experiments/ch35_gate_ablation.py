"""Two studies for *Gate ablation*: LSTMs with a part taken away, on household power and on tasks that need a memory.

Run k of every variant starts from the same LSTM of seed k, from which the part is then taken, and reads the same
batches. So differences can be taken seed by seed. The forget gate's bias starts at 1 where there is a forget gate.
``ablation`` has every variant on every task; ``ablation-longer`` trains the coursework's three on more of the power.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from book.experiments.memory_tasks import Adding, ContinualReber, Copy, MemoryTask, Sequences, TemporalOrder
from rnncourse import training
from rnncourse.ablation import VARIANTS, ablate, learnable_parameters
from rnncourse.baselines import Baseline, LinearAutoregression, Persistence
from rnncourse.data import (
    Series,
    Split,
    chronological,
    fill_short_gaps,
    load_power,
    synthetic_power,
)
from rnncourse.initialisation import forget_bias_
from rnncourse.networks import Forecaster
from rnncourse.studies import Scale, Study
from rnncourse.training import Diverged, fit, predict, set_seed

Floats = NDArray[np.float64]
Batch = tuple[Tensor, Tensor]
Source = Literal["household", "synthetic"]

COURSEWORK = ("full", "forget_only", "input_only")
"""The three versions of the coursework's question."""

GAP = 5  # minutes: longest gap that is filled, with the value before it
WINDOW = 60  # minutes that a forecast sees
DAYS = 10  # of the synthetic house
_TEST_SEED = 1_000_000
_IGNORED = -100  # what torch's cross-entropy leaves out


@dataclass(frozen=True)
class Recipe:
    """How networks learn a memory task; the same for every variant.

    Attributes:
        learned: the task that training draws from.
        tested: the task that the score is taken on, the same or one with longer sequences.
        test_sequences: how many.
        steps: gradient steps, each on fresh sequences.
        lr: Adam's rate over the first three quarters of them; then it falls to zero.
        batch_size: sequences per step.
        hidden_size: units of the one recurrent layer.
    """

    learned: MemoryTask
    tested: MemoryTask
    test_sequences: int
    steps: int
    lr: float
    batch_size: int = 32
    hidden_size: int = 32


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "adding": Recipe(Adding(20), Adding(20), 1000, steps=800, lr=0.01),
        "copy": Recipe(Copy(4, 3, 10), Copy(4, 3, 10), 1000, steps=700, lr=0.01),
        "temporal order": Recipe(TemporalOrder(30), TemporalOrder(30), 1000, steps=500, lr=0.005),
        "continual Reber": Recipe(ContinualReber(50), ContinualReber(500), 200, steps=300, lr=0.01),
    }
)
"""The memory tasks by name. Steps and rates were chosen on the full LSTM alone, with seeds the study does not use."""


@dataclass(frozen=True)
class PowerRecipe:
    """How networks learn to forecast power; the same for every variant.

    Attributes:
        hidden_size: units per layer.
        num_layers: recurrent layers.
        stride: every which training window is read; each is read once.
        batch_size: windows per step.
        lr: Adam's rate over the first three quarters of the steps; then it falls to zero.
    """

    hidden_size: int
    num_layers: int
    stride: int
    batch_size: int
    lr: float = 0.005


POWER: Mapping[str, PowerRecipe] = MappingProxyType(
    {
        "power": PowerRecipe(hidden_size=32, num_layers=1, stride=5, batch_size=128),
        "power, two layers of 64": PowerRecipe(hidden_size=64, num_layers=2, stride=14, batch_size=64),
    }
)
"""Household power, one minute ahead: a small network for all variants, and the coursework's size for its own three."""

_BASELINES: Mapping[str, Baseline] = MappingProxyType({"persistence": Persistence(), "ar": LinearAutoregression()})


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        task: a key of `RECIPES` or of `POWER`.
        variant: a key of `rnncourse.ablation.VARIANTS`; for power also ``persistence`` or ``ar``.
        seed: of the initial weights and of what training reads.
        source: ``household`` or ``synthetic``: which power, where it is power.
    """

    task: str
    variant: str
    seed: int
    source: Source = "household"


def grid(scale: Scale, seeds: int) -> list[Config]:
    """Seed by seed, so that a sweep cut short leaves whole seeds.

    Full: every variant on every memory task and on power, the coursework's three also at its size, two baselines.
    Small: the coursework's three on temporal order, the baselines on synthetic power.
    """
    full = scale == "full"
    source: Source = "household" if full else "synthetic"
    cells = [(task, variant) for task in RECIPES for variant in VARIANTS]
    cells += [("power", variant) for variant in VARIANTS]
    cells += [("power, two layers of 64", variant) for variant in COURSEWORK]
    if not full:
        cells = [("temporal order", variant) for variant in COURSEWORK]
    still = [Config("power", name, 0, source) for name in _BASELINES]
    return still + [Config(task, variant, seed, source) for seed in range(seeds) for task, variant in cells]


def run(config: Config, device: str) -> dict[str, Any]:
    """Train and score one variant on one task.

    Returns:
        ``score`` in the task's unit, for power the test MSE in squared standard deviations, and for power ``mae``;
        ``chance``, the score without memory, for power that of the mean of training; ``parameters`` that learn, the
        head's included, and ``parameters_of_full``; whether training ``diverged``; ``losses`` of training, ten
        means over equal stretches of it for a memory task.
    """
    return _on_task(config, device) if config.task in RECIPES else _on_power(config, device)


def _on_task(config: Config, device: str) -> dict[str, Any]:
    recipe = RECIPES[config.task]
    test = recipe.tested.sample(recipe.test_sequences, np.random.default_rng(_TEST_SEED))
    net, measured = train_on(recipe, config.variant, config.seed, device=device)
    outputs = predict(net, test.inputs, batch_size=250, device=device)
    return {
        "score": recipe.tested.score(outputs, test),
        "chance": recipe.tested.chance,
        "best": recipe.tested.best,
        **measured,
    }


def train_on(recipe: Recipe, variant: str, seed: int, *, device: str = "cpu") -> tuple[Forecaster, dict[str, Any]]:
    """Train a variant on a memory task."""
    set_seed(seed)
    net = Forecaster(
        "lstm",
        input_size=recipe.learned.input_size,
        hidden_size=recipe.hidden_size,
        num_layers=1,
        output_size=recipe.learned.output_size,
        read="each",
    )
    fresh = Fresh(recipe.learned, seed, recipe.steps // 10, recipe.batch_size)
    return net, _train(net, variant, fresh, _LOSSES[recipe.learned.kind], recipe.lr, 10, seed, device)


@dataclass(frozen=True, eq=False)
class Fresh:
    """Batches of a memory task, drawn anew in every epoch.

    Attributes:
        task: what to draw from.
        seed: of the sequences.
        steps: batches in an epoch.
        batch_size: sequences per batch.
    """

    task: MemoryTask
    seed: int
    steps: int
    batch_size: int

    def __len__(self) -> int:
        return self.steps

    def batches(self, generator: torch.Generator | None) -> Iterator[Batch]:
        """The batches of one epoch."""
        epoch = 0 if generator is None else int(torch.randint(2**31, (), generator=generator))
        drawn = self.task.sample(self.steps * self.batch_size, np.random.default_rng([self.seed, epoch]))
        inputs, targets = torch.from_numpy(drawn.inputs), torch.from_numpy(_masked(drawn))
        yield from zip(torch.split(inputs, self.batch_size), torch.split(targets, self.batch_size), strict=True)


def _masked(sequences: Sequences) -> NDArray[Any]:
    nothing = np.nan if sequences.targets.dtype.kind == "f" else _IGNORED
    return np.where(sequences.learned, sequences.targets, np.asarray(nothing, sequences.targets.dtype))


def _squared(outputs: Tensor, targets: Tensor) -> Tensor:
    said, wanted = outputs.flatten(), targets.flatten()
    asked = ~wanted.isnan()
    return functional.mse_loss(said[asked], wanted[asked])


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED)


_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"number": _squared, "class": _cross_entropy}
)


@lru_cache(maxsize=1)
def _series(source: Source) -> Series:
    minutes = load_power() if source == "household" else synthetic_power(days=DAYS)
    return fill_short_gaps(minutes, limit=GAP)


@lru_cache(maxsize=1)
def _split(source: Source) -> Split:
    return chronological(_series(source), window=WINDOW)


def _on_power(config: Config, device: str) -> dict[str, Any]:
    split = _split(config.source)
    if config.variant in _BASELINES:
        fitted = _BASELINES[config.variant].fit(split.train)
        prediction, measured = fitted.predict(split.test), {"parameters": fitted.parameters}
    else:
        prediction, measured = _forecast(config, split, device)
    errors = prediction - split.test.targets
    return {
        "score": float(np.mean(errors**2)),
        "mae": float(np.mean(np.abs(errors))),
        "chance": float(np.mean(split.test.targets**2)),  # the mean of training is 0
        "best": 0.0,
        "test_windows": len(errors),
        **measured,
    }


def _forecast(config: Config, split: Split, device: str) -> tuple[Floats, dict[str, Any]]:
    recipe = POWER[config.task]
    train = split.train[:: recipe.stride]
    whole = len(train) // recipe.batch_size * recipe.batch_size
    batches = training.ArrayBatches(train[:whole].inputs, train[:whole].targets, recipe.batch_size)
    set_seed(config.seed)
    net = Forecaster("lstm", hidden_size=recipe.hidden_size, num_layers=recipe.num_layers)
    loss = functional.mse_loss
    measured = _train(net, config.variant, batches, loss, recipe.lr, 1, config.seed, device)
    prediction = predict(net, split.test.every[split.test.starts], device=device).astype(np.float64)
    return prediction, {"train_windows": whole, **measured}


def _train(
    net: Forecaster,
    variant: str,
    batches: training.Batches,
    loss: Callable[[Tensor, Tensor], Tensor],
    lr: float,
    epochs: int,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Take the part away and train what is left, in place; what `run` says of training."""
    whole = learnable_parameters(net)
    assert isinstance(net.rnn, nn.LSTM)
    net.rnn = ablate(forget_bias_(net.rnn), variant)  # type: ignore[assignment]
    optimiser = _hold_then_fall(lr, epochs * len(batches))
    diverged, losses = False, []
    try:
        fitted = fit(
            net,
            batches,
            epochs=epochs,
            loss=loss,
            clip_norm=1.0,
            optimiser=optimiser,
            seed=seed,
            device=device,
            progress=False,
        )
        losses = fitted.train_loss
    except Diverged as failure:  # the last finite weights are back, and are scored
        diverged, losses = True, failure.history.train_loss
    return {
        "parameters": learnable_parameters(net),
        "parameters_of_full": whole,
        "diverged": diverged,
        "losses": losses,
    }


def _hold_then_fall(lr: float, steps: int) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
    """Adam at one rate for three quarters of the steps, then falling to zero in a straight line.

    On these tasks a network does no better than chance for a long while and then learns quickly. A rate that falls
    from the start would be spent before that.
    """

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimiser = torch.optim.Adam(parameters, lr=lr)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, 4 * (1 - step / steps)))
        optimiser.register_step_post_hook(lambda *_: schedule.step())
        return optimiser

    return make


def _fingerprint(scale: Scale) -> str:
    return _series("household" if scale == "full" else "synthetic").fingerprint


@dataclass(frozen=True)
class LongerConfig:
    """One run_longer.

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


def longer_grid(scale: Scale, seeds: int) -> list[LongerConfig]:
    """Seed by seed: the coursework's three on every third window; small, on every fortieth of the synthetic house."""
    stride = 3 if scale == "full" else 40
    source: Source = "household" if scale == "full" else "synthetic"
    return [LongerConfig(variant, stride, seed, source) for seed in range(seeds) for variant in COURSEWORK]


def run_longer(config: LongerConfig, device: str) -> dict[str, Any]:
    """Train and score one of the coursework's three at its size, on as much of the training part as asked for.

    Returns:
        Test MSE and ``mae`` in standard deviations, and what `book.experiments.ch35_run` says of training.
    """
    split, recipe = _split(config.source), POWER["power, two layers of 64"]
    train = split.train[:: config.stride]
    batches = training.ArrayBatches(train.inputs, train.targets, recipe.batch_size)
    set_seed(config.seed)
    net = Forecaster("lstm", hidden_size=recipe.hidden_size, num_layers=recipe.num_layers)
    measured = _train(net, config.variant, batches, functional.mse_loss, recipe.lr, 1, config.seed, device)
    errors = predict(net, split.test.every[split.test.starts], device=device).astype(np.float64) - split.test.targets
    return {
        "score": float(np.mean(errors**2)),
        "mae": float(np.mean(np.abs(errors))),
        "train_windows": len(train),
        "test_windows": len(errors),
        **measured,
    }


ABLATION = Study(
    name="ablation",
    about="LSTMs with a part taken away, on household power and on four memory tasks",
    seeds=10,
    grid=grid,
    run=run,
    data=_fingerprint,
    notes=(
        "Memory tasks are generated (synthetic), one layer of 32 units, one learning rate and length of training for "
        "all variants of a task, chosen on the full LSTM with other seeds. Power: one minute ahead from 60; gaps of up "
        f"to {GAP} minutes repeat the value before them. Training is thinned: every 5th window once (one layer of 32), "
        "every 14th window once (two layers of 64); the test set is whole. Weights are those of the last step. "
        "Analysis fixed before the runs: within a task each variant against full, paired by seed; exact sign-flip test "
        "of the mean difference, Holm's correction over the variants of the task, 5 %; Cliff's delta as effect size."
    ),
)


LONGER = Study(
    name="ablation-longer",
    about="the coursework's three LSTMs at its size with more training: do the gates change places?",
    seeds=6,
    grid=longer_grid,
    run=run_longer,
    data=_fingerprint,
    notes=(
        "Household power as in the study ablation, two layers of 64 units, but every 3rd training window and not every "
        "14th, each read once. The test set is whole. Weights are those of the last step."
    ),
)

STUDIES = (ABLATION, LONGER)
