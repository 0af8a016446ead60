"""Handouts keep what a reader needs, drop every solution, and read as plain Markdown."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from book._ext.downloads import bibliography
from book._ext.handouts import TODO, HandoutSettings, Work, handout, stub
from tools import pairs

SETTINGS = HandoutSettings(bibliography(pairs.BOOK / "references.bib"))
MYST = re.compile(r"^:::|\{(?:cite|numref|exercise|solution|admonition)[^}]*\}|\]\(#", re.MULTILINE)


def words(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def notebook_of(*cells: tuple[str, str]) -> nbformat.NotebookNode:
    make = {"m": nbformat.v4.new_markdown_cell, "c": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[make[kind](text) for kind, text in cells])


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_a_handout_keeps_all_but_the_solutions_and_asks_for_each(source: Path) -> None:
    text, chapter = source.read_text(encoding="utf-8"), pairs.read_source(source)
    student, solutions = (handout(chapter, kind, SETTINGS) for kind in ("student", "solutions"))
    for notebook in (student, solutions):
        assert words(notebook).count("### Exercise ") == text.count(":::{exercise}")
        assert not MYST.search(words(notebook))
        assert all(not cell.get("outputs") for cell in notebook.cells)
    assert words(solutions).count("**Solution**") == text.count(":::{exercise}")
    assert not any(TODO in cell for cell in code(solutions))
    # One stub for each solution; all other code stays, and reads no file beside the chapter.
    solving, kept = False, []
    for cell in chapter.cells:
        if cell.cell_type == "code" and not solving:
            kept.append(cell.source)
        for mark in re.findall(r"\{solution-(start|end)\}", cell.source):
            solving = mark == "start"
    assert [cell for cell in code(student) if TODO not in cell] == kept
    assert len(code(student)) - len(kept) == text.count(":::{exercise}")
    assert not [cell for cell in code(student) if re.search(r"""["']\.\.["'/]""", cell)]
    # No words of a solution are left.
    for solution in re.findall(r":::\{solution-start\}.*?:::\{solution-end\}", text, re.DOTALL):
        told = [line for line in re.sub(r"```.*?```", "", solution, flags=re.DOTALL).split("\n") if len(line) > 40]
        assert not [line for line in told if line in words(student)]


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
        ("{numref}`fig-elsewhere`", "'fig-elsewhere' is no figure of this chapter"),
    ],
)
def test_what_cannot_be_shown_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        handout(notebook_of(("m", text)), "student", HandoutSettings({}))
