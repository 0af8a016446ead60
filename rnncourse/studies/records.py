"""Recorded results: all runs of a sweep in one file, with what they were made of."""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncourse._files import target_of, write_whole
from rnncourse.studies.values import StudyError, canonical, checksum, on_disk, unsealed

if TYPE_CHECKING:
    import pandas as pd

KIND, FORMAT = "rnncourse study", 2


@dataclass(frozen=True)
class Record:
    """The recorded results of a study.

    Its provenance holds ``about``, ``notes``, ``seeds``, ``runs``, ``data`` (fingerprint), ``versions``, ``machines``,
    ``devices``, ``date`` of the last run, ``seconds`` of all, and ``code``: digests of what the rows stand for. Where
    older code made them, ``made_by`` gives its ``commit``, and ``why`` they still stand.
    """

    study: str
    scale: str  #: ``small`` or ``full``
    provenance: dict[str, Any]
    columns: dict[str, list[str]]  #: names of the ``config`` and ``metrics`` columns, in their order
    rows: list[dict[str, Any]]  #: one mapping per run, in the order of the grid

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """One row per run, the fields of its config before its metrics; a metric that a run lacks is missing."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=[*self.columns["config"], *self.columns["metrics"]])

    @property
    def text(self) -> str:
        """The content of its file, with sorted keys and one row on each line; equal records have equal text."""
        content = {name: value for name, value in vars(self).items() if name != "frame"}
        head = {"kind": KIND, "format": FORMAT, **content}
        sealed = head | {"sha256": checksum(head), "rows": []}
        rows = ",\n  ".join(canonical(row) for row in self.rows)
        return json.dumps(sealed, indent=1, sort_keys=True, ensure_ascii=False).replace("[]", f"[\n  {rows}\n ]") + "\n"


def results_folder() -> Path:
    """The folder of records: ``RNNCOURSE_RESULTS``, the clone's, or that in the installed package."""
    if chosen := os.environ.get("RNNCOURSE_RESULTS"):
        return Path(chosen)
    package = Path(__file__).parents[1]
    for folder in (package.parent / "book" / "results", package / "results"):
        if folder.is_dir():
            return folder
    raise StudyError("no recorded results were found; set RNNCOURSE_RESULTS to their folder")


def recorded(name: str) -> Record:
    """The recorded results of a study; StudyError where there are none, or the file is no record of it."""
    path = results_folder() / f"{name}.json"
    if not path.is_file():
        raise StudyError(f"no results of the study {name!r} are recorded: run `rnncourse study run {name}`")
    return read_record(path, study=name)


def read_record(path: Path, *, study: str) -> Record:
    """Read a results file of a study; StudyError where it is none, is of another study or version, or was altered."""
    try:
        document = unsealed(path.read_bytes().decode())
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise StudyError(f"{path} is no results file, or was altered: {error}") from error
    if (document.pop("kind", None), document.pop("format", None)) != (KIND, FORMAT):
        raise StudyError(f"{path} is no results file of this version: update rnncourse, or run the study again")
    if document["study"] != study:
        raise StudyError(f"{path} holds results of the study {document['study']!r}, not of {study!r}")
    return Record(**document)


def write_record(record: Record, path: Path) -> None:
    """Write a results file in one step; StudyError where `check_target` forbids it or the disk refuses."""
    check_target(path, study=record.study, scale=record.scale)
    with on_disk(path):
        write_whole(path, record.text)


def check_target(path: Path, *, study: str, scale: str) -> None:
    """StudyError where anything but an older record of the study would be overwritten, or a full one by a small one."""
    with on_disk(path):
        target_of(path)
    if path.exists() and (read_record(path, study=study).scale, scale) == ("full", "small"):
        raise StudyError(f"{path} holds the full record, and this one is small: name another file with --output")
