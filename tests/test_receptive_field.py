"""Receptive fields: the closed form, what gradients say of any network, and the widget that shows both."""

import copy
import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.networks import CausalConvolutions, SequenceClassifier
from rnncourse.receptive_field import effective_width, input_influence, stacked_field
from rnncourse.widgets import ReceptiveField

LIMITED = settings(max_examples=30, deadline=None)
STACKS = {"kernel": st.integers(1, 4), "dilations": st.lists(st.integers(1, 5), min_size=1, max_size=4)}


def convolutions(kernel: int, dilations: list[int]) -> CausalConvolutions:
    torch.manual_seed(0)
    return CausalConvolutions(2, 3, kernel_size=kernel, dilations=dilations)


@LIMITED
@given(**STACKS)
def test_gradients_find_the_field_of_the_closed_form(kernel: int, dilations: list[int]) -> None:
    field = stacked_field(kernel, dilations)
    network = convolutions(kernel, dilations)
    assert network.receptive_field == field
    influence = input_influence(network, torch.randn(2, field + 3, 2))
    seen = torch.nonzero(influence).flatten()
    assert seen[-1] == field + 2
    assert field + 3 - seen[0] == field
    assert (influence[:3] == 0).all()


@LIMITED
@given(**STACKS, keep=st.floats(0.01, 1.0), steps=st.integers(2, 40))
def test_the_widgets_paths_are_the_gradient_of_a_stack_of_ones(
    kernel: int, dilations: list[int], keep: float, steps: int
) -> None:
    depth, growth = len(dilations), 1 + dilations[0] % 3
    widget = ReceptiveField(kernel_size=kernel, depth=depth, growth=growth, seq_len=steps, keep=keep)
    x = torch.zeros(1, 1, steps, dtype=torch.float64, requires_grad=True)
    states = x
    for dilation in widget.dilations:
        padded = nn.functional.pad(states, ((kernel - 1) * dilation, 0))
        states = nn.functional.conv1d(padded, torch.ones(1, 1, kernel, dtype=torch.float64), dilation=dilation)
    states[0, 0, -1].backward()
    assert x.grad is not None
    paths = x.grad.flatten() / x.grad.sum()
    assert widget.reach.paths == pytest.approx(paths.numpy(), rel=1e-9, abs=0)
    assert widget.reach.reached == (x.grad > 0).sum()
    assert widget.reach.field == stacked_field(kernel, widget.dilations)
    assert widget.reach.width == effective_width(paths.sqrt())
    x = torch.zeros(steps, dtype=torch.float64, requires_grad=True)
    h = torch.zeros((), dtype=torch.float64)
    for value in x:
        h = keep * h + value
    h.backward()
    assert x.grad is not None
    assert widget.reach.fading == pytest.approx((x.grad / x.grad.sum()).numpy(), rel=1e-9, abs=0)


def test_the_widget_says_what_it_shows() -> None:
    widget = ReceptiveField(growth=2)
    assert repr(widget) == "ReceptiveField: 31 steps, 31 of the 32 inputs"
    assert widget.reach.layers_needed == 5
    cells = re.findall(r"<td>([^<]*)</td>", widget.fallback_html())
    assert cells == ["31", "32", str(widget.reach.width), "24", "4", "32"]
    assert "dilations 1, 2, 4, 8 see 31 steps" in widget.fallback_html()
    assert ReceptiveField(kernel_size=1).reach.layers_needed == -1
    holes = ReceptiveField(kernel_size=2, depth=3, growth=3)
    assert (holes.reach.field, holes.reach.reached) == (14, 8)


@given(kernel=st.integers(1, 9), growth=st.integers(1, 3), steps=st.integers(2, 128))
@settings(max_examples=60, deadline=None)
def test_the_layers_needed_are_the_fewest(kernel: int, growth: int, steps: int) -> None:
    needed = ReceptiveField(kernel_size=kernel, growth=growth, seq_len=steps).reach.layers_needed
    if kernel == 1:
        assert needed == -1
        return
    fields = [stacked_field(kernel, [growth**layer for layer in range(depth)]) for depth in (needed - 1, needed)]
    assert fields[0] < steps <= fields[1]


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


def test_the_influence_of_a_linear_map_is_its_norm() -> None:
    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([3.0, 4.0]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([(x[:, 0] * self.weight).sum(1), 2 * x[:, 2, 0]], dim=1)

    assert input_influence(Sums(), torch.ones(4, 3, 2)).tolist() == pytest.approx([5.0, 0.0, 2.0])


def test_what_is_read_can_be_chosen() -> None:
    network = convolutions(3, [1])
    influence = input_influence(network, torch.randn(2, 9, 2), read=lambda output: output[:, 4])
    assert torch.nonzero(influence).flatten().tolist() == [2, 3, 4]
    reader = SequenceClassifier(network, width=3, num_classes=2)
    assert torch.nonzero(input_influence(reader, torch.randn(2, 9, 2))).flatten().tolist() == [6, 7, 8]


def test_the_effective_width_counts_back_from_the_end() -> None:
    assert effective_width(torch.tensor([0.0, 0.0, 1.0])) == 1
    assert effective_width(torch.tensor([1.0, 0.0, 0.0])) == 3
    assert effective_width(torch.ones(20)) == 19
    assert effective_width(torch.ones(20), share=1) == 20
    assert effective_width(torch.tensor([3.0, 4.0]), share=0.64) == 1
    assert effective_width(torch.tensor([3.0, 4.0]), share=0.65) == 2


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="kernel_size and dilations must be at least 1"):
        stacked_field(0, [1])
    with pytest.raises(ValueError, match="kernel_size and dilations must be at least 1"):
        stacked_field(2, [1, 0])
    with pytest.raises(ValueError, match=r"x has shape \(3, 2\)"):
        input_influence(nn.RNN(2, 3, batch_first=True), torch.zeros(3, 2))
    with pytest.raises(ValueError, match=r"read gave shape"):
        input_influence(convolutions(2, [1]), torch.zeros(2, 5, 2), read=lambda output: output)
    with pytest.raises(ValueError, match=r"share must lie in \(0, 1\]"):
        effective_width(torch.ones(3), share=0.0)
    with pytest.raises(ValueError, match="nothing reaches the output"):
        effective_width(torch.zeros(3))
