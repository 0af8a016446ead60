"""Handouts: a chapter as a notebook that reads well without this book's machinery.

Two are made from each executed chapter: the *student* notebook, where every solution is a stub to fill in, and the
*solutions*. In both, MyST directives, roles and ledger links have become plain Markdown, so that JupyterLab, Colab and
code hosts show them as they are meant. The chapter stays the only source.
"""

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import nbformat
from nbformat import NotebookNode

Handout = Literal["student", "solutions"]
TODO = "your answer here"

_FENCE = re.compile(r"^(:::+)(?:\{(?P<name>[\w-]+)\} *(?P<title>.*))?$")
_OPTION = re.compile(r"^:\w+:")
_CITE = re.compile(r"\{cite:(?P<form>[tp])\}`(?P<keys>[^`]+)`")
_NUMREF = re.compile(r"\{numref\}`(?P<name>[^`]+)`")
_ANCHOR_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\(#[^)]*\)")
_PAGE_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>\.\./[^)\s]*)\)")


@dataclass(frozen=True)
class Work:
    """A cited work."""

    short: str  # authors as running text names them, such as ``Gers et al.``
    year: str
    entry: str  # the whole reference, in Markdown


@dataclass(frozen=True)
class HandoutSettings:
    """What all handouts of a build share."""

    works: Mapping[str, Work]  # the bibliography, by key
    install: str = ""  # source of a cell that installs the package where it is missing; empty for none
    site: str = ""  # address of the published site, with a slash at its end; empty while it is not known


def handout(chapter: NotebookNode, kind: Handout, settings: HandoutSettings) -> NotebookNode:
    """One handout of a chapter, a notebook without outputs.

    Raises:
        ValueError: the chapter uses a directive, a work or a figure that this module does not know, or a solution
            whose check cannot be found.
    """
    typesetter = _Typesetter(kind, settings, _figure_numbers(chapter))
    cells = [cell for source in chapter.cells for cell in typesetter.cells_of(source)]
    cells += [_markdown(text) for text in typesetter.references()]
    if settings.install:
        cells.insert(1, _code(settings.install))
    for index, cell in enumerate(cells):
        cell.id = f"{index:03d}-{hashlib.sha256(cell.source.encode()).hexdigest()[:8]}"
    notebook: NotebookNode = nbformat.v4.new_notebook(metadata=chapter.metadata, cells=cells)  # type: ignore[no-untyped-call]
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def _markdown(text: str) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_markdown_cell(text)  # type: ignore[no-untyped-call]
    return cell


def _code(text: str) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_code_cell(text)  # type: ignore[no-untyped-call]
    return cell


def _figure_numbers(chapter: NotebookNode) -> dict[str, int]:
    named = (cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in chapter.cells)
    return {name: number for number, name in enumerate(filter(None, named), start=1)}


@dataclass
class _Typesetter:
    """Turns the cells of one chapter into a handout's, in their order."""

    kind: Handout
    settings: HandoutSettings
    figures: Mapping[str, int]
    exercises: int = 0
    solving: bool = False  # between solution-start and solution-end
    cited: dict[str, Work] = field(default_factory=dict)

    def cells_of(self, source: NotebookNode) -> Iterator[NotebookNode]:
        """The handout's cells for one cell of the chapter."""
        if source.cell_type == "markdown":
            text = self.plain(source.source)
            if text:
                yield _markdown(text)
            return
        code = source.source
        if self.solving and self.kind == "student":
            code = stub(code)
        if code:
            yield _code(code)
        caption = source.metadata.get("mystnb", {}).get("figure", {})
        if caption:
            yield _markdown(f"*Figure {self.figures[caption['name']]}. {self._inline(caption['caption'])}*")

    def plain(self, text: str) -> str:
        """A Markdown cell without directives and roles."""
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines(text.split("\n")))).strip()

    def references(self) -> Iterator[str]:
        """The works that were cited, as one cell, if there are any."""
        if self.cited:
            entries = sorted(work.entry for work in self.cited.values())
            yield "## References\n\n" + "\n".join(f"- {entry}" for entry in entries)

    def _lines(self, lines: list[str]) -> Iterator[str]:
        rest = iter(lines)
        for line in rest:
            opening = _FENCE.match(line)
            if opening and opening["name"]:
                yield from self._directive(opening, rest)
            elif not (self.solving and self.kind == "student"):
                yield self._inline(line)

    def _directive(self, opening: re.Match[str], rest: Iterator[str]) -> Iterator[str]:
        body: list[str] = []
        for line in rest:
            if line.rstrip() == opening[1]:
                break
            if body or not _OPTION.match(line):
                body.append(self._inline(line))
        else:
            raise ValueError(f"the directive {opening[0]!r} is not closed")
        yield from self._drawn(opening["name"], self._inline(opening["title"]), body)

    def _drawn(self, name: str, title: str, body: list[str]) -> Iterator[str]:
        if name == "admonition":
            yield from ("", *(f"> {line}".rstrip() for line in (f"**{title}**", "", *body)), "")
        elif name == "exercise":
            self.exercises += 1
            yield from ("", f"### Exercise {self.exercises}. {title}", "", *body, "")
        elif name == "solution-start":
            self.solving = True
            yield from () if self.kind == "student" else ("", "**Solution**", "")
        elif name == "solution-end":
            self.solving = False
        else:
            raise ValueError(f"a handout cannot show the directive {name!r}: teach book/_ext/handouts.py to draw it")

    def _inline(self, text: str) -> str:
        text = _CITE.sub(self._cite, text)
        text = _NUMREF.sub(self._figure, text)
        text = _ANCHOR_LINK.sub(r"\g<text>", text)  # ledger rows and boxes are on the site alone
        return _PAGE_LINK.sub(self._page, text)

    def _figure(self, match: re.Match[str]) -> str:
        if match["name"] not in self.figures:
            raise ValueError(f"{match['name']!r} is no figure of this chapter: link to the page that has it")
        return f"Figure {self.figures[match['name']]}"

    def _cite(self, match: re.Match[str]) -> str:
        works = []
        for key in match["keys"].split(","):
            if key.strip() not in self.settings.works:
                raise ValueError(f"{key.strip()!r} is cited and not in the bibliography")
            works.append(self.settings.works[key.strip()])
            self.cited[key.strip()] = works[-1]
        if match["form"] == "t":
            return ", ".join(f"{work.short} ({work.year})" for work in works)
        return "(" + "; ".join(f"{work.short}, {work.year}" for work in works) + ")"

    def _page(self, match: re.Match[str]) -> str:
        """A link to a page that is no chapter: to the site where that has an address, else its text alone."""
        if not self.settings.site:
            return match["text"]
        page = re.sub(r"\.(md|ipynb)(?=#|$)", ".html", match["target"].removeprefix("../"))
        return f"[{match['text']}]({self.settings.site}book/{page})"


def stub(code: str) -> str:
    """What is left of a solution cell for a reader to fill in; empty where the cell checks nothing.

    Kept are the imports, whatever the check's keyword arguments need, and the check itself, with dots for the answer. A
    function that the check takes keeps its signature.

    Raises:
        ValueError: more than one check is called.
    """
    tree = ast.parse(code)
    calls = [node for node in tree.body if isinstance(node, ast.Expr) and _is_check(node.value)]
    if not calls:
        return ""
    if len(calls) > 1:
        raise ValueError(f"a solution calls {len(calls)} checks; expected one per cell")
    call = calls[0].value
    assert isinstance(call, ast.Call)
    name, *answer = call.args
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    asked = {word for part in answer for word in _names(part)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in asked]
    kept = [*imports, *_needed(tree.body, {name for word in call.keywords for name in _names(word.value)})]
    head = "\n".join(_text(code, node) for node in kept)
    if functions and all(isinstance(part, ast.Name) for part in answer):
        bodies = "".join(f"\n\n\n{_signature(code, node)}\n    ...  # {TODO}" for node in functions)
        return f"{head}{bodies}\n\n\n{_text(code, call)}"
    words = "".join(f", {_text(code, word)}" for word in call.keywords)
    return f"{head}\n\nanswer = ...  # {TODO}\ncheck({_text(code, name)}, answer{words})"


def _is_check(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check"


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _needed(body: list[ast.stmt], wanted: set[str]) -> list[ast.stmt]:
    """The assignments that give the wanted names their values, and those that these need."""
    kept: list[ast.stmt] = []
    for node in reversed(body):
        if isinstance(node, ast.Assign) and wanted & set().union(*map(_names, node.targets)):
            kept.append(node)
            wanted = wanted | _names(node.value)
    return kept[::-1]


def _text(code: str, node: ast.AST) -> str:
    return ast.get_source_segment(code, node) or ""


def _signature(code: str, node: ast.FunctionDef) -> str:
    text = _text(code, node)
    return text[: text.index(_text(code, node.body[0]))].rstrip()
