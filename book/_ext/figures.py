"""Figures fit their screen: a telephone is sent the narrow drawing, and no page moves when one arrives."""

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

SVG = "image/svg+xml"
TELEPHONE = "(max-width: 600px)"
POINT = 4 / 3  # CSS pixels
NOTE = '<p class="stacked">Here the panels stand {}.</p>'
STACKED, PAIRED = "one below the other, the left one first", "in pairs, one pair below the other, from the left"
PAIRS = 4  # panels side by side, from which on `screens.stack` sets pairs

_FIGURE = re.compile(
    r"""(<figure\b[^>]*>\s*(?:<div\ class="figure-frame">)?)
    (<img\b[^>]*?\ssrc="((?:\.\./)*)_images/([0-9a-f]{64})\.svg"[^>]*>)
    (.*?</figure>)""",
    re.DOTALL | re.VERBOSE,
)
_SIZE = re.compile(r"""\s(?:width|height)="([\d.]+)pt\"""")
# In the dark a drawing changes light and dark; one whose words speak of them lies on paper there. Where they speak of
# what a picture inside the drawing shows, that stays as it is, in a drawing of its own for the dark; where they compare
# its shades with one another or with the paper, it lies on that.
_RASTER = "<image"
_COLOUR = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})\b")
_PAPER = re.compile(r"fill: #ffffff\b")
_LIGHT = re.compile(r"\b(?:dark|darker|bright|black|white)\b", re.IGNORECASE)
_SHADES = re.compile(r"\b(?:darker|black|white)\b", re.IGNORECASE)
_SIDES = re.compile(r"\b(?:left|right|middle)\b", re.IGNORECASE)


def narrow_drawings(notebook: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The checksum of each wide drawing of a notebook, as its file is named, and what was said of it."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            said = output.get("metadata", {}).get(SVG)
            if said:
                wide = "".join(output["data"][SVG])
                yield sha256("\n".join(wide.splitlines()).encode()).hexdigest(), said


def sides(drawing: str) -> str:
    """Width and height of a drawing, as attributes in CSS pixels."""
    width, height = (round(POINT * float(side)) for side in _SIZE.findall(drawing)[:2])
    return f'width="{width}" height="{height}"'


def by_night(drawing: str) -> str:
    """A drawing without its paper, whose lines and words have changed light and dark, but not their hue."""

    def other(found: re.Match[str]) -> str:
        red, green, blue = (255 - int(part, 16) for part in found.groups())
        grey = 2 * (0.213 * red + 0.715 * green + 0.072 * blue)  # half a turn of the hue about this grey
        return "#" + "".join(f"{min(max(round(grey - part), 0), 255):02x}" for part in (red, green, blue))

    return _COLOUR.sub(other, _PAPER.sub("fill: none", drawing))


def fitted(page: str, drawings: Path, small: Mapping[str, Mapping[str, Any]]) -> str:
    """A page whose figures say how large they are and wait until they are near; the narrow ones are written out."""

    def picture(tag: str, up: str, name: str, wide: str, narrow: str, kinds: list[str]) -> str:
        """A drawing with the narrow one in its place on a telephone."""
        source = ""
        if narrow:
            (drawings / f"{name}-narrow.svg").write_text(narrow, encoding="utf-8")
            source = f'<source media="{TELEPHONE}" srcset="{up}_images/{name}-narrow.svg" {sides(narrow)} />'
        tag = re.sub(r"\s*/?>$", f' {sides(wide)} loading="lazy" decoding="async" />', tag)
        return f'<picture class="{" ".join(filter(None, ["drawn", *kinds]))}">{source}{tag}</picture>'

    def fit(figure: re.Match[str]) -> str:
        before, tag, up, name, after = figure.groups()
        wide = (drawings / f"{name}.svg").read_text(encoding="utf-8")
        said = small.get(name)
        narrow, kinds = "".join(said["narrow"]) if said else "", [] if said else ["wide"]
        if said and said["beside"] > 1 and _SIDES.search(after):
            order = NOTE.format(PAIRED if said["beside"] >= PAIRS else STACKED)
            after = after.replace("</figcaption>", f"{order}</figcaption>")
        if not _LIGHT.search(tag + after):
            return f"{before}{picture(tag, up, name, wide, narrow, kinds)}{after}"
        if _RASTER not in wide or _SHADES.search(tag + after):
            return f"{before}{picture(tag, up, name, wide, narrow, ['on-paper', *kinds])}{after}"
        night = f"{name}-night"
        (drawings / f"{night}.svg").write_text(by_night(wide), encoding="utf-8")
        for at, which, dark in ((name, "only-light", False), (night, "only-dark", True)):
            drawn = tag.replace(f"{name}.svg", f"{at}.svg").replace("<img ", f'<img class="{which}" ', 1)
            before += picture(drawn, up, at, wide, by_night(narrow) if dark else narrow, kinds)
        return f"{before}{after}"

    return _FIGURE.sub(fit, page)


def fit_pages(app: Sphinx, exception: Exception | None) -> None:
    """Fit the figures of every page that was written."""
    if exception is not None or app.builder.name != "html":
        return
    out, notebooks = Path(app.outdir), Path(app.confdir, "book", "notebooks")
    small = {name: said for path in sorted(notebooks.glob("*.ipynb")) for name, said in narrow_drawings(path)}
    for path in sorted(out.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if _FIGURE.search(page):
            path.write_text(fitted(page, out / "_images", small), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("build-finished", fit_pages, priority=950)  # after the pages are sealed
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
