"""A study for *Gates at work*: LSTMs of eight units on household power, small enough for a page to show their weights.

Fixed before a run was looked at: the jumps that the page draws are the first upward and the first downward one that
`find_events` finds with an hour of known minutes on either side. A gate is held still at the mean of each of its units
over validation windows that do not overlap.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.ch32_next_minute import Source, minutes, ordinary, split_of
from book.experiments.ch34_gates_at_work import AT, RECENT, Rows, find_events, stretches, threshold
from rnncourse.data import Split
from rnncourse.gates import trace_gates
from rnncourse.networks import Forecaster
from rnncourse.statistics import mse
from rnncourse.studies import Scale, Study
from rnncourse.training import FreshWindows, fit, one_cycle, predict, set_seed

Floats = NDArray[np.float64]

HELD = ("input", "forget", "output")
SHOWN = 60  # minutes on either side of a jump that the page draws
DECIMALS = 4


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """One small LSTM.

    Attributes:
        seed: of the initial weights and the order of the windows.
        source: ``household`` or ``synthetic``.
        passes: over the drawn share of the training windows.
        share: of the training windows, drawn anew for each pass.
        hidden_size: units of its only layer.
        lr: highest rate of the cycle.
        batch_size: windows per step.
    """

    seed: int
    source: Source
    passes: int = 6
    share: float = 0.25
    hidden_size: int = 8
    lr: float = 1e-2
    batch_size: int = 128


def grid(scale: Scale, seeds: int) -> list[ReaderConfig]:
    """One run per seed."""
    if scale == "small":
        return [ReaderConfig(seed=seed, source="synthetic", passes=3) for seed in range(seeds)]
    return [ReaderConfig(seed=seed, source="household") for seed in range(seeds)]


def run(config: ReaderConfig, device: str) -> dict[str, Any]:
    """Train, round the weights, and read and score the rounded network.

    Returns:
        ``W_ih``, ``W_hh`` and ``b`` (the sum of torch's two biases), rows in torch's order i, f, g, o; ``head``, the
        weights that make the forecast of the last state, and its bias; losses by pass;
        ``mse`` and ``mse_persistence`` on all test windows, ``held``, the test MSE with one gate held still;
        ``answers``, by gate and direction the answer to each jump; ``up`` and ``down``, the minutes around one jump in
        standard deviations of training; ``limit``, the smallest change that is a jump; ``mean_kw`` and ``sd_kw``, which
        turn standard deviations back into kilowatts.
    """
    split = split_of(config.source, 0, 60)
    net, losses = train(config, split)
    _round(net)
    weights = {name: weight.detach().double().numpy().round(DECIMALS) for name, weight in net.rnn.named_parameters()}
    test = split.test.every[split.test.starts]
    return {
        "W_ih": weights["weight_ih_l0"].tolist(),
        "W_hh": weights["weight_hh_l0"].tolist(),
        "b": weights["bias_ih_l0"].tolist(),
        "head": np.append(
            *(weight.detach().double().numpy().round(DECIMALS) for weight in net.head.parameters())
        ).tolist(),
        **losses,
        "mse": mse(predict(net, test), split.test.targets),
        "mse_persistence": mse(test[:, -1], split.test.targets),
        "held": {gate: mse(forecast_held(net, split, gate), split.test.targets) for gate in HELD},
        **answers(net, split),
        "limit": threshold(split),
        "mean_kw": float(split.scaler.mean[0]),
        "sd_kw": float(split.scaler.std[0]),
    }


def train(config: ReaderConfig, split: Split) -> tuple[Forecaster, dict[str, list[float]]]:
    """A recurrent layer and its readout at the best pass on the validation part, and its losses by pass."""
    set_seed(config.seed)
    net = Forecaster("lstm", input_size=1, hidden_size=config.hidden_size, num_layers=1)
    windows = FreshWindows(split.train, round(config.share * len(split.train)), config.batch_size)
    history = fit(
        net,
        windows,
        (split.validation.inputs, split.validation.targets),
        epochs=config.passes,
        clip_norm=1.0,
        optimiser=one_cycle(config.lr, config.passes * len(windows)),
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    return net.eval(), {"train_loss": history.train_loss, "validation_loss": history.validation_loss}


@torch.no_grad()
def _round(net: Forecaster) -> None:
    """Put both biases of the layer into one, and round every weight to `DECIMALS`."""
    weights = dict(net.rnn.named_parameters())
    weights["bias_ih_l0"].add_(weights["bias_hh_l0"])
    weights["bias_hh_l0"].zero_()
    for weight in net.parameters():
        weight.copy_(weight.double().round(decimals=DECIMALS))


def answers(net: Forecaster, split: Split) -> dict[str, Any]:
    """The answer of each gate to each jump, less that at its control, and the minutes around one jump each way."""
    found: dict[str, Any] = {"answers": {}}
    values = split.test.series.values[:, 0]
    for name, events in find_events(split, threshold(split)).items():
        jumps, controls = (_moves(net, split, rows) for rows in events)
        for gate in HELD:
            found["answers"][f"{gate}_{name}"] = np.round(jumps[gate] - controls[gate], 5).tolist()
        around = (values[row - SHOWN : row + SHOWN] for row in events.rows if SHOWN <= row < len(values) - SHOWN)
        found[name] = np.round(next(part for part in around if np.isfinite(part).all()), 3).tolist()
    return found


def _moves(net: Forecaster, split: Split, rows: Rows) -> dict[str, Floats]:
    """Of each gate, mean over units, the value at each row less the mean of the minutes before, ``(n,)``."""
    trace = trace_gates(net.rnn, stretches(split, rows))  # type: ignore[arg-type]
    means = {gate: trace[gate][0, 0].double().mean(dim=-1).numpy() for gate in HELD}
    return {gate: g[:, AT] - g[:, AT - RECENT : AT].mean(axis=1) for gate, g in means.items()}


@torch.no_grad()
def forecast_held(net: Forecaster, split: Split, gate: str) -> Floats:
    """Test forecasts with every unit of a gate held at its mean on the validation part, ``(n, 1)``."""
    still = trace_gates(net.rnn, ordinary(split.validation))[gate][0, 0].mean(dim=(0, 1))  # type: ignore[arg-type]
    every = torch.from_numpy(split.test.every[split.test.starts].astype(np.float32))
    h = c = torch.zeros(len(every), len(still))
    for x in every.unbind(1):
        a = dict(zip(("input", "forget", "cell", "output"), _stacked(x, h, net.rnn).chunk(4, dim=1), strict=True))
        i, f, o = (still if name == gate else a[name].sigmoid() for name in HELD)
        c = f * c + i * a["cell"].tanh()
        h = o * c.tanh()
    forecast: Floats = net.head(h).double().numpy()
    return forecast


def _stacked(x: Tensor, h: Tensor, rnn: nn.Module) -> Tensor:
    """The pre-activations of all gates of one step, ``(n, 4 * hidden)``."""
    W_ih, W_hh, *biases = rnn.parameters()
    return x @ W_ih.T + h @ W_hh.T + sum(biases)


def _data(scale: Scale) -> str:
    return minutes("household" if scale == "full" else "synthetic").fingerprint


STUDIES = (
    Study(
        name="gate-reader",
        about="how do the gates of small LSTMs answer a jump, and what is lost where one is held still?",
        seeds=5,
        grid=grid,
        run=run,
        data=_data,
        notes="The split and the events are those of next-minute. The rate is not chosen: these networks are read, and "
        "compared with no other. The weights are rounded to four decimals before the network is scored.",
    ),
)
