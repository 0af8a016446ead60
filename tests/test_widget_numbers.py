"""Each widget's numbers are what cells, torch or a closed form say, and its table and summary show them."""

import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.cells import lstm_step, rnn_sequence, rnn_step
from rnncourse.counting import count
from rnncourse.gates import trace_gates
from rnncourse.receptive_field import effective_width
from rnncourse.variants import SkipGRU
from rnncourse.widgets import (
    CausalityExplorer,
    CellExplorer,
    ForecastExplorer,
    GateExplorer,
    GateScrubber,
    GradientExplorer,
    LSTMWalk,
    PaddingExplorer,
    PageWidget,
    ParameterCalculator,
    ReceptiveField,
    SkipExplorer,
    StatePath,
)
from rnncourse.widgets.causality_explorer import BACKWARD, FORWARD, INPUTS, NETWORKS, STEPS, WINDOW
from rnncourse.widgets.gate_explorer import TASKS
from rnncourse.widgets.lstm_walk import STAGES
from rnncourse.widgets.padding_explorer import NETWORKS as READERS
from tests.closeness import assert_close_ulp

few = settings(max_examples=25)
NUMBER = st.floats(-3, 3)
PAIR = st.tuples(NUMBER, NUMBER)


def table(widget: PageWidget) -> list[list[str]]:
    """The cells of each row of the table, its header first."""
    return [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in widget.fallback_html().split("<tr>")[2:]]


def read(texts: list[str]) -> list[float]:
    return [math.nan if text == "–" else float(text.replace("−", "-")) for text in texts]


def near(one: Any, other: Any) -> None:
    """States and gates, at most a hundred steps of a few terms each."""
    assert_close_ulp(one, other, 256, scale=1.0)


# --- one cell


@few
@given(x=PAIR, h_prev=PAIR, W_hh=st.tuples(PAIR, PAIR), nonlinearity=st.sampled_from(["tanh", "relu"]))
def test_the_cell_explorer_shows_the_step_of_cells(x: Any, h_prev: Any, W_hh: Any, nonlinearity: Any) -> None:
    explorer = CellExplorer(x=np.array(x), h_prev=h_prev, W_hh=W_hh, nonlinearity=nonlinearity)
    step = rnn_step(x, h_prev, explorer.W_xh, W_hh, explorer.b_h, nonlinearity=nonlinearity)
    assert np.array_equal(explorer.step.h, step.h)
    assert read(table(explorer)[-1][1:]) == pytest.approx(step.h, abs=5.1e-5)


@few
@given(sequence=st.lists(st.tuples(*[st.floats(-8, 8)] * 4), min_size=8, max_size=8), c_0=NUMBER)
def test_the_gate_explorer_is_lstm_step_repeated(sequence: Any, c_0: float) -> None:
    explorer, c = GateExplorer(sequence=sequence, c_0=[c_0]), [c_0]
    for preactivations, shown, row in zip(sequence, explorer.run.steps, table(explorer), strict=True):
        # The same gates another way: as biases alone, with nothing coming in.
        step = lstm_step([0.0], [0.0], c, np.zeros((4, 1)), np.zeros((4, 1)), preactivations)
        names = ("i", "f", "g", "o", "kept", "written", "c", "h")
        for name in names:
            near(getattr(shown, name), getattr(step, name))
        assert read(row[1:]) == pytest.approx([getattr(step, name)[0] for name in names], abs=5.1e-4)
        c = step.c


# What does each task: the sequence to start from, and the pre-activations that a reader changes.
WRITE, KEEP, CLEAR = (8, 8, 8, 8), (-8, 8, 1, 8), (-8, -8, 1, 8)
SECRET = (-8, 8, 1, -8)
DONE = {
    "none": [KEEP] * 8,
    "overwrite": [(8, 8, 1, 8), *[KEEP] * 3, (8, -8, -1, 8), *[KEEP] * 3],
    "count": [WRITE, WRITE, WRITE, CLEAR, WRITE, KEEP, KEEP, KEEP],
    "hide": [(8, 8, 1, -8), *[SECRET] * 6, KEEP],
}


@pytest.mark.parametrize("task", TASKS)
def test_each_task_of_the_gate_explorer_can_be_done(task: str) -> None:
    assert max(GateExplorer(task=task, sequence=DONE[task]).off, default=0) < 0.05
    assert max(GateExplorer(task=task).off, default=1) > 0.5
    explorer = GateExplorer(task=task, sequence=DONE[task])
    wanted = [abs(getattr(explorer.run, name)[t - 1, 0] - target) for name, t, target in TASKS[task]]
    assert explorer.off == wanted


@few
@given(x=NUMBER, h_prev=PAIR, c_prev=PAIR, bias=st.lists(NUMBER, min_size=8, max_size=8), at=st.integers(1, 11))
def test_every_stage_of_the_walk_is_lstm_step(x: float, h_prev: Any, c_prev: Any, bias: Any, at: int) -> None:
    walk = LSTMWalk(x=[x], h_prev=h_prev, c_prev=c_prev, b=bias, at=at)
    step = lstm_step([x], h_prev, c_prev, walk.W_ih, walk.W_hh, bias)
    stages = [name for _, name in STAGES.values()]
    for name, row in zip(stages, table(walk), strict=False):
        assert read(row[1:]) == pytest.approx(getattr(step, name), abs=5.1e-5)
    numbers = re.findall(r">(\u2212?\d+\.\d{4})</text>", walk.fallback_html())
    order = ("c_prev", "h_prev", "x", "f", "kept", "i", "g", "written", "o", "c", "h")
    assert read(numbers) == pytest.approx(np.concatenate([getattr(step, name) for name in order]), abs=5.1e-5)
    shown = read(re.findall(r"-?\d+\.\d{4}", repr(walk).replace("−", "-")))
    assert shown == pytest.approx(getattr(step, stages[at - 1]), abs=5.1e-5)


# --- sequences of states


def unrolled(rnn: nn.LSTM) -> dict[str, Any]:
    """The weights of a torch layer, as the widgets take them."""
    weights = {name: weight.detach().numpy() for name, weight in rnn.named_parameters()}
    b = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    return {"W_ih": weights["weight_ih_l0"], "W_hh": weights["weight_hh_l0"], "b": b}


@few
@given(
    series=st.lists(st.floats(-4, 4), min_size=12, max_size=40),
    size=NUMBER,
    jump_at=st.integers(1, 12),
    seed=st.integers(0, 99),
    unit=st.sampled_from([0, 3]),
)
def test_the_scrubbers_gates_are_those_of_torch(series: Any, size: float, jump_at: int, seed: int, unit: int) -> None:
    torch.manual_seed(seed)
    rnn = nn.LSTM(1, 8, batch_first=True, dtype=torch.float64)
    widget = GateScrubber(series=series, size=size, jump_at=jump_at, at=1, unit=unit, **unrolled(rnn))
    added = np.array(series) + np.where(np.arange(1, len(series) + 1) < jump_at, 0, size)
    assert widget.loads[0] == pytest.approx(added)
    trace = trace_gates(rnn, torch.tensor(np.stack((added, series)))[..., None])
    for name, gate in {"f": "forget", "i": "input", "o": "output"}.items():
        wanted = trace[gate][0, 0].numpy()
        near(np.stack(widget.gate(name)), wanted[..., unit - 1] if unit else wanted.mean(axis=-1))


def test_the_scrubber_shows_the_jump_and_what_would_have_been() -> None:
    widget = GateScrubber(size=1.5, jump_at=30, at=29)
    jumped, plain = widget.gate("f")
    assert np.array_equal(jumped[:29], plain[:29])
    assert (jumped[29:] != plain[29:]).all()
    widget.size = 0
    assert all(np.array_equal(*widget.gate(name)) for name in "fio")


INPUT_SERIES = {"constant": [1.0] * 100, "alternating": [1.0, -1.0] * 50, "pulse": [1.0] * 10 + [0.0] * 90}


@pytest.mark.parametrize("inputs", INPUT_SERIES)
def test_a_state_path_is_that_of_torchs_lstm(inputs: str) -> None:
    path = StatePath(inputs=inputs, forget_bias=2.5, output_bias=0.5, recurrent_scale=1.2, angle=40.0)
    lstm = nn.LSTM(1, 2, batch_first=True, dtype=torch.float64)
    cosine, sine = 1.2 * math.cos(math.radians(40)), 1.2 * math.sin(math.radians(40))
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.zero_()
        lstm.weight_ih_l0[4:6, 0] = torch.tensor([0.5, 0.25], dtype=torch.float64)
        lstm.weight_hh_l0[4:6] = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
        lstm.bias_ih_l0[2:4], lstm.bias_hh_l0[6:8] = 2.5, 0.5
        h, (_, c) = lstm(torch.tensor(INPUT_SERIES[inputs], dtype=torch.float64)[None, :, None])
    near(path.run.h, h[0])
    near(path.run.c[-1], c[0, 0])


@few
@given(
    st.floats(-2, 8), st.floats(-4, 4), st.floats(0, 2), st.floats(0, 4), st.floats(-180, 180),
    st.sampled_from([*INPUT_SERIES, "noise"]),
)  # fmt: skip
def test_a_state_path_never_leaves_its_region(
    forget: float, output: float, strength: float, scale: float, angle: float, inputs: str
) -> None:
    options = {"forget_bias": forget, "output_bias": output, "input_strength": strength, "recurrent_scale": scale}
    path = StatePath(**options, angle=angle, inputs=inputs)
    assert np.linalg.norm(path.run.c, axis=1).max() <= path.limit * (1 + 1e-12)
    assert np.abs(path.run.h).max() <= 1 / (1 + math.exp(-output)) * (1 + 1e-12)


@few
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
        slope = 1 - step.h**2 if nonlinearity == "tanh" else step.z > 0
        gradients.append(W_hh.T @ (gradients[-1] * slope))
    flow = explorer.flow
    assert flow.state == pytest.approx(np.linalg.norm(run.h, axis=1), rel=1e-9)
    assert flow.gradient == pytest.approx(np.linalg.norm(gradients[::-1], axis=1), rel=1e-9, abs=0)
    assert (flow.gradient <= 10**flow.log10_bound * (1 + 1e-9)).all()


def test_without_a_nonlinearity_the_gradient_meets_its_bound() -> None:
    flow = GradientExplorer(nonlinearity="linear", radius=0.8, seq_len=11).flow
    assert flow.gradient[0] == pytest.approx(0.8**10 * flow.gradient[-1])
    assert flow.gradient == pytest.approx(10**flow.log10_bound)


# --- what reaches what

OUTPUT, INPUT = np.indices((STEPS, STEPS))
REACH = {
    "forwards": INPUT <= OUTPUT,
    "both ways": np.ones((STEPS, STEPS), dtype=bool),
    "past windows": (INPUT < OUTPUT) & (INPUT >= OUTPUT - WINDOW) & (OUTPUT >= WINDOW),
    "centred average": abs(INPUT - OUTPUT) <= 2,
}


def test_the_causality_explorers_networks_are_torchs_layer() -> None:
    layer = nn.RNN(1, 2, batch_first=True, bidirectional=True, bias=False, dtype=torch.float64).requires_grad_(False)
    for parameter, weight in zip(layer.parameters(), (*FORWARD[:2], *BACKWARD[:2]), strict=True):
        parameter.copy_(torch.from_numpy(weight))

    def both(x: np.ndarray) -> tuple[Any, Any]:
        h = layer(torch.from_numpy(x)[None, :, None])[0][0].numpy()
        return h[:, :2] @ FORWARD[2], h[:, 2:] @ BACKWARD[2]

    ahead, back = both(INPUTS)
    near(CausalityExplorer(network="forwards").before, ahead)
    near(CausalityExplorer(network="both ways").before, ahead + back)
    windows = [both(INPUTS[t - WINDOW : t]) for t in range(WINDOW, STEPS)]
    forecasts = [math.nan] * WINDOW + [ahead[-1] + back[0] for ahead, back in windows]
    near(CausalityExplorer(network="past windows").before, np.array(forecasts))


@few
@given(
    network=st.sampled_from(sorted(NETWORKS)),
    step=st.integers(1, STEPS),
    push=st.floats(0.01, 2) | st.floats(-2, -0.01),  # a smaller push drowns in the rounding of what it is added to
)
def test_exactly_the_outputs_that_can_move_do(network: str, step: int, push: float) -> None:
    widget = CausalityExplorer(network=network, step=step, push=push)
    assert ((widget.influence > 0) == REACH[network]).all()
    column = REACH[network][:, step - 1]
    assert widget.moved == (column[: step - 1].sum(), column[step - 1 :].sum())
    np.testing.assert_array_equal(
        np.nan_to_num(abs(widget.outputs(widget.pushed) - widget.before)), widget.influence[:, step - 1]
    )
    pushed = INPUTS + push * (np.arange(STEPS) == step - 1)
    for t, row in enumerate(table(widget)):
        wanted = [pushed[t], widget.before[t], widget.outputs(pushed)[t]]
        assert read(row[1:]) == pytest.approx(wanted, abs=5.1e-4, nan_ok=True)
    assert "{} earlier and {} later outputs move".format(*widget.moved) in repr(widget)
    widget.push = 0.0
    assert not widget.influence.any()


@few
@given(
    kernel=st.integers(1, 4), depth=st.integers(1, 4), growth=st.integers(1, 3), keep=st.floats(0.01, 1.0),
    steps=st.integers(2, 128),
)  # fmt: skip
def test_the_receptive_field_is_the_gradient_of_a_stack_of_ones(
    kernel: int, depth: int, growth: int, keep: float, steps: int
) -> None:
    reach = ReceptiveField(kernel_size=kernel, depth=depth, growth=growth, seq_len=steps, keep=keep).reach
    dilations = [growth**layer for layer in range(10)]
    x = torch.zeros(1, 1, steps, dtype=torch.float64, requires_grad=True)
    states, one = x, torch.ones(1, 1, kernel, dtype=torch.float64)
    for dilation in dilations[:depth]:
        states = nn.functional.conv1d(nn.functional.pad(states, ((kernel - 1) * dilation, 0)), one, dilation=dilation)
    (slope,) = torch.autograd.grad(states[0, 0, -1], x)
    paths = slope.flatten() / slope.sum()
    assert reach.paths == pytest.approx(paths.numpy(), rel=1e-9, abs=0)
    assert reach.reached == (slope > 0).sum()
    assert reach.field == 1 + (kernel - 1) * sum(dilations[:depth])
    assert reach.width == effective_width(paths)
    fading = keep ** np.arange(steps - 1, -1, -1.0)
    assert reach.fading == pytest.approx(fading / fading.sum(), rel=1e-9, abs=0)
    if kernel == 1:
        assert reach.layers_needed == -1
        return
    needed = [
        1 + (kernel - 1) * sum(growth**k for k in range(n)) for n in (reach.layers_needed - 1, reach.layers_needed)
    ]
    assert needed[0] < steps <= needed[1]


@pytest.mark.parametrize("rise", [0.013, 0.07, 0.11, 0.26, 0.4999, 0.77])
def test_the_skip_explorers_gate_is_that_of_a_skip_gru(rise: float) -> None:
    skip = SkipGRU(1, 2, batch_first=True).double()
    nn.init.zeros_(skip.update_weight)
    nn.init.constant_(skip.update_bias, math.log(rise / (1 - rise)))
    updates = skip.run(torch.zeros(1, 40, 1, dtype=torch.float64)).updates[0]
    path = SkipExplorer(waiting=rise, after=rise).path
    assert list(path.looks) == updates.nonzero().flatten().tolist()
    assert path.share == pytest.approx(updates.mean().item())


@few
@given(st.integers(1, 32), st.integers(1, 8), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_pulse_is_met_by_the_first_look_inside_it(start: int, lasts: int, waiting: float, after: float) -> None:
    explorer = SkipExplorer(start=start, lasts=lasts, waiting=waiting, after=after)
    path = explorer.path
    inside = [step for step in path.looks if start - 1 <= step < start - 1 + lasts]
    assert path.met == (inside[0] if inside else None)
    assert path.looks[0] == 0
    # Whoever looks at least once within the pulse's length cannot step over it.
    assert path.met is not None or waiting * lasts < 0.5 + 1e-9
    told = "missed" if path.met is None else f"met at step {path.met + 1}"
    assert told in repr(explorer)
    assert table(explorer)[-1][1] == told
    assert table(explorer)[2][1] == f"{100 * path.share:.1f} %"


# --- padding


def padded(rnns: list[nn.LSTM], seed: int = 0) -> dict[str, Any]:
    """Three torch layers and a random readout, as the padding explorer takes them."""
    rng = np.random.default_rng(seed)
    weights = {name: [unrolled(rnn)[name] for rnn in rnns] for name in ("W_ih", "W_hh", "b")}
    state = {"sentences": ("a b", "c", "b c a b"), "labels": [1, 0, 1], "words": ("a", "b", "c")}
    readout = {"embedding": rng.normal(size=(3, 3, 4)), "W_hy": rng.normal(size=(3, 8)), "b_y": rng.normal(size=3)}
    return state | weights | readout


def layers(seed: int) -> list[nn.LSTM]:
    torch.manual_seed(seed)
    return [nn.LSTM(4, 8, batch_first=True, dtype=torch.float64) for _ in READERS]


def vectors(widget: PaddingExplorer, sentence: int) -> np.ndarray:
    rows = [widget.words.index(word) for word in widget.sentences[sentence - 1].split()]
    return np.asarray(widget.embedding)[rows, READERS.index(widget.network)]


@few
@given(
    seed=st.integers(0, 99),
    network=st.sampled_from(READERS),
    place=st.sampled_from(["behind", "in front"]),
    pads=st.integers(0, 60),
    sentence=st.integers(1, 3),
)
def test_the_padded_states_are_those_of_torch(seed: int, network: str, place: str, pads: int, sentence: int) -> None:
    rnns, n = layers(seed), READERS.index(network)
    widget = PaddingExplorer(network=network, place=place, pads=pads, sentence=sentence, **padded(rnns, seed))
    words, nothing = vectors(widget, sentence), np.zeros((pads, 4))
    row = np.concatenate([words, nothing] if place == "behind" else [nothing, words])
    states = rnns[n](torch.from_numpy(row)[None])[0][0].detach().numpy()
    last_word = len(words) - 1 + (pads if place == "in front" else 0)
    wanted = states[[last_word, -1]] @ np.asarray(widget.W_hy[n]) + widget.b_y[n]
    near(widget.friendly(sentence, pads), torch.sigmoid(torch.from_numpy(wanted)))
    widget.place = "masked"
    assert np.array_equal(widget.friendly(sentence, pads), widget.friendly(sentence, 0))


# --- counts and forecasts


@pytest.mark.parametrize(
    ("cell", "bidirectional", "bias"), [*itertools.product(["RNN", "LSTM", "GRU"], [False, True], [False, True])]
)
def test_the_calculator_agrees_with_counting(cell: str, bidirectional: bool, bias: bool) -> None:
    for inputs, hidden, depth, projection in [(1, 64, 2, 0), (5, 7, 3, 3), (3, 4, 1, 1)]:
        options: dict[str, Any] = {"bidirectional": bidirectional, "bias": bias, "num_layers": depth}
        options |= {"proj_size": projection} if cell == "LSTM" else {}
        module = getattr(nn, cell)(inputs, hidden, batch_first=True, **options)
        counted = count(module, input_size=(1, 9, inputs))
        shown = ParameterCalculator(cell=cell, input_size=inputs, hidden_size=hidden, seq_len=9, **options).counts
        assert shown.pytorch == counted.parameters == sum(p.numel() for p in module.parameters())
        assert shown.keras == counted.keras_parameters
        assert shown.macs == counted.macs == 9 * shown.macs_per_step


@few
@given(
    days=st.lists(st.floats(-10, 40), min_size=11, max_size=40),
    weights=st.tuples(*[st.floats(-1, 1)] * 10),
    keep=st.floats(0, 1.2),
    usual=st.floats(-10, 40),
)
def test_the_forecast_explorer_forecasts_from_the_ten_days_before(
    days: list[float], weights: Any, keep: float, usual: float
) -> None:
    options = {"days": days, "network": days[10:], "weights": weights, "intercept": 1.5}
    explorer = ForecastExplorer(**options, keep=keep, usual=usual)
    made = explorer.forecasts
    for k, target in enumerate(days[10:]):
        seen = days[k : k + 10]
        assert made["persistence"][k] == seen[-1]
        assert made["linear"][k] == pytest.approx(1.5 + sum(w * s for w, s in zip(weights, seen[::-1], strict=True)))
        assert made["yours"][k] == pytest.approx(usual + keep * (seen[-1] - usual))
        assert explorer.targets[k] == target
    assert explorer.errors["network"] == 0.0
    persistence = pytest.approx(np.mean(np.diff(days)[9:] ** 2))
    assert explorer.errors["persistence"] == persistence
    assert ForecastExplorer(**options, keep=1.0).errors["yours"] == persistence
