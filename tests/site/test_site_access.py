"""The site by keyboard and by ear: the theme's controls, what is read aloud, and the teeth of axe."""

import re
from collections.abc import Iterator

import pytest
from _access import Audit, faults_of_focus, thin
from playwright.sync_api import Locator, Page, expect

HERE = "document.activeElement"
CHAPTER = "book/notebooks/12-lstm-and-gru.html"
QUIZ = "book/quizzes/1-by-hand.html"


def opened(page: Page, server: str, name: str) -> Page:
    """A page that has loaded; its formulas may come later."""
    page.goto(f"{server}/{name}")
    return page


@pytest.fixture
def tab(tab: Page) -> Iterator[Page]:
    """The page that stays, by day again when the test is over; nothing in it moves."""
    tab.emulate_media(reduced_motion="reduce")
    yield tab
    tab.emulate_media(color_scheme="light")


def focused(page: Page) -> Locator:
    return page.locator("*:focus")


def tabs_to(page: Page, target: str, most: int = 60) -> Locator:
    """Press Tab until what is asked for has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"(name) => {HERE}.matches(name)", target):
            return focused(page)
    pytest.fail(f"{most} tabs do not lead to {target}", pytrace=False)


# ---- The theme's controls


def test_the_skip_link_is_first_and_leads_to_the_text(tab: Page, server: str) -> None:
    opened(tab, server, QUIZ)
    tab.keyboard.press("Tab")
    expect(focused(tab)).to_have_text("Skip to main content")
    assert faults_of_focus(focused(tab)) == []
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate(f"document.querySelector('main').contains({HERE})")


def test_search_opens_asks_and_closes_by_keyboard(tab: Page, server: str) -> None:
    opened(tab, server, QUIZ)
    tabs_to(tab, ".search-button-field")
    tab.keyboard.press("Enter")
    field = tab.get_by_role("dialog", name="Search").get_by_role("searchbox")
    expect(field).to_be_focused()
    tab.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(tab.locator(".search-button-field")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.keyboard.type("forget gate")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("ul.search li a")
    assert "q=forget" in tab.url
    tabs_to(tab, "ul.search li a")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("article h1")


@pytest.mark.parametrize(("toggle", "name"), [("primary", "Book"), ("secondary", "This page")])
def test_a_side_bar_on_a_telephone_opens_and_closes_by_keyboard(tab: Page, server: str, toggle: str, name: str) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    opened(tab, server, QUIZ)
    bar = tab.get_by_role("dialog", name=name)
    for close in ("Escape", "Enter"):
        if close == "Escape":
            tabs_to(tab, f".{toggle}-toggle")
        tab.keyboard.press("Enter")
        expect(bar).to_be_visible()
        expect(bar.get_by_role("button", name="Close")).to_be_focused()
        assert faults_of_focus(focused(tab)) == []
        ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        expect(bar).to_have_css("background-color", ground)  # the page does not show through
        tab.keyboard.press(close)
        expect(bar).to_be_hidden()
        expect(tab.locator(f".{toggle}-toggle")).to_be_focused()
    tab.keyboard.press("Enter")
    tabs_to(tab, f"dialog a[href]{':not(.navbar-brand)' if toggle == 'primary' else ''}")
    tab.keyboard.press("Enter")
    tab.wait_for_load_state()
    expect(tab.locator("article h1")).to_have_count(1)


def test_axe_finds_nothing_in_an_open_side_bar_or_search(tab: Page, server: str) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    for press in (".primary-toggle", ".secondary-toggle", ".bd-header-article .search-button"):
        opened(tab, server, QUIZ)
        tab.locator(press).click()
        expect(tab.locator("dialog[open]")).to_be_visible()
        thin(tab)
        assert Audit().look(tab) == [], press


def test_the_menus_of_the_head_work_by_keyboard(tab: Page, server: str) -> None:
    opened(tab, server, CHAPTER)
    tabs_to(tab, ".dropdown-download-buttons > button", most=120)
    assert faults_of_focus(focused(tab)) == []
    tab.keyboard.press("Enter")
    menu = tab.locator(".dropdown-download-buttons .dropdown-menu")
    expect(menu).to_be_visible()
    tab.keyboard.press("ArrowDown")
    expect(menu.locator("a").first).to_be_focused()
    tab.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(tab.locator(".dropdown-download-buttons > button")).to_be_focused()
    tabs_to(tab, ".theme-switch-button")
    before = tab.locator("html").get_attribute("data-mode")
    tab.keyboard.press("Enter")
    expect(tab.locator("html")).not_to_have_attribute("data-mode", before or "")
    expect(tab.locator(".theme-switch-button")).to_be_focused()
    tab.evaluate("localStorage.clear()")


def test_answers_of_a_quiz_open_by_keyboard(tab: Page, server: str) -> None:
    answers = opened(tab, server, QUIZ).locator("article details")
    assert answers.count() > 2
    for answer in answers.all()[:4]:
        summary = answer.locator("summary")
        summary.focus()
        assert answer.get_attribute("open") is None
        tab.keyboard.press("Enter")
        assert answer.get_attribute("open") is not None
        tab.keyboard.press("Space")
        assert answer.get_attribute("open") is None


def test_solutions_open_by_keyboard_and_say_whose_they_are(tab: Page, server: str) -> None:
    opened(tab, server, CHAPTER)
    folded = tab.locator(".solution.toggle-hidden")
    count = folded.count()
    assert count > 0
    button = tab.locator(".solution .toggle-button").first
    expect(button).to_have_accessible_name(re.compile(r"Exercise \d+"))
    for now_folded in (count - 1, count):
        button.focus()
        assert faults_of_focus(button) == []
        tab.keyboard.press("Enter")
        expect(folded).to_have_count(now_folded)
        expect(button).to_have_attribute("aria-expanded", "true" if now_folded < count else "false")
    # What is folded is no stop: the next one lies behind it.
    tab.keyboard.press("Tab")
    assert not tab.evaluate(f"Boolean({HERE}.closest('.toggle-hidden > section'))")


# ---- The teeth: axe sees each fault, also where all that repeats is left out

FAULTS = {
    "image-alt": '<img src="data:,">',
    "color-contrast": '<p style="color: #aaa">Too faint.</p>',
    "link-in-text-block": '<p>A <a href="#x" style="color: #222; text-decoration: none">link</a> in a text.</p>',
    "button-name": "<button></button>",
    "label": '<input type="text">',
    "heading-order": "<h3>Third</h3>",
    "landmark-unique": "<nav></nav><nav></nav>",
    "target-size": '<button style="width: 12px; height: 12px; padding: 0">a</button>' * 2,
    "list": "<ul><p>no item</p></ul>",
    "scrollable-region-focusable": '<div style="height: 20px; overflow: auto"><p style="margin: 9em">b</p></div>',
}
SOUND = (
    '<!DOCTYPE html><html lang="en"><head><title>x</title></head><body style="background: #fff"><main>'
    '<h1 id="x">Title</h1><p>Text.</p>%s</main></body></html>'
)


@pytest.mark.parametrize("fault", FAULTS)
def test_axe_sees(fault: str, tab: Page) -> None:
    tab.set_content(SOUND % FAULTS[fault])
    thin(tab)
    assert [line for line in Audit().look(tab) if line.startswith(f"{fault}:")]


def test_axe_has_nothing_against_a_sound_page(tab: Page) -> None:
    tab.set_content(SOUND % "")
    thin(tab)
    assert Audit().look(tab) == []


def test_a_fault_in_the_second_of_two_rows_is_seen(tab: Page) -> None:
    rows = (
        "<tr><th scope='row'>a</th><td>1</td></tr>" * 9 + "<tr><th scope='row'>a</th><td><img src='data:,'></td></tr>"
    )
    tab.set_content(SOUND % f"<table><tbody>{rows}</tbody></table>")
    thin(tab)
    assert tab.locator("tr").count() == 3
    assert [line for line in Audit().look(tab) if line.startswith("image-alt:")]


def test_colours_are_measured_once_and_new_ones_always(tab: Page) -> None:
    audit = Audit()
    for style, faults in (("#333", 0), ("#333", 0), ("#aaa", 1), ("#aaa", 0)):
        tab.set_content(SOUND % f'<p style="color: {style}">Text.</p>')
        thin(tab)
        assert len(audit.look_at_colours(tab)) == faults
    tab.set_content(SOUND % '<div style="background: #444"><p style="color: #333">Text.</p></div>')
    thin(tab)
    assert len(audit.look_at_colours(tab)) == 1
