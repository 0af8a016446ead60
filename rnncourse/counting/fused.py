"""Formulas that let ``FlopCounterMode`` see the fused recurrent kernels.

On a CPU, ``nn.LSTM`` in float32 runs as one oneDNN operator per layer and direction; on CUDA, every recurrent layer
runs as one cuDNN operator. ``torch.utils.flop_counter`` has no formula for either and counts 0.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch

Shape = Sequence[int]


def _products(input_shape: Shape, weights: Sequence[Shape]) -> int:
    """Two FLOPs per entry of each weight matrix, step and sequence."""
    return 2 * prod(input_shape[:-1]) * sum(prod(shape) for shape in weights if len(shape) == 2)


def _onednn(input_shape: Shape, w_ih: Shape, w_hh: Shape, *_: Any, **__: Any) -> int:
    """One direction of one layer; the input is ``(time, batch, feature)``."""
    return _products(input_shape, (w_ih, w_hh))


def _onednn_backward(input_shape: Shape, w_ih: Shape, w_hh: Shape, *_: Any, **__: Any) -> int:
    """The kernel always computes all gradients, those of the input and of the initial state included."""
    return 2 * _products(input_shape, (w_ih, w_hh))


def _cudnn(input_shape: Shape, weights: Sequence[Shape], *_: Any, **__: Any) -> int:
    """The whole stack, for any layout of the input, packed sequences included."""
    return _products(input_shape, weights)


def _cudnn_backward(input_shape: Shape, weights: Sequence[Shape], *args: Any, **__: Any) -> int:
    """Input and states always have a gradient, the weights where the output mask, the last argument, asks for it."""
    wanted = args[-1][3] if args and isinstance(args[-1], list | tuple) else True
    return _products(input_shape, weights) * (2 if wanted else 1)


_FORMULAS = {
    "mkldnn_rnn_layer": _onednn,
    "mkldnn_rnn_layer_backward": _onednn_backward,
    "_cudnn_rnn": _cudnn,
    "_cudnn_rnn_backward": _cudnn_backward,
}


def register_recurrent_flops() -> None:
    """Let every ``FlopCounterMode`` made from now on count the fused recurrent kernels.

    Registers formulas with ``torch.utils.flop_counter`` for the oneDNN and cuDNN operators. Calling it again changes
    nothing, and a formula that PyTorch already has stays.
    """
    from torch.utils import flop_counter

    for name, formula in _FORMULAS.items():
        operator = getattr(torch.ops.aten, name)
        if operator not in flop_counter.flop_registry:
            register: Any = flop_counter.register_flop_formula(operator)
            register(formula)
