"""``rnncourse data list | fetch | check``: which data sets are here, and whether they are whole."""

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rnncourse.cli.common import Commands, Failure, Misuse, add_command, add_group, progress_line

if TYPE_CHECKING:
    from rnncourse.data.registry import Dataset


def add_to(commands: Commands) -> None:
    """Add the commands."""
    group = add_group(commands, "data", "List, fetch and check the data sets.")
    add_command(group, "list", list_sets).add_argument("--json", action="store_true", help="print JSON instead of text")
    parser = add_command(group, "fetch", fetch)
    parser.add_argument("name", metavar="NAME", help="name of the data set, as `rnncourse data list` shows it")
    parser.add_argument("--url", default="", help="address of a mirror of the official archive")
    parser.add_argument("--sha256", default="", metavar="HEX", help="checksum that the archive must have")
    parser = add_command(group, "check", check)
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="name of the data set; all by default")
    parser.add_argument("--file", type=Path, metavar="PATH", help="check this file instead of the one found")


@contextmanager
def _failures() -> Iterator[None]:
    """A data set that is missing or damaged is a failure, not a misuse."""
    from rnncourse.data import DataError

    try:
        yield
    except DataError as error:
        raise Failure(str(error)) from error


def _dataset(name: str) -> "Dataset":
    from rnncourse.data.registry import DATASETS

    if name not in DATASETS:
        raise Misuse(f"unknown data set {name!r}: choose from {', '.join(DATASETS)}")
    return DATASETS[name]


def list_sets(given: Namespace) -> None:
    """List the data sets, and where each one lies."""
    from rnncourse.data.registry import DATASETS

    keys = ("name", "title", "source", "licence", "citation")
    with _failures():
        rows = [{**{key: getattr(d, key) for key in keys}, "where": _where(d)} for d in DATASETS.values()]
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['name']}: {row['title']}")
        for key in ("where", "source", "licence", "citation"):
            print(f"    {key:8}  {row[key]}")


def _where(dataset: "Dataset") -> str:
    from rnncourse.data.registry import locate

    if dataset.kind != "fetched":
        return {"ships": "ships with the installation", "generated": "generated on request; synthetic"}[dataset.kind]
    return str(locate(dataset) or f"not here; `rnncourse data fetch {dataset.name}` fetches it")


def fetch(given: Namespace) -> None:
    """Fetch a data set from its official source into the cache.

    The file takes its name only when it is whole and its content is what it should be; fetch again after a broken
    transfer. RNNCOURSE_CACHE names another folder for the cache. What the folder in RNNCOURSE_DATA holds is not
    fetched.
    """
    from rnncourse.data.catalogue import FETCHES
    from rnncourse.data.registry import data_folder, locate

    name, dataset = given.name, _dataset(given.name)
    _refuse_misfits(given)
    if name not in FETCHES:
        print(f"{name}: nothing to fetch, it {_where(dataset).replace('generated', 'is generated')}.")
        return
    options = {key: value for key, value in {"url": given.url, "sha256": given.sha256.lower()}.items() if value}
    with _failures(), progress_line() as show:
        folder, own = data_folder(), locate(dataset)
        if not given.url and folder and own and own.is_relative_to(folder):
            _check(name, own)
            print("    RNNCOURSE_DATA holds it, so there is nothing to fetch.")
            return
        path = FETCHES[name](
            progress=lambda have, total: show(_transferred(name, have, total), have == total), **options
        )
    print(f"{name}: {path}")
    print(f"Please cite: {dataset.citation}")


def _refuse_misfits(given: Namespace) -> None:
    from rnncourse.data.catalogue import FETCHES

    if given.sha256 and not (len(given.sha256) == 64 and set(given.sha256.lower()) <= set("0123456789abcdef")):
        raise Misuse(f"--sha256 must be 64 hexadecimal digits, got {given.sha256!r}")
    if given.url and not given.url.startswith(("https://", "http://")):
        raise Misuse(f"--url must begin with https:// or http://, got {given.url!r}")
    if given.name not in FETCHES and (given.url or given.sha256):
        raise Misuse(f"--url and --sha256 make no sense for {given.name}: it is not fetched")
    if given.sha256 and given.name == "emotion":
        raise Misuse("--sha256 makes no sense for emotion: what it must be is known")


def _transferred(name: str, have: int, total: int | None) -> str:
    return f"{name}: {have / 1e6:,.1f}{f' of {total / 1e6:,.1f}' if total else ''} MB"


def check(given: Namespace) -> None:
    """Read a data set whole, compare it with what it must be, and report what is in it.

    Of a series, that is what is missing; of texts, how many there are of each class, how many repeat, how many repeat
    under another label, and how many the parts share.
    """
    from rnncourse.data.registry import DATASETS, locate

    name, file = given.name, given.file
    if file is not None and (not name or _dataset(name).kind != "fetched"):
        raise Misuse("--file needs the name of a data set that is fetched, such as power")
    if file is not None and not file.is_file():
        raise Misuse(f"--file names {file}, which is not a file")
    with _failures():
        for dataset in [_dataset(name)] if name else DATASETS.values():
            if not name and dataset.kind == "fetched" and locate(dataset) is None:
                print(f"{dataset.name}: {_where(dataset)}")
            else:
                _check(dataset.name, file)


def _check(name: str, file: Path | None) -> None:
    from rnncourse.data.catalogue import REPORTS

    print("\n    ".join([f"{name}: whole", *REPORTS[name](file)]))
