"""The checks of *Gates at work* accept the solution and answer each typical mistake with its own hint."""

import itertools

import numpy as np

from rnncourse.exercises import gates_at_work as ex

JUMP = 0.62 - sum((0.40, 0.42, 0.44, 0.46, 0.48)) / 5
CONTROL = 0.55 - sum((0.50, 0.51, 0.52, 0.53, 0.54)) / 5
RIGHT = [
    (ex.check_answer, JUMP - CONTROL),
    (ex.check_events, 3),
    (ex.check_memory, next(n for n in itertools.count() if 0.5**n < 0.01)),
    (ex.check_units, (0.0, 0.4)),
    (ex.check_count, (16, 13)),
]


def test_the_events_are_those_of_a_plain_loop() -> None:
    load = [1, 1, 3, 3, 1, 1, 1, 1, 2.5, 2.5, 2.4, 2.5, 2.5, 0.5]
    last, events = -99, 0
    for minute in range(1, len(load)):
        if abs(load[minute] - load[minute - 1]) > 1:
            events += minute - last > 3
            last = minute
    assert ex.check_events(events).passed


def jumps() -> list[tuple[int, float]]:
    """Row and size of each large change in the test part of the last exercise."""
    split = ex.weeks()
    seen = split.train.series.values[: split.train_rows, 0]
    limit = np.quantile(np.abs(np.diff(seen)), 0.99)
    change = np.diff(split.test.series.values[:, 0])
    first = split.test.target_rows[0]
    return [(row + 1, change[row]) for row in np.flatnonzero(np.abs(change) > limit) if row + 1 >= first]


def test_the_count_is_that_of_a_plain_loop() -> None:
    split, found = ex.weeks(), {True: 0, False: 0}
    start, rows = split.test.target_rows[0] + 39, len(split.test.series)
    events = jumps()
    for k, (row, size) in enumerate(events):
        quiet = k == 0 or row - events[k - 1][0] > 20
        # A change 20 rows earlier still lies within the quiet stretch.
        found[bool(size > 0)] += bool(quiet and start <= row < rows - 20)
    assert ex.check_count((found[True], found[False])).passed


WRONG = [
    (ex.check_answer, 0.18, "the control moves as well"),
    (ex.check_answer, 0.13, "mean of all five"),
    (ex.check_answer, -0.15, "sign is turned"),
    (ex.check_answer, 0.07, "two levels"),
    (ex.check_answer, 0.21, "not added"),
    (ex.check_answer, 0.9, "Then jump less control"),
    (ex.check_events, 4, "all jumps"),
    (ex.check_events, 2, "upward ones"),
    (ex.check_events, 7, "at* a high load"),
    (ex.check_events, 1, "Only one stands first"),
    (ex.check_events, 9, "strike out"),
    (ex.check_memory, 6, "one more"),
    (ex.check_memory, 6.64, "minutes are whole"),
    (ex.check_memory, 2, "half of what is left"),
    (ex.check_memory, 4, "less than a tenth"),
    (ex.check_memory, 50, "a product, not a sum"),
    (ex.check_memory, 12, "smallest n"),
    (ex.check_units, (0.4, 0.0), "exchanged"),
    (ex.check_units, (0.4, 0.4), "keep the signs"),
    (ex.check_units, (0.0, 0.0), "no sign counts"),
    (ex.check_units, (0.0, 1.2), "a sum"),
    (ex.check_units, (0.0, 0.6), "three units"),
    (ex.check_units, (0.1, 0.1), "Three changes"),
    (ex.check_units, 0.4, "shape"),
    (ex.check_count, (13, 16), "exchanged"),
    (ex.check_count, 29, "the sum"),
    (ex.check_count, (27, 24), "all jumps"),
    (ex.check_count, (14, 12), "test part itself"),
    (ex.check_count, (1, 1), "count them"),
]
