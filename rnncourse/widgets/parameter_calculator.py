"""Parameters and multiply-accumulates of a recurrent stack, to choose by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rnncourse.widgets.base import Choice, Fallback, PageWidget, WholeNumber

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class StackCounts:
    """Counts of a whole stack, for one sequence."""

    pytorch: int  #: parameters with PyTorch's two biases per gate
    keras: int  #: parameters with Keras's biases, one per gate and two for a GRU
    macs_per_step: int  #: multiply-accumulates of one time step
    macs: int  #: multiply-accumulates of all steps


class ParameterCalculator(PageWidget):
    """Calculator of parameters in two frameworks' conventions, and of multiply-accumulates."""

    cell = Choice(("LSTM", "GRU", "RNN"))
    input_size = WholeNumber(1, 100_000, 1)  #: features of each time step
    hidden_size = WholeNumber(1, 8192, 64)  #: hidden units per direction
    num_layers = WholeNumber(1, 8, 2)  #: stacked layers
    bidirectional = Choice((False, True))  #: whether each layer also reads from the end
    bias = Choice((True, False))  #: whether the gates have biases
    proj_size = WholeNumber(0, 8191, 0)  #: size of an LSTM's projected state; 0 for none
    seq_len = WholeNumber(1, 10_000, 60)  #: time steps

    def _conflicts(self, state: dict[str, Any]) -> Iterator[str]:
        size, hidden, cell = state["proj_size"], state["hidden_size"], state["cell"]
        if size and cell != "LSTM":
            yield f"proj_size must be 0 for a cell {cell!r}, but is {size}; only an LSTM projects its state"
        if size >= hidden:
            yield f"proj_size must be smaller than hidden_size={hidden}, but is {size}; lower it or set 0"

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

    def _fallback(self) -> Fallback:
        network, counts = self._network(), self.counts
        rows = [
            ("Parameters, PyTorch", f"{counts.pytorch:,}"),
            ("Parameters, Keras", f"{counts.keras:,}"),
            ("MACs per time step", f"{counts.macs_per_step:,}"),
            (f"MACs for {self.seq_len} steps", f"{counts.macs:,}"),
        ]
        summary = f"{network} has {counts.pytorch:,} parameters in PyTorch"
        return Fallback(summary, network, ("count", "one sequence"), rows)

    def _network(self) -> str:
        words = [f"{self.cell}({self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"]
        words += ["bidirectional=True"] if self.bidirectional else []
        words += [] if self.bias else ["bias=False"]
        words += [f"proj_size={self.proj_size}"] if self.proj_size else []
        return ", ".join(words) + ")"
