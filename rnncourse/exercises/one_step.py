"""Checks for the exercises of the chapter *One step by hand*."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.cells import (
    FloatArray,
    RNNSequence,
    linear_step,
    rnn_sequence,
    rnn_step,
    rnn_step_backward,
    softmax,
)
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = [
    "check_bias_gradient",
    "check_kept_numbers",
    "check_memory_cell",
    "check_next_state",
    "check_relu_state",
]

# The cell of the chapter, as HW5 Q3(b) gives it.
X1, X2 = (0.8, -0.5), (-0.5, 0.5)
H0 = (-0.2, 0.4)
W_XH = np.array([[0.5, -0.2], [-1.0, 0.9]])
W_HH = np.array([[0.3, 0.1], [-0.4, 0.2]])
B_H = np.array([0.1, -0.1])
W_HY = np.array([[1.5, -0.5], [0.5, 1.0]])
B_Y = np.zeros(2)

# What a hand calculation with four decimals can be off by; the recognised mistakes lie further away.
HAND = 3e-4


def check_next_state(answer: ArrayLike, *, x: ArrayLike, h_prev: ArrayLike) -> Feedback:
    """Check the next state of the chapter's cell, for the reader's own input and previous state.

    Args:
        answer: the state after the step, shape ``(2,)``; four decimals are enough.
        x: the input chosen, shape ``(2,)``.
        h_prev: the previous state chosen, shape ``(2,)``.

    Returns:
        Feedback with a hint for a missing term, a missing tanh, swapped vectors or transposed weights.

    Raises:
        ValueError: ``x`` or ``h_prev`` is not two finite numbers.
        TypeError: ``x`` or ``h_prev`` does not hold real numbers.
    """
    step = rnn_step(x, h_prev, W_XH, W_HH, B_H)
    recurrent, incoming = step.recurrent_term, step.input_term
    transposed = W_HH.T @ step.h_prev + W_XH.T @ step.x + B_H
    return grade(
        answer,
        step.h,
        praise="Both rows agree. The same three weights and biases serve every step; only x and h_prev change.",
        mistakes=[
            Mistake(step.z, "This is z. The state is tanh(z), row by row."),
            Mistake(np.tanh(recurrent + incoming), "The bias b_h is missing: add it before tanh."),
            Mistake(np.tanh(incoming + B_H), "The previous state is missing: add W_hh h_prev before tanh."),
            Mistake(np.tanh(recurrent + B_H), "The input is missing: add W_xh x before tanh."),
            Mistake(np.tanh(recurrent + incoming + 2 * B_H), "The bias is there twice; the formula has one b_h."),
            Mistake(
                np.tanh(transposed), "The weights are transposed: row one of a matrix makes row one of the product."
            ),
            Mistake(
                np.tanh(W_HH @ step.x + W_XH @ step.h_prev + B_H),
                "x and h_prev have changed places: W_hh goes with h_prev, W_xh with x.",
            ),
            Mistake(
                np.tanh(recurrent) + np.tanh(incoming) + np.tanh(B_H), "Add the three terms first, then take tanh."
            ),
        ],
        otherwise="Write W_hh h_prev, W_xh x and b_h under one another, add them row by row, and take tanh last.",
        tolerance=HAND,
    )


def check_relu_state(answer: ArrayLike) -> Feedback:
    """Check the state after the chapter's first step with ReLU in place of tanh.

    Args:
        answer: the state after the step, shape ``(2,)``.

    Returns:
        Feedback with a hint for tanh kept, both functions applied, no function, or a dropped sign.
    """
    step = rnn_step(X1, H0, W_XH, W_HH, B_H, nonlinearity="relu")
    return grade(
        answer,
        step.h,
        praise="ReLU passes the first row unchanged and shuts the second: its slope there is zero.",
        mistakes=[
            Mistake(np.tanh(step.z), "This is tanh(z); use max(0, z) in its place."),
            Mistake(np.maximum(np.tanh(step.z), 0.0), "You took both functions; ReLU stands in the place of tanh."),
            Mistake(step.z, "This is z itself: ReLU turns every negative entry into zero."),
            Mistake(np.abs(step.z), "This is the absolute value: ReLU does not flip a negative entry, it zeroes it."),
            Mistake(np.minimum(step.z, 0.0), "You kept the negative part; ReLU keeps the positive one."),
        ],
        otherwise="z does not change with the nonlinearity: take z from the working, then max(0, z) row by row.",
        tolerance=HAND,
    )


def check_bias_gradient(answer: ArrayLike) -> Feedback:
    """Check dL/db_h over the chapter's two steps, where the label is the second class.

    Args:
        answer: the gradient, shape ``(2,)``; four decimals are enough.

    Returns:
        Feedback with a hint for one step's share alone, a missing slope, a flipped sign, the other label, a
        doubled bias or an untransposed weight matrix.
    """
    run = rnn_sequence([X1, X2], H0, W_XH, W_HH, B_H)
    first, last, slopeless, straight = _bias_shares(run, target=1)
    other = np.sum(_bias_shares(run, target=0)[:2], axis=0)
    total = first + last
    return grade(
        answer,
        total,
        praise="The bias acts at both steps, so its gradient is the sum of both steps' dL/dz.",
        mistakes=[
            Mistake(last, "This is the share of the last step alone; the same bias also acted at the first step."),
            Mistake(first, "This is the share of the first step alone; add that of the last step."),
            Mistake(-total, "The sign is flipped: dL/dy is the probabilities minus the one-hot label."),
            Mistake(other, "This is the gradient for the first class as label; here the label is the second class."),
            Mistake(2 * total, "Twice too large: b_h is one bias; PyTorch's two each have this same gradient."),
            Mistake(total / 2, "The shares of the steps are added; do not divide by the number of steps."),
            Mistake(slopeless, "The slope of tanh is missing: dL/dz is dL/dh times 1 − h², row by row."),
            Mistake(straight, "Going back in time uses the transpose: dL/dh_1 is W_hh transposed times dL/dz_2."),
        ],
        otherwise="Go from the end: dL/dy, dL/dh_2, dL/dz_2, then dL/dh_1, dL/dz_1, and add the two dL/dz.",
        tolerance=HAND,
    )


def _bias_shares(run: RNNSequence, *, target: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Shares of the first and of the last step; then two wrong totals: no slope, and W_hh not transposed."""
    dy = softmax(linear_step(run.h[-1], W_HY, B_Y).y) - np.eye(2)[target]
    last = rnn_step_backward(run.steps[1], W_HY.T @ dy)
    first = rnn_step_backward(run.steps[0], last.dh_prev)
    slopeless = last.dh + W_HH.T @ last.dh
    straight = last.dz + (W_HH @ last.dz) * first.slope
    return first.dz, last.dz, slopeless, straight


def check_kept_numbers(answer: ArrayLike) -> Feedback:
    """Check how many numbers, weights aside, BPTT keeps for HW5's first layer: 64 features, 32 units, 50 steps.

    Args:
        answer: the count for one sequence, a whole number.

    Returns:
        Feedback with a hint for a forgotten initial state, forgotten inputs, kept pre-activations, counted
        weights, or the last state alone.
    """
    features, units, steps = 64, 32, 50
    inputs, states = steps * features, (steps + 1) * units
    weights = units * (features + units)
    return grade(
        answer,
        inputs + states,
        praise="Every input and every state, the one before the first step included. Each extra step adds D + H.",
        mistakes=[
            Mistake(
                inputs + steps * units, "One state is missing: the first step needs h_0 for its share of dL/dW_hh."
            ),
            Mistake(states, "The inputs are missing: dL/dW_xh needs x_t at every step."),
            Mistake(inputs, "The states are missing: dL/dW_hh needs every h_{t-1}, and the slope of tanh every h_t."),
            Mistake(
                inputs + states + steps * units, "z is not kept: the slope of tanh is 1 − h², and h is there already."
            ),
            Mistake(inputs + states + weights, "Weights are there with or without training; leave them out."),
            Mistake(inputs + states + units**2, "W_hh is a weight; leave it out."),
            Mistake(features + units, "This is what one step adds; the count is over all steps."),
            Mistake(units, "This is what the forward pass alone carries; going back needs every step's state."),
        ],
        otherwise="Write down what dL/dW_xh, dL/dW_hh and the slope of tanh need at one step, then count over all.",
        tolerance=1e-9,
    )


def check_memory_cell(answer: Any) -> Feedback:
    """Check a cell that is to remember the sign of its first input for ten steps.

    The first input is 1 or −1. The nine that follow lie anywhere in [−0.5, 0.5]. After the tenth step the first
    hidden unit must have the sign of the first input.

    Args:
        answer: ``(W_xh, W_hh, b_h)`` of a tanh cell with one input and any number of hidden units H, shapes
            ``(H, 1)``, ``(H, H)`` and ``(H,)``. The state starts at zero.

    Returns:
        Feedback with a hint for a state that fades, flips, is overwritten, or leans to one sign.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        W_xh, W_hh, b_h = answer
        units = len(np.atleast_1d(np.asarray(b_h, dtype=np.float64)))
        rnn_step(np.zeros(1), np.zeros(units), W_xh, W_hh, b_h)
    except (TypeError, ValueError) as error:
        return Feedback(False, f"Give W_xh, W_hh and b_h of shapes (H, 1), (H, H) and (H,): {error}")
    return _judge_memory(W_xh, W_hh, b_h, units)


def _judge_memory(W_xh: ArrayLike, W_hh: ArrayLike, b_h: ArrayLike, units: int) -> Feedback:
    def path(sign: float, later: FloatArray) -> FloatArray:
        """The first unit over ten steps, its sign counted from the first input's."""
        xs = np.concatenate([[sign], later])[:, None]
        return sign * rnn_sequence(xs, np.zeros(units), W_xh, W_hh, b_h).h[:, 0]

    quiet = {sign: path(sign, np.zeros(9)) for sign in (1.0, -1.0)}
    if (min(quiet.values(), key=lambda h: h[0])[0]) <= 0:
        return Feedback(
            False, "After the first step the sign is wrong already: look at W_xh, and at a bias that beats it."
        )
    if any((h[1:] * h[:-1] < 0).all() for h in quiet.values()):
        return Feedback(False, "The state changes its sign at every step: a negative recurrent weight flips it.")
    if any(h[-1] <= 0 for h in quiet.values()):
        return Feedback(
            False, "One sign is lost even without later inputs: the bias pulls the state to the other side."
        )
    if any(h[-1] < 0.1 * h[0] for h in quiet.values()):
        return Feedback(False, "The state fades to zero: it needs a recurrent weight above one to hold itself up.")
    rng = np.random.default_rng(0)
    noises = [np.full(9, 0.5), np.full(9, -0.5), *rng.uniform(-0.5, 0.5, (200, 9))]
    kept = sum(path(sign, noise)[-1] > 0 for sign in quiet for noise in noises)
    total = len(quiet) * len(noises)
    if kept < total:
        share = f"{kept} of {total} trials"
        return Feedback(False, f"Right in {share}: later inputs overwrite it. Weaken W_xh or strengthen W_hh.")
    return Feedback(True, f"Right in all {total} trials. Two resting points, one on either side of zero, hold one bit.")
