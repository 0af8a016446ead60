"""Run files: written whole, read with suspicion, claimed by one process at a time."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.studies import StudyError
from rnncourse.studies.plain import plain
from rnncourse.studies.runs import Run, RunFileError, Store, parse_run

KEY = "ab" * 32
RUN = Run(
    key=KEY,
    study="toy",
    config={"model": "lstm", "seed": 3},
    metrics={"loss": 0.25, "curve": [1.0, None], "°C": "warm"},
    seconds=1.5,
    device="cpu",
    date="2026-01-02T03:04:05Z",
    machine={"cores": 2},
    versions={"python": "3.12.1"},
)
DOCUMENT = json.loads(RUN.text)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
METRICS = st.dictionaries(st.text(max_size=8), JSON)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "toy", "toy")


@settings(deadline=None, max_examples=60)
@given(METRICS)
def test_what_is_written_is_read(metrics: dict[str, Any]) -> None:
    run = Run(**{**vars(RUN), "metrics": metrics})
    assert parse_run(run.text) == run
    assert list(parse_run(run.text).metrics) == list(metrics)


@settings(deadline=None, max_examples=60)
@given(st.text() | JSON.map(json.dumps) | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(RunFileError):
        parse_run(text)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(RUN.text.rstrip()) - 1))
def test_a_file_that_was_cut_short_is_refused(length: int) -> None:
    with pytest.raises(RunFileError, match="not valid JSON"):
        parse_run(RUN.text[:length])


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(DOCUMENT)), JSON)
def test_a_field_of_another_kind_is_refused_or_kept_as_it_is(field: str, value: Any) -> None:
    try:
        run = parse_run(json.dumps({**DOCUMENT, field: value}))
    except RunFileError:
        return
    if field not in ("kind", "format"):
        assert getattr(run, field) == plain(value, "it")
    assert isinstance(run.metrics, dict)
    assert isinstance(run.seconds, int | float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "rnncourse study"}, "not a run of a study"),
        ({"format": 2}, "in format 2, and this version reads format 1"),
        ({"format": True}, "in format True"),
        ({"seconds": "1"}, "its field seconds is str"),
        ({"seconds": True}, "its field seconds is bool"),
        ({"seconds": float("nan")}, "NaN is not a JSON number"),
        ({"extra": 1}, "fields are not those of a run: extra"),
        ({"key": "../../etc/passwd"}, "not 64 hexadecimal digits"),
        ({"study": "\ud800"}, "not valid JSON"),
    ],
)
def test_the_complaint_says_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        parse_run(json.dumps({**DOCUMENT, **change}))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(RunFileError, match="not valid JSON"):
        parse_run("[" * 100_000)


def test_a_store_reads_what_it_wrote_and_nothing_else(store: Store) -> None:
    assert store.read(KEY, RUN.config) is None
    store.write(RUN)
    assert store.read(KEY, RUN.config) == RUN
    for other in (Store(store.folder, "power"), store):
        with pytest.raises(RunFileError, match="another run than its name says"):
            other.read(KEY, {"model": "gru", "seed": 3} if other is store else RUN.config)
    store.path(KEY).write_bytes(b"\xff\xfe")
    with pytest.raises(RunFileError, match="not UTF-8"):
        store.read(KEY, RUN.config)


def test_files_set_aside_keep_their_content_and_their_forerunners(store: Store) -> None:
    store.folder.mkdir()
    for number in (1, 2):
        store.path(KEY).write_text(str(number), encoding="utf-8")
        aside = store.set_aside(KEY)
        assert aside.name == f"{KEY}.aside-{number}"
    assert sorted(path.read_text(encoding="utf-8") for path in store.folder.iterdir()) == ["1", "2"]


def test_a_failure_is_recorded_until_the_run_succeeds(store: Store) -> None:
    path = store.write_failure(KEY, RUN.config, "ValueError: no", "Traceback ...")
    assert json.loads(path.read_text(encoding="utf-8"))["error"] == "ValueError: no"
    store.write(RUN)
    assert not path.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_no_half_file(store: Store, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    store.write(RUN)
    before = store.path(KEY).read_bytes()

    def full(handle: int) -> NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StudyError, match=rf"{KEY}.json cannot be written \(.+\): free some space and call again"):
        store.write(Run(**{**vars(RUN), "seconds": 2.0}))
    assert [path.name for path in store.folder.iterdir()] == [f"{KEY}.json"]
    assert store.path(KEY).read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    store = Store(tmp_path / "file" / "toy", "toy")
    with pytest.raises(StudyError, match="cannot be written"):
        store.claim(KEY)
    with pytest.raises(StudyError, match="cannot be written"):
        store.write(RUN)


def test_a_claim_is_exclusive_and_leaves_nothing(store: Store) -> None:
    claim = store.claim(KEY)
    assert claim is not None
    assert store.claim(KEY) is None
    other = store.claim("cd" * 32)
    assert other is not None
    other.close()
    claim.close()
    assert list(store.folder.iterdir()) == []
    again = store.claim(KEY)
    assert again is not None
    again.close()


def test_a_claim_dies_with_its_process(store: Store) -> None:
    script = (
        "import sys, time, pathlib; from rnncourse.studies.runs import Store\n"
        "claim = Store(pathlib.Path(sys.argv[1]), 'toy').claim(sys.argv[2])\n"
        "print('claimed', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(store.folder), KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        assert store.claim(KEY) is None
        process.kill()
    claim = store.claim(KEY)
    assert claim is not None
    claim.close()
    assert list(store.folder.iterdir()) == []


def test_a_file_system_without_locks_grants_every_claim(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def none(stream: object, operation: int) -> NoReturn:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    assert store.claim(KEY) is not None
    assert store.claim(KEY) is not None


def test_only_old_left_overs_of_writers_are_removed(store: Store) -> None:
    store.write(RUN)
    old, young = store.folder / ".a.json.x.tmp", store.folder / ".b.json.y.tmp"
    for path in (old, young):
        path.write_text("half", encoding="utf-8")
    os.utime(old, (time.time() - 7200,) * 2)
    store.tidy()
    assert sorted(path.name for path in store.folder.iterdir()) == [young.name, f"{KEY}.json"]
