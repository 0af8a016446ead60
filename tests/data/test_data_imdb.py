"""The IMDB archive: read in memory, kept in the cache, refused when foreign or damaged; on small stand-ins."""

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from power_server import Site, serving

from rnncourse.data import DataError, load_imdb
from rnncourse.data import registry as names
from rnncourse.data.imdb import MOODS, check_imdb, fetch_imdb
from rnncourse.data.registry import Content
from rnncourse.data.reviews import FOLDERS, Review, read_reviews, reviews_fingerprint

RATINGS = {"neg": 2, "pos": 9}
REVIEWS = {
    f"aclImdb/{folder}/{number}_{RATINGS[folder[-3:]]}.txt": f"{folder} {number}.<br /><br />Ça va".encode()
    for folder in FOLDERS
    for number in range(3)
}
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
PACK: dict[str, Callable[[bytes], bytes]] = {".tar.gz": gzip.compress, ".tar.xz": lzma.compress}


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in counts as whole."""
    known = reviews_fingerprint(read_reviews(archive(tmp_path / "known.tar.gz")))
    monkeypatch.setattr("rnncourse.data.imdb.IMDB_REVIEWS", Content(len(REVIEWS), known))


def tar(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as file:
        for given_as, content in members:
            info = tarfile.TarInfo(given_as) if isinstance(given_as, str) else given_as
            if isinstance(given_as, str):
                info.size = len(content)
            file.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return buffer.getvalue()


def directory(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def archive(path: Path, *more: tuple[str | tarfile.TarInfo, bytes], without: int = 0, others: bool = True) -> Path:
    members = [*((directory(name), b"") for name in DIRECTORIES), *list(REVIEWS.items())[without:], *more]
    content = tar(*members, *(OTHERS.items() if others else ()))
    path.write_bytes(PACK["".join(path.suffixes[-2:])](content))
    return path


def test_both_archives_give_the_same_reviews(tmp_path: Path) -> None:
    official = read_reviews(archive(tmp_path / "a.tar.gz"))
    other = read_reviews(archive(tmp_path / "b.tar.xz", others=False))
    assert official == other
    assert reviews_fingerprint(official) == reviews_fingerprint(other)
    assert [(review.number, review.folder) for review in official] == [
        (n, folder) for n in range(3) for folder in FOLDERS
    ]
    assert official[1] == Review("train/pos", 0, 9, "train/pos 0.<br /><br />Ça va".encode())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "b.tar.xz"]


def test_the_fingerprint_does_not_depend_on_the_order_of_the_members(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar(*reversed(REVIEWS.items()))))
    found = read_reviews(path)
    assert found == read_reviews(archive(tmp_path / "b.tar.gz"))
    altered = [replace(found[0], rating=3), *found[1:]], [replace(found[0], text=b"other"), *found[1:]], found[1:]
    fingerprints = {reviews_fingerprint(reviews) for reviews in (found, *altered)}
    assert len(fingerprints) == 4


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", names.IMDB.files)
def test_each_form_is_found_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / "mine" / name
    path.parent.mkdir(parents=True)
    archive(path)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    splits = load_imdb()
    assert [len(part) for part in splits.parts.values()] == [6, 6]
    assert splits.train.classes == MOODS
    assert splits.train.labels.tolist() == [0, 1] * 3
    assert splits.train.texts[:3] == ("train/neg 0.  Ça va", "train/pos 0.  Ça va", "train/neg 1.  Ça va")
    assert splits.test.counts == {"negative": 3, "positive": 3}


@pytest.mark.usefixtures("small")
def test_the_copy_in_the_cache_is_read_and_a_spoiled_one_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a.tar.gz")
    fingerprint = load_imdb(path=path).fingerprint
    (copy,) = (tmp_path / "cache" / "imdb").iterdir()
    whole = copy.read_bytes()
    for spoiled in (b"", b"PK", whole[:-9], whole.replace(b"train/neg 0", b"train/neg 9")):
        copy.write_bytes(spoiled)
        assert load_imdb(path=path).fingerprint == fingerprint
        assert copy.stat().st_size == len(whole)
    np.savez(copy, numbers=np.array([{}], dtype=object), texts=np.zeros(3))
    assert load_imdb(path=path).fingerprint == fingerprint
    monkeypatch.setattr("rnncourse.data.imdb.read_reviews", None)  # the archive is not read again
    assert load_imdb(path=path).fingerprint == fingerprint


@pytest.mark.usefixtures("small")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "a.tar.gz")
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "file"))
    assert len(load_imdb(path=path).train) == 6

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("numpy.savez", full)
    assert len(load_imdb(path=path).train) == 6
    assert list((tmp_path / "cache" / "imdb").iterdir()) == []


@pytest.mark.usefixtures("small")
def test_missing_and_altered_reviews_are_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a.tar.gz holds 11 reviews \(2 in train/neg, 3 in train/pos, .* but 12 are"):
        load_imdb(path=archive(tmp_path / "a.tar.gz", without=1))
    more = ("aclImdb/train/neg/3_1.txt", b"one more")
    with pytest.raises(DataError, match="holds 13 reviews"):
        load_imdb(path=archive(tmp_path / "a.tar.gz", more))
    with pytest.raises(DataError, match="do not have the content SHA-256 .*: they are altered"):
        load_imdb(path=archive(tmp_path / "a.tar.gz", more, without=1))
    assert not (tmp_path / "cache").exists()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'imdb' is not on this machine: run `rnncourse data fetch imdb`"):
        load_imdb()
    for read in (lambda path: load_imdb(path=path), check_imdb):
        with pytest.raises(DataError, match=r"there is no file .*nowhere\.tar\.gz"):
            read(tmp_path / "nowhere.tar.gz")


@pytest.mark.usefixtures("small")
def test_the_smaller_archive_has_a_checksum(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not have the SHA-256 77964cf8"):
        check_imdb(archive(tmp_path / "aclImdb_supervised.tar.xz"))
    assert len(check_imdb(archive(tmp_path / "other.tar.xz")).test) == 6


@pytest.mark.parametrize(
    "foreign",
    [
        *("other.txt", "aclImdb/other.txt", "aclImdb/train/neg/0_1.html", "aclImdb/valid/neg/0_1.txt"),
        *("../aclImdb/train/neg/0_1.txt", "/aclImdb/train/neg/0_1.txt", "aclImdb/train/neg/../../../0_1.txt"),
        *("aclImdb\\train\\neg\\0_1.txt", "./aclImdb/train/neg/9_1.txt", "aclImdb/train/neg/x_1.txt"),
        *("aclImdb/train/neg/9_1.txt/x", "aclImdb/train/neg/-1_1.txt", "aclImdb/train/neg/٣_1.txt"),
        "aclImdb/train/neg/9_1.txt\n",
    ],
)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE])
def test_foreign_names_and_path_tricks_are_refused(tmp_path: Path, foreign: str, kind: bytes) -> None:
    info = tarfile.TarInfo(foreign)
    info.type = kind
    info.linkname = "/etc/passwd"
    with pytest.raises(DataError, match=r"a\.tar\.gz holds .*which does not belong in it: it is the wrong archive"):
        read_reviews(archive(tmp_path / "a.tar.gz", (info, b"")))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize("name", ["aclImdb/train/neg/9_1.txt", "aclImdb/README", "aclImdb/train/unsup/9_0.txt"])
@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE],
)
def test_links_and_devices_are_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "aclImdb/train/neg/0_2.txt"
    with pytest.raises(DataError, match=f"holds '{name}' as a link or a special file"):
        read_reviews(archive(tmp_path / "a.tar.gz", (info, b"")))


def test_a_folder_in_the_place_of_a_review_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 'aclImdb/train/neg/9_1.txt' as a link or a special file"):
        read_reviews(archive(tmp_path / "a.tar.gz", (directory("aclImdb/train/neg/9_1.txt"), b"")))
    with pytest.raises(DataError, match="holds 'aclImdb/train', which does not belong in it"):
        read_reviews(archive(tmp_path / "a.tar.gz", ("aclImdb/train", b"no folder")))


def sparse(name: str, size: int) -> tarfile.TarInfo:
    """A file that claims zeros which the archive does not hold."""
    info = tarfile.TarInfo(name)
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": f"0,0,{size},0"}
    info.pax_headers["GNU.sparse.size"] = str(size)
    return info


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(sparse("aclImdb/train/neg/9_1.txt", 2**40))
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(buffer.getvalue()))
    with pytest.raises(DataError, match="as a link or a special file"):
        read_reviews(path)


def test_a_review_twice_an_empty_one_and_a_huge_one(tmp_path: Path) -> None:
    for content, complaint in {
        b"": "aclImdb/train/neg/9_1.txt in a.tar.gz has 0 bytes, but 1 to 262,144 are expected",
        b"x" * 300_000: "has 300,000 bytes",
    }.items():
        with pytest.raises(DataError, match=complaint):
            read_reviews(archive(tmp_path / "a.tar.gz", ("aclImdb/train/neg/9_1.txt", content)))
    for name in ("aclImdb/test/pos/1_9.txt", "aclImdb/test/pos/1_10.txt", "aclImdb/test/pos/01_9.txt"):
        with pytest.raises(DataError, match="holds test/pos number 1 twice"):
            read_reviews(archive(tmp_path / "a.tar.gz", (name, b"again")))


@pytest.mark.parametrize("suffix", PACK)
def test_bombs_are_not_unpacked(tmp_path: Path, suffix: str) -> None:
    path = archive(tmp_path / f"a{suffix}", ("aclImdb/train/urls_neg.txt", bytes(3_000_000)))
    # The archive has some kilobytes; a hundred times as many, and no less than a mebibyte, are allowed.
    with pytest.raises(DataError, match=r"a\.tar\.(gz|xz) unpacks to more than the 1,048,576 bytes allowed"):
        read_reviews(path)
    with pytest.raises(DataError, match="unpacks to more than the 5,000 bytes allowed"):
        read_reviews(archive(tmp_path / f"b{suffix}"), limit=5000)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnncourse.data.reviews.MAX_MEMBERS", 20)
    with pytest.raises(DataError, match="holds more than 20 members"):
        read_reviews(archive(tmp_path / "a.tar.gz"))


def negative_size(content: bytes) -> bytes:
    """Give the last member the size minus one, in the base-256 notation of GNU tar, and a checksum that fits."""
    at = content.rindex(b"aclImdb/")
    header = bytearray(content[at : at + 512])
    header[124:136] = b"\xff" * 12
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return content[:at] + bytes(header) + content[at + 512 :]


def long_names(content: bytes) -> bytes:
    """A chain of headers, each of which announces the name of the next one."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8
    return (info.tobuf(tarfile.GNU_FORMAT) + b"aclImdb\0".ljust(512, b"\0")) * 3000 + content


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda tar: gzip.compress(tar)[:-200], "is not a whole tar archive .*: fetch it again"),
        (lambda tar: gzip.compress(tar[:530]), "is not a whole tar archive .unexpected end of data"),
        (lambda tar: lzma.compress(tar)[:-200], "cut short"),
        (lambda tar: gzip.compress(tar)[:40] + bytes(40) + gzip.compress(tar)[80:], "is not a whole tar archive"),
        (lambda tar: gzip.compress(b"<!doctype html><title>Not found</title>"), "is not a whole tar archive"),
        (lambda tar: gzip.compress(b""), "is not a whole tar archive"),
        (lambda tar: gzip.compress(negative_size(tar)), "is not a whole tar archive|-1 bytes"),
        (lambda tar: gzip.compress(long_names(tar), 1), "is not a whole tar archive"),
        (lambda tar: tar, "a.tar.gz is neither a .tar.gz nor a .tar.xz file"),
        (lambda tar: b"", "is neither a .tar.gz nor a .tar.xz file"),
        (lambda tar: b"PK\x03\x04", "is neither"),
    ],
)
def test_damaged_archives_are_refused(tmp_path: Path, change: Callable[[bytes], bytes], complaint: str) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(change(tar(*REVIEWS.items())))
    with pytest.raises(DataError, match=complaint) as caught:
        read_reviews(path)
    assert "\n" not in str(caught.value)


SOUND = tar(*list(REVIEWS.items())[:4], *OTHERS.items())


@given(data=st.data())
@settings(deadline=None, max_examples=120)
def test_a_damaged_tar_is_read_in_part_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Fuzz the headers inside of a sound gzip file: whatever comes out has a place and a size among the known ones."""
    content = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, 5)) * 1024 + data.draw(st.integers(0, 600))
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # a checksum that fits, so that the change is believed
        content[148:156] = b" " * 8
        content[148:156] = b"%06o\0 " % sum(content[:512])
    path = tmp_path_factory.mktemp("fuzz") / "a.tar.gz"
    path.write_bytes(gzip.compress(bytes(content[: data.draw(st.integers(1, len(content)))]), 1))
    try:
        reviews = read_reviews(path)
    except DataError:  # any other exception fails the test
        return
    assert len(reviews) <= 4
    assert all(review.folder in FOLDERS and 0 < len(review.text) <= 2**18 for review in reviews)


@pytest.mark.usefixtures("small")
def test_fetching_verifies_and_then_has_it(tmp_path: Path) -> None:
    content = archive(tmp_path / "served.tar.gz").read_bytes()
    with serving(Site(content)) as site:
        path = fetch_imdb(url=site.url, sha256=hashlib.sha256(content).hexdigest())
        assert path == tmp_path / "cache" / names.IMDB.files[0]
        assert len(list(path.parent.iterdir())) == 2  # with the copy that loads fast
        assert fetch_imdb(url=site.url) == path
        assert len(site.asked) == 1
        path.write_bytes(content[:-40])
        fetch_imdb(url=site.url)
        assert len(site.asked) == 2
    assert len(load_imdb().train) == 6


@pytest.mark.usefixtures("small")
def test_an_archive_that_ends_between_two_reviews_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar(*REVIEWS.items())[: 5 * 1024 + 100]))
    with pytest.raises(DataError, match="holds 5 reviews .* but 12 are expected: it is cut or altered"):
        load_imdb(path=path)


@pytest.mark.usefixtures("small")
def test_a_broken_transfer_goes_on(tmp_path: Path) -> None:
    noise = hashlib.shake_256(b"counts").digest(300_000)
    content = archive(tmp_path / "served.tar.gz", ("aclImdb/train/unsupBow.feat", noise)).read_bytes()
    with serving(Site(content, break_after=[150_000])) as site:
        with pytest.raises(DataError, match="try again later"):
            fetch_imdb(url=site.url, retries=0)
        assert fetch_imdb(url=site.url, retries=0).read_bytes() == content
        assert site.asked[0] is None
        assert str(site.asked[1]).startswith("bytes=")


@pytest.mark.usefixtures("small")
def test_a_wrong_archive_never_takes_the_name(tmp_path: Path) -> None:
    served = archive(tmp_path / "served.tar.gz", without=1).read_bytes()
    with serving(Site(served)) as site, pytest.raises(DataError, match=r"aclImdb_v1\.tar\.gz holds 11 reviews"):
        fetch_imdb(url=site.url)
    assert list((tmp_path / "cache" / "imdb").iterdir()) == []
