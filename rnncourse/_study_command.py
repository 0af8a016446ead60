"""``rnncourse study list | run | show``: the experiments, their runs and their recorded results."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnncourse._misuse import Misuse

if TYPE_CHECKING:
    import pandas as pd

    from rnncourse.studies import Progress, Record, Sweep

study_app = typer.Typer(help="Run the experiments and show what is recorded.", no_args_is_help=False)

LINE_SECONDS = 30.0

_Name = Annotated[str, typer.Argument(help="Name of the study, as `rnncourse study list` shows it.", metavar="NAME")]


class EngineName(StrEnum):
    """Where the runs take place."""

    local = "local"
    dask = "dask"


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


@study_app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List the studies, what each one asks, and what is recorded of it."""
    import json

    from rnncourse.studies import STUDIES

    with _failures():
        listed = [
            {"name": study.name, "about": study.about, "seeds": study.seeds, "recorded": _recorded(study.name)}
            for study in STUDIES.values()
        ]
    if as_json:
        typer.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    for row in listed:
        typer.echo(f"{row['name']}: {row['about']}")
        typer.echo(f"    seeds     {row['seeds']}")
        typer.echo(f"    recorded  {row['recorded']}")


def _recorded(name: str) -> str:
    from rnncourse.studies import StudyError, read_record, results_folder

    try:
        path = results_folder() / f"{name}.json"
        if not path.exists():
            return "nothing"
        record = read_record(path)
    except StudyError as error:
        return str(error)
    made = record.provenance
    return f"{record.scale}, {made['runs']} runs, {made['seeds']} seeds, {made['date'][:10]}"


@study_app.command("run")
def run_command(
    name: _Name,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds; the study's own by default.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine; one per core by default.")] = None,
    engine: Annotated[EngineName, typer.Option(help="Processes here, or a Dask cluster.")] = EngineName.local,
    scheduler: Annotated[str, typer.Option(help="Address of the Dask scheduler.", metavar="ADDR")] = "",
    scale: Annotated[
        ScaleName, typer.Option(help="Data that ship with the book, or the real data in full.")
    ] = ScaleName.small,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    output: Annotated[
        Path | None, typer.Option(help="Results file; by default, the book's record.", metavar="FILE")
    ] = None,
) -> None:
    """Do the runs of a study that are missing, and fold all of them into a results file.

    Each run is stored as it ends, in RNNCOURSE_RUNS or in the cache: call again after an interruption, and only what is
    missing is run. A run that fails is named, the others go on, and the next call tries it again.
    """
    from rnncourse.studies import find, sweep
    from rnncourse.studies.results import check_target, write_record

    with _failures():
        study = find(name)
        path = output or _default_output(name)
        check_target(path, study=name, scale=scale)
        with _progress(name) as progress:
            try:
                swept = sweep(
                    study,
                    scale=scale,
                    seeds=seeds,
                    workers=workers,
                    engine=engine,
                    scheduler=scheduler or None,
                    device=device,
                    progress=progress,
                )
            except KeyboardInterrupt:
                print("rnncourse: interrupted; finished runs are stored, call again to go on", file=sys.stderr)
                raise typer.Exit(1) from None
        _report(swept)
        replaced = check_target(path, study=name, scale=scale)
        write_record(swept, path)
    before = f", where {len(replaced.rows)} runs of scale {replaced.scale} were recorded before" if replaced else ""
    typer.echo(f"{name}: {path}{before}")


def _default_output(name: str) -> Path:
    """The book's record in a checkout; beside an installed package nothing is overwritten."""
    from rnncourse.studies import results_folder

    folder = results_folder()
    return Path(f"{name}.json") if folder == Path(__file__).parent / "results" else folder / f"{name}.json"


def _report(swept: "Sweep") -> None:
    """Say what the sweep did; end with 1 where runs failed."""
    total = len(swept.plan.runs)
    typer.echo(f"{swept.plan.study.name}: {len(swept.runs)} of {total} runs, {swept.new} of them new")
    for path in swept.set_aside:
        print(f"rnncourse: no run of this study, set aside: {path}", file=sys.stderr)
    for failure in swept.failures:
        print(f"rnncourse: failed: {failure.label}: {failure.error} (see {failure.path})", file=sys.stderr)
    if swept.failures:
        print(f"rnncourse: {len(swept.failures)} of {total} runs failed; call again to try them again", file=sys.stderr)
        raise typer.Exit(1)


@contextmanager
def _progress(name: str) -> Iterator[Callable[["Progress"], None]]:
    """A bar on a terminal; elsewhere a line now and then, for a log."""
    from rich import progress as rich_progress
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(name)
        return
    columns: tuple[rich_progress.ProgressColumn, ...] = (
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=console) as bar:
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
        ended = state.done + state.failed
        if time.monotonic() - self.last < LINE_SECONDS and ended < state.total:
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
    from rnncourse.studies import StudyError, find, mean_and_spread, read_record, recorded

    with _failures():
        study = find(name)
        record = recorded(study.name) if file is None else read_record(file)
        if record.study != name:
            raise StudyError(f"{record.path} holds results of the study {record.study!r}, not of {name!r}")
    if as_json:
        typer.echo(record.path.read_text(encoding="utf-8"), nl=False)
        return
    _print_provenance(record)
    _print_table(mean_and_spread(record))


def _print_provenance(record: "Record") -> None:
    made = record.provenance
    typer.echo(f"{record.study}: {made['about']}")
    lines = {
        "file": record.path,
        "scale": record.scale,
        "runs": f"{made['runs']}, {made['seeds']} seeds, {made['seconds']:,.0f} s together, until {made['date']}",
        "data": made["data"],
        "devices": ", ".join(made["devices"]),
        "machines": "; ".join(", ".join(map(str, one.values())) for one in made["machines"]),
        "versions": "; ".join(", ".join(f"{k} {v}" for k, v in one.items()) for one in made["versions"]),
        "notes": made["notes"],
    }
    for key, value in lines.items():
        if value:
            typer.echo(f"    {key:8}  {value}")


def _print_table(table: "pd.DataFrame") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in table.columns:
        shown.add_column(str(name), no_wrap=True, justify="right" if table[name].dtype.kind in "if" else "left")
    for row in table.itertuples(index=False, name=None):
        shown.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    widest = Console(width=10_000).measure(shown).maximum
    console = Console(markup=False, highlight=False)
    console.width = max(console.width, widest)
    console.print(shown)
