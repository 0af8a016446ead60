"""Jobs on this machine: in this process, or in as many as there are cores."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from rnncourse.studies.engines import Outcomes
from rnncourse.studies.worker import Job, Outcome, execute

DIED = "its process died: killed from outside, out of memory, or a crash in compiled code"


def here(jobs: Iterable[Job]) -> Outcomes:
    """Do one job after the other in this process.

    Args:
        jobs: what to do.

    Yields:
        The outcomes in the same order.
    """
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else None
    try:
        for job in jobs:
            yield execute(job)
    finally:
        if torch is not None:
            torch.set_num_threads(threads)


def in_processes(jobs: Iterable[Job], *, workers: int) -> Outcomes:
    """Do jobs in processes of this machine, one thread in each.

    When a process dies, the jobs that were out go again, each alone: the one that kills its process again is to blame.

    Args:
        jobs: what to do.
        workers: number of processes, at least 2.

    Yields:
        The outcomes as they arrive.
    """
    source = _Source(replace(job, parent=os.getpid()) for job in jobs)
    while not source.empty:
        try:
            yield from _parallel(source, workers)
        except BrokenProcessPool:
            for job in source.take_back():
                yield _alone(job, workers)
    source.check()


def _alone(job: Job, workers: int) -> Outcome:
    try:
        return next(_parallel(_Source(iter([job])), workers))
    except BrokenProcessPool:
        return Outcome.failed(job, DIED)


def _parallel(source: "_Source", workers: int) -> Outcomes:
    from joblib import Parallel, delayed, parallel_config

    with warnings.catch_warnings(), parallel_config(backend="loky", inner_max_num_threads=1):
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        pool = Parallel(
            n_jobs=workers,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch=workers + 1,  # one lies ready when a run ends; a job that is drawn is claimed
            max_nbytes=None,
        )
        with contextlib.closing(pool(delayed(execute)(job) for job in source)) as outcomes:
            for outcome in outcomes:
                source.returned(outcome)
                yield outcome


class _Source:
    """Jobs drawn one by one, which remembers those that are out.

    joblib draws from its own threads, where an exception would be lost and the sweep would wait for ever. So drawing
    never raises: the exception waits for `check`.
    """

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._out: dict[str, Job] = {}
        self._problem: Exception | None = None
        self.empty = False

    def __iter__(self) -> Iterator[Job]:
        return self

    def __next__(self) -> Job:
        try:
            job = next(self._jobs)
        except StopIteration:
            self.empty = True
            raise
        except Exception as problem:
            self.empty, self._problem = True, problem
            raise StopIteration from None
        self._out[job.key] = job
        return job

    def returned(self, outcome: Outcome) -> None:
        """Record that a job is no longer out."""
        del self._out[outcome.key]

    def take_back(self) -> list[Job]:
        """The jobs that are out, which are then so no longer."""
        jobs = list(self._out.values())
        self._out.clear()
        return jobs

    def check(self) -> None:
        """Raise what drawing met."""
        if self._problem is not None:
            raise self._problem
