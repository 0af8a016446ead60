"""One look for every figure: colours by model, direct labels, a style that stays readable on a dark page."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

# After Okabe and Ito's palette (2008), which colour-blind readers can tell apart. Blue, vermilion and orange are darker
# than theirs: each colour stands out from the page, and the three cells from each other also in grey. A model keeps its
# colour all through.
COLOURS: Mapping[str, str] = {
    **{"RNN": "#B84A00", "LSTM": "#004C86", "GRU": "#009E73", "BiLSTM": "#CC79A7"},
    **{"baseline": "#595959", "bound": "#B8860B"},
    **{"input": "#C28700", "forget": "#004C86", "cell": "#009E73", "output": "#CC79A7"},
    **{"reset": "#C28700", "update": "#004C86", "new": "#009E73"},
}
STYLE = mpl.rc_params_from_file(Path(__file__).with_name("book.mplstyle"), use_default_template=False)
INK, PAPER, GRID = STYLE["text.color"], STYLE["figure.facecolor"], STYLE["grid.color"]


def use_style() -> None:
    """Make the book's style the default of this session; in a clone, a notebook shows figures as the pages do."""
    mpl.rcParams.update(STYLE)
    with suppress(ImportError):  # an installed package comes without the book
        from book._ext import screens

        screens.register()


def label_lines(axes: Axes) -> None:
    """Write each line's label at its right end, in its colour, instead of a legend."""
    place: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
    for line in axes.get_lines():
        if not (label := str(line.get_label())).startswith("_"):
            x, y = np.asarray(line.get_data())[:, -1]
            axes.annotate(label, (float(x), float(y)), color=line.get_color(), **place)


def mean_and_spread(
    axes: Axes, x: Sequence[float], runs: Sequence[Sequence[float]], *, label: str, colour: str
) -> None:
    """Draw the mean over runs as a line and one standard deviation either way as a band.

    Raises:
        ValueError: there are fewer than two runs, each of the length of ``x``, so no spread to show.
    """
    if len(runs) < 2:
        raise ValueError(f"got {len(runs)} run; give at least two, or draw a plain line.")
    mean, spread = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1)
    axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, mean, color=colour, label=label)
