"""The three files of the emotion split: fetched from the places where its authors put them, and checked."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from rnncourse.data.archives import read_gzip
from rnncourse.data.corpus import TextSplits
from rnncourse.data.downloads import Progress, download, file_hash
from rnncourse.data.emotion import EMOTIONS, PARTS, load_emotion
from rnncourse.data.errors import DataError
from rnncourse.data.folders import FOLDER_VARIABLE, cache_folder
from rnncourse.data.registry import EMOTION

__all__ = ["check_emotion", "fetch_emotion", "text_lines"]

# The data card's own files, which are JSON lines, and the addresses that its first version named.
_HUB = EMOTION.source + "/resolve/main/data/{part}.jsonl.gz"
_FIRST = {
    "train": "https://www.dropbox.com/s/1pzkadrvffbqw6o/train.txt?dl=1",
    "validation": "https://www.dropbox.com/s/2mzialpsgf9k5l3/val.txt?dl=1",
    "test": "https://www.dropbox.com/s/ikkqxfdbdec3fuj/test.txt?dl=1",
}
_MAX_FILE = 16 * 2**20


def check_emotion(folder: Path) -> TextSplits:
    """Read the three files of a folder and compare them with the authors'.

    Args:
        folder: a folder with ``train.txt``, ``val.txt`` and ``test.txt``.

    Returns:
        The split.

    Raises:
        DataError: a file is not there, is malformed, or its checksum is not the known one.
    """
    splits = load_emotion(folder=folder)
    for file in PARTS.values():
        if file_hash(folder / file) != EMOTION.sha256[file]:
            raise DataError(
                f"{folder / file} does not have the SHA-256 {EMOTION.sha256[file]}: it is damaged or another version."
            )
    return splits


def fetch_emotion(*, url: str = "", retries: int = 3, progress: Progress = lambda have, total: None) -> Path:
    """Fetch the three files into the cache, unless whole ones are there.

    The data card on Hugging Face holds the messages as JSON lines; they are written as the authors' lines of
    ``text;label`` again. Where that fails, the addresses that the authors gave first are tried. Either way a file
    takes its name only if it has the checksum of the authors' file.

    Args:
        url: a folder of the web with ``train.txt``, ``val.txt`` and ``test.txt``, to use instead.
        retries: how often to try again after a broken transfer.
        progress: told the bytes at hand and the bytes expected, if the server says so.

    Returns:
        The folder with the files.

    Raises:
        DataError: as for `download`; what was fetched before stays.
    """
    folder = cache_folder() / "emotion"
    for part, file in PARTS.items():
        path = folder / file
        if path.is_file() and file_hash(path) == EMOTION.sha256[file]:
            continue
        path.unlink(missing_ok=True)
        sources = [f"{url.rstrip('/')}/{file}"] if url else [_HUB.format(part=part), _FIRST[part]]
        _fetch_one(sources, path, retries=retries, progress=progress)
    return folder


def _fetch_one(sources: list[str], path: Path, *, retries: int, progress: Progress) -> None:
    failures: list[str] = []
    for source in sources:
        fetch: Callable[..., None] = _fetch_json if source.endswith(".jsonl.gz") else _fetch_text
        try:
            fetch(source, path, retries=retries, progress=progress)
        except DataError as error:
            failures.append(str(error))
        else:
            return
    reasons = " ".join(failures)
    raise DataError(f"{reasons} Put {path.name} from {EMOTION.source} into a folder that {FOLDER_VARIABLE} names.")


def _fetch_text(source: str, path: Path, *, retries: int, progress: Progress) -> None:
    known = EMOTION.sha256[path.name]
    download(source, path, verify=lambda part: None, sha256=known, retries=retries, progress=progress, limit=_MAX_FILE)


def _fetch_json(source: str, path: Path, *, retries: int, progress: Progress) -> None:
    compressed = path.with_suffix(".jsonl.gz")
    whole = path.with_name(path.name + ".whole")

    def verify(part: Path) -> None:
        whole.write_bytes(text_lines(read_gzip(part, limit=_MAX_FILE), name=source))
        if file_hash(whole) != EMOTION.sha256[path.name]:
            raise DataError(f"{source} does not hold the messages of {path.name}: it is damaged or another version.")

    try:
        compressed.unlink(missing_ok=True)
        download(source, compressed, verify=verify, retries=retries, progress=progress, limit=_MAX_FILE)
        os.replace(whole, path)
    finally:
        whole.unlink(missing_ok=True)
        compressed.unlink(missing_ok=True)


def text_lines(content: bytes, *, name: str) -> bytes:
    """Write JSON lines as lines of ``text;label``.

    Args:
        content: one object a line, ``{"text": …, "label": 0 to 5}``.
        name: how to call the content in complaints.

    Returns:
        The lines of the authors' files, in UTF-8.

    Raises:
        DataError: a line is no such object.
    """
    lines: list[bytes] = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            row = json.loads(line)
            lines.append(f"{row['text']};{EMOTIONS[range(len(EMOTIONS)).index(row['label'])]}\n".encode())
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise DataError(f"line {number} of {name} is no message with a label from 0 to 5.") from error
    return b"".join(lines)
