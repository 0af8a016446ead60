"""One run in a worker: the module that every engine imports on the other side."""

import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from rnncourse.studies.code import Digests, changed
from rnncourse.studies.plain import plain

# Runs seed torch's generator, which a process has once: threads of a process take turns.
_ONE_RUN = threading.Lock()
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "torch")


@dataclass(frozen=True)
class Job:
    """A run to be done.

    Attributes:
        key: names the run.
        run: the study's function.
        config: its first argument.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        code: what the code of the run must be.
        parent: process id of the sweep, where the worker must end with it; else None.
    """

    key: str
    run: Callable[[Any, str], Mapping[str, Any]]
    config: Any
    device: str
    code: Digests
    parent: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        key: names the run.
        metrics: what it returned, as plain values; empty where it failed.
        seconds: how long it took, by the clock on the wall.
        device: what it ran on.
        machine: where.
        versions: with what.
        error: why it failed, in one line; empty where it did not.
        traceback: where it failed.
    """

    key: str
    metrics: dict[str, Any]
    seconds: float
    device: str
    machine: dict[str, Any]
    versions: dict[str, str]
    error: str = ""
    traceback: str = ""

    @classmethod
    def failed(cls, job: Job, error: str) -> Self:
        """The outcome of a job whose worker cannot tell."""
        return cls(job.key, {}, 0.0, job.device, {}, {}, error)


def execute(job: Job) -> Outcome:
    """Do a run on one thread; whatever it raises becomes part of the outcome.

    Args:
        job: what to do.

    Returns:
        Its metrics and circumstances, or its error.
    """
    if job.parent is not None:
        _end_with(job.parent)
    with _ONE_RUN:
        metrics: dict[str, Any] = {}
        error = trace = ""
        device = job.device
        start = time.perf_counter()
        try:
            if stale := changed(job.code):
                raise RuntimeError(
                    f"this worker has other code than the sweep in {', '.join(stale)}: restart it, or the kernel"
                )
            device = resolve(job.device)
            _one_thread()
            start = time.perf_counter()
            metrics = _metrics(job.run(job.config, device))
        except Exception as problem:
            error = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
            trace = traceback.format_exc()
        seconds = time.perf_counter() - start
    return Outcome(job.key, metrics, seconds, device, machine(device), versions(), error, trace)


def _metrics(returned: object) -> dict[str, Any]:
    if not isinstance(returned, Mapping):
        raise TypeError(f"a run must return its metrics by name, got {type(returned).__name__}")
    metrics: dict[str, Any] = plain(returned, "metrics")
    return metrics


def resolve(device: str) -> str:
    """The device that ``auto`` stands for; every other is checked.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        A name that torch knows, and that is here.

    Raises:
        ValueError: torch does not know it, or it is not on this machine.
    """
    if device == "cpu":
        return device
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device)
        torch.empty(0, device=kind)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"the device {device!r} is not on this machine: choose auto, cpu or cuda") from error
    return device


def _one_thread() -> None:
    """Let this process compute on one thread: as many processes as cores then share the machine evenly."""
    if (torch := sys.modules.get("torch")) is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@cache
def _end_with(parent: int) -> None:
    """End this process when the sweep does, and leave Ctrl-C to the sweep."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-sweep", daemon=True).start()


@cache
def versions() -> dict[str, str]:
    """Versions of Python, the package and what it computes with."""
    found = {"python": platform.python_version()}
    for name in ("rnncourse", *_LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def machine(device: str) -> dict[str, Any]:
    """Processor, cores and system of this machine, and the name of a GPU that is used; no names, no paths.

    Args:
        device: what torch computes on.

    Returns:
        ``cpu``, ``cores``, ``os``, and ``gpu`` where it is one.
    """
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or "unknown"
    found = {"cpu": name, "cores": os.cpu_count(), "os": f"{platform.system()} {platform.machine()}"}
    if device.startswith("cuda") and (torch := sys.modules.get("torch")) is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(device)
    return found
