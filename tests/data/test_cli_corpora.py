"""``rnncourse data`` with texts: what it fetches, finds and refuses."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from power_server import serving_files

from rnncourse import __main__ as cli
from rnncourse.data import registry as names
from rnncourse.data.catalogue import HANDLERS

FILES = {
    "train.txt": b"i feel fine;joy\ni am lost;sadness\ni feel fine;love\ni feel fine;love\n",
    "val.txt": b"i am lost;sadness\n",
    "test.txt": b"go away;anger\ni feel fine;joy\n",
}
TABLE = "text,label\ni feel fine,1\ni feel fine,2\ni am lost,0\ni am lost,0\n"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    known = {file: hashlib.sha256(content).hexdigest() for file, content in FILES.items()}
    monkeypatch.setattr("rnncourse.data.emotion_files.EMOTION", replace(names.EMOTION, sha256=known))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["data", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_every_data_set_has_a_handler_that_fits_its_kind() -> None:
    assert list(HANDLERS) == list(names.DATASETS)
    for name, dataset in names.DATASETS.items():
        assert (HANDLERS[name].fetch is not None) == (dataset.kind is names.Kind.fetched)
        assert bool(HANDLERS[name].options) == (dataset.kind is names.Kind.fetched)


def test_fetch_then_check_tells_repeats_conflicts_and_what_is_shared(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with serving_files(FILES) as url:
        code, out, err = run(capsys, "fetch", "emotion", "--url", url)
    assert code == 0, err
    assert str(tmp_path / "cache" / "emotion") in out
    assert "Saravia" in out
    code, out, err = run(capsys, "check", "emotion")
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == "emotion: whole"
    assert (
        "train: 4 rows, 2 distinct texts; 1 rows repeat text and label, 1 repeat a text under another label; "
        "ceiling 75.00%"
    ) in lines
    assert "train: sadness 1, joy 1, love 2, anger 0, fear 0, surprise 0" in lines
    assert "1 rows of validation have a text that train holds too" in lines
    assert "1 rows of test have a text that train holds too" in lines
    assert "0 rows of test have a text that validation holds too" in lines
    assert any(line.startswith("all parts: 7 rows, 3 distinct texts") for line in lines)


def test_a_table_of_the_readers_is_analysed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "text.csv"
    path.write_text(TABLE)
    code, out, err = run(capsys, "check", "emotion", "--file", str(path))
    assert (code, err) == (0, "")
    assert "compared with nothing" in out
    assert "1 rows repeat text and label, 1 repeat a text under another label; ceiling 75.00%" in out
    path.write_text(TABLE + "x,7\n")
    code, out, err = run(capsys, "check", "emotion", "--file", str(path))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "line 6 of" in err


def test_altered_files_fail(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for file, content in FILES.items():
        (tmp_path / file).write_bytes(content)
    assert run(capsys, "check", "emotion", "--file", str(tmp_path / "train.txt"))[0] == 0
    (tmp_path / "val.txt").write_bytes(b"i was lost;sadness\n")
    code, out, err = run(capsys, "check", "emotion", "--file", str(tmp_path / "train.txt"))
    assert (code, out) == (1, "")
    assert "val.txt does not have the SHA-256" in err


def test_a_foreign_archive_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(b"<!doctype html>")
    code, out, err = run(capsys, "check", "imdb", "--file", str(path))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "aclImdb_v1.tar.gz is neither a .tar.gz nor a .tar.xz file" in err


def test_the_generated_corpus_is_reported_as_synthetic(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "order-sentences")
    assert (code, err) == (0, "")
    assert "order sentences (synthetic): 4,000 rows" in out
    code, out, err = run(capsys, "fetch", "order-sentences")
    assert (code, err) == (0, "")
    assert "nothing to fetch, it is generated on request; synthetic" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("fetch", "emotion", "--sha256", "0" * 64), "--sha256 makes no sense for emotion"),
        (("fetch", "order-sentences", "--url", "http://x"), "make no sense for order-sentences"),
        (("check", "order-sentences", "--file", "x"), "--file needs the name"),
    ],
)
def test_misuse_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_what_is_not_here_says_how_to_fetch_it(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("emotion", "imdb"):
        code, out, err = run(capsys, "check", name)
        assert (code, out) == (1, "")
        assert f"rnncourse data fetch {name}" in err
        assert f"not here; `rnncourse data fetch {name}` fetches it" in run(capsys, "list")[1]
