"""A download that resumes, and shows its file only when it is whole.

pooch keeps the cache, finds a spoiled file in it, and tries again; this module gives it a downloader that picks up a
broken transfer where it stopped (RFC 9110, section 14: ranges; ``If-Range`` protects against a file that changed
meanwhile).
The bytes grow in ``NAME.part``. Only a complete and verified file takes its name, in one step.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rnncourse.data.errors import DataError

MAX_DOWNLOAD = 256 * 2**20
_CHUNK = 64 * 2**10
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces

Verify = Callable[[Path], None]
Progress = Callable[[int, int | None], None]


class _Final(Exception):
    """A failure that another attempt would only repeat."""


@dataclass(frozen=True)
class _Resumable:
    """A downloader for pooch: called with the address and the temporary file to fill."""

    part: Path
    sha256: str | None
    verify: Verify
    progress: Progress
    limit: int

    @property
    def _tag(self) -> Path:
        return self.part.with_name(self.part.name + ".tag")

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        self._transfer(url)
        try:
            if self.sha256 is not None and file_hash(self.part) != self.sha256:
                raise DataError(f"{url} does not have the SHA-256 {self.sha256}: it is damaged or another version.")
            self.verify(self.part)
        except DataError as error:
            self._forget()
            raise _Final(str(error)) from error
        os.replace(self.part, output_file)
        self._forget()

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)

    def _transfer(self, url: str) -> None:
        import requests

        # Without a validator of the version at hand, the rest might be of another version.
        tag = self._tag.read_text(encoding="utf-8") if self._tag.is_file() and self.part.is_file() else ""
        have = self.part.stat().st_size if tag else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": tag}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self._forget()
                raise requests.exceptions.ConnectionError("the partial file did not fit")
            if 400 <= response.status_code < 500:
                raise _Final(f"{url} answered {response.status_code} {response.reason}.")
            response.raise_for_status()
            resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if not (response.status_code == requests.codes.partial_content and have and resumed):
                have = 0
            self._receive(response, have)

    def _receive(self, response: Any, have: int) -> None:
        import requests

        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        if total is not None and total > self.limit:
            raise _Final(f"{response.url} announces {total:,} bytes, more than the {self.limit:,} allowed.")
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        # Opened to append, so that a file that another process holds is not emptied before the lock is ours.
        with _disk_errors(self.part), self.part.open("ab") as stream, _alone(stream, self.part):
            stream.truncate(have)
            # A weak ETag does not promise equal bytes.
            self._tag.write_text("" if validator.startswith("W/") else validator, encoding="utf-8")
            for chunk in response.iter_content(_CHUNK):
                stream.write(chunk)
                have += len(chunk)
                if have > self.limit:
                    raise _Final(f"{response.url} sends more than the {self.limit:,} bytes allowed.")
                self.progress(have, total)
        if total is not None and have != total:
            raise requests.exceptions.ConnectionError(f"the transfer ended after {have:,} of {total:,} bytes")


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    import requests

    try:
        yield
    except requests.exceptions.RequestException:  # an OSError too, but of the network: pooch tries again
        raise
    except OSError as error:
        remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "see to that"
        raise _Final(f"{path} cannot be written ({error.strerror or error}): {remedy} and fetch again.") from error


@contextlib.contextmanager
def _alone(stream: IO[bytes], path: Path) -> Iterator[None]:
    """Hold the partial file: two transfers that append to it would spoil it."""
    try:
        import fcntl
    except ImportError:  # Windows; there, the checks of the content find the damage
        yield
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _Final(f"{path} is being fetched by another process: wait for it.") from error
    yield


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Args:
        path: the file.

    Returns:
        64 hexadecimal digits.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def download(
    url: str,
    path: Path,
    *,
    verify: Verify,
    sha256: str | None = None,
    retries: int = 3,
    progress: Progress = lambda have, total: None,
    limit: int = MAX_DOWNLOAD,
) -> Path:
    """Fetch one file into the cache, unless it is there.

    Args:
        url: its address, http or https.
        path: where it is to lie; the folder is made.
        verify: looks at the complete file before it takes its name; raises `DataError` to refuse it.
        sha256: checksum that the file must have, 64 hexadecimal digits; without it, ``verify`` alone decides.
        retries: how often to try again after a broken transfer.
        progress: told the bytes at hand and the bytes expected, if the server says so.
        limit: largest file, in bytes.

    Returns:
        ``path``, complete and verified. A broken transfer leaves ``NAME.part``, from which the next call goes on.

    Raises:
        DataError: the server refuses, the transfer keeps breaking, the disk is full, the file is too large, its
            checksum is another, or ``verify`` refuses it.
    """
    import pooch
    import requests

    part = path.with_name(path.name + ".part")
    downloader = _Resumable(part, sha256, verify, progress, limit)
    keeper = pooch.create(
        path=path.parent, base_url="", registry={path.name: sha256}, urls={path.name: url}, retry_if_failed=retries
    )
    try:
        keeper.fetch(path.name, downloader=downloader)
    except _Final as error:
        raise DataError(str(error)) from error
    except requests.exceptions.RequestException as error:
        raise DataError(f"{url} could not be fetched ({_cause(error)}): try again later.") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror or error}): see to that and fetch again."
        ) from error
    return path


def _cause(error: BaseException) -> str:
    """The innermost reason, short: the outer ones wrap it in addresses and object names."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return f"{type(error).__name__}: {error}"
