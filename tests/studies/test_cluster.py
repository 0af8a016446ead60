"""The same runs on a real Dask cluster: a scheduler and two workers, as processes of this machine."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toy_study import STUDY, ran

from rnncourse.studies import StudyError, StudyMisuse, Sweep, sweep, workers

Client = pytest.importorskip("distributed").Client
HERE = Path(__file__).parent

pytestmark = pytest.mark.usefixtures("toy_folders")


@dataclass
class Cluster:
    """``dask scheduler`` and two ``dask worker`` as a cluster starts them."""

    address: str
    folder: Path
    scheduler: "subprocess.Popen[bytes]"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {"PYTHONPATH": f"{HERE}:{HERE.parents[1]}", "TOY_LOG": str(folder / "log"), "TOY_SECONDS": "0.05"}
    environment = os.environ | variables | {"TOY_TROUBLE": str(folder / "trouble")}
    address = f"tcp://127.0.0.1:{port}"
    # They end by themselves should the tests be killed.
    commands = [
        ["scheduler", "--port", str(port), "--idle-timeout", "120"],
        *[["worker", address, "--nthreads", "1", "--no-nanny", "--death-timeout", "60"]] * 2,
    ]
    started = []
    with (folder / "dask.log").open("ab") as log:
        for command in commands:
            line = [sys.executable, "-m", "dask", *command, "--host", "127.0.0.1", "--no-dashboard"]
            started.append(subprocess.Popen(line, stdout=log, stderr=log, env=environment, cwd=folder))
        try:
            with Client(address, timeout=120, set_as_default=False) as client:
                client.wait_for_workers(2)
            yield Cluster(address, folder, started[0])
        finally:
            for process in reversed(started):
                process.kill()
                process.wait()


def on(address: str, **options: Any) -> Sweep:
    return sweep(STUDY, scheduler=address, device="cpu", **options)


def test_the_same_runs_take_place_on_the_cluster(cluster: Cluster) -> None:
    done = on(cluster.address, seeds=6)
    assert (len(done.runs), done.new, done.failures) == (24, 24, [])
    here = sweep(STUDY, workers=1, device="cpu", seeds=6, folder=cluster.folder / "here")
    assert [(run["key"], run["metrics"]) for run in done.runs] == [(run["key"], run["metrics"]) for run in here.runs]
    places = [process for _, process in ran(cluster.folder)]
    assert len(set(places) - {os.getpid()}) == len(set(places)) == 2
    assert on(cluster.address, seeds=6).new == 0
    assert len(places) == len(ran(cluster.folder)) == 24


def test_a_run_that_fails_there_is_noted_here(cluster: Cluster) -> None:
    trouble = cluster.folder / "trouble"
    trouble.write_text("raise", encoding="utf-8")
    done = on(cluster.address)
    assert [failure.error for failure in done.failures] == [f"ValueError: no cube of width {width}" for width in (1, 2)]
    trouble.unlink()
    assert on(cluster.address).new == 2


def test_a_worker_is_no_scheduler(cluster: Cluster) -> None:
    with Client(cluster.address, set_as_default=False) as client:
        worker = next(iter(client.scheduler_info()["workers"]))
    with pytest.raises(StudyError, match=r"no Dask scheduler answers at .* \(Worker\)"):
        on(worker)


def test_a_scheduler_that_goes_away_leaves_what_is_done(cluster: Cluster) -> None:
    """The last test with this cluster."""

    def kill(state: Any) -> None:
        if state.done == 10:
            cluster.scheduler.kill()

    with pytest.raises(StudyError, match="went away; finished runs are stored: call again when it is back"):
        on(cluster.address, seeds=50, progress=kill)
    assert sweep(STUDY, workers=1, device="cpu", seeds=50).new <= 190


@pytest.mark.parametrize("says", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_scheduler_is_named(monkeypatch: pytest.MonkeyPatch, says: bytes | None) -> None:
    """None: nobody listens. Empty: a server that waits to be spoken to, for ever."""
    monkeypatch.setattr(workers, "ANSWER_SECONDS", 1.0)
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    stack.enter_context(server.accept()[0]).sendall(says or b"")

        if says is not None:
            server.listen()
            threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(StudyError, match=rf"no Dask scheduler answers at {address} \(.+\): start one"):
            on(address)


@pytest.mark.parametrize("address", ["pigeon://x:1", "nonsense", "tcp://127.0.0.1"])
def test_what_is_no_address_is_a_misuse(address: str) -> None:
    with pytest.raises(StudyMisuse, match=f"'{address}' is no address"):
        on(address)


def test_dask_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StudyError, match=r"pip install 'rnncourse\[cluster\]'"):
        on("tcp://127.0.0.1:1")
