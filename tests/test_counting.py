"""Counts against closed forms, the two reports, ``numel()`` and ``FlopCounterMode``."""

import copy
import itertools
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from benchmarks import counters
from rnncourse.counting import (
    CONVENTIONS,
    Count,
    CountError,
    Operations,
    count,
    fused,
    module_from_text,
    register_recurrent_flops,
)
from rnncourse.networks import emotion_network
from tests.refusals import refusing
from tests.unfused import QUIET, Lambda, built, flops

pytestmark = QUIET


def reader(recurrent: list[nn.Module], head: nn.Module) -> Lambda:
    """A recurrent stack, its last step, and a head: the shape of most networks in the two reports."""

    def forward(self: Any, x: Tensor) -> Tensor:
        for layer in self.recurrent:
            x, _ = layer(x)
        return self.head(x[:, -1])

    return Lambda(forward, recurrent=nn.ModuleList(recurrent), head=head)


def hw5() -> nn.Module:
    stack = [nn.RNN(64, 32, batch_first=True), nn.RNN(32, 64, batch_first=True)]
    return reader(stack, nn.Sequential(nn.Linear(64, 512), nn.Linear(512, 10)))


# The two reports


def test_hw5_table_line_by_line_and_in_the_other_conventions_and_in_a_batch() -> None:
    c, eight = count(hw5(), input_size=(1, 50, 64)), count(hw5(), (8, 50, 64))
    assert [layer.parameters for layer in c.layers] == [3_136, 6_272, 33_280, 5_130]
    assert [layer.flops("coursework") for layer in c.layers] == [310_400, 620_800, 66_048, 10_250]
    assert [layer.output_shape for layer in c.layers] == [(1, 50, 32), (1, 50, 64), (1, 512), (1, 10)]
    assert (c.parameters, c.flops("coursework"), eight.parameters) == (47_818, 1_007_498, 47_818)
    assert c.macs == 50 * (32 * 96 + 64 * 96) + 64 * 512 + 512 * 10
    assert (c.flops("gemm"), c.flops("all")) == (2 * c.macs, 1_007_498 + 50 * (32 + 64))
    assert [eight.flops(name) for name in CONVENTIONS] == [8 * c.flops(name) for name in CONVENTIONS]


# Random layers against torch itself


class Case(NamedTuple):
    """A module, its input, whether the input needs a gradient, and the lengths where it is packed."""

    module: nn.Module
    x: Tensor
    tracked: bool
    lengths: tuple[int, ...] | None = None

    @property
    def counted(self) -> Count:
        size, dtype = tuple(self.x.shape), self.x.dtype
        return count(self.module, size, dtype=dtype, input_requires_grad=self.tracked, lengths=self.lengths)

    @property
    def input(self) -> Tensor | PackedSequence:
        x, first = self.x.detach().clone().requires_grad_(self.tracked), bool(getattr(self.module, "batch_first", 0))
        return x if self.lengths is None else pack_padded_sequence(x, list(self.lengths), first, enforce_sorted=False)


sizes = st.integers(1, 4)


@st.composite
def recurrent_cases(draw: st.DrawFn, *, batched: bool = False) -> Case:
    kind, features, hidden = draw(st.sampled_from([nn.RNN, nn.LSTM, nn.GRU])), draw(sizes), draw(st.integers(2, 6))
    options: dict[str, Any] = {name: draw(st.booleans()) for name in ("bias", "batch_first", "bidirectional")}
    options["num_layers"] = draw(st.sampled_from([1, 1, 2, 3]))
    if kind is nn.LSTM and draw(st.booleans()):
        options["proj_size"] = draw(st.integers(1, hidden - 1))
    if kind is nn.RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    leading = draw(st.lists(sizes, min_size=2 if batched else 1, max_size=2))
    return Case(kind(features, hidden, **options), torch.randn(*leading, features), draw(st.booleans()))


@st.composite
def packed_cases(draw: st.DrawFn) -> Case:
    case = draw(recurrent_cases(batched=True))
    batch, steps = case.x.shape[:2] if case.module.batch_first else case.x.shape[1::-1]
    return Case(case.module, case.x, case.tracked, tuple(draw(st.integers(1, steps)) for _ in range(batch)))


@st.composite
def frozen_cases(draw: st.DrawFn) -> Case:
    """Some parameters or whole layers frozen: what lies below them may still need a gradient."""
    case = draw(st.one_of(recurrent_cases(), packed_cases()))
    names = [name for name, _ in case.module.named_parameters()]
    frozen = draw(st.sets(st.sampled_from([*names, *(f"_l{layer}" for layer in range(3))])))
    for name, parameter in case.module.named_parameters():
        parameter.requires_grad_(not any(part in name for part in frozen))
    return case


@st.composite
def cell_cases(draw: st.DrawFn) -> Case:
    kind, features = draw(st.sampled_from([nn.RNNCell, nn.LSTMCell, nn.GRUCell])), draw(sizes)
    cell = kind(features, draw(sizes), bias=draw(st.booleans()))
    return Case(cell, torch.randn(*draw(st.lists(sizes, max_size=1)), features), draw(st.booleans()))


@st.composite
def plain_cases(draw: st.DrawFn) -> Case:
    batch, features, out, length = draw(sizes), draw(sizes), draw(sizes), draw(st.integers(3, 7))
    bias, kernel, stride = draw(st.booleans()), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    convolution = f"stride={stride}, padding={draw(st.integers(0, 2))}, bias={bias}"
    sequence, image = (batch, features, length), (batch, features, length, 5)
    layers = {
        f"Linear({features}, {out}, {bias})": (batch, length, features),
        f"Conv1d({features}, {out}, {kernel}, {convolution})": sequence,
        f"Conv2d({features}, {out}, ({kernel}, 2), {convolution})": image,
        f"Sequential(BatchNorm1d({features}), Conv1d({features}, {out}, {kernel}))": sequence,
        f"Sequential(BatchNorm2d({features}), ReLU(), Flatten())": image,
        f"Sequential(GroupNorm(1, {features}), ConvTranspose1d({features}, {out}, {kernel}))": sequence,
        f"Sequential(RMSNorm({length}), TransformerEncoderLayer({length}, 1, {out}, bias={bias}))": sequence,
        f"Sequential(LayerNorm({length}, bias={bias}), Linear({length}, {out}), Tanh())": sequence,
        f"Sequential(Embedding(9, {features}), Dropout(0.1), Linear({features}, {out}))": (batch, length),
    }
    text = draw(st.sampled_from(list(layers)))
    x = torch.randint(9, layers[text]) if "Embedding" in text else torch.randn(layers[text])
    return Case(built(text), x, x.is_floating_point() and draw(st.booleans()))


# Ten thousand when the drawn tests draw twenty times as many.
@settings(max_examples=500 if os.environ.get("RNNCOURSE_FUZZ") == "1" else 300)
@given(st.one_of(recurrent_cases(), packed_cases(), frozen_cases(), cell_cases(), plain_cases()))
def test_agrees_with_numel_and_the_unfused_flop_counter(case: Case) -> None:
    c = case.counted
    forward, backward, outputs = flops(case.module, case.input)
    assert c.parameters == sum(p.numel() for p in case.module.parameters())
    assert c.buffers == sum(b.numel() for b in case.module.buffers())
    assert c.flops("gemm") == forward
    assert c.backward_flops == backward
    assert [layer.output_shape for layer in c.layers if layer.calls][-1] == tuple(outputs[0].shape)


@settings(max_examples=50)
@given(recurrent_cases())
def test_agrees_with_the_fused_flop_counter_once_registered(case: Case) -> None:
    register_recurrent_flops()
    c = case.counted
    forward, backward, _ = flops(case.module, case.input, onednn=True)
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
    for name in fused._FORMULAS:
        bare.pop(getattr(torch.ops.aten, name), None)
    assert measure() == 0
    register_recurrent_flops()
    registered = dict(bare)
    register_recurrent_flops()
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
    backward = fused._FORMULAS["_cudnn_rnn_backward"]
    assert backward((7, 3, 5), shapes, *tail, [True, True, False, not dropped]) == factor * forward.get_total_flops()


# Elementwise operations, from the cells written out


def written_gru(self: Any, x: Tensor) -> Tensor:
    h = x.new_zeros(len(x), 5)
    both = torch.cat([x, h], dim=1)
    r, z = torch.sigmoid(self.reset(both)), torch.sigmoid(self.update(both))
    n = torch.tanh(self.new_x(x) + r * self.new_h(h))
    return (1 - z) * n + z * h


def loop(self: Any, x: Tensor) -> Tensor:
    """An LSTM as people write it: two linear layers, their sum, and a loop."""
    h = c = x.new_zeros(x.shape[1], 5)
    for step in x:
        i, f, g, o = (self.x(step) + self.h(h)).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h


def test_elementwise_operations_equal_the_cell_written_out() -> None:
    gru = {"reset": nn.Linear(8, 5), "update": nn.Linear(8, 5), "new_x": nn.Linear(3, 5), "new_h": nn.Linear(5, 5)}
    by_hand, cell = count(Lambda(written_gru, **gru), (2, 3)), count(nn.GRUCell(3, 5), (2, 3))
    assert (by_hand.macs, by_hand.elementwise) == (cell.macs, cell.elementwise)
    for kind, each in (("RNN", 1), ("LSTM", 9), ("GRU", 9)):
        assert count(getattr(nn, f"{kind}Cell")(3, 5), (2, 3)).elementwise == 2 * 5 * each
        assert count(getattr(nn, kind)(3, 5, 2), (7, 2, 3)).elementwise == 7 * 2 * 2 * 5 * each


def test_a_loop_by_hand_costs_what_the_layer_costs() -> None:
    by_hand, layer = Lambda(loop, x=nn.Linear(3, 20), h=nn.Linear(5, 20)), nn.LSTM(3, 5)
    one, two = count(by_hand, (7, 2, 3)), count(layer, (7, 2, 3))
    assert [one.flops(name) for name in CONVENTIONS] == [two.flops(name) for name in CONVENTIONS]
    assert (one.parameters, one.backward_flops, two.elementwise) == (two.parameters, two.backward_flops, 70 * 9)


def test_what_is_added_to_a_product_is_a_bias_a_product_or_an_operation() -> None:
    def sums(self: Any, x: Tensor, kind: str) -> Tensor:
        product = x @ self.w
        return {
            "bias": lambda: product + self.b,
            "bias in place": lambda: product.add_(self.b),
            "product": lambda: torch.addmm(product, x, self.w),
            "input": lambda: x + product,
            "changed": lambda: product.mul_(2) + product.clone(),
            "outer": lambda: product[:, None] + product[None],
        }[kind]()

    def operations(kind: str) -> tuple[int, int, int]:
        c = count(Lambda(sums, w=torch.ones(4, 4), b=torch.ones(4)), {"x": (3, 4), "kind": kind})
        return c.macs // 48, c.bias_additions // 12, c.elementwise // 12

    kinds = ("bias", "bias in place", "product", "input", "changed", "outer")
    expected = [(1, 1, 0), (1, 1, 0), (2, 0, 0), (1, 0, 1), (1, 0, 2), (1, 0, 3)]
    assert [operations(kind) for kind in kinds] == expected


# Twelve elements each, but for what pooling leaves.
EACH = {
    0: "Dropout(0.5); Flatten(); ConstantPad1d(1, 0.0); Identity(); Embedding(9, 2)",
    1: "Softmax(-1); ReLU(); MaxPool1d(2); AvgPool1d(2); AvgPool2d(2); AdaptiveAvgPool1d(1)",
    2: "BatchNorm1d(3, affine=False)",
    3: "RMSNorm(4, elementwise_affine=False)",
    4: "BatchNorm1d(3); RMSNorm(4)",
    5: "LayerNorm(4, elementwise_affine=False); InstanceNorm1d(3); GroupNorm(3, 3, affine=False)",
    7: "BatchNorm1d(3, track_running_stats=False); LayerNorm(4); GroupNorm(1, 3); InstanceNorm1d(3, affine=True)",
}


@pytest.mark.parametrize(("each", "text"), [(each, one) for each, texts in EACH.items() for one in texts.split("; ")])
def test_elementwise_operations_of_the_other_layers(each: int, text: str) -> None:
    c = count(built(text), (1, 3, 4), dtype=torch.long if text.startswith("Embedding") else None)
    # A square window of two over three rows leaves one.
    assert (c.macs, c.elementwise, c.flops("coursework")) == (0, each * (8 if text == "AvgPool2d(2)" else 12), 0)


# The convolution and the closed forms


@given(groups=sizes, each=sizes, out=sizes, kernel=st.integers(1, 4), bias=st.booleans())
@settings(max_examples=30)
def test_grouped_convolution_has_its_closed_form(groups: int, each: int, out: int, kernel: int, bias: bool) -> None:
    c = count(nn.Conv1d(groups * each, groups * out, kernel, groups=groups, bias=bias), (2, groups * each, 9))
    positions = 2 * (10 - kernel) * groups * out
    assert (c.macs, c.bias_additions) == (positions * each * kernel, positions * bias)


def test_a_long_sequence_costs_no_time_and_no_memory() -> None:
    assert count(nn.LSTM(4, 4, batch_first=True), (10**4, 10**6, 4)).macs == 10**10 * 4 * 4 * 8


# The backward pass


def test_the_first_layer_needs_no_gradient_of_the_input_and_a_frozen_one_none_of_its_weight() -> None:
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
    inside, alone = count(net, (2, 7), input_requires_grad=True), count(net, (2, 7))
    assert inside.backward_flops == 2 * inside.flops("gemm")
    assert inside.backward_flops - alone.backward_flops == 2 * 2 * 7 * 5
    net[1].requires_grad_(False)
    assert count(net, (2, 7)).backward_flops == 2 * 2 * (7 * 5 + 5 * 3)
    c = count(net.requires_grad_(False), (2, 7))
    assert (c.backward_flops, c.trainable_parameters, c.parameters) == (0, 0, 58)


def attention() -> nn.Module:
    """Products and sums in the module's own forward."""

    def forward(self: Any, x: Tensor) -> Tensor:
        states, last = self.rnn(x)
        scores = torch.softmax(states @ last[-1].unsqueeze(-1), dim=1)
        return F.linear(torch.relu((scores * states).sum(dim=1)), self.out.weight, self.out.bias)

    return Lambda(forward, rnn=nn.RNN(3, 4, batch_first=True), out=nn.Linear(4, 2))


def test_operations_of_a_forward_stand_in_the_row_of_their_module() -> None:
    rows = {layer.path: layer for layer in count(attention(), (2, 5, 3)).layers}
    own = rows["(root)"]
    assert (own.macs, own.bias_additions) == (2 * 5 * 4 + 2 * 4 * 2, 2 * 2)
    # Softmax; weighting and summing; the activation.
    assert own.elementwise == 2 * 5 + 2 * (2 * 5 * 4) + 2 * 4
    assert (rows["out"].output_shape, rows["out"].parameters) == (None, 10)


# The module is left as it was


def snapshot(module: nn.Module) -> dict[str, Any]:
    return {
        "keys": {name: sorted(vars(part)) for name, part in module.named_modules()},
        "training": {name: part.training for name, part in module.named_modules()},
        "hooks": {name: list(part._forward_hooks.values()) for name, part in module.named_modules()},
        "parameters": {n: (id(p), p.device, p.requires_grad, id(p.grad)) for n, p in module.named_parameters()},
        "buffers": {n: (id(b), b.device) for n, b in module.named_buffers()},
        "validates": torch.distributions.Distribution._validate_args,
        "random": torch.get_rng_state(),
    }


@pytest.mark.parametrize(("training", "real"), [*itertools.product([True, False], repeat=2)])
def test_the_module_is_left_untouched(training: bool, real: bool) -> None:
    called: list[str] = []
    module = emotion_network().train(training)
    module.head.eval()
    module.rnn.weight_hh_l0.requires_grad_(False)
    parametrizations.spectral_norm(module.head[2])  # looking at its weight moves buffers
    module.head[0].weight.grad = torch.ones(256)
    module.rnn.register_forward_hook(lambda *_: called.append("called"))
    tokens = torch.ones(2, 7, dtype=torch.long)
    before, values = snapshot(module), copy.deepcopy(module.state_dict())
    given = {"data": tokens} if real else {"input_size": (2, 7), "dtype": torch.long}
    assert repr(count(module, **given)) == repr(count(module, **given))
    after = snapshot(module)
    assert torch.equal(before.pop("random"), after.pop("random"))
    assert after == before
    assert all(torch.equal(values[name], tensor) for name, tensor in module.state_dict().items())
    assert (tokens.eq(1).all(), called) == (True, [])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_ambient_modes_change_nothing(mode: Any) -> None:
    with mode():
        inside = count(attention(), (2, 5, 3))
    assert inside == count(attention(), (2, 5, 3))


def test_a_compiled_part_counts_as_what_was_compiled() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    inside = nn.Sequential(torch.compile(net[0], backend="eager"), net[1])
    assert count(inside, (1, 3)) == count(net, (1, 3))


def test_what_is_shared_counts_its_parameters_once_and_its_operations_per_call() -> None:
    layer = nn.Linear(4, 4)
    c = count(nn.Sequential(layer, nn.ReLU(), layer), (3, 4))
    assert [(one.path, one.calls, one.parameters, one.macs) for one in c.layers] == [("0", 2, 20, 96), ("1", 1, 0, 0)]
    tied = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9))
    tied[1].weight = tied[0].weight
    c = count(tied, (2, 3), dtype=torch.long)
    assert [(layer.parameters, layer.macs) for layer in c.layers] == [(36, 0), (9, 2 * 3 * 4 * 9)]


def test_a_parametrised_layer_counts_as_its_type() -> None:
    module = nn.LSTM(3, 4)
    parametrize.register_parametrization(module, "weight_hh_l0", Lambda(lambda _, weight: weight / 2))
    c, plain = count(module, (5, 2, 3)), count(nn.LSTM(3, 4), (5, 2, 3))
    assert (c.layers[0].type, c.parameters, c.macs) == ("LSTM", plain.parameters, plain.macs)
    assert c.backward_flops == plain.backward_flops


# What cannot be counted


class Mystery(Lambda):
    """Hides products in an operator that counts nothing."""

    def __init__(self, function: Callable[..., Tensor] = torch.fft.rfft) -> None:
        super().__init__(lambda self, x: function(x * self.weight), weight=torch.ones(3))


def caught(x: Tensor) -> Tensor:
    try:
        return torch.linalg.inv(x)
    except ValueError:
        return x


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (torch.fft.rfft, "_fft_r2c"),
        (torch.linalg.inv, "linalg_inv_ex"),
        (torch.linalg.svdvals, "_linalg_svd"),
        (lambda x: torch.cdist(x, x), "_cdist_forward"),
        (lambda x: F.bilinear(x, x, torch.ones(2, 3, 3)), "_trilinear"),
        (caught, "linalg_inv_ex"),
    ],
)
def test_an_operator_that_may_hide_products_is_refused_with_the_remedy(function: Any, operator: str) -> None:
    with pytest.raises(CountError, match=rf"'1' \(Mystery\) calls {operator}, .*rules=\{{"):
        count(nn.Sequential(nn.ReLU(), Mystery(function)), (3, 3))


@pytest.mark.parametrize(("unit", "divisions"), [(False, 2 * 4 * 3), (True, 0)])
def test_a_triangular_system_costs_a_product_for_every_earlier_unknown(unit: bool, divisions: int) -> None:
    def solved(self: Lambda, x: Tensor) -> Tensor:
        matrix = (x @ self.weight).tril()
        return torch.linalg.solve_triangular(matrix, x[..., :3], upper=False, unitriangular=unit)

    c = count(Lambda(solved, weight=torch.ones(4, 4)), (2, 4, 4))
    products, earlier = 2 * 4 * 4 * 4, 2 * 3 * (1 + 2 + 3)
    assert (c.macs, c.elementwise) == (products + earlier, divisions)
    assert c.backward_flops == 2 * (products + earlier + 2 * 4 * 4 * 3)


def test_a_rule_makes_an_unknown_layer_known_and_goes_before_what_is_known() -> None:
    def price(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
        return Operations(macs=7, elementwise=output.numel() + args[0].numel())

    c = count(nn.Sequential(Mystery(), nn.Linear(2, 2)), (2, 3), rules={Mystery: price, nn.Linear: price})
    assert (c.macs, c.elementwise, c.parameters) == (14, 2 * 2 + 6 + 4 + 4, 9)
    with pytest.raises(ValueError, match=r"'0' \(Mystery\) gives no backward_macs"):
        _ = c.backward_flops
    whole = count(hw5(), (1, 50, 64), rules={Lambda: lambda *_: Operations(macs=1, backward_macs=2)})
    assert [(layer.path, layer.macs, layer.parameters) for layer in whole.layers] == [("(root)", 1, 47_818)]
    assert whole.backward_flops == 4


@pytest.mark.parametrize(
    ("module", "size", "layer", "expected", "remedy"),
    [
        (hw5(), (1, 50, 63), "'recurrent.0', RNN(64", "64", "input_size"),
        (nn.LSTM(3, 4), (3,), "'(root)', LSTM(3", "2D or 3D", "input_size"),
        (nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6)), (2, 3), "'1', Linear(in_features=5", "5", "the layer before"),
        (nn.Conv1d(3, 4, 2), (2, 4, 9), "Conv1d(3", "channel", "input_size"),
        (nn.BatchNorm1d(3), (2, 4), "BatchNorm1d(3", "not 3", "input_size"),
        (nn.GRUCell(3, 4), (2, 5), "GRUCell(3", "3 features", "input_size"),
        (nn.Embedding(9, 2), (1, 4), "Embedding(9", "torch.float32", "dtype=torch.long"),
        (nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 1)), (2, 1, 3), "'1', Linear", "tuple", "(output, state)"),
        (nn.Identity(), None, "'(root)'", "input_size", "data"),
    ],
)
def test_a_wrong_input_names_the_layer_what_it_expects_and_the_remedy(
    module: nn.Module, size: Any, layer: str, expected: str, remedy: str
) -> None:
    with pytest.raises(CountError) as caught:
        _ = count(module, size).macs
    message = str(caught.value)
    assert remedy in message
    assert size is None or (layer in message and expected in message)
    assert "\n" not in message


@pytest.mark.parametrize("text", ["LSTM(3, 3)", "GRUCell(3, 3)", "Linear(3, 3)", "Conv1d(3, 3, 2)", "LayerNorm(3)"])
@pytest.mark.parametrize("dtype", [torch.long, torch.float64])
def test_a_wrong_dtype_is_named(text: str, dtype: torch.dtype) -> None:
    with pytest.raises(CountError, match=f"{dtype}.*dtype=torch.float32$"):
        count(module_from_text(text), (3, 3), dtype=dtype)


relu, lstm = nn.ReLU(), nn.LSTM(3, 4, batch_first=True)
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"module": "LSTM", "input_size": (1,)}, TypeError, "module"),
    ({"module": relu, "input_size": (1,), "dtype": "long"}, TypeError, "dtype"),
    ({"module": relu, "input_size": (1,), "dtype": torch.long, "input_requires_grad": True}, ValueError, "int64"),
    ({"module": relu, "input_size": (2**40, 2**40)}, ValueError, "input_size"),
    ({"module": relu, "input_size": (1,), "data": torch.ones(1)}, TypeError, "data"),
    *(({"module": lstm, "input_size": (3, 7, 3), "lengths": n}, ValueError, "lengths") for n in ((7, 3), (8, 3, 1))),
    ({"module": lstm, "input_size": [(3, 7, 3), (1, 3, 4)], "lengths": (7, 3, 1)}, ValueError, "lengths"),
]


test_other_wrong_arguments = refusing(
    *((partial(count, **arguments), error, name) for arguments, error, name in WRONG),
    (lambda: count(nn.Linear(2, 2), (1, 2)).flops("macs"), ValueError, "convention"),
    (lambda: count(nn.Linear(2, 2), (1, 2)).table(framework="jax"), ValueError, "framework"),
)


def test_a_step_that_depends_on_values_asks_for_data() -> None:
    def writing(_: Any, x: Tensor) -> Tensor:
        kept = torch.zeros(2, 3)
        kept[:, 0] = x[:, 0]
        return x if kept.sum() > 0 else -x

    for module in (Lambda(lambda _, x: x if x.sum().item() > 0 else -x), Lambda(writing)):
        with pytest.raises(CountError, match=r"fails on .*give some in data"):
            count(module, (2, 3))
        assert count(module, data=-torch.ones(2, 3)).elementwise == count(module, data=torch.ones(2, 3)).elementwise + 6


def test_without_an_input_only_the_parameters_are_counted() -> None:
    c = count(hw5())
    assert (c.parameters, c.table()["parameters"].iloc[-1]) == (47_818, 47_818)
    assert list(c.table().columns) == ["layer", "type", "output shape", "parameters"]
    for operations in (lambda: c.macs, lambda: c.flops("gemm"), lambda: c.backward_flops):
        with pytest.raises(CountError, match="input_size"):
            operations()


# The table


def test_the_table_has_a_row_per_layer_and_a_total() -> None:
    c = count(hw5(), (1, 50, 64))
    table, keras = c.table(), c.table(framework="keras", convention="coursework")
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns)[3:] == ["parameters", "MACs", "bias additions", "elementwise"]
    assert table["layer"].tolist() == ["recurrent.0", "recurrent.1", "head.0", "head.1", "total"]
    assert table.iloc[-1, 3:].tolist() == [c.parameters, c.macs, c.bias_additions, c.elementwise]
    assert keras["parameters"].iloc[-1] == 47_818 - 32 - 64
    assert keras["FLOPs (coursework)"].tolist() == [310_400, 620_800, 66_048, 10_250, 1_007_498]
    assert repr(c) == c.text()
    total = c.text(convention="gemm").splitlines()[-1]
    assert total.split() == ["total", "47,818", "498,688", "10,122", "4,800", "997,376"]
    assert re.search(r"^<table.*<td>\(1, 50, 32\)</td>.*<td>47,818</td>", c._repr_html_(), re.DOTALL)


def test_the_record_of_other_counters_holds_what_is_counted_here() -> None:
    content = json.loads((Path(__file__).parents[1] / "book/results/counters.json").read_text(encoding="utf-8"))
    for network, text in zip(
        content["networks"].values(),
        ("RNN(64, 32)", "LSTM(1, 64, 2)", "LSTM(1, 64, 2, bidirectional=True)", "GRU(100, 128, bidirectional=True)"),
        strict=True,
    ):
        assert count(module_from_text(text), network["input_size"]).macs == network["closed_form_macs"]
    for network in counters.MODULES:
        recorded = content["modules"][network.id]["macs"]
        assert count(network.build(), network.input_size).macs == recorded
        assert content["answers"]["rnncourse"]["figures"][network.id] == recorded
    for tool in content["answers"].values():
        assert set(tool["figures"]) == set(content["modules"])
        assert tool["unit"] in ("MACs", "FLOPs")
