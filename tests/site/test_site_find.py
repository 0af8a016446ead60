"""What a reader looks for is found, from disk too; each page says what it is; a number and a figure say whence."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
from _access import Audit, thin
from _server import Watch, settle
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page, expect

from book._ext.search_words import tokens
from tools import pairs

CHAPTER = "book/notebooks/24-vanishing-gradients.html"
FIGURE = "figcaption a.provenance"
# Asks what is in the field, as the page does on loading, and hands back the list that a reader sees.
ASK = """(query) => {
  Search.output.replaceChildren();
  Search.query(query);
  return [...Search.output.children].map((row) => ({
    link: row.querySelector("a").getAttribute("href"),
    title: row.querySelector("a").textContent,
    said: row.querySelector(".context").textContent,
  }));
}"""
# The same for many questions, without the pages whose text has the words: they come after the direct answers.
DIRECTLY = f"""(queries) => {{
  const pages = Search._performSearch;
  Search._performSearch = () => [];
  const found = queries.map({ASK});
  Search._performSearch = pages;
  return found;
}}"""


def spread(text: str) -> str:
    """A Persian text as an Arabic keyboard writes it, without the joiner."""
    return text.replace("ی", "ي").replace("ک", "ك").replace("\u200c", " ")


@pytest.fixture(scope="module")
def search(browser: Browser, site: Path) -> Iterator[Page]:
    """The search page, opened from disk."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    watch = Watch(site.as_uri()).attach(context)
    page.goto(f"{(site / 'search.html').as_uri()}?q=gate")
    expect(page.locator("ul.search li").first).to_be_visible()
    yield page
    assert watch.take() == []
    context.close()


@pytest.fixture(scope="module")
def known(search: Page) -> dict[str, Any]:
    """The table of what the search can show."""
    found: dict[str, Any] = search.evaluate("FOUND")
    return found


# ---- Search


@pytest.mark.parametrize(
    ("typed", "page", "anchor"),
    [
        ("σ", "book/notation", "symbol-sigma"),
        (r"\sigma", "book/notation", "symbol-sigma"),
        ("⊙", "book/notation", "symbol-odot"),
        ("h_t", "book/notation", "symbol-h-t"),
        ("W_hh", "book/notation", "symbol-w-hh"),
        ("W_{hh}", "book/notation", "symbol-w-hh"),
        ("ft", "book/notation", "symbol-f-t"),
        ("f_t", "book/notation", "symbol-f-t"),
        ("FLOP/s", "book/notation", "symbol-flop-s"),
        ("h_{t-1}", "book/notebooks/11-one-step", "the-general-rule"),
        ("∂L/∂h", "book/notebooks/11-one-step", "back-through-two-steps"),
        ("tanh", "book/notebooks/24-vanishing-gradients", "tanh-or-relu"),
        ("47,818", "book/numbers", "hw5.total.parameters"),
        ("47818", "book/numbers", "hw5.total.parameters"),
        ("hw5.total.parameters", "book/numbers", "hw5.total.parameters"),
        ("وزن", "book/glossary", "term-weight"),
        ("دروازه فراموشی", "book/glossary", "term-forget-gate"),
        ("forget gate", "book/glossary", "term-forget-gate"),
        ("find_events", "book/notebooks/34-gates-at-work", ""),
        ("trace_gates", "book/api/gates", "rnncourse.gates.trace_gates"),
        ("Build a counter", "book/notebooks/25-state-dynamics", "ex-25-counter"),
    ],
)
def test_what_a_student_types_comes_first(search: Page, typed: str, page: str, anchor: str) -> None:
    found = search.evaluate(ASK, typed)
    assert found, f"nothing found for {typed}"
    assert page_of(found[0]) == (page, anchor)
    assert all(row["title"].strip() and row["said"].strip() for row in found[:10])


def page_of(row: dict[str, str]) -> tuple[str, str]:
    name, _, anchor = row["link"].partition("#")
    return name.removesuffix(".html"), anchor


def test_every_symbol_of_the_notation_page_is_found_there(search: Page, site: Path) -> None:
    soup = BeautifulSoup((site / "book" / "notation.html").read_text(encoding="utf-8"), "html.parser")
    written = [math.get_text() for math in soup.select("tbody td:first-child .math, li[id] .math")]
    symbols = sorted({text.removeprefix("\\(").removesuffix("\\)") for text in written})
    assert len(symbols) > 60
    answers = search.evaluate(DIRECTLY, symbols)
    missing = [
        symbol
        for symbol, found in zip(symbols, answers, strict=True)
        if "book/notation" not in [page_of(row)[0] for row in found]
    ]
    assert missing == []


def test_every_term_of_the_glossary_is_found_in_both_languages_and_any_keyboard(search: Page, site: Path) -> None:
    soup = BeautifulSoup((site / "book" / "glossary.html").read_text(encoding="utf-8"), "html.parser")
    asked = []
    for term in soup.select("dl.glossary dt"):
        meaning = term.find_next_sibling("dd")
        persian = meaning.select_one("[lang=fa]").get_text() if meaning else ""
        asked += [(text, str(term["id"])) for text in (term.find(string=True).strip(), persian, spread(persian))]
    assert len(asked) > 90
    answers = search.evaluate(DIRECTLY, [text for text, _ in asked])
    missing = [
        text
        for (text, anchor), found in zip(asked, answers, strict=True)
        if ("book/glossary", anchor) not in [page_of(row) for row in found]
    ]
    assert missing == []


def test_the_page_cuts_words_as_the_index_does(search: Page) -> None:
    chapters = [path.read_text(encoding="utf-8") for path in pairs.chapters()[:3]]
    texts = [line for chapter in chapters for line in chapter.split("\n") if line.strip()]
    texts += ["گراديان‌هاي ۴۷٬۸۱۸", r"\frac{\partial L}{\partial h_{t-1}}", "R² v1.2 3,4 2024 0012"]
    assert search.evaluate("(texts) => texts.map(BookWords.split)", texts) == [list(tokens(text)) for text in texts]


def test_every_place_that_the_search_knows_is_there(known: dict[str, Any], site: Path) -> None:
    wanted = {(name, anchor) for _, _, name, anchor, _, _ in known["answers"]}
    wanted |= {(known["numbers"]["page"], row[0]) for row in known["numbers"]["rows"]}
    wanted |= {(name, section[0]) for name, parts in known["sections"].items() for section in parts if section[0]}
    ids = {
        name: set(re.findall(r'\bid="([^"]*)"', (site / f"{name}.html").read_text(encoding="utf-8")))
        for name in known["pages"]
    }
    assert [(name, anchor) for name, anchor in wanted if anchor not in ids[name]] == []


def test_what_is_not_there_is_said_so(search: Page) -> None:
    assert search.evaluate(ASK, "zebra") == []
    expect(search.locator(".search-summary")).to_contain_text("Nothing found")


@pytest.mark.parametrize("name", ["constructor", r"\constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"])
def test_a_name_that_every_object_has_is_a_word_like_others(search: Page, name: str) -> None:
    found = search.evaluate(ASK, name)
    expect(search.locator(".search-summary")).to_contain_text("Found in" if found else "Nothing found")
    assert search.evaluate(ASK, f"gate {name}") is not None


def test_a_result_is_text_and_never_markup(search: Page) -> None:
    search.evaluate(ASK, "<img src=x onerror=alert(1)> gate")
    assert search.locator("#search-results img").count() == 0


def test_over_http_the_search_asks_for_no_page_that_it_names(tab: Page, server: str) -> None:
    asked: list[str] = []
    listen = lambda request: asked.append(request.url)  # noqa: E731 - to be taken off again
    tab.on("request", listen)
    tab.goto(f"{server}/search.html?q={quote('forget gate')}", wait_until="networkidle")
    expect(tab.locator("ul.search li").first).to_contain_text("The factor f_t that scales the old cell state.")
    expect(tab.locator(".search-summary")).to_contain_text("places")
    tab.remove_listener("request", listen)
    assert [url for url in asked if "/book/" in url] == []


# ---- Where a number and a figure come from


def test_pointer_and_keyboard_open_a_box_that_stays_as_long_as_it_is_used(tab: Page, site: Path) -> None:
    tab.goto((site / CHAPTER).as_uri())
    settle(tab)
    box, figure, number = (tab.locator(each) for each in ("#provenance", FIGURE, "article p > a.ledger"))
    told = str(figure.first.get_attribute("title"))
    figure.first.hover()
    expect(box).to_be_visible()
    assert [line.strip() for line in box.locator("strong, span").all_inner_texts()] == told.split(" · ")
    assert figure.first.get_attribute("aria-describedby") == "provenance"
    assert figure.first.get_attribute("title") is None  # or the browser would lay its own box over this one
    box.hover()
    tab.wait_for_timeout(300)
    expect(box).to_be_visible()
    tab.mouse.move(0, 0)
    expect(box).to_be_hidden()
    assert figure.first.get_attribute("title") == told
    tab.keyboard.press("Tab")  # from here on the focus is shown
    number.first.focus()
    expect(box).to_be_visible()
    expect(box).to_contain_text("tolerance: ")
    tab.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(number.first).to_be_focused()
    number.first.press("Enter")
    tab.wait_for_url("**/numbers.html#*")


def test_a_first_tap_opens_it_and_a_second_follows_the_link(browser: Browser, site: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((site / "book" / "index.html").as_uri())
    box, link = page.locator("#provenance"), page.locator("article p > a.ledger").first
    link.tap()
    expect(box).to_be_visible()
    expect(box).to_contain_text("Tap again")
    place = box.bounding_box()
    assert place is not None
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 390
    page.locator("h1").first.tap()
    expect(box).to_be_hidden()
    link.tap()
    expect(box).to_be_visible()
    link.tap()
    page.wait_for_url("**/numbers.html#hw5.total.parameters")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_results_nor_in_the_open_box(
    tab: Page, site: Path, scheme: Literal["light", "dark"]
) -> None:
    tab.emulate_media(color_scheme=scheme)
    tab.goto(f"{(site / 'search.html').as_uri()}?q={quote('دروازه gate')}")
    expect(tab.locator(".search-summary")).to_be_visible()
    tab.evaluate(ASK, "دروازه")
    expect(tab.locator("ul.search mark").first).to_be_visible()
    thin(tab)
    found = Audit().look(tab)
    tab.goto((site / "book" / "index.html").as_uri())
    tab.locator("article p > a.ledger").first.hover()
    expect(tab.locator("#provenance")).to_be_visible()
    thin(tab)
    found += Audit().look(tab)
    tab.emulate_media(color_scheme="light")
    assert found == []


def test_without_scripts_the_title_says_it(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / CHAPTER).as_uri())
    assert " · drawn by cell " in str(page.locator(FIGURE).first.get_attribute("title"))
    assert " · computed in chapter 2.4" in str(page.locator("article p > a.ledger").first.get_attribute("title"))
    context.close()
