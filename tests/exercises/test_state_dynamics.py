"""The checks of *State dynamics* accept the solution and answer each typical mistake with its own hint."""

import math

import numpy as np
import pytest

from rnncourse.exercises import state_dynamics as ex


def lstm(i=20.0, f=20.0, g=1.0, g_bias=0.0, feedback=0.0, f_input=0.0):
    """A one-unit LSTM: biases of i and f, the candidate's input weight, bias and recurrent weight."""
    return [[0.0], [f_input], [g], [0.0]], [[0.0], [0.0], [feedback], [0.0]], [i, f, g_bias, 20.0]


BIAS = math.log(99)


RIGHT = [
    (ex.check_filling, [0.732, 1.5]),
    (ex.check_forget_bias, BIAS),
    (ex.check_forget_bias, 4.6),
    (ex.check_ramp_rise, 60),
    (ex.check_least_units, 91),
    (ex.check_counter, lstm()),
    (ex.check_counter, lstm(i=0.0, g=0.3)),
]


WRONG = [
    (ex.check_filling, [0.9, 1.5], "forgot nothing"),
    (ex.check_filling, [0.5856, 1.2], "newest write"),
    (ex.check_filling, [0.5856, 1.5], "newest write"),
    (ex.check_filling, [0.732, 0.375], "not by f"),
    (ex.check_filling, [0.732, 5.0], "write of one"),
    (ex.check_filling, [0.732, 0.732], "many more steps"),
    (ex.check_filling, [1.5, 0.732], "other order"),
    (ex.check_filling, [0.0, 0.0], "one by one"),
    (ex.check_filling, 0.732, "shape"),
    (ex.check_forget_bias, 0.99, "the forget gate itself"),
    (ex.check_forget_bias, 0.01, "1 − f"),
    (ex.check_forget_bias, -BIAS, "sign is flipped"),
    (ex.check_forget_bias, BIAS / 2, "half of it"),
    (ex.check_forget_bias, 100, "time scale"),
    (ex.check_forget_bias, math.log10(99), "natural logarithm"),
    (ex.check_forget_bias, 7.0, "Solve"),
    (ex.check_ramp_rise, math.sqrt(300), "standard deviation"),
    (ex.check_ramp_rise, 3600, "take the root"),
    (ex.check_ramp_rise, 5, "wrong side: N²"),
    (ex.check_ramp_rise, 25, "the root is missing"),
    (ex.check_ramp_rise, 30, "half the rise"),
    (ex.check_ramp_rise, 61, "solve for N"),
    (ex.check_least_units, 90, "round up"),
    (ex.check_least_units, 90.25, "units are whole"),
    (ex.check_least_units, 10, "square root of H"),
    (ex.check_least_units, 4, "other side"),
    (ex.check_least_units, 361, "half open"),
    (ex.check_least_units, 92, "below one in size"),
    (ex.check_counter, lstm(i=-40.0), "Nothing is written"),
    (ex.check_counter, lstm(g=0.0), "Nothing is written"),
    (ex.check_counter, lstm(g=-1.0), "counts down"),
    (ex.check_counter, lstm(g_bias=0.5), "zeros count too"),
    (ex.check_counter, lstm(f=5.0), "it forgets"),
    (ex.check_counter, lstm(feedback=0.5), "the same"),
    (ex.check_counter, lstm(f=0.0, f_input=40.0), "the same"),
    (ex.check_counter, 7, "shapes"),
    (ex.check_counter, ([[1.0]], [[3.0, 1.0]], [0.0]), "shapes"),
]


def test_a_ramp_has_the_variance_the_check_assumes() -> None:
    assert np.var(np.linspace(40, 100, 100_001)) == pytest.approx(300, rel=1e-4)
