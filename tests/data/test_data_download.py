"""Downloads from a server on this machine: whole or not there, resumed where they broke."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from power_server import Site, serving

from rnncourse.data import DataError, download

CONTENT = hashlib.shake_256(b"archive").digest(300_000)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(CONTENT)) as running:
        yield running


def accept(part: Path) -> None:
    if part.read_bytes() != CONTENT:
        raise DataError("the archive is another.")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fetch(site: Site, path: Path, **options: Any) -> Path:
    return download(site.url, path, **{"verify": accept, "retries": 0, **options})


def test_a_file_arrives_whole_and_alone(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(site, tmp_path / "new" / "a.zip", progress=lambda have, total: seen.append((have, total)))
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["a.zip"]
    assert seen[-1] == (300_000, 300_000)
    assert [have for have, _ in seen] == sorted(have for have, _ in seen)
    fetch(site, path)
    assert site.asked == [None]


def test_a_broken_transfer_resumes_at_the_next_call(site: Site, tmp_path: Path) -> None:
    site.break_after = [100_000]
    with pytest.raises(DataError, match="could not be fetched .* try again later"):
        fetch(site, tmp_path / "a.zip")
    assert names(tmp_path) == ["a.zip.part", "a.zip.part.tag"]
    have = (tmp_path / "a.zip.part").stat().st_size
    assert 0 < have <= 100_000
    assert fetch(site, tmp_path / "a.zip").read_bytes() == CONTENT
    assert site.asked == [None, f"bytes={have}-"]
    assert names(tmp_path) == ["a.zip"]


def test_a_broken_transfer_is_tried_again_by_itself(site: Site, tmp_path: Path) -> None:
    site.break_after = [150_000]
    assert fetch(site, tmp_path / "a.zip", retries=1).read_bytes() == CONTENT
    assert len(site.asked) == 2
    assert site.asked[1] is not None


def test_a_server_that_is_busy_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.statuses = [503]
    assert fetch(site, tmp_path / "a.zip", retries=1).read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["no ranges", "other version", "no tag", "part too long"])
def test_what_cannot_be_resumed_starts_again(site: Site, tmp_path: Path, change: str) -> None:
    (tmp_path / "a.zip.part").write_bytes(b"older" * (99_999 if change == "part too long" else 1000))
    (tmp_path / "a.zip.part.tag").write_text('"v0"' if change == "other version" else site.tag)
    site.ranges = change != "no ranges"
    if change == "no tag":
        (tmp_path / "a.zip.part.tag").unlink()
    assert fetch(site, tmp_path / "a.zip", retries=1).read_bytes() == CONTENT
    assert names(tmp_path) == ["a.zip"]


def test_a_weak_tag_is_not_trusted(site: Site, tmp_path: Path) -> None:
    site.tag = 'W/"v1"'
    site.break_after = [100_000]
    with pytest.raises(DataError):
        fetch(site, tmp_path / "a.zip")
    assert fetch(site, tmp_path / "a.zip").read_bytes() == CONTENT
    assert site.asked == [None, None]


def test_a_file_cut_short_without_a_size_is_found_by_its_content(site: Site, tmp_path: Path) -> None:
    site.sized = False
    site.break_after = [1000]
    with pytest.raises(DataError, match="the archive is another"):
        fetch(site, tmp_path / "a.zip")
    assert names(tmp_path) == []


def test_a_refused_file_leaves_nothing(site: Site, tmp_path: Path) -> None:
    def refuse(part: Path) -> None:
        raise DataError("line 7 is wrong.")

    with pytest.raises(DataError, match=r"^line 7 is wrong\.$"):
        fetch(site, tmp_path / "a.zip", verify=refuse, retries=3)
    assert names(tmp_path) == []
    assert len(site.asked) == 1


def test_checksums(site: Site, tmp_path: Path) -> None:
    right = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(DataError, match="does not have the SHA-256 0000"):
        fetch(site, tmp_path / "a.zip", sha256="0" * 64)
    assert names(tmp_path) == []
    assert fetch(site, tmp_path / "a.zip", sha256=right).read_bytes() == CONTENT
    (tmp_path / "a.zip").write_bytes(b"rotten")
    assert fetch(site, tmp_path / "a.zip", sha256=right).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 403])
def test_a_refusal_is_final(site: Site, tmp_path: Path, status: int) -> None:
    site.statuses = [status]
    with pytest.raises(DataError, match=f"answered {status}"):
        fetch(site, tmp_path / "a.zip", retries=3)
    assert (len(site.asked), names(tmp_path)) == (1, [])


def test_nobody_answers(tmp_path: Path) -> None:
    with serving(Site(CONTENT)) as gone:
        pass
    with pytest.raises(DataError, match="could not be fetched") as caught:
        fetch(gone, tmp_path / "a.zip")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("sized", [True, False])
def test_a_file_without_end_is_not_kept(site: Site, tmp_path: Path, sized: bool) -> None:
    site.sized = sized
    with pytest.raises(DataError, match=r"more than the 50,000 allowed|more than the 50,000 bytes allowed"):
        fetch(site, tmp_path / "a.zip", limit=50_000)
    assert "a.zip" not in names(tmp_path)


class _Full:
    """A file on a disk that fills up after ``room`` bytes."""

    def __init__(self, file: IO[bytes], room: int) -> None:
        self.file, self.room = file, room

    def __enter__(self) -> "_Full":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, chunk: bytes) -> int:
        self.room -= len(chunk)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(chunk)


def test_a_full_disk_is_said_and_resumed_once_there_is_room(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        file = really(path, *arguments, **options)
        return _Full(file, 150_000) if path.name.endswith(".part") else file

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(DataError, match=r"a.zip.part cannot be written \(No space left on device\): free some"):
            fetch(site, tmp_path / "a.zip", retries=3)
    assert "a.zip" not in names(tmp_path)
    assert len(site.asked) == 1
    assert fetch(site, tmp_path / "a.zip").read_bytes() == CONTENT
    assert site.asked[1] is not None
    assert names(tmp_path) == ["a.zip"]


def test_a_failure_at_the_last_step_leaves_no_half_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("rnncourse.data.downloads.os.replace", full)
        with pytest.raises(DataError, match="No space left on device"):
            fetch(site, tmp_path / "a.zip")
    assert "a.zip" not in names(tmp_path)


def test_two_at_once_do_not_spoil_each_other(site: Site, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / "a.zip.part").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="being fetched by another process"):
            fetch(site, tmp_path / "a.zip")
    assert fetch(site, tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_folder_that_is_a_file_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        fetch(site, tmp_path / "cache" / "a.zip")
