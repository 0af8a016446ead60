"""Jumps of the household's load, and what gates do around them: the instrument of *Gates at work*.

The study ``next-minute`` reads with it. Fixed before any full run was looked at:

* Events are found, not picked. A jump is a change from one minute to the next beyond the 99 % quantile of the changes
  in the training part, in a stretch of the test part that held none for twenty minutes before.
* Each jump has a control: a stretch without any jump, at the same hour of the day, with the load before it closest to
  the load before the jump.
* A network reads stretches as long as its training windows, from a zero state; the jump stands at step 40 of 60.
* The answer of a gate is its value at the jump minus its mean over the five minutes before, averaged over units, jump
  minus control. Upward and downward jumps are kept apart.
* How far a gate stands open is measured on ordinary windows of the test part that do not overlap, after a warm-up of
  twenty steps. The same networks before training are the control for what training did.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncourse.data import Split
from rnncourse.gates import GateTrace, trace_gates
from rnncourse.networks import Forecaster
from rnncourse.studies import Study

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
WINDOW = 60
BEFORE, AFTER = 20, 20  # minutes shown on either side of a jump
AT = WINDOW - 1 - AFTER  # step of a stretch at which the jump is read
RECENT = 5  # minutes that a gate's answer is measured against
GATES: Mapping[str, tuple[str, ...]] = {"lstm": ("input", "forget", "output"), "gru": ("reset", "update")}


class Events(NamedTuple):
    """Jumps of one direction: the row at which each new load is read, and that of a matching minute without a jump."""

    rows: Rows
    controls: Rows


def threshold(split: Split, quantile: float = 0.99) -> float:
    """Smallest change between neighbouring minutes that counts as a jump: a quantile of those in the training part."""
    seen = split.train.series.values[: split.train_rows, 0]
    return float(np.nanquantile(np.abs(np.diff(seen)), quantile))


def find_events(split: Split, limit: float) -> dict[str, Events]:
    """Jumps of the test part after twenty quiet minutes, ``up`` and ``down``, with their controls.

    Args:
        split: a forecasting task of one feature, its windows at least `WINDOW` long.
        limit: smallest change that counts, from `threshold`.

    Raises:
        ValueError: a direction has no jump, or an hour with a jump has no stretch without one.
    """
    series = split.test.series
    values = series.values[:, 0]
    change = np.diff(values, prepend=np.nan)
    jump = np.abs(change) > limit
    jumps, whole = (np.concatenate(([0], np.cumsum(marks))) for marks in (jump, np.isfinite(values)))
    candidates = np.arange(split.test.target_rows[0] + AT, len(values) - AFTER)
    candidates = candidates[whole[candidates + AFTER + 1] - whole[candidates - AT] == WINDOW]
    steady = candidates[jumps[candidates] == jumps[candidates - BEFORE]]
    quiet = steady[jumps[steady + AFTER + 1] == jumps[steady]]
    sudden = steady[jump[steady]]
    hours = series.times.astype("datetime64[h]").astype(np.int64) % 24
    found = {"up": sudden[change[sudden] > 0], "down": sudden[change[sudden] < 0]}
    for name, rows in found.items():
        if not len(rows):
            raise ValueError(f"the test part of {series.name} has no {name}ward jump beyond {limit:.3g}: use more.")
        if not np.isin(hours[rows], hours[quiet]).all():
            raise ValueError(f"an hour with a jump {name} has no stretch without a jump: use more days.")
    return {name: Events(rows, _match(rows, quiet, values, hours)) for name, rows in found.items()}


def _match(rows: Rows, quiet: Rows, values: NDArray[np.float64], hours: Rows) -> Rows:
    """For each jump the quiet minute of the same hour whose load before it is closest; the lower load of equals."""
    quiet = quiet[np.argsort(values[quiet - 1], kind="stable")]
    pools = (quiet[hours[quiet] == hour] for hour in hours[rows])
    return np.array(
        [pool[np.abs(values[pool - 1] - values[row - 1]).argmin()] for row, pool in zip(rows, pools, strict=True)]
    )


def stretches(split: Split, rows: Rows) -> Tensor:
    """What a network reads around each row: `WINDOW` minutes with the row at step ``AT``."""
    values = split.test.series.values
    return torch.from_numpy(values[rows[:, None] + np.arange(-AT, WINDOW - AT)].astype(np.float32))


def _body(net: Forecaster) -> nn.LSTM | nn.GRU:
    assert isinstance(net.rnn, nn.LSTM | nn.GRU)
    return net.rnn


def _per_step(gate: Tensor) -> Floats:
    """A gate averaged over units: ``(layers, directions, n, time, hidden)`` to ``(layers, n, time)``."""
    averaged: Floats = gate[:, 0].mean(dim=-1).double().numpy()
    return averaged


def _around(kind: str, name: str, net: Forecaster, split: Split, events: Events) -> dict[str, Any]:
    """Aligned averages around jumps and around their controls, and the answer to a jump."""
    jumps = trace_gates(_body(net), stretches(split, events.rows))
    controls = trace_gates(_body(net), stretches(split, events.controls))
    shown = slice(AT - BEFORE, AT + AFTER + 1)
    measured: dict[str, Any] = {}
    for gate in GATES[kind]:
        seen, quiet = _per_step(jumps[gate]), _per_step(controls[gate])
        answer = _answer(seen) - _answer(quiet)
        head = f"{kind}_{gate}"
        measured[f"{head}_answer_{name}"] = answer.mean(axis=1).tolist()
        measured[f"{head}_answer_{name}_error"] = (answer.std(axis=1, ddof=1) / np.sqrt(answer.shape[1])).tolist()
        measured[f"{head}_around_{name}"] = seen[:, :, shown].mean(axis=1).tolist()
        measured[f"{head}_around_{name}_control"] = quiet[:, :, shown].mean(axis=1).tolist()
    return measured


def _answer(gate: Floats) -> Floats:
    """Value at the jump minus the mean of the minutes before: ``(layers, n, time)`` to ``(layers, n)``."""
    difference: Floats = gate[:, :, AT] - gate[:, :, AT - RECENT : AT].mean(axis=2)
    return difference


def _openness(kind: str, trace: GateTrace) -> dict[str, list[float]]:
    """How far each gate stands open on ordinary windows, and how fast it moves, per layer."""
    measured = {}
    for gate in GATES[kind]:
        values = trace[gate][:, 0, :, BEFORE:]
        steps = values.diff(dim=2).abs()
        flat, head = values.flatten(1).double(), f"{kind}_{gate}"
        measured[f"{head}_mean"] = flat.mean(1).tolist()
        measured[f"{head}_over_9"] = (flat > 0.9).double().mean(1).tolist()
        measured[f"{head}_over_5"] = (flat > 0.5).double().mean(1).tolist()
        measured[f"{head}_step"] = steps.flatten(1).double().mean(1).tolist()
        # Movement of a unit about its own mean: what a change per minute is to be compared with.
        measured[f"{head}_sd"] = values.double().std(dim=(1, 2)).mean(dim=-1).tolist()
    return measured


STUDIES: tuple[Study, ...] = ()  # none of its own
