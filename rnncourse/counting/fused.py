"""Formulas that let ``FlopCounterMode`` see the fused recurrent kernels.

On a CPU, ``nn.LSTM`` in float32 runs as one oneDNN operator per layer and direction; on CUDA, every recurrent layer
runs as one cuDNN operator. ``torch.utils.flop_counter`` has no formula for either and counts 0.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch

Shape = Sequence[int]


def _products(input_shape: Shape, weights: Sequence[Shape]) -> int:
    """Two FLOPs per entry of each weight matrix, step and sequence."""
    return 2 * prod(input_shape[:-1]) * sum(prod(shape) for shape in weights if len(shape) == 2)


def _cudnn_backward(x: Shape, weights: Sequence[Shape], *args: Any, **_: Any) -> int:
    """Input and states always have a gradient, the weights where the output mask, the last argument, asks for it."""
    wanted = args[-1][3] if args and isinstance(args[-1], list | tuple) else True
    return _products(x, weights) * (2 if wanted else 1)


# oneDNN runs one direction of one layer over (time, batch, feature), and always computes all gradients; cuDNN runs the
# whole stack, whatever the layout, packed sequences included.
_FORMULAS: dict[str, Callable[..., int]] = {
    "mkldnn_rnn_layer": lambda x, w_ih, w_hh, *_, **__: _products(x, (w_ih, w_hh)),
    "mkldnn_rnn_layer_backward": lambda x, w_ih, w_hh, *_, **__: 2 * _products(x, (w_ih, w_hh)),
    "_cudnn_rnn": lambda x, weights, *_, **__: _products(x, weights),
    "_cudnn_rnn_backward": _cudnn_backward,
}


def register_recurrent_flops() -> None:
    """Let every ``FlopCounterMode`` made from now on count the fused recurrent kernels.

    Registers formulas with ``torch.utils.flop_counter`` for the oneDNN and cuDNN operators. Calling it again changes
    nothing, and a formula that PyTorch already has stays.
    """
    from torch.utils import flop_counter

    by_shape: Any = flop_counter.shape_wrapper
    for name, formula in _FORMULAS.items():
        # What PyTorch 2.4 registers in its own way, its counter does not find.
        flop_counter.flop_registry.setdefault(getattr(torch.ops.aten, name), by_shape(formula))
