"""Three studies for *Looking back*.

``ninety-minutes`` is a positive control for windows of 30, 60 and 120 minutes: a generated series whose next value is
settled by what happened 80 to 100 minutes before. ``half-started`` asks of the same series which gate's start lets an
LSTM remember. ``lags`` forecasts the household's next minute by least squares on more and more minutes, on the task of
``next-minute``.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from book.experiments.ch32_next_minute import Source, by_day, influence, minutes, shorter, split_of
from book.experiments.ch37_both_ways import one_cycle
from rnncourse.baselines import LinearAutoregression, Mean, Persistence
from rnncourse.data import Series, Windows, make_windows
from rnncourse.initialisation import chrono_
from rnncourse.networks import Forecaster
from rnncourse.studies import Scale, Study
from rnncourse.training import FreshWindows, fit, predict, set_seed

Floats = NDArray[np.float64]

PROGRAMMES = (1.0, 3.0)  # kW: cold and hot; drawn at the start of a run and again at its end
LONG_AGO = (80, 100)  # minutes from the start to the end of a run
IDLE = (41, 60)  # minutes between two runs, so that a window of 120 holds one start
HEATING, PUMP, NOISE = 10, 3.0, 0.3  # minutes at the start; kW in the minute before the end; kW everywhere
LOOKS = (30, 60, 120)
MINUTE = np.timedelta64(1, "m")
CELLS = ("rnn", "lstm", "gru", "lstm-chrono", "gru-chrono")
NO_NETWORKS = ("mean", "persistence", "ar", "told")
OTHER_RATES = (3e-3, 3e-2)  # beside the one that all networks have
PASSES, LONGER, DRAWN = 12, 120, 512  # passes; passes of the longer training; windows drawn anew in each


@dataclass(frozen=True)
class Runs:
    """Minutes of a made-up washing machine, and its runs.

    Attributes:
        series: the load in kW.
        starts: row of each run's first minute.
        ends: row of the minute that is forecast.
        hot: whether the run's programme is the hot one.
    """

    series: Series
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    hot: NDArray[np.bool_]


@lru_cache(maxsize=2)
def washing_machine(count: int, seed: int = 0) -> Runs:
    """``count`` runs whose end is settled by how they began.

    At its start a run heats for `HEATING` minutes, with the load of a cold or a hot programme. `LONG_AGO` minutes later
    the pump draws `PUMP` for a minute. In the next minute, the end, the load is that of the start again. Everywhere
    there is noise with a standard deviation of `NOISE`. Programme, length and pause are drawn anew for every run.
    """
    rng = np.random.default_rng(seed)
    hot = rng.integers(2, size=count) == 1
    length = rng.integers(LONG_AGO[0], LONG_AGO[1] + 1, size=count)
    pause = rng.integers(IDLE[0], IDLE[1] + 1, size=count)
    ends = max(LOOKS) + np.cumsum(pause + length)
    starts, level = ends - length, np.array(PROGRAMMES)[hot.astype(int)]
    load = NOISE * rng.normal(size=ends[-1] + 1)
    for minute in range(HEATING):
        load[starts + minute] += level
    load[ends - 1] += PUMP
    load[ends] += level
    series = Series(
        "made-up washing machine", load[:, None], ("load",), ("kW",), np.datetime64("2007-01-01T00:00"), MINUTE
    )
    return Runs(series, starts, ends, hot)


@dataclass(frozen=True, kw_only=True)
class LookConfig:
    """One run of ``ninety-minutes``.

    Attributes:
        model: one of `CELLS` or `NO_NETWORKS`; ``told`` is told the programme.
        window: minutes that a forecast sees.
        seed: of the initial weights and the order of the windows.
        runs: of the washing machine: four sevenths train, one validates, two test.
        passes: over `DRAWN` training windows.
        lr: highest rate of the cycle.
    """

    model: str
    window: int
    seed: int
    runs: int = 7000
    passes: int = PASSES
    lr: float = 1e-2


def last_minutes(runs: Runs, window: int) -> list[Windows]:
    """Training, validation and test windows whose target is the end of a run."""
    windows = shorter(make_windows(runs.series, window=max(LOOKS)), window)
    ends = windows[np.isin(windows.target_rows, runs.ends)]
    first, second = len(ends) * 4 // 7, len(ends) * 5 // 7
    return [ends[:first], ends[first:second], ends[second:]]


def looking(model: str, seed: int) -> Forecaster:
    """The untrained network: one layer of 16 units. With ``-chrono`` its gates start with long memories."""
    set_seed(seed)
    cell, _, start = model.partition("-")
    net = Forecaster(cell, hidden_size=16, num_layers=1)  # type: ignore[arg-type]
    if start:
        chrono_(net.rnn, t_max=max(LOOKS), seed=seed)  # type: ignore[type-var]
    return net


def learned(config: LookConfig, train: Windows, validation: Windows, device: str) -> tuple[Forecaster, dict[str, Any]]:
    """Train a network of `looking`; it ends with the weights of the pass that validation finds best."""
    net = looking(config.model, config.seed)
    return net, trained(net, config, train, validation, device)


def trained(
    net: Forecaster, config: "LookConfig | HalfConfig", train: Windows, validation: Windows, device: str
) -> dict[str, Any]:
    """Train a network in place, and say how large it is and how its losses went."""
    windows = FreshWindows(train, min(DRAWN, len(train)), 32)
    history = fit(
        net,
        windows,
        (validation.inputs, validation.targets),
        epochs=config.passes,
        clip_norm=1.0,
        optimiser=one_cycle(config.lr, config.passes * len(windows)),
        seed=config.seed,
        device=device,
        progress=False,
    )
    return {
        "parameters": sum(weights.numel() for weights in net.parameters()),
        "train_loss": history.train_loss,
        "validation_loss": history.validation_loss,
    }


def run_look(config: LookConfig, device: str) -> dict[str, Any]:
    """Fit and score one model.

    Returns:
        Test ``mse`` in kW². Of a network also its losses, its `influence` by input and its ``answer``: how much higher,
        in kW, it forecasts the end when the start of the same window is hot rather than cold.
    """
    runs = washing_machine(config.runs)
    train, validation, test = last_minutes(runs, config.window)
    if config.model == "told":
        level = np.array(PROGRAMMES)[runs.hot[-len(test) :].astype(int)]
        return {"mse": float(np.mean((level[:, None] - test.targets) ** 2))}
    if config.model in NO_NETWORKS:
        plain = {"mean": Mean(), "persistence": Persistence(), "ar": LinearAutoregression()}[config.model]
        return {"mse": float(np.mean((plain.fit(train).predict(test) - test.targets) ** 2))}  # type: ignore[attr-defined]
    net, measured = learned(config, train, validation, device)
    return measured | scored(net, runs, test, device) | {"influence": influence(net, test)}


def scored(net: Forecaster, runs: Runs, test: Windows, device: str) -> dict[str, Any]:
    """Test ``mse`` in kW², and the ``answer`` in kW of `run_look`."""
    cold, hot = (predict(net, restarted(runs, test, kw), device=device) for kw in PROGRAMMES)
    error = predict(net, test.every[test.starts], device=device) - test.targets
    return {"mse": float(np.mean(error**2)), "answer": float(np.mean(hot - cold))}


def restarted(runs: Runs, test: Windows, level: float) -> Floats:
    """The test windows ``(n, window, 1)`` with another level in the minutes of the start, where they reach so far."""
    changed = runs.series.values.copy()
    drawn = np.array(PROGRAMMES)[runs.hot.astype(int)]
    for minute in range(HEATING):
        changed[runs.starts + minute, 0] += level - drawn
    return replace(test, series=replace(test.series, values=changed)).inputs


def look_grid(scale: Scale, seeds: int) -> list[LookConfig]:
    """What needs no network once per window; each network once per window and seed; the plain ones in other ways too.

    Other ways are the rates of `OTHER_RATES`, with two seeds, and for the LSTM ten times as many passes.
    """
    if scale == "small":
        still = [LookConfig(model=model, window=30, seed=0, **SMALL_LOOK) for model in NO_NETWORKS]
        return still + [
            LookConfig(model="rnn", window=w, seed=seed, **SMALL_LOOK) for w in LOOKS for seed in range(seeds)
        ]
    still = [LookConfig(model=model, window=window, seed=0) for model in NO_NETWORKS for window in LOOKS]
    trained = [
        LookConfig(model=model, window=window, seed=seed)
        for seed in range(seeds)
        for model in CELLS
        for window in LOOKS
    ]
    longest = max(LOOKS)
    rates = [
        LookConfig(model=model, window=longest, seed=seed, lr=rate)
        for model in CELLS[:3]
        for rate in OTHER_RATES
        for seed in range(min(seeds, 2))
    ]
    longer = [LookConfig(model="lstm", window=longest, seed=seed, passes=LONGER) for seed in range(seeds)]
    return still + trained + rates + longer


SMALL_LOOK: dict[str, Any] = {"runs": 140, "passes": 1}


# ---- Which gate's start does it.

STARTS = {"input": 0, "forget": 1}  # the gate that is started to keep, by its place among torch's gates


@dataclass(frozen=True, kw_only=True)
class HalfConfig:
    """One run of ``half-started``: an LSTM that reads 120 minutes.

    Attributes:
        start: of `STARTS`, the one gate whose biases are spread; the others keep those that torch draws.
        seed: of the initial weights, of the spread and of the order of the windows.
        runs: of the washing machine: four sevenths train, one validates, two test.
        passes: over `DRAWN` training windows.
        lr: highest rate of the cycle.
    """

    start: str
    seed: int
    runs: int = 7000
    passes: int = PASSES
    lr: float = 1e-2


@torch.no_grad()
def half_started(start: str, seed: int) -> Forecaster:
    """The untrained LSTM of `looking` in which one gate of `STARTS` begins with the biases of `chrono_`."""
    plain, spread = looking("lstm", seed), looking("lstm-chrono", seed)
    rows = slice(STARTS[start] * plain.rnn.hidden_size, (STARTS[start] + 1) * plain.rnn.hidden_size)
    for name, bias in plain.rnn.named_parameters():
        if name.startswith("bias"):
            bias[rows] = spread.rnn.get_parameter(name)[rows]
    return plain


def run_half(config: HalfConfig, device: str) -> dict[str, Any]:
    """Train and score one LSTM: its size, its losses, test ``mse`` in kW² and ``answer`` in kW, as in `run_look`."""
    runs = washing_machine(config.runs)
    train, validation, test = last_minutes(runs, max(LOOKS))
    net = half_started(config.start, config.seed)
    return trained(net, config, train, validation, device) | scored(net, runs, test, device)


def half_grid(scale: Scale, seeds: int) -> list[HalfConfig]:
    """Each start once per seed."""
    how = SMALL_LOOK if scale == "small" else {}
    return [HalfConfig(start=start, seed=seed, **how) for seed in range(seeds) for start in STARTS]


# ---- The household, by least squares.

LAGS = (1, 2, 5, 10, 20, 30, 60, 90, 120)


@dataclass(frozen=True, kw_only=True)
class LagConfig:
    """One run of ``lags``: how many minutes a linear forecast reads; ``source`` is ``household`` or ``synthetic``."""

    lags: int
    seed: int
    source: Source


def run_lags(config: LagConfig, device: str) -> dict[str, Any]:
    """Fit and score one linear autoregression.

    Returns:
        Test ``mse`` in squared standard deviations, number of test windows, and sums of errors by day.
    """
    split = split_of(config.source, 0, config.lags)
    fitted = LinearAutoregression().fit(split.train)
    errors = (fitted.predict(split.test) - split.test.targets)[:, 0]
    return {
        "mse": float(np.mean(errors**2)),
        "test_windows": len(errors),
        **by_day(errors, np.zeros(len(errors), dtype=bool), split.test.times),
    }


def lag_grid(scale: Scale, seeds: int) -> list[LagConfig]:
    """Each number of lags once: nothing is drawn."""
    source: Source = "household" if scale == "full" else "synthetic"
    return [LagConfig(lags=lags, seed=0, source=source) for lags in (LAGS if scale == "full" else LAGS[:3])]


def _household(scale: Scale) -> str:
    return minutes("household" if scale == "full" else "synthetic").fingerprint


LOOK = Study(
    name="ninety-minutes",
    about="which network uses a window of 120 minutes where the next value is settled 80 to 100 minutes before?",
    seeds=5,
    grid=look_grid,
    run=run_look,
    notes="7,000 runs of a made-up washing machine, generated: 4,000 train, 1,000 validate, 2,000 test. Only the last "
    "minute of a run is forecast, and all windows have the same targets. A pass reads 512 training windows, drawn "
    "anew, in batches of 32, with one cycle of the rate over the whole training and gradients clipped at 1. The "
    "rate is 0.01 for all; plain networks also have two others, at 120 minutes, and the plain LSTM ten times as "
    "many passes.",
)

HALF = Study(
    name="half-started",
    about="is it the start of the input gate or that of the forget gate that lets an LSTM remember for 90 steps?",
    seeds=5,
    grid=half_grid,
    run=run_half,
    notes="Data, windows of 120 minutes and training are those of ninety-minutes. There stands the LSTM with the start "
    "of both gates, and the one with that of neither.",
)

LAGS_STUDY = Study(
    name="lags",
    about="does a linear forecast of the household's next minute gain by reading further back?",
    seeds=1,
    grid=lag_grid,
    run=run_lags,
    data=_household,
    notes="The task of next-minute: the same training and test minutes for all, each with 120 known minutes before it.",
)

STUDIES = (LOOK, HALF, LAGS_STUDY)
