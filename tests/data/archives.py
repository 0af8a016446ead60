"""Archives of the tests' own: sound ones, and those that a stranger might send."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnncourse.data import DataError
from rnncourse.data.imdb import FOLDERS, fingerprint

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}
REVIEWS = {
    f"aclImdb/{folder}/{n}_{3 if 'neg' in folder else 8}.txt": f"{folder} {n}.<br /><br />Ça va".encode()
    for n in range(3)
    for folder in FOLDERS
}
SMALL_IMDB = {
    "rows": len(REVIEWS),
    "sha256": fingerprint(
        {(name[8:].rpartition("/")[0], name[:-4].rpartition("/")[2]): t for name, t in REVIEWS.items()}
    ),
}


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members:
            file.writestr(name, content, method)
    return buffer.getvalue()


def tar(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as file:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def wrong_in_the_middle(packed: bytes) -> bytes:
    """Eight bytes of the packed content are others; headers and the directory of an archive stay."""
    at = len(packed) // 3
    return packed[:at] + bytes(byte ^ 0x5A for byte in packed[at : at + 8]) + packed[at + 8 :]


def attempt(read: Callable[..., Any], *arguments: Any) -> Any:
    """The result, None where it is refused in one sentence; any other exception fails the test."""
    try:
        return read(*arguments)
    except DataError as error:
        message = str(error)
    assert "\n" not in message
    return None


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
