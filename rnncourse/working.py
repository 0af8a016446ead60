r"""A step written out as a person would: every product expanded with its numbers, in LaTeX.

Each function takes a step from :mod:`rnncourse.cells` and returns a :class:`Working`: captioned lines that a
notebook shows as mathematics. ``digits`` are the decimals printed, from 1 to 10; others are a ``ValueError``.

How numbers are written:

* Values come from the step in full precision and are rounded for print alone, so the last printed digit can
  differ from what the printed factors give. Float64 noise is not printed: 0.1 + 0.2 is ``0.3``,
  and what is smaller than 10⁻¹⁴ is 0.
* A number that needs no more than ``digits`` decimals is written in its shortest form, ``0.5`` or ``-1.25``.
  One that had to be rounded keeps all of them, ``0.5200``. Ties go to the even digit. There is no ``-0``.
* ``=`` stands where the printed right side follows exactly from the printed left side, ``\approx`` elsewhere.
* From 10⁷ upwards, and below one unit of the last decimal, a number is written as ``1.235 \times 10^{-6}``
  with ``digits`` significant digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncourse.cells import FloatArray, GRUStep, LSTMStep, RNNStep

__all__ = ["Line", "Working", "gru_working", "lstm_working", "rnn_working"]

_NOISE_PLACES = 14  # float64 arithmetic on numbers near one makes up the digits behind this place
_LARGE_EXPONENT = 7


# --- what a reader gets


@dataclass(frozen=True)
class Line:
    """One quantity of a working."""

    part: str  #: the quantity this line works towards, such as ``"f"`` for every line of the forget gate
    caption: str  #: what the line does, in a few words
    symbol: str  #: left side, LaTeX
    sides: tuple[tuple[str, str], ...]  #: right sides, each with the relation before it; the last is the value
    value: FloatArray = field(compare=False, repr=False)  #: the unrounded value

    @property
    def rows(self) -> tuple[str, ...]:
        """The caption and one row per right side, aligned at the relation, for an ``aligned`` block."""
        rights = [f"&{relation} {side}" for relation, side in self.sides]
        return rf"&\text{{{self.caption}}}", f"{self.symbol} {rights[0]}", *rights[1:]


@dataclass(frozen=True, repr=False)
class Working:
    """A calculation written out line by line; a notebook shows it as mathematics."""

    title: str  #: what is worked out
    lines: tuple[Line, ...]  #: the lines in order

    def part(self, name: str) -> Working:
        """A working of the lines of one part, such as one gate; a ``ValueError`` names the parts there are."""
        lines = tuple(line for line in self.lines if line.part == name)
        if not lines:
            known = dict.fromkeys(line.part for line in self.lines)
            raise ValueError(f"part is {name!r}; expected one of {', '.join(known)}.")
        return Working(f"{self.title}: {name}", lines)

    @property
    def latex(self) -> str:
        """All lines with their captions as one ``aligned`` block, without delimiters."""
        body = "\\\\[0.8em]\n".join(" \\\\\n".join(line.rows) + " " for line in self.lines).rstrip()
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def __repr__(self) -> str:
        return f"{self.title}\n{self.latex}"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


# --- numbers as text


class _Shown(NamedTuple):
    """The texts that stand for numbers; ``exact`` where the text is the number."""

    texts: NDArray[np.str_]
    exact: NDArray[np.bool_]


def _shown(values: FloatArray, digits: int, exact: NDArray[np.bool_] | None = None) -> _Shown:
    flags = np.ones(values.shape, np.bool_) if exact is None else exact
    written = [_written(float(one), bool(flag), digits) for one, flag in zip(values.flat, flags.flat, strict=True)]
    texts, kept = np.array([one[0] for one in written]), np.array([one[1] for one in written])
    return _Shown(texts.reshape(values.shape), kept.reshape(values.shape))


def _written(value: float, exact: bool, digits: int) -> tuple[str, bool]:
    """A number's text, and whether the text is the number; ``exact`` says whether the value is."""
    # The shortest decimal that reads back as this float: 0.145 is a tie for a reader, though not in binary.
    number = Decimal(repr(value))
    exponent = number.adjusted() if number else 0
    if exponent < -_NOISE_PLACES:
        number, exponent = Decimal(0), 0
    elif exponent >= -digits:
        number = number.quantize(Decimal(1).scaleb(max(exponent, 0) - _NOISE_PLACES)) or Decimal(0)
    scientific = not -digits <= exponent < _LARGE_EXPONENT
    places = digits - 1 - exponent if scientific else digits
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    exact = exact and rounded == number
    mantissa = rounded
    if scientific:  # quantised once more: rounding 9.9996 up leaves a digit too many
        mantissa = rounded.scaleb(-rounded.adjusted()).quantize(Decimal(1).scaleb(1 - digits))
    text = format(mantissa.normalize() if exact else mantissa, "f")
    return (rf"{text} \times 10^{{{rounded.adjusted()}}}" if scientific else text), exact


def _bmatrix(rows: Iterable[Iterable[str]]) -> str:
    return r"\begin{bmatrix} " + r" \\ ".join(" & ".join(row) for row in rows) + r" \end{bmatrix}"


def _column(entries: Iterable[str]) -> str:
    return _bmatrix([entry] for entry in entries)


# --- operations: from what goes in, the expressions in numbers, and which entries of the result are exact

_Sides = tuple[list[str], Any]
_Operation = Callable[..., _Sides]


def _product(matrix: _Shown, vector: _Shown) -> _Sides:
    rows = [zip(row, vector.texts, strict=True) for row in matrix.texts.tolist()]
    expanded = _column(" + ".join(f"({w})({x})" for w, x in row) for row in rows)
    sides = [f"{_bmatrix(matrix.texts)} {_column(vector.texts)}", expanded]
    return sides, matrix.exact.all(axis=1) & vector.exact.all()


def _total(*terms: _Shown) -> _Sides:
    return [" + ".join(_column(one.texts) for one in terms)], np.all([one.exact for one in terms], axis=0)


def _hadamard(a: _Shown, b: _Shown) -> _Sides:
    expanded = _column(f"({x})({y})" for x, y in zip(a.texts, b.texts, strict=True))
    return [rf"{_column(a.texts)} \odot {_column(b.texts)}", expanded], a.exact & b.exact


def _rest(x: _Shown) -> _Sides:
    return [_column(f"1 - {text}" for text in x.texts)], x.exact


def _curve(name: str) -> _Operation:
    """A transcendental function of each entry, exact at 0 alone."""
    return lambda x: ([_column(f"{name}({text})" for text in x.texts)], x.exact & (x.texts == "0"))


def _relu(x: _Shown) -> _Sides:
    return [_column(rf"\max(0, {text})" for text in x.texts)], x.exact | np.char.startswith(x.texts, "-")


_tanh, _sigmoid = _curve(r"\tanh"), _curve(r"\sigma")

# --- workings: of each line its part, its quantity, caption, formula, operation, and what goes into that

_Row = tuple[str, str, str, str, _Operation, str]


def _working(title: str, values: Mapping[str, FloatArray], rows: Iterable[_Row], digits: int) -> Working:
    if digits not in range(1, 11):
        raise ValueError(f"digits is {digits!r}; expected an integer from 1 to 10.")
    shown: dict[str, _Shown] = {}
    lines = []
    for part, name, caption, formula, operation, inputs in rows:
        given = [shown.setdefault(one, _shown(values[one], digits)) for one in inputs.split()]
        (in_numbers, *expanded), exact = operation(*given)
        shown[name] = result = _shown(values[name], digits, exact)
        symbol, *symbols = formula.split(" = ")
        sides = [("=", side) for side in symbols]
        sides += [(_relation(*given), in_numbers), *(("=", side) for side in expanded)]
        sides += [(_relation(result), _column(result.texts))]
        lines.append(Line(part, caption, symbol, tuple(sides), values[name]))
    return Working(title, tuple(lines))


def _relation(*shown: _Shown) -> str:
    """The relation before an expression in these numbers."""
    return "=" if all(one.exact.all() for one in shown) else r"\approx"


def rnn_working(step: RNNStep, *, digits: int = 4) -> Working:
    """One step of a plain RNN written out in four lines: ``W_hh h_prev``, ``W_xh x``, ``z`` and ``h``."""
    name, curve = (r"\tanh", _tanh) if step.nonlinearity == "tanh" else (r"\operatorname{ReLU}", _relu)
    state, incoming = r"W_{hh} h_{t-1}", r"W_{xh} x_t"
    rows: list[_Row] = [
        ("recurrent_term", "recurrent_term", "The previous state through its weights", state, _product, "W_hh h_prev"),
        ("input_term", "input_term", "The input through its weights", incoming, _product, "W_xh x"),
        ("z", "z", "Both and the bias", f"z_t = {state} + {incoming} + b_h", _total, "recurrent_term input_term b_h"),
        ("h", "h", "The new state", f"h_t = {name}(z_t)", curve, "z"),
    ]
    return _working("One step of an RNN", vars(step), rows, digits)


def _by_gate(step: LSTMStep | GRUStep, gates: str) -> dict[str, FloatArray]:
    """The quantities of a step, those of all gates also cut up: ``W_ih.f`` are the rows of the forget gate."""
    each = {
        f"{name}.{gate}": block
        for name, value in vars(step).items()
        if len(value) == len(gates) * len(step.h)
        for gate, block in zip(gates, np.split(value, len(gates)), strict=True)
    }
    return {**vars(step), **each}


def _products(k: str, word: str) -> list[_Row]:
    """Input and state, each through the rows of the weights that belong to gate ``k``."""
    incoming, state = rf"W_{{i{k}}} x_t", rf"W_{{h{k}}} h_{{t-1}}"
    return [
        (k, f"input_term.{k}", f"{word}: the input", incoming, _product, f"W_ih.{k} x"),
        (k, f"recurrent_term.{k}", f"{word}: the previous state", state, _product, f"W_hh.{k} h_prev"),
    ]


def lstm_working(step: LSTMStep, *, digits: int = 4) -> Working:
    """One step of an LSTM written out, gate by gate; ``working.part("f")`` is the forget gate alone.

    Four lines for each of ``i``, ``f``, ``g``, ``o`` (two products, the pre-activation, the value), three
    for ``c`` (kept, written, their sum) and two for ``h``.
    """
    rows: list[_Row] = []
    for k, word in {"i": "Input gate", "f": "Forget gate", "g": "Candidate", "o": "Output gate"}.items():
        formula = rf"a_{k} = W_{{i{k}}} x_t + W_{{h{k}}} h_{{t-1}} + b_{k}"
        name, curve = (r"\tanh", _tanh) if k == "g" else (r"\sigma", _sigmoid)
        rows += _products(k, word)
        terms = f"input_term.{k} recurrent_term.{k} b.{k}"
        rows.append((k, f"a_{k}", f"{word}: both and the bias", formula, _total, terms))
        rows.append((k, k, f"{word}: its value", f"{k}_t = {name}(a_{k})", curve, f"a_{k}"))
    keeping, writing = r"f_t \odot c_{t-1}", r"i_t \odot g_t"
    rows += [
        ("c", "kept", "What the cell keeps", keeping, _hadamard, "f c_prev"),
        ("c", "written", "What the step writes", writing, _hadamard, "i g"),
        ("c", "c", "The new cell state", f"c_t = {keeping} + {writing}", _total, "kept written"),
        ("h", "tanh_c", "The cell state, bounded", r"\tanh(c_t)", _tanh, "c"),
        ("h", "h", "What the cell shows", r"h_t = o_t \odot \tanh(c_t)", _hadamard, "o tanh_c"),
    ]
    return _working("One step of an LSTM", _by_gate(step, "ifgo"), rows, digits)


def gru_working(step: GRUStep, *, digits: int = 4) -> Working:
    """One step of a GRU written out, gate by gate, the reset gate inside the candidate.

    Four lines each for ``r`` and ``z``, six for ``n`` and four for ``h``; ``working.part("n")`` is the candidate alone.
    """
    rows: list[_Row] = []
    for k, word in {"r": "Reset gate", "z": "Update gate"}.items():
        formula = rf"a_{k} = W_{{i{k}}} x_t + b_{{i{k}}} + W_{{h{k}}} h_{{t-1}} + b_{{h{k}}}"
        terms = f"input_term.{k} b_ih.{k} recurrent_term.{k} b_hh.{k}"
        rows += _products(k, word)
        rows.append((k, f"a_{k}", f"{word}: both and the biases", formula, _total, terms))
        rows.append((k, k, f"{word}: its value", rf"{k}_t = \sigma(a_{k})", _sigmoid, f"a_{k}"))
    memory, candidate = r"m_t = W_{hn} h_{t-1} + b_{hn}", r"a_n = W_{in} x_t + b_{in} + r_t \odot m_t"
    writing, keeping = r"(1 - z_t) \odot n_t", r"z_t \odot h_{t-1}"
    rows += [
        *_products("n", "Candidate"),
        ("n", "memory", "Candidate: what there is to reset", memory, _total, "recurrent_term.n b_hh.n"),
        ("n", "reset_memory", "Candidate: what the reset gate lets through", r"r_t \odot m_t", _hadamard, "r memory"),
        ("n", "a_n", "Candidate: input, bias and that", candidate, _total, "input_term.n b_ih.n reset_memory"),
        ("n", "n", "Candidate: its value", r"n_t = \tanh(a_n)", _tanh, "a_n"),
        ("h", "rest", "The share of the candidate", "1 - z_t", _rest, "z"),
        ("h", "written", "What the step writes", writing, _hadamard, "rest n"),
        ("h", "kept", "What the state keeps", keeping, _hadamard, "z h_prev"),
        ("h", "h", "The new state", f"h_t = {writing} + {keeping}", _total, "written kept"),
    ]
    return _working("One step of a GRU", {**_by_gate(step, "rzn"), "rest": 1.0 - step.z}, rows, digits)
