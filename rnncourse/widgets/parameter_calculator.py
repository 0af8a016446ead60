"""Parameters and multiply-accumulates of a recurrent stack, to choose by hand."""

from dataclasses import dataclass
from typing import Any, ClassVar

import traitlets

from rnncourse.widgets.base import Choice, Flag, PageWidget, StateError, WholeNumber, html_table

__all__ = ["ParameterCalculator", "StackCounts"]

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class StackCounts:
    """Counts of a whole stack, for one sequence.

    Attributes:
        pytorch: parameters with PyTorch's two biases per gate.
        keras: parameters with Keras's biases: one per gate, two for a GRU.
        macs_per_step: multiply-accumulates of one time step.
        macs: multiply-accumulates of all ``seq_len`` steps.
    """

    pytorch: int
    keras: int
    macs_per_step: int
    macs: int


class ParameterCalculator(PageWidget):
    """Calculator of parameters in two frameworks' conventions, and of multiply-accumulates.

    Args:
        cell: ``"RNN"``, ``"LSTM"`` or ``"GRU"``.
        input_size: features of each time step.
        hidden_size: hidden units per direction.
        num_layers: stacked layers.
        bidirectional: whether each layer also reads from the end.
        bias: whether the gates have biases.
        proj_size: size of an LSTM's projected state; 0 for none.
        seq_len: time steps.

    Raises:
        StateError: a size is out of range, or ``proj_size`` does not fit the cell. It is a ``ValueError``.
    """

    module: ClassVar[str] = "parameter_calculator"

    cell = Choice(("LSTM", "GRU", "RNN"))
    input_size = WholeNumber(1, 100_000, 1)
    hidden_size = WholeNumber(1, 8192, 64)
    num_layers = WholeNumber(1, 8, 2)
    bidirectional = Flag(False)
    bias = Flag(True)
    proj_size = WholeNumber(0, 8191, 0)
    seq_len = WholeNumber(1, 10_000, 60)

    @traitlets.validate("cell", "proj_size", "hidden_size")
    def _projection_fits(self, proposal: Any) -> Any:
        state = {name: getattr(self, name) for name in ("cell", "proj_size", "hidden_size")}
        state[proposal["trait"].name] = proposal["value"]
        if state["proj_size"] and state["cell"] != "LSTM":
            raise StateError(
                f"{type(self).__name__}.proj_size must be 0 for a cell {state['cell']!r}, "
                f"but is {state['proj_size']}; only an LSTM projects its state."
            )
        if state["proj_size"] >= state["hidden_size"]:
            raise StateError(
                f"{type(self).__name__}.proj_size must be smaller than hidden_size={state['hidden_size']}, "
                f"but is {state['proj_size']}; lower it or set 0."
            )
        return proposal["value"]

    @property
    def counts(self) -> StackCounts:
        """What the widget shows, from the closed forms.

        Source: a gate of a layer has ``hidden_size * (width + output)`` weights per direction, an LSTM's projection
        ``proj_size * hidden_size`` more; each weight is one multiply-accumulate per time step.
        """
        directions = 2 if self.bidirectional else 1
        output = self.proj_size or self.hidden_size
        widths = [self.input_size] + [directions * output] * (self.num_layers - 1)
        rows = GATES[self.cell] * self.hidden_size
        weights = directions * sum(rows * (width + output) + self.proj_size * self.hidden_size for width in widths)
        biases = self.num_layers * directions * rows if self.bias else 0
        keras = weights + (2 if self.cell == "GRU" else 1) * biases
        return StackCounts(weights + 2 * biases, keras, weights, weights * self.seq_len)

    def fallback_html(self) -> str:
        """The network in one line, and its counts, one row each."""
        counts = self.counts
        rows = [
            ("Parameters, PyTorch", counts.pytorch),
            ("Parameters, Keras", counts.keras),
            ("MACs per time step", counts.macs_per_step),
            (f"MACs for {self.seq_len} steps", counts.macs),
        ]
        return html_table(self._network(), ("count", "one sequence"), [(name, f"{value:,}") for name, value in rows])

    def summary(self) -> str:
        """The network and its parameters."""
        return f"{self._network()} has {self.counts.pytorch:,} parameters in PyTorch"

    def _network(self) -> str:
        words = [f"{self.cell}({self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"]
        words += ["bidirectional=True"] if self.bidirectional else []
        words += [] if self.bias else ["bias=False"]
        words += [f"proj_size={self.proj_size}"] if self.proj_size else []
        return ", ".join(words) + ")"
