"""What the engine shares: its complaints, and values as JSON holds them, sealed by a checksum."""

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnncourse._misuse import Misuse


class StudyError(RuntimeError):
    """A study cannot be run, a run cannot be stored, or a record cannot be read."""


class StudyMisuse(StudyError, Misuse):
    """A study was asked for something that it cannot do: an unknown name, device, scale or number of seeds."""


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """What the disk refuses is a StudyError that says what to do."""
    try:
        yield
    except OSError as error:
        remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "see to that"
        raise StudyError(f"{path} cannot be used ({error.strerror}): {remedy} and call again") from error


def as_json(value: Any, *, finite: bool = False) -> Any:
    """A value as JSON holds it: lists for tuples, arrays and tensors, None for numbers that are not finite.

    TypeError or ValueError where it holds something else, text that is no Unicode, or ``finite`` and such a number.
    """
    text = json.dumps(value, default=_listed, allow_nan=not finite, ensure_ascii=False)
    text.encode()  # half a surrogate pair is text that no file can hold
    return json.loads(text, parse_constant=lambda constant: None)


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is nothing that JSON can hold: use numbers, strings and lists")


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def checksum(value: Any) -> str:
    """SHA-256 of the one JSON text of a value, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def sealed(document: dict[str, Any]) -> str:
    """A JSON object with its checksum."""
    return json.dumps(document | {"sha256": checksum(document)}, indent=1) + "\n"


def unsealed(text: str) -> dict[str, Any]:
    """The content of a JSON object whose ``sha256`` is the checksum of all else in it; else ValueError."""
    try:
        document = dict(json.loads(text))
        if document.pop("sha256") == checksum(document):
            return document
    except (KeyError, TypeError, RecursionError):
        pass
    raise ValueError("it has no right checksum")
