"""How a working writes numbers; whole workings stand in the executed chapters 1.1 and 1.2, which run again."""

from __future__ import annotations

import re
from functools import partial

from rnncourse import cells
from rnncourse.working import rnn_working
from tests.refusals import refusing


def column(*entries: str) -> str:
    return r"\begin{bmatrix} " + r" \\ ".join(entries) + r" \end{bmatrix}"


def test_the_block_a_notebook_shows() -> None:
    working = rnn_working(cells.rnn_step([0.5], [0.0], [[2.0]], [[1.0]], [-1.0]))
    first, *_, last = working.latex.split("\\\\[0.8em]\n")
    assert first.startswith(
        "\\begin{aligned}\n&\\text{The previous state through its weights} \\\\\nW_{hh} h_{t-1} &= "
    )
    assert last.endswith("&= \\begin{bmatrix} 0 \\end{bmatrix}\n\\end{aligned}")
    assert working._repr_latex_() == f"$$\n{working.latex}\n$$"
    assert working == rnn_working(cells.rnn_step([0.5], [0.0], [[2.0]], [[1.0]], [-1.0]))


# --- how numbers are written


def written(value: float, digits: int = 4) -> str:
    """The text of a bias in a working."""
    line = rnn_working(cells.rnn_step([0.0], [0.0], [[0.0]], [[0.0]], [value]), digits=digits).lines[2]
    return re.findall(r"begin\{bmatrix\} (.*?) \\end", line.sides[1][1])[2]


WRITTEN = {
    **{(0.5, 4): "0.5", (-1.0, 4): "-1", (100.0, 4): "100", (0.52004, 4): "0.5200", (1 / 3, 2): "0.33"},
    **{(0.125, 2): "0.12", (0.135, 2): "0.14", (0.145, 2): "0.14", (0.155, 2): "0.16", (-0.125, 2): "-0.12"},
    **{(2.5, 1): "2.5", (0.0, 4): "0", (-0.0, 5): "0", (0.1 + 0.2, 10): "0.3", (5e-324, 4): "0"},
    **{(0.0001, 4): "0.0001", (0.00014, 4): "0.0001", (9999999.0, 4): "9999999", (0.00004, 4): r"4 \times 10^{-5}"},
    **{(-0.000012345678, 4): r"-1.235 \times 10^{-5}", (0.0000999996, 4): r"1.000 \times 10^{-4}"},
    **{
        (12345678.9, 4): r"1.235 \times 10^{7}",
        (1e300, 4): r"1 \times 10^{300}",
        (6.195e-14, 2): r"6.2 \times 10^{-14}",
    },
}


def test_how_a_number_is_written() -> None:
    for (value, digits), text in WRITTEN.items():
        assert written(value, digits) == text, (value, digits)


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


STEP = cells.rnn_step([0.0], [0.0], [[0.0]], [[0.0]], [0.5])
test_bad_input_is_named = refusing(
    *((partial(rnn_working, STEP, digits=n), f"^digits is {n}; ") for n in (0, 11, 2.5)),
    (lambda: rnn_working(STEP).part("f"), "^part is 'f'; .* recurrent_term, input"),
)
