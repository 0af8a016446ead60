"""The built package outside of a clone: beside NumPy and PyTorch alone, and in a student's empty folder."""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from packaging.requirements import Requirement

import rnncourse
from book._ext.downloads import Publisher, bibliography, write_wheel
from book._ext.handouts import TODO, HandoutSettings, handout
from book._ext.release import wheel_name
from tests.site._server import serve
from tools import pairs

ROOT = Path(__file__).parents[1]
INSTRUMENTS = "cells working counting gates gradients ablation fixed_points initialisation networks variants"
BLOCKS = re.compile(r"^## (.+?)$.*?^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = BLOCKS.findall((ROOT / "book" / "recipes.md").read_text(encoding="utf-8"))
RUN_NOTEBOOK = """
import json, sys, nbclient, nbformat
notebook = nbformat.read("chapter.ipynb", as_version=4)
nbclient.NotebookClient(notebook, timeout=600, allow_errors=True).execute()
print(json.dumps([cell.outputs for cell in notebook.cells if cell.cell_type == "code"]))
"""
NUMBER = re.compile(r"(-?\b\d+\.\d+\b)")
# Runs each program in a namespace of its own, and prints what each one prints.
RUN_EACH = """
import contextlib, io, json, sys
def printed(code):
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        exec(compile(code, "recipe", "exec"), {"__name__": "__main__"})
    return stream.getvalue()
print(json.dumps([printed(code) for code in json.load(sys.stdin)]))
"""


def needed(*names: str) -> Iterator[metadata.Distribution]:
    """Distributions of these names, and what they need in turn, as far as it is here."""
    seen, left = set(), list(names)
    while left:
        if (name := left.pop()) in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        yield distribution
        wanted = map(Requirement, distribution.requires or ())
        left += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]


def environment(folder: Path, *names: str) -> Path:
    """The Python of a fresh environment, in which these distributions and what they need are linked."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, capture_output=True, encoding="utf-8", check=True).stdout.strip())
    for distribution in needed(*names):
        for name in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / name).exists():
                (packages / name).symlink_to(Path(str(distribution.locate_file(name))))
    return python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    write_wheel(SimpleNamespace(outdir=folder, confdir=ROOT, builder=SimpleNamespace(name="html")), None)  # type: ignore[arg-type]
    return folder / "notebooks" / wheel_name()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment's commands: the wheel is installed, NumPy and PyTorch are linked."""
    python = environment(tmp_path_factory.mktemp("installed"), "numpy", "torch")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    return python.parent


def run(*command: Any, given: str = "", folder: Path | None = None) -> str:
    """What a command prints, far from the repository, and with no way to a package index."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    around = {name: value for name, value in os.environ.items() if name not in hidden}
    around |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "NO_PROXY": "127.0.0.1"}
    options = {"cwd": folder or Path(command[0]).parent, "env": around, "encoding": "utf-8"}
    done = subprocess.run(command, input=given, capture_output=True, **options)
    assert done.returncode == 0, done.stderr
    assert folder or not done.stderr  # a kernel warns that it speaks in the open
    return done.stdout


def test_the_instruments_need_numpy_and_torch_alone_and_the_exercises_are_there(installed: Path) -> None:
    code = f"""
import importlib, importlib.util, rnncourse
for name in {INSTRUMENTS.split()}:
    importlib.import_module("rnncourse." + name)
print(rnncourse.__file__)
print([name for name in ("pandas", "scipy", "matplotlib", "joblib") if importlib.util.find_spec(name)])
print(importlib.import_module("rnncourse.exercises").check("hold-100", (-12, 10)))
"""
    where, others, said = run(installed / "python", "-c", code).splitlines()
    assert Path(where).is_relative_to(installed.parent)
    assert (others, said.partition(" ")[0]) == ("[]", "Correct.")


def test_the_command_counts(installed: Path) -> None:
    assert run(installed / "rnncourse", "--version") == f"rnncourse {rnncourse.__version__}\n"
    assert "50,432" in run(installed / "rnncourse", "count", "LSTM(1, 64, num_layers=2)", "--input", "1,60,1")


@pytest.fixture(scope="module")
def printed(installed: Path) -> list[str]:
    programs = json.dumps([code for _, code, _ in RECIPES])
    return json.loads(run(installed / "python", "-c", RUN_EACH, given=programs))


@pytest.mark.parametrize("place", range(5), ids=[title for title, *_ in RECIPES])
def test_a_recipe_prints_what_the_page_shows(printed: list[str], place: int) -> None:
    """Whole numbers to the last digit; those with decimals to a unit in the last one, or to a tenth."""
    _, code, shown = RECIPES[place]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    ours, theirs = (NUMBER.split("\n".join(map(str.rstrip, text.splitlines()))) for text in (printed[place], shown))
    assert ours[::2] == theirs[::2]
    for one, other in zip(ours[1::2], theirs[1::2], strict=True):
        unit = 10.0 ** -len(other.partition(".")[2])
        assert float(one) == pytest.approx(float(other), abs=1.01 * unit, rel=0.1)


# --- a student's folder: the notebook from the site, and no clone -----------------------------------------------------


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with all that a notebook needs but the package of the book, as on Colab."""
    asked = {Requirement(line).name for line in metadata.requires("rnncourse") or ()} - {"rnncourse", "distributed"}
    return environment(tmp_path_factory.mktemp("student"), *asked, "ipykernel", "nbclient", "pip")


def outputs(student: Path, folder: Path, notebook: nbformat.NotebookNode) -> list[list[dict[str, Any]]]:
    """What each code cell of a notebook shows, run in a folder by an environment that has not the package yet."""
    run(student, "-m", "pip", "uninstall", "-qq", "--yes", "rnncourse")
    nbformat.write(notebook, folder / "chapter.ipynb")
    return json.loads(run(student, "-c", RUN_NOTEBOOK, folder=folder))


def first_cell(publisher: Publisher) -> nbformat.NotebookNode:
    cells = [
        nbformat.v4.new_code_cell(source) for source in (publisher.install, "import rnncourse; rnncourse.__file__")
    ]
    return nbformat.v4.new_notebook(cells=cells)


def test_without_a_file_or_a_connection_the_first_cell_says_what_to_do(student: Path, tmp_path: Path) -> None:
    publishers = (Publisher(), Publisher(site="http://127.0.0.1:9/"))
    asked = nbformat.v4.new_notebook(cells=[first_cell(publisher).cells[0] for publisher in publishers])
    for *_, error in outputs(student, tmp_path, asked):
        assert error["ename"] == "ModuleNotFoundError"
        assert f"put the file {wheel_name()} beside the notebook" in error["evalue"]


def test_the_first_cell_installs_the_package_from_the_site(student: Path, wheel: Path, tmp_path: Path) -> None:
    with serve(wheel.parents[1]) as address:
        _, (shown,) = outputs(student, tmp_path, first_cell(Publisher(site=f"{address}/")))
    assert str(student.parents[1]) in shown["data"]["text/plain"]


def test_a_student_notebook_runs_in_an_empty_folder_with_the_wheel_beside_it(
    student: Path, wheel: Path, tmp_path: Path
) -> None:
    chapter = pairs.read_source(next(source for source in pairs.chapters() if source.stem == "11-one-step"))
    notebook = handout(
        chapter, "student", HandoutSettings(bibliography(pairs.BOOK / "references.bib"), install=Publisher().install)
    )
    (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    shown = outputs(student, tmp_path, notebook)
    assert not [one for cell in shown for one in cell if one["output_type"] == "error"]
    asked = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for source, cell in zip(asked, shown, strict=True):
        if TODO in source:
            assert cell[-1]["data"]["text/plain"].startswith("Not yet. ")
    assert sum(TODO in source for source in asked) == 5
