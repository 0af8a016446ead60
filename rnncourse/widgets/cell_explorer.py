"""A recurrent cell with two inputs and two hidden units, to move by hand."""

from traitlets import Enum

from rnncourse.cells import RNNStep, rnn_step
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, fixed


class CellExplorer(PageWidget):
    """Explorer of ``h = f(W_hh h_prev + W_xh x + b_h)``: every number moves, and the picture moves with it.

    Each trait follows its control, and each control its trait.
    """

    x = Numbers((2,), (0.8, -0.5))  #: input
    h_prev = Numbers((2,), (-0.2, 0.4))  #: previous hidden state
    W_xh = Numbers((2, 2), ((0.5, -0.2), (-1.0, 0.9)))  #: input weights, one row per hidden unit
    W_hh = Numbers((2, 2), ((0.3, 0.1), (-0.4, 0.2)))  #: recurrent weights, one row per hidden unit
    b_h = Numbers((2,), (0.1, -0.1))  #: bias
    nonlinearity = Enum(("tanh", "relu"), "tanh")
    history = Numbers((None, 2), (), most=50)  #: earlier states, oldest first

    @property
    def step(self) -> RNNStep:
        """The step that the widget shows, from the present traits."""
        return rnn_step(self.x, self.h_prev, self.W_xh, self.W_hh, self.b_h, nonlinearity=self.nonlinearity)  # type: ignore[arg-type]

    def _fallback(self) -> Fallback:
        step = self.step
        rows = [(name, getattr(self, name), 2) for name in ("x", "h_prev", "b_h")]
        rows += [("W_hh h_prev", step.recurrent_term, 4), ("W_xh x", step.input_term, 4)]
        rows += [("z = W_hh h_prev + W_xh x + b_h", step.z, 4)]
        rows += [("h = tanh(z)" if self.nonlinearity == "tanh" else "h = max(z, 0)", step.h, 4)]
        cells = [(name, *(fixed(float(value), digits) for value in values)) for name, values, digits in rows]
        summary = f"h = ({', '.join(cells[-1][1:])})"
        return Fallback(summary, "One step of a recurrent cell", ("quantity", "row 1", "row 2"), cells)
