"""The report card and the Numbers page in a browser: whole without scripts, filtered with them, linked by address."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from _server import TELEPHONE, WIDE
from _widgets import SET
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Locator, Page, expect

from book._ext.ledger import chapter_number
from book._ext.report_card import boxes, coursework
from rnncourse._claims import VERDICTS
from rnncourse.ledger import PRINTED_VERDICTS, load

BOOK = Path(__file__).resolve().parents[2] / "book"
ENTRIES = load(BOOK / "numbers.toml")
REPORTED = {name: entry.verdict for name, entry in ENTRIES.items() if entry.reported is not None}
SAID = coursework()
CLAIMS = {name: claim.judged(ENTRIES) for name, claim in SAID.claims.items()}
CARD = "book/report-card.html"
ROWS = "#report-card-rows tr[data-verdict]"
FORM = "form.row-filter"
IN_SIGHT = "rows => rows.filter(row => row.checkVisibility()).map(row => row.id)"


@pytest.fixture(scope="module")
def card(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / CARD).read_text(encoding="utf-8"), "html.parser")


# ---- Complete without scripts


def test_every_claim_number_and_item_stands_with_what_was_found(card: BeautifulSoup) -> None:
    assert {str(row["id"]) for row in card.select("tr.item")} == {f"asked.{item.id}" for item in SAID.items}
    rows = {str(row["id"]).removeprefix("card."): row for row in card.select(ROWS)}
    for name, verdict in REPORTED.items():
        entry, row = ENTRIES[name], rows[name]
        links = {str(link["href"]).partition("#")[2]: link.get_text() for link in row.select("a.ledger")}
        assert links[f"reported.{name}"] == entry.reported_text
        assert links[name].startswith(entry.show(entry.value))
        assert PRINTED_VERDICTS[verdict] in row.get_text()
        assert row.select_one(f'a[href$="#computed.{name}"]') is not None
        assert not entry.n or f"± {entry.show(entry.spread)}, {entry.n} seeds" in row.get_text()
    places = boxes()
    for name, verdict in CLAIMS.items():
        assert SAID.claims[name].says in rows[name].get_text()
        assert rows[name].select("td")[0].get_text(strip=True), f"{name} shows nothing measured"
        place = f"{places[name].chapter}.html#{name}" if name in places else f"{SAID.claims[name].chapter}.html"
        for part in (f".verdict-mark.{verdict}", "details", f'a[href$="{place}"]'):
            assert rows[name].select_one(part) is not None, f"{name}: {part}"
        number = chapter_number(places[name].chapter if name in places else SAID.claims[name].chapter)
        assert number in rows[name].select_one(f'a[href$="{place}"]').get_text()


def test_the_totals_add_up(card: BeautifulSoup) -> None:
    def numbers(row: Any) -> list[int]:
        return [int(cell.get_text() or 0) for cell in row.select("td")]

    (below,) = map(numbers, card.select(".ledger-table.totals tfoot tr"))
    columns = zip(*map(numbers, card.select(".ledger-table.totals tbody tr")), strict=True)
    assert [sum(column) for column in columns] == below
    wanted = [list(CLAIMS.values()).count(name) for name in VERDICTS]
    wanted += [list(REPORTED.values()).count(name) for name in PRINTED_VERDICTS]
    assert below[: len(wanted)] == wanted


def test_without_scripts_the_table_is_whole_and_no_dead_control_is_seen(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    bare = context.new_page()
    bare.goto((site / CARD).as_uri())
    assert not bare.locator(FORM).is_visible()
    assert len(bare.locator(ROWS).evaluate_all(IN_SIGHT)) >= len(CLAIMS) + len(REPORTED)
    context.close()


# ---- Filters

# What "Show all" does, which the page finishes a moment later.
START_AGAIN = """async () => {
  document.querySelector("form.row-filter").reset();
  await new Promise(done => setTimeout(done));
  document.activeElement.blur();
  scrollTo(0, 0);
}"""


@pytest.fixture(scope="module")
def opened(browser: Browser, site: Path) -> Iterator[Page]:
    """The report card, opened once: more than a thousand rows take their time."""
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    page = context.new_page()
    page.goto((site / CARD).as_uri())
    page.locator(FORM).wait_for(state="visible")
    yield page
    context.close()


@pytest.fixture
def shown(opened: Page) -> Page:
    """The report card with nothing chosen, at its top."""
    opened.set_viewport_size(WIDE)
    opened.emulate_media(media="screen")
    opened.evaluate(START_AGAIN)
    assert "#" not in opened.url
    assert len(in_sight(opened)) == opened.locator(ROWS).count() > len(CLAIMS)
    return opened


def choose(page: Page, **values: str) -> None:
    for label, value in values.items():
        control(page, label).evaluate(SET, value)


def control(page: Page, label: str) -> Locator:
    return page.locator(f"{FORM} [name={label.lower()}]")


def in_sight(page: Page, rows: str = ROWS) -> list[str]:
    """Ids of the rows that a reader sees, as many as the page says."""
    found: list[str] = page.locator(rows).evaluate_all(IN_SIGHT)
    said = page.locator(FORM).get_by_role("status").inner_text()
    assert int(re.findall(r"\d+", said)[0]) == len(found)
    return found


def ids(names: Any) -> set[str]:
    return {f"card.{name}" for name in names}


CHOICES = [
    ({"Verdict": "fails"}, {name for name, verdict in CLAIMS.items() if verdict == "fails"}),
    ({"Verdict": "holds", "Kind": "claim"}, {name for name, verdict in CLAIMS.items() if verdict == "holds"}),
    ({"Kind": "number"}, set(REPORTED)),
    ({"Words": "no such words anywhere"}, set()),
]
FOUND = {
    "50,497": {"power.lstm.parameters", "claim-hw5-q7-parameters"},
    "  Parameters  50497 ": {"power.lstm.parameters"},
    "-0.8305": {"step.h_2"},  # a minus may be typed as a hyphen
}


@pytest.mark.parametrize(("chosen", "wanted"), CHOICES)
def test_a_choice_shows_what_fits_it_and_nothing_else(shown: Page, chosen: dict[str, str], wanted: set[str]) -> None:
    choose(shown, **chosen)
    assert set(in_sight(shown)) == ids(wanted)
    shown.emulate_media(media="print")  # the table stays and the controls go
    assert set(shown.locator(ROWS).evaluate_all(IN_SIGHT)) == ids(wanted)
    assert not control(shown, "Verdict").is_visible()


def test_words_find_rows_by_their_numbers_and_headings(shown: Page) -> None:
    for words, rows in FOUND.items():
        choose(shown, Words=words)
        found = in_sight(shown)
        assert ids(rows) <= set(found), words
        assert len(found) < shown.locator(ROWS).count() / 4, words


def test_a_homework_keeps_its_questions_and_their_headings(shown: Page) -> None:
    counts = {}
    for value in ("hw6-q3", "hw5", "hw6"):
        choose(shown, Question=value)
        counts[value] = len(in_sight(shown))
        headings = shown.locator("#report-card-rows tr.item:visible").all_inner_texts()
        assert {heading.startswith(value.upper().replace("-", " ")) for heading in headings} == {True}
    assert counts["hw5"] + counts["hw6"] == shown.locator(ROWS).count()
    shown.get_by_role("button", name="Show all").click()
    expect(shown.locator(f"{ROWS}[hidden]")).to_have_count(0)


def test_the_address_keeps_and_restores_the_choice_and_one_that_chooses_nothing_shows_all(
    shown: Page, tab: Page
) -> None:
    choose(shown, Words="gru ±")
    row = shown.locator(f'{ROWS}[data-kind="claim"]:visible').first  # whose verdict the next results may change
    verdict, chapter = (row.get_attribute(f"data-{name}") for name in ("verdict", "chapter"))
    choose(shown, Verdict=verdict, Chapter=chapter, Words="gru ±")
    address, rows = shown.evaluate("location.href"), in_sight(shown)
    assert urlsplit(address).fragment.startswith(f"verdict={verdict}&chapter={chapter}&words=gru")
    tab.goto(address)
    tab.locator(FORM).wait_for(state="visible")
    assert in_sight(tab) == rows != []
    assert [control(tab, name).input_value() for name in ("Verdict", "Words")] == [verdict, "gru ±"]
    for fragment in ("verdict=maybe", "verdict=&words=", "verdict=%E0%A4%A"):
        choose(shown, Verdict="fails")
        shown.evaluate("(text) => { location.hash = text; }", fragment)
        expect(shown.locator(f"{ROWS}[hidden]")).to_have_count(0)


def test_a_place_comes_into_sight_again_and_a_total_leads_to_its_rows(shown: Page) -> None:
    choose(shown, Verdict="fails")
    shown.set_viewport_size({"width": TELEPHONE, "height": 844})
    shown.evaluate("location.hash = 'card.hw5.rnn1.parameters'")
    row = '[id="card.hw5.rnn1.parameters"]'
    shown.wait_for_function(
        "row => (box => box.height && box.top >= 0 && box.top < innerHeight)"
        "(document.querySelector(row).getBoundingClientRect())",
        arg=row,
    )
    label = shown.locator(f"{row} td").first.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert len(label) > 4, "a cell of a card on a telephone does not say what it is"
    shown.set_viewport_size(WIDE)
    link = shown.locator('.totals [data-show="verdict=fails&kind=claim"] a')
    count = int(link.inner_text())
    link.click()
    expect(shown.locator(f"{ROWS}:not([hidden])")).to_have_count(count)


def test_the_numbers_page_has_filters_too(tab: Page, site: Path) -> None:
    rows = "#all-numbers tr[data-verdict]"
    tab.goto(f"{(site / 'book/numbers.html').as_uri()}#verdict=not-reproduced")
    tab.locator(FORM).wait_for(state="visible")
    assert len(in_sight(tab, rows)) == list(REPORTED.values()).count("not-reproduced")
    tab.evaluate("location.hash = 'power.lstm.parameters'")
    tab.locator('[id="power.lstm.parameters"]').wait_for(state="visible")
    assert len(in_sight(tab, rows)) == len(ENTRIES)
