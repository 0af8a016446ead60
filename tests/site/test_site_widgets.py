"""Every page with a widget: each control moves a number by keys, is seen and said, and a wrong state is explained."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _access import SCENERY, faults_of, faults_of_focus
from _server import probe, settle, widget_pages
from _visit import in_scheme
from _widgets import DRAWN, READY, RENDER, WIDGETS, ask, mount
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Locator, Page, expect

CONTROLS = "input, textarea, select, button"
STOPS = ":is(input, textarea, select, button, summary, a[href]):not(:disabled), [tabindex='0']"
FOCUS = "document.activeElement"
MARKUP = "<img src=x onerror=alert(1)>"
LISTEN = """w => {
  w.said = [];
  const status = w.querySelector("[role=status]");
  new MutationObserver(() => w.said.push(status.textContent)).observe(status, { childList: true });
}"""


@pytest.fixture(scope="session")
def opened(kept: Page, server: str, widget_page: str) -> Iterator[Page]:
    """The page over HTTP, in a tab of its own; nothing in it moves."""
    page = kept.context.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{server}/{widget_page}")
    settle(page)
    yield page
    page.close()


@pytest.fixture
def widgets(opened: Page) -> list[Locator]:
    """Every widget of the page, by day, in the state in which the test before left it."""
    opened.bring_to_front()
    in_scheme(opened, "light")
    found = [host.locator(READY) for host in opened.locator(".rnn-widget-host").all()]
    assert found, "the page holds no widget"
    for widget in found:
        expect(widget).to_be_visible()
    return found


def test_a_widget_says_in_one_sentence_what_came_of_many_moves(opened: Page, widgets: list[Locator]) -> None:
    for widget in widgets:  # the first test of a page: nobody has asked yet
        assert widget.locator("output:not([aria-live='off'])").count() == 0, "a number interrupts the reader"
        status = widget.locator("[role=status]")
        expect(status).to_have_text("")
        widget.evaluate(LISTEN)
        slider = widget.locator("input[type=range]:enabled").first
        slider.focus()
        # To the other end: a small step may leave every rounded number in the sentence as it was.
        at_end = slider.evaluate("s => s.value === s.max")
        for key in ("ArrowLeft", "ArrowLeft", "Home") if at_end else ("ArrowRight", "ArrowRight", "End"):
            opened.keyboard.press(key)
        expect(status).not_to_have_text("", timeout=3000)
        assert len(widget.evaluate("w => w.said")) == 1
        assert slider.get_attribute("aria-valuetext")


def walk(page: Page, widget: Locator) -> list[str]:
    """Tab through a widget, and what is wrong with the way."""
    stops = widget.locator(STOPS).evaluate_all("all => all.map((node, k) => (node.dataset.stop = k))")
    widget.evaluate("w => { w.tabIndex = -1; w.focus(); w.removeAttribute('tabindex'); }")
    reached, faults = [], [] if stops else ["the widget has no control"]
    for _ in stops:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(f"Number({FOCUS}.dataset.stop ?? -1)"))
        faults += faults_of_focus(page.locator("*:focus"))
    if reached != stops:
        faults.append(f"reaches {reached} of {stops}")
    page.keyboard.press("Tab")
    if widget.evaluate(f"w => w.contains({FOCUS})"):
        faults.append("the widget holds the focus")
    page.keyboard.press("Shift+Tab")
    if page.evaluate(f"Number({FOCUS}.dataset.stop)") != stops[-1]:
        faults.append("there is no way back")
    return faults


def test_tab_visits_every_control_in_sight_and_every_mark_stands_out(opened: Page, widgets: list[Locator]) -> None:
    """The way is the same by night; only what shows the focus, and the marks, have other colours."""
    assert [fault for widget in widgets for fault in walk(opened, widget)] == []
    assert probe(opened, "faint", SCENERY) == []
    in_scheme(opened, "dark")
    assert [fault for one in widgets for look in probe(one, "foci", STOPS) for fault in faults_of(look)] == []
    assert probe(opened, "faint", SCENERY) == []


def move(control: Locator, seen: dict[str, Any]) -> None:
    """Move one control by keys alone."""
    last, typed = seen["atEnd"], seen["type"] == "textarea"
    keys = {
        "range": "ArrowLeft" if last else "ArrowRight",
        "number": "ArrowDown" if last else "ArrowUp",
        "select-one": "ArrowUp" if last else "ArrowDown",
        "textarea": "End",
    }
    control.press(keys.get(seen["type"], "Space"))
    if typed:
        control.press_sequentially(" not happy")
        control.evaluate(DRAWN)


def enable(widget: Locator, control: Locator) -> None:
    """Press the widget's buttons and try its choices until a disabled control can be used."""
    for button in widget.locator("button:enabled").all():
        if control.is_disabled():
            button.click()
    for choice in widget.locator("option").all():
        if control.is_disabled():
            choice.locator("..").select_option(choice.get_attribute("value"))
    assert control.is_enabled(), "nothing enables this control"


def test_keys_move_every_control_and_each_moves_a_number(opened: Page) -> None:
    opened.reload()
    settle(opened)
    for host in opened.locator(".rnn-widget-host").all():
        widget, names = host.locator(READY), set()
        expect(widget).to_be_visible()
        for control in widget.locator(CONTROLS).all():
            if control.is_disabled():
                enable(widget, control)
            before = probe(control, "look")
            move(control, before)
            after = probe(control, "look")
            assert before["numbers"] != after["numbers"], f"{before['name']} moves nothing"
            assert before["name"].strip() not in {"", *names}, f"two controls are called {before['name']!r}"
            names.add(before["name"].strip())


def test_without_scripts_every_widget_is_a_table(browser: Browser, server: str, site: Path) -> None:
    """All of them have the one in their place that a browser without scripts shows on one page."""
    for name in widget_pages(site):
        hosts = BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser").select(".rnn-widget-host")
        assert all(host.select_one(":scope > .rnn-widget-fallback table") for host in hosts), name
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/{widget_pages(site)[0]}")
    for host in page.locator(".rnn-widget-host").all():
        expect(host.locator(".rnn-widget-fallback table")).to_be_visible()
    context.close()


# --- states that do not fit


def misfits(value: Any) -> Iterator[Any]:
    """Values that fit no place where this one fits: another kind, markup, a number that no slider reaches."""
    yield None
    yield {"0": MARKUP}
    if isinstance(value, bool):
        yield 1
    elif isinstance(value, int | float):
        yield from (MARKUP, 1e9, -1e9)
    elif isinstance(value, list | tuple) and value:
        yield from ([[MARKUP]] * len(value), [{}] * len(value))
    elif isinstance(value, str):
        yield 7


@pytest.mark.parametrize("module", WIDGETS)
def test_a_state_that_does_not_fit_is_explained(tab: Page, module: str) -> None:
    state = WIDGETS[module]().state()
    mount(tab, module, state)
    given = [(key, {**state, key: wrong}) for key, value in state.items() for wrong in misfits(value)]
    body = f"""given.map(given => {{
      {RENDER};
      const find = (what) => document.querySelector(what);
      return [Boolean(find("{READY}") || find("img")), find("[role=alert]")?.textContent ?? ""];
    }})"""
    answers = ask(tab, module, [state for _, state in given], body)
    for (key, wrong), (drawn, problem) in zip(given, answers, strict=True):
        assert not drawn, f"{key} = {wrong[key]!r} is drawn"
        assert re.search(rf"\b{key}\b.*;", problem), f"{key} = {wrong[key]!r}: {problem}"
