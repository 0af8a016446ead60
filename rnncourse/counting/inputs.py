"""What a module is called with: tensors made from sizes."""

import inspect
import re
from collections.abc import Sequence
from operator import index
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

_WRONG = "input_size must be a tuple of positive integers such as (1, 50, 64), or a list of them, got "


def arguments_from_sizes(
    module: nn.Module, input_size: Any, *, dtype: torch.dtype | None, lengths: Sequence[int] | None
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments by shape alone; `count` says what each of these is, and what it raises."""
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtype must be a torch.dtype such as torch.long, got {dtype!r}")
    floats = (p.dtype for p in module.parameters() if p.is_floating_point())
    kind = dtype or next(floats, torch.get_default_dtype())
    made: list[Any] = [_without_numbers(one, kind) for one in _sizes(input_size)]
    return (made, {}) if lengths is None else _with_lengths(module, made, _checked_lengths(lengths))


def _sizes(input_size: Any) -> Sequence[Any]:
    if input_size is None:
        return ()
    if isinstance(input_size, Tensor) or _is_size(input_size):
        return (input_size,)
    several = list(input_size) if isinstance(input_size, list | tuple) else []
    if several and all(isinstance(one, Tensor) or _is_size(one) for one in several):
        return several
    raise TypeError(f"{_WRONG}{input_size!r}")


def _is_size(value: Any) -> bool:
    """Whether something is a sequence of whole numbers, which ``True`` is none of."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or not value:
        return False
    return all(hasattr(one, "__index__") and not isinstance(one, bool | Tensor) for one in value)


def _without_numbers(item: Any, dtype: torch.dtype) -> Tensor:
    """A size, or a tensor in its place, as a tensor without numbers; whole numbers are kept."""
    if isinstance(item, Tensor) and not item.is_floating_point():
        return item.clone()
    size, kind = (item.shape, item.dtype) if isinstance(item, Tensor) else (tuple(map(index, item)), dtype)
    if min(size, default=1) < 1:
        raise ValueError(f"{_WRONG}{item!r}")
    try:
        return torch.empty(size, dtype=kind, device="meta")
    except (RuntimeError, TypeError, OverflowError):
        raise ValueError(f"input_size {size} has more elements than a tensor can hold; make it smaller") from None


def _checked_lengths(lengths: Sequence[int]) -> list[int]:
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths) if _is_size(lengths) else []
    if not values or min(values) < 1:
        raise ValueError(f"lengths must be positive integers such as (7, 3, 1), got {lengths!r}")
    return [index(value) for value in values]


def _with_lengths(module: nn.Module, made: list[Any], lengths: list[int]) -> tuple[list[Any], dict[str, Any]]:
    """Put the lengths where the module takes them: into an input of their size, a parameter named so, or a pack."""
    fitting = [place for place, one in enumerate(made) if tuple(one.shape) == (len(lengths),)]
    taken = list(inspect.signature(module.forward).parameters)[len(made) :]
    names = [name for name in taken if re.search("lengths?$|lens$", name)]
    if fitting and (len(made) > 1 or names):
        made[fitting[-1]] = torch.tensor(lengths)
    elif names:
        return made, {names[0]: torch.tensor(lengths)}
    elif len(made) == 1:
        return [_packed(made[0], lengths, batch_first=bool(getattr(module, "batch_first", True)))], {}
    else:
        raise ValueError(f"no input of size ({len(lengths)},) takes the lengths; add it to input_size")
    return made, {}


def _packed(x: Tensor, lengths: list[int], *, batch_first: bool) -> PackedSequence:
    shape = tuple(x.shape)
    batch, time = shape[:2] if batch_first else shape[1::-1]
    if batch != len(lengths) or time < max(lengths):
        raise ValueError(
            f"{len(lengths)} lengths up to {max(lengths)} do not fit an input of shape {shape}; "
            "give one length for each sequence, none above the steps"
        )
    sizes = torch.tensor([sum(length > step for length in lengths) for step in range(max(lengths))])
    return PackedSequence(torch.empty(sum(lengths), *shape[2:], dtype=x.dtype, device="meta"), sizes)
