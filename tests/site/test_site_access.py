"""The site by keyboard and by ear: the theme's controls, what is read aloud, and the teeth of axe."""

import re

import pytest
from _access import Audit, faults_of_focus, thin
from _server import TELEPHONE
from playwright.sync_api import Page, expect

HERE = "document.activeElement"
CHAPTER = "book/notebooks/12-lstm-and-gru.html"
QUIZ = "book/quizzes/1-by-hand.html"


@pytest.fixture
def quiz(tab: Page, server: str) -> Page:
    """A page that has loaded; nothing in it moves."""
    tab.emulate_media(reduced_motion="reduce")
    tab.goto(f"{server}/{QUIZ}")
    return tab


def tabs_to(page: Page, target: str, most: int = 60) -> None:
    """Press Tab until what is asked for has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"(name) => {HERE}.matches(name)", target):
            return
    pytest.fail(f"{most} tabs do not lead to {target}", pytrace=False)


# ---- The theme's controls


def test_search_opens_asks_and_closes_by_keyboard(quiz: Page) -> None:
    tabs_to(quiz, ".search-button-field")
    quiz.keyboard.press("Enter")
    field = quiz.get_by_role("dialog", name="Search").get_by_role("searchbox")
    expect(field).to_be_focused()
    quiz.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(quiz.locator(".search-button-field")).to_be_focused()
    quiz.keyboard.press("Enter")
    quiz.keyboard.type("forget gate")
    quiz.keyboard.press("Enter")
    quiz.wait_for_selector("ul.search li a")
    tabs_to(quiz, "ul.search li a")
    quiz.keyboard.press("Enter")
    quiz.wait_for_selector("article h1")


def test_axe_finds_nothing_in_an_open_side_bar_or_search(quiz: Page) -> None:
    quiz.set_viewport_size({"width": TELEPHONE, "height": 844})
    for press in (".primary-toggle", ".secondary-toggle", ".bd-header-article .search-button"):
        quiz.reload()
        quiz.locator(press).click()
        expect(quiz.locator("dialog[open]")).to_be_visible()
        thin(quiz)
        assert Audit().look(quiz) == [], press


def test_solutions_of_a_chapter_open_by_keyboard(quiz: Page, server: str) -> None:
    quiz.goto(f"{server}/{CHAPTER}")
    folded = quiz.locator(".solution.toggle-hidden")
    count = folded.count()
    button = quiz.locator(".solution .toggle-button").first
    expect(button).to_have_accessible_name(re.compile(r"Exercise \d+"))
    for now_folded in (count - 1, count):
        button.focus()
        assert faults_of_focus(button) == []
        quiz.keyboard.press("Enter")
        expect(folded).to_have_count(now_folded)
        expect(button).to_have_attribute("aria-expanded", "true" if now_folded < count else "false")
    # What is folded is no stop: the next one lies behind it.
    quiz.keyboard.press("Tab")
    assert not quiz.evaluate(f"Boolean({HERE}.closest('.toggle-hidden > section'))")


# ---- The teeth: axe sees each fault, also where all that repeats is left out

ROW = "<tr><th scope='row'>a</th><td>%s</td></tr>"
FAULTS = [
    ("image-alt", '<img src="data:,">'),
    ("image-alt", f"<table><tbody>{ROW % 1 * 9}{ROW % '<img src=data:,>'}</tbody></table>"),
    ("color-contrast", '<p style="color: #aaa">Too faint.</p>'),
    ("link-in-text-block", '<p>A <a href="#x" style="color: #222; text-decoration: none">link</a> in a text.</p>'),
    ("heading-order", "<h3>Third</h3>"),
    ("target-size", '<button style="width: 12px; height: 12px; padding: 0">a</button>' * 2),
]
SOUND = (
    '<!DOCTYPE html><html lang="en"><head><title>x</title></head><body style="background: #fff"><main>'
    '<h1 id="x">Title</h1><p>Text.</p>%s</main></body></html>'
)


def test_axe_sees_each_fault_and_has_nothing_against_a_sound_page(tab: Page) -> None:
    for rule, fault in [("", ""), *FAULTS]:
        tab.set_content(SOUND % fault)
        thin(tab)
        assert {line.partition(":")[0] for line in Audit().look(tab)} == {rule} - {""}, rule
