"""A figure drawn for two screens, as vector graphics: as wide as it was made, and as narrow as a telephone.

The narrow drawing is the same figure on other paper: panels that stood side by side stand one below the other, and
labels are broken where they no longer fit. Where words would cover each other or leave their box, there is none.
"""

import io
import itertools
import pickle
import re
import sys
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import Collection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter
from matplotlib.transforms import Bbox, ScaledTranslation

SVG = "image/svg+xml"
WIDTH = 3.72  # inches: 357 CSS pixels, what a telephone of 390 leaves between the margins
HIGHEST = 2.7  # inches of a panel that stood beside others
SIZES = (0.92, 0.8)  # tried in turn, as shares of the size of the words on a wide screen
SMALLEST = 6.5  # points, 8.7 CSS pixels
HEAVY = 1000  # marks of a collection that is drawn as pixels
NO_MARKER = (None, "", " ", "None", "none")
MARGIN = 1  # pixels between a word and the sides of its box
BROAD = 0.45  # share of a panel that a legend may cover

_BLOCKS = re.compile(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*|<\?xml.*?\?>\s*|<!DOCTYPE.*?>\s*", re.DOTALL)
_PLACES = re.compile(r"""(?<=[ (])(?:d|x|y|points)="[^"]*"|translate\([^)]*\)""")
_LONG = re.compile(r"-?\d*\.\d{3,}(?:e-?\d+)?")
_BREAKS = re.compile(r"\s*\n\s*")
_NAME = re.compile(r"[^\d.,\s\u2212-]")
_FORMULA = re.compile(r"\$[^$]*\$")


def vector(figure: Figure) -> str:
    """A figure as SVG without a ground, the same on every run; places are rounded to hundredths of a point."""
    for mark in figure.findobj(Collection):
        if isinstance(mark, QuadMesh) or len(mark.get_offsets()) > HEAVY:  # type: ignore[arg-type]
            mark.set_rasterized(True)
    for line in figure.findobj(Line2D):
        if line.get_marker() not in NO_MARKER and len(line.get_xdata()) > HEAVY:  # type: ignore[arg-type]
            line.set_rasterized(True)
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "rnncourse", "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", dpi=220, bbox_inches="tight", pad_inches=0.03, metadata={"Date": None})
    text = _BLOCKS.sub("", stream.getvalue())
    text = _PLACES.sub(lambda place: _LONG.sub(lambda number: f"{float(number[0]):.2f}", place[0]), text)
    return _BREAKS.sub(" ", text).replace("> <", "><")


def panels(figure: Figure) -> dict[tuple[int, int], list[Axes]]:
    """The axes of each place of the figure's grid, by row and column."""
    found: dict[tuple[int, int], list[Axes]] = {}
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if place is not None and axes.get_label() != "<colorbar>":
            found.setdefault((place.rowspan.start, place.colspan.start), []).append(axes)
    return dict(sorted(found.items()))


def inherit(found: dict[tuple[int, int], list[Axes]]) -> None:
    """Write on each panel what the first of its row and the ends of its column say for it."""
    rows, columns = (sorted({place[k] for place in found}) for k in (0, 1))
    for (row, column), (axes, *_) in found.items():
        first, top = found.get((row, columns[0])), found.get((rows[0], column))
        bottom = found.get((rows[-1], column))
        if top and not axes.get_title(loc="left"):
            axes.set_title(axes.get_title(loc="center") or top[0].get_title(loc="left"), loc="left")
        if not axes.axison:
            continue
        if column > columns[0]:
            show_heights(axes)
        if first and (len(rows) > 1 or axes.get_shared_y_axes().joined(axes, first[0])):
            axes.set_ylabel(axes.get_ylabel() or first[0].get_ylabel())
        if bottom and axes.get_shared_x_axes().joined(axes, bottom[0]):
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(axes.get_xlabel() or bottom[0].get_xlabel())


def show_heights(axes: Axes) -> None:
    """Label the ticks of a panel that left this to the one on its left."""
    if len(axes.get_shared_y_axes().get_siblings(axes)) > 1:
        axes.tick_params(labelleft=True)
    formatter = axes.yaxis.get_major_formatter()
    if isinstance(formatter, NullFormatter) or (isinstance(formatter, FixedFormatter) and not formatter.seq):
        low, high = axes.get_ylim()
        axes.set_yscale(axes.get_yscale())
        axes.set_ylim(low, high)


def slope(axes: Axes) -> float:
    """How much higher than wide a panel of a fixed aspect is."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    return abs((high - low) / (right - left)) * float(axes.get_aspect())


def stack(figure: Figure) -> int:
    """Set the panels one below the other, small ones in pairs; return how many stood side by side."""
    found = panels(figure)
    rows, sides = (len({place[k] for place in found}) for k in (0, 1))
    height = figure.get_figheight() / max(rows, 1)
    columns = 2 if sides > 3 else 1
    if sides < 2:
        figure.set_size_inches(WIDTH, figure.get_figheight())
        return sides
    inherit(found)
    lines = -(-len(found) // columns)
    ratios = [1.0] * lines
    if all(axes.get_aspect() != "auto" for group in found.values() for axes in group):
        figure.set_layout_engine("compressed")
        tall = [max(map(slope, group)) for group in found.values()]
        ratios = [max(tall[columns * k : columns * (k + 1)]) / max(tall) for k in range(lines)]
    grid = GridSpec(lines, columns, figure=figure, height_ratios=ratios)
    for k, group in enumerate(found.values()):
        for axes in group:
            axes.set_subplotspec(SubplotSpec(grid, k))
    figure.set_size_inches(WIDTH, lines * min(height, HIGHEST / columns**0.6))
    return sides


def words(figure: Figure) -> list[Text]:
    """All texts but the labels of ticks, in an order that a copy shares."""
    ticks = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())  # it may make some that were not there
        for label in (tick.label1, tick.label2)
    }
    return [text for text in figure.findobj(Text) if id(text) not in ticks]


def extents(texts: Sequence[Text]) -> dict[int, Bbox]:
    """The boxes of the texts that are seen, by their numbers."""
    return {
        i: text.get_window_extent() for i, text in enumerate(texts) if text.get_visible() and text.get_text().strip()
    }


def broken(text: str, width: int) -> str:
    """A label in lines of at most so many letters; a formula is not broken."""
    kept = _FORMULA.sub(lambda formula: formula[0].replace(" ", "\u00a0"), text)
    return "\n".join(textwrap.fill(line, max(width, 8), break_long_words=False) for line in kept.split("\n")).replace(
        "\u00a0", " "
    )


def fold(text: Text, room: float, side: str = "width") -> None:
    """Break a text that is longer than its room, in pixels."""
    long = getattr(text.get_window_extent(), side)
    if text.get_text() and long > room:
        longest = max(map(len, text.get_text().split("\n")))
        text.set_text(broken(text.get_text(), int(0.95 * longest * room / long)))


def break_labels(figure: Figure) -> None:
    """Break titles and the labels of axes that are longer than what they stand at."""
    right = figure.bbox.width
    for axes in figure.axes:
        box = axes.get_window_extent()
        fold(axes.xaxis.label, min(right, 1.25 * box.width))
        fold(axes.yaxis.label, 1.1 * box.height, "height")
        fold(axes.title, box.width)
        fold(axes._left_title, right - box.x0)  # type: ignore[attr-defined]
    if figure._suptitle is not None:  # type: ignore[attr-defined]
        fold(figure._suptitle, right)  # type: ignore[attr-defined]


def part_ticks(figure: Figure) -> None:
    """Thin out or turn the labels below an axis that touch each other."""
    for axes in figure.axes:
        labels = [label for label in axes.get_xticklabels() if label.get_text() and label.get_visible()]
        boxes = [label.get_window_extent() for label in labels]
        touch = any(one.x1 + 3 > other.x0 for one, other in itertools.pairwise(boxes))
        if not touch or labels[0].get_rotation() % 180:
            continue
        if isinstance(axes.xaxis.get_major_locator(), FixedLocator) and _NAME.search(labels[0].get_text()):
            for label in labels:
                label.set(rotation=35, ha="right", rotation_mode="anchor")
        else:
            for label in labels[1::2]:
                label.set_visible(False)


def redrawn(legend: Legend, **where: Any) -> None:
    """The legend once more, elsewhere."""
    owner = legend.axes or legend.get_figure()
    handles, texts = legend.legend_handles, legend.get_texts()
    look: dict[str, Any] = {"fontsize": texts[0].get_fontsize(), "borderaxespad": 0.3, **where}
    if legend.axes is None:
        legend.remove()
    owner.legend(handles, [text.get_text() for text in texts], **look)  # type: ignore[union-attr, arg-type]


def columns_that_fit(legend: Legend, room: float) -> int:
    """How many columns of a legend have room, in pixels."""
    return max(1, int(legend._ncols * room / legend.get_window_extent().width))  # type: ignore[attr-defined]


def fold_legends(figure: Figure) -> None:
    """Give a legend that is wider than the paper fewer columns; one above its panel stays there."""
    room = 0.95 * figure.bbox.width
    for legend in figure.findobj(Legend):
        if legend.get_texts() and legend.get_window_extent().width > room:
            columns = columns_that_fit(legend, room)
            where = {"loc": "outside lower left"} if legend.axes is None else below(legend.axes)
            redrawn(legend, ncols=columns, **where)


def below(axes: Axes) -> dict[str, Any]:
    """Where a legend stands beneath a panel and the label of its axis."""
    box = axes.xaxis.get_tightbbox()
    down = (axes.get_window_extent().y0 - box.y0) / axes.figure.dpi if box else 0.0
    place = axes.transAxes + ScaledTranslation(0, -down - 0.04, axes.figure.dpi_scale_trans)
    return {"loc": "upper left", "bbox_to_anchor": (0, 0), "bbox_transform": place}


def place_legends(figure: Figure) -> None:
    """Set a legend that would cover its panel below it."""
    for legend in figure.findobj(Legend):
        box, axes = legend.get_window_extent(), legend.axes
        if axes is None or not legend.get_texts():
            continue
        room = axes.get_window_extent()
        covers = Bbox.intersection(box, room)
        if covers and (covers.width * covers.height > BROAD * room.width * room.height or box.width > 0.9 * room.width):
            redrawn(legend, ncols=columns_that_fit(legend, figure.bbox.width - room.x0), **below(axes))


def overlaps(boxes: Mapping[int, Bbox]) -> set[tuple[int, int]]:
    """Which of the boxes cover each other."""
    pairs = itertools.combinations(boxes, 2)
    return {(i, k) for i, k in pairs if (shared := Bbox.intersection(boxes[i], boxes[k])) and min(shared.size) > 2}


def framed(figure: Figure, boxes: Mapping[int, Bbox]) -> set[tuple[int, int]]:
    """Which box lies within which patch, by their numbers."""
    frames = [patch.get_window_extent() for axes in figure.axes for patch in axes.patches]
    return {
        (i, k)
        for i, box in boxes.items()
        for k, frame in enumerate(frames)
        if frame.x0 < box.x0 - MARGIN and box.x1 + MARGIN < frame.x1 and frame.y0 < box.y0 and box.y1 < frame.y1
    }


def copied(figure: Figure) -> Figure:
    """The figure once more, unknown to pyplot."""
    again: Figure = pickle.loads(pickle.dumps(figure))
    plt.close(again)
    return again


def narrow(figure: Figure) -> dict[str, Any] | None:
    """The drawing for a telephone and how many panels stood side by side; None where it cannot be read."""
    drawn = copied(figure)
    drawn.draw_without_rendering()
    before = extents(words(drawn))
    crossed, boxed = overlaps(before), framed(drawn, before)
    for share in SIZES:
        again = copied(figure)
        beside = stack(again)
        for text in again.findobj(Text):
            text.set_fontsize(max(SMALLEST, share * float(text.get_fontsize())))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of panels with no room, whose words then cover each other
            for change in (fold_legends, break_labels, part_ticks, place_legends):
                again.draw_without_rendering()
                change(again)
            again.draw_without_rendering()
            after = extents(words(again))
            if overlaps(after) <= crossed and boxed <= framed(again, after):
                return {"narrow": vector(again), "beside": beside}
    return None


def drawings(figure: Figure) -> tuple[dict[str, str], dict[str, Any]]:
    """The wide drawing of a figure, and the narrow one in what is said of it: a notebook shows the first.

    The figure itself is left as it is: each drawing moves what is in it a little.
    """
    try:
        wide = vector(copied(figure))
    except (pickle.PicklingError, AttributeError, TypeError):  # it holds a function without a name
        return {}, {}
    small = narrow(figure)
    return {SVG: wide}, {SVG: small} if small else {}


def register() -> None:
    """Have a notebook show a figure so."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and hasattr(shell, "display_formatter"):
        shell.display_formatter.mimebundle_formatter.for_type(Figure, drawings)
