"""A copy of a module that may run without any effect on the module."""

import copy
import io
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from rnncourse.counting.records import CountError


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples and mappings, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from tensors_in(one)


def copied(module: nn.Module, *, shapes_only: bool) -> nn.Module:
    """Copy a module in evaluation mode, without its hooks; with ``shapes_only`` to ``meta``, without its numbers.

    Shared parameters stay shared. A module that cannot be copied raises CountError.
    """
    memo: dict[int, Any] = {}
    parts = list(module.modules())
    for part in parts:
        if isinstance(part, torch.jit.ScriptModule):
            if shapes_only:
                memo.setdefault(id(part), _loaded(part))
            continue
        for tensor in tensors_in(vars(part)):
            if id(tensor) not in memo and not nn.parameter.is_lazy(tensor):
                memo[id(tensor)] = _stand_in(tensor, shapes_only=shapes_only)
        # Hooks are the caller's code and may have effects of their own. A lazy layer's own hook gives it its shape.
        if not isinstance(part, LazyModuleMixin):
            memo.update({id(value): OrderedDict() for name, value in vars(part).items() if name.endswith("_hooks")})
    try:
        for part in parts:
            if hasattr(part, "_orig_mod"):  # compiled: what was compiled runs
                memo[id(part)] = copy.deepcopy(part._orig_mod, memo)
        return copy.deepcopy(module, memo).eval()
    except Exception as error:
        reason = str(error).split("\n")[0]
        problem = f"{type(module).__name__} cannot be copied ({reason})"
        raise CountError(f"{problem}; count a freshly built module of the same shape") from error


def _stand_in(tensor: Tensor, *, shapes_only: bool) -> Tensor:
    if not shapes_only:
        new = tensor.detach().clone()
    elif tensor.layout == torch.strided:
        new = torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")
    else:
        new = torch.empty_like(tensor, device="meta", requires_grad=False)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(new, requires_grad=tensor.requires_grad)
    # A computed weight, as weight normalisation leaves it, is no leaf: its copy is one.
    return new.requires_grad_(tensor.requires_grad)


def _loaded(scripted: nn.Module) -> nn.Module:
    """A scripted module by way of a file, the only one that takes its tensors to ``meta``."""
    with io.BytesIO() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(scripted, file)
        file.seek(0)
        return torch.jit.load(file, map_location="meta")  # type: ignore[no-any-return, no-untyped-call]
