"""What a page says of itself to those who list, link or index it.

Each page has a title of its own, a description from its question and goals or its first sentences, and the tags from
which other sites draw a card. A chapter is described as learning material, the book as a course (schema.org). Addresses
must be absolute there, so they are written where the publisher knows them: canonical address, card, site map.
"""

import json
import os
import re
import textwrap
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from book._ext.course_plan import Lesson, lessons
from book._ext.downloads import Publisher
from book._ext.find import pages_of, title_of

LONGEST = 200  # characters of a description: what follows is cut by those who show it
CARD, CARD_SIZE = "card.png", ("1200", "630")
CARD_ALT = "The title of the book above some hundred paths of the state of a recurrent cell, wound into one band."
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
_VIEWPORT = re.compile(r"""<meta [^>]*name="viewport"[^>]*>\s*""")
GENERATED = {
    "genindex": ("Index", "Every term and every name of the package, with the places where the book explains it."),
    "py-modindex": ("Modules", "The modules of the package, each with its page."),
    "search": ("Search", "Search the book: words, symbols, numbers, names of the package, and Persian terms."),
}


def described(app: Sphinx, pagename: str) -> tuple[str, str]:
    """A page's title and description."""
    if pagename in GENERATED:
        return GENERATED[pagename]
    page = pages_of(app.env).get(pagename)
    if page is None:
        return pagename, ""
    return title_of(app, pagename), page.summary or f"{page.title} of the book {app.config.html_title}."


def tags(title: str, description: str, book: str, *, address: str, card: str) -> dict[str, str]:
    """The meta tags of a page, by name or property.

    Args:
        title: of the page.
        description: of the page.
        book: title of the book.
        address: absolute address of the page; empty while it is not known.
        card: absolute address of the picture; empty while it is not known.
    """
    found = {
        "description": description,
        "og:type": "article",
        "og:site_name": book,
        "og:title": title,
        "og:description": description,
        "og:url": address,
        "og:image": card,
        "twitter:card": "summary_large_image" if card else "summary",
    }
    if card:
        found |= {"og:image:width": CARD_SIZE[0], "og:image:height": CARD_SIZE[1], "og:image:alt": CARD_ALT}
    return {name: text for name, text in found.items() if text}


def tag(name: str, content: str) -> str:
    """One meta tag; Open Graph calls a name a property."""
    key = "property" if name.startswith("og:") else "name"
    return f'<meta {key}="{name}" content="{escape(content)}" />'


def chapter_data(lesson: Lesson, book: Mapping[str, Any], *, address: str) -> dict[str, Any]:
    """A chapter as learning material."""
    found = {
        "@type": "LearningResource",
        "name": lesson.title,
        "position": lesson.number,
        "description": lesson.question,
        "learningResourceType": "chapter with exercises",
        "timeRequired": f"PT{lesson.minutes}M",
        "teaches": list(lesson.goals),
        "inLanguage": "en",
        "isAccessibleForFree": True,
        "license": LICENCE,
        "isPartOf": book,
        "url": address,
    }
    return {key: value for key, value in found.items() if value}


def course_data(name: str, description: str, chapters: list[dict[str, Any]], *, address: str) -> dict[str, Any]:
    """The book as a course."""
    found = {
        "@type": "Course",
        "name": name,
        "description": description,
        "about": ["recurrent neural networks", "long short-term memory", "gated recurrent unit", "reproducibility"],
        "inLanguage": "en",
        "isAccessibleForFree": True,
        "license": LICENCE,
        "hasPart": chapters,
        "url": address,
    }
    return {key: value for key, value in found.items() if value}


def script(data: Mapping[str, Any]) -> str:
    """Linked data as a script that is no script: it may not end itself."""
    text = json.dumps({"@context": "https://schema.org", **data}, ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>'


def linked_data(app: Sphinx, pagename: str, site: str) -> str:
    """What schema.org has a word for: the book on its first page, a chapter on its own; else nothing."""

    def address(name: str) -> str:
        return f"{site}{name}.html" if site else ""

    root, title = str(app.config.root_doc), app.config.html_title
    book = {"@type": "Course", "name": title} | ({"url": address(root)} if site else {})
    found = {f"book/notebooks/{one.stem}": one for one in lessons()}
    if pagename in found:
        return script(chapter_data(found[pagename], book, address=address(pagename)))
    if pagename == root:
        parts = [
            {"@type": "LearningResource", "name": one.title, "position": one.number}
            | ({"url": address(name)} if site else {})
            for name, one in found.items()
        ]
        return script(course_data(title, described(app, root)[1], parts, address=address(root)))
    return ""


def add_metadata(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Give a page its title and its tags."""
    site, book = Publisher.of(os.environ).site, str(app.config.html_title)
    title, text = described(app, pagename)
    address = f"{site}{pagename}.html" if site else ""
    card = f"{site}_static/{CARD}" if site else ""
    text = textwrap.shorten(text, LONGEST, placeholder=" …")
    found = tags(title, text, book, address=address, card=card)
    lines = [tag(name, content) for name, content in found.items()]
    lines += [linked_data(app, pagename, site)]
    own = _VIEWPORT.sub("", context.get("metatags", ""))  # docutils and the theme both write one
    context["metatags"] = "\n    ".join([own, *lines, ""])
    context["book_title"] = book if title == book else f"{title} — {book}"


def take_address(app: Sphinx, config: Config) -> None:
    """Tell Sphinx where the site stands, if the publisher does: it writes the canonical address of each page."""
    config.html_baseurl = Publisher.of(os.environ).site


def write_site_map(app: Sphinx, exception: Exception | None) -> None:
    """List the pages for those who index the site, where it has an address."""
    site = Publisher.of(os.environ).site
    if exception is not None or app.builder.name != "html" or not site:
        return
    places = "".join(f"  <url><loc>{escape(site + name)}.html</loc></url>\n" for name in sorted(app.env.found_docs))
    head = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    Path(app.outdir, "sitemap.xml").write_text(f"{head}{places}</urlset>\n", encoding="utf-8")
    robots = f"User-agent: *\nAllow: /\nSitemap: {site}sitemap.xml\n"
    Path(app.outdir, "robots.txt").write_text(robots, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("config-inited", take_address)
    app.connect("html-page-context", add_metadata)
    app.connect("build-finished", write_site_map)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
