"""Pages that ask no other host for anything.

Four things happen to the theme's pages. Scripts that would call another host are dropped. The modules of a page's
widgets are bundled into one classic script, because a page opened from disk may not load a module. Scripts run when
the page has been read, so that it is drawn before they arrive. Each finished page gets a Content-Security-Policy that
allows its own files and, by their hashes, its own few inline scripts.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

logger = logging.getLogger(__name__)

POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # formulas carry styles of their own
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
UNUSED_STATIC = (
    "**/*.map",
    "*webpack-macros.html",
    "scripts/fontawesome.js",
    "sphinx-thebe.*",
    "locales/**/*",
    "images/logo_*",
)

_HOST = re.compile(r"""class="rnn-widget-host" data-widget="(\w+)\"""")
_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)([^>]*)>(.*?)</script>", re.DOTALL)
_THEBE_SCRIPT = re.compile(
    r"""\s*<script\ type="text/x-thebe-config">.*?</script>
    |\s*<script>kernelName\ =\ [^<]*</script>""",
    re.DOTALL | re.VERBOSE,
)
_ICON_SCRIPT = re.compile(r"""\s*<script defer src="[^"]*/scripts/fontawesome\.js[^"]*"></script>""")
_MODE_SCRIPT = re.compile(r"""(<script data-cfasync="false">)[^<]*(</script>)""")
_PAGE_SCRIPT = re.compile(r"""\s*<script>DOCUMENTATION_OPTIONS\.(?:pagename|search_as_you_type) = [^<]*</script>""")
_AT_ONCE = re.compile(r"""<script(?![^>]*\s(?:defer|async|blocking)\b)(?=[^>]*\ssrc=)""")
_PRELOAD = re.compile(r"""\s*<link rel="preload"[^>]*>""")
_POLICY_META = re.compile(r"""\s*<meta http-equiv="Content-Security-Policy"[^>]*>""")
_HANDLER = re.compile(r"""<[a-zA-Z][^<>]*?\s(on[a-z]+)\s*=\s*["'][^<>]*>""")
_ARTICLE = re.compile(r"<article\b.*?</article>", re.DOTALL)
_SEARCH_LABEL = re.compile(r"""(<button class="btn search-button-field[^>]*?) aria-label="[^"]*\"""")
_TREE_SUMMARY = re.compile(r"""<summary>(?=\s*<span class="toctree-toggle")""")
_SIDEBAR = re.compile(r"""<div id="pst-primary-sidebar"(?! role)""")
_PRINT_CONTENTS = re.compile(r"""<div id="jb-print-docs-body".*?(?=<div id="searchbox">)""", re.DOTALL)
_CAPTION_HEADING = re.compile(r"""<p aria-level="2" class="caption" role="heading">""")
_DIALOG = re.compile(r"""<dialog id="(pst-(?:search-dialog|primary-sidebar-modal|secondary-sidebar-modal))">""")
_SIDE_TOGGLE = re.compile(r"""title="Toggle (primary|secondary) sidebar\"""")
_SIDE_START = re.compile(r"""(<div id="pst-(?:primary|secondary)-sidebar"[^>]*>)(?!<form)""")
EMPTY_HEAD = re.compile(r"""<th(?: scope="col"| class="head")?>(?:<p></p>)?</th>""")
_INDEX_TABLE = re.compile(r"""<table(?! role)(?=[^>]* class="indextable)""")
_INDEX_TOGGLER = re.compile(r"""<img [^>]*class="toggler"[^>]*>""")
_FIGURE_IMAGE = re.compile(r"""(<figure\b[^>]*>\s*)(<img\b[^>]*>)""")
_REPEATED_ID = re.compile(r"""<section id="(?:exercise|solution)-content">""")
_NEW_TAB = re.compile(r"""<a\b(?![^>]*\srel=)([^>]*\starget="_blank")""")
_PRINT = re.compile(r"""onclick="window\.print\((\w*)\)\"""")
_CHARSET = re.compile(r"""<meta charset="utf-8"\s*/?>""")

NAMES = {"pst-search-dialog": "Search", "pst-primary-sidebar-modal": "Book", "pst-secondary-sidebar-modal": "This page"}
TOGGLES = {"primary": "Contents of the book", "secondary": "Contents of this page"}
# Stands in each side bar; the style sheet shows it where the bar is a dialog, as on a telephone.
CLOSE = '<form method="dialog" class="sidebar-close"><button class="btn btn-sm">Close</button></form>'

# The theme finds out late whether the system is dark, and every rule of the page is then looked at again.
MODE = """
    (() => {
      let mode = null;
      try {
        mode = localStorage.getItem("mode");
      } catch {} // a browser may keep nothing for a page opened from disk
      const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      const theme = ["light", "dark"].includes(mode) ? mode : dark;
      Object.assign(document.documentElement.dataset, { mode: mode || "auto", theme });
    })();
  """

ROOT_PAGE = """<!DOCTYPE html>
<html lang="{language}">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="refresh" content="0; url={target}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="icon" href="_static/favicon.svg" />
    <title>{title}</title>
  </head>
  <body><main><a href="{target}">{title}</a></main></body>
</html>
"""


def policy(page: str) -> str:
    """The Content-Security-Policy for one page: its own files, and its inline scripts by hash."""
    hashes = dict.fromkeys(
        base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for _, body in _INLINE_SCRIPT.findall(page)
    )
    scripts = " ".join([POLICY["script-src"], *(f"'sha256-{digest}'" for digest in hashes)])
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, "script-src": scripts}.items())


def problems(page: str) -> list[str]:
    """What a strict policy would block on this page: handlers in tags, and scripts that come with the content."""
    article = "".join(_ARTICLE.findall(page))
    found = [f"inline handler {name!r}" for name in _HANDLER.findall(page)]
    found += [f"inline script in the content: {body.strip()[:60]!r}" for _, body in _INLINE_SCRIPT.findall(article)]
    return found


def mend(page: str) -> str:
    """The theme's markup, put right for who reads with the ears, with keys or on a small screen."""
    page = _PRINT_CONTENTS.sub("", page)  # a second title and table of contents, shown nowhere
    page = _SEARCH_LABEL.sub(r"\1", page)  # the visible text is the better name
    page = _TREE_SUMMARY.sub('<summary aria-label="Pages beneath this one">', page)
    page = _SIDEBAR.sub('<div id="pst-primary-sidebar" role="complementary" aria-label="Book"', page)
    page = _CAPTION_HEADING.sub('<p class="caption">', page)  # a heading above the title is no part of its outline
    page = _DIALOG.sub(lambda match: f'<dialog id="{match[1]}" aria-label="{NAMES[match[1]]}">', page)
    page = _SIDE_TOGGLE.sub(lambda match: f'title="{TOGGLES[match[1]]}"', page)
    page = _SIDE_START.sub(rf"\1{CLOSE}", page)
    page = page.replace('role="doc-biblioentry"', 'role="listitem"')  # the role of an entry was withdrawn
    page = EMPTY_HEAD.sub("<td></td>", page)  # the corner of a table is the head of nothing
    page = _INDEX_TABLE.sub('<table role="presentation"', page)  # columns of lists
    page = _INDEX_TOGGLER.sub("", page)  # a picture to click on; nothing is folded
    page = _NEW_TAB.sub(r'<a rel="noopener"\1', page)
    page = _FIGURE_IMAGE.sub(r'\1<div class="figure-frame">\2</div>', page)
    return _REPEATED_ID.sub("<section>", page)


def patient(page: str) -> str:
    """A page that knows its theme at once, and whose scripts wait until it has been read.

    The scripts of the search are written for the order in which they stand.
    """
    page = _MODE_SCRIPT.sub(lambda match: f"{match[1]}{MODE}{match[2]}", page)
    if "searchtools.js" in page:
        return page
    page = _PAGE_SCRIPT.sub("", page)  # for other versions and a search while one types; it would not wait
    return _AT_ONCE.sub("<script defer", page)


def seal(page: str) -> str:
    """One finished page with its policy, free of the theme's preloads and handlers."""
    page = patient(mend(page))
    page = _THEBE_SCRIPT.sub("", page)
    page = _ICON_SCRIPT.sub("", page)  # the style sheet has the same icons, from a font a tenth of its size
    page = _PRELOAD.sub("", page)  # a preload that is fetched otherwise again is a warning, from disk an error
    page = _POLICY_META.sub("", page)
    page = _PRINT.sub(lambda match: f'data-print="{match[1]}" type="button"', page)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(page)}" />'
    return _CHARSET.sub(lambda match: f"{match.group()}\n    {meta}", page, count=1)


def wrap_module(path: Path) -> str:
    """An ES module as the body of a function that returns the module's default export.

    Raises:
        ExtensionError: the module imports another, or has not exactly one default export at the start of a line.
    """
    source, defaults = re.subn(r"^export default\b", "return", plain(path), flags=re.MULTILINE)
    if defaults != 1:
        raise ExtensionError(f"{path.name} has {defaults} default exports at the start of a line; expected 1")
    return source


def plain(path: Path) -> str:
    """A module's text without the ``export`` of its named exports; an import is an error."""
    source = path.read_text(encoding="utf-8")
    if re.search(r"^import\b", source, re.MULTILINE):
        raise ExtensionError(f"{path.name} imports another module; a widget may import nothing")
    return re.sub(r"^export (?=(?:async |function|class|const|let))", "", source, flags=re.MULTILINE)


def bundle(modules: list[Path], mount: Path) -> str:
    """One classic script: what the modules share, every widget by its name, the mount that finds their hosts.

    A file whose name starts with an underscore is shared: its names are in sight of every widget.
    """
    shared = "".join(plain(path) for path in sorted(modules) if path.stem.startswith("_"))
    widgets = [path for path in sorted(modules) if not path.stem.startswith("_")]
    entries = "".join(f'"{path.stem}"() {{\n{wrap_module(path)}\n}},\n' for path in widgets)
    start = f"const mount = (() => {{\n{wrap_module(mount)}\n}})();\n"
    return f'(() => {{\n"use strict";\n{start}mount((() => {{\n{shared}\nreturn {{\n{entries}}};\n}})());\n}})();\n'


def choose_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Drop Thebe, which lives on another host; write and add the script of the page's widgets."""
    if names := {*_HOST.findall(context.get("body", ""))}:
        root, script = Path(app.confdir), f"widgets-{Path(pagename).name}.js"
        modules = [path for path in (root / "rnncourse" / "widgets").glob("*.mjs") if path.stem in {*names, "_runtime"}]
        text = bundle(modules, root / "book" / "assets" / "mount.mjs")
        Path(app.outdir, "_static", script).write_text(text, encoding="utf-8")
        app.add_js_file(script, loading_method="defer")
    scripts = {f"{script} {getattr(script, 'attributes', '')}": script for script in context["script_files"]}
    # The keys make one of the lines that some extensions add twice.
    context["script_files"] = [script for key, script in scripts.items() if "thebe" not in key.lower()]
    context["css_files"] = [sheet for sheet in context["css_files"] if "thebe" not in str(sheet)]


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Seal every page, and remove the static files that no page asks for."""
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    for pattern in UNUSED_STATIC:
        for path in (out / "_static").glob(pattern):
            if path.is_file():
                path.unlink()
    root_doc = str(app.config.root_doc)
    names: Mapping[str, str] = {
        "language": app.config.language or "en",
        "target": f"{root_doc}.html",
        "title": app.config.html_title or app.config.project,
    }
    if root_doc != "index":
        (out / "index.html").write_text(ROOT_PAGE.format_map(names), encoding="utf-8")
    for path in sorted(out.rglob("*.html")):
        if "_static" in path.relative_to(out).parts:
            continue
        page = seal(path.read_text(encoding="utf-8"))
        for problem in problems(page):
            logger.warning("%s: %s; move it to book/assets/page.js", path.relative_to(out), problem)
        path.write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("html-page-context", choose_scripts, priority=900)  # after the extensions that add scripts
    app.connect("build-finished", finish, priority=900)  # after the page that leads to the book is written
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
