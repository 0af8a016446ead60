"""Recurrence without a chain: five ways to carry the past through one and the same block, at equal parameters.

LSTM and GRU, whose gates look at the last state; minGRU, a linear recurrence, whose gates do not; a delta rule, linear
with a matrix as its state; causal attention, which has no recurrence. Tasks are generated (synthetic): three of the
book's memory tasks, associative recall, and parity. Rates are chosen by mean `validation_loss` over the seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy, mse_loss, normalize, silu

from book.experiments.memory_tasks import Adding, Copy, MemoryTask, Sequences, TemporalOrder
from rnncourse.studies import Study
from rnncourse.training import predict, set_seed

RATES = (1e-2, 3e-3)
PARAMETERS = 8000
PASSES, PATIENCE, STEPS, BATCH = 40, 5, 40, 32
GAIN, SOLVED = 0.05, {"number": 1e-3, "class": 5e-3}
HELD_OUT, TESTED, LONGER, TOGETHER = 250, 1000, 48, 5


# --- The cells: from (batch, time, size) to the same shape


def scan(a: Tensor, b: Tensor) -> Tensor:
    """All states of h_t = a_t h_(t-1) + b_t from h_0 = 0, for (batch, time, unit), in log2(time) rounds.

    Source: Hillis & Steele (1986), Data parallel algorithms.
    """
    back = 1
    while back < a.shape[1]:
        b = torch.cat([b[:, :back], a[:, back:] * b[:, :-back] + b[:, back:]], 1)
        a = torch.cat([a[:, :back], a[:, back:] * a[:, :-back]], 1)
        back *= 2
    return b


class MinGRU(nn.Module):
    """A GRU whose gate and candidate see the input alone: h_t = (1 - most z_t) h_(t-1) + z_t n_t.

    With ``most`` 1 the state is kept by a factor between 0 and 1; with 2, the factor may be negative.

    Source: Feng et al. (2024), Were RNNs all we needed?, section 3.1; the factor: Grazzi et al. (2025).
    """

    def __init__(self, size: int, most: float = 1.0) -> None:
        super().__init__()
        self.gate, self.new = nn.Linear(size, size), nn.Linear(size, size)
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        """All states at once."""
        z = torch.sigmoid(self.gate(x))
        return scan(1 - self.most * z, z * self.new(x))


class DeltaRule(nn.Module):
    """A matrix that learns to answer the key k with the value v: S_t = S_(t-1) + β (v - S_(t-1) k) kᵀ, read by S_t q.

    The whole sequence is one chunk. ``most`` bounds β: 1, or 2 where an eigenvalue may be negative.

    Source: Schlag, Irie & Schmidhuber (2021), section 4.2; the chunk: Yang et al. (2024).
    """

    def __init__(self, size: int, most: float = 1.0) -> None:
        super().__init__()
        self.qkv, self.rate = nn.Linear(size, 3 * size), nn.Linear(size, 1)
        self.out, self.most = nn.Linear(size, size), most

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Queries and keys of length 1, values, and how much of an error is made good."""
        q, k, v = self.qkv(x).chunk(3, -1)
        q, k = normalize(silu(q), dim=-1), normalize(silu(k), dim=-1)
        return q, k, v, self.most * torch.sigmoid(self.rate(x))

    def forward(self, x: Tensor) -> Tensor:
        """What is written at all steps from one triangular system, and what is read from it."""
        q, k, v, beta = self.parts(x)
        seen = beta * (k @ k.mT).tril(-1)
        whole = torch.eye(x.shape[1], dtype=x.dtype, device=x.device) + seen
        written = torch.linalg.solve_triangular(whole, beta * v, upper=False)
        return self.out((q @ k.mT).tril() @ written)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Causal attention with one head.

    Source: Vaswani et al. (2017), section 3.2.1.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        """Each step's mean over all earlier values, weighted by how well their keys fit."""
        q, k, v = self.qkv(x).chunk(3, -1)
        fit = (q @ k.mT) / x.shape[-1] ** 0.5
        later = torch.ones(fit.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        return self.out(fit.masked_fill(later, -torch.inf).softmax(-1) @ v)  # type: ignore[no-any-return]


class Chained(nn.Module):
    """A layer whose step reads the last state, written as a loop, so that several networks can be run side by side.

    Weights start as in torch's layer, which computes the same.
    """

    gates: int

    def __init__(self, size: int) -> None:
        super().__init__()
        self.inputs, self.states = nn.Linear(size, self.gates * size), nn.Linear(size, self.gates * size)

    def forward(self, x: Tensor) -> Tensor:
        """All states, one after the other."""
        h = c = torch.zeros_like(x[:, 0])
        states = []
        for given in self.inputs(x).unbind(1):
            h, c = self.step(given, self.states(h), h, c)
            states.append(h)
        return torch.stack(states, 1)

    def step(self, given: Tensor, looked: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The next state and cell state, from what the gates get of the input and of the last state."""
        raise NotImplementedError


class LSTM(Chained):
    """torch's LSTM; the forget gate has a bias of 1."""

    gates = 4

    def __init__(self, size: int) -> None:
        super().__init__(size)
        with torch.no_grad():
            self.inputs.bias[size : 2 * size] = 1
            self.states.bias[size : 2 * size] = 0

    def step(self, given: Tensor, looked: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Input, forget and output gate, and what is written."""
        i, f, g, o = (given + looked).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class GRU(Chained):
    """torch's GRU."""

    gates = 3

    def step(self, given: Tensor, looked: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Reset and update gate, and the candidate."""
        (r, z, n), (r_h, z_h, n_h) = given.chunk(3, -1), looked.chunk(3, -1)
        new, kept = (n + (r + r_h).sigmoid() * n_h).tanh(), (z + z_h).sigmoid()
        return (1 - kept) * new + kept * h, c


CELLS: Mapping[str, Any] = {
    "lstm": LSTM,
    "gru": GRU,
    "mingru": MinGRU,
    "mingru-signed": lambda size: MinGRU(size, 2.0),
    "delta": DeltaRule,
    "delta-signed": lambda size: DeltaRule(size, 2.0),
    "attention": Attention,
}


# --- The network around them


def places(steps: int, size: int) -> Tensor:
    """Sines and cosines that tell the steps apart, (steps, size).

    Source: Vaswani et al. (2017), section 3.5.
    """
    angles = torch.arange(steps)[:, None] / 10000 ** (torch.arange(0, size, 2) / size)
    return torch.cat([angles.sin(), angles.cos()], 1)[:, :size]


class Block(nn.Module):
    """A cell across time and a small network at every step, each beside a path that leaves its input as it is."""

    def __init__(self, cell: str, size: int, inner: int) -> None:
        super().__init__()
        self.cell = CELLS[cell](size)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(2))
        self.each = nn.Sequential(nn.Linear(size, inner), nn.ReLU(), nn.Linear(inner, size))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, size) to the same shape."""
        x = x + self.cell(self.norms[0](x))
        return x + self.each(self.norms[1](x))  # type: ignore[no-any-return]


class Network(nn.Module):
    """Two blocks between a linear layer that reads a step and one that answers at every step."""

    def __init__(self, cell: str, inputs: int, outputs: int, size: int, inner: int) -> None:
        super().__init__()
        self.read, self.answer = nn.Linear(inputs, size), nn.Linear(size, outputs)
        self.blocks = nn.Sequential(*(Block(cell, size, inner) for _ in range(2)))
        self.norm, self.placed = nn.LayerNorm(size), cell == "attention"

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, inputs) to (batch, time, outputs)."""
        x = self.read(x)
        if self.placed:
            x = x + places(*x.shape[1:]).to(x)
        return self.answer(self.norm(self.blocks(x)))  # type: ignore[no-any-return]


def parameters(net: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(weight.numel() for weight in net.parameters())


def sized(cell: str, task: MemoryTask) -> Network:
    """The network of a cell for a task, with about `PARAMETERS` parameters."""
    return Network(cell, task.input_size, task.output_size, *widths(cell, task.input_size, task.output_size))


@lru_cache
def widths(cell: str, inputs: int, outputs: int) -> tuple[int, int]:
    """The width that comes nearest with twice as much inside the small network, and then the width inside it."""

    def miss(size: int, inner: int) -> int:
        with torch.device("meta"):
            return abs(parameters(Network(cell, inputs, outputs, size, inner)) - PARAMETERS)

    size = min(range(12, 32, 2), key=lambda size: miss(size, 2 * size))
    return size, min(range(size, 3 * size), key=lambda inner: miss(size, inner))


# --- Tasks beside the book's


@dataclass(frozen=True)
class Recall(MemoryTask):
    """Read ``pairs`` of a key and a value, then answer each key, in another order, with its value.

    The keys of a sequence are different; a step is a one-hot key and a one-hot value, or a key alone where it is asked.

    Source: associative retrieval of Ba et al. (2016); every key is asked here.
    """

    pairs: int = 8
    keys: int = 16
    values: int = 8
    input_size = property(lambda self: self.keys + self.values)
    output_size = property(lambda self: self.values)
    chance = property(lambda self: 1 / self.values)

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw ``count`` sequences."""
        keys = rng.permuted(np.tile(np.arange(self.keys), (count, 1)), axis=1)[:, : self.pairs]
        values = rng.integers(self.values, size=(count, self.pairs))
        order = rng.permuted(np.tile(np.arange(self.pairs), (count, 1)), axis=1)
        asked, wanted = (np.take_along_axis(what, order, axis=1) for what in (keys, values))
        told = np.eye(self.values, dtype=np.float32)[values]
        inputs = np.concatenate(
            [np.eye(self.keys, dtype=np.float32)[np.hstack([keys, asked])], np.hstack([told, 0 * told])], axis=2
        )
        questions = np.tile(np.arange(2 * self.pairs) >= self.pairs, (count, 1))
        return Sequences(inputs, np.hstack([0 * wanted, wanted]), questions, questions)


@dataclass(frozen=True)
class Parity(MemoryTask):
    """Say at every step whether the number of ones so far is even or odd; scored at the last step."""

    seq_len: int = 12
    chance = 1 / 2
    input_size, output_size = 2, 2

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw ``count`` sequences."""
        bits = rng.integers(2, size=(count, self.seq_len))
        every = np.ones(bits.shape, dtype=bool)
        last = np.tile(np.arange(self.seq_len) == self.seq_len - 1, (count, 1))
        return Sequences(np.eye(2, dtype=np.float32)[bits], bits.cumsum(axis=1) % 2, every, last)


TASKS: Mapping[str, MemoryTask] = {
    "adding": Adding(16),
    "copy": Copy(4, 3, 3),
    "order": TemporalOrder(20),
    "recall": Recall(4, 6, 4),
    "parity": Parity(12),
}


# --- Training, of several networks side by side

Weights = dict[str, Tensor]
"""Of several networks with one shape, by name; the first axis is the network."""


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over the steps that are asked, or the squared error where the targets are numbers."""
    if targets.is_floating_point():
        return mse_loss(outputs[..., 0], targets)
    return cross_entropy(outputs.flatten(0, 1), targets.flatten())


def drawn(task: MemoryTask, count: int, rngs: list[np.random.Generator]) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs and targets for every network, and the steps that are asked, the same in all sequences of a task."""
    parts = [task.sample(count, rng) for rng in rngs]
    asked = parts[0].learned[0].nonzero()[0]
    inputs, targets = np.stack([part.inputs for part in parts]), np.stack([part.targets for part in parts])
    return torch.from_numpy(inputs), torch.from_numpy(targets[:, :, asked]), torch.from_numpy(asked)


def losses(net: nn.Module, weights: Weights, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The loss of every network on its own sequences."""
    inputs, targets, asked = batch

    def one(own: Weights, x: Tensor, y: Tensor) -> Tensor:
        return loss(functional_call(net, own, (x,))[:, asked], y)

    return vmap(one)(weights, inputs, targets)


class Adam:
    """Adam with clipping at a norm of 1, for networks side by side, each clipped on its own.

    Source: Kingma & Ba (2015), algorithm 1.
    """

    def __init__(self, weights: Weights, lr: float) -> None:
        self.lr, self.steps = lr, 0
        self.first = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self.second = {name: torch.zeros_like(weight) for name, weight in weights.items()}

    @torch.no_grad()
    def step(self, weights: Weights, slopes: Weights) -> None:
        """Change the weights in place."""
        self.steps += 1
        norms = torch.stack([slope.flatten(1).square().sum(1) for slope in slopes.values()]).sum(0).sqrt()
        shorter = (1 / norms).clamp(max=1.0)
        rate = self.lr * (1 - 0.999**self.steps) ** 0.5 / (1 - 0.9**self.steps)
        for name, slope in slopes.items():
            slope = slope * shorter.view(-1, *(1,) * (slope.dim() - 1))
            self.first[name].mul_(0.9).add_(slope, alpha=0.1)
            self.second[name].mul_(0.999).addcmul_(slope, slope, value=0.001)
            weights[name].addcdiv_(self.first[name], self.second[name].sqrt().add_(1e-8), value=-rate)

    def keep(self, which: list[int]) -> None:
        """Go on with some of the networks."""
        for held in (self.first, self.second):
            held.update({name: value[which] for name, value in held.items()})


@dataclass
class Course:
    """How one network has done so far, and its best weights."""

    curve: list[float] = field(default_factory=list)
    learned: list[float] = field(default_factory=list)
    best: float = np.inf
    since: int = 0
    weights: Weights = field(default_factory=dict)

    def judge(self, trained: float, judged: float, weights: Weights) -> None:
        """Take note of a pass."""
        self.learned.append(float(f"{trained:.3g}"))
        self.curve.append(float(f"{judged:.3g}"))
        self.since += 1
        if judged < (1 - GAIN) * self.best:
            self.best, self.since, self.weights = judged, 0, {name: value.clone() for name, value in weights.items()}

    def ended(self, solved: float) -> bool:
        """Whether the task is solved, the loss flat, or the time over."""
        return self.best <= solved or self.since >= PATIENCE or len(self.curve) >= PASSES


@lru_cache(maxsize=1)
def trained(task: str, cell: str, lr: float, seeds: tuple[int, ...]) -> Mapping[int, tuple[Network, Course]]:
    """A network for each seed, trained on its own sequences until it has ended, with its best weights."""
    kind, going = TASKS[task], list(seeds)
    nets = {}
    for seed in seeds:
        set_seed(seed)
        nets[seed] = sized(cell, kind)
    shape = nets[seeds[0]]
    weights = {
        name: each.detach().requires_grad_() for name, each in stack_module_state(list(nets.values()))[0].items()
    }
    courses, adam = {seed: Course() for seed in seeds}, Adam(weights, lr)
    rngs = {seed: np.random.default_rng([0, seed]) for seed in seeds}
    while going:
        total = torch.zeros(len(going))
        for _ in range(STEPS):
            each = losses(shape, weights, drawn(kind, BATCH, [rngs[seed] for seed in going]))
            slopes = torch.autograd.grad(each.sum(), list(weights.values()))
            adam.step(weights, dict(zip(weights, slopes, strict=True)))
            total += each.detach() / STEPS
        with torch.no_grad():
            judged = losses(shape, weights, drawn(kind, HELD_OUT, [np.random.default_rng([1, seed]) for seed in going]))
        for row, seed in enumerate(going):
            own = {name: weight[row].detach() for name, weight in weights.items()}
            courses[seed].judge(total[row].item(), judged[row].item(), own)
        left = [row for row, seed in enumerate(going) if not courses[seed].ended(SOLVED[kind.kind])]
        if len(left) < len(going):
            going = [going[row] for row in left]
            weights = {name: weight[left].detach().requires_grad_() for name, weight in weights.items()}
            adam.keep(left)
    for seed, net in nets.items():
        net.load_state_dict(courses[seed].weights)
    return {seed: (net, courses[seed]) for seed, net in nets.items()}


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        task: a key of `TASKS`.
        cell: a key of `CELLS`.
        lr: Adam's rate.
        seed: of the weights and of the sequences.
    """

    task: str
    cell: str
    lr: float
    seed: int


def grid(scale: str, seeds: int) -> list[Config]:
    """Every cell at every rate on every task, the signed ones on parity alone; small: those."""
    pairs = [("parity", cell, lr) for cell in CELLS for lr in RATES]
    others = [task for task in TASKS if task != "parity"]
    pairs += [(task, cell, lr) for task in others for cell in CELLS if "signed" not in cell for lr in RATES]
    if scale == "small":
        pairs = [("parity", cell, RATES[0]) for cell in ("mingru-signed", "delta-signed")]
    return [Config(task, cell, lr, seed) for task, cell, lr in pairs for seed in range(seeds)]


def run(config: Config, device: str) -> dict[str, Any]:
    """Train one network up to the plateau, side by side with those of other seeds, and score it on new sequences.

    Returns:
        ``score`` in the task's unit and ``reached``, in per cent of the way from chance to a perfect score; for
        parity also ``longer``, the per cent right after `LONGER` steps; the course of training.
    """
    task, first = TASKS[config.task], config.seed // TOGETHER * TOGETHER
    seeds = tuple(range(first, first + TOGETHER))
    net, course = trained(config.task, config.cell, config.lr, seeds)[config.seed]
    test = task.sample(TESTED, np.random.default_rng(2))
    score = task.score(predict(net, test.inputs, device=device), test)
    measured = {"score": score, "reached": 100 * (task.chance - score) / (task.chance - task.best)}
    if isinstance(task, Parity):
        beyond = Parity(LONGER).sample(TESTED, np.random.default_rng(2))
        measured["longer"] = 100 * task.score(predict(net, beyond.inputs, device=device), beyond)
    return {
        **measured,
        "parameters": parameters(net),
        "size": net.norm.normalized_shape[0],
        "passes": len(course.curve),
        "validation_loss": course.best,
        "curve": course.curve,
        "learned": course.learned,
    }


STUDIES = (
    Study(
        name="without-a-chain",
        about="LSTM, GRU, minGRU, a delta rule and attention in one block, at equal parameters, on five memory tasks",
        seeds=5,
        grid=grid,
        run=run,
        notes=(
            f"Generated sequences (synthetic), fresh in every step. Two blocks, {PARAMETERS:,} parameters within one "
            f"per cent. Adam, batches of {BATCH}, passes of {STEPS} steps; the end is a solved task or {PATIENCE} "
            f"passes without a validation loss lower by {GAIN:.0%}, at the latest {PASSES} passes. The "
            "test set of a task is the same for all runs."
        ),
    ),
)
