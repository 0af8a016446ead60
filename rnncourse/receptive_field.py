"""How far back an output looks: what a stack of convolutions can see, and what any network does see, by gradients."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["effective_width", "input_influence", "stacked_field"]


def stacked_field(kernel_size: int, dilations: Sequence[int]) -> int:
    """Receptive field of a stack of convolutions over time: the steps that one output can depend on.

    Args:
        kernel_size: steps under each kernel, at least 1.
        dilations: distance between the steps under the kernel, one number per layer, each at least 1.

    Returns:
        ``1 + (kernel_size - 1) · sum(dilations)``, in steps, the output's own included.

    Raises:
        ValueError: ``kernel_size`` or a dilation is below 1.
    """
    if min(kernel_size, *dilations, 1) < 1:
        raise ValueError(f"kernel_size and dilations must be at least 1, got {kernel_size} and {tuple(dilations)}.")
    return 1 + (kernel_size - 1) * sum(dilations)


def input_influence(network: nn.Module, x: Tensor, *, read: Callable[..., Tensor] | None = None) -> Tensor:
    """Size of the derivative of what is read by each input step, in float64.

    For every sequence the norm of the Jacobian ``∂ read / ∂ x_t`` is taken over all its entries; the result is its root
    mean square over the batch. The network runs in evaluation mode on a float64 copy; it stays as it is.

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
    output = exact(inputs)
    picked = (read or _last_step)(output)
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
    """Steps, counted back from the last, that hold a share of the influence.

    Args:
        influence: what `input_influence` returned, ``(time,)``.
        share: share of the sum of squares, above 0 and up to 1.

    Returns:
        The smallest number of last steps whose squared influence comes to the share of the whole.

    Raises:
        ValueError: ``share`` is out of range, or no step has any influence.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}.")
    squares = influence.double().square().flip(0)
    if influence.ndim != 1 or not squares.sum() > 0:
        raise ValueError("influence must be (time,) with at least one entry above 0: nothing reaches the output.")
    held = squares.cumsum(0) / squares.sum()
    return int((held < share * (1 - 1e-12)).sum()) + 1
