"""Every page of the built site, in a real browser: over HTTP and from disk, wide and narrow, light, dark and print."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from _server import WIDE, Watch, content_pages, serve, settle
from _visit import STATES, Desk, Visit, desk, is_close, survey
from bs4 import BeautifulSoup
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
    assert {state: excess for state, excess in visit.excess.items() if excess > 0} == {}


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


# ---- The first page, and the search


@pytest.mark.parametrize("offline", [False, True], ids=["http", "disk"])
def test_the_root_leads_to_the_book(watched: BrowserContext, server: str, site: Path, offline: bool) -> None:
    base = site.as_uri() if offline else server
    watch = Watch(base).attach(watched)
    page = watched.new_page()
    page.goto(f"{base}/index.html")
    page.wait_for_url("**/book/index.html")
    settle(page)
    assert page.locator("article h1").count() == 1
    assert watch.take() == []


@pytest.mark.parametrize("offline", [False, True], ids=["http", "disk"])
def test_search_finds_a_term(watched: BrowserContext, server: str, site: Path, offline: bool) -> None:
    base = site.as_uri() if offline else server
    watch = Watch(base).attach(watched)
    page = watched.new_page()
    page.goto(f"{base}/book/index.html")
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").fill("gate")
    page.keyboard.press("Enter")
    page.wait_for_selector("ul.search li a")
    page.wait_for_load_state("networkidle")
    assert "q=gate" in page.url
    assert watch.take() == []
    page.locator("ul.search li a").first.click()
    page.wait_for_selector("article h1")
    assert watch.take() == []


# ---- The policy


def directives(soup: BeautifulSoup) -> dict[str, list[str]]:
    metas = soup.select('meta[http-equiv="Content-Security-Policy"]')
    assert len(metas) == 1, f"{len(metas)} policies"
    parts = [part.split() for part in str(metas[0]["content"]).split(";")]
    return {name: sources for name, *sources in parts}


def test_every_page_has_a_strict_policy(soups: dict[str, BeautifulSoup]) -> None:
    exact = {"object-src": ["'none'"], "base-uri": ["'self'"], "form-action": ["'self'"], "connect-src": ["'self'"]}
    for name, soup in soups.items():
        policy = directives(soup)
        assert policy["default-src"] == ["'self'"], name
        assert {key: policy[key] for key in exact} == exact, name
        sources = policy["script-src"]
        assert sources[0] == "'self'", name
        assert all(re.fullmatch(r"'sha256-[\w+/]{43}='", source) for source in sources[1:]), name
        everywhere = " ".join(value for values in policy.values() for value in values if "sha256-" not in value)
        assert not re.search(r"unsafe-eval|https?:|\*|//", everywhere), name


def test_the_policy_comes_before_anything_it_governs(soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        head = soup.head
        assert head is not None, name
        first = [tag.get("http-equiv", tag.name) for tag in head.find_all(True, recursive=False)][:2]
        assert "Content-Security-Policy" in first, name


# ---- The pages' own markup


def test_only_pages_with_widgets_load_them(soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        hosts, scripts = soup.select(".rnn-widget-host"), soup.select('script[src*="widgets.js"]')
        assert len(scripts) == bool(hosts), name


def test_every_picture_says_what_it_shows(soups: dict[str, BeautifulSoup]) -> None:
    silent = [
        (name, image.get("src"))
        for name, soup in soups.items()
        for image in soup.select("article img")
        if not (alt := str(image.get("alt", "")).strip()) or IMAGE_NAME.search(alt) or "/" in alt.split(" ")[0]
    ]
    assert not silent


def test_ids_are_unique(soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        ids = [str(tag["id"]) for tag in soup.find_all(id=True)]
        assert sorted(set(ids)) == sorted(ids), f"{name}: {sorted({i for i in ids if ids.count(i) > 1})}"


def test_a_link_to_a_new_tab_hands_over_no_window(soups: dict[str, BeautifulSoup]) -> None:
    links = [(name, link) for name, soup in soups.items() for link in soup.select("a[target=_blank]")]
    assert links
    assert [(name, link) for name, link in links if "noopener" not in link.get("rel", [])] == []


def broken_links(site: Path, soups: dict[str, BeautifulSoup]) -> list[str]:
    """Every internal link whose file or fragment does not exist."""
    ids = {name: {str(tag["id"]) for tag in soup.find_all(id=True)} for name, soup in soups.items()}
    broken = []
    for name, soup in soups.items():
        for tag in soup.select("a[href], link[href], img[src], script[src]"):
            link = urlsplit(str(tag.get("href") or tag.get("src")))
            if link.scheme or link.netloc:
                continue
            target = (site / name).parent / unquote(link.path) if link.path else site / name
            target = target.resolve()
            if not target.is_file():
                broken.append(f"{name}: {link.geturl()}")
                continue
            page = target.relative_to(site).as_posix()
            if link.fragment and page in ids and unquote(link.fragment) not in ids[page]:
                broken.append(f"{name}: {link.geturl()} has no such place")
    return broken


def test_every_internal_link_leads_somewhere(site: Path, soups: dict[str, BeautifulSoup]) -> None:
    assert broken_links(site, soups) == []


def test_pages_name_no_other_host_for_what_they_load(site: Path, soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        for tag in soup.select("script[src], link[href], img[src], iframe[src], source[src], object[data]"):
            address = str(tag.get("src") or tag.get("href") or tag.get("data"))
            assert not re.match(r"(https?:)?//", address), f"{name}: {address}"
    assert not list(site.glob("_static/**/*thebe*"))


def test_every_public_module_has_an_api_page(site: Path) -> None:
    package = ROOT / "rnncourse"
    modules = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    public = {name for name in modules if not name.startswith("_")}
    assert public <= {path.stem for path in (site / "book" / "api").glob("*.html")}


def test_every_api_page_is_about_modules_that_exist() -> None:
    # A package may have more than one page, where its parts are large enough for pages of their own.
    for page in (ROOT / "book" / "api").glob("*.md"):
        named = re.findall(r"automodule:: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert named, page.name
        for name in named:
            path = ROOT / name.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), f"{page.name}: {name}"


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


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    soup = BeautifulSoup('<a href="#gone">a</a><a href="gone.html">b</a><a href="#here" id="here">c</a>', "html.parser")
    (tmp_path / "page.html").write_text(str(soup), encoding="utf-8")
    assert len(broken_links(tmp_path.resolve(), {"page.html": soup})) == 2


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
