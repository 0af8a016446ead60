"""Sentences in which word order and negation decide the emotion. Synthetic.

Each sentence holds two emotion words and is about the writer, who feels one of them and dismisses the other: "i am not
sad but happy". Exchanging the two words gives its *twin*: "i am not happy but sad", the same words, another emotion.
The twins stand in every corpus side by side. So a classifier that sees which words a sentence holds, and not their
order, is right on at most one of the two.
"""

from typing import NamedTuple

import numpy as np

from rnncourse.data.corpus import Corpus
from rnncourse.data.emotion import EMOTIONS
from rnncourse.data.errors import DataError

__all__ = ["BIGRAM_CEILING", "EMOTION_WORDS", "MAX_WORDS", "WORD_CEILING", "order_sentences"]

WORD_CEILING = 0.5
"""Largest share of an `order_sentences` corpus that a classifier of the bag of words can get right."""

BIGRAM_CEILING = 0.75
"""Largest share of an `order_sentences` corpus that a classifier of the bag of pairs of neighbours can get right."""

MAX_WORDS = 20
"""Words of the longest sentence; the shortest has four."""

EMOTION_WORDS: dict[str, tuple[str, ...]] = {
    "sadness": (
        *("sad", "gloomy", "miserable", "heartbroken", "sorrowful", "lonely"),
        *("downcast", "hopeless", "mournful", "dejected", "tearful", "forlorn"),
    ),
    "joy": (
        *("happy", "cheerful", "joyful", "delighted", "glad", "merry"),
        *("contented", "jolly", "thrilled", "elated", "jubilant", "pleased"),
    ),
    "love": (
        *("affectionate", "tender", "caring", "devoted", "adoring", "romantic"),
        *("passionate", "smitten", "infatuated", "besotted", "lovestruck", "amorous"),
    ),
    "anger": (
        *("angry", "furious", "irritated", "annoyed", "bitter", "outraged"),
        *("mad", "cross", "enraged", "hostile", "resentful", "livid"),
    ),
    "fear": (
        *("afraid", "scared", "frightened", "anxious", "terrified", "nervous"),
        *("fearful", "worried", "uneasy", "panicky", "alarmed", "petrified"),
    ),
    "surprise": (
        *("surprised", "amazed", "astonished", "stunned", "startled", "shocked"),
        *("astounded", "dumbfounded", "bewildered", "flabbergasted", "speechless", "awestruck"),
    ),
}
"""Twelve words for each of the `EMOTIONS`."""

# {y} is what the writer feels, {x} what is dismissed. In a far frame each of them stands for "feel ADVERB WORD PLACE",
# equal on both sides but for the word, so that twins share every pair of neighbours too.
_FAR = (
    "i do not {x} but i {y}",
    "it is not true that i {x} because i {y}",
    "i used to {x} but now i {y}",
    "my {people} {x} but i {y}",
    "nobody believes that i {x} and everybody sees that i {y}",
    "i never {x} and always {y}",
    "i pretend to {x} but deep down i {y}",
    "instead of making me {x} it makes me {y}",
    "do not ask why i {x} but why i {y}",
    "people say i {x} yet they are wrong and i {y}",
    "i {y} but i do not {x}",
    "i {y} so it is not true that i {x}",
    "now i {y} but i used to {x}",
    "i {y} but my {people} {x}",
    "everybody sees that i {y} and nobody believes that i {x}",
    "i always {y} and never {x}",
    "deep down i {y} but i pretend to {x}",
    "it makes me {y} instead of making me {x}",
    "ask why i {y} but do not ask why i {x}",
    "i {y} although people wrongly say that i {x}",
)
# In a near frame they are the words themselves, and a neighbour tells which of them counts.
_NEAR = (
    "not {x} but {y}",
    "not {x} but {y} {place}",
    "i am not {x} but {y}",
    "i was not {x} but {y} {place}",
    "no longer {x} and finally {y}",
    "far from {x} i am quite {y} {place}",
    "i went from {x} to {y} {place}",
    "my {people} turned me from {x} to {y}",
    "my {people} are {x} while i am {y} {place}",
    "i was {x} before and am {y} now",
    "i am {y} and not {x}",
    "i am {y} and not {x} {place}",
    "i am {y} instead of {x}",
    "i am {y} rather than {x} {place}",
    "finally {y} and no longer {x}",
    "i am quite {y} and far from {x} {place}",
    "i am {y} while my {people} are {x}",
    "i am {y} now and was {x} before",
)
_ADVERBS = ("", "very", "so", "quite", "really", "deeply", "truly", "somewhat", "strangely", "terribly")
_PLACES = (
    *("at home", "at work", "at school", "at night", "in bed", "in spring", "in crowds", "in traffic"),
    *("on stage", "on sundays", "on holiday", "with strangers", "with children", "among friends"),
    *("after dinner", "before dawn", "outdoors", "abroad", "here", "online", "lately", "every morning"),
)
_PEOPLE = (
    *("parents", "friends", "neighbors", "sisters", "brothers", "teachers", "classmates", "colleagues"),
    *("children", "cousins", "guests", "teammates"),
)
_OPENERS = (
    *("", "", "", "honestly", "well", "believe me", "to be honest", "you know", "as it happens", "these days"),
    *("this year", "since monday", "most of the time", "i must say that", "whatever they think", "looking back"),
)


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


_SIZES = _Draw(6, 5, 12, 12, len(_FAR), len(_NEAR), len(_ADVERBS), len(_PLACES), len(_PEOPLE), len(_OPENERS))


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
    place, people = _PLACES[draw.place], _PEOPLE[draw.people]
    if far:
        phrase = f"feel {_ADVERBS[draw.adverb]} {{}} {place}"
        text = _FAR[draw.far].format(x=phrase.format(dismissed), y=phrase.format(felt), people=people)
    else:
        text = _NEAR[draw.near].format(x=dismissed, y=felt, people=people, place=place)
    words = text.split()
    opener = _OPENERS[draw.opener].split()
    return " ".join(words if len(words) + len(opener) > MAX_WORDS else opener + words)
