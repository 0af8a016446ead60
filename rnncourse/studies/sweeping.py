"""A sweep: do the runs of a study that are missing, and gather them all."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from rnncourse.studies.engines import Engine, choose
from rnncourse.studies.errors import StudyMisuse
from rnncourse.studies.runs import Run, RunFileError, Store, now, runs_folder
from rnncourse.studies.study import Plan, Planned, Study, plan
from rnncourse.studies.worker import Job, Outcome, resolve

if TYPE_CHECKING:
    import pandas as pd

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Failure:
    """A run that raised.

    Attributes:
        label: its config in a few words.
        error: what it raised, in one line.
        path: where its traceback is recorded.
    """

    label: str
    error: str
    path: Path


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        done: runs finished, those found at the start and those of other sweeps included.
        total: runs of the plan.
        failed: runs that raised.
        label: config of the run that came last; empty at the start.
    """

    done: int
    total: int
    failed: int
    label: str = ""


@dataclass(frozen=True)
class Sweep:
    """What a sweep brought.

    Attributes:
        plan: which runs it wanted.
        runs: those finished, in the order of the plan.
        failures: those that raised.
        new: how many of ``runs`` this sweep did itself; the others lay there, or another sweep did them.
        set_aside: files that were no runs, and were renamed.
    """

    plan: Plan
    runs: tuple[Run, ...]
    failures: tuple[Failure, ...]
    new: int
    set_aside: tuple[Path, ...]

    @property
    def frame(self) -> "pd.DataFrame":
        """One row per run, the fields of its config before its metrics."""
        from rnncourse.studies.results import frame, rows

        return frame(*rows(self))


def sweep(
    study: Study,
    *,
    scale: str = "small",
    seeds: int | None = None,
    workers: int | None = None,
    engine: str = "local",
    scheduler: str | None = None,
    device: str = "auto",
    folder: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Sweep:
    """Do the runs of a study that are missing.

    Each run is stored as it ends. A sweep that is stopped, however hard, loses the runs in flight and no other; called
    again, it does what is missing. Sweeps at the same time share the work.

    Args:
        study: what to run.
        scale: ``small`` or ``full``.
        seeds: number of seeds; the study's own by default.
        workers: processes on this machine; one per core by default. With 1, the runs take place in this process.
        engine: ``local`` or ``dask``.
        scheduler: address of a Dask scheduler.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        folder: where the runs of this study lie; by default, its own folder in ``RNNCOURSE_RUNS`` or the cache.
        progress: called at the start and after every run.

    Returns:
        The finished runs and those that failed.

    Raises:
        StudyMisuse: unknown scale, engine or device; fewer than one seed or worker.
        StudyError: the grid makes no sense, the scheduler does not answer, or the disk is full.
    """
    _check_device(device, engine)
    start = choose(engine, workers=workers, scheduler=scheduler)
    wanted = plan(study, scale=scale, seeds=seeds)
    store = Store(folder or runs_folder() / study.name, study.name)
    return _Sweeping(wanted, store, device, progress or (lambda _: None)).carry_out(start)


def _check_device(device: str, engine: str) -> None:
    """Complain of a device before any run does; what a cluster has, its workers know."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise StudyMisuse(f"unknown device {device!r}: choose auto, cpu, cuda or cuda:N")
    if engine == "local" and device.startswith("cuda"):
        try:
            resolve(device)
        except ValueError as error:
            raise StudyMisuse(str(error)) from error


class _Sweeping:
    """The state of one sweep: what is found, claimed, failed."""

    def __init__(self, plan: Plan, store: Store, device: str, progress: Callable[[Progress], None]) -> None:
        self.plan = plan
        self.store = store
        self.device = device
        self.progress = progress
        self.planned = {planned.key: planned for planned in plan.runs}
        self.found: dict[str, Run] = {}
        self.failures: dict[str, Failure] = {}
        self.claims: dict[str, contextlib.ExitStack] = {}
        self.set_aside: list[Path] = []
        self.new = 0

    def carry_out(self, start: Engine) -> Sweep:
        self.store.tidy()
        for planned in self.plan.runs:
            self._look(planned)
        self._tell("")
        try:
            while missing := self._missing():
                jobs = self._jobs(missing)
                if (first := next(jobs, None)) is None:  # another sweep has all that is missing
                    time.sleep(POLL_SECONDS)
                    continue
                with contextlib.closing(start(chain([first], jobs))) as outcomes:
                    for outcome in outcomes:
                        self._record(outcome)
        finally:
            for claim in self.claims.values():
                claim.close()
        runs = tuple(self.found[key] for key in self.planned if key in self.found)
        failures = tuple(self.failures[key] for key in self.planned if key in self.failures)
        return Sweep(self.plan, runs, failures, self.new, tuple(self.set_aside))

    def _missing(self) -> list[Planned]:
        return [one for key, one in self.planned.items() if key not in self.found and key not in self.failures]

    def _look(self, planned: Planned) -> bool:
        """Whether the run is stored already."""
        try:
            run = self.store.read(planned.key, planned.fields)
        except RunFileError:
            self.set_aside.append(self.store.set_aside(planned.key))
            return False
        if run is not None:
            self.found[planned.key] = run
        return run is not None

    def _jobs(self, missing: list[Planned]) -> Iterator[Job]:
        """Claim one run after the other; those that another sweep has are left to it."""
        for planned in missing:
            if (claim := self.store.claim(planned.key)) is not None:
                self.claims[planned.key] = claim
            if self._look(planned):  # done by another sweep meanwhile
                self._tell(planned.label)
                self._release(planned.key)
            elif claim is not None:
                study = self.plan.study
                yield Job(planned.key, study.run, planned.config, self.device, self.plan.code)

    def _record(self, outcome: Outcome) -> None:
        planned = self.planned[outcome.key]
        error = outcome.error
        if clash := set(outcome.metrics) & set(planned.fields):
            error = f"a metric has the name of a field of the config: {', '.join(sorted(clash))}"
        if error:
            path = self.store.write_failure(planned.key, planned.fields, error, outcome.traceback)
            self.failures[planned.key] = Failure(planned.label, error, path)
        else:
            run = Run(
                planned.key,
                self.plan.study.name,
                planned.fields,
                outcome.metrics,
                outcome.seconds,
                outcome.device,
                now(),
                outcome.machine,
                outcome.versions,
            )
            self.store.write(run)
            self.found[planned.key] = run
            self.new += 1
        self._release(planned.key)
        self._tell(planned.label)

    def _release(self, key: str) -> None:
        self.claims.pop(key, contextlib.ExitStack()).close()

    def _tell(self, label: str) -> None:
        self.progress(Progress(len(self.found), len(self.planned), len(self.failures), label))
