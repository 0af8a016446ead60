"""The archive of the site, unpacked somewhere else and opened from disk with the network blocked."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from _server import ARRIVE, LOOPBACK, WIDE, Watch, content_pages, settle
from _visit import survey
from playwright.sync_api import Browser, Error, Page, expect

from tools import dist

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "book/notebooks/12-lstm-and-gru.html"


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
    watch, home = Watch(unpacked.as_uri()).attach(context), unpacked.as_uri()
    context.route(
        lambda url: not url.startswith(("data:", "blob:")),
        lambda route: route.continue_() if route.request.url.startswith(home) else route.abort(),
    )
    yield context.new_page(), watch
    context.close()


def test_both_archives_stay_small(site: Path, archive: Path, tmp_path: Path) -> None:
    notebooks = dist.pack_notebooks(site, tmp_path)
    size = archive.stat().st_size + notebooks.stat().st_size
    assert size <= dist.LIMIT, f"{size:,} bytes"


def test_each_quiz_is_there_for_moodle(site: Path) -> None:
    for source in sorted((ROOT / "book" / "quizzes").glob("*.md")):
        text = (site / "notebooks" / "quizzes" / f"{source.stem}.gift.txt").read_text(encoding="utf-8")
        asked = source.read_text(encoding="utf-8")
        blocks = text.strip().split("\n\n")
        assert len(blocks) == asked.count("\n## ")
        assert sum(block.count("\n") - 1 for block in blocks) == asked.count(":::{dropdown}")
        for block in blocks:
            head, *options, end = block.split("\n")
            bare = [re.sub(r"\\[\\~=#{}:]", "", line) for line in (head, *options)]  # without what is escaped
            assert re.fullmatch(r"::[^:{}#=~]+::[^:{}#=~]+\{", bare[0]), head
            assert end == "}"
            assert sorted(line[0] for line in options) == ["=", *"~" * (len(options) - 1)]
            assert all(re.fullmatch(r"[=~][^:{}#=~]+#(?:Right|Not quite)\. [^:{}#=~]+", line) for line in bare[1:]), (
                block
            )


def test_a_traveller_goes_from_the_front_page_to_a_chapter_a_search_and_a_quiz(
    away: tuple[Page, Watch], unpacked: Path
) -> None:
    page, watch = away
    page.goto((unpacked / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    page.locator(".bd-sidebar-primary a[href*=lstm-and-gru]").first.click()
    page.wait_for_url(f"**/{CHAPTER}")
    settle(page)
    assert page.locator(".math").count() == page.locator(".math:has(math)").count() > 0
    assert page.locator("article img").evaluate_all(ARRIVE)
    widget = page.locator(".rnn-widget[data-ready='1']").first
    before = widget.locator("output").all_inner_texts()
    widget.locator("input[type=range]:not([disabled])").first.press("Home")
    expect(widget.locator("output")).not_to_have_text(before)
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").fill("persistence")
    page.keyboard.press("Enter")
    page.locator("ul.search li a").first.click()
    page.wait_for_selector("article h1")
    assert page.url.startswith(unpacked.as_uri())
    page.goto((unpacked / "book" / "quizzes" / "2-inside-the-cell.html").as_uri())
    question = page.locator(".quiz-question").first
    question.get_by_role("radio").first.check()
    question.get_by_role("button", name="Check").click()
    expect(question.get_by_role("status")).to_contain_text(re.compile("Right|Not quite"))
    assert watch.take() == []
    for name in {name.rpartition("/")[0]: name for name in content_pages(unpacked)}.values():
        assert survey(*away, (unpacked / name).as_uri()) == []  # a page of every folder


def test_the_network_is_blocked_indeed(away: tuple[Page, Watch], server: str) -> None:
    page, watch = away
    with pytest.raises(Error, match="Failed to fetch"):
        page.evaluate(f"fetch('{server}/')")
    with pytest.raises(Error, match="ERR_"):
        page.goto(server)
    assert any(LOOPBACK in problem for problem in watch.take())
