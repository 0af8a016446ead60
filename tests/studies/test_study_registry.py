"""The studies in the registry: each is what its entry says, and names the code that its runs execute."""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rnncourse.studies import SCALES, STUDIES, StudyError, StudyMisuse, find, registry
from rnncourse.studies.code import _reached
from rnncourse.studies.study import config_fields

ENGINE = {"rnncourse.studies", "rnncourse.studies.study"}
# What they read or generate is in the fingerprint of the data.
_DATA = ("corpus", "emotion", "imdb", "missing", "power", "sentences", "series", "synthetic", "weather")
LOADERS = {f"rnncourse.data.{name}" for name in _DATA}


def home(module: str, name: str) -> str:
    """The module where an imported name is defined, or the module that it is."""
    value = getattr(importlib.import_module(module), name)
    return value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", module)


@pytest.mark.parametrize("name", list(STUDIES))
def test_an_entry_holds_its_study(name: str) -> None:
    study = find(name)
    assert study.name == name
    assert study.about
    for scale in SCALES:
        configs = [str(config_fields(study, config)) for config in study.grid(scale, 2)]
        assert len(configs) == len(set(configs)) > 0


@pytest.mark.parametrize("name", list(STUDIES))
def test_a_study_names_the_code_that_its_runs_execute(name: str) -> None:
    """Else a run would outlive a change of what it did."""
    study = find(name)
    file = sys.modules[study.run.__module__].__file__
    assert file is not None
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    imported = [
        home(node.module, alias.name)
        for node in _reached(tree, study.run.__name__)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    ours = {module for module in imported if module.startswith("rnncourse") and module not in ENGINE | LOADERS}
    named = {module.__name__ for module in study.code}
    assert {module for module in ours if not any(f"{module}.".startswith(f"{one}.") for one in named)} == set()


def test_an_unknown_name_and_a_wrong_entry_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MODULES", {"other": "toy_study", "toy": "toy_study"})
    assert find("toy").name == "toy"
    with pytest.raises(StudyMisuse, match="unknown study 'tou': choose from other, toy"):
        find("tou")
    with pytest.raises(StudyError, match="the module toy_study has no study 'other'"):
        find("other")
