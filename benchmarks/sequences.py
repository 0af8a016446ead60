"""Two ratios of chapter 2.2: a recurrence beside a convolution of equal operations, and one-hot beside a look-up.

All candidates of a part take turns in one run, on one thread, in processor time, and what counts is the ratio within a
round. Writes all rounds with their provenance::

    python -m benchmarks.sequences book/results/sequence-time.json --note "what else ran on the machine"
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from benchmarks._measure import command, interleaved, machine, markdown_table
from benchmarks.throughput import THREADS, Meter
from rnncourse.counting import count

WIDTH, BATCHES = 64, (1, 16)
LENGTHS = (16, 64, 256, 1024, 4096)
VOCABULARIES = (100, 1_000, 10_000, 60_000)
FEATURES, TOKENS = 100, 256

Row = dict[str, object]
Candidates = dict[str, tuple[Row, Callable[[], object]]]


def sequential() -> Candidates:
    """An RNN of 64 units and 64 inputs, and a convolution with kernel 2 and as many channels: 2 · 64² MACs a step.

    Each gets the layout it works in. The chain is the number of matrix products that must follow one another.
    """
    found: Candidates = {}
    for batch in BATCHES:
        for steps in LENGTHS:
            recurrence, convolution = nn.RNN(WIDTH, WIDTH), nn.Conv1d(WIDTH, WIDTH, 2)
            x, signal = torch.randn(steps, batch, WIDTH), torch.randn(batch, WIDTH, steps + 1)
            macs = {"RNN": count(recurrence, tuple(x.shape)).macs, "CNN": count(convolution, tuple(signal.shape)).macs}
            assert macs["RNN"] == macs["CNN"] == 2 * WIDTH**2 * steps * batch
            for kind, call in {
                "RNN": lambda layer=recurrence, x=x: layer(x),
                "CNN": lambda layer=convolution, x=signal: torch.tanh(layer(x)),
            }.items():
                row: Row = {"kind": kind, "batch_size": batch, "seq_len": steps, "macs": macs[kind]}
                found[f"{kind} B={batch} T={steps}"] = row | {"chain": steps if kind == "RNN" else 1}, call
    return found


def look_up() -> Candidates:
    """The vectors of 256 tokens from a table of 100 features: one-hot rows times the table, and rows of the table.

    The bytes are those of what stands in for the tokens: float32 rows as long as the vocabulary, or 64-bit integers.
    """
    found: Candidates = {}
    for words in VOCABULARIES:
        table, ids = torch.randn(words, FEATURES), torch.randint(words, (TOKENS,))
        one_hot = nn.functional.one_hot(ids, words).float()
        assert torch.equal(one_hot @ table, table[ids])
        row: Row = {"vocabulary": words, "tokens": TOKENS, "features": FEATURES}
        found[f"one-hot V={words}"] = (
            row | {"kind": "one-hot", "bytes": one_hot.nbytes},
            lambda one_hot=one_hot, table=table: one_hot @ table,
        )
        found[f"look-up V={words}"] = (
            row | {"kind": "look-up", "bytes": ids.nbytes},
            lambda ids=ids, table=table: nn.functional.embedding(ids, table),
        )
    return found


def measure(candidates: Candidates, *, repeats: int, warmup: int = 2) -> list[Row]:
    """Seconds of a call in every round, added to each candidate's row."""
    meters = {name: Meter(call) for name, (_, call) in candidates.items()}
    interleaved(meters, repeats=repeats, warmup=warmup)
    return [
        {"name": name, **row, "seconds": [float(f"{second:.4g}") for second in meters[name].seconds[warmup:]]}
        for name, (row, _) in candidates.items()
    ]


def record(*, repeats: int = 21, seed: int = 0, note: str = "") -> dict[str, object]:
    """Measure both parts.

    Args:
        repeats: rounds that count.
        seed: of weights and inputs, which do not matter for the time.
        note: what else ran on the machine.

    Returns:
        ``question``, ``machine``, ``note``, ``setting``, and the rows of ``sequential`` and ``look_up``.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    with torch.no_grad():
        parts = {
            "sequential": measure(sequential(), repeats=repeats),
            "look_up": measure(look_up(), repeats=repeats),
        }
    setting = {"rounds": repeats, "clock": "processor time of one thread", "dtype": "float32", "mode": "forward"}
    return {
        "question": "What does it cost to take one step after the other, and what does a one-hot vector cost?",
        "machine": machine(),
        "note": note,
        "setting": setting,
        **parts,
    }


def report(content: Mapping[str, Any]) -> None:
    """Print the median times of what `record` returned."""
    print(content["machine"], content["setting"], sep="\n", end="\n\n")
    for part in ("sequential", "look_up"):
        print(markdown_table([{"what": r["name"], "ms": 1e3 * statistics.median(r["seconds"])} for r in content[part]]))
        print()


if __name__ == "__main__":
    command(__doc__, "book/results/sequence-time.json", record, report)
