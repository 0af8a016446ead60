"""What the search page shows of what it finds: the section, a sentence of it, and direct answers.

Sphinx's index says which page holds a word. Results are worth reading when they say where on the page it stands and
what is said there, also from disk, where a page may not fetch another. So every page's sections are written into one
script, with direct answers beside them: the symbols of the notation page, the glossary's terms in both languages and
the numbers of the ledger. ``assets/find.js`` shows them.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from book._ext.ledger import NUMBERS_PAGE, ledger_of, places_of, titles_of
from book._ext.search_words import JOINER, asked, spell, tokens

NOTATION = "book/notation"
SCRIPT = "found.js"
# Words that a reader may use for those of the book; a question is asked in both.
SYNONYMS = {
    "bptt": "backpropagation through time",
    "tbptt": "truncated backpropagation",
    "backprop": "backpropagation",
    "seq2seq": "four shapes",
    "bilstm": "bidirectional LSTM",
    "bi lstm": "bidirectional LSTM",
    "tcn": "dilated convolution",
    "transformer": "attention",
    "xor": "parity",
    "bonferroni": "Holm",
    "timeseries": "forecasting",
    "attractor": "resting point",
    "گیت": "دروازه",
    "گرادیان محو شونده": "محو شدن گرادیان",
    "گرادیان محوشونده": "محو شدن گرادیان",
    "multiply-accumulate": "MACs",
    "mac": "MACs",
    "flop": "FLOPs",
    "mse": "squared error",
    "mae": "absolute error",
    "ci": "confidence interval",
    "ar": "autoregression",
    "bow": "bag of words",
    "xavier": "Glorot",
    "lookback": "window",
    "timestep": "step",
    "time step": "step",
    "cec": "cell state",
    "memory cell": "cell state",
    "candidate gate": "candidate",
    "skip connection": "skip",
    "naive forecast": "persistence",
    "overfitting": "overfit",
    "pos": "part of speech",
    "ner": "tagging",
    "cnn": "convolution",
    "ode": "resting point",
    "equilibrium": "resting point",
    "saturation": "saturate",
    "learning curve": "validation loss",
}
_UNSEEN = (nodes.raw, nodes.comment, nodes.image, nodes.literal_block, addnodes.index, addnodes.toctree)


@dataclass
class Section:
    """A part of a page that a link can lead to.

    Attributes:
        anchor: its id; empty for the page's beginning.
        title: its heading.
        text: its words, without those of the sections in it.
    """

    anchor: str
    title: str
    text: str = ""

    def add(self, words: str) -> None:
        """Append a paragraph."""
        self.text = f"{self.text} {words}".strip()


@dataclass(frozen=True)
class Answer:
    """A symbol or a term, found before any page that mentions it.

    Attributes:
        text: as it is written.
        kind: what it is, in words.
        anchor: its id on its page.
        summary: what it means.
        keys: questions that it answers, as ``asked`` writes them.
    """

    text: str
    kind: str
    anchor: str
    summary: str
    keys: tuple[str, ...]


@dataclass
class PageText:
    """What the search knows of a page.

    Attributes:
        title: its heading.
        summary: two sentences on it.
        sections: in their order.
        answers: symbols and terms that it explains.
    """

    title: str
    summary: str
    sections: list[Section] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


def words(node: nodes.Node) -> str:
    """The words of a node as a reader sees them, mathematics spelled out."""
    return re.sub(r"\s+", " ", "".join(_pieces(node))).strip()


def _pieces(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Text):
        yield str(node)
    elif isinstance(node, nodes.math | nodes.math_block):
        yield spell(node.astext())
    elif isinstance(node, _UNSEEN) or (isinstance(node, nodes.Element) and node.get("refdomain") == "cite"):
        return
    elif isinstance(node, nodes.Element) and node.get("reftype") == "numref":
        yield "the figure"
    else:
        for child in node.children:
            yield from _pieces(child)
            if isinstance(child, nodes.Body):
                yield " "


def without_answers(doctree: nodes.document) -> nodes.document:
    """A page as the search may know it: without solutions, and without what is said of a quiz's options."""
    bare = doctree.deepcopy()
    for node in list(bare.findall(nodes.Element)):
        if node.get("design_component") == "dropdown" and isinstance(node.children[0], nodes.rubric):
            del node[1:]
        elif {"solution", "answer-key", "sd-summary-content"} & set(_classes(node)) and node.parent:
            node.parent.remove(node)
    return bare


def hide_answers(app: Sphinx) -> None:
    """Let Sphinx's index see no more than that."""
    if app.builder.name == "html":
        builder: Any = app.builder
        index = builder.index_page
        builder.index_page = lambda name, doctree, title: index(name, without_answers(doctree), title)


def sections(doctree: nodes.document) -> list[Section]:
    """The sections, exercises and documented names of a page."""
    found: list[Section] = []
    _gather(doctree, found)
    return [section for section in found if section.title]


def _gather(node: nodes.Node, found: list[Section]) -> None:
    for child in node.children:
        if isinstance(child, addnodes.desc):
            _describe(child, found)
        elif _is_part(child):
            assert isinstance(child, nodes.Element)
            title = next((_heading(part) for part in child.children if isinstance(part, nodes.title)), "")
            found.append(Section(child["ids"][0] if found else "", title))
            _gather(child, found)
            if not isinstance(child, nodes.section):
                found.append(Section("", ""))  # what follows an exercise is no part of it
        elif isinstance(child, (*_UNSEEN, nodes.title)) or "cell_output" in _classes(child):
            continue
        elif isinstance(child, nodes.TextElement) and found:
            found[-1].add(words(child))
        else:
            _gather(child, found)


def _heading(title: nodes.title) -> str:
    """The words of a title; an exercise has its kind before them."""
    inner = next(iter(title.findall(nodes.subtitle)), None)
    if inner is None:
        return words(title)
    named = re.fullmatch(r"\((.*)\)", words(inner))  # the brackets are its number's
    return f"Exercise: {named[1] if named else words(inner)}"


def _classes(node: nodes.Node) -> list[str]:
    return list(node.get("classes", [])) if isinstance(node, nodes.Element) else []


def _is_part(node: nodes.Node) -> bool:
    if isinstance(node, nodes.section):
        return not {"exercise-content", "solution-content"} & {name.rstrip("0123456789") for name in node["ids"]}
    return isinstance(node, nodes.Admonition) and "exercise" in _classes(node) and bool(node.get("ids"))


def _describe(node: addnodes.desc, found: list[Section]) -> None:
    signature = next(node.findall(addnodes.desc_signature), None)
    content = next((part for part in node.children if isinstance(part, addnodes.desc_content)), None)
    if signature is None or content is None:
        return
    if signature["ids"]:
        first = next((part for part in content.children if isinstance(part, nodes.paragraph)), None)
        found.append(Section(signature["ids"][0], signature["ids"][0], words(first) if first else ""))
    for inner in content.children:
        if isinstance(inner, addnodes.desc):
            _describe(inner, found)


def summary(doctree: nodes.document) -> str:
    """The question of a page and what it teaches; without goals, its first sentences."""
    top = next((node for node in doctree.children if isinstance(node, nodes.section)), None)
    if top is None:
        return ""
    said = [words(node) for node in top.children if isinstance(node, nodes.paragraph)]
    goals = [node for node in top.children if "goals" in _classes(node)]
    if goals and said:
        learn = "; ".join(words(item) for item in goals[0].findall(nodes.list_item))
        return textwrap.shorten(f"{said[0]} You will {learn}.", 240, placeholder=" …")
    return textwrap.shorten(" ".join(said), 240, placeholder=" …")


def symbols(doctree: nodes.document) -> Iterator[Answer]:
    """The notation page's symbols: rows of its tables, then the letters of one chapter. Each place gets an id."""
    taken: set[str] = set()
    for row in doctree.findall(nodes.row):
        if isinstance(row.parent, nodes.tbody):
            yield _row_of_symbols(row, taken)
    for item in doctree.findall(nodes.list_item):
        yield from _letters_of_a_chapter(item, taken)


def _row_of_symbols(row: nodes.row, taken: set[str]) -> Answer:
    first, *middle, last = row.children
    written = [node.astext() for node in first.findall(nodes.math)] or [first.astext()]
    written += [node.astext() for cell in middle for node in cell.findall(nodes.literal)]
    return Answer(words(first), "symbol", _place(row, written[0], taken), words(last), keys(*written))


def _letters_of_a_chapter(item: nodes.list_item, taken: set[str]) -> Iterator[Answer]:
    """``Chapter 1.1: p one thing; q another``."""
    chapter, _, _ = words(item).partition(": ")
    anchor = _place(item, chapter, taken)
    for part in _parts(item):
        written = [node.astext() for node in part if isinstance(node, nodes.math)]
        if written:
            said = "".join(spell(node.astext()) if isinstance(node, nodes.math) else str(node) for node in part)
            meaning = (said.partition(": ")[2] or said).strip(" .")
            yield Answer(
                ", ".join(map(spell, written)), "symbol", anchor, f"{meaning} ({chapter.lower()})", keys(*written)
            )


def _parts(item: nodes.list_item) -> Iterator[list[nodes.Node]]:
    """The leaves of an item, cut at each semicolon."""
    part: list[nodes.Node] = []
    for node in item.findall(lambda node: isinstance(node, nodes.math | nodes.Text)):
        if isinstance(node.parent, nodes.math):
            continue
        first, *rest = [node] if isinstance(node, nodes.math) else map(nodes.Text, str(node).split(";"))
        part.append(first)
        for piece in rest:
            yield part
            part = [piece]
    yield part


def _place(node: nodes.Element, source: str, taken: set[str]) -> str:
    """Give a place on the notation page an id of its own."""
    name = f"symbol-{nodes.make_id(source)}"
    anchor = next(free for free in (name, *(f"{name}-{n}" for n in range(2, 99))) if free not in taken)
    taken.add(anchor)
    node["ids"].append(anchor)
    return anchor


def terms(doctree: nodes.document) -> Iterator[Answer]:
    """The glossary's terms, and their Persian."""
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            term = next(item.findall(nodes.term))
            meaning = next(item.findall(nodes.definition))
            said = words(meaning)
            for persian in sorted(_persian(meaning), key=len, reverse=True):
                said = said.replace(persian, "")
            said = re.sub(r"(?: +[A-Z][\w ]+:)+$", "", said.strip())  # what led to a second Persian word
            yield Answer(words(term), "term", term["ids"][0], said, keys(words(term)))
            for persian in _persian(meaning):
                asked_for = keys(persian, persian.replace(JOINER, " "))
                yield Answer(persian, f"Persian for {words(term)}", term["ids"][0], said, asked_for)


def _persian(meaning: nodes.Element) -> list[str]:
    """The Persian words of a meaning: the textbooks' word, then others."""
    inside, found = False, []
    for node in meaning.findall():
        if isinstance(node, nodes.raw):
            inside = 'lang="fa"' in node.astext()
        elif inside and isinstance(node, nodes.Text) and not isinstance(node.parent, nodes.raw):
            found.append(str(node).strip())
    return found


def keys(*texts: str) -> tuple[str, ...]:
    """The questions that texts answer: each as it is asked, and a single symbol in all its forms."""
    found: dict[str, None] = {}
    for text in texts:
        cut = list(tokens(text))
        found.update(dict.fromkeys(cut[0] if len(cut) == 1 else [asked(text)]))
    return tuple(key for key in found if key)


def numbers(app: Sphinx) -> Iterator[list[str]]:
    """The ledger: id, value, what it is, the page that computes it, and the reported value; the last two if any.

    What an exercise asks for is left out.
    """
    places = places_of(app)
    for entry in ledger_of(app).values():
        if ".exercise." in entry.id:
            continue
        value = f"{entry.text} {entry.unit}".strip()
        reported = "" if entry.reported is None else entry.reported_text
        yield [entry.id, value, entry.what, places.get(entry.id, ""), reported]


# ---- From the pages to the script


def read_page(app: Sphinx, doctree: nodes.document) -> None:
    """Keep what the search needs of a page that has been read."""
    name = app.env.docname
    found = sections(without_answers(doctree))
    answers = [*(symbols(doctree) if name == NOTATION else ()), *terms(doctree)]
    pages_of(app.env)[name] = PageText(found[0].title if found else name, summary(doctree), found, answers)


def pages_of(env: BuildEnvironment) -> dict[str, PageText]:
    """What is known of each page, kept with the environment between builds."""
    if not hasattr(env, "book_pages"):
        env.book_pages = {}  # type: ignore[attr-defined]
    return env.book_pages  # type: ignore[attr-defined, no-any-return]


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop a page that is read again or gone."""
    pages_of(env).pop(docname, None)


def merge_pages(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    pages_of(env).update({name: page for name, page in pages_of(other).items() if name in docnames})


def title_of(app: Sphinx, docname: str) -> str:
    """A page's title, with the number of a chapter."""
    page = pages_of(app.env)[docname]
    return titles_of(app).get(Path(docname).name, page.title)


def table(app: Sphinx) -> dict[str, Any]:
    """All that the script needs."""
    pages = {name: page for name, page in sorted(pages_of(app.env).items()) if name in app.env.found_docs}
    answers = [(name, answer) for name, page in pages.items() for answer in page.answers]
    return {
        "pages": {name: [title_of(app, name), page.summary] for name, page in pages.items()},
        "sections": {name: [[s.anchor, s.title, s.text] for s in page.sections] for name, page in pages.items()},
        "answers": [[a.text, a.kind, name, a.anchor, a.summary, a.keys] for name, a in answers],
        "numbers": {"page": NUMBERS_PAGE, "rows": list(numbers(app))},
        "synonyms": {asked(said): written for said, written in SYNONYMS.items()},
    }


def write_script(app: Sphinx, exception: Exception | None) -> None:
    """Write the table beside the other scripts."""
    if exception is None and app.builder.name == "html":
        text = json.dumps(table(app), ensure_ascii=False, separators=(",", ":"))
        Path(app.outdir, "_static", SCRIPT).write_text(f"var FOUND = {text};\n", encoding="utf-8")


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Give the search page the table and the script that shows it."""
    if pagename == "search":
        app.add_js_file(SCRIPT, loading_method="defer")
        app.add_js_file("find.js", loading_method="defer")
        app.add_css_file("find.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("builder-inited", hide_answers)
    app.connect("doctree-read", read_page)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", write_script)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
