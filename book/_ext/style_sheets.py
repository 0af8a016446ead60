"""One style sheet for all pages, with the rules that some page can use.

A browser draws nothing before it has every style sheet. The theme and the extensions bring fourteen with 560 kB, and
most of their rules are about things that no page has. So the sheets are joined, in their order, without the rules whose
classes and names stand on no page and in no script; the slides' sheet likewise. What a rule says is not touched.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import tinycss2
from sphinx.application import Sphinx
from tinycss2.ast import Node

from book._ext.answers import disguise
from book._ext.fonts import cut_fonts

JOINED, SLIDES = "book.css", "slides.css"
# What stands on a page is styled by the later of two rules, all else being equal.
SHEETS = (
    "styles/theme.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "togglebutton.css",
    "copybutton.css",
    "mystnb.*.css",
    "exercise.css",
    "sphinx-design.min.css",
    "answers.css",
    "provenance.css",
    "find.css",
    "style.css",
    "mathematics.css",
)
GROUPS = {"media", "supports", "layer", "container"}  # of rules
CHOICES = {"is", "where", "has"}  # of selectors, of which one must fit

_NAMES = re.compile(r"""\b(?:class|id)=\\?["']([^"']*)""")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_ADDRESS = re.compile(r"""url\((["']?)(?!data:)([^"')?#]+)[^"')]*\1\)""")
_OLD_FONT = re.compile(r""",\s*url\([^)]*\.ttf\)\s*format\("truetype"\)""")
_IMPORT = re.compile(r"""(?:url\()?["']([^"']+)["']\)?\s*(?:layer\(([\w-]+)\))?""")


def names_on(out: Path) -> tuple[set[str], list[str]]:
    """Classes and names that a page has or a script may give it, and the texts of pages and of what their boxes ask."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(out.rglob("*.html"))]
    names, static = set[str](), out / "_static"
    for path in sorted(static.rglob("*.js")):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("answers-"):
            text = disguise(text)
            texts.append(text)
        names.update(_WORD.findall(text))
    for text in texts:
        for found in set(_NAMES.findall(text)):
            names.update(found.replace("\\", " ").split())
    return names, texts


# ---- Rules


def parted(tokens: Iterable[Node]) -> Iterator[list[Node]]:
    """Tokens between commas."""
    part: list[Node] = []
    for token in tokens:
        if token == ",":
            yield part
            part = []
        else:
            part.append(token)
    yield part


def fits(selector: list[Node], names: set[str]) -> bool:
    """Whether a selector can fit something on a page, as far as its classes and names tell."""
    before: Node | None = None
    for token in selector:
        is_name = token.type == "hash" or (token.type == "ident" and before == ".")
        is_choice = token.type == "function" and token.lower_name in CHOICES
        if is_name and token.value not in names:
            return False
        if is_choice and not any(fits(choice, names) for choice in parted(token.arguments)):
            return False
        before = token
    return True


def written(tokens: Iterable[Node]) -> str:
    """Tokens as text, without comments and with little room between them."""
    text = tinycss2.serialize([token for token in tokens if token.type != "comment"])
    return re.sub(r"\s+", " ", text).strip()


def kept(rules: Iterable[Node], names: set[str], folder: Path) -> Iterator[str]:
    """The rules of a sheet that can fit something; those of an imported sheet stand in the place of the import."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [selector for selector in parted(rule.prelude) if fits(selector, names)]
            if selectors:
                yield f"{','.join(map(written, selectors))}{{{written(rule.content)}}}"
        elif rule.type != "at-rule":
            raise ValueError(f"a style sheet in {folder.name} cannot be read: {rule.message}")
        elif rule.lower_at_keyword == "import":
            yield from imported(rule, names, folder)
        elif rule.lower_at_keyword in GROUPS and rule.content is not None:
            inner = "\n".join(kept(tinycss2.parse_rule_list(rule.content, True, True), names, folder))
            if inner:
                yield f"@{rule.at_keyword} {written(rule.prelude)}{{{inner}}}"
        elif rule.lower_at_keyword != "charset":
            yield written([rule])


def imported(rule: Node, names: set[str], folder: Path) -> Iterator[str]:
    """The sheet that an import names, in its layer if it is given one."""
    found = _IMPORT.fullmatch(written(rule.prelude))
    if not found:
        raise ValueError(f"an import of {written(rule.prelude)} is not foreseen")
    text = sheet(folder / found[1], names)
    yield f"@layer {found[2]}{{{text}}}" if found[2] else text


def sheet(path: Path, names: set[str]) -> str:
    """A style sheet's rules that can fit something; addresses lead from the folder of static files."""
    rules = tinycss2.parse_stylesheet(path.read_text(encoding="utf-8"), True, True)
    text = "\n".join(kept(rules, names, path.parent))
    if path.parent.name != "styles":
        return text
    return _ADDRESS.sub(lambda found: f'url("{posixpath.normpath(posixpath.join("styles", found[2]))}")', text)


# ---- Pages


def versioned(text: str, static: Path) -> str:
    """A style sheet whose files have their checksums in their addresses, so that no browser keeps an older one."""

    def address(found: re.Match[str]) -> str:
        path = static / found[2]
        return f'url("{found[2]}?v={sha256(path.read_bytes()).hexdigest()[:8]}")' if path.is_file() else found[0]

    return _ADDRESS.sub(address, _OLD_FONT.sub("", text))


def linked(page: str, version: str) -> str:
    """A page with the joined sheet in the place of the first that it holds."""
    names = "|".join(re.escape(name).replace(r"\*", r"\w+") for name in (*SHEETS, JOINED))
    link = re.compile(rf"""\s*<link\b[^>]*href="((?:\.\./)*_static/)(?:{names})(?:\?[^"]*)?"[^>]*>""")
    first = link.search(page)
    if not first:
        return page
    ours = f'\n  <link rel="stylesheet" href="{first[1]}{JOINED}?v={version}" />'
    return page[: first.start()] + ours + link.sub("", page[first.start() :])


def join(app: Sphinx, exception: Exception | None) -> None:
    """Join the style sheets of the finished site, cut the fonts that they name, and link the pages to the result."""
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    names, texts = names_on(out)
    paths = [path for pattern in SHEETS for path in sorted(static.glob(pattern))]
    found = {JOINED: "\n".join(sheet(path, names) for path in paths), SLIDES: sheet(static / SLIDES, names)}
    cut_fonts(static, texts, found.values())
    for name, text in found.items():
        (static / name).write_text(versioned(text, static), encoding="utf-8")
    for path in paths:
        path.unlink()
    version = sha256((static / JOINED).read_bytes()).hexdigest()[:8]
    for path in sorted(out.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if (ours := linked(page, version)) != page:
            path.write_text(ours, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("build-finished", join, priority=960)  # after everything that writes pages
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
