"""Formulas are set when the book is built: TeX becomes MathML, and a page needs no script to show it.

Temml (temml.org, MIT) turns TeX into MathML; it runs in V8, inside this process. A formula that it does not understand
is a warning, which ends a strict build.
"""

from functools import cache
from html import escape
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)
TEMML = Path(__file__).parent / "temml" / "temml.min.js"


@cache
def _temml() -> MiniRacer:
    engine = MiniRacer()
    engine.eval(f"var self = this, window = this; {TEMML.read_text(encoding='utf-8')}")
    return engine


@cache
def mathml(tex: str, *, display: bool) -> str:
    """MathML of a formula in TeX, without dollar signs.

    Raises:
        ValueError: Temml does not understand it.
    """
    try:
        return cast(str, _temml().call("temml.renderToString", tex, {"displayMode": display, "throwOnError": True}))
    except JSEvalException as error:
        said = str(error).strip().splitlines()[0]
        raise ValueError(f"formula {tex!r} cannot be set: {said}") from error


def _set(node: nodes.math | nodes.math_block, *, display: bool) -> str:
    tex = node.astext().strip().strip("$")
    try:
        return mathml(tex, display=display).replace("<math", f'<math data-tex="{escape(tex)}"', 1)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return f"<code>{escape(tex)}</code>"


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line of text."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(f"{_set(node, display=False)}</span>")
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula in a box of its own, with its number where it has one."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({node["number"]})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append(f"{_set(node, display=True)}</div>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the place of MathJax."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
