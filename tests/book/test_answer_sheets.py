"""The teacher's answers say what `check` says; a publisher can withhold them, and every solution."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from book._ext.answer_sheets import WITHHELD, key, sheets
from rnncourse.exercises import check, exercises
from tools import pairs

TOC = """
format: jb-book
root: book/index
chapters: [{file: book/notebooks/11-one-step}, {file: book/answers}]
"""


def test_each_exercise_has_its_answer_and_its_mistakes_with_their_hints() -> None:
    lines = list(key(exercises()["closed-gate"]))
    assert f"`(i, z, 1)`. {check('closed-gate', ['i', 'z', 1]).message}" in lines[0]
    assert f"  - `(f, z, 1)`: {check('closed-gate', ['f', 'z', 1]).message}" in lines
    text = "\n".join(sheets())
    assert not [one.title for one in exercises().values() if f"- **{one.title}" not in text]
    assert "Not yet" not in text


@pytest.mark.timeout(900)
def test_a_site_can_be_published_without_a_solution(tmp_path: Path) -> None:
    (tmp_path / "toc.yml").write_text(TOC, encoding="utf-8")
    build = [Path(sys.executable).with_name("jupyter-book"), "build", "--quiet", "--toc", tmp_path / "toc.yml"]
    around = {**os.environ, "BOOK_SOLUTIONS": "withheld"}
    subprocess.run(
        [*build, "--path-output", tmp_path, "."], cwd=pairs.ROOT, env=around, check=True, capture_output=True
    )
    site, source = tmp_path / "_build" / "html", (pairs.CHAPTERS / "11-one-step.md").read_text(encoding="utf-8")
    shown = {
        path: path.read_text(encoding="utf-8") for path in site.rglob("*") if path.suffix in (".html", ".js", ".ipynb")
    }
    assert "Answer in the box below" in shown[site / "book" / "notebooks" / "11-one-step.html"]
    assert WITHHELD in shown[site / "book" / "answers.html"]
    solutions = re.findall(r"\{solution-start\}.*?\{solution-end\}", source, re.DOTALL)
    told = re.findall(r"^[A-Z][\w ,:;-]{30,}\.", "\n".join(solutions), re.MULTILINE)
    assert len(told) > 3
    for words in ("With solutions", *told):
        assert not [path for path, text in shown.items() if words in text]
