"""Closed forms of the recurrent layers and their cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from rnncourse.counting.records import Operations
from rnncourse.counting.tensors import empty_output, expect_dtype
from rnncourse.variants import SkipGRU

GATES = {nn.RNN: 1, nn.LSTM: 4, nn.GRU: 3, nn.RNNCell: 1, nn.LSTMCell: 4, nn.GRUCell: 3}
"""Blocks of rows in each weight matrix."""

ELEMENTWISE = {nn.RNN: 1, nn.LSTM: 9, nn.GRU: 9, nn.RNNCell: 1, nn.LSTMCell: 9, nn.GRUCell: 9}
"""Elementwise operations per hidden unit and step; ``rnncourse.counting`` derives them."""


@dataclass(frozen=True)
class Direction:
    """One direction of one layer: the multiply-accumulates of one step, and what needs a gradient."""

    input_macs: int
    recurrent_macs: int
    projection_macs: int
    bias_elements: int
    trains_input: bool
    trains_recurrent: bool
    trains_projection: bool
    trains_gates: bool


def _per_unit(table: dict[type[Any], int], module: nn.Module) -> int:
    return next(number for kind, number in table.items() if isinstance(module, kind))


def _directions(module: nn.RNNBase, layer: int) -> Iterator[Direction]:
    hidden = module.hidden_size
    state = module.proj_size or hidden
    count = 2 if module.bidirectional else 1
    width = module.input_size if layer == 0 else state * count
    rows = _per_unit(GATES, module) * hidden
    for suffix in ("", "_reverse")[:count]:
        names = [f"weight_ih_l{layer}{suffix}", f"weight_hh_l{layer}{suffix}"]
        names += [f"weight_hr_l{layer}{suffix}"] if module.proj_size else []
        names += [f"bias_ih_l{layer}{suffix}", f"bias_hh_l{layer}{suffix}"] if module.bias else []
        trains = {name.split("_l")[0]: bool(getattr(module, name).requires_grad) for name in names}
        yield Direction(
            input_macs=rows * width,
            recurrent_macs=rows * state,
            projection_macs=hidden * module.proj_size,
            bias_elements=2 * rows if module.bias else 0,
            trains_input=trains["weight_ih"],
            trains_recurrent=trains["weight_hh"],
            trains_projection=trains.get("weight_hr", False),
            trains_gates=any(trained for name, trained in trains.items() if name != "weight_hr"),
        )


def _steps_and_batch(module: nn.RNNBase, x: Tensor) -> tuple[int, int]:
    if x.dim() == 2:
        return x.shape[0], 1
    return (x.shape[1], x.shape[0]) if module.batch_first else (x.shape[0], x.shape[1])


def _states(args: tuple[Any, ...]) -> tuple[Tensor, ...]:
    given = args[1] if len(args) > 1 else None
    if given is None:
        return ()
    return (given,) if isinstance(given, Tensor) else tuple(given)


def check_sequence(module: nn.Module, args: tuple[Any, ...]) -> None:
    """Refuse an input that a recurrent layer cannot read.

    Args:
        module: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``.
        args: the input, of shape (batch, time, feature), (time, batch, feature) or (time, feature), then the state.

    Raises:
        ValueError: a wrong number of dimensions or features, a wrong dtype, or a state of the wrong shape.
    """
    assert isinstance(module, nn.RNNBase)
    x: Tensor = args[0]
    order = "(batch, time, feature)" if module.batch_first else "(time, batch, feature)"
    if x.dim() not in (2, 3) or x.shape[-1] != module.input_size:
        raise ValueError(
            f"expected an input of shape {order} with {module.input_size} features, "
            f"got shape {tuple(x.shape)}; change input_size or the layer before"
        )
    expect_dtype(x, next(module.parameters()))
    width = module.proj_size or module.hidden_size
    batch = () if x.dim() == 2 else (_steps_and_batch(module, x)[1],)
    stack = module.num_layers * (2 if module.bidirectional else 1)
    for state, size in zip(_states(args), (width, module.hidden_size), strict=False):
        if tuple(state.shape) != (stack, *batch, size):
            raise ValueError(
                f"expected an initial state of shape {(stack, *batch, size)}, "
                f"got {tuple(state.shape)}; change the state that is passed"
            )


def run_sequence(module: nn.Module, args: tuple[Any, ...]) -> Any:
    """Outputs of a recurrent layer by shape alone, however long the sequence.

    Args:
        module: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``.
        args: the input and, where given, the initial state.

    Returns:
        What the layer returns: output sequence and final state, on ``meta``.
    """
    assert isinstance(module, nn.RNNBase)
    x: Tensor = args[0]
    width = module.proj_size or module.hidden_size
    count = 2 if module.bidirectional else 1
    batch = () if x.dim() == 2 else (_steps_and_batch(module, x)[1],)
    sources = (x, *_states(args), *module.parameters())

    def empty(*shape: int) -> Tensor:
        return empty_output(shape, like=x, sources=sources)

    final = empty(module.num_layers * count, *batch, width)
    output = empty(*x.shape[:-1], width * count)
    if isinstance(module, nn.LSTM):
        return output, (final, empty(module.num_layers * count, *batch, module.hidden_size))
    return output, final


def sequence_operations(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    """Operations of a recurrent layer over a whole batch of sequences.

    The backward pass has, per step, the products for ``dW_ih``, ``dW_hh`` and ``dh``, and for ``dx`` if the input
    needs a gradient. The gradient of the initial state is wanted only if the state is given and needs it.

    Args:
        module: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``.
        args: the input and, where given, the initial state.
        output: not read.

    Returns:
        Operations for all layers, directions, steps and sequences.
    """
    assert isinstance(module, nn.RNNBase)
    x: Tensor = args[0]
    steps, batch = _steps_and_batch(module, x)
    states = _states(args)
    initial = bool(states) and states[0].requires_grad
    wanted = x.requires_grad
    macs = biases = units = backward = 0
    for layer in range(module.num_layers):
        above = wanted
        for one in _directions(module, layer):
            # Where the projection alone learns, the first step's gates depend on nothing that needs a gradient.
            from_the_first = wanted or one.trains_gates or any(state.requires_grad for state in states)
            tracked = from_the_first or one.trains_projection
            into_state = steps - 1 + initial if tracked else 0
            into_unprojected = steps if from_the_first else steps - 1 if tracked else 0
            macs += steps * batch * (one.input_macs + one.recurrent_macs + one.projection_macs)
            biases += steps * batch * one.bias_elements
            units += steps * batch * module.hidden_size
            backward += steps * batch * one.input_macs * (one.trains_input + wanted)
            backward += batch * one.recurrent_macs * (steps * one.trains_recurrent + into_state)
            backward += batch * one.projection_macs * (steps * one.trains_projection + into_unprojected)
            above = above or tracked
        wanted = above
    return Operations(
        macs=macs,
        bias_additions=biases,
        elementwise=units * _per_unit(ELEMENTWISE, module),
        backward_macs=backward,
    )


def check_cell(module: nn.Module, args: tuple[Any, ...]) -> None:
    """Refuse an input that a recurrent cell cannot read.

    Args:
        module: ``nn.RNNCell``, ``nn.LSTMCell`` or ``nn.GRUCell``.
        args: the input, of shape (batch, feature) or (feature,), then the state.

    Raises:
        ValueError: a wrong number of dimensions or features, or a wrong dtype.
    """
    assert isinstance(module, nn.RNNCellBase)
    x: Tensor = args[0]
    if x.dim() not in (1, 2) or x.shape[-1] != module.input_size:
        raise ValueError(
            f"expected an input of shape (batch, feature) with {module.input_size} features, "
            f"got shape {tuple(x.shape)}; a cell takes one time step"
        )
    expect_dtype(x, module.weight_ih)


def cell_operations(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    """Operations of one step of a recurrent cell.

    Args:
        module: ``nn.RNNCell``, ``nn.LSTMCell`` or ``nn.GRUCell``.
        args: the input and, where given, the state.
        output: not read.

    Returns:
        Operations of one step for all sequences of the batch.
    """
    assert isinstance(module, nn.RNNCellBase)
    x: Tensor = args[0]
    states = _states(args)
    batch = 1 if x.dim() == 1 else x.shape[0]
    rows = _per_unit(GATES, module) * module.hidden_size
    into, across = batch * rows * module.input_size, batch * rows * module.hidden_size
    recurrent = int(module.weight_hh.requires_grad) + (bool(states) and states[0].requires_grad)
    return Operations(
        macs=into + across,
        bias_additions=2 * batch * rows if module.bias else 0,
        elementwise=batch * module.hidden_size * _per_unit(ELEMENTWISE, module),
        backward_macs=into * (int(module.weight_ih.requires_grad) + x.requires_grad) + across * recurrent,
    )


def second_biases(module: nn.Module) -> int:
    """Bias elements that PyTorch stores and Keras does not.

    Args:
        module: a recurrent layer or cell.

    Returns:
        One bias per gate for an RNN or LSTM; 0 for a GRU, which has two biases in both frameworks.
    """
    if isinstance(module, nn.GRU | nn.GRUCell | SkipGRU):
        return 0
    biases = [p for name, p in module.named_parameters() if "bias_hh" in name]
    return sum(bias.numel() for bias in biases)
