"""``rnncourse study``: what it prints, what it refuses, and how it exits."""

import json
import re
from pathlib import Path

import pytest

from rnncourse import __main__ as cli
from rnncourse.studies import registry


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RNNCOURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("RNNCOURSE_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("TOY_TROUBLE", raising=False)
    monkeypatch.setattr(registry, "MODULES", {"toy": "toy_study"})
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


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
    code, out, err = run(capsys, "show", "toy")
    assert (code, err) == (0, "")
    assert "Nothing was thinned." in out
    assert re.search(r"cube\s+2\s+2\s+9\s+9.899", out)
    code, out, _ = run(capsys, "show", "toy", "--json")
    assert out == (folder / "toy.json").read_text(encoding="utf-8")


def test_a_full_record_is_not_overwritten_by_a_small_one(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert toy(capsys, "--scale", "full", "--seeds", "1")[0] == 0
    before = (folder / "toy.json").read_bytes()
    code, out, err = toy(capsys)
    assert (code, out) == (1, "")
    assert "holds the full record, and this sweep is small" in err
    assert (folder / "toy.json").read_bytes() == before
    assert toy(capsys, "--output", str(folder / "small.json"))[0] == 0
    code, out, _ = toy(capsys, "--scale", "full")
    assert code == 0
    assert out.splitlines()[-1].endswith("where 6 runs of scale full were recorded before")


def test_a_failed_run_is_named_at_the_end(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = tmp_path / "trouble"
    trouble.write_text("raise", encoding="utf-8")
    monkeypatch.setenv("TOY_TROUBLE", str(trouble))
    code, out, err = toy(capsys)
    assert code == 1
    assert out == "toy: 6 of 8 runs, 6 of them new\n"
    assert "failed: model=cube, width=1, seed=1: ValueError: no cube of width 1 (see " in err
    assert err.splitlines()[-1] == "rnncourse: 2 of 8 runs failed; call again to try them again"
    assert not (folder / "toy.json").exists()
    trouble.unlink()
    assert toy(capsys)[0] == 0


def test_files_set_aside_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    toy(capsys)
    one = next((tmp_path / "runs" / "toy").glob("*.json"))
    one.write_text("{", encoding="utf-8")
    code, _, err = toy(capsys)
    assert code == 0
    assert f"rnncourse: no run of this study, set aside: {one.with_suffix('.aside-1')}" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nope"), "unknown study 'nope': choose from toy"),
        (("show", "nope"), "unknown study 'nope': choose from toy"),
        (("run", "toy", "--engine", "slurm"), "'slurm' is not one of 'local', 'dask'"),
        (("run", "toy", "--scale", "huge"), "'huge' is not one of 'small', 'full'"),
        (("run", "toy", "--seeds", "0"), "the number of seeds must be at least 1, got 0"),
        (("run", "toy", "--seeds", "x"), "--seeds"),
        (("run", "toy", "--workers", "-1"), "the number of workers must be at least 1, got -1"),
        (("run", "toy", "--engine", "dask"), "needs the address of a scheduler"),
        (("run", "toy", "--scheduler", "tcp://127.0.0.1:1"), "a scheduler belongs to the dask engine"),
        (("run", "toy", "--device", "gpu"), "unknown device 'gpu': choose auto, cpu, cuda or cuda:N"),
        (("run",), "NAME"),
        (("walk",), "walk"),
    ],
)
def test_misuse_is_one_sentence_and_exits_with_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_record_that_is_missing_or_of_another_version_exits_with_1(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, _, err = run(capsys, "show", "toy")
    assert (code, err.count("\n")) == (1, 1)
    assert "no results of the study 'toy' are recorded" in err
    (folder / "toy.json").write_text('{"kind": "rnncourse study", "format": 7}', encoding="utf-8")
    for command in (("show", "toy"), ("run", "toy", "--workers", "1")):
        code, _, err = run(capsys, *command)
        assert (code, err.count("\n")) == (1, 1)
        assert "is in format 7, and this version of rnncourse reads format 1" in err
    assert "is in format 7" in run(capsys, "list")[1]
    other = folder / "other.json"
    other.write_text("[]", encoding="utf-8")
    assert run(capsys, "show", "toy", "--file", str(other))[0] == 1


@pytest.mark.parametrize("command", [(), ("list",), ("run",), ("show",)])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    code, out, _ = run(capsys, *command, "--help")
    assert code == 0
    assert "Usage: rnncourse study" in out
