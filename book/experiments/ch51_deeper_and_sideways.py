"""Four studies for *Deeper and sideways*, on synthetic data: depth, steps passed by, updates left out, maps as states.

``depth`` sets stacks of LSTM layers against one wide layer with as many parameters. ``time-skips`` asks for a value
from far back and lets a layer read its state of several steps ago. ``skip-rnn`` trains Skip RNNs at several prices of
an update beside GRUs that read every k-th step. ``moving-shapes`` forecasts the next frame of a film, also at places
where no shape was ever seen in training.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from book.experiments.memory_tasks import kept_value
from rnncourse.data.reviews import PADDING, Sentences, synthetic_reviews
from rnncourse.studies import Scale, Study
from rnncourse.training import fit, one_cycle, predict, set_seed
from rnncourse.variants import ConvLSTM, SkipGRU

Floats = NDArray[np.float32]


def sparse_events(
    count: int, rng: np.random.Generator, *, steps: int = 40, lasts: int = 1
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Noise in two channels and in it one pulse, of four kinds by its signs: inputs, kinds and first steps."""
    starts = rng.integers(steps - lasts + 1, size=count)
    kinds = rng.integers(4, size=count)
    signs = 2.0 * np.stack([kinds // 2, kinds % 2], axis=-1) - 1
    time = np.arange(steps)
    during = (time >= starts[:, None]) & (time < starts[:, None] + lasts)
    inputs = during[:, :, None] * signs[:, None, :] + 0.1 * rng.normal(size=(count, steps, 2))
    return inputs.astype(np.float32), kinds, starts


SHAPES = ("###/###/###", "###/#.#/###", ".#./###/.#.", "#../#../###")


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


@dataclass(frozen=True, eq=False)
class Fresh:
    """Training batches that are drawn anew at every step, for `rnncourse.training.fit`.

    Attributes:
        steps: batches in an epoch.
        draw: makes one batch of inputs and targets.
    """

    steps: int
    draw: Callable[[np.random.Generator], tuple[Tensor, Tensor]]

    def __len__(self) -> int:
        return self.steps

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, from a seed that ``generator`` draws."""
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        return (self.draw(rng) for _ in range(self.steps))


def _size(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


# ---- Depth against width.

STACKS: dict[str, tuple[str, int, int]] = {
    "1 × 42": ("plain", 1, 42),
    "2 × 26": ("plain", 2, 26),
    "4 × 17": ("plain", 4, 17),
    "4 × 17, residual": ("residual", 4, 17),
    "2 × 42": ("plain", 2, 42),
}
"""Kind, layers and units of each stack. The first four have nearly as many parameters, the last more than twice."""

EMBEDDING, VALIDATION, TEST = 16, 1000, 2000


@dataclass(frozen=True, kw_only=True)
class DepthConfig:
    """One run of ``depth``.

    Attributes:
        model: ``majority``, ``bag`` or one of `STACKS`.
        sentences: reviews to learn from.
        seed: of the initial weights and the order of the batches.
        epochs: passes over the reviews.
    """

    model: str
    sentences: int
    seed: int
    epochs: int = 40


class ResidualLSTM(nn.Module):
    """LSTM layers that add to their input wherever the two have one size.

    Source: He et al. (2016), Deep residual learning; between recurrent layers Wu et al. (2016), section 3.1.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        widths = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(width, hidden_size, batch_first=True) for width in widths)

    def forward(self, steps: Tensor) -> tuple[Tensor, None]:
        """Outputs of the top layer, ``(batch, time, hidden_size)``, and no state."""
        for layer in self.layers:
            added, _ = layer(steps)
            steps = steps + added if steps.shape == added.shape else added
        return steps, None


class ReviewReader(nn.Module):
    """Embeds a review, reads it with a stack of LSTM layers and judges it by its last word's state.

    Args:
        words: size of the vocabulary without padding.
        stack: one of `STACKS`.
    """

    def __init__(self, words: int, stack: str) -> None:
        super().__init__()
        kind, layers, units = STACKS[stack]
        self.embedding = nn.Embedding(words + 1, EMBEDDING, padding_idx=PADDING)
        self.body: nn.Module = (
            ResidualLSTM(EMBEDDING, units, layers)
            if kind == "residual"
            else nn.LSTM(EMBEDDING, units, layers, batch_first=True)
        )
        self.head = nn.Linear(units, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores of the two labels: ``(batch, time)`` tokens to ``(batch, 2)``."""
        states, _ = self.body(self.embedding(tokens))
        last = (tokens != PADDING).sum(dim=1) - 1
        scores: Tensor = self.head(states[torch.arange(len(tokens), device=tokens.device), last])
        return scores


@lru_cache(maxsize=4)
def reviews(sentences: int) -> Sentences:
    """Reviews to learn from, to validate on and to test on, in this order; no two are the same."""
    return synthetic_reviews(sentences + VALIDATION + TEST, seed=0)


def depth_grid(scale: Scale, seeds: int) -> list[DepthConfig]:
    """Two baselines once, each stack once per seed, at one or two numbers of reviews."""
    amounts = (150, 300) if scale == "full" else (300,)
    stacks = tuple(STACKS) if scale == "full" else ("1 × 42", "4 × 17")
    return [
        DepthConfig(model=model, sentences=amount, seed=seed)
        for amount in amounts
        for model in ("majority", "bag", *stacks)
        for seed in range(seeds if model in STACKS else 1)
    ]


def run_depth(config: DepthConfig, device: str) -> dict[str, Any]:
    """Train one stack on a few reviews and judge others.

    Returns:
        Test ``accuracy`` in per cent, ``parameters`` in all and ``body_parameters`` of the recurrent layers.
    """
    data, first = reviews(config.sentences), config.sentences
    ids, labels = data.ids, data.labels
    test = labels[first + VALIDATION :]
    if config.model not in STACKS:
        named, size = _without_order(config.model, ids, labels, first, len(data.vocabulary))
        return {"accuracy": 100 * float(np.mean(named == test)), "parameters": size}
    set_seed(config.seed)
    net = ReviewReader(len(data.vocabulary), config.model)
    fit(
        net,
        (ids[:first], labels[:first]),
        (ids[first : first + VALIDATION], labels[first : first + VALIDATION]),
        epochs=config.epochs,
        batch_size=32,
        lr=5e-3,
        loss=nn.functional.cross_entropy,
        clip_norm=1.0,
        seed=config.seed,
        device=device,
        progress=False,
    )
    named = predict(net, ids[first + VALIDATION :], device=device).argmax(axis=1)
    return {
        "accuracy": 100 * float(np.mean(named == test)),
        "parameters": _size(net),
        "body_parameters": _size(net.body),
    }


def _without_order(
    model: str, ids: NDArray[np.int64], labels: NDArray[np.int64], train: int, words: int
) -> tuple[NDArray[np.int64], int]:
    """What the more frequent label, or a linear model of word counts, says of the test reviews; and its size."""
    from sklearn.linear_model import LogisticRegression

    rest = len(ids) - train - VALIDATION
    if model == "majority":
        return np.full(rest, np.bincount(labels[:train]).argmax()), 0
    counts = np.stack([np.bincount(row, minlength=words + 1)[1:] for row in ids])
    line = LogisticRegression(max_iter=1000).fit(counts[:train], labels[:train])
    named: NDArray[np.int64] = line.predict(counts[-rest:])
    return named, int(line.coef_.size + line.intercept_.size)


# ---- Connections that pass steps by.

LADDERS: dict[str, tuple[type[nn.RNN] | type[nn.LSTM], tuple[int, ...]]] = {
    "RNN": (nn.RNN, (1, 1, 1)),
    "dilated RNN": (nn.RNN, (1, 4, 16)),
    "LSTM": (nn.LSTM, (1, 1, 1)),
}
"""Kind and dilations of each stack of three layers."""

UNITS = 16


@dataclass(frozen=True, kw_only=True)
class TimeConfig:
    """One run of ``time-skips``.

    Attributes:
        model: one of `LADDERS`.
        distance: steps from the value to the question.
        seed: of the initial weights and of the training sequences.
        steps: training steps.
    """

    model: str
    distance: int
    seed: int
    steps: int = 400


def dilated(layer: nn.Module, x: Tensor, d: int) -> Tensor:
    """States ``(batch, time, unit)`` of a layer that reads its own state of d steps ago; d divides the steps.

    Every d-th step is a sequence of its own, so torch's kernel runs d times the batch and a d-th of the steps.
    """
    apart = torch.cat([x[:, start::d] for start in range(d)])
    states: Tensor = layer(apart)[0].unflatten(0, (d, len(x)))
    return states.permute(1, 2, 0, 3).flatten(1, 2)


class Recaller(nn.Module):
    """Three recurrent layers, one of `LADDERS`, that name one of two classes at the last step.

    Source: Chang et al. (2017), Dilated recurrent neural networks.
    """

    def __init__(self, ladder: str) -> None:
        super().__init__()
        kind, self.dilations = LADDERS[ladder]
        sizes = [2] + [UNITS] * (len(self.dilations) - 1)
        self.layers = nn.ModuleList(kind(size, UNITS, batch_first=True) for size in sizes)
        self.head = nn.Linear(UNITS, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Scores: ``(batch, time, 2)`` to ``(batch, 2)``."""
        for layer, d in zip(self.layers, self.dilations, strict=True):
            x = dilated(layer, x, d)
        scores: Tensor = self.head(x[:, -1])
        return scores


def time_grid(scale: Scale, seeds: int) -> list[TimeConfig]:
    """Each stack once per distance and seed."""
    distances = (15, 63) if scale == "full" else (15,)
    return [
        TimeConfig(model=model, distance=distance, seed=seed)
        for model in LADDERS
        for distance in distances
        for seed in range(seeds)
    ]


def run_time(config: TimeConfig, device: str) -> dict[str, Any]:
    """Train one stack to recall the first value and test it on other sequences.

    Returns:
        Test ``accuracy`` in per cent (one half by guessing) and number of ``parameters``.
    """

    def draw(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        x, y = kept_value(32, distance=config.distance, seed=int(rng.integers(2**31)))
        return torch.from_numpy(x), torch.from_numpy(y)

    set_seed(config.seed)
    net = Recaller(config.model)
    fit(
        net,
        Fresh(config.steps, draw),
        epochs=1,
        loss=nn.functional.cross_entropy,
        optimiser=one_cycle(1e-2, config.steps),
        clip_norm=1.0,
        seed=config.seed,
        device=device,
        progress=False,
    )
    x, y = kept_value(1000, distance=config.distance, seed=2**31)
    accuracy = 100 * float(np.mean(predict(net, x, device=device).argmax(axis=1) == y))
    return {"accuracy": accuracy, "parameters": _size(net)}


# ---- Updates left out.

COSTS = (0.0, 0.003, 0.01)
STRIDES = (1, 2, 8)
LENGTH = 40


@dataclass(frozen=True, kw_only=True)
class SkipConfig:
    """One run of ``skip-rnn``.

    Attributes:
        model: ``stride``, a GRU that reads every k-th step, or ``skip``, a Skip GRU.
        lasts: steps that the pulse lasts.
        stride: k; 1 for a Skip GRU, which is offered every step.
        cost: price of an update in the loss of a Skip GRU.
        seed: of the initial weights and of the training sequences.
        free: training steps before updates have a price.
        priced: training steps after that.
    """

    model: Literal["stride", "skip"]
    lasts: int
    stride: int
    cost: float
    seed: int
    free: int = 200
    priced: int = 200


class PulseReader(nn.Module):
    """A GRU or a Skip GRU of 16 units that names a pulse at the end.

    Args:
        config: which.
    """

    def __init__(self, config: SkipConfig) -> None:
        super().__init__()
        self.stride = config.stride
        self.body: nn.GRU | SkipGRU = (nn.GRU if config.model == "stride" else SkipGRU)(2, 16, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(batch, 4)`` and updates of each sequence ``(batch,)``, from ``(batch, time, 2)``."""
        read = x[:, :: self.stride]
        if isinstance(self.body, SkipGRU):
            run = self.body.run(read)
            return self.head(run.output[:, -1]), run.updates.sum(dim=1)
        return self.head(self.body(read)[0][:, -1]), x.new_full((len(x),), read.shape[1])


def skip_grid(scale: Scale, seeds: int) -> list[SkipConfig]:
    """GRUs that read every k-th step, then Skip GRUs at each price; for pulses of one step and of eight."""
    lengths = (1, 8) if scale == "full" else (8,)
    readers: list[tuple[Literal["stride", "skip"], int, float]] = [("stride", stride, 0.0) for stride in STRIDES]
    readers += [("skip", 1, cost) for cost in (COSTS if scale == "full" else COSTS[-1:])]
    return [
        SkipConfig(model=model, lasts=lasts, stride=stride, cost=cost, seed=seed)
        for lasts in lengths
        for model, stride, cost in readers
        for seed in range(seeds)
    ]


def skip_loss(cost: float) -> Callable[[tuple[Tensor, Tensor], Tensor], Tensor]:
    """Cross-entropy and a price for each update."""

    def loss(output: tuple[Tensor, Tensor], kinds: Tensor) -> Tensor:
        scores, updates = output
        return nn.functional.cross_entropy(scores, kinds) + cost * updates.mean()

    return loss


def run_skip(config: SkipConfig, device: str) -> dict[str, Any]:
    """Train one reader of pulses and test it on other sequences.

    Returns:
        Test ``accuracy`` in per cent, ``share`` of the steps that update in per cent, number of ``parameters``.
    """

    def draw(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        inputs, kinds, _ = sparse_events(64, rng, steps=LENGTH, lasts=config.lasts)
        return torch.from_numpy(inputs), torch.from_numpy(kinds)

    set_seed(config.seed)
    net = PulseReader(config)
    # A price from the start buys a reader that never looks: it must first learn what there is to see.
    for steps, cost in ((config.free, 0.0), (config.priced, config.cost)):
        fit(
            net,
            Fresh(steps, draw),
            epochs=1,
            loss=skip_loss(cost),
            optimiser=one_cycle(1e-2, steps),
            clip_norm=1.0,
            seed=config.seed + steps,
            device=device,
            progress=False,
        )
    inputs, kinds, _ = sparse_events(2000, np.random.default_rng(2**31), steps=LENGTH, lasts=config.lasts)
    with torch.inference_mode():
        scores, updates = net.to(device)(torch.from_numpy(inputs).to(device))
    return {
        "accuracy": 100 * float(np.mean(scores.argmax(dim=1).cpu().numpy() == kinds)),
        "share": 100 * float(updates.mean()) / LENGTH,
        "parameters": _size(net),
    }


# ---- States that are maps.

SIDE, FRAMES = 16, 6
HALVES: dict[str, tuple[int, int]] = {"left": (0, SIDE // 2), "right": (SIDE // 2, SIDE), "all": (0, SIDE)}
FORECASTERS: dict[str, tuple[float, int]] = {
    "two frames": (1e-2, 900),
    "CNN + LSTM": (5e-3, 1500),
    "ConvLSTM": (2e-2, 300),
}
"""Highest rate and training steps of each network."""


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """One run of ``moving-shapes``.

    Attributes:
        model: ``persistence`` or one of `FORECASTERS`.
        region: where the shapes of the training films are: ``left`` or ``all``.
        seed: of the initial weights and of the training films.
    """

    model: str
    region: Literal["left", "all"]
    seed: int


class TwoFrames(nn.Module):
    """Convolutions over the last two frames: no recurrence at all."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 16, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 1, 3, padding=1),
        )

    def forward(self, film: Tensor) -> Tensor:
        """Scores of the next frame after each: ``(batch, time, 1, side, side)`` to the same shape."""
        before = torch.cat([torch.zeros_like(film[:, :1]), film[:, :-1]], dim=1)
        pairs = torch.cat([before, film], dim=2)
        scores: Tensor = self.layers(pairs.flatten(0, 1))
        return scores.reshape(film.shape)


class ConvThenLstm(nn.Module):
    """Convolutions look at each frame, an LSTM remembers them as a vector, a linear layer paints the next frame."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, padding=1), nn.ReLU(), nn.Flatten()
        )
        self.body = nn.LSTM(SIDE**2, 128, batch_first=True)
        self.head = nn.Linear(128, SIDE**2)

    def forward(self, film: Tensor) -> Tensor:
        """Scores of the next frame after each: ``(batch, time, 1, side, side)`` to the same shape."""
        seen = self.encoder(film.flatten(0, 1)).reshape(*film.shape[:2], -1)
        scores: Tensor = self.head(self.body(seen)[0])
        return scores.reshape(film.shape)


class ConvInLstm(nn.Module):
    """A ConvLSTM remembers the frames as maps, and two convolutions paint the next frame."""

    def __init__(self) -> None:
        super().__init__()
        self.body = ConvLSTM(1, 8, 3, batch_first=True)
        self.head = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, film: Tensor) -> Tensor:
        """Scores of the next frame after each: ``(batch, time, 1, side, side)`` to the same shape."""
        scores: Tensor = self.head(self.body(film)[0].flatten(0, 1))
        return scores.reshape(film.shape)


def forecaster(model: str) -> nn.Module:
    """One of the networks of ``moving-shapes``, with new weights."""
    match model:
        case "two frames":
            return TwoFrames()
        case "CNN + LSTM":
            return ConvThenLstm()
        case "ConvLSTM":
            return ConvInLstm()
    raise ValueError(f"model is {model!r}; expected one of {', '.join(FORECASTERS)}.")


def scene_grid(scale: Scale, seeds: int) -> list[SceneConfig]:
    """The baseline once, then each network once per region and seed."""
    regions: tuple[Literal["left", "all"], ...] = ("left", "all") if scale == "full" else ("left",)
    still = [SceneConfig(model="persistence", region="all", seed=0)]
    return still + [
        SceneConfig(model=model, region=region, seed=seed)
        for region in regions
        for model in FORECASTERS
        for seed in range(seeds)
    ]


def known_from(frames: Tensor) -> Tensor:
    """The frames that can be forecast: all from the third on, ``(batch, time - 2, 1, side, side)``."""
    return frames[:, 2:]


def film_loss(scores: Tensor, frames: Tensor) -> Tensor:
    """Cross-entropy per pixel of the forecasts of `known_from`."""
    return nn.functional.binary_cross_entropy_with_logits(scores[:, 1:], known_from(frames))


def _films(count: int, rng: np.random.Generator, region: str) -> Tensor:
    return torch.from_numpy(moving_shapes(count, rng, steps=FRAMES, side=SIDE, columns=HALVES[region]))


def squared_error(forecast: Callable[[Tensor], Tensor], region: str) -> float:
    """Mean squared error per frame, in pixels, of forecasts on 500 test films of a region."""
    frames = _films(500, np.random.default_rng([2**31, *HALVES[region]]), region)
    wrong = forecast(frames[:, :-1])[:, 1:] - known_from(frames)
    return float(wrong.square().sum(dim=(2, 3, 4)).mean())


def run_scenes(config: SceneConfig, device: str) -> dict[str, Any]:
    """Train one forecaster of films and test it on the left half and on the right half.

    Returns:
        Squared error per frame in pixels on test films in the ``left`` and in the ``right`` half, ``parameters``.
    """
    if config.model == "persistence":
        return {half: squared_error(lambda seen: seen, half) for half in ("left", "right")} | {"parameters": 0}
    rate, steps = FORECASTERS[config.model]

    def draw(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        frames = _films(32, rng, config.region)
        return frames[:, :-1], frames

    set_seed(config.seed)
    net = forecaster(config.model)
    fit(
        net,
        Fresh(steps, draw),
        epochs=1,
        loss=film_loss,
        optimiser=one_cycle(rate, steps),
        clip_norm=1.0,
        seed=config.seed,
        device=device,
        progress=False,
    )
    net.cpu()
    with torch.inference_mode():
        errors = {half: squared_error(lambda seen: torch.sigmoid(net(seen)), half) for half in ("left", "right")}
    return errors | {"parameters": _size(net)}


DEPTH = Study(
    name="depth",
    about="do several thin LSTM layers read reviews better than one wide layer with as many parameters?",
    seeds=6,
    grid=depth_grid,
    run=run_depth,
    notes="Generated reviews. 150 and 300 of them to learn from, 1,000 to choose the epoch by, 2,000 to test on.",
)

TIME_SKIPS = Study(
    name="time-skips",
    about="does a value from far back arrive where layers read their state of several steps ago?",
    seeds=5,
    grid=time_grid,
    run=run_time,
    notes="Generated sequences, drawn anew at each of 400 training steps; 1,000 others to test on.",
)

SKIP_RNN = Study(
    name="skip-rnn",
    about="how many updates can a learned gate leave out before it misses a pulse?",
    seeds=5,
    grid=skip_grid,
    run=run_skip,
    notes="Generated sequences, drawn anew at each of 400 training steps, of which the first 200 have no "
    "price; 2,000 others to test on.",
)

MOVING_SHAPES = Study(
    name="moving-shapes",
    about="what does a state with a spatial layout buy when the next frame is to be forecast?",
    seeds=5,
    grid=scene_grid,
    run=run_scenes,
    notes="Generated films, drawn anew at each training step; 500 others per half to test on. The ConvLSTM gets "
    "300 steps. The others get more, 900 and 1,500: after 300 two of five runs on two frames are far from done, "
    "and the CNN + LSTM forecasts empty frames. Their steps are the faster ones.",
)

STUDIES = (DEPTH, TIME_SKIPS, SKIP_RNN, MOVING_SHAPES)
