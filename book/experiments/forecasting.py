"""What studies of forecasts share: a short training recipe, and errors summed by day."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncourse.data import Windows

Floats = NDArray[np.float64]


def one_cycle(lr: float, steps: int) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
    """Adam whose rate rises to ``lr`` over the first tenth of the steps and falls to almost nothing by the last one.

    Few steps then end near a minimum, where a constant rate would leave them hopping about it.

    Args:
        lr: highest rate.
        steps: number of steps that will be taken.

    Returns:
        What makes the optimiser, for `rnncourse.training.fit`.

    Source: Smith & Topin (2019), Super-convergence.
    """

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimiser = torch.optim.Adam(parameters, lr=lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps + 1, pct_start=0.1)
        optimiser.register_step_post_hook(lambda *_: schedule.step())
        return optimiser

    return make


@dataclass(frozen=True, eq=False)
class FreshWindows:
    """Training batches in which each epoch draws other windows, for series too long to be read in every epoch.

    Attributes:
        windows: what to draw from.
        per_epoch: windows in an epoch, at most all of them, drawn without replacement.
        batch_size: windows per batch; the last one takes the rest.
    """

    windows: Windows
    per_epoch: int
    batch_size: int

    def __post_init__(self) -> None:
        if not 1 <= self.per_epoch <= len(self.windows):
            raise ValueError(f"per_epoch must lie between 1 and the {len(self.windows)} windows, got {self.per_epoch}.")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}.")

    def __len__(self) -> int:
        return -(-self.per_epoch // self.batch_size)

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch.

        Args:
            generator: draws the windows; without one, they are the first, in order.

        Yields:
            Inputs ``(batch, window, feature)`` and targets ``(batch, outputs)``, float32.
        """
        order = torch.randperm(len(self.windows), generator=generator) if generator else torch.arange(self.per_epoch)
        every, columns = self.windows.every, self.windows.target
        chosen = order[: self.per_epoch].numpy()
        for first in range(0, self.per_epoch, self.batch_size):
            which = chosen[first : first + self.batch_size]
            starts, rows = self.windows.starts[which], self.windows.target_rows[which]
            inputs = every[starts].astype(np.float32)
            targets = self.windows.series.values[rows[:, None], columns].astype(np.float32)
            yield torch.from_numpy(inputs), torch.from_numpy(targets)


def daily_sums(errors: Floats, times: NDArray[np.datetime64]) -> dict[str, list[float]]:
    """Sums of errors per day, from which every mean over days can be had.

    Args:
        errors: ``(n, …)``, in standard deviations.
        times: time stamp of each, ``(n,)``, increasing.

    Returns:
        ``daily_squared``, ``daily_absolute`` and ``daily_count``: one number per day with any error.

    Raises:
        ValueError: there is no error, or not one time stamp for each.
    """
    if len(errors) != len(times) or not len(errors):
        raise ValueError(f"errors and times must be as many and at least 1, got {len(errors)} and {len(times)}.")
    _, first = np.unique(times.astype("datetime64[D]"), return_index=True)
    flat = errors.reshape(len(errors), -1)
    per_day = {"squared": flat**2, "absolute": np.abs(flat), "count": np.ones_like(flat)}
    return {f"daily_{name}": np.add.reduceat(rows.sum(axis=1), first).tolist() for name, rows in per_day.items()}
