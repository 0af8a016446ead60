"""The teacher's plan says what the chapters say."""

import re
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

from book._ext.course_plan import lesson, lessons, plan
from tools import pairs

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
PARTS = {
    "# A title": "heading",
    "*What is asked?*": "question",
    ":class: goals": "list of goals",
    "Takes about": "line",
}


def test_a_lesson_is_what_its_chapter_says_and_what_it_leaves_out_is_named(tmp_path: Path) -> None:
    chapter = tmp_path / "01-a-title.md"
    chapter.write_text(SOURCE, encoding="utf-8")
    read = lesson(chapter)
    assert (read.number, read.title, read.question) == ("0.1", "A title", "What is asked?")
    assert (read.minutes, read.needs, read.goals) == (25, "Needs nothing.", ("do this", "do that"))
    assert read.exercises == {"ex-11-try": "Try it"}
    for part, missing in PARTS.items():
        chapter.write_text(SOURCE.replace(part, ""), encoding="utf-8")
        with pytest.raises(ExtensionError, match=f"01-a-title.md has no {missing}"):
            lesson(chapter)


def test_every_chapter_is_in_the_plan() -> None:
    assert [one.stem for one in lessons()] == [path.stem for path in pairs.chapters() if path.stem < "90"]
    text = "\n".join(plan(lessons()))
    for one in lessons():
        assert one.minutes >= 10
        assert len(one.goals) >= 3
        assert len(one.exercises) >= 4, one.stem
        assert [each for each in (*one.goals, *one.exercises) if each not in text] == []


@pytest.mark.parametrize("plan", ["Six weeks", "Fourteen weeks"])
def test_no_week_comes_before_what_its_chapters_need(plan: str) -> None:
    text = (pairs.BOOK / "teaching.md").read_text(encoding="utf-8")
    weeks = text.partition(f"## {plan}\n")[2].partition("\n## ")[0].splitlines()
    known = {one.stem: one for one in lessons()}
    taught: set[str] = set()
    for week in weeks:
        for number, stem in re.findall(r"\[([\d.]+)\]\(notebooks/([\w-]+)\.ipynb\)", week):
            assert number == known[stem].number
            taught.add(stem)
            assert set(re.findall(r"\((\d\d-[\w-]+)\.ipynb\)", known[stem].needs)) <= taught, stem
    assert plan == "Six weeks" or taught == known.keys()
