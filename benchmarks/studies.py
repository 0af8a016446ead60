"""What the engine of the studies costs a run, and what a second worker brings.

Run with ``python -m benchmarks.studies``. Overhead is the time of a sweep of runs that do nothing, divided by their
number. Speed-up is measured on runs that train a small LSTM on one thread.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks._measure import interleaved, machine, markdown_table, ratios
from rnncourse.studies import Scale, Study, sweep

WORKERS = 2
IDLE_RUNS, BUSY_RUNS, TRAINING_STEPS = 100, 16, 120
OVERHEAD_GOAL, SPEED_UP_GOAL = 0.05, 1.7  # seconds a run; times one worker


@dataclass(frozen=True)
class Config:
    """One run: nothing but its seed."""

    seed: int


def grid(scale: Scale, seeds: int) -> list[Config]:
    return [Config(seed) for seed in range(seeds)]


def idle(config: Config, device: str) -> Mapping[str, Any]:
    return {"loss": float(config.seed)}


def train(config: Config, device: str) -> Mapping[str, Any]:
    torch.manual_seed(config.seed)
    lstm = nn.LSTM(1, 32, batch_first=True)
    optimiser = torch.optim.Adam(lstm.parameters())
    x = torch.randn(32, 40, 1)
    for _ in range(TRAINING_STEPS):
        optimiser.zero_grad()
        loss = lstm(x)[0].square().mean()
        loss.backward()
        optimiser.step()
    return {"loss": loss.item()}


IDLE = Study(name="idle", about="Nothing.", seeds=IDLE_RUNS, grid=grid, run=idle)
BUSY = replace(IDLE, name="busy", about="A small LSTM.", seeds=BUSY_RUNS, run=train)


def afresh(study: Study, workers: int) -> Callable[[], None]:
    """A function that does all runs of ``study`` in an empty folder."""

    def do() -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = sweep(study, workers=workers, device="cpu", folder=Path(folder))
            if len(done.runs) != study.seeds:
                raise RuntimeError(f"runs failed: {done.failures[0].error}")

    return do


def again(study: Study, folder: Path) -> Callable[[], None]:
    """A function that finds all runs of ``study`` stored."""
    sweep(study, workers=1, device="cpu", folder=folder)

    def do() -> None:
        if sweep(study, workers=1, device="cpu", folder=folder).new:
            raise RuntimeError("stored runs were done again")

    return do


def run(*, repeats: int = 7) -> dict[str, object]:
    """Time sweeps of idle and of busy runs, with one and with two workers, in turns.

    Args:
        repeats: rounds of every sweep.

    Returns:
        ``setting``, ``machine``, ``goals``; ``overhead``: seconds a run, by kind of sweep; ``speed_up``: median and
        quartiles of one worker's time divided by that of two.
    """
    with tempfile.TemporaryDirectory() as folder:
        idle_sweeps = {
            "in this process": afresh(IDLE, 1),
            "two workers": afresh(IDLE, WORKERS),
            "stored already": again(IDLE, Path(folder)),
        }
        idle_times = interleaved(idle_sweeps, repeats=repeats)
    # Nothing but the number of workers may differ, and the first round starts the processes: it does not count.
    busy_times = interleaved({"two": afresh(BUSY, WORKERS), "one": afresh(BUSY, 1)}, repeats=repeats, warmup=1)
    median, low, high = ratios(busy_times, "two")["one"]
    return {
        "setting": {"idle runs": IDLE_RUNS, "busy runs": BUSY_RUNS, "workers": WORKERS, "rounds": repeats},
        "machine": machine(),
        "goals": {"overhead": OVERHEAD_GOAL, "speed_up": SPEED_UP_GOAL},
        "overhead": {name: statistics.median(seconds) / IDLE_RUNS for name, seconds in idle_times.items()},
        "speed_up": {"ratio": median, "q1": low, "q3": high},
        "seconds_of_a_busy_run": statistics.median(busy_times["one"]) / BUSY_RUNS,
    }


def report(result: Mapping[str, Any]) -> None:
    """Print the tables of what `run` returned."""
    print("Sweeps,", ", ".join(f"{k} = {v}" for k, v in result["setting"].items()))
    print(", ".join(str(value) for value in result["machine"].values()), "\n")
    rows = [{"sweep": name, "ms a run": f"{1e3 * seconds:.2f}"} for name, seconds in result["overhead"].items()]
    print(markdown_table(rows))
    speed, goals = result["speed_up"], result["goals"]
    print(f"\nworst overhead: {1e3 * max(result['overhead'].values()):.1f} ms a run ", end="")
    print(f"(goal: less than {1e3 * goals['overhead']:.0f} ms)")
    print(
        f"two workers, runs of {result['seconds_of_a_busy_run']:.2f} s: {speed['ratio']:.2f} times as fast as one ",
        end="",
    )
    print(f"(quartiles {speed['q1']:.2f}–{speed['q3']:.2f}; goal: at least {goals['speed_up']})")


if __name__ == "__main__":
    report(run())
