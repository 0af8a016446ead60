"""What something was computed on and with, without names and paths."""

import os
import platform
import re
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any


@cache
def machine(device: str = "cpu") -> dict[str, Any]:
    """Processor, cores and system of this machine, and the name of a GPU that is used."""
    import torch

    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.startswith("cuda") else {}
    return {"cpu": _cpu(), "cores": os.cpu_count(), "os": f"{platform.system()} {platform.machine()}"} | gpu


def _cpu() -> str:
    """The processor's model name, from wherever the system keeps it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (found := re.search(r"^model name\s*: (.+)$", cpuinfo.read_text("utf-8"), flags=re.M)):
        return found[1].strip()
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()
    return platform.processor() or "unknown"


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of what is computed with."""
    libraries = ("rnncourse", "numpy", "pandas", "scikit-learn", "torch")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in libraries}
