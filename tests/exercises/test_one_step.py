"""The checks of *One step by hand* accept the solution and answer each typical mistake with its own hint."""

import numpy as np
import pytest

from rnncourse.cells import linear_step, rnn_sequence, rnn_step, softmax
from rnncourse.exercises import one_step as ex

X, H_PREV = (0.3, 1.1), (0.6, -0.7)
STEP = rnn_step(X, H_PREV, ex.W_XH, ex.W_HH, ex.B_H)
R, IN, B = STEP.recurrent_term, STEP.input_term, ex.B_H
Z1 = np.array([0.58, -1.19])


def bias_gradient(target: int) -> tuple[np.ndarray, np.ndarray]:
    """Both steps' shares, written out on their own."""
    run = rnn_sequence([ex.X1, ex.X2], ex.H0, ex.W_XH, ex.W_HH, ex.B_H)
    dy = softmax(linear_step(run.h[1], ex.W_HY, ex.B_Y).y) - np.eye(2)[target]
    last = (ex.W_HY.T @ dy) * (1 - run.h[1] ** 2)
    first = (ex.W_HH.T @ last) * (1 - run.h[0] ** 2)
    return first, last


FIRST, LAST = bias_gradient(1)


def check_next_state(answer):
    return ex.check_next_state(answer, x=X, h_prev=H_PREV)


RIGHT = [
    (check_next_state, STEP.h),
    (check_next_state, np.round(STEP.h, 4)),
    (ex.check_relu_state, [0.58, 0.0]),
    (ex.check_bias_gradient, FIRST + LAST),
    (ex.check_bias_gradient, np.round(FIRST + LAST, 4)),
    (ex.check_kept_numbers, 4832),
    (ex.check_memory_cell, ([[1.0]], [[3.0]], [0.0])),
    (ex.check_memory_cell, ([[0.4]], [[2.0]], [0.0])),
    (ex.check_memory_cell, ([[1.0], [0.0]], [[3.0, 0.0], [0.0, 0.0]], [0.0, 0.0])),
]


WRONG = [
    (check_next_state, STEP.z, "This is z"),
    (check_next_state, np.tanh(R + IN), "b_h is missing"),
    (check_next_state, np.tanh(IN + B), "previous state is missing"),
    (check_next_state, np.tanh(R + B), "input is missing"),
    (check_next_state, np.tanh(R + IN + 2 * B), "bias is there twice"),
    (check_next_state, np.tanh(ex.W_HH.T @ H_PREV + ex.W_XH.T @ X + B), "transposed"),
    (check_next_state, np.tanh(ex.W_HH @ X + ex.W_XH @ H_PREV + B), "changed places"),
    (check_next_state, np.tanh(R) + np.tanh(IN) + np.tanh(B), "Add the three terms first"),
    (check_next_state, [0.9, 0.9], "take tanh last"),
    (check_next_state, [0.9], "shape"),
    (ex.check_relu_state, np.tanh(Z1), "This is tanh(z)"),
    (ex.check_relu_state, [np.tanh(0.58), 0.0], "both functions"),
    (ex.check_relu_state, Z1, "z itself"),
    (ex.check_relu_state, abs(Z1), "absolute value"),
    (ex.check_relu_state, [0.0, -1.19], "negative part"),
    (ex.check_relu_state, [1.0, 1.0], "does not change with the nonlinearity"),
    (ex.check_bias_gradient, LAST, "last step alone"),
    (ex.check_bias_gradient, FIRST, "first step alone"),
    (ex.check_bias_gradient, -(FIRST + LAST), "sign is flipped"),
    (ex.check_bias_gradient, sum(bias_gradient(0)), "the label is the second class"),
    (ex.check_bias_gradient, 2 * (FIRST + LAST), "Twice too large"),
    (ex.check_bias_gradient, (FIRST + LAST) / 2, "do not divide"),
    (ex.check_bias_gradient, [1.0, 1.0], "Go from the end"),
    (ex.check_kept_numbers, 4800, "h_0"),
    (ex.check_kept_numbers, 51 * 32, "inputs are missing"),
    (ex.check_kept_numbers, 50 * 64, "states are missing"),
    (ex.check_kept_numbers, 4832 + 1600, "z is not kept"),
    (ex.check_kept_numbers, 4832 + 3072, "leave them out"),
    (ex.check_kept_numbers, 4832 + 1024, "W_hh is a weight"),
    (ex.check_kept_numbers, 96, "what one step adds"),
    (ex.check_kept_numbers, 32, "forward pass alone"),
    (ex.check_kept_numbers, 4833, "Write down what"),
    (ex.check_memory_cell, ([[-1.0]], [[3.0]], [0.0]), "wrong already"),
    (ex.check_memory_cell, ([[1.0]], [[3.0]], [1.5]), "wrong already"),
    (ex.check_memory_cell, ([[1.0]], [[-3.0]], [0.0]), "changes its sign"),
    (ex.check_memory_cell, ([[1.0]], [[1.1]], [0.6]), "One sign is lost"),
    (ex.check_memory_cell, ([[1.0]], [[0.5]], [0.0]), "fades"),
    (ex.check_memory_cell, ([[5.0]], [[2.0]], [0.0]), "overwrite"),
    (ex.check_memory_cell, 7, "shapes"),
    (ex.check_memory_cell, ([[1.0]], [[3.0, 1.0]], [0.0]), "shapes"),
]


def test_no_slope_and_no_transpose_have_their_hints() -> None:
    run = rnn_sequence([ex.X1, ex.X2], ex.H0, ex.W_XH, ex.W_HH, ex.B_H)
    dh = ex.W_HY.T @ (softmax(linear_step(run.h[1], ex.W_HY, ex.B_Y).y) - [0, 1])
    assert "slope" in ex.check_bias_gradient(dh + ex.W_HH.T @ dh).message
    straight = LAST + (ex.W_HH @ LAST) * (1 - run.h[0] ** 2)
    assert "transpose" in ex.check_bias_gradient(straight).message


def test_the_reader_may_choose_any_numbers_but_not_any_shape() -> None:
    with pytest.raises(ValueError, match="x has shape"):
        ex.check_next_state([0.0, 0.0], x=[1.0, 2.0, 3.0], h_prev=[0.0, 0.0])
