"""Moving shapes: short films of one small shape on a straight path. Synthetic.

Where the shape may be is an argument, so that a network can be trained on one part of the frame and asked about
another. Two frames tell which way the shape moves, so from the third on the next one can be known exactly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError

__all__ = ["SHAPES", "Scenes", "moving_shapes"]

_PICTURES = {
    "block": ("###", "###", "###"),
    "ring": ("###", "#.#", "###"),
    "cross": (".#.", "###", ".#."),
    "corner": ("#..", "#..", "###"),
}
SHAPES: dict[str, NDArray[np.float32]] = {
    name: np.array([[mark == "#" for mark in row] for row in rows], dtype=np.float32)
    for name, rows in _PICTURES.items()
}
"""The shapes by name, each ``(3, 3)`` of zeros and ones."""

_SIZE = 3


@dataclass(frozen=True, eq=False)
class Scenes:
    """Films of one moving shape each.

    Attributes:
        frames: ``(films, time, 1, side, side)``, float32, 0 or 1.
        corners: row and column of the shape's upper left corner, ``(films, time, 2)``.
        shapes: index of each film's shape into `SHAPES`, ``(films,)``.
    """

    frames: NDArray[np.float32]
    corners: NDArray[np.int64]
    shapes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)


def moving_shapes(
    count: int,
    rng: np.random.Generator,
    *,
    steps: int = 6,
    side: int = 16,
    columns: tuple[int, int] | None = None,
) -> Scenes:
    """Draw films of one 3 × 3 shape that moves on a straight line, one pixel per step in one of eight directions.

    Args:
        count: films, at least 1.
        rng: source of randomness.
        steps: frames of a film, at least 2.
        side: height and width of a frame in pixels.
        columns: first column and one past the last that the shape may touch; the whole frame if None.

    Returns:
        The films.

    Raises:
        DataError: a number is out of range, or the region is too narrow for a path of ``steps`` frames.
    """
    left, right = (0, side) if columns is None else columns
    _check(count, steps, side, left, right)
    directions = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)])
    velocity = directions[rng.integers(len(directions), size=count)]
    corners = _paths(velocity, steps, np.array([0, left]), np.array([side, right]) - _SIZE, rng)
    which = rng.integers(len(SHAPES), size=count)
    frames = _painted(corners, np.stack(list(SHAPES.values()))[which], side)
    return Scenes(frames, corners, which)


def _check(count: int, steps: int, side: int, left: int, right: int) -> None:
    if count < 1 or steps < 2:
        raise DataError(f"count and steps must be at least 1 and 2, got {count} and {steps}.")
    if not 0 <= left < right <= side or min(right - left, side) < steps + _SIZE - 1:
        raise DataError(
            f"columns {left} to {right} of a frame of side {side} hold no path of {steps} frames; "
            f"give at least {steps + _SIZE - 1} columns within the frame."
        )


def _paths(
    velocity: NDArray[np.int64],
    steps: int,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Corners ``(films, time, 2)`` of paths that stay within ``low`` and ``high``, all starts equally likely."""
    travel = velocity * (steps - 1)
    first = np.maximum(low, low - travel)
    room = np.minimum(high, high - travel) - first + 1
    start = first + (rng.random(velocity.shape) * room).astype(np.int64)
    path: NDArray[np.int64] = start[:, None] + velocity[:, None] * np.arange(steps)[None, :, None]
    return path


def _painted(corners: NDArray[np.int64], pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    films, steps = corners.shape[:2]
    frames = np.zeros((films, steps, 1, side, side), dtype=np.float32)
    film, time, row, column = np.ix_(range(films), range(steps), range(_SIZE), range(_SIZE))
    rows = corners[:, :, 0, None, None] + row
    columns = corners[:, :, 1, None, None] + column
    frames[film, time, 0, rows, columns] = pictures[:, None]
    return frames
