"""The figures' colours: each stands out from the page, and the three cells from each other also in grey."""

import itertools

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
def test_a_colour_stands_out_from_the_page(colour: str) -> None:
    assert contrast(colour, plots.PAPER) >= LEAST


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(("RNN", "LSTM", "GRU"), 2)))
def test_the_cells_differ_in_grey(one: str, other: str) -> None:
    assert contrast(plots.COLOURS[one], plots.COLOURS[other]) >= 1.5


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
