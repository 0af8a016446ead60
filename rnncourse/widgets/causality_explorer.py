"""Push one input of a short series, and see which outputs move: forwards, both ways, on past windows, averaged."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Enum, Float, Int

from rnncourse.cells import FloatArray, rnn_sequence
from rnncourse.widgets.base import Fallback, PageWidget, fixed

INPUTS = np.array([0.3, -0.5, 0.8, 0.1, -0.7, 0.4, 0.6, -0.2, -0.4, 0.5])
STEPS = len(INPUTS)
WINDOW = 4
# Input weights, recurrent weights and readout of two tanh units in each direction.
FORWARD = (np.array([[0.9], [-0.6]]), np.array([[0.5, 0.3], [-0.2, 0.6]]), np.array([1.0, 0.7]))
BACKWARD = (np.array([[0.7], [0.8]]), np.array([[0.4, -0.3], [0.5, 0.3]]), np.array([0.8, -0.6]))


def _forwards(x: FloatArray, weights: tuple[FloatArray, FloatArray, FloatArray] = FORWARD) -> FloatArray:
    W_xh, W_hh, readout = weights
    return rnn_sequence(x[:, None], np.zeros(2), W_xh, W_hh, np.zeros(2)).h @ readout


def _backwards(x: FloatArray) -> FloatArray:
    return _forwards(x[::-1], BACKWARD)[::-1]


def _windows(x: FloatArray) -> FloatArray:
    """Each direction read where it has finished its window; no forecast before the first window is full."""
    forecasts = [_forwards(x[t - WINDOW : t])[-1] + _backwards(x[t - WINDOW : t])[0] for t in range(WINDOW, STEPS)]
    return np.array([np.nan] * WINDOW + forecasts)


NETWORKS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "forwards": _forwards,
    "both ways": lambda x: _forwards(x) + _backwards(x),
    "past windows": _windows,
    "centred average": lambda x: np.convolve(x, np.ones(5), mode="same") / 5,
}


class CausalityExplorer(PageWidget):
    """Outputs of a small layer on ten inputs, before and after one input is pushed.

    The weights are fixed: two tanh units in each direction, read by a linear sum. *Past windows* is the layer that
    reads both ways, on the four values before each step; it forecasts steps 5 to 10. The average is of five values.
    """

    network = Enum(tuple(NETWORKS), "forwards")
    step = Int(5, min=1, max=STEPS)  #: the input that is pushed
    push = Float(1.0, min=-2.0, max=2.0)  #: what is added to it

    def outputs(self, x: ArrayLike) -> FloatArray:
        """Outputs of the present network on ten inputs, ``(10,)``, NaN where there is none."""
        return NETWORKS[str(self.network)](np.asarray(x, dtype=np.float64))

    @property
    def before(self) -> FloatArray:
        """Outputs without the push, ``(10,)``."""
        return self.outputs(INPUTS)

    @property
    def influence(self) -> FloatArray:
        """How far each output moves when each input is pushed, ``(outputs, inputs)``; 0 where there is no output."""
        moved = [self.outputs(INPUTS + self.push * unit) - self.before for unit in np.eye(STEPS)]
        return np.nan_to_num(np.abs(moved)).T

    @property
    def pushed(self) -> FloatArray:
        """The inputs with the push, ``(10,)``."""
        pushed: FloatArray = INPUTS + self.push * np.eye(STEPS)[self.step - 1]
        return pushed

    @property
    def moved(self) -> tuple[int, int]:
        """How many outputs move before the pushed step, and how many at it and after it."""
        moves = self.influence[:, self.step - 1] > 0
        return int(moves[: self.step - 1].sum()), int(moves[self.step - 1 :].sum())

    def _fallback(self) -> Fallback:
        series = np.stack((self.pushed, self.before, self.outputs(self.pushed)), axis=1)
        texts = [["–" if np.isnan(value) else fixed(value, 3) for value in row] for row in series.tolist()]
        earlier, later = self.moved
        summary = f"input {self.step} pushed, {self.network}: {earlier} earlier and {later} later outputs move"
        caption = f"Input {self.step} of ten is pushed by {fixed(self.push, 2)}; network: {self.network}"
        rows = [(str(t), *row) for t, row in enumerate(texts, start=1)]
        return Fallback(summary, caption, ("step", "input", "output before", "output after"), rows)
