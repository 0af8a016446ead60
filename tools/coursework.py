"""What the two reports ask and assert, item by item, and what in the book answers it."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rnncourse.ledger import Entry
from tools import pairs

BOX = re.compile(
    r"^:{3,}\{admonition\} [^\n]+\n:class: verdict \w+\n:name: (?P<name>\S+)\n(?P<body>.*?)^:{3,}$", re.M | re.S
)
MEASURED = re.compile(r"\*\*Measured\.\*\*\s*(?P<text>.*?)\s*\*\*Why\.\*\*", re.S)
QUESTION = re.compile(r"HW[56] Q\d(?:\([a-e]\)|-[A-C])?")

Claims = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Item:
    """One thing the reports ask or assert.

    Attributes:
        id: name of the item in the list.
        question: where it stands, such as ``HW5 Q7(a)``.
        what: what is asked or asserted, in a few words.
        chapter: stem of the chapter that answers it; the item waits while that chapter is not in the book.
        claims: claims in words that answer it.
        measured: ledger entries that answer a question to which the report's own answer is illegible or missing.
        numbers: the number as printed, by the ledger entry (or the claim in words) that answers for it.
    """

    id: str
    question: str
    what: str
    chapter: str
    claims: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)


def items(path: Path | None = None) -> list[Item]:
    """The list, in the order of the reports.

    Raises:
        TypeError: an item lacks a field, or has one that items do not have.
        ValueError: an item names no question of the reports.
    """
    table = tomllib.loads((path or pairs.BOOK / "coursework.toml").read_text(encoding="utf-8"))
    found = []
    for name, fields in table.items():
        answers = {key: tuple(fields.pop(key, ())) for key in ("claims", "measured")}
        found.append(Item(**{"id": name, **fields, **answers}))
        if not QUESTION.fullmatch(found[-1].question):
            raise ValueError(
                f"coursework item '{name}' is of question {found[-1].question!r}; write it as 'HW5 Q7(a)'."
            )
    return found


def claims() -> dict[str, dict[str, str]]:
    """Claims of the coursework in words, by id."""
    return tomllib.loads((pairs.BOOK / "claims.toml").read_text(encoding="utf-8"))


def measured() -> dict[str, str]:
    """What each verdict box says was measured, as Markdown, by the claim's id; empty where a box does not say."""
    found = {}
    for page in pairs.chapters():
        for box in BOX.finditer(page.read_text(encoding="utf-8")):
            match = MEASURED.search(box["body"])
            found[box["name"]] = match["text"] if match else ""
    return found


def present(listed: Iterable[Item], chapters: Iterable[str]) -> list[Item]:
    """The items whose chapter is in the book."""
    stems = set(chapters)
    return [item for item in listed if item.chapter in stems]


def faults(listed: list[Item], words: Claims, entries: dict[str, Entry], chapters: Iterable[str]) -> Iterator[str]:
    """Where the list, the claims and the ledger do not cover each other, a sentence for each place.

    Args:
        listed: the list.
        words: claims in words, by id.
        entries: the ledger's entries, by id (a ledger itself raises where a plain dictionary says no).
        chapters: stems of the chapters that are in the book.
    """
    stems = set(chapters)
    reported = {name for name, entry in entries.items() if entry.reported is not None}
    uses = Counter(
        name for item in listed for name in (*item.claims, *item.numbers) if name in words or name in reported
    )
    uses.subtract(name for item in listed for name in item.numbers if name in words)
    for name in sorted(set(words) | reported):
        if uses[name] != 1:
            yield f"{name} belongs to {uses[name]} items of the coursework's list; it should belong to one."
    for item in listed:
        if item.chapter in stems:
            yield from _unanswered(item, words, entries)
        elif number := next((stem for stem in stems if stem[:2] == item.chapter[:2]), ""):
            yield f"{item.id} waits for {item.chapter}, but that chapter is {number}."


def _unanswered(item: Item, words: Claims, entries: dict[str, Entry]) -> Iterator[str]:
    if not (item.claims or item.measured or item.numbers):
        yield f"{item.id} has no answer, and its chapter {item.chapter} is in the book."
    for name in item.claims:
        if name not in words:
            yield f"{item.id} names the claim {name}, which does not exist."
    for name in item.measured:
        if name not in entries:
            yield f"{item.id} names the entry {name}, which does not exist."
    for name, printed in item.numbers.items():
        if name in words:
            if not re.search(rf"(?<![\d.]){re.escape(printed)}(?![\d.]*\d)", words[name]["says"].replace("−", "-")):
                yield f"{item.id}: the claim {name} does not say {printed}."
        elif name not in entries:
            yield f"{item.id} names the entry {name}, which does not exist."
        elif (entries[name].reported or "").replace(",", "") != printed:
            yield f"{item.id}: the report prints {printed}, the entry {name} says {entries[name].reported}."
