"""Memory tasks: each sequence is what its task says, each score is known for who knows all and for who forgets."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from book.experiments.memory_tasks import REBER_SYMBOLS, Adding, ContinualReber, Copy, TemporalOrder

SEEDS = st.integers(0, 2**32 - 1)
ANY_TASK = st.one_of(
    st.integers(2, 40).map(Adding),
    st.builds(Copy, st.integers(2, 9), st.integers(1, 6), st.integers(0, 15)),
    st.integers(20, 60).map(TemporalOrder),
    st.integers(12, 80).map(ContinualReber),
)


def perfect(task, sequences):
    """Outputs of a network that knows the answers."""
    if task.kind == "number":
        return sequences.targets[..., None]
    return 1000.0 * np.eye(task.output_size)[sequences.targets]


@given(ANY_TASK, st.integers(1, 20), SEEDS)
def test_shapes_types_and_masks(task, count, seed) -> None:
    drawn = task.sample(count, np.random.default_rng(seed))
    assert drawn.inputs.shape == (count, task.seq_len, task.input_size)
    assert drawn.inputs.dtype == np.float32
    assert drawn.targets.shape == drawn.learned.shape == drawn.scored.shape == (count, task.seq_len)
    assert drawn.targets.dtype == (np.float32 if task.kind == "number" else np.int64)
    assert drawn.learned.any(axis=1).all()
    assert not (drawn.scored & ~drawn.learned).any()
    if task.kind == "class":
        assert (drawn.inputs.sum(axis=-1) == 1).all()
        assert ((drawn.targets >= 0) & (drawn.targets < task.output_size)).all()


@given(ANY_TASK, SEEDS)
def test_a_seed_decides_everything_and_answers_score_best(task, seed) -> None:
    one, two, other = (task.sample(8, np.random.default_rng(number)) for number in (seed, seed, seed + 1))
    assert (one.inputs == two.inputs).all()
    assert (one.targets == two.targets).all()
    if task.seq_len > 20 and not isinstance(task, Copy):
        assert (one.inputs != other.inputs).any()
    if one.scored.any():
        assert task.score(perfect(task, one), one) == pytest.approx(task.best, abs=1e-12)


@given(st.integers(2, 50), SEEDS)
def test_adding_marks_one_number_in_each_half(seq_len, seed) -> None:
    drawn = Adding(seq_len).sample(10, np.random.default_rng(seed))
    number, marker = drawn.inputs[..., 0], drawn.inputs[..., 1]
    assert ((number >= 0) & (number <= 1)).all()
    assert (marker[:, : seq_len // 2].sum(axis=1) == 1).all()
    assert (marker[:, seq_len // 2 :].sum(axis=1) == 1).all()
    assert drawn.targets[:, -1] == pytest.approx((number * marker).sum(axis=1))
    assert (drawn.scored.sum(axis=1) == 1).all()
    assert drawn.scored[:, -1].all()


@given(st.integers(2, 9), st.integers(1, 6), st.integers(0, 15), SEEDS)
def test_copy_asks_for_the_list_after_the_signal(symbols, length, delay, seed) -> None:
    drawn = Copy(symbols, length, delay).sample(10, np.random.default_rng(seed))
    said = drawn.inputs.argmax(axis=-1)
    assert (said[:, :length] < symbols).all()
    assert (said[:, length:] >= symbols).all()
    assert (np.flatnonzero(said[0] == symbols + 1) == [length + delay]).all()
    assert (drawn.targets[:, length + delay :] == said[:, :length]).all()
    assert (np.flatnonzero(drawn.scored[0]) == np.arange(length + delay, 2 * length + delay)).all()


@given(st.integers(20, 120), SEEDS)
def test_temporal_order_shows_two_symbols_where_it_says(seq_len, seed) -> None:
    drawn = TemporalOrder(seq_len).sample(10, np.random.default_rng(seed))
    said, tenth = drawn.inputs.argmax(axis=-1), seq_len // 10
    assert (said[:, 0] == 6).all()
    assert (said[:, -1] == 7).all()
    for row, answer in zip(said, drawn.targets[:, -1], strict=True):
        first, second = np.flatnonzero(row < 2)
        assert tenth <= first < 2 * tenth
        assert 5 * tenth <= second < 6 * tenth
        assert 2 * row[first] + row[second] == answer


# The embedded grammar once more, as a regular expression.
FROM_X = "(?:XT*VP)*(?:S|XT*VV)"
INNER = f"B(?:TS*X{FROM_X}|PT*V(?:V|P{FROM_X}))E"
EMBEDDED = re.compile(f"B(?:T{INNER}T|P{INNER}P)E")


def closings(stream):
    """Steps before which a string's closing T or P is due, and the end of the last whole string."""
    due, position = set(), 0
    while found := EMBEDDED.match(stream, position):
        position = found.end()
        due.add(position - 3)
    return due, position


@given(st.integers(12, 150), SEEDS)
def test_reber_streams_follow_the_grammar_and_are_scored_at_closing_symbols(seq_len, seed) -> None:
    drawn = ContinualReber(seq_len).sample(10, np.random.default_rng(seed))
    said = drawn.inputs.argmax(axis=-1)
    assert (drawn.targets[:, :-1] == said[:, 1:]).all()
    for row, last, scored in zip(said, drawn.targets[:, -1], drawn.scored, strict=True):
        stream = "".join(REBER_SYMBOLS[symbol] for symbol in (*row, last))
        due, whole = closings(stream)
        steps = set(np.flatnonzero(scored).tolist())
        # After the last whole string comes the beginning of one, which may have reached its closing symbol.
        assert {step for step in steps if step < whole} == due
        assert len(steps) <= len(due) + 1
        assert stream[whole : whole + 1] in ("", "B")


def test_who_forgets_scores_at_chance() -> None:
    generator = np.random.default_rng(3)
    for task in (Adding(30), Copy(4, 3, 10), TemporalOrder(30)):
        drawn = task.sample(20_000, generator)
        flat = np.full((20_000, task.seq_len, task.output_size), 0.0 if isinstance(task, Copy) else 1.0)
        assert task.score(flat, drawn) == pytest.approx(task.chance, rel=0.03)
    drawn = ContinualReber(200).sample(1000, generator)
    always = np.zeros((1000, 200, 7))
    always[..., REBER_SYMBOLS.index("T")] = 1.0
    assert ContinualReber(200).score(always, drawn) == pytest.approx(1 / 2, abs=0.02)


def test_copy_scores_in_bits_and_punishes_confident_mistakes() -> None:
    task = Copy(4, 3, 10)
    drawn = task.sample(50, np.random.default_rng(0))
    outputs = np.zeros((50, task.seq_len, 4))
    np.put_along_axis(outputs, drawn.targets[..., None], np.log(3.0), axis=-1)  # right with probability 1/2
    assert task.score(outputs, drawn) == pytest.approx(1.0)
    assert task.score(-5 * outputs, drawn) > task.chance
