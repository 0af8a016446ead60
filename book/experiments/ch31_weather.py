"""The weather question of the coursework: three deep networks, a fitting one, and forecasts without a network.

Everything is scored on the coursework's own split of 1,451 windows of ten days: 0 to 799 for training, 800 to 999 for
validation, 1000 and on for the test, which the coursework built and never scored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncourse.baselines import Baseline, HarmonicRegression, LinearAutoregression, Mean, Persistence
from rnncourse.data import Scaler, Series, Windows, fit_scaler, make_windows, seattle_weather
from rnncourse.networks import Forecaster, Kind, weather_network
from rnncourse.statistics import mae, mse
from rnncourse.studies import Scale, Study
from rnncourse.training import History, fit, predict, set_seed

Floats = NDArray[np.float64]
Units = Literal["celsius", "scaled"]
Inputs = Literal["temperature", "calendar"]

WINDOW = 10
TRAIN, VALIDATION = 800, 1000  # windows before the first cut, and before the second
YEAR = 365.25
BATCH = 32
KINDS: tuple[Kind, ...] = ("lstm", "gru", "rnn")
BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "mean": Mean(),
        "climatology": HarmonicRegression(YEAR),
        "persistence": Persistence(),
        "ar": LinearAutoregression(WINDOW),
        "ar-harmonics": HarmonicRegression(YEAR, lags=WINDOW),
    }
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run.

    Attributes:
        model: ``lstm``, ``gru``, ``rnn`` or a key of ``BASELINES``.
        network: ``deep`` (4 layers of 50, dropout 0.2), ``small`` (1 layer of 32) or ``none``.
        units: what the network sees and predicts: ``celsius`` or ``scaled`` by the training rows.
        inputs: ``temperature`` alone, or with the ``calendar``: two harmonics of the year.
        start: initial weights, ``keras`` or ``torch``.
        epochs: passes over the training windows, at most.
        patience: epochs without a lower validation loss before the run ends; 0 never ends early.
        lr: Adam's learning rate.
        seed: of the initial weights, the order of the batches and the dropout.
    """

    model: str
    network: Literal["deep", "small", "none"]
    units: Units = "celsius"
    inputs: Inputs = "temperature"
    start: Literal["keras", "torch"] = "keras"
    epochs: int = 0
    patience: int = 0
    lr: float = 1e-3
    seed: int = 0


def grid(scale: Scale, seeds: int) -> list[Config]:
    """Each baseline once, each network once per seed; the small scale has the small networks alone."""
    still = [Config(model=name, network="none") for name in BASELINES]
    small: dict[str, Any] = {"network": "small", "units": "scaled", "epochs": 100, "patience": 15, "lr": 3e-3}
    kinds = [small]
    if scale == "full":
        deep: dict[str, Any] = {"network": "deep", "units": "celsius", "epochs": 100}
        # Scaled, the deep networks are at their best within fifty epochs.
        kinds = [deep, deep | {"units": "scaled", "epochs": 50}, small, small | {"inputs": "calendar"}]
    seeded = [Config(model=kind, seed=seed, **fields) for fields in kinds for kind in KINDS for seed in range(seeds)]
    return still + seeded


@lru_cache(maxsize=2)
def series(inputs: Inputs = "temperature") -> Series:
    """Seattle's daily maximum in °C, ``(1461, 1)``; with the calendar, sines and cosines of the year beside it."""
    temperature = seattle_weather().select("temp_max")
    if inputs == "temperature":
        return temperature
    days = (temperature.times - np.datetime64("2000-01-01")) / np.timedelta64(1, "D")
    angles = 2 * np.pi * days[:, None] * np.array([1, 2]) / YEAR
    waves = np.hstack((np.sin(angles), np.cos(angles)))
    names, units = ("temp_max", "sin 1", "sin 2", "cos 1", "cos 2"), ("°C", "", "", "", "")
    values = np.hstack((temperature.values, waves))
    return Series("Seattle weather and calendar", values, names, units, temperature.start, temperature.step)


def split(all_windows: Windows) -> tuple[Windows, Windows, Windows]:
    """The coursework's three parts, counted in windows."""
    return all_windows[:TRAIN], all_windows[TRAIN:VALIDATION], all_windows[VALIDATION:]


def run(config: Config, device: str) -> dict[str, Any]:
    """One forecast, fitted and scored; all errors in °C and °C²."""
    return _baseline(BASELINES[config.model]) if config.network == "none" else _network(config, device)


def _baseline(baseline: Baseline) -> dict[str, Any]:
    train, validation, test = split(make_windows(series(), window=WINDOW))
    fitted = baseline.fit(train)
    errors = {name: mse(fitted.predict(part), part.targets) for name, part in (("t", train), ("v", validation))}
    return {
        "parameters": fitted.parameters,
        "last_train": errors["t"],
        "last_validation": errors["v"],
        "best_validation": errors["v"],
        **_scores("test", fitted.predict(test), test.targets),
        "forecast": np.round(fitted.predict(test)[:, 0], 3),
    }


def _scores(name: str, forecast: Floats, targets: Floats) -> dict[str, float]:
    return {f"{name}_mse": mse(forecast, targets), f"{name}_mae": mae(forecast, targets)}


def _network(config: Config, device: str) -> dict[str, Any]:
    celsius = series(config.inputs)
    scaler = _scaler(celsius, config.units)
    train, validation, test = split(make_windows(scaler.transform(celsius), window=WINDOW))
    net = build(config)
    last = Snapshot(net, at=config.epochs * -(-len(train) // BATCH), lr=config.lr)
    history = fit(
        net,
        (train.inputs, train.targets),
        (validation.inputs, validation.targets),
        epochs=config.epochs,
        batch_size=BATCH,
        patience=config.patience or None,
        seed=config.seed,
        device=device,
        progress=False,
        optimiser=last,
    )

    def forecast() -> Floats:
        return scaler.inverse(predict(net, test.inputs).astype(np.float64))

    targets = scaler.inverse(test.targets)
    selected = forecast()
    scores = _scores("test", selected, targets)
    if last.weights is not None:  # the run was not stopped early
        net.load_state_dict(last.weights)
        scores |= _scores("last_test", forecast(), targets)
    learned = {"parameters": sum(weight.numel() for weight in net.parameters() if weight.requires_grad)}
    return learned | _losses(history, float(scaler.std[0]) ** 2) | scores | {"forecast": np.round(selected[:, 0], 3)}


def _losses(history: History, square: float) -> dict[str, Any]:
    """A run's losses in °C², of which ``square`` is one unit."""
    return {
        "epochs_run": len(history),
        "best_epoch": history.best_epoch,
        "last_train": square * history.train_loss[-1],
        "last_validation": square * history.validation_loss[-1],
        "best_validation": square * history.best_validation_loss,
        "train_curve": np.round(square * np.array(history.train_loss), 3),
        "validation_curve": np.round(square * np.array(history.validation_loss), 3),
    }


def _scaler(celsius: Series, units: Units) -> Scaler:
    """Standardisation by the rows that training windows and their targets cover, or none."""
    if units == "celsius":
        one = np.ones(len(celsius.columns))
        return Scaler(0 * one, one)
    return fit_scaler(celsius, rows=TRAIN + WINDOW)


def build(config: Config) -> Forecaster:
    """The untrained network of a config, its weights drawn from the config's seed."""
    kind: Kind = next(kind for kind in KINDS if kind == config.model)
    features = len(series(config.inputs).columns)
    set_seed(config.seed)
    if config.network == "deep":
        net = weather_network(kind, input_size=features)
    else:
        net = Forecaster(kind, input_size=features, hidden_size=32, num_layers=1)
    return keras_start_(net) if config.start == "keras" else net


@torch.no_grad()
def keras_start_(net: Forecaster) -> Forecaster:
    """Draw the initial weights as Keras does by default, from torch's global generator.

    Input weights and head: Glorot uniform. Recurrent weights: one orthogonal matrix for all gates. Biases: 0, and 1
    for the forget gate of an LSTM. torch's second bias, which Keras has in the GRU alone, is held at 0 elsewhere.

    Source: Keras 3, defaults of SimpleRNN, LSTM, GRU and Dense; Glorot & Bengio (2010).
    """
    for name, weight in net.rnn.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(weight)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(weight)
        else:
            weight.zero_()
            if net.kind == "lstm" and name.startswith("bias_ih"):
                weight[net.rnn.hidden_size : 2 * net.rnn.hidden_size] = 1.0
            weight.requires_grad_(net.kind == "gru" or name.startswith("bias_ih"))
    nn.init.xavier_uniform_(net.head.weight)
    net.head.bias.zero_()
    return net


class Snapshot:
    """Makes Adam with Keras's epsilon, and keeps the weights of one step; `fit` itself hands back the best epoch's.

    Args:
        net: the network that is trained.
        at: the step to keep, from 1.
        lr: the learning rate.

    Attributes:
        weights: the network's tensors after that step, or None before it.
    """

    def __init__(self, net: nn.Module, *, at: int, lr: float) -> None:
        self.net, self.at, self.lr = net, at, lr
        self.steps = 0
        self.weights: dict[str, Tensor] | None = None

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser of these parameters, as `fit` asks for it."""
        adam = torch.optim.Adam(parameters, lr=self.lr, eps=1e-7, fused=True)
        adam.register_step_post_hook(self._after)
        return adam

    def _after(self, *_: object) -> None:
        self.steps += 1
        if self.steps == self.at:
            self.weights = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}


def fingerprint(scale: Scale) -> str:
    """Of Seattle's daily maximum; both scales read all of it."""
    return series().fingerprint


STUDY = Study(
    name="weather",
    about="HW6 Q3: do an LSTM, a GRU and an RNN forecast tomorrow's maximum in Seattle better than simple forecasts?",
    seeds=10,
    grid=grid,
    run=run,
    data=fingerprint,
    notes=(
        "The deep networks in °C are trained for 100 epochs, as in the coursework; scaled, for 50. Initial weights and "
        "Adam's epsilon are Keras's. All windows are used; the small networks stop early."
    ),
)
STUDIES = (STUDY,)
