"""Film reviews, positive or negative: found, checked and loaded. The archive is read in memory, member by member."""

import hashlib
import re
import tarfile
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


def load_imdb(*, path: Path | None = None) -> TrainTest:
    """Film reviews: 25,000 to train on, 25,000 to test on, half of each negative. The reading takes some seconds.

    Negative and positive reviews alternate, sorted by number; those of one film have neighbouring numbers, so draw
    samples at random. Line breaks (``<br />`` in the archive) are spaces.

    They lie at ``path``, the official ``.tar.gz`` or a ``.tar.xz`` with its labelled reviews, else below
    ``RNNCOURSE_DATA``, else in the cache. A `DataError` says that the content is not that of the official archive.

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
    """The labelled reviews of an archive by folder and ``NUMBER_RATING``, sorted by number, then as in `FOLDERS`.

    What else it holds is not read. A `DataError` says that it is no tar file, damaged, cut short, unpacks to more than
    ``limit`` bytes, or that its reviews are not the official ones.
    """
    found: dict[tuple[int, int], tuple[tuple[str, str], bytes]] = {}
    with unpacked(path, limit=limit) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        for member in archive:
            # tarfile collects every member it met; a hundred thousand of them are of no use here.
            archive.members.clear()
            if (match := _REVIEW.fullmatch(member.name)) is None:
                continue
            # A sparse file may claim gigabytes that the archive does not hold.
            if not member.isreg() or member.sparse is not None or member.size > MAX_REVIEW:
                raise DataError(f"{path} holds {member.name!r}, which is no review: it is the wrong archive.")
            stored = archive.extractfile(member)
            text = b"" if stored is None else stored.read()
            folder, number, rating = match.groups()
            found[int(number), FOLDERS.index(folder)] = (folder, f"{int(number)}_{int(rating)}"), text
    reviews = dict(found[key] for key in sorted(found))
    rows, sha256 = IMDB.known[0].values()
    if len(reviews) != rows or fingerprint(reviews) != sha256:
        counts = f"{len(reviews):,} reviews, but {rows:,} with the content SHA-256 {sha256} are expected"
        raise DataError(f"{path} holds {counts}: it is cut or altered.")
    return reviews


def fingerprint(reviews: dict[tuple[str, str], bytes]) -> str:
    """SHA-256 of the reviews with their folders, numbers and ratings, equal for every archive with the same ones."""
    digest = hashlib.sha256()
    for (folder, name), text in reviews.items():
        digest.update(f"{folder}/{name} {len(text)}\n".encode() + text)
    return digest.hexdigest()
