"""What the package is called where it travels, and what it asks for: both stand in ``pyproject.toml``."""

import tomllib
from pathlib import Path
from typing import Any


def _project() -> dict[str, Any]:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def release() -> str:
    """Name and version, such as ``rnncourse-1.0``: archives and wheel begin with it."""
    project = _project()
    return f"{project['name']}-{project['version']}"


def torch_asked_for() -> str:
    """The package's requirement of torch, such as ``torch==2.13.0``."""
    return next(str(need) for need in _project()["dependencies"] if need.startswith("torch"))
