"""The generated tasks keep their promises: balanced, decided by what they say, and by nothing else."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import DataError
from rnncourse.data.toys import NEGATIVE, PADDING, POSITIVE, TAGS, kept_value, synthetic_reviews, synthetic_tagging

SEED = st.integers(0, 2**31)


def opinion(words: tuple[str, ...]) -> int:
    """The rule, written from the sentence alone."""
    joint = max((words.index(word) for word in ("and", "but") if word in words), default=-1)
    last = words[joint + 1 :]
    friendly = any(word in POSITIVE for word in last)
    assert friendly != any(word in NEGATIVE for word in last)
    return int(friendly != ("not" in last))


@given(count=st.integers(1, 200), seed=SEED)
def test_a_review_has_the_opinion_of_its_last_clause(count: int, seed: int) -> None:
    made = synthetic_reviews(count, seed=seed)
    assert [opinion(words) for words in made.words] == made.labels.tolist()
    assert len(set(made.words)) == count
    assert all(words[-1] == "." for words in made.words)
    for words, row in zip(made.words, made.ids, strict=True):
        assert [made.vocabulary[token - 1] for token in row if token != PADDING] == list(words)


def test_after_but_comes_the_opposite_and_after_and_the_same() -> None:
    for words in synthetic_reviews(500, seed=1).words:
        for joint, differ in (("but", True), ("and", False)):
            if joint in words:
                at = words.index(joint)
                assert (opinion(words[:at]) != opinion(words[at + 1 :])) == differ


def test_reviews_are_balanced() -> None:
    assert synthetic_reviews(4000, seed=0).labels.mean() == pytest.approx(0.5, abs=0.03)


@given(count=st.integers(1, 100), seed=SEED)
def test_what_decides_a_tag_decides_it(count: int, seed: int) -> None:
    made = synthetic_tagging(count, seed=seed)
    assert made.ids.shape == made.tags.shape == made.decided_by.shape
    assert ((made.tags == -1) == (made.ids == PADDING)).all()
    seen: dict[Any, int] = {}
    for words, tags, decided in zip(made.words, made.tags, made.decided_by, strict=True):
        for at, word in enumerate(words):
            # The word alone, with all that stands before it, or with the one that comes after it.
            context = (None, words[:at], words[at + 1 : at + 2])[decided[at]]
            assert seen.setdefault((word, context, int(decided[at])), int(tags[at])) == tags[at]


def test_the_ambiguous_words_are_so() -> None:
    made = synthetic_tagging(3000, seed=0)
    tags: dict[str, list[int]] = {}
    for words, row in zip(made.words, made.tags, strict=True):
        for word, tag in zip(words, row, strict=False):
            tags.setdefault(word, []).append(int(tag))
    several = {word: found for word, found in tags.items() if len(set(found)) > 1}
    assert set(several) == {"old", "cold", "light", "rich", "walk", "play", "answer", "watch", "her"}
    for found in several.values():
        assert 0.3 < np.mean(np.array(found) == found[0]) < 0.7
    assert {tag for found in tags.values() for tag in found} == set(range(len(TAGS)))


@given(count=st.integers(1, 60), distance=st.integers(1, 50), seed=SEED)
def test_the_first_value_is_the_class(count: int, distance: int, seed: int) -> None:
    x, classes = kept_value(count, distance=distance, seed=seed)
    assert x.shape == (count, distance + 1, 2)
    assert (np.abs(x[..., 0]) == 1).all()
    assert (x[:, 0, 1] == 1).all()
    assert not x[:, 1:, 1].any()
    assert ((x[:, 0, 0] == 1) == classes).all()


@pytest.mark.parametrize("make", [synthetic_reviews, synthetic_tagging, partial(kept_value, distance=3)])
def test_a_seed_makes_the_same_again_and_another_makes_other(make: Any) -> None:
    def said(seed: int) -> str:
        made = make(30, seed=seed)
        return repr(made[0].tolist() if isinstance(made, tuple) else made.words)

    assert said(3) == said(3) != said(4)
    for wrong in (0, -1, 1.5):
        with pytest.raises(DataError, match=f"count .* {wrong}"):
            make(wrong, seed=0)
    with pytest.raises(DataError, match="distance .* 0"):
        kept_value(3, distance=0, seed=0)
