"""Sentences in which word order and negation decide the emotion. Synthetic.

Each sentence holds two emotion words and is about the writer, who feels one of them and dismisses the other: "i am not
sad but happy". Exchanging the two words gives its *twin*: "i am not happy but sad", the same words, another emotion.
"""

import tomllib
from pathlib import Path

import numpy as np

from rnncourse.data.corpus import Corpus
from rnncourse.data.emotion import EMOTIONS
from rnncourse.data.errors import DataError

#: Largest share of an `order_sentences` corpus that a classifier of the bag of words can get right.
WORD_CEILING = 0.5

#: Largest share of an `order_sentences` corpus that a classifier of the bag of pairs of neighbours can get right.
BIGRAM_CEILING = 0.75

#: Words of the longest sentence; the shortest has four.
MAX_WORDS = 20

#: The frames and words that sentences are made of.
PARTS = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))

#: Twelve words for each of the `EMOTIONS`.
EMOTION_WORDS: dict[str, tuple[str, ...]] = {emotion: tuple(PARTS["words"][emotion].split()) for emotion in EMOTIONS}


_KINDS = ("far", "near", "adverbs", "places", "people", "openers")


def order_sentences(count: int, *, seed: int) -> Corpus:
    """Generate sentences whose words leave two emotions open and whose order tells which one it is. Synthetic.

    The rows come in fours: two *far* twins, whose pairs of neighbouring words are the same too, and two *near* twins,
    which differ in such pairs. All ordered pairs of different emotions are equally likely, and so are all words of an
    emotion and all frames of a kind. To keep twins together, draw each part of a split with a seed of its own.

    Two ceilings hold exactly on each corpus. A classifier of the bag of words gives twins the same answer, so it is
    right on at most half of all rows (`WORD_CEILING`). A classifier of the bag of pairs of neighbours gives far twins
    the same answer; it is right on at most three quarters (`BIGRAM_CEILING`). ``count`` is a multiple of four.
    """
    if count < 4 or count % 4:
        raise DataError(f"count must be a positive multiple of four, so that twins stay together, got {count}.")
    if seed < 0:
        raise DataError(f"seed must be zero or positive, got {seed}.")
    sizes = (6, 5, 12, 12, *(len(PARTS[kind]) for kind in _KINDS))
    draws = np.random.default_rng(seed).integers(0, sizes, size=(count // 2, len(sizes)), dtype=np.int64)
    rows = [row for pair, draw in enumerate(draws.tolist()) for row in _twins(draw, far=pair % 2 == 0)]
    texts, labels = zip(*rows, strict=True)
    return Corpus("order sentences (synthetic)", texts, np.array(labels), EMOTIONS)


def _twins(draw: list[int], *, far: bool) -> list[tuple[str, int]]:
    one, two = draw[0], (draw[0] + 1 + draw[1]) % len(EMOTIONS)
    words = {emotion: EMOTION_WORDS[EMOTIONS[emotion]][k] for emotion, k in ((one, draw[2]), (two, draw[3]))}
    chosen = {kind: PARTS[kind][k] for kind, k in zip(_KINDS, draw[4:], strict=True)}
    frame, place, opener = chosen["far" if far else "near"], chosen["places"], chosen["openers"].split()
    say = f"feel {chosen['adverbs']} {{}} {place}".format if far else str
    rows = []
    for felt, other in ((one, two), (two, one)):
        text = frame.format(x=say(words[other]), y=say(words[felt]), people=chosen["people"], place=place).split()
        rows.append((" ".join(text if len(text) + len(opener) > MAX_WORDS else opener + text), felt))
    return rows
