"""Every page of the built site, in a real browser: over HTTP and from disk, wide and narrow, light, dark and print."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _server import WIDE, Watch, content_pages, serve, settle
from _visit import STATES, Desk, Visit, desk, is_close, survey
from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
IMAGE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
BLANK = '<!DOCTYPE html><html lang="en"><head><link rel="icon" href="data:,"><title>x</title>%s</head>%s</html>'
HEAVIEST = 1_500_000  # bytes that a page may transfer, compressed as a web server sends them
COMPRESSIBLE = {".html", ".css", ".js", ".mjs", ".svg", ".json"}


@pytest.fixture
def watched(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def one_desk(browser: Browser, server: str, site: Path) -> Iterator[Desk]:
    with desk(browser, server, content_pages(site)) as found:
        yield found


@pytest.fixture(scope="session")
def visit(one_desk: Desk, page_name: str) -> Visit:
    """One page over HTTP, visited once for all tests that ask about it."""
    return one_desk.visit(page_name)


@pytest.fixture(scope="session")
def from_disk(browser: Browser, site: Path) -> Iterator[tuple[Page, Watch]]:
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    watch = Watch(site.as_uri()).attach(context)
    yield context.new_page(), watch
    context.close()


# ---- Every page: clean over HTTP and from disk, in every window and light, on paper


def test_the_page_is_clean_over_http(visit: Visit) -> None:
    assert visit.problems == []


def test_pages_of_every_template_are_clean_from_disk(from_disk: tuple[Page, Watch], site: Path) -> None:
    page, watch = from_disk
    pages = content_pages(site)
    close = [name for name in pages if is_close(name, pages)]
    assert {name.rpartition("/")[0] for name in close} == {name.rpartition("/")[0] for name in pages}
    for name in close:
        before = watch.requests
        problems = survey(page, watch, (site / name).as_uri())
        assert watch.requests > before, "the watch saw no requests"
        assert problems == []


def test_axe_finds_nothing(visit: Visit, site: Path) -> None:
    assert len(visit.axe) == (len(STATES) if is_close(visit.name, content_pages(site)) else 1)
    assert {state: found for state, found in visit.axe.items() if found} == {}


def test_nothing_scrolls_sideways_in_a_narrow_window(visit: Visit) -> None:
    assert {width: excess for width, excess in visit.excess.items() if excess > 0} == {}


def test_nothing_is_cut_in_a_narrow_window(visit: Visit) -> None:
    assert {width: found for width, found in visit.cut.items() if found} == {}


def test_print_shows_the_article_and_the_still_widgets(visit: Visit) -> None:
    assert visit.paper == []


def test_every_widget_is_drawn_and_hides_its_picture(visit: Visit) -> None:
    assert visit.still == []


def test_nothing_moves_for_who_asked_for_less_motion(visit: Visit) -> None:
    assert visit.motion < 0.001


def sent(path: Path) -> int:
    """Bytes that a web server sends for a file: text compressed, the rest as it is."""
    data = path.read_bytes()
    return len(gzip.compress(data, 6)) if path.suffix in COMPRESSIBLE else len(data)


def test_the_page_transfers_no_more_than_a_telephone_can_bear(visit: Visit, site: Path) -> None:
    files = [site / path for path in visit.asked if (site / path).is_file()]
    assert site / visit.name in files
    assert sum(map(sent, files)) <= HEAVIEST


def test_the_root_leads_to_the_book(watched: BrowserContext, server: str) -> None:
    watch = Watch(server).attach(watched)
    page = watched.new_page()
    page.goto(f"{server}/index.html")
    page.wait_for_url("**/book/index.html")
    settle(page)
    assert page.locator("article h1").count() == 1
    assert watch.take() == []


# ---- The teeth: each fault is seen

FAULTS = {
    "external request": '<img src="http://192.0.2.1/pixel.png" alt="">',
    "failed request": '<script src="http://192.0.2.1/script.js"></script>',
    "console error": '<script>console.error("a fault")</script>',
    "console warning": '<script>console.warn("a fault")</script>',
    "page error": "<script>throw new Error('a fault')</script>",
    "status 404": '<img src="missing.png" alt="">',
    "policy violation": '<meta http-equiv="Content-Security-Policy" content="script-src \'self\'"><script>1</script>',
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_watch_sees(fault: str, watched: BrowserContext, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(BLANK % (FAULTS[fault], ""), encoding="utf-8")
    watched.route("http://192.0.2.1/**", lambda route: route.abort())  # no packet leaves this machine
    with serve(tmp_path) as address:
        watch = Watch(address).attach(watched)
        page = watched.new_page()
        page.goto(f"{address}/page.html")
        page.wait_for_load_state("load")
        page.wait_for_timeout(50)
        page.close()
    assert any(problem.startswith(fault) for problem in watch.take())


def test_the_watch_is_quiet_about_a_clean_page(watched: BrowserContext, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(BLANK % ("", ""), encoding="utf-8")
    with serve(tmp_path) as address:
        watch = Watch(address).attach(watched)
        watched.new_page().goto(f"{address}/page.html")
        assert watch.take() == []


def test_a_widget_that_cannot_start_keeps_its_picture(watched: BrowserContext, site: Path, tmp_path: Path) -> None:
    host = '<div class="rnn-widget-host" data-widget="unheard-of" data-state="{}"><p id="still">Still.</p></div>'
    script = (site / "_static" / "widgets.js").read_text(encoding="utf-8")
    (tmp_path / "widgets.js").write_text(script, encoding="utf-8")
    body = f'<body>{host}<script src="widgets.js"></script></body>'
    (tmp_path / "page.html").write_text(BLANK % ("", body), encoding="utf-8")
    page = watched.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert "unheard-of" in page.locator(".rnn-widget-message").inner_text()
    assert page.locator("#still").is_visible()
