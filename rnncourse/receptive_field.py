"""How far back an output looks, by gradients. Of a stack of convolutions, `networks` knows what it can see at most."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["effective_width", "input_influence"]


def input_influence(network: nn.Module, x: Tensor, *, read: Callable[..., Tensor] | None = None) -> Tensor:
    """Size of the derivative of what is read by each input step, on a copy of the network in evaluation mode.

    For every sequence the norm of the Jacobian ``∂ read / ∂ x_t`` is taken over all its entries; the result is its root
    mean square over the batch.

    Args:
        network: any module that maps ``(batch, time, feature)`` to a tensor; ``nn.RNN`` and its like may return pairs.
        x: input, ``(batch, time, feature)``.
        read: picks ``(batch, outputs)`` from what the network returns; by default its last step, or all of it where
            it has no time axis.

    Returns:
        Influence of each step, ``(time,)``, float64: 0 where the output does not depend on the step.

    Raises:
        ValueError: ``x`` is not ``(batch, time, feature)``, or what is read is not ``(batch, outputs)``.
    """
    if x.ndim != 3:
        raise ValueError(f"x has shape {tuple(x.shape)}; expected (batch, time, feature).")
    exact = copy.deepcopy(network).double().eval().requires_grad_(False)
    inputs = x.detach().double().requires_grad_()
    picked = (read or _last_step)(exact(inputs))
    if picked.ndim != 2 or len(picked) != len(x):
        raise ValueError(f"read gave shape {tuple(picked.shape)}; expected ({len(x)}, outputs).")
    squares = torch.zeros(x.shape[:2], dtype=torch.float64)
    for total in picked.sum(dim=0):  # sequences do not mix, so one backward pass serves the whole batch
        (gradient,) = torch.autograd.grad(total, inputs, retain_graph=True)
        squares += gradient.square().sum(dim=2)
    return squares.mean(dim=0).sqrt()


def _last_step(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    states = output[0] if isinstance(output, tuple) else output
    return states[:, -1] if states.ndim == 3 else states


def effective_width(influence: Tensor, *, share: float = 0.95) -> int:
    """The smallest number of last steps that carry a share of the influence ``(time,)``, which is not squared.

    Raises:
        ValueError: ``share`` is not above 0 and up to 1, or no step has any influence.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}.")
    if influence.ndim != 1 or not influence.sum() > 0:
        raise ValueError("influence must be (time,) with at least one entry above 0: nothing reaches the output.")
    return influence_width(influence.double(), share * (1 - 1e-12))


def influence_width(influence: Tensor, part: float = 0.95) -> int:
    """As `effective_width`, for an influence that is known to be one."""
    carried = influence.flip(0).cumsum(0) / influence.sum()
    return int((carried < part).sum()) + 1
