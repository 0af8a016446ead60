"""Exercises whose numbers are drawn anew: a fresh sheet for every seed, each with its worked answer.

A chapter's exercises stay as they are, because their hints know their numbers. These are for a teacher who needs
another sheet of the same kind, and for a reader who wants to practise until it is easy.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from rnncourse.exercises.drawn import by_hand, inside, measuring
from rnncourse.exercises.drawn._drawing import Exercise, Template

__all__ = ["TEMPLATES", "Exercise", "Template", "draw", "sheet"]

TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {template.name: template for module in (by_hand, inside, measuring) for template in module.TEMPLATES}
)
"""All templates by name, in the order of the chapters."""


def draw(name: str, *, seed: int) -> Exercise:
    """Draw the numbers of an exercise.

    Args:
        name: one of `TEMPLATES`.
        seed: which numbers; the same seed gives the same exercise on every machine.

    Returns:
        The exercise with its working and answer.

    Raises:
        ValueError: there is no such template, or the seed is negative.
    """
    if name not in TEMPLATES:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(TEMPLATES)}.")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected a whole number of at least 0.")
    return TEMPLATES[name].make(np.random.default_rng([seed, *name.encode()]))


def sheet(name: str, *, seed: int, answer: bool = True) -> str:
    """An exercise as Markdown with TeX, ready for pandoc or a notebook.

    Args:
        name: one of `TEMPLATES`.
        seed: which numbers.
        answer: whether the working and the answer follow.

    Returns:
        The sheet, ending with a newline.

    Raises:
        ValueError: as `draw`.
    """
    exercise = draw(name, seed=seed)
    parts = [f"# {TEMPLATES[name].title}", exercise.question]
    if answer:
        parts += ["## Answer", exercise.working, f"**{exercise.shown}**"]
    parts += [f"*Exercise {name}, seed {seed}; chapter {TEMPLATES[name].chapter}.*"]
    return "\n\n".join(parts) + "\n"
