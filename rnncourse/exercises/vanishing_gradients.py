"""Checks for the exercises of the chapter *Vanishing and exploding gradients*."""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried
from rnncourse.gradients import gradient_flow

__all__ = [
    "check_clip_cosine",
    "check_forget_bias",
    "check_gradient_lane",
    "check_steps_to_thousandth",
    "check_ten_step_bound",
]

W_HH = np.array([[0.3, 0.1], [-0.4, 0.2]])
KEEP = 0.5 ** (1 / 100)
GRADIENT = np.array([3.0, -4.0, 12.0])
LANE = 10.0
DIGITS = 2e-3  # three significant digits; the recognised mistakes lie further apart


def check_steps_to_thousandth(answer: ArrayLike) -> Feedback:
    """Check after how many steps of factor 0.9 a gradient is below a thousandth.

    Args:
        answer: the number of steps.

    Returns:
        Feedback with a hint for a number not rounded, rounded down, or taken from another logarithm.
    """
    exact = math.log(1e-3) / math.log(0.9)
    return grade(
        answer,
        math.ceil(exact),
        praise="It takes as long from any size: each step takes a tenth of what is there.",
        mistakes=[
            Mistake(math.floor(exact), "After this many steps it is still a little above a thousandth; round up."),
            Mistake(lambda given: abs(float(given) - exact) < 0.1, "That is the crossing itself; give whole steps."),
            Mistake(lambda given: float(given) < 0, "A negative count: both logarithms are negative, so divide them."),
            Mistake(math.ceil(math.log(2) * exact / math.log(1e3)), "That halves it; a thousandth is asked for."),
            Mistake(
                lambda given: float(given) in (10_000, 9_990, 999, 9_000),
                "The loss is not a fixed amount per step: multiply by 0.9 each time.",
            ),
        ],
        otherwise="Solve 0.9^k < 1/1000 by taking the logarithm of both sides.",
    )


def check_ten_step_bound(answer: ArrayLike) -> Feedback:
    """Check the bound on ten steps' stretch of the chapter 1 cell's gradient.

    Args:
        answer: the bound, a factor; three significant digits are enough.

    Returns:
        Feedback with a hint for another norm, the spectral radius, one step alone, or a sum for a product.
    """
    norm = float(np.linalg.norm(W_HH, 2))
    radius = float(np.abs(np.linalg.eigvals(W_HH)).max())
    frobenius = float(np.linalg.norm(W_HH))
    return _relative(
        answer,
        norm**10,
        praise="The largest singular value, once for each step. It bounds every gradient, whatever the states are.",
        mistakes=[
            (norm, "This bounds one step; ten steps multiply ten such factors."),
            (radius**10, "This uses the largest eigenvalue, which bounds nothing; take the largest singular value."),
            (
                frobenius**10,
                "A bound, but not the tight one: the Frobenius norm counts all singular values, not the largest.",
            ),
            (10 * norm, "Steps multiply; they do not add."),
            (float(np.abs(W_HH).max()) ** 10, "The largest entry does not bound a matrix; take its singular value."),
            (norm**20, "This is the square: the eigenvalue of WᵀW is the square of the singular value."),
        ],
        otherwise="Take the largest singular value of W_hh to the power of ten.",
    )


def check_forget_bias(answer: ArrayLike) -> Feedback:
    """Check the sum of both forget biases with which a cell keeps half over a hundred steps.

    Args:
        answer: the sum; three significant digits are enough.

    Returns:
        Feedback with a hint for the gate instead of the bias, one of the two biases, a sign, or one step alone.
    """
    bias = math.log(KEEP / (1 - KEEP))
    return _relative(
        answer,
        bias,
        praise="sigmoid of it is 0.9931, and a hundred times that factor is one half.",
        mistakes=[
            (KEEP, "This is the gate, f; the bias is what sigmoid turns into it."),
            (bias / 2, "This is one of two equal biases; the question asks for their sum."),
            (2 * bias, "This is twice the bias: torch adds its two biases, so the sum itself is the answer."),
            (-bias, "The sign is turned: a positive bias opens the gate, and an open forget gate keeps."),
            (0.0, "With this the gate is one half, which keeps half over one step, not over a hundred."),
            (math.log(100), "Near, but this is the logarithm of the time scale; solve f^100 = 1/2 first."),
        ],
        otherwise="Find f from f^100 = 1/2, then the bias b from f = 1 / (1 + exp(-b)).",
    )


def check_clip_cosine(answer: ArrayLike) -> Feedback:
    """Check the cosine between (3, -4, 12) and the same clipped by value at 2.

    Args:
        answer: the cosine; three significant digits are enough.

    Returns:
        Feedback with a hint for clipping by norm, a lost sign, an angle, or a product that was not divided.
    """
    cut = GRADIENT.clip(-2, 2)
    product = float(GRADIENT @ cut)
    cosine = product / float(np.linalg.norm(GRADIENT) * np.linalg.norm(cut))
    positive = np.minimum(GRADIENT, 2)
    unsigned = float(GRADIENT @ positive / (np.linalg.norm(GRADIENT) * np.linalg.norm(positive)))
    return _relative(
        answer,
        cosine,
        praise="The large entry lost most, so the vector turned. By norm it would have kept its direction.",
        mistakes=[
            (1.0, "That is clipping by norm, which keeps the direction; here each entry is cut on its own."),
            (unsigned, "The negative entry is also too large: cut it to -2."),
            (float(np.degrees(np.arccos(cosine))), "This is the angle in degrees; give its cosine."),
            (float(np.arccos(cosine)), "This is the angle; give its cosine."),
            (product, "Divide the inner product by both norms."),
            (product / float(np.linalg.norm(GRADIENT)) ** 2, "Divide by the norm of g and by that of the clipped g."),
        ],
        otherwise="Cut each entry to between -2 and 2, then divide the inner product by both norms.",
    )


def check_gradient_lane(answer: object) -> Feedback:
    """Check an untrained LSTM for a cell gradient that keeps its size over 200 steps of noise.

    Args:
        answer: ``nn.LSTM(4, 16, batch_first=True)``, initialised as the reader likes.

    Returns:
        Feedback that says how many decades are lost or gained, or which module is expected.
    """
    if untried(answer):
        return NOT_TRIED
    if not isinstance(answer, nn.LSTM):
        return Feedback(False, f"Give an nn.LSTM, so that there is a cell; this is of type {type(answer).__name__}.")
    if (answer.input_size, answer.hidden_size, answer.num_layers) != (4, 16, 1) or answer.bidirectional:
        return Feedback(False, "Give one layer that reads one way: nn.LSTM(4, 16, batch_first=True).")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 200, 4, generator=generator).to(next(answer.parameters()).dtype)
    direction = torch.randn(16, generator=generator, dtype=torch.float64)
    flow = gradient_flow(
        answer, x if answer.batch_first else x.transpose(0, 1), lambda output: (output[:, -1] @ direction).mean()
    )
    assert flow.dc is not None  # an LSTM has a cell
    if not flow.dc[-1] > 0 or not torch.isfinite(flow.dc[0]):
        return Feedback(False, "No finite gradient reaches the last cell: some gate is shut, or a weight too large.")
    return _judge_lane(float(flow.dc[0] / flow.dc[-1]))


def _judge_lane(ratio: float) -> Feedback:
    if ratio == 0:
        return Feedback(False, "Nothing reaches the first step: the forget gate is shut. Give it a positive bias.")
    decades = math.log10(ratio)
    if abs(decades) <= math.log10(LANE):
        return Feedback(True, f"The first cell's gradient is {ratio:.2g} times the last one's.")
    if decades > 0:
        return Feedback(
            False,
            f"It grows by {decades:.1f} decades on the way back: every step adds a path through the other gates. "
            "Make the recurrent weights smaller or the input gate more shut.",
        )
    return Feedback(
        False,
        f"It loses {-decades:.1f} decades: the forget gates are too far from one. Raise their bias; over 200 steps "
        "one is not enough.",
    )


def _relative(
    answer: ArrayLike, expected: float, *, praise: str, mistakes: list[tuple[float, str]], otherwise: str
) -> Feedback:
    """`grade` with three significant digits of tolerance, relative to each value and not to one."""

    def recognised(value: float, hint: str) -> Mistake:
        return Mistake(lambda given: abs(float(given) - value) <= (DIGITS * abs(value) or 1e-6), hint)

    return grade(
        answer,
        expected,
        praise=praise,
        mistakes=[recognised(value, hint) for value, hint in mistakes],
        otherwise=otherwise,
        tolerance=DIGITS * min(1.0, abs(expected)),
    )
