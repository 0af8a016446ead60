"""Where a trained ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` comes to rest under a constant input.

A fixed point is a state that a step maps to itself. Around it the step is its linearisation, whose eigenvalues tell
what stays (modulus near 1), what dies out (below) and what is driven away (above). At a slow point the speed, the
distance that a step goes, is small but not 0, and smallest among its neighbours: a ghost of a fixed point.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jacfwd, vmap
from torch.nn.functional import linear

from rnncourse._kernel_call import KernelCall, Layer, Weights, check_layer, watch

__all__ = ["FixedPoints", "fixed_points"]

_ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """Fixed and slow points, all float64: fixed ones first, and among them those with fewer unstable directions.

    Attributes:
        hidden: h of every point, shape ``(points, layers, state)``.
        cell: c of every point, shape ``(points, layers, hidden)``; None for an RNN or a GRU.
        speeds: length of the step from each point, shape ``(points,)``.
        fixed: whether a point is fixed, that is, its speed is rounding alone; the others are slow. Shape ``(points,)``.
        eigenvalues: of the Jacobian of the step, by falling modulus, complex, shape ``(points, full state)``. The
            full state is h of all layers, for an LSTM h and c.
    """

    hidden: Tensor
    cell: Tensor | None
    speeds: Tensor
    fixed: Tensor
    eigenvalues: Tensor

    @property
    def stable(self) -> Tensor:
        """Whether all eigenvalues lie inside the unit circle, shape ``(points,)``."""
        return self.eigenvalues[:, 0].abs() < 1

    def __len__(self) -> int:
        return len(self.speeds)


def fixed_points(rnn: Layer, x: Tensor, *, max_speed: float = 0.01, starts: int = 256, seed: int = 0) -> FixedPoints:
    """Fixed and slow points of a layer under the constant input ``x``.

    From many states, drawn at random and run on for up to 32 steps, the squared speed is minimised by
    Levenberg's and Marquardt's method in float64. What ends in the same point counts once. More starts find more;
    none proves that there is no other point.

    Args:
        rnn: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` that reads in one direction: stacked, projected, in any precision.
        x: the input of every step, shape ``(feature,)``.
        max_speed: slow points that are faster are left out.
        starts: number of states to start from.
        seed: of the random states; torch's own random state is left alone.

    Raises:
        TypeError: ``rnn`` is another kind of module, or ``x`` is no tensor.
        ValueError: ``rnn`` is bidirectional or cannot be watched (see :func:`~rnncourse.gates.trace_gates`), a number
            is not finite, ``x`` has another shape, or ``starts`` is below 1.

    Source: Sussillo & Barak (2013), Opening the black box.
    """
    call = _call(rnn, x, starts)
    step = _Step(call, x)
    with torch.no_grad():
        state = _minimised(step, _starts(step, starts, seed))
        gap, jacobian = step.gap(state), step.jacobian(state)
        speeds = gap.norm(dim=1)
        slope = ((jacobian - step.identity).mT @ gap.unsqueeze(2)).squeeze(2).norm(dim=1)
        fixed = speeds <= 1e-11 * (1 + state.norm(dim=1))
        # Others are no minimum of the speed, are too fast, or lie where no GRU that starts within (-1, 1) gets to.
        kept = fixed | (slope <= 1e-6 * speeds) & (speeds <= max_speed)
        kept &= (call.mode != "GRU") | (state.abs() <= 1).all(1)
        found = _distinct(state, torch.where(kept, speeds, torch.inf))
        eigenvalues = torch.linalg.eigvals(jacobian[found])
        eigenvalues = eigenvalues.gather(1, eigenvalues.abs().argsort(dim=1, descending=True))
        unstable = (eigenvalues.abs() >= 1).sum(1)
        order = torch.argsort(torch.where(fixed[found], unstable, len(step.identity) + 1), stable=True)
        hidden, cell = step.split(state[found][order])
    return FixedPoints(hidden, cell, speeds[found][order], fixed[found][order], eigenvalues[order])


def _call(rnn: Layer, x: Tensor, starts: int) -> KernelCall:
    """What the layer's kernel is given for one step of ``x``."""
    check_layer(rnn)
    if rnn.bidirectional:
        raise ValueError("rnn is bidirectional: what reads from the end never rests; pass a module of one direction.")
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor, got {type(x).__name__}.")
    if x.shape != (rnn.input_size,):
        raise ValueError(f"x has shape {tuple(x.shape)}; expected one step's input, ({rnn.input_size},).")
    if starts < 1:
        raise ValueError(f"starts is {starts}; expected at least 1.")
    dtype = next((weight.dtype for weight in rnn.parameters()), x.dtype)
    return watch(rnn, x.detach().to(dtype).view(1, 1, -1))[0]


class _Step:
    """One step under a constant input: a map of full states ``(points, full state)``, h and c layer by layer."""

    def __init__(self, call: KernelCall, x: Tensor) -> None:
        self.mode = call.mode
        self.layers = [ways[0].double() for ways in call.layers]
        # The input as it was given, where the module hands it on: it may hold more than the module's dtype.
        given = x.detach().to(call.input.dtype)
        self.x = (x.detach() if torch.equal(given, call.input.view(-1)) else call.input.view(-1)).double()
        self.sizes = [size for state in zip(*call.initial, strict=True) for size in (part.shape[-1] for part in state)]
        self.identity = torch.eye(sum(self.sizes), dtype=torch.float64, device=self.x.device)

    def __call__(self, state: Tensor) -> Tensor:
        parts, below, after = iter(torch.split(state, self.sizes, 1)), self.x.expand(len(state), -1), list[Tensor]()
        for weights in self.layers:
            if self.mode == "LSTM":
                after += _lstm_cell(weights, below, next(parts), next(parts))
                below = after[-2]
            else:
                below = _CELLS[self.mode](below, next(parts), *weights[:4])
                after.append(below)
        return torch.cat(after, 1)

    def gap(self, state: Tensor) -> Tensor:
        """Where the step leads, seen from each state."""
        return self(state) - state

    def jacobian(self, state: Tensor) -> Tensor:
        """Of the step at each state, ``(points, full state, full state)``."""
        derivative: Tensor = vmap(jacfwd(lambda one: self(one.unsqueeze(0)).squeeze(0)))(state)
        return derivative

    def split(self, state: Tensor) -> tuple[Tensor, Tensor | None]:
        """h and c of each state, ``(points, layers, width)``."""
        parts = torch.split(state, self.sizes, 1)
        if self.mode != "LSTM":
            return torch.stack(parts, 1), None
        return torch.stack(parts[::2], 1), torch.stack(parts[1::2], 1)


_CELLS: Mapping[str, Callable[..., Tensor]] = {
    "RNN_TANH": torch.rnn_tanh_cell,
    "RNN_RELU": torch.rnn_relu_cell,
    "GRU": torch.gru_cell,
}


def _lstm_cell(weights: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h and c after a step; torch's own cell knows no projection."""
    i, f, g, o = (linear(x, weights.w_ih, weights.b_ih) + linear(h, weights.w_hh, weights.b_hh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if weights.w_hr is None else linear(h, weights.w_hr)), c


def _starts(step: _Step, count: int, seed: int) -> Tensor:
    """Random states, h within (-1, 1), run on for 0, 1, 3, 7, 15 or 31 steps."""
    normal = torch.randn(count, len(step.identity), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    parts = torch.split(normal.to(step.x.device), step.sizes, 1)
    state = torch.cat([2 * part if step.mode == "LSTM" and k % 2 else part.tanh() for k, part in enumerate(parts)], 1)
    found = []
    for k, group in enumerate(state.tensor_split(6)):
        for _ in range(2**k - 1):
            group = step(group)
        found.append(group)
    return torch.cat(found)


def _minimised(step: _Step, state: Tensor) -> Tensor:
    """States at which the squared speed is smallest among their neighbours."""
    gap, damping = step.gap(state), torch.full_like(state[:, :1], 1e-2)
    for _ in range(_ITERATIONS):
        todo = torch.nonzero((gap.norm(dim=1) > 1e-15 * (1 + state.norm(dim=1))) & (damping[:, 0] < 1e8)).squeeze(1)
        if not len(todo):
            break
        here, there = state[todo], gap[todo]
        # In the form of least squares: the normal equations would keep half of the digits.
        rows = torch.cat([step.jacobian(here) - step.identity, damping[todo].sqrt().unsqueeze(2) * step.identity], 1)
        aims = torch.cat([-there, torch.zeros_like(there)], 1)
        trial = here + torch.linalg.lstsq(rows, aims.unsqueeze(2), driver="gels").solution.squeeze(2)
        reached = step.gap(trial)
        better = reached.norm(dim=1, keepdim=True) < there.norm(dim=1, keepdim=True)
        state[todo], gap[todo] = torch.where(better, trial, here), torch.where(better, reached, there)
        damping[todo] = torch.where(better, damping[todo] / 5, damping[todo] * 4).clamp(min=1e-16)
    return state


def _distinct(state: Tensor, speeds: Tensor) -> Tensor:
    """Indices of the slowest of each group of equal states; those of infinite speed are left out."""
    kept: list[int] = []
    for k in speeds.argsort().tolist():
        near = (state[kept] - state[k]).norm(dim=1) <= 1e-6 * (1 + state[k].norm())
        if speeds[k] < torch.inf and not near.any():
            kept.append(k)
    return torch.tensor(kept, dtype=torch.long, device=state.device)
