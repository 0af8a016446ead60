"""The checks of *Emotion* accept the solution and answer each typical mistake with its own hint."""

import numpy as np

from rnncourse.data.sentences import EMOTION_WORDS
from rnncourse.exercises import emotion as ex

OF_WORD = {word: emotion for emotion, words in EMOTION_WORDS.items() for word in words}
DISMISS = {"not", "never", "no", "nobody", "used", "pretend", "instead", "far", "from", "say"}


def found(sentence: str) -> list[tuple[int, str]]:
    return [(place, OF_WORD[word]) for place, word in enumerate(sentence.split()) if word in OF_WORD]


def by_order(sentence: str) -> str:
    (first, one), (_, other) = found(sentence)
    return other if DISMISS & set(sentence.split()[:first]) else one


def first_of_two(sentence: str) -> str:
    return found(sentence)[0][1]


def by_words(sentence: str) -> str:
    return min(emotion for _, emotion in found(sentence))


def short_ones(sentence: str) -> str:
    return by_order(sentence) if sentence.count("feel") < 2 else by_words(sentence)


def always_joy(sentence: str) -> str:
    return "joy"


def no_emotion(sentence: str) -> str:
    return "anticipation"


def fails(sentence: str) -> str:
    raise KeyError(sentence.split()[0])


RIGHT = [
    (ex.check_ceiling, 10 / 13),
    (ex.check_macro_f1, (90 / 110 + 60 / 80) / 3),
    (ex.check_rows, (19_969, 20_032)),
    (ex.check_bar, (1 + 0.75 + 0.75 + 0.75 + 0.7 + 0.7) / 6),
    (ex.check_calibration, 0.07),
    (ex.check_rule, by_order),
]


WRONG = [
    (ex.check_ceiling, 0.5, "texts without a conflict"),
    (ex.check_ceiling, 5 / 13, "some can be right"),
    (ex.check_ceiling, 11 / 13, "upper bound"),
    (ex.check_ceiling, 8 / 13, "ignores the texts"),
    (ex.check_ceiling, 4 / 13, "One row per text"),
    (ex.check_ceiling, 1.0, "one input"),
    (ex.check_ceiling, 0.9, "more frequent label"),
    (ex.check_macro_f1, 0.75, "accuracy"),
    (ex.check_macro_f1, 0.55, "mean recall"),
    (ex.check_macro_f1, 0.5, "mean precision"),
    (ex.check_macro_f1, (90 / 110 + 60 / 80) / 2, "third class"),
    (ex.check_macro_f1, 0.9 / 1.1 * 0.5 + 0.75 * 0.4, "weighs the classes"),
    (ex.check_macro_f1, 9 / 11, "first class alone"),
    (ex.check_macro_f1, 0.1, "twice the diagonal"),
    (ex.check_rows, (20_032, 20_032), "need not be full"),
    (ex.check_rows, (19_968, 20_032), "empty"),
    (ex.check_rows, (19_969, 20_095), "one batch more"),
    (ex.check_rows, (20_032, 19_969), "fewest first"),
    (ex.check_rows, (19_968, 20_031), "one too few"),
    (ex.check_rows, (1, 2), "from 1 to 64"),
    (ex.check_rows, 20_032, "shape"),
    (ex.check_bar, 0.7, "once more"),
    (ex.check_bar, 3.95 / 5, "second time"),
    (ex.check_bar, 3.95 / 6, "comes twice"),
    (ex.check_bar, 4.0 / 6, "own accuracies"),
    (ex.check_bar, 0.5, "last batch alone"),
    (ex.check_bar, 0.9, "after one batch"),
    (ex.check_calibration, 0.25 / 3, "counts the bins alike"),
    (ex.check_calibration, 0.05, "absolute values first"),
    (ex.check_calibration, -0.05, "absolute values first"),
    (ex.check_calibration, 0.1, "largest gap"),
    (ex.check_calibration, 0.0055, "not squares"),
    (ex.check_calibration, 70.0, "number of texts"),
    (ex.check_calibration, 0.5, "In each bin"),
    (ex.check_rule, by_words, "one of each two twins"),
    (ex.check_rule, first_of_two, "first of two emotion words"),
    (ex.check_rule, short_ones, "Short sentences go well"),
    (ex.check_rule, always_joy, "find the two emotion words"),
    (ex.check_rule, no_emotion, "none of the six"),
    (ex.check_rule, fails, "raises KeyError"),
    (ex.check_rule, 0.5, "Give a function"),
]


def test_an_answer_is_taken_from_an_array() -> None:
    assert ex.check_rows(np.array([19_969, 20_032])).passed
