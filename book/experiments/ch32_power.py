"""The study ``power``: the coursework's four networks against forecasts that need none, from an hour of minutes.

Everything is in standard deviations of the training part.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from rnncourse.baselines import Baseline, HarmonicRegression, LinearAutoregression, Mean, Persistence, SeasonalNaive
from rnncourse.data import Series, Split, chronological, fill_short_gaps, load_power, synthetic_power
from rnncourse.networks import power_network
from rnncourse.statistics import naive_mae
from rnncourse.studies import Scale, Study
from rnncourse.training import FreshWindows, fit, one_cycle, predict, set_seed

Source = Literal["household", "synthetic"]
Every = Literal["minute", "hour"]
Floats = NDArray[np.float64]

GAP = 5  # minutes: longest gap that is filled, with the value before it
JUMP = 0.2  # standard deviations: a smaller change from one row to the next counts as steady
NETWORKS = ("rnn", "lstm", "gru", "bilstm")
LOSSES: Mapping[str, Any] = MappingProxyType({"mse": nn.functional.mse_loss, "mae": nn.functional.l1_loss})
DAYS: Mapping[Every, int] = MappingProxyType({"minute": 14, "hour": 90})  # of the synthetic house
PER_DAY: Mapping[Every, int] = MappingProxyType({"minute": 1440, "hour": 24})
WINDOW: Mapping[Every, int] = MappingProxyType({"minute": 60, "hour": 48})


@dataclass(frozen=True, kw_only=True)
class PowerConfig:
    """One run.

    Attributes:
        model: a baseline or a network of `rnncourse.networks.power_network`.
        loss: what the network is trained on, ``mse`` or ``mae``; a baseline ignores it.
        every: ``minute`` or ``hour``: step of the series.
        horizon: steps ahead.
        seed: of the initial weights and the choice of the windows.
        source: ``household`` or ``synthetic``.
        steps: gradient steps, in ``epochs`` equal parts.
        epochs: how often the network is validated; 0 for a baseline.
        batch_size: windows per step.
        lr: highest rate of the cycle.
    """

    model: str
    every: Every
    horizon: int
    seed: int
    source: Source
    loss: str = "mse"
    steps: int = 0
    epochs: int = 0
    batch_size: int = 64
    lr: float = 1e-2


@lru_cache(maxsize=4)
def power_series(source: Source, every: Every) -> Series:
    """What a study reads: gaps of up to `GAP` minutes filled with the value before them, longer ones left open."""
    minutes = load_power() if source == "household" else synthetic_power(days=DAYS[every])
    filled = fill_short_gaps(minutes, limit=GAP)
    return filled if every == "minute" else hourly(filled)


def hourly(minutes: Series) -> Series:
    """Means over whole hours of the clock; an hour with a missing minute is missing."""
    hour = np.timedelta64(60, "m")
    first = int((minutes.start.astype("datetime64[h]") - minutes.start) % hour // minutes.step)
    whole = minutes.values[first:]
    means = whole[: len(whole) // 60 * 60].reshape(-1, 60, whole.shape[1]).mean(axis=1)
    return replace(minutes, values=means, start=minutes.start + first * minutes.step, step=hour)


@lru_cache(maxsize=4)
def _split(source: Source, every: Every, horizon: int) -> Split:
    return chronological(power_series(source, every), window=WINDOW[every], horizon=horizon)


def _baselines(every: Every) -> dict[str, Baseline]:
    window, day = WINDOW[every], PER_DAY[every]
    return {
        "mean": Mean(),
        "persistence": Persistence(),
        "yesterday": SeasonalNaive(day),
        "ar": LinearAutoregression(window),
        "ar-harmonics": HarmonicRegression(day, harmonics=4, lags=window),
    }


def run(config: PowerConfig, device: str) -> dict[str, Any]:
    """Fit and score one model.

    Returns:
        On the whole test set, in standard deviations: ``mse``, ``mae``, ``rmse``, ``skill`` (of the RMSE, against
        persistence), ``mase``; sums of errors by day and by `_steadiness`. Number of ``parameters`` and of ``macs``
        per forecast. Of a network also what `_train` says.
    """
    split = _split(config.source, config.every, config.horizon)
    if config.model in NETWORKS:
        prediction, measured = _train(config, split, device)
    else:
        fitted = _baselines(config.every)[config.model].fit(split.train)
        prediction, measured = fitted.predict(split.test), {"parameters": fitted.parameters}
    errors = prediction - split.test.targets
    naive = Persistence().fit(split.train).predict(split.test) - split.test.targets
    seen = split.test.series.values[: split.train_rows, 0]
    rmse = float(np.sqrt(np.mean(errors**2)))
    mae = float(np.mean(np.abs(errors)))
    return {
        "mse": rmse**2,
        "mae": mae,
        "rmse": rmse,
        "skill": 1 - rmse / float(np.sqrt(np.mean(naive**2))),
        "mase": mae / naive_mae(seen),
        "test_windows": len(errors),
        **measured,
        **_steadiness(errors, split),
        **daily_sums(errors, split.test.times),
    }


def daily_sums(errors: Floats, times: NDArray[np.datetime64]) -> dict[str, list[float]]:
    """Sums of errors per day, from which every mean over days can be had."""
    if len(errors) != len(times) or not len(errors):
        raise ValueError(f"errors and times must be as many and at least 1, got {len(errors)} and {len(times)}.")
    _, first = np.unique(times.astype("datetime64[D]"), return_index=True)
    flat = errors.reshape(len(errors), -1)
    per_day = {"squared": flat**2, "absolute": np.abs(flat), "count": np.ones_like(flat)}
    return {f"daily_{name}": np.add.reduceat(rows.sum(axis=1), first).tolist() for name, rows in per_day.items()}


def _steadiness(errors: Floats, split: Split) -> dict[str, list[float]]:
    """Sums of errors in four groups: steady, jump next, jump behind, jump behind and next.

    A jump is a change by more than `JUMP` between neighbouring rows: behind, from the last row but one of the window
    to its last, which a forecaster sees; next, from the last row to the target, which it does not.
    """
    rows, values = split.test.target_rows - split.test.horizon, split.test.series.values[:, 0]
    behind = np.abs(values[rows] - values[rows - 1]) > JUMP
    ahead = np.abs(split.test.targets[:, 0] - values[rows]) > JUMP
    group = 2 * behind + ahead
    per_group = {"squared": errors[:, 0] ** 2, "absolute": np.abs(errors[:, 0]), "count": np.ones(len(errors))}
    return {f"group_{name}": np.bincount(group, weights=w, minlength=4).tolist() for name, w in per_group.items()}


def _train(config: PowerConfig, split: Split, device: str) -> tuple[Floats, dict[str, Any]]:
    """Train a network and forecast the test windows."""
    set_seed(config.seed)
    net = power_network(config.model)  # type: ignore[arg-type]
    per_epoch = min(config.steps // config.epochs * config.batch_size, len(split.train))
    train = FreshWindows(split.train, per_epoch, config.batch_size)
    validation = split.validation[:: max(1, len(split.validation) // 4000)]
    started = time.process_time()
    history = fit(
        net,
        train,
        (validation.inputs, validation.targets),
        epochs=config.epochs,
        loss=LOSSES[config.loss],
        clip_norm=1.0,
        optimiser=one_cycle(config.lr, config.epochs * len(train)),
        seed=config.seed,
        device=device,
        progress=False,
    )
    seconds, seen = time.process_time() - started, config.epochs * per_epoch
    products = sum(weight.numel() for name, weight in net.rnn.named_parameters() if name.startswith("weight"))
    prediction = predict(net, split.test.every[split.test.starts], device=device).astype(np.float64)
    return prediction, {
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "macs": split.test.window * products + net.head.weight.numel(),
        "windows_seen": seen,
        "train_windows": len(split.train),
        "best_epoch": history.best_epoch,
        "validation": history.validation_loss,
        "seconds": seconds * len(split.train) / seen,
    }


# ---- The next minute.

STEPS: Mapping[Scale, tuple[int, int]] = MappingProxyType({"full": (2100, 6), "small": (150, 2)})
TRAINED: Mapping[Scale, tuple[tuple[str, str], ...]] = MappingProxyType(
    {"full": (*((model, "mse") for model in NETWORKS), ("lstm", "mae")), "small": (("lstm", "mse"), ("lstm", "mae"))}
)
# Chosen on the validation part of the household, with one seed: at the rate of the LSTM the plain RNN learns nothing.
RATES: Mapping[str, float] = MappingProxyType({"rnn": 2e-3, "lstm": 1e-2, "gru": 5e-3, "bilstm": 1e-2})
LONG = 3  # times as many steps, for a look at what the short training leaves


def minute_grid(scale: Scale, seeds: int) -> list[PowerConfig]:
    """Baselines once, each network once per seed, an LSTM on absolute errors, and long trainings at full scale."""
    source, (steps, epochs) = _source(scale), STEPS[scale]
    still = [_minute(model, source) for model in ("mean", "persistence", "ar", "ar-harmonics")]
    trained = [
        _minute(model, source, seed=seed, loss=loss, steps=steps, epochs=epochs)
        for seed in range(seeds)
        for model, loss in TRAINED[scale]
    ]
    long = [_minute(model, source, steps=LONG * steps, epochs=LONG * epochs) for model in NETWORKS[:2]]
    return still + trained + (long if scale == "full" else [])


def _source(scale: Scale) -> Source:
    return "household" if scale == "full" else "synthetic"


def _minute(model: str, source: Source, **training_options: Any) -> PowerConfig:
    options = {"seed": 0, "lr": RATES.get(model, 0.0), **training_options}
    return PowerConfig(model=model, every="minute", horizon=1, source=source, **options)


def _minute_data(scale: Scale) -> str:
    return power_series(_source(scale), "minute").fingerprint


_GAPS = f"Gaps of up to {GAP} minutes repeat the value before them; no window reaches across a longer one."


POWER = Study(
    name="power",
    about="does any of the four networks forecast the next minute better than no network?",
    seeds=5,
    grid=minute_grid,
    run=run,
    data=_minute_data,
    notes=f"{_GAPS} At full scale a network sees 134,400 training windows, drawn anew in each of six parts, to "
    "keep the study short, and about 4,000 validation windows after each part; two networks of one seed see three "
    "times as many. All test windows are scored. Seconds are processor time of one thread for a pass over all "
    "training windows, measured while other programs ran.",
)

STUDIES = (POWER,)
