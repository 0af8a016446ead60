"""Interleaved timings and a description of the machine, shared by the benchmarks.

A busy machine slows every candidate of one round alike. So the candidates take turns, and what is compared is
the ratio within a round, not the time of one round with that of another.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rnncourse import _surroundings
from rnncourse._files import write_whole


def interleaved(
    candidates: Mapping[str, Callable[[], object]], *, repeats: int = 15, warmup: int = 2
) -> dict[str, list[float]]:
    """Wall-clock seconds of every candidate, measured in turns.

    Args:
        candidates: name → function without arguments; what it returns is dropped.
        repeats: rounds that count; in each round every candidate runs once. At least 1.
        warmup: rounds before them that do not count.

    Returns:
        name → ``repeats`` durations in seconds; entry ``k`` of every list belongs to the same round.

    Raises:
        ValueError: no candidates, or ``repeats`` below 1.
    """
    if not candidates or repeats < 1:
        raise ValueError(f"expected at least one candidate and one repeat, got {len(candidates)} and {repeats}")
    names = list(candidates)
    times: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(warmup + repeats):
        # The order turns from round to round: nobody always runs on the caches a particular other one left.
        shift = round_ % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.perf_counter()
            candidates[name]()
            seconds = time.perf_counter() - start
            if round_ >= warmup:
                times[name].append(seconds)
    return times


def ratios(times: Mapping[str, Sequence[float]], base: str) -> dict[str, tuple[float, float, float]]:
    """Cost of every candidate relative to ``base``, as quantiles of the per-round ratios.

    Args:
        times: what :func:`interleaved` returned.
        base: the name all others are divided by.

    Returns:
        name → (median, first quartile, third quartile) of ``seconds / seconds of base`` over the rounds.

    Raises:
        KeyError: ``base`` is not among the names.
    """
    if base not in times:
        raise KeyError(f"no candidate named {base!r}; measured were {', '.join(map(repr, times))}")
    return {
        name: _quartiles([mine / theirs for mine, theirs in zip(seconds, times[base], strict=True)])
        for name, seconds in times.items()
    }


def machine() -> dict[str, object]:
    """What was measured on: processor, cores, threads, versions and date; no host names, no paths."""
    return {
        **_surroundings.machine(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """A Markdown table of ``rows``; the columns are the keys of the first row, numbers get three figures."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([_cell(row[column]) for column in columns] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def command(
    about: str | None, default: str, record: Callable[..., dict[str, Any]], report: Callable[[dict[str, Any]], None]
) -> None:
    """The command of a benchmark: measure, replace its record in one step, and print what was measured.

    Args:
        about: what ``--help`` says.
        default: the JSON file to write unless another is named.
        record: measures; takes a ``note`` on what else ran on the machine.
        report: prints what `record` returned.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, nargs="?", default=Path(default), help="the JSON file to write")
    parser.add_argument("--note", default="", help="what else ran on the machine")
    options = parser.parse_args()
    content = record(note=options.note)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.output, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    report(content)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    first, median, third = statistics.quantiles(values, n=4, method="inclusive")
    return median, first, third
