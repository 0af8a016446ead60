"""A download that takes its name only when it is whole and what it should be; pooch keeps it apart until then."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnncourse.data.errors import DataError
from rnncourse.data.registry import Dataset, cache_folder

Progress = Callable[[int, int | None], None]

MAX_DOWNLOAD = 256 * 2**20
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces


def _silent(have: int, total: int | None) -> None:
    """Tells nobody."""


def download(
    url: str,
    path: Path,
    *,
    prepare: Callable[[Path], object] = lambda part: None,
    sha256: str | None = None,
    progress: Progress = _silent,
    limit: int = MAX_DOWNLOAD,
) -> Path:
    """Fetch one file to ``path``, unless it is there.

    ``prepare`` looks at the complete file before it takes its name, may rewrite it, and raises `DataError` to refuse;
    then it must have the checksum, if one is given. ``progress`` is told the bytes at hand and those expected, if the
    server says so. Whatever goes wrong is a `DataError`, and nothing is left of the file then.
    """
    import pooch
    import requests

    def receive(url: str, part: str, keeper: Any) -> None:
        have, plain = 0, {"Accept-Encoding": "identity"}
        with requests.get(url, headers=plain, stream=True, timeout=_TIMEOUT) as response, open(part, "wb") as file:
            response.raise_for_status()
            total = int(response.headers.get("Content-Length", 0)) or None
            for chunk in response.iter_content(2**16):
                have += file.write(chunk)
                if max(have, total or 0) > limit:
                    raise DataError(f"{url} sends more than the {limit:,} bytes allowed.")
                progress(have, total)
        try:
            prepare(Path(part))
        except DataError as error:  # it knows the file by its temporary name alone
            raise DataError(str(error).replace(Path(part).name, path.name)) from error

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(url, sha256, fname=path.name, path=path.parent, downloader=receive)
    except DataError:
        raise
    except requests.exceptions.RequestException as error:
        raise DataError(f"{url} could not be fetched ({_cause(error)}): fetch it again later.") from error
    except ValueError as error:  # pooch's word for another checksum
        raise DataError(f"{url} does not have the SHA-256 {sha256}: it is damaged or another version.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error}): mend that, fetch again.") from error
    return path


def fetch_archive(dataset: Dataset, check: Callable[[Path], object], *, progress: Progress = _silent) -> Path:
    """Fetch an archive into the cache, unless one that ``check`` finds whole is there."""
    path = cache_folder() / dataset.files[0]
    if path.is_file():
        try:
            check(path)
        except DataError:
            path.unlink()
    return download(dataset.source, path, prepare=check, progress=progress)


def _cause(error: BaseException) -> str:
    """The innermost reason, short: the outer ones wrap it in addresses and object names."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return f"{type(error).__name__}: {error}"
