"""How the error flows back through time in an untouched ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``.

Two views. :func:`gradient_flow` measures one loss: the norm of its gradient at every state. The Jacobian view,
:func:`state_jacobians` and :func:`spectral_bound`, asks what the recurrence does to any gradient.

All of it is computed in float64, whatever the module's dtype: in float32 the norms of a long sequence underflow,
and an exact zero would be an artefact of the format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnncourse._recurrence import Adjoint, LstmTape, Measure, RnnTape, Tape, record

__all__ = ["GradientFlow", "StateJacobians", "gradient_flow", "spectral_bound", "state_jacobians"]

Rnn = nn.RNN | nn.LSTM | nn.GRU


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """Norms of the total gradient of one loss at every state.

    The norm is Frobenius over batch and hidden units: at step t the square root of the sum over sequences b and
    units k of ``(dL/dh_t[b, k])²``. Total means along every path: through later steps and through the layers
    above. For an LSTM ``dL/dc_t`` includes the path through ``h_t``; ``dL/dh_t`` does not include ``c_t``,
    which comes before it.

    Attributes:
        loss: value of the loss.
        layers_dh: norms of dL/dh_t, float64, shape ``(layers, time)``; ``(layers, directions, time)`` for a
            bidirectional module. Direction 1 reads from the end; its entries stand at their input step.
        layers_dc: norms of dL/dc_t, shaped alike; None without a cell state.
    """

    loss: float
    layers_dh: Tensor
    layers_dc: Tensor | None

    @property
    def dh(self) -> Tensor:
        """Norms of dL/dh_t of the last layer, shape ``(time,)``; ``(directions, time)`` if bidirectional."""
        return self.layers_dh[-1]

    @property
    def dc(self) -> Tensor | None:
        """Norms of dL/dc_t of the last layer, shaped like ``dh``; None for an RNN or a GRU."""
        return None if self.layers_dc is None else self.layers_dc[-1]


@dataclass(frozen=True, eq=False)
class StateJacobians:
    """Singular values of the Jacobian of the last state with respect to every earlier one.

    Row t belongs to ``∂s_T / ∂s_t``; the last row belongs to the identity. The values are descending and in
    log10, since they leave the range of float64. One smaller than 1e-12 times the largest of its row drowns in
    rounding: it is NaN.

    Attributes:
        log10_singular_values: of the full state s, shape ``(time, state)``. The state of an RNN or a GRU is h;
            that of an LSTM is the pair (h, c), and h_t and c_t vary independently.
        log10_cell: of the block ``∂c_T / ∂c_t`` at fixed h_t, shape ``(time, hidden)``; None without a cell state.
    """

    log10_singular_values: Tensor
    log10_cell: Tensor | None


def gradient_flow(rnn: Rnn, x: Tensor, loss: Callable[[Tensor], Tensor]) -> GradientFlow:
    """Norms of ``dL/dh_t`` and ``dL/dc_t`` at every step of every layer.

    The module runs from states of zero on a float64 copy of its weights. Its parameters, their ``.grad``, its
    mode and the random state stay as they are; its hooks do not run.

    Args:
        rnn: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``: stacked, bidirectional, projected, in any floating dtype.
        x: input, shape ``(batch, time, feature)`` if the module is ``batch_first``, else
            ``(time, batch, feature)``; ``(time, feature)`` counts as a batch of one.
        loss: maps the last layer's output to a scalar. It gets float64 of shape ``(batch, time, hidden *
            directions)``, whatever ``batch_first``; heads and targets it uses must be float64 too.

    Returns:
        The norms, float64, on the device of the module. An entry is inf where a gradient overflows float64.

    Raises:
        TypeError: ``rnn`` is another kind of module, ``x`` is no floating tensor (a packed sequence, say), or
            ``loss`` returns no tensor or mixes another dtype with the output.
        ValueError: sizes or devices do not fit, the sequence is empty, a number is not finite, the module drops
            out between layers in training mode, or the loss is no scalar or does not depend on the output.

    Source: Werbos (1990), backpropagation through time; Hochreiter & Schmidhuber (1997) for the cell state.
    """
    steps = _read(rnn, x)
    with _exactly(steps.device):
        layers = _record(rnn, steps, rnn.num_layers)
    value, upstream = _loss_gradient(loss, layers[-1])
    with _exactly(steps.device):
        norms = [squares.sqrt() for squares in _measured(layers, upstream, _square)]
        # Squares leave the range of float64 long before the entries do: then again, each norm scaled.
        if not all(((part > 1e-140) & (part < 1e140)).all() for part in norms):
            norms = _measured(layers, upstream, _scaled_norm)
    # Weights, input and loss are finite: what is not finite here has overflowed.
    hidden, *cell = (part.nan_to_num(nan=torch.inf, posinf=torch.inf) for part in norms)
    return GradientFlow(value, hidden, cell[0] if cell else None)


def state_jacobians(rnn: Rnn, x: Tensor, *, layer: int = -1) -> StateJacobians:
    """Singular values of ``∂s_T / ∂s_t``, the Jacobian of one layer's last state, for every step t.

    The Jacobian is the product of those of the steps t+1 to T. It is accumulated in float64 from the end, and
    divided by its largest entry at each step, so that nothing underflows. In a stack the layers below only
    supply this layer's input, so its Jacobian is the same product.

    Args:
        rnn: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` that reads in one direction.
        x: one sequence, shape ``(time, feature)``, or as the module takes it with a batch of one.
        layer: which layer; -1 is the last.

    Returns:
        log10 of the singular values, shape ``(time, state)``.

    Raises:
        TypeError: as :func:`gradient_flow`.
        ValueError: as :func:`gradient_flow`; also more than one sequence, a bidirectional module, or no such layer.

    Source: Pascanu, Mikolov & Bengio (2013), section 2.1.
    """
    steps = _read(rnn, x)
    _check_one_way(rnn, layer)
    if steps.shape[1] != 1:
        raise ValueError(f"x holds {steps.shape[1]} sequences, each with Jacobians of its own; pass one at a time.")
    with _exactly(steps.device):
        tape = _record(rnn, steps, layer % rnn.num_layers + 1)[-1][0]
        _check_range(torch.stack(tape.states))
        products, log10_scales = _products(tape.jacobians()[:, 0])
        full = torch.linalg.svdvals(products)
        floor = 1e-12 * full[:, :1]
        width = tape.states[0].shape[-1]
        cell = torch.linalg.svdvals(products[:, width:, width:]) if isinstance(tape, LstmTape) else None
    return StateJacobians(
        _resolved_log10(full, floor, log10_scales),
        None if cell is None else _resolved_log10(cell, floor, log10_scales),
    )


def spectral_bound(rnn: nn.RNN, x: Tensor, *, layer: int = -1) -> Tensor:
    """log10 of a bound on the spectral norm ``‖∂h_T / ∂h_t‖``, for every step t.

    The Jacobian of a step is ``diag(φ') W_hh``, so its norm is at most ``max|φ'| · ‖W_hh‖₂``, and the product of
    these over the steps t+1 to T bounds the whole. With a loss on the last step it also bounds the gradient:
    ``‖dL/dh_t‖ ≤ bound · ‖dL/dh_T‖``. An LSTM or a GRU has paths around its weights and no bound of this form.

    Args:
        rnn: ``nn.RNN`` with tanh or relu that reads in one direction.
        x: input as in :func:`gradient_flow`; of several sequences the largest bound counts.
        layer: which layer; -1 is the last.

    Returns:
        log10 of the bound, float64, shape ``(time,)``; 0 at the last step, -inf where all units are cut off.

    Raises:
        TypeError: ``rnn`` is no ``nn.RNN``, or ``x`` no floating tensor.
        ValueError: as :func:`gradient_flow`; also a bidirectional module, or no such layer.

    Source: Pascanu, Mikolov & Bengio (2013), section 2.2.
    """
    if not isinstance(rnn, nn.RNN):
        raise TypeError(f"rnn must be an nn.RNN, got {type(rnn).__name__}; use state_jacobians for the others.")
    steps = _read(rnn, x)
    _check_one_way(rnn, layer)
    with _exactly(steps.device):
        tape = _record(rnn, steps, layer % rnn.num_layers + 1)[-1][0]
        _check_range(torch.stack(tape.states))
        assert isinstance(tape, RnnTape)
        norm = torch.linalg.matrix_norm(tape.weights.recurrent, ord=2)
        per_step = (torch.stack(tape.slopes).amax(dim=-1) * norm).log10()
        later = per_step.flip(0).cumsum(0).flip(0)[1:].amax(dim=1)
    return torch.cat([later, later.new_zeros(1)])


@contextmanager
def _exactly(device: torch.device) -> Iterator[None]:
    """No graph, no autocast: plain float64 arithmetic."""
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        yield


def _read(rnn: Rnn, x: Tensor) -> Tensor:
    """Check module and input; the input as ``(time, batch, feature)`` in float64."""
    _check_module(rnn)
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor, got {type(x).__name__}; pad or split sequences of unequal length.")
    if not x.is_floating_point():
        raise TypeError(f"x is {x.dtype}, expected floating point; convert it with x.float().")
    if x.ndim not in (2, 3):
        order = "(batch, time, feature)" if rnn.batch_first else "(time, batch, feature)"
        raise ValueError(f"x has shape {tuple(x.shape)}; expected {order}, or (time, feature) for one sequence.")
    if x.shape[-1] != rnn.input_size:
        raise ValueError(f"x has shape {tuple(x.shape)}; its last axis must be rnn.input_size={rnn.input_size}.")
    if x.numel() == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}, which is empty; pass a sequence of at least one step.")
    if x.device != rnn.weight_ih_l0.device:
        raise ValueError(f"x is on {x.device}, rnn on {rnn.weight_ih_l0.device}; move one with .to().")
    _check_finite("x", x)
    steps = x.detach().double()
    if x.ndim == 2:
        return steps.unsqueeze(1)
    return steps.transpose(0, 1) if rnn.batch_first else steps


def _check_module(rnn: Rnn) -> None:
    if not isinstance(rnn, nn.RNN | nn.LSTM | nn.GRU):
        raise TypeError(f"rnn must be an nn.RNN, nn.LSTM or nn.GRU, got {type(rnn).__name__}.")
    if rnn.training and rnn.dropout > 0 and rnn.num_layers > 1:
        raise ValueError(
            f"rnn is in training mode with dropout={rnn.dropout} between its layers, so every pass differs; "
            "call rnn.eval() first."
        )
    for name, parameter in rnn.named_parameters():
        _check_finite(f"parameter {name}", parameter.detach())


def _check_finite(name: str, values: Tensor) -> None:
    if values.is_meta:
        raise ValueError(f"{name} is on the meta device and holds no numbers; use a real device.")
    # A finite sum proves finite entries in one fast pass; only a suspicious one is searched.
    if not torch.isfinite(values.sum()) and not (finite := torch.isfinite(values)).all():
        index = tuple(torch.nonzero(~finite)[0].tolist())
        raise ValueError(f"{name} is {values[index].item()} at index {index}; every entry must be finite.")


def _check_one_way(rnn: Rnn, layer: int) -> None:
    if rnn.bidirectional:
        raise ValueError("rnn is bidirectional, so no one state is the last; pass a module of one direction.")
    if not -rnn.num_layers <= layer < rnn.num_layers:
        raise ValueError(f"layer is {layer}, but rnn has num_layers={rnn.num_layers}.")


def _record(rnn: Rnn, steps: Tensor, depth: int) -> list[list[Tape]]:
    """Tapes of the lowest ``depth`` layers, one per direction, each in its own reading order."""
    inputs, layers = list(steps.unbind()), []
    for layer in range(depth):
        tapes = [record(rnn, layer, d, _turned(inputs, d)) for d in range(1 + rnn.bidirectional)]
        inputs = _outputs(tapes)
        layers.append(tapes)
    return layers


def _check_range(states: Tensor) -> None:
    # A finite sum proves finite entries.
    if not torch.isfinite(states.sum()):
        raise ValueError("the states of rnn leave the range of float64 on this x; scale the weights down.")


def _turned(steps: list[Tensor], direction: int) -> list[Tensor]:
    """From input order to the reading order of a direction, or back."""
    return steps[::-1] if direction else steps


def _outputs(tapes: list[Tape]) -> list[Tensor]:
    """Output of a layer at each step, ``(batch, state * directions)``."""
    if len(tapes) == 1:
        return tapes[0].states
    ways = [_turned(tape.states, d) for d, tape in enumerate(tapes)]
    return [torch.cat(parts, dim=-1) for parts in zip(*ways, strict=True)]


def _loss_gradient(loss: Callable[[Tensor], Tensor], tapes: list[Tape]) -> tuple[float, list[Tensor]]:
    """Value of the loss and its gradient at the output alone, ``(batch, state * directions)`` at each step."""
    device = tapes[0].states[0].device
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        output = torch.stack(_outputs(tapes), dim=1)
        _check_range(output)
        output.requires_grad_()
        try:
            value = loss(output)
        except RuntimeError as error:
            raise TypeError(
                f"loss failed on the float64 output it is given ({error}); convert the heads and targets it uses."
            ) from error
        _check_loss(value)
        (gradient,) = torch.autograd.grad(value.sum(), output, allow_unused=True)
    if gradient is None:
        raise ValueError("loss does not depend on the output it is given; compute it from its argument.")
    _check_finite("the gradient of loss at the output", gradient)
    return value.item(), list(gradient.unbind(dim=1))


def _check_loss(value: object) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"loss must return a tensor, got {type(value).__name__}.")
    if value.numel() != 1:
        raise ValueError(f"loss must return a scalar, got shape {tuple(value.shape)}; take its mean or its sum.")
    if not value.requires_grad:
        raise ValueError("loss does not depend on the output it is given, or detaches it.")
    _check_finite("the loss", value.detach())


def _measured(layers: list[list[Tape]], upstream: list[Tensor], measure: Measure) -> list[Tensor]:
    """A measure of each dL/dh_t and, with a cell state, of each dL/dc_t, stacked as ``_stacked`` does."""
    adjoints = _adjoints(layers, upstream, measure)
    hidden = [[_turned(part.hidden, d) for d, part in enumerate(layer)] for layer in adjoints]
    cell = [[_turned(part.cell, d) for d, part in enumerate(layer)] for layer in adjoints]
    return [_stacked(hidden), _stacked(cell)] if cell[0][0] else [_stacked(hidden)]


def _adjoints(layers: list[list[Tape]], upstream: list[Tensor], measure: Measure) -> list[list[Adjoint]]:
    """Gradients of all states, layer by layer from the top; each layer hands its input's gradient down."""
    adjoints: list[list[Adjoint]] = []
    for depth in reversed(range(len(layers))):
        ways = zip(*(step.chunk(len(layers[depth]), dim=-1) for step in upstream), strict=True)
        layer = [
            # Nothing stands below the lowest layer: the gradient of x is not computed.
            tape.adjoint(_turned(list(way), d), tape.weights.matrix if depth else tape.weights.recurrent, measure)
            for d, (tape, way) in enumerate(zip(layers[depth], ways, strict=True))
        ]
        adjoints.insert(0, layer)
        below = zip(*(_turned(part.inputs, d) for d, part in enumerate(layer)), strict=True)
        upstream = [torch.stack(parts).sum(dim=0) for parts in below] if depth else []
    return adjoints


def _square(gradient: Tensor) -> Tensor:
    """Squared Frobenius norm."""
    values = gradient.reshape(-1)
    return torch.dot(values, values)


def _scaled_norm(gradient: Tensor) -> Tensor:
    """Frobenius norm, right as long as the largest entry is a float64."""
    largest = gradient.abs().amax()
    scale = torch.where(largest > 0, largest, 1.0)
    return scale * _square(gradient / scale).sqrt()


def _stacked(measures: list[list[list[Tensor]]]) -> Tensor:
    """``(layers, time)``, or ``(layers, directions, time)`` where there are two directions."""
    stacked = torch.stack([torch.stack([torch.stack(way) for way in layer]) for layer in measures])
    return stacked if stacked.shape[1] == 2 else stacked.squeeze(1)


def _products(jacobians: Tensor) -> tuple[Tensor, Tensor]:
    """For every t the product of the Jacobians after t: matrices of largest entry 1, and log10 of their scales."""
    products, log10_scales = torch.empty_like(jacobians), jacobians.new_zeros(len(jacobians))
    products[-1] = torch.eye(jacobians.shape[-1])
    for t in range(len(jacobians) - 1, 0, -1):
        product = products[t] @ jacobians[t]
        scale = product.abs().amax()
        products[t - 1] = product / torch.where(scale > 0, scale, 1.0)
        log10_scales[t - 1] = log10_scales[t] + scale.log10()
    return products, log10_scales


def _resolved_log10(values: Tensor, floor: Tensor, log10_scales: Tensor) -> Tensor:
    """log10 of the singular values, NaN below ``floor``, where only rounding is left."""
    resolved = torch.where(values < floor, torch.nan, values)
    return resolved.log10() + log10_scales[:, None]
