"""One recipe for the household's next minute, for chapters 3.2 to 3.5: the coursework's networks at their plateau.

``next-minute-rates`` chooses the learning rate of each network on the validation part. ``next-minute`` trains each
network at its rate and scores it beside forecasts that need no network: on squared and on absolute errors, on windows
of 30, 60 and 120 minutes, on three rolling origins, with a gate taken away, and with the forget gate's bias at 1, each
family a study of its own. All rows of one origin forecast the same minutes. Everything is in standard deviations of
the training part.

Cost, in minutes of one thread: a pass over all training windows takes about 0.4 (RNN), 1.1 (GRU), 1.1 (LSTM) and 2.5
(BiLSTM).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from book.experiments.ch34_gates_at_work import (
    BEFORE,
    _around,
    _openness,
    find_events,
    threshold,
)
from rnncourse.ablation import ablate, learnable_parameters
from rnncourse.baselines import Baseline, HarmonicRegression, LinearAutoregression, Mean, Persistence
from rnncourse.data import Series, Split, Windows, chronological, fill_short_gaps, load_power, synthetic_power
from rnncourse.gates import trace_gates
from rnncourse.initialisation import forget_bias_
from rnncourse.networks import Forecaster, power_network
from rnncourse.studies import Scale, Study, StudyError, recorded
from rnncourse.training import FreshWindows, fit, one_cycle, predict, set_seed

if TYPE_CHECKING:
    import pandas as pd

Source = Literal["household", "synthetic"]
Floats = NDArray[np.float64]
Forecast = Callable[[Windows], Floats]

GAP = 5  # minutes: longest gap that is filled, with the value before it
JUMP = 0.2  # standard deviations: a smaller change from one minute to the next counts as steady
DAY = 1440
LONGEST = 120  # minutes: every forecast is for a target that has so many known minutes before it
HELD_OUT = 0.15  # of the half year: the validation part, and the test part
VALIDATED = 3  # every third validation window is looked at
NETWORKS = ("rnn", "lstm", "gru", "bilstm")
LOSSES: Mapping[str, Any] = MappingProxyType({"mse": nn.functional.mse_loss, "mae": nn.functional.l1_loss})


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run.

    Attributes:
        model: a baseline or a network of `rnncourse.networks.power_network`.
        seed: of the initial weights and the order of the windows.
        source: ``household`` or ``synthetic``.
        loss: what the network is trained on, ``mse`` or ``mae``; a baseline ignores it.
        window: minutes that a forecast sees.
        origin: how many test parts earlier the series ends; 0 reads all of it.
        variant: of `rnncourse.ablation.VARIANTS`, what is taken from an LSTM.
        forget_bias: of an LSTM at the start; None leaves torch's.
        passes: over the drawn share of the training windows; 0 for a baseline and an untrained network.
        share: of the training windows, drawn anew for each pass.
        lr: highest rate of the cycle.
        batch_size: windows per step.
        traced: whether the gates of the network are read.
    """

    model: str
    seed: int
    source: Source
    loss: str = "mse"
    window: int = 60
    origin: int = 0
    variant: str = "full"
    forget_bias: float | None = None
    passes: int = 0
    share: float = 1.0
    lr: float = 0.0
    batch_size: int = 64
    traced: bool = False


@lru_cache(maxsize=2)
def minutes(source: Source) -> Series:
    """What the studies read: gaps of up to `GAP` minutes filled with the value before them, longer ones left open."""
    return fill_short_gaps(load_power() if source == "household" else synthetic_power(days=14), limit=GAP)


@lru_cache(maxsize=4)
def split_of(source: Source, origin: int, window: int) -> Split:
    """The task of one origin: its last 15 % is the test part, the 15 % before it validate, the rest trains."""
    series = minutes(source)
    held, rows = HELD_OUT, len(series)
    kept = round(rows * (1 - origin * held))
    cut = replace(series, values=series.values[:kept])
    share = held * rows / kept
    split = chronological(cut, window=LONGEST, train=1 - 2 * share, validation=share)
    validation = shorter(split.validation[::VALIDATED], window)
    return replace(split, train=shorter(split.train, window), validation=validation, test=shorter(split.test, window))


def shorter(windows: Windows, window: int) -> Windows:
    """Windows of fewer rows with the same targets."""
    if not 1 <= window <= windows.window:
        raise ValueError(f"window is {window}; expected 1 to the {windows.window} rows at hand.")
    return replace(windows, window=window, starts=windows.starts + (windows.window - window))


def run_rate(config: Config, device: str) -> dict[str, Any]:
    """Train a network and judge it on the validation part: losses by pass, and the lowest of them, ``best_loss``."""
    _, measured = train(config, split_of(config.source, config.origin, config.window), device)
    return measured | {"best_loss": min(measured["validation_loss"])}


def run(config: Config, device: str) -> dict[str, Any]:
    """Fit and score one model.

    Returns:
        On all test windows: ``mse``, ``mae``, and sums of errors by day and `by_jump`. ``interval`` holds 95 % of the
        errors on the validation part, and ``daily_covered`` counts the test errors inside it by day. Number of
        ``parameters``. Of a network also what `train` says and its `influence`; where it is traced also `gates`.
    """
    split = split_of(config.source, config.origin, config.window)
    if config.model in NETWORKS:
        net, measured = train(config, split, device)
        forecast = _forecast(net, device)
        measured["influence"] = influence(net, split.test)
        if config.traced:
            measured |= gates(net, split)
    else:
        fitted = _baselines(config.window)[config.model].fit(split.train)
        forecast, measured = fitted.predict, {"parameters": fitted.parameters}
    errors = forecast(split.test) - split.test.targets
    low, high = np.quantile(forecast(split.validation) - split.validation.targets, (0.025, 0.975))
    return {
        "mse": np.mean(errors**2),
        "mae": np.mean(np.abs(errors)),
        "test_windows": len(errors),
        "interval": [low, high],
        **measured,
        **by_jump(errors[:, 0], split.test),
        **by_day(errors[:, 0], (low <= errors[:, 0]) & (errors[:, 0] <= high), split.test.times),
    }


def _baselines(window: int) -> dict[str, Baseline]:
    return {
        "mean": Mean(),
        "persistence": Persistence(),
        "ar": LinearAutoregression(window),
        "ar-harmonics": HarmonicRegression(DAY, harmonics=4, lags=window),
    }


def _forecast(net: Forecaster, device: str) -> Forecast:
    return lambda windows: predict(net, windows.every[windows.starts], device=device).astype(np.float64)


def build(config: Config) -> Forecaster:
    """The untrained network of a config, its weights drawn from the config's seed."""
    set_seed(config.seed)
    net = power_network(config.model)  # type: ignore[arg-type]
    if config.forget_bias is not None:
        forget_bias_(net.rnn, config.forget_bias)  # type: ignore[arg-type]
    if config.variant != "full":
        net.rnn = ablate(net.rnn, config.variant)  # type: ignore[arg-type, assignment]
    return net


def train(config: Config, split: Split, device: str) -> tuple[Forecaster, dict[str, Any]]:
    """Train a network; it ends with the weights of the pass that validation finds best.

    Returns:
        The network. Losses by pass, ``train_loss`` while the weights moved and ``validation_loss`` after the pass;
        ``best_pass``, from 1; number of ``parameters`` and of ``train_windows``, and how many windows were read,
        ``windows_seen``.
    """
    net = build(config)
    if config.passes == 0:
        return net.eval(), {"parameters": learnable_parameters(net)}
    windows = FreshWindows(split.train, round(config.share * len(split.train)), config.batch_size)
    history = fit(
        net,
        windows,
        (split.validation.inputs, split.validation.targets),
        epochs=config.passes,
        loss=LOSSES[config.loss],
        clip_norm=1.0,
        optimiser=one_cycle(config.lr, config.passes * len(windows)),
        seed=config.seed,
        device=device,
        progress=False,
    )
    return net.eval(), {
        "parameters": learnable_parameters(net),
        "train_windows": len(split.train),
        "windows_seen": config.passes * windows.per_epoch,
        "best_pass": history.best_epoch,
        "train_loss": history.train_loss,
        "validation_loss": history.validation_loss,
    }


def by_jump(errors: Floats, windows: Windows) -> dict[str, list[float]]:
    """Sums of errors ``(n,)`` in four groups: steady, jump next, jump behind, jump behind and next.

    A jump is a change by more than `JUMP` between neighbouring rows: behind, from the last row but one of the window
    to its last, which a forecaster sees; next, from the last row to the target, which it does not.
    """
    last, values = windows.target_rows - windows.horizon, windows.series.values[:, 0]
    behind = np.abs(values[last] - values[last - 1]) > JUMP
    ahead = np.abs(windows.targets[:, 0] - values[last]) > JUMP
    sums = {"squared": errors**2, "absolute": np.abs(errors), "count": np.ones(len(errors))}
    return {
        f"group_{name}": np.bincount(2 * behind + ahead, weights=w, minlength=4).tolist() for name, w in sums.items()
    }


def by_day(errors: Floats, covered: NDArray[np.bool_], times: NDArray[np.datetime64]) -> dict[str, list[float]]:
    """Sums per day of errors ``(n,)``, of the errors inside the interval and of their number."""
    _, first = np.unique(times.astype("datetime64[D]"), return_index=True)
    sums = {"squared": errors**2, "absolute": np.abs(errors), "covered": covered, "count": np.ones(len(errors))}
    return {f"daily_{name}": np.add.reduceat(np.asarray(w, float), first).tolist() for name, w in sums.items()}


def ordinary(windows: Windows) -> torch.Tensor:
    """Windows that do not overlap, ``(n, window, feature)``."""
    starts, last = [], -windows.window
    for start in windows.starts:
        if start >= last + windows.window:
            starts.append(start)
            last = start
    return torch.from_numpy(windows.every[np.array(starts)].astype(np.float32))


def influence(net: Forecaster, windows: Windows) -> list[float]:
    """Mean size of the forecast's gradient by each input of an ordinary window, oldest first."""
    net.cpu()
    x = ordinary(windows).requires_grad_()
    (slope,) = torch.autograd.grad(net(x).sum(), x)
    mean: list[float] = slope.abs().mean(dim=(0, 2)).double().tolist()
    return mean


PROFILED = 40  # ordinary windows whose keeping gate, averaged over units, is kept step by step
KEEPS = {"lstm": "forget", "gru": "update"}  # the gate that decides what stays of the old state


def gates(net: Forecaster, split: Split) -> dict[str, Any]:
    """How the gates of an LSTM or a GRU stand on ordinary test windows and answer to a jump, per layer.

    Returns:
        What `_openness` and, of each direction of a jump, `_around` measure. Of the gate that keeps the old state,
        ``profile``, its mean over units in `PROFILED` windows after the warm-up: ``(layers, windows, steps)``.
    """
    trace = trace_gates(net.rnn, ordinary(split.test))  # type: ignore[arg-type]
    measured: dict[str, Any] = _openness(net.kind, trace)
    for name, events in find_events(split, threshold(split)).items():
        measured |= _around(net.kind, name, net, split, events)
    kept = trace[KEEPS[net.kind]][:, 0, :PROFILED, BEFORE:].double().mean(dim=-1)
    return measured | {"profile": kept.numpy().round(4).tolist()}


# ---- The grids.

RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
SHARE = 0.25  # of the training windows in a pass
SHORT, PASSES = 4, 24  # passes: to choose the rate, and for the table
WINDOWS = (30, 120)  # beside 60
SLOWER: Mapping[str, float] = MappingProxyType({"lstm": 3e-3, "gru": 3e-3, "bilstm": 1e-2})  # the next lower rates
FASTER = 1e-3  # the next higher rate of the SimpleRNN, which chose the lowest of the grid
ORIGINS = (1, 2)  # beside 0
ABLATED = ("no_input", "no_forget", "no_output", "input_only", "forget_only")
SMALL: dict[str, Any] = {"source": "synthetic", "passes": 2, "share": 0.05}


def rates_grid(scale: Scale, seeds: int) -> list[Config]:
    """Each network once per rate and seed."""
    full: dict[str, Any] = {"source": "household", "passes": SHORT, "share": SHARE}
    how, models = (full, NETWORKS) if scale == "full" else (SMALL, ("rnn",))
    return [
        Config(model=model, lr=rate, seed=seed, **how) for seed in range(seeds) for rate in RATES for model in models
    ]


def lowest(frame: "pd.DataFrame") -> dict[str, float]:
    """The rate of each model whose best validation loss is lowest in the mean over the seeds."""
    means = frame.groupby(["model", "lr"])["best_loss"].mean()
    return dict(means.groupby("model").idxmin().tolist())


def chosen_rates() -> dict[str, float]:
    """The rates that the record of ``next-minute-rates`` chooses; StudyError where there is no full one."""
    record = recorded("next-minute-rates")
    if record.scale != "full":
        raise StudyError("the record of next-minute-rates is small: run it with --scale full")
    return lowest(record.frame)


def grid(family: str, scale: Scale, seeds: int) -> list[Config]:
    """The baselines of a family's windows and origins, then its networks seed by seed."""
    if scale == "small":
        still = [Config(model=model, seed=0, source="synthetic") for model in _baselines(60)]
        return still + [
            Config(model="rnn", lr=1e-2, seed=seed, loss=loss, **SMALL) for seed in range(seeds) for loss in LOSSES
        ]
    members, rates = families()[family], chosen_rates()
    places = {(options.get("window", 60), options.get("origin", 0)) for _, options in members}
    still = [
        Config(model=model, seed=0, source="household", window=window, origin=origin)
        for window, origin in sorted(places)
        for model in _baselines(window)
    ]
    return still + [
        Config(model=model, seed=seed, source="household", **({"lr": rates[model]} | options))
        for seed in range(seeds)
        for model, options in members
    ]


def families() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """What is trained beside one another, by study: networks with what differs from the recipe."""
    recipe: dict[str, Any] = {"passes": PASSES, "share": SHARE}
    untrained = {"passes": 0, "lr": 0.0, "traced": True}
    gated = ("lstm", "gru")
    return {
        "next-minute": [(model, recipe | {"traced": model in gated}) for model in NETWORKS if model != "bilstm"]
        + [(model, untrained) for model in gated],
        "next-minute-bilstm": [("bilstm", recipe)],
        "next-minute-bias": [
            ("lstm", recipe | {"forget_bias": 1.0, "traced": True}),
            ("lstm", untrained | {"forget_bias": 1.0}),
        ],
        "next-minute-longer": [
            (model, recipe | {"passes": 2 * PASSES, "traced": model in gated})
            for model in NETWORKS
            if model != "bilstm"
        ],
        "next-minute-slower": [(model, recipe | {"lr": SLOWER[model], "traced": True}) for model in gated],
        "next-minute-slower-bilstm": [("bilstm", recipe | {"lr": SLOWER["bilstm"]})],
        "next-minute-faster-rnn": [("rnn", recipe | {"lr": FASTER})],
        "next-minute-windows": [(model, recipe | {"window": window}) for window in WINDOWS for model in NETWORKS],
        "next-minute-ablation": [("lstm", recipe | {"forget_bias": 1.0, "variant": variant}) for variant in ABLATED],
        "next-minute-absolute": [(model, recipe | {"loss": "mae"}) for model in NETWORKS],
        "next-minute-origins": [(model, recipe | {"origin": origin}) for origin in ORIGINS for model in NETWORKS],
    }


def _data(scale: Scale) -> str:
    return minutes("household" if scale == "full" else "synthetic").fingerprint


_RECIPE = (
    f"Gaps of up to {GAP} minutes repeat the value before them; no window reaches across a longer one, and every "
    f"target has {LONGEST} known minutes before it. At full scale a pass reads a quarter of the training windows, "
    "drawn anew, in batches of 64, with one cycle of the rate over the whole training and gradients clipped at 1. "
    "Every third validation window is looked at after each pass."
)

RATES_STUDY = Study(
    name="next-minute-rates",
    about="at which learning rate does each of the four networks forecast the next minute best?",
    seeds=2,
    grid=rates_grid,
    run=run_rate,
    data=_data,
    notes=f"{_RECIPE} {SHORT} passes, a sixth of the full training; the test part is not looked at.",
)

_SIX_TIMES = f"{PASSES} passes, which read each window six times."
_NOTES = (
    f"{_RECIPE} {_SIX_TIMES} The rate of a network is the one that next-minute-rates chooses, also for absolute "
    "errors, other windows, other origins and an LSTM without a gate. The weights of the best pass on the validation "
    "part are scored on all test windows."
)
_TWICE = _NOTES.replace(_SIX_TIMES, f"{2 * PASSES} passes, which read each window twelve times.")


def _family(name: str) -> Study:
    notes = _TWICE if name == "next-minute-longer" else _NOTES
    return Study(name=name, about=ASKED[name], seeds=5, grid=partial(grid, name), run=run, data=_data, notes=notes)


ASKED: Mapping[str, str] = MappingProxyType(
    {
        "next-minute": "does any of the networks, at its plateau, forecast the next minute better than no network?",
        "next-minute-bilstm": "does a second direction, at the plateau, forecast the next minute better?",
        "next-minute-bias": "how do an LSTM's gates stand where its forget gate starts open?",
        "next-minute-longer": "how much does a training of twice as many passes gain on the next minute?",
        "next-minute-slower": "does a GRU break down over 24 passes at the next lower rate, and an LSTM?",
        "next-minute-slower-bilstm": "what does a BiLSTM gain over 24 passes at the next lower rate?",
        "next-minute-faster-rnn": "what does a SimpleRNN gain over 24 passes at the next higher rate?",
        "next-minute-windows": "do networks at their plateau gain or lose by a longer window?",
        "next-minute-ablation": "what does a gate that is taken away cost the LSTM at its plateau?",
        "next-minute-absolute": "how far do networks trained on absolute errors beat persistence on them?",
        "next-minute-origins": "does the table of the next minute stand on earlier parts of the half year?",
    }
)

STUDIES = (RATES_STUDY, *map(_family, ASKED))
