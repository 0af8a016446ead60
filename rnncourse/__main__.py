"""The command line: ``rnncourse count`` and what joins it.

Every command ends with exit code 0 (done), 1 (failed) or 2 (misused). A misuse prints one sentence on the error
stream. Heavy libraries load inside the commands, so ``--help`` answers at once.
"""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnncourse import __version__
from rnncourse._data_command import data_app
from rnncourse._exercise_command import exercise_command
from rnncourse._misuse import Misuse
from rnncourse._study_command import study_app

if TYPE_CHECKING:
    from rnncourse.counting import Count

app = typer.Typer(
    name="rnncourse",
    help="Instruments of a course on recurrent networks.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")
app.command("exercise")(exercise_command)

# Every complaint of the parser derives from this class, whichever click typer brings.
_UsageError: Any = typer.BadParameter.__mro__[1]


class Dtype(StrEnum):
    """What the input holds."""

    float = "float"
    long = "long"


class Convention(StrEnum):
    """How operations become FLOPs."""

    gemm = "gemm"
    coursework = "coursework"
    all = "all"


class Framework(StrEnum):
    """Whose parameters to count."""

    torch = "torch"
    keras = "keras"


@app.callback(invoke_without_command=True)
def _group(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Instruments of a course on recurrent networks."""
    if version:
        typer.echo(f"rnncourse {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("count")
def count_command(
    layer: Annotated[
        str, typer.Argument(help="Layer or Sequential(...), e.g. 'LSTM(1,64,num_layers=2)'.", metavar="LAYER")
    ],
    input_size: Annotated[
        str, typer.Option("--input", help="Shape of the input, batch included, e.g. 1,60,1.", metavar="SIZES")
    ],
    dtype: Annotated[Dtype, typer.Option(help="What the input holds: numbers or token ids.")] = Dtype.float,
    convention: Annotated[Convention, typer.Option(help="How to count FLOPs.")] = Convention.coursework,
    framework: Annotated[Framework, typer.Option(help="Whose parameters to count.")] = Framework.torch,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Count parameters and operations of a network, without data.

    LAYER is a torch.nn layer with numbers as arguments, or Sequential(...) of such layers. Recurrent layers are batch
    first unless batch_first=False is said; Sequential passes on their output sequence, and Last() takes its last
    step: "Sequential(RNN(64,32), RNN(32,64), Last(), Linear(64,512), Linear(512,10))".

    Conventions: gemm is twice the multiply-accumulates of matrix products; coursework adds the bias additions; all
    adds every elementwise operation.
    """
    import torch

    from rnncourse.counting import count, module_from_text

    sizes = _sizes(input_size)
    try:
        module = module_from_text(layer)
    except ValueError as error:
        raise Misuse(str(error)) from error
    try:
        result = count(module, sizes, dtype=torch.long if dtype is Dtype.long else torch.float32)
    except ValueError as error:
        raise Misuse(_as_options(str(error))) from error
    if as_json:
        typer.echo(_as_json(result, layer, sizes, convention=convention, framework=framework))
    else:
        _print_table(result.columns(framework=framework, convention=convention))


def _as_options(message: str) -> str:
    """Say a remedy in options of the command line."""
    options = {"dtype=torch.long": "--dtype long", "dtype=torch.float32": "--dtype float", "input_size": "--input"}
    for argument, option in options.items():
        message = message.replace(argument, option)
    return message


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.strip("() ").split(","))
    except ValueError:
        raise Misuse(f"--input must be whole numbers joined by commas, such as 1,60,1, got {text!r}") from None


def _as_json(
    result: "Count", layer: str, sizes: tuple[int, ...], *, convention: Convention, framework: Framework
) -> str:
    import json

    def totals(one: Any) -> dict[str, int]:
        return {
            "parameters": one.keras_parameters if framework is Framework.keras else one.parameters,
            "macs": one.macs,
            "bias_additions": one.bias_additions,
            "elementwise": one.elementwise,
            "flops": one.flops(convention),
        }

    rows = [
        {"layer": one.path, "type": one.type, "output_shape": one.output_shape, **totals(one)} for one in result.layers
    ]
    return json.dumps(
        {
            "module": layer,
            "input_size": sizes,
            "convention": str(convention),
            "framework": str(framework),
            "layers": rows,
            "total": totals(result),
        },
        indent=2,
    )


def _print_table(columns: dict[str, list[Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False)
    for position, (name, column) in enumerate(columns.items()):
        table.add_column(name, footer=_cell(column[-1]), justify="left" if position < 3 else "right", no_wrap=True)
    *rows, _ = zip(*columns.values(), strict=True)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    # A number that is cut short is wrong: rather let a narrow terminal wrap the line.
    widest = Console(width=10_000).measure(table).maximum
    console = Console(markup=False, highlight=False)
    console.width = max(console.width, widest)
    console.print(table)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command: its words after ``rnncourse`` in, exit code 0 (done), 1 (failed) or 2 (misused) out."""
    try:
        code = app(args=arguments, prog_name="rnncourse", standalone_mode=False)
    except (Misuse, _UsageError) as error:
        # The bare message: one sentence, without usage lines or frames.
        message = error.format_message() if isinstance(error, _UsageError) else str(error)
        print(f"rnncourse: {' '.join(message.split())}", file=sys.stderr)
        return 2
    except typer.Abort:
        return 1
    except (OSError, RuntimeError) as error:
        print(f"rnncourse: {error}", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """Console entry point."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may know no ±
    sys.exit(run())


if __name__ == "__main__":
    main()
