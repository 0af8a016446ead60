"""A sweep: do the runs of a study that are missing, and gather them all."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from rnncourse.studies.records import Record, results_folder
from rnncourse.studies.store import Run, Store, runs_folder
from rnncourse.studies.study import Plan, Planned, Scale, Study, plan
from rnncourse.studies.values import StudyError, canonical
from rnncourse.studies.workers import Outcome, check_place, do_all, execute

POLL_SECONDS = 0.2


class Failure(NamedTuple):
    """A run that raised: its config in a few words, what it raised in one line, and the file with its traceback."""

    label: str
    error: str
    path: Path


class Progress(NamedTuple):
    """How far a sweep is: runs finished (those found too), planned and failed, and the config that came last."""

    done: int
    total: int
    failed: int
    label: str


class Sweep(NamedTuple):
    """What a sweep brought: runs and failures in the order of the plan, and how many of the runs are ``new``."""

    plan: Plan
    runs: list[Run]
    failures: list[Failure]
    new: int


def sweep(
    study: Study,
    *,
    scale: Scale = "small",
    seeds: int | None = None,
    workers: int | None = None,
    scheduler: str = "",
    device: str = "auto",
    folder: Path | None = None,
    progress: Callable[[Progress], None] = lambda state: None,
) -> Sweep:
    """Do the runs of a study that are missing.

    Each run is stored as it ends. A sweep that is stopped, however hard, loses the runs in flight and no other; called
    again, it does what is missing. Sweeps of several processes at the same time share the work. Runs that are kept with
    the records, in ``unfinished/NAME``, count as done.

    The runs take place in so many ``workers`` on this machine, one per core by default (1 is this process), or on those
    of the Dask ``scheduler`` at an address; the ``device`` is ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. They lie in
    ``folder``, by default the study's own in ``RNNCOURSE_RUNS`` or the cache. ``progress`` is called at the start and
    after every run. A ``StudyMisuse`` says what was asked wrongly, a ``StudyError`` what went wrong.
    """
    check_place(device, workers, scheduler)
    wanted = plan(study, scale=scale, seeds=seeds)
    do = partial(execute, study.run, wanted.code, device)
    kept = results_folder() / "unfinished" / study.name
    with closing(Store(folder or runs_folder() / study.name, kept)) as store:
        state = _State(wanted, store, progress)
        while missing := [run for key, run in wanted.runs.items() if key not in state.found | state.failures]:
            claimed = state.claim(missing)
            if (first := next(claimed, None)) is None:  # another sweep has all that is missing
                time.sleep(POLL_SECONDS)
                continue
            with closing(do_all(do, chain([first], claimed), workers, scheduler)) as outcomes:
                for outcome in outcomes:
                    state.record(*outcome)
    runs = [state.found[key] for key in wanted.runs if key in state.found]
    failures = [state.failures[key] for key in wanted.runs if key in state.failures]
    return Sweep(wanted, runs, failures, state.new)


class _State:
    """How far a sweep is: what is found and what failed."""

    def __init__(self, plan: Plan, store: Store, progress: Callable[[Progress], None]) -> None:
        self.total, self.store, self.progress = len(plan.runs), store, progress
        self.found = {key: run for key in plan.runs if (run := store.read(key))}
        self.failures: dict[str, Failure] = {}
        self.new = 0
        self._tell("")

    def claim(self, missing: list[Planned]) -> Iterator[Planned]:
        """Claim one run after the other; those that another sweep has are left to it."""
        for planned in missing:
            if self.store.claim(planned.key):
                if run := self.store.read(planned.key):  # done by another sweep meanwhile
                    self.found[planned.key] = run
                else:
                    yield planned

    def record(self, planned: Planned, outcome: Outcome) -> None:
        path = self.store.write(planned.key, outcome)
        if isinstance(outcome, str):
            self.failures[planned.key] = Failure(str(planned), outcome.splitlines()[0], path)
        else:
            self.found[planned.key] = outcome
            self.new += 1
        self.store.claim(planned.key, release=True)
        self._tell(str(planned))

    def _tell(self, label: str) -> None:
        self.progress(Progress(len(self.found), self.total, len(self.failures), label))


def folded(sweep: "Sweep") -> Record:
    """The record of a sweep; StudyError where runs are missing."""
    study, runs = sweep.plan.study, sweep.runs
    if missing := len(sweep.plan.runs) - len(runs):
        raise StudyError(f"study {study.name}: {missing} of {len(sweep.plan.runs)} runs are missing")
    provenance = {
        "about": study.about,
        "notes": study.notes,
        "runs": len(runs),
        "seeds": len({run["config"]["seed"] for run in runs}),
        "data": sweep.plan.data,
        "code": sweep.plan.code,
        "machines": _distinct(runs, "machine"),
        "devices": _distinct(runs, "device"),
        "versions": _distinct(runs, "versions"),
        "date": max(run["date"] for run in runs),
        "seconds": round(sum(run["seconds"] for run in runs), 1),
    }
    names = {kind: [name for run in runs for name in run[kind]] for kind in ("config", "metrics")}
    columns = {kind: list(dict.fromkeys(of)) for kind, of in names.items()}
    return Record(study.name, sweep.plan.scale, provenance, columns, [run["config"] | run["metrics"] for run in runs])


def _distinct(runs: list[Run], name: str) -> list[Any]:
    return [json.loads(text) for text in sorted({canonical(run[name]) for run in runs})]
