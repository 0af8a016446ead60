"""What the package is called where it travels, and which torch it is tested with."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def release() -> str:
    """Name and version, such as ``rnncourse-1.0``: archives and wheel begin with it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"{project['name']}-{project['version']}"


def wheel_name() -> str:
    """Name of the package's wheel, which lies beside the folders of notebooks on the site and in the archive."""
    return f"{release()}-py3-none-any.whl"


def pinned_torch() -> str:
    """The requirement of exactly the torch that the environment has, such as ``torch==2.13.0``.

    A range would take the newest, and with it another build than the index of CPU builds has.
    """
    return str(re.findall(r"torch==[\d.]+", (ROOT / "Makefile").read_text(encoding="utf-8"))[0])
