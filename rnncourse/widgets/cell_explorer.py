"""A recurrent cell with two inputs and two hidden units, to move by hand."""

from typing import ClassVar

from rnncourse.cells import RNNStep, rnn_step
from rnncourse.widgets.base import Choice, Numbers, PageWidget, html_table

__all__ = ["CellExplorer"]

MOST_STEPS = 50


class CellExplorer(PageWidget):
    """Explorer of ``h = f(W_hh h_prev + W_xh x + b_h)``: every number moves, and the picture moves with it.

    Each trait follows its control, and each control its trait, so ``observe``, ``link`` and plain assignment work.

    Args:
        x: input, shape ``(2,)``.
        h_prev: previous hidden state, shape ``(2,)``.
        W_xh: input weights, shape ``(2, 2)``, one row per hidden unit.
        W_hh: recurrent weights, shape ``(2, 2)``, one row per hidden unit.
        b_h: bias, shape ``(2,)``.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        history: earlier states, oldest first, shape ``(steps, 2)``; at most 50 steps.

    Raises:
        StateError: an array has another shape or holds a number that is not finite. It is a ``ValueError``.
    """

    module: ClassVar[str] = "cell_explorer"

    x = Numbers((2,), (0.8, -0.5))
    h_prev = Numbers((2,), (-0.2, 0.4))
    W_xh = Numbers((2, 2), ((0.5, -0.2), (-1.0, 0.9)))
    W_hh = Numbers((2, 2), ((0.3, 0.1), (-0.4, 0.2)))
    b_h = Numbers((2,), (0.1, -0.1))
    nonlinearity = Choice(("tanh", "relu"))
    history = Numbers((None, 2), (), most=MOST_STEPS)

    @property
    def step(self) -> RNNStep:
        """The step that the widget shows, computed by ``rnncourse.cells.rnn_step`` from the present traits."""
        return rnn_step(self.x, self.h_prev, self.W_xh, self.W_hh, self.b_h, nonlinearity=self.nonlinearity)

    def fallback_html(self) -> str:
        """Inputs, intermediates and result of the step, one row each."""
        step = self.step
        result = "h = tanh(z)" if self.nonlinearity == "tanh" else "h = max(z, 0)"
        rows = [
            ("x", self.x, 2),
            ("h_prev", self.h_prev, 2),
            ("b_h", self.b_h, 2),
            ("W_hh h_prev", step.recurrent_term, 4),
            ("W_xh x", step.input_term, 4),
            ("z = W_hh h_prev + W_xh x + b_h", step.z, 4),
            (result, step.h, 4),
        ]
        return html_table(
            "One step of a recurrent cell",
            ("quantity", "row 1", "row 2"),
            [(name, *(fixed(float(value), digits) for value in values)) for name, values, digits in rows],
        )

    def summary(self) -> str:
        """The new hidden state, to four decimals."""
        return f"h = ({', '.join(fixed(float(value), 4) for value in self.step.h)})"


def fixed(value: float, digits: int) -> str:
    """Decimals without a negative zero, and with a true minus sign."""
    text = f"{abs(value):.{digits}f}"
    return f"\N{MINUS SIGN}{text}" if value < 0 and float(text) else text
