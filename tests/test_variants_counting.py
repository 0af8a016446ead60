"""Counts of the variants against torch's own counter, their base, and ``numel()``."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.ablation import VARIANTS, ablate
from rnncourse.counting import CountError, count
from rnncourse.variants import ConvLSTM, SkipGRU
from tests.unfused import QUIET, flops

pytestmark = QUIET
sizes = st.integers(1, 4)


def assert_counted(module: nn.Module, shape: tuple[int, ...], *, tracked: bool = False, unused: int = 0) -> None:
    """Count as torch does in double precision; ``unused`` FLOPs of the backward pass reach no output."""
    counted = count(module, input_size=shape, input_requires_grad=tracked)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=tracked)
    forward, backward, _ = flops(module.double(), x)
    assert (counted.flops("gemm"), counted.backward_flops) == (forward, backward + unused)
    assert counted.parameters == sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize("kind", [ConvLSTM, SkipGRU])
@given(sizes, sizes, st.integers(1, 2), st.integers(2, 6), sizes, st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=25)
def test_torch_counts_a_variant_alike(kind, inputs, hidden, layers, steps, batch, bias, batch_first, tracked) -> None:
    shape = (batch, steps, inputs) if batch_first else (steps, batch, inputs)
    if kind is ConvLSTM:
        module = ConvLSTM(inputs, hidden, 3, layers, bias=bias, batch_first=batch_first)
        return assert_counted(module, (*shape, 4, 5), tracked=tracked)
    # The gate after the last step decides about a step that is not there.
    module = kind(inputs, hidden, layers, bias=bias, batch_first=batch_first)
    return assert_counted(module, shape, tracked=tracked, unused=2 * 2 * batch * hidden)


def test_a_convlstm_on_one_pixel_multiplies_and_computes_what_an_lstm_does() -> None:
    conv = count(ConvLSTM(3, 5, 1, 2, batch_first=True), input_size=(2, 7, 3, 1, 1))
    lstm = count(nn.LSTM(3, 5, 2, batch_first=True), input_size=(2, 7, 3))
    # It adds up its two biases once, and adds the sum at every step.
    both = 2 * 4 * 5
    assert (conv.macs, conv.elementwise - both, 2 * conv.bias_additions) == (
        lstm.macs,
        lstm.elementwise,
        lstm.bias_additions,
    )
    assert (conv.parameters, conv.keras_parameters) == (lstm.parameters, lstm.keras_parameters)
    assert conv.backward_flops == lstm.backward_flops


def test_a_skip_gru_costs_a_gru_and_a_gate() -> None:
    skip, plain = (count(one(3, 8, 2, batch_first=True), input_size=(4, 10, 3)) for one in (SkipGRU, nn.GRU))
    assert (skip.parameters, skip.keras_parameters) == (plain.parameters + 8 + 1, plain.keras_parameters + 8 + 1)
    assert (skip.macs, skip.bias_additions) == (plain.macs + 4 * 10 * 8, plain.bias_additions + 4 * 10)
    # Per step a sigmoid, a sum, a minimum, a mixture and three for the decision; per unit a mixture of the state.
    # The GRU's (1 - z) n + z h is a mixture too, one operation less than in its closed form.
    assert skip.elementwise == plain.elementwise + 4 * 10 * (9 + 2 * 8 * (3 - 1))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_torch_counts_an_ablated_lstm_alike(name, bidirectional) -> None:
    module = ablate(nn.LSTM(3, 4, 2, batch_first=True, bidirectional=bidirectional), name)
    assert_counted(module, (2, 6, 3))
    assert_counted(module, (2, 6, 3), tracked=True)


def test_what_an_ablated_lstm_multiplies_and_what_it_learns() -> None:
    lstm = nn.LSTM(3, 4, 2, batch_first=True)
    full, one, peephole = (count(ablate(lstm, name), (2, 6, 3)) for name in ("full", "forget_only", "peephole"))
    assert (one.macs, 2 * one.parameters) == (full.macs, full.parameters)
    assert peephole.parameters == full.parameters + 2 * 3 * 4
    # Three products and sums per unit; the two biases are added up once for each layer.
    assert peephole.elementwise == full.elementwise + 2 * 6 * 2 * 4 * 6 + 2 * 4 * 4


@pytest.mark.parametrize("module", [ConvLSTM(2, 3, 3), SkipGRU(2, 3)])
def test_an_input_that_does_not_fit_is_named(module) -> None:
    with pytest.raises(CountError, match="input has shape"):
        count(module, input_size=(4, 5, 3, 3, 3))
