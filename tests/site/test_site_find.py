"""What a reader looks for is found, from disk too; a number and a figure say whence they come."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from _access import Audit, thin
from _server import TELEPHONE, WIDE, Watch, settle
from _visit import SCHEMES, in_scheme, through_axe
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page, expect

from book._ext.first_uses import GLOSSARY, meant, pattern, terms
from book._ext.search_words import tokens
from tools import pairs

CHAPTER = "book/notebooks/24-vanishing-gradients.html"
FIGURE, NUMBER = "figcaption a.provenance", "article p > a.ledger"
# Asks what is in the field, as the page does on loading, and hands back the list that a reader sees: page and place of
# each row, its title and what is said of it.
ASK = """(query) => {
  Search.output.replaceChildren();
  Search.query(query);
  return [...Search.output.children].map((row) => [
    row.querySelector("a").getAttribute("href").replace(".html", ""),
    row.querySelector("a").textContent.trim(),
    row.querySelector(".context").textContent.trim(),
  ]);
}"""
# The same for many questions, without the pages whose text has the words: they come after the direct answers.
DIRECTLY = f"""(queries) => {{
  const pages = Search._performSearch;
  Search._performSearch = () => [];
  const found = queries.map({ASK});
  Search._performSearch = pages;
  return found;
}}"""


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


def soup_of(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / "book" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


# ---- Search

FIRST = {
    "book/notation#symbol-": {
        **{"σ": "sigma", r"\sigma": "sigma", "⊙": "odot", "h_t": "h-t", "W_{hh}": "w-hh", "ft": "f-t"},
    },
    "book/notebooks/": {
        "h_{t-1}": "12-lstm-and-gru#one-step-of-a-gru",
        "∂L/∂h": "11-one-step#back-through-two-steps",
        "tanh": "24-vanishing-gradients#tanh-or-relu",
        "read_gates": "34-gates-at-work#ex-34-gru",
        "Build a counter": "25-state-dynamics#ex-25-counter",
    },
    "book/numbers#hw5.total.": dict.fromkeys(("47,818", "47818", "hw5.total.parameters"), "parameters"),
    "book/glossary#term-": {"وزن": "weight", "دروازه فراموشی": "forget-gate", "forget gate": "forget-gate"},
    "book/api/gates#rnncourse.gates.": {"trace_gates": "trace_gates"},
}


def test_what_a_student_types_comes_first(search: Page) -> None:
    for start, wanted in FIRST.items():
        for typed, end in wanted.items():
            found = search.evaluate(ASK, typed)
            assert found, f"nothing found for {typed}"
            assert found[0][0] == start + end, typed
            assert all(title and said for _, title, said in found[:10])


def test_every_symbol_of_the_notation_page_is_found_there(search: Page) -> None:
    text = (pairs.CHAPTERS.parent / "notation.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (\$[^|]*\$) \|", text, flags=re.MULTILINE)
    symbols = sorted({symbol for cell in cells for symbol in re.findall(r"\$([^$]+)\$", cell)})
    assert len(symbols) > 50
    for symbol, found in zip(symbols, search.evaluate(DIRECTLY, symbols), strict=True):
        assert any(row[0].startswith("book/notation#") for row in found), symbol


def test_every_term_of_the_glossary_is_found_in_both_languages_and_any_keyboard(search: Page, site: Path) -> None:
    asked = []
    for term in soup_of(site, "glossary").select("dl.glossary dt"):
        persian = term.find_next_sibling("dd").select_one("[lang=fa]").get_text()
        arabic = persian.replace("ی", "ي").replace("ک", "ك").replace("\u200c", " ")  # as another keyboard writes it
        asked += [(text, f"book/glossary#{term['id']}") for text in (term.find(string=True).strip(), persian, arabic)]
    assert len(asked) > 90
    answers = search.evaluate(DIRECTLY, [text for text, _ in asked])
    for (text, place), found in zip(asked, answers, strict=True):
        assert place in [row[0] for row in found], text


NO_PROSE = (
    "h1, h2, h3, h4, em, code, math, pre, thead, figcaption, a, .math, .cell_output, .admonition-title, .caption-text"
)


def unlinked_first_uses(article: Tag, known: list[str]) -> list[str]:
    """Terms of the glossary that a page uses before they are linked."""
    uses, linked, missed = pattern(known), set(), []
    apart = {id(inner) for inner in article.select(NO_PROSE)}
    for node in article.descendants:
        if isinstance(node, Tag):
            if node.name == "a" and node.select_one(".std-term"):
                linked.add(str(node["href"]).partition("#term-")[2].lower())
        elif not any(id(parent) in apart for parent in node.parents):
            terms_used = {meant(use[0], known) for use in uses.finditer(str(node))}
            missed += [term for term in terms_used if term.replace(" ", "-").lower() not in linked]
    return missed


def test_a_term_is_linked_where_a_chapter_uses_it_first(site: Path) -> None:
    known = terms(GLOSSARY.read_text(encoding="utf-8"))
    for page in pairs.chapters():
        article = soup_of(site, f"notebooks/{page.stem}").select_one("article")
        assert article is not None
        assert unlinked_first_uses(article, known) == [], page.stem
        assert len(article.select("a .std-term")) > 5, page.stem


UNDERSTOOD = [
    ("BPTT", "book/notebooks/21-learning", "Found in"),
    ("gradiant", "gradient", "this is for “gradient”"),
    ("reccurrent", "", "this is for “recurrent”"),
    ("seq2seq", "22-sequence-tasks#four-shapes", "Found in"),
    ("گيت فراموشی", "glossary#term-forget-gate", "Found in"),
    ("LSTM چیست", "glossary#term-LSTM", "this is for “lstm”"),
    ("optimizers zebra", "", "this is for “optimisers”"),
]


def test_a_synonym_and_a_slip_of_the_keyboard_are_understood(search: Page) -> None:
    for typed, place, said in UNDERSTOOD:
        found = search.evaluate(ASK, typed)
        expect(search.locator(".search-summary")).to_contain_text(said)
        assert any(place in row[0] for row in found[:10]), typed


def test_the_page_cuts_words_as_the_index_does(search: Page) -> None:
    chapters = [path.read_text(encoding="utf-8") for path in pairs.chapters()[:3]]
    texts = [line for chapter in chapters for line in chapter.split("\n") if line.strip()]
    texts += ["گراديان‌هاي ۴۷٬۸۱۸", r"\frac{\partial L}{\partial h_{t-1}}", "R² v1.2 3,4 2024 0012"]
    assert search.evaluate("(texts) => texts.map(BookWords.split)", texts) == [list(tokens(text)) for text in texts]


def test_every_place_that_the_search_knows_is_there(search: Page, site: Path) -> None:
    known: dict[str, Any] = search.evaluate("FOUND")
    wanted = {(name, anchor) for _, _, name, anchor, _, _ in known["answers"]}
    wanted |= {(known["numbers"]["page"], row[0]) for row in known["numbers"]["rows"]}
    wanted |= {(name, section[0]) for name, parts in known["sections"].items() for section in parts if section[0]}
    texts = {name: (site / f"{name}.html").read_text(encoding="utf-8") for name in known["pages"]}
    ids = {name: set(re.findall(r'\bid="([^"]*)"', text)) for name, text in texts.items()}
    assert [(name, anchor) for name, anchor in wanted if anchor not in ids[name]] == []


def test_odd_questions_are_answered_in_words(search: Page) -> None:
    for nothing in ("zebra", "perplexed zebra"):
        assert search.evaluate(ASK, nothing) == []
        expect(search.locator(".search-summary")).to_contain_text("Nothing found")
    for name in ("constructor", r"\constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"):
        found = search.evaluate(ASK, name)
        expect(search.locator(".search-summary")).to_contain_text("Found in" if found else "Nothing found")
        assert search.evaluate(ASK, f"gate {name}") is not None
    search.evaluate(ASK, "<img src=x onerror=alert(1)> gate")
    assert search.locator("#search-results img").count() == 0


# ---- Where a number and a figure come from


def test_pointer_and_keyboard_open_a_box_that_stays_as_long_as_it_is_used(tab: Page, site: Path) -> None:
    tab.goto((site / CHAPTER).as_uri())
    settle(tab)
    box, figure, number = tab.locator("#provenance"), tab.locator(FIGURE).first, tab.locator(NUMBER).first
    told = str(figure.get_attribute("title"))
    figure.hover()
    expect(box).to_be_visible()
    assert [line.strip() for line in box.locator("strong, span").all_inner_texts()] == told.split(" · ")
    assert figure.get_attribute("aria-describedby") == "provenance"
    assert figure.get_attribute("title") is None  # or the browser would lay its own box over this one
    box.hover()
    tab.wait_for_timeout(300)
    expect(box).to_be_visible()
    tab.mouse.move(0, 0)
    expect(box).to_be_hidden()
    assert figure.get_attribute("title") == told
    tab.keyboard.press("Tab")  # from here on the focus is shown
    number.focus()
    expect(box).to_be_visible()
    tab.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(number).to_be_focused()
    number.press("Enter")
    tab.wait_for_url("**/numbers.html#*")


def test_a_first_tap_opens_it_and_a_second_follows_the_link(browser: Browser, site: Path) -> None:
    context = browser.new_context(viewport={"width": TELEPHONE, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((site / "book" / "index.html").as_uri())
    box, link = page.locator("#provenance"), page.locator(NUMBER).first
    for leave in (True, False):
        link.tap()
        expect(box).to_be_visible()
        assert box.evaluate("b => b.getBoundingClientRect().x >= 0 && b.getBoundingClientRect().right <= innerWidth")
        if leave:
            page.locator("h1").first.tap()
            expect(box).to_be_hidden()
    link.tap()
    page.wait_for_url("**/numbers.html#*")
    context.close()


def test_axe_finds_nothing_in_results_nor_in_the_open_box(tab: Page, site: Path) -> None:
    tab.emulate_media(reduced_motion="reduce")
    tab.goto(f"{(site / 'search.html').as_uri()}?q={quote('دروازه gate')}")
    expect(tab.locator(".search-summary")).to_be_visible()
    tab.evaluate(ASK, "دروازه")
    expect(tab.locator("ul.search mark").first).to_be_visible()
    thin(tab)
    found = list(through_axe(tab, {}))
    tab.set_viewport_size(WIDE)
    tab.goto((site / "book" / "index.html").as_uri())
    tab.locator(NUMBER).first.hover()
    expect(tab.locator("#provenance")).to_be_visible()
    thin(tab)
    for scheme in SCHEMES:
        in_scheme(tab, scheme)
        found += Audit().look(tab) if scheme == "light" else Audit().look_at_colours(tab)
    assert found == []
