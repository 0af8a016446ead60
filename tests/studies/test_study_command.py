"""``rnncourse study``: what it prints, what it refuses, and how it exits."""

import json
import re
from pathlib import Path

import pytest

from rnncourse import cli


@pytest.fixture(autouse=True)
def folder(toy_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(toy_folders)
    return toy_folders / "results"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["study", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def toy(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    return run(capsys, "run", "toy", "--workers", "1", "--device", "cpu", *options)


def test_run_then_list_then_show(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, err = run(capsys, "list")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["toy: Powers of small numbers.", "    seeds     2", "    recorded  nothing"]
    code, out, err = toy(capsys)
    assert code == 0, err
    assert out.splitlines() == ["toy: 8 of 8 runs, 8 of them new", f"toy: {folder / 'toy.json'}"]
    assert err.splitlines() == ["toy: 0 of 8", "toy: 8 of 8 model=cube, width=2, seed=1"]
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    assert re.fullmatch(r"small, 8 runs, 2 seeds, \d{4}-\d\d-\d\d", json.loads(out)[0]["recorded"])
    assert run(capsys, "show", "toy", "--json")[1] == (folder / "toy.json").read_text(encoding="utf-8")
    code, out, err = run(capsys, "show", "toy")
    assert (code, err) == (0, "")
    assert "Nothing was thinned." in out
    assert re.search(r"cube\s+2\s+2\s+9\b", out)  # a whole number is whole
    assert ("9.899" in out) == ("loss sd" in out) == True  # noqa: E712


def test_a_small_sweep_goes_beside_a_full_record(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert toy(capsys, "--scale", "full", "--seeds", "1")[0] == 0
    before = (folder / "toy.json").read_bytes()
    code, out, _ = toy(capsys)
    assert (code, out.splitlines()[-1]) == (0, "toy: toy-small.json")
    assert Path("toy-small.json").exists()
    code, out, err = toy(capsys, "--output", str(folder / "toy.json"))
    assert (code, out) == (1, "")
    assert "holds the full record, and this one is small" in err
    assert (folder / "toy.json").read_bytes() == before
    assert toy(capsys, "--scale", "full")[0] == 0


def test_failed_runs_are_named(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder.parent / "trouble").write_text("raise", encoding="utf-8")
    code, out, err = toy(capsys)
    assert (code, out) == (1, "toy: 6 of 8 runs, 6 of them new\n")
    assert "failed: model=cube, width=1, seed=1: ValueError: no cube of width 1 (see " in err
    assert err.splitlines()[-1] == "rnncourse: 2 of 8 runs failed; call again to try them again"
    assert not (folder / "toy.json").exists()
    (folder.parent / "trouble").unlink()
    assert toy(capsys)[0] == 0


def test_a_record_that_is_missing_or_altered_exits_with_1(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, _, err = run(capsys, "show", "toy")
    assert (code, err.count("\n")) == (1, 1)
    assert "'toy'" in err
    (folder / "toy.json").write_text('{"kind": "rnncourse study", "format": 7}', encoding="utf-8")
    for command in (("show", "toy"), ("run", "toy", "--workers", "1")):
        code, _, err = run(capsys, *command)
        assert (code, err.count("\n")) == (1, 1)
        assert "toy.json" in err
    assert "was altered" in run(capsys, "list")[1]


@pytest.mark.parametrize("command", [(), ("list",), ("run",), ("show",)])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    code, out, _ = run(capsys, *command, "--help")
    assert code == 0
    assert "usage: rnncourse study" in out
