"""The IMDB archive: its members looked at one by one and read in memory; nothing is ever extracted to disk."""

import gzip
import hashlib
import io
import lzma
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rnncourse.data.archives import MAX_BYTES, MAX_RATIO, read_xz
from rnncourse.data.errors import DataError

__all__ = ["FOLDERS", "Review", "read_reviews", "reviews_fingerprint"]

FOLDERS = ("train/neg", "train/pos", "test/neg", "test/pos")
"""The four folders of labelled reviews."""

# The longest review of the archive has 13,704 characters.
MAX_REVIEW = 256 * 2**10
# The official archive holds 100,000 reviews and 18 other members; nothing needs a hundred times as many.
MAX_MEMBERS = 150_000
_ROOT = "aclImdb"
_REVIEW = re.compile(rf"{_ROOT}/(train|test)/(neg|pos)/([0-9]{{1,6}})_([0-9]{{1,2}})\.txt")
_UNLABELLED = re.compile(rf"{_ROOT}/train/unsup/[0-9]{{1,6}}_0\.txt")
_OTHERS = frozenset(
    f"{_ROOT}/{name}"
    for name in (
        "README",
        "imdb.vocab",
        "imdbEr.txt",
        "train/labeledBow.feat",
        "train/unsupBow.feat",
        "train/urls_neg.txt",
        "train/urls_pos.txt",
        "train/urls_unsup.txt",
        "test/labeledBow.feat",
        "test/urls_neg.txt",
        "test/urls_pos.txt",
    )
)
_FOLDER_NAMES = frozenset([_ROOT, *(f"{_ROOT}/{name}" for name in ("train", "test", "train/unsup", *FOLDERS))])
# A few kilobytes of tar are mostly padding, and shrink to next to nothing.
_ALWAYS_ALLOWED = 2**20
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
# What tarfile and the decompressors raise on damaged bytes; long chains of extended headers end in recursion.
_DAMAGE = (
    *(tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, ValueError, LookupError, OverflowError, RecursionError),
)


@dataclass(frozen=True, slots=True)
class Review:
    """One labelled review.

    Attributes:
        folder: ``train/neg``, ``train/pos``, ``test/neg`` or ``test/pos``.
        number: its number in the folder.
        rating: stars that its author gave, 1 to 10.
        text: its text, UTF-8 with ``<br />`` marks, as in the archive.
    """

    folder: str
    number: int
    rating: int
    text: bytes


def read_reviews(path: Path, *, name: str = "", limit: int = MAX_BYTES) -> list[Review]:
    """Read the labelled reviews of an archive, in one pass.

    Args:
        path: a ``.tar.gz`` as the official one, or a ``.tar.xz``; its first bytes tell which. What else the official
            archive holds (reviews without label, word counts, addresses) is skipped; what it does not hold is refused.
        name: how to call the archive in complaints; the name of the file if empty.
        limit: largest size of the unpacked archive, in bytes.

    Returns:
        The reviews, sorted by number, then by folder in the order of `FOLDERS`, so that negative and positive
        alternate. An archive that ends between two members gives fewer; compare their number with what is expected.

    Raises:
        DataError: the archive is no tar file, damaged or cut short, or unpacks to more than ``limit`` bytes or a
            hundred times its size; a member is foreign, a link or a device, too large, empty, or there twice.
    """
    name = name or path.name
    found: dict[tuple[int, int], Review] = {}
    with _damage(name), _unpacked(path, name, limit) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for review in _reviews(archive, name):
            key = (review.number, FOLDERS.index(review.folder))
            if key in found:
                raise DataError(f"{name} holds {review.folder} number {review.number} twice: it is altered.")
            found[key] = review
    return [found[key] for key in sorted(found)]


def _reviews(archive: tarfile.TarFile, name: str) -> Iterator[Review]:
    for count, member in enumerate(archive, 1):
        if count > MAX_MEMBERS:
            raise DataError(f"{name} holds more than {MAX_MEMBERS:,} members: it is the wrong archive.")
        # tarfile collects every member it met; a hundred thousand of them are of no use here.
        archive.members.clear()  # type: ignore[attr-defined]
        match = _review_name(member, name)
        if match is not None:
            yield _review(archive, member, match, name)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{name} is not a whole tar archive ({reason}): fetch it again.") from error


@contextmanager
def _unpacked(path: Path, name: str, limit: int) -> Iterator[io.RawIOBase | io.BytesIO]:
    limit = min(limit, max(MAX_RATIO * path.stat().st_size, _ALWAYS_ALLOWED))
    with path.open("rb") as stream:
        start = stream.read(len(_XZ))
    if start == _XZ:
        yield io.BytesIO(read_xz(path, limit=limit))
    elif start.startswith(_GZIP):
        with gzip.open(path) as content:
            yield _Limited(content, name, limit)
    else:
        raise DataError(f"{name} is neither a .tar.gz nor a .tar.xz file: it is the wrong file.")


class _Limited(io.RawIOBase):
    """A stream that breaks off when more comes out of it than allowed."""

    def __init__(self, stream: gzip.GzipFile, name: str, limit: int) -> None:
        self._stream, self._name, self._limit, self._size = stream, name, limit, 0

    def read(self, size: int = -1, /) -> bytes:
        content = self._stream.read(size)
        self._size += len(content)
        if self._size > self._limit:
            raise DataError(f"{self._name} unpacks to more than the {self._limit:,} bytes allowed.")
        return content


def _review_name(member: tarfile.TarInfo, archive: str) -> re.Match[str] | None:
    """What a name says, None for what is skipped."""
    name = member.name
    if member.isdir() and name in _FOLDER_NAMES:
        return None
    match = _REVIEW.fullmatch(name)
    if match is None and name not in _OTHERS and not _UNLABELLED.fullmatch(name):
        raise DataError(f"{archive} holds {name[:80]!r}, which does not belong in it: it is the wrong archive.")
    # A sparse file may claim gigabytes that the archive does not hold.
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
        raise DataError(f"{archive} holds {name!r} as a link or a special file: it is the wrong archive.")
    return match


def _review(archive: tarfile.TarFile, member: tarfile.TarInfo, match: re.Match[str], name: str) -> Review:
    if not 0 < member.size <= MAX_REVIEW:
        raise DataError(
            f"{member.name} in {name} has {member.size:,} bytes, but 1 to {MAX_REVIEW:,} are expected: it is altered."
        )
    stream = archive.extractfile(member)
    text = b"" if stream is None else stream.read()
    if len(text) != member.size:
        raise DataError(f"{name} ends inside of {member.name}: it is cut short.")
    split, mood, number, rating = match.groups()
    return Review(f"{split}/{mood}", int(number), int(rating), text)


def reviews_fingerprint(reviews: list[Review]) -> str:
    """SHA-256 of the reviews with their folders, numbers and ratings, in the order of `read_reviews`.

    Args:
        reviews: what `read_reviews` found.

    Returns:
        64 hexadecimal digits, equal for every archive with the same reviews.
    """
    digest = hashlib.sha256()
    for review in reviews:
        digest.update(f"{review.folder}/{review.number}_{review.rating} {len(review.text)}\n".encode() + review.text)
    return digest.hexdigest()
