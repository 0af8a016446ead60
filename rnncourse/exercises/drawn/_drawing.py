"""What a drawn exercise is, and how it becomes a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Exercise:
    """One exercise with its numbers drawn.

    Attributes:
        question: what is asked, in Markdown with TeX.
        working: how the answer is found, in Markdown with TeX.
        answer: the result, unrounded where it is a number or a list of numbers.
        shown: the result as an answer sheet prints it.
    """

    question: str
    working: str
    answer: float | int | tuple[float, ...]
    shown: str


@dataclass(frozen=True)
class Template:
    """An exercise whose numbers are drawn anew for each seed.

    Attributes:
        name: what the command line and `draw` call it.
        title: its heading.
        chapter: number of the chapter that teaches it.
        make: draws the numbers, asks, and works the answer out.
    """

    name: str
    title: str
    chapter: int
    make: Callable[[np.random.Generator], Exercise]


def tenths(rng: np.random.Generator, *shape: int, low: int = -12, high: int = 12) -> Floats:
    """Numbers with one decimal that a person can multiply; none is zero."""
    values = rng.integers(low, high, size=shape)  # zero becomes the largest, so that every product counts
    return np.asarray(np.where(values == 0, high, values) / 10, dtype=np.float64)


def column(values: ArrayLike) -> str:
    """A vector in TeX."""
    return matrix([[value] for value in np.asarray(values, dtype=np.float64)])


def matrix(rows: Sequence[Sequence[float]] | Floats) -> str:
    """A matrix in TeX."""
    body = r" \\ ".join(" & ".join(f"{value:g}" for value in row) for row in rows)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def listed(values: ArrayLike, digits: int = 4) -> str:
    """A vector as an answer sheet prints it."""
    return "(" + ", ".join(f"{value:.{digits}f}" for value in np.asarray(values, dtype=np.float64)) + ")"
