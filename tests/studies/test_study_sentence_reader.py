"""The study behind the sentence reader: rounding, unknown words, and a run from end to end."""

import base64

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from book.experiments.ch13_sentence_reader import MASKED, Config, beginnings, masked, round_rows, run, splits
from rnncourse.data import shared_texts
from rnncourse.text import UNKNOWN, Vocabulary

LIMITED = settings(max_examples=40, deadline=None)


@LIMITED
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1_000), st.floats(1e-30, 1e30))
def test_a_rounded_row_is_within_half_a_step(rows: int, columns: int, seed: int, size: float) -> None:
    matrix = size * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    scales, entries = round_rows(matrix)
    assert entries.dtype == np.int8
    assert np.abs(entries).max(axis=1).tolist() == [127] * rows
    error = np.abs(scales[:, None].astype(float) * entries - matrix.numpy())
    assert (error <= 0.5001 * scales[:, None]).all()


def test_a_row_of_zeros_stays_zero() -> None:
    scales, entries = round_rows(torch.tensor([[0.0, 0.0], [1.0, -0.5]]))
    assert scales.tolist() == [0.0, pytest.approx(1 / 127)]
    assert entries.tolist() == [[0, 0], [127, -64]]


def test_masking_makes_about_that_share_unknown_and_nothing_else() -> None:
    texts = splits(4).validation.texts
    encoded = Vocabulary.of(texts).encode(texts)
    hidden = masked(encoded, share=MASKED, seed=3)
    changed = hidden.ids != encoded.ids
    assert changed.mean() == pytest.approx(MASKED, abs=0.01)
    assert (hidden.ids[changed] == UNKNOWN).all()
    assert np.array_equal(hidden.offsets, encoded.offsets)
    assert np.array_equal(hidden.ids, masked(encoded, share=MASKED, seed=3).ids)
    assert not np.array_equal(hidden.ids, masked(encoded, share=MASKED, seed=4).ids)
    assert np.array_equal(masked(encoded, share=0.0, seed=3).ids, encoded.ids)


def test_a_beginning_is_one_of_one_word_to_all() -> None:
    texts = splits(4).validation.texts
    encoded = Vocabulary.of(texts).encode(texts)
    begun = beginnings(encoded, seed=3)
    for k in range(len(encoded)):
        assert 1 <= len(begun[k]) <= len(encoded[k])
        assert np.array_equal(begun[k], encoded[k][: len(begun[k])])
    share = begun.lengths / encoded.lengths
    assert share.mean() == pytest.approx(0.5 + 0.5 / encoded.lengths.mean(), abs=0.03)
    assert (share == 1).any()
    assert np.array_equal(begun.ids, beginnings(encoded, seed=3).ids)


def test_the_parts_are_drawn_apart() -> None:
    parts = splits(400)
    assert [len(part) for part in parts.parts.values()] == [400, 2_000, 4_000]
    assert shared_texts(parts.train, parts.test) <= 40


def test_a_run_has_all_that_is_recorded() -> None:
    config = Config(seed=1, sentences=200, epochs=1, embedding_dim=4, hidden_size=3)
    found = run(config, "cpu")
    assert not set(found) & set(vars(config))
    assert found["bytes"] == len(base64.b64decode(found["reader"]["weights"]))
    assert found["vocabulary"] == len(found["reader"]["words"]) + 2
    assert found["reader"]["held_out"] == [4_000, 100 * found["accuracy"], 100 * found["accuracy_rounded"]]
    assert 0 < found["largest_change"] < 0.05
    assert found["tfidf_logreg"] <= 0.5
    assert found["tfidf_svm"] <= 0.75
    assert run(config, "cpu") == found
