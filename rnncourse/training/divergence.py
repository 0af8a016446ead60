"""Losses and weights that are no longer numbers: noticed, traced to their cause, and named."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.training.batches import ArrayBatches, Batches
from rnncourse.training.history import History


class Diverged(ArithmeticError):
    """A loss or a weight is NaN or infinite; the network holds the best weights before that.

    Attributes:
        epoch: the epoch, from 1.
        batch: the batch of the training or validation data in it, from 1; 0 where a weight showed it.
        loss: the loss that was seen; NaN where a weight showed it.
        history: the epochs before.
    """

    def __init__(self, message: str, *, epoch: int, batch: int, loss: float, history: History) -> None:
        super().__init__(message)
        self.epoch, self.batch, self.loss, self.history = epoch, batch, loss, history

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker sends an exception back pickled, and by default that forgets keyword arguments.
        return _again, (str(self), self.epoch, self.batch, self.loss, self.history)


def _again(message: str, epoch: int, batch: int, loss: float, history: History) -> Diverged:
    return Diverged(message, epoch=epoch, batch=batch, loss=loss, history=history)


def not_finite(batches: Batches) -> str:
    """Look for NaN and infinity in data.

    Args:
        batches: the data, read once in their fixed order.

    Returns:
        Where the first one is, such as ``"sample 7"`` or ``"batch 3"``, both from 0; empty where there is none.
    """
    for number, (inputs, targets) in enumerate(batches.batches(None)):
        parts = [*inputs, targets] if isinstance(inputs, tuple) else [inputs, targets]
        for part in parts:
            if isinstance(part, Tensor) and not bool(part.isfinite().all()):
                if not isinstance(batches, ArrayBatches):
                    return f"batch {number}"
                row = int((~part.isfinite()).reshape(len(part), -1).any(dim=1).nonzero()[0])
                return f"sample {number * batches.batch_size + row}"
    return ""


def all_finite(net: nn.Module) -> bool:
    """Whether every parameter is finite.

    Args:
        net: the network.

    Returns:
        False where one is NaN or infinite.
    """
    sums = [parameter.detach().abs().max() for parameter in net.parameters() if parameter.numel()]
    return not sums or math.isfinite(float(torch.stack(sums).max()))
