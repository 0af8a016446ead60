"""The theme's measuring is taken out of its script, or the build says that it cannot be."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError

from book._ext import quick_start


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
