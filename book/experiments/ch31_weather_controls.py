"""Controls of the weather question: the training loss with dropout off, how high a head can reach, and other rates.

The windows, the split, the initial weights and the optimiser are those of `ch31_weather`. Networks on scaled data have
one grid of rates and as many seeds each; select a rate by its mean `best_validation`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.ch31_weather import (
    BASELINES,
    BATCH,
    KINDS,
    WINDOW,
    Floats,
    Inputs,
    Units,
    _scaler,
    _scores,
    fingerprint,
    keras_start_,
    series,
    split,
)
from rnncourse.baselines import Baseline
from rnncourse.data import Scaler, Windows, make_windows
from rnncourse.networks import Forecaster, Kind
from rnncourse.statistics import mse
from rnncourse.studies import Scale, Study
from rnncourse.training import History, fit, predict, set_seed

HOT = 28.0  # °C, of the last day that a window shows
RATES = (1e-3, 3e-3, 1e-2)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run.

    Attributes:
        model: ``lstm``, ``gru``, ``rnn`` or a key of ``BASELINES``.
        network: ``deep`` (4 layers of 50), ``small`` (1 layer of 32) or ``none``.
        dropout: after each layer of a deep network.
        units: what the network sees and predicts: ``celsius`` or ``scaled`` by the training rows.
        inputs: ``temperature`` alone, or with the ``calendar``: two harmonics of the year.
        epochs: passes over the training windows, at most.
        patience: epochs without a lower validation loss before the run ends; 0 never ends early.
        lr: Adam's learning rate.
        seed: of the initial weights, the order of the batches and the dropout.
    """

    model: str
    network: Literal["deep", "small", "none"]
    dropout: float = 0.0
    units: Units = "celsius"
    inputs: Inputs = "temperature"
    epochs: int = 0
    patience: int = 0
    lr: float = 1e-3
    seed: int = 0


def grid(scale: Scale, seeds: int) -> list[Config]:
    """Each baseline once; the small networks on scaled data at each rate; deep LSTM and RNN in °C as in the coursework.

    The small scale has the small networks at one rate alone.
    """
    still = [Config(model=name, network="none") for name in BASELINES]
    small: dict[str, Any] = {"network": "small", "units": "scaled", "epochs": 100, "patience": 15}
    if scale == "small":
        return still + [Config(model=kind, seed=seed, lr=3e-3, **small) for kind in KINDS for seed in range(seeds)]
    deep: dict[str, Any] = {"network": "deep", "dropout": 0.2, "epochs": 100}
    as_reported = [Config(model=kind, seed=seed, **deep) for kind, seed in product(("lstm", "rnn"), range(seeds))]
    tried = product(KINDS, RATES, range(seeds))
    return still + as_reported + [Config(model=kind, lr=lr, seed=seed, **small) for kind, lr, seed in tried]


def is_warm(windows: Windows) -> NDArray[np.bool_]:
    """Whether a target lies in the stretch of the year that validation covers: 21 March to 6 October."""
    days = windows.times.astype("datetime64[D]")
    warm: NDArray[np.bool_] = np.isin((days - days.astype("datetime64[Y]")).astype(int), np.arange(79, 279))
    return warm


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
        "forecast": np.round(fitted.predict(test)[:, 0], 2),
    }


def _network(config: Config, device: str) -> dict[str, Any]:
    celsius = series(config.inputs)
    scaler = _scaler(celsius, config.units)
    train, validation, test = split(make_windows(scaler.transform(celsius), window=WINDOW))
    net = build(config)
    watch = Watch(net, train, lr=config.lr, device=device)
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
        optimiser=watch,
    )

    def forecast(part: Windows) -> Floats:
        return scaler.inverse(predict(net, part.inputs, device=device).astype(np.float64))

    targets, selected, limits = scaler.inverse(test.targets), forecast(test), _limits(net, scaler, test)
    net.load_state_dict(watch.weights)
    warm = train[is_warm(train)]
    last_warm = mse(forecast(warm), scaler.inverse(warm.targets))
    learned = {"parameters": sum(weight.numel() for weight in net.parameters() if weight.requires_grad)}
    losses = _losses(history, watch.quiet, float(scaler.std[0]) ** 2)
    scores = _scores("test", selected, targets) | _scores("last_test", forecast(test), targets)
    scores["last_quiet_warm"] = last_warm
    return learned | losses | scores | limits | {"forecast": np.round(selected[:, 0], 2)}


def _losses(history: History, quiet: list[float], square: float) -> dict[str, Any]:
    """A run's losses in °C², of which ``square`` is one unit; ``quiet`` is the training loss with dropout off."""
    curves = {"train": history.train_loss, "quiet": quiet, "validation": history.validation_loss}
    return {
        "epochs_run": len(history),
        "best_epoch": history.best_epoch,
        **{f"last_{name}": square * curve[-1] for name, curve in curves.items()},
        "best_validation": square * history.best_validation_loss,
        **{f"{name}_curve": np.round(square * np.array(curve), 3) for name, curve in curves.items()},
    }


@torch.no_grad()
def _limits(net: Forecaster, scaler: Scaler, test: Windows) -> dict[str, Any]:
    """How high the network can forecast at all, and how near each layer is to its limit after hot days.

    No entry of a recurrent layer's output exceeds 1 in size, so no forecast exceeds the sum of the head's absolute
    weights plus its bias: its ``reach``, in °C. ``near_limit`` is, layer by layer, the share of last outputs above 0.95
    in size, over the test windows whose last day is hotter than `HOT`.
    """
    reach = float(net.head.weight.abs().sum() + net.head.bias)
    hot = scaler.inverse(test.inputs[:, -1, :1])[:, 0] > HOT
    final = net.rnn(torch.tensor(test.inputs[hot], dtype=torch.float32))[1]
    states = final[0] if isinstance(final, tuple) else final
    near = (states.abs() > 0.95).double().mean(dim=(1, 2))
    return {"reach": float(scaler.inverse(np.array([[reach]]))[0, 0]), "near_limit": near.numpy().round(4)}


def build(config: Config) -> Forecaster:
    """The untrained network of a config, its weights drawn from the config's seed."""
    kind: Kind = next(kind for kind in KINDS if kind == config.model)
    features = len(series(config.inputs).columns)
    set_seed(config.seed)
    width, depth = (50, 4) if config.network == "deep" else (32, 1)
    net = Forecaster(kind, input_size=features, hidden_size=width, num_layers=depth, dropout=config.dropout)
    return keras_start_(net)


class Watch:
    """Makes Adam with Keras's epsilon, and looks at the network after each epoch; `fit` hands back the best epoch's.

    Args:
        net: the network that is trained.
        train: what it is trained on.
        lr: the learning rate.
        device: where it is trained.

    Attributes:
        quiet: the training loss after each epoch, with dropout off.
        weights: the network's tensors after the last epoch.
    """

    def __init__(self, net: nn.Module, train: Windows, *, lr: float, device: str) -> None:
        self.net, self.train, self.lr, self.device = net, train, lr, device
        self.steps = 0
        self.quiet: list[float] = []
        self.weights: dict[str, Tensor] = {}

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser of these parameters, as `fit` asks for it."""
        adam = torch.optim.Adam(parameters, lr=self.lr, eps=1e-7, fused=True)
        adam.register_step_post_hook(self._after)
        return adam

    def _after(self, *_: object) -> None:
        self.steps += 1
        if self.steps % -(-len(self.train) // BATCH) == 0:
            said = predict(self.net, self.train.inputs, device=self.device).astype(np.float64)
            self.quiet.append(mse(said, self.train.targets))
            self.weights = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}


STUDY = Study(
    name="weather-controls",
    about="HW6 Q3: the training loss with dropout off, the reach of the head, and small networks at three rates.",
    seeds=5,
    grid=grid,
    run=run,
    data=fingerprint,
    notes=(
        "The deep networks in °C are trained for 100 epochs, as in the coursework, at Adam's default rate. The small "
        "ones on scaled data stop after 15 epochs without a lower validation loss. Initial weights and Adam's epsilon "
        "are Keras's. All windows are used."
    ),
)
STUDIES = (STUDY,)
