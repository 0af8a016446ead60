"""Jobs on a Dask cluster.

Through Dask's own client rather than joblib's backend for it: a lost worker then costs the runs it had, not the sweep,
and a scheduler that is silent or goes away is seen as such.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from rnncourse.studies.engines import Outcomes
from rnncourse.studies.errors import StudyError, StudyMisuse
from rnncourse.studies.worker import Job, Outcome, execute

if TYPE_CHECKING:
    from distributed import Client

ANSWER_SECONDS = 6.0
WORKER_SECONDS = 30.0


def on_dask(jobs: Iterable[Job], *, scheduler: str) -> Outcomes:
    """Do jobs on the workers of a Dask cluster, one at a time in each worker process.

    Args:
        jobs: what to do.
        scheduler: its address, such as ``tcp://127.0.0.1:8786``.

    Yields:
        The outcomes as they arrive.

    Raises:
        StudyError: Dask is not installed, the scheduler does not answer or goes away, or it has no workers.
    """
    client = _connect(scheduler)
    from distributed import as_completed

    with _quiet(), client:
        source = (replace(job, parent=None) for job in jobs)
        flying: dict[Any, Job] = {}
        done = as_completed(loop=client.loop, raise_errors=False)
        while True:
            # Two for each worker: the next one lies ready when a run ends.
            for job in islice(source, max(0, 2 * _worker_count(client, scheduler) - len(flying))):
                future = client.submit(execute, job, pure=False)
                flying[future] = job
                done.add(future)
            if not flying:
                return
            future = next(done)
            yield _outcome(future, flying.pop(future), scheduler)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from printing a traceback when the scheduler goes away: this module says so in a sentence."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _outcome(future: Any, job: Job, scheduler: str) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status == "error":
        error = future.exception()
        return Outcome.failed(job, f"{type(error).__name__}: {' '.join(str(error).split())}")
    raise _gone(scheduler)


def _gone(scheduler: str) -> StudyError:
    return StudyError(f"the scheduler at {scheduler} went away; finished runs are stored: call again when it is back")


def _worker_count(client: "Client", scheduler: str) -> int:
    try:
        return max(1, len(client.nthreads()))
    except OSError as error:
        raise _gone(scheduler) from error


def _connect(scheduler: str) -> "Client":
    try:
        from distributed import Client
    except ImportError as error:
        raise StudyError("the dask engine needs more packages: pip install 'rnncourse[cluster]'") from error
    try:
        # A client that is refused takes long to close. So ask first whether there is a scheduler at all, in a thread
        # of its own: a notebook's thread has a loop already.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _greet(scheduler)).result()
        client = Client(scheduler, timeout=ANSWER_SECONDS, set_as_default=False)
    except ValueError as error:
        raise StudyMisuse(f"{scheduler!r} is no address of a scheduler: {_one_line(error)}") from error
    except OSError as error:
        raise StudyError(
            f"no scheduler answers at {scheduler} within {ANSWER_SECONDS:.0f} s ({_one_line(error)}): "
            "start one with `dask scheduler`, or check the address"
        ) from error
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        client.close()
        raise StudyError(
            f"the scheduler at {scheduler} has no workers: start some with `dask worker {scheduler} --nthreads 1`"
        ) from error
    return client


async def _greet(scheduler: str) -> None:
    from distributed.comm.core import connect

    # Something that accepts the connection and says nothing would keep `connect` for ever.
    comm = await asyncio.wait_for(connect(scheduler, timeout=ANSWER_SECONDS), ANSWER_SECONDS + 1)
    await comm.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
