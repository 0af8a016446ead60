"""``rnncourse data list | fetch | check``: which data sets are here, and whether they are whole.

Not inside ``rnncourse.data``, whose import loads pandas: the command line's ``--help`` answers at once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnncourse._misuse import Misuse

if TYPE_CHECKING:
    from rnncourse.data.downloads import Progress
    from rnncourse.data.registry import Dataset

data_app = typer.Typer(help="List, fetch and check the data sets.", no_args_is_help=False)

_Name = Annotated[str, typer.Argument(help="Name of the data set, as `rnncourse data list` shows it.", metavar="NAME")]


@contextmanager
def _failures() -> Iterator[None]:
    """A data set that is missing or damaged is a failure (1), not a misuse (2)."""
    from rnncourse.data import DataError

    try:
        yield
    except DataError as error:
        print(f"rnncourse: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def _dataset(name: str) -> "Dataset":
    from rnncourse.data.registry import DATASETS

    if name not in DATASETS:
        raise Misuse(f"unknown data set {name!r}: choose from {', '.join(DATASETS)}")
    return DATASETS[name]


@data_app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List the data sets, and where each one lies."""
    import json

    from rnncourse.data.registry import DATASETS

    keys = ("name", "title", "source", "licence", "citation")
    with _failures():
        rows = [{**{key: getattr(d, key) for key in keys}, "where": _where(d)} for d in DATASETS.values()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['name']}: {row['title']}")
        for key in ("where", "source", "licence", "citation"):
            typer.echo(f"    {key:8}  {row[key]}")


def _where(dataset: "Dataset") -> str:
    from rnncourse.data.registry import locate

    if dataset.kind != "fetched":
        return {"ships": "ships with the installation", "generated": "generated on request; synthetic"}[dataset.kind]
    return str(locate(dataset) or f"not here; `rnncourse data fetch {dataset.name}` fetches it")


@data_app.command("fetch")
def fetch_command(
    name: _Name,
    url: Annotated[str, typer.Option(help="Address of a mirror of the official archive.", metavar="URL")] = "",
    sha256: Annotated[str, typer.Option(help="Checksum that the archive must have.", metavar="HEX")] = "",
) -> None:
    """Fetch a data set from its official source into the cache.

    The file takes its name only when it is whole and its content is what it should be; fetch again after a broken
    transfer. RNNCOURSE_CACHE names another folder for the cache. What the folder in RNNCOURSE_DATA holds is not
    fetched.
    """
    from rnncourse.data.catalogue import FETCHES
    from rnncourse.data.registry import data_folder, locate

    dataset = _dataset(name)
    if sha256 and not (len(sha256) == 64 and set(sha256.lower()) <= set("0123456789abcdef")):
        raise Misuse(f"--sha256 must be 64 hexadecimal digits, got {sha256!r}")
    if url and not url.startswith(("https://", "http://")):
        raise Misuse(f"--url must begin with https:// or http://, got {url!r}")
    if name not in FETCHES:
        if url or sha256:
            raise Misuse(f"--url and --sha256 make no sense for {name}: it is not fetched")
        typer.echo(f"{name}: nothing to fetch, it {_where(dataset).replace('generated', 'is generated')}.")
        return
    if sha256 and name == "emotion":
        raise Misuse("--sha256 makes no sense for emotion: what it must be is known")
    options = {key: value for key, value in {"url": url, "sha256": sha256.lower()}.items() if value}
    with _failures():
        folder, own = data_folder(), locate(dataset)
        if not url and folder and own and own.is_relative_to(folder):
            _check(name, own)
            typer.echo("    RNNCOURSE_DATA holds it, so there is nothing to fetch.")
            return
    with _failures(), _transfer(name) as progress:
        path = FETCHES[name](progress=progress, **options)
    typer.echo(f"{name}: {path}")
    typer.echo(f"Please cite: {dataset.citation}")


@contextmanager
def _transfer(name: str) -> Iterator["Progress"]:
    """A progress bar on the error stream, quiet where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda have, total: bar.update(task, completed=have, total=total)


@data_app.command("check")
def check_command(
    name: Annotated[
        str, typer.Argument(help="Name of the data set; without it, all that are here.", metavar="[NAME]")
    ] = "",
    file: Annotated[Path | None, typer.Option(help="Check this file instead of the one found.", metavar="PATH")] = None,
) -> None:
    """Read a data set whole, compare it with what it must be, and report what is in it.

    Of a series, that is what is missing; of texts, how many there are of each class, how many repeat, how many repeat
    under another label, and how many the parts share. With `emotion --file NAME.csv`, a table with the columns text
    and label (0 to 5) is read instead of the split.
    """
    from rnncourse.data.registry import DATASETS, locate

    if file is not None and (not name or _dataset(name).kind != "fetched"):
        raise Misuse("--file needs the name of a data set that is fetched, such as power")
    if file is not None and not file.is_file():
        raise Misuse(f"--file names {file}, which is not a file")
    with _failures():
        for dataset in [_dataset(name)] if name else DATASETS.values():
            if not name and dataset.kind == "fetched" and locate(dataset) is None:
                typer.echo(f"{dataset.name}: {_where(dataset)}")
            else:
                _check(dataset.name, file)


def _check(name: str, file: Path | None) -> None:
    from rnncourse.data.catalogue import REPORTS

    lines = REPORTS[name](file)
    typer.echo("\n    ".join([f"{name}: whole", *lines]))
