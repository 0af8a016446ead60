"""Every gate of a trained ``nn.LSTM`` or ``nn.GRU``, read off afterwards and exactly.

The fused kernel returns every hidden state. All pre-activations of a layer are
``W_ih x_t + W_hh h_{t-1} + b``, so one matrix product over many steps recovers their gates;
for an LSTM the cell state follows from ``c_t = f c_{t-1} + i g``. The module is read, never changed.
"""

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

__all__ = ["GateTrace", "trace_gates"]

# torch's row order inside the stacked weight matrices: i, f, g, o and r, z, n.
GATE_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"LSTM": ("input", "forget", "cell", "output"), "GRU": ("reset", "update", "new")}
)
_FIRST = "weight_ih_l0"
_RELATIVES = MappingProxyType(
    {
        ("GRU", "forget"): "; its 'update' gate is the nearest relative: it says how much of the old state stays",
        ("GRU", "input"): "; 1 - 'update' is the nearest relative: it says how much of the new content enters",
        ("GRU", "output"): "; a GRU shows its whole state",
        ("GRU", "cell"): "; its candidate content is called 'new'",
        ("LSTM", "update"): "; 'forget' is the nearest relative",
        ("LSTM", "reset"): "; an LSTM's candidate reads all of the last output",
        ("LSTM", "new"): "; its candidate content is called 'cell'",
    }
)


@dataclass(frozen=True, eq=False)
class GateTrace:
    """Gates and states of one forward pass, step by step.

    All tensors are detached views of buffers that belong to the trace, of shape
    ``(layers, directions, batch, time, hidden)``. Direction 1 reads the sequence from its end; its
    entries stand at the input step they belong to. Steps beyond the end of a packed sequence are NaN.

    Attributes:
        kind: ``"LSTM"`` or ``"GRU"``.
        gates: gate name to activations, after the sigmoid or tanh. An LSTM has ``input``, ``forget``,
            ``cell`` (the candidate content g) and ``output``; a GRU ``reset``, ``update`` and ``new``.
            ``trace["forget"]`` is short for ``trace.gates["forget"]``.
        cell: cell states c_t of an LSTM, None for a GRU.
        lengths: steps of each sequence, shape ``(batch,)``, for a packed input; else None.
    """

    kind: str
    gates: Mapping[str, Tensor]
    cell: Tensor | None
    lengths: Tensor | None
    _outputs: tuple[Tensor, ...]
    _initial: tuple[Tensor, ...]
    _projections: Tensor | None

    def __getitem__(self, name: str) -> Tensor:
        """Activations of one gate.

        Args:
            name: a key of ``gates``.

        Returns:
            Tensor of shape ``(layers, directions, batch, time, hidden)``.

        Raises:
            KeyError: this kind of module has no gate of that name.
        """
        if name in self.gates:
            return self.gates[name]
        names = ", ".join(repr(known) for known in self.gates)
        hint = _RELATIVES.get((self.kind, name), "")
        raise KeyError(f"{self.kind} has no gate {name!r}{hint}. Its gates are {names}.")

    @cached_property
    def hidden(self) -> Tensor:
        """The module's own hidden states h_t.

        Returns:
            Tensor of shape ``(layers, directions, batch, time, hidden)``; with ``proj_size`` the last
            axis is that wide. A view of the kernel's output for one layer, for more a copy made on first use.
        """
        directions = self._initial[0].shape[1]
        layers = [output.view(*output.shape[:2], directions, -1).permute(2, 1, 0, 3) for output in self._outputs]
        return torch.stack(layers) if len(layers) > 1 else layers[0].unsqueeze(0)

    @cached_property
    def hidden_prev(self) -> Tensor:
        """The state h_{t-1} that each step started from, initial states included.

        Returns:
            Tensor of the shape of ``hidden``, a copy made on first use.
        """
        return _previous(self.hidden, self._initial[0], self.lengths)

    @cached_property
    def cell_prev(self) -> Tensor | None:
        """The cell state c_{t-1} that each step started from, initial states included.

        Returns:
            Tensor of the shape of ``cell``, a copy made on first use; None for a GRU.
        """
        return None if self.cell is None else _previous(self.cell, self._initial[1], self.lengths)

    @cached_property
    def residual(self) -> float:
        """Largest absolute difference between the state rebuilt from the gates and the module's own output.

        An LSTM's state is rebuilt as ``o * tanh(c)`` (times the projection, if there is one), a GRU's
        as ``(1 - z) * n + z * h_{t-1}``. Computed on first use, over every layer, direction and step.

        Returns:
            The difference, in units of the hidden state: a few float roundings where the trace is exact.
        """
        if self.cell is None:
            rebuilt = torch.lerp(self["new"], self.hidden_prev, self["update"])
        else:
            rebuilt = torch.tanh(self.cell).mul_(self["output"])
        if self._projections is not None:
            rebuilt = rebuilt @ self._projections.mT.unsqueeze(2)
        gap = rebuilt.sub_(self.hidden).abs_()
        if self.lengths is not None:
            gap = gap.nan_to_num_(nan=0.0)
        return float(gap.max())


def trace_gates(
    rnn: nn.LSTM | nn.GRU, x: Tensor | PackedSequence, hx: Tensor | tuple[Tensor, Tensor] | None = None
) -> GateTrace:
    """Gates and states of every layer, direction and step of a forward pass.

    Args:
        rnn: an ``nn.LSTM`` or ``nn.GRU`` in float32 or float64, in eval mode if it drops out between layers.
        x: input as the module takes it: ``(batch, time, feature)`` with ``batch_first``, else
            ``(time, batch, feature)``; ``(time, feature)`` is traced as a batch of one; or a ``PackedSequence``.
        hx: initial state as the module takes it: ``h_0`` for a GRU, ``(h_0, c_0)`` for an LSTM, each
            ``(layers * directions, batch, hidden)``, without the batch axis for an unbatched ``x``. Zero if None.

    Returns:
        The trace; its tensors have shape ``(layers, directions, batch, time, hidden)``, batch in the order of ``x``.

    Raises:
        TypeError: ``rnn``, ``x`` or ``hx`` is of a kind that has no gates to read or no states to start from.
        ValueError: sizes, dtypes or devices do not fit together, a sequence is empty, a number is not
            finite, or the module is in training mode with dropout between its layers.

    Source: Hochreiter & Schmidhuber (1997) and Gers, Schmidhuber & Cummins (2000) for the LSTM, Cho et
    al. (2014) for the GRU, in the form and row order of ``torch.nn``.
    """
    _require_gates(rnn)
    with torch.no_grad():
        layers = _read_layers(rnn)
        steps = _read_input(rnn, x)
        states = _read_states(rnn, hx, steps)
        with torch.autocast(steps.data.device.type, enabled=False):
            return _trace(rnn, layers, steps, states)


class _Direction(NamedTuple):
    """Weights of one layer in one direction: input, recurrent, their biases, projection."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None


class _Steps(NamedTuple):
    """Input in time-major order, or packed rows; ``outside`` is True beyond a sequence's end, (time, batch, 1)."""

    data: Tensor
    batch_size: int
    seq_len: int
    batched: bool = True
    packed: PackedSequence | None = None
    lengths: Tensor | None = None
    outside: Tensor | None = None


class _Reading(NamedTuple):
    """One layer reading in one direction: its input and states ``(time, batch, width)``, h_0 and c_0.

    ``outside`` is given where padding comes before the sequence's first step, that is backward.
    """

    weights: _Direction
    x: Tensor
    states: Tensor
    initial: list[Tensor]
    backward: bool
    outside: Tensor | None = None


def _require_gates(rnn: nn.Module) -> None:
    if isinstance(rnn, nn.RNN):
        raise TypeError("rnn is an nn.RNN, which has no gates to trace; pass an nn.LSTM or nn.GRU.")
    if not isinstance(rnn, nn.LSTM | nn.GRU):
        raise TypeError(f"rnn must be an nn.LSTM or nn.GRU, got {type(rnn).__name__}.")
    if rnn.training and rnn.dropout > 0 and rnn.num_layers > 1:
        raise ValueError(
            f"rnn is in training mode with dropout={rnn.dropout} between its layers, so every pass differs; "
            "call rnn.eval() first."
        )


def _read_layers(rnn: nn.LSTM | nn.GRU) -> list[list[_Direction]]:
    suffixes = ("", "_reverse") if rnn.bidirectional else ("",)
    return [[_read_direction(rnn, f"l{layer}{suffix}") for suffix in suffixes] for layer in range(rnn.num_layers)]


def _read_direction(rnn: nn.LSTM | nn.GRU, where: str) -> _Direction:
    return _Direction(
        w_ih=_read_weight(rnn, f"weight_ih_{where}"),
        w_hh=_read_weight(rnn, f"weight_hh_{where}"),
        b_ih=_read_weight(rnn, f"bias_ih_{where}") if rnn.bias else None,
        b_hh=_read_weight(rnn, f"bias_hh_{where}") if rnn.bias else None,
        w_hr=_read_weight(rnn, f"weight_hr_{where}") if rnn.proj_size else None,
    )


def _read_weight(rnn: nn.LSTM | nn.GRU, name: str) -> Tensor:
    # By attribute, so that a parametrised weight arrives as the kernel sees it.
    weight: Tensor = getattr(rnn, name)
    first: Tensor = getattr(rnn, _FIRST)
    _check_numbers(weight, f"parameter {name}")
    _check_same(weight, f"parameter {name}", first, f"parameter {_FIRST}")
    return weight


def _check_numbers(tensor: Tensor, name: str) -> None:
    """Refuse what cannot be read exactly: other dtypes, tensors without storage, NaN and infinity."""
    if tensor.device.type == "meta":
        raise ValueError(f"{name} is on the meta device and holds no numbers; load it on a real device.")
    if tensor.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{name} is {tensor.dtype}; convert it to float32 or float64.")
    # A finite sum proves finite entries in one pass; only a suspicious one is searched.
    if math.isfinite(float(tensor.sum())):
        return
    wrong = torch.nonzero(~torch.isfinite(tensor))
    if len(wrong):
        index = tuple(wrong[0].tolist())
        raise ValueError(f"{name} holds {tensor[index].item()} at index {index}; every entry must be finite.")


def _check_same(tensor: Tensor, name: str, other: Tensor, other_name: str) -> None:
    if tensor.dtype != other.dtype or tensor.device != other.device:
        raise ValueError(
            f"{name} is {tensor.dtype} on {tensor.device}, {other_name} is {other.dtype} on {other.device}; "
            "bring both to one dtype and device with .to()."
        )


def _read_input(rnn: nn.LSTM | nn.GRU, x: Tensor | PackedSequence) -> _Steps:
    if not isinstance(x, Tensor | PackedSequence):
        raise TypeError(f"x must be a Tensor or a PackedSequence, got {type(x).__name__}.")
    steps = _read_packed(x) if isinstance(x, PackedSequence) else _read_dense(x, batch_first=rnn.batch_first)
    if steps.data.shape[-1] != rnn.input_size:
        raise ValueError(
            f"x has {steps.data.shape[-1]} features, but rnn has input_size={rnn.input_size}; "
            "the last axis of x must be that wide."
        )
    given = x.data if isinstance(x, PackedSequence) else x
    _check_numbers(given, "x.data" if isinstance(x, PackedSequence) else "x")
    _check_same(given, "x", getattr(rnn, _FIRST), "rnn")
    return steps


def _read_dense(x: Tensor, *, batch_first: bool) -> _Steps:
    order = "(batch, time, feature)" if batch_first else "(time, batch, feature)"
    if x.ndim not in (2, 3):
        raise ValueError(f"x has shape {tuple(x.shape)}; pass {order}, or (time, feature) for a single sequence.")
    if 0 in x.shape[:-1]:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, so there is no step to trace; pass at least one step of one sequence."
        )
    batched = x if x.ndim == 3 else x.unsqueeze(0 if batch_first else 1)
    data = batched.transpose(0, 1) if batch_first else batched
    seq_len, batch_size, _ = data.shape
    # Time-major memory: the kernel and the products below then read consecutive rows.
    return _Steps(data.contiguous(), batch_size, seq_len, batched=x.ndim == 3)


def _read_packed(x: PackedSequence) -> _Steps:
    sizes, order = x.batch_sizes, x.unsorted_indices
    members = 1 if order is None else order.numel()
    if sizes.numel() == 0 or int(sizes.min()) < 1 or int(sizes[0]) < members:
        raise ValueError(
            f"x packs a sequence of length 0 (batch_sizes {sizes.tolist()[:4]} for {members} sequences), which "
            "has no step to trace; leave it out before packing."
        )
    if x.data.ndim != 2 or len(x.data) != int(sizes.sum()):
        raise ValueError(
            f"x.data has shape {tuple(x.data.shape)}, batch_sizes add up to {int(sizes.sum())} rows; "
            "build x with torch.nn.utils.rnn.pack_padded_sequence."
        )
    batch_size = int(sizes[0])
    lengths = (sizes[:, None] > torch.arange(batch_size)).sum(0)
    lengths = lengths if order is None else lengths[order.cpu()]
    outside = torch.arange(sizes.numel())[:, None, None] >= lengths[:, None]
    return _Steps(x.data, batch_size, sizes.numel(), packed=x, lengths=lengths, outside=outside.to(x.data.device))


def _read_states(rnn: nn.LSTM | nn.GRU, hx: Tensor | tuple[Tensor, Tensor] | None, steps: _Steps) -> list[Tensor]:
    """Initial states ``(layers, directions, batch, width)``: h_0 and, for an LSTM, c_0."""
    widths = {"h_0": rnn.proj_size or rnn.hidden_size}
    if isinstance(rnn, nn.LSTM):
        widths["c_0"] = rnn.hidden_size
    stack = (rnn.num_layers, 1 + rnn.bidirectional)
    if hx is None:
        return [steps.data.new_zeros(*stack, steps.batch_size, width) for width in widths.values()]
    given = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
    if isinstance(hx, Tensor) == isinstance(rnn, nn.LSTM) or len(given) != len(widths):
        wanted = "a tuple (h_0, c_0)" if isinstance(rnn, nn.LSTM) else "the tensor h_0"
        raise TypeError(f"hx of an nn.{rnn.mode} must be {wanted}, got {type(hx).__name__}.")
    batch = (steps.batch_size,) if steps.batched else ()
    for (name, width), state in zip(widths.items(), given, strict=True):
        _check_state(state, name, (math.prod(stack), *batch, width), steps.data)
    return [state.reshape(*stack, steps.batch_size, state.shape[-1]) for state in given]


def _check_state(state: Tensor, name: str, shape: tuple[int, ...], x: Tensor) -> None:
    if not isinstance(state, Tensor):
        raise TypeError(f"{name} in hx must be a Tensor, got {type(state).__name__}.")
    if tuple(state.shape) != shape:
        raise ValueError(f"{name} in hx has shape {tuple(state.shape)}; this rnn and x need {shape}.")
    _check_numbers(state, f"{name} in hx")
    _check_same(state, f"{name} in hx", x, "x")


def _trace(rnn: nn.LSTM | nn.GRU, layers: list[list[_Direction]], steps: _Steps, initial: list[Tensor]) -> GateTrace:
    shape = (*initial[0].shape[:2], steps.seq_len, steps.batch_size)
    shapes = [(*shape, len(GATE_NAMES[rnn.mode]), rnn.hidden_size)]
    if rnn.mode == "LSTM":
        shapes.append((*shape, rnn.hidden_size))
    gates, *cell = _room(steps.data, *shapes)
    data, outputs = steps.data, []
    for k, layer in enumerate(layers):
        x = _padded(data, steps)
        data = _run_kernel(rnn.mode, layer, data, steps, [state[k] for state in initial])
        outputs.append(_padded(data, steps))
        for d, (weights, states) in enumerate(zip(layer, outputs[k].chunk(len(layer), -1), strict=True)):
            reading = _reading(weights, x, states, [state[k, d] for state in initial], steps, backward=d == 1)
            if cell:
                _read_lstm(reading, gates[k, d], cell[0][k, d])
            else:
                _read_gru(reading, gates[k, d])
    return _wrap(rnn.mode, gates, cell, outputs, initial, steps, layers)


def _room(like: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Memory for results of these shapes, side by side and not yet written."""
    sizes = [math.prod(shape) for shape in shapes]
    if like.device.type == "cpu":
        # NumPy asks the system for huge pages where torch does not: at these sizes the first touch of
        # small pages can cost as much as the forward pass.
        memory = torch.from_numpy(np.empty(sum(sizes), dtype=str(like.dtype).removeprefix("torch.")))
    else:
        memory = like.new_empty(sum(sizes))
    return [part.view(shape) for part, shape in zip(torch.split(memory, sizes), shapes, strict=True)]


def _run_kernel(mode: str, layer: list[_Direction], data: Tensor, steps: _Steps, initial: list[Tensor]) -> Tensor:
    """Output of one layer, all directions side by side, from torch's own fused kernel."""
    weights = [part for direction in layer for part in direction if part is not None]
    options = (layer[0].b_ih is not None, 1, 0.0, False, len(layer) == 2)
    packed = steps.packed
    if packed is not None and packed.sorted_indices is not None:
        initial = [state.index_select(1, packed.sorted_indices) for state in initial]
    with warnings.catch_warnings():
        # What torch has to say about its kernel (no projections in oneDNN; one layer is a part of
        # cuDNN's weight buffer) it says to those who run the module.
        warnings.simplefilter("ignore", UserWarning)
        if packed is not None:
            sizes = packed.batch_sizes
            if mode == "LSTM":
                return torch.lstm(data, sizes, initial, weights, *options)[0]
            return torch.gru(data, sizes, initial[0], weights, *options)[0]
        if mode == "LSTM":
            return torch.lstm(data, initial, weights, *options, False)[0]
        return torch.gru(data, initial[0], weights, *options, False)[0]


def _padded(data: Tensor, steps: _Steps) -> Tensor:
    """Packed rows as ``(time, batch, feature)`` with zeros beyond the ends; other input as it is."""
    if steps.packed is None:
        return data
    return pad_packed_sequence(steps.packed._replace(data=data))[0]


def _reading(
    weights: _Direction,
    x: Tensor,
    states: Tensor,
    initial: list[Tensor],
    steps: _Steps,
    *,
    backward: bool,
) -> _Reading:
    if not backward or steps.outside is None:
        return _Reading(weights, x, states, initial, backward)
    # A short sequence that is read backward starts at its own end: h_0 waits there for it.
    states = torch.where(steps.outside, initial[0], states)
    return _Reading(weights, x, states, initial, backward, steps.outside)


def _read_lstm(reading: _Reading, gates: Tensor, cell: Tensor) -> None:
    """Write i, f, g, o of every step into ``gates`` ``(time, batch, gate, hidden)`` and c_t into ``cell``."""
    w_ih, w_hh, b_ih, b_hh = _for_sigmoid(reading.weights, gates.shape[-1])
    bias = None if b_ih is None or b_hh is None else b_ih + b_hh
    i, f, g, _ = gates.unbind(2)
    c_prev = reading.initial[1]
    for block, sums in _blocks(gates, backward=reading.backward):
        rows = gates[block].flatten(2).flatten(0, 1)
        _affine(reading.x[block], w_ih, bias, out=sums)
        sums.addmm_(_before(reading, block).flatten(0, 1), w_hh.t())
        torch.sigmoid(sums, out=rows)
        _to_tanh(g[block])
        if reading.outside is not None:
            # Beyond its end a sequence writes nothing and keeps all, so c_0 waits at the end.
            i[block].masked_fill_(reading.outside[block], 0.0)
            f[block].masked_fill_(reading.outside[block], 1.0)
        torch.mul(i[block], g[block], out=cell[block])
        c_prev = _recur(cell[block], f[block], c_prev, backward=reading.backward)


def _recur(cell: Tensor, keep: Tensor, c_prev: Tensor, *, backward: bool) -> Tensor:
    """Turn ``i g`` into ``c_t = f c_{t-1} + i g``, in place; return the last state read."""
    pairs = list(zip(cell.unbind(), keep.unbind(), strict=True))
    for c, f in reversed(pairs) if backward else pairs:
        c_prev = c.addcmul_(f, c_prev)
    return c_prev


def _read_gru(reading: _Reading, gates: Tensor) -> None:
    """Write r, z, n of every step into ``gates`` ``(time, batch, gate, hidden)``."""
    w_ih, w_hh, b_ih, b_hh = _for_sigmoid(reading.weights, gates.shape[-1])
    hidden = gates.shape[-1]
    b_hn = None
    if b_ih is not None and b_hh is not None:
        b_ih[: 2 * hidden] += b_hh[: 2 * hidden]
        b_hn = b_hh[2 * hidden :]
    for block, sums in _blocks(gates, backward=reading.backward):
        rows, h_prev = gates[block].flatten(2).flatten(0, 1), _before(reading, block)
        r, _, n = rows.chunk(3, 1)
        _affine(reading.x[block], w_ih, b_ih, out=sums[:, : 3 * hidden])
        both = sums[:, : 2 * hidden].addmm_(h_prev.flatten(0, 1), w_hh[: 2 * hidden].t())
        torch.sigmoid(both, out=rows[:, : 2 * hidden])
        # n = tanh(W_in x + b_in + r (W_hn h + b_hn)): the recurrent part stays apart for r.
        candidate, recurrent = sums.chunk(4, 1)[2:]
        _affine(h_prev, w_hh[2 * hidden :], b_hn, out=recurrent)
        torch.sigmoid(candidate.addcmul_(r, recurrent), out=n)
        _to_tanh(n)


def _before(reading: _Reading, block: slice) -> Tensor:
    """h_{t-1} of the steps in ``block``, ``(steps, batch, width)``; backward that is the state at t + 1."""
    states, h_0 = reading.states, reading.initial[0].unsqueeze(0)
    if reading.backward:
        later = states[block.start + 1 : block.stop + 1]
        return later if block.stop < len(states) else torch.cat([later, h_0])
    earlier = states[max(block.start - 1, 0) : block.stop - 1]
    return earlier if block.start else torch.cat([h_0, earlier])


def _blocks(gates: Tensor, *, backward: bool) -> Iterator[tuple[slice, Tensor]]:
    """Runs of steps in reading order, each with room for its weighted sums, ``(rows, 4 * hidden)``.

    A run has about a thousand rows, so that its sums stay in the processor's cache; the room is the
    same for every run. Four columns of gates serve an LSTM, and a GRU whose n keeps two sums apart.
    """
    seq_len, batch_size, _, hidden_size = gates.shape
    steps = min(seq_len, max(16, 1024 // batch_size))
    room = gates.new_empty(steps * batch_size, 4 * hidden_size)
    starts = range(0, seq_len, steps)
    for start in reversed(starts) if backward else starts:
        block = slice(start, min(start + steps, seq_len))
        yield block, room[: (block.stop - start) * batch_size]


def _for_sigmoid(weights: _Direction, width: int) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Copies whose third gate, g or n, has its rows doubled, so that one sigmoid serves all gates.

    ``tanh(a) = 2 sigmoid(2 a) - 1``, and torch's sigmoid takes a fifth of the time of its tanh.
    """
    b_ih = None if weights.b_ih is None else weights.b_ih.clone()
    b_hh = None if weights.b_hh is None else weights.b_hh.clone()
    copies = weights.w_ih.clone(), weights.w_hh.clone(), b_ih, b_hh
    for part in copies:
        if part is not None:
            part[2 * width : 3 * width] *= 2
    return copies


def _to_tanh(squashed: Tensor) -> Tensor:
    """Turn ``sigmoid(2 a)`` into ``tanh(a)``, in place."""
    return squashed.mul_(2).sub_(1)


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None, *, out: Tensor) -> Tensor:
    """``x W^T + b`` over all leading axes of ``x`` at once."""
    rows = x.flatten(0, 1)
    if bias is None:
        return torch.mm(rows, weight.t(), out=out)
    return torch.addmm(bias, rows, weight.t(), out=out)


def _wrap(
    kind: str,
    gates: Tensor,
    cell: list[Tensor],
    outputs: list[Tensor],
    initial: list[Tensor],
    steps: _Steps,
    layers: list[list[_Direction]],
) -> GateTrace:
    if steps.outside is not None:
        gates.masked_fill_(steps.outside[..., None], torch.nan)
        for states in outputs + cell:
            states.masked_fill_(steps.outside, torch.nan)
    views = gates.transpose(2, 3).unbind(4)
    projections = [weights.w_hr for layer in layers for weights in layer if weights.w_hr is not None]
    return GateTrace(
        kind=kind,
        gates=MappingProxyType(dict(zip(GATE_NAMES[kind], views, strict=True))),
        cell=cell[0].transpose(2, 3) if cell else None,
        lengths=steps.lengths,
        _outputs=tuple(outputs),
        # Copies: the trace stays as it is while its owner goes on with states and weights.
        _initial=tuple(state.clone() for state in initial),
        _projections=(
            torch.stack(projections).view(*initial[0].shape[:2], *projections[0].shape) if projections else None
        ),
    )


def _previous(states: Tensor, initial: Tensor, lengths: Tensor | None) -> Tensor:
    """The state before each step, from states and ``initial`` ``(layers, directions, batch, width)``."""
    start = initial.unsqueeze(3)
    before = torch.empty_like(states)
    before[:, 0] = torch.cat([start[:, 0], states[:, 0, :, :-1]], 2)
    before[:, 1:] = torch.cat([states[:, 1:, :, 1:], start[:, 1:]], 3)
    if lengths is not None:
        ends, members = lengths.to(states.device) - 1, torch.arange(len(lengths), device=states.device)
        before[:, 1:, members, ends] = initial[:, 1:]
        before.masked_fill_(states.isnan(), torch.nan)
    return before
