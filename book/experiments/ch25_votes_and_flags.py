"""Vote and flag: a growing cell where it is right, and where it is wrong, for the same networks. Synthetic.

Every network has the same choices on both tasks: one grid of rates, fresh sequences in every batch, and early stopping
on the loss over fixed sequences of the trained length. Select a rate by its mean ``validation_loss`` over the seeds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from rnncourse.ablation import ablate, learnable_parameters
from rnncourse.gates import trace_gates
from rnncourse.initialisation import forget_bias_
from rnncourse.studies import Study
from rnncourse.training import fit, set_seed

__all__ = ["STUDIES", "Config", "flags", "votes"]

MODELS = ("lstm", "bias-5", "coupled", "held")
RATES = (1e-2, 3e-2)
UNITS, BATCH = 8, 32
TRAINED, TESTED = 40, 400  # steps
EPOCHS, PATIENCE, UPDATES = 24, 8, 40
CLOSE = 10  # a lead below this one is a close call


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        task: ``votes`` or ``flags``.
        model: ``lstm``, torch's; with a forget bias of five at the start (``bias-5``); with i = 1 - f (``coupled``); or
            with the forget gate held at one (``held``).
        lr: Adam's rate.
        seed: of data and initial weights.
    """

    task: str
    model: str
    lr: float
    seed: int


def grid(scale: str, seeds: int) -> list[Config]:
    """Every LSTM on both tasks; the small scale has two of them and one rate."""
    models, rates = (("lstm", "held"), RATES[-1:]) if scale == "small" else (MODELS, RATES)
    return [Config(*one) for one in product(TASKS, models, rates, range(seeds))]


def votes(generator: Generator, batch: int, time: int) -> tuple[Tensor, Tensor]:
    """Votes of plus or minus one, ``(batch, time, 1)``, and whether plus leads after each, ``(batch, time)``."""
    share = 0.4 + 0.2 * torch.rand(batch, 1, 1, generator=generator)
    x = torch.where(torch.rand(batch, time, 1, generator=generator) < share, 1.0, -1.0)
    return x, (x.cumsum(1).squeeze(-1) > 0).float()


def flags(generator: Generator, batch: int, time: int) -> tuple[Tensor, Tensor]:
    """A flag of plus or minus one in one step of ten, beside noise, ``(batch, time, 2)``; whether the last was plus."""
    raised = torch.rand(batch, time, generator=generator) < 0.1
    raised[:, 0] = True
    side = torch.where(torch.rand(batch, time, generator=generator) < 0.5, -1.0, 1.0)
    last = torch.where(raised, torch.arange(time), 0).cummax(1).values
    x = torch.stack([raised * side, torch.randn(batch, time, generator=generator)], dim=-1)
    return x, (side.gather(1, last) > 0).float()


TASKS: Mapping[str, Callable[[Generator, int, int], tuple[Tensor, Tensor]]] = {"votes": votes, "flags": flags}


@dataclass(frozen=True)
class Fresh:
    """Training batches that are drawn anew in every epoch."""

    task: str

    def __len__(self) -> int:
        return UPDATES

    def batches(self, generator: Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        generator = generator or Generator().manual_seed(0)
        for _ in range(UPDATES):
            yield TASKS[self.task](generator, BATCH, TRAINED)


class Answering(nn.Module):
    """A small LSTM and a linear layer that answers at every step, ``(batch, time)``."""

    def __init__(self, model: str, inputs: int) -> None:
        super().__init__()
        lstm = nn.LSTM(inputs, UNITS, batch_first=True)
        variant = {"coupled": "coupled", "held": "no_forget"}.get(model)
        self.rnn = ablate(lstm, variant) if variant else lstm
        if model == "bias-5":
            forget_bias_(lstm, 5.0)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.rnn(x)[0]).squeeze(-1)
        return logits


def run(config: Config, device: str) -> dict[str, Any]:
    """Train on 40 steps, test on the first 40 and on 400 steps of new sequences; always on the CPU.

    Returns:
        In per cent of right answers: ``trained``, in the first 40 steps; ``later``, after step 200; and for votes
        ``close``, after step 300 where the lead is below ten, with ``always``, the share of those in which plus does
        not lead. The mean norm of c at the end, ``cell``; its mean correlation with the step number,
        ``time``; for votes the best unit's correlation with the tally beyond the trained length, ``tally``.
    """
    draw, inputs = TASKS[config.task], 1 if config.task == "votes" else 2
    set_seed(config.seed)
    net = Answering(config.model, inputs)
    history = fit(
        net,
        Fresh(config.task),
        draw(Generator().manual_seed(10_000 + config.seed), 512, TRAINED),
        epochs=EPOCHS,
        patience=PATIENCE,
        lr=config.lr,
        loss=nn.functional.binary_cross_entropy_with_logits,
        clip_norm=1.0,
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    x, y = draw(Generator().manual_seed(1000 + config.seed), 256, TESTED)
    return {
        "parameters": learnable_parameters(net),
        "best_epoch": history.best_epoch,
        "validation_loss": history.best_validation_loss,
        "curve": [float(f"{loss:.3g}") for loss in history.validation_loss],
        **_scores(net, x, y, x[..., 0].cumsum(1).numpy() if config.task == "votes" else None),
    }


def _scores(net: Answering, x: Tensor, y: Tensor, tally: NDArray[np.float32] | None) -> dict[str, float]:
    with torch.no_grad():
        right = ((net(x) > 0) == (y > 0)).numpy()
    found = {"trained": 100 * float(right[:, :TRAINED].mean()), "later": 100 * float(right[:, 200:].mean())}
    if tally is not None:
        close = np.abs(tally[:, 300:]) < CLOSE
        found["close"] = 100 * float(right[:, 300:][close].mean())
        found["always"] = 100 * float((y.numpy()[:, 300:][close] == 0).mean())
    cell = trace_gates(net.rnn, x).cell  # type: ignore[arg-type]
    assert cell is not None
    return found | _cell(cell[0, 0].numpy(), tally)


def _cell(c: NDArray[np.float32], tally: NDArray[np.float32] | None) -> dict[str, float]:
    """What the cell ``(batch, time, unit)`` does over time."""
    norms = np.linalg.norm(c.astype(np.float64), axis=2)
    steps = np.arange(norms.shape[1])
    found = {
        "cell": float(norms[:, -1].mean()),
        "time": float(np.mean([np.corrcoef(norm, steps)[0, 1] for norm in norms])),
    }
    if tally is not None:
        after = tally[:, TRAINED:].ravel()
        units = (c[:, TRAINED:, unit].ravel() for unit in range(c.shape[2]))
        found["tally"] = max(abs(float(np.corrcoef(unit, after)[0, 1])) for unit in units)
    return found


STUDY = Study(
    name="votes-and-flags",
    about="Four LSTMs on a task that needs a growing cell and on one that needs a cell that lets go.",
    seeds=5,
    grid=grid,
    run=run,
    notes="Adam, fresh batches of 32, the gradient clipped at norm 1, the weights of the best epoch by validation "
    "loss; an epoch is 40 updates.",
)


# ---- Controls on the vote: longer sequences, longer training, and a sum with a border


@dataclass(frozen=True)
class ControlConfig:
    """One run on the vote, on the data of the run of the same seed above.

    Attributes:
        model: as above, or ``border``: the forget gate held at one, and each entry of c kept between -1 and 1 by
            cutting off what goes beyond.
        steps: of a training and of a validation sequence.
        epochs: at most.
        lr: Adam's rate.
        seed: of data and initial weights.
    """

    model: str
    steps: int
    epochs: int
    lr: float
    seed: int


@dataclass(frozen=True)
class FreshVotes:
    """Votes that are drawn anew in every epoch."""

    steps: int

    def __len__(self) -> int:
        return UPDATES

    def batches(self, generator: Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        generator = generator or Generator().manual_seed(0)
        for _ in range(UPDATES):
            yield votes(generator, BATCH, self.steps)


class Bordered(Answering):
    """The LSTM whose forget gate is held at one, and whose cell cannot leave -1 to 1; it starts from the same rows."""

    def __init__(self) -> None:
        super().__init__("held", 1)

    def forward(self, x: Tensor) -> Tensor:
        reads = x @ self.rnn.weight_ih_l0.T + self.rnn.bias_ih_l0 + self.rnn.bias_hh_l0  # type: ignore[operator]
        turned = self.rnn.weight_hh_l0.T
        h = c = x.new_zeros(len(x), UNITS)
        states = []
        for read in reads.unbind(1):
            i, _, g, o = (read + h @ turned).chunk(4, dim=1)  # type: ignore[operator]
            c = (c + i.sigmoid() * g.tanh()).clamp(-1, 1)
            h = o.sigmoid() * c.tanh()
            states.append(h)
        logits: Tensor = self.head(torch.stack(states, dim=1)).squeeze(-1)
        return logits


def run_control(config: ControlConfig, device: str) -> dict[str, Any]:
    """Train as above and test on the same sequences.

    Returns:
        ``trained`` and ``close`` as above; ``forget``, the largest of the units' mean forget gates there, of ``lstm``.
    """
    set_seed(config.seed)
    net = Bordered() if config.model == "border" else Answering(config.model, 1)
    history = fit(
        net,
        FreshVotes(config.steps),
        votes(Generator().manual_seed(10_000 + config.seed), 512, config.steps),
        epochs=config.epochs,
        patience=PATIENCE,
        lr=config.lr,
        loss=nn.functional.binary_cross_entropy_with_logits,
        clip_norm=1.0,
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    x, y = votes(Generator().manual_seed(1000 + config.seed), 256, TESTED)
    with torch.no_grad():
        right = ((net(x) > 0) == (y > 0)).numpy()
    close = np.abs(x[:, 300:, 0].numpy().cumsum(1) + x[:, :300, 0].sum(1, keepdim=True).numpy()) < CLOSE
    found = {
        "parameters": learnable_parameters(net),
        "best_epoch": history.best_epoch,
        "validation_loss": history.best_validation_loss,
        "curve": [float(f"{loss:.3g}") for loss in history.validation_loss],
        "trained": 100 * float(right[:, :TRAINED].mean()),
        "close": 100 * float(right[:, 300:][close].mean()),
    }
    if config.model == "lstm":
        found["forget"] = float(trace_gates(net.rnn, x)["forget"][0, 0].mean(dim=(0, 1)).max())  # type: ignore[arg-type]
    return found


def control_grid(scale: str, seeds: int) -> list[ControlConfig]:
    """A default LSTM on 160 steps and the sum with a border, at the higher rate; a single epoch at the small scale."""
    epochs = EPOCHS if scale == "full" else 1
    networks = [("border", TRAINED), ("lstm", 4 * TRAINED)]
    return [ControlConfig(*one, epochs, RATES[-1], seed) for one in networks for seed in range(seeds)]


CONTROLS = Study(
    name="vote-controls",
    about="A default LSTM trained on longer votes, and a cell that forgets nothing and cannot grow.",
    seeds=5,
    grid=control_grid,
    run=run_control,
    notes=STUDY.notes,
)


def longer_grid(scale: str, seeds: int) -> list[ControlConfig]:
    """Every LSTM on the vote at the higher rate, for four times as many epochs; a single one at the small scale."""
    models, epochs = (MODELS, 4 * EPOCHS) if scale == "full" else (MODELS[:1], 1)
    return [ControlConfig(model, TRAINED, epochs, RATES[-1], seed) for model in models for seed in range(seeds)]


LONGER = replace(
    CONTROLS,
    name="votes-longer",
    about="Does the lead of a cell that grows on the vote last through four times as many epochs?",
    grid=longer_grid,
)
STUDIES = (STUDY, CONTROLS, LONGER)
