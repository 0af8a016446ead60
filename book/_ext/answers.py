"""Answer boxes under the exercises, radio buttons in the quizzes, and what a reader has done so far.

Each exercise whose answer is a number, a vector, a choice or a word gets a box, which ``assets/answers.mjs`` brings to
life. What it needs to judge an answer stands in a script of the page's own, in a light disguise: it keeps answers out
of sight of who reads the source beside the question, and is no secret. An exercise whose answer is code says where to
run it. The search knows nothing of the boxes, of solutions and of what is said of a quiz's options (``find.py``).
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from sphinx.application import Sphinx

from book._ext.answer_programs import NotInPage, stated, variants
from book._ext.downloads import CHAPTER, Publisher
from book._ext.ledger import titles_of
from book._ext.self_contained import EMPTY_HEAD, wrap_module
from rnncourse.exercises import exercises

QUIZ = re.compile(r"book/quizzes/(\d)-[\w-]+")
_CALL = re.compile(r'check\("([\w-]+)", (?:\((.*\w.*)\)|.+)\)')  # the exercise, and the order of several answers
_BOX = re.compile(r'<div class="answer-box" data-exercise="([\w-]+)">')
IN_THE_BOX = "in the box below"
_SEPARATOR = "% ---"


def disguise(text: str) -> str:
    """Letters moved by half of the printable signs: nothing but a way to keep an answer out of sight."""
    return "".join(chr(33 + (ord(sign) - 33 + 47) % 94) if "!" <= sign <= "~" else sign for sign in text)


@cache
def problems(name: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Question in Markdown, drawn numbers and program, for each problem that the page can judge."""
    try:
        return list(variants(exercises()[name]))
    except NotInPage:
        return []


# ---- Places in the pages


def place_boxes(app: Sphinx, doctree: nodes.document) -> None:
    """Put a box under each exercise of a chapter, exercises that are only drawn behind them, and the summary last."""
    page = app.env.docname
    kept = nodes.raw("", '<div class="answers-kept"></div>', format="html")
    if QUIZ.fullmatch(page):
        next(doctree.findall(nodes.section)).append(kept)
    if not CHAPTER.fullmatch(page):
        return
    stem = Path(page).name
    app.env.note_dependency(str(Path(app.confdir, "book", "exercises", f"{stem[:2]}.toml")))
    asked: set[str] = set()
    section = None
    for node in list(doctree.findall(nodes.Admonition)):
        for call in list(node.findall(nodes.literal)) if "exercise" in node["classes"] else []:
            if found := _CALL.fullmatch(call.astext()):
                if problems(found[1]):
                    point_to_box(call, found)
                node.append(box(found[1], stem))
                asked.add(found[1])
                section = node.parent
    if section is not None:
        for name, one in exercises().items():
            if one.chapter == ".".join(stem[:2]) and name not in asked:
                title = nodes.title("", f"Practice: {one.title}")
                section.append(nodes.admonition("", title, box(name, stem), classes=["exercise"]))
        section.append(kept)


def withhold_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """Take the solutions off the pages, if the publisher wants it."""
    if not Publisher.of(os.environ).solutions:
        for node in [node for node in doctree.findall(nodes.Admonition) if "solution" in node["classes"]]:
            node.parent.remove(node)


def point_to_box(call: nodes.literal, found: re.Match[str]) -> None:
    """The notebook says "Call `check(…)`", the page to answer in the box; several answers keep their order."""
    line, end = call.parent, call.parent.index(call)
    place = end - 1 if line[end - 1].astext().strip() else end - 2  # a line may end between the two words
    before, verb, _ = re.split(r"([Cc]all)\s*$", line[place].astext())
    words = nodes.Text(f"{before}{'Answer' if verb == 'Call' else 'answer'} {IN_THE_BOX}")
    if "=" in call.astext():  # the reader chooses numbers
        line[place:] = [words, nodes.Text(", which gives numbers of its own.")]
    else:
        order = [nodes.Text(", in the order "), nodes.literal("", found[2])] if found[2] else []
        line[place : end + 1] = [words, *order]


def box(name: str, stem: str) -> nodes.raw:
    """An empty box, which the script fills, or the way to the notebook."""
    inside = ""
    if not problems(name):
        ways = {"student notebook": f"../../notebooks/student/{stem}.ipynb", **Publisher.of(os.environ).launchers(stem)}
        links = " or ".join(f'<a href="{address}">{way}</a>' for way, address in ways.items())
        inside = f"<p>The answer is code. Write and check it in the {links}.</p>"
    return nodes.raw("", f'<div class="answer-box" data-exercise="{name}">{inside}</div>', format="html")


# ---- What the script needs


def in_html(app: Sphinx, questions: list[str]) -> list[str]:
    """Questions as the page shows them, by the renderer of all other pages; an empty one stays empty."""
    doctree = publish_doctree(
        f"\n\n{_SEPARATOR}\n\n".join(questions),
        parser_name="myst",
        settings_overrides={"myst_enable_extensions": ["dollarmath"]},
    )
    parts: list[list[nodes.Node]] = [[]]
    for node in doctree.children:
        if isinstance(node, nodes.comment):
            parts.append([])
        else:
            parts[-1].append(node)
    for formula in doctree.findall(nodes.math_block):
        formula["number"] = None
    shown = [app.builder.render_partial(nodes.container("", *part))["fragment"] if part else "" for part in parts]  # type: ignore[attr-defined]
    return [EMPTY_HEAD.sub("<td></td>", one) for one in shown]  # the corner of a table is the head of nothing


def table(app: Sphinx, page: str, names: list[str]) -> dict[str, Any]:
    """All that the page's script needs: how to judge each exercise, and of what the page shows the progress."""
    boxes = {}
    for name in filter(problems, names):
        questions = in_html(app, [question for question, _, _ in problems(name)])
        programs = [program for _, _, program in problems(name)]
        asked = [program | {"question": question} for program, question in zip(programs, questions, strict=True)]
        boxes[name] = stated(exercises()[name]) | {"problems": asked}
    progress: list[dict[str, Any]] = [{"title": "This page", "exercises": list(boxes)}]
    if quiz := QUIZ.fullmatch(page):
        titles = {stem[:2]: title for stem, title in titles_of(app).items() if stem.startswith(quiz[1])}
        done = {
            title: [one.name for one in exercises().values() if one.chapter == ".".join(stem) and problems(one.name)]
            for stem, title in titles.items()
        }
        progress = [{"title": title, "exercises": mine} for title, mine in done.items() if mine]
        source = Path(app.confdir, f"{page}.md").read_text(encoding="utf-8")
        progress.append({"title": "This quiz", "quiz": Path(page).name, "questions": source.count("\n## ")})
    return {"page": Path(page).name, "exercises": boxes, "progress": progress}


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Write what a page's boxes need, and load the script that fills them."""
    body = context.get("body", "")
    if 'class="answers-kept"' not in body:
        return
    text = json.dumps(table(app, pagename, _BOX.findall(body)), ensure_ascii=False, allow_nan=False)
    name = f"answers-{Path(pagename).name}.js"
    script = f"window.ANSWERS = {json.dumps(disguise(text), ensure_ascii=False)};\n"
    Path(app.outdir, "_static", name).write_text(script, encoding="utf-8")
    app.add_js_file(name, loading_method="defer")
    app.add_js_file("answers.js", loading_method="defer")
    app.add_css_file("answers.css")


def write_module(app: Sphinx) -> None:
    """The module as a classic script, which also runs on a page opened from disk."""
    target = Path(app.outdir, "_static", "answers.js")
    target.parent.mkdir(parents=True, exist_ok=True)
    module = wrap_module(Path(app.confdir, "book", "assets", "answers.mjs"))
    target.write_text(f'(() => {{\n"use strict";\n{module}\n}})()();\n', encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("builder-inited", write_module)
    app.connect("doctree-read", withhold_solutions, priority=300)
    app.connect("doctree-read", place_boxes, priority=400)
    app.connect("html-page-context", add_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
