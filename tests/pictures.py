"""Whether two pictures show the same: what a chapter draws when it runs again is held against what the site shows."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG = "image/png"
# Levels, of 255, by which a pixel may differ before it counts: another processor's rounding moves the soft edge of a
# line by less than this.
LEVELS = 24
# Share of pixels that may count. A figure of recorded or exact numbers is drawn to the pixel on every machine; the
# allowance is a few pixels where a coordinate lies on the border between two of them.
STRICT = 2e-4
# What is trained in the chapter itself (tag `live-figure`) takes another path on another processor: run with the
# narrowest instructions of this one, the curves of eight figures moved. There the picture is compared at an eighth of
# its size, where at most 13 % changed, and by how much of it each colour covers, which changed by less than a third
# where it was more than a five-hundredth; the bound leaves room for colours that cover less.
# A curve that is missing, another figure or an empty one are far outside.
LIVE, INK = 0.2, 4.0
COARSE, COVERED = 8, 5e-4
Pixels = NDArray[np.int16]  # levels, (height, width, 3)


def pictures(outputs: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """The PNGs that a cell displays, in their order."""
    for output in outputs:
        if png := output.get("data", {}).get(PNG):
            yield base64.b64decode(png)


def pixels(png: bytes) -> Pixels:
    """Levels on white paper, ``(height, width, 3)``."""
    with Image.open(io.BytesIO(png)) as picture:
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture.convert("RGBA"))
        return np.asarray(paper.convert("RGB"), dtype=np.int16)


def coarse(levels: Pixels) -> NDArray[np.float64]:
    """The picture at an eighth of its size: means of squares; what does not fill one is left out."""
    height, width = (side // COARSE * COARSE for side in levels.shape[:2])
    squares = levels[:height, :width].reshape(height // COARSE, COARSE, width // COARSE, COARSE, 3)
    return squares.mean(axis=(1, 3))


def ink(levels: Pixels) -> NDArray[np.float64]:
    """Share of the picture in each of 64 colours, ``(64,)``."""
    red, green, blue = (levels // 64).astype(int).transpose(2, 0, 1)
    return np.bincount((16 * red + 4 * green + blue).ravel(), minlength=64) / red.size


def difference(shown: bytes, drawn: bytes, *, live: bool = False) -> str:
    """Why two pictures are not the same; empty where they are.

    Args:
        shown: the PNG that the site shows.
        drawn: the PNG drawn now.
        live: whether its numbers move from machine to machine.
    """
    return apart(pixels(shown), pixels(drawn), live=live)


def apart(one: Pixels, other: Pixels, *, live: bool) -> str:
    """`difference` of pictures that are read already."""
    slack = COARSE if live else 0  # the width of a tick's label moves the frame
    if np.abs(np.subtract(one.shape, other.shape)).max() > slack:
        sizes = [f"{width} × {height}" for height, width, _ in (other.shape, one.shape)]
        return f"a picture of {sizes[0]} pixels where one of {sizes[1]} is shown"
    height, width = np.minimum(one.shape, other.shape)[:2]
    one, other = one[:height, :width], other[:height, :width]
    if live:
        covers = np.stack([ink(one), ink(other)])
        seen = covers.max(axis=0) > COVERED
        if (covers.max(axis=0)[seen] > INK * covers.min(axis=0)[seen]).any():
            return "a colour covers another share of the picture"
    distance = coarse(one) - coarse(other) if live else one - other
    share = float(np.mean(np.abs(distance).max(axis=2) > LEVELS))
    allowed = LIVE if live else STRICT
    return f"{100 * share:.3g} % of the picture differs, {100 * allowed:g} % may" if share > allowed else ""


def differences(shown: Sequence[Mapping[str, Any]], drawn: Sequence[Mapping[str, Any]], *, live: bool) -> list[str]:
    """What is wrong with the pictures that a cell displays."""
    before, after = list(pictures(shown)), list(pictures(drawn))
    if len(before) != len(after):
        return [f"{len(after)} pictures where {len(before)} are shown"]
    found = (difference(one, other, live=live) for one, other in zip(before, after, strict=True))
    return [problem for problem in found if problem]
