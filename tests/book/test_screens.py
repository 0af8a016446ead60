"""A figure's two drawings: nothing is lost between them, the words fit, and they are the same on every run."""

import io
import re
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from book._ext import screens
from rnncourse import plots


@pytest.fixture(autouse=True)
def book_style() -> Iterator[None]:
    with plt.rc_context(plots.STYLE):  # type: ignore[arg-type]
        yield
        plt.close("all")


def two_panels() -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3), sharey=True)
    axes[0].plot([0, 1], [0, 1], label="a line")
    axes[0].set(title="a title that is far too long for a telephone of 390 pixels", ylabel="loss", xlabel="epoch")
    axes[1].plot([0, 1], [1, 0])
    axes[1].set(title="another")
    axes[0].legend()
    return figure


def width(drawing: str) -> float:
    found = re.search(r'width="([\d.]+)pt"', drawing)
    assert found
    return float(found[1])


def test_panels_stand_below_each_other_and_each_says_what_its_axis_is() -> None:
    figure = two_panels()
    again = screens.copied(figure)
    assert screens.stack(again) == 2
    again.draw_without_rendering()
    first, second = (axes.get_window_extent() for axes in again.axes)
    assert second.y1 < first.y0
    assert first.x0 == pytest.approx(second.x0)
    assert [axes.get_ylabel() for axes in again.axes] == ["loss", "loss"]
    screens.break_labels(again)
    assert "\n" in again.axes[0].get_title(loc="left")
    assert figure.axes[1].get_ylabel() == "", "the figure itself was changed"
    assert plt.get_fignums() == [figure.number]


def test_panels_of_a_fixed_aspect_get_the_height_that_they_fill() -> None:
    figure, panels = plt.subplots(1, 2, figsize=(7.4, 3))
    for axes, high in zip(panels, (1, 4), strict=True):
        axes.set(xlim=(0, 4), ylim=(0, high), aspect="equal", xticks=[], yticks=[])
    again = screens.copied(figure)
    screens.stack(again)
    again.draw_without_rendering()
    first, second = (axes.get_window_extent() for axes in again.axes)
    assert first.width == pytest.approx(second.width, rel=0.05)
    assert 0 < first.y0 - second.y1 < 0.2 * again.bbox.width


def test_both_drawings_fit_their_screens_and_are_the_same_on_every_run() -> None:
    (wide, said), (again, said_again) = screens.drawings(two_panels()), screens.drawings(two_panels())
    small = said[screens.SVG]
    assert (wide, small) == (again, said_again[screens.SVG])
    assert small["beside"] == 2
    assert width(small["narrow"]) <= 1.05 * 72 * screens.WIDTH < width(wide[screens.SVG])
    for drawing in (small["narrow"], wide[screens.SVG]):
        assert not re.search(r"<metadata|<!--|\d{4}-\d\d-\d\d", drawing)
        assert not re.search(r'd="[^"]*\.\d{3}', drawing)


def test_four_small_panels_stand_in_pairs() -> None:
    figure, _ = plt.subplots(1, 4, figsize=(8, 2.4))
    assert screens.stack(figure) == 4
    figure.draw_without_rendering()
    assert len({round(axes.get_position().x0, 1) for axes in figure.axes}) == 2


def test_words_that_would_cover_each_other_have_no_narrow_drawing() -> None:
    figure, axes = plt.subplots(figsize=(7.2, 2))
    axes.axis("off")
    for k in range(6):
        axes.text(k / 6, 0.5, "a word or two")
    assert screens.narrow(figure) is None


def test_a_figure_that_cannot_be_copied_is_shown_as_pixels_alone() -> None:
    figure, axes = plt.subplots()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    assert screens.drawings(figure) == ({}, {})


def test_a_formula_is_not_broken() -> None:
    assert screens.broken("the norm of $a + b$ here", 9) == "the norm\nof\n$a + b$\nhere"


def test_what_is_shown_as_pixels_is_not_moved_by_the_other_drawings() -> None:
    def pixels(figure: Figure) -> bytes:
        stream = io.BytesIO()
        figure.savefig(stream, format="png", bbox_inches="tight", metadata={"Software": None})
        return stream.getvalue()

    alone, after = two_panels(), two_panels()
    screens.drawings(after)
    assert pixels(after) == pixels(alone)
