"""The slides: turned by keys and buttons, found again, printed; each one fits and says what its page says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _server import ARRIVE, TELEPHONE, WIDE, Watch
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page, expect

from book._ext.course_plan import lessons

SCREEN = {"width": 1280, "height": 720}
CHAPTERS = [one.stem for one in lessons()]
DEEP = "11-one-step"
FULL = "24-vanishing-gradients"
# Turns the slides and tells of each what is cut: below its end, right of it, or in a box that would scroll.
CUT = """() => {
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const cut = (slide) => {
    const { paddingBottom, paddingRight } = getComputedStyle(slide);
    const frame = slide.getBoundingClientRect();
    const [low, right] = [frame.bottom - parseFloat(paddingBottom) + 1, frame.right - parseFloat(paddingRight) + 1];
    return [...slide.querySelectorAll(".shown *")].find((box) => {
      if (box.closest("math *, .only-dark")) return false;
      const { bottom, right: end } = box.getBoundingClientRect();
      const scrolls = /auto|scroll/.test(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth + 1;
      return bottom > low || end > right || scrolls;
    });
  };
  press("Home");
  return [...document.querySelectorAll(".slide")].flatMap((slide, place) => {
    if (!slide.classList.contains("now")) return [`slide ${place + 1} is not shown`];
    const box = cut(slide);
    const shrunk = slide.querySelector(".shown").style;
    const share = shrunk.getPropertyValue("--shrink");
    shrunk.removeProperty("--shrink");
    const needless = share && !cut(slide);
    if (share) shrunk.setProperty("--shrink", share);
    press("ArrowRight");
    return [...(box ? [`slide ${place + 1}: ${box.outerHTML.slice(0, 90)}`] : []),
      ...(needless ? [`slide ${place + 1} is set smaller and need not be`] : [])];
  });
}"""
# Letters as wide as those of DejaVu Sans, where the book's own are the narrow ones of Liberation Serif.
WIDEN = """const wide = new CSSStyleSheet();
wide.replaceSync("* { letter-spacing: 0.11em } :is(pre, math), :is(pre, math) * { letter-spacing: normal }");
document.adoptedStyleSheets = [wide];"""
SHRUNK = """() => [...document.querySelectorAll(".slide")]
  .filter((slide) => slide.querySelector(".shown").style.getPropertyValue("--shrink")).map((slide) => slide.id)"""
SHIFTED = """window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""
SMALL = """() => Math.min(...[...document.querySelectorAll(".shown :is(p, li, .line, td)")]
  .map((one) => parseFloat(getComputedStyle(one).fontSize)))"""


def numbers(page: BeautifulSoup) -> set[tuple[str, str]]:
    """The ledger's numbers on a page: which, and as what."""
    return {(str(one["href"]).partition("#")[2], one.get_text()) for one in page.select("a.ledger")}


@pytest.fixture
def deck(tab: Page, server: str) -> Page:
    """A chapter's slides on a projector."""
    tab.set_viewport_size(SCREEN)
    tab.goto(f"{server}/slides/{DEEP}.html")
    return tab


def test_keys_and_buttons_turn_the_slides_and_a_slide_is_found_again(deck: Page, server: str) -> None:
    count, seen = deck.locator(".slide").count(), deck.locator("nav output")
    expect(deck.get_by_role("heading", level=1)).to_be_visible()
    for press, place in (
        ("ArrowRight", 2),
        (" ", 3),
        ("Shift+ ", 2),
        ("End", count),
        ("ArrowRight", count),
        ("PageUp", count - 1),
        ("Home", 1),
    ):
        deck.keyboard.press("Shift+Space" if press == "Shift+ " else press)
        expect(seen).to_have_text(f"{place} / {count}")
        assert deck.evaluate("location.hash") == f"#slide-{place}"
        assert deck.locator(".slide:visible").count() == 1
    expect(deck.get_by_role("button", name="Previous slide")).to_be_hidden()
    for _ in range(4):
        deck.get_by_role("button", name="Next slide").click()
    deck.reload()
    expect(seen).to_have_text(f"5 / {count}")
    home = deck.locator(".slide:visible").get_attribute("data-place")
    assert home is not None
    assert re.fullmatch(rf"\.\./book/notebooks/{DEEP}\.html#[\w-]+", home)
    expect(deck.locator("nav > a")).to_have_attribute("href", home)
    deck.keyboard.press("Escape")
    deck.wait_for_url(f"{server}/{home.removeprefix('../')}")


def test_a_guess_leads_to_its_answer_and_notes_hold_the_prose(deck: Page) -> None:
    deck.goto(f"{deck.url.partition('#')[0]}#slide-3")
    expect(deck.locator(".slide:visible")).to_contain_text("Guess first.")
    deck.get_by_role("link", name="To the answer").click()
    expect(deck.locator(".slide:visible")).to_contain_text("Of the three guesses the last one is right.")
    assert deck.locator(".notes:visible").count() == 0
    deck.keyboard.press("n")
    expect(deck.get_by_role("button", name="Notes")).to_have_attribute("aria-pressed", "true")
    expect(deck.locator(".notes:visible")).to_contain_text("Directly after the input the two states are 0.995 apart.")
    shown, notes = deck.locator(".slide:visible .shown").bounding_box(), deck.locator(".notes:visible").bounding_box()
    assert shown is not None
    assert notes is not None
    assert shown["x"] + shown["width"] <= notes["x"]


def test_a_telephone_and_a_browser_without_scripts_show_a_list_and_paper_one_slide_to_a_sheet(
    browser: Browser, server: str, deck: Page
) -> None:
    count = deck.locator(".slide").count()
    sheets = deck.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type /Page\b", sheets)) == count
    assert set(re.findall(rb"/MediaBox \[([^]]*)\]", sheets)) == {b"0 0 960 540"}  # points, 16 to 9
    deck.set_viewport_size({"width": TELEPHONE, "height": 844})
    assert deck.locator(".slide:visible").count() == count
    expect(deck.locator("nav output")).to_be_hidden()
    with browser.new_context(viewport=WIDE, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{server}/slides/{DEEP}.html")
        assert page.locator(".slide:visible").count() == count
        expect(page.locator("nav output")).to_be_hidden()


@pytest.fixture(scope="module")
def dark(browser: Browser, server: str) -> Iterator[tuple[Page, Watch]]:
    """A projector by night, for all decks."""
    with browser.new_context(viewport=SCREEN, color_scheme="dark") as context:
        watch = Watch(server).attach(context)
        context.add_init_script(SHIFTED)
        yield context.new_page(), watch


@pytest.mark.parametrize("stem", CHAPTERS)
def test_every_slide_fits_and_says_what_the_page_says(
    dark: tuple[Page, Watch], server: str, site: Path, stem: str
) -> None:
    page, watch = dark
    page.goto(f"{server}/slides/{stem}.html")
    assert page.locator("img").evaluate_all(ARRIVE)
    assert page.evaluate("shifted") <= 0.02
    assert page.evaluate(CUT) == []
    assert page.evaluate(SMALL) >= 14
    assert page.locator("html[data-theme=dark]").count() == 1
    page.evaluate(f"() => {{ {WIDEN} dispatchEvent(new Event('resize')); }}")
    assert page.evaluate(CUT) == []
    assert page.evaluate(SMALL) >= 14
    assert watch.take() == []
    chapter, slides = (
        BeautifulSoup((site / place / f"{stem}.html").read_text(encoding="utf-8"), "html.parser")
        for place in ("book/notebooks", "slides")
    )
    assert numbers(slides) <= numbers(chapter)
    assert [one.get_text() for one in slides.select("figure .caption-number")] == [
        one.get_text() for one in chapter.select("article figure .caption-number")
    ]
    assert all(one["alt"] for one in slides.select("figure img"))
    assert not slides.select(".solution, .answer-box, .rnn-widget-host")
    exercises = len(chapter.select("article .exercise:has(.caption-number)"))
    assert len(slides.select(".slide.exercise .admonition")) == exercises
    assert slides.select("h2")[-1].get_text() == "Exercises"
    assert len(slides.select(".slide.verdict .verdict")) == len(chapter.select("article .verdict.admonition"))


def test_wide_letters_are_set_smaller_before_they_are_drawn_in_any_window_and_on_paper(
    browser: Browser, server: str
) -> None:
    with browser.new_context(viewport=SCREEN) as context:
        context.add_init_script(WIDEN)
        context.add_init_script(SHIFTED)
        page = context.new_page()
        page.goto(f"{server}/slides/{FULL}.html")
        assert page.evaluate(SHRUNK) == []  # the first slide has room
        page.pdf(prefer_css_page_size=True)
        shrunk = page.evaluate(SHRUNK)
        assert shrunk
        page.goto("about:blank")
        page.goto(f"{server}/slides/{FULL}.html#{shrunk[0]}")
        page.wait_for_load_state("load")
        assert page.evaluate(SHRUNK) == shrunk[:1]
        assert page.evaluate("shifted") <= 0.02
        for size in (SCREEN, {"width": 800, "height": 700}, {"width": 1900, "height": 1000}):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            assert page.evaluate(CUT) == [], size
            assert page.evaluate(SHRUNK) != []


def test_a_chapter_links_to_its_slides_and_the_search_knows_none(site: Path) -> None:
    assert f"slides/{DEEP}" not in (site / "searchindex.js").read_text(encoding="utf-8")
    page = (site / "book" / "notebooks" / f"{DEEP}.html").read_text(encoding="utf-8")
    assert f'href="../../slides/{DEEP}.html"' in page
    assert sorted(path.stem for path in (site / "slides").glob("*.html")) == CHAPTERS
