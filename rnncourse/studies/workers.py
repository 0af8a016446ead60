"""How runs reach processors: in this process, in processes of this machine, or on a Dask cluster.

A pool of processes and a cluster are executors of `concurrent.futures`, so one loop serves both: it hands out runs only
a few ahead of the workers and yields each outcome as it arrives.
"""

import asyncio
import logging
import os
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent import futures
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeAlias

from rnncourse import _surroundings
from rnncourse._reached import code_digests
from rnncourse.studies.store import Run
from rnncourse.studies.study import Planned
from rnncourse.studies.values import StudyError, StudyMisuse, as_json

#: A finished run, or why there is none: the error in one line, then its traceback.
Outcome: TypeAlias = Run | str
Outcomes = Generator[tuple[Planned, Outcome], None, None]
Execute = Callable[[Planned], Outcome]
_Out = dict[Future[Outcome], Planned]

ANSWER_SECONDS = 6.0
DIED = "its process died: killed from outside, out of memory, or a crash in compiled code"
_ONE_RUN = threading.Lock()  # runs seed torch's generator, which a process has once: its threads take turns
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def check_place(device: str, workers: int | None, scheduler: str) -> None:
    """StudyMisuse where runs cannot take place as asked."""
    if workers is not None and (scheduler or workers < 1):
        raise StudyMisuse(f"workers must be at least 1, and left out where a scheduler has its own; got {workers}")
    if not scheduler:  # what a cluster has, its workers know
        _device_named(device)


def _device_named(name: str) -> str:
    """The device that a name stands for; StudyMisuse if this machine has none of that name."""
    import torch

    gpus = torch.cuda.device_count()
    found = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", name)
    if not found or (name.startswith("cuda") and int(found[1] or 0) >= gpus):
        raise StudyMisuse(f"no device {name!r} on this machine with {gpus} GPUs: choose auto, cpu, cuda or cuda:N")
    return ("cuda" if gpus else "cpu") if name == "auto" else name


def execute(run: Callable[[Any, str], Any], code: Mapping[str, str], device: str, planned: Planned) -> Outcome:
    """Do a run on one thread; whatever it raises becomes its outcome."""
    import torch

    with _ONE_RUN:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            if run.__module__ != "__main__" and code_digests(run) != code:
                raise RuntimeError("this worker has other code than the sweep: restart it, or the kernel")
            place, start = _device_named(device), time.perf_counter()
            metrics = run(planned.config, place)
            seconds = time.perf_counter() - start
            if not isinstance(metrics, Mapping) or not metrics:
                raise TypeError(f"a run must return metrics by name, at least one, got {metrics!r:.60}")
            if clash := sorted(metrics.keys() & planned.fields.keys()):
                raise ValueError(f"a metric has the name of a field of the config: {', '.join(clash)}")
            return {
                "key": planned.key,
                "config": planned.fields,
                "metrics": as_json(metrics),
                "seconds": seconds,
                "device": place,
                "machine": _surroundings.machine(place),
                "versions": _surroundings.versions(),
                "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        except Exception as problem:
            return f"{_in_words(problem)}\n{traceback.format_exc()}"
        finally:
            torch.set_num_threads(threads)


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def do_all(do: Execute, runs: Iterator[Planned], workers: int | None, scheduler: str) -> Outcomes:
    """Do runs in so many processes of this machine, one per core by default, or on the cluster of a scheduler."""
    if scheduler:
        return _on_cluster(do, runs, scheduler)
    from joblib import cpu_count

    count = workers or cpu_count()
    return ((one, do(one)) for one in runs) if count == 1 else _in_processes(do, runs, count)


def _in_processes(do: Execute, runs: Iterator[Planned], count: int) -> Outcomes:
    """When a process dies, the runs that were out go again, each alone: one that kills it again is to blame."""
    suspects: list[Planned] = []
    for one in runs:
        suspects += yield from _in_pool(do, chain([one], runs), count)
    for one in suspects:
        if (yield from _in_pool(do, iter([one]), 1)):
            yield one, DIED


def _in_pool(do: Execute, runs: Iterator[Planned], count: int) -> Generator[Any, None, list[Planned]]:
    """Do runs in a pool of processes, and return those that were out when one died."""
    from joblib.externals.loky import get_reusable_executor

    pool = get_reusable_executor(count, timeout=300, initializer=_end_with, initargs=(os.getpid(),), env=_ONE_THREAD)
    out: _Out = {}
    try:
        yield from _outcomes(do, runs, pool, out, lambda: count + 1)  # one lies ready when a run ends
    except futures.BrokenExecutor:
        return list(out.values())
    except BaseException:
        while not all(future.running() or future.done() for future in out):
            time.sleep(0.01)  # loky trips over what it has not handed out
        pool.shutdown(wait=True, kill_workers=True)
        raise
    return []


def _outcomes(do: Execute, runs: Iterator[Planned], pool: Executor, out: _Out, room: Callable[[], int]) -> Outcomes:
    """Hand out as many runs as there is room for, and remember those that are ``out``."""
    while True:
        while len(out) < room() and (one := next(runs, None)):
            try:
                future = pool.submit(do, one)
            except futures.BrokenExecutor as broken:
                (future := Future[Outcome]()).set_exception(broken)
            out[future] = one
        if not out:
            return
        for future in futures.wait(out, return_when=futures.FIRST_COMPLETED).done:
            if isinstance(error := future.exception(), futures.BrokenExecutor):
                raise error
            yield out.pop(future), _in_words(error) if error else future.result()


def _end_with(parent: int) -> None:
    """Let this process end when the sweep does, and leave Ctrl-C to the sweep."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(do: Execute, runs: Iterator[Planned], scheduler: str) -> Outcomes:
    try:
        from distributed import Client
    except ImportError as error:
        raise StudyError("a cluster needs more packages: pip install 'rnncourse[cluster]'") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said here, in a sentence
    with futures.ThreadPoolExecutor(1) as thread:  # a notebook's own has a loop already
        thread.submit(asyncio.run, _greet(scheduler)).result()
    client = Client(scheduler, timeout=ANSWER_SECONDS, set_as_default=False)
    with client, client.get_executor(pure=False) as pool:
        try:
            yield from _outcomes(do, runs, pool, {}, lambda: 2 * max(1, len(client.nthreads())))
        except (futures.CancelledError, OSError) as error:
            after = "finished runs are stored: call again when it is back"
            raise StudyError(f"the scheduler at {scheduler} went away; {after}") from error


async def _greet(scheduler: str) -> None:
    """StudyError unless a scheduler with workers answers; what listens may say anything, or nothing for ever."""
    from distributed.core import rpc

    answer: dict[str, Any] = {"type": "server of another kind"}
    try:
        async with rpc(scheduler, timeout=ANSWER_SECONDS) as server:
            answer = await asyncio.wait_for(server.identity(), ANSWER_SECONDS)
    except ValueError as error:
        raise StudyMisuse(f"{scheduler!r} is no address of a scheduler: {error}") from error
    except OSError as error:
        answer = {"type": str(error) or "silence"}
    except Exception:  # what it said makes no sense
        pass
    if answer["type"] != "Scheduler":
        remedy = "start one with `dask scheduler`, or check the address"
        raise StudyError(f"no Dask scheduler answers at {scheduler} ({answer['type']}): {remedy}")
    if not answer["workers"]:
        remedy = f"start some with `dask worker {scheduler} --nthreads 1` and call again"
        raise StudyError(f"the scheduler at {scheduler} has no workers: {remedy}")
