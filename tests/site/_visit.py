"""One visit to a page, over HTTP: on a desk, on paper, in narrow windows, by day and by night, and through axe."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from _access import Audit, thin
from _server import TELEPHONE, WIDE, Watch, probe, settle
from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# A window of 1300 pixels at a zoom of 200 %, a telephone, and a window of 1280 pixels at 400 %.
NARROW = (650, TELEPHONE, 320)
CLOSE = 3  # pages of each folder that go through axe, and are looked at in every state; DEEP=1 takes all
EXCESS = "() => document.scrollingElement.scrollWidth - window.innerWidth"
A4 = 658  # pixels between the margins of a sheet
NOT_ON_PAPER = ".bd-sidebar-primary, .prev-next-footer, .bd-header-article, .rnn-widget-live"
VISIBLE = "all => all.filter(box => box.checkVisibility()).map(box => box.className)"
HEAVIEST = 1_500_000  # bytes that a page may transfer, compressed as a web server sends them
AT_FIRST = 450_000  # bytes of them before a reader of a chapter has scrolled
COMPRESSIBLE = {".html", ".css", ".js", ".mjs", ".svg", ".json"}


def is_close(name: str, pages: list[str]) -> bool:
    """Whether a page is one of its template's sample, spread evenly over its folder."""
    alike = [page for page in pages if page.rpartition("/")[0] == name.rpartition("/")[0]]
    return os.environ.get("DEEP") == "1" or name in alike[:: max(1, len(alike) // CLOSE)][:CLOSE]


@dataclass
class Visit:
    """What one visit found: the page's name, what is wrong with it, and its `facts` as ``probes.js`` gathers them."""

    name: str
    faults: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def survey(page: Page, watch: Watch, address: str) -> list[str]:
    """Everything wrong with the page at this address once it has settled."""
    page.goto(address)
    settle(page)
    found = watch.take()
    if count := probe(page, "unsetFormulas"):
        found.append(f"{count} formulas are not set")
    if page.locator(".rnn-widget-message").count():
        found.append("a widget reports an error")
    return [f"{address}: {problem}" for problem in found]


def on_screen(page: Page) -> Iterator[str]:
    """Widgets that are not drawn, or whose still picture stands beside them."""
    for host in page.locator(".rnn-widget-host").all():
        drawn = host.locator(".rnn-widget-live .rnn-widget").is_visible()
        if not drawn or host.locator(".rnn-widget-still").is_visible():
            yield f"the widget {host.get_attribute('data-widget')} is not drawn, or twice"


def on_paper(page: Page) -> Iterator[str]:
    """What print shows that it should not, or cuts, and widgets of which it shows no table."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": WIDE["height"]})
    yield from (f"on paper: {name}" for name in page.locator(NOT_ON_PAPER).evaluate_all(VISIBLE))
    hosts = page.locator(".rnn-widget-host")
    if len(hosts.locator(".rnn-widget-still table").evaluate_all(VISIBLE)) < hosts.count():
        yield "on paper: a widget without its table"
    yield from (f"cut on paper: {box}" for box in probe(page, "cut", True))
    page.emulate_media(media="screen")


def in_scheme(page: Page, scheme: Scheme) -> None:
    """The page in this scheme, once the theme has followed the system's setting, with no colour halfway to another."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.locator(f'html[data-theme="{scheme}"]').wait_for(state="attached")


def show(page: Page, scheme: Scheme, width: int) -> None:
    page.set_viewport_size({"width": width, "height": WIDE["height"]})
    in_scheme(page, scheme)


def through_axe(page: Page, audits: dict[tuple[Scheme, int], Audit], first: Scheme = "light") -> Iterator[str]:
    """What axe finds on a page that has been thinned, in both schemes at two widths.

    What the rules look at depends on the width, which hides, folds and moves things, but not on the theme, which only
    has other colours. So all rules run once at each width, and in the other scheme those that look at colours.
    """
    for width in (TELEPHONE, WIDE["width"]):
        for scheme in sorted(SCHEMES, key=lambda one: one != first):
            show(page, scheme, width)
            audit = audits.setdefault((scheme, width), Audit())
            found = audit.look(page) if scheme == first else audit.look_at_colours(page)
            yield from (f"{scheme} at {width}: {fault}" for fault in found)


@cache
def sent(path: Path) -> int:
    """Bytes that a web server sends for a file: text compressed, the rest as it is; nothing where there is none."""
    data = path.read_bytes() if path.is_file() else b""
    return len(gzip.compress(data, 6)) if path.suffix in COMPRESSIBLE and data else len(data)


class Desk:
    """One browser page that visits all others, and what axe remembers between them."""

    def __init__(self, browser: Browser, server: str, site: Path, pages: list[str]) -> None:
        # Less motion: a colour measured in the midst of a transition is no colour of the page.
        self.context = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce")
        self.server, self.site, self.pages = server, site, pages
        self.watch = Watch(server).attach(self.context)
        self.page = self.context.new_page()
        self.asked: set[str] = set()
        self.page.on("request", lambda request: self.asked.add(urlsplit(request.url).path.lstrip("/")))
        self.audits: dict[tuple[Scheme, int], Audit] = {}
        self.visits: dict[str, Visit] = {}

    def visit(self, name: str) -> Visit:
        """One page, seen every way, once."""
        if name not in self.visits:
            seen = self.visits[name] = Visit(name)
            seen.faults += self._look(seen)
        return self.visits[name]

    def _look(self, seen: Visit) -> Iterator[str]:
        page = self.page
        page.goto("about:blank")
        self.asked.clear()
        yield from survey(page, self.watch, f"{self.server}/{seen.name}")
        first = sum(sent(self.site / path) for path in self.asked)
        if seen.name.startswith("book/notebooks/") and first > AT_FIRST:
            yield f"{first} bytes are sent at first, {AT_FIRST} may"
        seen.facts = probe(page, "facts")
        yield from probe(page, "markup")
        yield from on_screen(page)
        yield from on_paper(page)
        for width in NARROW if is_close(seen.name, self.pages) else NARROW[-1:]:
            show(page, "light", width)
            if (excess := page.evaluate(EXCESS)) > 0:
                yield f"at {width}: scrolls by {excess}"
            yield from (f"at {width}: cut {box}" for box in probe(page, "cut", False))
        weight = sum(sent(self.site / path) for path in self.asked)
        if not sent(self.site / seen.name) <= weight <= HEAVIEST:
            yield f"{weight} bytes are sent, {HEAVIEST} may"
        if is_close(seen.name, self.pages):
            thin(page)  # nothing but axe can use the page from here on
            if probe(page, "longestMotion") >= 0.001:
                yield "something moves for who asked for less motion"
            yield from through_axe(page, self.audits, SCHEMES[self.pages.index(seen.name) % len(SCHEMES)])
        yield from self.watch.take()


@contextmanager
def desk(browser: Browser, server: str, site: Path, pages: list[str]) -> Iterator[Desk]:
    """A desk for as long as the block lasts."""
    one = Desk(browser, server, site, pages)
    yield one
    one.context.close()
