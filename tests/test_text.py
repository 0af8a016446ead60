"""Words, vocabularies, encoded texts and their batches: what they hold, what they keep, what they refuse."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from rnncourse.text import LAYOUTS, PADDING, UNKNOWN, Encoded, TextBatches, Vocabulary, pad, tokenise
from rnncourse.training import Batches
from tests.refusals import refusing

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


def test_the_most_frequent_words_come_first_and_ties_in_alphabetical_order() -> None:
    texts = ["b a b", "c a b", "d"]
    vocabulary = Vocabulary.of(texts)
    assert vocabulary.words == ("<pad>", "<unk>", "b", "a", "c", "d")
    assert vocabulary.ids == {word: number for number, word in enumerate(vocabulary.words)}
    assert (vocabulary.ids["<pad>"], vocabulary.ids["<unk>"]) == (PADDING, UNKNOWN)
    assert Vocabulary.of(texts, size=4).words[2:] == ("b", "a")


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


@given(TEXTS, TEXTS, st.integers(1, 4), st.sampled_from(["front", "back"]))
def test_encoding_gives_each_word_its_id_and_a_cut_keeps_one_end(
    train: list[str], other: list[str], length: int, end: Any
) -> None:
    vocabulary = Vocabulary.of(train)
    rows = [[vocabulary.ids.get(word, UNKNOWN) for word in tokenise(text)] for text in other]
    assert [list(ids) for ids in vocabulary.encode(other)] == rows
    kept = [row[:length] if end == "back" else row[-length:] for row in rows]
    assert [list(ids) for ids in vocabulary.encode(other, length=length, cut=end)] == kept


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


LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def texts(lengths: list[int]) -> Encoded:
    """Text k consists of the id k + 2, so that a row says which text it is."""
    return Encoded.of([[number + 2] * length for number, length in enumerate(lengths)])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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
    assert isinstance(batches, Batches)
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


TWO, A = texts([1, 3]), Vocabulary.of(["a"])
OFFSETS = ([0, 1], [0, 2, 1, 2], [1, 2])


test_bad_input_is_named = refusing(
    (lambda: tokenise(b"bytes"), TypeError, "text is"),
    *((lambda f=f: f("one text"), TypeError, "texts is") for f in (Vocabulary.of, A.encode)),
    (lambda: Vocabulary.of(["a"], size=1), "size is 1"),
    *((lambda w=w: Vocabulary(w), "words") for w in (("a", "b"), ("<pad>", "<unk>", "a", "b", "a"))),
    *((lambda n=n: A.encode(["a"], length=n), f"length is {n}") for n in (0, 1.5)),
    (lambda: A.encode(["a"], length=1, cut="left"), "cut is 'left'"),
    *((lambda r=r: Encoded.of(r), TypeError, "row") for r in ([[1.5]], [[1], [[2]]])),
    *((lambda n=n: Encoded.of([[1, n]]), "ids go from") for n in (0, -2, 2**31)),
    *((lambda o=o: Encoded(np.array([1, 2]), np.array(o)), "offsets") for o in OFFSETS),
    *((lambda w=w: TWO.take(w), IndexError, ".") for w in ([2], [True])),
    *((lambda n=n: TWO[n], IndexError, ".") for n in (2, -3)),
    (lambda: pad(Encoded.of([])), "encoded holds no text"),
    (lambda: pad(TWO, layout="top"), "layout is 'top'"),
    (lambda: pad(TWO, length=2), "length is 2"),
    *((lambda n=n: TextBatches(TWO, n), "labels") for n in ([0], [0, -1])),
    *((lambda n=n: TextBatches(TWO, n), TypeError, "labels") for n in ([0.0, 1.0], [[0, 1]], ["joy", "love"])),
    *((lambda n=n: TextBatches(TWO, [0, 1], n), "batch_size is") for n in (0, True)),
)
