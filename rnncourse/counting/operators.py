"""What one tensor operation costs when a module calls it outside any known layer."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from rnncourse.counting.records import Operations

# Positions of the two factors of each product.
_PRODUCTS = {
    "mm": (0, 1),
    "bmm": (0, 1),
    "mv": (0, 1),
    "dot": (0, 1),
    "addmm": (1, 2),
    "addmv": (1, 2),
    "baddbmm": (1, 2),
}
_ACTIVATIONS = {"_softmax", "_safe_softmax", "_log_softmax"}
_SCANS = {"cumsum", "cumprod", "mean", "sum", "max", "min", "argmax", "argmin", "amax", "amin"}
_CREATION = {
    "zeros",
    "ones",
    "full",
    "empty",
    "arange",
    "linspace",
    "eye",
    "scalar_tensor",
    "rand",
    "randn",
    "randint",
    "bernoulli",
    "bernoulli_",
    "uniform_",
    "normal_",
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "rand_like",
    "randn_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "new_empty",
    "new_empty_strided",
    "empty_strided",
    "fill_",
    "fill",
    "zero_",
}
_MOVEMENT = {
    "clone",
    "copy_",
    "_to_copy",
    "cat",
    "stack",
    "_unsafe_view",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsafe_chunk",
    "index",
    "index_select",
    "gather",
    "scatter",
    "embedding",
    "flip",
    "roll",
    "repeat",
    "repeat_interleave",
    "constant_pad_nd",
    "tril",
    "triu",
    "slice_scatter",
    "select_scatter",
    "index_put",
    "index_put_",
    "scatter_",
    "masked_fill",
    "masked_fill_",
    "where",
}


def _product(operands: tuple[Any, ...], out: Tensor, *, bias: bool) -> Operations:
    first, second = operands
    macs = out.numel() * first.shape[-1]
    return Operations(
        macs=macs,
        bias_additions=out.numel() if bias else 0,
        backward_macs=macs * (int(first.requires_grad) + second.requires_grad),
    )


def _convolution(args: tuple[Any, ...], out: Tensor) -> Operations | None:
    x, weight, bias, _, _, _, transposed, *_ = args
    if transposed:
        return None
    macs = out.numel() * prod(weight.shape[1:])
    return Operations(
        macs=macs,
        bias_additions=out.numel() if bias is not None else 0,
        backward_macs=macs * (int(weight.requires_grad) + x.requires_grad),
    )


def operator_cost(operator: Any, args: tuple[Any, ...], output: Any) -> Operations | None:
    """Operations of one call of an ATen operator.

    Matrix products and convolutions have their multiply-accumulates, operators that PyTorch tags as pointwise cost
    one per element of their output, reductions one per element of their input. Creating and moving data is free.

    Args:
        operator: the overload called.
        args: its positional arguments, on ``meta``.
        output: its result.

    Returns:
        The operations, or None if the cost of this operator is not defined.
    """
    name = operator.overloadpacket.__name__
    out = output[0] if isinstance(output, tuple | list) and output else output
    if operator.is_view or name in _CREATION or name in _MOVEMENT:
        return Operations(backward_macs=0)
    if name in _PRODUCTS:
        first, second = _PRODUCTS[name]
        return _product((args[first], args[second]), out, bias=first == 1)
    if name == "convolution":
        return _convolution(args, out)
    if name in _ACTIVATIONS or torch.Tag.pointwise in operator.tags:
        return Operations(elementwise=out.numel(), backward_macs=0)
    if name in _SCANS or torch.Tag.reduction in operator.tags:
        return Operations(elementwise=args[0].numel(), backward_macs=0)
    return None
