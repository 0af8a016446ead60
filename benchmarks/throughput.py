"""Measured time against counted operations: how much of the processor a recurrent layer can use.

Forward passes of ``nn.RNN`` and ``nn.LSTM`` over batch size, hidden size and length, beside plain matrix products and
a plain copy. All take turns in one run, on one thread, in processor time, so that every rate can be put beside the best
rate of the same run. Writes all rounds with their provenance::

    python -m benchmarks.throughput book/results/throughput.json --note "what else ran on the machine"
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._measure import command, interleaved, machine, markdown_table
from rnncourse.counting import count

THREADS = 1  # with more, the rates would depend on how many cores happen to be idle
BATCHES = (1, 4, 16, 64, 256, 1024)
HIDDEN = (16, 32, 64, 128, 256, 512)
LENGTHS = (10, 50, 250, 1000)
SQUARES = (256, 512, 1024)  # rows of the large square products: one of them suits the caches best
COPIED = 2**24  # float32 elements: 64 MiB, more than the caches hold
CELLS = {"RNN": nn.RNN, "LSTM": nn.LSTM}
LEAST_SECONDS = 0.004  # shorter calls are repeated within a round


@dataclass(frozen=True)
class Work:
    """One thing to measure: its sizes, the FLOPs (``gemm``) of a call, and the bytes it must move at least."""

    name: str
    kind: str
    batch_size: int
    input_size: int
    hidden_size: int
    seq_len: int
    flops: int
    bytes: int


def recurrent(cell: str, batch: int, size: int, steps: int) -> tuple[Work, Callable[[], object]]:
    """A recurrent layer with as many inputs as units, time-major, which is the layout it works in.

    The bytes are those of one step times the steps: all weights, the input, the state read and the state written.
    """
    layer = CELLS[cell](size, size)
    x = torch.randn(steps, batch, size)
    flops = count(layer, tuple(x.shape)).flops("gemm")
    weights = sum(p.numel() for p in layer.parameters() if p.dim() == 2)
    moved = 4 * steps * (weights + batch * 3 * size)
    work = Work(f"{cell} B={batch} H={size} T={steps}", cell, batch, size, size, steps, flops, moved)
    return work, lambda: layer(x)


def input_products(batch: int, size: int, steps: int) -> list[tuple[Work, Callable[[], object]]]:
    """The products ``W_xh x_t`` of all steps, as one matrix product and as one per step."""
    weight, x = torch.randn(size, size), torch.randn(steps, batch, size)
    flops, moved = 2 * steps * batch * size * size, 4 * (size * size + 2 * steps * batch * size)

    def one_by_one() -> list[Tensor]:
        return [step @ weight for step in x]

    sizes = (batch, size, size, steps, flops)
    whole = Work(f"all inputs B={batch}", "one product", *sizes, moved)
    parts = Work(f"each input B={batch}", "one product per step", *sizes, moved + 4 * (steps - 1) * size * size)
    return [(whole, lambda: x.reshape(-1, size) @ weight), (parts, one_by_one)]


def references() -> list[tuple[Work, Callable[[], object]]]:
    """The two roofs: large square products for arithmetic, a copy for memory."""
    source, target = torch.randn(COPIED), torch.empty(COPIED)
    copy = Work("copy", "copy", 0, 0, 0, 0, 0, 2 * 4 * COPIED)
    return [*(square_product(rows) for rows in SQUARES), (copy, lambda: target.copy_(source))]


def square_product(rows: int) -> tuple[Work, Callable[[], object]]:
    """A product of two square matrices, into a matrix that is there already."""
    a, b, product = (torch.randn(rows, rows) for _ in range(3))
    work = Work(f"square product {rows}", "product", rows, rows, rows, 1, 2 * rows**3, 3 * 4 * rows**2)
    return work, lambda: torch.mm(a, b, out=product)


def candidates() -> list[tuple[Work, Callable[[], object]]]:
    """Everything that takes a turn; sizes that two sweeps share appear once."""
    sizes = [(batch, 64, 50) for batch in BATCHES]
    sizes += [(16, size, 50) for size in HIDDEN] + [(16, 64, steps) for steps in LENGTHS]
    layers = [recurrent(cell, *one) for cell in CELLS for one in dict.fromkeys(sizes)]
    products = [pair for batch in (1, 16, 256) for pair in input_products(batch, 64, 50)]
    return references() + layers + products


class Meter:
    """Runs a call several times in a round and notes the processor time of one.

    On one thread that is the time which an idle machine would take: it leaves out what other programs take.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        self.call, self.calls, self.seconds = call, 1, list[float]()
        once = statistics.median(interleaved({"call": call}, repeats=3, warmup=1)["call"])
        self.calls = max(1, round(LEAST_SECONDS / once))

    def __call__(self) -> None:
        """Run one round."""
        start = time.thread_time()
        for _ in range(self.calls):
            self.call()
        self.seconds.append((time.thread_time() - start) / self.calls)


def record(*, repeats: int = 21, warmup: int = 1, seed: int = 0, note: str = "") -> dict[str, object]:
    """Measure everything in turns.

    Args:
        repeats: rounds that count.
        warmup: rounds before them that do not.
        seed: of weights and inputs, which do not matter for the time.
        note: what else ran on the machine.

    Returns:
        ``question``, ``machine``, ``note``, ``setting`` and ``rows``; a row holds its sizes, FLOPs and bytes of a
        call, and ``seconds`` of a call in every round. ``setting`` says by what the wall clock ran ahead of the
        processor's: 1 on an idle machine.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    with torch.no_grad():
        works = candidates()
        meters = {work.name: Meter(call) for work, call in works}
        wall = interleaved(meters, repeats=repeats, warmup=warmup)
    rows = []
    for work, _ in works:
        meter = meters[work.name]
        seconds = [float(f"{second:.4g}") for second in meter.seconds[warmup:]]
        rows.append({**asdict(work), "calls": meter.calls, "seconds": seconds})
    spent = sum(sum(row["seconds"]) * row["calls"] for row in rows)
    setting = {
        "rounds": repeats,
        "clock": "processor time of one thread",
        "wall_over_processor": round(sum(map(sum, wall.values())) / spent, 2),
        "dtype": "float32",
        "mode": "forward, no gradient",
        "seed": seed,
    }
    return {
        "question": "How many counted operations per second does a forward pass reach, and what holds it back?",
        "machine": machine(),
        "note": note,
        "setting": setting,
        "rows": rows,
    }


def report(content: Mapping[str, Any]) -> None:
    """Print the rates of what `record` returned."""
    rows = [
        {
            "what": row["name"],
            "ms": 1e3 * statistics.median(row["seconds"]),
            "GFLOP/s": row["flops"] / statistics.median(row["seconds"]) / 1e9,
            "FLOP/byte": row["flops"] / row["bytes"],
        }
        for row in content["rows"]
    ]
    print(content["machine"], content["setting"], sep="\n", end="\n\n")
    print(markdown_table(rows))


if __name__ == "__main__":
    command(__doc__, "book/results/throughput.json", record, report)
