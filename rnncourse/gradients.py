"""How the error flows back through time in an untouched ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``.

All of it is computed in float64, whatever the module's dtype, and a long sequence leaves the range of float64 too:
the logarithms are kept beside the norms, and an exact zero is no artefact of the format.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rnncourse._kernel_call import KernelCall, Layer, check_input, check_layer, watch
from rnncourse._recurrence import TAPES, Adjoint, Scaled, Tape, added, adjoint, total

__all__ = ["GradientFlow", "gradient_flow"]


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """Norms of the total gradient of one loss at every state.

    The norm is Frobenius over batch and hidden units. Total means along every path: through later steps and the layers
    above. For an LSTM ``dL/dc_t`` includes the path through ``h_t``; ``dL/dh_t`` does not include ``c_t``.

    Attributes:
        loss: value of the loss.
        layers_dh: norms of dL/dh_t, float64, shape ``(layers, time)``; ``(layers, directions, time)`` for a
            bidirectional module, each at its input step. A norm beyond the range of float64 is 0 or inf.
        layers_dc: norms of dL/dc_t, shaped alike; None without a cell state.
        layers_log10_dh: log10 of the norms of dL/dh_t, which no range limits: -inf only where the gradient is 0.
        layers_log10_dc: log10 of the norms of dL/dc_t; None without a cell state.
    """

    loss: float
    layers_dh: Tensor
    layers_dc: Tensor | None
    layers_log10_dh: Tensor
    layers_log10_dc: Tensor | None

    @property
    def dh(self) -> Tensor:
        """Norms of dL/dh_t of the last layer, shape ``(time,)``; ``(directions, time)`` if bidirectional."""
        return self.layers_dh[-1]

    @property
    def dc(self) -> Tensor | None:
        """Norms of dL/dc_t of the last layer, shaped like ``dh``; None for an RNN or a GRU."""
        return None if self.layers_dc is None else self.layers_dc[-1]

    @property
    def log10_dh(self) -> Tensor:
        """log10 of ``dh``."""
        return self.layers_log10_dh[-1]

    @property
    def log10_dc(self) -> Tensor | None:
        """log10 of ``dc``; None for an RNN or a GRU."""
        return None if self.layers_log10_dc is None else self.layers_log10_dc[-1]


def gradient_flow(rnn: Layer, x: Tensor, loss: Callable[[Tensor], Tensor]) -> GradientFlow:
    """Norms of ``dL/dh_t`` and ``dL/dc_t`` at every step of every layer.

    The module is called once, with its hooks, as by ``rnn(x)``; in place of torch's kernel runs a float64 copy of
    what the kernel was given. Weights, buffers, attributes, ``.grad``, mode and random state are then as before.

    Args:
        rnn: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``: stacked, bidirectional, projected, in any floating dtype.
        x: input, shape ``(batch, time, feature)`` if the module is ``batch_first``, else
            ``(time, batch, feature)``; ``(time, feature)`` counts as a batch of one.
        loss: maps the last layer's output to a scalar. It gets float64 of shape ``(batch, time, hidden *
            directions)``, whatever ``batch_first``; heads and targets it uses must be float64 too. An error in it
            is passed on.

    Returns:
        The norms and their logarithms, float64, on the device of the module. Time and memory are linear in time.

    Raises:
        TypeError: ``rnn`` is another kind of module, ``x`` is no floating tensor (a packed sequence, say), or
            ``loss`` returns no tensor.
        ValueError: sizes or devices do not fit, the sequence is empty, a number is not finite, the module drops
            out between layers in training mode or does not return what torch's kernel computes, or the loss is no
            scalar or does not depend on the output.

    Source: Werbos (1990), backpropagation through time; Hochreiter & Schmidhuber (1997) for the cell state.
    """
    layers = _record(rnn, x)
    value, upstream = _loss_gradient(loss, _outputs(layers[-1]))
    with torch.inference_mode(), torch.autocast(x.device.type, enabled=False):
        adjoints = _adjoints(layers, upstream)
    dh, log10_dh = _norms([[way.hidden for way in layer] for layer in adjoints])
    cells = [[way.cell for way in layer if way.cell is not None] for layer in adjoints]
    dc, log10_dc = _norms(cells) if cells[0] else (None, None)
    return GradientFlow(value, dh, dc, log10_dh, log10_dc)


def _record(rnn: Layer, x: Tensor) -> list[list[Tape]]:
    """Tapes of all layers, one per direction, each in its own reading order."""
    check_layer(rnn)
    check_input(rnn, x)
    if not x.is_floating_point():
        raise TypeError(f"x is {x.dtype}, expected floating point; convert it with x.float().")
    layers: list[list[Tape]] = []

    def run(call: KernelCall) -> Tensor:
        layers.extend(_tapes(call, x.detach()))
        return _outputs(layers[-1]).transpose(1, 2)

    dtype = next((weight.dtype for weight in rnn.parameters()), x.dtype)
    watch(rnn, x.detach().to(dtype), run=run)
    return layers


def _tapes(call: KernelCall, x: Tensor) -> list[list[Tape]]:
    own = x.unsqueeze(1) if x.ndim == 2 else x.transpose(0, 1) if call.batch_first else x
    # The input as it was given, where the module hands it on: it may hold more than the module's dtype.
    data = own if own.shape == call.input.shape and torch.equal(own.to(call.input.dtype), call.input) else call.input
    xs, layers = data.double().transpose(1, 2), list[list[Tape]]()
    for k, layer in enumerate(call.layers):
        ways = []
        for d, weights in enumerate(layer):
            initial = [state[k * call.directions + d] for state in call.initial]
            ways.append(TAPES[call.mode](weights, xs.flip(0) if d else xs, initial))
        xs = _outputs(ways)
        # A finite sum proves finite entries.
        if not math.isfinite(xs.sum()):
            raise ValueError("the states of rnn leave the range of float64 on this x; scale the weights down.")
        layers.append(ways)
    return layers


def _outputs(ways: list[Tape]) -> Tensor:
    """Output of a layer, ``(time, state * directions, batch)``."""
    if len(ways) == 1:
        return ways[0].states
    return torch.cat([ways[0].states, ways[1].states.flip(0)], dim=1)


def _batch_first(columns: Tensor) -> Tensor:
    """``(time, width, batch)`` as ``(batch, time, width)``, some steps at a time: as a whole it outgrows the cache."""
    rows = columns.new_empty(columns.shape[2], columns.shape[0], columns.shape[1])
    for source, target in zip(torch.split(columns, 16), torch.split(rows, 16, 1), strict=True):
        target.copy_(source.permute(2, 0, 1))
    return rows


def _loss_gradient(loss: Callable[[Tensor], Tensor], columns: Tensor) -> tuple[float, Tensor]:
    """Value of the loss, and its gradient at the output ``(batch, time, width)`` alone."""
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(columns.device.type, enabled=False):
        output = _batch_first(columns).requires_grad_()
        value = loss(output)
        if not isinstance(value, Tensor):
            raise TypeError(f"loss must return a tensor, got {type(value).__name__}.")
        if value.numel() != 1:
            raise ValueError(f"loss must return a scalar, got shape {tuple(value.shape)}; take its mean or its sum.")
        if not value.requires_grad:
            raise ValueError("loss does not depend on the output it is given, or detaches it.")
        if not math.isfinite(value.detach()):
            raise ValueError(f"the loss is {value.item()}; it must be finite.")
        (gradient,) = torch.autograd.grad(value.sum(), output, allow_unused=True)
    if gradient is None:
        raise ValueError("loss does not depend on the output it is given; compute it from its argument.")
    if not math.isfinite(gradient.sum()) and not gradient.isfinite().all():
        raise ValueError("the gradient of loss at the output has entries that are not finite.")
    return value.item(), gradient


def _adjoints(layers: list[list[Tape]], gradient: Tensor) -> list[list[Adjoint]]:
    """Gradients of all states, layer by layer from the top; each layer hands its input's gradient down."""
    adjoints: list[list[Adjoint]] = []
    upstream = Scaled(gradient.permute(1, 2, 0), gradient.new_zeros(gradient.shape[1], gradient.shape[0]))
    for depth in reversed(range(len(layers))):
        chunks = upstream.values.chunk(len(layers[depth]), dim=1)
        ways = [
            adjoint(tape, Scaled(chunk, upstream.exponents).turned(d), inputs=depth > 0)
            for d, (tape, chunk) in enumerate(zip(layers[depth], chunks, strict=True))
        ]
        adjoints.insert(0, ways)
        if depth:
            upstream = added([way.inputs.turned(d) for d, way in enumerate(ways) if way.inputs is not None])
    return adjoints


def _norms(layers: list[list[Scaled]]) -> tuple[Tensor, Tensor]:
    """Norms over all sequences and their log10, ``(layers, time)``, or ``(layers, directions, time)`` for two."""
    ways = [[total(norms.turned(d)) for d, norms in enumerate(layer)] for layer in layers]
    both = [torch.stack([torch.stack(parts) for parts in zip(*layer, strict=True)], 1) for layer in ways]
    # Weights, input and loss are finite: what is not finite here has overflowed.
    values, logs = (part.nan_to_num(torch.inf, torch.inf, -torch.inf) for part in torch.stack(both).unbind(2))
    return (values, logs) if values.shape[1] == 2 else (values.squeeze(1), logs.squeeze(1))
