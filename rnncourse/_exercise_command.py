"""``rnncourse exercise [NAME] --seed N``: exercises with fresh numbers and their worked answers."""

from pathlib import Path
from typing import Annotated

import typer

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
    from rnncourse.exercises.drawn import TEMPLATES, sheet

    if not name:
        width = max(map(len, TEMPLATES))
        for template in TEMPLATES.values():
            typer.echo(f"{template.name:{width}}  chapter {template.chapter:2}  {template.title}")
        return
    try:
        text = sheet(name, seed=seed, answer=not question_only)
    except ValueError as error:
        raise Misuse(str(error)) from error
    if output is None:
        typer.echo(text, nl=False)
        return
    from rnncourse.studies.runs import write_whole

    write_whole(output, text)
