"""Folders of their own for every test of the engine."""

from pathlib import Path

import pytest

from rnncourse.studies import study


@pytest.fixture
def toy_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs, results and a log of all runs in one folder; the toy study is the only one."""
    from toy_study import STUDY

    for name, value in {"RNNCOURSE_RUNS": "runs", "RNNCOURSE_RESULTS": "results", "TOY_LOG": "log"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("TOY_TROUBLE", str(tmp_path / "trouble"))
    monkeypatch.setattr(study, "studies", lambda: {"toy": STUDY})
    (tmp_path / "results").mkdir()
    return tmp_path
