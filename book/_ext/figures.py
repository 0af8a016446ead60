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
NOTE = '<p class="stacked">Here the panels stand one below the other, the left one first.</p>'

_FIGURE = re.compile(
    r"""(<figure\b[^>]*>\s*(?:<div\ class="figure-frame">)?)
    (<img\b[^>]*?\ssrc="((?:\.\./)*)_images/([0-9a-f]{64})\.svg"[^>]*>)
    (.*?</figure>)""",
    re.DOTALL | re.VERBOSE,
)
_SIZE = re.compile(r"""\s(?:width|height)="([\d.]+)pt\"""")
# In the dark a drawing changes light and dark; one whose words speak of them lies on paper there.
_LIGHT = re.compile(r"\b(?:dark|darker|bright|black|white)\b", re.IGNORECASE)
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


def fitted(page: str, drawings: Path, small: Mapping[str, Mapping[str, Any]]) -> str:
    """A page whose figures say how large they are and wait until they are near; the narrow ones are written out."""

    def fit(figure: re.Match[str]) -> str:
        before, tag, up, name, after = figure.groups()
        size = sides((drawings / f"{name}.svg").read_text(encoding="utf-8"))
        said, source = small.get(name), ""
        kinds = ["drawn", "on-paper" if _LIGHT.search(tag + after) else "", "" if said else "wide"]
        if said:
            drawing = "".join(said["narrow"])
            (drawings / f"{name}-narrow.svg").write_text(drawing, encoding="utf-8")
            source = f'<source media="{TELEPHONE}" srcset="{up}_images/{name}-narrow.svg" {sides(drawing)} />'
            if said["beside"] > 1 and _SIDES.search(after):
                after = after.replace("</figcaption>", f"{NOTE}</figcaption>")
        tag = re.sub(r"\s*/?>$", f' {size} loading="lazy" decoding="async" />', tag)
        return f'{before}<picture class="{" ".join(filter(None, kinds))}">{source}{tag}</picture>{after}'

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
