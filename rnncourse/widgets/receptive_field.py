"""What one output of a stack of convolutions sees of its input, beside a recurrence that lets its past fade."""

from typing import NamedTuple

import numpy as np
from traitlets import Float, Int

from rnncourse.cells import FloatArray
from rnncourse.widgets.base import Fallback, PageWidget

SHARE = 0.95


class FieldReach(NamedTuple):
    """What the widget draws and shows, all for the last of T outputs."""

    field: int  #: steps that the stack can see in a sequence long enough
    reached: int  #: steps of this sequence that it sees
    layers_needed: int  #: layers with which it would see the whole sequence; -1 if none do, for a kernel of 1
    paths: FloatArray  #: paths through the stack from each input to the output, as a share of all, ``(time,)``
    fading: FloatArray  #: weight of each input in a linear recurrence, as a share of all, ``(time,)``
    width: int  #: last inputs that hold 95 % of the paths
    fading_width: int  #: last inputs that hold 95 % of the recurrence's weight


class ReceptiveField(PageWidget):
    """Explorer of the receptive field of causal convolutions, beside ``h = keep · h_prev + x``.

    Layer number l has the dilation ``growth ** (l - 1)``: 1 everywhere at growth 1, doubling at growth 2.
    """

    kernel_size = Int(3, min=1, max=9)  #: steps under a kernel
    depth = Int(4, min=1, max=10)  #: layers
    growth = Int(1, min=1, max=3)  #: factor from one layer's dilation to the next's
    seq_len = Int(32, min=2, max=128)  #: time steps
    keep = Float(0.9, min=0.0, max=1.0)  #: what the recurrence keeps of its state at each step

    @property
    def dilations(self) -> tuple[int, ...]:
        """Dilation of each layer, the one next to the input first."""
        return tuple(self.growth**layer for layer in range(self.depth))

    @property
    def reach(self) -> FieldReach:
        """What the widget shows, from the present traits."""
        field = 1 + (self.kernel_size - 1) * sum(self.dilations)
        paths = np.zeros(self.seq_len)
        paths[-1] = 1.0
        for dilation in reversed(self.dilations):
            # Moved towards the start by each tap; what falls off it meets only padding.
            taps = range(0, self.kernel_size * dilation, dilation)
            paths = np.mean([np.pad(paths, (0, tap))[tap:] for tap in taps], axis=0)
        paths /= paths.sum()
        fading = self.keep ** np.arange(self.seq_len - 1, -1, -1.0)
        fading /= fading.sum()
        reached = int(np.count_nonzero(paths))
        return FieldReach(field, reached, self._layers_needed(), paths, fading, _width(paths), _width(fading))

    def _layers_needed(self) -> int:
        seen, layers = 1, 0
        while self.kernel_size > 1 and seen < self.seq_len:
            seen += (self.kernel_size - 1) * self.growth**layers
            layers += 1
        return layers or -1

    def _fallback(self) -> Fallback:
        reach = self.reach
        rows = [
            ("inputs that can reach the last output", str(reach.reached), str(self.seq_len if self.keep else 1)),
            ("inputs that hold 95 % of the weight", str(reach.width), str(reach.fading_width)),
            ("products that must follow one another", str(self.depth), str(self.seq_len)),
        ]
        dilations = ", ".join(map(str, self.dilations))
        stack = f"{self.depth} convolutions with kernel {self.kernel_size} and dilations {dilations}"
        caption = f"{stack} see {reach.field} steps; the sequence has {self.seq_len}"
        summary = f"{reach.field} steps, {reach.reached} of the {self.seq_len} inputs"
        return Fallback(summary, caption, ("last output", "convolutions", f"recurrence, keep {self.keep:.2f}"), rows)


def _width(weights: FloatArray) -> int:
    """How many last entries hold the share."""
    held = np.cumsum(weights[::-1])
    return int(np.count_nonzero(held < SHARE - 1e-9)) + 1
