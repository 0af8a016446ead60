"""The gates of a small LSTM along a series, with and without a jump that the reader adds."""

import math

import numpy as np
from traitlets import Float, Int

from rnncourse.cells import FloatArray, LSTMSequence, lstm_sequence
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, fixed

HIDDEN = 8
MOST = 180
GATES = {"f": "forget", "i": "input", "o": "output"}
OFFSETS = (-5, -1, 0, 1, 5, 15)  # minutes from the jump that the table shows
_UNITS = tuple(-1.0 + 2.0 * unit / (HIDDEN - 1) for unit in range(HIDDEN))
# A cell to start from when no weights are given: units that differ in how open they stand, and no recurrence.
_MADE_UP = {
    "W_ih": [[base + slope * u] for base, slope in ((0.6, 0.2), (-0.8, 0.3), (0.5, 1.0), (0.0, 0.2)) for u in _UNITS],
    "W_hh": [[0.0] * HIDDEN] * (4 * HIDDEN),
    "b": [base + slope * u for base, slope in ((-0.5, 1.0), (1.5, 1.0), (0.0, 0.0), (0.0, 1.0)) for u in _UNITS],
}
_WAVE = tuple(round(0.4 * math.sin(0.35 * t), 3) for t in range(60))


class GateScrubber(PageWidget):
    """A trained LSTM layer of eight units that reads a series twice: as it is, and with a jump added.

    From minute ``jump_at`` on, ``size`` is added to every value. Before it the two readings are the same, so whatever
    differs afterwards is the cell's answer.
    """

    series = Numbers((None,), _WAVE, most=MOST)  #: what is read, 12 to 180 numbers, in standard deviations
    W_ih = Numbers((4 * HIDDEN, 1), _MADE_UP["W_ih"])  #: input weights, rows in torch's order i, f, g, o
    W_hh = Numbers((4 * HIDDEN, HIDDEN), _MADE_UP["W_hh"])  #: recurrent weights
    b = Numbers((4 * HIDDEN,), _MADE_UP["b"])  #: sum of both biases
    jump_at = Int(20, min=1, max=MOST)  #: first minute of the jump, from 1
    size = Float(2.0, min=-3.0, max=3.0)  #: what is added from there on
    at = Int(20, min=1, max=MOST)  #: the minute that is shown, from 1
    unit = Int(0, min=0, max=HIDDEN)  #: which unit's gates are shown, from 1; 0 for their mean

    @property
    def loads(self) -> tuple[FloatArray, FloatArray]:
        """The series with the jump and without it, ``(time,)`` each."""
        plain = np.asarray(self.series)
        return plain + self.size * (np.arange(len(plain)) >= self.jump_at - 1), plain

    @property
    def runs(self) -> tuple[LSTMSequence, LSTMSequence]:
        """Every step with the jump and without it."""
        nothing, cell = np.zeros(HIDDEN), (self.W_ih, self.W_hh, self.b)
        jumped, plain = (lstm_sequence(series[:, None], nothing, nothing, *cell) for series in self.loads)
        return jumped, plain

    def gate(self, name: str) -> tuple[FloatArray, FloatArray]:
        """The gate ``f``, ``i`` or ``o`` of the unit chosen, with the jump and without it, ``(time,)`` each."""
        jumped, plain = (getattr(run, name) for run in self.runs)
        if self.unit:
            return jumped[:, self.unit - 1], plain[:, self.unit - 1]
        return jumped.mean(axis=1), plain.mean(axis=1)

    def _fallback(self) -> Fallback:
        tracks = {name: self.gate(name) for name in GATES}

        def both(track: tuple[FloatArray, FloatArray], t: int) -> str:
            with_jump, without = (fixed(series[:t][-1], 3) for series in track)
            return f"{with_jump} ({without})"

        minutes = [self.jump_at + offset for offset in OFFSETS if 1 <= self.jump_at + offset <= len(self.series)]
        whose = f"unit {self.unit}" if self.unit else f"mean of {HIDDEN} units"
        now = f"minute {self.at}: {', '.join(f'{name} {both(track, self.at)}' for name, track in tracks.items())}"
        caption = f"Jump of {fixed(self.size, 2)} at minute {self.jump_at}, and without it; gates: {whose}"
        rows = [(str(t), *(both(track, t) for track in (self.loads, *tracks.values()))) for t in minutes]
        return Fallback(now, caption, ("minute", "load", *(f"{name} gate" for name in GATES.values())), rows)
