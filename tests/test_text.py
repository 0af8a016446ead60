"""Words, vocabularies, encoded texts and their batches: what they hold, what they keep, what they refuse."""

import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from rnncourse.text import LAYOUTS, PADDING, UNKNOWN, Encoded, TextBatches, Vocabulary, pad, tokenise
from rnncourse.training import Batches

WORDS = st.sampled_from(["joy", "sad", "not", "i'm", "so", "café", "42"])
TEXTS = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop -- me!", ["don't", "stop", "me"]),
        ("don’t", ["don't"]),
        ("'quoted' dogs' o'clock rock'n'roll", ["quoted", "dogs", "o'clock", "rock'n'roll"]),
        ("snake_case <pad> <unk>", ["snake", "case", "pad", "unk"]),
        ("CAFÉ, 3.5 km;\tnaïve\n", ["café", "3", "5", "km", "naïve"]),
        ("خوب است", ["خوب", "است"]),
        ("", []),
        (" \n … !? ' ''", []),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert tokenise(text) == words


@given(st.text(max_size=60))
def test_words_are_words_of_their_own(text: str) -> None:
    words = tokenise(text)
    assert not set(words) & {"<pad>", "<unk>", ""}
    assert tokenise(" | ".join(words)) == words


def test_the_most_frequent_words_come_first_and_ties_in_alphabetical_order() -> None:
    vocabulary = Vocabulary.of(["b a b", "c a b", "d"])
    assert vocabulary.words == ("<pad>", "<unk>", "b", "a", "c", "d")
    assert dict(vocabulary.ids)["b"] == 2
    assert (vocabulary.ids["<pad>"], vocabulary.ids["<unk>"]) == (PADDING, UNKNOWN)


def test_size_counts_the_two_special_ids() -> None:
    texts = ["b a b", "c a b", "d"]
    assert Vocabulary.of(texts, size=4).words[2:] == ("b", "a")
    assert len(Vocabulary.of(texts, size=2)) == 2
    assert len(Vocabulary.of(texts, size=99)) == 6
    assert Vocabulary.of(texts, min_count=2).words[2:] == ("b", "a")
    assert len(Vocabulary.of([])) == 2


@given(TEXTS, st.integers(2, 12), st.integers(1, 4))
def test_a_vocabulary_follows_the_counts(texts: list[str], size: int, least: int) -> None:
    vocabulary = Vocabulary.of(texts, size=size, min_count=least)
    counts = Counter(word for text in texts for word in tokenise(text))
    kept = [counts[word] for word in vocabulary.words[2:]]
    assert kept == sorted(kept, reverse=True)
    assert all(count >= least for count in kept)
    assert len(vocabulary) <= size
    left_out = [count for word, count in counts.items() if word not in vocabulary.ids and count >= least]
    assert not left_out or (len(vocabulary) == size and max(left_out) <= min(kept, default=np.inf))
    assert vocabulary == Vocabulary.of(reversed(texts), size=size, min_count=least)


@given(TEXTS, TEXTS)
def test_encoding_and_decoding_are_inverse_up_to_unknown_words(train: list[str], other: list[str]) -> None:
    vocabulary = Vocabulary.of(train)
    encoded = vocabulary.encode(other)
    assert len(encoded) == len(other)
    for ids, text in zip(encoded, other, strict=True):
        words = tokenise(text)
        assert vocabulary.decode(ids) == [word if word in vocabulary.ids else "<unk>" for word in words]
        assert PADDING not in ids
    np.testing.assert_array_equal(encoded.lengths, [len(tokenise(text)) for text in other])


def test_a_cut_keeps_the_first_or_the_last_tokens() -> None:
    vocabulary = Vocabulary.of(["a b c d"])
    for encode in (
        lambda length, cut: vocabulary.encode(["a b c d", "b", ""], length=length, cut=cut),
        lambda length, cut: vocabulary.encode(["a b c d", "b", ""]).cut(length, cut),
    ):
        assert [vocabulary.decode(ids) for ids in encode(3, "back")] == [["a", "b", "c"], ["b"], []]
        assert [vocabulary.decode(ids) for ids in encode(3, "front")] == [["b", "c", "d"], ["b"], []]
    assert vocabulary.decode(vocabulary.encode(["a b c d"], length=1)[0]) == ["a"]


ROWS = st.lists(st.lists(st.integers(1, 9), max_size=5), max_size=7)


@given(ROWS, st.integers(1, 6), st.data())
def test_encoded_texts_behave_like_rows(rows: list[list[int]], length: int, data: st.DataObject) -> None:
    encoded = Encoded.of(rows)
    assert [list(ids) for ids in encoded] == rows
    assert [list(ids) for ids in encoded.cut(length)] == [row[:length] for row in rows]
    assert [list(ids) for ids in encoded.cut(length, "front")] == [row[-length:] for row in rows]
    which = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=9)) if rows else []
    assert [list(ids) for ids in encoded.take(which)] == [rows[number] for number in which]
    mask = np.array([len(row) > 1 for row in rows], dtype=bool)
    assert [list(ids) for ids in encoded.take(mask)] == [row for row in rows if len(row) > 1]
    shuffled = encoded.shuffled(np.random.default_rng(0))
    assert [sorted(ids) for ids in shuffled] == [sorted(row) for row in rows]


def test_all_orders_of_three_tokens_are_equally_likely() -> None:
    shuffled = Encoded.of([[1, 2, 3]] * 6_000).shuffled(np.random.default_rng(0))
    counts = Counter(tuple(int(token) for token in ids) for ids in shuffled)
    assert len(counts) == 6
    assert all(abs(count - 1_000) < 120 for count in counts.values())  # four standard deviations


def test_vocabularies_and_encoded_texts_travel_to_workers() -> None:
    vocabulary = pickle.loads(pickle.dumps(Vocabulary.of(["a b"])))
    assert vocabulary.words[2:] == ("a", "b")
    assert vocabulary.ids["b"] == 3
    assert list(pickle.loads(pickle.dumps(vocabulary.encode(["b a"])))[0]) == [3, 2]


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


@given(
    LENGTHS, st.integers(1, 12), st.sampled_from(LAYOUTS), st.booleans(), st.none() | st.integers(0, 9), st.booleans()
)
@example([1, 2, 3], 2, "packed", True, 0, False)
def test_an_epoch_has_every_text_once_with_its_label(
    lengths: list[int], size: int, layout: Any, bucket: bool, seed: int | None, fixed: bool
) -> None:
    encoded = texts([length or 1 for length in lengths])
    batches = TextBatches(encoded, np.arange(len(lengths)), size, layout, length=9 if fixed else None, bucket=bucket)
    seen: list[int] = []
    yielded = list(batches.batches(None if seed is None else seeded(seed)))
    for (ids, counted), labels in yielded:
        assert ids.shape == (len(labels), 9 if fixed else int(counted.max()))
        for row, tokens, label in zip(ids, counted, labels, strict=True):
            assert row[row != 0].tolist() == [int(label) + 2] * int(tokens)
            assert int(tokens) == len(encoded[int(label)])
        seen += labels.tolist()
    assert len(yielded) == len(batches) == (max(len(lengths) // 2, 1) if size == 2 else -(-len(lengths) // size))
    assert sorted(seen) == list(range(len(lengths)))
    assert seed is not None or seen == sorted(seen)
    sizes = [len(labels) for _, labels in yielded]
    assert max(sizes) <= size + (size == 2)
    assert min(sizes) > 1 or 1 in (len(encoded), size)
    assert max(sizes) - min(sizes) <= 1


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


def test_they_are_batches_for_training() -> None:
    batches = TextBatches(texts([1, 2]), [0, 1])
    assert isinstance(batches, Batches)
    assert batches.labels.dtype == np.int64


TWO, A = texts([1, 3]), Vocabulary.of(["a"])


@pytest.mark.parametrize(
    ("call", "error", "culprit"),
    [
        (lambda: tokenise(b"bytes"), TypeError, "text is a bytes"),
        (lambda: Vocabulary.of("one text"), TypeError, "texts"),
        (lambda: Vocabulary.of([3]), TypeError, "text is a int"),
        (lambda: A.encode("one text"), TypeError, "texts"),
        (lambda: A.encode([None]), TypeError, "text is a NoneType"),
        (lambda: Vocabulary.of(["a"], size=1), ValueError, "size is 1"),
        (lambda: Vocabulary.of(["a"], min_count=0), ValueError, "min_count 0"),
        (lambda: Vocabulary(("a", "b")), ValueError, "words begins"),
        (lambda: Vocabulary(("<pad>", "<unk>", "a", "b", "a")), ValueError, "'a' twice"),
        (lambda: A.encode(["a"], length=0), ValueError, "length is 0"),
        (lambda: A.encode(["a"], length=1.5), ValueError, "length is 1.5"),
        (lambda: A.encode(["a"], length=1, cut="left"), ValueError, "cut is 'left'"),
        (lambda: A.decode([3]), IndexError, "id 3"),
        (lambda: A.decode([-1]), IndexError, "id -1"),
        (lambda: Encoded.of([[1.5]]), TypeError, "row 0 .* float64"),
        (lambda: Encoded.of([[1], [[2]]]), TypeError, r"row 1 .*\(1, 1\)"),
        (lambda: Encoded.of([[1, 0]]), ValueError, "ids go from 0"),
        (lambda: Encoded.of([[1, -2]]), ValueError, "ids go from -2"),
        (lambda: Encoded.of([[2**31]]), ValueError, "ids go from 2147483648"),
        (lambda: Encoded(np.array([1, 2]), np.array([0, 1])), ValueError, "offsets"),
        (lambda: Encoded(np.array([1, 2]), np.array([0, 2, 1, 2])), ValueError, "offsets"),
        (lambda: Encoded(np.array([1, 2]), np.array([1, 2])), ValueError, "offsets"),
        (lambda: Encoded(np.array([], int), np.array([])), ValueError, "offsets"),
        (lambda: TWO.take([2]), IndexError, "out of bounds"),
        (lambda: TWO.take([True]), IndexError, "boolean"),
        (lambda: TWO[2], IndexError, "no text 2 among 2"),
        (lambda: TWO[-3], IndexError, "no text -3 among 2"),
        (lambda: pad(Encoded.of([])), ValueError, "encoded holds no text"),
        (lambda: pad(TWO, layout="top"), ValueError, "layout is 'top'"),
        (lambda: pad(TWO, length=2), ValueError, "length is 2 .* 3 tokens"),
        (lambda: pad(Encoded.of([[]]), length=0), ValueError, "length is 0"),
        (lambda: TextBatches([[1]], [0]), TypeError, "encoded is a list"),
        (lambda: TextBatches(TWO, [0]), ValueError, "labels must be 2"),
        (lambda: TextBatches(Encoded.of([]), []), ValueError, "encoded holds no text"),
        (lambda: TextBatches(TWO, [0.0, 1.0]), TypeError, "labels .* float64"),
        (lambda: TextBatches(TWO, [[0, 1]]), TypeError, r"labels .*\(1, 2\)"),
        (lambda: TextBatches(TWO, ["joy", "love"]), TypeError, "labels"),
        (lambda: TextBatches(TWO, [0, -1]), ValueError, "labels must be"),
        (lambda: TextBatches(TWO, [0, 1], 0), ValueError, "batch_size is 0"),
        (lambda: TextBatches(TWO, [0, 1], True), ValueError, "batch_size is True"),
        (lambda: TextBatches(TWO, [0, 1], layout="middle"), ValueError, "layout is 'middle'"),
        (lambda: TextBatches(TWO, [0, 1], length=2), ValueError, "length is 2 .* 3 tokens"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], error: type[Exception], culprit: str) -> None:
    with pytest.raises(error, match=culprit):
        call()
