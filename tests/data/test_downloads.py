"""Downloads from a server on this machine: whole and verified, or not there."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Site, serving

from rnncourse.data import DataError
from rnncourse.data.downloads import download

CONTENT = hashlib.shake_256(b"archive").digest(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(a_zip=CONTENT) as running:
        yield running


def fetch(site: Site, path: Path, **options: Any) -> Path:
    return download(f"{site.url}/a.zip", path, **options)


def test_a_file_arrives_whole_and_alone_and_is_kept(site: Site, cache: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(site, cache / "new" / "a.zip", progress=lambda have, total: seen.append((have, total)))
    assert path.read_bytes() == CONTENT
    assert os.listdir(path.parent) == ["a.zip"]
    assert seen[-1] == (300_000, 300_000)
    assert fetch(site, path, sha256=SHA256) == path
    assert site.asked == ["a.zip"]
    path.write_bytes(b"rotten")
    assert fetch(site, path, sha256=SHA256).read_bytes() == CONTENT


def refuse(part: Path) -> None:
    raise DataError(f"line 7 of {part} is wrong.")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("server", "options", "complaint"),
    [
        ({"break_after": 100_000}, {"sha256": SHA256}, "could not be fetched"),
        ({"break_after": 1000, "sized": False}, {"sha256": SHA256}, "SHA-256"),
        ({"status": 404}, {}, "404"),
        ({}, {"sha256": "0" * 64}, "SHA-256 0000"),
        ({}, {"limit": 50_000}, "more than the 50,000 bytes"),
        ({"sized": False}, {"limit": 50_000}, "more than the 50,000 bytes"),
        ({}, {"prepare": refuse}, r"^line 7 of .*/a\.zip is wrong\.$"),
        ({}, {"prepare": full}, "No space left on device"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_leaves_nothing(
    site: Site, cache: Path, server: dict[str, Any], options: dict[str, Any], complaint: str
) -> None:
    vars(site).update(server)
    with pytest.raises(DataError, match=complaint) as caught:
        fetch(site, cache / "a.zip", **options)
    assert "\n" not in str(caught.value)
    assert os.listdir(cache) == []
    vars(site).update(break_after=None, status=200)
    assert fetch(site, cache / "a.zip").read_bytes() == CONTENT


def test_what_is_there_outlives_a_transfer_that_breaks(site: Site, cache: Path) -> None:
    cache.mkdir()
    (cache / "a.zip").write_bytes(b"an older version")
    site.break_after = 1000
    with pytest.raises(DataError):
        fetch(site, cache / "a.zip", sha256=SHA256)
    assert (cache / "a.zip").read_bytes() == b"an older version"


def test_nobody_answers_and_a_folder_that_is_a_file(cache: Path) -> None:
    with serving(a_zip=CONTENT) as site:
        cache.write_text("in the way")
        with pytest.raises(DataError, match="cannot be written"):
            fetch(site, cache / "a.zip")
    with pytest.raises(DataError, match="could not be fetched"):
        fetch(site, cache.with_name("other") / "a.zip")
