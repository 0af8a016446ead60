"""Sweeps as processes: killed, interrupted, at the same time."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import pytest
from toy_study import STUDY, ran

from rnncourse.studies import sweep
from rnncourse.studies.sweeps import folded

HERE = Path(__file__).parent
COMMAND = [sys.executable, str(HERE / "toy_command.py"), "study", "run", "toy", "--device", "cpu", "--workers", "2"]
RUNS = 24

pytestmark = pytest.mark.usefixtures("toy_folders")


def start(seconds: float, *options: str) -> "subprocess.Popen[str]":
    """A sweep in a process group of its own, as a shell starts it: it hears an interrupt, whatever this process does.

    A job in the background of a script ignores interrupts, and hands that down to what it starts.
    """
    command = [*COMMAND, "--seeds", str(RUNS // 4), *options]
    environment = os.environ | {"TOY_SECONDS": str(seconds)}
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, encoding="utf-8", process_group=0)
    finally:
        signal.signal(signal.SIGINT, heard)


def stored(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "runs" / "toy").glob("*.json")}


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # Whoever adopts it may leave it unburied for a while.
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    sweep = start(0.3)
    while len(stored(tmp_path)) < 5:
        assert sweep.poll() is None
        time.sleep(0.01)
    os.killpg(sweep.pid, signal.SIGINT)
    _, error = sweep.communicate()
    assert sweep.returncode == 1
    assert error.splitlines()[-1] == "rnncourse: interrupted; what is finished is kept, call again to go on"
    assert "Traceback" not in error
    while any(alive(process) for _, process in ran(tmp_path)):
        time.sleep(0.05)
    kept, before = stored(tmp_path), len(ran(tmp_path))
    assert 5 <= len(kept) < RUNS
    again = start(0)
    _, error = again.communicate()
    assert again.returncode == 0, error
    assert len(stored(tmp_path)) == RUNS
    assert len(ran(tmp_path)) - before == RUNS - len(kept)  # only what was missing
    # Begun twice: what was in flight, which is one run in each worker, one that lay ready, and what came in just then.
    assert len(ran(tmp_path)) <= RUNS + 6


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_sweep_killed_again_and_again_ends_with_the_same_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"workers": 1, "device": "cpu", "seeds": 12}
    whole = folded(sweep(STUDY, **here, folder=tmp_path / "whole"))
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    for kill in range(5):
        process = get_context("fork").Process(target=sweep, args=(STUDY,), kwargs=here)
        process.start()
        while len(stored(tmp_path)) <= 2 * kill:
            assert process.is_alive()
            time.sleep(0.001)
        time.sleep(0.002 * kill)  # in a run or while it is written
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    kept, done = len(stored(tmp_path)), sweep(STUDY, **here)
    assert 0 < done.new == len(done.runs) - kept
    record = folded(done)
    assert (record.columns, record.rows) == (whole.columns, whole.rows)
    clocks = {"date": "", "seconds": 0}
    assert record.provenance | clocks == whole.provenance | clocks


def test_sweeps_at_once_share_the_work(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.json" for name in "ab"]
    sweeps = [start(0.1, "--workers", "1", "--output", str(file)) for file in files]
    errors = [sweep.communicate()[1] for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], errors
    assert set(Counter(run for run, _ in ran(tmp_path)).values()) == {1}
    assert len(stored(tmp_path)) == len(ran(tmp_path)) == RUNS
    assert files[0].read_bytes() == files[1].read_bytes()
