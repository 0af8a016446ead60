r"""A step written out as a person would: every product expanded with its numbers, in LaTeX.

Each function takes a step from :mod:`rnncourse.cells` and returns a :class:`Working`: captioned lines that a
notebook shows as mathematics and a terminal as plain text.

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
* A vector, or an axis of a matrix, longer than ``limit`` shows its first three entries, dots, and its last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.cells import (
    FloatArray,
    GRUStep,
    LinearStep,
    LSTMStep,
    RNNGradients,
    RNNStep,
    softmax,
)

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

BoolArray = NDArray[np.bool_]

_NOISE_PLACES = 13
_LARGE_EXPONENT = 7
_HEAD = 3


# --- what a reader gets --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One quantity of a working.

    Attributes:
        part: the quantity this line works towards, such as ``"f"`` for every line of the forget gate.
        caption: what the line does, in a few words.
        symbol: left side, LaTeX.
        expressions: right sides in order, each with the relation before it; the last holds the value.
        value: the unrounded value, an array with the shape of the quantity.
    """

    part: str
    caption: str
    symbol: str
    expressions: tuple[tuple[str, str], ...]
    value: FloatArray = field(compare=False, repr=False)

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
    """A calculation written out line by line; a notebook shows it as mathematics.

    Attributes:
        title: what is worked out.
        lines: the lines in order, each a :class:`Line`.
    """

    title: str
    lines: tuple[Line, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names that :meth:`part` takes, in order of appearance."""
        return tuple(dict.fromkeys(line.part for line in self.lines))

    def part(self, name: str) -> Working:
        """The lines of one part, such as one gate.

        Args:
            name: one of :attr:`parts`.

        Returns:
            A working of those lines alone.

        Raises:
            ValueError: there is no such part.
        """
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
    (r"\\(?:cdots|vdots|ddots)", "…"),
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


# --- numbers as text -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Shown:
    """Numbers beside the texts that stand for them; ``exact`` where the text is the number.

    A value that is float noise around zero is held as 0, so that what is computed from it is 0 as well.
    """

    values: FloatArray
    texts: NDArray[np.str_]
    exact: BoolArray


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


def _bmatrix(rows: Sequence[Sequence[str]]) -> str:
    return r"\begin{bmatrix} " + r" \\ ".join(" & ".join(row) for row in rows) + r" \end{bmatrix}"


def _magnitude(*terms: FloatArray) -> FloatArray:
    """Sum of absolute values, held finite: the scale at which a sum's float noise lies."""
    with np.errstate(over="ignore"):
        total = np.sum([np.abs(term) for term in terms], axis=0)
    return np.asarray(np.minimum(total, np.finfo(np.float64).max), dtype=np.float64)


@dataclass(frozen=True)
class _Pen:
    """How numbers are written: decimals, and the length from which vectors are elided."""

    digits: int
    limit: int

    def __post_init__(self) -> None:
        for name, value, low, high in (("digits", self.digits, 1, 10), ("limit", self.limit, 4, 64)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} is {value!r}; expected an integer from {low} to {high}.")
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}; expected an integer from {low} to {high}.")

    def show(
        self,
        values: FloatArray,
        *,
        scale: ArrayLike = 0.0,
        exact: ArrayLike = True,
        zero: ArrayLike = False,
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
        read = np.array([number for _, _, number in entries], dtype=np.float64).reshape(shape)
        texts = np.array([text for text, _, _ in entries], dtype=np.str_).reshape(shape)
        kept = np.array([flag for _, flag, _ in entries], dtype=np.bool_).reshape(shape)
        return _Shown(np.where(read == 0, 0.0, numbers), texts, kept)

    def picked(self, length: int) -> list[int | None]:
        """Indices to show, None where the dots stand."""
        return [*range(length)] if length <= self.limit else [*range(_HEAD), None, length - 1]

    def column(self, entries: Sequence[str] | NDArray[np.str_]) -> str:
        return _bmatrix([[r"\vdots" if k is None else entries[k]] for k in self.picked(len(entries))])

    def grid(self, shape: tuple[int, ...], entry: Callable[[int, int], str]) -> str:
        def cell(row: int | None, column: int | None) -> str:
            if row is None:
                return r"\vdots" if column is not None else r"\ddots"
            return r"\cdots" if column is None else entry(row, column)

        columns = self.picked(shape[1])
        return _bmatrix([[cell(row, column) for column in columns] for row in self.picked(shape[0])])

    def matrix(self, shown: _Shown) -> str:
        return self.grid(shown.texts.shape, lambda row, column: str(shown.texts[row, column]))

    def joined(self, terms: Sequence[str]) -> str:
        return " + ".join(r"\cdots" if k is None else terms[k] for k in self.picked(len(terms)))


# --- kinds of line -------------------------------------------------------------------------------------------


class _Label(NamedTuple):
    """Part, caption and left side of a line; and a formula where the left side is a name for one."""

    part: str
    caption: str
    symbol: str
    formula: str = ""


def _line(label: _Label, sides: Sequence[tuple[str, str]], value: FloatArray) -> Line:
    start = [("=", label.formula)] if label.formula else []
    return Line(label.part, label.caption, label.symbol, (*start, *sides), value)


def _given(*shown: _Shown) -> str:
    """The relation before an expression in these numbers."""
    return "=" if all(numbers.exact.all() for numbers in shown) else r"\approx"


def _matvec(pen: _Pen, label: _Label, W: _Shown, v: _Shown, value: FloatArray) -> tuple[Line, _Shown]:
    """``W v``, every row expanded."""
    with np.errstate(over="ignore"):
        scale = _magnitude(*(W.values * v.values).T)
    result = pen.show(value, scale=scale, exact=W.exact.all(axis=1) & v.exact.all(), zero=scale == 0)
    products = [pen.joined([f"({w})({x})" for w, x in zip(row, v.texts, strict=True)]) for row in W.texts.tolist()]
    sides = [
        (_given(W, v), f"{pen.matrix(W)} {pen.column(v.texts)}"),
        ("=", pen.column(products)),
        (_given(result), pen.column(result.texts)),
    ]
    return _line(label, sides, value), result


def _outer(pen: _Pen, label: _Label, a: _Shown, b: _Shown, value: FloatArray) -> Line:
    """``a bᵀ``, every entry expanded."""
    zero = (a.values == 0)[:, None] | (b.values == 0)
    result = pen.show(value, exact=a.exact[:, None] & b.exact[None, :], zero=zero)
    row = _bmatrix([[r"\cdots" if k is None else str(b.texts[k]) for k in pen.picked(len(b.texts))]])
    sides = [
        (_given(a, b), f"{pen.column(a.texts)} {row}"),
        ("=", pen.grid(value.shape, lambda j, k: f"({a.texts[j]})({b.texts[k]})")),
        (_given(result), pen.matrix(result)),
    ]
    return _line(label, sides, value)


def _total(pen: _Pen, label: _Label, terms: Sequence[_Shown], value: FloatArray) -> tuple[Line, _Shown]:
    """A sum of vectors."""
    scale = _magnitude(*(term.values for term in terms))
    exact = np.all([term.exact for term in terms], axis=0)
    result = pen.show(value, scale=scale, exact=exact, zero=scale == 0)
    columns = " + ".join(pen.column(term.texts) for term in terms)
    sides = [(_given(*terms), columns), (_given(result), pen.column(result.texts))]
    return _line(label, sides, value), result


def _hadamard(pen: _Pen, label: _Label, a: _Shown, b: _Shown, value: FloatArray) -> tuple[Line, _Shown]:
    """An elementwise product."""
    result = pen.show(value, exact=a.exact & b.exact, zero=(a.values == 0) | (b.values == 0))
    expanded = pen.column([f"({x})({y})" for x, y in zip(a.texts, b.texts, strict=True)])
    sides = [
        (_given(a, b), rf"{pen.column(a.texts)} \odot {pen.column(b.texts)}"),
        ("=", expanded),
        (_given(result), pen.column(result.texts)),
    ]
    return _line(label, sides, value), result


def _mapped(
    pen: _Pen, label: _Label, entry: Callable[[str], str], x: _Shown, result: _Shown, value: FloatArray
) -> Line:
    """A function applied to each entry."""
    sides = [
        (_given(x), pen.column([entry(text) for text in x.texts.tolist()])),
        (_given(result), pen.column(result.texts)),
    ]
    return _line(label, sides, value)


def _tanh(pen: _Pen, label: _Label, x: _Shown, value: FloatArray) -> tuple[Line, _Shown]:
    result = pen.show(value, exact=x.exact & (x.values == 0), zero=x.values == 0)
    return _mapped(pen, label, lambda text: rf"\tanh({text})", x, result, value), result


def _sigmoid(pen: _Pen, label: _Label, x: _Shown, value: FloatArray) -> tuple[Line, _Shown]:
    result = pen.show(value, exact=x.exact & (x.values == 0))
    return _mapped(pen, label, lambda text: rf"\sigma({text})", x, result, value), result


def _relu(pen: _Pen, label: _Label, x: _Shown, value: FloatArray) -> tuple[Line, _Shown]:
    result = pen.show(value, exact=x.exact | (x.values <= 0), zero=x.values <= 0)
    return _mapped(pen, label, lambda text: rf"\max(0, {text})", x, result, value), result


# --- workings ------------------------------------------------------------------------------------------------


def rnn_working(step: RNNStep, *, digits: int = 4, limit: int = 6) -> Working:
    """One step of a plain RNN written out.

    Args:
        step: a step from :func:`rnncourse.cells.rnn_step`.
        digits: decimals printed, from 1 to 10.
        limit: longest vector printed in full, from 4 to 64.

    Returns:
        Four lines: ``W_hh h_prev``, ``W_xh x``, ``z`` and ``h``.

    Raises:
        TypeError: ``digits`` or ``limit`` is not an integer.
        ValueError: ``digits`` or ``limit`` is out of range.
    """
    pen = _Pen(digits, limit)
    label = _Label("recurrent_term", "The previous state through its weights", r"W_{hh} h_{t-1}")
    past, recurrent = _matvec(pen, label, pen.show(step.W_hh), pen.show(step.h_prev), step.recurrent_term)
    label = _Label("input_term", "The input through its weights", r"W_{xh} x_t")
    present, incoming = _matvec(pen, label, pen.show(step.W_xh), pen.show(step.x), step.input_term)
    label = _Label("z", "Both and the bias", "z_t", r"W_{hh} h_{t-1} + W_{xh} x_t + b_h")
    total, z = _total(pen, label, [recurrent, incoming, pen.show(step.b_h)], step.z)
    if step.nonlinearity == "tanh":
        state, _ = _tanh(pen, _Label("h", "The new state", "h_t", r"\tanh(z_t)"), z, step.h)
    else:
        label = _Label("h", "The new state", "h_t", r"\operatorname{ReLU}(z_t)")
        state, _ = _relu(pen, label, z, step.h)
    return Working("One step of an RNN", (past, present, total, state))


def _by(variable: str) -> str:
    return rf"\frac{{\partial \mathcal{{L}}}}{{\partial {variable}}}"


def rnn_backward_working(gradients: RNNGradients, *, digits: int = 4, limit: int = 6) -> Working:
    """The chain rule back through one step of a plain RNN, written out.

    Args:
        gradients: from :func:`rnncourse.cells.rnn_step_backward`.
        digits: decimals printed, from 1 to 10.
        limit: longest vector printed in full, from 4 to 64.

    Returns:
        Seven lines: the slope at ``z``, then the gradients by ``z``, ``W_xh``, ``W_hh``, ``b_h``, ``h_prev``
        and ``x``.

    Raises:
        TypeError: ``digits`` or ``limit`` is not an integer.
        ValueError: ``digits`` or ``limit`` is out of range.
    """
    pen = _Pen(digits, limit)
    slope_line, slope = _slope(pen, gradients)
    factor = "(1 - h_t^2)" if gradients.step.nonlinearity == "tanh" else slope_line.symbol
    label = _Label("dz", "Back through the nonlinearity", _by("z_t"), rf"{_by('h_t')} \odot {factor}")
    error, dz = _hadamard(pen, label, pen.show(gradients.dh), slope, gradients.dz)
    after = (*_weight_gradients(pen, gradients, dz), *_passed_back(pen, gradients, dz))
    return Working("Back through one step of an RNN", (slope_line, error, *after))


def _slope(pen: _Pen, gradients: RNNGradients) -> tuple[Line, _Shown]:
    """The nonlinearity's derivative at ``z``."""
    step = gradients.step
    if step.nonlinearity == "relu":
        z, slope = pen.show(step.z), pen.show(gradients.slope)
        label = _Label("slope", "The slope of ReLU: 1 above zero, else 0", r"\operatorname{ReLU}'(z_t)")
        entry = r"\operatorname{{ReLU}}'({})".format
        return _mapped(pen, label, entry, z, slope, gradients.slope), slope
    h = pen.show(step.h, exact=step.z == 0)
    slope = pen.show(gradients.slope, scale=1.0, exact=h.exact)
    label = _Label("slope", "The slope of tanh", "1 - h_t^2")
    return _mapped(pen, label, "1 - ({})^2".format, h, slope, gradients.slope), slope


def _weight_gradients(pen: _Pen, gradients: RNNGradients, dz: _Shown) -> tuple[Line, Line, Line]:
    step, error = gradients.step, _by("z_t")
    label = _Label("dW_xh", "The input weights: error times input", _by("W_{xh}"), rf"{error} x_t^{{\top}}")
    incoming = _outer(pen, label, dz, pen.show(step.x), gradients.dW_xh)
    label = _Label("dW_hh", "The recurrent weights: error times state", _by("W_{hh}"), rf"{error} h_{{t-1}}^{{\top}}")
    recurrent = _outer(pen, label, dz, pen.show(step.h_prev), gradients.dW_hh)
    label = _Label("db_h", "The bias: the error itself", _by("b_h"), error)
    return incoming, recurrent, _line(label, [(_given(dz), pen.column(dz.texts))], gradients.db_h)


def _passed_back(pen: _Pen, gradients: RNNGradients, dz: _Shown) -> tuple[Line, Line]:
    step, error = gradients.step, _by("z_t")
    label = _Label("dh_prev", "To the previous state", _by("h_{t-1}"), rf"W_{{hh}}^{{\top}} {error}")
    state, _ = _matvec(pen, label, pen.show(step.W_hh.T), dz, gradients.dh_prev)
    label = _Label("dx", "To the input", _by("x_t"), rf"W_{{xh}}^{{\top}} {error}")
    return state, _matvec(pen, label, pen.show(step.W_xh.T), dz, gradients.dx)[0]


def linear_working(step: LinearStep, *, digits: int = 4, limit: int = 6) -> Working:
    """The logits of one state written out.

    Args:
        step: a step from :func:`rnncourse.cells.linear_step`.
        digits: decimals printed, from 1 to 10.
        limit: longest vector printed in full, from 4 to 64.

    Returns:
        Two lines: ``W_hy h`` and ``y``.

    Raises:
        TypeError: ``digits`` or ``limit`` is not an integer.
        ValueError: ``digits`` or ``limit`` is out of range.
    """
    pen = _Pen(digits, limit)
    label = _Label("product", "The state through the output weights", r"W_{hy} h_t")
    product, shown = _matvec(pen, label, pen.show(step.W_hy), pen.show(step.h), step.product)
    label = _Label("y", "The bias added: the logits", "y_t", r"W_{hy} h_t + b_y")
    total, _ = _total(pen, label, [shown, pen.show(step.b_y)], step.y)
    return Working("The logits", (product, total))


def softmax_working(logits: ArrayLike, *, digits: int = 4, limit: int = 6) -> Working:
    """Probabilities from logits written out, the largest logit subtracted first.

    Args:
        logits: one score per class, shape ``(classes,)``.
        digits: decimals printed, from 1 to 10.
        limit: longest vector printed in full, from 4 to 64.

    Returns:
        Four lines: the shifted logits, their exponentials, the sum of these, and the probabilities.

    Raises:
        TypeError: ``logits`` does not hold real numbers, or ``digits`` or ``limit`` is not an integer.
        ValueError: ``logits`` is not one axis of finite numbers, or ``digits`` or ``limit`` is out of range.
    """
    pen = _Pen(digits, limit)
    probabilities = softmax(logits)
    y = pen.show(np.asarray(logits, dtype=np.float64))
    shift_line, shifted = _shift(pen, y)
    weights = np.exp(shift_line.value)
    powers = pen.show(weights, exact=shifted.exact & (shifted.values == 0))
    label = _Label("exponentials", "Their exponentials", "e^{y_t - m}")
    exponentials = _mapped(pen, label, "e^{{{}}}".format, shifted, powers, weights)
    total = np.asarray(weights.sum())
    s = pen.show(total, exact=powers.exact.all())
    sides = [(_given(powers), pen.joined(powers.texts.tolist())), (_given(s), str(s.texts))]
    sum_line = _line(_Label("sum", "Their sum", "s"), sides, total)
    shares = _Shown(powers.values, powers.texts, powers.exact & s.exact)
    p = pen.show(probabilities, exact=shares.exact)
    label = _Label("p", "Each share of the sum: the probabilities", "p_t", "e^{y_t - m} / s")
    share_line = _mapped(pen, label, lambda text: f"({text}) / ({s.texts})", shares, p, probabilities)
    return Working("The probabilities", (shift_line, exponentials, sum_line, share_line))


def _shift(pen: _Pen, y: _Shown) -> tuple[Line, _Shown]:
    """Each logit less the largest."""
    top = int(np.argmax(y.values))
    largest = np.full_like(y.values, y.values[top])
    value = y.values - largest
    exact = (y.exact & y.exact[top]) | (value == 0)
    shifted = pen.show(value, scale=_magnitude(y.values, largest), exact=exact)
    label = _Label("shifted", "Each logit less the largest, m", "y_t - m")
    return _mapped(pen, label, lambda text: f"({text}) - ({y.texts[top]})", y, shifted, value), shifted


class _Gate(NamedTuple):
    """One gate: its letter, its name in words, and its rows of the stacked weights."""

    letter: str
    words: str
    rows: slice


def _gates(words: dict[str, str], size: int) -> list[_Gate]:
    return [_Gate(k, words[k], slice(j * size, (j + 1) * size)) for j, k in enumerate(words)]


def _gate_products(pen: _Pen, gate: _Gate, step: LSTMStep | GRUStep) -> tuple[list[Line], tuple[_Shown, _Shown]]:
    """Input and state, each through the gate's rows of the weights."""
    k, words, rows = gate
    label = _Label(k, f"{words}: the input", rf"W_{{i{k}}} x_t")
    first, incoming = _matvec(pen, label, pen.show(step.W_ih[rows]), pen.show(step.x), step.input_term[rows])
    label = _Label(k, f"{words}: the previous state", rf"W_{{h{k}}} h_{{t-1}}")
    second, recurrent = _matvec(pen, label, pen.show(step.W_hh[rows]), pen.show(step.h_prev), step.recurrent_term[rows])
    return [first, second], (incoming, recurrent)


def _lstm_gate(pen: _Pen, gate: _Gate, step: LSTMStep) -> tuple[list[Line], _Shown]:
    k, words, rows = gate
    products, terms = _gate_products(pen, gate, step)
    formula = rf"W_{{i{k}}} x_t + W_{{h{k}}} h_{{t-1}} + b_{k}"
    label = _Label(k, f"{words}: both and the bias", f"a_{k}", formula)
    total, a = _total(pen, label, [*terms, pen.show(step.b[rows])], getattr(step, f"a_{k}"))
    function, curve = (r"\tanh", _tanh) if k == "g" else (r"\sigma", _sigmoid)
    label = _Label(k, f"{words}: its value", f"{k}_t", f"{function}(a_{k})")
    value, shown = curve(pen, label, a, getattr(step, k))
    return [*products, total, value], shown


def lstm_working(step: LSTMStep, *, digits: int = 4, limit: int = 6) -> Working:
    """One step of an LSTM written out, gate by gate.

    Args:
        step: a step from :func:`rnncourse.cells.lstm_step`.
        digits: decimals printed, from 1 to 10.
        limit: longest vector printed in full, from 4 to 64.

    Returns:
        Four lines for each of ``i``, ``f``, ``g``, ``o`` (two products, the pre-activation, the value), three
        for ``c`` (kept, written, their sum) and two for ``h``. ``working.part("f")`` is the forget gate alone.

    Raises:
        TypeError: ``digits`` or ``limit`` is not an integer.
        ValueError: ``digits`` or ``limit`` is out of range.
    """
    pen = _Pen(digits, limit)
    words = {"i": "Input gate", "f": "Forget gate", "g": "Candidate", "o": "Output gate"}
    lines: list[Line] = []
    shown: dict[str, _Shown] = {}
    for gate in _gates(words, len(step.h)):
        gate_lines, shown[gate.letter] = _lstm_gate(pen, gate, step)
        lines += gate_lines
    return Working("One step of an LSTM", (*lines, *_lstm_states(pen, step, shown)))


def _lstm_states(pen: _Pen, step: LSTMStep, gates: dict[str, _Shown]) -> list[Line]:
    """The cell state and the hidden state from the gates."""
    keeping, writing = r"f_t \odot c_{t-1}", r"i_t \odot g_t"
    label = _Label("c", "What the cell keeps", keeping)
    kept_line, kept = _hadamard(pen, label, gates["f"], pen.show(step.c_prev), step.kept)
    label = _Label("c", "What the step writes", writing)
    written_line, written = _hadamard(pen, label, gates["i"], gates["g"], step.written)
    label = _Label("c", "The new cell state", "c_t", f"{keeping} + {writing}")
    cell_line, c = _total(pen, label, [kept, written], step.c)
    tanh_line, tanh_c = _tanh(pen, _Label("h", "The cell state, bounded", r"\tanh(c_t)"), c, step.tanh_c)
    label = _Label("h", "What the cell shows", "h_t", r"o_t \odot \tanh(c_t)")
    output_line, _ = _hadamard(pen, label, gates["o"], tanh_c, step.h)
    return [kept_line, written_line, cell_line, tanh_line, output_line]


def gru_working(step: GRUStep, *, digits: int = 4, limit: int = 6) -> Working:
    """One step of a GRU written out, gate by gate, the reset gate inside the candidate.

    Args:
        step: a step from :func:`rnncourse.cells.gru_step`.
        digits: decimals printed, from 1 to 10.
        limit: longest vector printed in full, from 4 to 64.

    Returns:
        Four lines each for ``r`` and ``z``, six for ``n`` and four for ``h``. ``working.part("n")`` is the
        candidate alone.

    Raises:
        TypeError: ``digits`` or ``limit`` is not an integer.
        ValueError: ``digits`` or ``limit`` is out of range.
    """
    pen = _Pen(digits, limit)
    words = {"r": "Reset gate", "z": "Update gate", "n": "Candidate"}
    reset, update, candidate = _gates(words, len(step.h))
    reset_lines, r = _gru_gate(pen, reset, step)
    update_lines, z = _gru_gate(pen, update, step)
    candidate_lines, n = _gru_candidate(pen, candidate, step, r)
    lines = (*reset_lines, *update_lines, *candidate_lines, *_gru_state(pen, step, z, n))
    return Working("One step of a GRU", lines)


def _gru_gate(pen: _Pen, gate: _Gate, step: GRUStep) -> tuple[list[Line], _Shown]:
    k, words, rows = gate
    products, (incoming, recurrent) = _gate_products(pen, gate, step)
    formula = rf"W_{{i{k}}} x_t + b_{{i{k}}} + W_{{h{k}}} h_{{t-1}} + b_{{h{k}}}"
    terms = [incoming, pen.show(step.b_ih[rows]), recurrent, pen.show(step.b_hh[rows])]
    label = _Label(k, f"{words}: both and the biases", f"a_{k}", formula)
    total, a = _total(pen, label, terms, getattr(step, f"a_{k}"))
    label = _Label(k, f"{words}: its value", f"{k}_t", rf"\sigma(a_{k})")
    value, shown = _sigmoid(pen, label, a, getattr(step, k))
    return [*products, total, value], shown


def _gru_candidate(pen: _Pen, gate: _Gate, step: GRUStep, r: _Shown) -> tuple[list[Line], _Shown]:
    rows = gate.rows
    products, (incoming, recurrent) = _gate_products(pen, gate, step)
    label = _Label("n", "Candidate: what there is to reset", "m_t", r"W_{hn} h_{t-1} + b_{hn}")
    memory_line, memory = _total(pen, label, [recurrent, pen.show(step.b_hh[rows])], step.memory)
    label = _Label("n", "Candidate: what the reset gate lets through", r"r_t \odot m_t")
    reset_line, reset = _hadamard(pen, label, r, memory, step.reset_memory)
    label = _Label("n", "Candidate: input, bias and that", "a_n", r"W_{in} x_t + b_{in} + r_t \odot m_t")
    total, a = _total(pen, label, [incoming, pen.show(step.b_ih[rows]), reset], step.a_n)
    value, n = _tanh(pen, _Label("n", "Candidate: its value", "n_t", r"\tanh(a_n)"), a, step.n)
    return [*products, memory_line, reset_line, total, value], n


def _gru_state(pen: _Pen, step: GRUStep, z: _Shown, n: _Shown) -> list[Line]:
    """The new state from update gate and candidate."""
    share = 1.0 - step.z
    rest = pen.show(share, scale=1.0, exact=z.exact)
    label = _Label("h", "The share of the candidate", "1 - z_t")
    rest_line = _mapped(pen, label, "1 - {}".format, z, rest, share)
    writing, keeping = r"(1 - z_t) \odot n_t", r"z_t \odot h_{t-1}"
    label = _Label("h", "What the step writes", writing)
    written_line, written = _hadamard(pen, label, rest, n, step.written)
    label = _Label("h", "What the state keeps", keeping)
    kept_line, kept = _hadamard(pen, label, z, pen.show(step.h_prev), step.kept)
    label = _Label("h", "The new state", "h_t", f"{writing} + {keeping}")
    state_line, _ = _total(pen, label, [written, kept], step.h)
    return [rest_line, written_line, kept_line, state_line]
