"""The digests of a run's code: what changes them, and what does not."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnncourse import _reached

SOURCES = {
    "alpha/__init__.py": "from alpha.inner import helper\n",
    "alpha/inner.py": '''
"""A module."""
import math

SIZE = 3  # of what
DATA: dict[str, int] = {}
DATA["x"] = 1

def helper(x: float) -> float:
    """Help."""
    return math.sqrt(x) + SIZE

def unused():
    return 1
''',
    "alpha/tools.py": "def left(x):\n    return x\n\ndef right(x):\n    return -x\n",
    "alpha/study.py": '''
from typing import TYPE_CHECKING

from alpha import helper as help_me
from alpha import tools

if TYPE_CHECKING:
    from alpha.inner import unused

OTHER = 4

class Model:
    def __call__(self, x):
        from alpha.inner import DATA
        return DATA["x"] * x

def run(config: "unused", device):
    """Run."""
    return {"y": help_me(config.x), "z": tools.left(1), "m": Model()(2)}

def grid(scale, seeds):
    return [OTHER] * seeds
''',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, source in SOURCES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget()


def forget() -> None:
    """As in a new process."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "alpha"]:
        del sys.modules[name]
    _reached._digests.cache_clear()
    _reached._parsed.cache_clear()
    importlib.invalidate_caches()


def digests() -> dict[str, str]:
    forget()
    return _reached.code_digests(importlib.import_module("alpha.study").run)


def test_what_a_run_reaches(folder: Path) -> None:
    assert sorted(digests()) == ["DATA", "Model", "SIZE", "helper", "inner", "left", "run"]


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("inner", '"""Help."""', '"""Help, in other words."""', None),
        ("inner", "  # of what", "", None),
        ("inner", "(x: float) -> float", "(x: int) -> int", None),
        ("inner", "return math.sqrt(x) + SIZE", "return (\n        math.sqrt(x)\n        + SIZE  # all\n    )", None),
        ("inner", "return 1", "return 2", None),
        ("inner", "import math\n", "import math\nimport re\n", None),
        ("inner", '"""A module."""', "", None),
        ("tools", "return -x", "return +x", None),
        ("study", "[OTHER] * seeds", "[OTHER] * seeds * 2", None),
        ("study", "OTHER = 4", "OTHER = 5", None),
        ("study", "from alpha import helper", "from alpha.inner import helper", None),
        ("inner", "SIZE = 3", "SIZE = 3.0", "SIZE"),
        ("inner", "math.sqrt(x)", "math.sqrt(-x)", "helper"),
        ("inner", "import math", "import cmath as math", "helper"),
        ("inner", 'DATA["x"] = 1', 'DATA["x"] = 2', "inner"),
        ("inner", "def helper", "@staticmethod\ndef helper", "helper"),
        ("inner", "math.sqrt(x) + SIZE", 'None if x else "math" + SIZE', "helper"),
        ("tools", "return x", "return 2 * x", "left"),
        ("study", '"y":', '"w":', "run"),
        ("study", 'DATA["x"] * x', 'DATA["x"] / x', "Model"),
    ],
)
def test_what_a_run_computes_changes_its_digest_and_words_layout_and_the_unreached_do_not(
    folder: Path, file: str, old: str, new: str, changed: str | None
) -> None:
    before = digests()
    assert old in SOURCES[f"alpha/{file}.py"]
    (folder / f"alpha/{file}.py").write_text(SOURCES[f"alpha/{file}.py"].replace(old, new, 1), encoding="utf-8")
    after = digests()
    assert [name for name in before if before[name] != after[name]] == ([changed] if changed else [])


def test_code_that_moves_unchanged_keeps_its_digests(folder: Path) -> None:
    before = digests()
    (folder / "alpha/moved.py").write_text(SOURCES["alpha/inner.py"], encoding="utf-8")
    for name in ("alpha/__init__.py", "alpha/study.py"):
        (folder / name).write_text(SOURCES[name].replace("alpha.inner", "alpha.moved"), encoding="utf-8")
    after = digests()
    assert {**before, "moved": before["inner"]} == {**after, "inner": before["inner"]}


def test_a_run_that_no_module_holds_is_refused() -> None:
    namespace: dict[str, object] = {"__name__": "__console__"}
    exec("def run(config, device):\n    return {}", namespace)
    with pytest.raises(ValueError, match="the source of run cannot be read .*: define it in a module"):
        _reached.code_digests(namespace["run"])  # type: ignore[arg-type]
