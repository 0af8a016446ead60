"""Times of chapter 5.4: the cells with and without a chain over time, each beside torch's LSTM.

All cells take turns in one run, on one thread, in processor time, and what counts is the ratio within a round. So the
times say what a cell costs where no second processor is free, which is the hardest case for a scan. Writes all rounds
with their provenance::

    python -m benchmarks.chains book/results/chain-time.json --note "what else ran on the machine"
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._measure import command, machine, markdown_table
from benchmarks.sequences import Candidates, Row, measure
from benchmarks.throughput import THREADS
from book.experiments.ch54_without_a_chain import Attention, DeltaRule, MinGRU

WIDTH, BATCHES, LENGTHS = 32, (1, 16), (64, 256, 1024)


class LoopMinGRU(MinGRU):
    """The same states by a loop over the steps."""

    def forward(self, x: Tensor) -> Tensor:
        """All states ``(batch, time, size)``, one after the other."""
        z = torch.sigmoid(self.gate(x))
        kept, written = (1 - self.most * z).unbind(1), (z * self.new(x)).unbind(1)
        h, states = torch.zeros_like(kept[0]), []
        for a, b in zip(kept, written, strict=True):
            h = a * h + b
            states.append(h)
        return torch.stack(states, 1)


CELLS: dict[str, Any] = {
    "lstm": lambda: nn.LSTM(WIDTH, WIDTH, batch_first=True),
    "gru": lambda: nn.GRU(WIDTH, WIDTH, batch_first=True),
    "mingru": lambda: MinGRU(WIDTH),
    "mingru-loop": lambda: LoopMinGRU(WIDTH),
    "delta": lambda: DeltaRule(WIDTH),
    "attention": lambda: Attention(WIDTH),
}


def candidates() -> Candidates:
    """Each cell at each length and batch size: a forward pass, and one with the gradient of all weights."""
    found: Candidates = {}
    for batch in BATCHES:
        for steps in LENGTHS:
            x = torch.randn(batch, steps, WIDTH)
            for name, make in CELLS.items():
                layer = make()
                row: Row = {"cell": name, "batch_size": batch, "seq_len": steps}
                calls = {
                    "forward": lambda layer=layer, x=x: reads(layer, x),
                    "both": lambda layer=layer, x=x: learns(layer, x),
                }
                for kind, call in calls.items():
                    found[f"{name} B={batch} T={steps} {kind}"] = row | {"pass": kind}, call
    return found


def outputs(layer: nn.Module, x: Tensor) -> Tensor:
    """What a cell gives at each step."""
    given = layer(x)
    return given if isinstance(given, Tensor) else given[0]  # type: ignore[no-any-return]


def reads(layer: nn.Module, x: Tensor) -> None:
    """A forward pass that keeps nothing."""
    with torch.no_grad():
        outputs(layer, x)


def learns(layer: nn.Module, x: Tensor) -> None:
    """A forward pass and the gradient of all weights."""
    torch.autograd.grad(outputs(layer, x).sum(), list(layer.parameters()))


def record(*, repeats: int = 15, seed: int = 0, note: str = "") -> dict[str, Any]:
    """Measure.

    Args:
        repeats: rounds that count.
        seed: of weights and inputs, which do not matter for the time.
        note: what else ran on the machine.

    Returns:
        ``question``, ``machine``, ``note``, ``setting`` and ``rows``, one per cell, batch size, length and pass.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    return {
        "question": "What does a cell cost on one thread, with a chain over time and without?",
        "machine": machine(),
        "note": note,
        "setting": {"rounds": repeats, "clock": "processor time of one thread", "dtype": "float32"},
        "rows": measure(candidates(), repeats=repeats),
    }


def report(content: Mapping[str, Any]) -> None:
    """Print the median times of what `record` returned."""
    print(markdown_table([{"what": r["name"], "ms": 1e3 * statistics.median(r["seconds"])} for r in content["rows"]]))


if __name__ == "__main__":
    command(__doc__, "book/results/chain-time.json", record, report)
