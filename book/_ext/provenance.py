"""Where each figure comes from: its cell, the recorded studies behind it, and the seeds.

A number says on its link where it was computed. A figure says it on its own number, ``Fig. 3``, which becomes a link to
the figure.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx

from book._ext.dataflow import Sources, sources_of_figures
from book._ext.ledger import BOOK, chapter_of_stem

_FIGURE = re.compile(
    r"""(<figure\b[^>]*\bid="(?P<name>fig-[\w-]+)"(?:(?!</figure>).)*?<span\ class="caption-number">)
    (?P<number>[^<]*?)\ *(</span>)""",
    re.DOTALL | re.VERBOSE,
)


def phrases(sources: Sources) -> Iterator[str]:
    """Sources in words."""
    records = sorted({source.record for source in sources} - {""})
    seeds = sorted({seed for source in sources for seed in source.seeds})
    yield from (record_in_words(name) for name in records)
    if seeds:
        yield f"computed anew on every run, seed{'s' if len(seeds) > 1 else ''} {runs_in_words(seeds)}"
    elif not records:
        yield "computed anew on every run"


def runs_in_words(seeds: Sequence[int]) -> str:
    """Sorted numbers with those in a row drawn together: ``0 to 4, 18``."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


@cache
def record_in_words(name: str) -> str:
    """A recorded study with its size and date, as its file tells them."""
    path = BOOK / "results" / f"{name}.json"
    made = json.loads(path.read_text(encoding="utf-8")).get("provenance") if path.is_file() else None
    if made is None:
        return f"recorded measurement {name}"
    runs, seeds = made["runs"], made["seeds"]
    size = f"{runs} run{'s' if runs > 1 else ''}, {seeds} seed{'s' if seeds > 1 else ''}"
    return f"recorded study {name}: {size}, {made['date'][:10]}"


def link_numbers(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Make the number of each of a chapter's figures a link that says where the figure comes from."""
    path = Path(app.confdir, f"{pagename}.ipynb")
    if not context.get("body") or not path.is_file():
        return
    chapter = nbformat.v4.reads(path.read_text(encoding="utf-8"))  # type: ignore[no-untyped-call]
    told = {
        name: [f"drawn by cell {cell}", *phrases(sources)]
        for name, (cell, sources) in sources_of_figures(chapter).items()
    }
    where = chapter_of_stem(app, path.stem)

    def link(match: re.Match[str]) -> str:
        name = match["name"]
        number = match["number"].replace("Fig.", "Figure")
        title = escape(" · ".join([f"{number}, in {where}", *told.get(name, [])]))
        inner = f'<a class="provenance" href="#{name}" title="{title}">{match["number"]}</a> '
        return f"{match[1]}{inner}{match[4]}"

    context["body"] = _FIGURE.sub(link, context["body"])


def add_assets(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Add the small box that shows it to the pages that have something to show."""
    body = context.get("body", "")
    if 'class="ledger"' in body or "ledger " in body or 'class="provenance"' in body:
        app.add_js_file("provenance.js", loading_method="defer")
        app.add_css_file("provenance.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("html-page-context", link_numbers)
    app.connect("html-page-context", add_assets, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
