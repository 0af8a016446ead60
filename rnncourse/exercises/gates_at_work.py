"""Checks for the exercises of the chapter *Gates at work*."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.data import Split, chronological, synthetic_power
from rnncourse.data.jumps import WINDOW, find_events, threshold
from rnncourse.exercises._grading import Feedback, Mistake, grade

__all__ = ["check_answer", "check_count", "check_events", "check_memory", "check_units"]

Floats = NDArray[np.float64]

# Five minutes before, and the minute of the jump; a control without a jump below.
JUMP = np.array([0.40, 0.42, 0.44, 0.46, 0.48, 0.62])
CONTROL = np.array([0.50, 0.51, 0.52, 0.53, 0.54, 0.55])
LOAD = np.array([1.0, 1.0, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 2.5, 2.5, 2.4, 2.5, 2.5, 0.5])
LIMIT, QUIET = 1.0, 3
FORGET, LEFT = 0.5, 0.01
BEFORE, AFTER = np.array([0.2, 0.8, 0.5]), np.array([0.8, 0.2, 0.5])


def answer_of(gate: Floats) -> float:
    """Value at the jump less the mean of the five minutes before it.

    Args:
        gate: the five minutes and the jump, ``(6,)``.

    Returns:
        The change.
    """
    return float(gate[-1] - gate[:-1].mean())


def check_answer(answer: ArrayLike) -> Feedback:
    """Check the answer of a gate to a jump, less what the control does.

    Args:
        answer: the difference of the two changes.

    Returns:
        Feedback with a hint for a forgotten control, one minute instead of five, a turned sign, or levels compared.
    """
    expected = answer_of(JUMP) - answer_of(CONTROL)
    return grade(
        answer,
        expected,
        praise="Part of the rise was there without a jump, and the control takes it away.",
        mistakes=[
            Mistake(
                answer_of(JUMP), "That is the change at the jump; the control moves as well. Take its change away."
            ),
            Mistake(
                JUMP[-1] - JUMP[-2] - (CONTROL[-1] - CONTROL[-2]),
                "You compare with one minute before; compare with the mean of all five.",
            ),
            Mistake(-expected, "The sign is turned: after less before, jump less control."),
            Mistake(JUMP[-1] - CONTROL[-1], "These are two levels; each first needs its own mean before taken away."),
            Mistake(answer_of(JUMP) + answer_of(CONTROL), "The control is taken away, not added."),
        ],
        otherwise="Twice the same: last value less the mean of the five before it. Then jump less control.",
        tolerance=1e-4,
    )


def _events(load: Floats, *, limit: float, quiet: int) -> int:
    jump = np.abs(np.diff(load)) > limit
    return int(sum(jump[k] and not jump[max(k - quiet, 0) : k].any() for k in range(len(jump))))


def check_events(answer: ArrayLike) -> Feedback:
    """Check how many events a series of fourteen minutes holds.

    Args:
        answer: number of changes by more than 1 kW with three minutes without such a change before.

    Returns:
        Feedback with a hint for every jump counted, one direction alone, or levels instead of changes.
    """
    change = np.diff(LOAD)
    upward = int((change > LIMIT).sum())
    return grade(
        answer,
        _events(LOAD, limit=LIMIT, quiet=QUIET),
        praise="The second change has a jump two minutes before it, so its past is no quiet past.",
        mistakes=[
            Mistake(
                int((np.abs(change) > LIMIT).sum()), "These are all jumps; one of them has a jump shortly before it."
            ),
            Mistake(upward, "Those are the upward ones; a fall by more than the limit is a jump as well."),
            Mistake(
                int((LOAD > LIMIT).sum()), "You counted minutes *at* a high load; count changes from minute to minute."
            ),
            Mistake(1, "Only one stands first; look for others with three quiet minutes before them."),
        ],
        otherwise="Write down the changes, mark those beyond the limit, strike out any with one in the three before.",
    )


def check_memory(answer: ArrayLike) -> Feedback:
    """Check after how many minutes less than a hundredth of a cell is left at a forget gate of one half.

    Args:
        answer: the smallest whole number of minutes.

    Returns:
        Feedback with a hint for one step too few, a fraction, a straight line, or a tenth.
    """
    exact = float(np.log(LEFT) / np.log(FORGET))
    expected = int(np.ceil(exact))
    return grade(
        answer,
        expected,
        praise="A network whose forget gate stands at one half remembers minutes, not hours, in its cell.",
        mistakes=[
            Mistake(expected - 1, "After that many steps a little more than a hundredth is left: one more."),
            Mistake(
                lambda given: bool(abs(given - exact) < 0.05), "That is where the curve crosses; minutes are whole."
            ),
            Mistake(2, "It does not lose half of the *first* value each minute, but half of what is left."),
            Mistake(4, "That leaves less than a tenth; go on to a hundredth."),
            Mistake(50, "A half each minute is a product, not a sum: half, quarter, eighth."),
            Mistake(99, "A half each minute is a product, not a sum: half, quarter, eighth."),
        ],
        otherwise="The cell keeps f to the power n. Find the smallest n with f to the n below one hundredth.",
    )


def check_units(answer: ArrayLike) -> Feedback:
    """Check what a jump does to three units: change of their mean, and mean of their absolute changes.

    Args:
        answer: ``(change of the mean, mean absolute change)``.

    Returns:
        Feedback with a hint for an exchanged pair, signs lost in the first, signs kept in the second, or a sum.
    """
    change = AFTER - BEFORE
    signed, size = float(change.mean()), float(np.abs(change).mean())
    return grade(
        answer,
        (signed, size),
        praise="Two units swing all the way, and the mean of the layer does not move.",
        mistakes=[
            Mistake((size, signed), "These are exchanged: first the change of the mean."),
            Mistake((size, size), "In the mean of the gates a rise and a fall cancel; keep the signs there."),
            Mistake((signed, signed), "In the second number no sign counts: take absolute values before the mean."),
            Mistake((signed, float(np.abs(change).sum())), "The second is a sum; divide by the number of units."),
            Mistake((signed, 0.6), "The unit that does not move counts, too: three units."),
        ],
        otherwise="Three changes, one per unit. Their mean; then the mean of their absolute values.",
        tolerance=1e-4,
    )


def weeks() -> Split:
    """The synthetic weeks of the last exercise, as a forecasting task."""
    return chronological(synthetic_power(days=21, seed=1), window=WINDOW)


def check_count(answer: ArrayLike) -> Feedback:
    """Check how many upward and downward events the test part of three synthetic weeks holds.

    Args:
        answer: ``(up, down)``, for ``chronological(synthetic_power(days=21, seed=1), window=60)`` and the limit that
            `rnncourse.data.jumps.threshold` takes from its training part.

    Returns:
        Feedback with a hint for an exchanged pair, a sum, a limit taken from the test part, or no quiet rule.
    """
    split = weeks()
    found = {name: len(events.rows) for name, events in find_events(split, threshold(split)).items()}
    up, down = found["up"], found["down"]
    values = split.test.series.values[:, 0]
    change = np.diff(values[split.test.target_rows[0] :])
    own = float(np.quantile(np.abs(change), 0.99))
    limit = threshold(split)
    return grade(
        answer,
        (up, down),
        praise="A rule fixed before the test part is read, and every event that meets it: nothing is left to pick.",
        mistakes=[
            Mistake((down, up), "These are exchanged: upward first."),
            Mistake(up + down, "That is the sum; keep the two directions apart."),
            Mistake(
                (int((change > limit).sum()), int((change < -limit).sum())),
                "Those are all jumps. An event has twenty minutes without a jump before it.",
            ),
            Mistake(
                tuple(len(events.rows) for events in find_events(split, own).values()),
                "That limit comes from the test part itself; take it from the training part.",
            ),
        ],
        otherwise="find_events(split, threshold(split)) gives the rows of both directions: count them.",
    )
