"""The bibliography holds what is cited, once, and in full."""

import re
from collections import Counter
from pathlib import Path

from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.richtext import Text

from tools import pairs, prose

SOURCE = pairs.BOOK / "references.bib"
WORKS = parse_file(str(SOURCE))
CITED = re.compile(r"\{cite(?::[a-z]+)?\}`([^`]+)`")
DOI = re.compile(r"10\.\d{4,9}/[^\s{}]+")
ADDRESS = re.compile(r"https://\S+")
ACRONYM = re.compile(r"\b(?:\w*[a-z]\w*[A-Z]\w*|[A-Z]{2,}\w*)\b")  # a style that lowers titles would spoil it
PLACE = {"article": "journal", "inproceedings": "booktitle", "incollection": "booktitle", "book": "publisher"}


def citations(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    return {key.strip() for match in CITED.finditer(text) for key in match[1].split(",")}


def bare(title: str) -> str:
    """A title as a reader sees it, without case and signs."""
    return re.sub(r"\W+", " ", str(Text.from_latex(title))).strip().lower()


def unprotected(title: str) -> list[str]:
    """Acronyms in a title outside braces."""
    return ACRONYM.findall(re.sub(r"\{[^{}]*\}", "", re.sub(r"\{?\\.\{?\w\}?\}?", "", title)))


def faults(entry: Entry) -> list[str]:
    """What an entry lacks, or has in a wrong form."""
    fields = entry.fields
    found = [] if entry.persons.get("author") else ["no author"]
    wanted = ["title", "year", *([PLACE[entry.type]] if entry.type in PLACE else [])]
    found += [f"no {name}" for name in wanted if not fields.get(name)]
    if not {"doi", "url"} & set(fields) and not ("publisher" in fields and entry.type in ("book", "incollection")):
        found.append("neither doi nor url")
    if not re.fullmatch(r"(?:19|20)\d\d", fields.get("year", "2000")):
        found.append(f"year {fields['year']}")
    if not DOI.fullmatch(fields.get("doi", "10.1000/1")):
        found.append(f"doi {fields['doi']}")
    if not ADDRESS.fullmatch(fields.get("url", "https://host")):
        found.append(f"url {fields['url']}")
    if "pages" in fields and not re.fullmatch(r"[\w:]+(?:--[\w:]+)?", fields["pages"]):
        found.append(f"pages {fields['pages']}")
    return found + [f"{word} without braces" for word in unprotected(fields.get("title", ""))]


def twins(works: BibliographyData) -> list[str]:
    """Titles and identifiers that two entries share."""
    seen = Counter(bare(entry.fields.get("title", "")) for entry in works.entries.values())
    seen.update(
        entry.fields[name].lower()
        for entry in works.entries.values()
        for name in ("doi", "url")
        if name in entry.fields
    )
    return [what for what, times in seen.items() if times > 1]


def test_every_work_is_cited_and_every_citation_has_its_work() -> None:
    pages = {page: citations(page) for page in prose.pages()}
    cited = set().union(*pages.values())
    assert cited == set(WORKS.entries), sorted(cited ^ set(WORKS.entries))


def test_every_entry_is_complete_and_stands_once_in_the_order_of_the_keys() -> None:
    assert {key: found for key, entry in WORKS.entries.items() if (found := faults(entry))} == {}
    assert twins(WORKS) == []
    assert list(WORKS.entries) == sorted(WORKS.entries)
