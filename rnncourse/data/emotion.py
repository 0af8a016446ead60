"""Six emotions in short messages: the authors' split of 20,000, and the larger set as a file of the reader's.

Both are text. The split has one message a line, ``text;label``, the label in words. The larger set is a table with
the columns ``text`` and ``label``, the label a number from 0 to 5; its file is not fetched.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.data.downloads import Progress, download
from rnncourse.data.errors import DataError
from rnncourse.data.files import expect_hash, read_file
from rnncourse.data.registry import DATASETS, FOLDER_VARIABLE, cache_folder, required

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
"""The classes, in the order of the larger set's numbers 0 to 5."""

PARTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
EMOTION = DATASETS["emotion"]
# The data card's own files, which are JSON lines.
_HUB = EMOTION.source + "/resolve/main/data/{part}.jsonl.gz"
MAX_TEXT = 10_000  # the longest message of the authors' split has 300 characters


def load_emotion(*, folder: Path | None = None) -> TextSplits:
    """The authors' split: 16,000 messages to train on, 2,000 to choose by, 2,000 to test on, in the authors' order.

    Args:
        folder: a folder with ``train.txt``, ``val.txt`` and ``test.txt``; without it, the one below
            ``RNNCOURSE_DATA``, else the fetched one.

    Raises:
        DataError: a file is not there, or it is malformed.

    Source: Saravia et al. (2018), EMNLP.
    """
    base = required(EMOTION).parent if folder is None else folder
    return TextSplits(**{part: read_emotion(base / file, name=f"emotion ({part})") for part, file in PARTS.items()})


def check_emotion(folder: Path) -> TextSplits:
    """As `load_emotion`, and a `DataError` if a file is not the authors'."""
    for file in PARTS.values():
        expect_hash(folder / file, EMOTION.sha256[file])
    return load_emotion(folder=folder)


def read_emotion(path: Path, *, name: str = "") -> Corpus:
    """Read a file of ``text;label`` lines in UTF-8, the label one of `EMOTIONS`, the text without a semicolon.

    Raises:
        DataError: there is no such file, it is empty or no UTF-8, or a line has no label, an unknown one, no text, a
            text of more than ten thousand characters, or further fields.
    """
    records = _records(path, delimiter=";", quoting=csv.QUOTE_NONE)
    return _corpus(name or path.name, path, records, EMOTIONS)


def read_emotion_csv(path: Path) -> Corpus:
    """Read the larger set, or any table of messages with numbered labels.

    Args:
        path: comma-separated rows in UTF-8 after a header ``text,label``; a first column that numbers the rows, its
            name empty, may stand before. The label is a number from 0 to 5, an index into `EMOTIONS`.

    Raises:
        DataError: there is no such file, its header is another, a quote is open, or as for `read_emotion`.
    """
    records = _records(path)
    _, header = next(records, ("", []))
    if header not in (["text", "label"], ["", "text", "label"]):
        raise DataError(f"{path} begins with {','.join(header)[:40]!r}, but a header text,label is expected.")
    return _corpus(path.name, path, records, tuple(map(str, range(len(EMOTIONS)))), width=len(header))


def _records(path: Path, **dialect: Any) -> Iterator[tuple[str, list[str]]]:
    """Where each record begins, and its fields; a text in quotes may run over several lines."""
    content = read_file(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"line {line} of {path} holds {content[error.start]:#04x}, which is no UTF-8 text.") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **dialect)
    while True:
        where = f"line {reader.line_num + 1} of {path}"
        try:
            yield where, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{where} cannot be read ({error}).") from error


def _corpus(
    name: str, path: Path, records: Iterable[tuple[str, list[str]]], labels: tuple[str, ...], *, width: int = 2
) -> Corpus:
    rows: list[tuple[str, int]] = []
    for where, fields in records:
        if len(fields) != width:
            raise DataError(f"{where} has {len(fields)} fields, but {width} are expected.")
        text, label = fields[-2:]
        if label not in labels:
            raise DataError(f"{where} has the label {label[:40]!r}: one of {', '.join(labels)} is expected.")
        if not text.strip() or len(text) > MAX_TEXT:
            raise DataError(f"{where} has a text of {len(text):,} characters, but 1 to {MAX_TEXT:,} are expected.")
        rows.append((text, labels.index(label)))
    if not rows:
        raise DataError(f"{path} is empty: messages with a label each are expected.")
    texts, numbers = zip(*rows, strict=True)
    return Corpus(name, texts, np.array(numbers), EMOTIONS)


def fetch_emotion(*, url: str = "", progress: Progress = lambda have, total: None) -> Path:
    """Fetch the three files into the cache, unless whole ones are there; the folder with them.

    The data card on Hugging Face holds the messages as JSON lines; they are written as the authors' lines of
    ``text;label`` again. A file takes its name only if it has the checksum of the authors' file. With ``url``, the
    three files themselves are fetched from that folder of the web. Errors are those of `download`.
    """
    folder = cache_folder() / "emotion"
    for part, file in PARTS.items():
        source, prepare = (f"{url.rstrip('/')}/{file}", read_file) if url else (_HUB.format(part=part), _as_lines)
        try:
            download(source, folder / file, prepare=prepare, sha256=EMOTION.sha256[file], progress=progress)
        except DataError as error:
            remedy = f"Or put {file} from {EMOTION.source} into a folder that {FOLDER_VARIABLE} names."
            raise DataError(f"{error} {remedy}") from error
    return folder


def _as_lines(part: Path) -> None:
    """Rewrite JSON lines ``{"text": …, "label": 0 to 5}`` as the authors' lines of ``text;label``."""
    lines: list[bytes] = []
    for number, line in enumerate(read_file(part).splitlines(), 1):
        try:
            row = json.loads(line)
            lines.append(f"{row['text']};{EMOTIONS[range(len(EMOTIONS)).index(row['label'])]}\n".encode())
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise DataError(f"line {number} of {part.name} is no message with a label from 0 to 5.") from error
    part.write_bytes(b"".join(lines))
