"""Pages without formulas load nothing for them; the theme's measuring is taken out, or the build says it cannot be."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError

from book._ext import quick_start

SCRIPTS = ["page.js", "_static/math.js", SimpleNamespace(attributes={"body": "window.MathJax = {}"})]


@pytest.mark.parametrize(("body", "left"), [("<p>words</p>", 1), ('<p><span class="math notranslate">x</span></p>', 3)])
def test_mathematics_comes_with_formulas_alone(body: str, left: int) -> None:
    context = {"body": body, "script_files": list(SCRIPTS)}
    quick_start.drop_mathematics(None, "page", "page.html", context, None)
    assert len(context["script_files"]) == left
    assert context["script_files"][0] == "page.js"


def built(folder: Path, script: str) -> SimpleNamespace:
    path = folder / "_static" / quick_start.THEME
    path.parent.mkdir(parents=True)
    path.write_text(script, encoding="utf-8")
    return SimpleNamespace(outdir=str(folder), builder=SimpleNamespace(name="html"))


def test_the_theme_measures_nothing_at_load(tmp_path: Path) -> None:
    app = built(tmp_path, f"a();{quick_start.MEASURES};b()")
    for _ in range(2):  # a second build finds the file as the first one left it
        quick_start.calm_the_theme(app, None)
        assert (tmp_path / "_static" / quick_start.THEME).read_text() == f"a();{quick_start.CALM};b()"


def test_a_theme_that_has_changed_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match="has changed"):
        quick_start.calm_the_theme(built(tmp_path, "a();b()"), None)
