"""The report card: every claim and number of the coursework beside what was measured, and the verdict on it.

* ``{report-card-totals}`` counts the verdicts, by chapter and in all.
* ``{report-card}`` draws the table, in the order of the coursework's questions, with filters above it.
* ``{verdict}`claim-id` `` writes a claim's verdict in running text, with a link to its box or line.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from book._ext.ledger import BOOK, NUMBERS_PAGE, chapter_number, chapter_of, ledger_of, places_of, provenance, titles_of
from book._ext.tables import CLOSE_TABLE, choice, filters, open_table, verdict_mark
from rnncourse._claims import VERDICTS, Claim, ClaimError, load
from rnncourse.ledger import PRINTED_VERDICTS, Entry

logger = logging.getLogger(__name__)
KINDS = {"claim": "claims in words", "number": "printed numbers", "question": "questions that the book answers"}
TITLES = ("What the reports say", "Reported", "Measured", "Spread", "Verdict", "Where")
FRAME = "report-card-rows"
BOX = re.compile(
    r"^(?P<fence>:{3,})\{admonition\} (?P<title>[^\n]+)\n:class: verdict (?P<verdict>[\w-]+)\n:name: (?P<name>\S+)\n"
    r"(?P<body>.*?)^(?P=fence)$",
    re.M | re.S,
)
MEASURED = re.compile(r"\*\*Measured\.\*\*\s*(?P<text>.*?)\s*\*\*Why\.\*\*", re.S)


@dataclass(frozen=True)
class Item:
    """One thing the reports ask or assert; the head of ``book/claims.toml`` says what its fields mean."""

    id: str
    question: str
    what: str
    claims: Sequence[str] = ()
    measured: Sequence[str] = ()
    numbers: Sequence[str] = ()

    @property
    def printed(self) -> dict[str, str]:
        """Its numbers as printed, by the id of the entry, or of the claim, that answers for them."""
        return dict(line.split(" = ") for line in self.numbers)


class Coursework(NamedTuple):
    """All claims by id, and all items in the order of the reports."""

    claims: dict[str, Claim]
    items: list[Item]


def coursework(path: Path = BOOK / "claims.toml") -> Coursework:
    """Read the list of claims with the items between them; a `ClaimError` says what is wrong with it."""
    claims = load(path)
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return Coursework(claims, [Item(**{"id": id, **tables[id]}) for id in tables if id not in claims])
    except TypeError as error:
        raise ClaimError(f"the items of {path} cannot be read: {error}; mend the file.") from error


class Box(NamedTuple):
    """A verdict box: the stem of its chapter, its title, its class, and what it says was measured."""

    chapter: str
    title: str
    verdict: str
    measured: str


def boxes_in(stem: str, text: str) -> dict[str, Box]:
    """The verdict boxes of a chapter, by the claim's id."""
    found = {}
    for match in BOX.finditer(text):
        measured = MEASURED.search(match["body"])
        found[match["name"]] = Box(stem, match["title"], match["verdict"], measured["text"] if measured else "")
    return found


def boxes() -> dict[str, Box]:
    """The verdict boxes of all chapters, by the claim's id."""
    found: dict[str, Box] = {}
    for page in sorted((BOOK / "chapters").glob("[0-9][0-9]-*.md")):
        found |= boxes_in(page.stem, page.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Row:
    """One line of the card.

    Attributes:
        kind: ``claim``, ``number`` or ``question``.
        id: the claim's, the ledger entry's, or the item's.
        item: the item it belongs to.
        chapter: stem of the chapter that shows it.
        verdict: the claim's or the printed number's; empty for a question that the book answers itself.
    """

    kind: str
    id: str
    item: Item
    chapter: str
    verdict: str


def rows_of(
    item: Item, said: Coursework, drawn: Mapping[str, Box], entries: Mapping[str, Entry], places: Mapping[str, str]
) -> Iterator[Row]:
    """The lines of one item: its claims, its numbers, and itself if the book answers it.

    Args:
        item: the item.
        said: the coursework's claims.
        drawn: the verdict boxes, by the claim's id.
        entries: the ledger's entries, by id.
        places: the notebook that computes an entry, by id.
    """
    for name in item.claims:
        claim = said.claims[name]
        chapter = drawn[name].chapter if name in drawn else claim.chapter
        yield Row("claim", name, item, chapter, claim.judged(entries))
    for name in (name for name in item.printed if name not in said.claims):
        yield Row("number", name, item, Path(places[name]).name, entries[name].verdict or "")
    if item.measured:
        yield Row("question", item.id, item, Path(places[item.measured[0]]).name, "")


class Sources(NamedTuple):
    """What the card is drawn from."""

    said: Coursework
    drawn: Mapping[str, Box]
    rows: list[tuple[Item, list[Row]]]


def sources(app: Sphinx) -> Sources:
    """Claims, boxes, and every item with its lines, read once per build."""
    if not hasattr(app, "rnncourse_card"):
        said, drawn = coursework(), boxes()
        ledger, places = ledger_of(app), places_of(app)
        rows = [(item, list(rows_of(item, said, drawn, ledger, places))) for item in said.items]
        app.rnncourse_card = Sources(said, drawn, rows)  # type: ignore[attr-defined]
    return app.rnncourse_card  # type: ignore[attr-defined, no-any-return]


def slug(question: str) -> str:
    """A question as one word: ``HW5 Q7(a)`` becomes ``hw5-q7a``, ``HW5 Q6-B`` becomes ``hw5-q6b``."""
    homework, _, rest = question.lower().partition(" ")
    return f"{homework}-{''.join(letter for letter in rest if letter.isalnum())}"


def start(row: Row) -> str:
    """The opening tag of a line, with what the filters ask for."""
    homework = row.item.question[:3].lower()
    data = {
        "kind": row.kind,
        "verdict": row.verdict,
        "chapter": row.chapter,
        "question": f"{homework} {slug(row.item.question)}",
    }
    told = " ".join(f'data-{key}="{escape(value)}"' for key, value in data.items())
    return f'<tr id="card.{escape(row.id)}" {told}>'


def from_here(text: str) -> str:
    """Markdown of a chapter with its links to other chapters and pages as this page has to write them."""
    return re.sub(r"\]\((?=\d\d-[\w-]+\.ipynb)", "](notebooks/", text).replace("](../", "](")


def cell(title: str, content: str, *, look: str = "") -> str:
    """One cell; where the table becomes cards, its title stands in it."""
    return f'<td data-title="{title}"{f" class={look}" if look else ""}>{content}</td>'


class Card(SphinxDirective):
    """What both directives need."""

    @property
    def app(self) -> Sphinx:
        """The application."""
        return self.env.app

    def watch(self) -> None:
        """Read the page again when what it shows may have changed."""
        for name in ("numbers.toml", "numbers.lock.json", "claims.toml"):
            self.env.note_dependency(str(BOOK / name))
        self.env.note_reread()

    def uri(self, docname: str) -> str:
        """Address of a page from this one."""
        return self.app.builder.get_relative_uri(self.env.docname, docname)

    def where(self, row: Row, fragment: str) -> str:
        """The last cell: a link to the box that argues a line, or to the cell that computes it."""
        title = f"{'argued' if row.kind == 'claim' else 'computed'} in {titles_of(self.app)[row.chapter]}"
        uri = self.uri(f"book/notebooks/{row.chapter}")
        text = f"chapter&nbsp;{chapter_number(row.chapter)}"
        return cell("Where", f'<a href="{uri}{fragment}" title="{escape(title)}">{text}</a>')


class ReportCardTotals(Card):
    """``{report-card-totals}``: how many claims and numbers hold, by chapter and in all."""

    def run(self) -> list[nodes.Node]:
        """Build the sentence and the table."""
        self.watch()
        rows = [row for _, rows in sources(self.app).rows for row in rows]
        count = Counter((row.kind, row.chapter, row.verdict) for row in rows)
        chapters = [stem for stem in titles_of(self.app) if any(row.chapter == stem and row.verdict for row in rows)]
        lines = [self.line(stem, titles_of(self.app)[stem], count) for stem in chapters]
        total = Counter((row.kind, "", row.verdict) for row in rows)
        marks = "".join(f"<th scope=col>{verdict_mark(verdict)}</th>" for verdict in (*VERDICTS, *PRINTED_VERDICTS))
        html = (
            f"<p>{self.sentence(total)}</p>"
            '<div class="ledger-table totals" tabindex="0" role="region" aria-label="Totals"><table class="table">'
            f'<thead><tr><td></td><th scope="colgroup" colspan="{len(VERDICTS)}">Claims in words</th>'
            f'<th scope="colgroup" colspan="{len(PRINTED_VERDICTS)}">Printed numbers</th></tr>'
            '<tr><th scope="col">Chapter</th>'
            f"{marks}</tr></thead>"
            f"<tbody>{''.join(lines)}</tbody><tfoot>{self.line('', 'In all', total)}</tfoot>{CLOSE_TABLE}"
        )
        return [nodes.raw("", html, format="html")]

    def line(self, stem: str, title: str, count: Counter[tuple[str, str, str]]) -> str:
        """One row of totals; each count names the rows it counts."""
        cells = []
        for kind, verdicts in (("claim", VERDICTS), ("number", PRINTED_VERDICTS)):
            for verdict in verdicts:
                wanted = {"verdict": verdict, "kind": kind} | ({"chapter": stem} if stem else {})
                show = escape("&".join(f"{key}={value}" for key, value in wanted.items()))
                n = count[kind, stem, verdict]
                cells.append(f'<td class="num" data-show="{show}">{n}</td>' if n else '<td class="num"></td>')
        return f'<tr><th scope="row">{escape(title)}</th>{"".join(cells)}</tr>'

    def sentence(self, total: Counter[tuple[str, str, str]]) -> str:
        """The totals in words."""
        claims, numbers = (
            [total[kind, "", verdict] for verdict in verdicts]
            for kind, verdicts in (("claim", VERDICTS), ("number", PRINTED_VERDICTS))
        )
        holds, here, undecided, untested, fails, equal, other, apart = (
            f"<strong>{count}</strong>" for count in (*claims, *numbers)
        )
        return (
            f"Of {sum(claims)} claims in words, {holds} hold, {here} hold in some measured cases and not in others, "
            f"{undecided} are undecided, {untested} are not tested and {fails} do not hold. Of {sum(numbers)} printed "
            f"numbers, {equal} hold, {other} are not reproduced and {apart} cannot be compared. To "
            f"{total['question', '', '']} further questions the reports have no legible answer; the book gives its "
            "own, without a verdict."
        )


class ReportCard(Card):
    """``{report-card}``: the table itself."""

    def run(self) -> list[nodes.Node]:
        """Build filters and table: HTML, with what the boxes say parsed as the chapters' prose is."""
        self.watch()
        listed = sources(self.app).rows
        made: list[nodes.Node] = [
            raw(self.form(listed) + open_table("Claims and numbers", TITLES, name=FRAME, look="cards"))
        ]
        for item, rows in listed:
            heading = f"<strong>{escape(item.question)}</strong> {escape(item.what)}"
            made.append(
                raw(
                    f'<tbody><tr class="item" id="asked.{item.id}"><th scope="rowgroup" colspan="6">{heading}</th></tr>'
                )
            )
            for row in rows:
                made += {"claim": self.claim, "number": self.number, "question": self.question}[row.kind](row)
            made.append(raw("</tbody>"))
        return [*made, raw(CLOSE_TABLE)]

    def form(self, listed: list[tuple[Item, list[Row]]]) -> str:
        """The filters."""
        questions: dict[str, dict[str, str]] = {}
        for item, _ in listed:
            homework = item.question[:3]
            group = questions.setdefault(homework, {homework.lower(): f"all of {homework}"})
            group[slug(item.question)] = item.question
        used = {row.chapter for _, rows in listed for row in rows}
        chapters = {stem: title for stem, title in titles_of(self.app).items() if stem in used}
        choices = [
            choice("Verdict", "verdict", VERDICTS | PRINTED_VERDICTS),
            choice("Question", "question", questions),
            choice("Chapter", "chapter", chapters),
            choice("Kind", "kind", KINDS),
        ]
        return filters(FRAME, choices)

    def claim(self, row: Row) -> list[nodes.Node]:
        """A claim in words: what its box measured, in the words and links of the box, and the rule of its verdict."""
        claim, box = sources(self.app).said.claims[row.id], sources(self.app).drawn.get(row.id)
        told = box.measured if box else claim.answer
        if not told:
            logger.warning("no verdict box says what was measured for %s", row.id, location=self.get_location())
        holder = nodes.container()
        text = StringList(from_here(told).splitlines(), source=str(BOOK / "report-card.md"))
        self.state.nested_parse(text, 0, holder)
        before = f'{start(row)}<th scope="row">{escape(claim.says)}</th><td data-title="Measured" colspan="3">'
        why = claim.why(lambda name: self.number_link(name, f"<code>{name.replace('.', '.<wbr>')}</code>"))
        mark = f"{verdict_mark(row.verdict)}<details><summary>why</summary><small>{why}</small></details>"
        after = f"</td>{cell('Verdict', mark)}{self.where(row, f'#{row.id}' if box else '')}</tr>"
        return [raw(before), *holder.children, raw(after)]

    def number(self, row: Row) -> list[nodes.Node]:
        """A printed number, ours and its spread."""
        entry = ledger_of(self.app)[row.id]
        ours = f"{entry.show(entry.value) if entry.n else entry.text} {escape(entry.unit)}".strip()
        spread = f"± {entry.show(entry.spread)}, {entry.n} seeds" if entry.n else str(entry.tolerance)
        why = entry.incomparable or entry.remark
        remark = f"<br><small>{escape(why)}</small>" if why else ""
        parts = (
            f'<th scope="row">{escape(entry.what)}</th>',
            cell("Reported", self.number_link(f"reported.{row.id}", escape(entry.reported_text)), look="num"),
            cell("Measured", self.number_link(row.id, ours), look="num"),
            cell("Spread", escape(spread)),
            cell("Verdict", verdict_mark(entry.verdict) + remark),
            self.where(row, f"#computed.{row.id}"),
        )
        return [raw(f"{start(row)}{''.join(parts)}</tr>")]

    def question(self, row: Row) -> list[nodes.Node]:
        """A question that the book answers by numbers of its own."""
        entries = [ledger_of(self.app)[name] for name in row.item.measured]
        shown = "".join(
            f"<li>{escape(entry.what)}: {self.number_link(entry.id, f'{entry.text} {escape(entry.unit)}')}</li>"
            for entry in entries
        )
        parts = (
            '<th scope="row">No answer that can be read</th>',
            f'<td data-title="Measured" colspan="3"><ul>{shown}</ul></td>',
            cell("Verdict", "no verdict: the book's own answer"),
            self.where(row, f"#computed.{entries[0].id}"),
        )
        return [raw(f"{start(row)}{''.join(parts)}</tr>")]

    def number_link(self, name: str, shown: str) -> str:
        """A link to a number's row, or with ``reported.`` before the id to what was printed, with its provenance."""
        entry = ledger_of(self.app)[name.removeprefix("reported.")]
        title = escape(provenance(entry, chapter_of(self.app, entry.id)))
        return f'<a class="ledger" title="{title}" href="{self.uri(NUMBERS_PAGE)}#{name}">{shown}</a>'


class VerdictRole(SphinxRole):
    """``{verdict}`claim-id` ``: the claim's verdict, linked to its box, or to its line of the card."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Write the verdict as the card has it."""
        rows = {row.id: row for _, rows in sources(self.env.app).rows for row in rows if row.kind == "claim"}
        if self.text not in rows:
            logger.warning("there is no claim '%s'", self.text, location=self.get_location())
            return [nodes.literal(self.text, self.text)], []
        for name in ("claims.toml", "numbers.lock.json"):
            self.env.note_dependency(str(BOOK / name))
        boxed = self.text in sources(self.env.app).drawn
        page, anchor = ("notebooks/" + rows[self.text].chapter, "") if boxed else ("report-card", "card.")
        uri = self.env.app.builder.get_relative_uri(self.env.docname, f"book/{page}")
        words = VERDICTS[rows[self.text].verdict].lower()
        return [nodes.reference(words, words, refuri=f"{uri}#{anchor}{self.text}", internal=True)], []


def raw(html: str) -> nodes.raw:
    """HTML as it stands."""
    return nodes.raw("", html, format="html")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and the role."""
    app.add_directive("report-card-totals", ReportCardTotals)
    app.add_directive("report-card", ReportCard)
    app.add_role("verdict", VerdictRole())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
