"""An LSTM cell with one unit whose gates are set by hand, step by step."""

import numpy as np
from traitlets import Enum, Int

from rnncourse.cells import LSTMSequence, lstm_sequence
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, fixed

STEPS = 8
_HOLD = ((8.0, 8.0, 1.0, 8.0), *[(-8.0, 8.0, 1.0, 8.0)] * 7)  # write once, then keep
#: Each task is a state to reach: what must have which value after which step.
TASKS: dict[str, tuple[tuple[str, int, float], ...]] = {
    "none": (),
    "overwrite": (("c", 4, 0.76), ("c", 5, -0.76), ("c", 8, -0.76)),
    "count": (("c", 3, 3.0), ("c", 4, 0.0), ("c", 8, 1.0)),
    "hide": (("c", 4, 0.76), ("h", 4, 0.0), ("h", 7, 0.0), ("h", 8, 0.64)),
}


class GateExplorer(PageWidget):
    """Explorer of ``c = f c_prev + i g`` and ``h = o tanh(c)`` over eight steps of one unit.

    The four pre-activations of each step are set directly, so the gates do not depend on ``h``: the reader stands
    in for the weights.
    """

    sequence = Numbers((STEPS, 4), _HOLD)  #: pre-activations of i, f, g and o, one row per step
    c_0 = Numbers((1,), (0.0,))  #: cell state before the first step
    at = Int(1, min=1, max=STEPS)  #: the step that is shown and moved
    task = Enum(tuple(TASKS), "none")  #: the state to reach

    @property
    def off(self) -> list[float]:
        """How far each mark of the task is from what it asks for."""
        run = self.run
        return [abs(float(getattr(run, name)[t - 1, 0]) - target) for name, t, target in TASKS[self.task]]

    @property
    def run(self) -> LSTMSequence:
        """All eight steps; the pre-activations go in as the input, through weights that pass each to its gate."""
        return lstm_sequence(self.sequence, [0.0], self.c_0, np.eye(4), np.zeros((4, 1)), np.zeros(4))

    def _fallback(self) -> Fallback:
        run, names = self.run, ("i", "f", "g", "o", "kept", "written", "c", "h")
        columns = [getattr(run, name)[:, 0].tolist() for name in names]
        c, h = (fixed(column[self.at - 1], 4) for column in columns[-2:])
        rows = [(str(t + 1), *(fixed(column[t], 3) for column in columns)) for t in range(STEPS)]
        caption = f"One unit of an LSTM, from c = {fixed(self.c_0[0], 2)}"
        return Fallback(f"step {self.at}: c = {c}, h = {h}", caption, ("step", *names), rows)
