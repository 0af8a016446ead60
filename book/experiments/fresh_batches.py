"""Training batches that are made when they are due, for data that a rule generates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Fresh:
    """Training batches that are drawn anew at every step, for `rnncourse.training.fit`.

    Attributes:
        steps: batches in an epoch.
        draw: makes one batch of inputs and targets.
    """

    steps: int
    draw: Callable[[np.random.Generator], tuple[Tensor, Tensor]]

    def __len__(self) -> int:
        return self.steps

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, from a seed that ``generator`` draws."""
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        return (self.draw(rng) for _ in range(self.steps))
