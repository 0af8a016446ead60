"""``rnncourse data list | fetch | check``: which data sets are here, and whether they are whole."""

from argparse import Namespace
from typing import TYPE_CHECKING

from rnncourse._misuse import Misuse
from rnncourse.cli.common import Commands, add_command, add_group, progress_line

if TYPE_CHECKING:
    from rnncourse.data.registry import Dataset


def add_to(commands: Commands) -> None:
    """Add the commands."""
    group = add_group(commands, "data", "List, fetch and check the data sets.")
    add_command(group, "list", list_sets)
    parser = add_command(group, "fetch", fetch)
    parser.add_argument("name", metavar="NAME", help="name of the data set, as `rnncourse data list` shows it")
    parser = add_command(group, "check", check)
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="name of the data set; all by default")


def _dataset(name: str) -> "Dataset":
    from rnncourse.data.registry import DATASETS

    if name not in DATASETS:
        raise Misuse(f"unknown data set {name!r}: choose from {', '.join(DATASETS)}")
    return DATASETS[name]


def list_sets(given: Namespace) -> None:
    """List the data sets, and where each one lies."""
    from rnncourse.data.registry import DATASETS

    for dataset, place in [(dataset, _where(dataset)) for dataset in DATASETS.values()]:
        print(f"{dataset.name}: {dataset.title}\n    where     {place}\n    source    {dataset.source}")
        print(f"    licence   {dataset.licence}\n    citation  {dataset.citation}")


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
    if name not in FETCHES:
        print(f"{name}: nothing to fetch, it {_where(dataset).replace('generated', 'is generated')}.")
        return
    with progress_line() as show:
        folder, own = data_folder(), locate(dataset)
        if folder and own and own.is_relative_to(folder):
            _check(name)
            print("    RNNCOURSE_DATA holds it, so there is nothing to fetch.")
            return
        path = FETCHES[name](progress=lambda have, total: show(_transferred(name, have, total), have == total))
    print(f"{name}: {path}")
    print(f"Please cite: {dataset.citation}")


def _transferred(name: str, have: int, total: int | None) -> str:
    return f"{name}: {have / 1e6:,.1f}{f' of {total / 1e6:,.1f}' if total else ''} MB"


def check(given: Namespace) -> None:
    """Read a data set whole, compare it with what it must be, and report what is in it.

    Of a series, that is what is missing; of texts, how many there are of each class, how many repeat, how many repeat
    under another label, and how many the parts share.
    """
    from rnncourse.data.registry import DATASETS, locate

    for dataset in [_dataset(given.name)] if given.name else DATASETS.values():
        if not given.name and dataset.kind == "fetched" and locate(dataset) is None:
            print(f"{dataset.name}: {_where(dataset)}")
        else:
            _check(dataset.name)


def _check(name: str) -> None:
    from rnncourse.data.catalogue import REPORTS

    print("\n    ".join([f"{name}: whole", *REPORTS[name]()]))
