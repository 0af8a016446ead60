"""Four studies for *Hours and days*: what a forecast of a household's next hour and next day can know.

``hours`` compares networks with lines and with forecasts that learn nothing, with and without the calendar, at three
cuts of half a year: the cut moves on, and everything before it is training and validation. A model names the next hour
alone, and is then fed its own answers up to 24 hours ahead (*recursive*), or all 24 hours at once (*direct*).
``hours-intervals`` puts a range around two of these forecasts and counts how often the hour lies in it.
``hours-leaks`` lets a line and a network see what lies after the cut, in three ways. ``hours-load`` holds means of the
load itself. Errors are in kW.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rnncourse.data import Series, fill_short_gaps, load_power, synthetic_power
from rnncourse.networks import Forecaster
from rnncourse.studies import Scale, Study
from rnncourse.training import History, fit, predict, set_seed

Source = Literal["household", "synthetic"]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Loss = Callable[[Any, Tensor], Tensor]
Step = Callable[[Floats, Floats], Floats]
Ends = Callable[[Mask], tuple[Floats, Floats]]

GAP = 5  # minutes: longest gap that is filled, with the value before it
WINDOW, AHEAD = 24, 24  # hours that a forecast reads, and that it names
LEADS: Mapping[str, int] = MappingProxyType({"one": 0, "day": AHEAD - 1})  # outputs that are looked at by day
CUTS: Mapping[int, float] = MappingProxyType({1: 0.40, 2: 0.55, 3: 0.70})  # share of the hours that is training
PART = 0.15  # share of the hours in the validation part, and in the test part behind it
EPOCHS, PATIENCE, BATCH = 100, 5, 64
LEVEL = 0.9  # of a prediction interval
NEIGHBOURS = ("apart", "trained", "both")  # leaks with the same test windows
NETWORKS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {"kind": "lstm", "hidden_size": 16, "num_layers": 1},
        "rnn": {"kind": "rnn"},
        "lstm": {"kind": "lstm"},
        "gru": {"kind": "gru"},
        "bilstm": {"kind": "lstm", "bidirectional": True},
    }
)


class Hours(NamedTuple):
    """All windows of the hourly series without a missing hour, with what follows each of them."""

    power: Floats  #: kW, (window, WINDOW)
    calendar: Floats  #: (window, WINDOW + AHEAD, 14), of the hours read and of those named
    target: Floats  #: kW, (window, AHEAD)
    first: NDArray[np.int64]  #: row of the first hour that is named
    times: NDArray[np.datetime64]  #: time stamp of each row of the series
    known: Floats  #: kW of each row, NaN where missing


class Parts(NamedTuple):
    """Which windows are for training, validation and test, and the training part's mean and standard deviation."""

    train: Mask
    validation: Mask
    test: Mask
    mean: float
    std: float


def hourly(minutes: Series) -> Series:
    """Means over whole hours of the clock; an hour with a missing minute is missing."""
    hour = np.timedelta64(60, "m")
    first = int((minutes.start.astype("datetime64[h]") - minutes.start) % hour // minutes.step)
    whole = minutes.values[first:]
    means = whole[: len(whole) // 60 * 60].reshape(-1, 60, whole.shape[1]).mean(axis=1)
    return replace(minutes, values=means, start=minutes.start + first * minutes.step, step=hour)


@lru_cache(maxsize=2)
def house(source: Source) -> Series:
    """Half a year of the household by the hour, or 60 days of a synthetic one."""
    minutes = load_power() if source == "household" else synthetic_power(days=60)
    return hourly(fill_short_gaps(minutes, limit=GAP))


def calendar_of(times: NDArray[np.datetime64]) -> Floats:
    """Four harmonics of the day and three of the week, sine and cosine: ``(time, 14)``."""
    hours = times.astype("datetime64[h]").astype(np.int64)
    day, week = hours[:, None] % 24 * np.arange(1, 5) / 24, (hours[:, None] + 72) % 168 * np.arange(1, 4) / 168
    angles = 2 * np.pi * np.hstack((day, week))
    return np.hstack((np.sin(angles), np.cos(angles)))


@lru_cache(maxsize=2)
def windows(source: Source) -> Hours:
    """Every window of `WINDOW` hours and the `AHEAD` hours after it in which nothing is missing."""
    series = house(source)
    known, calendar = series.values[:, 0], calendar_of(series.times)
    both = sliding_window_view(known, WINDOW + AHEAD)
    starts = np.flatnonzero(np.isfinite(both).all(axis=1))
    both = both[starts]
    stamps = sliding_window_view(calendar, WINDOW + AHEAD, axis=0)[starts].transpose(0, 2, 1)
    return Hours(both[:, :WINDOW], stamps, both[:, WINDOW:], starts + WINDOW, series.times, known)


def cut_at(hours: Hours, cut: int) -> Parts:
    """Training ends at the cut; a window belongs to the part in which *all* the hours lie that it names."""
    shares = (0.0, CUTS[cut], CUTS[cut] + PART, CUTS[cut] + 2 * PART)
    edges = [round(share * len(hours.known)) for share in shares]
    parts = [(hours.first >= low) & (hours.first + AHEAD <= high) for low, high in pairwise(edges)]
    seen = hours.known[: edges[1]]
    return Parts(parts[0], parts[1], parts[2], float(np.nanmean(seen)), float(np.nanstd(seen)))


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run of ``hours``.

    Attributes:
        model: ``last``, ``yesterday``, ``clock``, ``line`` or one of `NETWORKS`.
        calendar: whether the model reads the calendar.
        ahead: hours that it names: 1, the others recursively, or 24.
        cut: which of `CUTS`.
        seed: of the initial weights and the order of the windows.
        lr: learning rate of Adam.
        source: ``household`` or ``synthetic``.
    """

    model: str
    calendar: bool
    ahead: int
    cut: int
    seed: int
    source: Source
    lr: float = 0.0
    epochs: int = EPOCHS


def run(config: Config, device: str) -> dict[str, Any]:
    """Fit one model on the training part and forecast every window of the test part.

    Returns:
        In kW: ``mse`` for each of the hours ahead; of the first and of the last of them also ``mae`` and the squared
        errors summed by the day of the target, with their ``count``. Number of ``parameters``. Of a network also
        ``passes``, ``best_epoch``, ``train`` and ``validation`` losses by pass, in standard deviations of the training
        part.
    """
    hours = windows(config.source)
    parts = cut_at(hours, config.cut)
    forecast, measured = _forecast(config, hours, parts, device)
    errors = forecast - hours.target[parts.test]
    days: dict[str, list[float]] = {}
    for name, lead in LEADS.items():
        stamps = hours.times[hours.first[parts.test] + lead]
        days |= {f"{name}_{what}": sums for what, sums in by_day(errors[:, lead] ** 2, stamps).items()}
    counts = {"train_windows": int(parts.train.sum()), "test_windows": len(errors)}
    return {
        "mse": np.mean(errors**2, axis=0).tolist(),
        **{f"{name}_mae": float(np.mean(np.abs(errors[:, lead]))) for name, lead in LEADS.items()},
        **days,
        **counts,
        **measured,
    }


def by_day(losses: Floats, stamps: NDArray[np.datetime64]) -> dict[str, list[float]]:
    """Sum and number of losses on each day."""
    _, first = np.unique(stamps.astype("datetime64[D]"), return_index=True)
    return {
        "sum": np.add.reduceat(losses, first).tolist(),
        "count": np.add.reduceat(np.ones_like(losses), first).tolist(),
    }


def _forecast(config: Config, hours: Hours, parts: Parts, device: str) -> tuple[Floats, dict[str, Any]]:
    """What a model says of the test windows, kW ``(window, AHEAD)``, and what there is to say of the model."""
    test, power = parts.test, hours.power[parts.test]
    if config.model == "last":
        return np.repeat(power[:, -1:], AHEAD, axis=1), {"parameters": 0}
    if config.model == "yesterday":
        return power[:, -AHEAD:], {"parameters": 0}
    step, measured = _fitted(config, hours, parts, device)
    forecast = step(power, hours.calendar[test]) if config.ahead > 1 else recursive(step, hours, test)
    return forecast, measured


def _fitted(config: Config, hours: Hours, parts: Parts, device: str) -> tuple[Step, dict[str, Any]]:
    """A line or a network after training: a function of the window's hours and the calendar."""
    if config.model in ("clock", "line"):
        weights = fit_line(config, hours, parts.train)
        return lambda now, stamps: line_inputs(config, now, stamps) @ weights, {"parameters": int(weights.size)}
    net = build(config.model, calendar=config.calendar, outputs=config.ahead, seed=config.seed)
    history = train(net, hours, parts, config, device)

    def answer(now: Floats, stamps: Floats) -> Floats:
        inputs = net_inputs((now - parts.mean) / parts.std, stamps, config.calendar)
        return predict(net, inputs, device=device).astype(np.float64) * parts.std + parts.mean

    return answer, {"parameters": sum(weight.numel() for weight in net.parameters()), **curves(history)}


def recursive(step: Step, hours: Hours, which: Mask) -> Floats:
    """Name the next hour, take the answer for what happened, and go on, `AHEAD` times."""
    power, stamps = hours.power[which], hours.calendar[which]
    for hour in range(AHEAD):
        following = step(power[:, -WINDOW:], stamps[:, hour : hour + WINDOW + 1])
        power = np.concatenate((power, following[:, :1]), axis=1)
    return power[:, -AHEAD:]


def line_inputs(config: Config, power: Floats, stamps: Floats) -> Floats:
    """A one, the window's hours, and the calendar of the first hour named."""
    parts = [np.ones((len(power), 1))]
    parts += [power] if config.model == "line" else []
    parts += [stamps[:, WINDOW]] if config.calendar else []
    return np.hstack(parts)


def fit_line(config: Config, hours: Hours, which: Mask) -> Floats:
    """Least squares: weights ``(inputs, ahead)``."""
    inputs = line_inputs(config, hours.power[which], hours.calendar[which])
    weights: Floats = np.linalg.lstsq(inputs, hours.target[which, : config.ahead], rcond=None)[0]  # type: ignore[assignment]
    return weights


def build(model: str, *, calendar: bool, outputs: int, seed: int) -> Forecaster:
    """A network with its initial weights."""
    set_seed(seed)
    return Forecaster(**NETWORKS[model], input_size=15 if calendar else 1, output_size=outputs)


def net_inputs(power: Floats, stamps: Floats, calendar: bool) -> Floats:
    """The window's hours, each beside the calendar of the hour *after* it, which is known in advance."""
    return np.concatenate((power[:, :, None], stamps[:, 1 : WINDOW + 1]), axis=2) if calendar else power[:, :, None]


def train(
    net: Forecaster, hours: Hours, parts: Parts, config: Config, device: str, loss: Loss = functional.mse_loss
) -> History:
    """Adam, one rate, until the validation loss has not fallen for `PATIENCE` passes; the best weights stay."""
    sets = []
    for which in (parts.train, parts.validation):
        power, target = ((values[which] - parts.mean) / parts.std for values in (hours.power, hours.target))
        sets.append((net_inputs(power, hours.calendar[which], config.calendar), target[:, : config.ahead]))
    return fit(
        net,
        *sets,
        epochs=config.epochs,
        batch_size=BATCH,
        lr=config.lr,
        loss=loss,
        patience=PATIENCE,
        clip_norm=1.0,
        seed=config.seed,
        device=device,
        progress=False,
    )


def curves(history: History) -> dict[str, Any]:
    """Passes, the best of them, and both losses by pass."""
    return {
        "passes": len(history),
        "best_epoch": history.best_epoch,
        "train": history.train_loss,
        "validation": history.validation_loss,
    }


# ---- The load itself.


@dataclass(frozen=True, kw_only=True)
class LoadConfig:
    """What is drawn first: means of the load over many days, never the measured values."""

    seed: int
    source: Source


def run_load(config: LoadConfig, device: str) -> dict[str, Any]:
    """In kW, over the whole series: the mean day by the quarter of an hour, the mean week by the hour, and each week.

    ``day`` is the mean of all minutes in a quarter of an hour of the clock, ``low`` and ``high`` leave a tenth of these
    minutes below and above. ``week`` is the mean of each hour of the week, ``weeks`` the mean of each calendar week.
    """
    minutes = load_power() if config.source == "household" else synthetic_power(days=60)
    quarter = minutes.times.astype("datetime64[m]").astype(np.int64) % 1440 // 15
    parts = [minutes.values[quarter == number, 0] for number in range(96)]
    hours = house(config.source)
    stamps, known = hours.times.astype("datetime64[h]").astype(np.int64) + 72, hours.values[:, 0]  # Monday 0:00 is 0
    week = stamps // 168 - stamps[0] // 168
    return {
        "day": [float(np.nanmean(part)) for part in parts],
        "low": [float(np.nanquantile(part, 0.1)) for part in parts],
        "high": [float(np.nanquantile(part, 0.9)) for part in parts],
        "week": [float(np.nanmean(known[stamps % 168 == hour])) for hour in range(168)],
        "weeks": [float(np.nanmean(known[week == number])) for number in range(int(week[-1]) + 1)],
    }


# ---- Ranges.


@dataclass(frozen=True, kw_only=True)
class IntervalConfig:
    """One run of ``hours-intervals``: a 90 % range by a ``method``, ``conformal`` or ``quantile``, around a model."""

    model: str
    method: str
    cut: int
    seed: int
    source: Source
    lr: float = 0.0
    epochs: int = EPOCHS


def run_interval(config: IntervalConfig, device: str) -> dict[str, Any]:
    """Fit a direct model with the calendar on the training part, and count on the test part.

    A network stops by the even days of the validation part. The odd days calibrate the conformal ranges.

    Returns:
        For the first and the last hour named: ``covered`` hours and their ``count`` by the day of the target, mean
        ``width`` in kW, ``by_clock`` the share covered in the hours from 0 to 23, ``below`` and ``above`` the shares
        of the hours beyond either end. Of a network also its curves.
    """
    hours = windows(config.source)
    parts = cut_at(hours, config.cut)
    even = hours.times[hours.first].astype("datetime64[D]").astype(np.int64) % 2 == 0
    stopping = parts._replace(validation=parts.validation & even)
    answer, measured = _ends(config, hours, stopping, device)
    low, high = answer(parts.test)
    if config.method == "conformal":
        calibration = parts.validation & ~even
        residuals = np.abs(hours.target[calibration] - answer(calibration)[0])
        margin = conformal_margin(residuals, LEVEL)
        low, high = low - margin, low + margin
    target, scored = hours.target[parts.test], dict[str, Any]()
    for name, lead in LEADS.items():
        stamps = hours.times[hours.first[parts.test] + lead]
        scored |= {f"{name}_{k}": v for k, v in coverage(low[:, lead], high[:, lead], target[:, lead], stamps).items()}
    return {**scored, **measured}


def conformal_margin(residuals: Floats, level: float) -> Floats:
    """The smallest absolute residual that at least ``level`` of n + 1 are not above, for each output."""
    n = len(residuals)
    rank = min(int(np.ceil((n + 1) * level)), n)
    margin: Floats = np.sort(residuals, axis=0)[rank - 1]
    return margin


def coverage(low: Floats, high: Floats, target: Floats, stamps: NDArray[np.datetime64]) -> dict[str, Any]:
    """How often the target lies between low and high, by day and by the hour of the clock, and how wide that is."""
    inside = ((low <= target) & (target <= high)).astype(np.float64)
    clock = stamps.astype("datetime64[h]").astype(np.int64) % 24
    days = by_day(inside, stamps)
    return {
        "covered": days["sum"],
        "count": days["count"],
        "width": float(np.mean(high - low)),
        "by_clock": (np.bincount(clock, inside, 24) / np.maximum(np.bincount(clock, minlength=24), 1)).tolist(),
        "below": float(np.mean(target < low)),
        "above": float(np.mean(target > high)),
    }


def _ends(config: IntervalConfig, hours: Hours, parts: Parts, device: str) -> tuple[Ends, dict[str, Any]]:
    """A function from a mask to both ends ``(window, AHEAD)``, equal ones for a conformal range to go around."""
    plain = Config(
        model=config.model,
        calendar=True,
        ahead=AHEAD,
        cut=config.cut,
        seed=config.seed,
        source=config.source,
        lr=config.lr,
        epochs=config.epochs,
    )
    quantile = config.method == "quantile"
    if config.model == "line":
        shares = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        fits = [quantile_line(plain, hours, parts.train, q) for q in shares] if quantile else []
        fits = fits or [fit_line(plain, hours, parts.train)] * 2

        def of_line(which: Mask) -> tuple[Floats, Floats]:
            inputs = line_inputs(plain, hours.power[which], hours.calendar[which])
            return inputs @ fits[0], inputs @ fits[1]

        return of_line, {}
    net = build(config.model, calendar=True, outputs=AHEAD * (1 + quantile), seed=config.seed)
    history = train(net, hours, parts, plain, device, loss=pinball if quantile else functional.mse_loss)

    def of_net(which: Mask) -> tuple[Floats, Floats]:
        inputs = net_inputs((hours.power[which] - parts.mean) / parts.std, hours.calendar[which], True)
        ends = predict(net, inputs, device=device).astype(np.float64) * parts.std + parts.mean
        return ends[:, :AHEAD], ends[:, -AHEAD:]

    return of_net, curves(history)


def pinball(outputs: Tensor, target: Tensor) -> Tensor:
    """Mean quantile loss: the first half of the outputs are the lower ends, the second half the upper ones."""
    losses = []
    for end, share in zip(outputs.chunk(2, dim=1), ((1 - LEVEL) / 2, (1 + LEVEL) / 2), strict=True):
        error = target - end
        losses.append(torch.maximum(share * error, (share - 1) * error))
    return torch.stack(losses).mean()


def quantile_line(config: Config, hours: Hours, which: Mask, share: float) -> Floats:
    """Weights with the lowest quantile loss, ``(inputs, AHEAD)``; only the first and last hour named are fitted."""
    from sklearn.linear_model import QuantileRegressor

    inputs = line_inputs(config, hours.power[which], hours.calendar[which])
    weights = np.zeros((inputs.shape[1], AHEAD))
    for lead in (0, AHEAD - 1):
        line = QuantileRegressor(quantile=share, alpha=0, fit_intercept=False, solver="highs")
        weights[:, lead] = line.fit(inputs, hours.target[which, lead]).coef_
    return weights


# ---- Leaks.


@dataclass(frozen=True, kw_only=True)
class LeakConfig:
    """One run of ``hours-leaks``: a direct model with the calendar at the last cut, and what it was allowed to see.

    ``leak`` is ``none``; ``scaler``, mean and standard deviation of the whole series; ``windows``, all windows shuffled
    before they are shared out; or ``weeks``, whole weeks shuffled and shared out. Both leave out windows that lie in
    two weeks, so that they have as many. Three more take the split by weeks and test two fifths of the windows of its
    test weeks: ``apart`` trains on as many windows of the other weeks as before; ``trained`` gives up some of these for
    neighbours of the test windows; ``both`` also stops early by such neighbours.
    """

    model: str
    leak: str
    seed: int
    source: Source
    lr: float = 0.0
    epochs: int = EPOCHS


def run_leak(config: LeakConfig, device: str) -> dict[str, Any]:
    """What the test part of such a split says: ``mse`` of the model and of the last value by hour ahead, in kW²."""
    hours = windows(config.source)
    parts = leaky(hours, config.leak, config.seed)
    plain = Config(
        model=config.model,
        calendar=True,
        ahead=AHEAD,
        cut=3,
        seed=config.seed,
        source=config.source,
        lr=config.lr,
        epochs=config.epochs,
    )
    forecast, measured = _forecast(plain, hours, parts, device)
    last = np.repeat(hours.power[parts.test][:, -1:], AHEAD, axis=1)
    target = hours.target[parts.test]
    scores = {
        "mse": np.mean((forecast - target) ** 2, axis=0).tolist(),
        "last": np.mean((last - target) ** 2, axis=0).tolist(),
    }
    return {**scores, "train_windows": int(parts.train.sum()), "test_windows": len(target), **measured}


def leaky(hours: Hours, leak: str, seed: int) -> Parts:
    """The last cut with a leak."""
    parts = cut_at(hours, 3)
    if leak == "scaler":
        return parts._replace(mean=float(np.nanmean(hours.known)), std=float(np.nanstd(hours.known)))
    if leak == "none":
        return parts
    rng = np.random.default_rng(seed)
    week, last = (hours.first - WINDOW) // 168, (hours.first + AHEAD - 1) // 168
    weeks = int(last.max()) + 1
    drawn = rng.random(len(week)) if leak == "windows" else (rng.permutation(weeks) / weeks)[week]
    whole = week == last
    edges = (0.0, CUTS[3], CUTS[3] + PART, 1.0)
    train, validation, test = ((drawn >= low) & (drawn < high) & whole for low, high in pairwise(edges))
    if leak in NEIGHBOURS:
        train, validation, test = neighbours(leak, rng, train, validation, test)
    seen = hours.power[train]
    return Parts(train, validation, test, float(seen.mean()), float(seen.std()))


def neighbours(leak: str, rng: np.random.Generator, train: Mask, validation: Mask, test: Mask) -> tuple[Mask, ...]:
    """A split by weeks after one of `NEIGHBOURS`: the same test windows and as many in training for all three."""
    drawn = rng.random(len(test))
    near, stopping = test & (drawn >= 0.55), test & (drawn >= 0.4) & (drawn < 0.55)
    if leak != "apart":
        given_up = rng.permutation(np.flatnonzero(train))[: near.sum()]
        train = train | near
        train[given_up] = False
    return train, stopping if leak == "both" else validation, test & (drawn < 0.4)


# ---- The grids.

RATE_GRID = (1e-3, 3e-3, 1e-2, 3e-2)
CHOOSING = 3  # seeds with which a rate is chosen, on the validation part of the first cut
Setting = tuple[str, bool, int]  # a network, whether it reads the calendar, and the hours that it names
# What the table holds so far, with the rate chosen so; a network of `NETWORKS` that is added is first run at all rates.
RATES: Mapping[Setting, float] = MappingProxyType(
    {
        ("small", False, AHEAD): 3e-2,
        ("small", True, AHEAD): 1e-2,
        ("small", False, 1): 1e-2,
        ("small", True, 1): 3e-3,
        ("rnn", True, AHEAD): 1e-3,
        ("lstm", True, AHEAD): 1e-3,
        ("gru", True, AHEAD): 1e-3,
        ("bilstm", True, AHEAD): 1e-3,
    }
)
LEAKY = ("none", "scaler", "windows", "weeks", *NEIGHBOURS)
RULES = ("last", "yesterday", "clock", "line")


def _source(scale: Scale) -> Source:
    return "household" if scale == "full" else "synthetic"


def grid(scale: Scale, seeds: int) -> list[Config]:
    """What learns nothing or by least squares once a cut; the rates at the first cut; then each network and seed."""
    source, full = _source(scale), scale == "full"
    cuts = tuple(CUTS) if full else (3,)
    still = [
        Config(model=model, calendar=calendar, ahead=ahead, cut=cut, seed=0, source=source)
        for cut in cuts
        for model in RULES
        for calendar in ((False, True) if model == "line" else (model == "clock",))
        for ahead in ((1, AHEAD) if model == "line" else (AHEAD,))
    ]
    epochs = EPOCHS if full else 2

    def trained(setting: Setting, cut: int, seed: int, lr: float) -> Config:
        model, calendar, ahead = setting
        return Config(
            model=model, calendar=calendar, ahead=ahead, cut=cut, seed=seed, source=source, lr=lr, epochs=epochs
        )

    rates = [trained(s, 1, seed, lr) for s in RATES for lr in RATE_GRID for seed in range(CHOOSING) if full]
    table = [
        trained(s, cut, seed, RATES[s])
        for seed in range(seeds)
        for cut in cuts
        for s in RATES
        if cut == cuts[0] or s[0] == "small"  # the wide networks of HW5 Q7 are run at the first cut alone
    ]
    return list(dict.fromkeys((*still, *rates, *table)))


def interval_grid(scale: Scale, seeds: int) -> list[IntervalConfig]:
    """Two methods around the line, once a cut, and around the small network, once a cut and seed."""
    source, epochs = _source(scale), EPOCHS if scale == "full" else 2
    cuts = tuple(CUTS) if scale == "full" else (3,)
    methods = ("conformal", "quantile")
    lines = [IntervalConfig(model="line", method=m, cut=cut, seed=0, source=source) for cut in cuts for m in methods]
    nets = [
        IntervalConfig(
            model="small", method=m, cut=cut, seed=seed, source=source, lr=RATES["small", True, AHEAD], epochs=epochs
        )
        for seed in range(seeds)
        for cut in cuts
        for m in methods
    ]
    return lines + nets


def load_grid(scale: Scale, seeds: int) -> list[LoadConfig]:
    """One run: nothing is drawn at random."""
    return [LoadConfig(seed=0, source=_source(scale))]


def leak_grid(scale: Scale, seeds: int) -> list[LeakConfig]:
    """The line and one network, each split and seed."""
    source, epochs = _source(scale), EPOCHS if scale == "full" else 2
    return [
        LeakConfig(
            model=model,
            leak=leak,
            seed=seed,
            source=source,
            lr=0.0 if model == "line" else RATES[model, True, AHEAD],
            epochs=epochs,
        )
        for seed in range(seeds)
        for model in ("line", "small")
        for leak in LEAKY
        if model == "small" or leak in ("none", "windows", "weeks")  # least squares has no scale and no stopping
    ]


def _data(scale: Scale) -> str:
    return house(_source(scale)).fingerprint


_NOTES = (
    f"Hourly means; gaps of up to {GAP} minutes repeat the value before them, and an hour with a missing minute is "
    f"missing. Windows of {WINDOW} hours. Adam at one rate, batches of {BATCH}, clipping at norm 1, until the "
    f"validation loss has not fallen for {PATIENCE} passes; the weights of the best pass are scored."
)

HOURS = Study(
    name="hours",
    about="do networks forecast the next hour, or the next day, better than a line that reads the same?",
    seeds=5,
    grid=grid,
    run=run,
    data=_data,
    notes=f"{_NOTES} Rates: {RATE_GRID}, chosen with {CHOOSING} seeds by the best validation loss at the first cut.",
)
INTERVALS = Study(
    name="hours-intervals",
    about="how many of the hours lie in ranges that promise nine in ten?",
    seeds=5,
    grid=interval_grid,
    run=run_interval,
    data=_data,
    notes=_NOTES,
)
LEAKS = Study(
    name="hours-leaks",
    about="what does a test say after a leak?",
    seeds=5,
    grid=leak_grid,
    run=run_leak,
    data=_data,
    notes=_NOTES,
)

LOAD = Study(
    name="hours-load",
    about="what does the house draw on the mean day, in the mean week and from week to week?",
    seeds=1,
    grid=load_grid,
    run=run_load,
    data=_data,
    notes="Means and shares over half a year, or over a week: no measured value is kept.",
)

STUDIES = (HOURS, INTERVALS, LEAKS, LOAD)
