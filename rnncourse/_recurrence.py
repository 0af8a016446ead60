"""One layer of ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` in float64: recorded forwards, differentiated backwards.

In float64 the CPU has no fused kernel: ``torch.lstm`` itself runs step by step. Running the steps here costs no more
than that, and needs no second product to recover the gates. A sequence is ``(time, feature, batch)``: with the batch
last, each gate of a step is one piece of memory. Steps are worked off in runs that stay in the processor's cache.

The way back is linear, so the gradient of each sequence is carried as numbers of ordinary size times a power of two,
and never leaves the range of float64.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rnncourse._kernel_call import Weights, tanh

# Gradient through a sigmoid or tanh: from the gradient above it and its own output, in one pass.
_through_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
_through_tanh = torch.ops.aten.tanh_backward.grad_input
# Norms within these bounds have squares, and sums of squares, in the range of float64.
_LOW, _HIGH = 2.0**-400, 2.0**400


class Scaled(NamedTuple):
    """Numbers ``values * 2**exponents``: one whole float64 exponent, -inf for zeros, for each step and sequence."""

    values: Tensor
    exponents: Tensor

    def turned(self, direction: int) -> Scaled:
        """From input order to the reading order of a direction, or back."""
        return Scaled(self.values.flip(0), self.exponents.flip(0)) if direction else self


class Adjoint(NamedTuple):
    """Gradients of one layer in one direction, in its reading order.

    Attributes:
        hidden: norms of the gradient of h_t, ``(time, batch)``.
        cell: norms of the gradient of c_t, ``(time, batch)``; None without a cell state.
        inputs: gradients of x_t, ``(time, feature, batch)``; None where not asked for.
    """

    hidden: Scaled
    cell: Scaled | None
    inputs: Scaled | None


class Tape(ABC):
    """What one layer did in one direction, from ``initial`` states ``(batch, units)`` over ``xs``.

    Attributes:
        states: all h_t, ``(time, state, batch)``, in reading order.
        to_state, to_input: matrices that take a step's gradient of the rows back to h_{t-1} and x_t.
        rows, input_rows: how many rows a unit has, and which of them read the input.
    """

    rows: int
    input_rows: slice
    to_state: Tensor
    to_input: Tensor

    def __init__(self, weights: Weights, xs: Tensor, initial: Sequence[Tensor]) -> None:
        zeros = xs.new_zeros(len(weights.w_ih))
        self.w_ih, self.w_hh = weights.w_ih.double(), weights.w_hh.double()
        self.b_ih, self.b_hh = (zeros if bias is None else bias.double() for bias in weights[2:4])
        self.w_hr = None if weights.w_hr is None else weights.w_hr.double()
        self.start = [state.double().t() for state in initial]
        self.states = xs.new_empty(len(xs), self.w_hh.shape[1], xs.shape[2])
        # About two megabytes of pre-activations at a time.
        length = min(max(2**18 // (len(zeros) * xs.shape[2]), 4), 64)
        self.runs = [slice(k, min(k + length, len(xs))) for k in range(0, len(xs), length)]
        self.local: list[Tensor] = []
        self.record(xs)

    @abstractmethod
    def record(self, xs: Tensor) -> None:
        """Run the layer, and keep for each run its local derivatives, ``(kind, time, hidden, batch)``."""

    @abstractmethod
    def walk_back(self, local: Tensor, direct: Sequence[Tensor] | None, dh: Tensor, dc: Tensor, rows: Tensor) -> None:
        """From the last of some steps to the first: what follows from dL/dh_t for its rows, c_t and the step before.

        ``dh[t + 1]``, ``dc[t + 1]`` belong to step t, and hold what later steps give, but for the last still to be
        written. ``direct`` are gradients that reach h_t past them; ``rows`` are those of each step.
        """

    def derivatives(self) -> Tensor:
        """Local derivatives of all steps, ``(kind, time, hidden, batch)``."""
        return torch.cat(self.local, dim=1)

    def sums(self, xs: Tensor, w_ih: Tensor, bias: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Runs of steps, and what their input gives to the pre-activations, ``(time, rows, batch)``, until the next."""
        room = xs.new_empty(self.runs[0].stop, len(w_ih), xs.shape[2])
        for run in self.runs:
            steps, matrices = xs[run], w_ih.expand(run.stop - run.start, -1, -1)
            yield run, torch.baddbmm(bias.view(1, -1, 1), matrices, steps, out=room[: len(steps)])


class RnnTape(Tape):
    """``h_t = φ(a_t)`` with φ = tanh; the only local derivative is φ'(a_t)."""

    rows, input_rows = 1, slice(0, 1)

    def record(self, xs: Tensor) -> None:
        self.to_state, self.to_input = self.w_hh.t(), self.w_ih.t()
        h = self.start[0]
        for run, sums in self.sums(xs, self.w_ih, self.b_ih + self.b_hh):
            for a, state in zip(sums.unbind(), self.states[run].unbind(), strict=True):
                h = self.squash(a.addmm_(self.w_hh, h), state)
            self.local.append(self.slope(self.states[run]).unsqueeze(0))

    def squash(self, a: Tensor, out: Tensor) -> Tensor:
        return tanh(a, out)

    def slope(self, h: Tensor) -> Tensor:
        return 1.0 - h.square()

    def walk_back(self, local: Tensor, direct: Sequence[Tensor] | None, dh: Tensor, dc: Tensor, rows: Tensor) -> None:
        slopes, states, row = local[0].unbind(), dh.unbind(), rows[:, 0].unbind()
        for t in reversed(range(len(row))):
            total = states[t + 1] if direct is None else states[t + 1].add_(direct[t])
            torch.mul(total, slopes[t], out=row[t])
            torch.mm(self.to_state, row[t], out=states[t])


class ReluTape(RnnTape):
    """``h_t = φ(a_t)`` with φ = relu; φ' is 0 at 0, as in torch."""

    def squash(self, a: Tensor, out: Tensor) -> Tensor:
        return torch.clamp(a, min=0, out=out)

    def slope(self, h: Tensor) -> Tensor:
        return (h > 0).double()


class LstmTape(Tape):
    """``c_t = f c_{t-1} + i g`` and ``h_t = o tanh(c_t)``, projected where there is a projection.

    Local derivatives: of c_t by the rows i, f, g; of o tanh(c_t) by the row o and by c_t; of c_t by c_{t-1}: f itself.
    """

    rows, input_rows = 4, slice(0, 4)

    def record(self, xs: Tensor) -> None:
        self.to_state, self.to_input = self.w_hh.t().contiguous(), self.w_ih.t()
        # i, f, o, g: one sigmoid takes the first three.
        w_ih, w_hh, bias = (
            torch.cat([part[: len(part) // 2], *part[len(part) // 2 :].chunk(2)[::-1]])
            for part in (self.w_ih, self.w_hh, self.b_ih + self.b_hh)
        )
        h, c = self.start
        length = self.runs[0].stop
        cells, squashed = xs.new_empty(length + 1, *c.shape), xs.new_empty(length, *c.shape)
        cells[0] = c
        for run, sums in self.sums(xs, w_ih, bias):
            count = len(sums)
            gates = sums.view(count, 4, *c.shape)
            parts = sums, gates[:, :3], *gates.unbind(1), cells[1 : count + 1], squashed[:count], self.states[run]
            for a, ifo, i, f, o, g, c_t, tanh_c, h_t in zip(*(part.unbind() for part in parts), strict=True):
                a.addmm_(w_hh, h)
                ifo.sigmoid_()
                c = torch.mul(f, c, out=c_t).addcmul_(i, tanh(g, g))
                tanh(c, tanh_c)
                h = torch.mul(o, tanh_c, out=h_t) if self.w_hr is None else torch.mm(self.w_hr, o * tanh_c, out=h_t)
            self.local.append(self.derivatives_of(gates, cells[:count], squashed[:count]))
            cells[0] = c

    def derivatives_of(self, gates: Tensor, c_prev: Tensor, tanh_c: Tensor) -> Tensor:
        i, f, o, g = gates.unbind(1)
        local = i.new_empty(6, *i.shape)
        _through_sigmoid(g, i, grad_input=local[0])
        _through_sigmoid(c_prev, f, grad_input=local[1])
        _through_tanh(i, g, grad_input=local[2])
        _through_sigmoid(tanh_c, o, grad_input=local[3])
        _through_tanh(o, tanh_c, grad_input=local[4])
        local[5] = f
        return local

    def walk_back(self, local: Tensor, direct: Sequence[Tensor] | None, dh: Tensor, dc: Tensor, rows: Tensor) -> None:
        states, cells = dh.unbind(), dc.unbind()
        by_ifg, by_o, by_c, f = local[:3].unbind(1), local[3].unbind(), local[4].unbind(), local[5].unbind()
        row_ifg, row_o, row = rows[:, :3].unbind(), rows[:, 3].unbind(), rows.flatten(1, 2).unbind()
        for t in reversed(range(len(row))):
            shown = states[t + 1] if direct is None else states[t + 1].add_(direct[t])
            if self.w_hr is not None:
                shown = torch.mm(self.w_hr.t(), shown)
            total = cells[t + 1].addcmul_(shown, by_c[t])
            torch.mul(total, f[t], out=cells[t])
            torch.mul(total, by_ifg[t], out=row_ifg[t])
            torch.mul(shown, by_o[t], out=row_o[t])
            torch.mm(self.to_state, row[t], out=states[t])


class GruTape(Tape):
    """``h_t = (1 - z) n + z h_{t-1}`` with ``n = tanh(W_in x_t + b_in + r q)``, ``q = W_hn h_{t-1} + b_hn``.

    Local derivatives of h_t: by the rows n, r, z, by q, and by h_{t-1} directly: z itself.
    """

    rows, input_rows = 4, slice(0, 3)

    def record(self, xs: Tensor) -> None:
        gates = 2 * len(self.w_hh) // 3
        self.to_state = self.w_hh.t().contiguous()
        self.to_input = torch.cat([self.w_ih[gates:], self.w_ih[:gates]]).t()
        bias = torch.cat([self.b_ih[:gates] + self.b_hh[:gates], self.b_ih[gates:]])
        both, w_hn, b_hn = self.w_hh[:gates], self.w_hh[gates:], self.b_hh[gates:].unsqueeze(1)
        h, room = self.start[0], xs.new_empty(self.runs[0].stop, *self.start[0].shape)
        for run, sums in self.sums(xs, self.w_ih, bias):
            parts, recurrent = sums.view(len(sums), 3, *h.shape), room[: len(sums)]
            before = h.unsqueeze(0), self.states[run][:-1]
            steps = sums[:, :gates], *parts.unbind(1), recurrent, self.states[run]
            for rz, r, z, n, q, h_t in zip(*(part.unbind() for part in steps), strict=True):
                rz.addmm_(both, h).sigmoid_()
                torch.addmm(b_hn, w_hn, h, out=q)
                h = torch.lerp(tanh(n.addcmul_(r, q), n), h, z, out=h_t)
            self.local.append(self.derivatives_of(parts, recurrent, torch.cat(before)))

    def derivatives_of(self, gates: Tensor, q: Tensor, h_prev: Tensor) -> Tensor:
        r, z, n = gates.unbind(1)
        local = r.new_empty(5, *r.shape)
        by_n = _through_tanh(1.0 - z, n, grad_input=local[0])
        _through_sigmoid(by_n * q, r, grad_input=local[1])
        _through_sigmoid(h_prev - n, z, grad_input=local[2])
        torch.mul(by_n, r, out=local[3])
        local[4] = z
        return local

    def walk_back(self, local: Tensor, direct: Sequence[Tensor] | None, dh: Tensor, dc: Tensor, rows: Tensor) -> None:
        states, by_rows, z = dh.unbind(), local[:4].unbind(1), local[4].unbind()
        row, row_of_state = rows.unbind(), rows[:, 1:].flatten(1, 2).unbind()
        for t in reversed(range(len(row))):
            total = states[t + 1] if direct is None else states[t + 1].add_(direct[t])
            torch.mul(total, by_rows[t], out=row[t])
            torch.mul(total, z[t], out=states[t]).addmm_(self.to_state, row_of_state[t])


TAPES: Mapping[str, type[Tape]] = {"RNN_TANH": RnnTape, "RNN_RELU": ReluTape, "LSTM": LstmTape, "GRU": GruTape}


def adjoint(tape: Tape, upstream: Scaled, *, inputs: bool) -> Adjoint:
    """Gradients of all states from those that reach them directly, ``(time, state, batch)`` in reading order."""
    return _WayBack(tape, upstream, inputs).walk()


class _Front(NamedTuple):
    """How far the way back has come: what later steps give to h_t and c_t, each ``(units, batch)``."""

    hidden: Tensor
    cell: Tensor
    exponents: Tensor


class _WayBack:
    """One walk from the last step of a tape to its first."""

    def __init__(self, tape: Tape, upstream: Scaled, inputs: bool) -> None:
        self.tape, self.upstream, self.inputs = tape, upstream, inputs
        self.has_cell = isinstance(tape, LstmTape)
        largest = upstream.values.abs().amax(1)
        # The size of what reaches a state directly, as an exponent.
        self.reach = torch.where(largest > 0, torch.frexp(largest).exponent + upstream.exponents, -torch.inf)
        self.reached = self.reach.flip(0).cummax(0).values.flip(0) > -torch.inf
        self.found: list[list[Scaled]] = []

    def walk(self) -> Adjoint:
        tape = self.tape
        hidden = tape.states.new_zeros(tape.states.shape[1:])
        cell = hidden.new_zeros(tape.start[-1].shape if self.has_cell else (0, hidden.shape[1]))
        front = _Front(hidden, cell, torch.full_like(hidden[0], -torch.inf))
        for run in reversed(range(len(tape.runs))):
            front = self._pass(tape.runs[run], tape.local[run], front)
        whole = [Scaled(*map(torch.cat, zip(*parts[::-1], strict=True))) for parts in zip(*self.found, strict=True)]
        return Adjoint(whole[0], whole[1] if self.has_cell else None, whole[-1] if self.inputs else None)

    def _pass(self, steps: slice, local: Tensor, front: _Front) -> _Front:
        """Walk over these steps; in halves, where the gradient leaves the range in which a norm is exact."""
        count, reach = local.shape[1], self.reach[steps]
        exponents = torch.maximum(front.exponents, reach.amax(0))
        shift = _power(front.exponents - exponents)
        dh, dc = (local.new_empty(count + 1, *part.shape) for part in front[:2])
        torch.mul(front.hidden, shift, out=dh[-1])
        torch.mul(front.cell, shift, out=dc[-1])
        rows = local.new_empty(count if self.inputs else 1, self.tape.rows, *local.shape[2:])
        self.tape.walk_back(local, self._direct(steps, exponents), dh, dc, rows.expand(count, -1, -1, -1))
        parts = [dh[1:], dc[1:]] if self.has_cell else [dh[1:]]
        norms = [Scaled(part.square().sum(1).sqrt(), exponents.expand(count, -1)) for part in parts]
        expected = self.reached[steps] & (exponents > -torch.inf)
        inside = [((norm.values > _LOW) & (norm.values < _HIGH) | ~expected).all() for norm in norms]
        if not all(inside):
            if count > 1:
                middle = steps.start + count // 2
                front = self._pass(slice(middle, steps.stop), local[:, count // 2 :], front)
                return self._pass(slice(steps.start, middle), local[:, : count // 2], front)
            norms = [_norm(part, exponents) for part in parts]
        if self.inputs:
            gradients = self.tape.to_input @ rows[:, self.tape.input_rows].flatten(1, 2)
            norms.append(Scaled(gradients, exponents.expand(count, -1)))
        self.found.append(norms)
        return _rescaled(dh[0], dc[0], exponents)

    def _direct(self, steps: slice, exponents: Tensor) -> Sequence[Tensor] | None:
        """What reaches these states directly, in units of ``2**exponents``."""
        if not (self.reach[steps] > -torch.inf).any():
            return None
        values, scales = self.upstream.values[steps], _power(self.upstream.exponents[steps] - exponents)
        return torch.mul(values, scales.unsqueeze(1), out=values.new_empty(values.shape)).unbind()


def _rescaled(hidden: Tensor, cell: Tensor, exponents: Tensor) -> _Front:
    """The same in numbers near 1."""
    largest = torch.cat([hidden, cell]).abs().amax(0)
    size = torch.frexp(largest).exponent.double()
    scale = _power(-size)
    return _Front(hidden * scale, cell * scale, torch.where(largest > 0, exponents + size, -torch.inf))


def _norm(gradient: Tensor, exponents: Tensor) -> Scaled:
    """Norms of gradients ``(time, units, batch)`` that may be as small as a float64 gets."""
    size = torch.frexp(gradient.abs().amax(1)).exponent.double()
    return Scaled(torch.linalg.vector_norm(gradient * _power(-size).unsqueeze(1), dim=1), exponents + size)


def added(parts: Sequence[Scaled]) -> Scaled:
    """Sum of values ``(time, units, batch)``."""
    if len(parts) == 1:
        return parts[0]
    exponents = torch.stack([part.exponents for part in parts]).amax(0)
    terms = [part.values * _power(part.exponents - exponents).unsqueeze(1) for part in parts]
    return Scaled(torch.stack(terms).sum(0), exponents)


def _power(exponents: Tensor) -> Tensor:
    """``2**exponents`` for whole numbers, exactly; 0 below the range of float64, and where both sides were -inf."""
    bits = (exponents.clamp(-1022, 1023).nan_to_num(-1022.0).long() + 1023) << 52
    return torch.where(exponents >= -1022, bits.view(torch.float64), 0.0)


def total(norms: Scaled) -> tuple[Tensor, Tensor]:
    """Frobenius norm over all sequences, ``(time,)``: 0 or inf beyond the range of float64; and its log10."""
    values, sizes = torch.frexp(norms.values)
    exponents = torch.where(norms.values > 0, norms.exponents + sizes, -torch.inf)
    largest = exponents.amax(1)
    sums = torch.linalg.vector_norm(values * _power(exponents - largest.unsqueeze(1)), dim=1)
    half = (largest / 2).floor().nan_to_num(neginf=0.0)
    value = sums * _power(half) * _power(largest - half)
    return value, sums.log10() + largest.nan_to_num(neginf=0.0) * math.log10(2)
