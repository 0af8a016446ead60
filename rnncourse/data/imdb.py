"""Film reviews, positive or negative: found, checked, kept in a form that loads fast."""

import os
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from rnncourse.data.corpus import Corpus, TrainTest
from rnncourse.data.downloads import Progress, download, file_hash
from rnncourse.data.errors import DataError
from rnncourse.data.folders import cache_folder, required
from rnncourse.data.registry import IMDB, IMDB_REVIEWS
from rnncourse.data.reviews import FOLDERS, Review, read_reviews, reviews_fingerprint

__all__ = ["MOODS", "check_imdb", "fetch_imdb", "load_imdb"]

MOODS = ("negative", "positive")
"""The classes."""


# What numpy raises on a file that is no whole copy.
_SPOILED = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, OverflowError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, struct.error),
)


def load_imdb(*, path: Path | None = None) -> TrainTest:
    """Film reviews: 25,000 to train on, 25,000 to test on, half of each negative.

    The first reading of an archive takes some seconds. It leaves a checked copy in the cache, uncompressed, from
    which the next call reads in a fraction of the time; without a cache that can be written to, every reading is
    a first one.

    Args:
        path: the official ``.tar.gz``, or a ``.tar.xz`` with its labelled reviews; without it, the one below
            ``RNNCOURSE_DATA``, else the fetched one.

    Returns:
        Train and test part, with the classes `MOODS`. Negative and positive reviews alternate, sorted by number;
        reviews of one film have neighbouring numbers, so draw samples at random. Line breaks (``<br />`` in the
        archive) are spaces.

    Raises:
        DataError: there is no such archive, or its content is not that of the official one.

    Source: Maas et al. (2011), ACL.
    """
    return _parts(_reviews(required(IMDB) if path is None else path))


def check_imdb(path: Path) -> TrainTest:
    """Read an archive whole, past the copy in the cache, and compare it with the official content.

    No checksum of the official archive is known to this package. So the content is what counts: the names, the
    numbers and the texts of the labelled reviews. The ``.tar.xz`` with these reviews alone has a known checksum.

    Args:
        path: the archive.

    Returns:
        Train and test part.

    Raises:
        DataError: there is no such archive, its checksum is not the known one, or its content is another.
    """
    known = IMDB.sha256.get(path.name)
    if known is not None and file_hash(_present(path)) != known:
        raise DataError(f"{path} does not have the SHA-256 {known}: it is damaged or another version.")
    return _parts(_verified(path, path.name))


def fetch_imdb(
    *,
    url: str = IMDB.source,
    sha256: str | None = None,
    retries: int = 3,
    progress: Progress = lambda have, total: None,
) -> Path:
    """Fetch the official archive into the cache, unless a whole one is there.

    Args:
        url: address of the archive or of a mirror.
        sha256: checksum that the archive must have, if you know one.
        retries: how often to try again after a broken transfer.
        progress: told the bytes at hand and the bytes expected, if the server says so.

    Returns:
        The archive, its content verified.

    Raises:
        DataError: as for `download` and `check_imdb`. A damaged or wrong archive never takes the file's name.
    """
    path = cache_folder() / IMDB.files[0]
    if path.is_file():
        try:
            _reviews(path)
        except DataError:
            path.unlink()

    def verify(part: Path) -> None:
        _keep(_verified(part, path.name), _copy_of(part))

    return download(url, path, verify=verify, sha256=sha256, retries=retries, progress=progress)


def _parts(reviews: list[Review]) -> TrainTest:
    return TrainTest(train=_corpus(reviews, "train"), test=_corpus(reviews, "test"))


def _corpus(reviews: list[Review], part: str) -> Corpus:
    chosen = [review for review in reviews if review.folder.startswith(part)]
    texts = tuple(review.text.decode().replace("<br />", " ") for review in chosen)
    labels = np.array([review.folder.endswith("pos") for review in chosen], dtype=np.int64)
    return Corpus(f"IMDB ({part})", texts, labels, MOODS)


def _reviews(path: Path) -> list[Review]:
    copy = _copy_of(_present(path))
    kept = _kept(copy)
    if kept is not None:
        return kept
    reviews = _verified(path, path.name)
    _keep(reviews, copy)
    return reviews


def _present(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"there is no file {path}: give the path of the IMDB archive.")
    return path


def _copy_of(path: Path) -> Path:
    return cache_folder() / "imdb" / f"reviews-{file_hash(path)[:16]}.npz"


def _verified(path: Path, name: str) -> list[Review]:
    reviews = read_reviews(_present(path), name=name)
    _compare(reviews, name)
    return reviews


def _compare(reviews: list[Review], name: str) -> None:
    known = IMDB_REVIEWS
    if len(reviews) != known.rows:
        found = ", ".join(f"{sum(r.folder == folder for r in reviews):,} in {folder}" for folder in FOLDERS)
        raise DataError(
            f"{name} holds {len(reviews):,} reviews ({found}), but {known.rows:,} are expected: it is cut or altered."
        )
    if reviews_fingerprint(reviews) != known.sha256:
        raise DataError(f"the reviews in {name} do not have the content SHA-256 {known.sha256}: they are altered.")


def _keep(reviews: list[Review], copy: Path) -> None:
    """Write the copy under another name first, so that whoever finds it finds it whole."""
    numbers = np.array([(FOLDERS.index(r.folder), r.number, r.rating, len(r.text)) for r in reviews])
    texts = np.frombuffer(b"".join(r.text for r in reviews), dtype=np.uint8)
    partial = ""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=copy.parent, suffix=".part", delete=False) as stream:
            partial = stream.name
            np.savez(stream, numbers=numbers, texts=texts)
        os.replace(partial, copy)
    except OSError:  # a full or a read-only cache only makes the next reading slow
        pass
    finally:
        if partial:
            Path(partial).unlink(missing_ok=True)


def _kept(copy: Path) -> list[Review] | None:
    """The reviews of a copy, None if there is none that is whole."""
    if not copy.is_file():
        return None
    try:
        # np.load leaves a file open that it opened and cannot read.
        with copy.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            numbers, texts = stored["numbers"].tolist(), stored["texts"].tobytes()
        ends = np.cumsum([size for *_, size in numbers]).tolist()
        reviews = [
            Review(FOLDERS[folder], number, rating, texts[end - size : end])
            for (folder, number, rating, size), end in zip(numbers, ends, strict=True)
        ]
        _compare(reviews, copy.name)
    except _SPOILED:
        return None
    return reviews
