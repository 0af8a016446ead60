"""A chapter's run also runs its student notebook: it objects to cells that fail there, and forgets what they did."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
START = """class Said(str):
    def __repr__(self):
        return str(self)

def check(name, answer, *, plus=0):
    return Said("Not yet. Replace the dots." if answer is ... and name == "sum" else "Right.")"""
# What a student has instead: the first says that nothing is filled in, the second takes the dots for an answer, and the
# third needs a name of the first, which is not there before it is solved.
SOLUTIONS = (
    "mine = 'answer' in globals()\nanswer = 2 + 2\ncheck('sum', answer)",
    "answer = 4\ncheck('anything', answer)",
    "answer = 4\ncheck('sum', answer, plus=mine)",
)
END = "print(mine)"  # in both notebooks, and of the solutions' making


def chapter() -> nbformat.NotebookNode:
    """An executed chapter of three exercises."""
    make = nbformat.v4
    right = make.new_output("execute_result", {"text/plain": "Right."}, execution_count=1)
    cells = [make.new_code_cell(START, execution_count=1)]
    for number, solution in enumerate(SOLUTIONS):
        exercise = f":::{{exercise}} A sum\n:label: ex-{number}\nAdd.\n:::\n\n:::{{solution-start}} ex-{number}\n:::"
        cells.append(make.new_markdown_cell(exercise))
        cells.append(make.new_code_cell(solution, execution_count=1, outputs=[right]))
        cells.append(make.new_markdown_cell(":::{solution-end}\n:::"))
    # False: what the stubs called by the name `answer` was forgotten before the first solution ran.
    false = make.new_output("stream", name="stdout", text="False\n")
    cells.append(make.new_code_cell(END, execution_count=1, outputs=[false]))
    return make.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each cell and what is said of it, nothing where it passes, in the order of their run."""
    folder = tmp_path_factory.mktemp("notebooks")
    nbformat.write(chapter(), folder / "01-small.ipynb")
    options = ["-p", "no:cacheprovider", "--rootdir", str(folder), "-c", "/dev/null", "--junitxml", str(folder / "all")]
    command = [sys.executable, "-m", "pytest", "--nbval", str(folder), "tests/notebooks", *options]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    cases = ElementTree.parse(folder / "all").iter("testcase")
    colours = r"#x1B\[[\d;]*m|\x1b\[[\d;]*m"
    return {case.attrib["name"]: re.sub(colours, "", "".join(case.itertext())) for case in cases}


def test_the_rest_of_the_student_notebook_runs_where_it_begins(results: dict[str, str]) -> None:
    students = [f"Student cell {number}" for number in range(1, 5)]
    assert list(results) == ["Cell 0", *students, "Cell 1", "Cell 2", "Cell 3", "Cell 4"]


def test_a_stub_that_says_so_passes_and_is_forgotten_by_the_chapter(results: dict[str, str]) -> None:
    assert results["Student cell 1"] == ""
    assert [results[f"Cell {number}"] for number in range(5)] == [""] * 5


@pytest.mark.parametrize(
    ("number", "says"),
    [(2, "does not say that nothing is filled in"), (3, "name 'mine' is not defined"), (4, "name 'mine' is not")],
    ids=["takes-dots-for-an-answer", "stub-fails", "needs-a-solution"],
)
def test_a_cell_that_fails_a_student_is_seen(results: dict[str, str], number: int, says: str) -> None:
    assert says in results[f"Student cell {number}"]
