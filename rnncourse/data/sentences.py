"""Sentences in which word order and negation decide the emotion. Synthetic.

Each sentence holds two emotion words and is about the writer, who feels one of them and dismisses the other: "i am not
sad but happy". Exchanging the two words gives its *twin*: "i am not happy but sad", the same words, another emotion.
The twins stand in every corpus side by side. So a classifier that sees which words a sentence holds, and not their
order, is right on at most one of the two.
"""

import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse.data.corpus import Corpus
from rnncourse.data.emotion import EMOTIONS
from rnncourse.data.errors import DataError

WORD_CEILING = 0.5
"""Largest share of an `order_sentences` corpus that a classifier of the bag of words can get right."""

BIGRAM_CEILING = 0.75
"""Largest share of an `order_sentences` corpus that a classifier of the bag of pairs of neighbours can get right."""

MAX_WORDS = 20
"""Words of the longest sentence; the shortest has four."""

PARTS = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))
"""The frames and words that sentences are made of."""

EMOTION_WORDS: dict[str, tuple[str, ...]] = {emotion: tuple(PARTS["words"][emotion].split()) for emotion in EMOTIONS}
"""Twelve words for each of the `EMOTIONS`."""


class _Draw(NamedTuple):
    """The choices behind one pair of twins, each an index."""

    felt: int
    other: int
    felt_word: int
    other_word: int
    far: int
    near: int
    adverb: int
    place: int
    people: int
    opener: int


_SIZES = _Draw(6, 5, 12, 12, *(len(PARTS[kind]) for kind in ("far", "near", "adverbs", "places", "people", "openers")))


def order_sentences(count: int, *, seed: int) -> Corpus:
    """Generate sentences whose words leave two emotions open and whose order tells which one it is. Synthetic.

    The rows come in fours: two *far* twins, whose pairs of neighbouring words are the same too, and two *near* twins,
    which differ in such pairs. Twins follow each other. All ordered pairs of different emotions are equally likely,
    and so are all words of an emotion and all frames of a kind.

    Two ceilings hold exactly on each corpus. A classifier of the bag of words gives twins the same answer, so it is
    right on at most half of all rows (`WORD_CEILING`). A classifier of the bag of pairs of neighbours gives far twins
    the same answer; it is right on at most three quarters (`BIGRAM_CEILING`). Whoever reads in order can be right on
    all. To keep twins together, draw each part of a split with a seed of its own, or cut at multiples of four.

    Args:
        count: number of sentences, a positive multiple of four.
        seed: seed of the choices.

    Returns:
        Sentences of 4 to 20 lower-case words with blanks between them, and the emotion that the writer feels, with
        the classes `EMOTIONS`. Rows ``4 k`` and ``4 k + 1`` are far twins, ``4 k + 2`` and ``4 k + 3`` near twins.

    Raises:
        DataError: ``count`` is no positive multiple of four, or ``seed`` is negative.
    """
    if count < 4 or count % 4:
        raise DataError(f"count must be a positive multiple of four, so that twins stay together, got {count}.")
    if seed < 0:
        raise DataError(f"seed must be zero or positive, got {seed}.")
    draws = np.random.default_rng(seed).integers(0, _SIZES, size=(count // 2, len(_SIZES)), dtype=np.int64)
    rows = [row for pair, draw in enumerate(draws.tolist()) for row in _twins(_Draw(*draw), far=pair % 2 == 0)]
    texts, labels = zip(*rows, strict=True)
    return Corpus("order sentences (synthetic)", texts, np.array(labels), EMOTIONS)


def _twins(draw: _Draw, *, far: bool) -> list[tuple[str, int]]:
    first = draw.felt
    second = (first + 1 + draw.other) % len(EMOTIONS)
    words = EMOTION_WORDS[EMOTIONS[first]][draw.felt_word], EMOTION_WORDS[EMOTIONS[second]][draw.other_word]
    return [
        (_sentence(draw, felt=words[0], dismissed=words[1], far=far), first),
        (_sentence(draw, felt=words[1], dismissed=words[0], far=far), second),
    ]


def _sentence(draw: _Draw, *, felt: str, dismissed: str, far: bool) -> str:
    place, people = PARTS["places"][draw.place], PARTS["people"][draw.people]
    if far:
        phrase = f"feel {PARTS['adverbs'][draw.adverb]} {{}} {place}"
        text = PARTS["far"][draw.far].format(x=phrase.format(dismissed), y=phrase.format(felt), people=people)
    else:
        text = PARTS["near"][draw.near].format(x=dismissed, y=felt, people=people, place=place)
    words = text.split()
    opener = PARTS["openers"][draw.opener].split()
    return " ".join(words if len(words) + len(opener) > MAX_WORDS else opener + words)
