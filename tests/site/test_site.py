"""Every page of the built site, in a real browser: over HTTP and from disk, wide and narrow, light, dark and print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import pytest
from _server import Watch, serve, settle
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

ROOT = Path(__file__).resolve().parents[2]
WIDE: ViewportSize = {"width": 1300, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
UNSET_FORMULAS = """() =>
  [...document.querySelectorAll(".math")].filter((box) => !box.querySelector("mjx-container")).length"""
IMAGE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
OVERFLOW = "() => document.scrollingElement.scrollWidth - window.innerWidth"
LONGEST_TRANSITION = """() => Math.max(
  ...[...document.querySelectorAll("*")].map((element) => parseFloat(getComputedStyle(element).transitionDuration)))"""
BLANK = '<!DOCTYPE html><html lang="en"><head><link rel="icon" href="data:,"><title>x</title>%s</head>%s</html>'


def content_pages(site: Path) -> list[str]:
    """Addresses of the site's pages in its folder; the root page, which leads on at once, has its own test."""
    found = {path.relative_to(site) for path in site.rglob("*.html")} - {Path("index.html")}
    return sorted(path.as_posix() for path in found if path.parts[0] != "_static")


@pytest.fixture(scope="session")
def pages(site: Path) -> list[str]:
    found = content_pages(site)
    assert len(found) >= 4, f"expected the pages of a book, found {found}"
    return found


@pytest.fixture(scope="session")
def soups(site: Path, pages: list[str]) -> dict[str, BeautifulSoup]:
    pages = ["index.html", *pages]
    return {name: BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser") for name in pages}


@pytest.fixture
def watched(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    context.set_default_timeout(15_000)
    yield context
    context.close()


def survey(page: Page, watch: Watch, address: str) -> list[str]:
    """Everything wrong with the page at this address once it has settled."""
    page.goto(address)
    settle(page)
    found = watch.take()
    if count := page.evaluate(UNSET_FORMULAS):
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
    """What print shows that it should not, and widgets of which it shows nothing."""
    page.emulate_media(media="print")
    unwanted = (".bd-sidebar-primary", ".prev-next-footer", ".bd-header-article", ".rnn-widget-live")
    shown = [name for name in unwanted if any(box.is_visible() for box in page.locator(name).all())]
    for host in page.locator(".rnn-widget-host").all():
        still = host.locator(".rnn-widget-still")
        if not still.is_visible() or not (still.inner_text().strip() or still.locator("img, svg").count()):
            shown.append(f"nothing of {host.get_attribute('data-widget')}")
    page.emulate_media(media="screen")
    return shown


def excess_width(page: Page, scheme: Literal["light", "dark"]) -> int:
    """By how many pixels the page is wider than a telephone, in this colour scheme."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(NARROW)
    # The theme follows the system's setting in an event of its own, a moment later.
    page.locator(f'html[data-theme="{scheme}"]').wait_for(state="attached")
    excess: int = page.evaluate(OVERFLOW)
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    return excess


@dataclass
class Visit:
    """What one visit to a page found."""

    problems: list[str]
    still: list[str]
    paper: list[str]
    excess: dict[str, int]


@pytest.fixture(scope="session")
def visits(browser: Browser, server: str, pages: list[str]) -> dict[str, Visit]:
    """Every page, visited once over HTTP: on a desk, on paper, on a telephone by day and by night."""
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    watch = Watch(server).attach(context)
    page = context.new_page()
    found = {}
    for name in pages:
        problems = survey(page, watch, f"{server}/{name}")
        still, paper = widgets_on_screen(page), faults_on_paper(page)
        excess = {"light": excess_width(page, "light"), "dark": excess_width(page, "dark")}
        found[name] = Visit(problems + watch.take(), still, paper, excess)
    context.close()
    assert watch.requests > len(pages), "the watch saw no requests"
    return found


# ---- Clean over HTTP and from disk


def test_every_page_is_clean_over_http(visits: dict[str, Visit]) -> None:
    problems = [line for visit in visits.values() for line in visit.problems]
    assert not problems, "\n".join(problems)


def test_every_page_is_clean_from_disk(watched: BrowserContext, site: Path, pages: list[str]) -> None:
    watch = Watch(site.as_uri()).attach(watched)
    page = watched.new_page()
    problems = [line for name in pages for line in survey(page, watch, (site / name).as_uri())]
    assert watch.requests > len(pages), "the watch saw no requests"
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("from_disk", [False, True], ids=["http", "disk"])
def test_the_root_leads_to_the_book(watched: BrowserContext, server: str, site: Path, from_disk: bool) -> None:
    base = site.as_uri() if from_disk else server
    watch = Watch(base).attach(watched)
    page = watched.new_page()
    page.goto(f"{base}/index.html")
    page.wait_for_url("**/book/index.html")
    settle(page)
    assert page.locator("article h1").count() == 1
    assert watch.take() == []


@pytest.mark.parametrize("from_disk", [False, True], ids=["http", "disk"])
def test_search_finds_a_term(watched: BrowserContext, server: str, site: Path, from_disk: bool) -> None:
    base = site.as_uri() if from_disk else server
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


# ---- Looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_a_telephone(visits: dict[str, Visit], scheme: str) -> None:
    assert {name: visit.excess[scheme] for name, visit in visits.items() if visit.excess[scheme] > 0} == {}


def test_print_shows_the_article_and_the_still_widgets(visits: dict[str, Visit]) -> None:
    assert {name: visit.paper for name, visit in visits.items() if visit.paper} == {}


def test_every_widget_is_drawn_and_hides_its_picture(visits: dict[str, Visit]) -> None:
    assert {name: visit.still for name, visit in visits.items() if visit.still} == {}


def test_only_pages_with_widgets_load_them(soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        hosts, scripts = soup.select(".rnn-widget-host"), soup.select('script[src*="widgets.js"]')
        assert len(scripts) == bool(hosts), name


def test_reduced_motion_is_respected(browser: Browser, server: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{server}/book/index.html")
    longest = page.evaluate(LONGEST_TRANSITION)
    context.close()
    assert longest < 0.001


# ---- The pages' own markup


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
