"""Files of strangers, for every loader: read whole or refused in one sentence, and nothing is unpacked to disk."""

import gzip
import lzma
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import REVIEWS, SMALL_IMDB, attempt, tar, write, wrong_in_the_middle, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import DataError, load_imdb, load_power
from rnncourse.data.emotion import read_emotion
from rnncourse.data.files import expect_hash, read_file
from rnncourse.data.imdb import IMDB
from rnncourse.data.power import HEADER, MEMBER

MINUTES = ((day, hour, minute) for day in (1, 2) for hour in range(24) for minute in range(60))
ROWS = "".join(f"{d}/1/2007;{h:02d}:{m:02d}:00;{m}.5;0.{h};240;{d};0;0;1\n" for d, h, m in MINUTES)
LOADERS: dict[str, tuple[Callable[[Path], Any], bytes]] = {
    "power": (lambda path: load_power(path=path).values, f"{HEADER}\n{ROWS}".encode()),
    "emotion": (
        lambda path: read_emotion(path).fingerprint,
        "".join(f"i feel {n} times fine;joy\nwhy {n * n} reasons;sadness\n" for n in range(500)).encode(),
    ),
    "imdb": (lambda path: load_imdb(path=path).fingerprint, tar(*REVIEWS.items())),
}
every_loader = pytest.mark.parametrize("loader", LOADERS)


@pytest.fixture(autouse=True)
def _the_stand_in_counts_as_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in SMALL_IMDB.items():
        monkeypatch.setitem(IMDB.known[0], key, value)


GOOD: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    **{
        f"zip by method {method}": lambda content, method=method: zipped((MEMBER, content), method=method)  # type: ignore[misc]
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    },
}


@every_loader
@pytest.mark.parametrize("packing", ["plain", "byte order mark", *GOOD])
def test_each_form_under_any_name_gives_the_same(tmp_path: Path, loader: str, packing: str) -> None:
    load, content = LOADERS[loader]
    expected = load(write(tmp_path / "plain", content))
    if packing == "byte order mark":
        content = content if loader == "imdb" else b"\xef\xbb\xbf" + content
    else:
        content = GOOD.get(packing, bytes)(content)
    np.testing.assert_array_equal(load(write(tmp_path / "a folder" / "دادهٔ خانه.txt", content)), expected)
    assert len(list(tmp_path.rglob("*"))) == 3


BAD: dict[str, Callable[[Path, bytes], object]] = {
    "missing": lambda path, content: None,
    "a folder": lambda path, content: path.mkdir(parents=True),
    "unreadable": lambda path, content: (path.parent.mkdir(), path.symlink_to(path)),
    "empty": lambda path, content: write(path, b""),
    "a page": lambda path, content: write(path, b"<!doctype html><title>Not found</title>\n"),
    **{
        f"{packing}, {what}": lambda path, content, pack=pack, change=change: write(path, change(pack(content)))  # type: ignore[misc]
        for packing, pack in GOOD.items()
        for what, change in {
            "cut short": lambda packed: packed[: len(packed) * 2 // 3],
            "damaged": wrong_in_the_middle,
            "empty": lambda packed: packed[:6],
        }.items()
    },
}


@every_loader
@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, loader: str, kind: str) -> None:
    load, content = LOADERS[loader]
    path = tmp_path / "دادهٔ خانه" / "a.txt"
    BAD[kind](path, content)
    with pytest.raises(DataError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert message.endswith(".")
    assert len(message) < 500


@every_loader
@given(data=st.data())
@settings(max_examples=40)
def test_any_damage_to_an_archive_is_found_or_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, loader: str, data: st.DataObject
) -> None:
    load, content = LOADERS[loader]
    folder = tmp_path_factory.mktemp("fuzz")
    packed = bytearray(GOOD[data.draw(st.sampled_from(list(GOOD)))](content))
    del packed[data.draw(st.integers(1, len(packed))) :]
    for _ in range(data.draw(st.integers(0, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    found = attempt(load, write(folder / "a", bytes(packed)))
    if found is not None:
        np.testing.assert_array_equal(found, load(write(folder / "b", content)))


TEXT = LOADERS["emotion"][1]


@pytest.mark.parametrize("pack", [bytes, *GOOD.values()])
def test_no_more_is_read_than_allowed(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path / "a", pack(TEXT))
    assert read_file(path, limit=len(TEXT)) == TEXT
    with pytest.raises(DataError, match=f"more than the {len(TEXT) - 1:,} bytes"):
        read_file(path, limit=len(TEXT) - 1)
    bomb = pack(bytes(3_000_000))
    if len(bomb) < 30_000:  # it may unpack to no more than a hundred times its size
        with pytest.raises(DataError, match="more than the 1,048,576 bytes"):
            read_file(write(path, bomb))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names",
    [
        *(["other.txt"], ["../" + MEMBER], ["/" + MEMBER], ["C:\\" + MEMBER], ["a/" + MEMBER], [MEMBER + "/"]),
        *([MEMBER + "\x00x"], [], [MEMBER, MEMBER], [MEMBER, "../x"]),
    ],
)
def test_foreign_members_and_path_tricks_are_refused(tmp_path: Path, names: list[str]) -> None:
    members: list[tuple[zipfile.ZipInfo, bytes]] = []
    for name in names:
        members.append((zipfile.ZipInfo("x"), TEXT))
        members[-1][0].filename = members[-1][0].orig_filename = name  # the constructor would cut it at the NUL
    with pytest.raises(DataError, match="wrong archive"):
        read_file(write(tmp_path / "a.zip", zipped(*members)), member=MEMBER)
    assert len(list(tmp_path.rglob("*"))) == 1


def test_links_and_encryption_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo(MEMBER)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    locked = bytearray(zipped((MEMBER, TEXT)))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    for content in (zipped((link, b"/etc/passwd")), bytes(locked)):
        with pytest.raises(DataError, match="a link or an encrypted"):
            read_file(write(tmp_path / "a.zip", content))


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    for pack in (gzip.compress, lzma.compress):
        with pytest.raises(DataError):
            read_file(write(tmp_path / "a", pack(TEXT) + b"more"))


def test_a_checksum(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"abc")
    expect_hash(path, None)
    expect_hash(path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    with pytest.raises(DataError, match="SHA-256 0000"):
        expect_hash(path, "0" * 64)
    with pytest.raises(DataError, match="there is no file"):
        expect_hash(tmp_path / "b", "0" * 64)
