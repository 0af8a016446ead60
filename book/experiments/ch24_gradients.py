"""Three studies for *Vanishing and exploding gradients*.

``erased-evidence`` asks what a network remembers of steps that its gradient hardly reaches, ``resting-points`` how.
``clipping-and-truncation`` trains on long streams with and without either.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from rnncourse.fixed_points import fixed_points
from rnncourse.gates import trace_gates
from rnncourse.gradients import gradient_flow
from rnncourse.initialisation import chrono_
from rnncourse.studies import Scale, Study

# ---- What a network remembers of steps that its gradient hardly reaches

SHOWN, SHIFT = 100, 0.2  # steps with evidence, and how far the class shifts the mean of each
WAITS = (0, 50, 100, 200, 400)  # steps of noise behind them
LEARNED = 200  # steps of a training sequence, all with evidence
SCORED, REACHED = 1_000, 64  # sequences for a score, and for a gradient


@dataclass(frozen=True, kw_only=True)
class EvidenceConfig:
    """One network.

    Attributes:
        cell: ``rnn``, ``gru``, ``lstm``, or ``chrono``, an LSTM that starts with forget gates near one.
        updates: steps of training; 0 leaves the network untrained.
        seed: of the initial weights and of every sequence.
    """

    cell: str
    updates: int
    seed: int


def evidence(
    count: int, generator: torch.Generator, *, shown: int = LEARNED, steps: int = LEARNED
) -> tuple[Tensor, Tensor]:
    """Noise ``(count, steps, 2)`` whose first feature is shifted by the class in the steps shown; and the classes."""
    label = torch.randint(2, (count,), generator=generator).float()
    x = torch.randn(count, steps, 2, generator=generator)
    x[:, :shown, 0] += SHIFT * (2 * label - 1)[:, None]
    return x, label


def _small_network(config: EvidenceConfig) -> tuple[nn.RNN | nn.GRU | nn.LSTM, nn.Linear]:
    torch.manual_seed(config.seed)
    if config.cell == "rnn":
        layer: nn.RNN | nn.GRU | nn.LSTM = nn.RNN(2, 16, batch_first=True)
    elif config.cell == "gru":
        layer = nn.GRU(2, 16, batch_first=True)
    else:
        layer = nn.LSTM(2, 16, batch_first=True)
        if config.cell == "chrono":
            chrono_(layer, t_max=LEARNED, seed=config.seed)
    return layer, nn.Linear(16, 1)


def _learn(layer: nn.Module, head: nn.Module, generator: torch.Generator, updates: int) -> list[float]:
    """Train on fresh sequences; mean losses over tenths of the training."""
    weights = [*layer.parameters(), *head.parameters()]
    optimiser, losses = torch.optim.Adam(weights, lr=5e-3), []
    for _ in range(updates):
        x, label = evidence(32, generator)
        loss = functional.binary_cross_entropy_with_logits(head(layer(x)[0][:, -1])[:, 0], label)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        losses.append(loss.item())
    return [float(part.mean()) for part in np.array_split(losses, 10)] if losses else []


def run_evidence(config: EvidenceConfig, device: str) -> dict[str, Any]:
    """Train one network on evidence at every step, and ask what it knows of the first hundred steps later on.

    Returns:
        ``accuracy`` with evidence at all 200 steps, and ``no_evidence`` with evidence at none; ``losses`` of training.
        For each of `WAITS`, after evidence at steps 1 to 100 and so many steps of noise: ``erased``, the accuracy;
        ``probe``, that of a logistic regression fitted to the last states; ``changed``, the share of answers that are
        another when the evidence is mirrored and the noise kept; ``saturated``, the share of the entries of h beyond
        0.9; ``decades``, log10 of the gradient at h of step 100 relative to the last one's; and of an LSTM
        ``cell_decades``, the same at c, and ``product``, log10 of the product of the forget gates on the way, mean over
        sequences and units.
    """
    layer, head = _small_network(config)
    generator = torch.Generator().manual_seed(config.seed)
    losses = _learn(layer, head, generator, config.updates)
    found: dict[str, Any] = {"losses": losses}
    for name, shown in (("accuracy", LEARNED), ("no_evidence", 0)):
        x, label = evidence(2 * SCORED, generator, shown=shown)
        found[name] = float((_answers(layer, head, x)[0] == label).float().mean())
    for wait in WAITS:
        for name, value in _after(layer, head, wait, generator).items():
            found.setdefault(name, []).append(value)
    return found


@torch.no_grad()
def _answers(layer: nn.Module, head: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What a network says of sequences, 0 or 1, and its last states."""
    states = layer(x)[0][:, -1]
    return (head(states)[:, 0] > 0).float(), states


def _after(
    layer: nn.RNN | nn.GRU | nn.LSTM, head: nn.Linear, wait: int, generator: torch.Generator
) -> dict[str, float]:
    """What is left of the evidence after so many steps of noise."""
    x, label = evidence(2 * SCORED, generator, shown=SHOWN, steps=SHOWN + wait)
    said, states = _answers(layer, head, x)
    probe = LogisticRegression().fit(states[:SCORED].numpy(), label[:SCORED].numpy())
    mirrored = x.clone()
    mirrored[:, :SHOWN, 0] -= 2 * SHIFT * (2 * label - 1)[:, None]
    double, wanted = copy.deepcopy(head).double(), label[:REACHED].double()

    def loss(output: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(double(output[:, -1])[:, 0], wanted)

    flow = gradient_flow(layer, x[:REACHED], loss)
    found = {
        "erased": float((said == label).float().mean()),
        "probe": float(probe.score(states[SCORED:].numpy(), label[SCORED:].numpy())),
        "changed": float((said != _answers(layer, head, mirrored)[0]).float().mean()),
        "saturated": float((states.abs() > 0.9).float().mean()),
        "decades": float(flow.log10_dh[SHOWN - 1] - flow.log10_dh[-1]),
    }
    if isinstance(layer, nn.LSTM) and flow.log10_dc is not None:
        gates = trace_gates(layer, x[:REACHED])["forget"][0, 0, :, SHOWN:].double()
        found["product"] = float(gates.log10().sum(dim=1).mean())
        found["cell_decades"] = float(flow.log10_dc[SHOWN - 1] - flow.log10_dc[-1])
    return found


def evidence_grid(scale: Scale, seeds: int) -> list[EvidenceConfig]:
    """Every cell untrained, after sixty updates and after five times as many; not these at the small scale."""
    lengths = (0, 60, 300) if scale == "full" else (0, 60)
    return [
        EvidenceConfig(cell=cell, updates=updates, seed=seed)
        for updates in lengths
        for seed in range(seeds)
        for cell in ("rnn", "gru", "lstm", "chrono")
    ]


ERASED_EVIDENCE = Study(
    name="erased-evidence",
    about="what does a network remember of steps that its gradient hardly reaches?",
    seeds=5,
    grid=evidence_grid,
    run=run_evidence,
    notes="Generated sequences. Sixteen units, Adam at 0.005, 32 sequences an update, gradients clipped to norm one.",
)


# ---- Where such a network rests, and how noise moves its state from one resting point to another

SILENT, STARTS = 300, 64  # steps of zeros after which a state rests, and states from which the search starts


@torch.no_grad()
def run_resting(config: EvidenceConfig, device: str) -> dict[str, Any]:
    """Search where a plain RNN of ``erased-evidence`` rests on zeros, and follow its states through noise.

    Returns:
        ``stable`` and ``unstable``, the number of fixed points under an input of zeros, and ``factors``, the largest
        modulus of an eigenvalue at each of the stable ones; ``split``, 1.0 where the head says different things at two
        of these. Over sequences with evidence at steps 1 to 100 and noise at steps 101 to 200: ``right``, the accuracy
        after each of the two; ``agree``, the share of states after the noise whose answer is that of the point at which
        they come to rest on zeros; ``moved``, the share whose answers after the two differ; ``rest``, the largest
        distance of a state from the nearest stable point after so many zeros.
    """
    layer, head = _small_network(config)
    generator = torch.Generator().manual_seed(config.seed)
    with torch.enable_grad():
        _learn(layer, head, generator, config.updates)
    points = fixed_points(layer, torch.zeros(2), starts=STARTS)
    stable = points.fixed & points.stable
    said = head(points.hidden[stable, 0].float())[:, 0] > 0
    x, label = evidence(2 * SCORED, generator, shown=SHOWN)
    first, state = layer(x[:, :SHOWN])
    last, state = layer(x[:, SHOWN:], state)
    resting = layer(torch.zeros(2 * SCORED, SILENT, 2), state)[1][0]
    answers = [head(states)[:, 0] > 0 for states in (first[:, -1], last[:, -1], resting)]
    distance = torch.cdist(resting.double(), points.hidden[stable, 0])
    return {
        "stable": int(stable.sum()),
        "unstable": int((points.fixed & ~points.stable).sum()),
        "factors": [round(float(one.abs().max()), 4) for one in points.eigenvalues[stable]],
        "split": float(said.any() and not said.all()),
        "right": [float((answer == (label > 0)).float().mean()) for answer in answers[:2]],
        "agree": float((answers[1] == answers[2]).float().mean()),
        "moved": float((answers[0] != answers[1]).float().mean()),
        "rest": float(distance.amin(dim=1).max()) if len(said) else None,
    }


def resting_grid(scale: Scale, seeds: int) -> list[EvidenceConfig]:
    """Plain RNNs, untrained and after sixty updates, at both scales."""
    return [EvidenceConfig(cell="rnn", updates=updates, seed=seed) for updates in (0, 60) for seed in range(seeds)]


RESTING_POINTS = Study(
    name="resting-points",
    about="where does a plain RNN rest that remembers steps which its gradient hardly reaches?",
    seeds=5,
    grid=resting_grid,
    run=run_resting,
    notes="Generated sequences. The plain RNNs of erased-evidence, with zeros as the constant input.",
)


# ---- Training on long streams, with and without clipping, and with the way back cut

STREAM, PERIOD, GAP = 200, 20, 10  # steps; steps for each question; steps from a bit to the question for it
UPDATES, STREAMS, HIDDEN = 300, 16, 32
STREAM_RATES: Mapping[str, tuple[float, ...]] = MappingProxyType({"sgd": (0.03, 0.1, 0.3), "adam": (1e-3, 3e-3, 1e-2)})
ARMS = ((None, STREAM), (1.0, STREAM), (1.0, 20), (1.0, 5))  # largest norm, and steps of the way back


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """One training of a plain RNN.

    Attributes:
        clip: largest norm of a gradient; None leaves it as it is.
        back: steps of a piece that gradients do not leave; states do.
        optimiser: ``sgd``, with momentum 0.9, or ``adam``.
        lr: its constant rate.
        seed: of the initial weights and of every stream.
        updates: steps of training.
    """

    clip: float | None
    back: int
    optimiser: str
    lr: float
    seed: int
    updates: int


def streams(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Streams ``(count, time, 3)`` of a bit, a mark and a question; when the questions come; and the answers.

    A bit stands at every step, 1 or -1. In each period one is marked, and ten steps later it is asked for.
    """
    phase = torch.randint(PERIOD, (count, 1), generator=generator)  # so that pieces cut some questions from their bits
    each = phase + PERIOD * torch.arange(STREAM // PERIOD - 1)
    marked = each + torch.randint(PERIOD - GAP, each.shape, generator=generator)
    x = torch.zeros(count, STREAM, 3)
    x[..., 0] = 2.0 * torch.randint(2, (count, STREAM), generator=generator) - 1
    x[..., 1].scatter_(1, marked, 1.0)
    x[..., 2].scatter_(1, marked + GAP, 1.0)
    return x, marked + GAP, (x[..., 0].gather(1, marked) > 0).float()


def truncated(layer: nn.Module, x: Tensor, back: int) -> Tensor:
    """States of a stream that is read in pieces: a piece starts from the last one's state, cut off from its past."""
    state, outputs = None, []
    for piece in x.split(back, dim=1):  # type: ignore[no-untyped-call]
        output, state = layer(piece, state)
        state = state.detach()
        outputs.append(output)
    return torch.cat(outputs, dim=1)


def run_stream(config: StreamConfig, device: str) -> dict[str, Any]:
    """Train one network: one update for a batch of whole streams, however they are cut.

    Returns:
        ``accuracy`` on fresh streams, 0 to 1; by ``updates`` / 20 updates each, ``losses`` and ``right``, the mean loss
        and share of right answers, and ``largest``, the largest norm of the gradient before clipping; ``median_norm``
        of all updates; ``seen``, the share of questions whose bit stands in the same piece.
    """
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    layer, head = nn.RNN(3, HIDDEN, batch_first=True), nn.Linear(HIDDEN, 1)
    weights = [*layer.parameters(), *head.parameters()]
    sgd = config.optimiser == "sgd"
    optimiser = torch.optim.SGD(weights, config.lr, momentum=0.9) if sgd else torch.optim.Adam(weights, config.lr)
    rows = []
    for _ in range(config.updates):
        loss, right, _ = _asked(layer, head, config.back, STREAMS, generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(weights, torch.inf if config.clip is None else config.clip)
        optimiser.step()
        rows.append((loss.item(), right, norm.item()))
    losses, shares, norms = (np.array_split(column, 20) for column in zip(*rows, strict=True))
    with torch.no_grad():
        _, accuracy, seen = _asked(layer, head, config.back, 200, generator)
    return {
        "accuracy": accuracy,
        "losses": [round(part.mean(), 4) for part in losses],
        "right": [round(part.mean(), 4) for part in shares],
        "largest": [round(part.max(), 4) for part in norms],
        "median_norm": float(np.median(np.concatenate(norms))),
        "seen": seen,
    }


def _asked(
    layer: nn.Module, head: nn.Module, back: int, count: int, generator: torch.Generator
) -> tuple[Tensor, float, float]:
    """Mean loss over the questions, share of right answers, and share of questions that see their bit."""
    x, asked, wanted = streams(count, generator)
    logits = head(truncated(layer, x, back))[..., 0].gather(1, asked)
    seen = asked // back == (asked - GAP) // back
    right = (logits > 0) == (wanted > 0)
    return (
        functional.binary_cross_entropy_with_logits(logits, wanted),
        float(right.float().mean()),
        float(seen.float().mean()),
    )


def stream_grid(
    scale: Scale, seeds: int, *, arms: Sequence[tuple[float | None, int]] = ARMS, updates: int = UPDATES
) -> list[StreamConfig]:
    """Every way to train at every rate, seed by seed; few updates at the lowest rate at the small scale."""
    full = scale == "full"
    return [
        StreamConfig(clip=clip, back=back, optimiser=name, lr=lr, seed=seed, updates=updates if full else 20)
        for name, rates in STREAM_RATES.items()
        for seed in range(seeds)
        for lr in (rates if full else rates[:1])
        for clip, back in arms
    ]


CLIPPING = Study(
    name="clipping-and-truncation",
    about="what do clipping and a shortened way back do to training on long streams?",
    seeds=5,
    grid=stream_grid,
    run=run_stream,
    notes=(
        "Generated streams of 200 steps with nine questions, each for a bit ten steps back. A plain RNN of 32 units, "
        "300 updates on 16 fresh streams; the same rates, updates and streams for every way to train."
    ),
)

CLIPPING_LONGER = replace(
    CLIPPING,
    name="clipping-longer",
    about="which trainings on long streams succeed only with clipping, and which only without?",
    grid=partial(stream_grid, arms=ARMS[:2], updates=4 * UPDATES),
    notes=CLIPPING.notes.replace("300 updates", "1,200 updates"),
)

STUDIES = (ERASED_EVIDENCE, RESTING_POINTS, CLIPPING, CLIPPING_LONGER)
