"""Batches of texts: padded where asked, every text once, in an order nobody has to guess."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.text import LAYOUTS, UNKNOWN, Encoded, TextBatches, pad
from rnncourse.training import Batches

LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def texts(lengths: list[int]) -> Encoded:
    """Text k consists of the id k + 2, so that a row says which text it is."""
    return Encoded.of([[number + 2] * length for number, length in enumerate(lengths)])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_padding_stands_behind_or_in_front() -> None:
    encoded = Encoded.of([[5], [2, 3, 4], []])
    for layout in ("right", "packed"):
        ids, lengths = pad(encoded, layout=layout)
        assert ids.tolist() == [[5, 0, 0], [2, 3, 4], [UNKNOWN, 0, 0]]
        assert lengths.tolist() == [1, 3, 1]
    ids, lengths = pad(encoded, layout="left", length=4)
    assert ids.tolist() == [[0, 0, 0, 5], [0, 2, 3, 4], [0, 0, 0, UNKNOWN]]
    assert lengths.tolist() == [1, 3, 1]
    assert ids.dtype == lengths.dtype == torch.int64


def test_empty_texts_become_one_unknown_token_each() -> None:
    ids, lengths = pad(Encoded.of([[], [], [7], [], []]))
    assert ids.tolist() == [[UNKNOWN], [UNKNOWN], [7], [UNKNOWN], [UNKNOWN]]
    assert lengths.tolist() == [1] * 5
    assert pad(Encoded.of([[]]), length=3)[0].tolist() == [[UNKNOWN, 0, 0]]


@settings(deadline=None, max_examples=80)
@given(LENGTHS, st.sampled_from(LAYOUTS), st.integers(0, 5))
def test_a_rectangle_holds_its_texts_and_padding(lengths: list[int], layout: Any, wider: int) -> None:
    encoded = texts(lengths)
    longest = max(1, *lengths)
    ids, counted = pad(encoded, layout=layout, length=longest + wider)
    assert ids.shape == (len(lengths), longest + wider)
    for row, tokens, text in zip(ids.tolist(), counted.tolist(), encoded, strict=True):
        expected = list(text) or [UNKNOWN]
        gap = [0] * (longest + wider - len(expected))
        assert row == (gap + expected if layout == "left" else expected + gap)
        assert tokens == len(expected)


@settings(deadline=None, max_examples=120)
@given(LENGTHS, st.integers(1, 12), st.sampled_from(LAYOUTS), st.booleans(), st.one_of(st.none(), st.integers(0, 9)))
def test_an_epoch_has_every_text_once_with_its_label(
    lengths: list[int], size: int, layout: Any, bucket: bool, seed: int | None
) -> None:
    encoded = texts([length or 1 for length in lengths])
    batches = TextBatches(encoded, np.arange(len(lengths)), size, layout, bucket=bucket)
    seen: list[int] = []
    yielded = list(batches.batches(None if seed is None else seeded(seed)))
    for (ids, counted), labels in yielded:
        assert ids.shape == (len(labels), int(counted.max()))
        for row, tokens, label in zip(ids, counted, labels, strict=True):
            assert row[row != 0].tolist() == [int(label) + 2] * int(tokens)
            assert int(tokens) == len(encoded[int(label)])
        seen += labels.tolist()
    assert len(yielded) == len(batches) == -(-len(lengths) // size)
    assert sorted(seen) == list(range(len(lengths)))
    assert seed is not None or seen == sorted(seen)
    sizes = [len(labels) for _, labels in yielded]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("n", range(1, 60))
def test_no_batch_is_left_with_one_text_by_chance(n: int) -> None:
    batches = TextBatches(texts([1] * n), np.zeros(n, int), batch_size=8)
    for generator in (None, seeded()):
        sizes = [len(labels) for _, labels in batches.batches(generator)]
        assert min(sizes) >= min(n, 4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_a_generator_the_order_is_that_of_the_texts(layout: Any) -> None:
    batches = TextBatches(texts([3, 1, 6, 2, 5, 4]), np.arange(6), 4, layout)
    assert torch.cat([labels for _, labels in batches.batches(None)]).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_generator_decides_the_order() -> None:
    batches = TextBatches(texts(list(range(1, 200))), np.arange(199), 8)

    def epoch(generator: torch.Generator) -> list[int]:
        return torch.cat([labels for _, labels in batches.batches(generator)]).tolist()

    generator = seeded(3)
    first, second = epoch(generator), epoch(generator)
    assert first != second
    assert epoch(seeded(3)) == first
    assert epoch(seeded(4)) != first


def test_ties_are_drawn_anew_and_batches_come_in_any_order() -> None:
    batches = TextBatches(texts([2] * 64), np.arange(64), 8)
    one, other = ([set(part.tolist()) for part in batches.order(seeded(seed))] for seed in (0, 1))
    assert not any(part in other for part in one)
    rising = TextBatches(texts(list(range(1, 65))), np.arange(64), 8).order(seeded())
    means = [part.mean() for part in rising]
    assert means != sorted(means)
    assert means != sorted(means, reverse=True)


@pytest.mark.parametrize("bucket", [True, False])
def test_a_packed_batch_has_its_longest_text_first(bucket: bool) -> None:
    lengths = np.random.default_rng(0).integers(0, 50, size=333)
    batches = TextBatches(texts(lengths.tolist()), np.arange(333), 16, "packed", bucket=bucket)
    for (_, counted), _ in batches.batches(seeded()):
        assert bool((counted[1:] <= counted[:-1]).all())


def test_buckets_leave_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, size=4_000)
    encoded = Encoded(np.ones(lengths.sum(), np.int32), np.concatenate([[0], np.cumsum(lengths)]))

    def padding(bucket: bool) -> float:
        batches = TextBatches(encoded, np.zeros(4_000, int), 32, "right", bucket=bucket)
        steps = sum(ids.numel() for (ids, _), _ in batches.batches(seeded()))
        return 1 - lengths.sum() / steps

    assert padding(bucket=True) < 0.02
    assert padding(bucket=False) > 0.4


def test_pools_reach_across_a_long_corpus() -> None:
    lengths = np.tile([1, 9], 2_500)
    batches = TextBatches(texts(lengths.tolist()), np.arange(5_000), 2)
    order = batches.order(seeded())
    mixed = [part for part in order if len(set(lengths[part])) > 1]
    assert len(order) == 2_500
    assert len(mixed) <= 25  # one seam in each pool of a hundred batches
    assert np.array_equal(np.sort(np.concatenate(order)), np.arange(5_000))


def test_a_fixed_length_holds_in_every_batch() -> None:
    batches = TextBatches(texts([1, 2, 3, 4]), np.arange(4), 2, "left", length=9)
    assert [tuple(ids.shape) for (ids, _), _ in batches.batches(seeded())] == [(2, 9), (2, 9)]


def test_they_are_batches_for_training() -> None:
    batches = TextBatches(texts([1, 2]), [0, 1])
    assert isinstance(batches, Batches)
    assert batches.labels.dtype == np.int64


TWO = texts([1, 3])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pad(Encoded.of([])), ValueError, "encoded holds no text"),
        (lambda: pad(TWO, layout="top"), ValueError, "layout is 'top'; expected one of 'packed', 'right', 'left'"),
        (lambda: pad(TWO, length=2), ValueError, r"text 1 has 3 tokens but length is 2; .* encoded.cut\(2\)"),
        (lambda: pad(Encoded.of([[]]), length=0), ValueError, "length is 0"),
        (lambda: TextBatches([[1]], [0]), TypeError, "encoded is a list; expected the result of Vocabulary.encode"),
        (lambda: TextBatches(TWO, [0]), ValueError, "2 texts and 1 labels"),
        (lambda: TextBatches(Encoded.of([]), []), ValueError, "there is no text"),
        (lambda: TextBatches(TWO, [0.0, 1.0]), TypeError, "labels have shape .* dtype float64"),
        (lambda: TextBatches(TWO, [[0, 1]]), TypeError, r"labels have shape \(1, 2\)"),
        (lambda: TextBatches(TWO, ["joy", "love"]), TypeError, "labels have shape"),
        (lambda: TextBatches(TWO, [0, -1]), ValueError, "labels hold -1"),
        (lambda: TextBatches(TWO, [0, 1], 0), ValueError, "batch_size is 0"),
        (lambda: TextBatches(TWO, [0, 1], True), ValueError, "batch_size is True"),
        (lambda: TextBatches(TWO, [0, 1], layout="middle"), ValueError, "layout is 'middle'"),
        (lambda: TextBatches(TWO, [0, 1], length=2), ValueError, "length is 2 but the longest text has 3 tokens"),
    ],
)
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
