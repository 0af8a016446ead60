"""What a study is: a grid of configs, and a pure function that runs one of them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rnncourse._reached import code_digests
from rnncourse.studies.values import StudyError, StudyMisuse, as_json, checksum

Scale = Literal["small", "full"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """One experiment as a grid of runs."""

    name: str  #: what the command line calls it
    about: str  #: what it asks, in one line
    seeds: int  #: how many seeds it takes unless told otherwise
    #: ``grid(scale, seeds)`` lists the configs: frozen dataclasses of plain values, with a field ``seed``
    grid: Callable[[Scale, int], Sequence[Any]]
    #: ``run(config, device)`` returns the metrics of one run by name; pure, and a function of a module
    run: Callable[[Any, str], Mapping[str, Any]]
    data: Callable[[Scale], str] = lambda scale: "none"  #: ``data(scale)`` is a fingerprint of what the runs read
    notes: str = ""  #: what was thinned and why; it goes into the record


class Planned(NamedTuple):
    """One run that a sweep wants: a SHA-256 of study, config, data and code; the config, and its fields as JSON."""

    key: str
    config: Any
    fields: dict[str, Any]

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.fields.items())


class Plan(NamedTuple):
    """All runs that a sweep wants, by their keys and in the order of the grid, and what the keys were made from."""

    study: Study
    scale: Scale
    data: str
    code: dict[str, str]
    runs: dict[str, Planned]


def plan(study: Study, *, scale: Scale = "small", seeds: int | None = None) -> Plan:
    """List the runs of a study and compute their keys; a ``StudyError`` says what makes no sense."""
    count = study.seeds if seeds is None else seeds
    if scale not in ("small", "full") or count < 1:
        raise StudyMisuse(f"the scale must be small or full, and seeds at least 1; got {scale!r} and {count}")
    data, code = study.data(scale), code_digests(study.run)
    runs: dict[str, Planned] = {}
    for config in study.grid(scale, count):
        try:
            fields: dict[str, Any] = as_json(asdict(config), finite=True)
        except (TypeError, ValueError) as error:
            raise StudyError(f"study {study.name}: the config {config!r} cannot be stored: {error}") from error
        if type(fields.get("seed")) is not int:
            raise StudyError(f"study {study.name}: a config needs a whole number in a field seed, got {config!r}")
        key = checksum([study.name, fields, data, code])
        if key in runs:
            raise StudyError(f"study {study.name}: the grid lists one config twice: {config!r}")
        runs[key] = Planned(key, config, fields)
    if not runs:
        raise StudyError(f"study {study.name}: the grid of scale {scale} is empty")
    return Plan(study, scale, data, code, runs)


@cache
def studies() -> dict[str, Study]:
    """The studies of the book by name, in the order of its chapters; StudyError outside a clone."""
    clones = (Path(__file__).parents[2], Path.cwd())
    clone = next((one for one in clones if (one / "book" / "experiments").is_dir()), None)
    if clone is None:
        raise StudyError("the experiments are part of the book: call this in a clone of its repository")
    if str(clone) not in sys.path:
        sys.path.append(str(clone))  # also that of worker processes
    files = sorted((clone / "book" / "experiments").glob("ch*.py"))
    modules = [import_module(f"book.experiments.{file.stem}") for file in files]
    return {study.name: study for module in modules for study in module.STUDIES}


def study_named(name: str) -> Study:
    """The study of that name; StudyMisuse if there is none."""
    if name not in studies():
        raise StudyMisuse(f"unknown study {name!r}: choose from {', '.join(studies())}")
    return studies()[name]
