"""The IMDB archive: read in memory, refused when foreign or damaged; on small stand-ins."""

import gzip
import lzma
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from archives import REVIEWS, SMALL_IMDB, tar, write
from hypothesis import given
from hypothesis import strategies as st
from served import serving

from rnncourse.data import DataError, load_imdb
from rnncourse.data.downloads import fetch_archive
from rnncourse.data.imdb import FOLDERS, IMDB, check_imdb, fingerprint, read_reviews

# What the official archive holds besides.
OTHERS = {
    "aclImdb/README": b"readme",
    "aclImdb/imdb.vocab": b"the\nand\n",
    "aclImdb/train/labeledBow.feat": b"9 0:1\n" * 5000,
    "aclImdb/train/urls_unsup.txt": b"http://example.org\n",
    "aclImdb/train/unsup/0_0.txt": b"no label",
    "aclImdb/test/urls_pos.txt": b"",
}
DIRECTORIES = ("aclImdb", "aclImdb/train", "aclImdb/train/unsup", *(f"aclImdb/{folder}" for folder in FOLDERS))
NINTH = "aclImdb/train/neg/9_1.txt"


@pytest.fixture(autouse=True)
def _the_stand_in_counts_as_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in SMALL_IMDB.items():
        monkeypatch.setitem(IMDB.known[0], key, value)


def member(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def archive(*more: tuple[str | tarfile.TarInfo, bytes], without: int = 0) -> bytes:
    folders = ((member(name, tarfile.DIRTYPE), b"") for name in DIRECTORIES)
    return tar(*folders, *list(REVIEWS.items())[without:], *more, *OTHERS.items())


def refused(path: Path, content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        read_reviews(write(path, gzip.compress(content, 1)))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return str(caught.value)


@pytest.mark.parametrize("name", IMDB.files)
def test_each_form_is_found_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    content = gzip.compress(archive()) if name.endswith("gz") else lzma.compress(tar(*reversed(REVIEWS.items())))
    write(tmp_path / "mine" / name, content)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    splits = load_imdb()
    assert splits.train.classes == ("negative", "positive")
    assert splits.train.labels.tolist() == [0, 1] * 3
    assert splits.train.texts[:3] == ("train/neg 0.  Ça va", "train/pos 0.  Ça va", "train/neg 1.  Ça va")
    assert splits.test.counts == {"negative": 3, "positive": 3}


def test_the_fingerprint_is_of_texts_ratings_and_places() -> None:
    one = {("train/neg", "0_1"): b"a", ("train/pos", "0_9"): b"b"}
    others = (
        {("train/neg", "0_2"): b"a", ("train/pos", "0_9"): b"b"},
        {("train/neg", "0_1"): b"ab", ("train/pos", "0_9"): b""},
        {("test/neg", "0_1"): b"a", ("train/pos", "0_9"): b"b"},
        {("train/neg", "0_1"): b"a"},
    )
    assert len({fingerprint(reviews) for reviews in (one, *others)}) == 5


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (archive(without=1), "holds 11 reviews"),
        (archive((NINTH, b"one more")), "holds 13 reviews"),
        (archive((NINTH, b"one more"), without=1), "holds 12 reviews"),
        *((archive((f"aclImdb/test/pos/{name}.txt", b"again")), "altered") for name in ("1_9", "1_10", "01_8")),
        (tar(*REVIEWS.items())[: 5 * 1024 + 100], "holds 5 reviews"),
        (archive((NINTH, b"x" * 300_000)), "wrong archive"),
        (archive(("aclImdb/train/urls_neg.txt", bytes(3_000_000))), "unpacks to more than"),
        (archive((member(NINTH, tarfile.SYMTYPE), b"")), "wrong archive"),
    ],
)
def test_missing_altered_and_foreign_reviews_are_found(tmp_path: Path, content: bytes, culprit: str) -> None:
    assert culprit in refused(tmp_path / "a.tar.gz", content)


def test_what_is_missing_or_has_another_checksum(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run `rnncourse data fetch imdb`"):
        load_imdb()
    with pytest.raises(DataError, match="SHA-256 77964cf8"):
        check_imdb(write(tmp_path / "aclImdb_supervised.tar.xz", lzma.compress(archive())))
    assert len(check_imdb(write(tmp_path / "other.tar.xz", lzma.compress(archive()))).test) == 6


SOUND = tar(*list(REVIEWS.items())[:4], *OTHERS.items())


@given(data=st.data())
def test_a_damaged_tar_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Change the headers inside of a sound gzip file."""
    content = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 5)) * 1024 + data.draw(st.integers(0, 600))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # a checksum that fits, so that the change is believed
        content[148:156] = b" " * 8
        content[148:156] = b"%06o\0 " % sum(content[:512])
    refused(tmp_path_factory.mktemp("fuzz") / "a.tar.gz", bytes(content[: data.draw(st.integers(1, len(content)))]))


def test_fetching_verifies_and_then_has_it(cache: Path) -> None:
    content = gzip.compress(archive())
    with serving(a_tgz=content, b_tgz=gzip.compress(archive(without=1))) as site:
        path = write(cache / IMDB.files[0], content[:-40])
        with pytest.raises(DataError, match=r"aclImdb_v1\.tar\.gz holds 11 reviews"):
            fetch_archive(replace(IMDB, source=f"{site.url}/b.tgz"), read_reviews)
        assert list(path.parent.iterdir()) == []
        fetch_archive(replace(IMDB, source=f"{site.url}/a.tgz"), read_reviews)
    assert len(load_imdb().train) == 6
