"""Checks for the exercises of the chapter *Power*."""

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.data import Split, chronological, synthetic_power
from rnncourse.exercises._grading import Feedback, Mistake, grade

__all__ = ["check_constants", "check_cost_ratio", "check_jump_gain", "check_pull", "check_skill"]

MINUTES = np.array([1.0, 1.0, 1.0, 1.2, 1.3, 2.0, 4.0])
PERSISTENCE_MSE, FORECAST_MSE = 0.05, 0.04
JUMPS = 0.03
GATES, HIDDEN = 4, 64
DAYS = 7


def check_constants(answer: ArrayLike) -> Feedback:
    """Check the constants with the lowest squared and the lowest absolute error for seven minutes.

    Args:
        answer: ``(for the squared error, for the absolute error)``, in kW.

    Returns:
        Feedback with a hint for an exchanged pair, one constant twice, the most frequent value, or the mid-range.
    """
    mean, median = MINUTES.mean(), float(np.median(MINUTES))
    return grade(
        answer,
        (mean, median),
        praise="The mean follows the one large minute; the median does not care how large it is.",
        mistakes=[
            Mistake((median, mean), "These are exchanged: the mean has the lowest squared error."),
            Mistake((mean, mean), "The mean is right for the squared error; for the absolute one sort the minutes."),
            Mistake(
                (median, median), "The median is right for the absolute error; for the squared one set a slope to 0."
            ),
            Mistake((mean, 1.0), "1 kW is the most frequent value; the median is the middle one of the sorted seven."),
            Mistake(
                lambda given: bool(np.isclose(given, (MINUTES.min() + MINUTES.max()) / 2).any()),
                "Half-way between smallest and largest keeps the *largest* error low, which is a third measure.",
            ),
        ],
        otherwise="Differentiate the sum of squares; for absolute errors count how many minutes lie on either side.",
        tolerance=2e-3,
    )


def check_skill(answer: ArrayLike) -> Feedback:
    """Check the skill of a forecast with MSE 0.04 where persistence has 0.05.

    Args:
        answer: the skill, ``1 - RMSE / RMSE(persistence)``.

    Returns:
        Feedback with a hint for a ratio of squared errors, the ratio itself, a percentage, or a turned fraction.
    """
    ratio = FORECAST_MSE / PERSISTENCE_MSE
    skill = 1 - ratio**0.5
    return grade(
        answer,
        skill,
        praise="A fifth less squared error is about a tenth less RMSE.",
        mistakes=[
            Mistake(1 - ratio, "That compares the squared errors; skill compares their roots."),
            Mistake(ratio**0.5, "That is the ratio of the two RMSEs; skill is what is missing to 1."),
            Mistake(100 * skill, "That is in percent; give the plain number."),
            Mistake(1 - 1 / ratio**0.5, "The fraction is upside down: persistence belongs below."),
            Mistake(ratio, "That is the ratio of the squared errors; take roots, then subtract from 1."),
        ],
        otherwise="Take the root of both errors, divide by persistence's, subtract from 1.",
        tolerance=1e-3,
    )


def check_jump_gain(answer: ArrayLike) -> Feedback:
    """Check what the mean wins and loses against persistence when a jump comes with probability 0.03.

    Args:
        answer: ``(MSE ratio, MAE ratio)`` of the forecast "present value plus mean change" over persistence.

    Returns:
        Feedback with a hint for an exchanged pair, a forgotten side, gains instead of ratios, or equal ratios.
    """
    squared, absolute = 1 - JUMPS, 2 * (1 - JUMPS)
    return grade(
        answer,
        (squared, absolute),
        praise="Three per cent less squared error, nearly twice the absolute error: both from one honest forecast.",
        mistakes=[
            Mistake((absolute, squared), "These are exchanged: the mean lowers the *squared* error."),
            Mistake(
                (squared, squared), "The squared ratio is right. In the absolute error the steady minutes pay, too."
            ),
            Mistake((squared, 1.0), "The absolute error does change: every steady minute is now off by p times J."),
            Mistake((JUMPS, 2 * (1 - JUMPS) - 1), "These are the changes; give the ratios to persistence."),
            Mistake(
                lambda given: bool(np.isclose(given[0], (1 - JUMPS) ** 2)),
                "Count the steady minutes as well: they are each off by p times J.",
            ),
        ],
        otherwise="With J the jump: a share p of the minutes is off by J - pJ, all others by pJ.",
        tolerance=1e-3,
    )


def check_cost_ratio(answer: ArrayLike) -> Feedback:
    """Check how many times the MACs of the LSTM the BiLSTM needs for one forecast (recurrent layers alone).

    Args:
        answer: the ratio, for one feature, two layers of 64 units.

    Returns:
        Feedback with a hint for two directions alone, for four, for a layer left out, or for parameters.
    """
    one_way = GATES * HIDDEN * ((1 + HIDDEN) + (HIDDEN + HIDDEN))
    both_ways = 2 * GATES * HIDDEN * ((1 + HIDDEN) + (2 * HIDDEN + HIDDEN))
    wide_only = GATES * HIDDEN * ((1 + HIDDEN) + (2 * HIDDEN + HIDDEN))
    return grade(
        answer,
        both_ways / one_way,
        praise="Two directions, and the second layer reads both: more than twice.",
        mistakes=[
            Mistake(2.0, "Two directions are twice the cells, but the second layer also reads twice the features."),
            Mistake(4.0, "Only the input part of the second layer doubles twice; the rest doubles once."),
            Mistake(wide_only / one_way, "The second layer's wider input is counted; now count both directions."),
            Mistake(one_way / both_ways, "The fraction is upside down: BiLSTM over LSTM."),
            Mistake(3.0, "That is the second layer alone; the first one's ratio is 2. Weigh them by their size."),
        ],
        otherwise="Per step and gate, a layer costs H(D + H). Add both layers, for one direction and for two.",
        tolerance=2e-3,
    )


def check_pull(answer: ArrayLike) -> Feedback:
    """Check the pull towards the window's mean that has the lowest squared error on a synthetic week.

    The forecast is ``last + k (mean of the window - last)``, on the training windows of
    ``chronological(synthetic_power(days=7, seed=1), window=60)``.

    Args:
        answer: ``k``.

    Returns:
        Feedback with a hint for persistence, the mean, a turned sign, a fit on the target, or a fit on the test.
    """
    split = week()
    expected = best_pull(split.train.inputs[..., 0], split.train.targets[:, 0])
    windows, targets = split.train.inputs[..., 0], split.train.targets[:, 0]
    away = windows.mean(axis=1) - windows[:, -1]
    on_target = float(away @ targets / (away @ away))
    on_test = best_pull(split.test.inputs[..., 0], split.test.targets[:, 0])
    return grade(
        answer,
        expected,
        praise="One number turns persistence into a forecast with a lower squared error.",
        mistakes=[
            Mistake(0.0, "That is persistence itself; a small pull does better."),
            Mistake(1.0, "That forecasts the window's mean and forgets the last minute."),
            Mistake(-expected, "The sign is turned: the pull goes from the last value towards the mean."),
            Mistake(on_target, "Regress the *change*, target less last value, on the distance to the mean."),
            Mistake(on_test, "That was fitted on the test windows: use split.train."),
        ],
        otherwise="Least squares, one unknown: k = sum(a d) / sum(a a), a the way to the mean, d the change to come.",
        tolerance=2e-3,
    )


def week() -> Split:
    """The synthetic week of the last exercise, split and standardised."""
    return chronological(synthetic_power(days=DAYS, seed=1), window=60)


def best_pull(windows: ArrayLike, targets: ArrayLike) -> float:
    """Least-squares pull towards the mean.

    Args:
        windows: ``(n, window)``.
        targets: ``(n,)``.

    Returns:
        ``k`` of the lowest mean squared error of ``last + k (mean - last)``.
    """
    seen, wanted = np.asarray(windows, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    away, change = seen.mean(axis=1) - seen[:, -1], wanted - seen[:, -1]
    return float(away @ change / (away @ away))
