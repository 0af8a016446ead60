"""``rnncourse data``: what it prints, what it refuses, how it exits, and on which terminals."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from archives import write, zipped
from served import serving

from rnncourse import cli
from rnncourse.data.catalogue import FETCHES, REPORTS
from rnncourse.data.downloads import fetch_archive
from rnncourse.data.emotion import EMOTION
from rnncourse.data.power import HEADER, MEMBER, POWER, check_power
from rnncourse.data.registry import DATASETS

HOUSE = zipped((MEMBER, (f"{HEADER}\n" + "".join(f"1/1/2007;00:0{m}:00;1;0;240;4;0;0;1\n" for m in range(9))).encode()))
TEXTS = {
    "train.txt": b"i feel fine;joy\ni am lost;sadness\ni feel fine;love\ni feel fine;love\n",
    "val.txt": b"i am lost;sadness\n",
    "test.txt": b"go away;anger\ni feel fine;joy\n",
}


@pytest.fixture(autouse=True)
def _the_stand_ins_count_as_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"of": "small", "rows": 9, "first": "2007-01-01T00:00", "last": "2007-01-01T00:08"}
    changes: list[tuple[Any, dict[str, Any]]] = [
        (POWER.known[0], known),
        (EMOTION.sha256, {file: hashlib.sha256(content).hexdigest() for file, content in TEXTS.items()}),
    ]
    for mapping, values in changes:
        for key, value in values.items():
            monkeypatch.setitem(mapping, key, value)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def command(*arguments: object) -> tuple[int, str, str]:
        code = cli.run(["data", *map(str, arguments)])
        return code, *capsys.readouterr()

    return command


def test_list_names_everything_and_where_it_is(run: Any) -> None:
    code, out, err = run("list")
    assert (code, err) == (0, "")
    for dataset in DATASETS.values():
        for text in (f"{dataset.name}: {dataset.title}", dataset.source, dataset.licence, dataset.citation):
            assert text in out
            assert text
        assert (f"`rnncourse data fetch {dataset.name}` fetches it" in out) == (dataset.kind == "fetched")
        assert ("synthetic" in dataset.title) == (dataset.kind == "generated")
    assert list(DATASETS) == list(REPORTS)
    assert [name for name, dataset in DATASETS.items() if dataset.kind == "fetched"] == list(FETCHES)


def serve_power_from(url: str, patch: pytest.MonkeyPatch) -> None:
    patch.setitem(FETCHES, "power", partial(fetch_archive, replace(POWER, source=url), check_power))  # type: ignore[arg-type]


def test_fetch_then_check_a_series(run: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(a_zip=HOUSE) as site:
        serve_power_from(f"{site.url}/a.zip", monkeypatch)
        code, out, err = run("fetch", "power")
    assert (code, err) == (0, "")
    assert str(cache / POWER.files[0]) in out
    assert "Hebrail" in out
    code, out, err = run("check")
    assert (code, err) == (0, "")
    for text in ("power: whole", "0 of 9 rows missing", "seattle-weather: whole", "imdb: not here"):
        assert text in out


def test_a_check_of_texts_tells_repeats_conflicts_and_what_is_shared(run: Any, cache: Path) -> None:
    for file, content in TEXTS.items():
        write(cache / "emotion" / file, content)
    code, out, err = run("check", "emotion")
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == "emotion: whole"
    assert lines[2].startswith("train: 4 rows, 2 distinct texts; 1 rows repeat text and label, 1 repeat")
    assert "train: sadness 1, joy 1, love 2, anger 0, fear 0, surprise 0" in lines
    assert "1 rows of validation have a text that train holds too" in lines
    assert "0 rows of test have a text that validation holds too" in lines
    assert lines[-2].startswith("all parts: 7 rows, 3 distinct texts")


def test_what_the_users_folder_holds_is_not_fetched(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "household_power_consumption.zip", HOUSE)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path))
    code, out, err = run("fetch", "power")
    assert (code, err) == (0, "")
    assert str(path) in out
    assert "nothing to fetch" in out
    monkeypatch.setenv("RNNCOURSE_DATA", "/nowhere/at/all")
    code, out, err = run("list")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "RNNCOURSE_DATA names /nowhere/at/all" in err


def test_a_failed_fetch_fails_and_leaves_nothing(run: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign, short = zipped(("../" + MEMBER, b"")), zipped((MEMBER, f"{HEADER}\n".encode()))
    with serving(c_zip=foreign, d_zip=short) as site:
        for address in ("b.zip", "c.zip", "d.zip"):
            serve_power_from(f"{site.url}/{address}", monkeypatch)
            code, out, err = run("fetch", "power")
            assert (code, out, err.count("\n")) == (1, "", 1)
    assert list((cache / "power").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "file", "content", "code", "said"),
    [
        ("power", "household_power_consumption.zip", HOUSE, 0, "0 of 9 rows missing"),
        ("power", "household_power_consumption.zip", zipped(("b.txt", b"")), 1, "wrong archive"),
        ("imdb", "aclImdb_v1.tar.gz", b"<!doctype html>", 1, "aclImdb_v1.tar.gz is damaged"),
        ("emotion", "train.txt", TEXTS["train.txt"], 0, "emotion: whole"),
        ("emotion", "train.txt", b"x;joy\n", 1, "train.txt does not have the SHA-256"),
    ],
)
def test_check_a_file(run: Any, cache: Path, name: str, file: str, content: bytes, code: int, said: str) -> None:
    for other in ("val.txt", "test.txt"):
        write(cache / "emotion" / other, TEXTS[other])
    write(cache / name / file, content)
    found, out, err = run("check", name)
    assert found == code
    assert said in (err if code else out)
    assert (out if code else err) == ""


def test_what_is_generated_or_not_here(run: Any) -> None:
    code, out, err = run("check", "order-sentences")
    assert (code, err) == (0, "")
    assert "order sentences (synthetic): 4,000 rows" in out
    for name in ("seattle-weather", "synthetic-power", "order-sentences"):
        code, out, err = run("fetch", name)
        assert (code, err) == (0, "")
        assert "nothing to fetch" in out
    for name in FETCHES:
        code, out, err = run("check", name)
        assert (code, out) == (1, "")
        assert f"rnncourse data fetch {name}" in err


TERMINALS = {
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
COMMANDS = [("data", "list"), ("data", "check", "emotion"), ("count", "LSTM(±)", "--input", "1"), ("study", "list")]


@pytest.mark.parametrize(
    ("terminal", "command"), [*(("C", command) for command in COMMANDS), ("ASCII", COMMANDS[1])], ids=str
)
def test_every_command_answers_on_a_terminal_that_knows_ascii_alone(
    tmp_path: Path, terminal: str, command: tuple[str, ...]
) -> None:
    here = tmp_path / "دادهٔ خانه"
    for file, content in {**TEXTS, "train.txt": "±;joy\n".encode()}.items():
        write(here / "emotion" / file, content)
    if not f"{sys.prefix}{os.getcwd()}".isascii():
        terminal = "ASCII"  # in the C locale, Python itself does not start from a folder with Persian letters
    environment = {**os.environ, **TERMINALS[terminal], "RNNCOURSE_DATA": str(here), "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-m", "rnncourse", *command], capture_output=True, env=environment)
    assert b"Traceback" not in done.stderr
    failing = {("data", "check", "emotion"): 1, ("count", "LSTM(±)", "--input", "1"): 2}
    assert done.returncode == failing.get(command, 0)
    assert done.stdout or done.stderr
