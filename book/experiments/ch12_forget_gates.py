"""A study for *LSTM gates*: is the gradient at an LSTM's cell the product of the forget gates on its way?"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnncourse.gates import trace_gates
from rnncourse.gradients import gradient_flow
from rnncourse.initialisation import forget_bias_
from rnncourse.studies import Scale, Study


@dataclass(frozen=True, kw_only=True)
class ProductConfig:
    """One untrained LSTM.

    Attributes:
        forget_bias: sum of torch's two biases of the forget gate; None leaves them as torch draws them.
        seed: of the weights, of the noise that it reads and of the direction of the loss.
        features, units, steps: sizes.
    """

    forget_bias: float | None
    seed: int
    features: int = 32
    units: int = 64
    steps: int = 200


def run_product(config: ProductConfig, device: str) -> dict[str, Any]:
    """Follow the gradient at the cell along every path and along the cell alone.

    Returns:
        log10 of norms over eight sequences and all units, ``(time,)``, relative to dL/dc of the last step: ``total``,
        dL/dc_t along every path; ``cell_alone``, what comes along the cell with the gates held fixed, dL/dc_T times the
        product of the later forget gates; ``rest``, total minus that. ``total_h``: of dL/dh_t, relative to the last
        step's. log10 of the product of the forget gates of steps t+1 to T: ``product``, mean over sequences and units,
        and ``best_product``, the largest of them. ``gate``: the mean forget gate.
    """
    torch.manual_seed(config.seed)
    lstm = nn.LSTM(config.features, config.units, batch_first=True)
    if config.forget_bias is not None:
        forget_bias_(lstm, config.forget_bias)
    generator = torch.Generator().manual_seed(config.seed)
    x = torch.randn(8, config.steps, config.features, generator=generator)
    direction = torch.randn(config.units, generator=generator, dtype=torch.float64)

    def loss(output: Tensor) -> Tensor:
        return (output[:, -1] @ direction).mean()

    flow = gradient_flow(lstm, x, loss)
    gates = trace_gates(copy.deepcopy(lstm).double(), x.double())["forget"][0, 0]
    later = torch.cat([gates[:, 1:].log10().flip(1).cumsum(1).flip(1), torch.zeros_like(gates[:, :1])], dim=1)
    total = cell_gradients(lstm, x, loss)
    alone = total[:, -1:] * 10**later
    norms = {
        name: part.norm(dim=(0, 2)).log10()
        for name, part in (("total", total), ("cell_alone", alone), ("rest", total - alone))
    }
    curves = {name: norm - norms["total"][-1] for name, norm in norms.items()}
    curves |= {"total_h": flow.log10_dh - flow.log10_dh[-1], "product": later.mean(dim=(0, 2))}
    curves["best_product"] = later.amax(dim=(0, 2))
    found: dict[str, Any] = {name: np.round(curve.numpy(), 3).tolist() for name, curve in curves.items()}
    return found | {"gate": float(gates.mean())}


def cell_gradients(lstm: nn.LSTM, x: Tensor, loss: Callable[[Tensor], Tensor], *, through_gates: bool = True) -> Tensor:
    """dL/dc of every step ``(batch, time, hidden)`` in float64, from an LSTM that is written out.

    Without ``through_gates`` the gates and the candidate take no gradient to the state before them.
    """
    w_ih, w_hh, b_ih, b_hh = (weight.detach().double() for weight in lstm.parameters())
    h = c = torch.zeros(len(x), lstm.hidden_size, dtype=torch.float64, requires_grad=True)
    cells, states = [], []
    for step in x.double().unbind(1):
        i, f, g, o = (step @ w_ih.T + b_ih + (h if through_gates else h.detach()) @ w_hh.T + b_hh).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        cells.append(c)
        states.append(h)
    return torch.stack(torch.autograd.grad(loss(torch.stack(states, dim=1)), cells), dim=1)


def product_grid(scale: Scale, seeds: int) -> list[ProductConfig]:
    """Every forget bias from every seed; small layers at the small scale."""
    sizes = {} if scale == "full" else {"features": 4, "units": 8, "steps": 30}
    return [
        ProductConfig(forget_bias=bias, seed=seed, **sizes)
        for seed in range(seeds)
        for bias in (None, 0.0, 1.0, 2.0, 3.0, 5.0)
    ]


FORGET_PRODUCT = Study(
    name="forget-product",
    about="is the gradient at an LSTM's cell the product of the forget gates?",
    seeds=10,
    grid=product_grid,
    run=run_product,
    notes="Untrained LSTMs of 64 units, 200 steps of noise with 32 features, eight sequences, loss on the last state.",
)

STUDIES = (FORGET_PRODUCT,)
