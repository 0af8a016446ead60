"""Every widget on the built site: it starts, each control moves a number, by mouse, by keys and by ear, and fits."""

import html
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _access import SCENERY, faults_of_focus
from _server import WIDE, probe, widget_pages
from _visit import SCHEMES, in_scheme
from _widgets import READY, RENDER, ask, mount, press, read, slide, state_of, texts, turn
from playwright.sync_api import Browser, Locator, Page, expect

from rnncourse.cells import lstm_sequence, rnn_step
from rnncourse.widgets.base import HERE, PageWidget
from rnncourse.widgets.causality_explorer import NETWORKS
from rnncourse.widgets.gate_explorer import GATE_SEQUENCES

CONTROLS = "input, textarea, select, button"
STOPS = ":is(input, textarea, select, button, summary, a[href]):not(:disabled), [tabindex='0']"
FOCUS = "document.activeElement"
HOST = re.compile(r'class="rnn-widget-host" data-widget="(\w+)" data-state="([^"]*)"')
FITS = "w => w.scrollWidth <= w.clientWidth && w.getBoundingClientRect().right <= innerWidth"


def drawn(page: Page) -> list[Locator]:
    """Each widget of a page, once it is drawn."""
    hosts = page.locator(".rnn-widget-host").all()
    assert hosts, "the page holds no widget"
    widgets = [host.locator(READY) for host in hosts]
    for widget in widgets:
        expect(widget).to_be_visible()
    return widgets


# --- every page with a widget: opened once over HTTP, once without scripts; one stands for all from disk


@pytest.fixture(scope="session")
def opened(kept: Page, server: str, widget_page: str) -> Iterator[Page]:
    """The page over HTTP, in a tab of its own; nothing in it moves."""
    page = kept.context.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{server}/{widget_page}")
    yield page
    page.close()


@pytest.fixture
def widgets(opened: Page) -> Iterator[list[Locator]]:
    """Every widget of the page, on a desk by day, in the state in which the test before left it."""
    opened.bring_to_front()
    yield drawn(opened)
    opened.set_viewport_size(WIDE)
    opened.emulate_media(media="null", color_scheme="light")


def test_a_widget_says_in_one_sentence_what_came_of_many_moves(opened: Page, widgets: list[Locator]) -> None:
    for widget in widgets:  # the first test of a page: nobody has asked yet
        loud = widget.locator("output:not([aria-live='off'])")
        assert loud.count() == 0, "a number of its own accord interrupts the reader"
        status = widget.locator("[role=status]")
        expect(status).to_have_text("")
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
            opened.keyboard.press(key)
        expect(status).not_to_have_text("", timeout=3000)
        assert len(widget.evaluate("w => w.said")) == 1
        assert slider.get_attribute("aria-valuetext")


def walk(page: Page, widget: Locator) -> list[str]:
    """Tab through a widget, and what is wrong with the way."""
    stops = widget.locator(STOPS).evaluate_all("all => all.map((node, k) => (node.dataset.stop = k))")
    assert stops, "the widget has no control"
    widget.evaluate("w => { w.tabIndex = -1; w.focus(); w.removeAttribute('tabindex'); }")
    reached, faults = [], []
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
    for scheme in SCHEMES:
        in_scheme(opened, scheme)
        assert [fault for widget in widgets for fault in walk(opened, widget)] == [], scheme
        assert probe(opened, "faint", SCENERY) == [], scheme


def test_keys_move_every_control(opened: Page, widgets: list[Locator]) -> None:
    for control in opened.locator(".rnn-widget :is(input[type=range], select):enabled").all():
        before = control.input_value()
        at_end = control.evaluate("c => c.options ? c.selectedIndex > 0 : Number(c.value) >= Number(c.max)")
        control.focus()
        up = control.evaluate("c => Boolean(c.options)")
        opened.keyboard.press(("ArrowUp" if up else "ArrowLeft") if at_end else ("ArrowDown" if up else "ArrowRight"))
        assert control.input_value() != before, control.evaluate("c => c.labels[0].textContent")
    for button in opened.locator(".rnn-widget button").all():
        if button.is_disabled():
            continue  # until another one was pressed
        button.evaluate("b => b.addEventListener('click', () => (b.dataset.pressed = 'yes'), { once: true })")
        button.focus()
        opened.keyboard.press("Space")
        assert button.get_attribute("data-pressed") == "yes", button.inner_text()


def test_every_control_has_a_name_of_its_own(widgets: list[Locator]) -> None:
    for widget in widgets:
        names = widget.locator(CONTROLS).evaluate_all(
            "all => all.map(c => (c.tagName === 'BUTTON' ? c.textContent : c.labels[0]?.textContent ?? '').trim())"
        )
        assert all(names)
        assert len(set(names)) == len(names) > 0


def test_a_widget_fits_a_narrow_page(opened: Page, widgets: list[Locator]) -> None:
    opened.set_viewport_size({"width": 390, "height": 844})
    assert all(widget.evaluate(FITS) for widget in widgets)


def test_paper_shows_the_table_and_the_screen_does_not(opened: Page, widgets: list[Locator]) -> None:
    tables = opened.locator(".rnn-widget-host .rnn-widget-fallback table")
    assert tables.count() == len(widgets)
    assert not any(table.is_visible() for table in tables.all())
    opened.emulate_media(media="print")
    for table in tables.all():
        expect(table).to_be_visible()


def look(control: Locator) -> dict[str, Any]:
    """What a person sees of a control, and every number but the one beside it."""
    seen: dict[str, Any] = probe(control, "look")
    assert seen["numbers"], "the widget shows no number"
    return seen


def move(control: Locator, seen: dict[str, Any]) -> None:
    """Move one control as a person would."""
    match seen["type"]:
        case "range":
            control.press("ArrowLeft" if float(seen["value"]) >= float(seen["max"]) else "ArrowRight")
        case "number":
            at_end = seen["max"] != "" and float(seen["value"]) >= float(seen["max"])
            control.fill(str(int(seen["value"]) + (-1 if at_end else 1)))
        case "select-one":
            control.select_option(seen["other"])
        case "textarea":
            control.fill(f"{seen['value']} not happy")
        case "checkbox" | "submit" | "button":
            control.click()
        case kind:
            pytest.fail(f"no test moves a control of type {kind}")


def enable(widget: Locator, control: Locator) -> None:
    """Press the widget's buttons and try its choices until a disabled control can be used."""
    buttons = widget.locator("button:enabled")
    for index in range(buttons.count()):
        if control.is_disabled():
            buttons.nth(index).click()
    for select in widget.locator("select").all():
        for choice in select.locator("option").all():
            if control.is_disabled():
                select.select_option(choice.get_attribute("value"))
    assert control.is_enabled(), "nothing enables this control"


def moves_a_number(widgets: list[Locator]) -> None:
    """Each control, moved as a person would, changes some number of its widget."""
    for widget in widgets:
        for control in widget.locator(CONTROLS).all():
            before = look(control)
            if before["disabled"]:
                enable(widget, control)
                before = look(control)
            move(control, before)
            assert look(control)["numbers"] != before["numbers"], f"{before['name']} moves nothing"


@pytest.fixture
def afresh(opened: Page) -> None:
    opened.reload()


@pytest.mark.usefixtures("afresh")
def test_every_control_moves_a_number_over_http(opened: Page) -> None:
    moves_a_number(drawn(opened))


def test_every_control_moves_a_number_from_disk(tab: Page, site: Path) -> None:
    # One page stands for all: from disk the widgets come from the same script.
    tab.goto((site / widget_pages(site)[0]).as_uri())
    moves_a_number(drawn(tab))


@pytest.fixture(scope="session")
def silent(browser: Browser) -> Iterator[Page]:
    """A page on which no script runs."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_without_scripts_the_table_is_seen(silent: Page, server: str, widget_page: str) -> None:
    silent.goto(f"{server}/{widget_page}")
    hosts = silent.locator(".rnn-widget-host").all()
    assert hosts
    for host in hosts:
        expect(host.locator(".rnn-widget-fallback table")).to_be_visible()


def test_a_panel_is_a_picture_with_a_caption_and_no_live_control(tab: Page, server: str, site: Path) -> None:
    caption = 'class="rnn-panel-caption"'
    pages = [path for path in sorted(site.rglob("*.html")) if caption in path.read_text(encoding="utf-8")]
    assert pages, "No page of the site holds a panel; a chapter with panel(…) must."
    for path in pages:
        tab.goto(f"{server}/{path.relative_to(site).as_posix()}")
        for output in tab.locator(".cell_output").filter(has=tab.locator(".rnn-panel-caption")).all():
            picture, said = output.locator("img"), output.locator(".rnn-panel-caption")
            assert len(picture.get_attribute("alt") or "") > 40, f"{path}: the picture's alt text says too little"
            assert picture.evaluate("async image => (await image.decode(), image.naturalWidth > 0)")
            assert output.locator("input, select, button, .jupyter-widgets").count() == 0
            expect(said).to_contain_text("Needs Jupyter")
            expect(said).to_contain_text("The picture shows")
            for width in (390, 1300):
                tab.set_viewport_size({"width": width, "height": 844})
                expect(said).to_be_visible()
                expect(picture).to_be_visible()
                assert picture.evaluate("image => image.getBoundingClientRect().right <= innerWidth")


# --- each widget in the state in which the book shows it


@pytest.fixture(scope="session")
def states(site: Path) -> dict[str, dict[str, Any]]:
    """Each widget's module and the first state of it on the site."""
    found: dict[str, dict[str, Any]] = {}
    for name in widget_pages(site):
        for module, state in HOST.findall((site / name).read_text(encoding="utf-8")):
            found.setdefault(module, json.loads(html.unescape(state)))
    return found


@pytest.fixture
def shown(request: pytest.FixtureRequest, tab: Page, states: dict[str, dict[str, Any]]) -> Locator:
    """A widget alone on a page, as the site first shows it; a site without it fails."""
    assert request.param in states, f"no page of the site holds the widget {request.param}"
    return mount(tab, request.param, states[request.param])


def of(module: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shown", [module], indirect=True, ids=[""])


def explorer_state(widget: Locator) -> dict[str, Any]:
    """What the sliders say, at full precision."""
    says = widget.locator("output[data-name^='control_']").evaluate_all(
        "all => Object.fromEntries(all.map(o => [o.dataset.name.slice(8), Number(o.dataset.value)]))"
    )
    state: dict[str, Any] = {key: [says[f"{key}_{row}"] for row in (1, 2)] for key in ("x", "h_prev", "b_h")}
    for key in ("W_xh", "W_hh"):
        state[key] = [[says[f"{key}_{row}_{column}"] for column in (1, 2)] for row in (1, 2)]
    return {**state, "nonlinearity": widget.get_by_label("Nonlinearity").input_value()}


@of("cell_explorer")
def test_the_explorer_agrees_with_cells_after_any_move(shown: Locator) -> None:
    rng = random.Random(5)
    sliders = shown.locator("input[type=range]")
    for number in range(24):
        slide(sliders.nth(rng.randrange(sliders.count())), rng.uniform(-2, 2))
        if number % 3 == 0:
            press(shown, "Next step")
        if number % 5 == 0:
            shown.get_by_label("Nonlinearity").select_option(rng.choice(["tanh", "relu"]))
        step, names = rnn_step(**explorer_state(shown)), ("input_term", "recurrent_term", "z", "h")
        wanted = np.concatenate([getattr(step, name) for name in names])
        found = read(shown, *(f"{name}_{row}" for name in names for row in (1, 2)))
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)
        said = shown.locator("output[data-name^='h_']").all_text_contents()
        assert [float(text.replace("−", "-")) for text in said] == pytest.approx(step.h, abs=5.1e-5, rel=1e-3)


@of("cell_explorer")
def test_the_explorer_steps_forward_back_and_starts_again(shown: Locator) -> None:
    first, h = explorer_state(shown), read(shown, "h_1", "h_2")
    press(shown, "Next step")
    assert explorer_state(shown)["h_prev"] == list(h)
    press(shown, "Previous step")
    assert explorer_state(shown) == first
    shown.get_by_label("x row 1").press("ArrowRight")
    assert explorer_state(shown) != first
    press(shown, "Reset")
    assert explorer_state(shown) == first


@of("gate_explorer")
def test_the_gate_explorer_steps_and_keeps_what_was_moved(shown: Locator) -> None:
    sequence = [list(step) for step in GATE_SEQUENCES["count"]]
    shown.get_by_label("Sequence").select_option("count")
    moves = [(2, "candidate"), (1, "forget gate"), (3, "output gate"), (0, "input gate")]
    for step, (column, label) in enumerate(moves):
        shown.get_by_role("slider", name=label).press("ArrowLeft")
        sequence[step][column] -= 0.25
        expect(shown.get_by_label("Sequence")).to_have_value("own")
        run = lstm_sequence(sequence, [0.0], [0.0], np.eye(4), np.zeros((4, 1)), np.zeros(4))
        for name in ("kept", "written", "c", "h"):
            assert read(shown, name) == pytest.approx(getattr(run, name)[step, 0], rel=1e-12, abs=1e-12)
        assert read(shown, "last") == pytest.approx(run.c[-1, 0], rel=1e-12)
        press(shown, "Next step")
    press(shown, "Reset")
    expect(shown.get_by_label("Sequence")).to_have_value("hold")


@of("parameter_calculator")
def test_the_calculator_explains_what_does_not_fit(shown: Locator) -> None:
    before = texts(shown)
    for wrong in ("", "0", "2.5", "9999999"):
        shown.get_by_label("Hidden size").fill(wrong)
        expect(shown.get_by_text("Type a whole number from 1 to 8,192.")).to_be_visible()
        assert texts(shown) == before
    shown.get_by_label("Hidden size").fill("65")
    expect(shown.get_by_text("Type a whole number")).to_have_count(0)
    assert texts(shown) != before


@of("gate_scrubber")
def test_the_gate_scrubber_shows_both_readings(shown: Locator) -> None:
    press(shown, "Next minute", "To the jump")
    assert abs(read(shown, "f_difference")) > 1e-3
    shown.get_by_label("Minute shown").press("ArrowLeft")
    assert read(shown, "f_difference") == 0
    press(shown, "Reset")
    assert read(shown, "f_difference") != 0


@of("state_path")
def test_the_state_path_plays_steps_and_starts_again(shown: Locator) -> None:
    time, first = shown.get_by_label("Time step"), texts(shown)
    shown.get_by_role("button", name="Step").click()
    assert time.input_value() == "61"
    turn(shown, "Time step", 97)
    press(shown, "Play")
    expect(shown.get_by_role("button", name="Back to the start")).to_be_visible()
    assert time.input_value() == "100"
    expect(shown.get_by_role("button", name="Step")).to_be_disabled()
    press(shown, "Back to the start")
    assert time.input_value() == "1"
    press(shown, "Play", "Pause", "Reset")
    assert texts(shown) == first


@of("state_path")
def test_the_state_path_does_not_move_by_itself_for_who_asked_for_less_motion(tab: Page, shown: Locator) -> None:
    tab.emulate_media(reduced_motion="reduce")
    press(shown, "Play")
    assert shown.get_by_label("Time step").input_value() == "100"


@of("receptive_field")
def test_the_receptive_field_grows_with_its_dilations(shown: Locator) -> None:
    first, names = texts(shown), ("field", "reached", "layers_needed")
    assert read(shown, *names) == (9, 9, 16)
    shown.get_by_label("Dilation, times per layer").press("ArrowRight")
    assert read(shown, *names) == (31, 31, 5)
    turn(shown, "Kernel size", 1)
    expect(shown.locator("output[data-name='layers_needed']")).to_have_text("never")
    press(shown, "Reset")
    assert texts(shown) == first


@of("skip_explorer")
def test_the_skip_explorer_meets_and_misses_the_pulse(shown: Locator) -> None:
    first = texts(shown)
    met, share = (shown.locator(f"output[data-name='{name}']") for name in ("met", "share"))
    expect(met).to_have_text("met at step 19")
    expect(share).to_have_text("35.0")
    turn(shown, "Pulse lasts, steps", 1)
    expect(met).to_have_text("missed")
    turn(shown, "Rise while waiting", 0.5)
    expect(met).to_have_text("met at step 18")
    turn(shown, "Rise after the pulse", 0.01)
    expect(share).to_have_text("45.0")
    for name, value in {"Pulse lasts, steps": 8, "Rise while waiting": 0.2, "Rise after the pulse": 0.2}.items():
        turn(shown, name, value)
    assert texts(shown) == first


@of("causality_explorer")
def test_the_causality_explorer_shows_what_looks_ahead(shown: Locator) -> None:
    seen, names = {}, ("earlier", "later", "ahead")
    for network in NETWORKS:
        shown.get_by_label("Network", exact=True).select_option(network)
        seen[network] = read(shown, *names)
    # Input 5 of ten: four outputs before it, six from it on; windows of four forecast steps 6 to 9 from it.
    assert seen == {
        "forwards": (0, 6, 0),
        "both ways": (4, 6, 45),
        "past windows": (0, 4, 0),
        "centred average": (2, 3, 17),
    }
    turn(shown, "Push", 0)
    assert read(shown, *names) == (0, 0, 0)


@of("forecast_explorer")
def test_in_the_forecast_explorer_keeping_all_of_today_is_persistence(shown: Locator) -> None:
    first = texts(shown)
    turn(shown, "Keep of today", 1)
    assert read(shown, "yours_all") == pytest.approx(read(shown, "persistence_all"))
    before, at = read(shown, "persistence_forecast", "control_at")
    press(shown, "Next day")
    assert read(shown, "control_at") == at + 1
    assert read(shown, "persistence_forecast") != before
    assert read(shown, "persistence_so_far") != pytest.approx(read(shown, "persistence_error") ** 2)
    press(shown, "Reset")
    assert texts(shown) == first


@of("padding_explorer")
def test_in_the_padding_explorer_only_padding_that_is_read_behind_changes_the_answer(shown: Locator) -> None:
    def choose(**values: str) -> None:
        for label, value in values.items():
            shown.get_by_label(label, exact=True).select_option(value)

    first = texts(shown)
    turn(shown, "Padding steps", 60)
    assert read(shown, "apart_read") < 1e-3 * read(shown, "apart_word")
    assert read(shown, "reaches") < -3
    choose(Padding="masked")
    assert read(shown, "read") == read(shown, "word")
    assert read(shown, "apart_read", "reaches") == (read(shown, "apart_word"), 0)
    choose(Padding="in front")
    assert read(shown, "length") == 60 + 5
    assert read(shown, "read") == read(shown, "word") > 0.9
    choose(Network="padded, keeps", Padding="behind")
    assert read(shown, "read") > 0.9
    press(shown, "Reset")
    assert texts(shown) == first


# --- states that do not fit

WIDGETS: dict[str, type[PageWidget]] = {widget.module: widget for widget in PageWidget.__subclasses__()}
MARKUP = "<img src=x onerror=alert(1)>"


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
    state = state_of(WIDGETS[module]())
    mount(tab, module, state)
    given = [(key, {**state, key: wrong}) for key, value in state.items() for wrong in misfits(value)]
    body = f"""given.map(given => {{
      {RENDER};
      const find = (what) => document.querySelector(what);
      return [Boolean(find("{READY}")), find("[role=alert]")?.textContent ?? "", Boolean(find("img"))];
    }})"""
    answers = ask(tab, module, [state for _, state in given], body)
    for (key, wrong), (ready, problem, markup) in zip(given, answers, strict=True):
        said = f"{key} = {wrong[key]!r}: {problem}"
        assert not ready, said
        assert not markup, said
        assert key in problem, said
        assert ";" in problem, said


def test_every_module_was_tested_here() -> None:
    assert {path.stem for path in HERE.glob("*.mjs") if not path.stem.startswith("_")} == set(WIDGETS)
