"""Checks for the exercises of the chapter *Deeper and sideways*."""

from typing import Any

import numpy as np

from rnncourse.data.events import least_looks
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = ["check_least_share", "check_map_parameters", "check_recount", "check_rise", "check_width"]

PERIOD = 5
# The stack of the chapter: 16 inputs; one layer of 42 units.
INPUTS, WIDE = 16, 42
# Shi et al. (2015), Moving MNIST: frames of 64 × 64 cut into 16 channels of 16 × 16.
CHANNELS, LAYERS, KERNEL = 16, (128, 64, 64), 5


def check_rise(answer: Any) -> Feedback:
    """Check a rise of the update probability that makes a Skip RNN update at every fifth step.

    Args:
        answer: the rise per step, between 0 and 1.

    Returns:
        Feedback with a hint for a threshold of one, for a pre-activation, and for a rise too large or too small.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        rise = float(answer)
    except (TypeError, ValueError):
        return Feedback(False, "Give one number: how much the probability rises at each skipped step.")
    if rise <= 0:
        return Feedback(False, "The rise is a sigmoid, so it is above 0. Did you give what goes into the sigmoid?")
    if np.isclose(rise, 1 / PERIOD):
        return Feedback(False, "At 1/5 the probability is one at the fifth step. But one half is enough to update.")
    waits = int(np.ceil(0.5 / rise)) if rise < 1 else 1
    if waits == PERIOD:
        return Feedback(True, "Any rise from 0.1 to below 0.125 will do: four rises stay below one half, five do not.")
    if waits < PERIOD:
        return Feedback(False, f"Too steep: it updates again after {waits}. Four rises must stay below one half.")
    return Feedback(False, f"Too flat: it updates again only after {waits}. The fifth rise must reach one half.")


def _stack(width: int, layers: int) -> int:
    first = 4 * width * (INPUTS + width + 2)
    return first + (layers - 1) * 4 * width * (2 * width + 2)


def check_width(answer: Any) -> Feedback:
    """Check the width of two LSTM layers that have about as many parameters as one of 42 units, on 16 inputs.

    Args:
        answer: units of each of the two layers.

    Returns:
        Feedback with a hint for half the width, the same width, and a second layer that is taken to read the input.
    """
    target = _stack(WIDE, 1)
    best = min(range(1, WIDE), key=lambda width: abs(_stack(width, 2) - target))
    shared = min(range(1, WIDE), key=lambda width: abs(2 * _stack(width, 1) - target))
    return grade(
        answer,
        best,
        praise=f"Two layers of {best} have {_stack(best, 2):,} parameters, one of {WIDE} has {target:,}.",
        mistakes=[
            Mistake(WIDE // 2, "Halving is too much: the recurrent weights grow with the square of the width."),
            Mistake(WIDE, "At the same width the second layer comes on top, and is larger than the first."),
            Mistake(shared, "The second layer reads the first one's state, not the 16 inputs."),
        ],
        otherwise="Add 4H(16 + H + 2) and 4H(H + H + 2), and compare with 4 · 42 · (16 + 42 + 2).",
    )


def check_map_parameters(answer: Any) -> Feedback:
    """Check the number of parameters of ``ConvLSTM(1, 8, 3)``.

    Args:
        answer: the number.

    Returns:
        Feedback with a hint for a forgotten kernel, gate, bias or recurrence, and for counting pixels.
    """
    kernels = 4 * 8 * (1 + 8) * 9
    return grade(
        answer,
        kernels + 2 * 4 * 8,
        praise="Four gates, nine weights for each pair of channels, two biases per channel and gate. No pixel occurs.",
        mistakes=[
            Mistake(kernels + 4 * 8, "PyTorch keeps two biases per gate, one for each product."),
            Mistake(kernels, "The biases are missing."),
            Mistake(4 * 8 * (1 + 8) + 2 * 4 * 8, "A kernel has 3 · 3 weights for each pair of channels, not one."),
            Mistake(4 * 8 * 9 + 2 * 4 * 8, "The recurrent kernels are missing: they read the 8 channels of the state."),
            Mistake(8 * (1 + 8) * 9 + 2 * 8, "An LSTM has four blocks of weights, i, f, g and o."),
            Mistake(lambda given: bool(given > 100_000), "The size of the map does not matter: one kernel serves all."),
        ],
        otherwise="Take 4H(D + H + 2) of an LSTM and give each weight of a product the nine places of a kernel.",
    )


def check_least_share(answer: Any) -> Feedback:
    """Check the least share of updates with which no pulse of three steps in twelve is missed, on the average.

    Args:
        answer: the share, between 0 and 1.

    Returns:
        Feedback with a hint for never stopping, for forgetting the first look, and for a percentage.
    """
    share = least_looks(steps=12, lasts=3)
    starts = np.arange(10)
    without_first = float(np.mean(np.maximum(np.ceil((starts + 1) / 3), 1))) / 12
    return grade(
        answer,
        share,
        praise="Looks at 0, 3, 6 and 9, and none after the pulse was met: 2.8 looks in twelve steps on the average.",
        mistakes=[
            Mistake(1 / 3, "A reader that met the pulse may stop looking: after it nothing matters."),
            Mistake(100 * share, "Give the share between 0 and 1, not the percentage."),
            Mistake(12 * share, "These are the looks; divide by the steps."),
            Mistake(without_first, "The first step is always an update, whatever the reader would like."),
            Mistake(1 / 12, "One look will do only if you know where the pulse is."),
        ],
        otherwise="For each of the ten starts count the looks at 0, 3, 6 and 9 up to the first that meets the pulse.",
        tolerance=1e-3,
    )


def _recount(*, peepholes: int, biases: int, forecaster_reads: int = 0) -> int:
    area, (a, b, c) = KERNEL**2, LAYERS
    encoder = 4 * area * (a * (CHANNELS + a) + b * (a + b) + c * (b + c))
    forecaster = 4 * area * (c * (forecaster_reads + c) + b * (c + b) + a * (b + a))
    units = 2 * sum(LAYERS)
    return encoder + forecaster + units * (4 * biases + peepholes) + CHANNELS * (sum(LAYERS) + 1)


def check_recount(answer: Any) -> Feedback:
    """Check the recount of the three-layer ConvLSTM network of Shi et al. (2015) on Moving MNIST.

    Args:
        answer: number of parameters.

    Returns:
        Feedback with a hint for missing peepholes, a missing forecaster, torch's second biases, and an input that the
        forecaster does not have.
    """
    right = _recount(peepholes=3, biases=1)
    area, (a, b, c) = KERNEL**2, LAYERS
    encoder = 4 * area * (a * (CHANNELS + a) + b * (a + b) + c * (b + c))
    return grade(
        answer,
        right,
        praise="To the digit what the paper prints, so this is how its authors counted.",
        mistakes=[
            Mistake(_recount(peepholes=0, biases=1), "The peepholes are missing: three weights per channel and layer."),
            Mistake(_recount(peepholes=3, biases=2), "One bias per gate here: two are PyTorch's habit."),
            Mistake(_recount(peepholes=0, biases=2), "One bias per gate, and three peepholes per channel and layer."),
            Mistake(encoder, "These are the encoder's kernels alone; the forecaster has three layers as well."),
            Mistake(
                _recount(peepholes=3, biases=1, forecaster_reads=CHANNELS),
                "The forecaster's first layer has no input: all it knows is the state that was copied into it.",
            ),
            Mistake(
                right - CHANNELS * (sum(LAYERS) + 1),
                "The last convolution is missing: 1 × 1, from all 256 channels of the forecaster to 16.",
            ),
        ],
        otherwise="Add six layers of kernels, their biases and peepholes, and the 1 × 1 convolution at the end.",
    )
