"""A study for *ConvLSTM*: what does it buy to keep the layout of the picture in the state?

``moving-shapes`` forecasts films of a shape that moves, at places where shapes were seen in training and where none
was. The last of the three frames that are seen is dark, so that two frames say too little. ``moving-shapes-controls``
trains convolutions over all three frames.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.fresh_batches import Fresh
from rnncourse.studies import Scale, Study
from rnncourse.training import fit, set_seed
from rnncourse.variants import ConvLSTM

Floats = NDArray[np.float32]

SHAPES = ("###/###/###", "###/#.#/###", ".#./###/.#.", "#../#../###")
SIDE, FRAMES = 12, 4
HALVES: Mapping[str, tuple[int, int]] = MappingProxyType({"left": (0, SIDE // 2), "right": (SIDE // 2, SIDE)})
RATES = (3e-3, 1e-2)
BATCH, STEPS, PATIENCE = 16, 50, 10
"""Films in a batch, training steps in an epoch, and patience."""
EPOCHS: Mapping[str, int] = MappingProxyType(
    {"two frames": 40, "CNN + LSTM": 80, "CNN + LSTM, wide": 80, "ConvLSTM": 30}
)
"""Epochs at most, enough for the curves to be flat."""
FILMS, TEST_FILMS = 300, 500
CONTROL_EPOCHS: Mapping[str, int] = MappingProxyType({"three frames": 60})
"""Epochs of ``moving-shapes-controls``, all of which are trained."""


def moving_shapes(
    count: int, rng: np.random.Generator, *, steps: int = 6, side: int = 16, columns: tuple[int, int] = (0, 16)
) -> Floats:
    """Films ``(count, steps, 1, side, side)`` of a shape that moves straight within some columns."""
    directions = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)])
    velocity = directions[rng.integers(8, size=count)]
    travel, low, high = velocity * (steps - 1), np.array([0, columns[0]]), np.array([side, columns[1]]) - 3
    first = np.maximum(low, low - travel)  # all starts from which the path stays inside are equally likely
    room = np.minimum(high, high - travel) - first + 1
    start = first + (rng.random(velocity.shape) * room).astype(np.int64)
    corners = start[:, None] + velocity[:, None] * np.arange(steps)[:, None]
    pictures = np.array([[list(row) for row in shape.split("/")] for shape in SHAPES]) == "#"
    frames = np.zeros((count, steps, 1, side, side), dtype=np.float32)
    film, time, row, column = np.ix_(range(count), range(steps), range(3), range(3))
    places = corners[:, :, 0, None, None] + row, corners[:, :, 1, None, None] + column
    frames[film, time, 0, *places] = pictures[rng.integers(len(SHAPES), size=count)][:, None]
    return frames


class TwoFrames(nn.Module):
    """Convolutions over the last two frames: no recurrence at all."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 24, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(24, 12, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 1, 3, padding=1),
        )

    def forward(self, film: Tensor) -> Tensor:
        """Scores of the frame that comes next: ``(batch, time, 1, side, side)`` to ``(batch, 1, side, side)``."""
        scores: Tensor = self.layers(film[:, -2:].flatten(1, 2))
        return scores


class ConvThenLstm(nn.Module):
    """Convolutions look at each frame, an LSTM remembers them as a vector, and layers paint the next frame from it."""

    def __init__(self, channels: int, units: int, painter: nn.Module) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, channels, 3, 2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.body = nn.LSTM(channels * (SIDE // 4) ** 2, units, batch_first=True)
        self.head = painter

    def forward(self, film: Tensor) -> Tensor:
        """Scores of the frame that comes next: ``(batch, time, 1, side, side)`` to ``(batch, 1, side, side)``."""
        seen = self.encoder(film.flatten(0, 1)).reshape(*film.shape[:2], -1)
        scores: Tensor = self.head(self.body(seen)[0][:, -1])
        return scores.reshape(-1, 1, SIDE, SIDE)


class ConvInLstm(nn.Module):
    """A ConvLSTM remembers the frames as maps, and two convolutions paint the next frame."""

    def __init__(self) -> None:
        super().__init__()
        self.body = ConvLSTM(1, 8, 3, batch_first=True)
        self.head = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, film: Tensor) -> Tensor:
        """Scores of the frame that comes next: ``(batch, time, 1, side, side)`` to ``(batch, 1, side, side)``."""
        scores: Tensor = self.head(self.body(film)[0][:, -1])
        return scores


def _narrow() -> nn.Module:
    """As many parameters as the ConvLSTM: twelve units, and a painter that shares its weights over places, too."""
    painter = nn.Sequential(
        nn.Linear(12, 36),
        nn.ReLU(),
        nn.Unflatten(1, (4, 3, 3)),
        nn.ConvTranspose2d(4, 8, 4, 2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, padding=1),
    )
    return ConvThenLstm(4, 12, painter)


FORECASTERS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "two frames": TwoFrames,
        "CNN + LSTM": _narrow,
        "CNN + LSTM, wide": lambda: ConvThenLstm(16, 128, nn.Linear(128, SIDE**2)),
        "ConvLSTM": ConvInLstm,
    }
)
"""The networks; all but the wide one have nearly as many parameters."""


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """One run of ``moving-shapes``.

    Attributes:
        model: ``persistence`` or one of `FORECASTERS`.
        lr: Adam's constant rate; 0 for persistence.
        seed: of the initial weights and of the training films, whose shapes keep to the left half.
    """

    model: str
    lr: float
    seed: int


def scene_grid(scale: Scale, seeds: int) -> list[SceneConfig]:
    """The baseline once, then each network at both rates for the first seed, and at the better one for all others.

    All four networks have the lower validation loss at the higher rate.
    """
    first = RATES if scale == "full" else RATES[-1:]
    return [SceneConfig(model="persistence", lr=0.0, seed=0)] + [
        SceneConfig(model=model, lr=lr, seed=seed)
        for seed in range(seeds)
        for model in FORECASTERS
        for lr in (RATES[-1:] if seed else first)
    ]


def films(count: int, rng: np.random.Generator, half: str) -> tuple[Tensor, Tensor]:
    """Three frames ``(count, 3, 1, side, side)``, the last one dark, and the fourth, ``(count, 1, side, side)``."""
    frames = torch.from_numpy(moving_shapes(count, rng, steps=FRAMES, side=SIDE, columns=HALVES[half]))
    seen = frames[:, :-1].clone()
    seen[:, -1] = 0.0
    return seen, frames[:, -1]


def squared_error(forecast: Callable[[Tensor], Tensor], half: str) -> float:
    """Mean squared error per frame, in pixels, of forecasts on test films of a half."""
    seen, wanted = films(TEST_FILMS, np.random.default_rng([2**31, *HALVES[half]]), half)
    return float((forecast(seen) - wanted).square().sum(dim=(1, 2, 3)).mean())


def run_scenes(config: SceneConfig, device: str) -> dict[str, Any]:
    """Train one forecaster to its plateau on films of the left half, and test it on either half.

    Returns:
        Squared error per frame in pixels on test films in the ``left`` and in the ``right`` half, ``parameters``; of a
        network also ``train_loss`` and ``validation_loss`` by epoch, and ``best_validation``.
    """
    if config.model == "persistence":
        errors = {half: squared_error(lambda seen: seen[:, -1], half) for half in HALVES}
        return errors | {"parameters": 0}

    set_seed(config.seed)
    net = FORECASTERS[config.model]()
    history = fit(
        net,
        Fresh(STEPS, lambda rng: films(BATCH, rng, "left")),
        films(FILMS, np.random.default_rng([2**32, 0]), "left"),
        epochs=EPOCHS[config.model],
        patience=PATIENCE,
        lr=config.lr,
        loss=nn.functional.binary_cross_entropy_with_logits,
        clip_norm=1.0,
        seed=config.seed,
        device=device,
        progress=False,
    )
    with torch.inference_mode():
        errors = {half: squared_error(lambda seen: torch.sigmoid(net(seen)), half) for half in HALVES}
    return errors | {
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "train_loss": history.train_loss,
        "validation_loss": history.validation_loss,
        "best_validation": history.best_validation_loss,
    }


class ThreeFrames(nn.Module):
    """Convolutions over all frames that are given, with as many parameters as the ConvLSTM and no recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 21, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(21, 12, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 1, 3, padding=1),
        )

    def forward(self, film: Tensor) -> Tensor:
        """Scores of the frame that comes next: ``(batch, 3, 1, side, side)`` to ``(batch, 1, side, side)``."""
        scores: Tensor = self.layers(film.flatten(1, 2))
        return scores


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """One run of ``moving-shapes-controls``.

    Attributes:
        model: ``three frames``, or one of `FORECASTERS`.
        epochs: of training, none of which is left out.
        seed: of the initial weights and of the training films, as in ``moving-shapes``.
    """

    model: str
    epochs: int
    seed: int


def control_grid(scale: Scale, seeds: int) -> list[ControlConfig]:
    """Each network once per seed."""
    return [
        ControlConfig(model=model, epochs=epochs if scale == "full" else 1, seed=seed)
        for model, epochs in CONTROL_EPOCHS.items()
        for seed in range(seeds)
    ]


def run_control(config: ControlConfig, device: str) -> dict[str, Any]:
    """Train one forecaster through all its epochs, and test the best of them, as `run_scenes` does."""
    set_seed(config.seed)
    net = ThreeFrames() if config.model == "three frames" else FORECASTERS[config.model]()
    history = fit(
        net,
        Fresh(STEPS, lambda rng: films(BATCH, rng, "left")),
        films(FILMS, np.random.default_rng([2**32, 0]), "left"),
        epochs=config.epochs,
        lr=RATES[-1],
        loss=nn.functional.binary_cross_entropy_with_logits,
        clip_norm=1.0,
        seed=config.seed,
        device=device,
        progress=False,
    )
    with torch.inference_mode():
        errors = {half: squared_error(lambda seen: torch.sigmoid(net(seen)), half) for half in HALVES}
    return errors | {
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "train_loss": history.train_loss,
        "validation_loss": history.validation_loss,
        "best_validation": history.best_validation_loss,
    }


MOVING_SHAPES = Study(
    name="moving-shapes",
    about="what does a state with a spatial layout buy when the next frame is to be forecast?",
    seeds=5,
    grid=scene_grid,
    run=run_scenes,
    notes="Generated films, drawn anew at each training step, with all shapes in the left half; 300 others to choose "
    "the epoch by, 500 per half to test on. The fourth frame is forecast.",
)

MOVING_SHAPES_CONTROLS = Study(
    name="moving-shapes-controls",
    about="do convolutions that see all frames forecast as well as a ConvLSTM?",
    seeds=5,
    grid=control_grid,
    run=run_control,
    notes="Films, seeds and the higher rate of ``moving-shapes``, without early stopping.",
)

STUDIES = (MOVING_SHAPES, MOVING_SHAPES_CONTROLS)
