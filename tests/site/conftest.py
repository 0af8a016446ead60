"""The built site, a server for it and one browser, shared by all tests of this folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from _server import LOOPBACK, serve
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tools import chromium

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    folder = Path(os.environ.get("RNNCOURSE_SITE", ROOT / "_build" / "html"))
    if not (folder / "search.html").is_file():
        pytest.fail(f"There is no built site in {folder}. Run `make book`, or set RNNCOURSE_SITE.", pytrace=False)
    return folder.resolve()


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


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: nothing stored, a desktop's window, the light theme."""
    context = browser.new_context(viewport={"width": 1300, "height": 900}, color_scheme="light")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page of a fresh profile."""
    return context.new_page()
