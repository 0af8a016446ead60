"""Numbers in prose: which are ledger links, which are given inputs, and which are loose.

``python -m tools.prose`` rewrites the text of every ledger link from the ledger, writes each chapter as Jupyter would
save it, and carries changed words into the executed pairs.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rnncourse import ledger
from rnncourse._files import write_whole
from tools import pairs

GIVEN = pairs.BOOK / "given.toml"
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\(#(?P<target>[^\s()]+)\)")
CHAPTER_LINK = re.compile(
    r"\[(?P<part>\d)\.(?P<place>\d)\]\((?:\.\./)?(?:notebooks/)?(?P=part)(?P=place)-[\w-]+\.ipynb\)"
)
NUMERAL = re.compile(r"(?<![\w.])[-−+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?\s?[%‰]?")
PROSE_FENCES = "admonition|exercise|solution|note|tip|warning|list-table"
CODE_BLOCK = re.compile(rf"^(?P<fence>`{{3,}})(?!\{{(?:{PROSE_FENCES})).*?^(?P=fence)\s*$", re.M | re.S)
OPTION_LINE = re.compile(r"^:(?!(?:caption|alt)\b)[\w-]+:.*$|^:{3,}\s*$|^:{3,}\{[\w:-]+\}|^`{3,}.*$", re.M)
LIST_MARK = re.compile(r"^\s*\d+\.\s", re.M)
COMMENT = re.compile(r"^%.*$", re.M)
TARGET = re.compile(r"^\([\w.:-]+\)=\s*$", re.M)
MATH = re.compile(r"\$\$.*?\$\$|(?<![\\$])\$[^$\n]+(?:\n[^$\n]+)*\$", re.S)
ROLE = re.compile(r"\{[\w:+-]+\}`[^`]*`")
CODE_SPAN = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)", re.S)
ADDRESS = re.compile(r"\]\([^)\s]*\)|<https?://[^>]*>|https?://\S+")
# A symbol's subscript or an exponent of two is notation; a decimal or a long number in a formula is a result.
RESULT_IN_MATH = re.compile(r"\d+\.\d+|\d{3,}|\d{1,3}(?:\{?,\}?\d{3})+")


@dataclass(frozen=True)
class Link:
    """A ledger link in prose."""

    page: str
    target: str
    text: str


def pages() -> list[Path]:
    """Every source with prose: chapters, and the pages beside them."""
    return pairs.chapters() + sorted(pairs.BOOK.glob("*.md")) + sorted((pairs.BOOK / "quizzes").glob("*.md"))


def markdown_of(page: Path) -> str:
    """The prose of a page: its Markdown cells and the captions of its figures."""
    return _markdown_in(page, page.read_text(encoding="utf-8"))


@cache
def _markdown_in(page: Path, text: str) -> str:
    """The same of a page with this text; it takes a chapter a tenth of a second."""
    if page.parent != pairs.CHAPTERS:
        return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    parts = []
    for cell in pairs.read_source(page).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            parts.append(str(figure.get("caption", "")))
    return "\n\n".join(parts)


def links(page: Path, book: ledger.Ledger) -> Iterator[Link]:
    """Ledger links of a page: those to an id of the ledger, and those that show a number but lead nowhere in it."""
    for match in LINK.finditer(CODE_BLOCK.sub("", markdown_of(page))):
        if book.resolves(match["target"]) or NUMERAL.fullmatch(match["text"].strip()):
            yield Link(page.stem, match["target"], match["text"])


def loose_numbers(page: Path, book: ledger.Ledger, given: list[str]) -> tuple[list[str], set[str]]:
    """Numbers in the prose of a page that are neither ledger links nor given inputs.

    Args:
        page: a source.
        book: the ledger that links may lead to.
        given: regular expressions of what may stand as plain text.

    Returns:
        Each loose number with the words around it, and the patterns that matched something.
    """
    text = CODE_BLOCK.sub("\n", markdown_of(page))
    for pattern in (COMMENT, LIST_MARK, OPTION_LINE, TARGET):
        text = pattern.sub("", text)
    text = CHAPTER_LINK.sub(" ", text)
    text = LINK.sub(lambda m: " " if book.resolves(m["target"]) else m["text"], text)
    loose: list[str] = []
    used: set[str] = set()

    def allow(part: str) -> str:
        for pattern in given:
            cleared = re.sub(pattern, lambda m: "·" * len(m[0]), part)
            if cleared != part:
                used.add(pattern)
            part = cleared
        return part

    def take_math(match: re.Match[str]) -> str:
        if RESULT_IN_MATH.search(allow(match[0])):
            loose.append(match[0])
        return " "

    def take_code(match: re.Match[str]) -> str:
        code = match["code"].strip()
        return f" {code} " if NUMERAL.fullmatch(code) else " "

    text = MATH.sub(take_math, ROLE.sub(" ", text))
    text = allow(ADDRESS.sub(" ", CODE_SPAN.sub(take_code, text)))
    for match in NUMERAL.finditer(text):
        loose.append(" ".join(text[max(match.start() - 30, 0) : match.end() + 30].split()))
    return loose, used


def given_inputs() -> tuple[list[str], dict[str, list[str]]]:
    """The allow-list: patterns for every page, and patterns for single pages."""
    table = tomllib.loads(GIVEN.read_text(encoding="utf-8"))
    return table["everywhere"], table["pages"]


def refresh(page: Path, book: ledger.Ledger) -> int:
    """Rewrite the text of a page's ledger links from the ledger; return how many changed."""
    old = page.read_text(encoding="utf-8")
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        if not book.resolves(match["target"]):
            return match[0]
        wanted = f"[{book.text(match['target'])}](#{match['target']})"
        count += wanted != match[0]
        return wanted

    new = LINK.sub(replace, old)
    if new != old:
        write_whole(page, new)
    return count


def main() -> int:
    """Refresh every page, and the answers of the report card."""
    book = ledger.load(pairs.BOOK / "numbers.toml")
    for page in [*pages(), pairs.BOOK / "claims.toml"]:
        if count := refresh(page, book):
            print(f"{page.name}: {count} refreshed")
        if page.parent == pairs.CHAPTERS:
            write_whole(page, pairs.as_saved(page))
            if reworded := pairs.reword(page):
                pairs.write_pair(reworded, pairs.pair_of(page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
