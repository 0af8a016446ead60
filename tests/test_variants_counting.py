"""Counts of the variants against torch's own counter, their base, and ``numel()``."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rnncourse.ablation import VARIANTS, ablate
from rnncourse.counting import CountError, count
from rnncourse.variants import ConvLSTM, ConvLSTMCell, DilatedRNN, ResidualRNN, SkipGRU, SkipLSTM

sizes = st.integers(1, 4)
few = settings(max_examples=25, deadline=None)


def first(value) -> Tensor:
    return value if isinstance(value, Tensor) else first(value[0])


def tensors(value) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [one for item in value for one in tensors(item)]


def measured(module: nn.Module, shape: tuple[int, ...], *, tracked: bool = False) -> tuple[int, int]:
    """Forward and backward FLOPs that torch counts, every output reaching the loss."""
    module = module.double()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=tracked)
    with FlopCounterMode(display=False) as counter:
        output = module(x)
    with FlopCounterMode(display=False) as back:
        sum(tensor.sum() for tensor in tensors(output)).backward()
    return counter.get_total_flops(), back.get_total_flops()


def assert_counted(module: nn.Module, shape: tuple[int, ...], *, tracked: bool = False) -> None:
    counted = count(module, input_size=shape, input_requires_grad=tracked)
    forward, backward = measured(module, shape, tracked=tracked)
    assert counted.flops("gemm") == forward
    assert counted.backward_flops == backward
    assert counted.parameters == sum(weight.numel() for weight in module.parameters())


@given(sizes, sizes, st.integers(1, 2), st.integers(1, 5), sizes, st.booleans(), st.booleans(), st.booleans())
@few
def test_torch_counts_a_convlstm_alike(inputs, hidden, layers, steps, batch, bias, batch_first, tracked) -> None:
    module = ConvLSTM(inputs, hidden, 3, layers, bias=bias, batch_first=batch_first)
    shape = (batch, steps) if batch_first else (steps, batch)
    assert_counted(module, (*shape, inputs, 4, 5), tracked=tracked)


@pytest.mark.parametrize("tracked", [True, False])
def test_torch_counts_a_convlstm_cell_alike(tracked) -> None:
    # The cell's own zero state is no leaf that learns: the recurrent product has no gradient but the weight's.
    assert_counted(ConvLSTMCell(2, 3, 5), (4, 2, 6, 7), tracked=tracked)


@pytest.mark.parametrize("kind", [SkipLSTM, SkipGRU])
@given(sizes, sizes, st.integers(1, 2), st.integers(2, 6), sizes, st.booleans(), st.booleans(), st.booleans())
@few
def test_torch_counts_a_skip_rnn_alike(kind, inputs, hidden, layers, steps, batch, bias, batch_first, tracked) -> None:
    module = kind(inputs, hidden, layers, bias=bias, batch_first=batch_first)
    shape = (batch, steps) if batch_first else (steps, batch)
    assert_counted(module, (*shape, inputs), tracked=tracked)


def test_a_convlstm_on_one_pixel_costs_what_an_lstm_costs() -> None:
    conv = count(ConvLSTM(3, 5, 1, 2, batch_first=True), input_size=(2, 7, 3, 1, 1))
    lstm = count(nn.LSTM(3, 5, 2, batch_first=True), input_size=(2, 7, 3))
    assert [conv.flops(name) for name in ("gemm", "coursework", "all")] == [
        lstm.flops(name) for name in ("gemm", "coursework", "all")
    ]
    assert (conv.parameters, conv.keras_parameters) == (lstm.parameters, lstm.keras_parameters)
    assert conv.backward_flops == lstm.backward_flops


def test_a_cell_costs_what_a_step_of_the_layer_costs() -> None:
    layer = count(ConvLSTM(3, 5, 3, batch_first=True), input_size=(2, 1, 3, 4, 4))
    cell = count(ConvLSTMCell(3, 5, 3), input_size=(2, 3, 4, 4))
    assert (cell.macs, cell.bias_additions, cell.elementwise) == (layer.macs, layer.bias_additions, layer.elementwise)


@pytest.mark.parametrize(("kind", "base", "states"), [(SkipLSTM, nn.LSTM, 2), (SkipGRU, nn.GRU, 1)])
def test_a_skip_rnn_costs_its_base_and_a_gate(kind, base, states) -> None:
    skip = count(kind(3, 8, 2, batch_first=True), input_size=(4, 10, 3))
    plain = count(base(3, 8, 2, batch_first=True), input_size=(4, 10, 3))
    assert skip.parameters == plain.parameters + 8 + 1
    assert skip.macs == plain.macs + 4 * 10 * 8
    assert skip.bias_additions == plain.bias_additions + 4 * 10
    assert skip.elementwise == plain.elementwise + 4 * 10 * (8 + states * 2 * 8 * 3)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_torch_counts_an_ablated_lstm_alike(name, bidirectional) -> None:
    module = ablate(nn.LSTM(3, 4, 2, batch_first=True, bidirectional=bidirectional), name)
    assert_counted(module, (2, 6, 3))
    assert_counted(module, (2, 6, 3), tracked=True)


def test_what_an_ablated_lstm_multiplies_and_what_it_learns() -> None:
    lstm = nn.LSTM(3, 4, 2, batch_first=True)
    full = count(lstm, input_size=(2, 6, 3))
    one = count(ablate(lstm, "forget_only"), input_size=(2, 6, 3))
    assert one.macs == full.macs
    assert one.parameters == full.parameters // 2
    peephole = count(ablate(lstm, "peephole"), input_size=(2, 6, 3))
    assert peephole.parameters == full.parameters + 2 * 3 * 4
    assert peephole.elementwise == full.elementwise + 2 * 6 * 2 * 4 * 6


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_stacks_are_counted_layer_by_layer(kind) -> None:
    residual = count(ResidualRNN(kind, 3, 4, 3, batch_first=True), input_size=(2, 6, 3))
    torchs = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
    plain = count(torchs(3, 4, 3, batch_first=True), input_size=(2, 6, 3))
    assert (residual.parameters, residual.macs) == (plain.parameters, plain.macs)
    assert residual.elementwise == plain.elementwise + 2 * (2 * 6 * 4)
    dilated = count(DilatedRNN(kind, 3, 4, (1, 2, 4), batch_first=True), input_size=(2, 6, 3))
    assert (dilated.parameters, dilated.macs) == (plain.parameters, plain.macs)


@pytest.mark.parametrize("module", [ConvLSTM(2, 3, 3), SkipLSTM(2, 3), SkipGRU(2, 3)])
def test_an_input_that_does_not_fit_is_named(module) -> None:
    with pytest.raises(CountError, match="input has shape"):
        count(module, input_size=(4, 5, 3, 3, 3))
