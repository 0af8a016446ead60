"""Pages that can be used soon on a slow processor: the theme measures nothing at load that can wait."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

THEME = "scripts/pydata-sphinx-theme.js"
# On every load the theme measures each box that may scroll, one by one.
# page.js does that when a box comes near the screen.
MEASURES = '"complete"===document.readyState?I():window.addEventListener("load",I)'
CALM = "0/* boxes are measured by page.js */"


def calm_the_theme(app: Sphinx, exception: Exception | None) -> None:
    """Take the theme's measuring out of its script.

    Raises:
        ExtensionError: the theme has changed, so that the words are not there any more.
    """
    if exception is not None or app.builder.name != "html":
        return
    path = Path(app.outdir, "_static", THEME)
    source = path.read_text(encoding="utf-8")
    if CALM in source:
        return  # kept from the last build
    if source.count(MEASURES) != 1:
        raise ExtensionError(f"{THEME} has changed: look for what measures boxes at load, once {MEASURES!r}")
    path.write_text(source.replace(MEASURES, CALM), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("build-finished", calm_the_theme)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
