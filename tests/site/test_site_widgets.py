"""Every widget on the built site: it starts, each control moves a number, and the numbers agree with the package."""

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _server import WIDE, WIDGET, widget_pages
from playwright.sync_api import Browser, Locator, Page, expect

from rnncourse.cells import lstm_sequence, rnn_sequence, rnn_step, rnn_step_backward
from rnncourse.counting import count
from rnncourse.widgets.base import HERE, module_source
from rnncourse.widgets.causality_explorer import NETWORKS, CausalityExplorer
from rnncourse.widgets.forecast_explorer import ForecastExplorer
from rnncourse.widgets.gate_explorer import GATE_SEQUENCES
from rnncourse.widgets.gate_scrubber import GateScrubber
from rnncourse.widgets.gradient_explorer import GradientExplorer
from rnncourse.widgets.padding_explorer import MOST_PADS, PLACES, PaddingExplorer
from rnncourse.widgets.padding_explorer import NETWORKS as READERS
from rnncourse.widgets.receptive_field import ReceptiveField
from rnncourse.widgets.sentence_reader import SentenceReader
from rnncourse.widgets.skip_explorer import SkipExplorer
from rnncourse.widgets.state_path import StatePath

READY = ".rnn-widget[data-ready='1']"
CONTROLS = "input, textarea, select, button"
STATES = 200
# What a person who is about to use a control sees of it and of every number but the one beside the control itself.
LOOK = """control => ({
  type: control.type, id: control.id, value: control.value, max: control.max, disabled: control.disabled,
  name: control.labels?.[0]?.textContent || control.textContent,
  other: [...(control.options ?? [])].map(o => o.value).find(value => value !== control.value),
  numbers: [...control.closest(".rnn-widget").querySelectorAll("output")]
    .filter(o => !control.id || !o.htmlFor.contains(control.id)).map(o => o.textContent),
})"""


@pytest.fixture(scope="session")
def homes(site: Path) -> dict[str, str]:
    """Each widget's module and the first page of the site that holds it."""
    found: dict[str, str] = {}
    for name in widget_pages(site):
        for module in WIDGET.findall((site / name).read_text(encoding="utf-8")):
            found.setdefault(module, name)
    if not found:
        pytest.fail("No page of the site holds a widget; a chapter with CellExplorer() must.", pytrace=False)
    return found


def drawn(page: Page) -> list[Locator]:
    """Each widget of a page, once it is drawn."""
    hosts = page.locator(".rnn-widget-host").all()
    assert hosts, "the page holds no widget"
    widgets = [host.locator(READY) for host in hosts]
    for widget in widgets:
        expect(widget).to_be_visible()
    return widgets


def on_page(page: Page, server: str, homes: dict[str, str], module: str) -> Locator:
    """The first widget of a module; a site without one fails."""
    assert module in homes, f"no page of the site holds the widget {module}"
    page.goto(f"{server}/{homes[module]}")
    widget = page.locator(f"{READY}[data-module='{module}']").first
    expect(widget).to_be_visible()
    return widget


def numbers(widget: Locator) -> list[str]:
    """Every number the widget shows."""
    outputs = widget.locator("output").evaluate_all("all => all.map(o => o.textContent)")
    assert outputs, "the widget shows no number"
    return outputs


def look(control: Locator) -> dict[str, Any]:
    """What a person sees of a control, and every number but the one beside it."""
    seen = control.evaluate(LOOK)
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
        case "checkbox":
            control.click()
        case "textarea":
            control.fill(f"{seen['value']} not happy")
        case "submit" | "button":
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


# --- every page with a widget: opened once over HTTP, once from disk, once without scripts


@pytest.fixture(scope="session")
def opened(kept: Page, server: str, widget_page: str) -> Iterator[Page]:
    """The page over HTTP, in a tab of its own."""
    page = kept.context.new_page()
    page.goto(f"{server}/{widget_page}")
    yield page
    page.close()


@pytest.fixture
def widgets(opened: Page) -> Iterator[list[Locator]]:
    """Every widget of the page, on a desk."""
    opened.bring_to_front()
    yield drawn(opened)
    opened.set_viewport_size(WIDE)
    opened.emulate_media(media="null")


def test_every_control_has_a_name_of_its_own(widgets: list[Locator]) -> None:
    for widget in widgets:
        names = widget.locator(CONTROLS).evaluate_all(
            "all => all.map(c => (c.tagName === 'BUTTON' ? c.textContent : c.labels[0]?.textContent ?? '').trim())"
        )
        assert names
        assert all(names)
        assert len(set(names)) == len(names)


def test_a_widget_fits_a_narrow_page(opened: Page, widgets: list[Locator]) -> None:
    opened.set_viewport_size({"width": 390, "height": 844})
    for widget in widgets:
        assert widget.evaluate("w => w.scrollWidth <= w.clientWidth && w.getBoundingClientRect().right <= innerWidth")


def test_paper_shows_the_table_and_the_screen_does_not(opened: Page, widgets: list[Locator]) -> None:
    for widget in widgets:
        host = widget.locator("xpath=ancestor::*[contains(@class, 'rnn-widget-host')]")
        expect(host.locator(".rnn-widget-fallback")).to_be_hidden()
        opened.emulate_media(media="print")
        expect(host.locator(".rnn-widget-fallback table")).to_be_visible()
        opened.emulate_media(media="screen")


def moves_a_number(widgets: list[Locator]) -> None:
    """Each control, moved as a person would, changes some number of its widget."""
    for widget in widgets:
        controls = widget.locator(CONTROLS).all()
        assert controls
        for control in controls:
            before = look(control)
            if before["disabled"]:
                enable(widget, control)
                before = look(control)
            move(control, before)
            assert look(control)["numbers"] != before["numbers"], f"{before['name']} moves nothing"


def test_every_control_moves_a_number_over_http(widgets: list[Locator]) -> None:
    moves_a_number(widgets)


def test_every_control_moves_a_number_from_disk(tab: Page, site: Path, widget_page: str) -> None:
    tab.goto((site / widget_page).as_uri())
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


# --- each widget where the book shows it


def explorer_state(widget: Locator) -> dict[str, Any]:
    """What the sliders say, at full precision."""
    read = widget.locator("output[data-name^='control_']").evaluate_all(
        "all => Object.fromEntries(all.map(o => [o.dataset.name.slice(8), Number(o.dataset.value)]))"
    )
    vectors = {key: [read[f"{key}_{row}"] for row in (1, 2)] for key in ("x", "h_prev", "b_h")}
    matrices = {
        key: [[read[f"{key}_{row}_{column}"] for column in (1, 2)] for row in (1, 2)] for key in ("W_xh", "W_hh")
    }
    return {**vectors, **matrices, "nonlinearity": widget.get_by_label("Nonlinearity").input_value()}


def shown(widget: Locator, name: str) -> list[float]:
    values = widget.locator(f"output[data-name^='{name}_']").evaluate_all(
        "all => all.map(o => Number(o.dataset.value))"
    )
    return [float(value) for value in values]


def test_the_explorer_agrees_with_cells_after_any_move(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "cell_explorer")
    rng = random.Random(5)
    sliders = widget.locator("input[type=range]")
    for turn in range(24):
        slider = sliders.nth(rng.randrange(sliders.count()))
        slider.evaluate(
            "(s, v) => { s.value = v; s.dispatchEvent(new Event('input', {bubbles: true})); }", rng.uniform(-2, 2)
        )
        if turn % 3 == 0:
            widget.get_by_role("button", name="Next step").click()
        if turn % 5 == 0:
            widget.get_by_label("Nonlinearity").select_option(rng.choice(["tanh", "relu"]))
        step = rnn_step(**explorer_state(widget))
        for name in ("input_term", "recurrent_term", "z", "h"):
            assert shown(widget, name) == pytest.approx(getattr(step, name), rel=1e-12, abs=1e-12)
        texts = widget.locator("output[data-name^='h_']").all_text_contents()
        assert [float(text.replace("−", "-")) for text in texts] == pytest.approx(step.h, abs=5.1e-5, rel=1e-3)


def test_the_explorer_steps_forward_back_and_starts_again(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "cell_explorer")
    first = explorer_state(widget)
    h = shown(widget, "h")
    widget.get_by_role("button", name="Next step").click()
    assert explorer_state(widget)["h_prev"] == h
    widget.get_by_role("button", name="Previous step").click()
    assert explorer_state(widget) == first
    widget.get_by_label("x row 1").press("ArrowRight")
    assert explorer_state(widget) != first
    widget.get_by_role("button", name="Reset").click()
    assert explorer_state(widget) == first


def test_the_gate_explorer_steps_and_keeps_what_was_moved(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "gate_explorer")
    sequence = [list(step) for step in GATE_SEQUENCES["count"]]
    widget.get_by_label("Sequence").select_option("count")
    for turn, (column, label) in enumerate(
        [(2, "candidate"), (1, "forget gate"), (3, "output gate"), (0, "input gate")]
    ):
        widget.get_by_role("slider", name=label).press("ArrowLeft")
        sequence[turn][column] -= 0.25
        expect(widget.get_by_label("Sequence")).to_have_value("own")
        run = lstm_sequence(sequence, [0.0], [0.0], np.eye(4), np.zeros((4, 1)), np.zeros(4))
        for name in ("kept", "written", "c", "h"):
            shown_value = widget.locator(f"output[data-name='{name}']").get_attribute("data-value")
            assert float(shown_value or "nan") == pytest.approx(getattr(run, name)[turn, 0], rel=1e-12, abs=1e-12)
        last = widget.locator("output[data-name='last']").get_attribute("data-value")
        assert float(last or "nan") == pytest.approx(run.c[-1, 0], rel=1e-12)
        widget.get_by_role("button", name="Next step").click()
    widget.get_by_role("button", name="Reset").click()
    expect(widget.get_by_label("Sequence")).to_have_value("hold")


def test_the_calculator_explains_what_does_not_fit(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "parameter_calculator")
    before = numbers(widget)
    for wrong in ("", "0", "2.5", "9999999"):
        widget.get_by_label("Hidden size").fill(wrong)
        expect(widget.get_by_text("Type a whole number from 1 to 8,192.")).to_be_visible()
        assert numbers(widget) == before
    widget.get_by_label("Hidden size").fill("65")
    expect(widget.get_by_text("Type a whole number")).to_have_count(0)
    assert numbers(widget) != before


# --- the modules by themselves, on an empty page

RUN = "([source, states]) => {{ const module = new Function(source)(); return {body}; }}"


@cache
def as_function(module: str) -> str:
    return module_source(module).replace("\nexport default ", "\nreturn ")


@pytest.fixture
def compute(tab: Page) -> Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """A module's own arithmetic over many states."""

    def run(module: str, states: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return tab.evaluate(RUN.format(body="states.map(module.compute)"), [as_function(module), states])

    return run


def test_the_explorers_arithmetic_is_that_of_cells(compute: Callable[..., Any]) -> None:
    rng = random.Random(1)

    def draw(*shape: int) -> Any:
        return [draw(*shape[1:]) for _ in range(shape[0])] if shape else rng.uniform(-4, 4)

    states = [
        {
            **{key: draw(2) for key in ("x", "h_prev", "b_h")},
            **{key: draw(2, 2) for key in ("W_xh", "W_hh")},
            "nonlinearity": rng.choice(["tanh", "relu"]),
        }
        for _ in range(STATES)
    ]
    for state, result in zip(states, compute("cell_explorer", states), strict=True):
        step = rnn_step(**state)
        for name in ("input_term", "recurrent_term", "z", "h"):
            assert result[name] == pytest.approx(getattr(step, name), rel=1e-12, abs=1e-13)


def test_the_calculators_arithmetic_is_that_of_counting(compute: Callable[..., Any]) -> None:
    rng = random.Random(2)
    states = []
    for _ in range(STATES):
        cell = rng.choice(["RNN", "LSTM", "GRU"])
        hidden = rng.randint(1, 40)
        states.append(
            {
                "cell": cell,
                "input_size": rng.randint(1, 40),
                "hidden_size": hidden,
                "num_layers": rng.randint(1, 4),
                "bidirectional": rng.random() < 0.5,
                "bias": rng.random() < 0.5,
                "proj_size": rng.randrange(hidden) if cell == "LSTM" else 0,
                "seq_len": rng.randint(1, 30),
            }
        )
    for state, result in zip(states, compute("parameter_calculator", states), strict=True):
        options = {key: value for key, value in state.items() if key not in ("cell", "seq_len")}
        if state["cell"] != "LSTM":
            del options["proj_size"]
        module = getattr(torch.nn, state["cell"])(batch_first=True, device="meta", **options)
        counted = count(module, input_size=(1, state["seq_len"], state["input_size"]))
        shown_counts = result["pytorch"], result["keras"], result["macs"]
        assert shown_counts == (counted.parameters, counted.keras_parameters, counted.macs), state
        assert result["difference"] == counted.parameters - counted.keras_parameters
        assert sum(layer["pytorch"] for layer in result["layers"]) == counted.parameters


def test_the_gate_explorers_arithmetic_is_that_of_cells(compute: Callable[..., Any]) -> None:
    rng = random.Random(3)
    states = [
        {"sequence": [[rng.uniform(-9, 9) for _ in range(4)] for _ in range(8)], "c_0": [rng.uniform(-3, 3)], "at": 1}
        for _ in range(STATES)
    ]
    for state, steps in zip(states, compute("gate_explorer", states), strict=True):
        run = lstm_sequence(state["sequence"], [0.0], state["c_0"], np.eye(4), np.zeros((4, 1)), np.zeros(4))
        for shown_step, step in zip(steps, run.steps, strict=True):
            for name in ("i", "f", "g", "o", "c_prev", "kept", "written", "c", "tanh_c", "h"):
                assert shown_step[name] == pytest.approx(getattr(step, name)[0], rel=1e-12, abs=1e-13), name


def test_the_gate_explorer_offers_the_sequences_of_the_package(tab: Page) -> None:
    offered = tab.evaluate(RUN.format(body="module.sequences"), [as_function("gate_explorer"), None])
    wanted = {name: [list(step) for step in steps] for name, steps in GATE_SEQUENCES.items()}
    assert offered == wanted


def test_the_gate_scrubbers_arithmetic_is_that_of_cells(compute: Callable[..., Any]) -> None:
    rng = np.random.default_rng(6)
    states = []
    for number in range(STATES // 4):
        count = int(rng.integers(12, 61))
        weights = {"W_ih": rng.normal(size=(32, 1)), "W_hh": rng.normal(size=(32, 8)) / 3, "b": rng.normal(size=32)}
        chosen = {"jump_at": int(rng.integers(1, count + 1)), "size": rng.uniform(-3, 3), "at": count}
        widget = GateScrubber(series=rng.normal(size=count), unit=3 * (number % 2), **weights, **chosen)
        states.append({name: getattr(widget, name) for name in widget.state_names()})
    for state, found in zip(states, compute("gate_scrubber", states), strict=True):
        widget = GateScrubber(**state)
        both = [found[which] for which in ("jumped", "plain")]
        for reading, load in zip(both, widget.loads, strict=True):
            assert reading["load"] == pytest.approx(load, rel=1e-12, abs=1e-13)
        for gate in ("f", "i", "o"):
            for reading, track in zip(both, widget.gate(gate), strict=True):
                assert reading[gate] == pytest.approx(track, rel=1e-9, abs=1e-10), (gate, state["unit"])


def test_the_gate_scrubber_shows_both_readings(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "gate_scrubber")
    difference = widget.locator("output[data-name='f_difference']")
    widget.get_by_role("button", name="Next minute").click()
    widget.get_by_role("button", name="To the jump").click()
    assert abs(float(difference.get_attribute("data-value") or "nan")) > 1e-3
    widget.get_by_label("Minute shown").press("ArrowLeft")
    assert difference.get_attribute("data-value") == "0"
    widget.get_by_role("button", name="Reset").click()
    assert float(difference.get_attribute("data-value") or "nan") != 0


def test_the_gradient_explorers_arithmetic_is_that_of_cells(compute: Callable[..., Any]) -> None:
    rng = random.Random(4)
    states = []
    for _ in range(STATES // 4):
        chosen = {"radius": rng.uniform(0.5, 1.5), "input_scale": rng.uniform(0.05, 2), "seq_len": rng.randint(2, 200)}
        widget = GradientExplorer(nonlinearity=rng.choice(["tanh", "relu"]), **chosen)
        states.append({name: getattr(widget, name) for name in widget.state_names()})
    for state, result in zip(states, compute("gradient_explorer", states), strict=True):
        W_hh, W_xh = state["radius"] * np.array(state["rotation"]), state["input_scale"] * np.array(state["W_xh"])
        xs = np.array(state["x"])[: state["seq_len"], None]
        run = rnn_sequence(xs, np.zeros(8), W_xh[:, None], W_hh, np.zeros(8), nonlinearity=state["nonlinearity"])
        gradients = [np.array(state["dh_last"])]
        for step in run.steps[:0:-1]:
            gradients.insert(0, rnn_step_backward(step, gradients[0]).dh_prev)
        norms = np.linalg.norm(gradients, axis=1)
        assert result["state"] == pytest.approx(np.linalg.norm(run.h, axis=1), rel=1e-9)
        assert result["gradient"] == pytest.approx(norms, rel=1e-9, abs=0)
        assert result["ratio"] == pytest.approx(norms[0] / norms[-1], rel=1e-9, abs=0)
        below = np.flatnonzero(norms[::-1] <= 0.5 * norms[-1])
        assert result["halved"] == (below[0] if below.size else -1)
        assert result["log10_bound"] == pytest.approx(GradientExplorer(**state).flow.log10_bound, rel=1e-9, abs=1e-9)


def test_the_gradient_explorer_is_exact_without_a_nonlinearity(compute: Callable[..., Any]) -> None:
    widget = GradientExplorer(nonlinearity="linear", radius=0.8, seq_len=11)
    (result,) = compute("gradient_explorer", [{name: getattr(widget, name) for name in widget.state_names()}])
    assert result["ratio"] == pytest.approx(0.8**10)
    assert result["halved"] == 4
    assert 10 ** np.array(result["log10_bound"]) == pytest.approx(result["gradient"])


def test_the_state_paths_arithmetic_is_that_of_cells(compute: Callable[..., Any]) -> None:
    rng = random.Random(4)
    states = [
        {
            "forget_bias": rng.uniform(-2, 8),
            "output_bias": rng.uniform(-4, 4),
            "input_strength": rng.uniform(0, 2),
            "recurrent_scale": rng.uniform(0, 4),
            "angle": rng.uniform(-180, 180),
            "inputs": rng.choice(["constant", "alternating", "pulse", "noise"]),
            "at": 1,
        }
        for _ in range(STATES // 4)
    ]
    for state, result in zip(states, compute("state_path", states), strict=True):
        path = StatePath(**state)
        run = path.run
        for name in ("c", "h"):
            wanted = getattr(run, name)
            # A path can double a last-digit difference of two machines' tanh at each of its first turns.
            assert np.array(result[name]) == pytest.approx(wanted, rel=1e-9, abs=1e-9), state
            assert result[f"norm_{name}"] == pytest.approx(np.linalg.norm(wanted, axis=1), rel=1e-9, abs=1e-9)
        assert result["limit"] == pytest.approx(path.limit, rel=1e-12)


def test_the_state_path_plays_steps_and_starts_again(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "state_path")
    time = widget.get_by_label("Time step")
    first = numbers(widget)
    widget.get_by_role("button", name="Step").click()
    assert time.input_value() == "61"
    time.evaluate("(s) => { s.value = 97; s.dispatchEvent(new Event('input', {bubbles: true})); }")
    widget.get_by_role("button", name="Play").click()
    expect(widget.get_by_role("button", name="Back to the start")).to_be_visible()
    assert time.input_value() == "100"
    expect(widget.get_by_role("button", name="Step")).to_be_disabled()
    widget.get_by_role("button", name="Back to the start").click()
    assert time.input_value() == "1"
    widget.get_by_role("button", name="Play").click()
    widget.get_by_role("button", name="Pause").click()
    widget.get_by_role("button", name="Reset").click()
    assert numbers(widget) == first


def test_the_state_path_does_not_move_by_itself_for_who_asked_for_less_motion(
    tab: Page, server: str, homes: dict[str, str]
) -> None:
    tab.emulate_media(reduced_motion="reduce")
    widget = on_page(tab, server, homes, "state_path")
    widget.get_by_role("button", name="Play").click()
    assert widget.get_by_label("Time step").input_value() == "100"


def test_the_receptive_fields_arithmetic_is_that_of_the_package(compute: Callable[..., Any]) -> None:
    rng = random.Random(6)
    states = [
        {
            "kernel_size": rng.randint(1, 9),
            "depth": rng.randint(1, 10),
            "growth": rng.randint(1, 3),
            "seq_len": rng.randint(2, 128),
            "keep": rng.choice([0.0, 1.0, rng.random()]),
        }
        for _ in range(STATES)
    ]
    for state, result in zip(states, compute("receptive_field", states), strict=True):
        widget = ReceptiveField(**state)
        for name in ("field", "reached", "layers_needed", "width", "fading_width"):
            assert result[name] == getattr(widget.reach, name), (state, name)
        assert result["dilations"] == list(widget.dilations)
        assert result["paths"] == pytest.approx(widget.reach.paths, rel=1e-9, abs=1e-300)
        assert result["fading"] == pytest.approx(widget.reach.fading, rel=1e-9, abs=1e-300)


def test_the_receptive_field_grows_with_its_dilations(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "receptive_field")
    first = numbers(widget)

    def read(name: str) -> float:
        return float(widget.locator(f"output[data-name='{name}']").get_attribute("data-value") or "nan")

    assert (read("field"), read("reached"), read("layers_needed")) == (9, 9, 16)
    widget.get_by_label("Dilation, times per layer").press("ArrowRight")
    assert (read("field"), read("reached"), read("layers_needed")) == (31, 31, 5)
    widget.get_by_label("Kernel size").evaluate(
        "(s) => { s.value = 1; s.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    expect(widget.locator("output[data-name='layers_needed']")).to_have_text("never")
    widget.get_by_role("button", name="Reset").click()
    assert numbers(widget) == first


def test_the_skip_explorers_arithmetic_is_that_of_the_package(compute: Callable[..., Any]) -> None:
    rng = random.Random(9)
    states = [
        {
            "start": rng.randint(1, 32),
            "lasts": rng.randint(1, 8),
            "waiting": rng.uniform(0.01, 0.99),
            "after": rng.choice([rng.uniform(0.01, 0.99), 0.01, 0.1, 0.25, 0.5]),
        }
        for _ in range(STATES)
    ]
    for state, result in zip(states, compute("skip_explorer", states), strict=True):
        path = SkipExplorer(**state).path
        assert (result["looks"], result["met"]) == (list(path.looks), path.met), state
        assert result["probability"] == pytest.approx(path.probability, rel=1e-12), state
        assert result["share"] == pytest.approx(path.share), state


def test_the_skip_explorer_meets_and_misses_the_pulse(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "skip_explorer")
    first = numbers(widget)
    met, share = (widget.locator(f"output[data-name='{name}']") for name in ("met", "share"))

    def turn(name: str, value: float) -> None:
        widget.get_by_label(name).evaluate(
            "(s, value) => { s.value = value; s.dispatchEvent(new Event('input', {bubbles: true})); }", value
        )

    expect(met).to_have_text("met at step 19")
    expect(share).to_have_text("35.0")
    turn("Pulse lasts, steps", 1)
    expect(met).to_have_text("missed")
    turn("Rise while waiting", 0.5)
    expect(met).to_have_text("met at step 18")
    turn("Rise after the pulse", 0.01)
    expect(share).to_have_text("45.0")
    for name, value in {"Pulse lasts, steps": 8, "Rise while waiting": 0.2, "Rise after the pulse": 0.2}.items():
        turn(name, value)
    assert numbers(widget) == first


def test_the_causality_explorers_arithmetic_is_that_of_the_package(compute: Callable[..., Any]) -> None:
    rng = random.Random(8)
    states = [
        {"network": network, "step": step, "push": rng.uniform(-2, 2)} for network in NETWORKS for step in range(1, 11)
    ]
    for state, result in zip(states, compute("causality_explorer", states), strict=True):
        widget = CausalityExplorer(**state)
        for name in ("before", "after"):
            series = [np.nan if value is None else value for value in result[name]]
            assert series == pytest.approx(getattr(widget, name), rel=1e-9, abs=1e-12, nan_ok=True), state
        assert np.array(result["influence"]) == pytest.approx(widget.influence, rel=1e-9, abs=1e-12), state
        assert (np.array(result["influence"]) > 0).tolist() == (widget.influence > 0).tolist(), state
        assert (result["earlier"], result["later"]) == (widget.earlier, widget.later), state


def test_the_causality_explorer_shows_what_looks_ahead(tab: Page, server: str, homes: dict[str, str]) -> None:
    widget = on_page(tab, server, homes, "causality_explorer")

    def read(name: str) -> int:
        return int(widget.locator(f"output[data-name='{name}']").get_attribute("data-value") or -1)

    seen = {}
    for network in NETWORKS:
        widget.get_by_label("Network", exact=True).select_option(network)
        seen[network] = (read("earlier"), read("later"), read("ahead"))
    # Input 5 of ten: four outputs before it, six from it on; windows of four forecast steps 6 to 9 from it.
    assert seen == {
        "forwards": (0, 6, 0),
        "both ways": (4, 6, 45),
        "past windows": (0, 4, 0),
        "centred average": (2, 3, 17),
    }
    widget.get_by_label("Push", exact=True).evaluate(
        "s => { s.value = 0; s.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert (read("earlier"), read("later"), read("ahead")) == (0, 0, 0)


def test_the_forecast_explorers_arithmetic_is_that_of_the_package(compute: Callable[..., Any]) -> None:
    rng = random.Random(7)
    states = []
    for _ in range(STATES):
        length = rng.randint(11, 120)
        states.append(
            {
                "days": [rng.uniform(-5, 36) for _ in range(length)],
                "network": [rng.uniform(-5, 36) for _ in range(length - 10)],
                "weights": [rng.uniform(-1, 1) for _ in range(10)],
                "intercept": rng.uniform(-50, 50),
                "at": rng.randint(1, length - 10),
                "keep": rng.uniform(0, 1.2),
                "usual": rng.uniform(-10, 40),
            }
        )
    for state, result in zip(states, compute("forecast_explorer", states), strict=True):
        widget = ForecastExplorer(**state)
        assert result["targets"] == pytest.approx(widget.targets)
        for name, made in widget.forecasts.items():
            assert result["forecasts"][name] == pytest.approx(made, rel=1e-9, abs=1e-9), (state, name)
            so_far = float(np.mean((made[: state["at"]] - widget.targets[: state["at"]]) ** 2))
            assert result["so_far"][name] == pytest.approx(so_far, rel=1e-9), (state, name)
        assert result["errors"] == pytest.approx(widget.errors, rel=1e-9)


def test_in_the_forecast_explorer_keeping_all_of_today_is_persistence(
    tab: Page, server: str, homes: dict[str, str]
) -> None:
    widget = on_page(tab, server, homes, "forecast_explorer")
    first = numbers(widget)

    def read(name: str) -> float:
        return float(widget.locator(f"output[data-name='{name}']").get_attribute("data-value") or "nan")

    widget.get_by_label("Keep of today").evaluate(
        "(s) => { s.value = 1; s.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert read("yours_all") == pytest.approx(read("persistence_all"))
    before, at = read("persistence_forecast"), read("control_at")
    widget.get_by_role("button", name="Next day").click()
    assert read("control_at") == at + 1
    assert read("persistence_forecast") != before
    assert read("persistence_so_far") != pytest.approx(read("persistence_error") ** 2)
    widget.get_by_role("button", name="Reset").click()
    assert numbers(widget) == first


def test_the_padding_explorers_arithmetic_is_that_of_the_package(compute: Callable[..., Any]) -> None:
    rng = random.Random(9)

    def draw(*shape: int) -> Any:
        return [draw(*shape[1:]) for _ in range(shape[0])] if shape else rng.uniform(-1.5, 1.5)

    words = ["w0", "w1", "w2", "w3", "w4"]
    states = []
    for _ in range(STATES // 4):
        count = rng.randint(2, 6)
        sentences = [f"w{k % 5} " + " ".join(rng.choices(words, k=rng.randint(1, 9) + k)) for k in range(count)]
        states.append(
            {
                "sentences": sentences,
                "labels": [float(rng.randrange(2)) for _ in sentences],
                "words": words,
                "embedding": draw(5, 3, 4),
                "W_ih": draw(3, 32, 4),
                "W_hh": draw(3, 32, 8),
                "b": draw(3, 32),
                "W_hy": draw(3, 8),
                "b_y": draw(3),
                "network": rng.choice(READERS),
                "place": rng.choice(PLACES),
                "pads": rng.randint(0, MOST_PADS),
                "sentence": rng.randint(1, count),
            }
        )
    states = [state for state in states if len(set(state["sentences"])) == len(state["sentences"])]
    for state, result in zip(states, compute("padding_explorer", states), strict=True):
        widget = PaddingExplorer(**state)
        # A chaotic layer doubles rounding errors step by step, so the states agree to fewer digits than a step does.
        for reading, shown_reading in zip(widget.readings, result["readings"], strict=True):
            assert shown_reading["last_word"] == reading.last_word
            assert np.array(shown_reading["h"]) == pytest.approx(reading.h, rel=1e-6, abs=1e-6), state
            assert shown_reading["friendly"] == pytest.approx(reading.friendly, rel=1e-6, abs=1e-6), state
            assert shown_reading["forget"] == pytest.approx(reading.forget, rel=1e-6, abs=1e-6), state
            assert shown_reading["written"] == pytest.approx(reading.written, rel=1e-6, abs=1e-6), state
            assert shown_reading["reaches"] == pytest.approx(reading.reaches, rel=1e-4, abs=1e-4), state
        assert [result["apart_word"], result["apart_read"]] == pytest.approx(widget.apart, rel=1e-6, abs=1e-6), state


def test_in_the_padding_explorer_only_padding_that_is_read_behind_changes_the_answer(
    tab: Page, server: str, homes: dict[str, str]
) -> None:
    widget = on_page(tab, server, homes, "padding_explorer")

    def read(name: str) -> float:
        return float(widget.locator(f"output[data-name='{name}']").get_attribute("data-value") or "nan")

    def pads(count: int) -> None:
        widget.get_by_role("slider", name="Padding steps").evaluate(
            "(s, value) => { s.value = value; s.dispatchEvent(new Event('input', {bubbles: true})); }", count
        )

    first = numbers(widget)
    pads(60)
    assert read("apart_read") < 1e-3 * read("apart_word")
    assert read("reaches") < -3
    widget.get_by_label("Padding", exact=True).select_option("masked")
    assert read("read") == read("word")
    assert (read("apart_read"), read("reaches")) == (read("apart_word"), 0)
    widget.get_by_label("Padding", exact=True).select_option("in front")
    assert read("length") == 60 + 5
    assert read("read") == read("word") > 0.9
    widget.get_by_label("Network", exact=True).select_option("padded, keeps")
    widget.get_by_label("Padding", exact=True).select_option("behind")
    assert read("read") > 0.9
    widget.get_by_role("button", name="Reset").click()
    assert numbers(widget) == first


EXPLORER = {
    "x": [1, 2],
    "h_prev": [0, 0],
    "W_xh": [[1, 0], [0, 1]],
    "W_hh": [[1, 0], [0, 1]],
    "b_h": [0, 0],
    "nonlinearity": "tanh",
    "history": [],
}
CALCULATOR = {
    "cell": "LSTM",
    "input_size": 1,
    "hidden_size": 4,
    "num_layers": 1,
    "bidirectional": False,
    "bias": True,
    "proj_size": 0,
    "seq_len": 1,
}
GRADIENT = {name: getattr(GradientExplorer(), name) for name in GradientExplorer.state_names()}
GATES = {"sequence": [[0, 0, 0, 0]] * 8, "c_0": [0], "at": 1}
PATH = {name: getattr(StatePath(), name) for name in StatePath.state_names()}
FIELD = {name: getattr(ReceptiveField(), name) for name in ReceptiveField.state_names()}
CAUSALITY = {name: getattr(CausalityExplorer(), name) for name in CausalityExplorer.state_names()}
SKIP = {"start": 18, "lasts": 8, "waiting": 0.2, "after": 0.2}
FORECAST = {name: getattr(ForecastExplorer(), name) for name in ForecastExplorer.state_names()}
READER = {name: getattr(SentenceReader(), name) for name in SentenceReader.state_names()}
SCRUBBER = {name: getattr(GateScrubber(), name) for name in GateScrubber.state_names()}
PADDING = {name: getattr(PaddingExplorer(), name) for name in PaddingExplorer.state_names()}
MARKUP = "<img src=x onerror=alert(1)>"
NOT_FITTING: list[tuple[str, dict[str, Any], str, Any]] = [
    ("cell_explorer", EXPLORER, "x", None),
    ("cell_explorer", EXPLORER, "x", [1]),
    ("cell_explorer", EXPLORER, "h_prev", ["1", 2]),
    ("cell_explorer", EXPLORER, "W_hh", [[1, 2], [3]]),
    ("cell_explorer", EXPLORER, "b_h", {"0": 1}),
    ("cell_explorer", EXPLORER, "nonlinearity", MARKUP),
    ("cell_explorer", EXPLORER, "history", [[1, 2], [3]]),
    ("cell_explorer", EXPLORER, "x", [1e200, 0]),
    ("parameter_calculator", CALCULATOR, "cell", MARKUP),
    ("parameter_calculator", CALCULATOR, "hidden_size", 2.5),
    ("parameter_calculator", CALCULATOR, "num_layers", 0),
    ("parameter_calculator", CALCULATOR, "seq_len", None),
    ("parameter_calculator", CALCULATOR, "bias", 1),
    ("parameter_calculator", CALCULATOR, "proj_size", 4),
    ("gradient_explorer", GRADIENT, "radius", 1.6),
    ("gradient_explorer", GRADIENT, "radius", MARKUP),
    ("gradient_explorer", GRADIENT, "input_scale", None),
    ("gradient_explorer", GRADIENT, "nonlinearity", MARKUP),
    ("gradient_explorer", GRADIENT, "seq_len", 201),
    ("gradient_explorer", GRADIENT, "rotation", [[1] * 8] * 8),
    ("gradient_explorer", GRADIENT, "x", [1]),
    ("gradient_explorer", GRADIENT, "dh_last", [0] * 8),
    ("gate_explorer", GATES, "sequence", [[0, 0, 0, 0]] * 7),
    ("gate_explorer", GATES, "sequence", [[0, 0, 0, MARKUP]] * 8),
    ("gate_explorer", GATES, "c_0", 0),
    ("gate_explorer", GATES, "c_0", [1e9]),
    ("gate_explorer", GATES, "at", 9),
    ("state_path", PATH, "forget_bias", 8.5),
    ("state_path", PATH, "output_bias", MARKUP),
    ("state_path", PATH, "input_strength", None),
    ("state_path", PATH, "recurrent_scale", -1),
    ("state_path", PATH, "angle", [0]),
    ("state_path", PATH, "inputs", MARKUP),
    ("state_path", PATH, "at", 0),
    ("skip_explorer", SKIP, "start", 33),
    ("skip_explorer", SKIP, "lasts", 1.5),
    ("skip_explorer", SKIP, "waiting", 0),
    ("skip_explorer", SKIP, "after", MARKUP),
    ("causality_explorer", CAUSALITY, "network", MARKUP),
    ("causality_explorer", CAUSALITY, "step", 11),
    ("causality_explorer", CAUSALITY, "step", 1.5),
    ("causality_explorer", CAUSALITY, "push", None),
    ("causality_explorer", CAUSALITY, "push", 2.5),
    ("forecast_explorer", FORECAST, "days", [1.0] * 10),
    ("forecast_explorer", FORECAST, "days", MARKUP),
    ("forecast_explorer", FORECAST, "network", [1.0]),
    ("forecast_explorer", FORECAST, "weights", None),
    ("forecast_explorer", FORECAST, "intercept", 51),
    ("forecast_explorer", FORECAST, "at", 15),
    ("forecast_explorer", FORECAST, "keep", MARKUP),
    ("forecast_explorer", FORECAST, "usual", -11),
    ("receptive_field", FIELD, "kernel_size", 10),
    ("receptive_field", FIELD, "depth", MARKUP),
    ("receptive_field", FIELD, "growth", 1.5),
    ("receptive_field", FIELD, "seq_len", None),
    ("receptive_field", FIELD, "keep", -0.1),
    ("receptive_field", FIELD, "keep", MARKUP),
    ("padding_explorer", PADDING, "sentences", ["the plot"]),
    ("padding_explorer", PADDING, "sentences", ["the plot", MARKUP, "the cast"]),
    ("padding_explorer", PADDING, "labels", [1, 0]),
    ("padding_explorer", PADDING, "words", MARKUP),
    ("padding_explorer", PADDING, "embedding", [[[0] * 4] * 3] * 7),
    ("padding_explorer", PADDING, "W_ih", None),
    ("padding_explorer", PADDING, "W_hh", [[[0] * 8] * 32] * 2),
    ("padding_explorer", PADDING, "b", [[MARKUP] * 32] * 3),
    ("padding_explorer", PADDING, "W_hy", [[0] * 8] * 2),
    ("padding_explorer", PADDING, "b_y", [0, 0]),
    ("padding_explorer", PADDING, "network", MARKUP),
    ("padding_explorer", PADDING, "place", MARKUP),
    ("padding_explorer", PADDING, "pads", 61),
    ("padding_explorer", PADDING, "sentence", 4),
    ("gate_scrubber", SCRUBBER, "series", [1, 2]),
    ("gate_scrubber", SCRUBBER, "series", [MARKUP] * 20),
    ("gate_scrubber", SCRUBBER, "W_ih", [[1]]),
    ("gate_scrubber", SCRUBBER, "W_hh", None),
    ("gate_scrubber", SCRUBBER, "b", [0]),
    ("gate_scrubber", SCRUBBER, "jump_at", 0),
    ("gate_scrubber", SCRUBBER, "at", 61),
    ("gate_scrubber", SCRUBBER, "unit", 9),
    ("gate_scrubber", SCRUBBER, "size", MARKUP),
    ("sentence_reader", READER, "text", None),
    ("sentence_reader", READER, "text", "x" * 10_001),
    ("sentence_reader", READER, "at", 65),
    ("sentence_reader", READER, "at", MARKUP),
    ("sentence_reader", READER, "examples", MARKUP),
    ("sentence_reader", READER, "examples", [MARKUP, MARKUP]),
    ("sentence_reader", READER, "words", []),
    ("sentence_reader", READER, "words", [MARKUP, 1]),
    ("sentence_reader", READER, "classes", ["one"]),
    ("sentence_reader", READER, "classes", MARKUP),
    ("sentence_reader", READER, "weights", None),
    ("sentence_reader", READER, "weights", MARKUP),
    ("sentence_reader", READER, "weights", "AAAA"),
    ("sentence_reader", READER, "embedding_dim", 0),
    ("sentence_reader", READER, "hidden_size", MARKUP),
    ("sentence_reader", READER, "held_out", [1]),
]
RENDER = """(() => {
  const set = (key, value) => { states[key] = value; };
  const model = {get: key => states[key], set, save_changes() {}, on() {}, off() {}};
  document.body.replaceChildren();
  module.render({model, el: document.body});
})()"""


@pytest.mark.parametrize(("module", "state", "key", "value"), NOT_FITTING)
def test_a_state_that_does_not_fit_is_explained(
    tab: Page, module: str, state: dict[str, Any], key: str, value: Any
) -> None:
    tab.evaluate(RUN.format(body=RENDER), [as_function(module), state])
    expect(tab.locator(READY)).to_be_visible()
    tab.evaluate(RUN.format(body=RENDER), [as_function(module), {**state, key: value}])
    expect(tab.locator(READY)).to_have_count(0)
    problem = tab.get_by_role("alert")
    expect(problem).to_contain_text(key)
    assert ";" in (problem.text_content() or "")
    assert tab.locator("img").count() == 0


def test_every_module_was_tested_here() -> None:
    known = {path.stem for path in HERE.glob("*.mjs") if not path.stem.startswith("_")}
    assert known == {module for module, *_ in NOT_FITTING}
