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
from rnncourse.widgets.base import HERE, PageWidget, module_source
from rnncourse.widgets.causality_explorer import NETWORKS, CausalityExplorer
from rnncourse.widgets.forecast_explorer import ForecastExplorer
from rnncourse.widgets.gate_explorer import GATE_SEQUENCES
from rnncourse.widgets.gate_scrubber import GateScrubber
from rnncourse.widgets.gradient_explorer import GradientExplorer
from rnncourse.widgets.padding_explorer import MOST_PADS, PLACES, PaddingExplorer
from rnncourse.widgets.padding_explorer import NETWORKS as READERS
from rnncourse.widgets.receptive_field import ReceptiveField
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


def read(widget: Locator, name: str) -> float:
    """One number at full precision."""
    return float(widget.locator(f"output[data-name='{name}']").get_attribute("data-value") or "nan")


def turn(widget: Locator, label: str, value: float) -> None:
    """Set a slider."""
    widget.get_by_label(label, exact=True).evaluate(
        "(s, value) => { s.value = value; s.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


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
    for step, (column, label) in enumerate(
        [(2, "candidate"), (1, "forget gate"), (3, "output gate"), (0, "input gate")]
    ):
        widget.get_by_role("slider", name=label).press("ArrowLeft")
        sequence[step][column] -= 0.25
        expect(widget.get_by_label("Sequence")).to_have_value("own")
        run = lstm_sequence(sequence, [0.0], [0.0], np.eye(4), np.zeros((4, 1)), np.zeros(4))
        for name in ("kept", "written", "c", "h"):
            assert read(widget, name) == pytest.approx(getattr(run, name)[step, 0], rel=1e-12, abs=1e-12)
        assert read(widget, "last") == pytest.approx(run.c[-1, 0], rel=1e-12)
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
        states.append(state_of(widget))
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
        states.append(state_of(widget))
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
    (result,) = compute("gradient_explorer", [state_of(widget)])
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
    turn(widget, "Time step", 97)
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

    assert (read(widget, "field"), read(widget, "reached"), read(widget, "layers_needed")) == (9, 9, 16)
    widget.get_by_label("Dilation, times per layer").press("ArrowRight")
    assert (read(widget, "field"), read(widget, "reached"), read(widget, "layers_needed")) == (31, 31, 5)
    turn(widget, "Kernel size", 1)
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

    expect(met).to_have_text("met at step 19")
    expect(share).to_have_text("35.0")
    turn(widget, "Pulse lasts, steps", 1)
    expect(met).to_have_text("missed")
    turn(widget, "Rise while waiting", 0.5)
    expect(met).to_have_text("met at step 18")
    turn(widget, "Rise after the pulse", 0.01)
    expect(share).to_have_text("45.0")
    for name, value in {"Pulse lasts, steps": 8, "Rise while waiting": 0.2, "Rise after the pulse": 0.2}.items():
        turn(widget, name, value)
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

    seen = {}
    for network in NETWORKS:
        widget.get_by_label("Network", exact=True).select_option(network)
        seen[network] = (read(widget, "earlier"), read(widget, "later"), read(widget, "ahead"))
    # Input 5 of ten: four outputs before it, six from it on; windows of four forecast steps 6 to 9 from it.
    assert seen == {
        "forwards": (0, 6, 0),
        "both ways": (4, 6, 45),
        "past windows": (0, 4, 0),
        "centred average": (2, 3, 17),
    }
    turn(widget, "Push", 0)
    assert (read(widget, "earlier"), read(widget, "later"), read(widget, "ahead")) == (0, 0, 0)


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

    turn(widget, "Keep of today", 1)
    assert read(widget, "yours_all") == pytest.approx(read(widget, "persistence_all"))
    before, at = read(widget, "persistence_forecast"), read(widget, "control_at")
    widget.get_by_role("button", name="Next day").click()
    assert read(widget, "control_at") == at + 1
    assert read(widget, "persistence_forecast") != before
    assert read(widget, "persistence_so_far") != pytest.approx(read(widget, "persistence_error") ** 2)
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

    first = numbers(widget)
    turn(widget, "Padding steps", 60)
    assert read(widget, "apart_read") < 1e-3 * read(widget, "apart_word")
    assert read(widget, "reaches") < -3
    widget.get_by_label("Padding", exact=True).select_option("masked")
    assert read(widget, "read") == read(widget, "word")
    assert (read(widget, "apart_read"), read(widget, "reaches")) == (read(widget, "apart_word"), 0)
    widget.get_by_label("Padding", exact=True).select_option("in front")
    assert read(widget, "length") == 60 + 5
    assert read(widget, "read") == read(widget, "word") > 0.9
    widget.get_by_label("Network", exact=True).select_option("padded, keeps")
    widget.get_by_label("Padding", exact=True).select_option("behind")
    assert read(widget, "read") > 0.9
    widget.get_by_role("button", name="Reset").click()
    assert numbers(widget) == first


def state_of(widget: PageWidget) -> dict[str, Any]:
    return {name: getattr(widget, name) for name in widget.state_names()}


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


RENDER = """(() => {
  const set = (key, value) => { states[key] = value; };
  const model = {get: key => states[key], set, save_changes() {}, on() {}, off() {}};
  document.body.replaceChildren();
  module.render({model, el: document.body});
})()"""


@pytest.mark.parametrize("module", WIDGETS)
def test_a_state_that_does_not_fit_is_explained(tab: Page, module: str) -> None:
    state = state_of(WIDGETS[module]())
    render = RUN.format(body=RENDER)
    for key, value in state.items():
        tab.evaluate(render, [as_function(module), state])
        expect(tab.locator(READY)).to_be_visible()
        for wrong in misfits(value):
            tab.evaluate(render, [as_function(module), {**state, key: wrong}])
            assert tab.locator(READY).count() == 0, f"{key} = {wrong!r} is drawn"
            problem = tab.get_by_role("alert").text_content() or ""
            assert key in problem, f"{key} = {wrong!r}: {problem}"
            assert ";" in problem
            assert tab.locator("img").count() == 0


def test_every_module_was_tested_here() -> None:
    assert {path.stem for path in HERE.glob("*.mjs") if not path.stem.startswith("_")} == set(WIDGETS)
