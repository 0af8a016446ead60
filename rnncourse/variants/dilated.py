"""Shortcuts past steps, on torch's own kernels: a layer with dilation d reads its state of d steps ago.

So its signal from T steps back takes T / d steps. The layers are one-layer ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.variants._arguments import initial_states, positive, time_major

KINDS: dict[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def _layers(kind: str, input_size: int, hidden_size: int, num_layers: int, *, bias: bool) -> nn.ModuleList:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    sizes = [positive("input_size", input_size)] + [positive("hidden_size", hidden_size)] * (num_layers - 1)
    return nn.ModuleList(KINDS[kind](size, hidden_size, bias=bias) for size in sizes)


def _state_names(kind: str) -> tuple[str, ...]:
    return ("h_0", "c_0") if kind == "lstm" else ("h_0",)


def _packed(parts: Sequence[Tensor]) -> Any:
    """A state as torch hands it: ``(h, c)`` for an LSTM, h alone for the others."""
    return tuple(parts) if len(parts) > 1 else parts[0]


def _unpacked(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


class DilatedRNN(nn.Module):
    """A stack whose layers look several steps back: ``h_t = S(x_t, h_{t-d})``.

    A layer with dilation d is d interleaved sequences with the same weights, so torch's kernel runs it, with d times
    the batch and a d-th of the steps.

    ``kind`` is ``rnn``, ``lstm`` or ``gru``; ``dilations`` are the steps that each layer looks back, so that ``(1, 1)``
    is a plain stack of two. The other arguments are those of ``nn.RNN``.

    Source: Chang et al. (2017), Dilated recurrent neural networks.
    """

    def __init__(
        self,
        kind: str,
        input_size: int,
        hidden_size: int,
        dilations: Sequence[int],
        *,
        bias: bool = True,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        if not dilations:
            raise ValueError("dilations is empty; give one number of steps per layer, such as (1, 2, 4)")
        self.kind, self.input_size, self.hidden_size = kind, input_size, hidden_size
        self.dilations = tuple(positive("a dilation", dilation) for dilation in dilations)
        self.batch_first = batch_first
        self.layers = _layers(kind, input_size, hidden_size, len(self.dilations), bias=bias)

    def forward(self, input: Tensor, hx: Sequence[Any] | None = None) -> tuple[Tensor, tuple[Any, ...]]:
        """Run the sequence: ``output, state``, the state like ``hx``, ready for the next pass.

        ``hx`` holds a state per layer, ``(h, c)`` or h, each ``(dilation, batch, hidden)``, in the order of reading.
        """
        weight = self.get_parameter("layers.0.weight_ih_l0")
        steps = time_major(input, weight, self.batch_first, self.input_size)
        given = [None] * len(self.dilations) if hx is None else list(hx)
        if len(given) != len(self.dilations):
            raise ValueError(f"state has {len(given)} entries; expected one per layer, {len(self.dilations)}")
        last = []
        for layer, dilation, state in zip(self.layers, self.dilations, given, strict=True):
            shape = (dilation, steps.shape[1], self.hidden_size)
            initial = initial_states(state, _state_names(self.kind), shape, steps)
            steps, final = _dilated(layer, steps, initial, dilation)
            last.append(_packed(final))
        return (steps.transpose(0, 1) if self.batch_first else steps), tuple(last)


def _dilated(
    layer: nn.Module, steps: Tensor, state: Sequence[Tensor], dilation: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer over ``(time, batch, feature)``, its states ``(dilation, batch, hidden)`` before and after."""
    whole, rest = divmod(len(steps), dilation)
    outputs, state = [], tuple(state)
    if whole:
        output, state = _interleaved(layer, steps[: whole * dilation], state)
        outputs.append(output)
    if rest:
        # The steps left over belong to the first states alone; rotated, the next step's state comes first again.
        output, moved = _interleaved(layer, steps[whole * dilation :], [part[:rest] for part in state])
        outputs.append(output)
        state = tuple(torch.cat([part[rest:], new]) for part, new in zip(state, moved, strict=True))
    return torch.cat(outputs), state


def _interleaved(layer: nn.Module, steps: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run k interleaved sequences side by side; ``state`` has k entries and k divides the steps."""
    phases, batch = state[0].shape[:2]
    folded = steps.reshape(len(steps) // phases, phases * batch, -1)
    output, final = layer(folded, _packed([part.reshape(1, phases * batch, -1) for part in state]))
    unfolded = output.reshape(len(steps), batch, -1)
    return unfolded, tuple(part.reshape(phases, batch, -1) for part in _unpacked(final))
