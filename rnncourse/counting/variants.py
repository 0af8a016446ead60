"""Closed forms of the variants: convolutional, skipping and looped layers.

A variant costs what its base costs and something more. The base is counted on a *twin*: torch's layer of the same
sizes, without numbers, whose weights need gradients where the variant's do.
"""

from typing import Any

from torch import Tensor, nn

from rnncourse.counting import recurrent
from rnncourse.counting.records import Operations
from rnncourse.lstm_variants import LoopLSTM
from rnncourse.variants import ConvLSTM, ConvLSTMCell, SkipGRU, SkipLSTM

# Elementwise operations of one gate per step and sequence: a sigmoid, the comparison with one half, a sum and a minimum
# for the probability while it grows, and a mixture of two (a difference, two products and a sum).
_GATE = 8
# A mixture of old and new state, per unit: two products and a sum. The share 1 - u is the gate's.
_MIXTURE = 3
# What a form of `LoopLSTM` adds per unit and step: three products and sums for peepholes, minus an activation left out.
_FORMS = {"plain": 0, "no_input_activation": -1, "no_output_activation": -1, "peephole": 6, "full_gate_recurrence": 0}


def cell_operations(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    """Operations of one step of a `ConvLSTMCell`.

    Args:
        module: the cell.
        args: the input maps and, where given, the state.
        output: not read.

    Returns:
        Operations of one step for all maps of the batch: an LSTM's for each pixel, each product over the kernel.
    """
    assert isinstance(module, ConvLSTMCell)
    x: Tensor = args[0]
    return _convolutional(module, x, steps=1, wanted=x.requires_grad, initial=_tracked(args[1:]))


def convolutional_operations(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    """Operations of a `ConvLSTM` over a whole batch of sequences.

    Args:
        module: the layer.
        args: the input and, where given, the initial state.
        output: not read.

    Returns:
        Operations for all layers, steps and sequences.
    """
    assert isinstance(module, ConvLSTM)
    x: Tensor = args[0]
    steps = x.shape[1 if module.batch_first else 0]
    initial, wanted = _tracked(args[1:]), x.requires_grad
    layers = []
    for cell in module.cells:
        assert isinstance(cell, ConvLSTMCell)
        layers.append(_convolutional(cell, x, steps=steps, wanted=wanted, initial=initial))
        wanted = wanted or initial or any(weight.requires_grad for weight in cell.parameters())
    return _sum(layers)


def skip_operations(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    """Operations of a `SkipLSTM` or `SkipGRU` whose every step updates.

    How often it does depends on the data, and the loop computes every step anyway. Of the base layers' part, a reader
    that leaves skipped steps out needs the share of updates.

    Args:
        module: the layer.
        args: the input and, where given, the initial state.
        output: not read.

    Returns:
        Operations for all layers, steps and sequences.
    """
    assert isinstance(module, SkipLSTM | SkipGRU)
    x: Tensor = args[0]
    steps, batch = (x.shape[1], x.shape[0]) if module.batch_first else (x.shape[0], x.shape[1])
    kind, states = (nn.LSTM, 2) if isinstance(module, SkipLSTM) else (nn.GRU, 1)
    twin = kind(
        module.input_size,
        module.hidden_size,
        module.num_layers,
        bias=module.bias,
        batch_first=module.batch_first,
        device="meta",
    )
    base = _of_twin(twin, module, args)
    gate = steps * batch * module.hidden_size
    base_learns = any(weight.requires_grad for name, weight in module.named_parameters() if "update" not in name)
    reads = int(module.update_weight.requires_grad) + (base_learns or x.requires_grad or _tracked(args[1:]))
    mixtures = states * module.num_layers * module.hidden_size * _MIXTURE
    extra = Operations(
        macs=gate,
        bias_additions=steps * batch,
        elementwise=steps * batch * (_GATE + mixtures),
        # The gate after the last step decides about a step that is not there.
        backward_macs=gate // steps * (steps - 1) * reads,
    )
    return _sum([base, extra])


def loop_operations(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    """Operations of a `LoopLSTM`, whatever its form.

    Args:
        module: the layer.
        args: the input and, where given, the initial state.
        output: not read.

    Returns:
        Operations for all layers, directions, steps and sequences.
    """
    assert isinstance(module, LoopLSTM)
    x: Tensor = args[0]
    steps, batch = (x.shape[1], x.shape[0]) if module.batch_first else (x.shape[0], x.shape[1])
    hidden = module.hidden_size
    runs = module.num_layers * (2 if module.bidirectional else 1)
    twin = nn.LSTM(
        module.input_size,
        hidden,
        module.num_layers,
        bias=module.bias,
        batch_first=module.batch_first,
        bidirectional=module.bidirectional,
        device="meta",
    )
    base = _of_twin(twin, module, args)
    units = runs * steps * batch * hidden
    gates = 9 * units * hidden if module.form == "full_gate_recurrence" else 0
    learns = module.form == "full_gate_recurrence" and all(weight.requires_grad for weight in module.parameters())
    # The gates before the first step are constants: their gradient is not computed.
    backward = gates + gates // steps * (steps - 1) if learns else None if gates else 0
    extra = Operations(macs=gates, elementwise=_FORMS[module.form] * units, backward_macs=backward)
    return _sum([base, extra])


def _tracked(states: Any) -> bool:
    """Whether any tensor in a state, however nested, needs a gradient."""
    if isinstance(states, Tensor):
        return states.requires_grad
    return any(_tracked(state) for state in states or ())


def _of_twin(twin: nn.RNNBase, module: nn.Module, args: tuple[Any, ...]) -> Operations:
    learns = dict(module.named_parameters())
    for name, weight in twin.named_parameters():
        weight.requires_grad_(learns[name].requires_grad)
    return recurrent.sequence_operations(twin, args, None)


def _convolutional(cell: ConvLSTMCell, x: Tensor, *, steps: int, wanted: bool, initial: bool) -> Operations:
    height, width = x.shape[-2:]
    maps = x.numel() // (x.shape[-3] * height * width)
    pixels, rows = height * width, 4 * cell.hidden_channels
    into = maps * pixels * rows * cell.in_channels * cell.kernel_size**2
    across = maps * pixels * rows * cell.hidden_channels * cell.kernel_size**2
    learns = any(weight.requires_grad for weight in cell.parameters())
    # The first step's state needs a gradient only where it is given and needs one.
    reached = steps - 1 + initial if learns or wanted or initial else 0
    return Operations(
        macs=into + across,
        bias_additions=2 * maps * pixels * rows if cell.bias else 0,
        elementwise=9 * maps * pixels * cell.hidden_channels,
        backward_macs=into * (int(cell.weight_ih.requires_grad) + wanted)
        + across * cell.weight_hh.requires_grad
        + across // steps * reached,
    )


def _sum(parts: list[Operations]) -> Operations:
    backward = [part.backward_macs for part in parts]
    return Operations(
        macs=sum(part.macs for part in parts),
        bias_additions=sum(part.bias_additions for part in parts),
        elementwise=sum(part.elementwise for part in parts),
        backward_macs=None if None in backward else sum(number or 0 for number in backward),
    )
