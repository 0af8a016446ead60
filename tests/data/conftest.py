"""Folders of the test's own in the place of the user's."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache, which does not exist yet; nothing is in the user's folder, and no proxy stands before a server."""
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"
