"""Sweeps as processes: killed, interrupted, at the same time."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMMAND = [sys.executable, str(HERE / "toy_command.py"), "study", "run", "toy", "--device", "cpu", "--workers", "2"]
RUNS = 24


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folders = {"RNNCOURSE_RUNS": "runs", "RNNCOURSE_RESULTS": "results", "TOY_LOG": "log"}
    (tmp_path / "results").mkdir()
    return os.environ | {name: str(tmp_path / folder) for name, folder in folders.items()} | {"TOY_SECONDS": "0.1"}


def start(environment: dict[str, str], *options: str) -> "subprocess.Popen[str]":
    """A sweep in a process group of its own, as a shell starts it: it hears an interrupt, whatever this process does.

    A job in the background of a script ignores interrupts, and hands that down to what it starts.
    """
    command = [*COMMAND, "--seeds", str(RUNS // 4), *options]
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, process_group=0)
    finally:
        signal.signal(signal.SIGINT, heard)


def stored(tmp_path: Path) -> set[str]:
    return {path.stem for path in (tmp_path / "runs" / "toy").glob("*.json")}


def wait_for(tmp_path: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(stored(tmp_path)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def log(tmp_path: Path) -> Counter[str]:
    """How often each run took place."""
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    return Counter(line.rsplit(" ", 1)[0] for line in lines)


def processes(tmp_path: Path) -> set[int]:
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    return {int(line.rsplit(" ", 1)[1]) for line in lines}


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # Whoever adopts it may leave it unburied for a while.
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_sweep_goes_on_where_it_was(tmp_path: Path, environment: dict[str, str], sign: int) -> None:
    sweep = start(environment | {"TOY_SECONDS": "0.3"})
    wait_for(tmp_path, 5)
    os.kill(sweep.pid, sign) if sign is signal.SIGKILL else os.killpg(sweep.pid, sign)
    _, error = sweep.communicate(timeout=120)
    if sign is signal.SIGINT:
        assert sweep.returncode == 1
        assert error.splitlines()[-1] == "rnncourse: interrupted; finished runs are stored, call again to go on"
        assert "Traceback" not in error
    deadline = time.monotonic() + 60
    while any(alive(process) for process in processes(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kept = stored(tmp_path)
    assert 5 <= len(kept) < RUNS
    before = log(tmp_path)
    again = start(environment | {"TOY_SECONDS": "0"})
    _, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    assert len(stored(tmp_path)) == RUNS
    assert sum((log(tmp_path) - before).values()) == RUNS - len(kept)  # only what was missing
    # Begun twice: what was in flight, which is one run in each worker, one that lay ready, and what came in just then.
    assert sum(log(tmp_path).values()) <= RUNS + 6
    assert not list((tmp_path / "runs" / "toy").glob("*.claim"))


def test_sweeps_at_once_share_the_work(tmp_path: Path, environment: dict[str, str]) -> None:
    files = [tmp_path / f"{name}.json" for name in "ab"]
    sweeps = [start(environment, "--output", str(file)) for file in files]
    errors = [sweep.communicate(timeout=120)[1] for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], errors
    assert set(log(tmp_path).values()) == {1}
    assert len(stored(tmp_path)) == len(log(tmp_path)) == RUNS
    assert files[0].read_bytes() == files[1].read_bytes()
