"""Words, vocabularies and encoded texts: what they hold, what they keep, what they refuse."""

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.text import PADDING, UNKNOWN, Encoded, Vocabulary, tokenise

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


@settings(deadline=None, max_examples=80)
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


@settings(deadline=None, max_examples=80)
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


@settings(deadline=None, max_examples=80)
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


def test_only_unknown_words_are_unknown_one_by_one() -> None:
    encoded = Vocabulary.of(["joy"]).encode(["no such words", "", "joy"])
    assert [list(ids) for ids in encoded] == [[UNKNOWN] * 3, [], [2]]
    assert encoded.ids.dtype == np.int32


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


@settings(deadline=None, max_examples=80)
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


def test_shuffling_moves_tokens_and_follows_its_generator() -> None:
    encoded = Encoded.of([range(1, 40), [1], range(1, 40)])
    one = encoded.shuffled(np.random.default_rng(1))
    assert not np.array_equal(one[0], encoded[0])
    assert not np.array_equal(one[0], one[2])
    np.testing.assert_array_equal(one.ids, encoded.shuffled(np.random.default_rng(1)).ids)


def test_all_orders_of_three_tokens_are_equally_likely() -> None:
    shuffled = Encoded.of([[1, 2, 3]] * 6_000).shuffled(np.random.default_rng(0))
    counts = Counter(tuple(int(token) for token in ids) for ids in shuffled)
    assert len(counts) == 6
    assert all(abs(count - 1_000) < 120 for count in counts.values())  # four standard deviations


def test_numbers_of_texts_count_from_both_ends() -> None:
    encoded = Encoded.of([[1], [2, 3]])
    assert list(encoded[-1]) == [2, 3]
    assert list(encoded[0]) == [1]
    for number in (2, -3):
        with pytest.raises(IndexError, match=f"no text {number} among 2"):
            encoded[number]


def test_vocabularies_and_encoded_texts_travel_to_workers() -> None:
    vocabulary = pickle.loads(pickle.dumps(Vocabulary.of(["a b"])))
    assert vocabulary.words[2:] == ("a", "b")
    assert vocabulary.ids["b"] == 3
    assert list(pickle.loads(pickle.dumps(vocabulary.encode(["b a"])))[0]) == [3, 2]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tokenise(b"bytes"), TypeError, "text is a bytes; expected a string"),
        (lambda: Vocabulary.of("one text"), TypeError, "texts is one string"),
        (lambda: Vocabulary.of([3]), TypeError, "text is a int"),
        (lambda: Vocabulary.of(["a"]).encode("one text"), TypeError, "texts is one string"),
        (lambda: Vocabulary.of(["a"]).encode([None]), TypeError, "text is a NoneType"),
        (lambda: Vocabulary.of(["a"], size=1), ValueError, "size is 1; expected at least 2"),
        (lambda: Vocabulary.of(["a"], min_count=0), ValueError, "min_count is 0"),
        (lambda: Vocabulary(("a", "b")), ValueError, "words begins with"),
        (lambda: Vocabulary(("<pad>", "<unk>", "a", "b", "a")), ValueError, "holds 'a' twice"),
        (lambda: Vocabulary.of(["a"]).encode(["a"], length=0), ValueError, "length is 0"),
        (lambda: Vocabulary.of(["a"]).encode(["a"], length=1.5), ValueError, "length is 1.5"),
        (lambda: Vocabulary.of(["a"]).encode(["a"], length=1, cut="left"), ValueError, "cut is 'left'"),
        (lambda: Vocabulary.of(["a"]).decode([3]), IndexError, "id 3 is not among the 3 ids"),
        (lambda: Vocabulary.of(["a"]).decode([-1]), IndexError, "id -1"),
        (lambda: Encoded.of([[1.5]]), TypeError, "row 0 has shape .* dtype float64"),
        (lambda: Encoded.of([[1], [[2]]]), TypeError, r"row 1 has shape \(1, 1\)"),
        (lambda: Encoded.of([[1, 0]]), ValueError, "ids go from 0 to 1"),
        (lambda: Encoded.of([[1, -2]]), ValueError, "ids go from -2"),
        (lambda: Encoded.of([[2**31]]), ValueError, "ids go from 2147483648"),
        (lambda: Encoded(np.array([1, 2]), np.array([0, 1])), ValueError, "offsets must rise from 0 to 2"),
        (lambda: Encoded(np.array([1, 2]), np.array([0, 2, 1, 2])), ValueError, "offsets must rise"),
        (lambda: Encoded(np.array([1, 2]), np.array([1, 2])), ValueError, "offsets must rise"),
        (lambda: Encoded(np.array([], int), np.array([])), ValueError, "offsets must rise"),
        (lambda: Encoded.of([[1]]).take([1]), IndexError, "out of bounds"),
        (lambda: Encoded.of([[1]]).take([True, False]), IndexError, "boolean"),
    ],
)
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
