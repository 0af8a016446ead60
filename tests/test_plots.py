"""The figures' colours: each stands out from the page, and the three cells from each other also in grey."""

import itertools

import matplotlib.pyplot as plt
import pytest

from rnncourse import plots

DRAWN = sorted({*plots.COLOURS.values(), *plots.STYLE["axes.prop_cycle"].by_key()["color"]})
LEAST = 3.0  # contrast of what is drawn with what is behind it, WCAG 2.2, 1.4.11


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it, which is what grey paper keeps of a colour."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", DRAWN)
def test_a_colour_stands_out_from_the_page_by_day_and_by_night(colour: str) -> None:
    assert contrast(colour, plots.PAPER) >= LEAST
    assert contrast(in_the_dark(colour), "#14181a") >= LEAST


def test_the_cells_differ_in_grey() -> None:
    for one, other in itertools.combinations(("RNN", "LSTM", "GRU"), 2):
        assert contrast(plots.COLOURS[one], plots.COLOURS[other]) >= 1.5, (one, other)


def test_lines_are_labelled_at_their_ends_and_a_spread_needs_two_runs() -> None:
    _, axes = plt.subplots()
    plots.mean_and_spread(axes, [0, 1], [[1.0, 2.0], [3.0, 6.0]], label="both", colour="#004C86")
    (line,) = axes.get_lines()
    assert list(line.get_ydata()) == [2.0, 4.0]
    assert axes.collections[0].get_paths()[0].get_extents().ymax == pytest.approx(4 + 8**0.5)
    axes.plot([0, 1], [0, 0], label="_hidden")
    plots.label_lines(axes)
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("both", (1.0, 4.0))]
    plt.close()
    with pytest.raises(ValueError, match="got 1 run"):
        plots.mean_and_spread(axes, [0], [[1.0]], label="one", colour="#004C86")


def in_the_dark(colour: str) -> str:
    """A colour after the site's filter, ``invert(1) hue-rotate(180deg)``, as Filter Effects 1 defines both."""
    red, green, blue = (255 - int(colour[place : place + 2], 16) for place in (1, 3, 5))
    grey = 2 * (0.213 * red + 0.715 * green + 0.072 * blue)
    return "#" + "".join(f"{round(min(max(grey - part, 0), 255)):02x}" for part in (red, green, blue))
