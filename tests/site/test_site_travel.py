"""The archive of the site, unpacked somewhere else and opened from disk with the network blocked."""

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _server import LOOPBACK, WIDE, Watch, settle
from playwright.sync_api import Browser, Page, Route, expect

from tools import dist

WHEEL = 2 * 10**6  # bytes that the package may have at most; it is built elsewhere
CHAPTER = "book/notebooks/12-lstm-and-gru.html"
CARD = "book/report-card.html"
QUIZ = "book/quizzes/2-inside-the-cell.html"


@pytest.fixture(scope="module")
def archive(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dist.pack_site(site, tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a traveller opens, in a path with a space and an accent in it."""
    target = tmp_path_factory.mktemp("a reader é")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target)
    (folder,) = target.iterdir()
    return folder


@pytest.fixture(scope="module")
def away(browser: Browser, unpacked: Path) -> Iterator[tuple[Page, Watch]]:
    """A page with no network at all: whatever is no file of the unpacked folder is refused."""
    context = browser.new_context(viewport=WIDE, color_scheme="light", offline=True)
    context.set_default_timeout(15_000)
    watch = Watch(unpacked.as_uri()).attach(context)

    def only_files(route: Route) -> None:
        if route.request.url.startswith(unpacked.as_uri()):
            route.continue_()
        else:
            route.abort()

    context.route(lambda url: not url.startswith(("data:", "blob:")), only_files)
    yield context.new_page(), watch
    context.close()


def opened(away: tuple[Page, Watch], unpacked: Path, name: str) -> Page:
    page, _ = away
    page.goto((unpacked / name).as_uri())
    settle(page)
    return page


def test_both_archives_stay_small(site: Path, archive: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "rnncourse-0-py3-none-any.whl"
    wheel.write_bytes(os.urandom(WHEEL))  # stands for the package, at its largest
    notebooks = dist.pack_notebooks(site, wheel, tmp_path)
    size = archive.stat().st_size + notebooks.stat().st_size
    assert size <= dist.LIMIT, f"{size:,} bytes"


def test_the_front_page_leads_into_the_book(away: tuple[Page, Watch], unpacked: Path) -> None:
    page, watch = away
    page.goto((unpacked / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    settle(page)
    page.locator(".bd-sidebar-primary a", has_text="LSTM gates").first.click()
    page.wait_for_url(f"**/{CHAPTER}")
    settle(page)
    assert page.locator("article h1").count() == 1
    assert watch.take() == []


def test_a_chapter_has_its_formulas_figures_and_a_live_widget(away: tuple[Page, Watch], unpacked: Path) -> None:
    page = opened(away, unpacked, CHAPTER)
    assert page.locator(".math").count() == page.locator(".math mjx-container").count() > 0
    loaded = "all => all.every(image => image.complete && image.naturalWidth > 0)"
    assert page.locator("article img").evaluate_all(loaded)
    widget = page.locator(".rnn-widget[data-ready='1']").first
    outputs = widget.locator("output")
    before = outputs.all_inner_texts()
    widget.locator("input[type=range]:not([disabled])").first.press("Home")
    expect(outputs).not_to_have_text(before)
    assert away[1].take() == []


def test_the_report_card_is_filtered(away: tuple[Page, Watch], unpacked: Path) -> None:
    page = opened(away, unpacked, CARD)
    rows = page.locator("#report-card-rows tr[data-verdict]:not([hidden])")
    everything = rows.count()
    page.get_by_role("combobox", name="Verdict", exact=True).select_option("fails")
    expect(rows).not_to_have_count(everything)
    assert rows.count() > 0
    assert away[1].take() == []


def test_search_finds_a_term_and_leads_to_it(away: tuple[Page, Watch], unpacked: Path) -> None:
    page = opened(away, unpacked, "book/index.html")
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").fill("persistence")
    page.keyboard.press("Enter")
    page.locator("ul.search li a").first.click()
    page.wait_for_selector("article h1")
    assert page.url.startswith(unpacked.as_uri())
    assert away[1].take() == []


def test_a_quiz_answers(away: tuple[Page, Watch], unpacked: Path) -> None:
    page = opened(away, unpacked, QUIZ)
    option = page.locator("article details").first
    answer = option.get_by_text(re.compile(r"^(Right|Not quite)\."))
    expect(answer).to_be_hidden()
    option.locator("summary").click()
    expect(answer).to_be_visible()
    assert away[1].take() == []


@pytest.mark.parametrize(
    "ask",
    [lambda page, host: page.evaluate(f"fetch('http://{host}/')"), lambda page, host: page.goto(f"http://{host}/")],
)
def test_the_network_is_blocked_indeed(
    away: tuple[Page, Watch], unpacked: Path, server: str, ask: Callable[[Page, str], object]
) -> None:
    page = opened(away, unpacked, QUIZ)
    with pytest.raises(Exception, match=r"ERR_|Failed to fetch"):
        ask(page, server.removeprefix("http://"))
    assert any(LOOPBACK in problem for problem in away[1].take())
