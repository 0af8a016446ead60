"""The checks of *Power* accept the solution and answer each typical mistake with its own hint."""

import numpy as np

from rnncourse.counting import count
from rnncourse.exercises import power as ex
from rnncourse.networks import power_network

MINUTES = np.array([1.0, 1.0, 1.0, 1.2, 1.3, 2.0, 4.0])


def pull(part) -> float:
    windows, targets = part.inputs[..., 0], part.targets[:, 0]
    away = windows.mean(axis=1) - windows[:, -1]
    return float(np.linalg.lstsq(away[:, None], targets - windows[:, -1], rcond=None)[0][0])


def pull_to_the_level(part) -> float:
    """Fitted to the next minute itself instead of its change."""
    windows, targets = part.inputs[..., 0], part.targets[:, 0]
    away = windows.mean(axis=1) - windows[:, -1]
    return float(away @ targets / (away @ away))


RIGHT = [
    (ex.check_constants, (MINUTES.mean(), 1.2)),
    (ex.check_skill, 1 - (0.04 / 0.05) ** 0.5),
    (ex.check_skill, 0.1056),  # rounded
    (ex.check_jump_gain, (0.97, 1.94)),
    (ex.check_cost_ratio, 514 / 193),
    (ex.check_pull, pull(ex.week().train)),
]


def test_the_best_constants_beat_their_neighbours() -> None:
    grid = np.linspace(0, 5, 5001)
    squared = ((MINUTES - grid[:, None]) ** 2).sum(axis=1)
    absolute = np.abs(MINUTES - grid[:, None]).sum(axis=1)
    answer = (grid[squared.argmin()], grid[absolute.argmin()])
    assert ex.check_constants(answer).passed, answer


def test_the_ratio_of_costs_is_what_the_modules_count() -> None:
    macs = {kind: count(power_network(kind).rnn, input_size=(1, 60, 1)).macs for kind in ("lstm", "bilstm")}
    assert ex.check_cost_ratio(macs["bilstm"] / macs["lstm"]).passed


def test_the_ratios_of_a_jump_are_those_of_a_simulation() -> None:
    """One minute in a hundred, three times: the mean of the changes against no change."""
    change = np.r_[np.full(3, 5.0), np.zeros(97)]
    guess = change.mean()
    squared = np.mean((change - guess) ** 2) / np.mean(change**2)
    absolute = np.mean(np.abs(change - guess)) / np.mean(np.abs(change))
    assert ex.check_jump_gain((squared, absolute)).passed


WRONG = [
    (ex.check_constants, (1.2, 11.5 / 7), "exchanged"),
    (ex.check_constants, (11.5 / 7, 11.5 / 7), "sort the minutes"),
    (ex.check_constants, (1.2, 1.2), "set a slope"),
    (ex.check_constants, (11.5 / 7, 1.0), "most frequent"),
    (ex.check_constants, (11.5 / 7, 2.5), "Half-way"),
    (ex.check_constants, (0.0, 0.0), "Differentiate"),
    (ex.check_constants, 1.2, "shape"),
    (ex.check_skill, 0.2, "squared errors; skill compares"),
    (ex.check_skill, 0.8**0.5, "ratio of the two RMSEs"),
    (ex.check_skill, 10.557, "percent"),
    (ex.check_skill, 1 - 1.25**0.5, "upside down"),
    (ex.check_skill, 0.8, "take roots"),
    (ex.check_skill, 0.5, "Take the root"),
    (ex.check_skill, 0.11, "Take the root"),
    (ex.check_jump_gain, (1.94, 0.97), "exchanged"),
    (ex.check_jump_gain, (0.97, 0.97), "steady minutes pay"),
    (ex.check_jump_gain, (0.97, 1.0), "does change"),
    (ex.check_jump_gain, (0.03, 0.94), "give the ratios"),
    (ex.check_jump_gain, (0.97**2, 0.97), "Count the steady"),
    (ex.check_jump_gain, (0.5, 0.5), "a share p"),
    (ex.check_cost_ratio, 2, "reads twice"),
    (ex.check_cost_ratio, 4, "doubles once"),
    (ex.check_cost_ratio, 257 / 193, "both directions"),
    (ex.check_cost_ratio, 193 / 514, "upside down"),
    (ex.check_cost_ratio, 3, "second layer alone"),
    (ex.check_cost_ratio, 2.5, "H(D + H)"),
    (ex.check_pull, 0.0, "persistence itself"),
    (ex.check_pull, 1.0, "forgets the last"),
    (ex.check_pull, 0.5, "Least squares"),
    (ex.check_pull, -pull(ex.week().train), "sign is turned"),
    (ex.check_pull, pull(ex.week().test), "test windows"),
    (ex.check_pull, pull_to_the_level(ex.week().train), "the *change*"),
]
