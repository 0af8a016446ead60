"""Tensors that stand for a layer's input and output."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def empty_output(shape: Sequence[int], *, like: Tensor, sources: Iterable[Tensor]) -> Tensor:
    """An output of a known layer, by shape alone.

    Args:
        shape: its shape.
        like: the input, whose dtype and device it takes.
        sources: tensors it depends on; it needs a gradient as soon as one of them does.

    Returns:
        Tensor without values.
    """
    tracked = any(source.requires_grad for source in sources)
    # The clone is no leaf, so the caller may write into it as into a real output.
    return torch.empty(tuple(shape), dtype=like.dtype, device=like.device, requires_grad=tracked).clone()


def expect_dtype(x: Tensor, weight: Tensor) -> None:
    """Refuse an input whose dtype a matrix product with ``weight`` cannot take.

    Args:
        x: the input.
        weight: a weight of the layer.

    Raises:
        ValueError: the two differ.
    """
    if x.dtype != weight.dtype:
        raise ValueError(f"expected an input of {weight.dtype}, got {x.dtype}; pass dtype={weight.dtype}")
