"""Checks for the exercises of the chapter *Gate ablation*."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.cells import FloatArray
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = [
    "check_fewest_seeds",
    "check_forget_only_level",
    "check_holm",
    "check_learning_parameters",
    "check_order",
    "check_same_sum",
]

# Test MSE and MAE of the coursework's table, by version.
REPORTED = {"full": (0.046112, 0.079261), "forget_only": (0.057776, 0.123804), "input_only": (0.051964, 0.087089)}
P_VALUES = (0.004, 0.03, 0.02, 0.5)
FORGET, CANDIDATE = 0.8, 0.5


def check_order(answer: Any) -> Feedback:
    """Check the order of the three versions in the coursework's table, best first.

    Args:
        answer: three names, out of ``full``, ``forget_only`` and ``input_only``.

    Returns:
        Feedback with a hint for the order of the report's text, the reverse, and anything else.
    """
    if untried(answer):
        return NOT_TRIED
    if isinstance(answer, str) or not hasattr(answer, "__iter__"):
        return Feedback(False, "Give three names in a tuple, best first.")
    names = tuple(map(str, answer))
    right = tuple(sorted(REPORTED, key=lambda name: REPORTED[name][0]))
    if names == right:
        return Feedback(True, "MSE and MAE agree on this order, and the sentence below the table says another.")
    if set(names) != set(REPORTED) or len(names) != len(REPORTED):
        return Feedback(False, "The names are full, forget_only and input_only, each once.")
    if names == ("full", "forget_only", "input_only"):
        return Feedback(False, "That is the order of the report's text. Read the numbers, not the sentence.")
    if names == right[::-1]:
        return Feedback(False, "Errors are better when they are small: you have sorted worst first.")
    return Feedback(False, "Sort by the column test MSE, smallest first; then look whether MAE says the same.")


def check_learning_parameters(answer: ArrayLike) -> Feedback:
    """Check how many parameters learn in the coursework's network with its forget gate alone.

    Two recurrent layers of 64 units on one feature, then one linear output. Input and output gate are held at 1.

    Args:
        answer: a whole number.

    Returns:
        Feedback with a hint for the full network, a missing head, one bias per gate, one block, or a fixed candidate.
    """
    first, second, head = 64 * (1 + 64 + 2), 64 * (64 + 64 + 2), 65
    return grade(
        answer,
        2 * (first + second) + head,
        praise="Two blocks of four learn in each layer, the forget gate's and the candidate's, and the head.",
        mistakes=[
            Mistake(4 * (first + second) + head, "That is the full network. Which rows are held, and learn nothing?"),
            Mistake(2 * (first + second), "The linear output is missing: 64 weights and a bias."),
            Mistake(
                2 * (first + second - 128) + head, "Torch keeps two biases for each gate; you have counted one per row."
            ),
            Mistake(first + second + head, "The forget gate alone learns here. The candidate is no gate, and learns."),
            Mistake(3 * (first + second) + head, "One gate is held in your count; forget-only holds two."),
            Mistake(2 * first + head, "There are two layers; the second reads the 64 outputs of the first."),
        ],
        otherwise="A block of a layer has 64 rows, each with its inputs, 64 states and two biases. Which blocks learn?",
        tolerance=1e-9,
    )


def check_forget_only_level(answer: ArrayLike) -> Feedback:
    """Check the level that a forget-only cell reaches with a forget gate of 0.8 and a candidate of 0.5 at every step.

    Args:
        answer: the cell state after many steps.

    Returns:
        Feedback with a hint for a coupled cell, a first step, an input-only cell, or a wrong sum.
    """
    return grade(
        answer,
        CANDIDATE / (1 - FORGET),
        praise="c = f c + g has this fixed point: the cell cannot shut its input out, so what it holds drifts there.",
        mistakes=[
            Mistake(CANDIDATE, "That is the first step, or a coupled cell, which writes (1 − f) g. Here i is 1."),
            Mistake(CANDIDATE / FORGET, "Set c = f c + g and solve for c: what is left of c on the other side?"),
            Mistake(CANDIDATE * (1 - FORGET), "Divide by 1 − f; multiplying is what one step of a coupled cell does."),
            Mistake(FORGET / (1 - FORGET), "The sum of f + f² + …; the candidate is 0.5, and the first term is whole."),
            Mistake(1 / (1 - FORGET), "That is for a candidate of 1."),
            Mistake(lambda level: bool(np.isposinf(level)), "Without a forget gate it would grow on; here f is 0.8."),
        ],
        otherwise="A level that stays is one that a step does not change: c = f c + g.",
        tolerance=1e-3,
    )


def check_fewest_seeds(answer: ArrayLike) -> Feedback:
    """Check how many seeds are needed so that the best possible result survives the correction.

    Eleven variants against the full LSTM, exact two-sided sign-flip test, Holm's correction, level 5 %.

    Args:
        answer: a whole number.

    Returns:
        Feedback with a hint for no correction, a one-sided test, both, or one seed off.
    """
    return grade(
        answer,
        9,
        praise="2/2⁹ is 0.0039, and eleven times that is 0.043. With eight seeds no result, however clear, gets there.",
        mistakes=[
            Mistake(6, "Six seeds do for one comparison. Here are eleven, and the smallest p is multiplied by 11."),
            Mistake(5, "That is one-sided and for one comparison: 1/32. Two-sided the smallest p is 2/2ⁿ."),
            Mistake(8, "1/2⁸ would do, but a two-sided test counts all signs turned round as well: 2/2ⁿ."),
            Mistake(10, "Ten are enough, but so are fewer: try 2/2ⁿ times 11 for each n."),
            Mistake(11, "The number of variants is not the number of seeds: ask when 11 · 2/2ⁿ drops below 0.05."),
        ],
        otherwise="All differences on one side give p = 2/2ⁿ. Holm multiplies the smallest p by the number of tests.",
        tolerance=1e-9,
    )


def check_holm(answer: ArrayLike) -> Feedback:
    """Check Holm's correction of the p-values 0.004, 0.03, 0.02 and 0.5.

    Args:
        answer: adjusted values in the same order, shape ``(4,)``.

    Returns:
        Feedback with a hint for Bonferroni, for a missing running maximum, sorted values, or wrong factors.
    """
    p = np.array(P_VALUES)
    stepped, order = np.empty(4), np.argsort(p)
    stepped[order] = p[order] * [4, 3, 2, 1]
    adjusted = np.empty(4)
    adjusted[order] = np.maximum.accumulate(stepped[order])
    rising = np.empty(4)
    rising[order] = p[order] * [1, 2, 3, 4]
    return grade(
        answer,
        adjusted,
        praise="0.03 and 0.02 end alike: a larger p may never come out smaller than one before it.",
        mistakes=[
            Mistake(np.minimum(1, 4 * p), "That is Bonferroni: all times 4. Holm multiplies by 4, 3, 2, 1 in turn."),
            Mistake(np.sort(adjusted), "These are the right values, sorted: give them in the order of the p-values."),
            Mistake(p, "These are the p-values as they were."),
            Mistake(p * [4, 3, 2, 1], "Sort first: the factor 4 goes to the smallest p, not to the first."),
            Mistake(rising, "The factors run the other way: 4 for the smallest p."),
        ],
        otherwise="Sort, multiply by 4, 3, 2, 1, let no value be below the one before it, and put them back in place.",
        tolerance=1e-4,
    )


def check_same_sum(answer: Any) -> Feedback:
    """Check two different input sequences that a cell without memory for order cannot tell apart.

    The cell is output-only, both other gates at 1, and its candidate reads the input but not the state.

    Args:
        answer: two sequences of numbers, of one length.

    Returns:
        Feedback with a hint for equal sequences, different lengths, or sequences that some such cell tells apart.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        one, two = (np.asarray(part, dtype=np.float64) for part in answer)
    except (TypeError, ValueError):
        return Feedback(False, "Give two sequences of numbers, such as ([1, 0], [1, 1]).")
    if one.ndim != 1 or one.shape != two.shape or not len(one):
        return Feedback(False, "The two sequences must be plain lists of one length.")
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        return Feedback(False, "Give finite numbers.")
    if np.array_equal(one, two):
        return Feedback(False, "They are the same sequence; find two that differ and leave the same cell state.")
    if _level(one) == _level(two):
        return Feedback(True, "The cell holds Σ tanh(w x + b), and a sum does not know the order of its terms.")
    if np.isclose(one.sum(), two.sum()):
        return Feedback(False, "Their plain sums agree, but the cell adds tanh(w x + b): equal for which sequences?")
    return Feedback(False, "Their sums differ, so the cell states do. What may change without changing a sum?")


def _level(inputs: FloatArray) -> tuple[float, ...]:
    """Cell states of a few such cells after a sequence, rounded to what adding in another order can change."""
    ordered = np.sort(inputs)  # adding in one order for all keeps equal sums equal
    return tuple(round(float(np.tanh(w * ordered + b).sum()), 9) for w, b in pairwise((0.7, -0.3, 1.9, 0.4)))
