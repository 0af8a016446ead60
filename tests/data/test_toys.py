"""The generated tasks keep their promises: balanced, decided by what they say, and by nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data.toys import (
    NEGATIVE,
    PADDING,
    PAIR_SYMBOLS,
    POSITIVE,
    TAGS,
    TONE_CLASSES,
    kept_value,
    planted_pair,
    spectrogram,
    synthetic_reviews,
    synthetic_tagging,
    synthetic_tones,
)

LIMITED = settings(max_examples=40, deadline=None)
SEED = st.integers(0, 2**31)


def opinion(words: tuple[str, ...]) -> int:
    """The rule, written from the sentence alone."""
    joint = max((words.index(word) for word in ("and", "but") if word in words), default=-1)
    last = words[joint + 1 :]
    friendly = any(word in POSITIVE for word in last)
    assert friendly != any(word in NEGATIVE for word in last)
    return int(friendly != ("not" in last))


@LIMITED
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


@LIMITED
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


@LIMITED
@given(count=st.integers(1, 100), seq_len=st.integers(4, 60), extra=st.integers(0, 9), seed=SEED)
def test_the_pair_stands_once_or_nowhere(count: int, seq_len: int, extra: int, seed: int) -> None:
    ids, classes = planted_pair(count, seq_len=seq_len, seed=seed, longest=seq_len + extra)
    assert ids.shape == (count, seq_len + extra)
    assert (ids[:, seq_len:] == PADDING).all()
    assert (ids[:, :seq_len] >= 1).all()
    assert (ids <= PAIR_SYMBOLS).all()
    found = ((ids[:, :-1] == 1) & (ids[:, 1:] == 2)).sum(axis=1)
    assert (found == classes).all()


def test_both_classes_hold_the_same_symbols() -> None:
    ids, classes = planted_pair(40_000, seq_len=12, seed=0)
    for symbol in range(1, PAIR_SYMBOLS + 1):
        counts = (ids == symbol).sum(axis=1)
        gap = counts[classes == 1].mean() - counts[classes == 0].mean()
        assert abs(gap) < 4 * counts.std() / np.sqrt(10_000)


@LIMITED
@given(count=st.integers(1, 60), distance=st.integers(1, 50), seed=SEED)
def test_the_first_value_is_the_class(count: int, distance: int, seed: int) -> None:
    x, classes = kept_value(count, distance=distance, seed=seed)
    assert x.shape == (count, distance + 1, 2)
    assert (np.abs(x[..., 0]) == 1).all()
    assert (x[:, 0, 1] == 1).all()
    assert not x[:, 1:, 1].any()
    assert ((x[:, 0, 0] == 1) == classes).all()


def test_the_tones_change_as_they_are_named() -> None:
    waves, classes = synthetic_tones(400, seed=0, samples=256, noise=0.0)
    assert set(classes) == set(range(len(TONE_CLASSES)))
    loudest = spectrogram(waves).argmax(axis=2)  # bands of 1/32 cycles per sample: low is in 2 to 3, high in 4 to 6
    high = loudest > 3.5
    start, end = high[:, 0], high[:, -1]
    assert (start == np.isin(classes, (1, 3))).all()
    assert (end == np.isin(classes, (1, 2))).all()


def test_a_spectrogram_is_the_power_of_its_frames() -> None:
    waves = np.random.default_rng(0).normal(size=(3, 80))
    shown = spectrogram(waves, window=16, hop=8)
    assert shown.shape == (3, 9, 9)
    frame = waves[1, 24:40] * np.hanning(16)
    by_hand = [abs(sum(frame * np.exp(-2j * np.pi * k * np.arange(16) / 16))) ** 2 for k in range(9)]
    assert shown[1, 3] == pytest.approx(np.log(np.array(by_hand) + 1e-3), rel=1e-4, abs=1e-4)


MAKERS: list[Any] = [
    synthetic_reviews,
    synthetic_tagging,
    lambda count, seed: planted_pair(count, seq_len=5, seed=seed),
    lambda count, seed: kept_value(count, distance=3, seed=seed),
    lambda count, seed: synthetic_tones(count, seed=seed),
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_makes_the_same_again_and_another_makes_other(make: Any) -> None:
    def plain(made: Any) -> str:
        return repr([np.asarray(part).tolist() for part in made] if isinstance(made, tuple) else made.words)

    assert plain(make(30, seed=3)) == plain(make(30, seed=3)) != plain(make(30, seed=4))
    with pytest.raises(ValueError, match="count must be a whole number, at least 1, got 0"):
        make(0, seed=0)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="negation must lie"):
        synthetic_reviews(3, seed=0, negation=1.1)
    with pytest.raises(ValueError, match="seq_len must be at least 4"):
        planted_pair(3, seq_len=3, seed=0)
    with pytest.raises(ValueError, match="longest must be at least seq_len=5"):
        planted_pair(3, seq_len=5, seed=0, longest=4)
    with pytest.raises(ValueError, match="distance must be at least 1"):
        kept_value(3, distance=0, seed=0)
    with pytest.raises(ValueError, match="samples must be at least 32"):
        synthetic_tones(3, seed=0, samples=31)
    with pytest.raises(ValueError, match="window must be at least 2"):
        spectrogram(np.zeros((1, 64)), hop=0)
    with pytest.raises(ValueError, match=r"at least 32 samples, got shape \(1, 31\)"):
        spectrogram(np.zeros((1, 31)))
