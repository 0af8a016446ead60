"""The digest of a run's code: what changes it, and what does not."""

import sys
from pathlib import Path

import pytest
import toy_study

from rnncourse.studies import StudyError
from rnncourse.studies.code import changed, code_digests, digest, source_digest

SOURCE = '''
"""A module."""
import math
import os

SIZE = 3  # of what
OTHER = 4
DATA: dict[str, int] = {}
DATA["x"] = 1

def helper(x):
    """Help."""
    return math.sqrt(x) + SIZE

def run(config, device):
    """Run."""
    return {"y": helper(config.x)}

def grid(scale, seeds):
    return [OTHER] * seeds
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Help."""', '"""Help, in other words."""'),
        ("  # of what", ""),
        ("return math.sqrt(x) + SIZE", "return (\n        math.sqrt(x)\n        + SIZE  # all of it\n    )"),
        ("[OTHER] * seeds", "[OTHER] * seeds * 2"),
        ("OTHER = 4", "OTHER = 5"),
        ("import os\n", "import os.path\nimport re\n"),
        ('"""A module."""', ""),
    ],
)
def test_words_layout_and_what_run_does_not_reach_leave_the_digest(old: str, new: str) -> None:
    assert old in SOURCE
    assert source_digest(SOURCE.replace(old, new), "run") == source_digest(SOURCE, "run")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIZE = 3", "SIZE = 3.0"),
        ("math.sqrt(x)", "math.sqrt(-x)"),
        ("import math", "import cmath as math"),
        ('"y":', '"z":'),
        ('DATA["x"] = 1', 'DATA["x"] = 2'),
        ("def run(config, device):", "@staticmethod\ndef run(config, device):"),
        ("math.sqrt(x) + SIZE", 'None if x else "math" + SIZE'),
    ],
)
def test_code_that_run_reaches_changes_the_digest(old: str, new: str) -> None:
    assert old in SOURCE
    assert source_digest(SOURCE.replace(old, new), "run") != source_digest(SOURCE, "run")


def test_without_a_function_everything_counts() -> None:
    assert source_digest(SOURCE.replace("OTHER = 4", "OTHER = 5")) != source_digest(SOURCE)
    assert source_digest(SOURCE, "nowhere") == source_digest(SOURCE)
    assert source_digest("x = None") != source_digest("x = ()")


def test_a_package_stands_for_all_its_modules() -> None:
    import rnncourse.studies as package

    names = set(code_digests(toy_study.run, (package,)))
    assert {"toy_study:run", "rnncourse.studies", "rnncourse.studies.code"} <= names


def test_a_worker_with_other_code_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_that_changes.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    digests = {"module_that_changes": digest("module_that_changes")}
    try:
        assert changed(digests) == []
        assert changed({"module_that_changes": "0" * 64}) == ["module_that_changes"]
        assert changed({"__main__:run": "0" * 64}) == []
    finally:
        del sys.modules["module_that_changes"]


def test_a_source_that_cannot_be_read_is_named() -> None:
    with pytest.raises(StudyError, match=r"the source of math cannot be read"):
        digest("math")
    with pytest.raises(StudyError, match=r"the source of no_such_module cannot be read"):
        digest("no_such_module")
    namespace: dict[str, object] = {"__name__": "__console__"}
    exec("def run(config, device):\n    return {}", namespace)
    with pytest.raises(StudyError, match=r"the source of run cannot be read: define it in a module"):
        code_digests(namespace["run"], ())  # type: ignore[arg-type]
