"""A sweep in this process and in processes of this machine: what it runs, what it keeps, what it refuses."""

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_study
from toy_study import STUDY, ran

from rnncourse.studies import Progress, Study, StudyError, StudyMisuse, Sweep, sweep
from rnncourse.studies.store import Store
from rnncourse.studies.study import plan

pytestmark = pytest.mark.usefixtures("toy_folders")


def toy(study: Study = STUDY, **options: Any) -> Sweep:
    return sweep(study, **{"workers": 1, "device": "cpu", **options})


def test_it_runs_the_grid_once_and_then_only_what_is_new(tmp_path: Path) -> None:
    first = toy()
    assert (len(first.runs), first.new, first.failures) == (8, 8, [])
    assert [run["config"] for run in first.runs] == [vars(config) for config in toy_study.grid("small", 2)]
    assert first.runs[1]["metrics"] == {"loss": 4.0, "curve": [1, None], "device_was": "cpu"}
    assert first.runs[0]["versions"]["rnncourse"]
    assert (toy().runs, toy().new) == (first.runs, 0)
    assert [toy(seeds=3).new, toy(seeds=3, scale="full").new, toy(seeds=1).new] == [4, 6, 0]
    assert len(ran(tmp_path)) == len(set(ran(tmp_path))) == 18


def test_runs_kept_with_the_records_count_as_done(tmp_path: Path) -> None:
    done = toy()
    kept = tmp_path / "results" / "unfinished" / "toy"
    kept.parent.mkdir()
    (tmp_path / "runs" / "toy").rename(kept)
    (kept / f"{done.runs[2]['key']}.json").write_text("{", encoding="utf-8")
    again = toy()
    assert (again.new, len(ran(tmp_path))) == (1, 9)
    assert [run["metrics"] for run in again.runs] == [run["metrics"] for run in done.runs]


def test_other_data_or_code_void_the_runs_and_other_words_do_not() -> None:
    toy()
    assert toy(replace(STUDY, data=lambda scale: "other")).new == 8
    assert toy(replace(STUDY, run=toy_study.run_again)).new == 8
    assert toy(replace(STUDY, notes="other words", about="other", seeds=1)).new == 0


@pytest.mark.parametrize(
    "harm", [b"", b"{", b"\xff\xfe", b"[]", b'{"sha256": 1}', b"[" * 100_000, "a digit", "another"]
)
def test_a_file_that_is_no_run_counts_for_nothing(tmp_path: Path, harm: bytes | str) -> None:
    done = toy()
    path, other = (tmp_path / "runs" / "toy" / f"{run['key']}.json" for run in done.runs[1:3])
    whole = path.read_bytes()
    path.write_bytes(
        {"a digit": whole.replace(b'"loss": 4.0', b'"loss": 5.0'), "another": other.read_bytes()}.get(harm, harm)
    )  # type: ignore[call-overload]
    again = toy()
    assert again.new == 1
    assert [run["metrics"] for run in again.runs] == [run["metrics"] for run in done.runs]
    assert toy().new == 0


def test_a_failing_run_is_noted_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "trouble").write_text("raise", encoding="utf-8")
    seen: list[Progress] = []
    done = toy(progress=seen.append)
    assert (len(done.runs), done.new) == (6, 6)
    assert [failure.label for failure in done.failures] == [f"model=cube, width={width}, seed=1" for width in (1, 2)]
    assert done.failures[0].error == "ValueError: no cube of width 1"
    assert "toy_study.py" in done.failures[0].path.read_text(encoding="utf-8")
    assert (seen[0], seen[-1]) == (Progress(0, 8, 0, ""), Progress(6, 8, 2, "model=cube, width=2, seed=1"))
    (tmp_path / "trouble").unlink()
    assert (toy().new, toy().failures) == (2, [])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"seed": 1}, "a metric has the name of a field of the config: seed"),
        ({}, "at least one, got {}"),
        ({"x": [object()]}, "a object is nothing that JSON can hold"),
        ({"x": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_metrics_that_cannot_be_stored_fail_the_run(returned: Any, message: str) -> None:
    toy_study.RETURNED.append(returned)
    try:
        done = toy(replace(STUDY, run=toy_study.run_returning), seeds=1)
    finally:
        toy_study.RETURNED.clear()
    assert len(done.failures) == 4
    assert message in done.failures[0].error


def test_numbers_are_finite_or_missing() -> None:
    toy_study.RETURNED.append(
        {"a": np.float32(0.5), "b": np.nan, "c": np.array([1, 2]), "d": (float("inf"), True), "e": np.int64(3)}
    )
    try:
        first, again = (toy(replace(STUDY, run=toy_study.run_returning), seeds=1) for _ in range(2))
    finally:
        toy_study.RETURNED.clear()
    assert first.runs[0]["metrics"] == {"a": 0.5, "b": None, "c": [1, 2], "d": [None, True], "e": 3}
    assert (again.runs, again.new) == (first.runs, 0)


def test_a_full_disk_ends_the_sweep_and_keeps_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, calls = os.fsync, iter(range(100))

    def full(handle: int) -> None:
        if next(calls) >= 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StudyError, match="free some space and call again"):
            toy()
    assert len(list((tmp_path / "runs" / "toy").glob("*"))) == 4  # three runs and the claims: no half file
    assert toy().new == 5
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StudyError, match="toy cannot be used .*: see to that and call again"):
        toy(folder=tmp_path / "file" / "toy")


def test_a_file_system_without_locks_grants_every_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", none)
    assert toy().new == 8


def test_processes_compute_on_one_thread_each_and_elsewhere() -> None:
    done = sweep(replace(STUDY, run=toy_study.run_where), workers=2, device="cpu", seeds=4)
    assert done.failures == []
    assert {run["metrics"]["threads"] for run in done.runs} == {1}
    assert os.getpid() not in {run["metrics"]["process"] for run in done.runs}


def test_a_run_that_kills_its_process_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    study = replace(STUDY, run=toy_study.run_in_trouble)  # a worker has the environment of its start
    toy_study.TROUBLE.write_text(f"{tmp_path / 'trouble'}", encoding="utf-8")
    (tmp_path / "trouble").write_text("die", encoding="utf-8")
    try:
        done = sweep(study, workers=2, device="cpu")
        assert len(done.runs) == 6
        assert [failure.label for failure in done.failures] == [f"model=cube, width={w}, seed=1" for w in (1, 2)]
        assert "its process died" in done.failures[0].error
        (tmp_path / "trouble").unlink()
        assert sweep(study, workers=2, device="cpu").new == 2
    finally:
        toy_study.TROUBLE.unlink()


@pytest.mark.parametrize("workers", [1, 2])
def test_trouble_while_runs_are_claimed_is_raised(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, calls = Store.claim, iter(range(100))

    def refuse(store: Store, key: str, *, release: bool = False) -> bool:
        if not release and next(calls) >= 5:
            raise StudyError("no more claims")
        return claim(store, key, release=release)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "claim", refuse)
        with pytest.raises(StudyError, match="no more claims"):
            toy(workers=workers)
    assert 3 <= toy().new <= 8


@dataclass(frozen=True)
class Odd:
    value: Any
    seed: Any = 0


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ([], "the grid of scale small is empty"),
        ([Odd(1), Odd(1)], "the grid lists one config twice"),
        ([Odd], "cannot be stored"),
        ([Odd(1, seed=None)], "a config needs a whole number in a field seed"),
        ([Odd([0.0, float("nan")])], "cannot be stored"),
        ([Odd({1, 2})], "a set is nothing that JSON can hold"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(configs: list[Any], message: str) -> None:
    with pytest.raises(StudyError, match=f"study toy: .*{message}"):
        plan(replace(STUDY, grid=lambda scale, seeds: configs))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"scale": "huge"}, "'huge'"),
        ({"seeds": 0}, "seeds"),
        ({"scheduler": "tcp://x:1"}, "workers"),
        ({"device": "gpu"}, "'gpu'"),
        ({"device": "cuda:99"}, "'cuda:99'"),
    ],
)
def test_the_impossible_is_refused_before_anything_runs(options: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(StudyMisuse, match=named):
        toy(**options)
    assert ran(tmp_path) == []
