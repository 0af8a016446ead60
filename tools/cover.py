"""Draw the book's cover picture and the card that other sites show of it.

The picture is the hidden states of one small recurrent cell, from many beginnings.

The cell is ``h_t = tanh(W h_(t-1))`` with two units, where ``W`` turns the state a little and stretches it a
little. Whatever it starts from, the state winds onto the same closed path: what the cell remembers in the end is
where on that path it is. ``python -m tools.cover`` writes both; the same code gives the same bytes.
"""

import argparse
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from rnncourse._files import write_whole

ASSETS = Path(__file__).resolve().parents[1] / "book" / "assets"
PAPER, TEXT, QUIET = "#fcfbf8", "#23292c", "#586268"
CARD = (1200, 630)  # pixels, as the sites that show it ask for
INK = LinearSegmentedColormap.from_list("ink", ["#c96f3a", "#b8925a", "#4d9a94", "#1f7f86"])  # on light and on dark
TURN, STRETCH = 0.072, 1.07  # radians and factor per step
STEPS, STARTS = 100, 120
LENGTH, DEPTH = 3.05, 0.36  # of the picture in the direction of time, and of the second unit seen from the side


def trajectories(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """States of the cell, shape (step, start, 2), from starts of shape (start, 2)."""
    turn = np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]])
    states = [starts]
    for _ in range(STEPS):
        states.append(np.tanh(states[-1] @ (STRETCH * turn).T))
    return np.stack(states)


def starts() -> NDArray[np.float64]:
    """Where the cell begins: a flower of points around rest; shape (start, 2)."""
    angle = np.linspace(0, 2 * np.pi, STARTS, endpoint=False)
    radius = 0.02 + 0.055 * (1 + np.cos(5 * angle))
    return np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None]


def band(figure: Figure, place: tuple[float, float, float, float]) -> None:
    """Draw the states: one line per beginning, seen from the side so that time runs to the right.

    Args:
        figure: to draw on.
        place: left, bottom, width and height of the picture, as shares of the figure's.
    """
    axes = figure.add_axes(place)
    states = trajectories(starts())
    time = np.linspace(-LENGTH, LENGTH, STEPS + 1)
    for k in range(states.shape[1]):
        first, second = states[:, k, 0], states[:, k, 1]
        shade = (np.arctan2(states[-1, k, 1], states[-1, k, 0]) + np.pi) / (2 * np.pi)
        colour = to_hex(INK(abs(2 * shade - 1)))
        depth = 0.35 + 0.45 * (1 + np.sin(2 * np.pi * shade)) / 2
        axes.plot(time + DEPTH * second, first, color=colour, alpha=depth, linewidth=0.7)
    axes.set(xlim=(-LENGTH, LENGTH - DEPTH / 2), ylim=(-0.52, 0.52))
    axes.set_axis_off()


def draw() -> Figure:
    """The cover."""
    figure = Figure(figsize=(12.2, 3.44))
    band(figure, (0, 0, 1, 1))
    return figure


def card() -> Figure:
    """The card: the title above the picture."""
    figure = Figure(figsize=(CARD[0] / 100, CARD[1] / 100), dpi=100, facecolor=PAPER)
    band(figure, (0, 0.02, 1, 0.5))
    figure.text(0.06, 0.84, "Recurrent networks,", fontsize=50, va="center", family="DejaVu Serif", color=TEXT)
    figure.text(0.06, 0.705, "by the numbers", fontsize=50, va="center", family="DejaVu Serif", color=TEXT)
    line = "Every number is computed, named, and checked again on every run."
    figure.text(0.062, 0.59, line, fontsize=19, va="center", family="DejaVu Sans", color=QUIET)
    return figure


def with_palette(png: bytes, colours: int) -> bytes:
    """A picture of few colours: a palette makes it a third of its size."""
    small = BytesIO()
    with Image.open(BytesIO(png)) as picture:
        picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()


def save_card(target: Path) -> None:
    """Write the card."""
    drawn = BytesIO()
    card().savefig(drawn, format="png", metadata={"Software": None})
    write_whole(target, with_palette(drawn.getvalue(), 64))


def main() -> None:
    """Write the picture and the card to the book's assets, or where ``--to`` says."""
    parser = argparse.ArgumentParser(description="Draw the book's cover picture and its card.")
    parser.add_argument("--to", type=Path, default=ASSETS, help="folder to write to (default: the book's assets)")
    target = parser.parse_args().to
    with mpl.rc_context({"svg.hashsalt": "rnncourse", "path.simplify": True}):
        draw().savefig(target / "cover.svg", format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    save_card(target / "card.png")


if __name__ == "__main__":
    main()
