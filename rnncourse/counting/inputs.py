"""What a module is called with: tensors made from sizes, or the data given."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

#: Positional and keyword arguments of a call.
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_WRONG = "input_size must be a tuple of positive integers such as (1, 50, 64), or a list or dict of them, got "


def from_sizes(module: nn.Module, input_size: Any, dtype: Any, lengths: Any, *, tracked: bool) -> Arguments:
    """Arguments by shape alone; `count` says what each of these is, and what it raises."""
    floats = (p.dtype for p in module.parameters() if p.is_floating_point())
    default = next(floats, torch.get_default_dtype())
    named = isinstance(input_size, Mapping)
    if named and not all(isinstance(name, str) for name in input_size):
        raise TypeError(f"{_WRONG}{input_size!r}")
    items = dict(input_size) if named else dict(enumerate(_positional(input_size)))
    dtypes = _dtypes(dtype, list(items), default)
    made: dict[Any, Any] = {}
    for key, item in items.items():
        if tracked and not dtypes[key].is_floating_point:
            raise ValueError(f"an input of {dtypes[key]} has no gradient; leave input_requires_grad False")
        made[key] = _mapped(item, _shape_only(dtypes[key], tracked=tracked), options=named)
    if lengths is not None:
        _place_lengths(module, made, _checked_lengths(lengths))
    keywords = {key: value for key, value in made.items() if isinstance(key, str)}
    return tuple(value for key, value in made.items() if key not in keywords), keywords


def from_data(data: Any, *, tracked: bool) -> Arguments:
    """Copies of the data given: a tensor, a list of positional or a dict of keyword arguments."""

    def copied(given: Any) -> Any:
        if not isinstance(given, Tensor):
            return given if isinstance(given, PackedSequence) else None
        return given.detach().clone().requires_grad_(tracked and given.is_floating_point()).clone()

    if isinstance(data, Mapping):
        return (), {name: _mapped(item, copied) for name, item in data.items()}
    several = type(data) in (list, tuple)  # a packed sequence is a tuple too
    return tuple(_mapped(item, copied) for item in (data if several else (data,))), {}


def _positional(input_size: Any) -> Sequence[Any]:
    if input_size is None:
        return ()
    if isinstance(input_size, Tensor) or _is_size(input_size):
        return (input_size,)
    if isinstance(input_size, str | bytes) or not isinstance(input_size, Sequence) or not input_size:
        raise TypeError(f"{_WRONG}{input_size!r}")
    return input_size


def _is_size(value: Any) -> bool:
    """Whether something is a sequence of whole numbers, which ``True`` is none of."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or not value:
        return False
    return all(hasattr(one, "__index__") and not isinstance(one, bool | Tensor) for one in value)


def _shape_only(dtype: torch.dtype, *, tracked: bool) -> Callable[[Any], Tensor | None]:
    """How a size, or a tensor in its place, becomes a tensor without numbers; whole numbers are kept."""

    def made(item: Any) -> Tensor | None:
        if isinstance(item, Tensor) and not item.is_floating_point():
            return item.clone()
        if not isinstance(item, Tensor) and not _is_size(item):
            return None
        size, kind = (item.shape, item.dtype) if isinstance(item, Tensor) else (tuple(map(index, item)), dtype)
        if min(size, default=1) < 1:
            raise ValueError(f"{_WRONG}{item!r}")
        try:
            # The clone is no leaf, so an in-place activation may act on it.
            return torch.empty(size, dtype=kind, device="meta", requires_grad=tracked).clone()
        except (RuntimeError, TypeError, OverflowError):
            raise ValueError(f"input_size {size} has more elements than a tensor can hold; make it smaller") from None

    return made


def _mapped(value: Any, function: Callable[[Any], Any], *, options: bool = True) -> Any:
    """Nested arguments, ``function`` applied where it gives something; ``options``: whether the rest may stay."""
    made = function(value)
    if made is not None:
        return made
    if isinstance(value, Mapping):
        return {key: _mapped(one, function) for key, one in value.items()}
    if isinstance(value, list | tuple) and (value or options):
        several: Any = getattr(type(value), "_make", type(value))  # a named tuple keeps its names
        return several([_mapped(one, function, options=options) for one in value])
    if not options:
        raise TypeError(f"{_WRONG}{value!r}")
    return value


def _dtypes(dtype: Any, keys: list[Any], default: torch.dtype) -> dict[Any, torch.dtype]:
    if isinstance(dtype, Mapping):
        given = dict(dtype)
    else:
        given = dict(zip(keys, dtype if isinstance(dtype, list | tuple) else [dtype] * len(keys), strict=False))
    for one in given.values():
        if one is not None and not isinstance(one, torch.dtype):
            raise TypeError(f"dtype must be a torch.dtype such as torch.long, got {one!r}")
    return {key: given.get(key) or default for key in keys}


def _checked_lengths(lengths: Sequence[int]) -> list[int]:
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths) if _is_size(lengths) else []
    if not values or min(values) < 1:
        raise ValueError(f"lengths must be positive integers such as (7, 3, 1), got {lengths!r}")
    return [index(value) for value in values]


def _place_lengths(module: nn.Module, made: dict[Any, Any], lengths: list[int]) -> None:
    """Put the lengths where the module takes them: into an input of their size, a parameter named so, or a pack."""
    fitting = [key for key, one in made.items() if isinstance(one, Tensor) and tuple(one.shape) == (len(lengths),)]
    names = [name for name in inspect.signature(module.forward).parameters if re.search("lengths?$|lens$", name)]
    names = [name for name in names if name not in made]
    if fitting and (len(made) > 1 or names):
        made[fitting[-1]] = torch.tensor(lengths)
    elif names:
        made[names[0]] = torch.tensor(lengths)
    elif len(made) == 1:
        key, x = next(iter(made.items()))
        made[key] = _packed(x, lengths, batch_first=bool(getattr(module, "batch_first", True)))
    else:
        raise ValueError(f"no input of size ({len(lengths)},) takes the lengths; add it to input_size, or give data")


def _packed(x: Any, lengths: list[int], *, batch_first: bool) -> PackedSequence:
    shape = tuple(x.shape) if isinstance(x, Tensor) else ()
    batch, time = shape[:2] if batch_first else shape[1::-1]
    if batch != len(lengths) or time < max(lengths):
        problem = f"{len(lengths)} lengths up to {max(lengths)} do not fit an input of shape {shape}"
        raise ValueError(f"{problem}; give one length for each sequence, none above the steps")
    sizes = torch.tensor([sum(length > step for length in lengths) for step in range(max(lengths))])
    data = torch.empty(sum(lengths), *shape[2:], dtype=x.dtype, device="meta", requires_grad=x.requires_grad)
    return PackedSequence(data.clone(), sizes)
