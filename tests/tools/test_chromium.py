"""The browser is found, fetched or asked for; never silently missing."""

import stat
from pathlib import Path

import pytest

from tools import chromium


def program(folder: Path, name: str, *, works: bool = True) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {0 if works else 1}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no browser, no download and no packages; its search path is the folder returned."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for way in ("_of_playwright", "_downloaded"):
        monkeypatch.setattr(chromium, way, lambda: None)
    return tmp_path


def test_one_on_the_path_is_taken_and_the_named_one_comes_first(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = program(bare, "google-chrome")
    assert chromium.find() == on_path
    (bare / "elsewhere").mkdir()
    named = program(bare / "elsewhere", "mine")
    monkeypatch.setenv("CHROMIUM", str(named))
    assert chromium.find() == named


def test_a_named_one_that_does_not_start_is_an_error(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare, "chromium")
    monkeypatch.setenv("CHROMIUM", str(bare / "nothing"))
    with pytest.raises(chromium.NoChromium, match="which does not start; unset it or correct it"):
        chromium.find()


def test_a_broken_one_gives_way_to_a_download(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare, "chromium", works=False)
    (bare / "cache").mkdir()
    fetched = program(bare / "cache", "chrome")
    monkeypatch.setattr(chromium, "_downloaded", lambda: fetched)
    assert chromium.find() == fetched


def test_none_at_all_fails_and_says_what_to_do(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chromium.main() == 1
    assert "Install Chromium, or set CHROMIUM to its path." in capsys.readouterr().err
