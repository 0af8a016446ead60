"""Where a network computes, and with which random numbers."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn


def set_seed(seed: int) -> None:
    """Seed torch's generators, on every device, so that the next network starts from the same weights.

    NumPy's and Python's generators are left alone: this package draws from those it is given.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed!r}; expected a whole number from 0 to 2**63 - 1.")
    torch.manual_seed(seed)


def device_named(name: str) -> torch.device:
    """The device that torch calls so; ``"auto"`` is CUDA where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"device is {name!r} ({reason}); expected 'auto', 'cpu' or 'cuda'.") from error


@contextlib.contextmanager
def on_device(net: nn.Module, device: torch.device) -> Iterator[None]:
    """Hold a network on a device, and bring it back afterwards, also after an error."""
    first = next(net.parameters(), None)
    home = device if first is None else first.device
    net.to(device)
    try:
        yield
    finally:
        net.to(home)


@contextlib.contextmanager
def own_randomness(seed: int) -> Iterator[torch.Generator]:
    """Random numbers of one run alone; the caller's generators go on afterwards as if nothing had been drawn.

    The order of the batches, from the generator yielded, and dropout get streams of their own.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        set_seed(seed)  # refuses what is no seed
        order, noise = (int(child.generate_state(1)[0]) for child in np.random.SeedSequence(seed).spawn(2))
        torch.manual_seed(noise)
        yield torch.Generator().manual_seed(order)
