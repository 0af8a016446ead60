"""Household power: found, loaded from each form, checked and fetched, on a small stand-in with its own fingerprint."""

import hashlib
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from power_server import Site, serving

from rnncourse.data import DataError, Fingerprint, check_power, fetch_power, load_power, locate
from rnncourse.data import registry as names
from rnncourse.data.power import MEMBER
from rnncourse.data.power_format import HEADER

ROWS = "".join(f"1/1/2007;00:{m:02d}:00;{m}.5;0.1;240;4;0;0;1\n" for m in range(20) if m != 7)
ROWS = ROWS.replace("1/1/2007;00:09:00;9.5;0.1;240;4;0;0;1", "1/1/2007;00:09:00;?;?;?;?;?;?;")
TEXT = f"{HEADER}\n{ROWS}".encode()
SMALL = Fingerprint("small", 19, "2007-01-01T00:00", "2007-01-01T00:19")


def zipped(path: Path, content: bytes = TEXT, member: str = MEMBER) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return path


def as_text(path: Path) -> None:
    path.write_bytes(TEXT)


def as_xz(path: Path) -> None:
    path.write_bytes(lzma.compress(TEXT))


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in counts as whole."""
    monkeypatch.setattr("rnncourse.data.power.POWER", replace(names.POWER, fingerprints=(SMALL,)))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("power/household_power_consumption.zip", zipped),
        ("power/household_power_consumption.txt", as_text),
        ("power/household_power_consumption_2007H1.txt.xz", as_xz),
        ("household_power_consumption.txt", as_text),
    ],
)
def test_each_form_is_found_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[Path], object]
) -> None:
    path = tmp_path / "mine" / name
    path.parent.mkdir(parents=True)
    write(path)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    assert locate(names.POWER) == path
    series = load_power()
    assert series.columns == ("Global_active_power",)
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [7, 9]
    assert load_power("Voltage", "Sub_metering_3", path=path).values[0].tolist() == [240, 1]


def test_the_users_folder_comes_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("cache", "mine"):
        (tmp_path / folder / "power").mkdir(parents=True)
        as_text(tmp_path / folder / "power" / MEMBER)
    assert locate(names.POWER) == tmp_path / "cache" / "power" / MEMBER
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    assert locate(names.POWER) == tmp_path / "mine" / "power" / MEMBER


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="run `rnncourse data fetch power`, or set RNNCOURSE_DATA"):
        load_power()
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere, which is not a folder"):
        load_power()
    other = tmp_path / "power.csv"
    as_text(other)
    with pytest.raises(DataError, match=r"power.csv must end in .txt, .xz, .zip"):
        load_power(path=other)


@pytest.mark.usefixtures("small")
def test_a_whole_file_is_known_and_its_gaps_are_reported(tmp_path: Path) -> None:
    checked = check_power(zipped(tmp_path / "a.zip"))
    assert checked.fingerprint == SMALL
    assert (checked.gaps.rows, checked.gaps.missing) == (20, 2)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "cut",
    [
        TEXT[: TEXT.rindex(b"1/1/2007")],  # the last row is gone
        TEXT.replace(b"1/1/2007;00:05:00;5.5;0.1;240;4;0;0;1\n", b""),  # a row in the middle is gone
        TEXT.replace(b"1/1/2007", b"1/1/2008"),
    ],
)
def test_an_altered_file_is_not_whole(tmp_path: Path, cut: bytes) -> None:
    with pytest.raises(DataError, match=r"but 19 \(2007-01-01T00:00 to 2007-01-01T00:19\) are expected"):
        check_power(zipped(tmp_path / "a.zip", cut))


def test_the_half_year_has_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "household_power_consumption_2007H1.txt.xz"
    as_xz(path)
    with pytest.raises(DataError, match="does not have the SHA-256 9f07d8ff"):
        check_power(path)


@pytest.mark.usefixtures("small")
def test_fetching_verifies_and_then_has_it(tmp_path: Path) -> None:
    content = zipped(tmp_path / "served.zip").read_bytes()
    with serving(Site(content)) as site:
        path = fetch_power(url=site.url, sha256=hashlib.sha256(content).hexdigest())
        assert path == tmp_path / "cache" / names.POWER.files[0]
        assert fetch_power(url=site.url) == path
        assert len(site.asked) == 1
        path.write_bytes(content[:-40])
        fetch_power(url=site.url)
        assert len(site.asked) == 2
    assert len(load_power()) == 20


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("content", "member", "complaint"),
    [
        (TEXT, "other.txt", "holds 'other.txt', but 'household_power_consumption.txt' alone belongs"),
        (TEXT, "../" + MEMBER, "wrong archive"),
        (TEXT[:-60], MEMBER, "are expected|is expected"),
        (TEXT.replace(b";", b","), MEMBER, "semicolon"),
        (b"0" * 2_000_000, MEMBER, "more than 100 times its size"),
    ],
)
def test_a_wrong_archive_never_takes_the_name(tmp_path: Path, content: bytes, member: str, complaint: str) -> None:
    served = zipped(tmp_path / "served.zip", content, member).read_bytes()
    with serving(Site(served)) as site, pytest.raises(DataError, match=complaint):
        fetch_power(url=site.url)
    assert list((tmp_path / "cache" / "power").iterdir()) == []


def test_the_registry_is_complete() -> None:
    for name, dataset in names.DATASETS.items():
        assert names.find(name) is dataset
        assert all((dataset.title, dataset.source, dataset.licence, dataset.citation))
        assert ("synthetic" in dataset.title) == (dataset.kind is names.Kind.generated)
    with pytest.raises(DataError, match="unknown data set 'weather': choose from seattle-weather, power"):
        names.find("weather")


def test_the_official_file_has_no_absent_minute() -> None:
    """Its published number of rows fills the grid between its published first and last stamp."""
    official = names.POWER.fingerprints[0]
    minutes = np.datetime64(official.last) - np.datetime64(official.first)
    assert minutes == np.timedelta64(official.rows - 1, "m")
