"""Formulas are set when the book is built: TeX becomes MathML, and a page needs no script to show it.

Temml (temml.org, MIT) turns TeX into MathML; it runs in V8, inside this process. A formula that it does not understand
is a warning, which ends a strict build.
"""

import re
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
_MARK = re.compile(r"\\(?:begin|end|left|right|q?quad|\\)(?![A-Za-z])|\\.|[{}]")
# After the name of a function, room for what it is applied to: at the end of a formula nothing follows.
_ROOM = re.compile(r'<mo>\u2061</mo><mspace width="0\.1667em"></mspace>(?=(?:</mrow>)*</math>)')
_DEEPER = {"{": 1, "}": -1, r"\begin": 1, r"\end": -1, r"\left": 1, r"\right": -1}


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
        made = cast(str, _temml().call("temml.renderToString", tex, {"displayMode": display, "throwOnError": True}))
    except JSEvalException as error:
        said = str(error).strip().splitlines()[0]
        raise ValueError(f"formula {tex!r} cannot be set: {said}") from error
    return _ROOM.sub("", made)


def parts(tex: str) -> list[str]:
    """What stands side by side in a displayed formula: on a narrow screen, each part can have a line of its own."""
    found, depth, start = [], 0, 0
    for mark in _MARK.finditer(tex):
        depth += _DEEPER.get(mark[0], 0)
        if depth == 0 and mark[0] == r"\\":
            return [tex]
        if depth == 0 and mark[0] in {r"\quad", r"\qquad"}:
            found.append(tex[start : mark.start()].strip())
            start = mark.end()
    return [*found, tex[start:].strip()]


def _set(node: nodes.math | nodes.math_block, tex: str, *, display: bool) -> str:
    try:
        return mathml(tex, display=display).replace("<math", f'<math data-tex="{escape(tex)}"', 1)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return f"<code>{escape(tex)}</code>"


def _source(node: nodes.math | nodes.math_block) -> str:
    return str(node.astext()).strip().strip("$")


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line of text."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(f"{_set(node, _source(node), display=False)}</span>")
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula in a box of its own, with its number where it has one."""
    beside = parts(_source(node))
    kind = "math parts" if len(beside) > 1 else "math"
    self.body.append(self.starttag(node, "div", CLASS=f"{kind} notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({node["number"]})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("".join(_set(node, part, display=True) for part in beside) + "</div>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the place of MathJax."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
