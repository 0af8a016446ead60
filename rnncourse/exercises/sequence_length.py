"""Checks for the exercises of the chapter *Sequence length*."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.cells import lstm_sequence
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = ["check_both_ways", "check_holder", "check_masked_run", "check_row", "check_shares", "check_steps_left"]

Floats = NDArray[np.float64]
Step = Callable[[Floats, Floats], Floats]

KEPT, LEFT = 0.8, 0.001
LENGTHS, BATCH = (12, 3, 11, 4, 10, 2), 3
PADDING_STEPS = 300  # that the unit of the last exercise has to survive


def check_steps_left(answer: ArrayLike) -> Feedback:
    """Check after how many steps of padding less than a thousandth is left at eight tenths per step.

    Args:
        answer: the smallest whole number of steps.

    Returns:
        Feedback with a hint for one step too few, a fraction, a straight line, a half life, or a hundredth.
    """
    exact = float(np.log(LEFT) / np.log(KEPT))
    expected = int(np.ceil(exact))
    return grade(
        answer,
        expected,
        praise="A network that keeps eight tenths per step knows next to nothing of a text after thirty steps.",
        mistakes=[
            Mistake(expected - 1, "After that many steps a little more than a thousandth is left: one more."),
            Mistake(lambda given: bool(abs(given - exact) < 0.05), "There the curve crosses; steps are whole."),
            Mistake(5, "It does not lose a fifth of the *first* difference each step, but a fifth of what is left."),
            Mistake(4, "That is when about half is left; go on to a thousandth."),
            Mistake(21, "That leaves less than a hundredth; go on to a thousandth."),
            Mistake(-expected, "A number of steps is positive: both logarithms are negative."),
        ],
        otherwise="Eight tenths to the power k is what is left. Find the smallest k with that below one thousandth.",
    )


def _share(lengths: Sequence[int]) -> float:
    """Share of padding when the texts are batched in this order, each batch as long as its longest text."""
    parts = [lengths[start : start + BATCH] for start in range(0, len(lengths), BATCH)]
    return 1 - sum(lengths) / sum(len(part) * max(part) for part in parts)


def check_shares(answer: ArrayLike) -> Feedback:
    """Check the share of padding among all steps for six texts in batches of three, as they come and sorted.

    Args:
        answer: ``(as they come, sorted by length)``.

    Returns:
        Feedback with a hint for an exchanged pair, steps instead of shares, shares of words, or one common length.
    """
    blind, sorted_ = _share(LENGTHS), _share(sorted(LENGTHS))
    common = 1 - sum(LENGTHS) / (len(LENGTHS) * max(LENGTHS))
    return grade(
        answer,
        (blind, sorted_),
        praise="Sorting takes two thirds of the padding away, and no text reads anything else than before.",
        mistakes=[
            Mistake((sorted_, blind), "These are exchanged: first in the order they come."),
            Mistake((24, 6), "These are steps of padding; divide by all steps of the rows."),
            Mistake((1 - blind, 1 - sorted_), "These are the shares of words; padding is the rest."),
            Mistake((24 / 42, 6 / 42), "You divide by the words alone; divide by words and padding together."),
            Mistake((common, common), "You fill every row to twelve; a batch is as long as *its* longest text."),
            Mistake(
                (common, sorted_), "The second batch, as they come, has ten tokens in its longest text, not twelve."
            ),
        ],
        otherwise="Per batch: rows times the longest. Add the batches; padding is that less the 42 words.",
        tolerance=1e-3,
    )


def check_row(answer: ArrayLike) -> Feedback:
    """Check the row of six steps for nine tokens of which four are kept, front cut, padded in front.

    Args:
        answer: six ids, 0 for padding.

    Returns:
        Feedback with a hint for the wrong end cut, the wrong end padded, both, or a row filled with words.
    """
    return grade(
        answer,
        (0, 0, 6, 7, 8, 9),
        praise="The end of the text stands at the end of the row, where the network is read.",
        mistakes=[
            Mistake((0, 0, 1, 2, 3, 4), "Cutting the front off leaves the *last* tokens."),
            Mistake((6, 7, 8, 9, 0, 0), "The words are right; the padding belongs in front of them."),
            Mistake((1, 2, 3, 4, 0, 0), "Both ends are exchanged: the front is cut, and the front is padded."),
            Mistake((4, 5, 6, 7, 8, 9), "Four tokens are kept, though six would fit; two steps are padding."),
            Mistake((6, 7, 8, 9), "These are the kept tokens; the row has six steps."),
        ],
        otherwise="First keep four of the nine tokens, then put zeros in front until there are six steps.",
    )


def check_both_ways(answer: ArrayLike) -> Feedback:
    """Check what each direction has read at the last word of three words with five steps of padding behind.

    Args:
        answer: ``((words, padding) of the forward direction, (words, padding) of the backward one)``.

    Returns:
        Feedback with a hint for padding forgotten, for the backward direction read at its end, or for a packed row.
    """
    return grade(
        answer,
        ((3, 0), (1, 5)),
        praise="Reading at the last word mends the forward direction alone; only packing keeps the other out of it.",
        mistakes=[
            Mistake(((1, 5), (3, 0)), "These are exchanged: forwards first."),
            Mistake(((3, 0), (3, 5)), "That is where the backward direction ends, at the *first* word."),
            Mistake(((3, 5), (1, 5)), "The forward direction is at the last word: the padding is still ahead of it."),
            Mistake(((3, 0), (1, 0)), "It would be so in a packed row; here the backward direction starts in padding."),
            Mistake(((3, 0), (0, 5)), "The state at the last word has read that word, in both directions."),
            Mistake(((3, 0), (3, 0)), "Those are the ends of a packed row; here both are read at the last word."),
        ],
        otherwise="Walk each direction to the last word, count the words it has read, then the padding.",
    )


def _made_step(state: Floats, x: Floats) -> Floats:
    """A step to try a run on: no state stands still under it."""
    return np.tanh(np.array([[0.6, -0.4], [0.3, 0.5]]) @ state + x + 0.2)


def _masked(xs: Floats, mask: NDArray[np.bool_], h0: Floats) -> Floats:
    state, states = h0, []
    for x, is_word in zip(xs, mask, strict=True):
        state = _made_step(state, x) if is_word else state
        states.append(state)
    return np.array(states)


def check_masked_run(answer: Any) -> Feedback:
    """Check a function that runs a recurrent step over a row and hands the state on where the mask says so.

    Args:
        answer: ``masked_run(step, xs, mask, h0)``: ``step(state, x)`` makes the next state, ``xs`` is ``(time,
            features)``, ``mask`` is ``(time,)``, True at words, ``h0`` the state before; to the states ``(time,
            hidden)``.

    Returns:
        Feedback with a hint for a mask that is ignored, inverted or multiplied, or padding that is dropped.
    """
    if untried(answer):
        return NOT_TRIED
    if not callable(answer):
        return Feedback(False, f"Pass the function itself; this is of type {type(answer).__name__}.")
    rng = np.random.default_rng(0)
    xs, h0 = rng.normal(size=(7, 2)), np.array([0.5, -0.5])
    mask = np.array([True, True, False, True, False, False, True])
    try:
        given = answer(_made_step, xs.copy(), mask.copy(), h0.copy())
    except Exception as error:
        return Feedback(False, f"The function stopped with {type(error).__name__}: {error}.")
    zeroed, inputs = [], _masked(xs * mask[:, None], np.ones(7, dtype=bool), h0)
    state = h0
    for x, is_word in zip(xs, mask, strict=True):
        state = _made_step(state, x) * is_word
        zeroed.append(state)
    return grade(
        given,
        _masked(xs, mask, h0),
        praise="At a word the step, at padding a copy: the last row is the state after the last word.",
        mistakes=[
            Mistake(_masked(xs, np.ones(7, dtype=bool), h0), "It takes the step at padding too; look at the mask."),
            Mistake(_masked(xs, ~mask, h0), "The mask is turned round: it is True at words."),
            Mistake(zeroed, "At padding the state is set to zero; hand the old one on."),
            Mistake(inputs, "A zero input is still a step, and a step changes the state; copy the state instead."),
            Mistake(_masked(xs, mask, h0)[mask], "A row for each step, padding too: there the state is repeated."),
        ],
        otherwise="For each step: if the mask is True, the state becomes step(state, x). Collect the state every time.",
    )


def check_holder(answer: Any) -> Feedback:
    """Check weights of one LSTM unit that stores a sign and holds it over 300 steps of padding.

    Args:
        answer: ``(W_ih, W_hh, b)`` of shapes ``(4, 2)``, ``(4, 1)``, ``(4,)``, rows i, f, g, o. A word is ``(sign,
            1)``, padding ``(0, 0)``.

    Returns:
        Feedback with a hint for a cell that never stores, that leaks, or that padding writes into.
    """
    if untried(answer):
        return NOT_TRIED
    xs = np.zeros((1 + PADDING_STEPS, 2))
    try:
        W_ih, W_hh, b = (np.asarray(part, dtype=np.float64) for part in answer)
        runs = []
        for sign in (1.0, -1.0):
            xs[0] = sign, 1.0
            runs.append(lstm_sequence(xs, [0.0], [0.0], W_ih, W_hh, b).c[:, 0])
    except (TypeError, ValueError) as error:
        return Feedback(False, f"Give (W_ih, W_hh, b) of shapes (4, 2), (4, 1) and (4,): {error}")
    plus, minus = runs
    first, last = plus[0] - minus[0], plus[-1] - minus[-1]
    drift = abs((plus[-1] + minus[-1]) - (plus[0] + minus[0])) / 2
    if abs(first) < 0.5:
        return Feedback(
            False, "After the word the two cells hardly differ: open the input gate at a word, for a large g."
        )
    if abs(last) < 0.9 * abs(first):
        return Feedback(False, "The difference leaks away over the padding: the forget gate must be nearer to one.")
    if drift > 0.05 * abs(first):
        return Feedback(
            False, "Padding writes into the cell, the same for both signs: close the input gate or g there."
        )
    if abs(last) > 1.1 * abs(first):
        return Feedback(False, "The difference grows over the padding; hold it: no loop from h back into the gates.")
    return Feedback(True, f"After {PADDING_STEPS} steps of padding the two signs are as far apart as at the word.")
