"""Reach and readout: what a comparison of networks says once both are held equal.

Every network of a study has the same choices: the same rates, early stopping on validation with one patience, and
seeds that decide data, initial weights and order of the batches. Where there are several rates, select one by its mean
`validation_loss`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.ch22_sequence_tasks import (
    PAIR_SYMBOLS,
    TRAINED_LENGTHS,
    PlaceByPlace,
    SequenceClassifier,
    planted_pair,
    spectrogram,
    synthetic_tones,
)
from book.experiments.memory_tasks import kept_value
from rnncourse.initialisation import forget_bias_
from rnncourse.networks import CausalConvolutions
from rnncourse.receptive_field import influence_width, input_influence
from rnncourse.studies import Study
from rnncourse.training import fit, set_seed

__all__ = ["STUDIES", "LengthConfig", "RetentionConfig", "ToneConfig"]

RATES = (1e-2, 3e-2, 3e-3)
LIMITS = {"tones": (80, 15), "retention": (16, 10), "lengths": (20, 8)}
"""Epochs at most, and epochs without a lower validation loss after which training ends."""
Metrics = Mapping[str, Any]


# --- Shared steps


def learn(
    net: nn.Module, train: Any, validation: Any, config: Any, limits: tuple[int, int], loss: Any = None
) -> dict[str, Any]:
    """Train up to the plateau; the number of parameters and the course of the validation loss."""
    history = fit(
        net,
        train,
        validation,
        epochs=limits[0],
        patience=limits[1],
        lr=config.lr,
        loss=loss or nn.functional.cross_entropy,
        clip_norm=1.0,
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    return {
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "epochs": len(history),
        "best_epoch": history.best_epoch,
        "validation_loss": history.best_validation_loss,
        "curve": [float(f"{loss:.3g}") for loss in history.validation_loss],
    }


def named(net: nn.Module, x: Tensor) -> NDArray[np.int64]:
    """The class that the network names for each item."""
    net.eval()
    with torch.no_grad():
        classes: NDArray[np.int64] = torch.cat([net(part).argmax(dim=-1) for part in torch.split(x, 500)]).numpy()
    return classes


def share(hits: NDArray[np.bool_] | np.bool_) -> float:
    """In per cent."""
    return 100 * float(np.mean(hits))


def _recurrent(model: str, inputs: int, units: int) -> nn.RNN | nn.LSTM:
    if model == "rnn":
        return nn.RNN(inputs, units, batch_first=True)
    lstm = nn.LSTM(inputs, units, batch_first=True)
    return forget_bias_(lstm, 3.0) if model == "lstm-open" else lstm


# --- Tones: three networks, two readouts


@dataclass(frozen=True)
class ToneConfig:
    """One run.

    Attributes:
        model: ``linear``, ``cnn``, ``rnn``, ``lstm`` or ``lstm-open``; ``cnn-whole`` and ``cnn-far`` reach the whole
            wave, the second of them with the layers and parameters of ``cnn``.
        features: ``raw``, 128 samples, or ``spectrogram``, 7 frames of 17 bands.
        read: ``last`` step or ``max`` over time; ``all`` for the linear model.
        lr: Adam's rate.
        seed: of everything.
    """

    model: str
    features: str
    read: str
    lr: float
    seed: int


def tone_grid(scale: str, seeds: int) -> list[ToneConfig]:
    """CNN, RNN and LSTM at both readouts, at one rate: on the wave, or at the small scale on the spectrogram.

    At full scale they have a second, lower rate at the maximum, and controls stand beside them: two CNNs that reach
    the whole wave, and a linear model of all frames.
    """
    features, cnn = ("spectrogram", "cnn-whole") if scale == "small" else ("raw", "cnn")
    networks = [*product((cnn, "rnn", "lstm"), (features,), ("last", "max"))]
    if scale != "small":
        networks += [("cnn-whole", "raw", "last"), ("linear", "spectrogram", "all"), ("cnn-far", "raw", "last")]
    rated = [(*network, RATES[0]) for network in networks]
    if scale != "small":
        rated += [(model, "raw", "max", RATES[2]) for model in ("rnn", cnn, "lstm")]
    return [ToneConfig(*one, seed) for one in rated for seed in range(seeds)]


def run_tones(config: ToneConfig, device: str) -> Metrics:
    """Train one network to name a pair of pitches.

    Returns:
        In per cent of the test sounds: ``pair`` named right, and of the named pair ``first`` and ``final`` pitch right.
    """
    waves, classes = synthetic_tones(3000, config.seed)
    features = waves[..., None] if config.features == "raw" else spectrogram(waves)
    features = (features - features[:1200].mean((0, 1))) / features[:1200].std((0, 1))
    x, y = torch.as_tensor(features), torch.as_tensor(classes)
    set_seed(config.seed)
    net = tone_network(config.model, config.features, config.read)
    course = learn(net, (x[:1200], y[:1200]), (x[1200:1500], y[1200:1500]), config, LIMITS["tones"])
    said, wanted = named(net, x[1500:]), classes[1500:]
    first, final = (np.isin(said, high) == np.isin(wanted, high) for high in ((1, 3), (1, 2)))
    return {"pair": share(said == wanted), "first": share(first), "final": share(final), **course}


def tone_network(model: str, features: str, read: Any) -> nn.Module:
    """On the wave all networks have about 1,900 parameters, on the spectrogram about 2,500."""
    raw = features == "raw"
    inputs, steps = (1, 128) if raw else (17, 7)
    match model:
        case "linear":
            return nn.Sequential(nn.Flatten(), nn.Linear(inputs * steps, 4))
        case "cnn":
            body, width = CausalConvolutions(inputs, 10, kernel_size=9, dilations=(1, 2, 4)), 10
        case "cnn-far" if raw:
            body, width = CausalConvolutions(inputs, 10, kernel_size=9, dilations=(1, 2, 13)), 10
        case "cnn-whole" if raw:
            body, width = CausalConvolutions(inputs, 7, kernel_size=9, dilations=(1, 2, 4, 8, 1)), 7
        case "cnn-whole":
            body, width = CausalConvolutions(inputs, 20, kernel_size=3, dilations=(1, 2)), 20
        case _:
            width = 40 if model == "rnn" else 20 if raw else 17
            return SequenceClassifier(_recurrent(model, inputs, width), width=width, num_classes=4, read=read)
    return SequenceClassifier(body, width=width, num_classes=4, read=read)


# --- Retention: both sides of the border of a reach


@dataclass(frozen=True)
class RetentionConfig:
    """One run.

    Attributes:
        model: ``plain`` (a reach of 11 steps), ``dilated`` (63), ``rnn``, ``lstm`` or ``lstm-open``.
        distance: steps from the value to the question; 10 and 62 are the last ones within the two reaches.
        lr: Adam's rate.
        seed: of everything.
    """

    model: str
    distance: int
    lr: float
    seed: int


def retention_grid(scale: str, seeds: int) -> list[RetentionConfig]:
    """Recurrent networks beside each stack at both sides of its border; the small scale has the near border alone.

    The recurrent ones take every seed at 62 steps, where the seed decides; all else takes half of them.
    """
    borders = (("plain", 10), ("plain", 11), ("dilated", 62), ("dilated", 63))[: 2 if scale == "small" else 4]
    networks = [(model, distance) for stack, distance in borders for model in (stack, "rnn", "lstm", "lstm-open")]
    return [
        RetentionConfig(model, distance, lr, seed)
        for lr in RATES[:2]
        for model, distance in networks
        for seed in range(seeds if distance == 62 and model != "dilated" else max(1, seeds // 2))
    ]


def run_retention(config: RetentionConfig, device: str) -> Metrics:
    """Train one network to fetch the first value, and measure how far it looks before and after.

    Returns:
        Besides the course of training: test ``accuracy`` in per cent; ``width_untrained`` and ``width_trained``, the
        number of last steps that carry 95 % of the influence |∂y/∂x|; ``gradient``, the first step's share of that
        influence in per cent, and ``flip``, its share of the changes of the answer when single signs are turned.
    """
    train, validation, test = (
        tuple(map(torch.as_tensor, kept_value(count, distance=config.distance, seed=3 * config.seed + part)))
        for part, count in enumerate((3200, 300, 1000))
    )
    set_seed(config.seed)
    net = retention_network(config.model)
    before = influence_width(input_influence(net, test[0][:50]))
    course = learn(net, train, validation, config, LIMITS["retention"])
    influence, effects = input_influence(net, test[0][:50]), flips(net, test[0][:50])
    return {
        "accuracy": share(named(net, test[0]) == test[1].numpy()),
        "width_untrained": before,
        "width_trained": influence_width(influence),
        "gradient": 100 * float(influence[0] / influence.sum()),
        "flip": 100 * float(effects[0] / effects.sum()),
        **course,
    }


def retention_network(model: str) -> SequenceClassifier:
    """About 1,900 parameters each."""
    if model in ("plain", "dilated"):
        dilations = (1, 2, 4, 8, 16) if model == "dilated" else (1,) * 5
        body = CausalConvolutions(2, 12, kernel_size=3, dilations=dilations)
        return SequenceClassifier(body, width=12, num_classes=2)
    units = 40 if model == "rnn" else 20
    return SequenceClassifier(_recurrent(model, 2, units), width=units, num_classes=2)


def flips(net: nn.Module, x: Tensor) -> Tensor:
    """Mean size of the change of the logits' difference when the value of one step changes its sign, ``(time,)``."""
    net.eval()
    changes = []
    with torch.no_grad():
        usual = net(x).diff(dim=1)
        for step in range(x.shape[1]):
            turned = x.clone()
            turned[:, step, 0] *= -1
            changes.append((net(turned).diff(dim=1) - usual).abs().mean())
    return torch.stack(changes).double()


# --- Lengths that training never showed, at equal parameters


@dataclass(frozen=True)
class LengthConfig:
    """One run.

    Attributes:
        model: ``counts`` or ``places``, linear models of the counted symbols and of the symbol at every place; or
            ``mlp-8``, ``mlp-32``, ``rnn-16`` or ``rnn-56``, with their number of units.
        lr: Adam's rate.
        seed: of everything.
    """

    model: str
    lr: float
    seed: int


TESTED_LENGTHS = (6, 12, 20, 30, 40, 60, 80)
LENGTH_MODELS = ("counts", "places", "rnn-16", "mlp-8", "rnn-56", "mlp-32")


def length_grid(scale: str, seeds: int) -> list[LengthConfig]:
    """Every model; the small scale has the linear ones alone."""
    return [
        LengthConfig(*one) for one in product(LENGTH_MODELS[: 2 if scale == "small" else 6], RATES[:2], range(seeds))
    ]


def run_lengths(config: LengthConfig, device: str) -> Metrics:
    """Train one model on strings of 4 to 20 symbols; ``accuracies`` in per cent at `TESTED_LENGTHS`."""

    def made(lengths: tuple[int, ...], count: int, seed: int) -> tuple[Tensor, Tensor]:
        # A recurrent network reads what is there; the others have places for the longest string.
        longest = max(lengths) if config.model.startswith("rnn") else max(TESTED_LENGTHS)
        parts = [planted_pair(count, seq_len=n, seed=seed + n, longest=longest) for n in lengths]
        x, y = (torch.as_tensor(np.concatenate(column)) for column in zip(*parts, strict=True))
        return x, y

    start = 100_000 * config.seed
    train, validation = made(TRAINED_LENGTHS, 200, start), made(TRAINED_LENGTHS, 30, start + 1000)
    set_seed(config.seed)
    net = length_network(config.model)
    course = learn(net, train, validation, config, LIMITS["lengths"])
    tests = [made((n,), 500, start + 2000) for n in TESTED_LENGTHS]
    return {"accuracies": [share(named(net, x) == y.numpy()) for x, y in tests], **course}


def length_network(model: str) -> nn.Module:
    """The perceptron of 8 units and the RNN of 56 have 3,866 parameters each."""
    tokens, units = PAIR_SYMBOLS + 1, int(model.partition("-")[2] or 0)
    if model.startswith("mlp"):
        return PlaceByPlace(tokens, max(TESTED_LENGTHS), units, 2)
    if model.startswith("rnn"):
        return SequenceClassifier(_recurrent("rnn", 8, units), width=units, num_classes=2, num_embeddings=tokens)
    return LinearInSymbols(tokens, max(TESTED_LENGTHS), counted=model == "counts")


class LinearInSymbols(nn.Module):
    """A linear layer on one-hot tokens, place by place or added up over the places; padding 0 is a row of zeros."""

    def __init__(self, tokens: int, longest: int, *, counted: bool) -> None:
        super().__init__()
        self.tokens, self.counted = tokens, counted
        self.head = nn.Linear((tokens - 1) * (1 if counted else longest), 2)

    def forward(self, ids: Tensor) -> Tensor:
        one_hot = nn.functional.one_hot(ids, self.tokens)[..., 1:].float()
        logits: Tensor = self.head(one_hot.sum(1) if self.counted else one_hot.flatten(1))
        return logits


NOTES = "Adam, batches of 64, the gradient clipped at norm 1, the weights of the best epoch by validation loss."
TONES = Study(
    name="tones-readout",
    about="Convolutions, RNN and LSTM on noisy tones, each read at the last step and at the maximum over time.",
    seeds=5,
    grid=tone_grid,
    run=run_tones,
    notes=NOTES,
)
RETENTION = Study(
    name="retention-borders",
    about="Fetching a value from just within and just beyond the reach of convolutions.",
    seeds=10,
    grid=retention_grid,
    run=run_retention,
    notes=NOTES,
)
LENGTHS = Study(
    name="lengths-equal",
    about="Perceptron and RNN with equally many parameters on lengths that training never showed.",
    seeds=5,
    grid=length_grid,
    run=run_lengths,
    notes=NOTES,
)
STUDIES = (TONES, RETENTION, LENGTHS)
