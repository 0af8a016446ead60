"""Pages that can be used soon on a slow processor: nothing runs at load that can wait, or that is not needed."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

THEME = "scripts/pydata-sphinx-theme.js"
# On every load the theme measures each box that may scroll, one by one, and again after each formula that is set.
# page.js does that when a box comes near the screen.
MEASURES = '"complete"===document.readyState?I():window.addEventListener("load",I)'
CALM = "0/* boxes are measured by page.js */"
FORMULA = 'class="math '


def drop_mathematics(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Leave the script that sets formulas, and its settings, to the pages that have formulas."""
    if FORMULA not in context.get("body", ""):
        context["script_files"] = [script for script in context["script_files"] if not _is_mathematics(script)]


def _is_mathematics(script: Any) -> bool:
    said = str(getattr(script, "attributes", {}).get("body") or "")
    return "math.js" in str(script) or said.startswith("window.MathJax")


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
    app.connect("html-page-context", drop_mathematics, priority=950)  # after what adds the script
    app.connect("build-finished", calm_the_theme)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
