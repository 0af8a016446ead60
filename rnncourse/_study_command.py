"""``rnncourse study list | run | show``: the experiments, their runs and their recorded results."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnncourse._misuse import Misuse

if TYPE_CHECKING:
    import pandas as pd

    from rnncourse.studies import Progress, Record, Sweep

study_app = typer.Typer(help="Run the experiments and show what is recorded.", no_args_is_help=False)

LINE_SECONDS = 30.0

_Name = Annotated[str, typer.Argument(help="Name of the study, as `rnncourse study list` shows it.", metavar="NAME")]


class ScaleName(StrEnum):
    """How large the experiment is."""

    small = "small"
    full = "full"


@contextmanager
def _failures() -> Iterator[None]:
    """What was asked for the impossible is a misuse (2); what went wrong is a failure (1)."""
    from rnncourse.data import DataError
    from rnncourse.studies import StudyError, StudyMisuse

    try:
        yield
    except StudyMisuse as error:
        raise Misuse(str(error)) from error
    except (StudyError, DataError) as error:
        print(f"rnncourse: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        print("rnncourse: interrupted; finished runs are stored, call again to go on", file=sys.stderr)
        raise typer.Exit(1) from None


@study_app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List the studies, what each one asks, and what is recorded of it."""
    import json

    from rnncourse.studies import study

    with _failures():
        listed = [
            {"name": one.name, "about": one.about, "seeds": one.seeds, "recorded": _recorded(one.name)}
            for one in study.studies().values()
        ]
    if as_json:
        typer.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    for row in listed:
        typer.echo(f"{row['name']}: {row['about']}\n    seeds     {row['seeds']}\n    recorded  {row['recorded']}")


def _recorded(name: str) -> str:
    from rnncourse.studies import StudyError, recorded, results_folder

    try:
        if not (results_folder() / f"{name}.json").exists():
            return "nothing"
        record = recorded(name)
    except StudyError as error:
        return str(error)
    made = record.provenance
    return f"{record.scale}, {made['runs']} runs, {made['seeds']} seeds, {made['date'][:10]}"


@study_app.command("run")
def run_command(
    name: _Name,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds; the study's own by default.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine; one per core by default.")] = None,
    scheduler: Annotated[str, typer.Option(help="Run on the cluster of this Dask scheduler.", metavar="ADDRESS")] = "",
    scale: Annotated[
        ScaleName, typer.Option(help="Data that ship with the book, or the real data in full.")
    ] = ScaleName.small,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    output: Annotated[
        Path | None, typer.Option(help="Results file; by default the book's record, unless a full one is there.")
    ] = None,
) -> None:
    """Do the runs of a study that are missing, and fold all of them into a results file.

    Each run is stored as it ends, in RNNCOURSE_RUNS or in the cache: call again after an interruption, and only what is
    missing is run. A run that fails is named, the others go on, and the next call tries it again.
    """
    from rnncourse.studies import study_named, sweep
    from rnncourse.studies.records import check_target, folded, write_record

    with _failures():
        study = study_named(name)
        path = output or _default_output(name, scale)
        check_target(path, study=name, scale=scale)
        with _progress(name) as progress:
            swept = sweep(
                study,
                scale=scale.value,
                seeds=seeds,
                workers=workers,
                scheduler=scheduler,
                device=device,
                progress=progress,
            )
        _report(swept)
        write_record(folded(swept), path)
    typer.echo(f"{name}: {path}")


def _default_output(name: str, scale: str) -> Path:
    """The book's record in a clone; but a file here beside an installed package, and beside a full record."""
    from rnncourse.studies import recorded, results_folder

    folder = results_folder()
    if folder == Path(__file__).parent / "results":
        return Path(f"{name}.json")
    path = folder / f"{name}.json"
    return Path(f"{name}-small.json") if scale == "small" and path.exists() and recorded(name).scale == "full" else path


def _report(swept: "Sweep") -> None:
    """Say what the sweep did; end with 1 where runs failed."""
    total = len(swept.plan.runs)
    typer.echo(f"{swept.plan.study.name}: {len(swept.runs)} of {total} runs, {swept.new} of them new")
    for failure in swept.failures:
        print(f"rnncourse: failed: {failure.label}: {failure.error} (see {failure.path})", file=sys.stderr)
    if swept.failures:
        print(f"rnncourse: {len(swept.failures)} of {total} runs failed; call again to try them again", file=sys.stderr)
        raise typer.Exit(1)


@contextmanager
def _progress(name: str) -> Iterator[Callable[["Progress"], None]]:
    """A bar on a terminal; elsewhere a line now and then, for a log."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(name)
        return
    columns = (bars.BarColumn(), bars.MofNCompleteColumn(), bars.TimeElapsedColumn(), bars.TimeRemainingColumn())
    with bars.Progress(bars.TextColumn("{task.description}", markup=False), *columns, console=console) as bar:
        task = bar.add_task(name, total=None)

        def show(state: "Progress") -> None:
            failed = f", {state.failed} failed" if state.failed else ""
            bar.update(task, total=state.total, completed=state.done + state.failed, description=f"{name}{failed}")

        yield show


class _Lines:
    """Progress as lines of a log, one each half minute."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.last = -LINE_SECONDS

    def __call__(self, state: "Progress") -> None:
        if time.monotonic() - self.last < LINE_SECONDS and state.done + state.failed < state.total:
            return
        self.last = time.monotonic()
        failed = f", {state.failed} failed" if state.failed else ""
        print(f"{self.name}: {state.done} of {state.total}{failed} {state.label}".rstrip(), file=sys.stderr, flush=True)


@study_app.command("show")
def show_command(
    name: _Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results file.")] = False,
    file: Annotated[Path | None, typer.Option(help="Show this results file.", metavar="FILE")] = None,
) -> None:
    """Show the recorded results of a study: mean and standard deviation over seeds, and what they were made of."""
    from rnncourse.studies import read_record, recorded

    with _failures():
        record = recorded(name) if file is None else read_record(file, study=name)
    if as_json:
        typer.echo(record.text, nl=False)
        return
    made = record.provenance
    lines = {
        "scale": record.scale,
        "runs": f"{made['runs']}, {made['seeds']} seeds, {made['seconds']:,.0f} s together, until {made['date']}",
        "data": made["data"],
        "devices": ", ".join(made["devices"]),
        "machines": "; ".join(", ".join(map(str, one.values())) for one in made["machines"]),
        "versions": "; ".join(", ".join(f"{k} {v}" for k, v in one.items()) for one in made["versions"]),
        "made by": " ".join(made.get("made_by", {}).values()),
        "notes": made["notes"],
    }
    typer.echo(f"{record.study}: {made['about']}")
    for key, value in lines.items():
        if value:
            typer.echo(f"    {key:8}  {value}")
    for line in _table(*_mean_and_spread(record), width=shutil.get_terminal_size().columns):
        typer.echo(line)


def _mean_and_spread(record: "Record") -> tuple["pd.DataFrame", list[str]]:
    """Mean and standard deviation of each number over runs that differ in the seed alone, and what tells rows apart."""
    import pandas as pd

    frame = record.frame
    by = [name for name in record.columns["config"] if name != "seed" and frame[name].astype(str).nunique() > 1]
    groups = frame.groupby(frame[by].astype(str).agg(" ".join, axis=1) if by else frame["seed"] * 0, sort=False)
    shown = groups[by].first() if by else pd.DataFrame(index=[0])
    shown["runs"] = groups.size()
    for name in map(str, frame[record.columns["metrics"]].select_dtypes("number")):
        shown[name] = groups[name].mean()
        if (spread := groups[name].std()).any():
            shown[f"{name} sd"] = spread
    return shown, [*by, "runs"]


def _table(table: "pd.DataFrame", by: list[str], *, width: int) -> Iterator[str]:
    """A table in blocks of columns that fit the width; each begins with the columns ``by`` which rows differ."""
    cells = {str(name): [str(name), *map(_in_words, table[name])] for name in table.columns}
    columns = {name: [cell.rjust(max(map(len, of))) for cell in of] for name, of in cells.items()}
    room = width - sum(len(columns[name][0]) + 2 for name in by)
    block: list[str] = []
    for name in [*(name for name in columns if name not in by), ""]:
        wanted = sum(len(columns[one][0]) + 2 for one in [*block, *filter(None, [name])])
        if block and (not name or wanted > room):
            yield from ("", *map("  ".join, zip(*(columns[one] for one in [*by, *block]), strict=True)))
            block = []
        block.append(name)


def _in_words(value: Any) -> str:
    """A whole number whole, any other with four digits."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() or abs(value) >= 1e4 else f"{value:.4g}"
