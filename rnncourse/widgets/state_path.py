"""The states of an LSTM with two units, followed through a hundred steps."""

import math
from typing import ClassVar

import numpy as np

from rnncourse.cells import FloatArray, LSTMSequence, lstm_sequence, sigmoid
from rnncourse.widgets.base import Choice, PageWidget, RealNumber, WholeNumber, html_table
from rnncourse.widgets.cell_explorer import fixed

__all__ = ["StatePath"]

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

    Args:
        forget_bias: pre-activation of the forget gate, −2 to 8.
        output_bias: pre-activation of the output gate, −4 to 4.
        input_strength: factor on the input weights, 0 to 2.
        recurrent_scale: factor on the rotation, 0 to 4.
        angle: angle of the rotation in degrees, −180 to 180.
        inputs: ``"constant"``, ``"alternating"``, ``"pulse"`` (ten steps) or ``"noise"``.
        at: the step that is shown, 1 to 100.

    Raises:
        StateError: a value is of another type or out of range. It is a ``ValueError``.
    """

    module: ClassVar[str] = "state_path"

    forget_bias = RealNumber(-2.0, 8.0, 1.0)
    output_bias = RealNumber(-4.0, 4.0, 1.0)
    input_strength = RealNumber(0.0, 2.0, 0.5)
    recurrent_scale = RealNumber(0.0, 4.0, 2.0)
    angle = RealNumber(-180.0, 180.0, 60.0)
    inputs = Choice(("constant", "alternating", "pulse", "noise"))
    at = WholeNumber(1, STEPS, 60)

    @property
    def run(self) -> LSTMSequence:
        """All steps, computed by ``rnncourse.cells.lstm_sequence`` from the present traits."""
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
        run = self.run
        rows = [
            (
                str(t),
                *(fixed(float(value), 3) for value in (*run.c[t - 1], *run.h[t - 1])),
                fixed(float(np.linalg.norm(run.c[t - 1])), 3),
                fixed(float(np.linalg.norm(run.h[t - 1])), 3),
            )
            for t in (1, 10, 25, 50, STEPS)
        ]
        head = ("step", "c unit 1", "c unit 2", "h unit 1", "h unit 2", "norm of c", "norm of h")
        caption = f"States of a two-unit LSTM, {self.inputs} input; the norm of c cannot pass {fixed(self.limit, 2)}"
        return html_table(caption, head, rows)

    def summary(self) -> str:
        """Norms of both states at the step that is shown, to four decimals."""
        run = self.run
        norms = (float(np.linalg.norm(states[self.at - 1])) for states in (run.c, run.h))
        return f"step {self.at}: norm of c = {fixed(next(norms), 4)}, of h = {fixed(next(norms), 4)}"
