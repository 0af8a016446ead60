"""A quiet web server on this machine alone, and a watch over what a page asks for and complains about."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Response, ViewportSize

LOOPBACK = "127.0.0.1"
WIDE: ViewportSize = {"width": 1300, "height": 900}
TELEPHONE = 390
PROBES = Path(__file__).with_name("probes.js").read_text(encoding="utf-8")
WIDGET = re.compile(r'class="rnn-widget-host" data-widget="(\w+)"')
# Figures wait until they are near; asked at once, each arrives.
ARRIVE = """all => Promise.all(all.map((image) => {
  image.loading = "eager";
  return image.decode().then(() => image.naturalWidth > 0);
})).then((arrived) => arrived.every(Boolean))"""
# Tells the console of every violation, also those a page reports to nobody.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`));
"""


@cache
def content_pages(site: Path) -> list[str]:
    """Addresses of the site's pages in its folder, without those that only lead on to another."""
    found = [path for path in site.rglob("*.html") if 'http-equiv="refresh"' not in path.read_text(encoding="utf-8")]
    return sorted(path.relative_to(site).as_posix() for path in found if "_static" not in path.parts)


@cache
def widget_pages(site: Path) -> list[str]:
    """Those of the pages that hold a widget."""
    return [name for name in content_pages(site) if WIDGET.search((site / name).read_text(encoding="utf-8"))]


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # a connection carries all requests of a page

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests ask the browser what it got."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The folder's address over HTTP, for as long as the block lasts."""
    with ThreadingHTTPServer((LOOPBACK, 0), partial(_Quiet, directory=str(folder))) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Watch:
    """Everything wrong that a browser context saw since the last ``take``."""

    origin: str
    problems: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> "Watch":
        """Listen to every page of the context, present and future."""
        context.add_init_script(TELL_VIOLATIONS)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"page error: {error.error}"))
        return self

    def take(self) -> list[str]:
        """The problems seen so far, which are then forgotten."""
        seen, self.problems = self.problems, []
        return seen

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in {"data", "blob", "about"} and not request.url.startswith(self.origin):
            self.problems.append(f"external request: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # else the page was left before its request was answered
            self.problems.append(f"failed request: {request.url} ({request.failure})")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.text.startswith("policy violation"):
            self.problems.append(message.text)
        elif message.type in {"error", "warning", "assert"}:
            self.problems.append(f"console {message.type}: {message.text}")


def probe(where: Page | Locator, name: str, *given: Any) -> Any:
    """What a function of ``probes.js`` says of a page or an element."""
    return where.evaluate(f"(...given) => {{ {PROBES} return {name}(...given); }}", *given)


def settle(page: Page) -> None:
    """Wait until the page has loaded, its widgets are mounted and its boxes measured."""
    page.wait_for_load_state("load")
    page.evaluate("() => window.mountWidgets?.()")  # as if the reader had come near to each
    page.wait_for_function(
        "() => [...document.querySelectorAll('.rnn-widget-host')].every((host) => host.dataset.mounted)",
        timeout=10_000,
    )
    page.evaluate("() => window.measureBoxes?.()")
