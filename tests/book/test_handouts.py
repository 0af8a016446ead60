"""Handouts keep what a reader needs, drop every solution, and read as plain Markdown."""

import ast
import functools
import re
from pathlib import Path

import nbformat
import pytest

from book._ext.downloads import bibliography
from book._ext.handouts import TODO, HandoutSettings, Work, handout, stub
from tools import pairs

SETTINGS = HandoutSettings(bibliography(pairs.BOOK / "references.bib"))
MYST = re.compile(r"^:::|\{(?:cite|numref|exercise|solution|admonition)[^}]*\}|\]\(#", re.MULTILINE)

each_chapter = pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)


@functools.cache  # several tests read the same handout, and none changes it
def made(source: Path, kind) -> nbformat.NotebookNode:
    return handout(pairs.read_source(source), kind, SETTINGS)


def words(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def notebook_of(*cells: tuple[str, str]) -> nbformat.NotebookNode:
    make = {"m": nbformat.v4.new_markdown_cell, "c": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[make[kind](text) for kind, text in cells])


@each_chapter
def test_each_exercise_has_one_stub_and_one_solution_and_no_directive_is_left(source: Path) -> None:
    exercises = source.read_text(encoding="utf-8").count(":::{exercise}")
    student, solutions = made(source, "student"), made(source, "solutions")
    assert sum(TODO in cell for cell in code(student)) == exercises
    assert words(solutions).count("**Solution**") == exercises
    assert not any(TODO in cell for cell in code(solutions))
    for notebook in (student, solutions):
        assert words(notebook).count("### Exercise ") == exercises
        assert not MYST.search(words(notebook))
        assert all(not cell.get("outputs") for cell in notebook.cells)


@each_chapter
def test_all_code_but_the_solutions_stays_and_reads_no_file_beside_the_chapter(source: Path) -> None:
    solving, kept = False, []
    for cell in pairs.read_source(source).cells:
        if cell.cell_type == "code" and not solving:
            kept.append(cell.source)
        for mark in re.findall(r"\{solution-(start|end)\}", cell.source):
            solving = mark == "start"
    student = code(made(source, "student"))
    assert [cell for cell in student if TODO not in cell] == kept
    assert not [cell for cell in student if re.search(r"""["']\.\.["'/]""", cell)]


@each_chapter
def test_no_words_of_a_solution_stay(source: Path) -> None:
    text, student = source.read_text(encoding="utf-8"), words(made(source, "student"))
    for solution in re.findall(r":::\{solution-start\}.*?:::\{solution-end\}", text, re.DOTALL):
        told = [line for line in re.sub(r"```.*?```", "", solution, flags=re.DOTALL).split("\n") if len(line) > 40]
        assert not [line for line in told if line in student]


@pytest.mark.parametrize(
    ("solution", "left"),
    [
        ("half = 1 + 1\nanswer = half * 2\ncheck('x', answer)", f"\nanswer = ...  # {TODO}\ncheck('x', answer)"),
        ("check('x', (42, 7))", f"\nanswer = ...  # {TODO}\ncheck('x', answer)"),
        (
            "a = 2\nx, h = [a], [3]\nanswer = 5\ncheck('x', answer, x=x)",
            f"a = 2\nx, h = [a], [3]\n\nanswer = ...  # {TODO}\ncheck('x', answer, x=x)",
        ),
        (
            "\ndef cut(series, size):\n    return series[size:]\n\ncheck('f', cut)",
            f"\n\ndef cut(series, size):\n    ...  # {TODO}\n\n\ncheck('f', cut)",
        ),
    ],
    ids=["answer", "hides-an-answer-in-the-call", "keeps-what-the-check-is-told", "keeps-a-signature"],
)
def test_a_stub_asks_for_the_answer_and_keeps_what_the_check_needs(solution: str, left: str) -> None:
    assert stub(f"from m import check\n{solution}") == f"from m import check\n{left}"
    ast.parse(left)


def test_a_solution_checks_one_answer() -> None:
    assert stub("print(1)") == ""
    with pytest.raises(ValueError, match="2 checks"):
        stub("check('a', 1)\ncheck('b', 2)")


def test_boxes_figures_and_citations_become_markdown_and_the_first_cell_installs() -> None:
    box = ":::{admonition} Holds: “so”\n:class: verdict holds\n:name: claim-x\n**Measured.** [3](#a.b)\n:::"
    text = "See {numref}`fig-a`, {cite:t}`one`, {cite:p}`one,two`, [ch. 2](02-x.ipynb), [words](../notation.md)."
    chapter = notebook_of(("m", f"# T\n\n{box}"), ("c", "plt.show()"), ("m", text))
    chapter.cells[1].metadata = {"mystnb": {"figure": {"name": "fig-a", "caption": "A [3](#a.b)."}}}
    works = {"one": Work("A et al.", "2001", "A. One."), "two": Work("B", "1999", "B. Two.")}
    text = words(handout(chapter, "student", HandoutSettings(works)))
    assert "> **Holds: “so”**\n>\n> **Measured.** 3" in text
    assert "*Figure 1. A 3.*" in text
    assert "See Figure 1, A et al. (2001), (A et al., 2001; B, 1999), [ch. 2](02-x.ipynb), words." in text
    assert text.endswith("## References\n\n- A. One.\n- B. Two.")
    known = handout(chapter, "student", HandoutSettings(works, install="%pip install x", site="https://host/book/"))
    assert "[words](https://host/book/book/notation.html)" in words(known)
    assert known.cells[1].source == "%pip install x"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (":::{tab} A\n:::", "teach book/_ext/handouts.py to draw it"),
        (":::{admonition} A\ntext", "is not closed"),
        ("{cite:t}`nobody`", "'nobody' is cited and not in the bibliography"),
    ],
)
def test_what_cannot_be_shown_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        handout(notebook_of(("m", text)), "student", HandoutSettings({}))
