"""The study of sequence tasks: its grid, its baselines, and networks of comparable size."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from book.experiments import ch04_sequence_tasks as study
from book.experiments.ch04_sequence_tasks import DISTANCES, LENGTHS, MODELS, Config
from rnncourse.networks import CausalConvolutions, SequenceClassifier
from rnncourse.studies import study_named as find


def test_the_study_is_registered_with_a_grid_of_distinct_runs() -> None:
    assert find("sequence-tasks") is study.STUDIES[0]
    full = study.grid("full", 5)
    assert len(set(full)) == len(full)
    assert {config.task for config in full} == set(MODELS)
    assert set(Counter((c.task, c.model, c.setting) for c in full).values()) == {5}
    assert set(study.grid("small", 2)) < set(full)


@pytest.mark.parametrize(("task", "chance"), [("images", 10), ("sentiment", 50)])
def test_the_most_frequent_class_scores_about_chance(task: str, chance: float) -> None:
    accuracy = study.run(Config(task, "majority", "", 0), "cpu")["accuracy"]
    assert isinstance(accuracy, float)
    assert accuracy == pytest.approx(chance, abs=4)


def test_the_most_frequent_tag_is_right_where_the_word_decides_and_half_the_time_elsewhere() -> None:
    metrics = study.run(Config("tags", "majority", "", 0), "cpu")
    assert metrics["word"] == 100
    for decider in ("left", "right"):
        assert 40 < float(metrics[decider]) < 62  # type: ignore[arg-type]


def test_counting_symbols_says_nothing_about_their_order() -> None:
    accuracies = study.run(Config("lengths", "bag", "", 0), "cpu")["accuracies"]
    assert isinstance(accuracies, list)
    assert len(accuracies) == len(LENGTHS)
    assert all(abs(accuracy - 50) < 9 for accuracy in accuracies)


def test_counting_words_fails_where_a_clause_is_turned_and_pairs_do_better() -> None:
    bag, pairs = (study.run(Config("sentiment", model, "", 0), "cpu") for model in ("bag", "pairs"))
    assert float(bag["plain"]) > 80 > float(pairs["turned"]) > float(bag["turned"])  # type: ignore[arg-type]


@pytest.mark.parametrize("model", MODELS["distance"])
def test_a_short_run_learns_what_lies_within_sight(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_learn", lambda *args, **options: None)
    metrics = study.run(Config("distance", model, "16", 0), "cpu")
    assert metrics["reach_untrained"] == (11 if model == "cnn" else 17)
    assert metrics["parameters"] == pytest.approx(1900, rel=0.04)
    if model == "cnn":
        assert metrics["gradient_untrained"] == metrics["flip_untrained"] == 0
    assert metrics["width_untrained"] == metrics["width_trained"]


def test_turning_a_sign_finds_the_one_step_that_counts() -> None:
    class Reads(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x[:, 2, 0], torch.zeros(len(x))], dim=1)

    effects = study._flips(Reads(), torch.ones(4, 5, 2))
    assert effects.tolist() == [0, 0, 2, 0, 0]


def test_strings_move_to_the_end_with_their_order() -> None:
    moved = study._to_the_end(torch.tensor([[1, 2, 0, 0], [3, 1, 2, 4]]).numpy())
    assert moved.tolist() == [[0, 0, 1, 2], [3, 1, 2, 4]]


def test_neighbours_of_one_opinion_are_counted() -> None:
    words = [*study.toys.POSITIVE, *study.toys.NEGATIVE]
    net = SequenceClassifier(
        CausalConvolutions(2, 2, kernel_size=1, dilations=(1,)), width=2, num_classes=2, num_embeddings=len(words) + 1
    )
    assert net.embedding is not None
    side = torch.tensor([[1.0, 0.1]] * 8 + [[-1.0, 0.1]] * 8)
    with torch.no_grad():
        net.embedding.weight[1:] = side
    assert study.same_opinion(net, words) == 100


@pytest.mark.parametrize("setting", ["raw", "spectrogram"])
def test_the_tone_networks_read_their_input(setting: str) -> None:
    steps, features = (128, 1) if setting == "raw" else (7, 17)
    for model in ("cnn", "rnn", "lstm"):
        net = study._tone_network(model, setting)
        assert net(torch.zeros(2, steps, features)).shape == (2, 4)
    assert max(DISTANCES) == 64


@given(st.integers(4, 60), st.integers(0, 9), st.integers(0, 2**31))
def test_the_pair_stands_once_or_nowhere(seq_len, extra, seed) -> None:
    ids, classes = study.planted_pair(50, seq_len=seq_len, seed=seed, longest=seq_len + extra)
    assert ids.shape == (50, seq_len + extra)
    assert (ids[:, seq_len:] == 0).all()
    assert ((ids[:, :seq_len] >= 1) & (ids[:, :seq_len] <= study.PAIR_SYMBOLS)).all()
    assert (((ids[:, :-1] == 1) & (ids[:, 1:] == 2)).sum(axis=1) == classes).all()


def test_both_classes_hold_the_same_symbols() -> None:
    ids, classes = study.planted_pair(40_000, seq_len=12, seed=0, longest=12)
    for symbol in range(1, study.PAIR_SYMBOLS + 1):
        counts = (ids == symbol).sum(axis=1)
        gap = counts[classes == 1].mean() - counts[classes == 0].mean()
        assert abs(gap) < 4 * counts.std() / np.sqrt(10_000)


def test_the_tones_change_as_they_are_named() -> None:
    waves, classes = study.synthetic_tones(600, 0)
    assert set(classes) == set(range(4))
    power = study.spectrogram(waves)
    assert power.shape == (600, 7, 17)
    # Bands of 1/32 cycles per sample: low is in 2 to 3, high in 4 to 6. The noise hides it in few of the first frames.
    higher = power[:, :, 4:7].mean(axis=2) > power[:, :, 2:4].mean(axis=2)
    assert (higher[:, 0] == np.isin(classes, (1, 3))).mean() > 0.8
    assert (higher[:, -1] == np.isin(classes, (1, 2))).mean() > 0.8


def test_a_spectrogram_is_the_power_of_its_frames() -> None:
    waves = np.random.default_rng(0).normal(size=(3, 80))
    frame = waves[1, 16:48] * np.hanning(32)
    by_hand = [abs(sum(frame * np.exp(-2j * np.pi * k * np.arange(32) / 32))) ** 2 for k in range(17)]
    assert study.spectrogram(waves)[1, 1] == pytest.approx(np.log(np.array(by_hand) + 1e-3), rel=1e-4, abs=1e-4)
