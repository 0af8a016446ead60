"""Where data lie: the folder of the user, then the cache."""

import os
from pathlib import Path

from rnncourse.data.errors import DataError
from rnncourse.data.registry import Dataset

FOLDER_VARIABLE = "RNNCOURSE_DATA"
CACHE_VARIABLE = "RNNCOURSE_CACHE"


def data_folder() -> Path | None:
    """The folder named by ``RNNCOURSE_DATA``, or None where that is not set.

    Raises:
        DataError: the variable names no folder.
    """
    text = os.environ.get(FOLDER_VARIABLE, "")
    if not text:
        return None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise DataError(f"{FOLDER_VARIABLE} names {text}, which is not a folder: set it to the folder with the data.")
    return folder


def cache_folder() -> Path:
    """The folder for fetched data: ``RNNCOURSE_CACHE``, else the user's cache folder on this system."""
    text = os.environ.get(CACHE_VARIABLE, "")
    if text:
        return Path(text).expanduser()
    import pooch

    return Path(pooch.os_cache("rnncourse"))


def locate(dataset: Dataset) -> Path | None:
    """The file of a data set: below ``RNNCOURSE_DATA`` if it is there, else in the cache.

    Args:
        dataset: an entry of the registry.

    Returns:
        The best of the files present, or None. Its content is not looked at.

    Raises:
        DataError: ``RNNCOURSE_DATA`` names no folder.
    """
    folders = (folder for folder in (data_folder(), cache_folder()) if folder is not None)
    for folder in folders:
        for name in dataset.files:
            # A folder that holds the files themselves, without our sub-folder, is as good.
            for path in (folder / name, folder / Path(name).name):
                if path.is_file():
                    return path
    return None


def required(dataset: Dataset) -> Path:
    """The file of a data set that must be there.

    Args:
        dataset: an entry of the registry.

    Returns:
        Its path.

    Raises:
        DataError: it is neither in the user's folder nor in the cache.
    """
    path = locate(dataset)
    if path is None:
        raise DataError(
            f"the data set {dataset.name!r} is not on this machine: run `rnncourse data fetch {dataset.name}`, "
            f"or set {FOLDER_VARIABLE} to a folder with {dataset.files[0]}."
        )
    return path
