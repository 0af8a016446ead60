"""Expressions compute what NumPy does, and reach nothing that they were not given."""

import numpy as np
import pytest

from rnncourse._expressions import Evaluator, ExpressionError
from rnncourse.cells import rnn_step
from rnncourse.exercises import FUNCTIONS

W, h, n = np.array([[0.3, 0.1], [-0.4, 0.2]]), np.array([0.5, -1.0]), 3
STEP = rnn_step([1.0], [0.0], [[2.0]], [[0.5]], [0.1])
EVALUATOR = Evaluator({"W": W, "h": h, "n": n, "step": STEP}, FUNCTIONS)
COMPUTED = {
    "W.T @ h - [1, 2]": W.T @ h - [1, 2],
    "W[0, 1:]": W[0, 1:],
    "-n**2 % 5 / 2 // 1": -(n**2) % 5 / 2 // 1,
    "1 < n <= 3 and not n == 2 or 1 / 0": True,
    "'big' if any(abs(W) > 1) else 'small'": "small",
    "n in (1, 2) or n not in (1, 2)": True,
    "sum(W, axis=1)": W.sum(axis=1),
    "step.h": np.tanh([2.1]),
    "eye(2)[:, None]": np.eye(2)[:, None],
}
REFUSED = """__import__('os') | W.__class__ | W.tofile('x') | step.__class__ | (lambda: 1)() | [x for x in h] | f'{W}' |
h.sum() | abs | missing + 1 | missing(1) | eval('1') | n := 1 | 1 + | abs(*h) | abs(**h) | n; n"""


@pytest.mark.parametrize("expression", COMPUTED)
def test_an_expression_is_what_numpy_makes_of_it(expression: str) -> None:
    np.testing.assert_array_equal(EVALUATOR.value(expression), COMPUTED[expression])


@pytest.mark.parametrize("expression", REFUSED.split("|"))
def test_anything_else_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        EVALUATOR.value(expression)


def test_a_text_is_filled() -> None:
    assert EVALUATOR.fill("{{x}} {n:03} {h[1]:.1f} {'a'!r}") == "{x} 003 -1.0 'a'"
