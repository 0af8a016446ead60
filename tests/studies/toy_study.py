"""A study of nothing, fast enough for tests."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnncourse.studies import Scale, Study


@dataclass(frozen=True)
class Config:
    model: str
    width: int
    seed: int


def grid(scale: Scale, seeds: int) -> list[Config]:
    models = ("square", "cube") if scale == "small" else ("square", "cube", "root")
    return [Config(model, width, seed) for model in models for width in (1, 2) for seed in range(seeds)]


def log(line: str) -> None:
    """One line for each run that takes place, in the file that TOY_LOG names."""
    if path := os.environ.get("TOY_LOG"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{line} {os.getpid()}\n")


def run(config: Config, device: str) -> Mapping[str, Any]:
    log(f"{config.model} {config.width} {config.seed}")
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    trouble = Path(os.environ.get("TOY_TROUBLE", "/nonexistent"))
    if trouble.exists() and config.model == "cube" and config.seed == 1:
        if trouble.read_text(encoding="utf-8") == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(f"no cube of\nwidth {config.width}")
    power = {"square": 2.0, "cube": 3.0, "root": 0.5}[config.model]
    return {"loss": (1 + config.seed) ** power * config.width, "curve": [config.seed, None], "device_was": device}


STUDY = Study(name="toy", about="Powers of small numbers.", seeds=2, grid=grid, run=run, notes="Nothing was thinned.")
