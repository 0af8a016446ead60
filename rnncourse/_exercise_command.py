"""``rnncourse exercise [NAME] --seed N``: exercises with fresh numbers and their worked answers."""

from pathlib import Path
from typing import Annotated

import typer

from rnncourse._files import write_whole
from rnncourse._misuse import Misuse


def exercise_command(
    name: Annotated[
        str, typer.Argument(help="Name of the exercise; without it, all are listed.", metavar="[NAME]")
    ] = "",
    seed: Annotated[int, typer.Option(help="Which numbers; the same seed gives the same sheet.", min=0)] = 0,
    question_only: Annotated[bool, typer.Option("--question-only", help="Leave out working and answer.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead.", metavar="PATH")] = None,
) -> None:
    """Draw an exercise with fresh numbers, as Markdown with TeX.

    To make a PDF of it: rnncourse exercise lstm-step --seed 7 --output sheet.md, then pandoc sheet.md -o sheet.pdf.
    """
    from rnncourse.exercises import draw, exercises

    if not name:
        for one in filter(lambda one: one.sheet, exercises().values()):
            typer.echo(f"{one.name:15}  chapter {one.chapter:2}  {one.sheet.get('title', one.title)}")
        return
    try:
        text = draw(name, seed=seed).text(answer=not question_only)
    except ValueError as error:
        raise Misuse(str(error)) from error
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        write_whole(output, text)
    except OSError as error:
        raise RuntimeError(f"--output {output} cannot be written: {error.strerror}.") from error
