"""Two studies for *Gates at work*: what the gates of trained networks do, most of all where the load jumps.

``gates-at-work`` reads the gates of the coursework's LSTM and GRU on household power.

Fixed before any full run was looked at:

* Events are found, not picked. A jump is a change from one minute to the next beyond the 99 % quantile of the changes
  in the training part, in a stretch of the test part that held none for twenty minutes before.
* Each jump has a control: a stretch without any jump, at the same hour of the day, with the load before it closest to
  the load before the jump.
* A network reads stretches as long as its training windows, from a zero state; the jump stands at step 40 of 60.
* The answer of a gate is its value at the jump minus its mean over the five minutes before, averaged over units, jump
  minus control. Upward and downward jumps are kept apart.
* How far a gate stands open is measured on ordinary windows of the test part that do not overlap, after a warm-up of
  twenty steps. The same networks before training are the control for what training did.

``gate-reader`` is an LSTM on synthetic power, small enough to be computed in the page. Trained anew on each machine it
would differ a little each time, so its rounded weights are recorded, and what is said of it is measured with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncourse.data import Series, Split, chronological, fill_short_gaps, load_power, synthetic_power
from rnncourse.gates import GateTrace, trace_gates
from rnncourse.networks import Forecaster, power_network
from rnncourse.statistics import rmse, skill
from rnncourse.studies import Scale, Study
from rnncourse.training import FreshWindows, fit, one_cycle, predict, set_seed

Floats = NDArray[np.float64]

Source = Literal["household", "synthetic"]

Rows = NDArray[np.int64]

WINDOW = 60
BEFORE, AFTER = 20, 20  # minutes shown on either side of a jump
AT = WINDOW - 1 - AFTER  # step of a stretch at which the jump is read
RATES = {"lstm": 1e-2, "gru": 5e-3}  # highest of the cycle, as in the power study
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


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run: an LSTM and a GRU with the same seed, so that their gates can be compared on the same windows.

    Attributes:
        seed: of the initial weights and the choice of training windows.
        source: ``household`` or ``synthetic``.
        steps: gradient steps; 0 leaves the networks untrained.
        epochs: how often a network is validated.
        batch_size: windows per step.
    """

    seed: int
    source: Source
    steps: int
    epochs: int
    batch_size: int = 64


def grid(scale: Scale, seeds: int) -> list[Config]:
    """Each seed trained and untrained."""
    source: Source = "household" if scale == "full" else "synthetic"
    steps, epochs = (1200, 6) if scale == "full" else (120, 2)
    trained = [Config(seed=seed, source=source, steps=steps, epochs=epochs) for seed in range(seeds)]
    return trained + [Config(seed=seed, source=source, steps=0, epochs=0) for seed in range(seeds)]


def stretches(split: Split, rows: Rows) -> Tensor:
    """What a network reads around each row: `WINDOW` minutes with the row at step ``AT``."""
    values = split.test.series.values
    return torch.from_numpy(values[rows[:, None] + np.arange(-AT, WINDOW - AT)].astype(np.float32))


# ---- One run.


@lru_cache(maxsize=2)
def task(source: Source) -> Split:
    """The forecasting task: the next minute from an hour of minutes, as in the power study."""
    return chronological(_power(source), window=WINDOW)


@lru_cache(maxsize=2)
def _power(source: Source) -> Series:
    """Minutes in kW; gaps of up to five repeat the value before them, longer ones stay open."""
    return fill_short_gaps(load_power() if source == "household" else synthetic_power(days=14), limit=5)


def train_network(kind: Literal["lstm", "gru"], config: Config, split: Split, device: str = "cpu") -> Forecaster:
    """The coursework's network with the seed's initial weights, trained unless ``config.steps`` is 0."""
    set_seed(config.seed)
    net = power_network(kind)
    if config.steps:
        per_epoch = min(config.steps // config.epochs * config.batch_size, len(split.train))
        train = FreshWindows(split.train, per_epoch, config.batch_size)
        validation = split.validation[:: max(1, len(split.validation) // 4000)]
        fit(
            net,
            train,
            (validation.inputs, validation.targets),
            epochs=config.epochs,
            clip_norm=1.0,
            optimiser=one_cycle(RATES[kind], config.epochs * len(train)),
            seed=config.seed,
            device=device,
            progress=False,
        )
    return net.cpu().eval()


def run(config: Config, device: str) -> dict[str, Any]:
    """Train both networks, then read their gates around jumps and on ordinary windows.

    Returns:
        For each gate, as ``lstm_forget_…`` and so on, with one entry per layer: ``mean``; ``over_9`` and ``over_5``,
        shares above 0.9 and 0.5; ``step``, mean absolute change per minute, and ``sd``; ``answer_up`` and
        ``answer_down`` with their ``…_error`` over events; ``around_up``, ``around_up_control`` and so on, means at
        offsets ``-BEFORE … AFTER``. Of the forget and the update gate, ``twin_mean``, ``twin_within`` and
        ``twin_units``. ``skill_lstm`` and ``skill_gru`` against persistence; ``jumps_up``, ``jumps_down``, ``limit``.
    """
    split = task(config.source)
    limit = threshold(split)
    events = find_events(split, limit)
    ordinary = _ordinary(split)
    measured: dict[str, Any] = {"limit": limit, **{f"jumps_{name}": len(e.rows) for name, e in events.items()}}
    opened: dict[str, GateTrace] = {}
    for kind in ("lstm", "gru"):
        net = train_network(kind, config, split, device)
        measured[f"skill_{kind}"] = _skill(net, split)
        opened[kind] = trace_gates(_body(net), ordinary)
        for name, pair in events.items():
            measured |= _around(kind, name, net, split, pair)
        measured |= _openness(kind, opened[kind])
    return measured | twins(opened["lstm"], opened["gru"])


def _body(net: Forecaster) -> nn.LSTM | nn.GRU:
    assert isinstance(net.rnn, nn.LSTM | nn.GRU)
    return net.rnn


def _ordinary(split: Split) -> Tensor:
    """Test windows that do not overlap."""
    starts, last = [], -WINDOW
    for start in split.test.starts:
        if start >= last + WINDOW:
            starts.append(start)
            last = start
    return torch.from_numpy(split.test.every[np.array(starts)].astype(np.float32))


def _skill(net: Forecaster, split: Split) -> float:
    """1 - RMSE / RMSE of persistence, on all test windows."""
    every, targets = split.test.every[split.test.starts], split.test.targets
    return 1 - rmse(predict(net, every), targets) / rmse(every[:, -1], targets)


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


# ---- Is the update gate the forget gate's twin?


def twins(lstm: GateTrace, gru: GateTrace) -> dict[str, list[float]]:
    """Correlations of an LSTM's forget gate with a GRU's update gate on the same windows, per layer.

    torch's update gate z keeps the old state where it is near 1, as the forget gate does.
    """
    forget, update = lstm["forget"][:, 0, :, BEFORE:].double(), gru["update"][:, 0, :, BEFORE:].double()
    if forget.shape[:3] != update.shape[:3] or forget.shape[1] < 2:
        raise ValueError(f"expected traces of the same windows, 2 or more; got {forget.shape[:3]}, {update.shape[:3]}.")
    pairs = list(zip(forget, update, strict=True))
    return {
        "twin_mean": [_correlation(f.mean(-1), z.mean(-1)) for f, z in pairs],
        "twin_within": [_correlation(_centred(f.mean(-1)), _centred(z.mean(-1))) for f, z in pairs],
        "twin_units": [_matched(f, z) for f, z in pairs],
    }


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(dim=1, keepdim=True)


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1])


def _matched(forget: Tensor, update: Tensor) -> float:
    """Held-out correlation of each forget unit with its best update unit, averaged."""
    half = len(forget) // 2
    fitted = _cross(forget[:half].flatten(0, 1), update[:half].flatten(0, 1))
    best = fitted.argmax(dim=1, keepdim=True)
    return float(_cross(forget[half:].flatten(0, 1), update[half:].flatten(0, 1)).gather(1, best).mean())


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Correlation of each column of ``a`` with each of ``b``: ``(units of a, units of b)``."""
    a, b = a - a.mean(0), b - b.mean(0)
    scale = torch.outer(a.norm(dim=0), b.norm(dim=0)).clamp_min(torch.finfo(a.dtype).tiny)
    return a.T @ b / scale


def _data(scale: Scale) -> str:
    return _power("household" if scale == "full" else "synthetic").fingerprint


HIDDEN = 8
SAMPLED_BEFORE, SAMPLED_AFTER = 60, 60  # minutes of the sample on either side of its jump
DECIMALS = 4


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """One small LSTM.

    Attributes:
        seed: of the initial weights and the choice of training windows.
        steps: gradient steps.
        hidden_size: units of its only layer.
    """

    seed: int
    steps: int = 600
    hidden_size: int = HIDDEN


def reader_grid(scale: Scale, seeds: int) -> list[ReaderConfig]:
    """One run per seed, on synthetic power at either scale."""
    return [ReaderConfig(seed=seed) for seed in range(seeds)]


def train_small(kind: Literal["lstm", "gru"], split: Split, *, hidden_size: int, steps: int, seed: int) -> Forecaster:
    """A recurrent layer and its readout, trained to forecast the next minute."""
    set_seed(seed)
    net = Forecaster(kind, input_size=1, hidden_size=hidden_size, num_layers=1)
    train = FreshWindows(split.train, min(steps // 3 * 64, len(split.train)), 64)
    validation = split.validation[:: max(1, len(split.validation) // 1000)]
    fit(
        net,
        train,
        (validation.inputs, validation.targets),
        epochs=3,
        clip_norm=1.0,
        optimiser=one_cycle(2e-2, 3 * len(train)),
        seed=seed,
        device="cpu",
        progress=False,
    )
    return net.eval()


def run_reader(config: ReaderConfig, device: str) -> dict[str, Any]:
    """Train, round the weights, score the rounded network, and take a sample of the test part.

    Returns:
        ``W_ih``, ``W_hh`` and ``b`` (the sum of torch's two biases), rows in torch's order i, f, g, o; ``skill``
        against persistence; ``series``, the minutes around the first upward jump of the test part, in standard
        deviations of training; ``mean_kw`` and ``sd_kw``, which turn them back into kilowatts.
    """
    split = task("synthetic")
    net = train_small("lstm", split, hidden_size=config.hidden_size, steps=config.steps, seed=config.seed)
    weights = dict(net.rnn.named_parameters())
    with torch.no_grad():
        weights["bias_ih_l0"].add_(weights["bias_hh_l0"])
        weights["bias_hh_l0"].zero_()
        for weight in weights.values():
            weight.copy_(weight.double().round(decimals=DECIMALS))
    rounded = {name: np.round(weight.detach().double().numpy(), DECIMALS) for name, weight in weights.items()}
    rows = find_events(split, threshold(split))["up"].rows
    values, every = split.test.series.values[:, 0], split.test.every[split.test.starts]
    stretches = (
        values[row - SAMPLED_BEFORE : row + SAMPLED_AFTER]
        for row in rows
        if SAMPLED_BEFORE <= row < len(values) - SAMPLED_AFTER
    )
    sample = next(stretch for stretch in stretches if np.isfinite(stretch).all())
    return {
        "W_ih": rounded["weight_ih_l0"].tolist(),
        "W_hh": rounded["weight_hh_l0"].tolist(),
        "b": rounded["bias_ih_l0"].tolist(),
        "skill": skill(predict(net, every), split.test.targets, reference=every[:, -1]),
        "series": np.round(sample, 3).tolist(),
        "mean_kw": float(split.scaler.mean[0]),
        "sd_kw": float(split.scaler.std[0]),
    }


def _reader_data(scale: Scale) -> str:
    return _power("synthetic").fingerprint


GATES_AT_WORK = Study(
    name="gates-at-work",
    about="what do the gates of trained networks do, most of all where the load jumps?",
    seeds=5,
    grid=grid,
    run=run,
    data=_data,
    notes="At full scale a network sees 76,800 training windows, drawn anew in each of six parts, to keep the study "
    "short, and about 4,000 validation windows after each part. Skill is scored on all test windows; all jumps of the "
    "test part that meet the definition are read.",
)


GATE_READER = Study(
    name="gate-reader",
    about="a small LSTM on synthetic power whose gates the page computes",
    seeds=1,
    grid=reader_grid,
    run=run_reader,
    data=_reader_data,
    notes="Synthetic data at either scale. The weights are rounded to four decimals before the network is scored.",
)

STUDIES = (GATES_AT_WORK, GATE_READER)
