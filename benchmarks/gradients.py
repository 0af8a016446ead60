"""Cost of the gradient at every state: the adjoint against autograd on a loop over cells.

Run with ``python -m benchmarks.gradients`` from the root of the repository. All candidates compute in float64 and
return the norms of dL/dh_t for a loss on the last step, forward pass included. The loops run over torch's own
cells, whose weights require gradients, as in training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._measure import interleaved, machine, markdown_table, ratios
from rnncourse.gradients import gradient_flow

SEQ_LEN, BATCH_SIZE, HIDDEN_SIZE = 200, 64, 64
THREADS = 2
BASE = "retain_grad loop"
GOAL = 0.55  # gradient_flow, relative to that loop
CELLS: dict[str, tuple[Callable[..., nn.Module], Callable[..., nn.Module]]] = {
    "LSTM": (nn.LSTM, nn.LSTMCell),
    "GRU": (nn.GRU, nn.GRUCell),
    "RNN": (nn.RNN, nn.RNNCell),
}


def run(*, repeats: int = 15) -> dict[str, object]:
    """Measure all cells.

    Args:
        repeats: interleaved rounds per cell.

    Returns:
        ``machine``: what it ran on; ``sizes``; ``rows``: per cell and candidate the median milliseconds and the
        median and quartiles of the cost relative to the ``retain_grad`` loop of the same round.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        rows = [row for name in CELLS for row in _rows(name, repeats)]
        return {
            "machine": machine(),
            "goal": GOAL,
            "sizes": {"seq_len": SEQ_LEN, "batch_size": BATCH_SIZE, "hidden_size": HIDDEN_SIZE},
            "rows": rows,
        }
    finally:
        torch.set_num_threads(threads)


def report(result: Mapping[str, Any]) -> None:
    """Print the table of what `run` returned."""
    print(result["machine"], result["sizes"], sep="\n", end="\n\n")
    print(markdown_table(result["rows"]))


def last_step_loss(output: Tensor) -> Tensor:
    """Sum of squares of the last step; ``output`` has shape ``(batch, time, hidden)``."""
    return output[:, -1].square().sum()


def retained(cell: nn.Module, x: Tensor) -> Tensor:
    """Norms of dL/dh_t, ``(time,)``: keep every h_t's gradient through one backward pass."""
    cell.zero_grad(set_to_none=True)
    states = _states(cell, x, keep=Tensor.retain_grad)
    states[-1].square().sum().backward()
    return torch.stack([state.grad.norm() for state in states if state.grad is not None])


def asked(cell: nn.Module, x: Tensor) -> Tensor:
    """Norms of dL/dh_t, ``(time,)``: ask autograd for all of them, and for no weight's."""
    states = _states(cell, x, keep=lambda state: None)
    return torch.stack([gradient.norm() for gradient in torch.autograd.grad(states[-1].square().sum(), states)])


def _states(cell: nn.Module, x: Tensor, *, keep: Callable[[Tensor], None]) -> list[Tensor]:
    """All h_t of a loop over ``x``, shape ``(time, batch, feature)``."""
    states, state = [], None
    for step in x:
        state = cell(step, state)
        h = state[0] if isinstance(state, tuple) else state
        keep(h)
        states.append(h)
    return states


def _rows(name: str, repeats: int) -> list[dict[str, object]]:
    torch.manual_seed(0)
    module, cell_type = CELLS[name]
    rnn = module(HIDDEN_SIZE, HIDDEN_SIZE).double()
    cell = cell_type(HIDDEN_SIZE, HIDDEN_SIZE).double()
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in rnn.state_dict().items()})
    x = torch.randn(SEQ_LEN, BATCH_SIZE, HIDDEN_SIZE, dtype=torch.float64)
    candidates: dict[str, Callable[[], object]] = {
        BASE: partial(retained, cell, x),
        "autograd.grad on the loop": partial(asked, cell, x),
        "gradient_flow": partial(gradient_flow, rnn, x, last_step_loss),
    }
    expected = retained(cell, x)
    torch.testing.assert_close(gradient_flow(rnn, x, last_step_loss).dh, expected, rtol=1e-10, atol=0.0)
    torch.testing.assert_close(asked(cell, x), expected, rtol=1e-10, atol=0.0)
    times = interleaved(candidates, repeats=repeats)
    return [
        {
            "cell": name,
            "method": method,
            "median ms": 1e3 * sorted(times[method])[repeats // 2],
            "relative": median,
            "q1": q1,
            "q3": q3,
        }
        for method, (median, q1, q3) in ratios(times, BASE).items()
    ]


if __name__ == "__main__":
    report(run())
