"""Everything that is said of one number: by the ledger, in prose, by executed cells, and in the list of claims."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from book._ext import report_card
from rnncourse.ledger import Entry, load, shown
from tools import pairs, prose

SHOWN = re.compile(r'<div class="ledger-number" data-ledger="(?P<id>[^"]+)".*?</div>')


@dataclass(frozen=True)
class Binding:
    """The four sources, by id. A link to ``reported.`` and an id stands under both words."""

    entries: Mapping[str, Entry]
    links: Mapping[str, Sequence[prose.Link]]
    shown: Mapping[str, set[str]]
    printed: Mapping[str, str]

    def ids(self) -> set[str]:
        """All ids of which anything is said."""
        return {
            id.removeprefix("reported.") for one in (self.entries, self.links, self.shown, self.printed) for id in one
        }

    def faults(self, id: str) -> Iterator[str]:
        """Where the sources differ about one number."""
        entry, linked = self.entries.get(id), [*self.links.get(id, ()), *self.links.get(f"reported.{id}", ())]
        if entry is None:
            yield f"{id} is not in the ledger; {[link.page for link in linked]}"
            return
        for link in linked:
            wanted = entry.reported if link.target.startswith("reported.") else entry.text
            if wanted is None or link.text.replace("−", "-") != wanted.replace("−", "-"):
                yield f"{link.page} shows '{link.text}' for {link.target}; run 'make numbers'"
        if self.shown.get(id) != {shown(entry)["text/html"]}:
            yield f"{id} is not what executed cells show of it; run 'make execute', or 'make accept'"
        if (entry.reported or "").replace(",", "") != self.printed.get(id, "").replace(",", ""):
            yield f"{id} is reported as {entry.reported}, and the list of claims says {self.printed.get(id)}"


def read() -> Binding:
    """The book's."""
    entries, links, found = load(pairs.BOOK / "numbers.toml"), defaultdict(list), defaultdict(set)
    for page in prose.pages():
        for link in prose.links(page, entries):
            links[link.target].append(link)
    for path in pairs.NOTEBOOKS.glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                for match in SHOWN.finditer("".join(output.get("data", {}).get("text/html", ""))):
                    found[match["id"]].add(match[0])
    said = report_card.coursework()
    printed = {id: text for item in said.items for id, text in item.printed.items() if id not in said.claims}
    return Binding(entries, dict(links), dict(found), printed)
