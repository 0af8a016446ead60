"""The site by keyboard and by ear: every control is reached, seen and moved by keys, and says what came of it."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from _access import Audit, thin
from _server import settle
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Locator, Page, expect

STOPS = ":is(input, textarea, select, button, summary, a[href]):not(:disabled), [tabindex='0']"
HERE = "document.activeElement"
CHAPTER = "book/notebooks/06-lstm-gates.html"
QUIZ = "book/quizzes/1-by-hand.html"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# What can be seen of the focus: its outline against the ground behind it, and that nothing lies over it.
FOCUS = """(node) => {
  const brightness = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, k) => sum + part * [0.2126, 0.7152, 0.0722][k], 0);
  const numbers = (colour) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  let ground = node.parentElement;
  while (ground && numbers(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(node);
  const colours = [outlineColor, getComputedStyle(ground ?? document.body).backgroundColor];
  const pair = colours.map((colour) => brightness(numbers(colour)));
  const box = node.getClientRects()[0];
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const top = document.elementFromPoint(x, y);
  return {
    name: node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent.trim().slice(0, 40),
    width: outlineStyle === "none" ? 0 : parseFloat(outlineWidth),
    contrast: (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05),
    covered: !(top && (node.contains(top) || top.contains(node) || node.labels?.[0]?.contains(top))),
  };
}"""


# Marks of a drawing that are hardly seen: stroke and filling are fainter than 3 to 1 on the widget's ground, and
# words fainter than 4.5 to 1. What only orders a drawing may be faint: grids, frames, lines that dots say once more.
SCENERY = "grid|axis|zero|ground|frame|column|edge"
FAINT = """(scenery) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const numbers = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const brightness = (parts) => parts.slice(0, 3)
    .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, k) => sum + part * [0.2126, 0.7152, 0.0722][k], 0);
  const faint = new Set();
  for (const widget of document.querySelectorAll(".rnn-widget")) {
    const ground = numbers(getComputedStyle(widget).backgroundColor);
    const contrast = (paint, opacity) => {
      if (paint === "none") return 1;
      const colour = numbers(paint);
      const share = (colour[3] / 255) * parseFloat(opacity);
      const seen = ground.map((part, k) => part + share * (colour[k] - part));
      const pair = [brightness(seen), brightness(ground)];
      return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    };
    for (const mark of widget.querySelectorAll("svg :is(line, polyline, circle, rect, polygon, text)")) {
      const name = mark.getAttribute("class") ?? "";
      if (new RegExp(`rnn-(${scenery})( |$)`).test(name) && !name.includes("strong")) continue;
      const { fill, fillOpacity, stroke, strokeOpacity } = getComputedStyle(mark);
      const inside = /^(line|polyline)$/.test(mark.localName) ? 1 : contrast(fill, fillOpacity);
      const text = mark.localName === "text";
      const best = text ? inside : Math.max(inside, contrast(stroke, strokeOpacity));
      if (best < (text ? 4.5 : 3)) faint.add(`${widget.dataset.module} ${mark.localName} ${name} ${best.toFixed(2)}`);
    }
  }
  return [...faint];
}"""


def opened(page: Page, server: str, name: str) -> Page:
    page.goto(f"{server}/{name}")
    settle(page)
    return page


def with_widgets(page: Page, server: str, name: str) -> list[Locator]:
    """The widgets of a page, once they are drawn; its formulas may come later."""
    page.goto(f"{server}/{name}")
    widgets = page.locator(".rnn-widget-host").all()
    for widget in widgets:
        expect(widget.locator(".rnn-widget[data-ready]")).to_be_visible()
    assert widgets, "the page holds no widget"
    return [widget.locator(".rnn-widget") for widget in widgets]


def in_scheme(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.locator(f'html[data-theme="{scheme}"]').wait_for(state="attached")


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


def faults_of_focus(node: Locator) -> list[str]:
    """Why a person would not see where the focus is."""
    look = node.evaluate(FOCUS)
    faults = {
        "has no outline": look["width"] < 2,
        "has an outline too faint": look["contrast"] < 3,
        "lies under something": look["covered"],
    }
    return [f"{look['name']} {fault}" for fault, found in faults.items() if found]


# ---- Widgets


def walk(tab: Page, widget: Locator) -> list[str]:
    """Tab through a widget, and what is wrong with the way."""
    stops = widget.locator(STOPS).evaluate_all("all => all.map((node, k) => (node.dataset.stop = k))")
    assert stops, "the widget has no control"
    widget.evaluate("w => { w.tabIndex = -1; w.focus(); w.removeAttribute('tabindex'); }")
    reached, faults = [], []
    for _ in stops:
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate(f"Number({HERE}.dataset.stop ?? -1)"))
        faults += faults_of_focus(focused(tab))
    if reached != stops:
        faults.append(f"reaches {reached} of {stops}")
    tab.keyboard.press("Tab")
    if widget.evaluate(f"w => w.contains({HERE})"):
        faults.append("the widget holds the focus")
    tab.keyboard.press("Shift+Tab")
    if tab.evaluate(f"Number({HERE}.dataset.stop)") != stops[-1]:
        faults.append("there is no way back")
    return faults


def test_tab_visits_every_control_of_a_widget_and_leaves(tab: Page, server: str, widget_page: str) -> None:
    widgets = with_widgets(tab, server, widget_page)
    for scheme in SCHEMES:
        in_scheme(tab, scheme)
        assert [fault for widget in widgets for fault in walk(tab, widget)] == [], scheme


def test_every_mark_of_a_drawing_stands_out(tab: Page, server: str, widget_page: str) -> None:
    with_widgets(tab, server, widget_page)
    for scheme in SCHEMES:
        in_scheme(tab, scheme)
        assert tab.evaluate(FAINT, SCENERY) == [], scheme


def test_keys_move_every_control_of_a_widget(tab: Page, server: str, widget_page: str) -> None:
    with_widgets(tab, server, widget_page)
    for control in tab.locator(".rnn-widget :is(input[type=range], select):enabled").all():
        before = control.input_value()
        at_end = control.evaluate("c => c.options ? c.selectedIndex > 0 : Number(c.value) >= Number(c.max)")
        control.focus()
        up = control.evaluate("c => Boolean(c.options)")
        tab.keyboard.press(("ArrowUp" if up else "ArrowLeft") if at_end else ("ArrowDown" if up else "ArrowRight"))
        assert control.input_value() != before, control.evaluate("c => c.labels[0].textContent")
    for button in tab.locator(".rnn-widget button").all():
        if button.is_disabled():
            continue  # until another one was pressed
        button.evaluate("b => b.addEventListener('click', () => (b.dataset.pressed = 'yes'), { once: true })")
        button.focus()
        tab.keyboard.press("Space")
        assert button.get_attribute("data-pressed") == "yes", button.inner_text()


def test_a_widget_says_in_one_sentence_what_came_of_many_moves(tab: Page, server: str, widget_page: str) -> None:
    for widget in with_widgets(tab, server, widget_page):
        loud = widget.locator("output:not([aria-live='off'])")
        assert loud.count() == 0, "a number of its own accord interrupts the reader"
        status = widget.locator("[role=status]")
        expect(status).to_have_text("")  # nobody has asked yet
        widget.evaluate(
            """w => {
              w.said = [];
              const status = w.querySelector("[role=status]");
              new MutationObserver(() => w.said.push(status.textContent)).observe(status, { childList: true });
            }"""
        )
        slider = widget.locator("input[type=range]:enabled").first
        slider.focus()
        # To the other end: a small step may leave every rounded number in the sentence as it was.
        at_end = slider.evaluate("s => s.value === s.max")
        for key in ("ArrowLeft", "ArrowLeft", "Home") if at_end else ("ArrowRight", "ArrowRight", "End"):
            tab.keyboard.press(key)
        expect(status).not_to_have_text("", timeout=3000)
        assert len(widget.evaluate("w => w.said")) == 1
        assert slider.get_attribute("aria-valuetext")


# ---- The theme's controls


def test_the_skip_link_is_first_and_leads_to_the_text(tab: Page, server: str) -> None:
    opened(tab, server, CHAPTER)
    tab.keyboard.press("Tab")
    expect(focused(tab)).to_have_text("Skip to main content")
    assert faults_of_focus(focused(tab)) == []
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate(f"document.querySelector('main').contains({HERE})")


def test_search_opens_asks_and_closes_by_keyboard(tab: Page, server: str) -> None:
    opened(tab, server, CHAPTER)
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
    opened(tab, server, CHAPTER)
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
        opened(tab, server, CHAPTER)
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


# ---- What is read aloud


@pytest.fixture(scope="session")
def soups(soups: dict[str, BeautifulSoup]) -> dict[str, BeautifulSoup]:
    """Every page's markup, without that of the root page, which leads on at once."""
    return {name: soup for name, soup in soups.items() if name != "index.html"}


def faults_of_outline(headings: list[Tag]) -> list[str]:
    """Headings that leave out a level; a page has one title."""
    levels = [int(heading.name[1]) for heading in headings]
    skipped = [
        heading.get_text()
        for above, level, heading in zip([0, *levels], levels, headings, strict=False)
        if level > above + 1
    ]
    return skipped if levels.count(1) == 1 else [*skipped, f"{levels.count(1)} titles"]


def test_headings_are_in_order(soups: dict[str, BeautifulSoup]) -> None:
    faults = {name: faults_of_outline(soup.select("h1, h2, h3, h4, h5, h6")) for name, soup in soups.items()}
    assert {name: found for name, found in faults.items() if found} == {}
    assert not [name for name, soup in soups.items() if soup.select("[role=heading]")]


def test_a_fault_in_the_outline_is_seen() -> None:
    for text in ("<h1>a</h1><h3>b</h3>", "<h2>a</h2><h1>b</h1>", "<h1>a</h1><h1>b</h1>", ""):
        assert faults_of_outline(BeautifulSoup(text, "html.parser").select("h1, h2, h3")), text


def test_every_page_says_its_language_and_every_persian_word_too(soups: dict[str, BeautifulSoup]) -> None:
    persian = re.compile(r"[\u0600-\u06ff]")
    for name, soup in soups.items():
        assert soup.html is not None
        assert soup.html.get("lang") == "en", name
        for text in soup.find_all(string=persian):
            holder = text.find_parent(lang="fa")
            assert holder is not None, f"{name}: {text}"
            assert holder.get("dir") == "rtl", f"{name}: {text}"


def test_a_figures_text_says_more_than_its_caption(soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        for figure in soup.select("article figure"):
            image, caption = figure.select_one("img"), figure.select_one(".caption-text")
            if image is None or caption is None:
                continue
            alt, text = str(image["alt"]), caption.get_text()
            assert len(alt) >= 40, f"{name}: {alt}"
            shared = set(alt.lower().split()) & set(text.lower().split())
            assert len(shared) < 0.8 * len(set(alt.lower().split())), f"{name}: the caption once more: {alt}"


def test_every_table_of_data_has_heads(soups: dict[str, BeautifulSoup]) -> None:
    for name, soup in soups.items():
        for table in soup.select("article table:not([role=presentation])"):
            assert table.select("th"), f"{name}: {table.get_text(' ', strip=True)[:60]}"
            empty = [
                cell for cell in table.select("th") if not (cell.get_text(strip=True) or cell.select("img, .math"))
            ]
            assert not empty, f"{name}: an empty head in {table.get_text(' ', strip=True)[:60]}"


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
