"""What one ATen operator costs when a module calls it."""

import re
import tomllib
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnncourse.counting.copying import tensors_in
from rnncourse.counting.records import NOTHING, Operations

# Positions of the scale, the shift and whether the batch is normalised by its own moments.
_NORMS: dict[str, tuple[int, int, int | None]] = {
    "native_batch_norm": (1, 2, 5),
    "cudnn_batch_norm": (1, 2, 5),
    "native_layer_norm": (2, 3, None),
    "native_group_norm": (1, 2, None),
}
_FUSED = {"addcmul": 2, "addcdiv": 2, "lerp": 3}
_WINDOWS = {"max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d", "avg_pool3d"}


def _base_name(name: str) -> str:
    """The name of an operator without marks of privacy, of work in place, and of the number of dimensions."""
    return re.sub("_?[123]d$", "", name.strip("_"))


_COSTS = {
    cost: frozenset(names.split())
    for cost, names in tomllib.loads(Path(__file__).with_name("operators.toml").read_text(encoding="utf-8")).items()
}
_POINTWISE_TAG, _REDUCTION_TAG = (getattr(torch.Tag, name, None) for name in ("pointwise", "reduction"))


class Sums:
    """Tensors that hold a sum of products: the accumulator that takes one more product costs no extra addition."""

    def __init__(self) -> None:
        self._held: dict[int, Tensor] = {}  # by storage, and alive, so that no other tensor takes the address

    def add(self, tensor: Tensor) -> None:
        """Remember a sum."""
        self._held[_storage(tensor)] = tensor

    def change(self, tensor: Tensor) -> None:
        """Forget a tensor that was written over, whole or in part."""
        self._held.pop(_storage(tensor), None)

    def __contains__(self, tensor: object) -> bool:
        return isinstance(tensor, Tensor) and tensor.layout == torch.strided and _storage(tensor) in self._held


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def operator_cost(operator: Any, args: Any, kwargs: dict[str, Any], output: Any, sums: Sums) -> Operations | None:
    """Operations of one call, or None if the operator is unknown and may hide matrix products; keeps ``sums``."""
    name = operator.overloadpacket.__name__
    in_place = operator._schema.is_mutable and name.endswith("_")
    name = name.rstrip("_") if in_place else name
    out = next(tensors_in(output), None)
    if operator.namespace != "aten":
        return None
    if name == "add" and out is not None:
        return _addition(args, out, sums)
    if in_place:
        sums.change(args[0])
    if (name in _COSTS["products"] or name in _COSTS["added_products"]) and out is not None:
        return _product(name, args, out, sums)
    if name == "convolution" and out is not None:
        return _convolution(args, out, sums)
    if name == "linalg_solve_triangular" and out is not None:
        return _substitution(args[0], args[1], out, divided=not kwargs.get("unitriangular", False))
    return _elementwise(operator, name, args, out, output)


def rms_norm_operations(
    output: Tensor, input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Operations:
    """Square, mean and division; the scale. Versions of PyTorch differ in the operators that they run for it."""
    return Operations(elementwise=(3 + (weight is not None)) * output.numel(), backward_macs=0)


def _elementwise(operator: Any, name: str, args: tuple[Any, ...], out: Tensor | None, output: Any) -> Operations | None:
    base, each = _base_name(name), 1
    if operator.is_view or base in _COSTS["free"]:
        return NOTHING
    if out is None:
        return None
    if name in _NORMS:
        scale, shift, moments = _NORMS[name]
        if args[0].dtype not in (torch.float16, torch.bfloat16):  # these go with float32 weights
            _expect_dtype(args[0], args[scale])
        each = (2 if name.endswith("batch_norm") else 5) + (args[scale] is not None) + (args[shift] is not None)
        each += 3 if moments is not None and args[moments] else 0  # of the batch itself: sum, square, sum
    elif name in _WINDOWS:
        dims = 3 if "3d" in name else 2
        each = prod(args[1]) if len(args[1]) == dims else args[1][0] ** dims
    elif base in _COSTS["reductions"] or _REDUCTION_TAG in operator.tags:
        return Operations(elementwise=args[0].numel(), backward_macs=0)
    elif base in _COSTS["touched"]:
        return Operations(elementwise=max(one.numel() for one in tensors_in([args, output])), backward_macs=0)
    elif base not in _COSTS["pointwise"] and _POINTWISE_TAG not in _base(operator, name).tags:
        return None
    each *= _FUSED.get(name, 1)
    return Operations(elementwise=each * out.numel(), backward_macs=0)


def _base(operator: Any, name: str) -> Any:
    """The overload that carries the tags: in-place ones sometimes lack them."""
    return getattr(getattr(torch.ops.aten, name, None), operator._overloadname, operator)


def _added(addend: Any, out: Tensor, sums: Sums) -> Operations:
    """What it costs that a sum of products takes an addend."""
    if addend is None or (addend in sums and addend.numel() == out.numel()):
        return NOTHING
    if isinstance(addend, Tensor) and addend.dim() == 1 and addend.shape[0] == out.shape[-1]:
        return Operations(bias_additions=out.numel(), backward_macs=0)
    return Operations(elementwise=out.numel(), backward_macs=0)


def _addition(args: tuple[Any, ...], out: Tensor, sums: Sums) -> Operations:
    first, second = args[:2]
    for one, addend in ((first, second), (second, first)):
        if one in sums and one.numel() == out.numel():
            cost = _added(addend, out, sums)
            break
    else:
        cost = Operations(elementwise=out.numel(), backward_macs=0)
    (sums.change if cost.elementwise else sums.add)(out)
    return cost


def _product(name: str, args: tuple[Any, ...], out: Tensor, sums: Sums) -> Operations:
    addend, first, second = args[:3] if name in _COSTS["added_products"] else (None, *args[:2])
    _expect_dtype(first, second)
    macs = out.numel() * first.shape[-1] * (len(first) if name == "addbmm" else 1)
    cost = _added(addend, out, sums)
    sums.add(out)
    return replace(cost, macs=macs, backward_macs=macs * (int(first.requires_grad) + second.requires_grad))


def _convolution(args: tuple[Any, ...], out: Tensor, sums: Sums) -> Operations:
    x, weight, bias, _, _, _, transposed, *_ = args
    _expect_dtype(x, weight)
    if transposed and x.shape[1] != len(weight):
        raise ValueError(f"expected {len(weight)} channels, got {x.shape[1]}")
    macs = (x if transposed else out).numel() * prod(weight.shape[1:])
    sums.add(out)
    biases, products = out.numel() if bias is not None else 0, int(weight.requires_grad) + x.requires_grad
    return Operations(macs=macs, bias_additions=biases, backward_macs=macs * products)


def _substitution(matrix: Tensor, wanted: Tensor, out: Tensor, *, divided: bool) -> Operations:
    """Each unknown takes a product with every earlier one of its column and a division.

    Backward is another substitution for what was wanted, and a product with the solution for the matrix.
    """
    size = matrix.shape[-1]
    macs = out.numel() * (size - 1) // 2
    needed = bool(matrix.requires_grad or wanted.requires_grad)
    backward = macs * needed + out.numel() * size * int(matrix.requires_grad)
    return Operations(macs=macs, elementwise=out.numel() * divided, backward_macs=backward)


def _expect_dtype(x: Tensor, weight: Tensor | None) -> None:
    # Tensors without numbers go together whatever their types; real ones do not.
    if weight is not None and x.dtype != weight.dtype:
        raise ValueError(f"expected {weight.dtype}, got {x.dtype}")
