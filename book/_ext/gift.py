"""Quizzes in GIFT, a text format that Moodle and other platforms import, and the button that leads to it.

The questions are read from the quiz as the site shows it, so the file says what the page says.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from book._ext.answers import QUIZ
from book._ext.downloads import button

_SPECIAL = re.compile(r"([\\~=#{}:])")


def questions(doctree: nodes.document) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each question, with its options and what is said of each."""
    for section in doctree.findall(nodes.section):
        options = [node for node in section.children if node.get("design_component") == "dropdown"]
        if options:
            yield plain(section[0]), [(plain(one[0]), " ".join(map(plain, one[1:]))) for one in options]


def plain(node: nodes.Node) -> str:
    """The words of a node, with TeX in the brackets that Moodle's filter knows."""
    copy = node.deepcopy()
    for formula in list(copy.findall(nodes.math)):
        formula.parent.replace(formula, nodes.Text(rf"\({formula.astext()}\)"))
    return " ".join(copy.astext().split())


def gift(name: str, asked: Iterator[tuple[str, list[tuple[str, str]]]]) -> str:
    """A quiz as GIFT."""
    blocks = []
    for number, (question, options) in enumerate(asked, start=1):
        marked = [f"{'=' if said.startswith('Right.') else '~'}{_safe(one)}#{_safe(said)}" for one, said in options]
        blocks.append("\n".join([f"::{name}, {number}::{_safe(question)} {{", *marked, "}"]))
    return "\n\n".join(blocks) + "\n"


def _safe(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False))


def write_gift(app: Sphinx, exception: Exception | None) -> None:
    """Write a file for each quiz beside the notebooks."""
    if exception is not None or app.builder.name != "html":
        return
    for page in filter(QUIZ.fullmatch, app.env.found_docs):
        target = Path(app.outdir, "notebooks", "quizzes", f"{Path(page).name}.gift.txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(gift(Path(page).name, questions(app.env.get_doctree(page))), encoding="utf-8")


def add_button(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Put the file on the quiz's download button."""
    if QUIZ.fullmatch(pagename):
        address = f"{context['pathto']('notebooks', 1)}/quizzes/{Path(pagename).name}.gift.txt"
        for group in context["header_buttons"]:
            if group.get("label") == "download-buttons":
                group["buttons"].insert(0, button("Moodle (GIFT)", address, "fas fa-file", "To import as a quiz"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("html-page-context", add_button, priority=800)  # after the theme has made its buttons
    app.connect("build-finished", write_gift)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
