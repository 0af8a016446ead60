"""A forecaster small enough to be computed in the page, trained on synthetic power, with its weights on record.

The page shows one network to every reader. Trained anew on each machine it would differ a little each time, so its
weights are recorded, rounded to four decimals, and what is said of it is measured with the rounded weights.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from book.experiments.ch09_power import power_series
from book.experiments.ch11_gates_at_work import task
from rnncourse.data import Split
from rnncourse.data.jumps import find_events, threshold
from rnncourse.networks import Forecaster
from rnncourse.statistics import skill
from rnncourse.studies import Scale, Study
from rnncourse.training import FreshWindows, fit, one_cycle, predict, set_seed

HIDDEN = 8
BEFORE, AFTER = 60, 60  # minutes of the sample on either side of its jump
DECIMALS = 4


@dataclass(frozen=True, kw_only=True)
class Config:
    """One small LSTM.

    Attributes:
        seed: of the initial weights and the choice of training windows.
        steps: gradient steps.
        hidden_size: units of its only layer.
    """

    seed: int
    steps: int = 600
    hidden_size: int = HIDDEN


def grid(scale: Scale, seeds: int) -> list[Config]:
    """One run per seed, on synthetic power at either scale."""
    return [Config(seed=seed) for seed in range(seeds)]


def train_small(kind: Literal["lstm", "gru"], split: Split, *, hidden_size: int, steps: int, seed: int) -> Forecaster:
    """A recurrent layer and its readout, trained to forecast the next minute.

    Args:
        kind: which cell.
        split: what to train on.
        hidden_size: units of the only layer.
        steps: gradient steps of 64 windows.
        seed: of the initial weights and the choice of windows.

    Returns:
        The network on the CPU, in eval mode, with the weights of its best epoch of three on the validation part.
    """
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


def run(config: Config, device: str) -> dict[str, Any]:
    """Train, round the weights, score the rounded network, and take a sample of the test part.

    Args:
        config: which.
        device: ignored; the network is too small for any but the CPU.

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
    stretches = (values[row - BEFORE : row + AFTER] for row in rows if BEFORE <= row < len(values) - AFTER)
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


def _data(scale: Scale) -> str:
    return power_series("synthetic", "minute").fingerprint


STUDY = Study(
    name="gate-reader",
    about="a small LSTM on synthetic power whose gates the page computes",
    seeds=1,
    grid=grid,
    run=run,
    data=_data,
    notes="Synthetic data at either scale. The weights are rounded to four decimals before the network is scored.",
)
STUDIES = (STUDY,)
