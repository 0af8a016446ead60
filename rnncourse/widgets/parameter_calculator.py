"""Parameters and multiply-accumulates of a recurrent stack, to choose by hand."""

from typing import NamedTuple

from traitlets import Bool, Enum, Int

from rnncourse.widgets.base import Fallback, PageWidget

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


class StackCounts(NamedTuple):
    """Counts of a whole stack, for one sequence."""

    pytorch: int  #: parameters with PyTorch's two biases per gate
    keras: int  #: parameters with Keras's biases, one per gate and two for a GRU
    macs_per_step: int  #: multiply-accumulates of one time step
    macs: int  #: multiply-accumulates of all steps


class ParameterCalculator(PageWidget):
    """Calculator of parameters in two frameworks' conventions, and of multiply-accumulates."""

    cell = Enum(("LSTM", "GRU", "RNN"), "LSTM")
    input_size = Int(1, min=1, max=100_000)  #: features of each time step
    hidden_size = Int(64, min=1, max=8192)  #: hidden units per direction
    num_layers = Int(2, min=1, max=8)  #: stacked layers
    bidirectional = Bool(False)  #: whether each layer also reads from the end
    bias = Bool(True)  #: whether the gates have biases
    proj_size = Int(0, min=0, max=8191)  #: size of an LSTM's projected state; 0 for none
    seq_len = Int(60, min=1, max=10_000)  #: time steps

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
        names = ("Parameters, PyTorch", "Parameters, Keras", "MACs per time step", f"MACs for {self.seq_len} steps")
        rows = [(name, f"{count:,}") for name, count in zip(names, counts, strict=True)]
        summary = f"{network} has {counts.pytorch:,} parameters in PyTorch"
        return Fallback(summary, network, ("count", "one sequence"), rows)

    def _network(self) -> str:
        words = [f"{self.cell}({self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"]
        words += ["bidirectional=True"] if self.bidirectional else []
        words += [] if self.bias else ["bias=False"]
        words += [f"proj_size={self.proj_size}"] if self.proj_size else []
        return ", ".join(words) + ")"
