"""The built site, a server for it and one browser, shared by all tests of this folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _server import LOOPBACK, WIDE, content_pages, serve, widget_pages
from _widgets import WIDGETS, states_on
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tools import chromium

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("RNNCOURSE_SITE", ROOT / "_build" / "html")).resolve()
# Without a site there are no pages to test, and a test without parameters is skipped: this one makes it fail instead.
NO_PAGE = "no-page"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat whatever asks for a page's name for each page; all tests of a page follow each other."""
    for argument, listed in {"page_name": content_pages, "widget_page": widget_pages}.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, listed(FOLDER) or [NO_PAGE], scope="session")


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    if not (FOLDER / "search.html").is_file():
        pytest.fail(f"There is no built site in {FOLDER}. Run `make book`, or set RNNCOURSE_SITE.", pytrace=False)
    return FOLDER


@pytest.fixture(scope="session")
def states(site: Path) -> dict[str, dict[str, Any]]:
    """Each widget's module and the first state of it on the site; a widget that no page holds is missed at once."""
    found = states_on(site)
    assert set(found) == set(WIDGETS)
    return found


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The site's address over HTTP, without a slash at its end."""
    with serve(site) as address:
        assert LOOPBACK in address
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run."""
    try:
        path = chromium.find()
    except chromium.NoChromium as problem:
        pytest.fail(str(problem), pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        yield browser
        browser.close()


def profile(browser: Browser) -> BrowserContext:
    """A fresh profile: nothing stored, a desktop's window, the light theme."""
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    context.set_default_timeout(15_000)
    return context


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a fresh profile."""
    context = profile(browser)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def kept(browser: Browser) -> Iterator[Page]:
    """A page that stays for the whole run: to open an address in it takes half as long as in a fresh profile."""
    context = profile(browser)
    yield context.new_page()
    context.close()


@pytest.fixture
def tab(kept: Page) -> Iterator[Page]:
    """The page that stays, with nothing open, a desktop's window and a screen."""
    kept.bring_to_front()  # a page behind another one draws a frame now and then, and a click waits for frames
    kept.goto("about:blank")
    yield kept
    kept.set_viewport_size(WIDE)
    kept.emulate_media(media="null", reduced_motion="null")
