"""The states of an LSTM with two units, followed through a hundred steps."""

import math
from typing import ClassVar

import numpy as np

from rnncourse.cells import FloatArray, LSTMSequence, lstm_sequence, sigmoid
from rnncourse.widgets.base import Choice, PageWidget, RealNumber, WholeNumber, fixed, html_table

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
            # A generator with exact integers: the page, which has no NumPy, draws the same numbers.
            seeds = [7]
            for _ in t:
                seeds.append(16807 * seeds[-1] % 2147483647)
            return 2.0 * np.asarray(seeds[1:]) / 2147483647 - 1.0


class StatePath(PageWidget):
    """Paths of c and h of a two-unit LSTM in the plane, and their norms over a hundred steps.

    All gates are constant: the input gate is one half, the two others follow their biases. The candidate is
    ``g = tanh(recurrent_scale · R h + input_strength · (1, 0.5) x)``, where R turns the plane by ``angle``.
    """

    module: ClassVar[str] = "state_path"

    forget_bias = RealNumber(-2.0, 8.0, 1.0)  #: pre-activation of the forget gate
    output_bias = RealNumber(-4.0, 4.0, 1.0)  #: pre-activation of the output gate
    input_strength = RealNumber(0.0, 2.0, 0.5)  #: factor on the input weights
    recurrent_scale = RealNumber(0.0, 4.0, 2.0)  #: factor on the rotation
    angle = RealNumber(-180.0, 180.0, 60.0)  #: angle of the rotation in degrees
    inputs = Choice(("constant", "alternating", "pulse", "noise"))  #: a pulse lasts ten steps
    at = WholeNumber(1, STEPS, 60)  #: the step that is shown

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

    def fallback_html(self) -> str:
        """Both states and their norms at five steps, one row each."""
        c, h = self.run.c, self.run.h
        rows = []
        for t in (1, 10, 25, 50, STEPS):
            values = (*c[t - 1], *h[t - 1], np.linalg.norm(c[t - 1]), np.linalg.norm(h[t - 1]))
            rows.append((str(t), *(fixed(float(value), 3) for value in values)))
        head = ("step", "c unit 1", "c unit 2", "h unit 1", "h unit 2", "norm of c", "norm of h")
        caption = f"States of a two-unit LSTM, {self.inputs} input; the norm of c cannot pass {fixed(self.limit, 2)}"
        return html_table(caption, head, rows)

    def summary(self) -> str:
        """Norms of both states at the step that is shown, to four decimals."""
        run = self.run
        c, h = (fixed(float(np.linalg.norm(states[self.at - 1])), 4) for states in (run.c, run.h))
        return f"step {self.at}: norm of c = {c}, of h = {h}"
