"""The widgets' Python side: state, errors, the HTML they leave behind, and panels driven through a kernel."""

import html
import itertools
import json
import math
import re
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from panel_driver import front_end

from rnncourse.cells import rnn_sequence, rnn_step, rnn_step_backward
from rnncourse.counting import count
from rnncourse.widgets import (
    CausalityExplorer,
    CellExplorer,
    ForecastExplorer,
    GateExplorer,
    GateScrubber,
    GradientExplorer,
    PaddingExplorer,
    PageWidget,
    Panel,
    ParameterCalculator,
    ReceptiveField,
    SentenceReader,
    SkipExplorer,
    StateError,
    StatePath,
    panel,
)
from rnncourse.widgets.base import HERE, module_source

WIDGETS: list[type[PageWidget]] = [
    CausalityExplorer,
    CellExplorer,
    ForecastExplorer,
    GateExplorer,
    GateScrubber,
    GradientExplorer,
    PaddingExplorer,
    ParameterCalculator,
    ReceptiveField,
    SentenceReader,
    SkipExplorer,
    StatePath,
]
VIEW = "application/vnd.jupyter.widget-view+json"
LIMITED = settings(max_examples=40, deadline=None)
NUMBER = st.floats(-3, 3)
PAIR = st.tuples(NUMBER, NUMBER)


def test_every_module_belongs_to_a_widget() -> None:
    modules = {path.stem for path in HERE.glob("*.mjs") if not path.stem.startswith("_")}
    assert modules == {widget.module for widget in WIDGETS}


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_module_is_one_file_with_one_default_export(widget: type[PageWidget]) -> None:
    source = module_source(widget.module)
    assert len(re.findall(r"^export default \{ render\b", source, re.MULTILINE)) == 1
    assert not re.search(r"^\s*import\b|\bimport\(|innerHTML|insertAdjacentHTML|\beval\(", source, re.MULTILINE)
    assert "http://" not in source.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in source


@pytest.mark.parametrize("widget", WIDGETS)
def test_jupyter_gets_the_runtime_and_the_module(widget: type[PageWidget]) -> None:
    assert widget()._esm == module_source(widget.module)


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_bundle_has_a_view_a_host_and_a_plain_text_that_stay_the_same(widget: type[PageWidget]) -> None:
    first, second = (widget()._repr_mimebundle_()[0] for _ in range(2))
    assert first[VIEW]["model_id"] != second[VIEW]["model_id"]
    assert {**first, VIEW: None} == {**second, VIEW: None}
    assert "0x" not in first["text/plain"]
    host = first["text/html"]
    assert host.startswith(f'<div class="rnn-widget-host" data-widget="{widget.module}" data-state="')
    assert "<table>" in host


def host_state(widget: PageWidget) -> dict[str, Any]:
    found = re.search(r'data-state="([^"]*)"', widget.host_html())
    assert found is not None
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_host_carries_every_trait(widget: type[PageWidget]) -> None:
    state = host_state(widget())
    assert list(state) == sorted(state) == list(widget.state_names())
    assert host_state(widget(**state)) == state


def test_markup_in_a_table_is_text() -> None:
    from rnncourse.widgets.base import html_table

    table = html_table("<b>", ("</table>", "&"), [('"', "<script>")])
    assert "<b>" not in table
    assert "<script>" not in table
    assert table.count("</table>") == 1


@LIMITED
@given(x=PAIR, h_prev=PAIR, W_hh=st.tuples(PAIR, PAIR), nonlinearity=st.sampled_from(["tanh", "relu"]))
def test_the_explorer_shows_the_step_of_cells(x: Any, h_prev: Any, W_hh: Any, nonlinearity: Any) -> None:
    explorer = CellExplorer(x=np.array(x), h_prev=h_prev, W_hh=W_hh, nonlinearity=nonlinearity)
    step = rnn_step(x, h_prev, explorer.W_xh, W_hh, explorer.b_h, nonlinearity=nonlinearity)
    assert np.array_equal(explorer.step.h, step.h)
    last_row = explorer.fallback_html().split("<tr>")[-1]
    shown = [float(text.replace("−", "-")) for text in re.findall(r"<td>([^<]*)</td>", last_row)]
    assert shown == pytest.approx(step.h, abs=5.1e-5)


def test_the_explorer_starts_with_the_numbers_of_the_course() -> None:
    step = CellExplorer().step
    assert step.recurrent_term == pytest.approx([-0.02, 0.16])
    assert step.input_term == pytest.approx([0.5, -1.25])
    assert step.z == pytest.approx([0.58, -1.19])


NOT_FITTING: list[tuple[type[PageWidget], str, Any]] = [
    (CellExplorer, "x", [1.0]),
    (CellExplorer, "x", [1.0, math.nan]),
    (CellExplorer, "x", "ab"),
    (CellExplorer, "x", None),
    (CellExplorer, "h_prev", [[1.0, 2.0]]),
    (CellExplorer, "b_h", [1.0, math.inf]),
    (CellExplorer, "W_xh", [[1.0, 2.0]]),
    (CellExplorer, "W_hh", [[1.0, 2.0], [3.0]]),
    (CellExplorer, "nonlinearity", "sigmoid"),
    (CellExplorer, "nonlinearity", None),
    (CellExplorer, "history", [[1.0, 2.0, 3.0]]),
    (CellExplorer, "history", [[0.0, 0.0]] * 51),
    (ForecastExplorer, "days", [1.0] * 10),
    (ForecastExplorer, "days", [1.0] * 121),
    (ForecastExplorer, "network", [18.0]),
    (ForecastExplorer, "network", [math.nan] * 14),
    (ForecastExplorer, "weights", [1.0] * 9),
    (ForecastExplorer, "intercept", 51),
    (ForecastExplorer, "at", 15),
    (ForecastExplorer, "at", 0),
    (ForecastExplorer, "keep", 1.3),
    (ForecastExplorer, "keep", "1"),
    (ForecastExplorer, "usual", None),
    (GateScrubber, "series", [1.0] * 11),
    (GateScrubber, "series", [1.0] * 181),
    (GateScrubber, "series", [math.nan] * 60),
    (GateScrubber, "W_ih", [[1.0]] * 31),
    (GateScrubber, "W_hh", np.zeros((8, 32))),
    (GateScrubber, "b", [math.inf] * 32),
    (GateScrubber, "jump_at", 61),
    (GateScrubber, "jump_at", 0),
    (GateScrubber, "size", 3.25),
    (GateScrubber, "size", "2"),
    (GateScrubber, "at", 61),
    (GateScrubber, "at", 1.5),
    (GateScrubber, "unit", 9),
    (GateScrubber, "unit", True),
    (GradientExplorer, "radius", 1.6),
    (GradientExplorer, "radius", math.nan),
    (GradientExplorer, "radius", True),
    (GradientExplorer, "radius", "1"),
    (GradientExplorer, "nonlinearity", "sigmoid"),
    (GradientExplorer, "seq_len", 1),
    (GradientExplorer, "input_scale", 0),
    (GradientExplorer, "rotation", np.zeros((8, 8))),
    (GradientExplorer, "rotation", np.eye(7)),
    (GradientExplorer, "x", [1.0]),
    (GradientExplorer, "dh_last", [0.0] * 8),
    (ParameterCalculator, "cell", "LTSM"),
    (ParameterCalculator, "input_size", 0),
    (ParameterCalculator, "hidden_size", 2.5),
    (ParameterCalculator, "hidden_size", "64"),
    (ParameterCalculator, "num_layers", 9),
    (ParameterCalculator, "seq_len", math.nan),
    (ParameterCalculator, "seq_len", True),
    (ParameterCalculator, "bias", 1),
    (ParameterCalculator, "bidirectional", "yes"),
    (ParameterCalculator, "proj_size", 64),
    (ParameterCalculator, "proj_size", -1),
    (ReceptiveField, "kernel_size", 0),
    (ReceptiveField, "kernel_size", 2.5),
    (ReceptiveField, "depth", 11),
    (ReceptiveField, "growth", "2"),
    (ReceptiveField, "seq_len", 1),
    (ReceptiveField, "seq_len", True),
    (ReceptiveField, "keep", 1.01),
    (ReceptiveField, "keep", math.nan),
    (ReceptiveField, "keep", None),
    (SentenceReader, "text", None),
    (SentenceReader, "text", "x" * 10_001),
    (SentenceReader, "at", 65),
    (SentenceReader, "at", -1),
    (SentenceReader, "examples", "one"),
    (SentenceReader, "examples", ["same", "same"]),
    (SentenceReader, "examples", ["x" * 201]),
    (SentenceReader, "examples", [str(k) for k in range(9)]),
    (SentenceReader, "words", []),
    (SentenceReader, "words", [None] * 8),
    (SentenceReader, "words", [""]),
    (SentenceReader, "classes", ["one"]),
    (SentenceReader, "classes", 6),
    (SentenceReader, "weights", "@@"),
    (SentenceReader, "weights", "AAAA"),
    (SentenceReader, "weights", "é"),
    (SentenceReader, "weights", None),
    (SentenceReader, "embedding_dim", 0),
    (SentenceReader, "hidden_size", 129),
    (SentenceReader, "held_out", [1.0, 2.0]),
    (SentenceReader, "held_out", [math.nan] * 3),
]


@pytest.mark.parametrize(("widget", "trait", "value"), NOT_FITTING)
def test_a_state_that_does_not_fit_is_named_and_leaves_no_trace(
    widget: type[PageWidget], trait: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"{widget.__name__}\.{trait} must .*; \w+"):
        widget(**{trait: value})
    present = widget()
    before = present.state_json()
    with pytest.raises(StateError, match=rf"{widget.__name__}\.{trait} must .*; \w+"):
        setattr(present, trait, value)
    assert present.state_json() == before


@LIMITED
@given(shape=st.lists(st.integers(0, 3), max_size=3).filter(lambda shape: shape != [2, 2]))
def test_any_other_shape_is_refused(shape: list[int]) -> None:
    with pytest.raises(ValueError, match=r"CellExplorer\.W_hh must hold finite numbers of shape \(2, 2\)"):
        CellExplorer(W_hh=np.zeros(shape))


def test_only_an_lstm_projects() -> None:
    with pytest.raises(ValueError, match=r"proj_size must be 0 for a cell 'GRU'"):
        ParameterCalculator(cell="GRU", proj_size=8)
    calculator = ParameterCalculator(proj_size=8)
    with pytest.raises(ValueError, match=r"proj_size must be 0 for a cell 'RNN'"):
        calculator.cell = "RNN"
    assert calculator.cell == "LSTM"
    with pytest.raises(ValueError, match=r"proj_size must be smaller than hidden_size=8"):
        calculator.hidden_size = 8


def test_an_unknown_keyword_is_named() -> None:
    with pytest.raises(TypeError, match=r"CellExplorer has no 'W_xx'; it takes W_hh, W_xh, b_h"):
        CellExplorer(W_xx=[[1, 0], [0, 1]])


def test_traits_are_values_nobody_can_change_in_place() -> None:
    given_rows = [[1.0, 2.0], [3.0, 4.0]]
    explorer = CellExplorer(W_hh=given_rows)
    given_rows[0][0] = 9.0
    assert explorer.W_hh == ((1.0, 2.0), (3.0, 4.0))


def test_traits_can_be_observed() -> None:
    explorer, seen = CellExplorer(), []
    explorer.observe(lambda change: seen.append(change["new"]), "x")
    explorer.x = [1, 2]
    assert seen == [(1.0, 2.0)]


@LIMITED
@given(
    radius=st.floats(0.5, 1.5),
    input_scale=st.floats(0.05, 2),
    seq_len=st.integers(2, 60),
    nonlinearity=st.sampled_from(["tanh", "relu"]),
)
def test_the_gradient_explorer_follows_the_steps_of_cells(
    radius: float, input_scale: float, seq_len: int, nonlinearity: Any
) -> None:
    explorer = GradientExplorer(radius=radius, input_scale=input_scale, seq_len=seq_len, nonlinearity=nonlinearity)
    W_hh, W_xh = radius * np.array(explorer.rotation), input_scale * np.array(explorer.W_xh)[:, None]
    xs = np.array(explorer.x)[:seq_len, None]
    run = rnn_sequence(xs, np.zeros(8), W_xh, W_hh, np.zeros(8), nonlinearity=nonlinearity)
    gradients = [np.array(explorer.dh_last)]
    for step in run.steps[:0:-1]:
        gradients.append(rnn_step_backward(step, gradients[-1]).dh_prev)
    flow = explorer.flow
    assert flow.state == pytest.approx(np.linalg.norm(run.h, axis=1), rel=1e-9)
    assert flow.gradient == pytest.approx(np.linalg.norm(gradients[::-1], axis=1), rel=1e-9, abs=0)
    assert (flow.gradient <= 10**flow.log10_bound * (1 + 1e-9)).all()


def test_without_a_nonlinearity_the_gradient_meets_its_bound() -> None:
    flow = GradientExplorer(nonlinearity="linear", radius=0.8, seq_len=11).flow
    assert flow.ratio == pytest.approx(0.8**10)
    assert flow.halved == 4
    assert flow.gradient == pytest.approx(10**flow.log10_bound)
    assert GradientExplorer(nonlinearity="linear", radius=1.1).flow.halved == -1


STACKS = list(itertools.product(["RNN", "LSTM", "GRU"], [0, 1], [0, 1]))


@pytest.mark.parametrize(("cell", "bidirectional", "bias"), STACKS)
def test_the_calculator_agrees_with_counting(cell: str, bidirectional: int, bias: int) -> None:
    for inputs, hidden, layers, projection in [(1, 64, 2, 0), (5, 7, 3, 3), (3, 4, 1, 1)]:
        options = {"bidirectional": bool(bidirectional), "bias": bool(bias)}
        if cell == "LSTM":
            options["proj_size"] = projection
        module = getattr(torch.nn, cell)(inputs, hidden, num_layers=layers, batch_first=True, **options)
        counted = count(module, input_size=(1, 9, inputs))
        shown = ParameterCalculator(
            cell=cell, input_size=inputs, hidden_size=hidden, num_layers=layers, seq_len=9, **options
        ).counts
        assert shown.pytorch == counted.parameters == sum(p.numel() for p in module.parameters())
        assert shown.keras == counted.keras_parameters
        assert shown.macs == counted.macs == 9 * shown.macs_per_step


# --- panels


def draw(size: int = 3, name: str = "a") -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot(range(size), label=name)
    return figure


def test_a_panel_knows_its_controls() -> None:
    made = panel(draw, size=(1, 5), name=["a", "<b>"])
    made.controls["name"].value = "<b>"
    assert made.values == {"size": 3, "name": "<b>"}
    assert not made.controls["size"].continuous_update
    assert "Needs Jupyter" in made.caption_html()
    assert "name = &lt;b&gt;" in made.caption_html()
    assert isinstance(made, Panel)


def test_a_panel_whose_function_fails_fails_the_cell() -> None:
    with pytest.raises(TypeError, match=r"must return a Matplotlib figure but returned int; end it with"):
        panel(lambda size: size, size=(1, 5))  # type: ignore[arg-type,return-value]
    with pytest.raises(ZeroDivisionError):
        panel(lambda size: size / 0, size=(1, 5))  # type: ignore[arg-type,return-value]


PANEL = """
from matplotlib import pyplot as plt
from rnncourse.widgets import panel
calls = []
def train(size=2):
    calls.append(size)
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot(range(size))
    return figure
moved = panel(train, size=(1, 5), needs="trains again")
"""


def test_a_panels_control_moves_through_the_kernel() -> None:
    with front_end() as kernel:
        kernel.run(PANEL)
        picture, caption = (output["data"] for output in kernel.run("moved"))
        assert set(picture) == {VIEW, "image/png", "text/plain"}
        assert set(caption) == {VIEW, "text/html", "text/plain"}
        assert picture["text/plain"] == "Panel: size = 2"
        assert "(trains again). The picture shows size = 2." in caption["text/html"]

        (drawn,) = kernel.drive(size=5)
        assert drawn.startswith(b"\x89PNG")
        assert drawn != b64decode(picture["image/png"])

        after, caption = (output["data"] for output in kernel.run("moved"))
        assert b64decode(after["image/png"]) == drawn
        assert "The picture shows size = 5." in caption["text/html"]
        assert kernel.run("print(calls)")[0]["text"] == "[2, 5]\n"


@LIMITED
@given(
    days=st.lists(st.floats(-10, 40), min_size=11, max_size=40),
    weights=st.tuples(*[st.floats(-1, 1)] * 10),
    keep=st.floats(0, 1.2),
    usual=st.floats(-10, 40),
)
def test_the_forecast_explorer_forecasts_from_the_ten_days_before(
    days: list[float], weights: Any, keep: float, usual: float
) -> None:
    network = days[10:]
    explorer = ForecastExplorer(days=days, network=network, weights=weights, intercept=1.5, keep=keep, usual=usual)
    made = explorer.forecasts
    for k, target in enumerate(days[10:]):
        seen = days[k : k + 10]
        assert made["persistence"][k] == seen[-1]
        assert made["linear"][k] == pytest.approx(1.5 + sum(w * s for w, s in zip(weights, seen[::-1], strict=True)))
        assert made["yours"][k] == pytest.approx(usual + keep * (seen[-1] - usual))
        assert explorer.targets[k] == target
    assert explorer.errors["network"] == 0.0
    steps = np.diff(days)[9:]
    assert explorer.errors["persistence"] == pytest.approx(np.mean(steps**2))
    assert ForecastExplorer(days=days, network=network, keep=1.0).errors["yours"] == pytest.approx(np.mean(steps**2))
