"""What a training step costs when gates are ablated: fused variants, loops and the cells off the kernel.

Run with ``python -m benchmarks.ablation``. One training step is the forward pass, the loss on the last step,
the backward pass, clipping and Adam, at the sizes of the coursework's power forecaster.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._measure import interleaved, machine, markdown_table, ratios
from rnncourse.ablation import VARIANTS, ablate, learnable_parameters

STEPS, BATCH, FEATURES, HIDDEN, LAYERS, THREADS = 60, 64, 1, 64, 2, 2
GOAL = 1.05  # fused variants, relative to the plain LSTM
BASE = "nn.LSTM"


class CellLoop(nn.Module):
    """The stack as most people unroll it: one ``nn.LSTMCell`` per layer, called step by step."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [FEATURES] + [HIDDEN] * (LAYERS - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(size, HIDDEN) for size in sizes)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Outputs of the top layer, (batch, time, hidden), from ``x`` of shape (batch, time, feature)."""
        states = [(x.new_zeros(x.shape[0], HIDDEN),) * 2 for _ in self.cells]
        outputs = []
        for step in x.unbind(1):
            for layer, cell in enumerate(self.cells):
                states[layer] = cell(step, states[layer])
                step = states[layer][0]
            outputs.append(step)
        return torch.stack(outputs, dim=1), None


class ExplicitGates(nn.Module):
    """The equations typed in: both products and every gate by name, in each step."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [FEATURES] + [HIDDEN] * (LAYERS - 1)
        self.inputs = nn.ModuleList(nn.Linear(size, 4 * HIDDEN) for size in sizes)
        self.recurrent = nn.ModuleList(nn.Linear(HIDDEN, 4 * HIDDEN) for _ in sizes)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Outputs of the top layer, (batch, time, hidden), from ``x`` of shape (batch, time, feature)."""
        states = [(x.new_zeros(x.shape[0], HIDDEN),) * 2 for _ in self.inputs]
        outputs = []
        for step in x.unbind(1):
            for layer, (from_input, from_state) in enumerate(zip(self.inputs, self.recurrent, strict=True)):
                h, c = states[layer]
                i, f, g, o = (from_input(step) + from_state(h)).chunk(4, dim=-1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                step = torch.sigmoid(o) * torch.tanh(c)
                states[layer] = (step, c)
            outputs.append(step)
        return torch.stack(outputs, dim=1), None


def candidates() -> dict[str, tuple[str, nn.Module]]:
    """Name → (kind, network); the base first, then fused variants, loops and cell variants."""
    lstm = nn.LSTM(FEATURES, HIDDEN, num_layers=LAYERS, batch_first=True)
    fused = {name: ("fused", ablate(lstm, name)) for name, variant in VARIANTS.items() if variant.fused}
    cells = {name: ("cell", ablate(lstm, name)) for name, variant in VARIANTS.items() if not variant.fused}
    loops = {
        "LSTMCell loop": ("loop", CellLoop()),
        "explicit-gate loop": ("loop", ExplicitGates()),
    }
    return {BASE: ("fused", lstm), **fused, **loops, **cells}


def training_step(network: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    """A function that trains ``network`` and a linear head for one step on ``x`` (batch, time, feature)."""
    head = nn.Linear(HIDDEN, 1)
    weights = [*network.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(weights, lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        nn.functional.mse_loss(head(network(x)[0][:, -1]), y).backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()

    return step


def run(*, repeats: int = 60, slow_repeats: int = 12, seed: int = 0) -> dict[str, object]:
    """Time all candidates in turns: first the fused ones, then the loops, both beside the plain LSTM.

    Args:
        repeats: rounds of the fused candidates, whose ratios lie close together.
        slow_repeats: rounds of the loops, whose ratios do not.
        seed: of weights and data.

    Returns:
        ``setting``, ``machine``, ``goal`` and ``rows``: one mapping per candidate with its name, kind, median
        seconds, ratio to ``nn.LSTM`` (median and quartiles over rounds) and number of weights that learn.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    x, y = torch.randn(BATCH, STEPS, FEATURES), torch.randn(BATCH, 1)
    networks = candidates()
    steps = {name: training_step(network, x, y) for name, (_, network) in networks.items()}
    fused = {name: step for name, step in steps.items() if networks[name][0] == "fused"}
    slow = {name: step for name, step in steps.items() if name == BASE or name not in fused}
    fused_times = interleaved(fused, repeats=repeats, warmup=3)
    slow_times = interleaved(slow, repeats=slow_repeats, warmup=1)
    relative = ratios(slow_times, BASE) | ratios(fused_times, BASE)
    times = slow_times | fused_times
    rows = [
        {
            "network": name,
            "kind": kind,
            "ratio": relative[name][0],
            "q1": relative[name][1],
            "q3": relative[name][2],
            "seconds": statistics.median(times[name]),
            "parameters": learnable_parameters(network),
        }
        for name, (kind, network) in networks.items()
    ]
    rounds = {"rounds": repeats, "rounds of loops": slow_repeats}
    setting = {"T": STEPS, "B": BATCH, "D": FEATURES, "H": HIDDEN, "layers": LAYERS} | rounds
    return {"setting": setting, "machine": machine(), "goal": GOAL, "rows": rows}


def report(result: Mapping[str, Any]) -> None:
    """Print the table of what `run` returned."""
    setting, rows = result["setting"], result["rows"]
    print("Training step relative to nn.LSTM,", ", ".join(f"{k} = {v}" for k, v in setting.items()))
    print(", ".join(str(value) for value in result["machine"].values()), "\n")
    shown = [
        {
            "network": row["network"],
            "kind": row["kind"],
            "ratio": f"{row['ratio']:.2f}",
            "quartiles": f"{row['q1']:.2f}–{row['q3']:.2f}",
            "ms": f"{1e3 * row['seconds']:.1f}",
            "parameters": f"{row['parameters']:,}",
        }
        for row in rows
    ]
    print(markdown_table(shown))
    worst = max(row["ratio"] for row in rows if row["kind"] == "fused")
    print(f"\nslowest fused variant: {worst:.2f} (goal: at most {GOAL})")


if __name__ == "__main__":
    report(run())
