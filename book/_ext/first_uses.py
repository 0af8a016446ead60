"""Links from the first use of each glossary term in a chapter to what it means.

They are set here and not by hand, so that nobody has to look for a first use when a chapter or the glossary is changed.
A term that an author links with ``{term}`` at an earlier place is left alone. Headings, code, formulas and captions get
no links.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from book._ext.ledger import BOOK

GLOSSARY = BOOK / "glossary.md"
# What the chapters write beside the glossary's own word.
ALSO = {
    "RNN": "recurrent neural network",
    "one cycle": "one-cycle schedule",
    "straight-through": "straight-through estimator",
}
NO_PROSE = (
    *(nodes.title, nodes.caption, nodes.rubric, nodes.thead, nodes.emphasis, nodes.literal, nodes.literal_block),
    *(nodes.math, nodes.math_block, nodes.raw, nodes.reference, nodes.comment, nodes.image, addnodes.pending_xref),
)
NO_PROSE_CLASSES = {"cell_input", "cell_output", "admonition-title", "caption-text"}


def terms(text: str) -> list[str]:
    """The terms of the glossary's source: lines with an indented line below."""
    return re.findall(r"^(\S.*)\n  \S", text, re.MULTILINE)


def pattern(known: Iterable[str]) -> re.Pattern[str]:
    """A use of any of these terms, in either number; a longer term goes before one that it contains."""
    longest = sorted({*known, *ALSO}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(_form, longest))})(?:e?s)?(?![\w-])")


def _form(term: str) -> str:
    form = r"\s+".join(map(re.escape, term.split()))
    return form if term.isupper() or term == "TF-IDF" else f"(?i:{form})"


def meant(used: str, known: Iterable[str]) -> str:
    """The glossary's term of a use."""
    plain = re.sub(r"\s+", " ", used)
    forms = [plain, plain.removesuffix("s"), plain.removesuffix("es")]
    by_name = {name.lower(): term for name, term in ({name: name for name in known} | ALSO).items()}
    return next(by_name[form.lower()] for form in forms if form.lower() in by_name)


def in_prose(node: nodes.Node) -> bool:
    """Whether a text stands where a link would not disturb."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, NO_PROSE) or NO_PROSE_CLASSES & set(getattr(node, "attributes", {}).get("classes", ())):
            return False
    return True


def link_first_uses(document: nodes.Element, known: list[str], docname: str) -> Iterator[str]:
    """Link the first use of each term, and yield the terms that were linked here."""
    seen: set[str] = set()
    uses = pattern(known)
    for element in document.findall(nodes.TextElement):
        _join_lines(element)
    for node in list(document.findall(lambda node: isinstance(node, nodes.Text | addnodes.pending_xref))):
        if isinstance(node, addnodes.pending_xref):
            if node.get("reftype") == "term":
                seen.add(node["reftarget"].lower())
            continue
        if not in_prose(node):
            continue
        pieces: list[nodes.Node] = []
        text, end = str(node), 0
        for use in uses.finditer(text):
            term = meant(use[0], known)
            if term.lower() not in seen:
                seen.add(term.lower())
                pieces += [nodes.Text(text[end : use.start()]), _link(use[0], term, docname)]
                end = use.end()
                yield term
        if pieces:
            node.parent.replace(node, [*pieces, nodes.Text(text[end:])])


def _join_lines(element: nodes.TextElement) -> None:
    """Make one text of neighbouring texts: a paragraph comes in lines, and a term may stand on two of them."""
    joined: list[nodes.Node] = []
    for child in element.children:
        if isinstance(child, nodes.Text) and joined and isinstance(joined[-1], nodes.Text):
            joined[-1] = nodes.Text(str(joined[-1]) + str(child))
        else:
            joined.append(child)
    if len(joined) < len(element.children):
        element.children = []
        element += joined


def _link(text: str, term: str, docname: str) -> addnodes.pending_xref:
    shown = nodes.inline(text, text, classes=["xref", "std", "std-term"])
    where = {"refdomain": "std", "reftype": "term", "reftarget": term, "refdoc": docname}
    return addnodes.pending_xref(text, shown, refexplicit=True, refwarn=True, **where)


class FirstUses(SphinxTransform):
    """Link the first uses in a chapter."""

    default_priority = 700

    def apply(self, **kwargs: Any) -> None:
        """Link them."""
        if self.env.docname.startswith("book/notebooks/"):
            self.env.note_dependency(str(GLOSSARY))
            known = terms(GLOSSARY.read_text(encoding="utf-8"))
            list(link_first_uses(self.document, known, self.env.docname))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.add_transform(FirstUses)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
