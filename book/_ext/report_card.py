"""The report card: every claim and number of the coursework beside what was measured.

* ``{report-card-totals}`` counts the verdicts, by chapter and in all.
* ``{report-card}`` draws the table, in the order of the coursework's questions, with filters above it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from book._ext.ledger import BOOK, NUMBERS_PAGE, chapter_of, ledger_of, places_of, provenance, titles_of
from book._ext.tables import CLOSE_TABLE, choice, filters, open_table, verdict_mark
from rnncourse.ledger import PRINTED_VERDICTS, VERDICTS, Entry
from tools import coursework

logger = logging.getLogger(__name__)
KINDS = {"claim": "claims in words", "number": "printed numbers", "question": "questions answered afresh"}
TITLES = ("What the reports say", "Reported", "Measured", "Spread", "Verdict", "Where")
FRAME = "report-card-rows"


@dataclass(frozen=True)
class Row:
    """One line of the card.

    Attributes:
        kind: ``claim``, ``number`` or ``question``.
        id: the claim's, the ledger entry's, or the item's.
        item: the item it belongs to.
        chapter: stem of the chapter that shows it.
        verdict: a key of `VERDICTS` or `PRINTED_VERDICTS`; empty for a question that is answered afresh.
    """

    kind: str
    id: str
    item: coursework.Item
    chapter: str
    verdict: str


def rows_of(
    item: coursework.Item, words: coursework.Claims, entries: dict[str, Entry], places: dict[str, str]
) -> Iterator[Row]:
    """The lines of one item: its claims, its numbers, and itself if it has neither.

    Args:
        item: an item whose chapter is in the book.
        words: claims in words, by id.
        entries: the ledger's entries, by id.
        places: the notebook that computes an entry, by id.
    """
    for name in (name for name in item.claims if name in words):
        yield Row("claim", name, item, words[name]["chapter"], words[name]["verdict"])
    for name in (name for name in item.numbers if name in entries):
        yield Row("number", name, item, Path(places.get(name, item.chapter)).name, entries[name].verdict or "")
    if item.measured:
        yield Row("question", item.id, item, item.chapter, "")


def all_rows(app: Sphinx) -> list[tuple[coursework.Item, list[Row]]]:
    """Every item whose chapter is in the book, with its lines."""
    words, entries = coursework.claims(), ledger_of(app).entries
    listed = coursework.present(coursework.items(), titles_of(app))
    return [(item, list(rows_of(item, words, entries, places_of(app)))) for item in listed]


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
        for name in ("numbers.toml", "numbers.lock.json", "claims.toml", "coursework.toml"):
            self.env.note_dependency(str(BOOK / name))
        self.env.note_reread()

    def uri(self, docname: str) -> str:
        """Address of a page from this one."""
        return self.app.builder.get_relative_uri(self.env.docname, docname)

    def where(self, row: Row, fragment: str) -> str:
        """The last cell: a link to the box that argues a line, or to the cell that computes it."""
        title = f"{'argued' if row.kind == 'claim' else 'computed'} in {titles_of(self.app)[row.chapter]}"
        uri = self.uri(f"book/notebooks/{row.chapter}")
        text = f"chapter&nbsp;{int(row.chapter[:2])}"
        return cell("Where", f'<a href="{uri}{fragment}" title="{escape(title)}">{text}</a>')


class ReportCardTotals(Card):
    """``{report-card-totals}``: how many claims and numbers hold, by chapter and in all."""

    def run(self) -> list[nodes.Node]:
        """Build the sentence and the table."""
        self.watch()
        rows = [row for _, rows in all_rows(self.app) for row in rows]
        count = Counter((row.kind, row.chapter, row.verdict) for row in rows)
        chapters = [stem for stem in titles_of(self.app) if any(row.chapter == stem and row.verdict for row in rows)]
        lines = [self.line(stem, titles_of(self.app)[stem], count) for stem in chapters]
        total = Counter((row.kind, "", row.verdict) for row in rows)
        marks = "".join(f"<th scope=col>{verdict_mark(verdict)}</th>" for verdict in (*VERDICTS, *PRINTED_VERDICTS))
        html = (
            f"<p>{self.sentence(total)}</p>"
            '<div class="ledger-table totals" tabindex="0" role="region" aria-label="Totals"><table class="table">'
            '<thead><tr><td></td><th scope="colgroup" colspan="3">Claims in words</th>'
            '<th scope="colgroup" colspan="3">Printed numbers</th></tr><tr><th scope="col">Chapter</th>'
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
        holds, condition, fails = (total["claim", "", verdict] for verdict in VERDICTS)
        equal, other, apart = (total["number", "", verdict] for verdict in PRINTED_VERDICTS)
        afresh = total["question", "", ""]
        return (
            f"Of {holds + condition + fails} claims in words, <strong>{holds}</strong> hold, "
            f"<strong>{condition}</strong> hold with a condition and <strong>{fails}</strong> do not. Of "
            f"{equal + other + apart} printed numbers, <strong>{equal}</strong> hold, <strong>{other}</strong> are not "
            f"reproduced and <strong>{apart}</strong> cannot be compared. "
            f"{afresh} questions whose answer is illegible or missing are answered afresh."
        )


class ReportCard(Card):
    """``{report-card}``: the table itself."""

    def run(self) -> list[nodes.Node]:
        """Build filters and table: HTML, with what the boxes say parsed as the chapters' prose is."""
        self.watch()
        self.words, self.said = coursework.claims(), coursework.measured()
        listed = all_rows(self.app)
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

    def form(self, listed: list[tuple[coursework.Item, list[Row]]]) -> str:
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
        """A claim in words: what its box measured, in the words and links of the box."""
        if not self.said.get(row.id):
            logger.warning("no verdict box says what was measured for %s", row.id, location=self.get_location())
        text = StringList(from_here(self.said.get(row.id, "")).splitlines(), source=str(BOOK / "report-card.md"))
        holder = nodes.container()
        self.state.nested_parse(text, 0, holder)
        says = escape(self.words[row.id]["says"])
        before = f'{start(row)}<th scope="row">{says}</th><td data-title="Measured" colspan="3">'
        after = f"</td>{cell('Verdict', verdict_mark(row.verdict))}{self.where(row, f'#{row.id}')}</tr>"
        return [raw(before), *holder.children, raw(after)]

    def number(self, row: Row) -> list[nodes.Node]:
        """A printed number, ours and its spread."""
        entry = ledger_of(self.app)[row.id]
        numbers, title = self.uri(NUMBERS_PAGE), escape(provenance(entry, chapter_of(self.app, entry.id)))
        ours = f"{entry.show(entry.value) if entry.n else entry.text} {escape(entry.unit)}".strip()
        spread = f"± {entry.show(entry.spread)}, {entry.n} seeds" if entry.n else str(entry.tolerance)
        why = entry.incomparable or entry.remark
        remark = f"<br><small>{escape(why)}</small>" if why else ""
        anchor = f'class="ledger" title="{title}" href="{numbers}#'
        parts = (
            f'<th scope="row">{escape(entry.what)}</th>',
            cell("Reported", f'<a {anchor}reported.{entry.id}">{escape(entry.reported_text)}</a>', look="num"),
            cell("Measured", f'<a {anchor}{entry.id}">{ours}</a>', look="num"),
            cell("Spread", escape(spread)),
            cell("Verdict", verdict_mark(entry.verdict) + remark),
            self.where(row, f"#computed.{entry.id}"),
        )
        return [raw(f"{start(row)}{''.join(parts)}</tr>")]

    def question(self, row: Row) -> list[nodes.Node]:
        """A question that the book answers afresh, by numbers of its own."""
        book = ledger_of(self.app)
        numbers = self.uri(NUMBERS_PAGE)
        shown = "".join(
            f'<li>{escape(book[name].what)}: <a class="ledger" href="{numbers}#{name}" '
            f'title="{escape(provenance(book[name], chapter_of(self.app, name)))}">{book[name].text} '
            f"{escape(book[name].unit)}</a></li>"
            for name in row.item.measured
        )
        fragment = f"#computed.{row.item.measured[0]}"
        parts = (
            '<th scope="row">No answer that can be read</th>',
            f'<td data-title="Measured" colspan="3"><ul>{shown}</ul></td>',
            cell("Verdict", "answered afresh"),
            self.where(row, fragment),
        )
        return [raw(f"{start(row)}{''.join(parts)}</tr>")]


def raw(html: str) -> nodes.raw:
    """HTML as it stands."""
    return nodes.raw("", html, format="html")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("report-card-totals", ReportCardTotals)
    app.add_directive("report-card", ReportCard)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
