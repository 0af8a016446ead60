"""``rnncourse exercise [NAME] --seed N``: exercises with fresh numbers, worked answers, and a verdict on yours."""

import ast
from argparse import Namespace
from pathlib import Path
from typing import Any

from rnncourse._files import write_whole
from rnncourse._misuse import Misuse
from rnncourse.cli.common import Commands, add_command


def add_to(commands: Commands) -> None:
    """Add the command."""
    add = add_command(commands, "exercise", exercise).add_argument
    add("name", nargs="?", default="", help="name of the exercise; without it, all are listed")
    add("--seed", type=int, help="which numbers; the same seed gives the same sheet")
    add("--answer", help="judge this answer, as `check` does; without a seed, to the chapter's numbers")
    add("--question-only", action="store_true", help="leave out working and answer")
    add("--output", type=Path, metavar="PATH", help="write to this file instead")


def exercise(given: Namespace) -> None:
    """Draw an exercise with fresh numbers, as Markdown with TeX.

    To make a PDF of it: rnncourse exercise lstm-step --seed 7 --output sheet.md, then pandoc sheet.md -o sheet.pdf.
    """
    from rnncourse.exercises import check, draw, exercises

    if not given.name:
        for one in filter(lambda one: one.sheet, exercises().values()):
            print(f"{one.name:15}  chapter {one.chapter}  {one.sheet.get('title', one.title)}")
        return
    if given.seed is not None and given.seed < 0:
        raise Misuse(f"--seed must be at least 0, got {given.seed}")
    if given.answer is not None:
        numbers = {} if given.seed is None else draw(given.name, seed=given.seed).numbers
        print(check(given.name, _read(given.answer), **numbers))
        return
    text = draw(given.name, seed=given.seed or 0).text(answer=not given.question_only)
    if given.output is None:
        print(text, end="")
    else:
        write_whole(given.output, text)


def _read(answer: str) -> Any:
    """Numbers and lists in Python's notation; anything else is words."""
    try:
        return ast.literal_eval(answer)
    except (SyntaxError, ValueError):
        return answer.replace(",", " ").split()
