"""A sweep in this process and in processes of this machine: what it runs, what it keeps, what it refuses."""

import errno
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_study
from toy_study import STUDY, Config

from rnncourse.studies import Progress, Study, StudyError, StudyMisuse, Sweep, sweep
from rnncourse.studies.runs import Store
from rnncourse.studies.study import plan


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNCOURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.delenv("TOY_TROUBLE", raising=False)


def ran(tmp_path: Path) -> list[str]:
    """Every run that took place, in order."""
    log = tmp_path / "log"
    return [line.rsplit(" ", 1)[0] for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def toy(**options: Any) -> Sweep:
    return sweep(STUDY, **{"workers": 1, "device": "cpu", **options})


def variant(**fields: Any) -> Study:
    return replace(STUDY, **fields)


def test_it_runs_the_grid_once_and_then_nothing(tmp_path: Path) -> None:
    first = toy()
    assert (len(first.runs), first.new, first.failures) == (8, 8, ())
    assert [run.config for run in first.runs] == [vars(config) for config in toy_study.grid("small", 2)]
    assert first.runs[1].metrics == {"loss": 4.0, "curve": [1, None], "device_was": "cpu"}
    assert first.runs[0].versions["rnncourse"]
    again = toy()
    assert (again.runs, again.new) == (first.runs, 0)
    assert len(ran(tmp_path)) == 8
    frame = again.frame
    assert list(frame.columns) == ["model", "width", "seed", "loss", "curve", "device_was"]
    assert frame["loss"].tolist() == [1.0, 4.0, 2.0, 8.0, 1.0, 8.0, 2.0, 16.0]


def test_more_seeds_and_a_larger_scale_run_only_what_is_new(tmp_path: Path) -> None:
    toy()
    assert toy(seeds=3).new == 4
    assert toy(seeds=3, scale="full").new == 6
    assert toy(seeds=1).new == 0
    assert len(ran(tmp_path)) == len(set(ran(tmp_path))) == 18


def test_other_data_or_code_void_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    toy(seeds=1)
    assert sweep(variant(data=lambda scale: "other"), workers=1, device="cpu", seeds=1).new == 4
    assert sweep(variant(code=(toy_study,)), workers=1, device="cpu", seeds=1).new == 4
    assert sweep(variant(notes="other words", about="other", seeds=9), workers=1, device="cpu", seeds=1).new == 0


def test_corrupt_and_foreign_files_are_set_aside_and_named(tmp_path: Path) -> None:
    done = toy()
    corrupt, foreign, *_ = (tmp_path / "runs" / "toy" / f"{run.key}.json" for run in done.runs)
    corrupt.write_text(corrupt.read_text(encoding="utf-8")[:100], encoding="utf-8")
    foreign.write_text(done.runs[2].text, encoding="utf-8")
    again = toy()
    assert again.new == 2
    assert [path.name for path in again.set_aside] == [f"{path.stem}.aside-1" for path in (corrupt, foreign)]
    assert all(path.exists() for path in again.set_aside)
    assert toy().set_aside == ()


def test_a_failing_run_is_recorded_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = tmp_path / "trouble"
    trouble.write_text("raise", encoding="utf-8")
    monkeypatch.setenv("TOY_TROUBLE", str(trouble))
    seen: list[Progress] = []
    done = toy(progress=seen.append)
    assert (len(done.runs), done.new) == (6, 6)
    assert [failure.label for failure in done.failures] == [f"model=cube, width={width}, seed=1" for width in (1, 2)]
    assert done.failures[0].error == "ValueError: no cube of width 1"
    assert "toy_study.py" in done.failures[0].path.read_text(encoding="utf-8")
    assert (seen[0], seen[-1]) == (Progress(0, 8, 0), Progress(6, 8, 2, "model=cube, width=2, seed=1"))
    trouble.unlink()
    again = toy()
    assert (len(again.runs), again.new, again.failures) == (8, 2, ())
    assert not done.failures[0].path.exists()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"seed": 1}, "a metric has the name of a field of the config: seed"),
        ([1], "TypeError: a run must return its metrics by name, got list"),
        ({"x": {1: 2}}, r"TypeError: metrics\['x'\] has the key 1, which is not a string"),
        ({"x": [object()]}, r"TypeError: metrics\['x'\]\[0\] is a object, which JSON cannot hold"),
    ],
)
def test_metrics_that_cannot_be_stored_fail_the_run(returned: Any, message: str) -> None:
    def run(config: Config, device: str) -> Any:
        return returned

    done = sweep(variant(run=run), workers=1, device="cpu", seeds=1)
    assert len(done.failures) == 4
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(done.failures[0].error)


def test_numbers_are_finite_or_missing() -> None:
    def run(config: Config, device: str) -> Mapping[str, Any]:
        return {"a": np.float32(0.5), "b": np.nan, "c": np.array([1, 2]), "d": (float("inf"), True), "e": np.int64(3)}

    done = sweep(variant(run=run), workers=1, device="cpu", seeds=1)
    assert done.failures == ()
    assert done.runs[0].metrics == {"a": 0.5, "b": None, "c": [1, 2], "d": [None, True], "e": 3}
    assert sweep(variant(run=run), workers=1, device="cpu", seeds=1).runs == done.runs


def test_a_full_disk_ends_the_sweep_and_keeps_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    sync, calls = os.fsync, iter(range(100))

    def full(handle: int) -> None:
        if next(calls) >= 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StudyError, match="free some space and call again"):
            toy()
    assert toy().new == 5


def test_sweeps_at_once_share_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    monkeypatch.setattr("rnncourse.studies.worker._ONE_RUN", threading.Semaphore(9))
    monkeypatch.setattr("rnncourse.studies.sweeping.POLL_SECONDS", 0.01)
    done: list[Sweep] = []
    sweeps = [threading.Thread(target=lambda: done.append(toy(seeds=4))) for _ in range(3)]
    for thread in sweeps:
        thread.start()
    for thread in sweeps:
        thread.join()
    assert [len(one.runs) for one in done] == [16, 16, 16]
    assert sum(one.new for one in done) == 16
    assert len(ran(tmp_path)) == len(set(ran(tmp_path))) == 16
    assert {path.suffix for path in (tmp_path / "runs" / "toy").iterdir()} == {".json"}


def test_processes_run_what_no_module_holds_on_one_thread(tmp_path: Path) -> None:
    offset = 5

    @dataclass(frozen=True)
    class Local:
        seed: int

    def run(config: Local, device: str) -> Mapping[str, Any]:
        import torch

        return {"y": config.seed + offset, "threads": torch.get_num_threads(), "process": os.getpid()}

    study = variant(grid=lambda scale, seeds: [Local(seed) for seed in range(seeds)], run=run)
    done = sweep(study, workers=2, device="cpu", seeds=4)
    assert done.failures == ()
    assert [run.metrics["y"] for run in done.runs] == [5, 6, 7, 8]
    assert {run.metrics["threads"] for run in done.runs} == {1}
    assert os.getpid() not in {run.metrics["process"] for run in done.runs}


def test_a_run_that_kills_its_process_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    """The environment of a worker is that of its start, so the trouble is in the study."""
    trouble = tmp_path / "trouble"
    trouble.write_text("die", encoding="utf-8")
    log = tmp_path / "log"

    def run(config: Config, device: str) -> Mapping[str, Any]:
        os.environ.update(TOY_TROUBLE=str(trouble), TOY_LOG=str(log))
        return toy_study.run(config, device)

    done = sweep(variant(run=run), workers=2, device="cpu")
    assert len(done.runs) == 6
    assert [failure.label for failure in done.failures] == [f"model=cube, width={width}, seed=1" for width in (1, 2)]
    assert "its process died" in done.failures[0].error
    trouble.unlink()
    assert sweep(variant(run=run), workers=2, device="cpu").new == 2


def test_trouble_while_jobs_are_drawn_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, calls = Store.claim, iter(range(100))

    def refuse(store: Store, key: str) -> Any:
        if next(calls) >= 5:
            raise StudyError("no more claims")
        return claim(store, key)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "claim", refuse)
        with pytest.raises(StudyError, match="no more claims"):
            toy(workers=2)
    assert toy().new == 3


def test_interruption_releases_the_claims(tmp_path: Path) -> None:
    def interrupt(state: Progress) -> None:
        if state.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy(progress=interrupt)
    assert {path.suffix for path in (tmp_path / "runs" / "toy").iterdir()} == {".json"}
    assert toy().new == 5


def _grid(*configs: Any) -> Callable[[str, int], list[Any]]:
    return lambda scale, seeds: list(configs)


@dataclass(frozen=True)
class Odd:
    value: Any
    seed: Any = 0


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (_grid(), "the grid of scale small is empty"),
        (_grid(Odd(1), Odd(1)), "the grid lists one config twice: value=1, seed=0"),
        (_grid({"seed": 1}), "a config must be a dataclass, got dict"),
        (_grid(Odd), "a config must be a dataclass, got type"),
        (_grid(Odd(1, seed=None)), "a config needs a whole number in a field seed"),
        (_grid(Odd(1, seed=True)), "a config needs a whole number in a field seed"),
        (_grid(Odd([0.0, float("nan")])), "cannot be stored"),
        (_grid(Odd(np.array([np.inf]))), "cannot be stored"),
        (_grid(Odd({1, 2})), "config is a set, which JSON cannot hold"),
        (_grid(Odd("\ud800")), "cannot be stored"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(grid: Any, message: str) -> None:
    with pytest.raises(StudyError, match=f"study toy: .*{message}"):
        plan(variant(grid=grid))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "huge"}, "unknown scale 'huge': choose from small, full"),
        ({"seeds": 0}, "the number of seeds must be at least 1, got 0"),
        ({"workers": 0}, "the number of workers must be at least 1, got 0"),
        ({"engine": "slurm"}, "unknown engine 'slurm': choose from local, dask"),
        ({"engine": "dask"}, "the dask engine needs the address of a scheduler"),
        ({"engine": "dask", "scheduler": "tcp://x:1"}, "leave the number of workers out"),
        ({"scheduler": "tcp://x:1"}, "a scheduler belongs to the dask engine"),
        ({"device": "gpu"}, "unknown device 'gpu': choose auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:99"}, "the device 'cuda:99' is not on this machine"),
    ],
)
def test_the_impossible_is_refused_before_anything_runs(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyMisuse, match=message):
        toy(**options)
    assert ran(tmp_path) == []


@pytest.mark.parametrize("fields", [{"name": "Not a name"}, {"name": ""}, {"seeds": 0}])
def test_a_study_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(StudyMisuse):
        variant(**fields)
