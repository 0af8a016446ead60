"""Finished runs on disk: one file each, whole or not there, proved by a checksum, claimed by one process at a time."""

import errno
import os
from pathlib import Path
from typing import Any

from rnncourse._files import write_whole
from rnncourse.studies.values import on_disk, sealed, unsealed

try:
    import fcntl
except ImportError:  # Windows: two sweeps may do one run twice, and store the same
    fcntl = None  # type: ignore[assignment]

#: A finished run: key, config, metrics by name, seconds, device, machine, versions, and the date in UTC, ISO 8601.
Run = dict[str, Any]


class Store:
    """The runs of one study in one folder; a second folder is read too. What the disk refuses is a StudyError."""

    def __init__(self, folder: Path, second: Path | None = None) -> None:
        self.folder = folder
        self.second = second
        with on_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._claims = (folder / "claims").open("ab")

    def close(self) -> None:
        """Release all claims."""
        self._claims.close()

    def read(self, key: str) -> Run | None:
        """The stored run of that key, or None; a file that holds anything else counts for nothing."""
        for folder in filter(None, (self.folder, self.second)):
            try:
                run = unsealed((folder / f"{key}.json").read_bytes().decode())
            except (FileNotFoundError, ValueError):
                continue
            if run.get("key") == key:
                return run
        return None

    def write(self, key: str, outcome: Run | str) -> Path:
        """Store a run, or a note why there is none, in one step, and return its path."""
        path = self.folder / f"{key}.{'failed' if isinstance(outcome, str) else 'json'}"
        with on_disk(self.folder):
            write_whole(path, outcome if isinstance(outcome, str) else sealed(outcome))
        return path

    def claim(self, key: str, *, release: bool = False) -> bool:
        """Take a run for this process until it is released or the process ends; False where another has it.

        A claim is a lock of one byte of a file that is never written.
        """
        if fcntl is None:
            return True
        try:
            how = fcntl.LOCK_UN if release else fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.lockf(self._claims, how, 1, int(key[:15], 16))
        except OSError as error:  # file systems of some clusters have no locks: as on Windows
            return error.errno not in (errno.EAGAIN, errno.EACCES)
        return True


def runs_folder() -> Path:
    """The folder of all runs: ``RNNCOURSE_RUNS``, else ``studies`` in the cache folder of the package."""
    from rnncourse.data.registry import cache_folder

    return Path(os.environ.get("RNNCOURSE_RUNS") or cache_folder() / "studies").expanduser()
