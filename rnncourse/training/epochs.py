"""One pass over the data: to learn from it, to score it, to predict it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from rnncourse.training.batches import Array, ArrayBatches, Batches
from rnncourse.training.devices import choose_device, on_device

Loss = Callable[[Any, Tensor], Tensor]
# These broadcast a target that does not fit, and average over pairs that do not belong together.
_ELEMENTWISE = (functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss, functional.huber_loss)
_ELEMENTWISE_MODULES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


@dataclass
class Losses:
    """Losses of the batches of one pass, kept on the device until the pass is over: no wait per batch.

    Attributes:
        values: one scalar per batch.
        weights: targets in each.
    """

    values: list[Tensor] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)

    def add(self, value: Tensor, targets: Tensor) -> None:
        """Note one batch."""
        self.values.append(value.detach())
        self.weights.append(targets.numel())

    def numbers(self) -> NDArray[np.float64]:
        """The losses, one per batch."""
        return torch.stack(self.values).double().cpu().numpy()


def learn(
    net: nn.Module,
    batches: Iterable[tuple[Any, Tensor]],
    loss: Loss,
    optimiser: torch.optim.Optimizer,
    clip: Callable[[], None],
    device: torch.device,
) -> Losses:
    """Train over some batches.

    Args:
        net: the network, on ``device``; left in training mode.
        batches: ``(inputs, targets)``.
        loss: of the network's output and the targets, a scalar.
        optimiser: takes a step per batch.
        clip: limits the gradients before each step.
        device: where to compute.

    Returns:
        The loss of each batch, before its step.
    """
    net.train()
    losses = Losses()
    for inputs, targets in batches:
        targets = targets.to(device, non_blocking=True)
        value = _loss(net, loss, inputs, targets, device)
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        clip()
        optimiser.step()
        losses.add(value, targets)
    return losses


@torch.inference_mode()
def score(net: nn.Module, batches: Iterable[tuple[Any, Tensor]], loss: Loss, device: torch.device) -> Losses:
    """Losses over some batches, without dropout and without gradients.

    Args:
        net: the network, on ``device``; left in evaluation mode.
        batches: ``(inputs, targets)``.
        loss: of the network's output and the targets, a scalar.
        device: where to compute.

    Returns:
        The loss of each batch.
    """
    net.eval()
    losses = Losses()
    for inputs, targets in batches:
        targets = targets.to(device, non_blocking=True)
        losses.add(_loss(net, loss, inputs, targets, device), targets)
    return losses


def predict(
    net: nn.Module, x: Array | Batches, *, batch_size: int = 1024, device: str = "auto"
) -> NDArray[np.float32] | NDArray[np.float64]:
    """What a network says of many samples, in evaluation mode.

    Args:
        net: the network; its mode and its device are afterwards what they were.
        x: inputs, ``(n, …)``, NumPy or torch; a strided view is gathered batch by batch. Or an object with
            ``batches``, whose targets are not looked at.
        batch_size: samples per batch of arrays.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Returns:
        The outputs in the order of the inputs, ``(n, outputs)``, in the network's precision.

    Raises:
        ValueError: there are no inputs, their shape does not suit the network, or the device is unknown.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected at least 1.")
    if not isinstance(x, Batches):
        x = ArrayBatches(x if isinstance(x, Tensor) else np.asarray(x), None, batch_size, precision(net))
    if len(x) == 0:
        raise ValueError("x is empty; expected at least one sample.")
    target, training = choose_device(device), net.training
    with on_device(net, target):
        net.eval()
        try:
            with torch.inference_mode():  # not around `on_device`: what is moved under it can never learn again
                parts = [call(net, inputs, target).cpu() for inputs, _ in x.batches(None)]
        finally:
            net.train(training)
    outputs: NDArray[np.float32] | NDArray[np.float64] = torch.cat(parts).numpy()
    return outputs


def call(net: nn.Module, inputs: Any, device: torch.device) -> Any:
    """The network's answer to one batch of inputs: one argument, or a tuple of arguments."""
    # A PackedSequence is a named tuple, and still one argument.
    arguments = inputs if isinstance(inputs, tuple) and not isinstance(inputs, PackedSequence) else (inputs,)
    return net(*(part.to(device) if hasattr(part, "to") else part for part in arguments))


def precision(net: nn.Module) -> torch.dtype:
    """Floating-point type of a network's parameters; float32 where it has none."""
    return next((p.dtype for p in net.parameters() if p.is_floating_point()), torch.float32)


def _loss(net: nn.Module, loss: Loss, inputs: Any, targets: Tensor, device: torch.device) -> Tensor:
    outputs = call(net, inputs, device)
    value = loss(outputs, _aligned(outputs, targets, loss))
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"the loss of a batch is {shape}; expected one number: use reduction='mean'.")
    return value.reshape(())


def _aligned(outputs: Any, targets: Tensor, loss: Loss) -> Tensor:
    """The targets in the outputs' shape, where the two differ in axes of length 1 alone."""
    if not isinstance(outputs, Tensor) or outputs.shape == targets.shape:
        return targets
    if targets.is_floating_point() and _long_axes(outputs) == _long_axes(targets):
        return targets.view_as(outputs)
    if loss in _ELEMENTWISE or isinstance(loss, _ELEMENTWISE_MODULES):
        raise ValueError(
            f"the network's output has shape {tuple(outputs.shape)} and its targets {tuple(targets.shape)}; expected "
            "the same: change the network's output_size or the targets."
        )
    return targets


def _long_axes(tensor: Tensor) -> list[int]:
    return [size for size in tensor.shape if size != 1]
