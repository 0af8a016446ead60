"""What something was computed on and with, without names and paths."""

import os
import platform
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores and system of this machine."""
    cpuinfo = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.+)", cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else []
    cpu = (models or [platform.processor() or "unknown"])[0].strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "os": f"{platform.system()} {platform.machine()}"}


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of what is computed with."""
    libraries = ("rnncourse", "numpy", "pandas", "scikit-learn", "torch")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in libraries}
