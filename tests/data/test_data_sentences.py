"""Generated sentences: twins side by side, ceilings that hold on every corpus, the same ones on every machine."""

from collections import Counter, defaultdict
from string import Formatter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import EMOTIONS, Corpus, DataError, order_sentences
from rnncourse.data import sentences as module

FAR = np.arange(4000) % 4 < 2


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return order_sentences(4000, seed=3)


def bag(text: str, size: int) -> tuple[tuple[object, int], ...]:
    """The runs of ``size`` neighbours of a text, without their order."""
    words = text.split()
    return tuple(sorted(Counter(zip(*(words[start:] for start in range(size)), strict=False)).items()))


def ceiling(texts: list[str], labels: list[int], size: int) -> float:
    """The best that any function of the bags of 1 to ``size`` neighbours reaches on these rows."""
    found: defaultdict[object, Counter[int]] = defaultdict(Counter)
    for text, label in zip(texts, labels, strict=True):
        found[tuple(bag(text, length) for length in range(1, size + 1))][label] += 1
    return sum(max(counts.values()) for counts in found.values()) / len(texts)


def test_twins_share_their_words_and_not_their_emotion(corpus: Corpus) -> None:
    for row in range(0, len(corpus), 2):
        first, second = corpus.texts[row : row + 2]
        assert corpus.labels[row] != corpus.labels[row + 1]
        assert first != second
        assert bag(first, 1) == bag(second, 1)
        assert (bag(first, 2) == bag(second, 2)) == FAR[row]


@pytest.mark.parametrize("seed", range(5))
def test_the_ceilings_are_reached_and_never_passed(seed: int) -> None:
    corpus = order_sentences(1200, seed=seed)
    texts, labels = list(corpus.texts), corpus.labels.tolist()
    assert ceiling(texts, labels, 1) == module.WORD_CEILING
    assert ceiling(texts, labels, 2) == module.BIGRAM_CEILING
    assert corpus.duplicates().ceiling == 1.0


def test_no_two_frames_leave_the_same_near_bag_with_another_emotion() -> None:
    """All near frames at once, with two fixed emotions: pairs of neighbours tell which one is felt."""
    rows = [
        (frame.format(x=other, y=felt, people="guests", place="here"), felt)
        for frame in module._NEAR
        for felt, other in (("sad", "happy"), ("happy", "sad"))
    ]
    assert ceiling([text for text, _ in rows], [felt == "sad" for _, felt in rows], 2) == 1.0
    assert ceiling([text for text, _ in rows], [felt == "sad" for _, felt in rows], 1) == 0.5


def test_all_far_frames_leave_both_emotions_open() -> None:
    for frame in module._FAR:
        for adverb in module._ADVERBS:
            phrases = {word: f"feel {adverb} {word} here" for word in ("sad", "happy")}
            one = frame.format(x=phrases["sad"], y=phrases["happy"], people="guests")
            two = frame.format(x=phrases["happy"], y=phrases["sad"], people="guests")
            assert one != two
            assert bag(one, 2) == bag(two, 2)


def test_frames_name_both_emotions_once() -> None:
    for frame in (*module._FAR, *module._NEAR):
        fields = Counter(field for _, field, _, _ in Formatter().parse(frame) if field)
        assert fields["x"] == fields["y"] == 1
        assert set(fields) <= {"x", "y", "people", "place"}
    before = [frame.index("{y}") < frame.index("{x}") for frame in module._FAR]
    assert before.count(True) == before.count(False)  # the place alone says nothing


def test_words_belong_to_one_emotion() -> None:
    words = [word for kind in module.EMOTION_WORDS.values() for word in kind]
    assert tuple(module.EMOTION_WORDS) == EMOTIONS
    assert len(words) == len(set(words)) == 72
    others = " ".join(
        (*module._FAR, *module._NEAR, *module._ADVERBS, *module._PLACES, *module._PEOPLE, *module._OPENERS)
    )
    assert not set(words) & set(others.split())


def test_sentences_are_plain_and_of_many_lengths(corpus: Corpus) -> None:
    lengths = [len(text.split()) for text in corpus.texts]
    assert (min(lengths), max(lengths)) == (4, module.MAX_WORDS)
    assert len(set(lengths)) == 17
    assert all(text == " ".join(text.split()) and text.replace(" ", "").isalpha() for text in corpus.texts)
    assert all(text == text.lower() for text in corpus.texts)
    assert 150 <= len({word for text in corpus.texts for word in text.split()}) <= 400
    assert corpus.duplicates().repeated < 20
    assert "synthetic" in corpus.name


def test_emotions_are_balanced(corpus: Corpus) -> None:
    counts = np.array(list(corpus.counts.values()))
    assert tuple(corpus.counts) == EMOTIONS
    # Each of the six counts is binomial around 667 with a standard deviation of 24.
    assert np.abs(counts - 4000 / 6).max() < 5 * 24


def test_the_same_seed_gives_the_same_sentences_everywhere() -> None:
    assert order_sentences(400, seed=0).fingerprint.startswith("50c9b324bdef4ca7")
    assert order_sentences(400, seed=0).fingerprint == order_sentences(400, seed=0).fingerprint
    assert order_sentences(400, seed=0).fingerprint != order_sentences(400, seed=1).fingerprint
    assert order_sentences(40, seed=0).texts == order_sentences(400, seed=0).texts[:40]


@given(count=st.integers(-8, 60), seed=st.integers(0, 2**63))
@settings(deadline=None, max_examples=60)
def test_any_multiple_of_four_is_served_and_nothing_else(count: int, seed: int) -> None:
    if count < 4 or count % 4:
        with pytest.raises(DataError, match=f"count must be a positive multiple of four, .* got {count}"):
            order_sentences(count, seed=seed)
        return
    corpus = order_sentences(count, seed=seed)
    assert len(corpus) == count
    assert ceiling(list(corpus.texts), corpus.labels.tolist(), 1) == 0.5


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(DataError, match="seed must be zero or positive, got -1"):
        order_sentences(4, seed=-1)
