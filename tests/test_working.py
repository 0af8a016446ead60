"""A working says what the step computed: its printed numbers, read back, evaluate to the step's values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import cells
from rnncourse.working import (
    Line,
    Working,
    gru_working,
    linear_working,
    lstm_working,
    rnn_backward_working,
    rnn_working,
    softmax_working,
)

PROPERTY = settings(max_examples=40)
SIZES = st.integers(1, 4)
SEEDS = st.integers(0, 2**32 - 1)
DIGITS = st.integers(1, 9)

# HW5 Q3(b), the numbers given.
GIVEN: dict[str, Any] = {
    "x": [0.8, -0.5],
    "h_prev": [-0.2, 0.4],
    "W_xh": [[0.5, -0.2], [-1.0, 0.9]],
    "W_hh": [[0.3, 0.1], [-0.4, 0.2]],
    "b_h": [0.1, -0.1],
}
W_HY, B_Y = [[1.5, -0.5], [0.5, 1.0]], [0, 0]


def column(*entries: str) -> str:
    return r"\begin{bmatrix} " + r" \\ ".join(entries) + r" \end{bmatrix}"


# --- the coursework, literally


def test_hw5_state_line_by_line() -> None:
    working = rnn_working(cells.rnn_step(**GIVEN))
    assert [line.latex for line in working.lines] == [
        r"W_{hh} h_{t-1} = \begin{bmatrix} 0.3 & 0.1 \\ -0.4 & 0.2 \end{bmatrix} "
        r"\begin{bmatrix} -0.2 \\ 0.4 \end{bmatrix} "
        r"= \begin{bmatrix} (0.3)(-0.2) + (0.1)(0.4) \\ (-0.4)(-0.2) + (0.2)(0.4) \end{bmatrix} "
        r"= \begin{bmatrix} -0.02 \\ 0.16 \end{bmatrix}",
        r"W_{xh} x_t = \begin{bmatrix} 0.5 & -0.2 \\ -1 & 0.9 \end{bmatrix} "
        r"\begin{bmatrix} 0.8 \\ -0.5 \end{bmatrix} "
        r"= \begin{bmatrix} (0.5)(0.8) + (-0.2)(-0.5) \\ (-1)(0.8) + (0.9)(-0.5) \end{bmatrix} "
        r"= \begin{bmatrix} 0.5 \\ -1.25 \end{bmatrix}",
        r"z_t = W_{hh} h_{t-1} + W_{xh} x_t + b_h "
        r"= \begin{bmatrix} -0.02 \\ 0.16 \end{bmatrix} + \begin{bmatrix} 0.5 \\ -1.25 \end{bmatrix} "
        r"+ \begin{bmatrix} 0.1 \\ -0.1 \end{bmatrix} "
        r"= \begin{bmatrix} 0.58 \\ -1.19 \end{bmatrix}",
        # The report prints -0.8305 here: tanh(-1.19) = -0.83058 cut off, not rounded.
        r"h_t = \tanh(z_t) = \begin{bmatrix} \tanh(0.58) \\ \tanh(-1.19) \end{bmatrix} "
        r"\approx \begin{bmatrix} 0.5227 \\ -0.8306 \end{bmatrix}",
    ]
    assert [line.part for line in working.lines] == ["recurrent_term", "input_term", "z", "h"]


def test_hw5_logits() -> None:
    """From the report's own printed state, its logits follow to the three decimals it gives; and from ours."""
    product, logits = linear_working(cells.linear_step([0.5227, -0.8305], W_HY, B_Y)).lines
    assert product.latex == (
        r"W_{hy} h_t = \begin{bmatrix} 1.5 & -0.5 \\ 0.5 & 1 \end{bmatrix} "
        r"\begin{bmatrix} 0.5227 \\ -0.8305 \end{bmatrix} "
        r"= \begin{bmatrix} (1.5)(0.5227) + (-0.5)(-0.8305) \\ (0.5)(0.5227) + (1)(-0.8305) \end{bmatrix} "
        r"\approx \begin{bmatrix} 1.1993 \\ -0.5692 \end{bmatrix}"
    )
    assert logits.expressions[0] == ("=", "W_{hy} h_t + b_y")
    step = cells.linear_step(cells.rnn_step(**GIVEN).h, W_HY, B_Y)
    for digits, text in ((3, ("1.199", "-0.569")), (4, ("1.1993", "-0.5692")), (6, ("1.199288", "-0.569246"))):
        assert linear_working(step, digits=digits).lines[-1].expressions[-1] == (r"\approx", column(*text))


def test_the_block_a_notebook_shows() -> None:
    working = linear_working(cells.linear_step([0.5], [[2.0]], [-1.0]))
    first, last = working.latex.split("\\\\[0.8em]\n")
    assert first.startswith("\\begin{aligned}\n&\\text{The state through the output weights} \\\\\nW_{hy} h_t &= ")
    assert last.endswith("&= \\begin{bmatrix} 0 \\end{bmatrix}\n\\end{aligned}")
    assert working._repr_latex_() == f"$$\n{working.latex}\n$$"


def test_the_text_a_terminal_shows() -> None:
    lines = str(rnn_backward_working(cells.rnn_step_backward(cells.rnn_step(**GIVEN), [1, -0.5]))).split("\n")
    assert lines[:8] == [
        "Back through one step of an RNN",
        "The slope of tanh",
        "  1 - h_t^2 ≈ [1 - (0.5227)^2; 1 - (-0.8306)^2]",
        "            ≈ [0.7268; 0.3101]",
        "Back through the nonlinearity",
        "  dL/dz_t = dL/dh_t ⊙ (1 - h_t^2)",
        "          ≈ [1; -0.5] ⊙ [0.7268; 0.3101]",
        "          = [(1)(0.7268); (-0.5)(0.3101)]",
    ]
    assert "  dL/dW_xh = dL/dz_t x_tᵀ" in lines
    assert "  dL/dh_{t-1} = W_hhᵀ dL/dz_t" in lines


# --- reading a working back


@dataclass(frozen=True)
class Printed:
    """A printed number: a value, and how far the number it stands for may lie from it."""

    value: float
    error: float

    def __add__(self, other: Printed) -> Printed:
        return Printed(self.value + other.value, self.error + other.error)

    def __sub__(self, other: Printed) -> Printed:
        return Printed(self.value - other.value, self.error + other.error)

    def __mul__(self, other: Printed) -> Printed:
        error = abs(self.value) * other.error + abs(other.value) * self.error + self.error * other.error
        return Printed(self.value * other.value, error)

    def __truediv__(self, other: Printed) -> Printed:
        ends = [(self.value + a * self.error) / (other.value + b * other.error) for a in (-1, 1) for b in (-1, 1)]
        centre = self.value / other.value
        return Printed(centre, max(abs(end - centre) for end in ends))

    def mapped(self, f: Any, steepest: float) -> Printed:
        return Printed(float(f(self.value)), steepest * self.error)


def exponential(x: Printed) -> Printed:
    return x.mapped(math.exp, math.exp(x.value + x.error))


def reader(digits: int) -> dict[str, Any]:
    """Names an expression may use once `readable` has turned LaTeX into Python."""

    def number(text: str) -> Printed:
        if "e" not in text:
            return Printed(float(text), 0.5 * 10.0**-digits)
        return Printed(float(text), 0.5 * 10.0 ** (int(text.split("e")[1]) - digits + 1))

    return {
        "N": number,
        "tanh": lambda x: x.mapped(np.tanh, 1.0),
        "sigma": lambda x: x.mapped(cells.sigmoid, 0.25),
        "relu": lambda x: x.mapped(lambda v: max(0.0, v), 1.0),
        "exp": exponential,
        "__builtins__": {},
    }


NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?(?:e-?\d+)?")


def readable(entry: str) -> str:
    """One entry of a matrix as a Python expression over printed numbers."""
    entry = re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", entry)
    entry = re.sub(r"\(([^()]*)\)\^2", r"(\1)*(\1)", entry)
    entry = entry.replace(r"\max(0, ", "relu(").replace(r"\tanh", "tanh").replace(r"\sigma", "sigma")
    entry = re.sub(r"e\^\{([^{}]*)\}", r"exp(\1)", entry).replace(")(", ")*(")
    return NUMBER.sub(lambda m: f"N('{m[0]}')", entry)


def matrices(side: str) -> list[list[list[str]]]:
    found = re.findall(r"\\begin\{bmatrix\} (.*?) \\end\{bmatrix\}", side)
    return [[row.split(" & ") for row in body.split(r" \\ ")] for body in found]


def evaluate(side: str, digits: int) -> list[list[Printed]] | None:
    """The value of a printed expression; None for one in symbols."""
    names = reader(digits)

    def entry(text: str) -> Printed:
        result: Printed = eval(readable(text), names)
        return result

    blocks = [[[entry(cell) for cell in row] for row in block] for block in matrices(side)]
    if not blocks:
        return None if re.search(r"[a-zA-Z]_", side) else [[entry(side)]]
    if r" \odot " in side:
        return [[x[0] * y[0]] for x, y in zip(*blocks, strict=True)]
    if r"\end{bmatrix} \begin{bmatrix}" in side:
        left, right = blocks
        rows = range(len(left))
        inner, columns = range(len(right)), range(len(right[0]))
        zero = Printed(0.0, 0.0)
        return [[sum((left[r][k] * right[k][c] for k in inner), zero) for c in columns] for r in rows]
    total = blocks[0]
    for block in blocks[1:]:
        total = [[x + y for x, y in zip(a, b, strict=True)] for a, b in zip(total, block, strict=True)]
    return total


def check_line(line: Line, digits: int) -> None:
    values = line.value.reshape(-1, 1) if line.value.ndim < 2 else line.value
    numeric = [(relation, evaluate(side, digits)) for relation, side in line.expressions]
    assert numeric[-1][1] is not None, line.latex
    assert sum(result is not None for _, result in numeric) >= 1 + (line.part != "db_h"), line.latex
    for relation, result in numeric:
        if result is None:
            assert relation == "="
            continue
        assert np.shape(result) == (*values.shape,)
        for printed, value in zip(chain.from_iterable(result), values.flat, strict=True):
            assert abs(printed.value - value) <= printed.error * (1 + 1e-9) + 1e-11 * (1 + abs(value)), line.latex
    if all(relation == "=" for relation, _ in line.expressions):  # then nothing was rounded
        for printed, value in zip(chain.from_iterable(numeric[-1][1]), values.flat, strict=True):
            assert math.isclose(printed.value, value, rel_tol=1e-12, abs_tol=1e-12)


def check(working: Working, digits: int) -> None:
    for line in working.lines:
        check_line(line, digits)
    check_latex(working)


def check_latex(working: Working) -> None:
    """Only macros of MathJax's base and AMS packages; braces and environments balanced; no minus zero."""
    latex = working.latex
    assert set(re.findall(r"\\([a-zA-Z]+)", latex)) <= {
        *("begin", "end", "text", "approx", "odot", "mathcal", "tanh", "sigma", "max", "operatorname"),
        *("frac", "partial", "top", "times"),
    }
    depth = 0
    for brace in re.findall(r"[{}]", latex):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    for name in ("aligned", "bmatrix"):
        assert latex.count(rf"\begin{{{name}}}") == latex.count(rf"\end{{{name}}}") > 0
    assert not re.search(r"-0(?:\.0+)?(?![\d.])", latex)
    assert "\n\n" not in latex  # Sphinx splits display mathematics at a blank line
    assert "\\\\ [" not in latex  # would be read as the optional argument of a line break
    assert not re.search(r"\\(?!n)", str(working)), "LaTeX left in the plain text"


def normal(seed: int, scale: float, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Random arrays; about half of them as a person would give them, to one decimal."""
    rng = np.random.default_rng(seed)
    return [np.round(a, 1) if rng.random() < 0.5 else a for a in (scale * rng.normal(size=s) for s in shapes)]


SCALES = st.sampled_from([0.05, 1.0, 3.0])


@settings(max_examples=100)
@given(
    st.sampled_from(["rnn", "backward", "lstm", "gru", "linear", "softmax"]), SEEDS, SIZES, SIZES, SCALES, DIGITS,
    st.sampled_from(["tanh", "relu"]),
)  # fmt: skip
def test_a_working_evaluates_to_the_step(
    kind: str, seed: int, d: int, h: int, scale: float, digits: int, nonlinearity: Any
) -> None:
    shapes = {
        "lstm": [(d,), (h,), (h,), (4 * h, d), (4 * h, h), (4 * h,)],
        "gru": [(d,), (h,), (3 * h, d), (3 * h, h), (3 * h,), (3 * h,)],
        "linear": [(d,), (h, d), (h,)],
        "softmax": [(h,)],
    }.get(kind, [(d,), (h,), (h, d), (h, h), (h,), (h,)])
    arrays = normal(seed, scale, *shapes)
    if kind in ("rnn", "backward"):
        step = source = cells.rnn_step(*arrays[:5], nonlinearity=nonlinearity)
        working = rnn_working(step, digits=digits)
        if kind == "backward":
            source = cells.rnn_step_backward(step, arrays[5])
            working = rnn_backward_working(source, digits=digits)
            if nonlinearity == "relu":  # the slope itself is written ReLU'(z), a name and no arithmetic
                working = Working(working.title, working.lines[1:])
    elif kind == "softmax":
        working = softmax_working(arrays[0], digits=digits)
        np.testing.assert_array_equal(working.part("p").lines[-1].value, cells.softmax(arrays[0]))
    else:
        make = {"lstm": cells.lstm_step, "gru": cells.gru_step, "linear": cells.linear_step}[kind]
        source = make(*arrays)
        working = {"lstm": lstm_working, "gru": gru_working, "linear": linear_working}[kind](source, digits=digits)
    parts = {"lstm": ("i", "f", "g", "o", "c", "h"), "gru": ("r", "z", "n", "h")}
    assert working.parts == parts.get(kind, working.parts)
    for part in working.parts if kind != "softmax" else ():
        np.testing.assert_array_equal(working.part(part).lines[-1].value, getattr(source, part))
    check(working, digits)


def test_a_wrong_number_would_be_noticed() -> None:
    line = rnn_working(cells.rnn_step(**GIVEN)).lines[0]
    relation, side = line.expressions[1]
    broken = Line(line.part, line.caption, line.symbol, ((relation, side.replace("0.4", "0.5")),), line.value)
    with pytest.raises(AssertionError):
        check_line(broken, 4)


# --- how numbers are written


def written(value: float, digits: int = 4) -> str:
    """The text of a bias in a working."""
    line = linear_working(cells.linear_step([0.0], [[0.0]], [value]), digits=digits).lines[-1]
    return matrices(line.expressions[1][1])[1][0][0]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.5, 4, "0.5"),
        (-1.0, 4, "-1"),
        (100.0, 4, "100"),
        (0.52004, 4, "0.5200"),
        (1 / 3, 2, "0.33"),
        (0.125, 2, "0.12"),
        (0.135, 2, "0.14"),
        (0.145, 2, "0.14"),
        (0.155, 2, "0.16"),
        (-0.125, 2, "-0.12"),
        (2.5, 1, "2.5"),
        (0.0, 4, "0"),
        (-0.0, 4, "0"),
        (0.1 + 0.2, 10, "0.3"),
        (0.0001, 4, "0.0001"),
        (0.00014, 4, "0.0001"),
        (0.00004, 4, r"4 \times 10^{-5}"),
        (-0.000012345678, 4, r"-1.235 \times 10^{-5}"),
        (0.0000999996, 4, r"1.000 \times 10^{-4}"),
        (9999999.0, 4, "9999999"),
        (12345678.9, 4, r"1.235 \times 10^{7}"),
        (1e300, 4, r"1 \times 10^{300}"),
        (5e-324, 4, r"5 \times 10^{-324}"),
    ],
)
def test_how_a_number_is_written(value: float, digits: int, text: str) -> None:
    assert written(value, digits) == text


@PROPERTY
@given(st.floats(-1e300, 1e300), DIGITS)
def test_any_number_is_written_to_half_a_unit(value: float, digits: int) -> None:
    printed = evaluate(written(value, digits), digits)
    assert printed is not None
    assert abs(printed[0][0].value - value) <= printed[0][0].error * (1 + 1e-9) + 1e-12 * abs(value)


def test_float_noise_is_not_printed() -> None:
    """0.1 + 0.2 - 0.3 is 5.6e-17 in float64, and nothing on paper; nor is what is computed from it."""
    step = cells.rnn_step([0.1], [0.2], [[1.0]], [[1.0]], [-0.3])
    assert step.z[0] != 0
    lines = rnn_working(step).lines
    assert lines[2].expressions[-1] == ("=", column("0"))
    at_zero = column(r"\tanh(0)")
    assert lines[3].latex == rf"h_t = \tanh(z_t) = {at_zero} = {column('0')}"
    relu = rnn_working(cells.rnn_step([0.1], [0.2], [[1.0]], [[1.0]], [-0.3], nonlinearity="relu"))
    assert relu.lines[3].expressions[-1] == ("=", column("0"))


def test_a_saturated_state_is_not_called_exact() -> None:
    line = rnn_working(cells.rnn_step([40.0], [0.0], [[1.0]], [[0.0]], [0.0])).lines[3]
    assert line.value.tolist() == [1.0]
    assert line.expressions[-1] == (r"\approx", column("1.0000"))


def test_equal_logits_share_exactly() -> None:
    working = softmax_working([2, 2])
    assert working.lines[-1].latex == (
        rf"p_t = e^{{y_t - m}} / s = {column('(1) / (2)', '(1) / (2)')} = {column('0.5', '0.5')}"
    )


# --- the object


def test_workings_are_equal_where_their_steps_are_and_show_themselves() -> None:
    first, second = (rnn_working(cells.rnn_step(**GIVEN)) for _ in range(2))
    assert first == second
    assert repr(first) == repr(second) == str(first)
    assert first != rnn_working(cells.rnn_step(**GIVEN), digits=3)
    line = first.lines[-1]
    assert line._repr_latex_() == f"$${line.latex}$$"
    assert str(line) == (
        "The new state\n  h_t = tanh(z_t)\n      = [tanh(0.58); tanh(-1.19)]\n      ≈ [0.5227; -0.8306]"
    )


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        *((lambda v=v: softmax_working([0.1, 0.2], digits=v), ValueError, f"^digits is {v}; ") for v in (0, 11)),
        *((lambda v=v: softmax_working([0.1, 0.2], digits=v), TypeError, f"^digits is {v}; ") for v in (2.0, True)),
        (lambda: rnn_working(cells.rnn_step(**GIVEN)).part("f"), ValueError, "^part is 'f'; .* recurrent_term, input"),
        (lambda: softmax_working([math.nan, 1.0]), ValueError, r"^logits\[0\] is nan"),
    ],
)
def test_bad_input_is_named(call: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        call()
