"""What a module is called with: tensors without numbers, made from sizes."""

import inspect
from collections.abc import Sequence
from operator import index
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

_WRONG = "input_size must be a tuple of positive integers such as (1, 50, 64), or a list of them, got "


def arguments_from_sizes(
    module: nn.Module, input_size: Any, *, dtype: torch.dtype | None, lengths: Sequence[int] | None
) -> tuple[list[Any], dict[str, Tensor]]:
    """Positional and keyword arguments by shape alone; `count` says what each is made from, and what it raises."""
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtype must be a torch.dtype such as torch.long, got {dtype!r}")
    floats = (p.dtype for p in module.parameters() if p.is_floating_point())
    kind = dtype or next(floats, torch.get_default_dtype())
    one = isinstance(input_size, Tensor) or _is_size(input_size)
    if not one and (not isinstance(input_size, list | tuple) or not input_size):
        raise TypeError(f"{_WRONG}{input_size!r}")
    made = [_made(item, kind) for item in ([input_size] if one else input_size)]
    return (made, {}) if lengths is None else _with_lengths(module, made, _checked_lengths(lengths))


def _is_size(value: Any) -> bool:
    """Whether something is a sequence of whole numbers, which ``True`` is none of."""
    whole = isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 0
    return whole and all(hasattr(one, "__index__") and not isinstance(one, bool | Tensor) for one in value)


def _made(item: Any, dtype: torch.dtype) -> Tensor:
    """A tensor without numbers of a size, or of a tensor in its place; whole numbers are kept."""
    if isinstance(item, Tensor):
        return torch.empty_like(item, device="meta") if item.is_floating_point() else item.clone()
    if not _is_size(item):
        raise TypeError(f"{_WRONG}{item!r}")
    if min(item) < 1:
        raise ValueError(f"{_WRONG}{item!r}")
    try:
        return torch.empty([index(one) for one in item], dtype=dtype, device="meta")
    except (RuntimeError, TypeError, OverflowError):
        raise ValueError(f"input_size {item} has more elements than a tensor can hold; make it smaller") from None


def _checked_lengths(lengths: Sequence[int]) -> list[int]:
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths) if _is_size(lengths) else []
    if not values or min(values) < 1:
        raise ValueError(f"lengths must be positive integers such as (7, 3, 1), got {lengths!r}")
    return [index(value) for value in values]


def _with_lengths(module: nn.Module, made: list[Any], lengths: list[int]) -> tuple[list[Any], dict[str, Tensor]]:
    """The lengths where the module takes them: an input of their size, a parameter ``lengths``, or a packed input."""
    fitting = [place for place, one in enumerate(made) if tuple(one.shape) == (len(lengths),)]
    if len(made) > 1 and fitting:
        made[fitting[-1]] = torch.tensor(lengths)
    elif "lengths" in inspect.signature(module.forward).parameters:
        return made, {"lengths": torch.tensor(lengths)}
    elif len(made) == 1:
        return [_packed(made[0], lengths, batch_first=bool(getattr(module, "batch_first", True)))], {}
    else:
        raise ValueError(f"no input of size ({len(lengths)},) takes the lengths; add it to input_size")
    return made, {}


def _packed(x: Tensor, lengths: list[int], *, batch_first: bool) -> PackedSequence:
    batch, time = x.shape[:2] if batch_first else x.shape[1::-1]
    if batch != len(lengths) or time < max(lengths):
        raise ValueError(
            f"{len(lengths)} lengths up to {max(lengths)} do not fit an input of shape {tuple(x.shape)}; "
            "give one length for each sequence, none above the steps"
        )
    sizes = torch.tensor([sum(length > step for length in lengths) for step in range(max(lengths))])
    return PackedSequence(torch.empty(sum(lengths), *x.shape[2:], dtype=x.dtype, device="meta"), sizes)
