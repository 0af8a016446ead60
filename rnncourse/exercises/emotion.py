"""Checks for the exercises of the chapter *Emotion*."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.data.sentences import EMOTION_WORDS, order_sentences
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = ["check_bar", "check_calibration", "check_ceiling", "check_macro_f1", "check_rows", "check_rule"]

# Rows of a corpus: how often each of four texts occurs under each of two labels.
LABELLED = np.array([[3, 1], [0, 2], [2, 2], [3, 0]])
# Test texts by true class, in rows, and named class, in columns; the third class is never named.
CONFUSION = np.array([[45, 5, 0], [10, 30, 0], [5, 5, 0]])
# A progress bar that ends at 313/313, with batches of 64.
BATCHES, BATCH_SIZE = 313, 64
# Accuracy of five batches of the same size.
BATCH_ACCURACY = np.array([1.0, 0.5, 0.75, 0.75, 0.5])
# Texts, mean probability and share of right ones in three bins.
BIN_TEXTS, BIN_SURE, BIN_RIGHT = np.array([100, 300, 600]), np.array([0.5, 0.8, 0.95]), np.array([0.6, 0.7, 0.9])

FRESH = 400


def check_ceiling(answer: ArrayLike) -> Feedback:
    """Check the best accuracy on thirteen rows: texts that occur 3 + 1, 0 + 2, 2 + 2 and 3 + 0 times under two labels.

    Args:
        answer: a share of the rows, 0 to 1.

    Returns:
        Feedback with a hint for counting texts in the place of rows, for dropping rows, for the bound that needs no
        labels, or for going by the labels alone.
    """
    texts, rows = len(LABELLED), LABELLED.sum()
    exact = rows - (LABELLED > 0).sum()
    return grade(
        answer,
        LABELLED.max(axis=1).sum() / rows,
        praise="Ten of thirteen rows: each text under its more frequent label. The other three are lost to any reader.",
        mistakes=[
            Mistake(2 / texts, "This is the share of texts without a conflict; ask for rows: a text can be several."),
            Mistake(5 / rows, "Those are the rows of texts without a conflict; of the others some can be right, too."),
            Mistake(
                (texts + exact) / rows, "Texts and exact repetitions give an upper bound; one text is twice as bad."
            ),
            Mistake(LABELLED.sum(axis=0).max() / rows, "This ignores the texts: it is the share of the larger class."),
            Mistake(texts / rows, "One row per text is too few: a repetition under the same label is right as well."),
            Mistake(1.0, "A text with two labels is one input; which answer could be right on both of its rows?"),
        ],
        otherwise="Give each text its more frequent label, count the rows that are right, and divide by all rows.",
        tolerance=2e-3,
    )


def check_macro_f1(answer: ArrayLike) -> Feedback:
    """Check the macro-F1 of the confusion matrix ``[[45, 5, 0], [10, 30, 0], [5, 5, 0]]``, rows true.

    Args:
        answer: 0 to 1.

    Returns:
        Feedback with a hint for accuracy, mean recall, mean precision, a left-out class, a weighted mean or one class.
    """
    right, true, said = CONFUSION.diagonal(), CONFUSION.sum(axis=1), CONFUSION.sum(axis=0)
    f1 = 2 * right / (true + said)
    precision = right / np.maximum(said, 1)
    return grade(
        answer,
        f1.mean(),
        praise="The class that is never named has an F1 of nought, and counts for a third.",
        mistakes=[
            Mistake(right.sum() / true.sum(), "This is the accuracy: there, a large class counts more."),
            Mistake((right / true).mean(), "This is the mean recall; F1 also asks how many of the texts named so are."),
            Mistake(precision.mean(), "This is the mean precision; F1 is the harmonic mean of precision and recall."),
            Mistake(f1[:2].mean(), "The third class has an F1, too: nothing of it is found, so it is nought."),
            Mistake((f1 * true).sum() / true.sum(), "This weighs the classes by their texts; macro weighs them alike."),
            Mistake(f1[0], "This is the first class alone; take the mean over the three."),
        ],
        otherwise="For each class: twice the diagonal over row sum plus column sum. Then the plain mean of the three.",
        tolerance=2e-3,
    )


def check_rows(answer: ArrayLike) -> Feedback:
    """Check how many test rows a bar that ends at 313/313 with batches of 64 allows.

    Args:
        answer: the fewest and the most rows, two whole numbers.

    Returns:
        Feedback with a hint for a last batch that is taken as full, as empty, or for one bound twice.
    """
    most = BATCHES * BATCH_SIZE
    fewest = most - BATCH_SIZE + 1
    return grade(
        answer,
        [fewest, most],
        praise="The last batch holds at least one row and at most all of its places.",
        mistakes=[
            Mistake([most, most], "The last batch need not be full: how few rows can it hold?"),
            Mistake(
                [fewest - 1, most], "With that few rows the last batch would be empty, and the bar would end sooner."
            ),
            Mistake([fewest, most + BATCH_SIZE - 1], "With so many rows there would be one batch more."),
            Mistake([most, fewest], "Give the fewest first."),
            Mistake([fewest - 1, most - 1], "Each is one too few: rows are counted from one."),
        ],
        otherwise="All batches but the last are full. The last one holds from 1 to 64 rows.",
    )


def check_bar(answer: ArrayLike) -> Feedback:
    """Check what the bar shows after five batches with the accuracies 1, 0.5, 0.75, 0.75 and 0.5.

    Args:
        answer: what is shown, 0 to 1.

    Returns:
        Feedback with a hint for the true accuracy, for the last value counted once, or for the last batch alone.
    """
    running = np.cumsum(BATCH_ACCURACY) / np.arange(1, len(BATCH_ACCURACY) + 1)
    shown = (running.sum() + running[-1]) / (len(running) + 1)
    return grade(
        answer,
        shown,
        praise="The first batch enters every running mean, so it counts the most.",
        mistakes=[
            Mistake(BATCH_ACCURACY.mean(), "This is the accuracy; the bar averages the running accuracies once more."),
            Mistake(running.mean(), "Nearly: the last running mean enters a second time, when the bar is closed."),
            Mistake(running.sum() / (len(running) + 1), "Six values are averaged: which one comes twice?"),
            Mistake(
                (BATCH_ACCURACY.sum() + BATCH_ACCURACY[-1]) / (len(running) + 1),
                "These are the batches' own accuracies; the bar gets the mean over all batches so far.",
            ),
            Mistake(BATCH_ACCURACY[-1], "This is the last batch alone; the bar gets a mean after every batch."),
        ],
        otherwise="Write down the mean after one batch, after two and so on, add the last of them again, and average.",
        tolerance=2e-3,
    )


def check_calibration(answer: ArrayLike) -> Feedback:
    """Check the expected calibration error of three bins.

    Args:
        answer: 0 to 1. The bins hold 100, 300 and 600 texts, with mean probability 0.5, 0.8 and 0.95, and 0.6, 0.7
            and 0.9 of them right.

    Returns:
        Feedback with a hint for plain averages, for signs, and for squares.
    """
    gap, share = BIN_RIGHT - BIN_SURE, BIN_TEXTS / BIN_TEXTS.sum()
    return grade(
        answer,
        share @ np.abs(gap),
        praise="Each bin counts by its texts, and a bin that is too modest does not make up for one that is too bold.",
        mistakes=[
            Mistake(np.abs(gap).mean(), "This counts the bins alike; weigh each by its texts."),
            Mistake(abs(share @ gap), "Take absolute values first: here the modest bin cancels some of the bold ones."),
            Mistake(share @ gap, "Take absolute values first: here the modest bin cancels some of the bold ones."),
            Mistake(np.abs(gap).max(), "This is the largest gap; the expected error is the mean one."),
            Mistake(share @ gap**2, "Absolute values, not squares."),
            Mistake(BIN_TEXTS @ np.abs(gap), "Divide by the number of texts."),
        ],
        otherwise="In each bin the absolute difference of probability and accuracy; then their mean over all texts.",
        tolerance=2e-3,
    )


def check_rule(answer: Any) -> Feedback:
    """Check a rule that names the emotion of a generated sentence, on sentences that it has not seen.

    Args:
        answer: a function of a sentence that returns one of sadness, joy, love, anger, fear and surprise.

    Returns:
        Passed above three quarters, what pairs of neighbours allow. Hints for a rule that fails, that returns something
        else, or that reads no order.
    """
    if untried(answer):
        return NOT_TRIED
    if not callable(answer):
        return Feedback(False, f"Give a function of a sentence; this is of type {type(answer).__name__}.")
    fresh = order_sentences(FRESH, seed=20_261)
    named: list[Any] = []
    for sentence in fresh.texts:
        try:
            named.append(answer(sentence))
        except Exception as error:
            return Feedback(False, f"On “{sentence}” your function raises {type(error).__name__}: {error}")
        if named[-1] not in EMOTION_WORDS:
            return Feedback(False, f"On “{sentence}” it returns {named[-1]!r}, which is none of the six emotions.")
    right = np.array([fresh.classes.index(name) for name in named]) == fresh.labels
    return _verdict(float(right.mean()), right.reshape(-1, 4))


def _verdict(accuracy: float, right: np.ndarray[Any, np.dtype[np.bool_]]) -> Feedback:
    """What to say of a rule; ``right`` has far twins in its first two columns and near twins in the others."""
    told = f"It is right on {accuracy:.0%}"
    if accuracy > 0.75:
        return Feedback(True, f"{told} of sentences it has not seen, more than words and pairs of neighbours allow.")
    if accuracy <= 0.25:
        return Feedback(False, f"{told}. Does it find the two emotion words? One of them is always the answer.")
    if (right.reshape(-1, 2).sum(axis=1) == 1).all():
        return Feedback(False, f"{told}: on one of each two twins. So it reads which words occur, and not their order.")
    if abs(accuracy - 0.5) <= 0.06:
        return Feedback(
            False, f"{told}. The first of two emotion words, or the last, is felt in half of the sentences."
        )
    if right[:, 2:].mean() > right[:, :2].mean() + 0.2:
        return Feedback(
            False, f"{told}. Short sentences go well; in the long ones look at “but”, “not” and what follows."
        )
    return Feedback(False, f"{told}. Read some of its errors: which word says that an emotion is dismissed?")
