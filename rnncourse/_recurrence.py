"""One layer of ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` in float64: recorded forwards, differentiated backwards.

Each cell is one affine map of the pair (input, last state), ``a_t = M [x_t, h_{t-1}] + b``, followed by
elementwise work. So a step forwards is one product with ``M``, and a step backwards is one product with the
same ``M`` that yields the gradients of ``x_t`` and ``h_{t-1}`` together. Of the elementwise work only its local
derivatives are kept: the way back, and the Jacobians, need no more.

In float64 the CPU has no fused kernel: ``torch.lstm`` itself runs step by step. Running the steps here costs no
more than that, and needs no second product to recover the gates.

A sequence is a list of steps, each ``(batch, feature)``, and starts from states of zero. What is kept of a step are
tensors of their own, and what is dropped at once goes to one buffer: large blocks are handed back to the operating
system after use, and faulting their pages in again can take longer than the arithmetic on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

# Gradient through a sigmoid or tanh: from the gradient above it and its own output, in one pass.
_through_sigmoid = torch.ops.aten.sigmoid_backward.default
_through_tanh = torch.ops.aten.tanh_backward.default


class Weights(NamedTuple):
    """Weights of one layer in one direction, float64.

    Attributes:
        matrix: M, shape ``(rows, input + state)``; rows are stacked as the cell wants them.
        bias: b, shape ``(rows,)``: the sum of torch's two biases, where the cell adds them.
        input_size: columns of ``matrix`` that belong to the input.
        projection: shape ``(state, hidden)`` for an LSTM with ``proj_size``, else None.
    """

    matrix: Tensor
    bias: Tensor
    input_size: int
    projection: Tensor | None = None

    @property
    def recurrent(self) -> Tensor:
        """Columns of the matrix that read the last state, shape ``(rows, state)``."""
        return self.matrix[:, self.input_size :]


Measure = Callable[[Tensor], Tensor]


class Adjoint(NamedTuple):
    """Gradients of one layer in one direction, each a list over time in its reading order.

    Attributes:
        inputs: gradients of x_t, each ``(batch, input)``; no entries where not asked for.
        hidden: measure of the total gradient of h_t at each step.
        cell: measure of the total gradient of c_t at each step; no entries without a cell state.
    """

    inputs: list[Tensor]
    hidden: list[Tensor]
    cell: list[Tensor]


class Tape(Protocol):
    """What one layer did in one direction."""

    @property
    def weights(self) -> Weights:
        """The weights it ran with."""

    @property
    def states(self) -> list[Tensor]:
        """All h_t, each ``(batch, state)``, in reading order."""

    def adjoint(self, upstream: Sequence[Tensor], matrix: Tensor, measure: Measure) -> Adjoint:
        """Gradients of all states from those that reach them directly.

        Args:
            upstream: gradient that reaches each h_t from above, each ``(batch, state)``, in reading order.
            matrix: ``weights.matrix``, or ``weights.recurrent`` where the input's gradient is not wanted.
            measure: what to keep of a state's gradient, itself ``(batch, state)``.
        """

    def jacobians(self) -> Tensor:
        """Jacobian of each step, ``(time, batch, full, full)``; the full state is h, or (h, c) for an LSTM."""


def record(rnn: nn.RNN | nn.LSTM | nn.GRU, layer: int, direction: int, xs: Sequence[Tensor]) -> Tape:
    """Run one layer in one direction over the steps ``xs``, each ``(batch, feature)``, in its reading order."""
    suffix = f"l{layer}" + "_reverse" * direction
    w_ih, w_hh = (getattr(rnn, f"weight_{part}_{suffix}").detach().double() for part in ("ih", "hh"))
    if rnn.bias:
        b_ih, b_hh = (getattr(rnn, f"bias_{part}_{suffix}").detach().double() for part in ("ih", "hh"))
    else:
        b_ih = b_hh = w_ih.new_zeros(w_ih.shape[0])
    if isinstance(rnn, nn.GRU):
        return GruTape.record(_gru_weights(w_ih, w_hh, b_ih, b_hh), xs)
    weights = Weights(torch.cat([w_ih, w_hh], dim=1), b_ih + b_hh, w_ih.shape[1])
    if isinstance(rnn, nn.LSTM):
        projection = getattr(rnn, f"weight_hr_{suffix}").detach().double() if rnn.proj_size else None
        return LstmTape.record(weights._replace(projection=projection), xs)
    return RnnTape.record(weights, xs, rnn.nonlinearity)


def _gru_weights(w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Weights:
    """Rows r, z, n of the input, n of the state: r multiplies only the last, so it stays apart."""
    input_size, hidden_size = w_ih.shape[1], w_hh.shape[1]
    gates = 2 * hidden_size
    matrix = w_ih.new_zeros(4 * hidden_size, input_size + hidden_size)
    matrix[: 3 * hidden_size, :input_size] = w_ih
    matrix[:gates, input_size:] = w_hh[:gates]
    matrix[3 * hidden_size :, input_size:] = w_hh[gates:]
    bias = torch.cat([b_ih[:gates] + b_hh[:gates], b_ih[gates:], b_hh[gates:]])
    return Weights(matrix, bias, input_size)


def _zero_state(weights: Weights, xs: Sequence[Tensor]) -> Tensor:
    return xs[0].new_zeros(xs[0].shape[0], weights.recurrent.shape[1])


def _affine(weights: Weights, xs: Sequence[Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The map from x_t and h_{t-1} to ``M [x_t, h_{t-1}] + b``, ``(batch, rows)``: valid until the next call."""
    bias, matrix = weights.bias, weights.matrix.t()
    buffer = bias.new_empty(xs[0].shape[0], bias.numel())
    return lambda x, h_prev: torch.addmm(bias, torch.cat([x, h_prev], dim=1), matrix, out=buffer)


def _pull_back(upstream: Sequence[Tensor], matrix: Tensor) -> tuple[Tensor, int, Tensor]:
    """Gradient of the pair after the last step, where its input ends and its state begins, and room for rows."""
    batch_size, state_size = upstream[0].shape
    rows, columns = matrix.shape
    return matrix.new_zeros(batch_size, columns), columns - state_size, matrix.new_empty(batch_size, rows)


def _diagonal(values: Tensor) -> Tensor:
    """``(…, n)`` as ``(…, n, 1)``: times a matrix this is diag(values) @ matrix."""
    return values.unsqueeze(-1)


@dataclass(frozen=True, eq=False)
class RnnTape:
    """``h_t = φ(a_t)`` with φ = tanh or relu.

    ``slopes`` holds φ'(a_t) of each step, ``(batch, hidden)``; for relu 0 at 0, as in torch.
    """

    weights: Weights
    states: list[Tensor]
    slopes: list[Tensor]

    @classmethod
    def record(cls, weights: Weights, xs: Sequence[Tensor], nonlinearity: str) -> RnnTape:
        """Run the layer over ``xs``."""
        squash, slope = (torch.tanh, _tanh_slope) if nonlinearity == "tanh" else (torch.relu, _relu_slope)
        affine, h, tape = _affine(weights, xs), _zero_state(weights, xs), cls(weights, [], [])
        for x in xs:
            h = squash(affine(x, h))
            tape.states.append(h)
            tape.slopes.append(slope(h))
        return tape

    def adjoint(self, upstream: Sequence[Tensor], matrix: Tensor, measure: Measure) -> Adjoint:
        """``dL/dh_{t-1}`` gains ``W_hhᵀ (φ' ⊙ dL/dh_t)``."""
        d_pair, columns, da = _pull_back(upstream, matrix)
        inputs, hidden = [], []
        for slope, direct in zip(reversed(self.slopes), reversed(upstream), strict=True):
            dh = direct + d_pair[:, columns:]
            d_pair = torch.mul(dh, slope, out=da) @ matrix
            hidden.append(measure(dh))
            inputs += [d_pair[:, :columns]] if columns else []
        return Adjoint(inputs[::-1], hidden[::-1], [])

    def jacobians(self) -> Tensor:
        """``diag(φ') W_hh`` of each step, ``(time, batch, hidden, hidden)``."""
        return _diagonal(torch.stack(self.slopes)) * self.weights.recurrent


def _tanh_slope(h: Tensor) -> Tensor:
    return 1.0 - h.square()


def _relu_slope(h: Tensor) -> Tensor:
    return (h > 0).to(h.dtype)


class LstmStep(NamedTuple):
    """Local derivatives of one step, each ``(batch, hidden)``; a_i to a_o are the gates' pre-activations.

    Attributes:
        by_i: ``∂c_t / ∂a_i = g i (1 - i)``.
        by_f: ``∂c_t / ∂a_f = c_{t-1} f (1 - f)``.
        by_g: ``∂c_t / ∂a_g = i (1 - g²)``.
        by_o: of o tanh(c_t) by a_o, ``tanh(c_t) o (1 - o)``.
        by_c: of o tanh(c_t) by c_t, ``o (1 - tanh² c_t)``.
        f: ``∂c_t / ∂c_{t-1}``, the forget gate itself.
    """

    by_i: Tensor
    by_f: Tensor
    by_g: Tensor
    by_o: Tensor
    by_c: Tensor
    f: Tensor


@dataclass(frozen=True, eq=False)
class LstmTape:
    """``c_t = f c_{t-1} + i g`` and ``h_t = o tanh(c_t)``, projected where there is a projection."""

    weights: Weights
    states: list[Tensor]
    steps: list[LstmStep]

    @classmethod
    def record(cls, weights: Weights, xs: Sequence[Tensor]) -> LstmTape:
        """Run the layer over ``xs``."""
        affine, projection = _affine(weights, xs), weights.projection
        h, c = _zero_state(weights, xs), xs[0].new_zeros(xs[0].shape[0], weights.bias.numel() // 4)
        tape = cls(weights, [], [])
        for x in xs:
            ai, af, ag, ao = affine(x, h).chunk(4, dim=1)
            i, f, g, o = ai.sigmoid(), af.sigmoid(), ag.tanh(), ao.sigmoid()
            by_f = _through_sigmoid(c, f)
            c = (f * c).addcmul_(i, g)
            tanh_c = c.tanh()
            h = o * tanh_c if projection is None else (o * tanh_c) @ projection.t()
            by_o, by_c = _through_sigmoid(tanh_c, o), _through_tanh(o, tanh_c)
            tape.states.append(h)
            tape.steps.append(LstmStep(_through_sigmoid(g, i), by_f, _through_tanh(i, g), by_o, by_c, f))
        return tape

    def adjoint(self, upstream: Sequence[Tensor], matrix: Tensor, measure: Measure) -> Adjoint:
        """``dL/dc_t = o (1 - tanh² c_t) dL/dh_t + f_{t+1} dL/dc_{t+1}``; times the rest, the rows' gradients."""
        d_pair, columns, da = _pull_back(upstream, matrix)
        carry, projection = torch.zeros_like(self.steps[0].f), self.weights.projection
        inputs, hidden, cell = [], [], []
        for (by_i, by_f, by_g, by_o, by_c, f), direct in zip(reversed(self.steps), reversed(upstream), strict=True):
            dh = direct + d_pair[:, columns:]
            dm = dh if projection is None else dh @ projection
            dc = torch.addcmul(carry, dm, by_c)
            d_pair = torch.cat([dc * by_i, dc * by_f, dc * by_g, dm * by_o], dim=1, out=da) @ matrix
            carry = dc * f
            hidden.append(measure(dh))
            cell.append(measure(dc))
            inputs += [d_pair[:, :columns]] if columns else []
        return Adjoint(inputs[::-1], hidden[::-1], cell[::-1])

    def jacobians(self) -> Tensor:
        """``∂(h_t, c_t) / ∂(h_{t-1}, c_{t-1})``, shape ``(time, batch, state + hidden, state + hidden)``."""
        by_i, by_f, by_g, by_o, by_c, f = (torch.stack(part) for part in zip(*self.steps, strict=True))
        w_i, w_f, w_g, w_o = self.weights.recurrent.chunk(4)
        cell_hidden = _diagonal(by_i) * w_i + _diagonal(by_f) * w_f + _diagonal(by_g) * w_g
        hidden_hidden = _diagonal(by_c) * cell_hidden + _diagonal(by_o) * w_o
        hidden = torch.cat([hidden_hidden, torch.diag_embed(by_c * f)], dim=-1)
        if self.weights.projection is not None:
            hidden = self.weights.projection @ hidden
        return torch.cat([hidden, torch.cat([cell_hidden, torch.diag_embed(f)], dim=-1)], dim=-2)


class GruStep(NamedTuple):
    """Local derivatives of h_t in one step, each ``(batch, hidden)``; a_r, a_z, a_n, q are the rows of M.

    Attributes:
        by_r: ``(1 - z)(1 - n²) q r (1 - r)``.
        by_z: ``(h_{t-1} - n) z (1 - z)``.
        by_n: ``(1 - z)(1 - n²)``.
        by_q: ``(1 - z)(1 - n²) r``, by ``q = W_hn h_{t-1} + b_hn``.
        z: by h_{t-1} directly, the update gate itself.
    """

    by_r: Tensor
    by_z: Tensor
    by_n: Tensor
    by_q: Tensor
    z: Tensor


@dataclass(frozen=True, eq=False)
class GruTape:
    """``h_t = (1 - z) n + z h_{t-1}`` with ``n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn))``."""

    weights: Weights
    states: list[Tensor]
    steps: list[GruStep]

    @classmethod
    def record(cls, weights: Weights, xs: Sequence[Tensor]) -> GruTape:
        """Run the layer over ``xs``."""
        affine, h, tape = _affine(weights, xs), _zero_state(weights, xs), cls(weights, [], [])
        for x in xs:
            ar, az, an, q = affine(x, h).chunk(4, dim=1)
            r, z = ar.sigmoid(), az.sigmoid()
            n = torch.addcmul(an, r, q).tanh_()
            by_n = _through_tanh(1.0 - z, n)
            by_r, by_z = _through_sigmoid(by_n * q, r), _through_sigmoid(h - n, z)
            h = torch.lerp(n, h, z)
            tape.states.append(h)
            tape.steps.append(GruStep(by_r, by_z, by_n, by_n * r, z))
        return tape

    def adjoint(self, upstream: Sequence[Tensor], matrix: Tensor, measure: Measure) -> Adjoint:
        """``dL/dh_{t-1}`` gains a part through the rows of M, and ``z dL/dh_t`` past them."""
        d_pair, columns, da = _pull_back(upstream, matrix)
        kept = torch.zeros_like(self.steps[0].z)
        inputs, hidden = [], []
        for (by_r, by_z, by_n, by_q, z), direct in zip(reversed(self.steps), reversed(upstream), strict=True):
            dh = (direct + d_pair[:, columns:]).add_(kept)
            d_pair = torch.cat([dh * by_r, dh * by_z, dh * by_n, dh * by_q], dim=1, out=da) @ matrix
            kept = dh * z
            hidden.append(measure(dh))
            inputs += [d_pair[:, :columns]] if columns else []
        return Adjoint(inputs[::-1], hidden[::-1], [])

    def jacobians(self) -> Tensor:
        """``∂h_t / ∂h_{t-1}`` of each step, shape ``(time, batch, hidden, hidden)``."""
        by_r, by_z, _, by_q, z = (torch.stack(part) for part in zip(*self.steps, strict=True))
        w_r, w_z, _, w_q = self.weights.recurrent.chunk(4)
        return torch.diag_embed(z) + _diagonal(by_r) * w_r + _diagonal(by_z) * w_z + _diagonal(by_q) * w_q
