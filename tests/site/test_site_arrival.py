"""What a page does while it arrives: its theme first, widgets where they are near, and nothing in each other's way."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from _server import TELEPHONE, settle
from _widgets import do, mount, shown, until
from playwright.sync_api import Browser, Page

NOTEBOOKS = "book/notebooks"
CHAPTER = f"{NOTEBOOKS}/12-lstm-and-gru.html"
MOUNTED = "hosts => hosts.map((host) => 'mounted' in host.dataset)"
VISIBLE = "all => all.filter((one) => one.checkVisibility()).map((one) => one.className)"
RASTERS = {"23-reach-and-readout": "#fig-23-tone", "52-convlstm": "#fig-52-live"}


@pytest.fixture
def dark(browser: Browser) -> Iterator[Page]:
    """A page on a system that is dark, to which no script comes."""
    with browser.new_context(color_scheme="dark") as context:
        page = context.new_page()
        page.route("**/*.js*", lambda route: route.abort())
        yield page


def test_a_page_is_dark_before_any_script_arrives_and_stays_as_the_reader_chose(dark: Page, server: str) -> None:
    dark.goto(f"{server}/{CHAPTER}")
    assert dark.locator("html[data-theme=dark][data-mode=auto]").count() == 1
    for mode, theme in (("light", "light"), ("dark", "dark"), ("else", "dark")):
        dark.evaluate("mode => localStorage.setItem('mode', mode)", mode)
        dark.reload()
        assert dark.locator(f"html[data-theme={theme}]").count() == 1, mode


def test_a_widget_is_mounted_where_it_is_near_and_all_are_for_who_goes_by_keys(page: Page, server: str) -> None:
    page.goto(f"{server}/{CHAPTER}")
    page.wait_for_timeout(300)
    hosts = page.locator(".rnn-widget-host")
    assert hosts.evaluate_all(MOUNTED) == [False, False]
    assert hosts.first.locator("table").is_visible()
    hosts.last.evaluate("host => host.scrollIntoView({ behavior: 'instant' })")
    assert until(page, lambda: hosts.evaluate_all(MOUNTED) == [False, True])
    page.keyboard.press("Tab")
    assert until(page, lambda: hosts.evaluate_all(MOUNTED) == [True, True])


def test_what_a_widget_keeps_in_sight_stands_beneath_the_bar(tab: Page, server: str) -> None:
    tab.set_viewport_size({"width": TELEPHONE, "height": 844})
    tab.goto(f"{server}/{NOTEBOOKS}/11-one-step.html")
    settle(tab)
    tab.locator(".rnn-explorer input[type=range]").nth(6).evaluate(
        "slider => slider.scrollIntoView({ block: 'center', behavior: 'instant' })"
    )
    bar, plane = (tab.locator(one).bounding_box() for one in (".bd-header-article", ".rnn-plane"))
    assert bar is not None
    assert plane is not None
    assert 0 <= plane["y"] - bar["y"] - bar["height"] < 2


@pytest.mark.parametrize("name", RASTERS)
def test_a_picture_inside_a_drawing_stays_as_it_is_by_night_and_the_drawing_does_not(
    browser: Browser, server: str, name: str
) -> None:
    for scheme, scripts in (("light", True), ("dark", True), ("dark", False)):
        with browser.new_context(color_scheme=scheme, java_script_enabled=scripts) as context:
            page = context.new_page()
            page.goto(f"{server}/{NOTEBOOKS}/{name}.html")
            drawn = page.locator(f"{RASTERS[name]} img")
            night = scheme == "dark" and scripts
            assert drawn.evaluate_all(VISIBLE) == ["only-dark" if night else "only-light"]
            if night:
                ground = drawn.last.evaluate("one => getComputedStyle(one).backgroundColor")
                assert max(map(int, re.findall(r"\d+", ground))) < 64, ground
                assert drawn.last.evaluate("one => getComputedStyle(one).filter") == "none"


def test_two_readers_get_the_same_orders_of_their_words(tab: Page, states: dict[str, Any]) -> None:
    orders = []
    for _ in range(2):
        widget = mount(tab, "sentence_reader", states["sentence_reader"])
        do(widget, "Shuffle the words", "Shuffle the words")
        orders.append(shown(widget)["Your sentence"])
    assert orders[0] == orders[1]
