"""The report card and the Numbers page in a browser: whole without scripts, filtered with them, linked by address."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from _server import WIDE
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Locator, Page

from book._ext.report_card import boxes
from rnncourse import _claims as claims
from rnncourse._claims import VERDICTS
from rnncourse.ledger import PRINTED_VERDICTS, load

BOOK = Path(__file__).resolve().parents[2] / "book"
ENTRIES = load(BOOK / "numbers.toml")
REPORTED = [name for name, entry in ENTRIES.items() if entry.reported is not None]
SAID = claims.load(BOOK / "claims.toml")
CLAIMS = {name: claim.judged(ENTRIES) for name, claim in SAID.claims.items()}
BOXES = boxes()
CARD = "book/report-card.html"
ROWS = "#report-card-rows tr[data-verdict]"


@pytest.fixture(scope="session")
def card(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / CARD).read_text(encoding="utf-8"), "html.parser")


@pytest.fixture
def bare(browser: Browser) -> Iterator[Page]:
    """A page on which no script runs."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def visible(page: Page, rows: str = ROWS) -> int:
    return page.locator(f"{rows}:not([hidden])").count()


def choice(page: Page, name: str) -> Locator:
    """A drop-down by the name that a screen reader says."""
    return page.get_by_role("combobox", name=name, exact=True)


def count_shown(page: Page) -> tuple[int, int]:
    """What the output says: rows in sight, rows in all."""
    numbers = [int(text) for text in re.findall(r"\d+", page.locator("form.row-filter output").inner_text())]
    return numbers[0], numbers[-1]


def ask_words(page: Page, words: str) -> None:
    page.get_by_role("searchbox", name="Words", exact=True).fill(words)


# ---- Complete without scripts


def test_the_page_shows_every_claim_every_reported_number_and_every_item(card: BeautifulSoup) -> None:
    ids = {str(row["id"]) for row in card.select(ROWS)}
    assert {f"card.{name}" for name in (*CLAIMS, *REPORTED)} <= ids
    assert {str(row["id"]) for row in card.select("tr.item")} == {f"asked.{item.id}" for item in SAID.items}


def test_a_number_stands_with_both_values_and_its_verdict(card: BeautifulSoup) -> None:
    for name in REPORTED:
        entry, row = ENTRIES[name], card.find(id=f"card.{name}")
        links = {str(link["href"]).partition("#")[2]: link for link in row.select("a.ledger")}
        assert links[f"reported.{name}"].get_text() == entry.reported_text
        assert links[name].get_text().startswith(entry.show(entry.value))
        assert PRINTED_VERDICTS[entry.verdict] in row.get_text()
        assert row.select_one(f'a[href$="#computed.{name}"]') is not None
        assert not entry.n or f"± {entry.show(entry.spread)}, {entry.n} seeds" in row.get_text()


def test_a_claim_stands_with_its_verdict_and_leads_to_its_box(card: BeautifulSoup) -> None:
    for name, verdict in CLAIMS.items():
        row = card.find(id=f"card.{name}")
        assert SAID.claims[name].says in row.get_text()
        place = f"{BOXES[name].chapter}.html#{name}" if name in BOXES else f"{SAID.claims[name].chapter}.html"
        for part in (f".verdict-mark.{verdict}", "details", f'a[href$="{place}"]'):
            assert row.select_one(part) is not None, f"{name}: {part}"
        assert len(row.select("td")[0].get_text(strip=True)) > 5, f"{name} shows nothing measured"


def test_the_totals_add_up(card: BeautifulSoup) -> None:
    rows = card.select(".ledger-table.totals tbody tr")
    below = [int(cell.get_text() or 0) for cell in card.select(".ledger-table.totals tfoot td")]
    columns = [[int(cell.get_text() or 0) for cell in row.select("td")] for row in rows]
    assert [sum(column) for column in zip(*columns, strict=True)] == below
    for start, verdicts, names in (
        (0, list(CLAIMS.values()), VERDICTS),
        (len(VERDICTS), [ENTRIES[n].verdict for n in REPORTED], PRINTED_VERDICTS),
    ):
        assert below[start : start + len(names)] == [verdicts.count(verdict) for verdict in names]
    assert f"Of {len(CLAIMS)} claims" in card.get_text()
    assert f"Of {len(REPORTED)} printed numbers" in card.get_text()


def test_without_scripts_the_table_is_whole_and_no_dead_control_is_seen(bare: Page, site: Path) -> None:
    bare.goto((site / CARD).as_uri())
    assert not bare.locator("form.row-filter").is_visible()
    rows = bare.locator(ROWS)
    assert rows.count() >= len(CLAIMS) + len(REPORTED)
    assert all(row.is_visible() for row in (rows.first, rows.nth(rows.count() // 2), rows.last))
    assert bare.locator("#report-card-rows [hidden]").count() == 0


# ---- Filters

# What "Show all" does, which the page finishes a moment later.
START_AGAIN = """async () => {
  document.querySelector("form.row-filter").reset();
  await new Promise(done => setTimeout(done));
  document.activeElement.blur();
  scrollTo(0, 0);
}"""


@pytest.fixture(scope="session")
def opened(browser: Browser, site: Path) -> Iterator[Page]:
    """The report card, opened once: more than a thousand rows take their time."""
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto((site / CARD).as_uri())
    page.locator("form.row-filter").wait_for(state="visible")
    total = page.locator(ROWS).count()
    assert (visible(page), total) == count_shown(page) == (total, total), "at first every row is in sight"
    yield page
    context.close()


@pytest.fixture
def shown(opened: Page) -> Page:
    """The report card with nothing chosen, at its top."""
    opened.set_viewport_size(WIDE)
    opened.emulate_media(media="screen")
    opened.evaluate(START_AGAIN)
    assert "#" not in opened.url
    return opened


def test_a_choice_moves_the_count_and_hides_the_rest(shown: Page) -> None:
    choice(shown, "Verdict").select_option("fails")
    failing = list(CLAIMS.values()).count("fails")
    assert visible(shown) == failing == count_shown(shown)[0]
    assert shown.locator(f"{ROWS}:visible").count() == failing
    shown.emulate_media(media="print")  # the table stays and the controls go
    assert not choice(shown, "Verdict").is_visible()
    assert shown.locator("form.row-filter output").is_visible()
    assert shown.locator(f"{ROWS}:visible").count() == failing
    shown.emulate_media(media="screen")
    choice(shown, "Verdict").select_option("holds")
    choice(shown, "Kind").select_option("claim")
    assert visible(shown) == list(CLAIMS.values()).count("holds")
    shown.get_by_role("button", name="Show all").click()
    shown.wait_for_function(f"document.querySelectorAll('{ROWS}:not([hidden])').length > {failing}")
    assert visible(shown) == count_shown(shown)[1]


def test_a_question_keeps_its_heading_and_a_homework_its_questions(shown: Page) -> None:
    counts = {}
    for value in ("hw6-q3", "hw5", "hw6"):
        choice(shown, "Question").select_option(value)
        counts[value] = visible(shown)
        headings = shown.locator("#report-card-rows tr.item:visible").all_inner_texts()
        assert headings
        assert all(heading.startswith(value.upper().replace("-", " ")) for heading in headings)
    assert all(counts.values())
    assert counts["hw5"] + counts["hw6"] == shown.locator(ROWS).count()


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        *((text, ("power.lstm.parameters", "claim-hw5-q7-parameters")) for text in ("50,497", "  Parameters  50497 ")),
        ("-0.8305", ("step.h_2",)),  # a minus may be typed as a hyphen
        ("no such words anywhere", ()),
    ],
)
def test_words_find_rows_by_their_numbers_and_headings(shown: Page, words: str, rows: tuple[str, ...]) -> None:
    ask_words(shown, words)
    found = shown.locator(f"{ROWS}:visible").evaluate_all("rows => rows.map((row) => row.id)")
    assert {f"card.{row}" for row in rows} <= set(found)
    assert count_shown(shown)[0] == len(found) < shown.locator(ROWS).count() / 4
    assert bool(found) == bool(rows)


def test_the_filters_work_by_keyboard_and_the_count_is_announced(shown: Page) -> None:
    choice(shown, "Verdict").focus()
    shown.keyboard.press("ArrowDown")
    assert count_shown(shown)[0] < count_shown(shown)[1]
    for _ in range(4):
        shown.keyboard.press("Tab")
    shown.keyboard.type("gradient")
    assert "words=gradient" in shown.evaluate("location.href")
    assert shown.get_by_role("status").inner_text() == shown.locator("form.row-filter output").inner_text()


def test_the_address_keeps_and_restores_the_choice(shown: Page, tab: Page) -> None:
    choice(shown, "Verdict").select_option("not-tested")
    choice(shown, "Chapter").select_option("32-power")
    ask_words(shown, "gru −")
    address, count = shown.evaluate("location.href"), visible(shown)
    assert urlsplit(address).fragment.startswith("verdict=not-tested&chapter=32-power&words=gru")
    tab.goto(address)
    tab.locator("form.row-filter").wait_for(state="visible")
    assert visible(tab) == count > 0
    assert choice(tab, "Verdict").input_value() == "not-tested"
    assert tab.get_by_role("searchbox", name="Words", exact=True).input_value() == "gru −"


@pytest.mark.parametrize("fragment", ["verdict=maybe", "colour=red", "verdict=&words=", "=", "verdict=%E0%A4%A", "%=x"])
def test_an_address_that_chooses_nothing_shows_all(shown: Page, fragment: str) -> None:
    choice(shown, "Verdict").select_option("fails")
    shown.evaluate("(text) => { location.hash = text; }", fragment)
    shown.wait_for_function(f"!document.querySelector('{ROWS}[hidden]')")
    assert count_shown(shown)[0] == shown.locator(ROWS).count()


def test_a_place_in_the_table_comes_into_sight_again(shown: Page) -> None:
    choice(shown, "Verdict").select_option("fails")
    row = shown.locator('[id="card.hw5.rnn1.parameters"]')
    assert not row.is_visible()
    shown.evaluate("location.hash = 'card.hw5.rnn1.parameters'")
    row.wait_for(state="visible")
    assert choice(shown, "Verdict").input_value() == ""
    shown.wait_for_function(
        "(() => { const box = document.getElementById('card.hw5.rnn1.parameters').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; })()"
    )


def test_a_total_leads_to_the_rows_it_counts(shown: Page) -> None:
    link = shown.locator('.totals [data-show="verdict=fails&kind=claim"] a')
    count = int(link.inner_text())
    link.click()
    shown.wait_for_function(f"document.querySelectorAll('{ROWS}:not([hidden])').length === {count}")
    assert count_shown(shown)[0] == count


def test_on_a_telephone_each_row_is_a_card(shown: Page) -> None:
    shown.set_viewport_size({"width": 390, "height": 844})
    label = shown.locator('[id="card.hw5.rnn1.parameters"] td').first
    assert "Reported" in label.evaluate("cell => getComputedStyle(cell, '::before').content")


def test_the_numbers_page_has_filters_too(tab: Page, site: Path) -> None:
    rows = "#all-numbers tr[data-verdict]"
    tab.goto(f"{(site / 'book/numbers.html').as_uri()}#verdict=not-reproduced")
    tab.locator("form.row-filter").wait_for(state="visible")
    assert visible(tab, rows) == sum(entry.verdict == "not-reproduced" for entry in ENTRIES.values())
    tab.evaluate("location.hash = 'power.lstm.parameters'")
    tab.locator('[id="power.lstm.parameters"]').wait_for(state="visible")
    assert visible(tab, rows) == len(ENTRIES)
