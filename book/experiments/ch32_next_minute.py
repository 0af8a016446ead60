"""Two studies for *Power*: the coursework's four networks, trained to the plateau, forecast the next minute.

``next-minute-rates`` chooses the learning rate of each network on the validation part: the same rates, seeds and
number of passes for all. ``next-minute`` trains each network at its rate, on squared and on absolute errors, and scores
it beside forecasts that need no network. Everything is in standard deviations of the training part.

Cost, in hours of one thread: a pass over the 178,605 training windows takes about 22 s (RNN), 68 s (GRU), 84 s (LSTM)
and 170 s (BiLSTM), so four networks take 0.1 hours a pass. The rates take 1.8 hours; each seed of the table takes 1.2
hours for squared errors and as many for absolute ones, five seeds 11.8; the longer trainings take 2.4. The grid is in
the order of worth: seed by seed, and in a seed squared errors first.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from book.experiments.ch32_power import GAP, JUMP, LOSSES, NETWORKS, daily_sums
from rnncourse.baselines import Baseline, HarmonicRegression, LinearAutoregression, Mean, Persistence
from rnncourse.data import Series, Split, Windows, chronological, fill_short_gaps, load_power, synthetic_power
from rnncourse.networks import power_network
from rnncourse.studies import Scale, Study, StudyError, recorded
from rnncourse.training import FreshWindows, fit, one_cycle, predict, set_seed

if TYPE_CHECKING:
    import pandas as pd

Source = Literal["household", "synthetic"]
Floats = NDArray[np.float64]
Forecast = Callable[[Windows], Floats]

DAY = 1440
WINDOW = 60
VALIDATED = 3  # every third validation window is looked at


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run.

    Attributes:
        model: a baseline or a network of `rnncourse.networks.power_network`.
        seed: of the initial weights and the order of the windows.
        source: ``household`` or ``synthetic``.
        loss: what the network is trained on, ``mse`` or ``mae``; a baseline ignores it.
        passes: over the training windows; 0 for a baseline.
        lr: highest rate of the cycle.
        share: of the training windows, drawn anew for each pass; 1 reads all of them in every pass.
        batch_size: windows per step.
    """

    model: str
    seed: int
    source: Source
    loss: str = "mse"
    passes: int = 0
    lr: float = 0.0
    share: float = 1.0
    batch_size: int = 256


@lru_cache(maxsize=2)
def minutes(source: Source) -> Series:
    """What the studies read: gaps of up to `GAP` minutes filled with the value before them, longer ones left open."""
    return fill_short_gaps(load_power() if source == "household" else synthetic_power(days=14), limit=GAP)


@lru_cache(maxsize=2)
def _split(source: Source) -> Split:
    split = chronological(minutes(source), window=WINDOW)
    return replace(split, validation=split.validation[::VALIDATED])


def run_rate(config: Config, device: str) -> dict[str, Any]:
    """Train a network and judge it on the validation part: losses by pass, and the lowest of them, ``best_loss``."""
    _, measured = train(config, _split(config.source), device)
    return measured | {"best_loss": min(measured["validation_loss"])}


def run(config: Config, device: str) -> dict[str, Any]:
    """Fit and score one model.

    Returns:
        On all test windows: ``mse``, ``mae``, and sums of errors by day and `by_jump`. ``interval`` holds 95 % of the
        errors on the validation part, and ``coverage`` is its share of the test errors. Number of ``parameters``. Of a
        network also what `train` says.
    """
    split = _split(config.source)
    if config.model in NETWORKS:
        forecast, measured = train(config, split, device)
    else:
        fitted = _baselines()[config.model].fit(split.train)
        forecast, measured = fitted.predict, {"parameters": fitted.parameters}
    errors = forecast(split.test) - split.test.targets
    low, high = np.quantile(forecast(split.validation) - split.validation.targets, (0.025, 0.975))
    return {
        "mse": np.mean(errors**2),
        "mae": np.mean(np.abs(errors)),
        "test_windows": len(errors),
        "interval": [low, high],
        "coverage": np.mean((low <= errors) & (errors <= high)),
        **measured,
        **by_jump(errors[:, 0], split.test),
        **daily_sums(errors, split.test.times),
    }


def _baselines() -> dict[str, Baseline]:
    return {
        "mean": Mean(),
        "persistence": Persistence(),
        "ar": LinearAutoregression(WINDOW),
        "ar-harmonics": HarmonicRegression(DAY, harmonics=4, lags=WINDOW),
    }


def train(config: Config, split: Split, device: str) -> tuple[Forecast, dict[str, Any]]:
    """Train a network; its forecast, with the weights of the pass that validation finds best.

    Returns:
        Forecast of windows. Losses by pass, ``train_loss`` while the weights moved and ``validation_loss`` after the
        pass; ``best_pass``, from 1; number of ``parameters`` and of ``train_windows``, and how many windows were read,
        ``windows_seen``.
    """
    set_seed(config.seed)
    net = power_network(config.model)  # type: ignore[arg-type]
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

    def forecast(of: Windows) -> Floats:
        return predict(net, of.every[of.starts], device=device).astype(np.float64)

    return forecast, {
        "parameters": sum(weight.numel() for weight in net.parameters()),
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


# ---- The grids.

RATES = (1e-3, 3e-3, 1e-2)
SHORT, PASSES, LONG = 2, 12, 24  # passes: to choose the rate, for the table, and to see what the table's leave
SMALL: dict[str, Any] = {"source": "synthetic", "passes": 2, "share": 0.05}


def rates_grid(scale: Scale, seeds: int) -> list[Config]:
    """Each network once per rate and seed."""
    how, models = ({"source": "household", "passes": SHORT}, NETWORKS) if scale == "full" else (SMALL, ("rnn",))
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


def grid(scale: Scale, seeds: int) -> list[Config]:
    """Baselines once; each network once per seed and loss; at full scale each once, for longer."""
    source: Source = "household" if scale == "full" else "synthetic"
    still = [Config(model=model, seed=0, source=source) for model in _baselines()]
    if scale == "small":
        return still + [
            Config(model="rnn", lr=1e-2, seed=seed, loss=loss, **SMALL) for seed in range(seeds) for loss in LOSSES
        ]
    rates = chosen_rates()
    table = [
        Config(model=model, lr=rates[model], seed=seed, loss=loss, passes=PASSES, source=source)
        for seed in range(seeds)
        for loss in LOSSES
        for model in NETWORKS
    ]
    longer = [replace(one, passes=LONG) for one in table[: len(NETWORKS)]]
    return still + table + longer


def _data(scale: Scale) -> str:
    return minutes("household" if scale == "full" else "synthetic").fingerprint


_RECIPE = (
    f"Gaps of up to {GAP} minutes repeat the value before them; no window reaches across a longer one. At full scale "
    "every pass reads all training windows, in batches of 256, with one cycle of the rate over the whole training and "
    f"gradients clipped at 1. Every third validation window is looked at after each pass."
)

RATES_STUDY = Study(
    name="next-minute-rates",
    about="at which learning rate does each of the four networks forecast the next minute best?",
    seeds=3,
    grid=rates_grid,
    run=run_rate,
    data=_data,
    notes=f"{_RECIPE} {SHORT} passes, a sixth of the full training; the test part is not looked at.",
)

NEXT_MINUTE = Study(
    name="next-minute",
    about="trained to the plateau, does any of the four networks forecast the next minute better than no network?",
    seeds=5,
    grid=grid,
    run=run,
    data=_data,
    notes=f"{_RECIPE} {PASSES} passes, and {LONG} once for each network, to see what {PASSES} leave. The rate of a "
    "network is the one that next-minute-rates chooses, also for absolute errors. The weights of the best pass on the "
    "validation part are scored on all test windows.",
)

STUDIES = (RATES_STUDY, NEXT_MINUTE)
