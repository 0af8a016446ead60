"""The teacher's plan says what the chapters say."""

from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

from book._ext.course_plan import lesson, lessons, plan
from tools import pairs

CHAPTERS = [path for path in pairs.chapters() if path.stem < "90"]

SOURCE = """# A title

*What is asked?*

:::{admonition} You will
:class: goals
- do this
- do that
:::

Takes about 25 minutes. Needs nothing.

:::{exercise} Try it
:label: ex-11-try
Text.
:::
"""


@pytest.fixture
def chapter(tmp_path: Path) -> Path:
    path = tmp_path / "01-a-title.md"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_a_lesson_is_what_its_chapter_says(chapter: Path) -> None:
    read = lesson(chapter)
    assert (read.number, read.title, read.question) == ("0.1", "A title", "What is asked?")
    assert (read.minutes, read.needs) == (25, "Needs nothing.")
    assert read.goals == ("do this", "do that")
    assert read.exercises == {"ex-11-try": "Try it"}


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ("# A title", "no heading"),
        ("*What is asked?*", "no question"),
        (":class: goals", "no list of goals"),
        ("Takes about", "no line on time and needs"),
    ],
)
def test_a_chapter_that_leaves_something_out_is_named(chapter: Path, part: str, complaint: str) -> None:
    chapter.write_text(SOURCE.replace(part, ""), encoding="utf-8")
    with pytest.raises(ExtensionError, match=f"01-a-title.md has {complaint}"):
        lesson(chapter)


def test_every_chapter_is_in_the_plan() -> None:
    assert [one.stem for one in lessons()] == [path.stem for path in CHAPTERS]
    text = "\n".join(plan(lessons()))
    for one in lessons():
        assert one.minutes >= 10
        assert len(one.goals) >= 3
        assert len(one.exercises) >= 4, one.stem
        assert all(goal in text for goal in one.goals)
        assert all(label in text for label in one.exercises)
