"""An LSTM cell with one unit whose gates are set by hand, step by step."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from rnncourse.cells import LSTMSequence, lstm_sequence
from rnncourse.widgets.base import Numbers, PageWidget, WholeNumber, fixed, html_table

STEPS = 8
# Pre-activations i, f, g, o of each step, by the name of what the cell then does.
_WRITE, _KEEP, _CLEAR = (8.0, 8.0, 1.0, 8.0), (-8.0, 8.0, 1.0, 8.0), (-8.0, -8.0, 1.0, 8.0)
_COUNT, _FADE = (8.0, 8.0, 0.5, 8.0), (-8.0, 0.0, 1.0, 8.0)
_WRITE_HIDDEN, _KEEP_HIDDEN = (8.0, 8.0, 1.0, -8.0), (-8.0, 8.0, 1.0, -8.0)
GATE_SEQUENCES: Mapping[str, tuple[tuple[float, ...], ...]] = MappingProxyType(
    {
        "hold": (_WRITE, *[_KEEP] * 7),
        "fade": (_WRITE, *[_FADE] * 7),
        "clear": (_WRITE, *[_KEEP] * 3, _CLEAR, *[_KEEP] * 3),
        "count": (_COUNT,) * 8,
        "read once": (_WRITE_HIDDEN, *[_KEEP_HIDDEN] * 4, _KEEP, *[_KEEP_HIDDEN] * 2),
    }
)


class GateExplorer(PageWidget):
    """Explorer of ``c = f c_prev + i g`` and ``h = o tanh(c)`` over eight steps of one unit.

    The four pre-activations of each step are set directly, so the gates do not depend on ``h``: the reader stands
    in for the weights.
    """

    module: ClassVar[str] = "gate_explorer"

    sequence = Numbers((STEPS, 4), GATE_SEQUENCES["hold"])  #: pre-activations of i, f, g and o, one row per step
    c_0 = Numbers((1,), (0.0,))  #: cell state before the first step
    at = WholeNumber(1, STEPS, 1)  #: the step that is shown and moved

    @property
    def run(self) -> LSTMSequence:
        """All eight steps; the pre-activations go in as the input, through weights that pass each to its gate."""
        return lstm_sequence(self.sequence, [0.0], self.c_0, np.eye(4), np.zeros((4, 1)), np.zeros(4))

    def fallback_html(self) -> str:
        """Gates, what was kept, written and shown, and the states, one row per step."""
        columns = [getattr(self.run, name) for name in ("i", "f", "g", "o", "kept", "written", "c", "h")]
        rows = [(str(t + 1), *(fixed(float(column[t, 0]), 3) for column in columns)) for t in range(STEPS)]
        head = ("step", "i", "f", "g", "o", "kept", "written", "c", "h")
        return html_table(f"One unit of an LSTM, from c = {fixed(self.c_0[0], 2)}", head, rows)

    def summary(self) -> str:
        """Both states after the step that is shown, to four decimals."""
        step = self.run.steps[self.at - 1]
        return f"step {self.at}: c = {fixed(float(step.c[0]), 4)}, h = {fixed(float(step.h[0]), 4)}"
