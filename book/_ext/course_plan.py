"""The teacher's plan, read from the chapters: goals, minutes, what each needs, and its exercises.

``{course-plan}`` draws it, so that it cannot drift from what the chapters say of themselves.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from book._ext.ledger import chapter_number
from book._ext.report_card import from_here

BOOK = Path(__file__).resolve().parent.parent

_TITLE = re.compile(r"^# (?P<title>.+)$", re.MULTILINE)
_QUESTION = re.compile(r"^\*(?P<question>[^*]+\?[^*]*)\*$", re.MULTILINE)
_GOALS = re.compile(r"^:::\{admonition\} You will\n:class: goals\n(?P<goals>(?:- .+\n)+):::$", re.MULTILINE)
_EFFORT = re.compile(r"^Takes about (?P<minutes>\d+) minutes\. (?P<needs>.+)$", re.MULTILINE)
_EXERCISE = re.compile(r"^:::\{exercise\} (?P<title>.+)\n:label: (?P<label>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """What a chapter says of itself.

    Attributes:
        stem: its file's stem, such as ``24-vanishing-gradients``.
        title: its heading.
        question: the one question it asks.
        minutes: reading time, exercises included.
        needs: what a reader should know before, as the chapter words it.
        goals: what a reader will be able to do.
        exercises: titles of its exercises, by label.
    """

    stem: str
    title: str
    question: str
    minutes: int
    needs: str
    goals: tuple[str, ...]
    exercises: dict[str, str]

    @property
    def number(self) -> str:
        """Number of the chapter: its part and its place in it."""
        return chapter_number(self.stem)


def lesson(path: Path) -> Lesson:
    """Read one chapter.

    Args:
        path: its source.

    Returns:
        What it says of itself.

    Raises:
        ExtensionError: its heading, question, goals or effort is missing.
    """
    text = path.read_text(encoding="utf-8")
    found = {name: rule.search(text) for name, rule in _RULES.items()}
    if missing := [name for name, match in found.items() if match is None]:
        raise ExtensionError(f"{path.name} has no {missing[0]} in the form that the other chapters have")
    said = {key: value for match in found.values() if match for key, value in match.groupdict().items()}
    return Lesson(
        stem=path.stem,
        title=said["title"],
        question=said["question"],
        minutes=int(said["minutes"]),
        needs=said["needs"],
        goals=tuple(line.removeprefix("- ") for line in said["goals"].splitlines()),
        exercises={match["label"]: match["title"] for match in _EXERCISE.finditer(text)},
    )


_RULES = {"heading": _TITLE, "question": _QUESTION, "list of goals": _GOALS, "line on time and needs": _EFFORT}


def lessons() -> list[Lesson]:
    """All chapters in their order; an appendix, from number 90, is none."""
    paths = sorted((BOOK / "chapters").glob("[0-8][0-9]-*.md"))
    return [lesson(path) for path in paths]


def plan(found: list[Lesson]) -> list[str]:
    """The plan as lines of MyST."""
    hours = sum(one.minutes for one in found) / 60
    lines = [f"{len(found)} chapters, about {hours:.0f} hours in all.", ""]
    for one in found:
        link = f"notebooks/{one.stem}.ipynb"
        exercises = "; ".join(f"{{ref}}`{title} <{label}>`" for label, title in one.exercises.items())
        lines += [f"### {one.number} · {one.title}", "", f"*{one.question}*", ""]
        lines += [f"{one.minutes} minutes. {from_here(one.needs)} [Open the chapter]({link}).", ""]
        lines += [f"- {goal}" for goal in one.goals]
        lines += ["", f"Exercises: {exercises}.", ""]
    return lines


class CoursePlan(SphinxDirective):
    """Draw the plan."""

    def run(self) -> list[nodes.Node]:
        """Parse the plan's lines where the directive stands."""
        shown = [one for one in lessons() if f"book/notebooks/{one.stem}" in self.env.found_docs]
        for one in shown:
            self.env.note_dependency(str(BOOK / "chapters" / f"{one.stem}.md"))
        frame = nodes.section()
        frame.document = self.state.document
        self.state.nested_parse(StringList(plan(shown), source="course-plan"), 0, frame, match_titles=1)
        return list(frame.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("course-plan", CoursePlan)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
