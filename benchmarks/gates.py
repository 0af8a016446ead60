"""Cost of every gate of a trained LSTM or GRU: the trace against the fused forward pass and per-step loops.

Run with ``python -m benchmarks.gates`` from the root of the repository. Everything runs in float32 without
gradients, on time-major input, one layer. The loops stack what they record, as a reader of gates needs it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from benchmarks._measure import interleaved, machine, markdown_table, ratios
from rnncourse.gates import trace_gates

SEQ_LENS, HIDDEN_SIZES, BATCH_SIZE, FEATURES = (60, 400), (64, 128), 64, 64
THREADS = 2
GOAL = 1.9  # trace_gates on an LSTM, relative to the fused forward pass alone
BASE = "fused forward"
TRACE = "trace_gates"
SECONDS = 5.0  # about how long to measure each module and size; slow machines get fewer rounds
# Calls of one traced pass by what they are for; the rest is checks, copies and views.
PARTS: Mapping[str, tuple[str, ...]] = {
    "kernel": ("lstm", "gru"),
    "product": ("linear",),
    "activations": ("sigmoid",),
    "recurrence": ("mul", "addcmul_"),
}


def run(*, repeats: int = 11) -> dict[str, Any]:
    """Measure LSTM and GRU at all sizes.

    Args:
        repeats: interleaved rounds per module and size; fewer where they would take too long.

    Returns:
        ``machine``: what it ran on; ``setting``; ``goal``; ``rows``: per module, size and method the median
        milliseconds and the median and quartiles of the cost relative to the fused forward pass of the same
        round; ``parts``: per module and size where a traced pass spends its time, in units of that forward pass.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    rows, parts = [], []
    try:
        with torch.no_grad():
            for module in (nn.LSTM, nn.GRU):
                for seq_len in SEQ_LENS:
                    for hidden_size in HIDDEN_SIZES:
                        measured, spent = _measure(module, seq_len, hidden_size, repeats)
                        rows += measured
                        parts.append(spent)
        return {
            "machine": machine(),
            "setting": {"B": BATCH_SIZE, "D": FEATURES, "layers": 1, "dtype": "float32"},
            "goal": GOAL,
            "rows": rows,
            "parts": parts,
        }
    finally:
        torch.set_num_threads(threads)


def report(result: Mapping[str, Any]) -> None:
    """Print both tables of what `run` returned."""
    print(result["machine"], result["setting"], sep="\n", end="\n\n")
    print(markdown_table(result["rows"]), markdown_table(result["parts"]), sep="\n\n", end="\n\n")
    worst = max(row["relative"] for row in result["rows"] if row["method"] == TRACE and row["module"] == "LSTM")
    print(f"costliest LSTM trace: {worst:.2f} × the fused forward pass (goal: at most {GOAL})")


def cell_loop(cell: nn.LSTMCell | nn.GRUCell, x: Tensor) -> tuple[Tensor, ...]:
    """States of a loop over torch's own cell, ``(time, batch, hidden)``; the gates stay inside the cell."""
    recorded, state = [], None
    for step in x:
        state = cell(step, state)
        recorded.append(state if isinstance(state, tuple) else (state,))
    return tuple(torch.stack(states) for states in zip(*recorded, strict=True))


def lstm_loop(cell: nn.LSTMCell, x: Tensor) -> tuple[Tensor, ...]:
    """i, f, g, o, c, h of every step, ``(time, batch, hidden)``, from the equations typed in."""
    h = c = x.new_zeros(x.shape[1], cell.hidden_size)
    recorded: list[tuple[Tensor, ...]] = []
    for step in x:
        sums = nn.functional.linear(step, cell.weight_ih, cell.bias_ih)
        sums = sums + nn.functional.linear(h, cell.weight_hh, cell.bias_hh)
        h, c = _record_lstm(sums, c, recorded)
    return tuple(torch.stack(values) for values in zip(*recorded, strict=True))


def lstm_loop_hoisted(cell: nn.LSTMCell, x: Tensor) -> tuple[Tensor, ...]:
    """The same with the input's product taken out of the loop, for all steps at once."""
    h = c = x.new_zeros(x.shape[1], cell.hidden_size)
    recorded: list[tuple[Tensor, ...]] = []
    matrix = cell.weight_hh.t()
    for from_input in nn.functional.linear(x, cell.weight_ih, cell.bias_ih + cell.bias_hh):
        h, c = _record_lstm(torch.addmm(from_input, h, matrix), c, recorded)
    return tuple(torch.stack(values) for values in zip(*recorded, strict=True))


def _record_lstm(sums: Tensor, c: Tensor, recorded: list[tuple[Tensor, ...]]) -> tuple[Tensor, Tensor]:
    i, f, g, o = sums.chunk(4, 1)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    c = f * c + i * g
    h = o * torch.tanh(c)
    recorded.append((i, f, g, o, c, h))
    return h, c


def gru_loop(cell: nn.GRUCell, x: Tensor) -> tuple[Tensor, ...]:
    """r, z, n, h of every step, ``(time, batch, hidden)``, from the equations typed in."""
    recorded: list[tuple[Tensor, ...]] = []
    h = x.new_zeros(x.shape[1], cell.hidden_size)
    for step in x:
        h = _record_gru(cell, nn.functional.linear(step, cell.weight_ih, cell.bias_ih), h, recorded)
    return tuple(torch.stack(values) for values in zip(*recorded, strict=True))


def gru_loop_hoisted(cell: nn.GRUCell, x: Tensor) -> tuple[Tensor, ...]:
    """The same with the input's product taken out of the loop, for all steps at once."""
    recorded: list[tuple[Tensor, ...]] = []
    h = x.new_zeros(x.shape[1], cell.hidden_size)
    for from_input in nn.functional.linear(x, cell.weight_ih, cell.bias_ih):
        h = _record_gru(cell, from_input, h, recorded)
    return tuple(torch.stack(values) for values in zip(*recorded, strict=True))


def _record_gru(cell: nn.GRUCell, from_input: Tensor, h: Tensor, recorded: list[tuple[Tensor, ...]]) -> Tensor:
    x_r, x_z, x_n = from_input.chunk(3, 1)
    h_r, h_z, h_n = nn.functional.linear(h, cell.weight_hh, cell.bias_hh).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    h = torch.lerp(n, h, z)
    recorded.append((r, z, n, h))
    return h


def _measure(
    module: type[nn.LSTM] | type[nn.GRU], seq_len: int, hidden_size: int, repeats: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    torch.manual_seed(0)
    rnn = module(FEATURES, hidden_size).eval()
    cell = (nn.LSTMCell if module is nn.LSTM else nn.GRUCell)(FEATURES, hidden_size)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in rnn.state_dict().items()})
    x = torch.randn(seq_len, BATCH_SIZE, FEATURES)
    explicit: tuple[Callable[[Any, Tensor], tuple[Tensor, ...]], ...]
    explicit = (lstm_loop, lstm_loop_hoisted) if module is nn.LSTM else (gru_loop, gru_loop_hoisted)
    candidates: dict[str, Callable[[], Any]] = {
        BASE: partial(rnn, x),
        TRACE: partial(trace_gates, rnn, x),
        f"{module.__name__}Cell loop, states only": partial(cell_loop, cell, x),
        "explicit-gate loop": partial(explicit[0], cell, x),
        "explicit-gate loop, input product hoisted": partial(explicit[1], cell, x),
    }
    _agree(candidates)
    times = interleaved(candidates, repeats=_rounds(candidates, repeats), warmup=1)
    size = {"module": module.__name__, "T": seq_len, "H": hidden_size}
    rows: list[dict[str, Any]] = [
        {**size, "method": method, "rounds": len(times[method]), "median ms": 1e3 * statistics.median(times[method])}
        | dict(zip(("relative", "q1", "q3"), relative, strict=True))
        for method, relative in ratios(times, BASE).items()
    ]
    return rows, {**size, **_parts(candidates[TRACE], rows[1]["relative"])}


def _agree(candidates: Mapping[str, Callable[[], Any]]) -> None:
    """What is compared computes the same: gates and states of both explicit loops equal the trace's."""
    trace = candidates[TRACE]()
    traced = [*trace.gates.values(), *([] if trace.cell is None else [trace.cell]), trace.hidden]
    for method in list(candidates)[3:]:
        for mine, loops in zip(traced, candidates[method](), strict=True):
            torch.testing.assert_close(mine[0, 0].transpose(0, 1), loops, rtol=0.0, atol=5e-6)


def _rounds(candidates: Mapping[str, Callable[[], Any]], most: int) -> int:
    """Rounds that fit into the time for one size: at least 3, ``most`` on a machine that is quick enough."""
    one = sum(seconds[0] for seconds in interleaved(candidates, repeats=1, warmup=0).values())
    return max(3, min(most, int(SECONDS / one)))


class _Stopwatch(TorchFunctionMode):
    """Adds up the seconds of torch's functions by part."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = dict.fromkeys((*PARTS, "rest"), 0.0)

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        part = next((part for part, names in PARTS.items() if name in names), "rest")
        start = time.perf_counter()
        result = func(*args, **(kwargs or {}))
        self.seconds[part] += time.perf_counter() - start
        return result


def _parts(call: Callable[[], Any], relative: float) -> dict[str, float]:
    """Share of each part in the torch functions of a call, times the call's cost ``relative`` to the base."""
    with _Stopwatch() as stopwatch:
        for _ in range(3):
            call()
    total = sum(stopwatch.seconds.values())
    return {part: relative * spent / total for part, spent in stopwatch.seconds.items()} | {"total": relative}


if __name__ == "__main__":
    report(run())
