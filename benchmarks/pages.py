"""How soon each page of the built site can be used on a slow processor: ``python -m benchmarks.pages``.

A page counts as *interactive* at the latest of four moments after the navigation began: something is painted; the
document and its deferred scripts are done (the end of ``DOMContentLoaded``); every widget is mounted; and the last
*long task* is over, a stretch of 50 ms or more in which the main thread hears nobody. So work that is left for later,
in pieces short enough for a click to slip in between, does not count, but one long piece at any time does.

Every visit has a profile of its own: no cache of files, nor of compiled scripts. The pages come from this machine, as
they are or compressed as a server does, over a line that Chromium makes slow; it slows the processor, too. The rounds
go over all pages in turn, so that a busy minute of the machine hits all alike, and the medians are printed.
"""

import argparse
import gzip
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from tools import chromium

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"
SLOWED = 4  # times
LINE, DELAY = 1.6, 150  # Mbit/s and ms of a slow telephone; 0 leaves the line as fast as this machine
QUIET = 1500  # ms without a long task, after which none is expected any more
GOALS = (("painted", 2500, " ms"), ("blocked", 300, " ms"), ("shifted", 0.02, ""))
TEXT = {".css", ".html", ".js", ".json", ".svg"}  # what a web server compresses
WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push([entry.startTime, entry.duration]);
}).observe({ type: "longtask", buffered: true });
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
window.mountedAt = 0;
new MutationObserver(() => { window.mountedAt = performance.now(); })
  .observe(document, { subtree: true, attributes: true, attributeFilter: ["data-mounted"] });
"""
REST = """quiet => document.readyState === "complete" && performance.now() - Math.max(
  performance.timing.loadEventEnd - performance.timeOrigin, window.mountedAt,
  ...window.longTasks.map(([start, duration]) => start + duration)) > quiet"""
READ = """() => {
  const [navigation] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return {
    painted: paint?.startTime ?? 0, ready: navigation.domContentLoadedEventEnd, mounted: window.mountedAt,
    tasks: window.longTasks, shifted: window.shifted,
  };
}"""


@dataclass(frozen=True)
class Visit:
    """One visit to a page.

    Attributes:
        painted: first contentful paint, ms after the navigation began.
        ready: end of ``DOMContentLoaded``, ms.
        mounted: the last widget that started by itself, ms; 0 without one.
        last_task: end of the last long task, ms; 0 without one.
        blocked: by how much the long tasks exceed 50 ms, together, ms.
        shifted: how far what stood on the screen was moved, a share of it (cumulative layout shift).
        asked: paths of the files that the page asked for.
    """

    painted: float
    ready: float
    mounted: float
    last_task: float
    blocked: float
    shifted: float
    asked: frozenset[str]

    @property
    def interactive(self) -> float:
        """When the page can be used, ms."""
        return max(self.painted, self.ready, self.mounted, self.last_task)


@cache
def sent(path: Path) -> bytes:
    """A file as a server sends it that compresses text; compressed once for all visits."""
    content = path.read_bytes()
    return gzip.compress(content, 6) if path.suffix in TEXT else content


class _Compressing(SimpleHTTPRequestHandler):
    """Sends text compressed, as the servers of static sites do, and says nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One file."""
        path = Path(self.translate_path(self.path))
        if path.suffix not in TEXT or not path.is_file():
            return super().do_GET()
        body = sent(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder's address over HTTP."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Compressing, directory=str(folder))) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def pages_of(site: Path, words: list[str]) -> list[str]:
    """Addresses of the pages whose name holds one of the words; all, without words."""
    names = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    names = [name for name in names if name != "index.html" and not name.startswith("_")]
    return [name for name in names if not words or any(word in name for word in words)]


def visit(browser: Browser, address: str, *, slowed: float, line: float) -> Visit:
    """Open a page in a fresh profile on a slowed processor and line, and wait until it has been quiet for a while."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": slowed})
        if line:
            speed = line * 1e6 / 8  # bytes a second
            session.send("Network.enable")
            session.send(
                "Network.emulateNetworkConditions",
                {"offline": False, "latency": DELAY, "downloadThroughput": speed, "uploadThroughput": speed},
            )
        page.add_init_script(WATCH)
        asked: set[str] = set()
        page.on("request", lambda request: asked.add(unquote(urlsplit(request.url).path).lstrip("/")))
        page.goto(address, wait_until="load", timeout=120_000)
        page.wait_for_function(REST, arg=QUIET, polling=100, timeout=120_000)
        return _read(page, frozenset(asked))
    finally:
        context.close()


def _read(page: Page, asked: frozenset[str]) -> Visit:
    found = page.evaluate(READ)
    return Visit(
        painted=found["painted"],
        ready=found["ready"],
        mounted=found["mounted"],
        last_task=max((start + duration for start, duration in found["tasks"]), default=0.0),
        blocked=sum(duration - 50 for _, duration in found["tasks"]),
        shifted=found["shifted"],
        asked=asked,
    )


def weight(site: Path, asked: frozenset[str]) -> tuple[int, int]:
    """Bytes of the files a page asked for, as they are and as a server sends them that compresses text."""
    files = [site / name for name in asked if (site / name).is_file()]
    return sum(path.stat().st_size for path in files), sum(len(sent(path)) for path in files)


def measure(site: Path, names: list[str], *, rounds: int, slowed: float, line: float) -> dict[str, list[Visit]]:
    """Every page's visits, taken in turns."""
    visits: dict[str, list[Visit]] = {name: [] for name in names}
    with served(site) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        visit(browser, f"{server}/{names[0]}", slowed=1, line=0)  # the browser's own start is nobody's
        for round_ in range(rounds):
            for name in names:
                visits[name].append(visit(browser, f"{server}/{name}", slowed=slowed, line=line))
            print(f"round {round_ + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        browser.close()
    return visits


def report(site: Path, visits: dict[str, list[Visit]]) -> None:
    """Print a table of medians, slowest page first."""
    head = ("interactive", "least", "paint", "ready", "widgets", "last task", "blocked")
    print(
        "| page | " + ", ms | ".join(head) + ", ms | shift | kB | kB gzip'd |\n|---" + "|---:" * (len(head) + 3) + "|"
    )

    def median(name: str, what: str) -> float:
        return float(statistics.median(getattr(each, what) for each in visits[name]))

    for name in sorted(visits, key=lambda name: -median(name, "interactive")):
        raw, sent = weight(site, frozenset().union(*(each.asked for each in visits[name])))
        least = min(each.interactive for each in visits[name])
        parts = ("painted", "ready", "mounted", "last_task", "blocked")
        times = [median(name, "interactive"), least, *(median(name, part) for part in parts)]
        moved = f" | {median(name, 'shifted'):.3f} | {raw / 1e3:.0f} | {sent / 1e3:.0f} |"
        print(f"| {name} | " + " | ".join(f"{time:.0f}" for time in times) + moved)
    for what, most, unit in GOALS:
        over = sum(median(name, what) > most for name in visits)
        print(f"{over} of {len(visits)} pages: {what} more than {most}{unit}")


def main() -> None:
    """Measure the pages that the arguments name, or all."""
    parser = argparse.ArgumentParser(description="Time to interactive of the built pages, on a slowed processor.")
    parser.add_argument("words", nargs="*", help="parts of page names; all pages without them")
    parser.add_argument("--site", type=Path, default=SITE, help="folder of the built site")
    parser.add_argument("--rounds", type=int, default=5, help="visits to each page (5)")
    parser.add_argument("--slowed", type=float, default=SLOWED, help=f"how much slower the processor is ({SLOWED})")
    parser.add_argument("--line", type=float, default=LINE, help=f"Mbit/s; 0 for the line of this machine ({LINE})")
    options = parser.parse_args()
    names = pages_of(options.site, options.words)
    if not names:
        parser.error(f"no such page in {options.site}: run `make book`, or give other words")
    report(options.site, measure(options.site, names, rounds=options.rounds, slowed=options.slowed, line=options.line))


if __name__ == "__main__":
    main()
