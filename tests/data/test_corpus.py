"""Corpora: well formed or refused, counted by hand and by brute force."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import Corpus, DataError, TextSplits, TrainTest, shared_texts
from tests.refusals import refusing

CLASSES = ("a", "b", "c")


def corpus(*rows: tuple[str, int], name: str = "small") -> Corpus:
    return Corpus(name, tuple(text for text, _ in rows), np.array([label for _, label in rows], dtype=int), CLASSES)


SMALL = corpus(("x", 0), ("y", 1), ("x", 0), ("x", 2), ("z", 1), ("x", 2), ("x", 2), ("y", 0))


ROWS = st.lists(st.tuples(st.sampled_from(["p", "q", "r", "s"]), st.integers(0, 2)), min_size=1, max_size=14)


@given(rows=ROWS, others=ROWS)
def test_counts_by_brute_force(rows: list[tuple[str, int]], others: list[tuple[str, int]]) -> None:
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
    assert found.distinct + found.exact + found.conflicting == found.rows == len(rows)
    shared = sum(any(text == known for known, _ in rows) for text, _ in others)
    assert shared_texts(corpus(*rows), corpus(*others)) == shared


def test_counts_and_take() -> None:
    assert SMALL.counts == {"a": 3, "b": 2, "c": 3}
    taken = SMALL.take([4, 0, 4])
    assert (taken.texts, taken.labels.tolist()) == (("z", "x", "z"), [1, 0, 1])
    assert (taken.classes, taken.name) == (CLASSES, "small")
    assert len(SMALL.take([])) == 0
    assert SMALL.take(np.arange(8)).fingerprint == SMALL.fingerprint
    assert not SMALL.labels.flags.writeable


def test_the_fingerprint_is_of_the_content_in_its_order() -> None:
    known = "5277441b3bb990ff"
    assert corpus(("x", 0), ("é", 1)).fingerprint.startswith(known)
    assert corpus(("x", 0), ("é", 1), name="other").fingerprint.startswith(known)
    others = [
        *(corpus(("é", 1), ("x", 0)), corpus(("x", 0), ("e", 1)), corpus(("x", 0), ("é", 2)), corpus(("x0 1\né", 0))),
        Corpus("small", ("x", "é"), np.array([0, 1]), ("a", "b", "d")),
    ]
    assert len({known, *(other.fingerprint[:16] for other in others)}) == len(others) + 1


def test_splits_name_their_parts() -> None:
    first, second, third = corpus(("x", 0)), corpus(("y", 1), ("x", 1)), corpus(("z", 2))
    splits, pair = TextSplits(first, second, third), TrainTest(first, second)
    assert list(splits.parts) == ["train", "validation", "test"]
    assert splits.joined.texts == ("x", "y", "x", "z")
    assert splits.joined.duplicates().conflicting == 1
    assert pair.joined.labels.tolist() == [0, 1, 1]
    assert len({splits.fingerprint, pair.fingerprint, TrainTest(second, first).fingerprint}) == 3


def made(texts: Any, labels: Any) -> Any:
    return lambda: Corpus("s", texts, np.array(labels), CLASSES)


test_it_refuses = refusing(
    *((made(("x", "y"), labels), "labels") for labels in ([0], [[0, 1]], [0.5, 1])),
    *((made(("x", "y"), labels), "label ") for labels in ([0, 3], [-1, 0])),
    *((made(texts, [0, 1]), "texts of s") for texts in ("xy", ("x", b"y"))),
    error=DataError,
)
