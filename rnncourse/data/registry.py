"""The data sets, as ``datasets.toml`` lists them, and where they lie: the folder of the user, then the cache."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rnncourse.data.errors import DataError

FOLDER_VARIABLE, CACHE_VARIABLE = "RNNCOURSE_DATA", "RNNCOURSE_CACHE"


@dataclass(frozen=True)
class Dataset:
    """One entry of the registry; its fields are explained in ``datasets.toml``."""

    name: str
    title: str
    kind: Literal["ships", "fetched", "generated"]
    source: str
    licence: str
    citation: str
    files: list[str] = field(default_factory=list)
    sha256: Mapping[str, str] = field(default_factory=dict)
    known: list[dict[str, Any]] = field(default_factory=list)


DATASETS: Mapping[str, Dataset] = {
    name: Dataset(name, **entry)
    for name, entry in tomllib.loads(Path(__file__).with_name("datasets.toml").read_text(encoding="utf-8")).items()
}


def data_folder() -> Path | None:
    """The folder that ``RNNCOURSE_DATA`` names, None where it is not set; a `DataError` if it is no folder."""
    text = os.environ.get(FOLDER_VARIABLE, "")
    if text and not Path(text).expanduser().is_dir():
        raise DataError(f"{FOLDER_VARIABLE} names {text}, which is not a folder: set it to the folder with the data.")
    return Path(text).expanduser() if text else None


def cache_folder() -> Path:
    """The folder for fetched data: ``RNNCOURSE_CACHE``, else the user's cache folder on this system."""
    text = os.environ.get(CACHE_VARIABLE, "")
    if text:
        return Path(text).expanduser()
    import pooch

    return Path(pooch.os_cache("rnncourse"))


def locate(dataset: Dataset) -> Path | None:
    """The best of a data set's files below ``RNNCOURSE_DATA``, else in the cache; None without any."""
    for folder in filter(None, (data_folder(), cache_folder())):
        for name in dataset.files:
            # A folder that holds the files themselves, without our sub-folder, is as good.
            for path in (folder / name, folder / Path(name).name):
                if path.is_file():
                    return path
    return None


def required(dataset: Dataset) -> Path:
    """As `locate`, for a file that must be there: a `DataError` says how to get it."""
    path = locate(dataset)
    if path is None:
        raise DataError(
            f"the data set {dataset.name!r} is not on this machine: run `rnncourse data fetch {dataset.name}`, "
            f"or set {FOLDER_VARIABLE} to a folder with {dataset.files[0]}."
        )
    return path
