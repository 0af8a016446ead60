"""The same runs on a real Dask cluster: a scheduler and two workers, as processes of this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from toy_study import STUDY

from rnncourse.studies import StudyError, StudyMisuse, Sweep, cluster, sweep

pytest.importorskip("distributed")
HERE = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """``dask scheduler`` and ``dask worker`` as a cluster starts them."""

    def __init__(self, folder: Path) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.folder = folder
        self.environment = os.environ | {
            "PYTHONPATH": str(HERE),
            "TOY_LOG": str(folder / "log"),
            "TOY_SECONDS": "0.05",
            "TOY_TROUBLE": str(folder / "trouble"),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, what: str, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", what, *options, "--host", "127.0.0.1", "--no-dashboard"]
        with (self.folder / f"{what}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=self.folder)
        self.processes.append(process)
        return process

    def open(self) -> None:
        port = self.address.rpartition(":")[2]
        # Both end by themselves should the tests be killed.
        self.start("scheduler", "--port", port, "--idle-timeout", "120")
        for _ in range(2):
            self.start("worker", self.address, "--nthreads", "1", "--no-nanny", "--death-timeout", "60")
        deadline = time.monotonic() + 60
        while True:
            try:
                return socket.create_connection(("127.0.0.1", int(port))).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def places(self) -> list[str]:
        """Process of every run that took place."""
        return [line.rsplit(" ", 1)[1] for line in (self.folder / "log").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNCOURSE_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as stack:
        started = Cluster(tmp_path_factory.mktemp("cluster"))
        stack.callback(started.stop)
        started.open()
        yield started


def on(address: str, **options: Any) -> Sweep:
    return sweep(STUDY, engine="dask", scheduler=address, device="cpu", **options)


def test_the_same_runs_take_place_on_the_cluster(two_workers: Cluster) -> None:
    done = on(two_workers.address, seeds=6)
    assert (len(done.runs), done.new, done.failures) == (24, 24, ())
    here = sweep(STUDY, workers=1, device="cpu", seeds=6, folder=two_workers.folder / "here")
    assert [(run.key, run.metrics) for run in done.runs] == [(run.key, run.metrics) for run in here.runs]
    assert len(set(two_workers.places())) == 2
    assert str(os.getpid()) not in two_workers.places()
    assert on(two_workers.address, seeds=6).new == 0
    assert len(two_workers.places()) == 24


def test_a_run_that_fails_there_is_recorded_here(two_workers: Cluster) -> None:
    trouble = two_workers.folder / "trouble"
    trouble.write_text("raise", encoding="utf-8")
    done = on(two_workers.address)
    assert [failure.error for failure in done.failures] == [f"ValueError: no cube of width {width}" for width in (1, 2)]
    trouble.unlink()
    assert on(two_workers.address).new == 2


def test_a_scheduler_that_goes_away_leaves_what_is_done(two_workers: Cluster) -> None:
    """The last test with this cluster."""
    killed = []

    def kill(state: Any) -> None:
        if state.done == 10:
            two_workers.processes[0].kill()
            killed.append(time.monotonic())

    with pytest.raises(StudyError, match="went away; finished runs are stored: call again when it is back"):
        on(two_workers.address, seeds=50, progress=kill)
    assert time.monotonic() - killed[0] < 30
    assert sweep(STUDY, workers=1, device="cpu", seeds=50).new <= 190


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 1.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(StudyError, match=f"no scheduler answers at {address} within 1 s"):
        on(address)
    with socket.socket() as silent:  # accepts and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(StudyError, match=f"no scheduler answers at {address} within 1 s"):
            on(address)
        assert time.monotonic() - begun < 8
    with pytest.raises(StudyMisuse, match="'pigeon://x:1' is no address of a scheduler"):
        on("pigeon://x:1")


def test_dask_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StudyError, match=r"pip install 'rnncourse\[cluster\]'"):
        on("tcp://127.0.0.1:1")
