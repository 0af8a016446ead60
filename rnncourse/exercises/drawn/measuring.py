"""Parts III and IV: windows, baselines, chance and classes."""

import numpy as np

from rnncourse.exercises.drawn._drawing import Exercise, Template

EMOTIONS = ("sadness", "joy", "love")


def windows(rng: np.random.Generator) -> Exercise:
    """Windows that a series gives."""
    rows = int(rng.integers(400, 3000))
    size, horizon = int(rng.integers(5, 61)), int(rng.integers(1, 15))
    count = rows - size - horizon + 1
    question = (
        f"A series has {rows:,} rows. How many windows of {size} rows does it give, with the target {horizon} rows "
        "after the window's last?"
    )
    working = (
        f"The first target is row $w + h = {size + horizon}$, the last is row {rows:,}: "
        f"$N - w - h + 1 = {rows:,} - {size} - {horizon} + 1 = {count:,}$."
    )
    return Exercise(question, working, count, f"{count:,}")


def persistence(rng: np.random.Generator) -> Exercise:
    """Squared error of tomorrow = today."""
    days = np.cumsum(rng.integers(-8, 9, size=6)) / 2 + 14
    squares = np.diff(days) ** 2
    value = float(squares.mean())
    question = (
        f"Six days have the maxima {', '.join(f'{day:g}' for day in days)} °C. What is the mean squared error of "
        "“tomorrow is as today”, in °C²? Three decimals."
    )
    working = f"Five forecasts: $({' + '.join(f'{square:g}' for square in squares)}) / 5 = {value:.3f}$."
    return Exercise(question, working, value, f"{value:.3f} °C²")


def skill(rng: np.random.Generator) -> Exercise:
    """Skill against persistence from two mean squared errors."""
    naive = float(rng.integers(40, 100)) / 10
    model = round(naive * float(rng.integers(70, 115)) / 100, 2)
    value = 1 - (model / naive) ** 0.5
    question = (
        f"Persistence has a mean squared error of {naive:g} and a network one of {model:g}. What is the network's "
        "skill, 1 − RMSE / RMSE(persistence), in percent? One decimal."
    )
    working = f"$1 - \\sqrt{{{model:g} / {naive:g}}} = {100 * value:.1f}$ %."
    return Exercise(question, working, 100 * value, f"{100 * value:.1f} %")


def sign_flips(rng: np.random.Generator) -> Exercise:
    """Smallest p value that a paired sign-flip test can give."""
    seeds, comparisons = int(rng.integers(3, 13)), int(rng.integers(2, 21))
    least = 2 / 2**seeds
    adjusted = min(1.0, comparisons * least)
    question = (
        f"Two networks are compared over {seeds} seeds with a two-sided sign-flip test on the paired differences. What "
        f"is the smallest p value it can give, and what does Holm's rule make of it if it is the smallest of "
        f"{comparisons} comparisons? Four decimals each."
    )
    working = (
        f"$2^{{{seeds}}}$ patterns of signs are equally likely, and two of them are as extreme as can be: "
        f"$2 / 2^{{{seeds}}} = {least:.4f}$. Holm multiplies the smallest by the number of comparisons, and no p value "
        f"passes one: {adjusted:.4f}."
    )
    return Exercise(question, working, (least, adjusted), f"{least:.4f} and {adjusted:.4f}")


def recall(rng: np.random.Generator) -> Exercise:
    """Accuracy and macro-averaged recall from a confusion matrix."""
    counts = rng.integers(1, 12, size=(3, 3)) + np.diag(rng.integers(20, 90, size=3))
    totals, right = counts.sum(axis=1), np.diag(counts)
    accuracy, macro = float(right.sum() / totals.sum()), float((right / totals).mean())
    header = f"| | {' | '.join(EMOTIONS)} |\n|---|---|---|---|\n"
    rows = "\n".join(f"| {name} | {' | '.join(map(str, row))} |" for name, row in zip(EMOTIONS, counts, strict=True))
    question = (
        "Rows are the true classes, columns the predicted ones. Find the accuracy and the mean of the recalls, both in "
        f"percent with one decimal.\n\n{header}{rows}"
    )
    parts = " + ".join(f"{a}/{b}" for a, b in zip(right, totals, strict=True))
    working = (
        f"Accuracy: ${right.sum()} / {totals.sum()} = {100 * accuracy:.1f}$ %. Mean of the recalls: "
        f"$({parts}) / 3 = {100 * macro:.1f}$ %."
    )
    return Exercise(question, working, (100 * accuracy, 100 * macro), f"{100 * accuracy:.1f} % and {100 * macro:.1f} %")


TEMPLATES = (
    Template("windows", "Count the windows", 8, windows),
    Template("persistence", "As today", 8, persistence),
    Template("skill", "Skill", 9, skill),
    Template("sign-flips", "How small can p be?", 12, sign_flips),
    Template("recall", "Accuracy and recall", 13, recall),
)
