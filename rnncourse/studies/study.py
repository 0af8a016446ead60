"""What a study is: a grid of configs, a pure function that runs one of them, and what the runs depend on."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, get_args

from rnncourse.studies.code import Digests, code_digests
from rnncourse.studies.errors import StudyError, StudyMisuse
from rnncourse.studies.plain import canonical, plain

Scale = Literal["small", "full"]
SCALES: tuple[Scale, ...] = get_args(Scale)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def nothing(scale: Scale) -> str:
    """The fingerprint of a study that reads no data."""
    return "none"


@dataclass(frozen=True, kw_only=True)
class Study:
    """One experiment as a grid of runs.

    Attributes:
        name: what the command line calls it: lower-case words joined by hyphens.
        about: what it asks, in one line.
        seeds: how many seeds it takes unless told otherwise.
        grid: ``grid(scale, seeds)`` lists the configs: frozen dataclasses of plain values, with a field ``seed``.
        run: ``run(config, device)`` returns the metrics of one run by name. Pure, and a function of a module.
        data: ``data(scale)`` returns a fingerprint of what the runs read.
        code: modules whose change makes old runs worthless; a package stands for all its modules. What ``run`` uses
            of its own module is included by itself.
        notes: what was thinned and why; it goes into the record.
    """

    name: str
    about: str
    seeds: int
    grid: Callable[[Scale, int], Sequence[Any]]
    run: Callable[[Any, str], Mapping[str, Any]]
    data: Callable[[Scale], str] = nothing
    code: tuple[ModuleType, ...] = ()
    notes: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise StudyMisuse(f"a study's name is lower-case words joined by hyphens, got {self.name!r}")
        if self.seeds < 1:
            raise StudyMisuse(f"study {self.name}: seeds must be at least 1, got {self.seeds}")


@dataclass(frozen=True)
class Planned:
    """One run that a sweep wants.

    Attributes:
        key: SHA-256 of study, config, data and code, in hexadecimal.
        config: the study's own config.
        fields: the config as plain values, in the order of its fields.
    """

    key: str
    config: Any
    fields: dict[str, Any]

    @property
    def label(self) -> str:
        """The config in a few words."""
        return ", ".join(f"{name}={value}" for name, value in self.fields.items())


@dataclass(frozen=True)
class Plan:
    """All runs that a sweep wants, and what their keys were made from.

    Attributes:
        study: whose runs they are.
        scale: ``small`` or ``full``.
        data: fingerprint of the data.
        code: digest of each module, by name.
        runs: in the order of the grid.
    """

    study: Study
    scale: Scale
    data: str
    code: Digests
    runs: tuple[Planned, ...]


def plan(study: Study, *, scale: str = "small", seeds: int | None = None) -> Plan:
    """List the runs of a study and compute their keys.

    Args:
        study: whose runs.
        scale: ``small`` or ``full``.
        seeds: number of seeds; the study's own by default.

    Returns:
        The runs in the order of the grid.

    Raises:
        StudyMisuse: unknown scale, or fewer than one seed.
        StudyError: the grid is empty, repeats a config, or holds one that is no dataclass of plain values with a seed.
    """
    known = _scale(scale)
    count = study.seeds if seeds is None else seeds
    if count < 1:
        raise StudyMisuse(f"the number of seeds must be at least 1, got {count}")
    configs = study.grid(known, count)
    data, code = study.data(known), code_digests(study.run, study.code)
    runs: dict[str, Planned] = {}
    for config in configs:
        fields = config_fields(study, config)
        text = canonical([study.name, fields, data, code])
        key = hashlib.sha256(text.encode()).hexdigest()
        if key in runs:
            raise StudyError(f"study {study.name}: the grid lists one config twice: {runs[key].label}")
        runs[key] = Planned(key, config, fields)
    if not runs:
        raise StudyError(f"study {study.name}: the grid of scale {scale} is empty")
    return Plan(study, known, data, code, tuple(runs.values()))


def _scale(scale: str) -> Scale:
    for known in SCALES:
        if scale == known:
            return known
    raise StudyMisuse(f"unknown scale {scale!r}: choose from {', '.join(SCALES)}")


def config_fields(study: Study, config: Any) -> dict[str, Any]:
    """A config as plain values, in the order of its fields.

    Raises:
        StudyError: it is no dataclass of plain, finite values with a whole-number ``seed``.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise StudyError(f"study {study.name}: a config must be a dataclass, got {type(config).__name__}")
    raw = dataclasses.asdict(config)
    try:
        json.dumps(raw, allow_nan=False, default=_listed)  # complains of numbers that are not finite
        fields = {name: plain(value, f"config.{name}") for name, value in raw.items()}
    except (TypeError, ValueError) as error:
        raise StudyError(f"study {study.name}: the config {config!r} cannot be stored: {error}") from error
    if type(fields.get("seed")) is not int:
        raise StudyError(f"study {study.name}: a config needs a whole number in a field seed, got {config!r}")
    return fields


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else plain(value, "config")
