"""FLOPs as PyTorch's own counter sees them where no fused kernel hides a product, and modules in one line."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

# torch warns once about each of these when oneDNN is switched or cannot be used.
QUIET = [
    pytest.mark.filterwarnings("ignore:TF32 acceleration"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
]


class Lambda(nn.Module):
    """Parts and parameters by name, and a forward that gets the module and its inputs."""

    def __init__(self, forward: Callable[..., Any], /, **parts: Any) -> None:
        super().__init__()
        self.body = forward
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, Tensor) else part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.body(self, *args, **kwargs)


def built(text: str) -> nn.Module:
    """A module of ``torch.nn`` from its constructor."""
    return eval(text, dict(vars(nn)))


def tensors(value: Any) -> list[Tensor]:
    """All tensors in nested lists, tuples and mappings; the state of a packed sequence has no part in it."""
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [one for item in items for one in tensors(item)]


def flops(module: nn.Module, *args: Any, onednn: bool = False, **kwargs: Any) -> tuple[int, int, list[Tensor]]:
    """FLOPs forward, FLOPs backward where every output reaches the loss, and the outputs."""
    with torch.backends.mkldnn.flags(enabled=onednn), sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward:
            outputs = tensors(module.eval()(*args, **kwargs))
        with FlopCounterMode(display=False) as backward:
            if learn := [one.sum() for one in outputs if one.requires_grad]:
                sum(learn[1:], learn[0]).backward()
    return forward.get_total_flops(), backward.get_total_flops(), outputs
