"""The checks of *Looking back, and both ways* accept the solution and answer each typical mistake with its own hint."""

import numpy as np
from torch import nn

from rnncourse.exercises import looking_back as ex

ORDERS = 1 - (5 / 6) ** 4


def trailing(x, *, width=5):
    return np.array([x[max(t - width + 1, 0) : t + 1].mean() for t in range(len(x))])


def cumulative(x):
    sums = np.concatenate([[0.0], np.cumsum(x)])
    begin = np.maximum(np.arange(len(x)) - 4, 0)
    return (sums[1:] - sums[begin]) / (np.arange(len(x)) + 1 - begin)


def centred(x):
    return np.convolve(x, np.ones(5) / 5, mode="same")


def shifted(x):
    return np.concatenate([x[:1], trailing(x)[:-1]])


def exponential(x):
    out = [x[0]]
    for value in x[1:]:
        out.append(0.8 * out[-1] + 0.2 * value)
    return out


def weighted(x):
    return np.convolve(x, [0.4, 0.2, 0.2, 0.1, 0.1])[: len(x)]


def empty_before(x):
    return np.convolve(x, np.ones(5) / 5)[: len(x)]


def broken(x):
    raise IndexError("out of range")


RIGHT = [
    (ex.check_reach, (101, 160)),
    (ex.check_reach, np.array([101, 160])),
    (ex.check_false_trend, ORDERS),
    (ex.check_false_trend, 0.518),
    (ex.check_pattern, [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]]),
    (ex.check_equal_units, 22),
    (ex.check_smoother, trailing),
    (ex.check_smoother, cumulative),
]


WRONG = [
    (ex.check_reach, (100, 159), "the minute after"),
    (ex.check_reach, (100, 160), "from minutes 40 to 99"),
    (ex.check_reach, (101, 161), "one too many"),
    (ex.check_reach, (40, 99), "ask who reads"),
    (ex.check_reach, (41, 100), "no window of the past"),
    (ex.check_reach, (1, 2), "from t − 60"),
    (ex.check_reach, 101, "shape"),
    (ex.check_false_trend, 1 / 6, "one model"),
    (ex.check_false_trend, 0.167, "one model"),
    (ex.check_false_trend, (5 / 6) ** 4, "no model rises"),
    (ex.check_false_trend, 4 / 6, "do not add"),
    (ex.check_false_trend, 1 - 0.5**4, "three come"),
    (ex.check_false_trend, 1 - (2 / 3) ** 4, "falling rows"),
    (ex.check_false_trend, (1 / 6) ** 4, "all four"),
    (ex.check_false_trend, 1 - (7 / 8) ** 4, "not eight"),
    (ex.check_false_trend, 0.9, "six orders, all alike"),
    (ex.check_pattern, ex.FORWARDS, "layer alone"),
    (ex.check_pattern, ex.AVERAGE, "average alone"),
    (ex.check_pattern, ex.PATTERN.T, "changed places"),
    (ex.check_pattern, ex.FORWARDS.T, "forward only"),
    (ex.check_pattern, np.ones((4, 4)), "bidirectional layer"),
    (ex.check_pattern, np.eye(4), "averages 1 to t"),
    (ex.check_pattern, np.ones((3, 3)), "shape"),
    (ex.check_equal_units, 15, "half of the parameters"),
    (ex.check_equal_units, 30, "too many"),
    (ex.check_equal_units, 21, "Close"),
    (ex.check_equal_units, 2311, "number of parameters"),
    (ex.check_equal_units, 7.5, "here it is 15"),
    (ex.check_equal_units, 40, "totals equal"),
    (ex.check_smoother, [1, 2], "Give a function"),
    (ex.check_smoother, broken, "IndexError"),
    (ex.check_smoother, lambda x: x[4:], "one value per step"),
    (ex.check_smoother, centred, "looks ahead: input 2 moves output 1"),
    (ex.check_smoother, lambda x: x - x.mean(), "looks ahead"),
    (ex.check_smoother, shifted, "known too"),
    (ex.check_smoother, lambda x: x, "depends on 1 input"),
    (ex.check_smoother, exponential, "depends on 13 inputs"),
    (ex.check_smoother, weighted, "plain average"),
    (ex.check_smoother, empty_before, "At the beginning"),
]


def test_the_equal_units_are_what_torch_has() -> None:
    sizes = [
        sum(p.numel() for p in layer.parameters()) for layer in (nn.LSTM(2, 22), nn.LSTM(2, 15, bidirectional=True))
    ]
    assert sizes[0] + 22 + 1 == sizes[1] + 30 + 1 == 2311


def test_the_chance_of_a_false_trend_is_what_a_simulation_finds() -> None:
    rows = np.random.default_rng(0).normal(size=(40_000, 4, 3))
    rising = (np.diff(rows, axis=-1) > 0).all(axis=-1).any(axis=-1).mean()
    assert abs(rising - ORDERS) < 0.01  # four standard errors
