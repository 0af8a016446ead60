"""The receptive field explorer: what it shows is the gradient of a stack of ones, and the closed form."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.receptive_field import effective_width, stacked_field
from rnncourse.widgets import ReceptiveField

LIMITED = settings(max_examples=30)
STACKS = {"kernel": st.integers(1, 4), "dilations": st.lists(st.integers(1, 5), min_size=1, max_size=4)}


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
