"""What the variants ask of their arguments, in one place so that every complaint reads alike."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def positive(name: str, value: object) -> int:
    """``value`` as a size: a whole number of at least 1, or an error that names it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}; expected a whole number of at least 1")
    if value < 1:
        raise ValueError(f"{name} is {value}; expected a whole number of at least 1")
    return value


def time_major(x: object, weight: Tensor, batch_first: bool, size: int, axes: Sequence[str] = ("feature",)) -> Tensor:
    """The input with time first, after checking that the first of ``axes`` has ``size``, and the dtype."""
    names = (*(("batch", "time") if batch_first else ("time", "batch")), *axes)
    layout = f"({', '.join(names)})"
    if not isinstance(x, Tensor):
        raise TypeError(f"input is a {type(x).__name__}; expected a tensor {layout}; pad the sequences to one length")
    if x.dim() != len(names) or x.shape[2] != size or 0 in x.shape:
        raise ValueError(
            f"input has shape {tuple(x.shape)}; expected {layout} with {size} in the axis {axes[0]!r} and no axis of "
            f"length 0; reshape it, or build the layer for this input"
        )
    expect_dtype(x, weight)
    return x.transpose(0, 1) if batch_first else x


def expect_dtype(x: Tensor, weight: Tensor) -> None:
    """Refuse an input whose dtype is not that of the weights."""
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(f"input is {x.dtype} but the weights are {weight.dtype}; convert one of them with .to()")


def initial_states(given: object, names: Sequence[str], shape: tuple[int, ...], like: Tensor) -> tuple[Tensor, ...]:
    """Checked initial states, each of ``shape``; zeros where none are given."""
    if given is None:
        return tuple(like.new_zeros(shape) for _ in names)
    states = (given,) if isinstance(given, Tensor) else given
    if not isinstance(states, tuple | list) or len(states) != len(names):
        raise TypeError(f"state is {type(given).__name__}; expected ({', '.join(names)})")
    for name, state in zip(names, states, strict=True):
        if not isinstance(state, Tensor) or tuple(state.shape) != shape:
            got = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
            raise ValueError(f"{name} has shape {got}; expected {shape}: one row per layer, then the batch")
    return tuple(states)


def uniform(shape: Sequence[int], bound: float) -> nn.Parameter:
    """A weight drawn uniformly from ±``bound``, as torch's recurrent layers start."""
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))
