"""The gradient of a recurrent layer over time, with the spectral radius to move by hand."""

import math
import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from traitlets import Enum, Float, Int

from rnncourse.cells import FloatArray
from rnncourse.widgets.base import Fallback, Numbers, PageWidget

UNITS, LONGEST = 8, 200
# What bends a state, and the slope of that, which can be read off the bent state.
_BEND: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "tanh": (np.tanh, lambda h: 1.0 - h**2),
    "relu": (lambda z: np.maximum(z, 0.0), lambda h: (h > 0).astype(np.float64)),
    "linear": (lambda z: z, np.ones_like),
}


def _rotation(seed: int) -> list[list[float]]:
    """An orthogonal matrix that comes out the same on every machine: a Hadamard matrix, rows and signs shuffled."""
    rng = random.Random(seed)
    order = rng.sample(range(UNITS), UNITS)
    signs = [rng.choice((-1, 1)) for _ in range(UNITS)]
    entry = 1 / math.sqrt(UNITS)
    return [[sign * entry * (-1) ** (row & column).bit_count() for column, sign in enumerate(signs)] for row in order]


def _noise(count: int, seed: int) -> list[float]:
    """Normal numbers, rounded so that no machine's last digit shows."""
    rng = random.Random(seed)
    return [round(rng.gauss(0.0, 1.0), 3) for _ in range(count)]


class ExplorerFlow(NamedTuple):
    """What the widget draws, all for t = 1 to T and of shape ``(time,)``."""

    state: FloatArray  #: norms of h_t
    gradient: FloatArray  #: norms of dL/dh_t
    log10_bound: FloatArray  #: log10 of the bound on ``gradient``; -inf where all units are cut off


class GradientExplorer(PageWidget):
    """Explorer of ``h = f(radius · Q h_prev + input_scale · W_xh x)``, eight units, with Q orthogonal.

    It draws the norms of the state and of the gradient of a loss on the last state, and the bound on the gradient.
    """

    radius = Float(1.0, min=0.5, max=1.5)  #: spectral radius of the recurrent weights, and their norm
    nonlinearity = Enum(tuple(_BEND), "tanh")
    seq_len = Int(100, min=2, max=LONGEST)  #: time steps
    input_scale = Float(0.5, min=0.05, max=2.0)  #: factor on the input
    rotation = Numbers((UNITS, UNITS), _rotation(12))  #: the orthogonal matrix Q
    W_xh = Numbers((UNITS,), _noise(UNITS, 1))  #: input weights, for one input feature
    x = Numbers((LONGEST,), _noise(LONGEST, 2))  #: input; the first ``seq_len`` entries are read
    dh_last = Numbers((UNITS,), _noise(UNITS, 3))  #: gradient of the loss by the last state

    @property
    def flow(self) -> ExplorerFlow:
        """The curves of the widget, from the present traits."""
        recurrent = self.radius * np.asarray(self.rotation)
        incoming = self.input_scale * np.outer(self.x[: self.seq_len], self.W_xh)
        bend, slope_at = _BEND[self.nonlinearity]
        states = [np.zeros(UNITS)]
        for term in incoming:
            states.append(bend(recurrent @ states[-1] + term))
        h = np.stack(states[1:])
        slopes = slope_at(h)
        gradients = [np.asarray(self.dh_last)]
        for slope in slopes[:0:-1]:
            gradients.append(recurrent.T @ (gradients[-1] * slope))
        gradient = np.linalg.norm(gradients[::-1], axis=1)
        with np.errstate(divide="ignore"):
            steps = np.log10(self.radius * slopes[:0:-1].max(axis=1))
        bound = np.log10(gradient[-1]) + np.concatenate([[0.0], np.cumsum(steps)])[::-1]
        return ExplorerFlow(np.linalg.norm(h, axis=1), gradient, bound)

    def _fallback(self) -> Fallback:
        flow, rows = self.flow, []
        for t in sorted({round(part * (self.seq_len - 1) / 4) for part in range(5)}):
            gradient, bound = flow.gradient[t] / flow.gradient[-1], 10 ** (flow.log10_bound[t] - flow.log10_bound[-1])
            rows.append((str(t + 1), f"{flow.state[t]:.2e}", f"{gradient:.2e}", f"{bound:.2e}"))
        shown = "norms of the state, and gradient and bound relative to the last step"
        caption = f"{self.nonlinearity}, spectral radius {self.radius:.2f}: {shown}"
        summary = f"first gradient / last gradient = {flow.gradient[0] / flow.gradient[-1]:.2e}"
        return Fallback(summary, caption, ("step", "state norm", "gradient", "bound"), rows)
