"""Accept the numbers that chapters compute now: ``python -m tools.accept NAME …``.

A chapter runs with a copy of the lock that `rnncourse.ledger.number` may write. What the ledger's tolerance allows
stays as it was. The rest is shown, and then lock, pair and links are written; a run that fails leaves all three alone.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode

from rnncourse._files import write_whole
from rnncourse._ledger_files import LedgerError, Measured, lock_path, lock_text, read_descriptions, read_lock
from rnncourse.ledger import ACCEPT, CHECKED, Ledger, load
from tools import execute, pairs, prose

Values = dict[str, Measured]


def checked(notebook: NotebookNode) -> list[str]:
    """Ids that a notebook's outputs show as checked, in their order."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    found = (CHECKED.findall(str(output.get("data", {}).get("text/html", ""))) for output in outputs)
    return list(dict.fromkeys(id for ids in found for id in ids))


def merged(old: Values, new: Values, ran: Sequence[str], gone: set[str]) -> Values:
    """The old values with the new ones, a new id after the one that the chapter checks before it."""
    order = [id for id in old if id not in gone]
    for place, id in enumerate(ran):
        if id not in order:
            first = min((order.index(one) for one in ran if one in order), default=len(order))
            order.insert(order.index(ran[place - 1]) + 1 if place else first, id)
    return {id: new[id] for id in order}


def changes(old: Values, new: Ledger) -> Iterator[str]:
    """A line for each value that is new, gone or another."""
    for id in old.keys() - new.keys():
        yield f"{id}: dropped, was {old[id]}"
    for id, entry in new.items():
        if id not in old:
            yield f"{id}: new, {entry.text} {entry.unit}".rstrip()
        elif old[id] != entry.measured:
            before = replace(entry, **old[id]._asdict())
            full = f" ({old[id]} → {entry.measured})" if before.text == entry.text else ""
            verdict = f"; {entry.verdict}, was {before.verdict}" if before.verdict != entry.verdict else ""
            yield f"{id}: {before.text} → {entry.text}{full}{verdict}"


def accept(source: Path, numbers: Path) -> None:
    """Run one chapter, show what changes, and write it.

    Raises:
        LedgerError, and what `execute` raises: nothing was written.
    """
    lock = lock_path(numbers)
    with tempfile.TemporaryDirectory() as folder:
        for file in (lock, *numbers.parent.glob("*.toml")):
            shutil.copy(file, folder)
        copy = Path(folder, numbers.name)
        notebook = execute.execute(source, **{ACCEPT: "1", "RNNCOURSE_LEDGER": str(copy)})
        old, new, described = read_lock(lock), read_lock(lock_path(copy)), read_descriptions(numbers)
        ran = checked(notebook)
        elsewhere = {id for other in pairs.chapters() if other != source for id in checked_by(other)}
        gone = {*checked_by(source)} - {*ran} - elsewhere | old.keys() - described.keys()
        lock_path(copy).write_text(lock_text(merged(old, new, ran, gone)), encoding="utf-8")
        book = load(copy, whole=False)
        for line in list(changes(old, book)) or [f"{source.name}: no number changed"]:
            print(line)
        for id in described.keys() - book.keys():
            print(f"{id}: described, and computed by no chapter that ran")
        write_whole(lock, lock_path(copy).read_text(encoding="utf-8"))
    pairs.write_pair(notebook, pairs.pair_of(source))


def checked_by(source: Path) -> list[str]:
    """Ids that a chapter's pair shows as checked."""
    pair = pairs.pair_of(source)
    return checked(pairs.read_pair(pair)) if pair.exists() else []


def main() -> int:
    """Command line; returns 0 when every chapter ran, else 1."""
    parser = argparse.ArgumentParser(description="Run chapters and accept their numbers, showing what changes.")
    parser.add_argument("names", nargs="+", help="chapters to run, by the start of their names")
    options = parser.parse_args()
    for source in pairs.chosen(options.names, parser):
        try:
            accept(source, pairs.BOOK / "numbers.toml")
        except (*execute.FAILURES, LedgerError) as error:
            print(f"{source.name}: nothing was accepted.\n{error}", file=sys.stderr)
            return 1
    return prose.main()


if __name__ == "__main__":
    sys.exit(main())
