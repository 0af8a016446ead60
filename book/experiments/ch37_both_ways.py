"""A study for *Both ways*: ``imputation`` hides ten minutes in an hour, and networks of equal size fill them in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncourse import training
from rnncourse.data import Series, chronological, load_power, synthetic_power
from rnncourse.networks import Forecaster
from rnncourse.studies import Scale, Study
from rnncourse.training import fit, predict, set_seed

Source = Literal["household", "synthetic"]
Floats = NDArray[np.float64]

DAYS = 20  # of the synthetic house
DAY = 1440


def _source(scale: Scale) -> Source:
    return "household" if scale == "full" else "synthetic"


@lru_cache(maxsize=2)
def power_series(source: Source) -> Series:
    """The minutes that the studies read: ``household`` is the half year of real ones, ``synthetic`` twenty days."""
    return load_power() if source == "household" else synthetic_power(days=DAYS)


def _fingerprint(scale: Scale) -> str:
    return power_series(_source(scale)).fingerprint


def one_cycle(lr: float, steps: int) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
    """Adam whose rate rises over the first fifth of the steps."""
    return training.one_cycle(lr, steps, rising=0.2)


def daily_sums(errors: Floats, times: NDArray[np.datetime64]) -> dict[str, list[float]]:
    """Sums of errors per day, from which every mean over days can be had."""
    _, first = np.unique(times.astype("datetime64[D]"), return_index=True)
    flat = errors.reshape(len(errors), -1)
    per_day = {"squared": flat**2, "absolute": np.abs(flat), "count": np.ones_like(flat)}
    return {f"daily_{name}": np.add.reduceat(rows.sum(axis=1), first).tolist() for name, rows in per_day.items()}


# ---- Filling a stretch.

FRAME, HIDDEN = 60, slice(25, 35)
STRETCH = HIDDEN.stop - HIDDEN.start
FILLERS = ("previous", "sides", "linear", "ar-before", "ar-both", "lstm-forward", "lstm-both", "lstm-late")
FRAME_STRIDES: Mapping[Source, int] = MappingProxyType({"household": 10, "synthetic": 10})
PASSES: Mapping[Source, int] = MappingProxyType({"household": 6, "synthetic": 4})


@dataclass(frozen=True, kw_only=True)
class ImputationConfig:
    """One run of ``imputation``.

    Attributes:
        model: what fills the stretch; one of `FILLERS`.
        seed: of the initial weights and the order of the batches.
        source: ``household`` or ``synthetic``.
        batch_size: frames per step.
        lr: highest rate of the cycle.
    """

    model: str
    seed: int
    source: Source
    batch_size: int = 64
    lr: float = 2e-2


def imputation_grid(scale: Scale, seeds: int) -> list[ImputationConfig]:
    """Each fixed or linear filler once, each network once per seed."""
    source = _source(scale)
    trained = [model for model in FILLERS if model.startswith("lstm")]
    still = [(model, 0) for model in FILLERS if model not in trained]
    pairs = still + [(model, seed) for model in trained for seed in range(seeds)]
    return [ImputationConfig(model=model, seed=seed, source=source) for model, seed in pairs]


@lru_cache(maxsize=2)
def _frames(source: Source) -> tuple[Floats, Floats, Floats, NDArray[np.datetime64]]:
    """Frames ``(n, FRAME, 1)`` to train on, to validate and to test on, and the time stamps of the last."""
    split = chronological(power_series(source), window=FRAME)
    train = split.train[split.train.starts % FRAME_STRIDES[source] == 0]
    # Frames in which only known minutes reach back over a cut; in the test each minute is hidden at most once.
    after = [
        part[(part.starts + HIDDEN.start >= part.target_rows[0]) & (part.starts % STRETCH == 0)]
        for part in (split.validation, split.test)
    ]
    stamps = after[1].series.start + (after[1].starts + HIDDEN.start) * after[1].series.step
    return *(part.every[part.starts] for part in (train, after[0], after[1])), stamps  # type: ignore[return-value]


def hide(frames: Floats) -> Floats:
    """What a filler may see: the last value before the stretch instead of its own, and a flag that says where it is."""
    flag = np.zeros_like(frames)
    flag[:, HIDDEN] = 1.0
    held = frames[:, HIDDEN.start - 1 : HIDDEN.start]
    return np.concatenate([np.where(flag == 1.0, held, frames), flag], axis=-1)


def filler(model: str) -> Forecaster:
    """A network that fills the stretch."""
    if model == "lstm-late":
        return Forecaster("lstm", input_size=2, hidden_size=21, num_layers=1, output_size=STRETCH)
    both = model == "lstm-both"
    return Forecaster(
        "lstm", input_size=2, hidden_size=15 if both else 22, num_layers=1, bidirectional=both, read="each"
    )


def filled(output: Tensor) -> Tensor:
    """The ten filled values ``(batch, STRETCH)`` out of what a `filler` says at each step or at the end."""
    return output[:, HIDDEN, 0] if output.ndim == 3 else output


def stretch_loss(output: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error over the hidden minutes alone."""
    return nn.functional.mse_loss(filled(output), hidden)


def run_imputation(config: ImputationConfig, device: str) -> dict[str, Any]:
    """Fill the stretch of every test frame by one model.

    Returns:
        Test ``mse`` and ``mae`` in standard deviations, mean squared error of each hidden minute in ``by_minute``,
        daily sums, number of ``parameters``, training and test frames.
    """
    train, validation, test, stamps = _frames(config.source)
    if config.model.startswith("lstm"):
        prediction, measured = _train_filler(config, train, validation, test, device)
    else:
        prediction, measured = _fill_without_network(config.model, train, test)
    errors = prediction - test[:, HIDDEN, 0]
    return {
        "mse": float(np.mean(errors**2)),
        "mae": float(np.mean(np.abs(errors))),
        "by_minute": np.mean(errors**2, axis=0).tolist(),
        "train_frames": len(train),
        "test_frames": len(test),
        **measured,
        **daily_sums(errors, stamps),
    }


def _fill_without_network(model: str, train: Floats, test: Floats) -> tuple[Floats, dict[str, Any]]:
    before, after = test[:, HIDDEN.start - 1], test[:, HIDDEN.stop]
    match model:
        case "previous":
            return np.repeat(before, STRETCH, axis=1), {"parameters": 0}
        case "sides":
            return np.repeat((before + after) / 2, STRETCH, axis=1), {"parameters": 0}
        case "linear":
            share = np.arange(1, STRETCH + 1) / (STRETCH + 1)
            return before + share * (after - before), {"parameters": 0}
        case "ar-before" | "ar-both":
            return _linear_fill(train, test, both=model == "ar-both")
    raise ValueError(f"model is {model!r}; expected one of {', '.join(FILLERS)}.")


def _linear_fill(train: Floats, test: Floats, *, both: bool) -> tuple[Floats, dict[str, Any]]:
    from sklearn.linear_model import LinearRegression

    known = [*range(HIDDEN.start), *(range(HIDDEN.stop, FRAME) if both else ())]
    line = LinearRegression().fit(train[:, known, 0], train[:, HIDDEN, 0])
    return line.predict(test[:, known, 0]), {"parameters": int(line.coef_.size + line.intercept_.size)}


def _train_filler(
    config: ImputationConfig, train: Floats, validation: Floats, test: Floats, device: str
) -> tuple[Floats, dict[str, Any]]:
    set_seed(config.seed)
    net, passes = filler(config.model), PASSES[config.source]
    history = fit(
        net,
        (hide(train), train[:, HIDDEN, 0]),
        (hide(validation), validation[:, HIDDEN, 0]),
        epochs=passes,
        batch_size=config.batch_size,
        loss=stretch_loss,
        optimiser=one_cycle(config.lr, passes * -(-len(train) // config.batch_size)),
        seed=config.seed,
        device=device,
        progress=False,
    )
    prediction = filled(torch.from_numpy(predict(net, hide(test), device=device))).numpy().astype(np.float64)
    measured = {
        "parameters": sum(weights.numel() for weights in net.parameters()),
        "train_loss": history.train_loss[-1],
        "validation_loss": history.validation_loss[-1],
    }
    return prediction, measured


IMPUTATION = Study(
    name="imputation",
    about="does a network that reads both ways fill a hidden stretch better than one that reads forwards?",
    seeds=5,
    grid=imputation_grid,
    run=run_imputation,
    data=_fingerprint,
    notes="Ten minutes hidden in the middle of an hour. At full scale, every tenth training frame. In the test "
    "each minute is hidden at most once.",
)

STUDIES = (IMPUTATION,)
