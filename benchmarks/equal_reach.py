"""A step of learning at equal reach: recurrent layers beside causal convolutions that see the whole sequence.

The stack has kernel 2 and doubling dilations, as many layers as it takes. A single layer of kernel 2, which sees two
steps, stands beside it: as many operations as the RNN, and no reach. All candidates of a size take turns in one run, on
one thread, in processor time, and what counts is the ratio within a round. Writes all rounds with their provenance::

    python -m benchmarks.equal_reach book/results/reach-time.json --note "what else ran on the machine"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from benchmarks._measure import command, interleaved, machine, markdown_table, ratios
from benchmarks.throughput import THREADS, Meter
from rnncourse.counting import count
from rnncourse.networks import CausalConvolutions

WIDTH = 64
BATCHES, LENGTHS = (1, 16, 64), (64, 256, 1024)
BASE = "stack"


def networks(steps: int) -> Mapping[str, nn.Module]:
    """The candidates for sequences of ``steps``, a power of two, with 64 features in and 64 out."""
    doubling = [2**layer for layer in range(steps.bit_length() - 1)]
    stack = CausalConvolutions(WIDTH, WIDTH, kernel_size=2, dilations=doubling)
    assert stack.receptive_field == steps
    return {
        BASE: stack,
        "one layer": CausalConvolutions(WIDTH, WIDTH, kernel_size=2, dilations=(1,)),
        "RNN": nn.RNN(WIDTH, WIDTH, batch_first=True),
        "GRU": nn.GRU(WIDTH, WIDTH, batch_first=True),
        "LSTM": nn.LSTM(WIDTH, WIDTH, batch_first=True),
    }


def learning_step(network: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward and backward pass from the outputs of all steps."""

    def call() -> None:
        network.zero_grad(set_to_none=True)
        output = network(x)
        (output[0] if isinstance(output, tuple) else output).square().mean().backward()

    return call


def measure(steps: int, batch: int, *, repeats: int, warmup: int = 1) -> list[dict[str, Any]]:
    """Seconds of a step of learning in every round, and its ratio to the stack's: median and quartiles."""
    x, found = torch.randn(batch, steps, WIDTH), networks(steps)
    meters = {name: Meter(learning_step(network, x)) for name, network in found.items()}
    interleaved(meters, repeats=repeats, warmup=warmup)
    seconds = {name: [float(f"{second:.4g}") for second in meter.seconds[warmup:]] for name, meter in meters.items()}
    return [
        {
            "kind": name,
            "batch_size": batch,
            "seq_len": steps,
            "macs": count(network, (1, steps, WIDTH)).macs * batch,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "ratio": [float(f"{value:.4g}") for value in ratios(seconds, BASE)[name]],
            "seconds": seconds[name],
        }
        for name, network in found.items()
    ]


def record(*, repeats: int = 7, seed: int = 0, note: str = "") -> dict[str, object]:
    """Measure every size.

    Args:
        repeats: rounds that count.
        seed: of weights and inputs, which do not matter for the time.
        note: what else ran on the machine.

    Returns:
        ``question``, ``machine``, ``note``, ``setting`` and ``rows``.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    rows = [row for batch in BATCHES for steps in LENGTHS for row in measure(steps, batch, repeats=repeats)]
    return {
        "question": "How long does a step of learning take when every network sees the whole sequence?",
        "machine": machine(),
        "note": note,
        "setting": {
            "rounds": repeats,
            "clock": "processor time of one thread",
            "dtype": "float32",
            "mode": "forward and backward, from the outputs of all steps",
            "ratio": "to the stack within a round: median and quartiles",
        },
        "rows": rows,
    }


def report(content: Mapping[str, Any]) -> None:
    """Print the ratios of what `record` returned."""
    shown = ("kind", "batch_size", "seq_len", "macs")
    print(markdown_table([{key: row[key] for key in shown} | {"ratio": row["ratio"][0]} for row in content["rows"]]))


if __name__ == "__main__":
    command(__doc__, "book/results/reach-time.json", record, report)
