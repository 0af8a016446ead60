"""How jobs reach processors: processes of this machine, or the workers of a Dask cluster.

An engine draws jobs one by one, only a few ahead of the workers, and yields each outcome as it arrives. A worker that
dies is the engine's business: the run that killed it becomes an outcome with an error, and the others go on.
"""

from collections.abc import Callable, Generator, Iterable

from rnncourse.studies.errors import StudyMisuse
from rnncourse.studies.worker import Job, Outcome

Outcomes = Generator[Outcome, None, None]
Engine = Callable[[Iterable[Job]], Outcomes]
ENGINES = ("local", "dask")


def choose(engine: str, *, workers: int | None, scheduler: str | None) -> Engine:
    """The engine of that name.

    Args:
        engine: ``local`` or ``dask``.
        workers: processes of the local engine; one per core by default, and this process alone for 1.
        scheduler: address of the Dask scheduler.

    Returns:
        A function from jobs to outcomes.

    Raises:
        StudyMisuse: an unknown name, fewer than one worker, or options of the other engine.
    """
    if engine not in ENGINES:
        raise StudyMisuse(f"unknown engine {engine!r}: choose from {', '.join(ENGINES)}")
    if engine == "dask":
        return _cluster(workers, scheduler)
    if scheduler:
        raise StudyMisuse("a scheduler belongs to the dask engine, and the engine is local")
    if workers is not None and workers < 1:
        raise StudyMisuse(f"the number of workers must be at least 1, got {workers}")
    from joblib import cpu_count

    from rnncourse.studies.local import here, in_processes

    count = workers or int(cpu_count())
    return here if count == 1 else lambda jobs: in_processes(jobs, workers=count)


def _cluster(workers: int | None, scheduler: str | None) -> Engine:
    if not scheduler:
        raise StudyMisuse("the dask engine needs the address of a scheduler, such as tcp://127.0.0.1:8786")
    if workers is not None:
        raise StudyMisuse("the dask engine uses all workers of the cluster: leave the number of workers out")
    from rnncourse.studies.cluster import on_dask

    return lambda jobs: on_dask(jobs, scheduler=scheduler)
