"""The walk through one LSTM step: every stage by keys and by scrolling, its numbers, and axe in every state."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from _access import AXE, SCENERY
from _server import TELEPHONE, WIDE, probe, settle
from _visit import EXCESS, SCHEMES, in_scheme
from _widgets import READY, SET, mount, until
from playwright.sync_api import Locator, Page

from rnncourse.widgets import LSTMWalk
from rnncourse.widgets.gate_explorer import TASKS
from rnncourse.widgets.lstm_walk import STAGES, ZOOMS

CHAPTER = "book/notebooks/12-lstm-and-gru.html"
NUMERALS = (
    "svg => [...svg.querySelectorAll('text[data-name]')].map(t => [t.dataset.name, t.dataset.value, t.textContent])"
)
# The rest of the page, which axe would read again in every state, goes; what the widget stands in stays.
ALONE = """(widget) => {
  for (let node = widget; node !== document.body; node = node.parentElement) {
    for (const other of [...node.parentElement.children]) if (other !== node) other.remove();
  }
}"""
# By night only the colours are others.
RUN = """async (widget, all) => (await axe.run(widget, {
  resultTypes: ["violations"], ...(all ? {} : { runOnly: { type: "rule", values: ["color-contrast"] } }),
})).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}`)"""
BOXES = """(widget, k) => [document.querySelector(".bd-header-article"), widget.querySelector(".rnn-walk"),
  widget.querySelectorAll(".rnn-tale li")[k]].map((part) => part.getBoundingClientRect().toJSON())"""
TO_LINE = """(item, k) => {
  const line = parseFloat(getComputedStyle(item.closest(".rnn-walk-layout")).getPropertyValue("--rnn-reading"));
  scrollBy({ top: item.getBoundingClientRect().top - line, behavior: "instant" });
}"""


def stage_of(widget: Locator) -> int:
    return int(widget.get_by_label("Stage", exact=True).input_value())


def test_keys_lead_through_every_stage_and_all_numbers_are_those_of_the_cell(tab: Page, states: dict[str, Any]) -> None:
    tab.emulate_media(reduced_motion="reduce")
    widget, step = mount(tab, "lstm_walk", states["lstm_walk"]), LSTMWalk(**states["lstm_walk"]).step
    slider, seen = widget.get_by_label("Stage", exact=True), set()
    slider.press("Home")
    for at, stage in enumerate(STAGES, 1):
        assert stage_of(widget) == at
        assert widget.locator("[aria-current=step]").count() == 1
        for zoom, unit in product(ZOOMS, (1, 2)):
            widget.get_by_label("Zoom").evaluate(SET, zoom)
            widget.get_by_label("Unit looked into").evaluate(SET, str(unit))
            for name, value, text in widget.locator(".rnn-walk").evaluate(NUMERALS):
                quantity, _, row = name.rpartition("_")
                if not name.startswith("inside_"):
                    assert float(value) == pytest.approx(getattr(step, quantity)[int(row) - 1], abs=1e-12), (
                        stage,
                        name,
                    )
                    seen.add(quantity)
                assert float(text.replace("−", "-")) == pytest.approx(float(value), abs=5.1e-5)
        slider.press("ArrowRight")
    assert seen == {"x", "h_prev", "c_prev", *"ifgo", "kept", "written", "c", "h"}
    slider.press("End")
    assert stage_of(widget) == len(STAGES)
    slider.press("ArrowLeft")
    assert stage_of(widget) == len(STAGES) - 1
    for name, value in widget.locator(".rnn-tale output").evaluate_all(
        "all => all.map(o => [o.dataset.name, o.dataset.value])"
    ):
        quantity, _, row = name.partition("_")[2].rpartition("_")
        index = 1 if row == "chosen" else int(row) - 1  # the second unit is chosen by now
        assert float(value) == pytest.approx(getattr(step, quantity)[index], abs=1e-12)


# Letters as wide as those of DejaVu Sans, where the picture is laid out for Arial's.
WIDEN = """const wide = new CSSStyleSheet();
wide.replaceSync(".rnn-widget * { letter-spacing: 0.09em }");
document.adoptedStyleSheets = [wide];"""
# Words of the part in sight that are cut, wider than their block, or lie on each other.
ILL_PLACED = """svg => {
  const frame = svg.getBoundingClientRect();
  const words = [...svg.querySelectorAll(".rnn-inside, .rnn-far")].at(-1)?.querySelectorAll("text") ??
    [...svg.querySelectorAll("text")].filter((word) => !word.closest("[transform]"));
  const boxes = [...words].map((word) => [word, word.getBoundingClientRect()]);
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
  return boxes.flatMap(([word, box], k) => [
    ...(inside(box, frame) ? [] : [`${word.textContent} is cut`]),
    ...[...word.parentElement.querySelectorAll(":scope > .rnn-block")]
      .filter((block) => !inside(box, block.getBoundingClientRect()))
      .map(() => `${word.textContent} is wider than its block`),
    ...boxes.slice(k + 1).filter(([, other]) => box.left < other.right - 1 && other.left < box.right - 1 &&
      box.top + 4 < other.bottom - 4 && other.top + 4 < box.bottom - 4)
      .map(([other]) => `${word.textContent} on ${other.textContent}`),
  ]);
}"""


DRAGS = [
    ("lstm_walk", "[data-name=x_1]", (-40, 0), "Input x", -1.0),
    ("gate_explorer", "[data-gate=o]", (0, 32), "ao, output gate", -4.0),
    ("gate_explorer", "[data-gate=g]", (0, -16), "ag, candidate", 2.0),
]


def test_what_is_dragged_moves_its_control(tab: Page, states: dict[str, Any]) -> None:
    for module, mark, way, label, moved in DRAGS:
        widget = mount(tab, module, states[module])
        control, box = widget.get_by_label(label, exact=True), widget.locator(mark).bounding_box()
        before = float(control.input_value())
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x + way[0], y + way[1], steps=4)
        tab.mouse.up()
        tab.mouse.move(x, y)
        assert float(control.input_value()) == before + moved, label


@pytest.fixture
def chapter(tab: Page, server: str) -> Page:
    """The chapter that holds the walk and the gate explorer."""
    tab.emulate_media(reduced_motion="reduce")
    tab.goto(f"{server}/{CHAPTER}")
    settle(tab)
    return tab


@pytest.mark.parametrize("width", [TELEPHONE, WIDE["width"]])
def test_the_picture_follows_the_text_that_is_scrolled_to_and_stays_in_sight(chapter: Page, width: int) -> None:
    chapter.set_viewport_size({"width": width, "height": 844})
    widget = chapter.locator(f"{READY}[data-module=lstm_walk]")
    items = widget.locator(".rnn-tale li")
    widget.scroll_into_view_if_needed()
    chapter.wait_for_timeout(200)
    for k in [*range(1, len(STAGES)), *reversed(range(len(STAGES)))]:
        items.nth(k).evaluate(TO_LINE)
        assert until(chapter, lambda k=k: stage_of(widget) == k + 1, 2), (k + 1, stage_of(widget))
        head, box, text = widget.evaluate(BOXES, k)
        assert head["bottom"] <= box["y"] < box["bottom"] <= 844
        assert text["x"] > box["right"] or text["y"] >= box["bottom"]


def states_of(module: str, widget: Locator) -> Iterator[str]:
    """Bring a widget into every state that changes what is there, and name it."""
    if module == "gate_explorer":
        for task in TASKS:
            widget.get_by_label("Task: reach a state").evaluate(SET, task)
            yield task
        return
    for at, zoom in product(range(1, len(STAGES) + 1), ZOOMS):
        widget.get_by_label("Stage", exact=True).evaluate(SET, str(at))
        widget.get_by_label("Zoom").evaluate(SET, zoom)
        yield f"stage {at}, {zoom}"


@pytest.mark.parametrize("module", ["lstm_walk", "gate_explorer"])
def test_axe_finds_nothing_in_any_state_and_a_telephone_does_not_scroll_sideways(chapter: Page, module: str) -> None:
    chapter.set_viewport_size({"width": TELEPHONE, "height": 844})
    widget = chapter.locator(f"{READY}[data-module={module}]")
    widget.evaluate(ALONE)
    chapter.evaluate(AXE)
    for scheme in SCHEMES:
        in_scheme(chapter, scheme)
        for state in states_of(module, widget):
            assert widget.evaluate(RUN, scheme == "light") == [], state
            assert probe(chapter, "faint", SCENERY) == [], state
            assert chapter.evaluate(EXCESS) <= 0, state


@pytest.mark.parametrize("width", [TELEPHONE, 320])
def test_wide_letters_fit_the_picture_and_its_controls(page: Page, server: str, width: int) -> None:
    page.add_init_script(WIDEN)
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{server}/{CHAPTER}")
    settle(page)
    widget = page.locator(f"{READY}[data-module=lstm_walk]")
    widget.evaluate(ALONE)
    heights = set()
    for state in states_of("lstm_walk", widget):
        assert widget.locator(".rnn-walk").evaluate(ILL_PLACED) == [], state
        assert page.evaluate(EXCESS) <= 0, state
        heights.add(widget.locator(".rnn-walk-view").evaluate("view => view.offsetHeight"))
    assert width < TELEPHONE or len(heights) == 1, heights  # else the text below would jump from stage to stage
