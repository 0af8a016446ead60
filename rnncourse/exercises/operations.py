"""Checks for the exercises of the chapter *Counting operations*."""

from typing import Any

from rnncourse.counting import Count, count, module_from_text
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = [
    "check_break_even",
    "check_budget",
    "check_chain",
    "check_gru_flops",
    "check_power_macs",
]

# Counts are whole numbers; this refuses a neighbour of the largest of them.
WHOLE = 1e-9


def check_gru_flops(answer: int) -> Feedback:
    """Check the FLOPs of HW6's bidirectional GRU, 100 features into 128 units over 79 steps, by HW5's convention.

    Args:
        answer: FLOPs of one sequence, forward.

    Returns:
        Feedback with a hint for MACs, one direction, one gate, an LSTM's gates, one bias, no bias or one step.
    """
    features, units, steps = 100, 128, 79
    macs = 2 * steps * 3 * units * (features + units)  # two directions, three gates
    bias = 2 * steps * 3 * units  # one of the two biases of each gate
    right = 2 * macs + 2 * bias
    return grade(
        answer,
        right,
        praise="Two directions, three gates, two biases for each gate, and one step repeated for every token.",
        mistakes=[
            Mistake(macs, "These are MACs: each is a product and an addition, and the biases come on top."),
            Mistake(2 * macs, "The bias additions are missing: this convention counts them, gemm does not."),
            Mistake(2 * macs + bias, "PyTorch's GRU has two biases for each gate; you counted one."),
            Mistake(right // 2, "This is one direction; a bidirectional layer runs two."),
            Mistake(right // 3, "This is a single gate; a GRU has three: reset, update and new."),
            Mistake(right // 3 * 4, "This is an LSTM with its four gates; a GRU has three."),
            Mistake(right // steps, "This is one step; the sequence has seventy-nine."),
        ],
        otherwise="Count one gate at one step, 2H(D + H) + 2H, then multiply by gates, steps and directions.",
        tolerance=WHOLE,
    )


def check_power_macs(answer: int) -> Feedback:
    """Check the MACs of HW5's power forecaster: LSTM, one feature, two layers of 64 units, 60 steps, Linear to 1.

    Args:
        answer: multiply-accumulates of one window, forward.

    Returns:
        Feedback with a hint for FLOPs, a missing head or layer, a wrong width, a head at every step or one step.
    """
    units, steps = 64, 60
    first, second = 4 * units * (1 + units), 4 * units * (units + units)
    lstm = steps * (first + second)
    return grade(
        answer,
        lstm + units,
        praise="The second layer reads sixty-four features where the first reads one; the head runs once.",
        mistakes=[
            Mistake(2 * (lstm + units), "These are FLOPs under gemm; one MAC is two of them."),
            Mistake(lstm, "The head is missing: Linear(64, 1) runs once, on the last state."),
            Mistake(lstm + steps * units, "The head reads the last state alone, so it runs once and not at each step."),
            Mistake(2 * steps * first + units, "The second layer does not read one feature: it reads a state."),
            Mistake(2 * steps * second + units, "The first layer does not read sixty-four features: it reads one."),
            Mistake(steps * first + units, "The second layer is missing."),
            Mistake(first + second + units, "The recurrent layers run at each of sixty steps; you counted one step."),
            Mistake(lstm // 4 + units, "An LSTM has four gates; you counted one."),
        ],
        otherwise="Count each layer on its own: four gates, H(D + H) MACs for each gate and step; then the head, once.",
        tolerance=WHOLE,
    )


def check_break_even(answer: int) -> Feedback:
    """Check the largest width r at which Linear(64, r) before RNN(r, 32) needs fewer MACs than RNN(64, 32).

    Args:
        answer: a whole number.

    Returns:
        Feedback with a hint for rounding up, a projection counted as free, or an input product forgotten.
    """
    return grade(
        answer,
        21,
        praise="Each step saves 64·32 MACs and pays r·(64 + 32): below one third of 64 the detour is shorter.",
        mistakes=[
            Mistake(22, "At this width the detour costs more already: round down."),
            Mistake(64 * 32 / 96, "The break-even point itself is no width: give the whole number below it."),
            Mistake(63, "The projection is not free: Linear(64, r) costs 64·r MACs at each step."),
            Mistake(31, "After the projection the RNN still reads its input: add 32·r MACs at each step."),
            Mistake(32, "After the projection the RNN still reads its input: add 32·r MACs at each step."),
            Mistake(20, "One more still pays."),
        ],
        otherwise="Without: 64·32 MACs for each step's input. With: 64·r for the projection and r·32 behind it.",
        tolerance=WHOLE,
    )


def check_chain(answer: int) -> Feedback:
    """Check the longest chain of dependent steps in three bidirectional layers over 100 steps.

    Args:
        answer: how many recurrent steps must follow one another.

    Returns:
        Feedback with a hint for the staircase of one-way layers, one layer alone, or directions taken in turn.
    """
    layers, steps = 3, 100
    return grade(
        answer,
        layers * steps,
        praise="A bidirectional layer is finished nowhere before it is finished everywhere: the next one must wait.",
        mistakes=[
            Mistake(steps + layers - 1, "This is the staircase of one-way layers. What does layer two wait for?"),
            Mistake(steps, "This is one layer; its two directions run side by side, but layers feed one another."),
            Mistake(2 * layers * steps, "The two directions of one layer do not wait for each other."),
            Mistake(2 * steps, "This is two layers; there are three."),
            Mistake(layers, "This would be three convolutions. A recurrent layer is a chain in itself."),
        ],
        otherwise="Ask of the first state of layer two, in time: when is the backward state below it ready?",
        tolerance=WHOLE,
    )


def check_budget(answer: Any) -> Feedback:
    """Check a network of HW5's form that has at least its parameters and at most half of its FLOPs.

    Args:
        answer: ``(first, second, width)``: units of both recurrent layers and of the linear layer behind them.

    Returns:
        Feedback that says which of the two conditions fails, and by how much.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        first, second, width = answer
    except (TypeError, ValueError):
        return Feedback(False, "Give three whole numbers: (first, second, width).")
    if not all(type(size) is int and 1 <= size <= 10_000_000 for size in (first, second, width)):
        return Feedback(False, "Give three whole numbers from 1 on: (first, second, width).")
    yours, given = _hw5(first, second, width), _hw5(32, 64, 512)
    flops, limit = yours.flops("coursework"), given.flops("coursework") // 2
    if flops > limit:
        where = "recurrent layers, whose weights work at every step" if flops > 2 * limit else "recurrent layers"
        return Feedback(False, f"{flops:,} FLOPs are more than {limit:,}. Save in the {where}.")
    if yours.parameters < given.parameters:
        missing = f"{yours.parameters:,} parameters are fewer than {given.parameters:,}"
        return Feedback(False, f"{missing}. Add them where a parameter works once for each sequence.")
    return Feedback(True, f"{yours.parameters:,} parameters, {flops:,} FLOPs. A weight outside the loop is cheap.")


def _hw5(first: int, second: int, width: int) -> Count:
    layers = f"RNN(64, {first}), RNN({first}, {second}), Last(), Linear({second}, {width}), Linear({width}, 10)"
    return count(module_from_text(f"Sequential({layers})"), (1, 50, 64))
