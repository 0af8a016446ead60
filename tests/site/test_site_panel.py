"""Every panel on the built site: a still picture that says what it shows, and that its controls need Jupyter."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

CAPTION = 'class="rnn-panel-caption"'


@pytest.fixture(scope="session")
def panel_pages(site: Path) -> list[str]:
    """Addresses, relative to the site, of the pages with a panel."""
    found = [path for path in sorted(site.rglob("*.html")) if CAPTION in path.read_text(encoding="utf-8")]
    if not found:
        pytest.fail("No page of the site holds a panel; a chapter with panel(…) must.", pytrace=False)
    return [path.relative_to(site).as_posix() for path in found]


@pytest.mark.parametrize("width", [390, 1300])
def test_a_panel_is_a_picture_with_a_caption(tab: Page, server: str, panel_pages: list[str], width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 844})
    for address in panel_pages:
        tab.goto(f"{server}/{address}")
        outputs = tab.locator(".cell_output").filter(has=tab.locator(".rnn-panel-caption"))
        assert outputs.count() > 0
        for output in outputs.all():
            output.scroll_into_view_if_needed()
            picture = output.locator("img")
            expect(picture).to_have_count(1)
            expect(picture).to_be_visible()
            assert len(picture.get_attribute("alt") or "") > 40, f"{address}: the picture's alt text says too little"
            assert picture.evaluate("async image => (await image.decode(), image.naturalWidth > 0)")
            assert picture.evaluate("image => image.getBoundingClientRect().right <= innerWidth")

            caption = output.locator(".rnn-panel-caption")
            expect(caption).to_have_count(1)
            expect(caption).to_be_visible()
            expect(caption).to_contain_text("Needs Jupyter")
            expect(caption).to_contain_text("The picture shows")


def test_a_panel_leaves_no_live_control_on_the_page(tab: Page, server: str, panel_pages: list[str]) -> None:
    for address in panel_pages:
        tab.goto(f"{server}/{address}")
        outputs = tab.locator(".cell_output").filter(has=tab.locator(".rnn-panel-caption"))
        assert outputs.locator("input, select, button, .jupyter-widgets").count() == 0
