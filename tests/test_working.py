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
from rnncourse.working import Line, Working, gru_working, lstm_working, rnn_working

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


def column(*entries: str) -> str:
    return r"\begin{bmatrix} " + r" \\ ".join(entries) + r" \end{bmatrix}"


def latex(line: Line) -> str:
    return " ".join([line.symbol, *(f"{relation} {side}" for relation, side in line.sides)])


# --- the coursework, literally


def test_hw5_state_line_by_line() -> None:
    working = rnn_working(cells.rnn_step(**GIVEN))
    assert [latex(line) for line in working.lines] == [
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


def test_the_block_a_notebook_shows() -> None:
    working = rnn_working(cells.rnn_step([0.5], [0.0], [[2.0]], [[1.0]], [-1.0]))
    first, *_, last = working.latex.split("\\\\[0.8em]\n")
    assert first.startswith(
        "\\begin{aligned}\n&\\text{The previous state through its weights} \\\\\nW_{hh} h_{t-1} &= "
    )
    assert last.endswith("&= \\begin{bmatrix} 0 \\end{bmatrix}\n\\end{aligned}")
    assert working._repr_latex_() == f"$$\n{working.latex}\n$$"
    assert working == rnn_working(cells.rnn_step([0.5], [0.0], [[2.0]], [[1.0]], [-1.0]))


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

    def mapped(self, f: Any, steepest: float) -> Printed:
        return Printed(float(f(self.value)), steepest * self.error)


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
        "__builtins__": {},
    }


NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?(?:e-?\d+)?")


def readable(entry: str) -> str:
    """One entry of a matrix as a Python expression over printed numbers."""
    entry = re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", entry)
    entry = entry.replace(r"\max(0, ", "relu(").replace(r"\tanh", "tanh").replace(r"\sigma", "sigma")
    entry = entry.replace(")(", ")*(")
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
    values = line.value.reshape(-1, 1)
    numeric = [(relation, evaluate(side, digits)) for relation, side in line.sides]
    assert numeric[-1][1] is not None, latex(line)
    assert sum(result is not None for _, result in numeric) >= 2, latex(line)
    for relation, result in numeric:
        if result is None:
            assert relation == "="
            continue
        assert {len(row) for row in result} == {1}
        for printed, value in zip(chain.from_iterable(result), values.flat, strict=True):
            assert abs(printed.value - value) <= printed.error * (1 + 1e-9) + 1e-11 * (1 + abs(value)), latex(line)
    if all(relation == "=" for relation, _ in line.sides):  # then nothing was rounded
        for printed, value in zip(chain.from_iterable(numeric[-1][1]), values.flat, strict=True):
            assert math.isclose(printed.value, value, rel_tol=1e-12, abs_tol=1e-12)


def check(working: Working, digits: int) -> None:
    for line in working.lines:
        check_line(line, digits)
    check_latex(working)


def check_latex(working: Working) -> None:
    """Only macros that the site and Jupyter know; braces and environments balanced; no minus zero."""
    latex = working.latex
    macros = ["begin", "end", "text", "approx", "odot", "tanh", "sigma", "max", "operatorname", "times"]
    assert set(re.findall(r"\\([a-zA-Z]+)", latex)) <= set(macros)
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


def normal(seed: int, scale: float, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Random arrays; about half of them as a person would give them, to one decimal."""
    rng = np.random.default_rng(seed)
    return [np.round(a, 1) if rng.random() < 0.5 else a for a in (scale * rng.normal(size=s) for s in shapes)]


SCALES = st.sampled_from([0.05, 1.0, 3.0])


PARTS = {"rnn": "recurrent_term input_term z h", "lstm": "i f g o c h", "gru": "r z n h"}


@settings(max_examples=100)
@given(st.sampled_from(["rnn", "relu", "lstm", "gru"]), SEEDS, SIZES, SIZES, SCALES, DIGITS)
def test_a_working_evaluates_to_the_step(kind: str, seed: int, d: int, h: int, scale: float, digits: int) -> None:
    kind, options = ("rnn", {"nonlinearity": "relu"}) if kind == "relu" else (kind, {})
    shapes = {
        "rnn": [(d,), (h,), (h, d), (h, h), (h,)],
        "lstm": [(d,), (h,), (h,), (4 * h, d), (4 * h, h), (4 * h,)],
        "gru": [(d,), (h,), (3 * h, d), (3 * h, h), (3 * h,), (3 * h,)],
    }[kind]
    write: Any = {"rnn": rnn_working, "lstm": lstm_working, "gru": gru_working}[kind]
    step = getattr(cells, f"{kind}_step")(*normal(seed, scale, *shapes), **options)
    working = write(step, digits=digits)
    assert list(dict.fromkeys(line.part for line in working.lines)) == PARTS[kind].split()
    for part in PARTS[kind].split():
        np.testing.assert_array_equal(working.part(part).lines[-1].value, getattr(step, part))
    check(working, digits)


def test_a_wrong_number_would_be_noticed() -> None:
    line = rnn_working(cells.rnn_step(**GIVEN)).lines[0]
    relation, side = line.sides[1]
    broken = Line(line.part, line.caption, line.symbol, ((relation, side.replace("0.4", "0.5")),), line.value)
    with pytest.raises(AssertionError):
        check_line(broken, 4)


# --- how numbers are written


def written(value: float, digits: int = 4) -> str:
    """The text of a bias in a working."""
    line = rnn_working(cells.rnn_step([0.0], [0.0], [[0.0]], [[0.0]], [value]), digits=digits).lines[2]
    return matrices(line.sides[1][1])[2][0][0]


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
        (6.195e-14, 2, r"6.2 \times 10^{-14}"),
        (5e-324, 4, "0"),
    ],
)
def test_how_a_number_is_written(value: float, digits: int, text: str) -> None:
    assert written(value, digits) == text


@PROPERTY
@given(st.floats(-1e300, 1e300), DIGITS)
def test_any_number_is_written_to_half_a_unit(value: float, digits: int) -> None:
    printed = evaluate(written(value, digits), digits)
    assert printed is not None
    assert abs(printed[0][0].value - value) <= printed[0][0].error * (1 + 1e-9) + 1e-14 + 1e-12 * abs(value)


def test_float_noise_is_not_printed() -> None:
    """0.1 + 0.2 - 0.3 is 5.6e-17 in float64, and nothing on paper; nor is what is computed from it."""
    for nonlinearity in ("tanh", "relu"):
        step = cells.rnn_step([0.1], [0.2], [[1.0]], [[1.0]], [-0.3], nonlinearity=nonlinearity)
        assert step.z[0] != 0
        assert [line.sides[-1] for line in rnn_working(step).lines[2:]] == [("=", column("0"))] * 2


def test_a_saturated_state_is_not_called_exact() -> None:
    line = rnn_working(cells.rnn_step([40.0], [0.0], [[1.0]], [[0.0]], [0.0])).lines[3]
    assert line.value.tolist() == [1.0]
    assert line.sides[-1] == (r"\approx", column("1.0000"))


@pytest.mark.parametrize("digits", [0, 11, 2.5])
def test_bad_input_is_named(digits: Any) -> None:
    with pytest.raises(ValueError, match=f"^digits is {digits}; "):
        rnn_working(cells.rnn_step(**GIVEN), digits=digits)
    with pytest.raises(ValueError, match="^part is 'f'; .* recurrent_term, input"):
        rnn_working(cells.rnn_step(**GIVEN)).part("f")
