"""The teacher's answer sheets: each exercise's answer, what is said of it, and the typical mistakes with their hints.

All of it is read from ``book/exercises`` and judged by `check`, as on the page and in Jupyter.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from book._ext.course_plan import lessons
from book._ext.downloads import Publisher
from rnncourse.exercises import Exercise, Names, check, exercises

WITHHELD = "They are withheld from this copy of the book. Whoever publishes it can build one with them."


def sheets() -> list[str]:
    """The answers of all chapters, as lines of MyST."""
    lines = []
    for one in lessons():
        mine = [exercise for exercise in exercises().values() if exercise.chapter == one.number]
        items = [line for exercise in mine for line in key(exercise)]
        lines += [f"## {one.number} · {one.title}", "", "::::{container} answer-key", *items, "::::", ""]
    return lines


def key(exercise: Exercise) -> Iterator[str]:
    """One exercise: its answer, and beneath it each mistake that has an example."""
    title = f"- **{exercise.title}{'' if exercise.title.endswith('?') else '.'}**"
    if exercise.kind == "code":
        yield f"{title} The answer is code; a solution stands in the chapter."
        return
    if exercise.draw.keys() - exercise.given.keys():
        yield f"{title} Its numbers are drawn; `rnncourse exercise {exercise.name}` prints one with its answer."
        return
    example = "For example " if exercise.answer is None else ""
    is_typed = not exercise.examples or (exercise.answer is not None and not exercise.read)
    answer = Names(exercise, exercise.given).of(exercise.answer) if is_typed else exercise.examples[0]
    said = check(exercise.name, answer)
    if not said.passed:
        raise ExtensionError(f"the answer of {exercise.name} is not right: {said.message}")
    yield f"{title} {example}`{_written(answer)}`. {said.message}"
    for mistake in exercise.mistakes:
        wrong = mistake.get("example", mistake.get("answer"))
        if not isinstance(wrong, str | None):
            yield f"  - `{_written(wrong)}`: {check(exercise.name, wrong).message}"


def _written(value: Any) -> str:
    """An answer as one types it."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_written, value))})"
    return value if isinstance(value, str) else f"{value + 0:.6g}" if abs(value) < 1e5 else f"{value:.0f}"


class AnswerSheets(SphinxDirective):
    """Draw them, or say that they are withheld."""

    def run(self) -> list[nodes.Node]:
        """Parse the lines where the directive stands."""
        for one in lessons():
            self.env.note_dependency(f"book/exercises/{one.stem[:2]}.toml")
        lines = sheets() if Publisher.of(os.environ).solutions else [WITHHELD]
        frame = nodes.section()
        frame.document = self.state.document
        self.state.nested_parse(StringList(lines, source="answer-sheets"), 0, frame, match_titles=1)
        return list(frame.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("answer-sheets", AnswerSheets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
