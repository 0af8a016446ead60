"""The checks of *Sequence length* accept the solution and answer each typical mistake with its own hint."""

import itertools

import numpy as np

from rnncourse.exercises import sequence_length as ex


def masked_run(step, xs, mask, h0):
    states = [h0]
    for x, is_word in zip(xs, mask, strict=True):
        states.append(step(states[-1], x) if is_word else states[-1])
    return np.array(states[1:])


def holder(*, word=40.0, closed=-20.0, keep=20.0, write=2.0):
    W_ih, b = np.zeros((4, 2)), np.array([closed, keep, 0.0, 20.0])
    W_ih[0, 1], W_ih[2, 0] = word, write
    return W_ih, np.zeros((4, 1)), b


RIGHT = [
    (ex.check_steps_left, next(k for k in itertools.count() if 0.8**k < 0.001)),
    (ex.check_shares, (24 / 66, 6 / 48)),
    (ex.check_row, [0, 0, 6, 7, 8, 9]),
    (ex.check_both_ways, ((3, 0), (1, 5))),
    (ex.check_masked_run, masked_run),
    (ex.check_holder, holder()),
]


WRONG = [
    (ex.check_steps_left, 30, "one more"),
    (ex.check_steps_left, 30.96, "steps are whole"),
    (ex.check_steps_left, 5, "what is left"),
    (ex.check_steps_left, 4, "about half"),
    (ex.check_steps_left, 21, "less than a hundredth"),
    (ex.check_steps_left, -31, "positive"),
    (ex.check_steps_left, 100, "smallest k"),
    (ex.check_shares, (0.125, 24 / 66), "exchanged"),
    (ex.check_shares, (24, 6), "steps of padding"),
    (ex.check_shares, (42 / 66, 42 / 48), "shares of words"),
    (ex.check_shares, (24 / 42, 6 / 42), "words alone"),
    (ex.check_shares, (30 / 72, 30 / 72), "*its* longest"),
    (ex.check_shares, (30 / 72, 6 / 48), "not twelve"),
    (ex.check_shares, (0.5, 0.5), "Per batch"),
    (ex.check_shares, 0.5, "shape"),
    (ex.check_row, [0, 0, 1, 2, 3, 4], "*last* tokens"),
    (ex.check_row, [6, 7, 8, 9, 0, 0], "in front of them"),
    (ex.check_row, [1, 2, 3, 4, 0, 0], "Both ends"),
    (ex.check_row, [4, 5, 6, 7, 8, 9], "two steps are padding"),
    (ex.check_row, [6, 7, 8, 9], "six steps"),
    (ex.check_row, [0, 0, 0, 7, 8, 9], "First keep four"),
    (ex.check_both_ways, ((1, 5), (3, 0)), "forwards first"),
    (ex.check_both_ways, ((3, 0), (3, 5)), "*first* word"),
    (ex.check_both_ways, ((3, 5), (1, 5)), "still ahead"),
    (ex.check_both_ways, ((3, 0), (1, 0)), "starts in padding"),
    (ex.check_both_ways, ((3, 0), (0, 5)), "has read that word"),
    (ex.check_both_ways, ((3, 0), (3, 0)), "ends of a packed row"),
    (ex.check_both_ways, ((0, 0), (0, 0)), "Walk each direction"),
    (ex.check_masked_run, lambda step, xs, mask, h0: masked_run(step, xs, np.ones(7, dtype=bool), h0), "padding too"),
    (ex.check_masked_run, lambda step, xs, mask, h0: masked_run(step, xs, ~mask, h0), "turned round"),
    (
        ex.check_masked_run,
        lambda step, xs, mask, h0: masked_run(step, xs * mask[:, None], np.ones(7, dtype=bool), h0),
        "still a step",
    ),
    (ex.check_masked_run, lambda step, xs, mask, h0: masked_run(step, xs, mask, h0)[mask], "for each step"),
    (ex.check_masked_run, lambda step, xs, mask, h0: 1 / 0, "ZeroDivisionError"),
    (ex.check_masked_run, lambda step, xs, mask, h0: np.zeros((7, 2)), "For each step"),
    (ex.check_holder, holder(word=0.0), "hardly differ"),
    (ex.check_holder, holder(keep=3.0), "leaks"),
    (ex.check_holder, (np.zeros((3, 2)), np.zeros((3, 1)), np.zeros(3)), "shapes (4, 2)"),
    (ex.check_holder, (holder()[0], np.zeros((4, 1)), np.array([-20.0, 20.0, 0.0])), "shapes (4, 2)"),
]


def test_a_run_that_clears_the_state_is_told() -> None:
    def clears(step, xs, mask, h0):
        states = [h0]
        for x, is_word in zip(xs, mask, strict=True):
            states.append(step(states[-1], x) * is_word)
        return np.array(states[1:])

    assert "set to zero" in ex.check_masked_run(clears).message


def test_a_cell_that_padding_writes_into_is_told() -> None:
    W_ih, W_hh, b = holder()
    b = b.copy()
    b[0], b[2] = -4.0, 1.0
    W_ih = W_ih.copy()
    W_ih[2, 1] = -1.0
    feedback = ex.check_holder((W_ih, W_hh, b))
    assert not feedback.passed
    assert "Padding writes" in feedback.message, feedback


def test_a_cell_that_amplifies_is_told() -> None:
    W_ih, _, b = holder(write=0.5)
    W_hh, b = np.zeros((4, 1)), b.copy()
    b[0], W_hh[2, 0] = -3.0, 2.0
    feedback = ex.check_holder((W_ih, W_hh, b))
    assert not feedback.passed
    assert "grows" in feedback.message, feedback
