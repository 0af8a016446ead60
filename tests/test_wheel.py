"""The built package beside NumPy and PyTorch alone: the instruments, their command, and the recipes of the page."""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import rnncourse

ROOT = Path(__file__).parents[1]
INSTRUMENTS = "cells working counting gates gradients ablation fixed_points initialisation networks variants"
BLOCKS = re.compile(r"^## (.+?)$.*?^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = BLOCKS.findall((ROOT / "book" / "recipes.md").read_text(encoding="utf-8"))
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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment's commands: the wheel is installed, NumPy and PyTorch are linked."""
    folder = tmp_path_factory.mktemp("wheel")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, capture_output=True, encoding="utf-8", check=True).stdout.strip())
    for distribution in needed("numpy", "torch"):
        for name in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / name).exists():
                (packages / name).symlink_to(Path(str(distribution.locate_file(name))))
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    return python.parent


def run(*command: Any, given: str = "") -> str:
    """What a command prints, far from the repository."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    folder = Path(command[0]).parent
    done = subprocess.run(command, input=given, capture_output=True, encoding="utf-8", env=environment, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_instruments_need_numpy_and_torch_alone(installed: Path) -> None:
    code = f"""
import importlib, importlib.util, rnncourse
for name in {INSTRUMENTS.split()}:
    importlib.import_module("rnncourse." + name)
print(rnncourse.__file__)
print([name for name in ("pandas", "scipy", "matplotlib", "joblib") if importlib.util.find_spec(name)])
"""
    where, others = run(installed / "python", "-c", code).splitlines()
    assert Path(where).is_relative_to(installed.parent)
    assert others == "[]"


def test_it_brings_the_exercises(installed: Path) -> None:
    code = "from rnncourse.exercises import check; print(check('hold-100', (-12, 10)))"
    assert run(installed / "python", "-c", code).startswith("Correct. ")


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
