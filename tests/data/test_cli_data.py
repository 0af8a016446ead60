"""``rnncourse data``: what it prints, what it refuses, and how it exits."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from power_server import Site, serving

from rnncourse import __main__ as cli
from rnncourse.data import Fingerprint
from rnncourse.data import registry as names
from rnncourse.data.power import MEMBER
from rnncourse.data.power_format import HEADER

TEXT = f"{HEADER}\n" + "".join(f"1/1/2007;00:0{m}:00;1;0;240;4;0;0;1\n" for m in range(9))


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    small = Fingerprint("small", 9, "2007-01-01T00:00", "2007-01-01T00:08")
    monkeypatch.setattr("rnncourse.data.power.POWER", replace(names.POWER, fingerprints=(small,)))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["data", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def archive(path: Path, member: str = MEMBER) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(member, TEXT)
    return path


def test_list_names_everything_and_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list")
    assert (code, err) == (0, "")
    for dataset in names.DATASETS.values():
        for text in (f"{dataset.name}: {dataset.title}", dataset.source, dataset.licence, dataset.citation):
            assert text in out
    assert "not here; `rnncourse data fetch power` fetches it" in out
    assert "synthetic" in out
    code, out, err = run(capsys, "list", "--json")
    assert [row["name"] for row in json.loads(out)] == list(names.DATASETS)


def test_fetch_then_check(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(Site(archive(tmp_path / "served.zip").read_bytes())) as site:
        code, out, err = run(capsys, "fetch", "power", "--url", site.url)
    assert code == 0, err
    assert str(tmp_path / "cache" / names.POWER.files[0]) in out
    assert "Hebrail" in out
    code, out, err = run(capsys, "check")
    assert (code, err) == (0, "")
    assert "power: whole" in out
    assert "0 of 9 rows missing" in out
    assert "seattle-weather: whole" in out


def test_what_the_users_folder_holds_is_not_fetched(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "household_power_consumption.zip")
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path))
    code, out, err = run(capsys, "fetch", "power")
    assert (code, err) == (0, "")
    assert str(path) in out
    assert "nothing to fetch" in out
    path.write_bytes(path.read_bytes()[:-9])
    code, out, err = run(capsys, "fetch", "power")
    assert (code, out) == (1, "")
    assert "is not a whole zip archive" in err


def test_check_without_power_is_no_failure_unless_it_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check")[0] == 0
    code, out, err = run(capsys, "check", "power")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "rnncourse data fetch power" in err


def test_a_wrong_file_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "check", "power", "--file", str(archive(tmp_path / "a.zip", "b.txt")))
    assert (code, err.count("\n")) == (1, 1)
    assert "it is the wrong archive" in err
    assert run(capsys, "check", "power", "--file", str(archive(tmp_path / "c.zip")))[0] == 0


def test_a_failed_fetch_fails_and_leaves_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    served = archive(tmp_path / "served.zip").read_bytes()
    with serving(Site(served)) as site:
        code, out, err = run(capsys, "fetch", "power", "--url", site.url + "?x", "--sha256", "0" * 64)
        assert (code, out) == (1, "")
        assert err.splitlines()[-1].endswith("it is damaged or another version.")
        site.statuses = [404]
        code, out, err = run(capsys, "fetch", "power", "--url", site.url)
        assert (code, out) == (1, "")
        assert "answered 404" in err
    assert list((tmp_path / "cache" / "power").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("fetch", "weather"), "unknown data set 'weather': choose from seattle-weather, power, synthetic-power"),
        (("check", "weather"), "unknown data set 'weather'"),
        (("fetch",), "NAME"),
        (("fetch", "power", "--sha256", "12g"), "--sha256 must be 64 hexadecimal digits, got '12g'"),
        (("fetch", "power", "--url", "ftp://x"), "--url must begin with https://"),
        (("fetch", "seattle-weather", "--url", "http://x"), "make no sense for seattle-weather"),
        (("check", "--file", "x"), "--file needs the name"),
        (("check", "seattle-weather", "--file", "x"), "--file needs the name"),
        (("check", "power", "--file", "nowhere.zip"), "nowhere.zip, which is not a file"),
        (("lst",), "lst"),
        ((), "command"),
    ],
)
def test_misuse_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_a_folder_that_is_not_there_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNCOURSE_DATA", "/nowhere/at/all")
    code, _, err = run(capsys, "list")
    assert (code, err.count("\n")) == (1, 1)
    assert "RNNCOURSE_DATA names /nowhere/at/all, which is not a folder" in err


@pytest.mark.parametrize("name", ["seattle-weather", "synthetic-power"])
def test_nothing_to_fetch(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = run(capsys, "fetch", name)
    assert (code, err) == (0, "")
    assert "nothing to fetch" in out


def test_help_needs_no_heavy_library() -> None:
    code = (
        "import sys; from rnncourse.__main__ import run; run(['data', '--help']); "
        "print({'torch', 'numpy', 'pandas', 'pooch', 'sklearn', 'requests'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert "fetch" in done.stdout
