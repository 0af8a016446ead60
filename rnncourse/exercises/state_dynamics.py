"""Checks for the exercises of the chapter *State dynamics*."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.cells import FloatArray, lstm_sequence
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = ["check_counter", "check_filling", "check_forget_bias", "check_least_units", "check_ramp_rise"]

# The longest stream a counter is tried on, and how far it may be off, as a share of the count.
LONGEST, SLACK = 200, 0.02


def check_filling(answer: ArrayLike) -> Feedback:
    """Check what a cell holds that keeps eight tenths and writes three tenths: after three steps, and at rest.

    Args:
        answer: both numbers, shape ``(2,)``; three decimals are enough.

    Returns:
        Feedback with a hint for a cell that forgets nothing, writes before it keeps, or rests at the wrong level.
    """
    f, w = 0.8, 0.3
    after, rest = w * (1 + f + f**2), w / (1 - f)
    return grade(
        answer,
        [after, rest],
        praise="The newest write is whole, each older one is shrunk once more; at rest the loss equals the write.",
        mistakes=[
            Mistake([3 * w, rest], "Three whole writes: this cell forgot nothing on the way. Shrink the older ones."),
            Mistake([f * after, f * rest], "You shrink the newest write too; it enters the cell after the forgetting."),
            Mistake([f * after, rest], "You shrink the newest write too; it enters the cell after the forgetting."),
            Mistake([after, w / f], "At rest c = f c + w. Solve for c: divide the write by 1 − f, not by f."),
            Mistake([after, 1 / (1 - f)], "This is the bound for a write of one; scale it by the write."),
            Mistake([after, after], "The second number is where the cell comes to rest, after many more steps."),
            Mistake([rest, after], "Both numbers are there, in the other order: three steps first, then the rest."),
        ],
        otherwise="Do the three steps one by one: keep eight tenths, then add three tenths. At rest, c = f c + w.",
        tolerance=6e-4,
    )


def check_forget_bias(answer: ArrayLike) -> Feedback:
    """Check the forget bias whose gate has a time scale of one hundred steps.

    Args:
        answer: the bias, that is the sum of torch's two; two decimals are enough.

    Returns:
        Feedback with a hint for the gate in place of its bias, a flipped sign or half the bias.
    """
    gate = 0.99
    bias = math.log(gate / (1 - gate))
    return grade(
        answer,
        bias,
        praise="The bias is the log of the odds, log(f / (1 − f)): about the log of the time scale.",
        mistakes=[
            Mistake(gate, "This is the forget gate itself; the bias is what the sigmoid turns into it."),
            Mistake(1 - gate, "This is 1 − f; first find f, then the bias whose sigmoid is f."),
            Mistake(-bias, "The sign is flipped: this gate would forget nearly everything at once."),
            Mistake(bias / 2, "This is half of it, as if it were one of torch's two biases; give their sum."),
            Mistake(100.0, "This is the time scale; with such a bias the gate is one to machine precision."),
            Mistake(math.log10(99.0), "Use the natural logarithm: the sigmoid is written with e."),
        ],
        otherwise="Solve 1 / (1 − f) = 100 for f, then sigmoid(bias) = f for the bias.",
        tolerance=3e-3,
    )


def check_ramp_rise(answer: ArrayLike) -> Feedback:
    """Check the rise of a straight ramp whose variance over time is three hundred.

    Args:
        answer: the rise, from the first step to the last.

    Returns:
        Feedback with a hint for a standard deviation, a missing root, or a wrong use of the twelve.
    """
    variance = 300.0
    return grade(
        answer,
        math.sqrt(12 * variance),
        praise="A ramp that rises by N has variance N²/12, wherever it starts.",
        mistakes=[
            Mistake(math.sqrt(variance), "This is the standard deviation; a ramp's rise is √12 times that."),
            Mistake(12 * variance, "This is the square of the rise; take the root."),
            Mistake(math.sqrt(variance / 12), "The twelve went to the wrong side: N² = 12 times the variance."),
            Mistake(variance / 12, "The twelve went to the wrong side, and the root is missing: N² = 12 · variance."),
            Mistake(math.sqrt(3 * variance), "This is half the rise: the distance from the middle to an end."),
        ],
        otherwise="Set N²/12 equal to the variance and solve for N.",
        tolerance=1e-2,
    )


def check_least_units(answer: ArrayLike) -> Feedback:
    """Check the least number of units of a layer whose hidden norm reaches nine and a half.

    Args:
        answer: the number of units, a whole number.

    Returns:
        Feedback with a hint for rounding down, a forgotten square, or a gate taken to be half open.
    """
    norm = 9.5
    return grade(
        answer,
        math.floor(norm**2) + 1,
        praise="Each unit adds less than one to the squared norm, so more than 90.25 units are needed.",
        mistakes=[
            Mistake(math.floor(norm**2), "With this many units the norm stays just below nine and a half; round up."),
            Mistake(norm**2, "Right bound; but units are whole, and the bound must be passed."),
            Mistake(math.ceil(norm), "You compared the norm with H; its bound is the square root of H."),
            Mistake(math.ceil(math.sqrt(norm)), "The root stands on the other side: the norm is below √H."),
            Mistake(
                math.ceil(4 * norm**2), "You took the gates as half open; the least number assumes them wide open."
            ),
        ],
        otherwise="Each entry of h is below one in size, so the norm is below the square root of H.",
        tolerance=1e-9,
    )


def check_counter(answer: Any) -> Feedback:
    """Check a one-unit LSTM whose cell is to count the ones in a stream of zeros and ones.

    Args:
        answer: ``(W_ih, W_hh, b)`` with rows i, f, g, o, shapes ``(4, 1)``, ``(4, 1)`` and ``(4,)``.

    Returns:
        Feedback with a hint for a cell that stays empty, counts down, counts zeros, fades, or takes unequal steps.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        W_ih, W_hh, b = answer
        _count(np.zeros(1), W_ih, W_hh, b)
    except (TypeError, ValueError) as error:
        return Feedback(False, f"Give W_ih, W_hh and b of shapes (4, 1), (4, 1) and (4,): {error}")
    return _judge_counter(W_ih, W_hh, b)


def _count(stream: FloatArray, W_ih: ArrayLike, W_hh: ArrayLike, b: ArrayLike) -> FloatArray:
    return lstm_sequence(stream[:, None], [0.0], [0.0], W_ih, W_hh, b).c[:, 0]


def _judge_counter(W_ih: ArrayLike, W_hh: ArrayLike, b: ArrayLike) -> Feedback:
    ones = _count(np.ones(LONGEST), W_ih, W_hh, b)
    silent = _count(np.zeros(LONGEST), W_ih, W_hh, b)
    if abs(ones[0]) < 1e-6:
        return Feedback(False, "Nothing is written at a one: look at the input gate and at the candidate's row.")
    if ones[0] < 0:
        return Feedback(False, "The cell counts down: the candidate has the wrong sign at a one.")
    if np.abs(silent).max() > SLACK * ones[0]:
        return Feedback(False, "The cell moves on a stream of zeros: the candidate has a bias, so zeros count too.")
    if ones[-1] < (1 - SLACK) * LONGEST * ones[0]:
        return Feedback(
            False, f"After {LONGEST} ones the cell holds {ones[-1] / ones[0]:.1f} first steps: it forgets. Raise b_f."
        )
    rng = np.random.default_rng(0)
    step = ones[-1] / LONGEST
    for share in (0.1, 0.5, 0.9):
        stream = (rng.random(LONGEST) < share).astype(np.float64)
        counts = stream.cumsum()
        if (np.abs(_count(stream, W_ih, W_hh, b) - step * counts) > SLACK * step * counts + 1e-9).any():
            return Feedback(False, "Not every one adds the same: the hidden state or the input moves a gate.")
    return Feedback(True, "Every one adds the same amount, and nothing is lost. Such a cell is right to grow.")
