"""Where each figure comes from: its cell, the recorded studies behind it, and the seeds.

A number says on its link where it was computed. A figure says it on its own number, ``Fig. 3``, which becomes a link to
the figure. What a cell draws is followed back through the chapter's code: from the names that it reads to the cells
that gave them their values, and so to the records that these read and the seeds that they set.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

from book._ext.ledger import BOOK, chapter_of_stem

SEEDING = {"manual_seed", "set_seed", "default_rng"}
CHANGING = {"append", "extend", "update", "fit", "load_state_dict"}
_FIGURE = re.compile(
    r"""(<figure\b[^>]*\bid="(?P<name>fig-[\w-]+)"(?:(?!</figure>).)*?<span\ class="caption-number">)
    (?P<number>[^<]*?)\ *(</span>)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, order=True)
class Source:
    """What a value was made from.

    Attributes:
        record: stem of a record's file; empty if it is none.
        seeds: the seeds that were set.
    """

    record: str = ""
    seeds: tuple[int, ...] = ()


Sources = frozenset[Source]


@dataclass
class Trail:
    """The sources of each name, statement by statement."""

    known: dict[str, Sources] = field(default_factory=dict)

    def follow(self, statements: Sequence[ast.stmt], given: Sources = frozenset()) -> Sources:
        """Run through statements in thought.

        Args:
            statements: of a cell, or of a loop in it.
            given: sources of what they all depend on.

        Returns:
            The sources of everything in them.
        """
        seen = given
        for statement in statements:
            if isinstance(statement, ast.For | ast.With | ast.If):
                seen |= self._block(statement, given)
                continue
            found = given | self._of(statement)
            for name in _given_a_value(statement):
                self.known[name] = found
            for name in _changed(statement):
                self.known[name] = found | self.known.get(name, frozenset())
            seen |= found
        return seen

    def _block(self, block: ast.For | ast.With | ast.If, given: Sources) -> Sources:
        match block:
            case ast.For(target=target, iter=over):
                given |= self._of(over) | frozenset(_seeds(target, over))
                for name in _names(target, ast.Store):
                    self.known[name] = given
            case ast.With(items=items):
                given = given.union(*(self._of(item) for item in items))
            case ast.If(test=test):
                given |= self._of(test)
        return self.follow(block.body, given) | self.follow(getattr(block, "orelse", []), given)

    def _of(self, node: ast.AST) -> Sources:
        read = _names(node, ast.Load) - _own_names(node)
        return frozenset(_direct(node)).union(*(self.known.get(name, ()) for name in read))


def _names(node: ast.AST, how: type[ast.expr_context]) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, how)}


def _own_names(node: ast.AST) -> set[str]:
    """Names that mean something inside comprehensions and functions alone."""
    own: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.comprehension):
            own |= _names(inner.target, ast.Store)
        elif isinstance(inner, ast.FunctionDef | ast.Lambda):
            own |= {argument.arg for argument in (*inner.args.args, *inner.args.kwonlyargs)}
            own |= _names(inner, ast.Store)
    return own


def _given_a_value(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    return set() if isinstance(statement, ast.AugAssign) else _names(statement, ast.Store) - _own_names(statement)


def _changed(statement: ast.stmt) -> Iterator[str]:
    """Names whose value a statement adds to."""
    if isinstance(statement, ast.AugAssign):
        yield from _names(statement.target, ast.Store)
    for node in ast.walk(statement):
        owner = None
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            owner = node.func.value
        if isinstance(owner, ast.Name):
            yield owner.id


def _direct(tree: ast.AST) -> Iterator[Source]:
    """Records that code reads, and seeds that it sets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".json"):
            yield Source(record=node.value.removesuffix(".json"))
        elif isinstance(node, ast.Call):
            yield from _call(node)
        elif isinstance(node, ast.comprehension | ast.For):
            yield from _seeds(node.target, node.iter)
        elif isinstance(node, ast.Assign):
            yield from _seeds_named(node.targets[0], node.value)


def _call(node: ast.Call) -> Iterator[Source]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    if name == "recorded" and isinstance(first, str):
        yield Source(record=first)
    if name in SEEDING and isinstance(first, int):
        yield Source(seeds=(first,))
    for word in node.keywords:
        if word.arg == "seed" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, int):
            yield Source(seeds=(word.value.value,))


def _seeds_named(target: ast.expr, value: ast.expr) -> Iterator[Source]:
    """The seeds of ``SEEDS = range(n)``, also among other names."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for name, one in zip(target.elts, value.elts, strict=False):
            yield from _seeds(name, one)
    else:
        yield from _seeds(target, value)


def _seeds(target: ast.expr, value: ast.expr) -> Iterator[Source]:
    """The seeds that a name for seeds is given, one by one or all at once."""
    if "seed" not in ast.unparse(target).lower():
        return
    match value:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            yield Source(seeds=tuple(range(count)))
        case ast.Tuple(elts=[ast.Constant(value=int()), *_] as listed):
            yield Source(seeds=tuple(ast.literal_eval(one) for one in listed))


def figures(chapter: NotebookNode) -> dict[str, list[str]]:
    """What is to be said of each figure of a chapter, by its name.

    Args:
        chapter: the executed notebook.

    Returns:
        Short phrases: the cell, the records, the seeds.
    """
    trail, told = Trail(), {}
    for cell in chapter.cells:
        if cell.cell_type != "code":
            continue
        sources = trail.follow(ast.parse(cell.source).body)
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        if name:
            told[name] = [f"drawn by cell {cell.execution_count}", *phrases(sources)]
    return told


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
    told = figures(nbformat.v4.reads(path.read_text(encoding="utf-8")))  # type: ignore[no-untyped-call]
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
