"""Compressed files, looked at before they are unpacked, and read in memory: nothing is ever extracted to disk.

A download is a stranger's file. Before a byte of it is unpacked, its members, their total size and their ratio of
compression are compared with what is expected; while it is unpacked, the size is held to the limit again.
"""

import gzip
import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from rnncourse.data.errors import DataError

# The official power file has 127 MiB and shrinks six times; text never shrinks a hundred times, bombs do.
MAX_BYTES = 512 * 2**20
MAX_RATIO = 100
_CHUNK = 2**20
_XZ_MEMORY = 256 * 2**20


def read_zip(path: Path, member: str, *, limit: int = MAX_BYTES) -> bytes:
    """The only member of a zip archive.

    Args:
        path: the archive.
        member: name that its only member must have.
        limit: largest size of the member, in bytes.

    Returns:
        The content of the member, its checksum (CRC-32) verified.

    Raises:
        DataError: the file is no zip archive or is damaged, or it holds another, a second, a huge, a strangely
            compressed or an encrypted member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            info = _only_member(archive, path.name, member, limit)
            with archive.open(info) as stream:
                return stream.read(limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path.name} is not a whole zip archive ({error}): fetch it again.") from error


def _only_member(archive: zipfile.ZipFile, name: str, member: str, limit: int) -> zipfile.ZipInfo:
    infos = archive.infolist()
    foreign = [info.orig_filename for info in infos if info.orig_filename != member]
    if foreign:
        raise DataError(f"{name} holds {foreign[0]!r}, but {member!r} alone belongs in it: it is the wrong archive.")
    if len(infos) != 1:
        raise DataError(f"{name} holds {len(infos)} members, but {member!r} once is expected: it is the wrong archive.")
    info = infos[0]
    # The upper half of external_attr is the Unix mode, where there is one.
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DataError(f"{name} holds a link in the place of {member!r}: it is the wrong archive.")
    if info.flag_bits & 0x1:
        raise DataError(f"{member!r} in {name} is encrypted: it is the wrong archive.")
    if info.file_size > limit:
        raise DataError(f"{member!r} in {name} unpacks to {info.file_size:,} bytes, more than the {limit:,} allowed.")
    if info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise DataError(f"{member!r} in {name} unpacks to more than {MAX_RATIO} times its size: it is no honest text.")
    return info


def read_xz(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """The content of an xz file.

    Args:
        path: the file, one xz stream.
        limit: largest size of the content, in bytes.

    Returns:
        The content, its checksum verified.

    Raises:
        DataError: the file is not xz, is damaged or cut short, or unpacks to more than ``limit`` bytes.
    """
    decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    parts: list[bytes] = []
    size = 0
    try:
        with path.open("rb") as stream:
            while not decompressor.eof:
                chunk = stream.read(_CHUNK) if decompressor.needs_input else b""
                if decompressor.needs_input and not chunk:
                    raise DataError(f"{path.name} ends in the middle: it is cut short.")
                parts.append(decompressor.decompress(chunk, max_length=_CHUNK))
                size += len(parts[-1])
                if size > limit:
                    raise DataError(f"{path.name} unpacks to more than the {limit:,} bytes allowed.")
            if decompressor.unused_data or stream.read(1):
                raise DataError(f"{path.name} goes on after the end of its xz stream: it is the wrong file.")
    except lzma.LZMAError as error:
        raise DataError(f"{path.name} is not a whole xz file ({error}).") from error
    return b"".join(parts)


def read_gzip(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """The content of a gzip file.

    Args:
        path: the file.
        limit: largest size of the content, in bytes.

    Returns:
        The content, its checksum verified.

    Raises:
        DataError: the file is not gzip, is damaged or cut short, or unpacks to more than ``limit`` bytes.
    """
    try:
        with gzip.open(path) as stream:
            content = stream.read(limit + 1)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path.name} is not a whole gzip file ({error}).") from error
    if len(content) > limit:
        raise DataError(f"{path.name} unpacks to more than the {limit:,} bytes allowed.")
    return content


def read_plain(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """The content of an uncompressed file.

    Args:
        path: the file.
        limit: largest size, in bytes.

    Returns:
        Its content.

    Raises:
        DataError: it is larger than ``limit``.
    """
    size = path.stat().st_size
    if size > limit:
        raise DataError(f"{path.name} has {size:,} bytes, more than the {limit:,} allowed.")
    return path.read_bytes()
