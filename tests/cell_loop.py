"""Recurrent layers as a loop over torch's cells, one step at a time: the reference for what reads fused layers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

Layer = nn.RNN | nn.LSTM | nn.GRU
Steps = dict[str, list[Tensor]]


def initial_states(rnn: Layer, batch: int, fill: Callable[..., Tensor] = torch.zeros) -> list[Tensor]:
    """h_0 and, for an LSTM, c_0, each ``(layers * directions, batch, width)``."""
    rows, widths = rnn.num_layers * (1 + rnn.bidirectional), [rnn.proj_size or rnn.hidden_size]
    widths += [rnn.hidden_size] if isinstance(rnn, nn.LSTM) else []
    return [fill(rows, batch, width, dtype=rnn.weight_ih_l0.dtype) for width in widths]


def unroll(rnn: Layer, x: Tensor, initial: list[Tensor] | None = None, *, retain: bool = False) -> list[list[Steps]]:
    """By layer and direction: every quantity of every step, ``(batch, width)``, at the input step it belongs to.

    ``x`` is time-major without padding. With ``retain``, states keep their gradients.
    """
    initial = initial or initial_states(rnn, x.shape[1])
    steps, layers, directions = list(x), [], 1 + rnn.bidirectional
    for layer in range(rnn.num_layers):
        ways = []
        for d in range(directions):
            states = [state[layer * directions + d] for state in initial]
            way = _read(rnn, f"l{layer}" + "_reverse" * d, steps[::-1] if d else steps, states, retain)
            ways.append({name: values[::-1] for name, values in way.items()} if d else way)
        steps = [torch.cat(parts, -1) for parts in zip(*(way["h"] for way in ways), strict=True)]
        layers.append(ways)
    return layers


def stacked(layers: list[list[Steps]]) -> dict[str, Tensor]:
    """Name → ``(layers, directions, batch, time, width)``."""
    return {
        name: torch.stack([torch.stack([torch.stack(way[name], 1) for way in ways]) for ways in layers])
        for name in layers[0][0]
    }


def _read(rnn: Layer, suffix: str, steps: list[Tensor], state: list[Tensor], retain: bool) -> Steps:
    found: Steps = {}
    for x in steps:
        before = dict(zip(("h_prev", "c_prev"), state, strict=False))
        step = _step(rnn, suffix, x, state)
        state = [step[name] for name in ("h", "c") if name in step]
        for values in state if retain else ():
            values.retain_grad()
        for name, values in (step | before).items():
            found.setdefault(name, []).append(values)
    return found


def _step(rnn: Layer, suffix: str, x: Tensor, state: list[Tensor]) -> dict[str, Tensor]:
    w_ih, w_hh = (getattr(rnn, f"weight_{part}_{suffix}") for part in ("ih", "hh"))
    b_ih, b_hh = (getattr(rnn, f"bias_{part}_{suffix}") if rnn.bias else None for part in ("ih", "hh"))
    weights, h = (w_ih, w_hh, b_ih, b_hh), state[0]
    from_x, from_h = linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)
    if isinstance(rnn, nn.RNN):
        return {"h": (torch.rnn_tanh_cell if rnn.nonlinearity == "tanh" else torch.rnn_relu_cell)(x, h, *weights)}
    if isinstance(rnn, nn.GRU):
        (r, z, n), (h_r, h_z, h_n) = from_x.chunk(3, -1), from_h.chunk(3, -1)
        r, z = (r + h_r).sigmoid(), (z + h_z).sigmoid()
        return {"reset": r, "update": z, "new": (n + r * h_n).tanh(), "h": torch.gru_cell(x, h, *weights)}
    i, f, g, o = (from_x + from_h).chunk(4, -1)
    step = {"input": i.sigmoid(), "forget": f.sigmoid(), "cell": g.tanh(), "output": o.sigmoid()}
    if not rnn.proj_size:
        return step | dict(zip(("h", "c"), torch.lstm_cell(x, tuple(state), *weights), strict=True))
    c = step["forget"] * state[1] + step["input"] * step["cell"]
    return step | {"h": (step["output"] * c.tanh()) @ getattr(rnn, f"weight_hr_{suffix}").T, "c": c}
