"""Corpora: well formed or refused, counted by hand and by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import Corpus, DataError, TextSplits, TrainTest, shared_texts

CLASSES = ("a", "b", "c")


def corpus(*rows: tuple[str, int], name: str = "small") -> Corpus:
    return Corpus(name, tuple(text for text, _ in rows), np.array([label for _, label in rows], dtype=int), CLASSES)


SMALL = corpus(("x", 0), ("y", 1), ("x", 0), ("x", 2), ("z", 1), ("x", 2), ("x", 2), ("y", 0))


def test_duplicates_by_hand() -> None:
    """x is twice a and three times c, y is once a and once b, z is b: at best 3 + 1 + 1 of eight are right."""
    found = SMALL.duplicates()
    assert (found.rows, found.distinct, found.conflicting_texts) == (8, 3, 2)
    assert (found.exact, found.conflicting, found.repeated) == (3, 2, 5)
    assert (found.best, found.ceiling) == (5, 5 / 8)
    assert str(found) == (
        "8 rows, 3 distinct texts; 3 rows repeat text and label, 2 repeat a text under another label; ceiling 62.50%"
    )


def test_a_corpus_without_duplicates_has_no_ceiling_below_one() -> None:
    found = corpus(("x", 0), ("y", 1), ("X", 2), ("x ", 2)).duplicates()
    assert (found.distinct, found.exact, found.conflicting, found.ceiling) == (4, 0, 0, 1.0)


ROWS = st.lists(st.tuples(st.sampled_from(["p", "q", "r", "s"]), st.integers(0, 2)), min_size=1, max_size=14)


@given(rows=ROWS)
@settings(deadline=None, max_examples=80)
def test_duplicates_by_brute_force(rows: list[tuple[str, int]]) -> None:
    found = corpus(*rows).duplicates()
    earlier = [rows[:place] for place in range(len(rows))]
    texts = [[text for text, _ in seen] for seen in earlier]
    assert found.exact == sum(row in seen for row, seen in zip(rows, earlier, strict=True))
    assert found.conflicting == sum(
        row not in seen and row[0] in known for row, seen, known in zip(rows, earlier, texts, strict=True)
    )
    # Every classifier of four texts into three classes, one after the other.
    best = 0
    for number in range(3**4):
        answers = {text: number // 3**place % 3 for place, text in enumerate("pqrs")}
        best = max(best, sum(answers[text] == label for text, label in rows))
    assert found.best == best
    assert found.distinct + found.repeated == found.rows == len(rows)
    assert found.best <= found.rows - found.conflicting


@given(rows=ROWS, others=ROWS)
@settings(deadline=None, max_examples=60)
def test_shared_texts_by_brute_force(rows: list[tuple[str, int]], others: list[tuple[str, int]]) -> None:
    expected = sum(any(text == known for known, _ in rows) for text, _ in others)
    assert shared_texts(corpus(*rows), corpus(*others)) == expected


def test_counts_and_take() -> None:
    assert SMALL.counts == {"a": 3, "b": 2, "c": 3}
    taken = SMALL.take([4, 0, 4])
    assert (taken.texts, taken.labels.tolist(), taken.classes, taken.name) == (
        ("z", "x", "z"),
        [1, 0, 1],
        CLASSES,
        "small",
    )
    assert len(SMALL.take([])) == 0
    assert SMALL.take(np.arange(8)).fingerprint == SMALL.fingerprint
    assert not SMALL.labels.flags.writeable


def test_the_fingerprint_is_of_the_content_in_its_order() -> None:
    known = "5277441b3bb990ff"
    assert corpus(("x", 0), ("é", 1)).fingerprint.startswith(known)
    assert corpus(("x", 0), ("é", 1), name="other").fingerprint.startswith(known)
    others = [
        corpus(("é", 1), ("x", 0)),
        corpus(("x", 0), ("e", 1)),
        corpus(("x", 0), ("é", 2)),
        corpus(("x0 1\né", 0)),
        Corpus("small", ("x", "é"), np.array([0, 1]), ("a", "b", "d")),
    ]
    found = {other.fingerprint for other in others}
    assert len(found) == len(others)
    assert not any(other.startswith(known) for other in found)


def test_splits_name_their_parts() -> None:
    first, second, third = corpus(("x", 0)), corpus(("y", 1), ("x", 1)), corpus(("z", 2))
    splits = TextSplits(first, second, third)
    assert list(splits.parts) == ["train", "validation", "test"]
    assert splits.joined.texts == ("x", "y", "x", "z")
    assert splits.joined.duplicates().conflicting == 1
    pair = TrainTest(first, second)
    assert pair.joined.labels.tolist() == [0, 1, 1]
    assert len({splits.fingerprint, pair.fingerprint, TrainTest(second, first).fingerprint}) == 3


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Corpus("s", ("x", "y"), np.array([0]), CLASSES), "s has 2 texts and labels of shape .1,.: give one"),
        (lambda: Corpus("s", ("x",), np.array([[0]]), CLASSES), r"labels of shape \(1, 1\)"),
        (lambda: Corpus("s", ("x", "y"), np.array([0, 3]), CLASSES), "s has label 3 at row 1, but 0 to 2 are expected"),
        (lambda: Corpus("s", ("x",), np.array([-1]), CLASSES), "label -1 at row 0"),
        (lambda: Corpus("s", ("x",), np.array([0.5]), CLASSES), "the labels of s must be integers, got float64"),
        (lambda: Corpus("s", "x", np.array([0]), CLASSES), "the texts of s are a single string"),
        (lambda: Corpus("s", ("x", b"y"), np.array([0, 1]), CLASSES), "the text at row 1 of s is a bytes"),
        (lambda: SMALL.take([8]), "indices hold 8, but small has rows 0 to 7"),
        (lambda: SMALL.take([-1]), "indices hold -1"),
        (lambda: SMALL.take([0.0]), "indices must be integers, got float64"),
        (lambda: SMALL.take(np.ones(8, dtype=bool)), "indices must be integers, got bool"),
        (lambda: SMALL.take(3), "indices must be one list of integers"),
        (lambda: SMALL.take([[1]]), "indices must be one list of integers"),
        (lambda: SMALL.take([]).duplicates(), "small is empty"),
    ],
)
def test_it_refuses(make: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        make()  # type: ignore[operator]
