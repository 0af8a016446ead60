"""What studies make their data of keeps its promises: decided by what it says, and by nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from book.experiments import ch22_sequence_tasks as tasks
from book.experiments import ch52_convlstm as films
from book.experiments import ch53_skip as skips
from book.experiments.memory_tasks import kept_value

SEEDS = st.integers(0, 2**31)


@given(st.integers(1, 100), SEEDS)
def test_what_decides_a_tag_decides_it(count: int, seed: int) -> None:
    made, deciders = tasks.synthetic_tagging(count, seed=seed)
    assert ((made.labels == -1) == (made.ids == 0)).all()
    seen: dict[object, int] = {}
    for words, tags, decided in zip(made.words, made.labels, deciders, strict=True):
        for at, word in enumerate(words):
            # The word alone, with all that stands before it, or with the one that comes after it.
            context = (None, words[:at], words[at + 1 : at + 2])[decided[at]]
            assert seen.setdefault((word, context, int(decided[at])), int(tags[at])) == tags[at]


def test_the_ambiguous_words_are_so() -> None:
    made, _ = tasks.synthetic_tagging(3000, seed=0)
    tags: dict[str, list[int]] = {}
    for words, row in zip(made.words, made.labels, strict=True):
        for word, tag in zip(words, row, strict=False):
            tags.setdefault(word, []).append(int(tag))
    several = {word: found for word, found in tags.items() if len(set(found)) > 1}
    assert set(several) == {"old", "cold", "light", "rich", "walk", "play", "answer", "watch", "her"}
    assert all(0.3 < np.mean(np.array(found) == found[0]) < 0.7 for found in several.values())
    assert {tag for found in tags.values() for tag in found} == set(range(len(tasks.TAGS)))


@given(st.integers(1, 60), st.integers(1, 50), SEEDS)
def test_the_first_value_is_the_class(count: int, distance: int, seed: int) -> None:
    x, classes = kept_value(count, distance=distance, seed=seed)
    assert x.shape == (count, distance + 1, 2)
    assert (np.abs(x[..., 0]) == 1).all()
    assert (x[..., 1] == (np.arange(distance + 1) == 0)).all()
    assert ((x[:, 0, 0] == 1) == classes).all()


@given(st.integers(4, 60), st.integers(0, 9), SEEDS)
def test_the_pair_stands_once_or_nowhere(seq_len: int, extra: int, seed: int) -> None:
    ids, classes = tasks.planted_pair(50, seq_len=seq_len, seed=seed, longest=seq_len + extra)
    assert ids.shape == (50, seq_len + extra)
    assert (ids[:, seq_len:] == 0).all()
    assert ((ids[:, :seq_len] >= 1) & (ids[:, :seq_len] <= tasks.PAIR_SYMBOLS)).all()
    assert (((ids[:, :-1] == 1) & (ids[:, 1:] == 2)).sum(axis=1) == classes).all()


def test_both_classes_hold_the_same_symbols() -> None:
    ids, classes = tasks.planted_pair(40_000, seq_len=12, seed=0, longest=12)
    for symbol in range(1, tasks.PAIR_SYMBOLS + 1):
        counts = (ids == symbol).sum(axis=1)
        gap = counts[classes == 1].mean() - counts[classes == 0].mean()
        assert abs(gap) < 4 * counts.std() / np.sqrt(10_000)


def test_the_tones_change_as_they_are_named() -> None:
    waves, classes = tasks.synthetic_tones(600, 0)
    power = tasks.spectrogram(waves)
    assert (set(classes.tolist()), power.shape) == (set(range(4)), (600, 7, 17))
    # Bands of 1/32 cycles per sample: low is in 2 to 3, high in 4 to 6; noise hides the tone in a few frames.
    higher = power[:, :, 4:7].mean(axis=2) > power[:, :, 2:4].mean(axis=2)
    assert (higher[:, 0] == np.isin(classes, (1, 3))).mean() > 0.8
    assert (higher[:, -1] == np.isin(classes, (1, 2))).mean() > 0.8
    waves = np.random.default_rng(0).normal(size=(3, 80))
    frame = waves[1, 16:48] * np.hanning(32)
    by_hand = [abs(sum(frame * np.exp(-2j * np.pi * k * np.arange(32) / 32))) ** 2 for k in range(17)]
    assert tasks.spectrogram(waves)[1, 1] == pytest.approx(np.log(np.array(by_hand) + 1e-3), rel=1e-4, abs=1e-4)


def test_a_pulse_stands_where_it_is_said_to_stand() -> None:
    inputs, kinds, starts = skips.sparse_events(3000, np.random.default_rng(0), steps=10, lasts=3)
    assert (set(kinds.tolist()), set(starts.tolist())) == (set(range(4)), set(range(8)))
    during = np.abs(np.arange(10) - starts[:, None] - 1) <= 1
    signs = np.stack([2 * (kinds // 2) - 1, 2 * (kinds % 2) - 1], axis=-1)
    noise = inputs - during[:, :, None] * signs[:, None, :]
    assert (np.abs(noise.mean(axis=(0, 1))) < 0.005).all()
    assert noise.std() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("columns", [(0, 9), (2, 7)])
def test_a_whole_shape_moves_straight_within_its_columns(columns: tuple[int, int]) -> None:
    frames = films.moving_shapes(2000, np.random.default_rng(0), steps=3, side=9, columns=columns)[:, :, 0]
    ink = frames.sum(axis=(2, 3))
    assert set(ink[:, 0].tolist()) == {9.0, 8.0, 5.0}
    assert (ink == ink[:, :1]).all()
    assert frames[..., : columns[0]].sum() == frames[..., columns[1] :].sum() == 0
    assert frames.any(axis=(0, 1))[:, slice(*columns)].all()  # each place is reached
    centres = np.stack([(frames * place).sum(axis=(2, 3)) / ink for place in np.mgrid[:9, :9]], axis=-1)
    moves = np.diff(centres, axis=1)
    np.testing.assert_allclose(moves[:, 0], moves[:, 1], atol=1e-5)
    assert len({tuple(move) for move in moves[:, 0].round().astype(int).tolist()}) == 8
