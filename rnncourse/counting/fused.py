"""Formulas that let ``FlopCounterMode`` see the fused recurrent kernels.

On a CPU, ``nn.LSTM`` in float32 runs as one oneDNN operator per layer and direction; on CUDA, every recurrent layer
runs as one cuDNN operator. ``torch.utils.flop_counter`` has no formula for either and counts 0.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, register_flop_formula

Shape = Sequence[int]


def _product_flops(input_shape: Shape, weight_shapes: Sequence[Shape]) -> int:
    """Two per entry of each weight matrix, step and sequence."""
    matrices = sum(prod(shape) for shape in weight_shapes if len(shape) == 2)
    return 2 * prod(input_shape[:-1]) * matrices


def onednn_layer_flops(input_shape: Shape, w_ih: Shape, w_hh: Shape, *args: Any, **kwargs: Any) -> int:
    """Forward FLOPs (``gemm``) of ``aten::mkldnn_rnn_layer``.

    Args:
        input_shape: ``(time, batch, feature)``.
        w_ih: ``(gates * hidden, feature)``.
        w_hh: ``(gates * hidden, hidden)``.
        *args: not read.
        **kwargs: not read.

    Returns:
        FLOPs of one direction of one layer.
    """
    return _product_flops(input_shape, (w_ih, w_hh))


def onednn_layer_backward_flops(input_shape: Shape, w_ih: Shape, w_hh: Shape, *args: Any, **kwargs: Any) -> int:
    """Backward FLOPs (``gemm``) of ``aten::mkldnn_rnn_layer_backward``.

    The kernel always computes all gradients, those of the input and of the initial state included: twice the
    forward products.

    Args:
        input_shape: ``(time, batch, feature)``.
        w_ih: ``(gates * hidden, feature)``.
        w_hh: ``(gates * hidden, hidden)``.
        *args: not read.
        **kwargs: not read.

    Returns:
        FLOPs of one direction of one layer.
    """
    return 2 * _product_flops(input_shape, (w_ih, w_hh))


def cudnn_flops(input_shape: Shape, weights: Sequence[Shape], *args: Any, **kwargs: Any) -> int:
    """Forward FLOPs (``gemm``) of ``aten::_cudnn_rnn``.

    Args:
        input_shape: ``(time, batch, feature)``, batch first, or ``(steps, feature)`` for packed sequences.
        weights: shapes of all weights and biases, over layers and directions.
        *args: not read.
        **kwargs: not read.

    Returns:
        FLOPs of the whole stack.
    """
    return _product_flops(input_shape, weights)


def cudnn_backward_flops(input_shape: Shape, weights: Sequence[Shape], *args: Any, **kwargs: Any) -> int:
    """Backward FLOPs (``gemm``) of ``aten::_cudnn_rnn_backward``.

    The gradients of input and states are always computed, those of the weights when the output mask asks for them.

    Args:
        input_shape: ``(time, batch, feature)``, batch first, or ``(steps, feature)`` for packed sequences.
        weights: shapes of all weights and biases, over layers and directions.
        *args: the last one is the output mask: input, state, cell, weights.
        **kwargs: not read.

    Returns:
        FLOPs of the whole stack.
    """
    wanted = args[-1][3] if args and isinstance(args[-1], list | tuple) else True
    return _product_flops(input_shape, weights) * (2 if wanted else 1)


_FORMULAS = {
    "mkldnn_rnn_layer": onednn_layer_flops,
    "mkldnn_rnn_layer_backward": onednn_layer_backward_flops,
    "_cudnn_rnn": cudnn_flops,
    "_cudnn_rnn_backward": cudnn_backward_flops,
}


def register_recurrent_flops() -> None:
    """Let every ``FlopCounterMode`` made from now on count the fused recurrent kernels.

    Registers formulas with ``torch.utils.flop_counter`` for the oneDNN and cuDNN operators. Calling it again changes
    nothing, and a formula that PyTorch already has stays.
    """
    for name, formula in _FORMULAS.items():
        operator = getattr(torch.ops.aten, name)
        if operator not in flop_registry:
            register: Any = register_flop_formula(operator)
            register(formula)
