"""The states of an LSTM with two units, followed through a hundred steps."""

import math

import numpy as np
from traitlets import Enum, Float, Int

from rnncourse.cells import FloatArray, LSTMSequence, lstm_sequence, sigmoid
from rnncourse.widgets.base import Draws, Fallback, PageWidget, fixed

STEPS = 100
INPUT_WEIGHTS = (1.0, 0.5)


def _inputs(name: str) -> FloatArray:
    """The input of every step, shape ``(100,)``."""
    t = np.arange(STEPS)
    match name:
        case "constant":
            return np.ones(STEPS)
        case "alternating":
            return np.where(t % 2, -1.0, 1.0)
        case "pulse":
            return np.where(t < 10, 1.0, 0.0)
        case _:
            return 2.0 * Draws(7).take(STEPS) - 1.0


class StatePath(PageWidget):
    """Paths of c and h of a two-unit LSTM in the plane, and their norms over a hundred steps.

    All gates are constant: the input gate is one half, the two others follow their biases. The candidate is
    ``g = tanh(recurrent_scale · R h + input_strength · (1, 0.5) x)``, where R turns the plane by ``angle``.
    """

    forget_bias = Float(1.0, min=-2.0, max=8.0)  #: pre-activation of the forget gate
    output_bias = Float(1.0, min=-4.0, max=4.0)  #: pre-activation of the output gate
    input_strength = Float(0.5, min=0.0, max=2.0)  #: factor on the input weights
    recurrent_scale = Float(2.0, min=0.0, max=4.0)  #: factor on the rotation
    angle = Float(60.0, min=-180.0, max=180.0)  #: angle of the rotation in degrees
    inputs = Enum(("constant", "alternating", "pulse", "noise"), "constant")  #: a pulse lasts ten steps
    at = Int(60, min=1, max=STEPS)  #: the step that is shown

    @property
    def run(self) -> LSTMSequence:
        """All steps, from the present traits."""
        turn = math.radians(self.angle)
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        W_ih, W_hh, b = np.zeros((8, 1)), np.zeros((8, 2)), np.zeros(8)
        W_ih[4:6, 0] = self.input_strength * np.asarray(INPUT_WEIGHTS)
        W_hh[4:6] = self.recurrent_scale * rotation
        b[2:4], b[6:8] = self.forget_bias, self.output_bias
        return lstm_sequence(_inputs(self.inputs)[:, None], [0.0, 0.0], [0.0, 0.0], W_ih, W_hh, b)

    @property
    def limit(self) -> float:
        """An upper bound on the norm of c with these gates, ``√2 · i / (1 − f)``."""
        return math.sqrt(2.0) * 0.5 / float(sigmoid(-self.forget_bias))

    def _fallback(self) -> Fallback:
        run = self.run
        norms = np.stack([np.linalg.norm(states, axis=1) for states in (run.c, run.h)], axis=1)
        table = np.hstack((run.c, run.h, norms)).tolist()
        c, h = (fixed(norm, 4) for norm in table[self.at - 1][-2:])
        rows = [(str(t), *(fixed(value, 3) for value in table[t - 1])) for t in (1, 10, 25, 50, STEPS)]
        caption = f"States of a two-unit LSTM, {self.inputs} input; the norm of c cannot pass {fixed(self.limit, 2)}"
        head = ("step", "c unit 1", "c unit 2", "h unit 1", "h unit 2", "norm of c", "norm of h")
        return Fallback(f"step {self.at}: norm of c = {c}, of h = {h}", caption, head, rows)
