"""What travels is whole, is the same each time, and stays small."""

import hashlib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from book._ext.release import pinned_torch, wheel_name
from tools import dist


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "html"
    (folder / "notebooks" / "student").mkdir(parents=True)
    (folder / "index.html").write_text("<p>book</p>")
    (folder / "notebooks" / "student" / "01-a.ipynb").write_text("{}")
    (folder / "notebooks" / wheel_name()).write_bytes(b"wheel")
    return folder


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


def test_what_is_packed_is_whole_lies_in_one_folder_and_has_its_checksum(site: Path, tmp_path: Path) -> None:
    packed, notebooks, sums = dist.dist(site, tmp_path / "out")
    handouts = {"student/01-a.ipynb": b"{}", wheel_name(): b"wheel"}
    assert contents(packed) == {"index.html": b"<p>book</p>"} | {
        f"notebooks/{name}": handouts[name] for name in handouts
    }
    inside = contents(notebooks)
    assert inside == handouts | {"README.txt": inside["README.txt"]}
    assert f'install "{wheel_name()}[book]"' in inside["README.txt"].decode()
    assert pinned_torch() in inside["README.txt"].decode()
    for path in (packed, notebooks):
        with zipfile.ZipFile(path) as archive:
            places = [PurePosixPath(name) for name in archive.namelist()]
        assert {place.parts[0] for place in places} == {path.stem}
        assert not [place for place in places if place.is_absolute() or ".." in place.parts]
    told = dict(line.split("  ")[::-1] for line in sums.read_text(encoding="utf-8").splitlines())
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (packed, notebooks)}


def test_the_same_inputs_give_the_same_bytes_together_and_alone(site: Path, tmp_path: Path) -> None:
    together = [path.read_bytes() for path in dist.dist(site, tmp_path / "a")[:2]]
    page = site / "index.html"
    page.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")  # another time of writing
    alone = [dist.pack_site(site, tmp_path / "b"), dist.pack_notebooks(site, tmp_path / "c")]
    assert [path.read_bytes() for path in alone] == together


def test_too_much_is_refused(site: Path, tmp_path: Path) -> None:
    with pytest.raises(dist.Unpackable, match="more than the 100 allowed"):
        dist.dist(site, tmp_path / "out", limit=100)


@pytest.mark.parametrize("missing", ["index.html", "notebooks/student/01-a.ipynb", f"notebooks/{wheel_name()}"])
def test_a_site_that_is_not_built_is_refused(site: Path, tmp_path: Path, missing: str) -> None:
    (site / missing).unlink()
    if "student" in missing:
        (site / missing).parent.rmdir()
    with pytest.raises(dist.Unpackable, match="run `make book` first"):
        dist.dist(site, tmp_path / "out")


def test_a_broken_write_leaves_the_old_archive(tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    dist.pack({"x": b"old"}, target)
    before = target.read_bytes()
    with pytest.raises(TypeError):
        dist.pack({"x": b"new", "y": object()}, target)  # type: ignore[dict-item]
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
