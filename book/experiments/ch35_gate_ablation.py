"""Two studies for *Gate ablation*: LSTMs whose gates are held at one, on tasks that need a memory (synthetic).

Run k of every variant starts from the same LSTM of seed k, from which gates are then taken, and reads the same
batches. So differences can be taken seed by seed. The forget gate's bias starts at 1 where there is a forget gate.
``ablation-rates`` chooses a learning rate for each variant and task, ``ablation`` trains at it.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from book.experiments.memory_tasks import ContinualReber, MemoryTask, Sequences, TemporalOrder
from rnncourse.ablation import ablate, learnable_parameters
from rnncourse.initialisation import forget_bias_
from rnncourse.networks import Forecaster
from rnncourse.studies import Scale, Study, StudyError, recorded
from rnncourse.training import set_seed

if TYPE_CHECKING:
    import pandas as pd

VARIANTS = ("full", "no_input", "no_forget", "no_output", "input_only", "forget_only")
"""No gate, one gate and, as in the coursework, two gates held at one."""

CELLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"order": VARIANTS, "reber": ("full", "no_forget", "input_only")}
)
"""What is trained on each task."""

RATES: Mapping[str, tuple[float, ...]] = MappingProxyType({"order": (2e-3, 5e-3, 2e-2), "reber": (5e-3, 2e-2)})
"""Of Adam, by task; the same for every variant."""

UNITS, BATCH = 16, 32
CHECKED = 50  # steps between two looks at the validation part
AGAIN = 2  # looks in a row that a solved task must stay solved
_VALIDATION, _TEST = 2_000_000, 1_000_000  # seeds of the sequences


@dataclass(frozen=True)
class Recipe:
    """How networks learn a memory task; the same for every variant.

    Attributes:
        learned: the task that training draws from.
        validated: the task of the validation part, the same or one with longer sequences.
        tested: the task of the test part, likewise.
        held_out: sequences of the validation part, and of the test part.
        solved: the score from which a task counts as solved.
        steps: gradient steps, each on fresh sequences, of a run that does not solve it.
    """

    learned: MemoryTask
    validated: MemoryTask
    tested: MemoryTask
    held_out: int
    solved: float
    steps: int


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "order": Recipe(TemporalOrder(20), TemporalOrder(20), TemporalOrder(20), 400, 0.99, 800),
        "reber": Recipe(ContinualReber(40), ContinualReber(400), ContinualReber(20_000), 40, 0.99, 800),
    }
)
"""The memory tasks by name."""


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        task: a key of `RECIPES`.
        variant: one of `VARIANTS`.
        lr: Adam's learning rate.
        seed: of the initial weights and of what training reads.
    """

    task: str
    variant: str
    lr: float
    seed: int


def run(config: Config, device: str) -> dict[str, Any]:
    """Train one variant on one task until it is solved or the steps are used up; score the best weights of validation.

    Returns:
        On the test part the ``score``, in the task's unit, and ``cell``, what is `left` of the sequences. Whether the
        task is ``solved``, ``steps`` taken, the validation ``curve``: a score before training and after every `CHECKED`
        steps; ``parameters`` that learn, and the score without memory, ``chance``.
    """
    recipe = RECIPES[config.task]
    net = build(recipe, config.variant, config.seed).to(device)
    validation, test = (
        task.sample(recipe.held_out, np.random.default_rng(seed))
        for task, seed in ((recipe.validated, _VALIDATION), (recipe.tested, _TEST))
    )
    curve, best = train(net, recipe, validation, lr=config.lr, seed=config.seed)
    net.load_state_dict(best)
    return {
        "score": score(net, recipe.tested, test),
        "cell": left(net, test),
        "solved": solved(recipe, curve),
        "steps": CHECKED * (len(curve) - 1),
        "curve": curve,
        "parameters": learnable_parameters(net),
        "chance": recipe.tested.chance,
    }


def build(recipe: Recipe, variant: str, seed: int) -> Forecaster:
    """The untrained network of a seed, with gates taken away."""
    set_seed(seed)
    net = Forecaster(
        "lstm",
        input_size=recipe.learned.input_size,
        hidden_size=UNITS,
        num_layers=1,
        output_size=recipe.learned.output_size,
        read="each",
    )
    assert isinstance(net.rnn, nn.LSTM)
    net.rnn = ablate(forget_bias_(net.rnn), variant)  # type: ignore[assignment]
    return net


def train(
    net: Forecaster, recipe: Recipe, validation: Sequences, *, lr: float, seed: int
) -> tuple[list[float], dict[str, Tensor]]:
    """Adam on fresh sequences; the validation scores, and the weights of the best of them."""
    task, rng = recipe.learned, np.random.default_rng([seed, 1])
    optimiser = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    curve = [score(net, recipe.validated, validation)]
    best = copy.deepcopy(net.state_dict())
    for step in range(1, recipe.steps + 1):
        loss = functional.cross_entropy(*_answers(net, task.sample(BATCH, rng)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if step % CHECKED == 0:
            curve.append(score(net, recipe.validated, validation))
            if curve[-1] > max(curve[:-1]):
                best = copy.deepcopy(net.state_dict())
            if solved(recipe, curve):
                break
    return curve, best


def solved(recipe: Recipe, curve: list[float]) -> bool:
    """Whether the last `AGAIN` looks at the validation part found the task solved."""
    return min(curve[-AGAIN:]) >= recipe.solved


def score(net: Forecaster, task: MemoryTask, sequences: Sequences) -> float:
    """The score of a network in the task's unit."""
    device = next(net.parameters()).device
    with torch.inference_mode():
        outputs = net(torch.from_numpy(sequences.inputs).to(device)).cpu().numpy()
    return task.score(outputs, sequences)


def left(net: Forecaster, sequences: Sequences) -> float:
    """Mean size of a unit's cell state at the end of the sequences."""
    device = next(net.parameters()).device
    with torch.inference_mode():
        _, (_, c) = net.rnn(torch.from_numpy(sequences.inputs).to(device))
    return float(c.abs().mean())


def _answers(net: Forecaster, drawn: Sequences) -> tuple[Tensor, Tensor]:
    """What a network says at the steps that are learned, ``(n, output_size)``, and what it should say, ``(n,)``."""
    device = next(net.parameters()).device
    outputs = net(torch.from_numpy(drawn.inputs).to(device))
    learned = torch.from_numpy(drawn.learned).to(device)
    return outputs[learned], torch.from_numpy(drawn.targets).to(device)[learned]


def rates_grid(scale: Scale, seeds: int) -> list[Config]:
    """Each variant once per task, rate and seed; small, one task at one rate."""
    rates = RATES if scale == "full" else {"order": RATES["order"][-1:]}
    return [
        Config(task, variant, rate, seed)
        for seed in range(seeds)
        for task in rates
        for variant in CELLS[task]
        for rate in rates[task]
    ]


def soonest(frame: "pd.DataFrame") -> dict[tuple[str, str], float]:
    """The rate of each task and variant that solves the task in the fewest steps, in the mean over the seeds.

    Of rates that take as many, the one whose best validation score is best, then the highest.
    """
    chosen = {}
    for (task, variant), rows in frame.groupby(["task", "variant"]):
        best = rows.assign(best=[max(curve) for curve in rows["curve"]])
        means = best.groupby("lr", as_index=False)[["steps", "best"]].mean()
        first = means.sort_values(["steps", "best", "lr"], ascending=[True, False, False])
        chosen[str(task), str(variant)] = float(first["lr"].iloc[0])
    return chosen


def grid(scale: Scale, seeds: int) -> list[Config]:
    """Seed by seed, so that a sweep cut short leaves whole seeds: every variant on its tasks at its rate."""
    if scale == "small":
        return [Config("order", variant, 2e-2, seed) for seed in range(seeds) for variant in VARIANTS[::3]]
    record = recorded("ablation-rates")
    if record.scale != "full":
        raise StudyError("the record of ablation-rates is small: run it with --scale full")
    rates = soonest(record.frame)
    return [Config(task, variant, rate, seed) for seed in range(seeds) for (task, variant), rate in rates.items()]


_NOTES = (
    f"Generated sequences (synthetic), fresh in every step, in batches of {BATCH}; one layer of {UNITS} units; Adam at "
    f"a constant rate, gradients clipped at 1. After every {CHECKED} steps the validation part is scored; a run ends "
    f"when it finds the task solved {AGAIN} times in a row, or after {RECIPES['order'].steps} steps. The weights with "
    "the best validation score are tested."
)

RATES_STUDY = Study(
    name="ablation-rates",
    about="at which learning rate does an LSTM without some of its gates learn a memory task soonest?",
    seeds=1,
    grid=rates_grid,
    run=run,
    notes=_NOTES,
)

ABLATION = Study(
    name="ablation",
    about="LSTMs whose gates are held at one, on memory tasks: which of them solve the task, and at which rate?",
    seeds=5,
    grid=grid,
    run=run,
    notes=f"{_NOTES} The rate of a variant is the one that ablation-rates chooses.",
)

STUDIES = (RATES_STUDY, ABLATION)
