"""Where finished runs lie: one JSON file for each, written in one step, named by its key.

A run that another process is working on is *claimed*: that process holds a lock on ``KEY.claim``. The system drops
the lock when the process dies, however it dies.
"""

import contextlib
import errno
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rnncourse.studies.errors import StudyError
from rnncourse.studies.plain import canonical, plain

RUNS_VARIABLE = "RNNCOURSE_RUNS"
KIND, FORMAT = "rnncourse run", 1
STALE_SECONDS = 3600.0
_KEY = re.compile(r"[0-9a-f]{64}")


class RunFileError(ValueError):
    """A file is not the run that its name promises."""


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        key: what names its file: SHA-256 of study, config, data and code.
        study: name of the study.
        config: fields of the config.
        metrics: what the run measured, by name.
        seconds: how long it took, by the clock on the wall.
        device: what it ran on: ``cpu`` or ``cuda``.
        date: when it ended, in UTC, ISO 8601.
        machine: processor, cores and system.
        versions: of Python, the package and what it computes with.
    """

    key: str
    study: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    seconds: float
    device: str
    date: str
    machine: dict[str, Any]
    versions: dict[str, str]

    @property
    def text(self) -> str:
        """The content of its file, metrics in the order in which the run returned them."""
        return json.dumps({"kind": KIND, "format": FORMAT, **asdict(self)}, indent=1) + "\n"


_TYPES: dict[str, type | tuple[type, ...]] = {
    "key": str,
    "study": str,
    "config": dict,
    "metrics": dict,
    "seconds": (int, float),
    "device": str,
    "date": str,
    "machine": dict,
    "versions": dict,
}


def parse_run(text: str) -> Run:
    """Read the content of a run's file.

    Args:
        text: JSON as `Run.text` writes it.

    Returns:
        The run.

    Raises:
        RunFileError: it is not JSON, not a run, of another format, or a field is missing, unknown or of a wrong type.
    """
    try:
        document = plain(json.loads(text, parse_constant=refuse), "it")
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"it is not valid JSON ({error})") from error
    if not isinstance(document, dict) or document.pop("kind", None) != KIND:
        raise RunFileError("it is not a run of a study")
    if (version := document.pop("format", None)) != FORMAT or isinstance(version, bool):
        raise RunFileError(f"it is in format {version!r}, and this version reads format {FORMAT}")
    if odd := set(document) ^ set(_TYPES):
        raise RunFileError(f"its fields are not those of a run: {', '.join(sorted(odd))}")
    for name, kind in _TYPES.items():
        if not isinstance(document[name], kind) or isinstance(document[name], bool):
            raise RunFileError(f"its field {name} is {type(document[name]).__name__}")
    if not _KEY.fullmatch(document["key"]):
        raise RunFileError(f"its key {document['key'][:80]!r} is not 64 hexadecimal digits")
    return Run(**{field.name: document[field.name] for field in fields(Run)})


def refuse(constant: str) -> None:
    """Complain of ``NaN`` and ``Infinity``, which Python reads and JSON does not know."""
    raise ValueError(f"{constant} is not a JSON number")


def runs_folder() -> Path:
    """The folder of all runs: ``RNNCOURSE_RUNS``, else ``studies`` in the cache folder of the package."""
    if text := os.environ.get(RUNS_VARIABLE, ""):
        return Path(text).expanduser()
    from rnncourse.data.registry import cache_folder

    return cache_folder() / "studies"


class Store:
    """The runs of one study in one folder.

    Args:
        folder: where the files lie; made when the first is written.
        study: name of the study.
    """

    def __init__(self, folder: Path, study: str) -> None:
        self.folder = folder
        self.study = study

    def tidy(self) -> None:
        """Remove what writers that were killed left behind long ago."""
        for path in self.folder.glob(".*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()

    def path(self, key: str) -> Path:
        """The file of a run."""
        return self.folder / f"{key}.json"

    def read(self, key: str, config: dict[str, Any]) -> Run | None:
        """The stored run of that key, or None where there is none.

        Raises:
            RunFileError: the file holds something else.
            StudyError: the file cannot be read.
        """
        path = self.path(key)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise RunFileError("it is not UTF-8") from error
        except OSError as error:
            raise StudyError(f"the run {path} cannot be read: {error.strerror}") from error
        run = parse_run(text)
        if (run.key, run.study, canonical(run.config)) != (key, self.study, canonical(config)):
            raise RunFileError("it holds another run than its name says")
        return run

    def set_aside(self, key: str) -> Path:
        """Rename the file of a run that is none, and return its new path."""
        path = self.path(key)
        number = 1
        while (aside := path.with_suffix(f".aside-{number}")).exists():
            number += 1
        with _disk(path):
            os.replace(path, aside)
        return aside

    def write(self, run: Run) -> None:
        """Store a run in one step, and forget an earlier failure of it.

        Raises:
            StudyError: the disk is full, or the folder cannot be written.
        """
        write_whole(self.path(run.key), run.text)
        self._failure(run.key).unlink(missing_ok=True)

    def write_failure(self, key: str, config: dict[str, Any], error: str, traceback: str) -> Path:
        """Record why a run failed, and return the path of the record."""
        document = {"config": config, "date": now(), "error": error, "traceback": traceback}
        path = self._failure(key)
        write_whole(path, json.dumps(document, indent=1, sort_keys=True) + "\n")
        return path

    def _failure(self, key: str) -> Path:
        return self.folder / f"{key}.failed"

    def claim(self, key: str) -> contextlib.ExitStack | None:
        """Take a run for this process.

        Returns:
            What releases it again when closed, or None where another process has it.

        Raises:
            StudyError: the folder cannot be written.
        """
        path = self.folder / f"{key}.claim"
        with _disk(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            return _lock(path)


def _lock(path: Path) -> contextlib.ExitStack | None:
    """Lock a file that exists only as long as it is locked; None where another process holds it."""
    claim = contextlib.ExitStack()
    try:
        import fcntl
    except ImportError:  # Windows: two sweeps may then do one run twice, and store the same
        return claim
    while True:
        stream = path.open("a")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.close()
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):  # some file systems of clusters: as above
                return claim
            raise
        # Its last holder may have removed the file between the two calls: a lock on a file without a name holds nobody.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                claim.enter_context(stream)
                claim.callback(path.unlink, missing_ok=True)
                return claim
        stream.close()


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: it is there whole, or as it was before.

    Raises:
        StudyError: the disk is full, or the folder cannot be written.
    """
    with _disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with open(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some space and call again" if full else "see to that and call again"
        raise StudyError(f"{path} cannot be written ({error.strerror or error}): {remedy}") from error


def now() -> str:
    """The time in UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
