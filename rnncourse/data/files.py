"""A stranger's file: read whole into memory within a limit, or refused in one sentence.

Nothing is ever extracted to disk. The first bytes tell how a file is compressed, whatever its name says.
"""

import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnncourse.data.errors import DataError

MAX_BYTES = 512 * 2**20  # the largest official archive holds 490 MiB
# Text never shrinks a hundred times, bombs do; a few kilobytes of tar are mostly padding.
MAX_RATIO, ALWAYS_ALLOWED = 100, 2**20
_GZIP, _XZ, _ZIP, _XZ_MEMORY = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK", 256 * 2**20
# What the readers of archives raise on damaged bytes; an OSError without a number is one of theirs too.
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, struct.error, EOFError, ValueError),
    *(LookupError, OverflowError, RuntimeError),
)


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into a `DataError` of one sentence."""
    try:
        yield
    except DataError:
        raise
    except (OSError, *_DAMAGE) as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise DataError(f"there is no file {path}: give the path of the data.") from error
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{path} cannot be read ({error.strerror}): give the path of a file of yours.") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} is damaged or cut short ({reason}): fetch it again.") from error


@contextmanager
def unpacked(path: Path, *, member: str = "", limit: int = MAX_BYTES) -> Iterator["Limited"]:
    """The content of a plain, gzip or xz file, or of the only member of a zip archive, named ``member``, as a stream.

    It may hold ``limit`` bytes, and a compressed one no more than a hundred times its file. A `DataError` says that
    there is no such file, or that it is damaged, cut short, too large, or an archive of something else.
    """
    with refusing_damage(path), path.open("rb") as file:
        head = file.read(len(_XZ))
        file.seek(0)
        if head.startswith((_GZIP, _XZ, _ZIP)):
            limit = min(limit, max(MAX_RATIO * os.fstat(file.fileno()).st_size, ALWAYS_ALLOWED))
        if head.startswith(_GZIP):
            yield Limited(gzip.GzipFile(fileobj=file), path, limit)
        elif head == _XZ:
            yield Limited(io.BytesIO(_unpacked_xz(file.read(), path, limit)), path, limit)
        elif head.startswith(_ZIP):
            with zipfile.ZipFile(file) as archive, archive.open(_only_member(archive, path, member, limit)) as stream:
                yield Limited(stream, path, limit)
        else:
            yield Limited(file, path, limit)


class Limited:
    """A stream that breaks off when more comes out of it than allowed."""

    def __init__(self, stream: Any, path: Path, limit: int) -> None:
        self._stream, self._path, self._limit, self._left = stream, path, limit, limit

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, all that are left if negative."""
        content: bytes = self._stream.read(self._left + 1 if size < 0 else size)
        self._left -= len(content)
        if self._left < 0:
            raise DataError(f"{self._path} unpacks to more than the {self._limit:,} bytes allowed.")
        return content


def read_file(path: Path, *, member: str = "", limit: int = MAX_BYTES) -> bytes:
    """The whole content of a file; arguments and errors as for `unpacked`."""
    with unpacked(path, member=member, limit=limit) as stream:
        return stream.read()


def _unpacked_xz(packed: bytes, path: Path, limit: int) -> bytes:
    decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    content = decompressor.decompress(packed, max_length=limit + 1)
    if len(content) <= limit and not decompressor.eof:
        raise EOFError("it ends in the middle")
    if decompressor.unused_data:
        raise DataError(f"{path} goes on after the end of its xz stream: it is the wrong file.")
    return content


def _only_member(archive: zipfile.ZipFile, path: Path, member: str, limit: int) -> zipfile.ZipInfo:
    infos = archive.infolist()
    names = [info.orig_filename for info in infos]
    if len(infos) != 1 or names[0] != (member or names[0]):
        raise DataError(f"{path} holds {names[:3]}, but one file {member} is expected: it is the wrong archive.")
    # The upper half of external_attr is the Unix mode, where there is one.
    if stat.S_ISLNK(infos[0].external_attr >> 16) or infos[0].flag_bits & 0x1:
        raise DataError(f"{path} holds a link or an encrypted file: it is the wrong archive.")
    if infos[0].file_size > limit:
        raise DataError(f"{path} unpacks to {infos[0].file_size:,} bytes, more than the {limit:,} bytes allowed.")
    return infos[0]


def expect_hash(path: Path, sha256: str | None) -> None:
    """Refuse a file that has another SHA-256 than the known one, if there is one."""
    import pooch

    with refusing_damage(path):
        if sha256 is not None and pooch.file_hash(str(path)) != sha256:
            raise DataError(f"{path} does not have the SHA-256 {sha256}: it is damaged or another version.")
