"""The checks of *LSTM gates* accept the solution and answer each typical mistake with its own hint."""

import numpy as np
from torch import nn

from rnncourse.cells import gru_step, sigmoid
from rnncourse.exercises import lstm_gates as ex

GRU = gru_step([-0.5], ex.H_PREV, ex.GRU_W_IH, ex.GRU_W_HH, ex.GRU_B_IH, ex.GRU_B_HH)
Z, H = GRU.z, ex.H_PREV
X_N, W_N, B_N = GRU.input_term[4:], ex.GRU_W_HH[4:], ex.GRU_B_HH[4:]
ROWS = ex.FORGET_ROWS


def rows(weights):
    """W_ii, W_hi and b_i out of one row per unit."""
    return weights[:, :1], weights[:, 1:3], weights[:, 3]


def counter(*, b_i=-10.0, w_i=20.0, b_f=10.0, b_g=1.0, w_g=0.0):
    return [[w_i], [0.0], [w_g], [0.0]], np.zeros((4, 1)), [b_i, b_f, b_g, 0.0]


def two_units():
    W_ih, b = np.zeros((8, 1)), np.array([-10.0, 5.0, 12.0, -3.0, 0.5, 1.0, 0.0, 0.0])
    W_ih[0] = 20.0
    return W_ih, np.zeros((8, 2)), b


RIGHT = [
    (ex.check_hold_biases, (-12, 10)),
    (ex.check_hold_biases, np.array([-40.0, 9.21])),
    (ex.check_parameter_gap, 640),
    (ex.check_gru_state, GRU.h),
    (ex.check_gru_state, np.round(GRU.h, 4)),
    (ex.check_ignore_gates, ("i", "z", 1)),
    (ex.check_ignore_gates, ["i", "z", 1.0]),
    (ex.check_coupled_gate, rows(-ROWS)),
    (ex.check_coupled_gate, ([-0.5, 1.5], [[-1, 0], [0, -1]], [-1, -1])),
    (ex.check_counter, counter()),
    (ex.check_counter, counter(b_i=10.0, w_i=0.0, b_g=0.0, w_g=0.8)),
    (ex.check_counter, two_units()),
]


BALANCED = float(np.log(0.02 / (np.tanh(1.0) - 0.02)))  # i g = 0.02 = 1 - f at c = 1

WRONG = [
    (ex.check_hold_biases, (-12, -10), "closes the forget gate"),
    (ex.check_hold_biases, (-12, 5), "leaks: over 100 steps it keeps 51 %"),
    (ex.check_hold_biases, (-12, 9.1), "leaks"),
    (ex.check_hold_biases, (0, 12), "input gate lets the candidate in"),
    (ex.check_hold_biases, (-6, 12), "Make b_i negative"),
    (ex.check_hold_biases, (BALANCED, float(np.log(0.98 / 0.02))), "holds 1 but not −1"),
    (ex.check_hold_biases, 10, "two numbers"),
    (ex.check_hold_biases, (1, 2, 3), "two numbers"),
    (ex.check_hold_biases, (-np.inf, np.inf), "finite"),
    (ex.check_parameter_gap, 620, "keeps two biases"),
    (ex.check_parameter_gap, 600, "biases are missing"),
    (ex.check_parameter_gap, 2560, "whole LSTM"),
    (ex.check_parameter_gap, 1920, "whole GRU"),
    (ex.check_parameter_gap, 1280, "three blocks of rows, not two"),
    (ex.check_parameter_gap, 240, "recurrent weights are missing"),
    (ex.check_parameter_gap, 7, "Count one block"),
    (ex.check_gru_state, Z * GRU.n + (1 - Z) * H, "changed places"),
    (ex.check_gru_state, GRU.n, "This is the candidate"),
    (ex.check_gru_state, (1 - Z) * np.tanh(X_N + GRU.memory) + Z * H, "reset gate is missing"),
    (ex.check_gru_state, (1 - Z) * np.tanh(X_N + W_N @ (GRU.r * H) + B_N) + Z * H, "before the product"),
    (ex.check_gru_state, (1 - Z) * np.tanh(X_N + GRU.r * (W_N @ H) + B_N) + Z * H, "stands outside"),
    (ex.check_gru_state, [0.5454, 0.4557], "after the input 1"),
    (ex.check_gru_state, (1 - Z) * GRU.a_n + Z * H, "tanh is missing"),
    (ex.check_gru_state, [0.9, 0.9], "in this order"),
    (ex.check_gru_state, 0.9, "shape"),
    (ex.check_ignore_gates, ("f", "z", 1), "clears what the cell holds"),
    (ex.check_ignore_gates, ("o", "z", 1), "hides the cell"),
    (ex.check_ignore_gates, ("g", "z", 1), "no gate but the content"),
    (ex.check_ignore_gates, ("r", "z", 1), "letters are i, f, g and o"),
    (ex.check_ignore_gates, ("i", "r", 0), "still gets in by n"),
    (ex.check_ignore_gates, ("i", "n", 0), "letters are r, z and n"),
    (ex.check_ignore_gates, ("i", "z", 0), "the opposite"),
    (ex.check_ignore_gates, "i", "three things"),
    (ex.check_coupled_gate, rows(ROWS), "i equals f"),
    (ex.check_coupled_gate, rows(1 - ROWS), "not for the weights"),
    (ex.check_coupled_gate, rows(ROWS * [-1, -1, -1, 1]), "bias must change its sign too"),
    (ex.check_coupled_gate, rows(ROWS * [1, 1, 1, -1]), "weights must change their signs too"),
    (ex.check_coupled_gate, rows(0 * ROWS), "read off the rows"),
    (ex.check_coupled_gate, (1, 2), "of shapes"),
    (ex.check_counter, counter(w_i=0.0), "A lone 1 raises the cell by"),
    (ex.check_counter, counter(b_g=-1.0), "g above 0"),
    (ex.check_counter, counter(b_i=10.0, w_i=0.0), "Zeros move the cell too"),
    (ex.check_counter, counter(b_f=1.0), "The count fades"),
    (ex.check_counter, counter(b_f=4.6), "Off by up to"),
    (ex.check_counter, (1, 2), "of shapes"),
    (ex.check_counter, (np.zeros((4, 2)), np.zeros((4, 1)), np.zeros(4)), "of shapes"),
]


def test_the_gap_is_what_torch_has() -> None:
    lstm, gru = (sum(p.numel() for p in kind(10, 20).parameters()) for kind in (nn.LSTM, nn.GRU))
    assert ex.check_parameter_gap(lstm - gru).passed


def test_the_coupled_rows_couple_for_any_input_and_state() -> None:
    rng = np.random.default_rng(0)
    for seen in rng.normal(scale=3, size=(50, 3)):
        a = ROWS @ [*seen, 1.0]
        np.testing.assert_allclose(sigmoid(-a), 1 - sigmoid(a), atol=1e-15)
