"""A study of nothing, fast enough for tests, and runs of it that go wrong."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnncourse.studies import Scale, Study

RETURNED: list[Any] = []
TROUBLE = Path(__file__).with_name(f".trouble-{os.environ.get('PYTEST_XDIST_WORKER', '')}")


@dataclass(frozen=True)
class Config:
    model: str
    width: int
    seed: int


def grid(scale: Scale, seeds: int) -> list[Config]:
    models = ("square", "cube") if scale == "small" else ("square", "cube", "root")
    return [Config(model, width, seed) for model in models for width in (1, 2) for seed in range(seeds)]


def run(config: Config, device: str) -> Mapping[str, Any]:
    if path := os.environ.get("TOY_LOG"):  # one line for each run that takes place
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{config.model} {config.width} {config.seed} {os.getpid()}\n")
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    trouble = Path(os.environ.get("TOY_TROUBLE", "/nonexistent"))
    if trouble.exists() and config.model == "cube" and config.seed == 1:
        if trouble.read_text(encoding="utf-8") == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(f"no cube of\nwidth {config.width}")
    power = {"square": 2.0, "cube": 3.0, "root": 0.5}[config.model]
    return {"loss": (1 + config.seed) ** power * config.width, "curve": [config.seed, None], "device_was": device}


def ran(folder: Path) -> list[tuple[str, int]]:
    """Every run that took place, in order, and its process."""
    log = folder / "log"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [(words, int(process)) for words, process in (line.rsplit(" ", 1) for line in lines)]


def run_again(config: Config, device: str) -> Mapping[str, Any]:
    return run(config, device)


def run_returning(config: Config, device: str) -> Any:
    return RETURNED[0]


def run_where(config: Config, device: str) -> Mapping[str, Any]:
    import torch

    return {"threads": torch.get_num_threads(), "process": os.getpid()}


def run_in_trouble(config: Config, device: str) -> Mapping[str, Any]:
    os.environ["TOY_TROUBLE"] = TROUBLE.read_text(encoding="utf-8") if TROUBLE.exists() else "/nonexistent"
    return run(config, device)


STUDY = Study(name="toy", about="Powers of small numbers.", seeds=2, grid=grid, run=run, notes="Nothing was thinned.")
