"""What each known layer costs, and which inputs it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.ablation import AblatedLSTM
from rnncourse.counting import recurrent, variants
from rnncourse.counting.records import Operations, Rule
from rnncourse.counting.tensors import empty_output, expect_dtype
from rnncourse.lstm_variants import LoopLSTM
from rnncourse.variants import ConvLSTM, ConvLSTMCell, SkipGRU, SkipLSTM


def _accept(module: nn.Module, args: tuple[Any, ...]) -> None:
    """Accept every input."""


def _as_in_torch(module: nn.Module) -> tuple[int, int]:
    return 0, 0


@dataclass(frozen=True, kw_only=True)
class LayerRule:
    """How one type of layer is counted.

    Args:
        operations: operations of one call.
        check: raises ValueError for arguments the layer cannot take.
        run: outputs by shape alone; None runs the layer's own ``forward`` on ``meta``.
        keras: elements that Keras adds to PyTorch's parameters, and how many of its elements are non-trainable.
    """

    operations: Rule
    check: Callable[[nn.Module, tuple[Any, ...]], None] = _accept
    run: Callable[[nn.Module, tuple[Any, ...]], Any] | None = None
    keras: Callable[[nn.Module], tuple[int, int]] = _as_in_torch


def _free(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    return Operations(backward_macs=0)


def _one_per_element(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Operations:
    return Operations(elementwise=output.numel(), backward_macs=0)


def _expect_axis(x: Tensor, axis: int, size: int, *, what: str, dims: tuple[int, ...]) -> None:
    if x.dim() not in dims or x.shape[axis] != size:
        wanted = " or ".join(str(number) for number in dims)
        raise ValueError(
            f"expected {size} {what} in dimension {axis} of an input with {wanted} dimensions, "
            f"got shape {tuple(x.shape)}; change input_size or the layer before"
        )


def _expect_floats(x: Tensor) -> None:
    if not x.is_floating_point():
        raise ValueError(f"expected floating-point numbers, got {x.dtype}; pass dtype=torch.float32")


def _check_linear(module: nn.Module, args: tuple[Any, ...]) -> None:
    assert isinstance(module, nn.Linear)
    x: Tensor = args[0]
    if x.dim() == 0 or x.shape[-1] != module.in_features:
        raise ValueError(
            f"expected {module.in_features} features in the last dimension, "
            f"got an input of shape {tuple(x.shape)}; change input_size or the layer before"
        )
    expect_dtype(x, module.weight)


def _run_linear(module: nn.Module, args: tuple[Any, ...]) -> Tensor:
    assert isinstance(module, nn.Linear)
    x: Tensor = args[0]
    shape = (*x.shape[:-1], module.out_features)
    return empty_output(shape, like=x, sources=(x, *module.parameters()))


def _linear(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Operations:
    assert isinstance(module, nn.Linear)
    macs = output.numel() * module.in_features
    return Operations(
        macs=macs,
        bias_additions=output.numel() if module.bias is not None else 0,
        backward_macs=macs * (int(module.weight.requires_grad) + args[0].requires_grad),
    )


def _check_embedding(module: nn.Module, args: tuple[Any, ...]) -> None:
    if args[0].dtype not in (torch.int32, torch.int64):
        raise ValueError(f"expected integer token ids, got {args[0].dtype}; pass dtype=torch.long")


def _check_convolution(module: nn.Module, args: tuple[Any, ...]) -> None:
    assert isinstance(module, nn.Conv1d | nn.Conv2d)
    spatial = len(module.kernel_size)
    _expect_axis(args[0], -spatial - 1, module.in_channels, what="channels", dims=(spatial + 1, spatial + 2))
    expect_dtype(args[0], module.weight)


def _convolution(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Operations:
    assert isinstance(module, nn.Conv1d | nn.Conv2d)
    macs = output.numel() * module.in_channels // module.groups * prod(module.kernel_size)
    return Operations(
        macs=macs,
        bias_additions=output.numel() if module.bias is not None else 0,
        backward_macs=macs * (int(module.weight.requires_grad) + args[0].requires_grad),
    )


def _check_batch_norm(module: nn.Module, args: tuple[Any, ...]) -> None:
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    dims = (4,) if isinstance(module, nn.BatchNorm2d) else (2, 3)
    _expect_axis(args[0], 1 if args[0].dim() > 1 else 0, module.num_features, what="channels", dims=dims)
    _expect_floats(args[0])


def _batch_norm(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Operations:
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    # Without moving statistics the mean and variance come from the batch: sum, square, sum.
    each = 2 + (2 if module.affine else 0) + (0 if module.track_running_stats else 3)
    return Operations(elementwise=each * output.numel(), backward_macs=0)


def _keras_batch_norm(module: nn.Module) -> tuple[int, int]:
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    moving = 2 * module.num_features if module.track_running_stats else 0
    return moving, moving


def _check_layer_norm(module: nn.Module, args: tuple[Any, ...]) -> None:
    assert isinstance(module, nn.LayerNorm)
    shape = tuple(module.normalized_shape)
    if tuple(args[0].shape[-len(shape) :]) != shape:
        raise ValueError(
            f"expected an input whose last dimensions are {shape}, got shape {tuple(args[0].shape)}; "
            "change input_size or the layer before"
        )
    _expect_floats(args[0])


def _layer_norm(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Operations:
    assert isinstance(module, nn.LayerNorm)
    each = 5 + (module.weight is not None) + (module.bias is not None)
    return Operations(elementwise=each * output.numel(), backward_macs=0)


def _window_pooling(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    first = output[0] if isinstance(output, tuple) else output
    kernel = module.kernel_size
    sizes = kernel if isinstance(kernel, tuple) else (kernel,)
    # One number stands for a square window in two dimensions.
    window = prod(sizes) if len(sizes) > 1 or isinstance(module, _POOLS_1D) else prod(sizes) ** 2
    return Operations(elementwise=first.numel() * int(window), backward_macs=0)


def _whole_pooling(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Operations:
    return Operations(elementwise=args[0].numel(), backward_macs=0)


def _keras_recurrent(module: nn.Module) -> tuple[int, int]:
    return -recurrent.second_biases(module), 0


_POOLS_1D = (nn.MaxPool1d, nn.AvgPool1d)
_ACTIVATIONS: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Tanh,
    nn.Hardtanh,
    nn.Sigmoid,
    nn.Hardsigmoid,
    nn.LogSigmoid,
    nn.Softplus,
    nn.Softsign,
    nn.Softmax,
    nn.LogSoftmax,
)
FREE: tuple[type[nn.Module], ...] = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
)
"""Layers that compute nothing in evaluation mode."""

_SEQUENCE = LayerRule(
    operations=recurrent.sequence_operations,
    check=recurrent.check_sequence,
    run=recurrent.run_sequence,
    keras=_keras_recurrent,
)
_CELL = LayerRule(operations=recurrent.cell_operations, check=recurrent.check_cell, keras=_keras_recurrent)
_CONVOLUTION = LayerRule(operations=_convolution, check=_check_convolution)
_BATCH_NORM = LayerRule(operations=_batch_norm, check=_check_batch_norm, keras=_keras_batch_norm)

RULES: Mapping[type[nn.Module], LayerRule] = {
    nn.Linear: LayerRule(operations=_linear, check=_check_linear, run=_run_linear),
    nn.Embedding: LayerRule(operations=_free, check=_check_embedding),
    nn.LayerNorm: LayerRule(operations=_layer_norm, check=_check_layer_norm),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d), _CONVOLUTION),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _BATCH_NORM),
    # An ablated LSTM runs on the full matrices: rows that do not learn are multiplied all the same.
    **dict.fromkeys((nn.RNN, nn.LSTM, nn.GRU, AblatedLSTM), _SEQUENCE),
    **dict.fromkeys((nn.RNNCell, nn.LSTMCell, nn.GRUCell), _CELL),
    LoopLSTM: LayerRule(operations=variants.loop_operations, keras=_keras_recurrent),
    ConvLSTM: LayerRule(operations=variants.convolutional_operations, keras=_keras_recurrent),
    ConvLSTMCell: LayerRule(operations=variants.cell_operations, keras=_keras_recurrent),
    **dict.fromkeys((SkipLSTM, SkipGRU), LayerRule(operations=variants.skip_operations, keras=_keras_recurrent)),
    **dict.fromkeys(_ACTIVATIONS, LayerRule(operations=_one_per_element)),
    **dict.fromkeys(FREE, LayerRule(operations=_free)),
    **dict.fromkeys((*_POOLS_1D, nn.MaxPool2d, nn.AvgPool2d), LayerRule(operations=_window_pooling)),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), LayerRule(operations=_whole_pooling)),
}
"""The known layers. A subclass is known too, as long as it keeps its parent's ``forward``."""


def find_rule(module: nn.Module, custom: Mapping[type[nn.Module], Rule]) -> LayerRule | None:
    """The rule of a layer.

    Args:
        module: the layer.
        custom: rules of the caller, which come first.

    Returns:
        The rule of its class or of the nearest parent class that has one; None if there is none.
    """
    kind: Any
    for kind in type(module).__mro__:
        if kind in custom:
            return LayerRule(operations=custom[kind])
        # A subclass with a forward of its own may compute something else.
        if kind in RULES and type(module).forward is kind.forward:
            return RULES[kind]
    return None
