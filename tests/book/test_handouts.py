"""Handouts keep what a reader needs, drop every solution, and read as plain Markdown."""

import ast
import functools
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from sphinx.errors import ExtensionError

from book._ext.downloads import Publisher, bibliography, wheel_name
from book._ext.handouts import TODO, Press, Work, handout, stub
from tools import pairs

PRESS = Press(bibliography(pairs.BOOK / "references.bib"))
CHAPTERS = pairs.chapters()
MYST = re.compile(r"^:::|\{(?:cite|numref|exercise|solution|admonition)[^}]*\}|\]\(#", re.MULTILINE)


@functools.cache  # several tests read the same handout, and none changes it
def made(source: Path, kind) -> nbformat.NotebookNode:
    return handout(pairs.read_pair(pairs.pair_of(source)), kind, PRESS)


def words(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def notebook_of(*cells: tuple[str, str]) -> nbformat.NotebookNode:
    make = {"m": nbformat.v4.new_markdown_cell, "c": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[make[kind](text) for kind, text in cells])


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", ["student", "solutions"])
def test_no_directive_role_or_dead_link_is_left(source, kind) -> None:
    notebook = made(source, kind)
    assert not MYST.search(words(notebook))
    assert all(not cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
def test_each_exercise_has_one_stub_and_one_solution(source) -> None:
    exercises = source.read_text(encoding="utf-8").count(":::{exercise}")
    student, solutions = made(source, "student"), made(source, "solutions")
    assert sum(TODO in cell for cell in code(student)) == exercises
    assert words(student).count("### Exercise ") == words(solutions).count("### Exercise ") == exercises
    assert words(solutions).count("**Solution**") == exercises
    assert not any(TODO in cell for cell in code(solutions))


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
def test_what_is_no_solution_stays(source) -> None:
    chapter, solving, kept = pairs.read_pair(pairs.pair_of(source)), False, []
    for cell in chapter.cells:
        if cell.cell_type == "code" and not solving:
            kept.append(cell.source)
        for mark in re.findall(r"\{solution-(start|end)\}", cell.source):
            solving = mark == "start"
    student = code(made(source, "student"))
    assert [cell for cell in student if TODO not in cell] == kept


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_reads_no_file_beside_itself(source) -> None:
    # A handout lies anywhere; what it reads comes with the package.
    assert not [cell for cell in code(made(source, "student")) if re.search(r"""["']\.\.["'/]""", cell)]


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
def test_no_words_of_a_solution_stay(source) -> None:
    solutions = re.findall(
        r":::\{solution-start\}.*?:::\{solution-end\}", source.read_text(encoding="utf-8"), re.DOTALL
    )
    student = words(made(source, "student"))
    for solution in solutions:
        told = [line for line in re.sub(r"```.*?```", "", solution, flags=re.DOTALL).split("\n") if len(line) > 40]
        assert not [line for line in told if line in student]


def test_a_stub_asks_for_the_answer() -> None:
    assert stub("from m import check_x\n\nhalf = 1 + 1\nanswer = half * 2\ncheck_x(answer)") == (
        f"from m import check_x\n\nanswer = ...  # {TODO}\ncheck_x(answer)"
    )


def test_a_stub_hides_an_answer_that_stands_in_the_call() -> None:
    assert "42" not in stub("from m import check_x\n\ncheck_x((42, 7))")


def test_a_stub_keeps_what_the_check_is_told() -> None:
    left = stub("from m import check_x\n\na = 2\nx, h = [a], [3]\nanswer = 5\ncheck_x(answer, x=x)")
    assert left == f"from m import check_x\na = 2\nx, h = [a], [3]\n\nanswer = ...  # {TODO}\ncheck_x(answer, x=x)"


def test_a_stub_keeps_the_signature_of_a_function() -> None:
    left = stub("from m import check_f\n\n\ndef cut(series, size):\n    return series[size:]\n\ncheck_f(cut)")
    assert "def cut(series, size):\n    ...  #" in left
    assert "return" not in left
    assert left.endswith("check_f(cut)")
    ast.parse(left)


def test_a_cell_without_a_check_leaves_no_stub() -> None:
    assert stub("print(1)") == ""


def test_two_checks_in_a_cell_are_refused() -> None:
    with pytest.raises(ValueError, match="2 checks"):
        stub("check_a(1)\ncheck_b(2)")


def test_boxes_figures_and_citations_become_markdown() -> None:
    box = ":::{admonition} Holds: “so”\n:class: verdict holds\n:name: claim-x\n**Measured.** [3](#a.b)\n:::"
    text = "See {numref}`fig-a`, {cite:t}`one`, {cite:p}`one,two`, [ch. 2](02-x.ipynb), [words](../notation.md)."
    chapter = notebook_of(("m", f"# T\n\n{box}"), ("c", "plt.show()"), ("m", text))
    chapter.cells[1].metadata = {"mystnb": {"figure": {"name": "fig-a", "caption": "A [3](#a.b)."}}}
    works = {"one": Work("A et al.", "2001", "A. One."), "two": Work("B", "1999", "B. Two.")}
    text = words(handout(chapter, "student", Press(works)))
    assert "> **Holds: “so”**\n>\n> **Measured.** 3" in text
    assert "*Figure 1. A 3.*" in text
    assert "See Figure 1, A et al. (2001), (A et al., 2001; B, 1999), [ch. 2](02-x.ipynb), words." in text
    assert text.endswith("## References\n\n- A. One.\n- B. Two.")
    known = words(handout(chapter, "student", Press(works, site="https://host/book/")))
    assert "[words](https://host/book/book/notation.html)" in known


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (":::{tab} A\n:::", "teach book/_ext/handouts.py to draw it"),
        (":::{admonition} A\ntext", "is not closed"),
        ("{cite:t}`nobody`", "'nobody' is cited and not in the bibliography"),
    ],
)
def test_what_cannot_be_shown_is_refused(text, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        handout(notebook_of(("m", text)), "student", Press({}))


def run_first_cell(cell: str, known: bool) -> list[str]:
    """Run the first cell where the package is or is not; a line that begins with % is IPython's."""
    plain = re.sub(r"^( *)%(.*)$", r"\1asked.append('\2')", cell, flags=re.MULTILINE)
    asked: list[str] = []

    def imported(name: str, *rest: object) -> None:
        if not known:
            raise ModuleNotFoundError(name)

    exec(plain, {"asked": asked, "__builtins__": {"__import__": imported, "ModuleNotFoundError": ModuleNotFoundError}})
    return asked


def test_nothing_runs_elsewhere_until_the_publisher_says_where() -> None:
    unknown = Publisher.of({})
    assert unknown.launchers("01-x") == {}
    assert unknown.binder(pairs.ROOT / "binder", pairs.ROOT / "constraints.txt") == {}


def test_without_an_address_the_first_cell_says_how_to_install_the_wheel_of_the_archive() -> None:
    cell = Publisher.of({}).install
    assert run_first_cell(cell, known=True) == []
    with pytest.raises(ModuleNotFoundError, match=rf"%pip install .*whl/cpu \.\./{re.escape(wheel_name())}$"):
        run_first_cell(cell, known=False)


def test_the_publisher_s_addresses_lead_to_the_student_notebook() -> None:
    known = Publisher.of({"BOOK_REPOSITORY": "https://github.com/owner/name.git", "BOOK_SITE": "https://host/a"})
    assert known.site == "https://host/a/"
    assert run_first_cell(known.install, known=True) == []
    (install,) = run_first_cell(known.install, known=False)
    assert install.startswith("pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu git+https://")
    assert install.endswith("/owner/name")
    assert known.launchers("01-x") == {
        "Colab": "https://colab.research.google.com/github/owner/name/blob/handouts/student/01-x.ipynb",
        "Binder": "https://mybinder.org/v2/gh/owner/name/handouts?labpath=student%2F01-x.ipynb",
    }


def test_binder_finds_on_the_handouts_branch_all_that_it_needs() -> None:
    known = Publisher.of({"BOOK_REPOSITORY": "https://github.com/owner/name"})
    files = known.binder(pairs.ROOT / "binder", pairs.ROOT / "constraints.txt")
    needs = files["requirements.txt"].splitlines()
    assert "rnncourse @ git+https://github.com/owner/name" in needs
    assert "." not in needs
    assert not [need for need in needs if ".." in need]
    assert "--constraint constraints.txt" in needs
    assert files["constraints.txt"] == (pairs.ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert files["runtime.txt"].startswith("python-3.")


def test_binder_s_files_name_what_is_there() -> None:
    folder = pairs.ROOT / "binder"
    for line in (folder / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("--constraint "):
            assert (folder / line.split()[1]).is_file()  # pip looks beside the file, not where it was started


def test_a_line_that_the_handouts_need_to_change_must_be_there(tmp_path) -> None:
    (tmp_path / "requirements.txt").write_text("torch==2.13.0\n")
    with pytest.raises(ExtensionError, match="has no line"):
        Publisher("https://github.com/owner/name").binder(tmp_path, pairs.ROOT / "constraints.txt")


def test_a_repository_elsewhere_installs_and_does_not_launch() -> None:
    elsewhere = Publisher.of({"BOOK_REPOSITORY": "https://codeberg.org/owner/name"})
    assert "git+https://codeberg.org/owner/name" in elsewhere.install
    assert elsewhere.launchers("01-x") == {}


@pytest.mark.parametrize("address", ["owner/name", "http://host/x", "https://host/a b", 'https://h/"><script>'])
def test_a_broken_address_is_refused(address) -> None:
    with pytest.raises(ExtensionError, match="expected an address such as"):
        Publisher.of({"BOOK_REPOSITORY": address})


def test_the_first_cell_installs_after_the_title() -> None:
    chapter = notebook_of(("m", "# T"), ("c", "1"))
    first = handout(chapter, "student", Press({}, install="%pip install x")).cells[:2]
    assert [cell.source for cell in first] == ["# T", "%pip install x"]


def test_binder_installs_what_the_package_asks_for() -> None:
    needs = (pairs.ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((pairs.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"."} < set(needs)
    assert [need for need in needs if need.startswith("torch")] == [
        need for need in project["dependencies"] if need.startswith("torch")
    ]
    least = project["requires-python"].removeprefix(">=")
    assert (pairs.ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8") == f"python-{least}\n"
