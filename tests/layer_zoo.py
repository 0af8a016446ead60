"""Recurrent layers as strangers bring them: weights recomputed before each call, hooks, an own ``forward``, wrappers.

Each entry builds a layer from ``nn.LSTM`` or ``nn.GRU`` that reads ``(7, 3, SIZE)`` and keeps ``SIZE`` units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

SIZE = 4
Build = Callable[[Any], nn.Module]


def sequence(seed: int = 1) -> Tensor:
    return torch.randn(7, 3, SIZE, generator=torch.Generator().manual_seed(seed))


def stepped(rnn: nn.Module) -> nn.Module:
    """After a step of an optimiser: whatever was computed from the parameters before is stale."""
    rnn(sequence())[0].square().sum().backward()
    torch.optim.SGD(rnn.parameters(), lr=1.0).step()
    return rnn


def hooked(rnn: nn.Module, *, before: Callable[..., Any] | None = None, after: Callable[..., Any] | None = None) -> Any:
    if before is not None:
        rnn.register_forward_pre_hook(before)
    if after is not None:
        rnn.register_forward_hook(after)
    return rnn


def own(kind: Any, forward: Callable[..., Any]) -> nn.Module:
    """A subclass whose ``forward`` is given the layer and the plain ``forward``."""

    class Own(kind):  # type: ignore[misc]
        def forward(self, x: Tensor, hx: Any = None) -> Any:
            return forward(self, super().forward, x, hx)

    return Own(SIZE, SIZE)


def drop_connected(kind: Any) -> nn.Module:
    """As people did it before parametrisations: the weight is an attribute that each call draws anew."""
    rnn = kind(SIZE, SIZE)
    rnn.raw = nn.Parameter(rnn.weight_hh_l0.detach())
    del rnn.weight_hh_l0
    return hooked(rnn, before=lambda rnn, _: setattr(rnn, "weight_hh_l0", dropout(rnn.raw, 0.5, rnn.training)))


def detached_from_its_names(kind: Any) -> nn.Module:
    """The kernel goes on with the weights that it was given once; the attribute says something else."""
    rnn = kind(SIZE, SIZE)
    rnn.__dict__["weight_hh_l0"] = torch.zeros_like(rnn._parameters.pop("weight_hh_l0"))
    rnn._weights_have_changed = lambda: False
    return rnn


def keeps_statistics(kind: Any) -> nn.Module:
    """Writes to a buffer, a list, a dictionary and a number in every call, and draws random numbers."""
    rnn = kind(SIZE, SIZE)
    rnn.register_buffer("mean", torch.zeros(SIZE))
    rnn.log, rnn.seen, rnn.calls = [], {}, 0

    def count(rnn: Any, args: Any, returned: Any) -> None:
        rnn.mean.lerp_(returned[0].mean((0, 1)), 0.1)
        rnn.log.append(torch.rand(()))
        rnn.seen[len(rnn.log)] = returned
        rnn.calls += 1

    return hooked(rnn, after=count)


def changes_itself(kind: Any) -> nn.Module:
    """Turns to eval mode, freezes and scales a weight and takes its own hook away, all in its first call."""
    rnn = kind(SIZE, SIZE)

    def once(rnn: Any, _: Any) -> None:
        rnn.eval().requires_grad_(False)
        rnn.weight_hh_l0.data.mul_(2)
        handle.remove()

    handle = rnn.register_forward_pre_hook(once)
    return rnn


class Halved(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


def shared(kind: Any) -> nn.Module:
    rnn = kind(SIZE, SIZE, num_layers=2)
    rnn.weight_ih_l1 = rnn.weight_hh_l1 = rnn.weight_hh_l0
    return rnn


def half(returned: tuple[Any, ...]) -> tuple[Any, ...]:
    return returned[0] / 2, *returned[1:]


# What these return is what torch's kernel computes, from other weights or another input than meets the eye.
READABLE: Mapping[str, Build] = {
    "plain": lambda kind: kind(SIZE, SIZE),
    "three layers, both ways": lambda kind: kind(SIZE, SIZE, num_layers=3, bidirectional=True),
    "old weight_norm": lambda kind: stepped(weight_norm(kind(SIZE, SIZE), "weight_hh_l0")),
    "old spectral_norm": lambda kind: stepped(spectral_norm(kind(SIZE, SIZE), "weight_ih_l0")),
    "weight_norm": lambda kind: stepped(parametrizations.weight_norm(kind(SIZE, SIZE), "weight_hh_l0")),
    "spectral_norm": lambda kind: stepped(parametrizations.spectral_norm(kind(SIZE, SIZE), "weight_hh_l0")),
    "orthogonal": lambda kind: stepped(parametrizations.orthogonal(kind(SIZE, SIZE), "weight_ih_l0")),
    "parametrised": lambda kind: parametrize.register_parametrization(kind(SIZE, SIZE), "bias_hh_l0", Halved()),
    "pruned": lambda kind: stepped(prune.random_unstructured(kind(SIZE, SIZE), "weight_hh_l0", amount=0.5)),
    "drop connected": drop_connected,
    "detached from its names": detached_from_its_names,
    "shared weights": shared,
    "frozen": lambda kind: kind(SIZE, SIZE).requires_grad_(False),
    "input scaled by a hook": lambda kind: hooked(kind(SIZE, SIZE), before=lambda _, args: (2 * args[0], *args[1:])),
    "input scaled by itself": lambda kind: own(kind, lambda rnn, plain, x, hx: plain(2 * x, hx)),
    "returns its output alone": lambda kind: own(kind, lambda rnn, plain, x, hx: plain(x, hx)[0]),
    "keeps statistics": keeps_statistics,
    "changes itself": changes_itself,
}

# What these return is not one call of the kernel, or not what it computed.
UNREADABLE: Mapping[str, Build] = {
    "output halved by a hook": lambda kind: hooked(kind(SIZE, SIZE), after=lambda _, args, returned: half(returned)),
    "output halved in place": lambda kind: hooked(
        kind(SIZE, SIZE), after=lambda _, args, out: (out[0].div_(2), None)[1]
    ),
    "output halved by itself": lambda kind: own(kind, lambda rnn, plain, x, hx: half(plain(x, hx))),
    "output reversed": lambda kind: own(kind, lambda rnn, plain, x, hx: plain(x.flip(0), hx)[0].flip(0)),
    "twice over": lambda kind: own(kind, lambda rnn, plain, x, hx: plain(plain(x, hx)[0])),
    "no kernel": lambda kind: own(kind, lambda rnn, plain, x, hx: (x.tanh(), None)),
    "returns its state": lambda kind: own(kind, lambda rnn, plain, x, hx: plain(x, hx)[1]),
    "returns nothing": lambda kind: own(kind, lambda rnn, plain, x, hx: (plain(x, hx), None)[1]),
    "returns a dictionary": lambda kind: own(kind, lambda rnn, plain, x, hx: {"output": plain(x, hx)[0]}),
}

# Wrappers → how to name the layer inside. They do not have the layer's attributes, so the layer is asked for.
WRAPPED: Mapping[str, tuple[Build, str]] = {
    "compiled": (lambda kind: torch.compile(kind(SIZE, SIZE)), r"rnn\._orig_mod"),
    "data parallel": (lambda kind: nn.DataParallel(kind(SIZE, SIZE)), r"rnn\.module"),
    "sequential": (lambda kind: nn.Sequential(nn.Identity(), kind(SIZE, SIZE)), r"rnn\[1\]"),
    "a model": (lambda kind: nn.ModuleDict({"body": nn.ModuleList([kind(SIZE, SIZE)])}), r"rnn\.body\[0\]"),
    "scripted": (lambda kind: torch.jit.script(nn.Sequential(nn.Linear(SIZE, SIZE))), "scripted"),
}
