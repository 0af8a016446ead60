"""Where a network computes, and with which random numbers."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn


def set_seed(seed: int) -> None:
    """Seed torch's generators, on every device, so that the next network starts from the same weights.

    NumPy's and Python's generators are left alone: this package draws from those it is given.

    Args:
        seed: a whole number, 0 or above.

    Raises:
        ValueError: it is negative or no whole number.
    """
    check_seed(seed)
    torch.manual_seed(seed)


def check_seed(seed: int) -> None:
    """Refuse what is no seed.

    Args:
        seed: a whole number, 0 or above.

    Raises:
        ValueError: it is negative, too large or no whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed!r}; expected a whole number from 0 to 2**63 - 1.")


def choose_device(device: str) -> torch.device:
    """The device of that name.

    Args:
        device: ``"cpu"``, ``"cuda"`` (or ``"cuda:1"``, …), or ``"auto"``: CUDA where there is one, else the CPU.

    Returns:
        The device.

    Raises:
        ValueError: there is no such device, or it is not available here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name, _, index = str(device).partition(":")
    if name not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise ValueError(f"device is {device!r}; expected 'auto', 'cpu' or 'cuda'.")
    if name == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device is {device!r}, but torch sees {torch.cuda.device_count()} CUDA devices: use 'auto'.")
    return torch.device(device)


@contextlib.contextmanager
def on_device(net: nn.Module, device: torch.device) -> Iterator[None]:
    """Hold a network on a device, and bring it back afterwards, also after an error.

    Args:
        net: the network.
        device: where it is to be meanwhile.
    """
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

    The order of the batches and torch's global generator, which dropout uses, get streams of their own: not one
    another's, and not the one from which the same seed drew the initial weights.

    Args:
        seed: the run's seed.

    Yields:
        The CPU generator for the order of the batches.
    """
    order, noise = (int(child.generate_state(1)[0]) for child in np.random.SeedSequence(seed).spawn(2))
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(noise)
        yield torch.Generator().manual_seed(order)
