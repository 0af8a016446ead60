"""Archives are looked at before they are unpacked."""

import gzip
import lzma
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import DataError
from rnncourse.data.archives import read_gzip, read_plain, read_xz, read_zip

MEMBER = "household_power_consumption.txt"
TEXT = b"".join(b"%d;%d\n" % (i, i * i % 9973) for i in range(4000))


def archive(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content, zipfile.ZIP_DEFLATED)
    return path


def test_the_expected_member_is_read(tmp_path: Path) -> None:
    assert read_zip(archive(tmp_path / "a.zip", (MEMBER, TEXT)), MEMBER) == TEXT


@pytest.mark.parametrize(
    "foreign",
    ["other.txt", "../" + MEMBER, "/" + MEMBER, "C:\\" + MEMBER, "a/" + MEMBER, MEMBER + "/", MEMBER + "\x00x"],
)
def test_foreign_members_and_path_tricks_are_named(tmp_path: Path, foreign: str) -> None:
    # A raw name: ZipInfo's own constructor would cut it at the NUL.
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = foreign
    for name, members in {
        "alone.zip": [(info, TEXT)],
        "beside.zip": [(MEMBER, TEXT), (info, b"")],
    }.items():
        with pytest.raises(DataError, match="wrong archive"):
            read_zip(archive(tmp_path / name, *members), MEMBER)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["alone.zip", "beside.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_or_never(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 2 members"):
        read_zip(archive(tmp_path / "two.zip", (MEMBER, TEXT), (MEMBER, TEXT)), MEMBER)
    with pytest.raises(DataError, match="holds 0 members"):
        read_zip(archive(tmp_path / "none.zip"), MEMBER)


def test_links_and_encryption_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo(MEMBER)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(DataError, match="holds a link"):
        read_zip(archive(tmp_path / "link.zip", (link, b"/etc/passwd")), MEMBER)
    path = archive(tmp_path / "locked.zip", (MEMBER, TEXT))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="is encrypted"):
        read_zip(path, MEMBER)


def test_huge_members_are_refused_before_unpacking(tmp_path: Path) -> None:
    path = archive(tmp_path / "big.zip", (MEMBER, TEXT))
    with pytest.raises(DataError, match=r"unpacks to [\d,]+ bytes, more than the 1,000 allowed"):
        read_zip(path, MEMBER, limit=1000)
    with pytest.raises(DataError, match="more than 100 times its size"):
        read_zip(archive(tmp_path / "bomb.zip", (MEMBER, b"0" * 2_000_000)), MEMBER)


def test_a_size_that_lies_is_found(tmp_path: Path) -> None:
    """A bomb that announces few bytes: no more than those are unpacked, and the checksum does not fit."""
    path = archive(tmp_path / "liar.zip", (MEMBER, b"0" * 2_000_000))
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + offset
        content[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a whole zip archive"):
        read_zip(path, MEMBER)


def test_a_page_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "page.zip"
    path.write_text("<!doctype html><title>Not found</title>")
    with pytest.raises(DataError, match="page.zip is not a whole zip archive"):
        read_zip(path, MEMBER)


@given(data=st.data())
@settings(deadline=None, max_examples=80)
def test_a_damaged_zip_is_read_whole_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = archive(tmp_path_factory.mktemp("fuzz") / "a.zip", (MEMBER, TEXT))
    content = bytearray(path.read_bytes())
    end = data.draw(st.integers(1, len(content)))
    del content[end:]
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        content = read_zip(path, MEMBER)
    except DataError:  # any other exception fails the test
        return
    assert content == TEXT


def test_xz_is_read_and_held_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.xz"
    path.write_bytes(lzma.compress(TEXT))
    assert read_xz(path) == TEXT
    with pytest.raises(DataError, match="unpacks to more than the 1,000 bytes allowed"):
        read_xz(path, limit=1000)
    path.write_bytes(lzma.compress(bytes(50_000_000)))
    with pytest.raises(DataError, match="unpacks to more than"):
        read_xz(path, limit=2_000_000)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda b: b[: len(b) // 2], "cut short"),
        (lambda b: b"", "cut short"),
        (lambda b: b"PK" + b, "not a whole xz file"),
        (lambda b: b[:100] + bytes(8) + b[108:], "not a whole xz file"),
        (lambda b: b + b"more", "goes on after the end"),
    ],
)
def test_a_damaged_xz_is_refused(tmp_path: Path, change: object, complaint: str) -> None:
    path = tmp_path / "a.txt.xz"
    path.write_bytes(change(lzma.compress(TEXT)))  # type: ignore[operator]
    with pytest.raises(DataError, match=complaint):
        read_xz(path)


def test_plain_files_have_a_limit_too(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    assert read_plain(path) == TEXT
    with pytest.raises(DataError, match="more than the 10 allowed"):
        read_plain(path, limit=10)


def test_gzip_is_read_and_held_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(TEXT))
    assert read_gzip(path) == TEXT
    assert read_gzip(path, limit=len(TEXT)) == TEXT
    with pytest.raises(DataError, match="a.txt.gz unpacks to more than the 1,000 bytes allowed"):
        read_gzip(path, limit=1000)


@pytest.mark.parametrize(
    "change",
    [lambda b: b[:-9], lambda b: b"PK" + b, lambda b: b[:100] + bytes(8) + b[108:], lambda b: b + b"more"],
)
def test_a_damaged_gzip_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(change(gzip.compress(TEXT)))
    with pytest.raises(DataError, match="a.txt.gz is not a whole gzip file"):
        read_gzip(path)
