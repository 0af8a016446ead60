"""The ledger on the site: links in prose, the Numbers page, and marks beside computed values.

* ``[50,497](#power.lstm.parameters)`` becomes a link to that number's row, with its provenance on hover.
* ``{ledger-table}`` draws the Numbers page.
* The cell that checks a number becomes the target of its row's *computed in* link.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from book._ext.tables import CLOSE_TABLE, choice, filters, open_table, verdict_mark
from rnncourse.ledger import CHECKED, PRINTED_VERDICTS, Entry, Ledger, load

logger = logging.getLogger(__name__)
BOOK = Path(__file__).resolve().parent.parent
NUMBERS_PAGE = "book/numbers"
APPENDICES = "9"  # notebooks whose number begins with it are appendices and show none


def checked_in() -> dict[str, str]:
    """Which notebook's executed outputs check which id: ``{id: "book/notebooks/NN-name"}``, first come first served."""
    places: dict[str, str] = {}
    for path in sorted((BOOK / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                for name in CHECKED.findall(str(output.get("data", {}).get("text/html", ""))):
                    places.setdefault(name, f"book/notebooks/{path.stem}")
    return places


def chapter_titles() -> dict[str, str]:
    """Titles of the chapters by stem, such as ``{"32-power": "3.2 · Power"}``, in their order."""
    titles = {}
    for path in sorted((BOOK / "chapters").glob("[0-9][0-9]-*.md")):
        heading = re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        before = "" if path.stem.startswith(APPENDICES) else f"{chapter_number(path.stem)} · "
        titles[path.stem] = f"{before}{heading[1] if heading else path.stem}"
    return titles


def chapter_number(stem: str) -> str:
    """Number of a chapter: its part and its place in it, ``3.2`` of ``32-power``."""
    return f"{stem[0]}.{stem[1]}"


def provenance(entry: Entry, chapter: str) -> str:
    """One line for the hover text of a link: what, value, tolerance, where computed, what was reported."""
    parts = [entry.what, f"{entry.text} {entry.unit}".strip(), f"tolerance: {entry.tolerance}"]
    if chapter:
        parts.append(f"computed in {chapter}")
    if entry.recorded:
        parts.append(f"recorded run: {entry.recorded}")
    if entry.reported is not None and entry.verdict is not None:
        parts.append(f"{entry.source} reported {entry.reported_text}: {PRINTED_VERDICTS[entry.verdict].lower()}")
    return " · ".join(parts)


class LedgerLinks(SphinxPostTransform):
    """Resolve links to ledger ids before MyST looks for a heading of that name."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Replace each pending link whose target is in the ledger."""
        book = ledger_of(self.app)
        builder = self.app.builder
        for pending in list(self.document.findall(pending_xref)):
            target = str(pending.get("reftarget", ""))
            if pending.get("reftype") != "myst" or not book.resolves(target):
                continue
            entry = book[target.removeprefix("reported.")]
            if pending.astext() != book.text(target):
                logger.warning(
                    "'%s' links to %s but the ledger says '%s'; run 'make numbers'",
                    pending.astext(),
                    target,
                    book.text(target),
                    location=pending,
                )
            uri = builder.get_relative_uri(self.env.docname, NUMBERS_PAGE)
            link = nodes.reference("", "", internal=True, refuri=f"{uri}#{target}", classes=["ledger"])
            link["reftitle"] = provenance(entry, chapter_of(self.app, entry.id))
            link += nodes.Text(pending.astext())
            pending.replace_self(link)


class ComputedHere(SphinxPostTransform):
    """Give the first cell that checks a number an anchor, and its id a link to the Numbers page."""

    default_priority = 6

    def run(self, **kwargs: Any) -> None:
        """Rewrite the HTML that `rnncourse.ledger.number` displayed."""
        uri = self.app.builder.get_relative_uri(self.env.docname, NUMBERS_PAGE)
        book = ledger_of(self.app)
        seen: set[str] = set()

        def anchor(match: re.Match[str]) -> str:
            name = match[1]
            mark = "" if name in seen else f' id="computed.{name}"'
            seen.add(name)
            return f"{match[0]}{mark}"

        def link(match: re.Match[str]) -> str:
            title = escape(provenance(book[match[1]], chapter_of(self.app, match[1])))
            return f'<a class="ledger" href="{uri}#{match[1]}" title="{title}"><code>{match[1]}</code></a></small>'

        for raw in self.document.findall(nodes.raw):
            if raw.get("format") == "html" and "data-ledger=" in raw.astext():
                html = CHECKED.sub(anchor, raw.astext())
                html = re.sub(r"<code>([^<]+)</code></small>", link, html)
                raw.children = [nodes.Text(html)]


def ledger_of(app: Sphinx) -> Ledger:
    """The ledger, read once per build."""
    if not hasattr(app, "rnncourse_ledger"):
        app.rnncourse_ledger = load(BOOK / "numbers.toml")  # type: ignore[attr-defined]
    return app.rnncourse_ledger  # type: ignore[attr-defined, no-any-return]


def places_of(app: Sphinx) -> dict[str, str]:
    """Where each id is checked, read once per build."""
    if not hasattr(app, "rnncourse_places"):
        app.rnncourse_places = checked_in()  # type: ignore[attr-defined]
    return app.rnncourse_places  # type: ignore[attr-defined, no-any-return]


def titles_of(app: Sphinx) -> dict[str, str]:
    """Titles of the chapters, read once per build."""
    if not hasattr(app, "rnncourse_titles"):
        app.rnncourse_titles = chapter_titles()  # type: ignore[attr-defined]
    return app.rnncourse_titles  # type: ignore[attr-defined, no-any-return]


def chapter_of(app: Sphinx, id: str) -> str:
    """The chapter that computes an entry, as ``chapter_of_stem`` names it, or the empty string."""
    return chapter_of_stem(app, Path(places_of(app).get(id, "")).name)


def chapter_of_stem(app: Sphinx, stem: str) -> str:
    """A chapter in running text, such as ``chapter 3.2, Power``; the empty string if there is none."""
    number, dot, title = titles_of(app).get(stem, "").partition(" · ")
    return f"chapter {number}, {title}" if dot else number


def number_row(entry: Entry, place: str | None, uri: str) -> str:
    """One row of the Numbers page.

    Args:
        entry: the entry.
        place: notebook that computes it, or None.
        uri: address of that notebook from the page, or the empty string.
    """
    reported = ""
    if entry.reported is not None:
        reported = (
            f'<span id="reported.{entry.id}">{escape(entry.reported_text)}</span> <small>{escape(entry.source)}</small>'
        )
    where = f'<a href="{uri}#computed.{entry.id}">computed here</a>' if place else ""
    name = entry.id.replace(".", ".<wbr>")  # where a long id may break
    record = escape(entry.recorded).replace("/", "/<wbr>")
    recorded = f"<br><small>recorded: {record}</small>" if record else ""
    why = f"<br><small>{escape(entry.why)}</small>" if entry.why else ""
    remark = entry.incomparable or entry.remark
    remark = f"<br><small>{escape(remark)}</small>" if remark else ""
    data = f'data-verdict="{entry.verdict or ""}" data-chapter="{Path(place).name if place else ""}"'
    return (
        f'<tr id="{entry.id}" {data}><th scope="row">{escape(entry.what)}<br><code>{name}</code></th>'
        f'<td class="num">{entry.text} {escape(entry.unit)}</td><td>{escape(str(entry.tolerance))}{why}</td>'
        f'<td class="num">{reported}</td><td>{verdict_mark(entry.verdict)}{remark}</td><td>{where}{recorded}</td></tr>'
    )


class LedgerTable(SphinxDirective):
    """``{ledger-table}``: every entry in the order of the ledger, with filters above."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        for name in ("numbers.toml", "numbers.lock.json"):
            self.env.note_dependency(str(BOOK / name))
        self.env.note_reread()
        places = places_of(self.env.app)
        rows = []
        for entry in ledger_of(self.env.app).values():
            place = places.get(entry.id)
            uri = self.env.app.builder.get_relative_uri(self.env.docname, place) if place else ""
            rows.append(number_row(entry, place, uri))
        form = filters(
            "all-numbers",
            [choice("Verdict", "verdict", PRINTED_VERDICTS), choice("Chapter", "chapter", self.chapters())],
        )
        titles = ("Number", "Value", "Tolerance", "Reported", "Verdict", "Where")
        head = open_table("All numbers", titles, name="all-numbers", look="cards")
        return [nodes.raw("", f"{form}{head}<tbody>{''.join(rows)}</tbody>{CLOSE_TABLE}", format="html")]

    def chapters(self) -> dict[str, str]:
        """Titles of the chapters that compute a number."""
        used = {Path(place).name for place in places_of(self.env.app).values()}
        return {stem: title for stem, title in titles_of(self.env.app).items() if stem in used}


def add_filters(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Add the filters' script to the pages that have filters."""
    if 'class="row-filter"' in context.get("body", ""):
        app.add_js_file("filter.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_post_transform(LedgerLinks)
    app.add_post_transform(ComputedHere)
    app.add_directive("ledger-table", LedgerTable)
    app.connect("html-page-context", add_filters)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
