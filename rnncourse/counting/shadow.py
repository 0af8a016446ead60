"""A copy of a module that has shapes and no numbers."""

import copy
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.counting.records import CountError

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks_with_kwargs",
)


def _stand_in(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor, device="meta", requires_grad=False)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    # A computed weight, as weight normalisation leaves it, is no leaf: its copy is one.
    return empty.requires_grad_(tensor.requires_grad)


def _held_tensors(module: nn.Module) -> list[Tensor]:
    """Tensors of a module and its parts: parameters, buffers and plain attributes."""
    found: list[Tensor] = [*module.parameters(), *module.buffers()]
    for part in module.modules():
        for value in vars(part).values():
            items = value if isinstance(value, list | tuple) else (value,)
            found += [item for item in items if isinstance(item, Tensor)]
    return found


def shadow(module: nn.Module) -> nn.Module:
    """Copy a module to the ``meta`` device in evaluation mode, without hooks and without copying any number.

    Args:
        module: any module; it is not changed.

    Returns:
        The copy. Parameters that were shared stay shared, and keep whether they require a gradient.

    Raises:
        CountError: a lazy parameter has no shape yet, or the module cannot be copied.
    """
    memo: dict[int, Any] = {}
    for name, parameter in module.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise CountError(f"parameter {name!r} has no shape yet; run the module once on data before counting")
    for tensor in _held_tensors(module):
        memo.setdefault(id(tensor), _stand_in(tensor))
    for part in module.modules():
        # Hooks are the caller's code and may have effects of their own: the copy starts with none.
        memo.update({id(vars(part)[name]): OrderedDict() for name in _HOOKS if name in vars(part)})
    try:
        return copy.deepcopy(module, memo).eval()
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise CountError(
            f"{type(module).__name__} cannot be copied ({reason}); count a freshly built module of the same shape"
        ) from error
