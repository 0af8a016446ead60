"""Film reviews, positive or negative: found, checked and loaded. The archive is read in memory, member by member."""

import hashlib
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rnncourse.data.corpus import Corpus, TrainTest
from rnncourse.data.errors import DataError
from rnncourse.data.files import MAX_BYTES, expect_hash, unpacked
from rnncourse.data.registry import DATASETS, required

IMDB = DATASETS["imdb"]
FOLDERS = ("train/neg", "train/pos", "test/neg", "test/pos")
MAX_REVIEW = 256 * 2**10  # the longest review has 13,704 characters
_REVIEW = re.compile(r"aclImdb/((?:train|test)/(?:neg|pos))/([0-9]{1,6})_([0-9]{1,2})\.txt")
# What else the official archive holds.
_OTHER = re.compile(
    r"aclImdb(/(README|imdb\.vocab|imdbEr\.txt|(train|test)(/(neg|pos|labeledBow\.feat|urls_(neg|pos)\.txt))?"
    r"|train/(unsupBow\.feat|urls_unsup\.txt|unsup(/[0-9]{1,6}_0\.txt)?)))?"
)


def load_imdb(*, path: Path | None = None) -> TrainTest:
    """Film reviews: 25,000 to train on, 25,000 to test on, half of each negative. The reading takes some seconds.

    Negative and positive reviews alternate, sorted by number; those of one film have neighbouring numbers, so draw
    samples at random. Line breaks (``<br />`` in the archive) are spaces.

    Args:
        path: the official ``.tar.gz``, or a ``.tar.xz`` with its labelled reviews; without it, the one below
            ``RNNCOURSE_DATA``, else the fetched one.

    Raises:
        DataError: there is no such archive, or its content is not that of the official one.

    Source: Maas et al. (2011), ACL.
    """
    reviews = read_reviews(required(IMDB) if path is None else path)
    return TrainTest(*(_corpus(reviews, part) for part in ("train", "test")))


def _corpus(reviews: dict[tuple[str, str], bytes], part: str) -> Corpus:
    chosen = [(folder, text) for (folder, _), text in reviews.items() if folder.startswith(part)]
    texts = tuple(text.decode().replace("<br />", " ") for _, text in chosen)
    labels = np.array([folder.endswith("pos") for folder, _ in chosen], dtype=np.int64)
    return Corpus(f"IMDB ({part})", texts, labels, ("negative", "positive"))


def check_imdb(path: Path) -> TrainTest:
    """As `load_imdb`; an archive whose name has a known checksum must have that one besides."""
    expect_hash(path, IMDB.sha256.get(path.name))
    return load_imdb(path=path)


def read_reviews(path: Path, *, limit: int = MAX_BYTES) -> dict[tuple[str, str], bytes]:
    """Read the labelled reviews of an archive in one pass, and compare them with the official ones.

    Returns:
        The texts by folder and ``NUMBER_RATING``, sorted by number, then in the order of `FOLDERS`.

    Raises:
        DataError: the archive is no tar file, damaged, cut short or unpacks to more than ``limit`` bytes; a member is
            foreign, a link or a device, too large, empty, or there twice; or the reviews are not the official ones.
    """
    found: dict[tuple[int, int], tuple[str, bytes]] = {}
    with unpacked(path, limit=limit) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        for folder, number, rating, text in _reviews(archive, path):
            key = (int(number), FOLDERS.index(folder))
            if key in found:
                raise DataError(f"{path} holds {folder} number {number} twice: it is altered.")
            found[key] = (f"{key[0]}_{int(rating)}", text)
    reviews = {(FOLDERS[key[1]], found[key][0]): found[key][1] for key in sorted(found)}
    rows, sha256 = IMDB.known[0].values()
    if len(reviews) != rows:
        counts = ", ".join(f"{sum(key[0] == folder for key in reviews):,} in {folder}" for folder in FOLDERS)
        raise DataError(
            f"{path} holds {len(reviews):,} reviews ({counts}), but {rows:,} are expected: it is cut or altered."
        )
    if fingerprint(reviews) != sha256:
        raise DataError(f"the reviews in {path} do not have the content SHA-256 {sha256}: they are altered.")
    return reviews


def _reviews(archive: tarfile.TarFile, path: Path) -> Iterator[tuple[str, str, str, bytes]]:
    """Folder, number, rating and text of each labelled review; every other member is skipped or refused unread."""
    for member in archive:
        # tarfile collects every member it met; a hundred thousand of them are of no use here.
        archive.members.clear()  # type: ignore[attr-defined]
        match = _REVIEW.fullmatch(member.name)
        # A sparse file may claim gigabytes that the archive does not hold.
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None
        if not (match and plain) and not (_OTHER.fullmatch(member.name) and (plain or member.isdir())):
            raise DataError(f"{path} holds {member.name[:80]!r} where it does not belong: it is the wrong archive.")
        if match is None:
            continue
        if not 0 < member.size <= MAX_REVIEW:
            raise DataError(f"{member.name} in {path} has {member.size:,} bytes: 1 to {MAX_REVIEW:,} are expected.")
        stream = archive.extractfile(member)
        text = b"" if stream is None else stream.read()
        if len(text) != member.size:
            raise DataError(f"{path} ends inside of {member.name}: it is cut short.")
        yield match[1], match[2], match[3], text


def fingerprint(reviews: dict[tuple[str, str], bytes]) -> str:
    """SHA-256 of the reviews with their folders, numbers and ratings, equal for every archive with the same ones."""
    digest = hashlib.sha256()
    for (folder, name), text in reviews.items():
        digest.update(f"{folder}/{name} {len(text)}\n".encode() + text)
    return digest.hexdigest()
