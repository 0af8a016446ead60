r"""A step written out as a person would: every product expanded with its numbers, in LaTeX.

Each function takes a step from :mod:`rnncourse.cells` and returns a :class:`Working`: captioned lines that a
notebook shows as mathematics and a terminal as plain text. ``digits`` are the decimals printed, from 1 to 10; others
are a ``TypeError`` or a ``ValueError``.

How numbers are written:

* Values come from the step in full precision and are rounded for print alone, so the last printed digit can
  differ from what the printed factors give.
* A number that needs no more than ``digits`` decimals is written in its shortest form, ``0.5`` or ``-1.25``.
  One that had to be rounded keeps all of them, ``0.5200``. Ties go to the even digit. There is no ``-0``.
* ``=`` stands where the printed right side follows exactly from the printed left side, ``\approx`` elsewhere.
* From 10⁷ upwards, and below one unit of the last decimal, a number is written as ``1.235 \times 10^{-6}``
  with ``digits`` significant digits.
* Float64 noise is not printed: in a sum, digits more than 13 places below its largest term are dropped, so
  0.1 + 0.2 is ``0.3``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.cells import FloatArray, GRUStep, LinearStep, LSTMStep, RNNGradients, RNNStep, softmax

__all__ = [
    "Line",
    "Working",
    "gru_working",
    "linear_working",
    "lstm_working",
    "rnn_backward_working",
    "rnn_working",
    "softmax_working",
]

_NOISE_PLACES = 13
_LARGE_EXPONENT = 7


# --- what a reader gets


@dataclass(frozen=True)
class Line:
    """One quantity of a working."""

    part: str  #: the quantity this line works towards, such as ``"f"`` for every line of the forget gate
    caption: str  #: what the line does, in a few words
    symbol: str  #: left side, LaTeX
    expressions: tuple[tuple[str, str], ...]  #: right sides, each with the relation before it; the last is the value
    value: FloatArray = field(compare=False, repr=False)  #: the unrounded value

    @property
    def latex(self) -> str:
        """The line as one LaTeX formula, without delimiters."""
        return " ".join([self.symbol, *(f"{relation} {side}" for relation, side in self.expressions)])

    @property
    def rows(self) -> tuple[str, ...]:
        """One row per right side, aligned at the relation, for an ``aligned`` block."""
        lefts = [self.symbol, *[""] * (len(self.expressions) - 1)]
        rights = (f"&{relation} {side}" for relation, side in self.expressions)
        return tuple(f"{left} {right}".strip() for left, right in zip(lefts, rights, strict=True))

    def __str__(self) -> str:
        left = _plain(self.symbol)
        margins = [left, *[" " * len(left)] * (len(self.expressions) - 1)]
        rights = (f"{_plain(relation)} {_plain(side)}" for relation, side in self.expressions)
        rows = (f"  {margin} {right}" for margin, right in zip(margins, rights, strict=True))
        return "\n".join([self.caption, *rows])

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"


@dataclass(frozen=True, repr=False)
class Working:
    """A calculation written out line by line; a notebook shows it as mathematics."""

    title: str  #: what is worked out
    lines: tuple[Line, ...]  #: the lines in order

    @property
    def parts(self) -> tuple[str, ...]:
        """Names that :meth:`part` takes, in order of appearance."""
        return tuple(dict.fromkeys(line.part for line in self.lines))

    def part(self, name: str) -> Working:
        """A working of the lines of one part, such as one gate; a ``ValueError`` names the :attr:`parts` there are."""
        if name not in self.parts:
            raise ValueError(f"part is {name!r}; expected one of {', '.join(self.parts)}.")
        lines = tuple(line for line in self.lines if line.part == name)
        return Working(title=f"{self.title}: {name}", lines=lines)

    @property
    def latex(self) -> str:
        """All lines with their captions as one ``aligned`` block, without delimiters."""
        blocks = ["".join(f"{row} \\\\\n" for row in (f"&\\text{{{line.caption}}}", *line.rows)) for line in self.lines]
        body = "[0.8em]\n".join(block.removesuffix("\n") for block in blocks).removesuffix(r" \\")
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def __str__(self) -> str:
        return "\n".join([self.title, *map(str, self.lines)])

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


_PLAIN: tuple[tuple[str, str], ...] = (
    (r"\\frac\{\\partial \\mathcal\{L\}\}\{\\partial ((?:[^{}]|\{[^{}]*\})*)\}", r"dL/d\1"),
    (r"\\begin\{bmatrix\} ", "["),
    (r" \\end\{bmatrix\}", "]"),
    (r" \\\\ ", "; "),
    (r" & ", ", "),
    (r" \\times 10\^\{(-?\d+)\}", r"e\1"),
    (r"\^\{\\top\}", "ᵀ"),
    (r"e\^\{([^{}]*)\}", r"exp(\1)"),
    (r"\\operatorname\{(\w+)\}", r"\1"),
    (r"\\odot", "⊙"),
    (r"\\approx", "≈"),
    (r"\\sigma", "σ"),
    (r"\\(tanh|max)", r"\1"),
    (r"_\{(\w+)\}", r"_\1"),
)


def _plain(latex: str) -> str:
    for pattern, replacement in _PLAIN:
        latex = re.sub(pattern, replacement, latex)
    return latex


# --- numbers as text


@dataclass(frozen=True, eq=False)
class _Shown:
    """Numbers beside the texts that stand for them; ``exact`` where the text is the number.

    A value that is float noise around zero is held as 0, so that what is computed from it is 0 as well.
    """

    values: FloatArray
    texts: NDArray[np.str_]
    exact: NDArray[np.bool_]


def _denoised(value: float, scale: float) -> Decimal:
    """The value as a decimal, without the digits that float64 arithmetic at this scale makes up."""
    largest = Decimal(max(abs(value), scale))
    if not largest:
        return Decimal(0)
    quantum = Decimal(1).scaleb(largest.adjusted() - _NOISE_PLACES)
    # The shortest decimal that reads back as this float: 0.145 is a tie for a reader, though not in binary.
    return Decimal(repr(value)).quantize(quantum, ROUND_HALF_EVEN) or Decimal(0)


def _written(value: float, digits: int, scale: float, exact: bool) -> tuple[str, bool, Decimal]:
    """A number's text, whether the text is the number, and the number without float noise."""
    number = _denoised(value, scale)
    exponent = number.adjusted() if number else 0
    scientific = not -digits <= exponent < _LARGE_EXPONENT
    places = digits - 1 - exponent if scientific else digits
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    exact = exact and rounded == number
    mantissa = rounded
    if scientific:  # quantised once more: rounding 9.9996 up leaves a digit too many
        mantissa = rounded.scaleb(-rounded.adjusted()).quantize(Decimal(1).scaleb(1 - digits))
    text = format(mantissa.normalize() if exact else mantissa, "f")
    return (rf"{text} \times 10^{{{rounded.adjusted()}}}" if scientific else text), exact, number


def _bmatrix(rows: Iterable[Iterable[str]]) -> str:
    return r"\begin{bmatrix} " + r" \\ ".join(" & ".join(row) for row in rows) + r" \end{bmatrix}"


def _column(entries: Iterable[str]) -> str:
    return _bmatrix([entry] for entry in entries)


def _magnitude(*terms: FloatArray) -> FloatArray:
    """Sum of absolute values, held finite: the scale at which a sum's float noise lies."""
    with np.errstate(over="ignore"):
        total = np.sum([np.abs(term) for term in terms], axis=0)
    return np.asarray(np.minimum(total, np.finfo(np.float64).max), dtype=np.float64)


def _given(*shown: _Shown) -> str:
    """The relation before an expression in these numbers."""
    return "=" if all(numbers.exact.all() for numbers in shown) else r"\approx"


# --- a sheet that fills line by line

_Label = tuple[str, ...]  # part, caption, left side, and a formula where the left side is a name for one
_Sides = list[tuple[str, str]]
_Vector = FloatArray | _Shown


class _Sheet:
    """The lines written so far, and with how many decimals."""

    def __init__(self, digits: int) -> None:
        if isinstance(digits, bool) or not isinstance(digits, int):
            raise TypeError(f"digits is {digits!r}; expected an integer from 1 to 10.")
        if not 1 <= digits <= 10:
            raise ValueError(f"digits is {digits}; expected an integer from 1 to 10.")
        self.digits = digits
        self.lines: list[Line] = []

    def add(self, label: _Label, sides: _Sides, value: FloatArray) -> None:
        part, caption, symbol, *formula = label
        self.lines.append(Line(part, caption, symbol, (*(("=", side) for side in formula), *sides), value))

    def show(
        self, values: FloatArray, *, scale: ArrayLike = 0.0, exact: ArrayLike = True, zero: ArrayLike = False
    ) -> _Shown:
        """Texts for values; ``scale`` says where float noise lies, ``zero`` which entries are noise alone."""
        shape = values.shape
        numbers = np.where(zero, 0.0, values)
        sizes = np.where(zero, 0.0, np.broadcast_to(scale, shape))
        flags = np.broadcast_to(exact, shape)
        entries = [
            _written(float(number), self.digits, float(size), bool(flag))
            for number, size, flag in zip(numbers.flat, sizes.flat, flags.flat, strict=True)
        ]
        texts, kept, read = ([entry[k] for entry in entries] for k in range(3))
        zeros = np.array(read, dtype=np.float64).reshape(shape) == 0
        text, sure = np.array(texts, np.str_).reshape(shape), np.array(kept, np.bool_).reshape(shape)
        return _Shown(np.where(zeros, 0.0, numbers), text, sure)

    def copy(self, label: _Label, v: _Shown, value: FloatArray) -> None:
        """A vector as it is."""
        self.add(label, [(_given(v), _column(v.texts))], value)

    def matvec(self, label: _Label, W: FloatArray, v: _Vector, value: FloatArray) -> _Shown:
        """``W v``, every row expanded."""
        matrix, vector = self.show(W), v if isinstance(v, _Shown) else self.show(v)
        with np.errstate(over="ignore"):
            scale = _magnitude(*(matrix.values * vector.values).T)
        result = self.show(value, scale=scale, exact=matrix.exact.all(axis=1) & vector.exact.all(), zero=scale == 0)
        rows = [zip(row, vector.texts, strict=True) for row in matrix.texts.tolist()]
        products = [" + ".join(f"({w})({x})" for w, x in row) for row in rows]
        start = (_given(matrix, vector), f"{_bmatrix(matrix.texts)} {_column(vector.texts)}")
        self.add(label, [start, ("=", _column(products)), (_given(result), _column(result.texts))], value)
        return result

    def outer(self, label: _Label, a: _Shown, v: FloatArray, value: FloatArray) -> None:
        """``a vᵀ``, every entry expanded."""
        b = self.show(v)
        zero = (a.values == 0)[:, None] | (b.values == 0)
        result = self.show(value, exact=a.exact[:, None] & b.exact[None, :], zero=zero)
        entries = _bmatrix([[f"({x})({y})" for y in b.texts] for x in a.texts])
        start = (_given(a, b), f"{_column(a.texts)} {_bmatrix([b.texts])}")
        self.add(label, [start, ("=", entries), (_given(result), _bmatrix(result.texts))], value)

    def total(self, label: _Label, terms: Sequence[_Vector], value: FloatArray) -> _Shown:
        """A sum of vectors."""
        shown = [term if isinstance(term, _Shown) else self.show(term) for term in terms]
        scale = _magnitude(*(term.values for term in shown))
        exact = np.all([term.exact for term in shown], axis=0)
        result = self.show(value, scale=scale, exact=exact, zero=scale == 0)
        columns = " + ".join(_column(term.texts) for term in shown)
        self.add(label, [(_given(*shown), columns), (_given(result), _column(result.texts))], value)
        return result

    def hadamard(self, label: _Label, a: _Shown, v: _Vector, value: FloatArray) -> _Shown:
        """An elementwise product."""
        b = v if isinstance(v, _Shown) else self.show(v)
        result = self.show(value, exact=a.exact & b.exact, zero=(a.values == 0) | (b.values == 0))
        expanded = _column([f"({x})({y})" for x, y in zip(a.texts, b.texts, strict=True)])
        start = (_given(a, b), rf"{_column(a.texts)} \odot {_column(b.texts)}")
        self.add(label, [start, ("=", expanded), (_given(result), _column(result.texts))], value)
        return result

    def mapped(self, label: _Label, entry: str, x: _Shown, result: _Shown, value: FloatArray) -> _Shown:
        """A function applied to each entry, written as ``entry`` with the number in place of ``@``."""
        inside = _column([entry.replace("@", text) for text in x.texts.tolist()])
        self.add(label, [(_given(x), inside), (_given(result), _column(result.texts))], value)
        return result

    def tanh(self, label: _Label, x: _Shown, value: FloatArray) -> _Shown:
        """The hyperbolic tangent of each entry."""
        result = self.show(value, exact=x.exact & (x.values == 0), zero=x.values == 0)
        return self.mapped(label, r"\tanh(@)", x, result, value)

    def sigmoid(self, label: _Label, x: _Shown, value: FloatArray) -> _Shown:
        """The logistic function of each entry."""
        return self.mapped(label, r"\sigma(@)", x, self.show(value, exact=x.exact & (x.values == 0)), value)

    def relu(self, label: _Label, x: _Shown, value: FloatArray) -> _Shown:
        """The positive part of each entry."""
        result = self.show(value, exact=x.exact | (x.values <= 0), zero=x.values <= 0)
        return self.mapped(label, r"\max(0, @)", x, result, value)

    def done(self, title: str) -> Working:
        """What was written."""
        return Working(title, tuple(self.lines))


# --- workings


def rnn_working(step: RNNStep, *, digits: int = 4) -> Working:
    """One step of a plain RNN written out in four lines: ``W_hh h_prev``, ``W_xh x``, ``z`` and ``h``."""
    sheet = _Sheet(digits)
    label = ("recurrent_term", "The previous state through its weights", r"W_{hh} h_{t-1}")
    recurrent = sheet.matvec(label, step.W_hh, step.h_prev, step.recurrent_term)
    label = ("input_term", "The input through its weights", r"W_{xh} x_t")
    incoming = sheet.matvec(label, step.W_xh, step.x, step.input_term)
    terms = ("z", "Both and the bias", "z_t", r"W_{hh} h_{t-1} + W_{xh} x_t + b_h")
    z = sheet.total(terms, [recurrent, incoming, step.b_h], step.z)
    if step.nonlinearity == "tanh":
        sheet.tanh(("h", "The new state", "h_t", r"\tanh(z_t)"), z, step.h)
    else:
        sheet.relu(("h", "The new state", "h_t", r"\operatorname{ReLU}(z_t)"), z, step.h)
    return sheet.done("One step of an RNN")


def rnn_backward_working(gradients: RNNGradients, *, digits: int = 4) -> Working:
    """The chain rule back through one step of a plain RNN, written out in seven lines.

    The slope at ``z``, then the gradients by ``z``, ``W_xh``, ``W_hh``, ``b_h``, ``h_prev`` and ``x``.
    """

    def by(variable: str) -> str:
        return rf"\frac{{\partial \mathcal{{L}}}}{{\partial {variable}}}"

    sheet, step, error = _Sheet(digits), gradients.step, by("z_t")
    slope = _slope(sheet, gradients)
    factor = "(1 - h_t^2)" if step.nonlinearity == "tanh" else r"\operatorname{ReLU}'(z_t)"
    label: _Label = ("dz", "Back through the nonlinearity", error, rf"{by('h_t')} \odot {factor}")
    dz = sheet.hadamard(label, sheet.show(gradients.dh), slope, gradients.dz)
    label = ("dW_xh", "The input weights: error times input", by("W_{xh}"), rf"{error} x_t^{{\top}}")
    sheet.outer(label, dz, step.x, gradients.dW_xh)
    label = ("dW_hh", "The recurrent weights: error times state", by("W_{hh}"), rf"{error} h_{{t-1}}^{{\top}}")
    sheet.outer(label, dz, step.h_prev, gradients.dW_hh)
    sheet.copy(("db_h", "The bias: the error itself", by("b_h"), error), dz, gradients.db_h)
    label = ("dh_prev", "To the previous state", by("h_{t-1}"), rf"W_{{hh}}^{{\top}} {error}")
    sheet.matvec(label, step.W_hh.T, dz, gradients.dh_prev)
    label = ("dx", "To the input", by("x_t"), rf"W_{{xh}}^{{\top}} {error}")
    sheet.matvec(label, step.W_xh.T, dz, gradients.dx)
    return sheet.done("Back through one step of an RNN")


def _slope(sheet: _Sheet, gradients: RNNGradients) -> _Shown:
    """The nonlinearity's derivative at ``z``."""
    step = gradients.step
    if step.nonlinearity == "relu":
        label = ("slope", "The slope of ReLU: 1 above zero, else 0", r"\operatorname{ReLU}'(z_t)")
        slope, entry = sheet.show(gradients.slope), r"\operatorname{ReLU}'(@)"
        return sheet.mapped(label, entry, sheet.show(step.z), slope, gradients.slope)
    h = sheet.show(step.h, exact=step.z == 0)
    slope = sheet.show(gradients.slope, scale=1.0, exact=h.exact)
    return sheet.mapped(("slope", "The slope of tanh", "1 - h_t^2"), "1 - (@)^2", h, slope, gradients.slope)


def linear_working(step: LinearStep, *, digits: int = 4) -> Working:
    """The logits of one state written out in two lines: ``W_hy h`` and ``y``."""
    sheet = _Sheet(digits)
    label = ("product", "The state through the output weights", r"W_{hy} h_t")
    product = sheet.matvec(label, step.W_hy, step.h, step.product)
    sheet.total(("y", "The bias added: the logits", "y_t", r"W_{hy} h_t + b_y"), [product, step.b_y], step.y)
    return sheet.done("The logits")


def softmax_working(logits: ArrayLike, *, digits: int = 4) -> Working:
    """Probabilities from logits ``(classes,)`` written out, the largest logit subtracted first.

    Four lines: the shifted logits, their exponentials, the sum of these, and the probabilities.
    """
    sheet = _Sheet(digits)
    probabilities = softmax(logits)
    y = sheet.show(np.asarray(logits, dtype=np.float64))
    top = int(np.argmax(y.values))
    largest = np.full_like(y.values, y.values[top])
    less = y.values - largest
    exact = (y.exact & y.exact[top]) | (less == 0)
    shifted = sheet.show(less, scale=_magnitude(y.values, largest), exact=exact)
    label: _Label = ("shifted", "Each logit less the largest, m", "y_t - m")
    sheet.mapped(label, f"(@) - ({y.texts[top]})", y, shifted, less)
    weights = np.exp(less)
    powers = sheet.show(weights, exact=shifted.exact & (shifted.values == 0))
    sheet.mapped(("exponentials", "Their exponentials", "e^{y_t - m}"), "e^{@}", shifted, powers, weights)
    total = np.asarray(weights.sum())
    s = sheet.show(total, exact=powers.exact.all())
    terms = [(_given(powers), " + ".join(powers.texts.tolist())), (_given(s), str(s.texts))]
    sheet.add(("sum", "Their sum", "s"), terms, total)
    shares = _Shown(powers.values, powers.texts, powers.exact & s.exact)
    label = ("p", "Each share of the sum: the probabilities", "p_t", "e^{y_t - m} / s")
    p = sheet.show(probabilities, exact=shares.exact)
    sheet.mapped(label, f"(@) / ({s.texts})", shares, p, probabilities)
    return sheet.done("The probabilities")


def _products(sheet: _Sheet, k: str, words: str, rows: slice, step: LSTMStep | GRUStep) -> tuple[_Shown, _Shown]:
    """Input and state, each through the rows of the weights that belong to gate ``k``."""
    label = (k, f"{words}: the input", rf"W_{{i{k}}} x_t")
    incoming = sheet.matvec(label, step.W_ih[rows], step.x, step.input_term[rows])
    label = (k, f"{words}: the previous state", rf"W_{{h{k}}} h_{{t-1}}")
    return incoming, sheet.matvec(label, step.W_hh[rows], step.h_prev, step.recurrent_term[rows])


def lstm_working(step: LSTMStep, *, digits: int = 4) -> Working:
    """One step of an LSTM written out, gate by gate; ``working.part("f")`` is the forget gate alone.

    Four lines for each of ``i``, ``f``, ``g``, ``o`` (two products, the pre-activation, the value), three
    for ``c`` (kept, written, their sum) and two for ``h``.
    """
    sheet, size, gates = _Sheet(digits), len(step.h), {}
    words = {"i": "Input gate", "f": "Forget gate", "g": "Candidate", "o": "Output gate"}
    for place, (k, word) in enumerate(words.items()):
        rows = slice(place * size, (place + 1) * size)
        terms: list[_Vector] = [*_products(sheet, k, word, rows, step), step.b[rows]]
        formula = rf"W_{{i{k}}} x_t + W_{{h{k}}} h_{{t-1}} + b_{k}"
        a = sheet.total((k, f"{word}: both and the bias", f"a_{k}", formula), terms, getattr(step, f"a_{k}"))
        function, curve = (r"\tanh", sheet.tanh) if k == "g" else (r"\sigma", sheet.sigmoid)
        gates[k] = curve((k, f"{word}: its value", f"{k}_t", f"{function}(a_{k})"), a, getattr(step, k))
    keeping, writing = r"f_t \odot c_{t-1}", r"i_t \odot g_t"
    kept = sheet.hadamard(("c", "What the cell keeps", keeping), gates["f"], step.c_prev, step.kept)
    written = sheet.hadamard(("c", "What the step writes", writing), gates["i"], gates["g"], step.written)
    c = sheet.total(("c", "The new cell state", "c_t", f"{keeping} + {writing}"), [kept, written], step.c)
    tanh_c = sheet.tanh(("h", "The cell state, bounded", r"\tanh(c_t)"), c, step.tanh_c)
    sheet.hadamard(("h", "What the cell shows", "h_t", r"o_t \odot \tanh(c_t)"), gates["o"], tanh_c, step.h)
    return sheet.done("One step of an LSTM")


def gru_working(step: GRUStep, *, digits: int = 4) -> Working:
    """One step of a GRU written out, gate by gate, the reset gate inside the candidate.

    Four lines each for ``r`` and ``z``, six for ``n`` and four for ``h``; ``working.part("n")`` is the candidate alone.
    """
    sheet, size, gates = _Sheet(digits), len(step.h), {}
    for place, (k, word) in enumerate({"r": "Reset gate", "z": "Update gate"}.items()):
        rows = slice(place * size, (place + 1) * size)
        incoming, recurrent = _products(sheet, k, word, rows, step)
        formula = rf"W_{{i{k}}} x_t + b_{{i{k}}} + W_{{h{k}}} h_{{t-1}} + b_{{h{k}}}"
        terms: list[_Vector] = [incoming, step.b_ih[rows], recurrent, step.b_hh[rows]]
        a = sheet.total((k, f"{word}: both and the biases", f"a_{k}", formula), terms, getattr(step, f"a_{k}"))
        gates[k] = sheet.sigmoid((k, f"{word}: its value", f"{k}_t", rf"\sigma(a_{k})"), a, getattr(step, k))
    n = _gru_candidate(sheet, step, gates["r"])
    share = 1.0 - step.z
    rest = sheet.show(share, scale=1.0, exact=gates["z"].exact)
    sheet.mapped(("h", "The share of the candidate", "1 - z_t"), "1 - @", gates["z"], rest, share)
    writing, keeping = r"(1 - z_t) \odot n_t", r"z_t \odot h_{t-1}"
    written = sheet.hadamard(("h", "What the step writes", writing), rest, n, step.written)
    kept = sheet.hadamard(("h", "What the state keeps", keeping), gates["z"], step.h_prev, step.kept)
    sheet.total(("h", "The new state", "h_t", f"{writing} + {keeping}"), [written, kept], step.h)
    return sheet.done("One step of a GRU")


def _gru_candidate(sheet: _Sheet, step: GRUStep, r: _Shown) -> _Shown:
    rows = slice(2 * len(step.h), None)
    incoming, recurrent = _products(sheet, "n", "Candidate", rows, step)
    label: _Label = ("n", "Candidate: what there is to reset", "m_t", r"W_{hn} h_{t-1} + b_{hn}")
    memory = sheet.total(label, [recurrent, step.b_hh[rows]], step.memory)
    label = ("n", "Candidate: what the reset gate lets through", r"r_t \odot m_t")
    reset = sheet.hadamard(label, r, memory, step.reset_memory)
    label = ("n", "Candidate: input, bias and that", "a_n", r"W_{in} x_t + b_{in} + r_t \odot m_t")
    a = sheet.total(label, [incoming, step.b_ih[rows], reset], step.a_n)
    return sheet.tanh(("n", "Candidate: its value", "n_t", r"\tanh(a_n)"), a, step.n)
