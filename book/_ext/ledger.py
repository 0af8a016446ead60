"""The ledger on the site: links in prose, the Numbers page, and marks beside computed values.

* ``[50,497](#power.lstm.parameters)`` becomes a link to that number's row, with its provenance on hover.
* ``{ledger-table}`` draws the Numbers page; ``{verdict-table}`` the claims of the coursework.
* The cell that checks a number becomes the target of its row's *computed in* link.
"""

import re
import tomllib
from collections.abc import Iterator
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

from rnncourse.ledger import CHECKED, VERDICTS, Entry, Ledger, load

logger = logging.getLogger(__name__)
BOOK = Path(__file__).resolve().parent.parent
NUMBERS_PAGE = "book/numbers"


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


def provenance(entry: Entry) -> str:
    """One line for the hover text of a link."""
    parts = [entry.what, f"{entry.text} {entry.unit}".strip(), f"tolerance: {entry.tolerance}"]
    if entry.recorded:
        parts.append(f"recorded run: {entry.recorded}")
    if entry.reported is not None and entry.verdict is not None:
        parts.append(f"{entry.source} reported {entry.reported_text}: {VERDICTS[entry.verdict].lower()}")
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
            link["reftitle"] = provenance(entry)
            link += nodes.Text(pending.astext())
            pending.replace_self(link)


class ComputedHere(SphinxPostTransform):
    """Give the first cell that checks a number an anchor, and its id a link to the Numbers page."""

    default_priority = 6

    def run(self, **kwargs: Any) -> None:
        """Rewrite the HTML that `rnncourse.ledger.number` displayed."""
        uri = self.app.builder.get_relative_uri(self.env.docname, NUMBERS_PAGE)
        seen: set[str] = set()

        def anchor(match: re.Match[str]) -> str:
            name = match[1]
            mark = "" if name in seen else f' id="computed.{name}"'
            seen.add(name)
            return f"{match[0]}{mark}"

        for raw in self.document.findall(nodes.raw):
            if raw.get("format") == "html" and "data-ledger=" in raw.astext():
                html = CHECKED.sub(anchor, raw.astext())
                mark = rf'<a class="ledger" href="{uri}#\1"><code>\1</code></a></small>'
                html = re.sub(r"<code>([^<]+)</code></small>", mark, html)
                raw.children = [nodes.Text(html)]


def ledger_of(app: Sphinx) -> Ledger:
    """The ledger, read once per build."""
    if not hasattr(app, "rnncourse_ledger"):
        app.rnncourse_ledger = load(BOOK / "numbers.toml")  # type: ignore[attr-defined]
    return app.rnncourse_ledger  # type: ignore[attr-defined, no-any-return]


def verdict_mark(verdict: str | None) -> str:
    """A verdict as a small labelled mark."""
    return f'<span class="verdict-mark {verdict}">{VERDICTS[verdict]}</span>' if verdict else ""


def number_row(entry: Entry, computed: str | None) -> str:
    """One row of the Numbers page."""
    reported = ""
    if entry.reported is not None:
        reported = (
            f'<span id="reported.{entry.id}">{escape(entry.reported_text)}</span> <small>{escape(entry.source)}</small>'
        )
    where = f'<a href="{computed}#computed.{entry.id}">computed here</a>' if computed else ""
    recorded = f"<br><small>recorded: {escape(entry.recorded)}</small>" if entry.recorded else ""
    why = f"<br><small>{escape(entry.tolerance.why)}</small>" if entry.tolerance.why else ""
    remark = f"<br><small>{escape(entry.remark)}</small>" if entry.remark else ""
    return (
        f'<tr id="{entry.id}"><th scope="row">{escape(entry.what)}<br><code>{entry.id}</code></th>'
        f'<td class="num">{entry.text} {escape(entry.unit)}</td><td>{escape(str(entry.tolerance))}{why}</td>'
        f'<td class="num">{reported}</td><td>{verdict_mark(entry.verdict)}{remark}</td><td>{where}{recorded}</td></tr>'
    )


def table(label: str, titles: tuple[str, ...], rows: list[str]) -> nodes.raw:
    """A table that scrolls inside its own frame, reachable by keyboard."""
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    html = (
        f'<div class="ledger-table" tabindex="0" role="region" aria-label="{label}"><table class="table">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
    return nodes.raw("", html, format="html")


class LedgerTable(SphinxDirective):
    """``{ledger-table}``: every entry, grouped by the first word of its id."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        self.env.note_dependency(str(BOOK / "numbers.toml"))
        self.env.note_reread()
        places = checked_in()
        rows = []
        for entry in ledger_of(self.env.app).values():
            place = places.get(entry.id)
            uri = self.env.app.builder.get_relative_uri(self.env.docname, place) if place else None
            rows.append(number_row(entry, uri))
        return [table("All numbers", ("Number", "Value", "Tolerance", "Reported", "Verdict", "Where"), rows)]


def claims() -> Iterator[tuple[str, dict[str, str]]]:
    """Claims of the coursework by id, from ``claims.toml``."""
    yield from tomllib.loads((BOOK / "claims.toml").read_text(encoding="utf-8")).items()


class VerdictTable(SphinxDirective):
    """``{verdict-table}``: every claim of the coursework, with its verdict and the box that argues it."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        self.env.note_dependency(str(BOOK / "claims.toml"))
        self.env.note_reread()
        rows = []
        for name, claim in claims():
            uri = self.env.app.builder.get_relative_uri(self.env.docname, f"book/notebooks/{claim['chapter']}")
            rows.append(
                f'<tr><th scope="row">{escape(claim["says"])}</th><td>{escape(claim["source"])}</td>'
                f'<td>{verdict_mark(claim["verdict"])}</td><td><a href="{uri}#{name}">argued here</a></td></tr>'
            )
        return [table("Claims", ("Claim", "Source", "Verdict", "Where"), rows)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_post_transform(LedgerLinks)
    app.add_post_transform(ComputedHere)
    app.add_directive("ledger-table", LedgerTable)
    app.add_directive("verdict-table", VerdictTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
