"""Recorded results: all runs of a sweep in one file, with what they were made of."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncourse.studies.errors import StudyError
from rnncourse.studies.plain import canonical, plain
from rnncourse.studies.runs import refuse, write_whole

if TYPE_CHECKING:
    import pandas as pd

    from rnncourse.studies.sweeping import Sweep

RESULTS_VARIABLE = "RNNCOURSE_RESULTS"
KIND, FORMAT = "rnncourse study", 1

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Record:
    """The recorded results of a study.

    Attributes:
        study: its name.
        scale: ``small`` or ``full``.
        path: the file.
        provenance: ``about``, ``notes``, ``seeds``, ``runs``, ``data`` (fingerprint), ``code`` (digests), ``versions``,
            ``machines``, ``devices``, ``date`` of the last run, and ``seconds`` of all runs together.
        columns: ``config`` and ``metrics``: the columns of each kind, in their order.
        rows: one mapping per run, in the order of the grid.
    """

    study: str
    scale: str
    path: Path
    provenance: dict[str, Any]
    columns: dict[str, list[str]]
    rows: Rows

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """One row per run, the fields of its config before its metrics; a metric that a run lacks is missing."""
        return frame(self.columns, self.rows)


def frame(columns: Mapping[str, Sequence[str]], rows: Rows) -> "pd.DataFrame":
    """A table of runs.

    Args:
        columns: ``config`` and ``metrics`` columns, in their order.
        rows: one mapping per run.

    Returns:
        One row per run; a metric that a run lacks is missing.
    """
    import pandas as pd

    return pd.DataFrame(rows, columns=[*columns["config"], *columns["metrics"]])


def rows(sweep: "Sweep") -> tuple[dict[str, list[str]], Rows]:
    """The runs of a sweep as rows, and their columns by kind, in order of appearance.

    Args:
        sweep: whose runs.

    Returns:
        Columns ``config`` and ``metrics``, and one mapping per run.
    """
    columns = {
        "config": _union(one.fields for one in sweep.plan.runs),
        "metrics": _union(run.metrics for run in sweep.runs),
    }
    return columns, [{**run.config, **run.metrics} for run in sweep.runs]


def _union(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def fold(sweep: "Sweep") -> str:
    """The text of a results file: sorted keys, one row on each line; equal runs give equal text.

    Args:
        sweep: one whose runs are all finished.

    Returns:
        JSON.

    Raises:
        StudyError: runs are missing.
    """
    if missing := len(sweep.plan.runs) - len(sweep.runs):
        raise StudyError(f"study {sweep.plan.study.name}: {missing} of {len(sweep.plan.runs)} runs are missing")
    columns, table = rows(sweep)
    head = {
        "kind": KIND,
        "format": FORMAT,
        "study": sweep.plan.study.name,
        "scale": sweep.plan.scale,
        "columns": columns,
        "provenance": provenance(sweep),
    }
    lines = json.dumps(head, indent=1, sort_keys=True, ensure_ascii=False).removesuffix("\n}")
    # "rows" sorts behind "provenance" and before "scale": it stands last, where a reader expects the long part.
    return f'{lines},\n "rows": [\n  ' + ",\n  ".join(canonical(row) for row in table) + "\n ]\n}\n"


def provenance(sweep: "Sweep") -> dict[str, Any]:
    """What the runs of a sweep were made of, where and when.

    Args:
        sweep: whose runs.

    Returns:
        See `Record.provenance`.
    """
    study, runs = sweep.plan.study, sweep.runs
    return {
        "about": study.about,
        "notes": study.notes,
        "runs": len(runs),
        "seeds": len({run.config["seed"] for run in runs}),
        "data": sweep.plan.data,
        "code": dict(sweep.plan.code),
        "versions": _distinct(run.versions for run in runs),
        "machines": _distinct(run.machine for run in runs),
        "devices": sorted({run.device for run in runs}),
        "date": max(run.date for run in runs),
        "seconds": round(sum(run.seconds for run in runs), 1),
    }


def _distinct(mappings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in sorted({canonical(mapping) for mapping in mappings})]


def results_folder() -> Path:
    """The folder of recorded results: ``RNNCOURSE_RESULTS``, the repository's, or that in the installed package.

    Raises:
        StudyError: there is none.
    """
    if chosen := os.environ.get(RESULTS_VARIABLE):
        return Path(chosen)
    package = Path(__file__).parent.parent
    for folder in (package.parent / "book" / "results", package / "results"):
        if folder.is_dir():
            return folder
    raise StudyError(f"no recorded results were found; set {RESULTS_VARIABLE} to their folder")


def recorded(name: str) -> Record:
    """The recorded results of a study.

    Args:
        name: name of the study.

    Returns:
        Its rows and provenance.

    Raises:
        StudyError: nothing is recorded, or the file is not a results file of this study in this format.
    """
    path = results_folder() / f"{name}.json"
    if not path.is_file():
        raise StudyError(f"no results of the study {name!r} are recorded: run `rnncourse study run {name}`")
    record = read_record(path)
    if record.study != name:
        raise StudyError(f"{path} holds results of the study {record.study!r}, not of {name!r}")
    return record


def read_record(path: Path) -> Record:
    """Read a results file.

    Args:
        path: the file.

    Returns:
        Its content.

    Raises:
        StudyError: it cannot be read, is no results file, is in another format, or is damaged.
    """
    try:
        document = plain(json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse), "it")
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is not a results file: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise StudyError(f"{path} is not a results file of a study")
    if document.get("format") != FORMAT:
        raise StudyError(
            f"{path} is in format {document.get('format')!r}, and this version of rnncourse reads format {FORMAT}: "
            "update rnncourse, or run the study again"
        )
    if problem := _damage(document):
        raise StudyError(f"{path} is damaged: {problem}; run the study again")
    fields = {name: document[name] for name in ("study", "scale", "provenance", "columns", "rows")}
    return Record(path=path, **fields)


def _damage(document: dict[str, Any]) -> str:
    """What is wrong with a results file, or nothing."""
    kinds = {"study": str, "scale": str, "provenance": dict, "columns": dict, "rows": list}
    for name, kind in kinds.items():
        if not isinstance(document.get(name), kind):
            return f"{name} is missing or no {kind.__name__}"
    columns = document["columns"]
    for name in ("config", "metrics"):
        names = columns.get(name)
        if not isinstance(names, list) or not all(isinstance(column, str) for column in names):
            return f"columns has no list of names {name!r}"
    known = {*columns["config"], *columns["metrics"]}
    for number, row in enumerate(document["rows"], start=1):
        if not isinstance(row, dict) or not known.issuperset(row):
            return f"row {number} does not fit the columns"
    if document["provenance"].get("runs") != len(document["rows"]):
        return "its number of rows is not the one it was written with"
    return ""


def write_record(sweep: "Sweep", path: Path) -> None:
    """Fold a sweep into a results file, written in one step.

    Args:
        sweep: one whose runs are all finished.
        path: the file; what may be there before is what `check_target` allows.

    Raises:
        StudyError: runs are missing, or the file cannot be written.
    """
    write_whole(path, fold(sweep))


def check_target(path: Path, *, study: str, scale: str) -> Record | None:
    """Make sure that a results file may be written: nothing else is overwritten, nor a full record by a small one.

    Args:
        path: where it goes.
        study: name of the study.
        scale: of the new results.

    Returns:
        The record that the new one replaces, or None.

    Raises:
        StudyError: something else is there.
    """
    if not path.exists():
        return None
    remedy = "name another file with --output, or move it away"
    try:
        record = read_record(path)
    except StudyError as error:
        raise StudyError(f"{error}; it is not overwritten: {remedy}") from error
    if record.study != study:
        raise StudyError(f"{path} holds results of the study {record.study!r}: {remedy}")
    if record.scale == "full" and scale != "full":
        raise StudyError(f"{path} holds the full record, and this sweep is {scale}: {remedy}")
    return record


def mean_and_spread(record: Record) -> "pd.DataFrame":
    """Mean and standard deviation over seeds of every metric that is a number.

    Args:
        record: recorded results.

    Returns:
        One row per config without its seed: its fields, ``runs``, then each metric's mean and ``NAME ±`` its sample
        standard deviation (missing where there is one run).
    """
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    table = record.frame
    by = [name for name in record.columns["config"] if name != "seed"]
    numbers = [
        name for name in record.columns["metrics"] if is_numeric_dtype(table[name]) and not is_bool_dtype(table[name])
    ]
    keys = pd.Series([canonical([row.get(name) for name in by]) for row in record.rows], index=table.index)
    groups = table.groupby(keys, sort=False)
    shown = table[by].groupby(keys, sort=False).first()
    shown["runs"] = groups.size()
    for name in numbers:
        shown[name] = groups[name].mean()
        shown[f"{name} ±"] = groups[name].std()
    return shown.reset_index(drop=True)
