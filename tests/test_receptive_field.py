"""Receptive fields: the closed form, and what gradients say of any network."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.networks import CausalConvolutions
from rnncourse.receptive_field import effective_width, input_influence
from tests.refusals import refusing
from tests.unfused import Lambda


def convolutions(kernel: int, dilations: list[int]) -> CausalConvolutions:
    torch.manual_seed(0)
    return CausalConvolutions(2, 3, kernel_size=kernel, dilations=dilations)


@settings(max_examples=30)
@given(kernel=st.integers(1, 4), dilations=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_gradients_find_the_field_of_the_closed_form(kernel: int, dilations: list[int]) -> None:
    field = 1 + (kernel - 1) * sum(dilations)
    network = convolutions(kernel, dilations)
    assert network.receptive_field == field
    influence = input_influence(network, torch.randn(2, field + 3, 2))
    seen = torch.nonzero(influence).flatten()
    assert seen[-1] == field + 2
    assert field + 3 - seen[0] == field
    assert (influence[:3] == 0).all()


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_recurrent_layer_sees_everything(kind: Any) -> None:
    torch.manual_seed(1)
    layer = kind(2, 5, batch_first=True)
    before = copy.deepcopy(layer.state_dict())
    influence = input_influence(layer, torch.randn(3, 12, 2))
    assert (influence > 0).all()
    assert influence.dtype == torch.float64
    assert influence[-1] > influence[0]
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert layer.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in layer.parameters())


def test_the_influence_of_a_linear_map_is_its_norm_and_what_is_read_can_be_chosen() -> None:
    def sums(module: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(x[:, 0] * module.weight).sum(1), 2 * x[:, 2, 0]], dim=1)

    linear = Lambda(sums, weight=torch.tensor([3.0, 4.0]))
    assert input_influence(linear, torch.ones(4, 3, 2)).tolist() == pytest.approx([5.0, 0.0, 2.0])
    influence = input_influence(convolutions(3, [1]), torch.randn(2, 9, 2), read=lambda output: output[:, 4])
    assert torch.nonzero(influence).flatten().tolist() == [2, 3, 4]


def test_the_effective_width_counts_back_from_the_end() -> None:
    assert effective_width(torch.tensor([0.0, 0.0, 1.0])) == 1
    assert effective_width(torch.tensor([1.0, 0.0, 0.0])) == 3
    assert effective_width(torch.ones(20)) == 19
    assert effective_width(torch.ones(20), share=1) == 20
    assert effective_width(torch.tensor([3.0, 5.0]), share=0.62) == 1
    assert effective_width(torch.tensor([3.0, 5.0]), share=0.63) == 2


test_what_does_not_fit_is_named = refusing(
    (lambda: input_influence(nn.RNN(2, 3, batch_first=True), torch.zeros(3, 2)), r"x has shape \(3, 2\)"),
    (lambda: input_influence(convolutions(2, [1]), torch.zeros(2, 5, 2), read=lambda y: y), "read gave shape"),
    (lambda: effective_width(torch.ones(3), share=0.0), "share must"),
    (lambda: effective_width(torch.zeros(3)), "influence must"),
)
