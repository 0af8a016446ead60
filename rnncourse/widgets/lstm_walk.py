"""One step of an LSTM with two units, walked through stage by stage, at three distances."""

import html
import json
import re
from typing import Any

from traitlets import Enum, Int

from rnncourse.cells import LSTMStep, lstm_step
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, fixed, module_source

#: Of each stage the words and the vector of the step that it is about.
STAGES = {
    "network": ("one cell at three steps", "h_prev"),
    "inputs": ("inside the cell", "c_prev"),
    "f": ("forget gate", "f"),
    "kept": ("what is kept, f × old c", "kept"),
    "i": ("input gate", "i"),
    "g": ("candidate", "g"),
    "written": ("what is written, i × g", "written"),
    "c": ("new cell state, kept + written", "c"),
    "o": ("output gate", "o"),
    "h": ("new hidden state, o × tanh(c)", "h"),
    "product": ("one multiplication: kept", "kept"),
}
ZOOMS = ("network", "cell", "product")
_LINE = 16  # between the numbers of the two units


class LSTMWalk(PageWidget):
    """A walk through one step of an LSTM with one input and two units, from what comes in to what goes out.

    The picture shows three steps of the network, the cell, or the inside of the part that the stage is about. A stage
    comes with a distance of its own; ``zoom`` is the one that is shown now.
    """

    x = Numbers((1,), (2.0,))  #: input
    h_prev = Numbers((2,), (0.5, -0.5))  #: hidden state before the step
    c_prev = Numbers((2,), (1.0, -1.0))  #: cell state before the step
    W_ih = Numbers((8, 1), ((-1.0,), (1.0,), (0.5,), (-1.5,), (1.0,), (1.0,), (0.5,), (-0.5,)))  #: input weights
    #: recurrent weights, rows in torch's order i, f, g, o, two for each
    W_hh = Numbers((8, 2), ((0, 2), (2, 0), (1, 0), (0, 1), (1, 1), (0, -1), (1, 0), (0, 1)))
    b = Numbers((8,), (0, 0, 1, 1, 0, 0, 0, 0))  #: bias
    at = Int(1, min=1, max=len(STAGES))  #: the stage, from 1
    zoom = Enum(ZOOMS, "network")  #: the distance
    unit = Int(1, min=1, max=2)  #: the unit that is looked into

    @property
    def step(self) -> LSTMStep:
        """The step, with every intermediate result."""
        return lstm_step(self.x, self.h_prev, self.c_prev, self.W_ih, self.W_hh, self.b)

    def _fallback(self) -> Fallback:
        rows = [(words, *self._numbers(name)) for words, name in STAGES.values()]
        rows[0] = (f"old h; the input is {fixed(self.x[0], 2)}", *rows[0][1:])
        rows[1] = ("old c", *rows[1][1:])
        words, *numbers = rows[self.at - 1]
        summary = f"stage {self.at}, {words}: {', '.join(numbers)}"
        caption = "One step of an LSTM with two units, in the order of the walk"
        return Fallback(summary, caption, ("stage", "first unit", "second unit"), rows[:-1])

    def _numbers(self, name: str) -> tuple[str, ...]:
        return tuple(fixed(float(value), 4) for value in getattr(self.step, name))

    def fallback_html(self) -> str:
        """The cell with every number of the step, as a still picture, above the table."""
        return f"{self._still()}\n{super().fallback_html()}"

    def _still(self) -> str:
        """The picture that the module draws of the cell at the end of the step, from the same lines."""
        found = re.search(r"^const SCENE = (\{.*?^\});", module_source(self.module), re.MULTILINE | re.DOTALL)
        assert found is not None
        scene = json.loads(found[1])
        parts = ['<rect width="300" height="250" rx="10" fill="currentColor" fill-opacity="0.06"/>']
        parts += [_wire(*wire[1:]) for wire in scene["wires"]]
        parts += [_box(text, x, y, width) for _, text, x, y, width in scene["blocks"]]
        parts += [_circle(text, x, y) for _, text, x, y in scene["signs"]]
        parts += [_word(text, x, y) for _, text, x, y in scene["letters"]]
        for _, name, x, y, anchor in scene["values"]:
            numbers = self._numbers(name)
            parts += [_word(text, x, y + _LINE * unit, anchor) for unit, text in enumerate(numbers)]
        said = "; ".join(f"{words}: {' and '.join(self._numbers(name))}" for words, name in [*STAGES.values()][2:10])
        alt = html.escape(f"An LSTM cell with the numbers of one step of two units beside its wires. {said}.")
        head = f'<svg class="rnn-still" role="img" aria-label="{alt}"'
        size = 'viewBox="-50 -30 400 320" width="520" height="416"'
        style = 'style="max-width:100%;height:auto" fill="currentColor" font-size="14" font-family="sans-serif"'
        return f"{head} {size} {style}>\n{''.join(parts)}\n</svg>"


_STROKE = 'fill="none" stroke="currentColor" stroke-width="1.6"'


def _word(text: str, x: float, y: float, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _wire(path: str, *tip: Any) -> str:
    drawn = f'<path d="{path}" {_STROKE}/>'
    if tip:
        x, y, turn = tip
        drawn += f'<polygon points="0,0 -8,-4.5 -8,4.5" transform="translate({x} {y}) rotate({turn})"/>'
    return drawn


def _box(text: str, x: float, y: float, width: float) -> str:
    high = 30 if text == "tanh" else 34
    left, top = x - width / 2, y - high / 2
    return f'<rect x="{left:g}" y="{top:g}" width="{width}" height="{high}" rx="4" {_STROKE}/>{_word(text, x, y + 5)}'


def _circle(text: str, x: float, y: float) -> str:
    return f'<circle cx="{x}" cy="{y}" r="14" {_STROKE}/>{_word(text, x, y + 5)}'
