"""A file that a person names is there whole or as it was, whatever has that name."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnncourse._files import write_whole
from rnncourse.cli import run


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def with_mode(bits: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text("before", encoding="utf-8")
        path.chmod(bits)

    return make


@pytest.mark.parametrize(
    ("make", "expected"),
    [(lambda path: None, 0o640), (with_mode(0o600), 0o600), (with_mode(0o664), 0o664)],
    ids=["new", "private", "shared"],
)
@pytest.mark.parametrize("linked", [False, True])
def test_a_file_keeps_its_mode_and_its_links(
    tmp_path: Path, make: Callable[[Path], None], expected: int, linked: bool
) -> None:
    target, name = tmp_path / "target", tmp_path / "name"
    make(target)
    if linked:
        name.symlink_to(target)
    write_whole(name if linked else target, "± now")
    assert target.read_text(encoding="utf-8") == "± now"
    assert mode(target) == expected
    assert name.is_symlink() == linked
    assert left(tmp_path) == {"target"} | ({"name"} if linked else set())


def folder_of(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


REFUSED = {
    "device": lambda tmp_path: Path("/dev/full"),
    "folder": folder_of,
    "missing folder": lambda tmp_path: tmp_path / "none" / "file",
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_is_no_file_is_refused_and_left_as_it_was(
    tmp_path: Path, make: Callable[[Path], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path)
    before = left(tmp_path), os.lstat(path).st_mode if os.path.lexists(path) else None
    with pytest.raises(OSError, match="."):
        write_whole(path, "text")
    for command in (["exercise", "recall"], ["study", "run", "weather", "--seeds", "1"]):
        assert run([*command, "--output", str(path)]) > 0
        assert str(path) in capsys.readouterr().err
    assert (left(tmp_path), os.lstat(path).st_mode if os.path.lexists(path) else None) == before


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("before", encoding="utf-8")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "after")
    assert path.read_text(encoding="utf-8") == "before"
    assert left(tmp_path) == {"file"}
