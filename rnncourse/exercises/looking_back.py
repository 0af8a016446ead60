"""Checks for the exercises of the chapter *Looking back, and both ways*."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = [
    "check_equal_units",
    "check_false_trend",
    "check_pattern",
    "check_reach",
    "check_smoother",
]

Floats = NDArray[np.float64]
EXACT = 1e-9
ROUNDED = 6e-4  # three decimals, or a whole per mille


def check_reach(answer: ArrayLike) -> Feedback:
    """Check which forecasts move when the input of minute 100 moves, for windows of 60 and one minute ahead.

    Args:
        answer: ``(first, last)``, the minutes that these forecasts are *for*.

    Returns:
        Feedback with a hint for naming the window's last minute, for one too many, and for looking forward.
    """
    return grade(
        answer,
        (101, 160),
        praise="Minute 100 is the last of the window that forecasts 101, and the first of the one that forecasts 160.",
        mistakes=[
            Mistake((100, 159), "These are the last minutes of the windows; each forecast is for the minute after."),
            Mistake((100, 160), "The forecast for minute 100 is made from minutes 40 to 99: it cannot move."),
            Mistake((101, 161), "The window for minute 161 begins at minute 101: sixty minutes, one too many here."),
            Mistake((40, 99), "These minutes are what the forecast *for* minute 100 reads; ask who reads minute 100."),
            Mistake((41, 100), "These lie before: no window of the past reads a minute that comes after its target."),
        ],
        otherwise="The window of the forecast for minute t goes from t − 60 to t − 1. For which t is 100 in it?",
        tolerance=EXACT,
    )


def check_false_trend(answer: ArrayLike) -> Feedback:
    """Check the chance that at least one of four models seems to rise, where window length has no effect at all.

    Args:
        answer: the chance that one run per cell comes out in rising order over three lengths for at least one of
            four models; three decimals are enough.

    Returns:
        Feedback with a hint for one model, for none, for adding, for pairs, and for either direction.
    """
    return grade(
        answer,
        1 - (5 / 6) ** 4,
        praise="More likely than not, some row of such a table shows a trend, and there is nothing to show.",
        mistakes=[
            Mistake(1 / 6, "This is the chance for one model. Four have a try."),
            Mistake((5 / 6) ** 4, "This is the chance that no model rises; you need at least one."),
            Mistake(4 / 6, "Chances of events that can happen together do not add. Take the chance that none does."),
            Mistake(1 - (1 / 2) ** 4, "One half is the chance for two lengths. In how many orders can three come?"),
            Mistake(1 - (2 / 3) ** 4, "You have counted falling rows as well; here only a rise counts."),
            Mistake((1 / 6) ** 4, "This is the chance that all four rise."),
            Mistake(1 - (7 / 8) ** 4, "Two steps up are not independent: three numbers have six orders, not eight."),
        ],
        otherwise="Three numbers without ties come in six orders, all alike here. Then take four models.",
        tolerance=ROUNDED,
    )


# Which outputs each of the two stages lets an input move; their product is the pattern of one after the other.
FORWARDS = np.tril(np.ones((4, 4)))
AVERAGE = np.array([[1.0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]])
PATTERN = (FORWARDS @ AVERAGE > 0).astype(float)


def check_pattern(answer: ArrayLike) -> Feedback:
    """Check the influence pattern of a forward layer that reads a centred average of three, over four steps.

    Args:
        answer: ``(4, 4)`` of zeros and ones; row t, column s is 1 where input s can move output t.

    Returns:
        Feedback with a hint for the layer alone, the average alone, rows and columns exchanged, and too much.
    """
    return grade(
        answer,
        PATTERN,
        praise="One diagonal too many: the layer is causal, and what it is fed is not.",
        mistakes=[
            Mistake(FORWARDS, "This is the layer alone. Its input at step t already holds x of step t + 1."),
            Mistake(AVERAGE, "This is the average alone. The layer carries every input on to all later steps."),
            Mistake(PATTERN.T, "Rows and columns have changed places: row t lists the inputs that move output t."),
            Mistake(FORWARDS.T, "This looks forward only. Row t lists the inputs that move output t."),
            Mistake(
                np.ones((4, 4)), "This is a bidirectional layer. Here x of step 4 reaches output 3, but not 1 or 2."
            ),
        ],
        otherwise="First write which inputs the average at step s holds. The layer at t has seen the averages 1 to t.",
        tolerance=EXACT,
    )


def check_equal_units(answer: ArrayLike) -> Feedback:
    """Check how many units a forward LSTM needs to have as many parameters as a bidirectional one of 15.

    Both read two features and have one linear output at each step; torch's two biases count.

    Args:
        answer: the number of units.

    Returns:
        Feedback with a hint for equal units, equal outputs, the square root of two alone, and the parameters.
    """
    return grade(
        answer,
        22,
        praise="Both have 2,311 parameters. Twice the directions is not twice the units: the recurrent weights are H².",
        mistakes=[
            Mistake(15, "The same units make half of the parameters: the second direction has its own weights."),
            Mistake(30, "The same number of *outputs* makes too many parameters: the recurrent part grows with H²."),
            Mistake(21, "Close. √2 · 15 counts the recurrent weights alone; inputs, biases and the head count too."),
            Mistake(2311, "This is the number of parameters. How many units have that many in one direction?"),
            Mistake(7.5, "Half the units go into *each direction* if you start from the other network; here it is 15."),
        ],
        otherwise="A direction has 4H(D + H + 2) parameters, the head one per output and a bias. Set the totals equal.",
        tolerance=EXACT,
    )


def check_smoother(answer: Any) -> Feedback:
    """Check a function that smooths a series over five steps without looking ahead.

    Args:
        answer: a function from a series ``(time,)`` to a series of the same length. Where fewer than five values are
            known, it averages those.

    Returns:
        Feedback with a hint for no function, another length, a look ahead, a series shifted, too long or too short a
        memory, and a wrong beginning.
    """
    if untried(answer):
        return NOT_TRIED
    if not callable(answer):
        return Feedback(False, f"Give a function of a series; this is of type {type(answer).__name__}.")
    series = np.random.default_rng(10).normal(size=24)
    try:
        smooth = np.asarray(answer(series.copy()), dtype=np.float64)
    except Exception as error:
        return Feedback(False, f"The function stopped with {type(error).__name__}: {error}")
    if smooth.shape != series.shape:
        return Feedback(False, f"Return one value per step: shape {series.shape} is expected, yours is {smooth.shape}.")
    return _judge_smoother(answer, series, smooth)


def _judge_smoother(function: Callable[[Floats], ArrayLike], series: Floats, smooth: Floats) -> Feedback:
    moved = np.zeros((24, 24), dtype=bool)
    for step in range(24):
        pushed = series.copy()
        pushed[step] += 100.0
        moved[:, step] = np.abs(np.asarray(function(pushed), dtype=np.float64) - smooth) > EXACT
    ahead = np.argwhere(np.triu(moved, 1))
    if len(ahead):
        output, source = ahead[0] + 1
        return Feedback(False, f"It looks ahead: input {source} moves output {output}. Use what is known at that step.")
    if not moved.diagonal().all():
        return Feedback(False, "The value of the step itself is known too: output t must hold input t.")
    reach = int(moved[12].sum())
    if reach != 5:
        return Feedback(False, f"Output 13 depends on {reach} inputs; average five: its own and the four before.")
    wanted = np.array([series[max(step - 4, 0) : step + 1].mean() for step in range(24)])
    if not np.allclose(smooth[4:], wanted[4:], rtol=0, atol=EXACT):
        return Feedback(False, "It holds the right five inputs, but their plain average is another number.")
    if not np.allclose(smooth, wanted, rtol=0, atol=EXACT):
        return Feedback(False, "Right from step five on. At the beginning, average the values that there are.")
    return Feedback(
        True, "Nothing later than step t moves output t. The price is a lag: the average trails the series."
    )
