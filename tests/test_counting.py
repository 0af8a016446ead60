"""Counts against closed forms, the two reports, ``numel()`` and ``FlopCounterMode``."""

import copy
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from rnncourse.counting import (
    Count,
    CountError,
    Operations,
    count,
    fused,
    module_from_text,
    register_recurrent_flops,
)

# torch warns once about each of these when oneDNN is switched or cannot be used.
pytestmark = [
    pytest.mark.filterwarnings("ignore:TF32 acceleration"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
]


class Reader(nn.Module):
    """A recurrent stack, its last step, and a head: the shape of most networks in the two reports."""

    def __init__(self, recurrent: list[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.recurrent = nn.ModuleList(recurrent)
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.recurrent:
            x, _ = layer(x)
        return self.head(x[:, -1])


def hw5() -> Reader:
    stack = [nn.RNN(64, 32, batch_first=True), nn.RNN(32, 64, batch_first=True)]
    return Reader(stack, nn.Sequential(nn.Linear(64, 512), nn.Linear(512, 10)))


def weather(kind: type[nn.RNNBase]) -> Reader:
    return Reader([kind(1 if i == 0 else 50, 50, batch_first=True) for i in range(4)], nn.Linear(50, 1))


def power(kind: type[nn.RNNBase], *, bidirectional: bool = False) -> Reader:
    width = 128 if bidirectional else 64
    return Reader([kind(1, 64, 2, batch_first=True, bidirectional=bidirectional)], nn.Linear(width, 1))


class Emotion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(60_000, 100)
        self.gru = nn.GRU(100, 128, batch_first=True, bidirectional=True)
        self.norm = nn.BatchNorm1d(256)
        self.head = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 6), nn.Softmax(-1)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        _, last = self.gru(self.embedding(tokens))
        return self.head(self.norm(torch.cat([last[0], last[1]], dim=1)))


# The two reports


def test_hw5_table_line_by_line() -> None:
    c = count(hw5(), input_size=(1, 50, 64))
    assert [layer.parameters for layer in c.layers] == [3_136, 6_272, 33_280, 5_130]
    assert [layer.flops("coursework") for layer in c.layers] == [310_400, 620_800, 66_048, 10_250]
    assert [layer.output_shape for layer in c.layers] == [(1, 50, 32), (1, 50, 64), (1, 512), (1, 10)]
    assert (c.parameters, c.flops("coursework")) == (47_818, 1_007_498)


def test_hw5_total_in_the_other_conventions() -> None:
    c = count(hw5(), input_size=(1, 50, 64))
    assert c.macs == 50 * (32 * 96 + 64 * 96) + 64 * 512 + 512 * 10
    assert c.flops("gemm") == 2 * c.macs
    assert c.flops("all") == 1_007_498 + 50 * (32 + 64)


def test_every_count_scales_with_the_batch() -> None:
    one, eight = count(hw5(), (1, 50, 64)), count(hw5(), (8, 50, 64))
    for convention in ("gemm", "coursework", "all"):
        assert eight.flops(convention) == 8 * one.flops(convention)
    assert eight.parameters == one.parameters


@pytest.mark.parametrize(("kind", "reported"), [(nn.LSTM, 71_051), (nn.GRU, 53_901), (nn.RNN, 17_801)])
def test_weather_networks_in_keras_convention(kind: type[nn.RNNBase], reported: int) -> None:
    c = count(weather(kind), (1, 10, 1))
    assert c.keras_parameters == reported
    gates = {nn.LSTM: 4, nn.GRU: 0, nn.RNN: 1}[kind]
    assert c.parameters == reported + 4 * 50 * gates


@pytest.mark.parametrize(
    ("module", "reported"),
    [
        (power(nn.RNN), 12_673),
        (power(nn.LSTM), 50_497),
        (power(nn.GRU), 37_889),
        (power(nn.LSTM, bidirectional=True), 133_761),
    ],
)
def test_power_networks_in_torch_convention(module: nn.Module, reported: int) -> None:
    assert count(module, (1, 60, 1)).parameters == reported


def test_emotion_network_layer_by_layer() -> None:
    c = count(Emotion(), (1, 79), dtype=torch.long)
    rows = {layer.path: layer.keras_parameters for layer in c.layers if layer.keras_parameters}
    assert rows == {"embedding": 6_000_000, "gru": 176_640, "norm": 1_024, "head.1": 16_448, "head.4": 390}
    assert (c.keras_parameters, c.keras_non_trainable) == (6_194_502, 512)
    # torch keeps the moving statistics, and a counter of batches, as buffers.
    assert (c.parameters, c.trainable_parameters, c.buffers) == (6_193_990, 6_193_990, 513)


# Random layers against torch itself


@dataclass(frozen=True)
class Case:
    """A module, its input and whether the input needs a gradient."""

    module: nn.Module
    x: Tensor
    tracked: bool

    @property
    def counted(self) -> Count:
        return count(self.module, tuple(self.x.shape), dtype=self.x.dtype, input_requires_grad=self.tracked)


sizes = st.integers(1, 4)


@st.composite
def recurrent_cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from([nn.RNN, nn.LSTM, nn.GRU]))
    features, hidden = draw(sizes), draw(st.integers(2, 6))
    options: dict[str, Any] = {
        "num_layers": draw(st.sampled_from([1, 1, 2, 3])),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if kind is nn.LSTM and draw(st.booleans()):
        options["proj_size"] = draw(st.integers(1, hidden - 1))
    if kind is nn.RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    leading = draw(st.lists(sizes, min_size=1, max_size=2))
    return Case(kind(features, hidden, **options), torch.randn(*leading, features), draw(st.booleans()))


@st.composite
def frozen_cases(draw: st.DrawFn) -> Case:
    """Some parameters or whole layers frozen: what lies below them may still need a gradient."""
    case = draw(recurrent_cases())
    names = [name for name, _ in case.module.named_parameters()]
    parts = st.sampled_from([*names, *(f"_l{layer}" for layer in range(3))])
    frozen = draw(st.sets(parts))
    for name, parameter in case.module.named_parameters():
        parameter.requires_grad_(not any(part in name for part in frozen))
    return case


@st.composite
def cell_cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from([nn.RNNCell, nn.LSTMCell, nn.GRUCell]))
    features = draw(sizes)
    cell = kind(features, draw(sizes), bias=draw(st.booleans()))
    leading = draw(st.lists(sizes, max_size=1))
    return Case(cell, torch.randn(*leading, features), draw(st.booleans()))


@st.composite
def plain_cases(draw: st.DrawFn) -> Case:
    batch, features, out, length = draw(sizes), draw(sizes), draw(sizes), draw(st.integers(3, 7))
    bias, kernel, stride = draw(st.booleans()), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    convolution = {"stride": stride, "padding": draw(st.integers(0, 2)), "bias": bias}
    sequence, image = torch.randn(batch, features, length), torch.randn(batch, features, length, 5)
    modules: list[tuple[Callable[[], nn.Module], Tensor]] = [
        (lambda: nn.Linear(features, out, bias=bias), torch.randn(batch, length, features)),
        (lambda: nn.Conv1d(features, out, kernel, **convolution), sequence),
        (lambda: nn.Conv2d(features, out, (kernel, 2), **convolution), image),
        (lambda: nn.Sequential(nn.BatchNorm1d(features), nn.Conv1d(features, out, kernel)), sequence),
        (lambda: nn.Sequential(nn.BatchNorm2d(features), nn.ReLU(), nn.Flatten()), image),
        (lambda: nn.Sequential(nn.LayerNorm(length, bias=bias), nn.Linear(length, out), nn.Tanh()), sequence),
        (
            lambda: nn.Sequential(nn.Embedding(9, features), nn.Dropout(0.1), nn.Linear(features, out)),
            torch.randint(9, (batch, length)),
        ),
    ]
    build, x = draw(st.sampled_from(modules))
    return Case(build(), x, x.is_floating_point() and draw(st.booleans()))


def first(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def torch_flops(case: Case, *, onednn: bool) -> tuple[int, int, tuple[int, ...]]:
    """Forward and backward FLOPs that FlopCounterMode reports, and the output's shape."""
    module = case.module.eval() if not isinstance(case.module, nn.RNNBase) else case.module
    x = case.x.detach().clone().requires_grad_(case.tracked)
    # Activations in place would need a non-leaf; none of the cases has one.
    with torch.backends.mkldnn.flags(enabled=onednn):
        with FlopCounterMode(display=False) as forward:
            out = first(module(x))
        with FlopCounterMode(display=False) as backward:
            if out.requires_grad:
                out.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops(), tuple(out.shape)


@settings(max_examples=150, deadline=None)
@given(st.one_of(recurrent_cases(), frozen_cases(), cell_cases(), plain_cases()))
def test_agrees_with_numel_and_the_unfused_flop_counter(case: Case) -> None:
    c = case.counted
    forward, backward, shape = torch_flops(case, onednn=False)
    assert c.parameters == sum(p.numel() for p in case.module.parameters())
    assert c.buffers == sum(b.numel() for b in case.module.buffers())
    assert c.flops("gemm") == forward
    assert c.backward_flops == backward
    assert c.layers[-1].output_shape == shape


@pytest.mark.parametrize("learns", ["weight_hr_l0", "weight_hh_l0", "weight_hr_l1", "weight_ih_l1", "bias_hh_l0"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_backward_counts_where_one_parameter_learns(learns: str, steps: int) -> None:
    lstm = nn.LSTM(3, 4, 2, proj_size=2)
    for name, parameter in lstm.named_parameters():
        parameter.requires_grad_(name == learns)
    case = Case(lstm, torch.randn(steps, 5, 3), tracked=False)
    assert case.counted.backward_flops == torch_flops(case, onednn=False)[1]


@settings(max_examples=50, deadline=None)
@given(recurrent_cases())
def test_agrees_with_the_fused_flop_counter_once_registered(case: Case) -> None:
    register_recurrent_flops()
    c = case.counted
    forward, backward, _ = torch_flops(case, onednn=True)
    one_kernel = isinstance(case.module, nn.LSTM) and not case.module.proj_size
    assert c.flops("gemm") == forward
    # The fused kernel also computes the gradients of the input and of the initial state.
    assert backward == (2 * forward if one_kernel else c.backward_flops)


def test_registration_is_explicit_and_idempotent(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure() -> int:
        with FlopCounterMode(display=False) as counter:
            nn.LSTM(1, 64, 2, batch_first=True)(torch.randn(1, 60, 1))[0].sum().backward()
        return int(counter.get_total_flops())

    monkeypatch.setattr("torch.utils.flop_counter.flop_registry", bare := dict(flop_registry))
    monkeypatch.setattr(fused, "flop_registry", bare)
    for name in ("mkldnn_rnn_layer", "mkldnn_rnn_layer_backward", "_cudnn_rnn", "_cudnn_rnn_backward"):
        bare.pop(getattr(torch.ops.aten, name), None)
    importlib.reload(fused)
    assert measure() == 0
    fused.register_recurrent_flops()
    registered = dict(bare)
    fused.register_recurrent_flops()
    assert bare == registered
    assert measure() == 3 * 2 * 2_964_480


@pytest.mark.parametrize(("dropped", "factor"), [(True, 1), (False, 2)])
def test_cudnn_formulas_on_meta_tensors(dropped: bool, factor: int) -> None:
    register_recurrent_flops()
    with torch.device("meta"):
        gru = nn.GRU(5, 4, 2, bidirectional=True)
        x, hx = torch.empty(7, 3, 5), torch.empty(4, 3, 4)
        weights = list(gru.parameters())
        tail = (False, 0.0, True, True, [], None)
        with FlopCounterMode(display=False) as forward, torch.no_grad():
            torch.ops.aten._cudnn_rnn(x, weights, 4, None, hx, None, 3, 4, 0, 2, *tail)
    assert forward.get_total_flops() == count(gru, (7, 3, 5)).flops("gemm")
    shapes = [tuple(w.shape) for w in weights]
    asked = fused.cudnn_backward_flops((7, 3, 5), shapes, *tail, None, [True, True, False, not dropped])
    assert asked == factor * forward.get_total_flops()


# Elementwise operations, from the cells written out


class WrittenRNN(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(features + hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], self.gate.out_features)
        return torch.tanh(self.gate(torch.cat([x, h], dim=1)))


class WrittenLSTM(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Linear(features + hidden, hidden) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], self.gates[0].out_features)
        c_prev = torch.zeros_like(h)
        i, f, g, o = (gate(torch.cat([x, h], dim=1)) for gate in self.gates)
        c = torch.sigmoid(f) * c_prev + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c)


class WrittenGRU(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.reset, self.update = nn.Linear(features + hidden, hidden), nn.Linear(features + hidden, hidden)
        self.new_x, self.new_h = nn.Linear(features, hidden), nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], self.reset.out_features)
        both = torch.cat([x, h], dim=1)
        r, z = torch.sigmoid(self.reset(both)), torch.sigmoid(self.update(both))
        n = torch.tanh(self.new_x(x) + r * self.new_h(h))
        return (1 - z) * n + z * h


@pytest.mark.parametrize(
    ("written", "cell", "sequence", "per_unit"),
    [
        (WrittenRNN, nn.RNNCell, nn.RNN, 1),
        (WrittenLSTM, nn.LSTMCell, nn.LSTM, 9),
        (WrittenGRU, nn.GRUCell, nn.GRU, 9),
    ],
)
def test_elementwise_operations_equal_the_cell_written_out(
    written: Any, cell: Any, sequence: Any, per_unit: int
) -> None:
    by_hand, rule = count(written(3, 5), (2, 3)), count(cell(3, 5), (2, 3))
    assert (by_hand.macs, by_hand.elementwise) == (rule.macs, rule.elementwise)
    assert rule.elementwise == 2 * 5 * per_unit
    assert count(sequence(3, 5, 2), (7, 2, 3)).elementwise == 7 * 2 * 2 * 5 * per_unit


@pytest.mark.parametrize(
    ("module", "size", "elementwise"),
    [
        (nn.Softmax(-1), (3, 4), 12),
        (nn.ReLU(), (3, 4), 12),
        (nn.BatchNorm1d(4), (3, 4), 4 * 12),
        (nn.BatchNorm1d(4, affine=False), (3, 4), 2 * 12),
        (nn.BatchNorm2d(4), (1, 4, 2, 3), 4 * 24),
        (nn.BatchNorm1d(4, track_running_stats=False), (3, 4), 7 * 12),
        (nn.LayerNorm(4), (3, 4), 7 * 12),
        (nn.LayerNorm(4, elementwise_affine=False), (3, 4), 5 * 12),
        (nn.Dropout(0.5), (3, 4), 0),
        (nn.Flatten(), (3, 4), 0),
        (nn.MaxPool1d(2), (3, 4), 3 * 2 * 2),
        (nn.AvgPool2d(2), (1, 4, 6), 2 * 3 * 4),
        (nn.AdaptiveAvgPool1d(1), (2, 3, 4), 24),
    ],
)
def test_elementwise_operations_of_the_other_layers(module: nn.Module, size: tuple[int, ...], elementwise: int) -> None:
    c = count(module, size)
    assert (c.macs, c.elementwise, c.flops("coursework")) == (0, elementwise, 0)


# The convolution and the closed forms


@given(groups=sizes, each=sizes, out=sizes, kernel=st.integers(1, 4), bias=st.booleans())
@settings(max_examples=30, deadline=None)
def test_grouped_convolution_has_its_closed_form(groups: int, each: int, out: int, kernel: int, bias: bool) -> None:
    c = count(nn.Conv1d(groups * each, groups * out, kernel, groups=groups, bias=bias), (2, groups * each, 9))
    positions = 2 * (10 - kernel) * groups * out
    assert (c.macs, c.bias_additions) == (positions * each * kernel, positions * bias)


@pytest.mark.parametrize(
    ("text", "size", "macs"),
    [
        ("RNN(64, 32)", (1, 50, 64), 153_600),
        ("LSTM(1, 64, 2)", (1, 60, 1), 2_964_480),
        ("LSTM(1, 64, 2, bidirectional=True)", (1, 60, 1), 7_895_040),
        ("GRU(100, 128, bidirectional=True)", (1, 79, 100), 13_833_216),
        ("LSTM(3, 8, proj_size=2)", (5, 7, 3), 5 * 7 * (32 * (3 + 2) + 8 * 2)),
    ],
)
def test_closed_forms(text: str, size: tuple[int, ...], macs: int) -> None:
    assert count(module_from_text(text), size).macs == macs


def test_a_long_sequence_costs_no_time_and_no_memory() -> None:
    assert count(nn.LSTM(4, 4, batch_first=True), (10**4, 10**6, 4)).macs == 10**10 * 4 * 4 * 8


# The backward pass


def test_the_first_layer_needs_no_gradient_of_the_input() -> None:
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
    inside = count(net, (2, 7), input_requires_grad=True)
    alone = count(net, (2, 7))
    assert inside.backward_flops == 2 * inside.flops("gemm")
    assert inside.backward_flops - alone.backward_flops == 2 * 2 * 7 * 5


def test_a_frozen_layer_saves_its_weight_gradient() -> None:
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
    net[1].requires_grad_(False)
    assert count(net, (2, 7)).backward_flops == 2 * 2 * (7 * 5 + 5 * 3)
    net.requires_grad_(False)
    c = count(net, (2, 7))
    assert (c.backward_flops, c.trainable_parameters, c.parameters) == (0, 0, 58)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("frozen", ["weight_ih_l0", "weight_hh_l0", "weight_hh_l1_reverse", "l0"])
def test_backward_of_partly_frozen_recurrent_layers(kind: type[nn.RNNBase], frozen: str) -> None:
    module = kind(3, 4, 2, bidirectional=True)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(frozen not in name)
    case = Case(module, torch.randn(5, 2, 3), tracked=False)
    assert case.counted.backward_flops == torch_flops(case, onednn=False)[1]


class Decoder(nn.Module):
    """An encoder's state starts the decoder, which steps a cell; both matter to the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.GRU(3, 4, batch_first=True), nn.GRU(3, 4, batch_first=True)
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        _, state = self.encoder(x)
        out, _ = self.decoder(x, hx=state)
        h = state[0]
        for t in range(x.shape[1]):
            h = self.cell(out[:, t], h)
        return h


class Attention(nn.Module):
    """Products and sums in the module's own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.out = nn.RNN(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        states, last = self.rnn(x)
        scores = torch.softmax(states @ last[-1].unsqueeze(-1), dim=1)
        context = (scores * states).sum(dim=1)
        return F.linear(torch.relu(context), self.out.weight, self.out.bias)


@pytest.mark.parametrize("build", [Decoder, Attention, Emotion, hw5])
def test_whole_networks_agree_with_the_unfused_flop_counter(build: Callable[[], nn.Module]) -> None:
    x = torch.randint(9, (2, 5)) if build is Emotion else torch.randn(2, 5, 64 if build is hw5 else 3)
    case = Case(build(), x, tracked=False)
    forward, backward, _ = torch_flops(case, onednn=False)
    assert (case.counted.flops("gemm"), case.counted.backward_flops) == (forward, backward)


def test_operations_of_a_forward_stand_in_the_row_of_their_module() -> None:
    rows = {layer.path: layer for layer in count(Attention(), (2, 5, 3)).layers}
    own = rows["(root)"]
    assert own.macs == 2 * 5 * 4 + 2 * 4 * 2
    assert own.bias_additions == 2 * 2
    # Softmax; weighting and summing; the activation.
    assert own.elementwise == 2 * 5 + 2 * (2 * 5 * 4) + 2 * 4
    assert rows["out"].output_shape is None
    assert rows["out"].parameters == 10


# The module is left as it was


def snapshot(module: nn.Module) -> dict[str, Any]:
    return {
        "keys": {name: sorted(vars(part)) for name, part in module.named_modules()},
        "training": {name: part.training for name, part in module.named_modules()},
        "hooks": {name: list(part._forward_hooks.values()) for name, part in module.named_modules()},
        "parameters": {n: (id(p), p.device, p.requires_grad, p.grad) for n, p in module.named_parameters()},
        "buffers": {n: (id(b), b.device) for n, b in module.named_buffers()},
    }


@pytest.mark.parametrize("training", [True, False])
def test_the_module_is_left_untouched(training: bool) -> None:
    calls: list[str] = []
    module = Emotion().train(training)
    module.head.eval()
    module.gru.weight_hh_l0.requires_grad_(False)
    module.gru.register_forward_hook(lambda *_: calls.append("called"))
    before, values = snapshot(module), copy.deepcopy(module.state_dict())
    generator = torch.get_rng_state()
    first, second = (repr(count(module, (2, 7), dtype=torch.long)) for _ in range(2))
    assert first == second
    assert snapshot(module) == before
    assert all(torch.equal(values[name], tensor) for name, tensor in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert calls == []


def test_ambient_modes_change_nothing() -> None:
    expected = count(Attention(), (2, 5, 3))
    with torch.no_grad():
        assert count(Attention(), (2, 5, 3)) == expected
    with torch.inference_mode():
        assert count(Attention(), (2, 5, 3)) == expected


def test_shared_layers_count_parameters_once_and_operations_per_call() -> None:
    layer = nn.Linear(4, 4)
    c = count(nn.Sequential(layer, nn.ReLU(), layer), (3, 4))
    shared = c.layers[0]
    assert (shared.calls, shared.parameters, shared.macs) == (2, 20, 2 * 48)
    assert [one.path for one in c.layers] == ["0", "1"]


def test_tied_weights_count_once() -> None:
    net = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9))
    net[1].weight = net[0].weight
    c = count(net, (2, 3), dtype=torch.long)
    assert [layer.parameters for layer in c.layers] == [36, 9]
    assert c.parameters == sum(p.numel() for p in net.parameters())
    assert c.macs == 2 * 3 * 4 * 9


def test_a_parametrised_layer_counts_as_its_type() -> None:
    class Half(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight / 2

    module = nn.LSTM(3, 4)
    parametrize.register_parametrization(module, "weight_hh_l0", Half())
    c, plain = count(module, (5, 2, 3)), count(nn.LSTM(3, 4), (5, 2, 3))
    assert (c.layers[0].type, c.parameters, c.macs) == ("LSTM", plain.parameters, plain.macs)
    assert c.backward_flops == plain.backward_flops


def test_double_precision_modules_take_double_inputs_by_default() -> None:
    assert count(nn.Linear(3, 2).double(), (1, 3)).macs == 6


# What cannot be counted


class Mystery(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Louder(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Sorter(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sort(x, dim=-1).values


@pytest.mark.parametrize(
    ("module", "culprit"),
    [
        (nn.Sequential(nn.ReLU(), Mystery()), r"'1' of type Mystery"),
        (nn.Sequential(Louder(3, 3)), r"'0' of type Louder"),
        (nn.MultiheadAttention(4, 2), r"'\(root\)' of type MultiheadAttention"),
        (nn.Sequential(nn.Identity(), Sorter()), r"'1' \(Sorter\) calls sort"),
        (nn.Sequential(nn.ReLU(), nn.GLU()), r"'1' \(GLU\) calls glu"),
    ],
)
def test_unknown_layers_are_named_with_the_remedy(module: nn.Module, culprit: str) -> None:
    with pytest.raises(CountError, match=rf"{culprit}.*rules=\{{"):
        count(module, (2, 4) if isinstance(module, nn.Sequential) and "ReLU" in repr(module) else (2, 3))


def test_a_rule_makes_an_unknown_layer_known() -> None:
    def price(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
        return Operations(macs=7, elementwise=output.numel() + args[0].numel())

    c = count(nn.Sequential(Mystery(), Sorter()), (2, 3), rules={Mystery: price, Sorter: price})
    assert (c.macs, c.elementwise, c.parameters) == (14, 24, 3)
    with pytest.raises(ValueError, match=r"'0' \(Mystery\) gives no backward_macs"):
        _ = c.backward_flops


def test_a_rule_goes_before_the_built_in_one() -> None:
    c = count(hw5(), (1, 50, 64), rules={nn.RNN: lambda *_: Operations(macs=1)})
    assert [layer.macs for layer in c.layers[:2]] == [1, 1]


@pytest.mark.parametrize(
    ("module", "size", "message"),
    [
        (hw5(), (1, 50, 63), r"'recurrent\.0' \(RNN\) expected .* 64 features, got shape \(1, 50, 63\)"),
        (nn.LSTM(3, 4), (3,), r"\(time, batch, feature\) with 3 features, got shape \(3,\)"),
        (nn.Linear(3, 4), (2, 4), r"expected 3 features in the last dimension"),
        (nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6)), (2, 3), r"'1' \(Linear\) expected 5 features"),
        (nn.Conv1d(3, 4, 2), (2, 4, 9), r"expected 3 channels in dimension -2"),
        (nn.Conv2d(3, 4, 2), (3, 9), r"3 or 4 dimensions"),
        (nn.Conv1d(3, 4, 5), (1, 3, 2), r"forward of '\(root\)' \(Conv1d\) fails on input of shape \(1, 3, 2\)"),
        (nn.BatchNorm1d(3), (2, 4), r"expected 3 channels in dimension 1"),
        (nn.LayerNorm((2, 3)), (5, 2, 4), r"last dimensions are \(2, 3\)"),
        (nn.GRUCell(3, 4), (2, 5, 3), r"a cell takes one time step"),
        (nn.Embedding(9, 2), (1, 4), r"integer token ids, got torch.float32; pass dtype=torch.long"),
        (nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 1)), (2, 1, 3), r"got tuple; a recurrent layer returns"),
        (nn.LazyLinear(3), (1, 2), r"'weight' has no shape yet"),
    ],
)
def test_a_wrong_shape_names_the_layer_and_what_it_expects(
    module: nn.Module, size: tuple[int, ...], message: str
) -> None:
    with pytest.raises(CountError, match=message) as caught:
        count(module, size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["LSTM(3, 3)", "GRUCell(3, 3)", "Linear(3, 3)", "Conv1d(3, 3, 2)"])
@pytest.mark.parametrize("dtype", [torch.long, torch.float64])
def test_a_wrong_dtype_is_named(text: str, dtype: torch.dtype) -> None:
    with pytest.raises(CountError, match=f"expected an input of torch.float32, got {dtype}; pass dtype="):
        count(module_from_text(text), (3, 3), dtype=dtype)


@pytest.mark.parametrize("module", [nn.BatchNorm1d(3), nn.LayerNorm(3)])
def test_norms_take_floats_alone(module: nn.Module) -> None:
    with pytest.raises(CountError, match=r"expected floating-point numbers, got torch.int64"):
        count(module, (3, 3), dtype=torch.long)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["Linear", "RNN", "LSTM", "GRU"]))
@settings(max_examples=40, deadline=None)
def test_any_other_feature_size_is_refused(expected: int, given_size: int, name: str) -> None:
    module = module_from_text(f"{name}({expected}, 3)")
    if expected == given_size:
        assert count(module, (1, 2, given_size)).macs > 0
    else:
        with pytest.raises(ValueError, match=rf"\b{expected} features.*{given_size}\)"):
            count(module, (1, 2, given_size))


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(),
        st.just(()),
        st.lists(st.one_of(st.floats(), st.booleans(), st.none(), st.text()), min_size=1),
    )
)
@settings(max_examples=50, deadline=None)
def test_an_input_size_that_is_no_tuple_of_integers_is_refused(size: Any) -> None:
    with pytest.raises(TypeError, match="input_size must be a tuple of positive integers"):
        count(nn.Identity(), size)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=4).filter(lambda size: min(size) < 1))
@settings(max_examples=30, deadline=None)
def test_a_size_that_is_not_positive_is_refused(size: list[int]) -> None:
    with pytest.raises(ValueError, match="input_size must be a tuple of positive integers"):
        count(nn.Identity(), size)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"module": "LSTM", "input_size": (1,)}, TypeError, "module must be a torch.nn.Module, got str"),
        ({"module": nn.ReLU(), "input_size": (1,), "dtype": "long"}, TypeError, "dtype must be a torch.dtype"),
        (
            {"module": nn.ReLU(), "input_size": (1,), "dtype": torch.long, "input_requires_grad": True},
            ValueError,
            "torch.int64 has no gradient",
        ),
        ({"module": nn.ReLU(), "input_size": (2**40, 2**40)}, ValueError, "more elements than a tensor can hold"),
    ],
)
def test_other_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        count(**arguments)


def test_a_step_that_depends_on_values_is_named() -> None:
    class Peeking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum().item() > 0 else -x

    with pytest.raises(CountError, match=r"forward of '\(root\)' \(Peeking\) fails.*depends on values"):
        count(Peeking(), (2, 3))


def test_an_unknown_convention_or_framework_is_named() -> None:
    c = count(nn.Linear(2, 2), (1, 2))
    with pytest.raises(ValueError, match="gemm, coursework, all, got 'macs'"):
        c.flops("macs")
    with pytest.raises(ValueError, match="torch, keras, got 'jax'"):
        c.table(framework="jax")


# The table


def test_the_table_has_a_row_per_layer_and_a_total() -> None:
    c = count(hw5(), (1, 50, 64))
    table = c.table()
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == [
        "layer",
        "type",
        "output shape",
        "parameters",
        "MACs",
        "bias additions",
        "elementwise",
    ]
    assert table["layer"].tolist() == ["recurrent.0", "recurrent.1", "head.0", "head.1", "total"]
    assert table.iloc[-1, 3:].tolist() == [c.parameters, c.macs, c.bias_additions, c.elementwise]
    assert table["parameters"].iloc[:-1].sum() == c.parameters


def test_the_table_shows_keras_parameters_and_flops_when_asked() -> None:
    table = count(hw5(), (1, 50, 64)).table(framework="keras", convention="coursework")
    assert table["parameters"].iloc[-1] == 47_818 - 32 - 64
    assert table["FLOPs (coursework)"].tolist() == [310_400, 620_800, 66_048, 10_250, 1_007_498]


def test_notebooks_show_an_html_table_with_thousands() -> None:
    html = count(hw5(), (1, 50, 64))._repr_html_()
    assert html.startswith("<table")
    assert "<td>47,818</td>" in html
    assert "<td>(1, 50, 32)</td>" in html
    assert html == count(hw5(), (1, 50, 64))._repr_html_()


def test_a_network_without_layers_has_an_empty_table() -> None:
    class Nothing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList()

        def forward(self, x: Tensor) -> Tensor:
            return x

    c = count(Nothing(), (1,))
    assert (c.macs, c.table()["MACs"].tolist()) == (0, [0])


# The recorded figures of other counters


def test_the_record_of_other_counters_has_the_closed_forms() -> None:
    path = Path(__file__).parents[1] / "book" / "results" / "counters.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for network in content["networks"].values():
        kind, arguments = {
            "RNN 64→32, T 50": ("RNN", "64, 32"),
            "LSTM 1→64, 2 layers, T 60": ("LSTM", "1, 64, 2"),
            "BiLSTM 1→64, 2 layers, T 60": ("LSTM", "1, 64, 2, bidirectional=True"),
            "BiGRU 100→128, T 79": ("GRU", "100, 128, bidirectional=True"),
        }[network["label"]]
        c = count(module_from_text(f"{kind}({arguments})"), network["input_size"])
        assert c.macs == network["closed_form_macs"]
    for tool in content["tools"].values():
        assert set(tool["figures"]) == set(content["networks"])
        assert tool["unit"] in ("MACs", "FLOPs")
