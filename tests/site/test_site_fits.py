"""What must fit fits: code and heads on a desk, formulas, printed lines and the ways onward on a telephone."""

import re
from pathlib import Path

import pytest
from _server import TELEPHONE, WIDE, settle
from playwright.sync_api import Page

CHAPTERS = "book/notebooks/"
# Boxes that are seen and hold more than they show, by the beginning of their text.
SPILLING = """selector => [...document.querySelectorAll(selector)]
  .filter(box => box.checkVisibility({ visibilityProperty: true }) && box.scrollWidth > box.clientWidth + 1)
  .map(box => box.textContent.trim().slice(0, 60))"""
# Formulas side by side of which the second stands left of the first.
TURNED_ROUND = """() => [...document.querySelectorAll(".math.parts")].filter((box) => {
  const [first, second] = [...box.querySelectorAll(":scope > math")].map((one) => one.getBoundingClientRect());
  return first.width && first.top < second.bottom && second.top < first.bottom && second.left < first.right - 1;
}).map((box) => box.textContent.slice(0, 60))"""
UNBROKEN = "* { overflow-wrap: normal !important }"  # a word that only fits because it may break anywhere spills


def opened(page: Page, address: str, width: int) -> Page:
    """The page at this width, with every solution unfolded."""
    page.set_viewport_size({"width": width, "height": WIDE["height"]})
    page.goto(address)
    settle(page)
    page.locator(".admonition .toggle-button-hidden").evaluate_all("all => all.forEach(button => button.click())")
    return page


def holding(site: Path, part: str) -> list[str]:
    """The chapters whose page holds this."""
    return [path.name for path in sorted((site / CHAPTERS).glob("*.html")) if part in path.read_text(encoding="utf-8")]


def test_formulas_side_by_side_go_to_the_next_line_before_they_scroll(tab: Page, server: str, site: Path) -> None:
    names = holding(site, 'class="math parts')
    assert len(names) > 10
    for name in names:
        page = opened(tab, f"{server}/{CHAPTERS}{name}", TELEPHONE)
        assert page.evaluate(SPILLING, ".math.parts") == [], name
        page.set_viewport_size(WIDE)
        tops = (
            page.locator(".math.parts")
            .first.locator("math")
            .evaluate_all("all => all.map(one => Math.round(one.getBoundingClientRect().bottom / 40))")
        )
        assert max(tops) - min(tops) <= 1, name  # side by side where there is room
        assert page.evaluate(TURNED_ROUND) == [], name


def test_one_printed_line_breaks(tab: Page, server: str) -> None:
    page = opened(tab, f"{server}/{CHAPTERS}11-one-step.html", TELEPHONE)
    assert page.locator(".cell_output pre", has_text=re.compile("^Correct")).count() >= 3
    assert page.evaluate(SPILLING, ".cell_output pre:not(:has(.line ~ .line))") == []


def test_code_fits_on_a_desk(tab: Page, server: str, site: Path) -> None:
    for name in holding(site, 'class="cell_input')[::5]:
        page = opened(tab, f"{server}/{CHAPTERS}{name}", WIDE["width"])
        assert page.evaluate(SPILLING, ".cell_input pre:not(.admonition *)") == [], name


@pytest.mark.parametrize("name", ["report-card", "numbers"])
def test_no_word_of_a_long_table_breaks_on_a_desk(tab: Page, server: str, name: str) -> None:
    page = opened(tab, f"{server}/book/{name}.html", WIDE["width"])
    for box in page.locator(".ledger-table").all():
        assert box.get_attribute("tabindex") is None  # it does not scroll: no stop, no shade
    page.add_style_tag(content=UNBROKEN)
    assert page.evaluate(SPILLING, ".ledger-table :is(thead th, td.num)") == []


@pytest.mark.parametrize("name", ["12-lstm-and-gru", "14-operations", "41-emotion"])
def test_no_word_of_the_way_onward_breaks(tab: Page, server: str, name: str) -> None:
    page = opened(tab, f"{server}/{CHAPTERS}{name}.html", TELEPHONE)
    page.add_style_tag(content=UNBROKEN)
    assert page.locator(".prev-next-info").count() == 2
    assert page.evaluate(SPILLING, ".prev-next-info") == []


def test_numbers_beneath_a_title_of_rows_stand_under_each_other(tab: Page, server: str) -> None:
    page = opened(tab, f"{server}/{CHAPTERS}25-state-dynamics.html", WIDE["width"])
    table = page.locator("table.dataframe:has(th[rowspan])").first
    aligned = table.locator("tbody td").evaluate_all("all => all.map(cell => getComputedStyle(cell).textAlign)")
    assert aligned
    assert set(aligned) == {"right"}


def test_a_title_leaves_room_for_its_button(tab: Page, server: str) -> None:
    page = opened(tab, f"{server}/{CHAPTERS}44-trust.html", WIDE["width"])
    titles = page.locator(".admonition.dropdown > .admonition-title")
    covered = titles.evaluate_all("""titles => titles.filter(title => {
      const button = title.querySelector("button").getBoundingClientRect();
      return [...title.querySelectorAll("a")].flatMap(link => [...link.getClientRects()]).some(line =>
        line.right > button.left && line.bottom > button.top && line.top < button.bottom);
    }).map(title => title.textContent)""")
    assert covered == []


def test_no_word_of_a_drawing_is_cut_on_a_telephone(tab: Page, server: str, widget_page: str) -> None:
    page = opened(tab, f"{server}/{widget_page}", TELEPHONE)
    # The walk's view moves over a larger scene: words at its edges are meant to be outside.
    cut = page.locator(".rnn-widget svg:not(.rnn-walk) text").evaluate_all("""words => words.filter(word => {
      const [frame, box] = [word.ownerSVGElement, word].map(node => node.getBoundingClientRect());
      return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
    }).map(word => word.textContent)""")
    assert cut == []


def test_a_table_that_waits_for_its_widget_does_not_widen_the_page(tab: Page, server: str, site: Path) -> None:
    tab.set_viewport_size({"width": TELEPHONE, "height": WIDE["height"]})
    for name in holding(site, 'class="rnn-widget-fallback"'):
        tab.goto(f"{server}/{CHAPTERS}{name}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= TELEPHONE, name
