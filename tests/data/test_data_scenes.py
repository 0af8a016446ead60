"""Moving shapes stay in their region, move straight, and are what was asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data.errors import DataError
from rnncourse.data.scenes import SHAPES, moving_shapes

few = settings(max_examples=40, deadline=None)


@given(st.integers(2, 7), st.integers(9, 14), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32))
@few
def test_every_frame_holds_the_whole_shape_inside_its_region(steps, side, left, cut, seed) -> None:
    right = side - cut
    narrow = right - left < steps + 2
    if narrow:
        with pytest.raises(DataError, match="hold no path"):
            moving_shapes(5, np.random.default_rng(seed), steps=steps, side=side, columns=(left, right))
        return
    made = moving_shapes(20, np.random.default_rng(seed), steps=steps, side=side, columns=(left, right))
    assert made.frames.shape == (20, steps, 1, side, side)
    assert made.frames.dtype == np.float32
    ink = np.array([picture.sum() for picture in SHAPES.values()])[made.shapes]
    np.testing.assert_array_equal(made.frames.sum(axis=(2, 3, 4)), np.repeat(ink[:, None], steps, axis=1))
    assert made.frames[..., :left].sum() == 0
    assert made.frames[..., right:].sum() == 0


@given(st.integers(0, 2**32))
@few
def test_a_shape_moves_straight_by_one_pixel(seed) -> None:
    made = moving_shapes(10, np.random.default_rng(seed))
    moves = np.diff(made.corners, axis=1)
    assert (moves == moves[:, :1]).all()
    assert (np.abs(moves).max(axis=2) == 1).all()
    pictures = list(SHAPES.values())
    for film, which in enumerate(made.shapes):
        for time in range(made.frames.shape[1]):
            row, column = made.corners[film, time]
            np.testing.assert_array_equal(
                made.frames[film, time, 0, row : row + 3, column : column + 3], pictures[which]
            )


def test_all_shapes_directions_and_places_occur() -> None:
    made = moving_shapes(4000, np.random.default_rng(0), steps=3, side=9)
    assert set(made.shapes) == set(range(len(SHAPES)))
    assert len({tuple(move) for move in made.corners[:, 1] - made.corners[:, 0]}) == 8
    assert {tuple(corner) for corner in made.corners[:, 0]} == {(r, c) for r in range(7) for c in range(7)}


def test_one_seed_makes_one_set_of_films() -> None:
    one, same = (moving_shapes(5, np.random.default_rng(3)) for _ in range(2))
    other = moving_shapes(5, np.random.default_rng(4))
    np.testing.assert_array_equal(one.frames, same.frames)
    assert not np.array_equal(one.frames, other.frames)
    assert len(one) == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 0}, "count and steps must be at least 1 and 2, got 0"),
        ({"steps": 1}, "got 5 and 1"),
        ({"columns": (8, 4)}, "columns 8 to 4"),
        ({"columns": (-1, 12)}, "columns -1 to 12"),
        ({"columns": (0, 20)}, "of side 16"),
        ({"side": 6}, "give at least 8 columns"),
    ],
)
def test_bad_numbers_are_named(options, words) -> None:
    count = options.pop("count", 5)
    with pytest.raises(DataError, match=words):
        moving_shapes(count, np.random.default_rng(0), **options)
