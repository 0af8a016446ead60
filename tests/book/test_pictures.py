"""A picture on the site that a chapter no longer draws is seen, whatever is wrong with it."""

import base64
import io
from collections.abc import Callable

import nbformat
import numpy as np
import pytest
from PIL import Image

from tests.pictures import COARSE, Pixels, apart, differences, pictures, pixels
from tools import pairs


def without_a_colour(levels: Pixels) -> Pixels:
    """The picture without the colour that covers most of it after the paper: a curve, its band or its bars."""
    colours = (levels[::2, ::2] // 32).astype(int).reshape(-1, 3)
    strong = colours[np.ptp(colours, axis=1) > 1]
    counts = np.bincount(strong @ [64, 8, 1], minlength=512)
    most = np.array(np.unravel_index(counts.argmax(), (8, 8, 8))) * 32 + 16
    return np.where((np.abs(levels - most).max(axis=2) < 48)[..., None], 255, levels).astype(np.int16)


MUTATIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "one pixel": lambda levels: levels[:1, :1],
    "empty": lambda levels: np.full_like(levels, 255),
    "inverted": lambda levels: 255 - levels,
    "a colour is missing": without_a_colour,
    "a row too few": lambda levels: levels[: -COARSE - 1],
}
# What only a figure that must be drawn to the pixel shows.
EXACT: dict[str, Callable[[Pixels], Pixels]] = {
    "mirrored": lambda levels: levels[:, ::-1],
    "three pixels to the right": lambda levels: np.roll(levels, 3, axis=1),
    "a tenth higher": lambda levels: np.roll(levels, -len(levels) // 10, axis=0),
}


@pytest.fixture(scope="module")
def figures() -> list[tuple[str, Pixels, bool]]:
    """Every ninth figure of either kind, and whether it is a live one."""
    cells = [
        (chapter.stem, number, cell)
        for chapter in pairs.chapters()
        for number, cell in enumerate(nbformat.read(pairs.pair_of(chapter), 4).cells)
    ]
    found = [
        (f"{stem} {number}", picture, "live-figure" in cell.metadata.get("tags", []))
        for stem, number, cell in cells
        for picture in pictures(cell.get("outputs", []))
    ]
    assert len(found) > 40
    sample = [one for kind in (True, False) for one in [one for one in found if one[2] == kind][::9]]
    assert {live for _, _, live in sample} == {True, False}
    return [(name, pixels(picture), live) for name, picture, live in sample]


def test_a_picture_is_itself_and_every_changed_one_is_seen(figures: list[tuple[str, Pixels, bool]]) -> None:
    for name, picture, live in figures:
        assert not apart(picture, picture.copy(), live=live), name
        for what, change in (MUTATIONS if live else MUTATIONS | EXACT).items():
            assert apart(picture, change(picture), live=live), f"{name}: {what}"


def test_a_picture_too_many_or_too_few_is_seen() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (9, 9)).save(stream, "PNG")
    output = {"data": {"image/png": base64.b64encode(stream.getvalue()).decode()}}
    assert differences([output], [output], live=False) == []
    assert differences([output], [], live=False)
    assert differences([], [output], live=False)
