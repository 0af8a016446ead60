"""One visit to a page, over HTTP: on a desk, on paper, in narrow windows, by day and by night, and through axe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from _access import Audit, thin
from _server import WIDE, Watch, probe, settle
from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
TELEPHONE = 390
# A window of 1300 pixels at a zoom of 200 %, a telephone, and a window of 1280 pixels at 400 %.
NARROW = (650, TELEPHONE, 320)
STATES: tuple[tuple[Scheme, int], ...] = (
    ("dark", TELEPHONE),
    ("light", TELEPHONE),
    ("light", WIDE["width"]),
    ("dark", WIDE["width"]),
)
CLOSE = 2  # pages of each folder that are looked at in every state, and from disk; DEEP=1 takes all
EXCESS = "() => document.scrollingElement.scrollWidth - window.innerWidth"
A4 = 658  # pixels between the margins of a sheet


def is_close(name: str, pages: list[str]) -> bool:
    """Whether a page is one of its template's sample: the first, and the one in the middle of its folder."""
    alike = [page for page in pages if page.rpartition("/")[0] == name.rpartition("/")[0]]
    return os.environ.get("DEEP") == "1" or name in alike[:: max(1, len(alike) // CLOSE)][:CLOSE]


@dataclass
class Visit:
    """What one visit to a page found.

    Attributes:
        name: address of the page in the site's folder.
        problems: what the watch saw, formulas and widgets that failed.
        asked: addresses in the site's folder of everything the page asked for.
        still: widgets that are not drawn, or whose still picture stands beside them.
        paper: what print shows that it should not, or cuts, and widgets of which it shows nothing.
        excess: by how many pixels the page is wider than its window, by width.
        cut: what ends outside the window, by width.
        motion: the longest transition, in seconds, of a page whose reader asked for less motion.
        axe: what axe found, by scheme and width.
    """

    name: str
    problems: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    still: list[str] = field(default_factory=list)
    paper: list[str] = field(default_factory=list)
    excess: dict[int, int] = field(default_factory=dict)
    cut: dict[int, list[str]] = field(default_factory=dict)
    motion: float = 0.0
    axe: dict[tuple[Scheme, int], list[str]] = field(default_factory=dict)


def survey(page: Page, watch: Watch, address: str) -> list[str]:
    """Everything wrong with the page at this address once it has settled."""
    page.goto(address)
    settle(page)
    found = watch.take()
    if count := probe(page, "unsetFormulas"):
        found.append(f"{count} formulas are not set")
    if page.locator("mjx-merror, .rnn-widget-message").count():
        found.append("a formula or a widget reports an error")
    return [f"{address}: {problem}" for problem in found]


def widgets_on_screen(page: Page) -> list[str]:
    """Hosts whose widget is not drawn, or whose still picture stands beside it."""
    hosts = page.locator(".rnn-widget-host").all()
    return [
        host.get_attribute("data-widget") or "unnamed"
        for host in hosts
        if not host.locator(".rnn-widget-live .rnn-widget").is_visible()
        or host.locator(".rnn-widget-still").is_visible()
    ]


def faults_on_paper(page: Page) -> list[str]:
    """What print shows that it should not, or cuts, and widgets of which it shows nothing."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": WIDE["height"]})
    unwanted = (".bd-sidebar-primary", ".prev-next-footer", ".bd-header-article", ".rnn-widget-live")
    shown = [name for name in unwanted if any(box.is_visible() for box in page.locator(name).all())]
    for host in page.locator(".rnn-widget-host").all():
        still = host.locator(".rnn-widget-still")
        if not still.is_visible() or not (still.inner_text().strip() or still.locator("img, svg").count()):
            shown.append(f"nothing of {host.get_attribute('data-widget')}")
    shown += [f"cut at the right edge: {box}" for box in probe(page, "cut", True)]
    page.emulate_media(media="screen")
    return shown


def in_scheme(page: Page, scheme: Scheme) -> None:
    """The page in this scheme, once the theme has followed the system's setting, a moment later."""
    page.emulate_media(color_scheme=scheme)
    page.locator(f'html[data-theme="{scheme}"]').wait_for(state="attached")


def show(page: Page, scheme: Scheme, width: int) -> None:
    """The page in this scheme and width."""
    page.set_viewport_size({"width": width, "height": WIDE["height"]})
    in_scheme(page, scheme)


class Desk:
    """One browser page that visits all others, and what axe remembers between them."""

    def __init__(self, browser: Browser, server: str, pages: list[str]) -> None:
        # Less motion: a colour measured in the midst of a transition is no colour of the page.
        self.context = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce")
        self.server, self.pages = server, pages
        self.watch = Watch(server).attach(self.context)
        self.page = self.context.new_page()
        self.asked: set[str] = set()
        self.page.on("request", lambda request: self.asked.add(urlsplit(request.url).path.lstrip("/")))
        self.audits: dict[tuple[Scheme, int], Audit] = {}
        self.visits: dict[str, Visit] = {}

    def visit(self, name: str) -> Visit:
        """One page, seen every way, once: a worker may set up its fixtures more often than that."""
        if name not in self.visits:
            self.visits[name] = self._visit(name)
        return self.visits[name]

    def _visit(self, name: str) -> Visit:
        self.page.goto("about:blank")
        self.asked.clear()
        seen = Visit(name, survey(self.page, self.watch, f"{self.server}/{name}"))
        assert name in self.asked, "the desk saw no request"
        seen.still, seen.paper = widgets_on_screen(self.page), faults_on_paper(self.page)
        for width in NARROW if is_close(name, self.pages) else NARROW[-1:]:
            show(self.page, "light", width)
            seen.excess[width] = self.page.evaluate(EXCESS)
            seen.cut[width] = probe(self.page, "cut", False)
        seen.asked = set(self.asked)
        thin(self.page)  # nothing but axe can use the page from here on
        seen.motion = probe(self.page, "longestMotion")
        seen.axe = self._through_axe(name)
        seen.problems += self.watch.take()
        return seen

    def _through_axe(self, name: str) -> dict[tuple[Scheme, int], list[str]]:
        """All four states of a page that is looked at closely; of every other page, the narrowest window.

        What a page has of its own is in its article, which is in every window. What the rules look at depends on the
        width, which hides, folds and moves things, but not on the theme, which only has other colours. So of four
        states all rules run once at each width, and the rest looks at colours.
        """
        if not is_close(name, self.pages):
            scheme, width = SCHEMES[self.pages.index(name) % len(SCHEMES)], NARROW[-1]
            show(self.page, scheme, width)
            return {(scheme, width): self._audit(scheme, width).look(self.page)}
        found: dict[tuple[Scheme, int], list[str]] = {}
        for (first, width), (second, _) in (STATES[:2], STATES[2:]):
            show(self.page, first, width)
            found[first, width] = self._audit(first, width).look(self.page)
            show(self.page, second, width)
            found[second, width] = self._audit(second, width).look_at_colours(self.page)
        return found

    def _audit(self, scheme: Scheme, width: int) -> Audit:
        return self.audits.setdefault((scheme, width), Audit())


@contextmanager
def desk(browser: Browser, server: str, pages: list[str]) -> Iterator[Desk]:
    """A desk for as long as the block lasts."""
    one = Desk(browser, server, pages)
    yield one
    one.context.close()
