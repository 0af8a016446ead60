"""Checks for the exercises of the chapter *Sequence tasks*."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried
from rnncourse.networks import CausalConvolutions
from rnncourse.receptive_field import input_influence, stacked_field

__all__ = [
    "check_break_even",
    "check_field",
    "check_layers",
    "check_one_hot_ratio",
    "check_shapes",
    "check_wide_reader",
]

SHAPES = ("one-to-one", "one-to-many", "many-to-one", "many-to-many")
_WANTED = ("many-to-one", "many-to-many", "one-to-one", "one-to-many")
_HINTS = (
    "The message is read word by word, but the answer is one word: spam or not.",
    "Every word of the sentence gets a label of its own, so the output is as long as the input.",
    "All numbers of the form arrive at once and in no order: there is no time on either side.",
    "A picture goes in once, and a sentence of any length comes out.",
)

STEPS, BUDGET = 500, 3000


def check_shapes(answer: Any) -> Feedback:
    """Check the shapes of four tasks: spam filter, named entities, credit form, picture caption.

    Args:
        answer: four of ``"one-to-one"``, ``"one-to-many"``, ``"many-to-one"`` and ``"many-to-many"``, in that order.

    Returns:
        Feedback with a hint for the first task that is off.
    """
    if untried(answer):
        return NOT_TRIED
    if isinstance(answer, str) or not hasattr(answer, "__len__") or len(answer) != 4:
        return Feedback(False, "Give four shapes, one for each task, in the order of the text.")
    for place, (given, wanted, hint) in enumerate(zip(answer, _WANTED, _HINTS, strict=True), 1):
        if given not in SHAPES:
            return Feedback(False, f"Task {place}: {given!r} is none of {', '.join(SHAPES)}.")
        if given != wanted:
            return Feedback(False, f"Task {place}: {hint}")
    return Feedback(True, "The shape follows from what is asked, not from the kind of data.")


def check_one_hot_ratio(answer: ArrayLike) -> Feedback:
    """Check how many times the memory of 64-bit tokens the one-hot vectors of 60,000 words take, in float32.

    Args:
        answer: the ratio.

    Returns:
        Feedback with a hint for entries counted as equal in size, for the ratio turned round, and for bits.
    """
    words = 60_000
    return grade(
        answer,
        words * 4 / 8,
        praise="A token is eight bytes; its one-hot vector is 60,000 entries of four. The batch cancels.",
        mistakes=[
            Mistake(words, "An entry of float32 has half the bytes of a 64-bit token; do not count entries alone."),
            Mistake(8 / (4 * words), "This is the ratio turned round: one-hot over tokens."),
            Mistake(4 * words, "These are the bytes of one vector; divide by the bytes of one token."),
            Mistake(2 * words, "float32 has four bytes and a 64-bit integer eight, not the other way round."),
            Mistake(words * 4 * 32 * 79, "The batch is on both sides of the ratio; it cancels."),
        ],
        otherwise="Bytes of one one-hot vector over bytes of one token.",
        tolerance=1e-9,
    )


def check_field(answer: ArrayLike) -> Feedback:
    """Check the receptive field of four layers with kernel 5 and dilations 1, 2, 4, 8.

    Args:
        answer: the field, in steps.

    Returns:
        Feedback with a hint for forgotten dilations, the forgotten own step, and kernel sizes added up.
    """
    return grade(
        answer,
        stacked_field(5, (1, 2, 4, 8)),
        praise="Four new steps per unit of dilation, fifteen units, and the output's own step.",
        mistakes=[
            Mistake(
                stacked_field(5, (1, 1, 1, 1)), "The dilations are missing: each layer adds four steps times its own."
            ),
            Mistake(60, "The output's own step is missing."),
            Mistake(75, "A kernel of five adds four new steps, since one of its steps is there already."),
            Mistake(76, "A kernel of five adds four new steps, since one of its steps is there already."),
            Mistake(20, "Kernels do not add up: neighbours overlap, and the dilations spread them."),
            Mistake(5**4, "Paths multiply, steps do not: many paths end at the same input."),
            Mistake(33, "Only the last dilation is in this; every layer adds its share."),
        ],
        otherwise="1 + (k − 1) times the sum of the dilations.",
        tolerance=1e-9,
    )


def check_layers(answer: ArrayLike) -> Feedback:
    """Check how many layers with kernel 3 see 100 steps: without dilation, and with doubling dilation.

    Args:
        answer: ``(without, doubling)``.

    Returns:
        Feedback with a hint for each of the two numbers, rounded the wrong way or with another kernel.
    """

    def pair(first: Callable[[float], bool], second: Callable[[float], bool]) -> Callable[[Any], bool]:
        return lambda given: bool(first(given[0]) and second(given[1]))

    def right_without(count: float) -> bool:
        return count == 50

    def anything(count: float) -> bool:
        return True

    return grade(
        answer,
        [50, 6],
        praise="Two steps a layer make fifty layers; doubling makes six, which even see 127.",
        mistakes=[
            Mistake(pair(lambda n: n == 49, anything), "49 layers see 99 steps: one too few. Round up."),
            Mistake(pair(lambda n: n in (33, 34), anything), "A layer with kernel 3 adds two new steps, not three."),
            Mistake(pair(lambda n: n == 100, anything), "A kernel of 3 adds two steps a layer, not one."),
            Mistake(pair(right_without, lambda n: n == 5), "Five doubling layers see 63 steps; go on."),
            Mistake(pair(right_without, lambda n: n == 7), "Six layers already see 127. Add up 1 + 2 + 4 + …"),
            Mistake(pair(lambda n: n == 6, lambda n: n == 50), "The order is: without dilation first, then doubling."),
        ],
        otherwise="1 + 2·L must be at least 100; with doubling the sum of the dilations is 2^L − 1.",
        tolerance=1e-9,
    )


def check_break_even(answer: ArrayLike) -> Feedback:
    """Check the smallest length at which ``Linear(6·T, 16)`` has more parameters than ``nn.RNN(6, 16)``.

    Args:
        answer: the length T, a whole number.

    Returns:
        Feedback with a hint for equality, for one bias in the RNN, and for missing recurrent weights.
    """
    return grade(
        answer,
        4,
        praise="384 parameters against 96·T + 16: from four steps on the perceptron is larger, and it keeps growing.",
        mistakes=[
            Mistake(3, "With three steps the linear layer has 304 parameters, and the RNN 384."),
            Mistake(1, "With one step the linear layer has 112; the RNN has recurrent weights too."),
            Mistake(2, "With two steps the linear layer has 208, and the RNN 384: count W_hh and both biases."),
            Mistake(3.8333333333, "Length is a whole number, and at it the linear layer must be the larger one."),
            Mistake(5, "Four steps are enough: 16·24 + 16 = 400."),
        ],
        otherwise="The RNN has 16·6 + 16·16 + 2·16 parameters, the linear layer 16·6·T + 16.",
        tolerance=1e-6,
    )


def check_wide_reader(answer: Any) -> Feedback:
    """Check causal convolutions over two features that reach 500 steps back with at most 3,000 parameters.

    What is measured is the gradient: every one of the last 500 inputs must reach the last output.

    Args:
        answer: a `CausalConvolutions` with ``input_size`` 2.

    Returns:
        Feedback with a hint for a field too short, too many parameters, holes, or a signal that dies on the way.
    """
    if untried(answer):
        return NOT_TRIED
    if not isinstance(answer, CausalConvolutions) or answer.input_size != 2:
        return Feedback(False, "Give a CausalConvolutions with input_size 2.")
    parameters = sum(parameter.numel() for parameter in answer.parameters())
    if parameters > BUDGET:
        return Feedback(False, f"It has {parameters:,} parameters, more than {BUDGET:,}: try fewer channels.")
    if answer.receptive_field < STEPS:
        return Feedback(False, f"It sees {answer.receptive_field} steps: let the dilations grow from layer to layer.")
    generator = torch.Generator().manual_seed(0)
    influence = input_influence(answer, torch.randn(2, STEPS, 2, generator=generator)).numpy()
    missing = int(np.count_nonzero(influence == 0))
    if missing:
        return Feedback(
            False,
            f"{missing} of the 500 inputs do not reach the end: a dilation larger than the field below leaves holes.",
        )
    return Feedback(True, f"{answer.receptive_field} steps with {parameters:,} parameters, and no input is lost.")
