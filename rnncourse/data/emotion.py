"""Six emotions in short messages, the authors' split of 20,000: one message a line, ``text;label``."""

import io
import json
from pathlib import Path

import numpy as np

from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.data.downloads import Progress, download
from rnncourse.data.errors import DataError
from rnncourse.data.files import expect_hash, read_file
from rnncourse.data.registry import DATASETS, FOLDER_VARIABLE, cache_folder, required

#: The classes, in the order of the data card's numbers 0 to 5.
EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")

PARTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
EMOTION = DATASETS["emotion"]
# The data card's own files, which are JSON lines.
_HUB = EMOTION.source + "/resolve/main/data/{part}.jsonl.gz"
MAX_TEXT = 10_000  # the longest message of the authors' split has 300 characters


def load_emotion(*, folder: Path | None = None) -> TextSplits:
    """The authors' split: 16,000 messages to train on, 2,000 to choose by, 2,000 to test on, in the authors' order.

    They lie in ``folder``, else below ``RNNCOURSE_DATA``, else in the cache. A malformed file is a `DataError`.

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

    A `DataError` says that there is no such file, that it is empty or no UTF-8, or which line is no message.
    """
    try:
        content = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text (byte {error.start:,}).") from error
    texts, labels = [], []
    for number, line in enumerate(io.StringIO(content, newline=None), 1):
        text, _, label = line.rstrip("\n").rpartition(";")
        if label not in EMOTIONS or ";" in text or not text.strip() or len(text) > MAX_TEXT:
            raise DataError(f"line {number} of {path} is {line[:60]!r}: a text;label of {EMOTIONS} is expected.")
        texts.append(text)
        labels.append(EMOTIONS.index(label))
    if not texts:
        raise DataError(f"{path} is empty: messages with a label each are expected.")
    return Corpus(name or path.name, tuple(texts), np.array(labels), EMOTIONS)


def fetch_emotion(*, progress: Progress = lambda have, total: None) -> Path:
    """Fetch the three files into the cache, unless whole ones are there; the folder with them.

    The data card on Hugging Face holds the messages as JSON lines; they are written as the authors' lines again, whose
    checksum each file must have.
    """
    folder = cache_folder() / "emotion"
    for part, file in PARTS.items():
        source, sha256 = _HUB.format(part=part), EMOTION.sha256[file]
        try:
            download(source, folder / file, prepare=_as_lines, sha256=sha256, progress=progress)
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
