"""Initial weights that decide how far the error reaches back, set on an existing torch module.

Every function changes the module in place, in all layers and directions, and returns it. What it does not name
stays as it is. torch adds two biases per gate; a bias named here is their **sum**: the value stands in ``bias_ih``
and the same rows of ``bias_hh`` become 0. Filling both with 1 would give a forget bias of 2.

All refuse another kind of module with a ``TypeError``, and with a ``ValueError`` a number out of range, a module
without the biases they set, and recurrent weights that are computed from others, such as normed ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn

AnyRnn = TypeVar("AnyRnn", nn.RNN, nn.LSTM, nn.GRU)
Gated = TypeVar("Gated", nn.LSTM, nn.GRU)


@torch.no_grad()
def orthogonal_(rnn: AnyRnn, *, seed: int | torch.Generator, gain: float = 1.0) -> AnyRnn:
    """Make the recurrent weights of every gate orthogonal: all their singular values equal ``gain``.

    Each ``(hidden, hidden)`` block of ``weight_hh`` is drawn anew, from a seed or a CPU generator. With ``proj_size`` a
    block is ``(hidden, proj)`` and has orthonormal columns times ``gain``.

    Source: Saxe, McClelland & Ganguli (2014).
    """
    _check_kind(rnn, nn.RNN, nn.LSTM, nn.GRU)
    if not (math.isfinite(gain) and gain > 0):
        raise ValueError(f"gain is {gain}; the singular values must be positive and finite.")
    generator = _generator(seed)
    for suffix in _suffixes(rnn):
        weight: Tensor = getattr(rnn, f"weight_hh_{suffix}")
        for block in weight.view(-1, rnn.hidden_size, weight.shape[1]):
            drawn = torch.empty(block.shape, dtype=torch.float64, device="cpu")
            block.copy_(nn.init.orthogonal_(drawn, gain=gain, generator=generator))
    return rnn


@torch.no_grad()
def forget_bias_(lstm: nn.LSTM, value: float = 1.0) -> nn.LSTM:
    """Set the forget gate's bias, so that at the start the cell keeps a fraction of sigmoid(value), 0.73, per step.

    Source: Gers, Schmidhuber & Cummins (2000); Jozefowicz, Zaremba & Sutskever (2015), section 2.2.
    """
    _check_kind(lstm, nn.LSTM)
    if not math.isfinite(value):
        raise ValueError(f"value is {value}; the forget bias must be finite.")
    for suffix in _suffixes(lstm):
        _set_bias(lstm, suffix, gate=1, values=torch.tensor(value))
    return lstm


@torch.no_grad()
def chrono_(rnn: Gated, *, t_max: float, seed: int | torch.Generator) -> Gated:
    """Spread the memory of the units over time scales from 2 to ``t_max`` steps, the longest dependency expected.

    A unit's keep bias is drawn as ``log(U[1, t_max - 1])``: with nothing else acting it keeps a fraction
    ``1 - 1/τ`` per step, τ between 2 and ``t_max``. In an LSTM this is the forget gate, and the input gate gets
    the opposite bias. In torch's GRU it is the update gate z, which keeps the *old* state; the paper writes the GRU
    with ``1 - z`` in that place, hence with the opposite sign.

    Source: Tallec & Ollivier (2018), section 3.
    """
    _check_kind(rnn, nn.LSTM, nn.GRU)
    if not (math.isfinite(t_max) and t_max >= 2):
        raise ValueError(f"t_max is {t_max}; expected a number of steps of at least 2.")
    generator = _generator(seed)
    for suffix in _suffixes(rnn):
        uniform = torch.rand(rnn.hidden_size, generator=generator, dtype=torch.float64, device="cpu")
        keep = (1.0 + uniform * (t_max - 2.0)).log()
        _set_bias(rnn, suffix, gate=1, values=keep)  # f of an LSTM, z of a GRU: both are torch's second gate
        if isinstance(rnn, nn.LSTM):
            _set_bias(rnn, suffix, gate=0, values=-keep)
    return rnn


def _set_bias(rnn: nn.LSTM | nn.GRU, suffix: str, *, gate: int, values: Tensor) -> None:
    if not rnn.bias:
        kind = type(rnn).__name__
        raise ValueError(f"the {kind} has bias=False, so there is no bias to set; build it with bias=True.")
    rows = slice(gate * rnn.hidden_size, (gate + 1) * rnn.hidden_size)
    getattr(rnn, f"bias_ih_{suffix}")[rows] = values
    getattr(rnn, f"bias_hh_{suffix}")[rows] = 0.0


def _suffixes(rnn: nn.RNN | nn.LSTM | nn.GRU) -> Iterator[str]:
    """Ends of torch's parameter names: ``l0``, ``l0_reverse``, ``l1``, …"""
    return (f"l{layer}{way}" for layer in range(rnn.num_layers) for way in ("", "_reverse")[: 1 + rnn.bidirectional])


def _generator(seed: int | torch.Generator) -> torch.Generator:
    return seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)


def _check_kind(rnn: nn.Module, *kinds: type[nn.Module]) -> None:
    if not isinstance(rnn, kinds):
        names = " or ".join(f"nn.{kind.__name__}" for kind in kinds)
        raise TypeError(f"expected an {names}, got {type(rnn).__name__}.")
    for suffix in _suffixes(rnn):  # type: ignore[arg-type]
        if f"weight_hh_{suffix}" not in rnn._parameters:
            raise ValueError(f"weight_hh_{suffix} is no parameter but computed from others; initialise before that.")
