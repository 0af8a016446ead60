"""Sparse events: long sequences in which one pulse matters. Synthetic.

Two noisy channels show nothing but noise, except during one pulse. The pulse is one of four, by the signs of the two
channels, and is to be named at the end. It may last one step or many, and it may come at any time: a network that
skips must not skip the pulse.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncourse.data.errors import DataError

__all__ = ["PULSES", "Events", "least_looks", "sparse_events"]

PULSES = 4
"""Kinds of pulse; a guess is right once in so many times."""


@dataclass(frozen=True, eq=False)
class Events:
    """Sequences with one pulse each.

    Attributes:
        inputs: ``(sequences, time, 2)``, float32.
        kinds: which of the `PULSES` it was, ``(sequences,)``, int64.
        starts: first step of the pulse, ``(sequences,)``.
    """

    inputs: NDArray[np.float32]
    kinds: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.inputs)


def sparse_events(
    count: int, rng: np.random.Generator, *, steps: int = 40, lasts: int = 1, noise: float = 0.1
) -> Events:
    """Draw sequences with one pulse each, all starts and all kinds equally likely.

    Args:
        count: sequences, at least 1.
        rng: source of randomness.
        steps: length of a sequence.
        lasts: steps that the pulse lasts.
        noise: standard deviation of the noise; the pulse is 1 or -1 in each channel.

    Returns:
        The sequences.

    Raises:
        DataError: ``count`` is below 1, or the pulse does not fit.
    """
    _check(steps, lasts)
    if count < 1:
        raise DataError(f"count must be at least 1, got {count}.")
    starts = rng.integers(steps - lasts + 1, size=count)
    kinds = rng.integers(PULSES, size=count)
    signs = 2.0 * np.stack([kinds // 2, kinds % 2], axis=-1) - 1
    time = np.arange(steps)
    during = (time >= starts[:, None]) & (time < starts[:, None] + lasts)
    inputs = during[:, :, None] * signs[:, None, :] + noise * rng.normal(size=(count, steps, 2))
    return Events(inputs.astype(np.float32), kinds, starts)


def least_looks(*, steps: int = 40, lasts: int = 1) -> float:
    """Share of the steps that a reader must look at, on average, if it never misses the pulse.

    Such a reader looks at the first step, as a Skip RNN does, then at every ``lasts``-th, and stops at the first look
    that meets the pulse. Looking less often could step over one.

    Args:
        steps: length of a sequence.
        lasts: steps that the pulse lasts.

    Returns:
        Expected looks divided by ``steps``.

    Raises:
        DataError: the pulse does not fit.
    """
    _check(steps, lasts)
    starts = np.arange(steps - lasts + 1)
    return float(np.mean(np.ceil(starts / lasts) + 1)) / steps


def _check(steps: int, lasts: int) -> None:
    if not 1 <= lasts <= steps:
        raise DataError(f"lasts must lie between 1 and the {steps} steps, got {lasts}.")
