"""Six emotions in short messages: the authors' split of 20,000, and the larger set as a file of the reader's.

Both are text. The split has one message a line, ``text;label``, the label in words. The larger set is a table with
the columns ``text`` and ``label``, the label a number from 0 to 5; its file is not fetched.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rnncourse.data.archives import read_plain
from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.data.errors import DataError
from rnncourse.data.folders import required
from rnncourse.data.registry import EMOTION

__all__ = ["EMOTIONS", "load_emotion", "parse_emotion", "parse_emotion_csv", "read_emotion", "read_emotion_csv"]

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
"""The classes, in the order of the larger set's numbers 0 to 5."""

PARTS: Mapping[str, str] = MappingProxyType({"train": "train.txt", "validation": "val.txt", "test": "test.txt"})
"""The file of each part."""

# The longest message of the authors' split has 300 characters.
MAX_TEXT = 10_000
_NUMBERS = {str(number): number for number in range(len(EMOTIONS))}
_MAX_FILE = 128 * 2**20


def load_emotion(*, folder: Path | None = None) -> TextSplits:
    """The authors' split: 16,000 messages to train on, 2,000 to choose by, 2,000 to test on.

    Args:
        folder: a folder with ``train.txt``, ``val.txt`` and ``test.txt``; without it, the one below
            ``RNNCOURSE_DATA``, else the fetched one.

    Returns:
        The three parts, their rows in the authors' order, with the classes `EMOTIONS`.

    Raises:
        DataError: a file is not there, or it is malformed.

    Source: Saravia et al. (2018), EMNLP.
    """
    base = required(EMOTION).parent if folder is None else folder
    return TextSplits(**{part: read_emotion(base / file, name=f"emotion ({part})") for part, file in PARTS.items()})


def read_emotion(path: Path, *, name: str = "") -> Corpus:
    """Read a file of ``text;label`` lines.

    Args:
        path: the file, in UTF-8.
        name: how to call the corpus; the name of the file if empty.

    Returns:
        The messages in the order of the lines.

    Raises:
        DataError: there is no such file, or it is malformed; see `parse_emotion`.
    """
    return parse_emotion(_content(path), name=name or path.name, file=str(path))


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"there is no file {path}: give the path of a file of messages and labels.")
    return read_plain(path, limit=_MAX_FILE)


def parse_emotion(content: bytes, *, name: str = "emotion", file: str = "") -> Corpus:
    """Read lines of ``text;label``.

    Args:
        content: the lines, in UTF-8. The label is one of `EMOTIONS`; the text holds no semicolon.
        name: how to call the corpus.
        file: how to call the content in complaints; ``name`` if empty.

    Returns:
        The messages in the order of the lines.

    Raises:
        DataError: the content is empty or no UTF-8, or a line has no label, an unknown one, no text, a text of more
            than ten thousand characters, or further fields.
    """
    file = file or name
    lines = _decoded(content, file).split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise DataError(f"{file} is empty: lines of text;label are expected.")
    rows = [_split(line.removesuffix("\r"), f"line {number} of {file}") for number, line in enumerate(lines, 1)]
    return _corpus(name, rows)


def _corpus(name: str, rows: list[tuple[str, int]]) -> Corpus:
    texts, labels = zip(*rows, strict=True)
    return Corpus(name, texts, np.array(labels), EMOTIONS)


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"line {line} of {file} cannot be read: byte {content[error.start]:#04x} is no UTF-8 text."
        ) from error


def _split(line: str, where: str) -> tuple[str, int]:
    text, separator, label = line.rpartition(";")
    if not separator:
        raise DataError(f"{where} has no semicolon: text;label is expected, got {_short(line)}.")
    if ";" in text:
        raise DataError(f"{where} has {line.count(';') + 1} fields, but text;label is expected.")
    if label not in EMOTIONS:
        raise DataError(f"{where} has the label {_short(label)}: one of {', '.join(EMOTIONS)} is expected.")
    return _checked(text, where), EMOTIONS.index(label)


def _checked(text: str, where: str) -> str:
    if not text.strip():
        raise DataError(f"{where} has a label and no text.")
    if len(text) > MAX_TEXT:
        raise DataError(f"{where} has {len(text):,} characters, more than the {MAX_TEXT:,} allowed: it is no message.")
    return text


def _short(text: str) -> str:
    """A quotation that fits into one sentence."""
    return repr(text if len(text) <= 40 else text[:40] + "…")


def read_emotion_csv(path: Path, *, name: str = "") -> Corpus:
    """Read the larger set, or any table of messages with numbered labels.

    Args:
        path: a CSV file in UTF-8; see `parse_emotion_csv`.
        name: how to call the corpus; the name of the file if empty.

    Returns:
        The messages in the order of the rows. `Corpus.duplicates` tells how many of them conflict.

    Raises:
        DataError: there is no such file, or it is malformed; see `parse_emotion_csv`.
    """
    return parse_emotion_csv(_content(path), name=name or path.name, file=str(path))


def parse_emotion_csv(content: bytes, *, name: str = "emotion", file: str = "") -> Corpus:
    """Read a table with the columns ``text`` and ``label``.

    Args:
        content: comma-separated rows in UTF-8 after a header ``text,label``; a first column that numbers the rows,
            its name empty, may stand before. The label is a number from 0 to 5, an index into `EMOTIONS`.
        name: how to call the corpus.
        file: how to call the content in complaints; ``name`` if empty.

    Returns:
        The messages in the order of the rows.

    Raises:
        DataError: the content is empty or no UTF-8, its header is another, or a row has too few or too many fields,
            an unknown label, no text, a text of more than ten thousand characters, or a quote that never ends.
    """
    file = file or name
    records = _records(_decoded(content, file), file)
    width = _header(next(records, ([], ""))[0], file)
    rows = [_row(fields, width, where) for fields, where in records]
    if not rows:
        raise DataError(f"{file} has a header and no rows.")
    return _corpus(name, rows)


def _records(text: str, file: str) -> Iterator[tuple[list[str], str]]:
    """The fields of each row and where it begins; a text in quotes may run over several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        where = f"line {reader.line_num + 1} of {file}"
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{where} cannot be read as CSV ({error}).") from error
        if fields is None:
            return
        yield fields, where


def _header(names: list[str], file: str) -> int:
    if names in (["text", "label"], ["", "text", "label"]):
        return len(names)
    if not names:
        raise DataError(f"{file} is empty: a header text,label and rows are expected.")
    raise DataError(f"line 1 of {file} is {_short(','.join(names))}, but the columns text,label are expected.")


def _row(fields: list[str], width: int, where: str) -> tuple[str, int]:
    if len(fields) != width:
        raise DataError(f"{where} has {len(fields)} fields, but {width} are expected.")
    text, label = fields[-2:]
    if label not in _NUMBERS:
        raise DataError(f"{where} has the label {_short(label)}: a number from 0 to 5 is expected.")
    return _checked(text, where), _NUMBERS[label]
