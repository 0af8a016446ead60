"""Every gate of a trained ``nn.LSTM`` or ``nn.GRU``, read off afterwards and exactly.

The kernel returns every hidden state. All pre-activations of a layer are ``W_ih x_t + W_hh h_{t-1} + b``, so one
matrix product over many steps recovers their gates; for an LSTM the cell state follows from ``c_t = f c_{t-1} + i g``.
The output rebuilt from the gates is compared with what the module returned.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from rnncourse._kernel_call import KernelCall, Weights, check_input, check_layer, watch

__all__ = ["GateTrace", "trace_gates"]

# torch's row order inside the stacked weight matrices: i, f, g, o and r, z, n.
GATE_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"LSTM": ("input", "forget", "cell", "output"), "GRU": ("reset", "update", "new")}
)
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
        lengths: steps of each sequence, shape ``(batch,)``, for a packed input; else None.
        residual: largest difference between the output of the module and the same output rebuilt from the gates,
            relative to the size of the numbers it was computed from (to 1 where they are larger): a few float
            roundings where the trace is exact.
    """

    kind: str
    lengths: Tensor | None
    residual: float
    _gates: Tensor  # (layers, directions, gates, time, batch, hidden)
    _cell: Tensor | None  # (layers, directions, time, batch, hidden)
    _outputs: tuple[Tensor, ...]  # of each layer: (time, batch, directions * width)
    _initial: tuple[Tensor, ...]  # h_0 and c_0: (layers, directions, batch, width)

    def __getitem__(self, name: str) -> Tensor:
        """Activations of one gate, after its sigmoid or tanh.

        Args:
            name: a key of ``gates``.

        Returns:
            Tensor of shape ``(layers, directions, batch, time, hidden)``.

        Raises:
            KeyError: this kind of module has no gate of that name.
        """
        gates = self.gates
        if name in gates:
            return gates[name]
        hint = _RELATIVES.get((self.kind, name), "")
        raise KeyError(f"{self.kind} has no gate {name!r}{hint}. Its gates are {', '.join(map(repr, gates))}.")

    def __getstate__(self) -> dict[str, object]:
        """What a copy or a pickle carries: the tensors themselves, not what was derived from them on use."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @property
    def gates(self) -> Mapping[str, Tensor]:
        """Activations by the name of their gate.

        An LSTM has ``input``, ``forget``, ``cell`` (the candidate content g) and ``output``; a GRU has ``reset``,
        ``update`` and ``new``.
        """
        return MappingProxyType(dict(zip(GATE_NAMES[self.kind], self._gates.transpose(3, 4).unbind(2), strict=True)))

    @property
    def cell(self) -> Tensor | None:
        """Cell states c_t of an LSTM, None for a GRU."""
        return None if self._cell is None else self._cell.transpose(2, 3)

    @cached_property
    def hidden(self) -> Tensor:
        """The module's own hidden states h_t; with ``proj_size`` the last axis is that wide.

        A view of the kernel's output for one layer, for more a copy made on first use.
        """
        directions = self._initial[0].shape[1]
        layers = [output.view(*output.shape[:2], directions, -1).permute(2, 1, 0, 3) for output in self._outputs]
        return torch.stack(layers) if len(layers) > 1 else layers[0].unsqueeze(0)

    @cached_property
    def hidden_prev(self) -> Tensor:
        """The state h_{t-1} that each step started from, initial states included; a copy made on first use."""
        return _previous(self.hidden, self._initial[0], self.lengths)

    @cached_property
    def cell_prev(self) -> Tensor | None:
        """The cell state c_{t-1} that each step started from, a copy made on first use; None for a GRU."""
        return None if self.cell is None else _previous(self.cell, self._initial[1], self.lengths)


def trace_gates(
    rnn: nn.LSTM | nn.GRU, x: Tensor | PackedSequence, hx: Tensor | tuple[Tensor, Tensor] | None = None
) -> GateTrace:
    """Gates and states of every layer, direction and step of a forward pass.

    The module is called once, with its hooks, as by ``rnn(x, hx)``; its weights, buffers, attributes and mode and
    torch's random state are then put back as they were.

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
        ValueError: sizes, dtypes or devices do not fit together, a sequence is empty, a number is not finite, the
            module drops out between layers in training mode, or its call does not return what the gates give.

    Source: Hochreiter & Schmidhuber (1997) and Gers, Schmidhuber & Cummins (2000) for the LSTM, Cho et
    al. (2014) for the GRU, in the form and row order of ``torch.nn``.
    """
    if isinstance(rnn, nn.RNN):
        raise TypeError("rnn is an nn.RNN, which has no gates to trace; pass an nn.LSTM or nn.GRU.")
    check_layer(rnn, "an nn.LSTM or nn.GRU")
    check_input(rnn, x, "a Tensor or a PackedSequence")
    if isinstance(x, PackedSequence):
        _check_packed(x)
    states = None if hx is None else _check_states(rnn, hx, x)
    with warnings.catch_warnings():
        # What torch has to say about its kernel (no projections in oneDNN; one layer is a part of
        # cuDNN's weight buffer) it says to those who run the module.
        warnings.simplefilter("ignore", UserWarning)
        call, output = watch(rnn, x, states)
        if call.input.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"rnn is {call.input.dtype}; convert it and x to float32 or float64.")
        with torch.no_grad(), torch.autocast(call.input.device.type, enabled=False):
            return _trace(call, output)


def _check_packed(x: PackedSequence) -> None:
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


def _check_states(rnn: nn.LSTM | nn.GRU, hx: object, x: Tensor | PackedSequence) -> object:
    """The initial states, a list of them as a tuple."""
    widths = {"h_0": rnn.proj_size or rnn.hidden_size} | ({"c_0": rnn.hidden_size} if rnn.mode == "LSTM" else {})
    given = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
    if isinstance(hx, Tensor) == ("c_0" in widths) or len(given) != len(widths):
        wanted = "a tuple (h_0, c_0)" if "c_0" in widths else "the tensor h_0"
        raise TypeError(f"hx of an nn.{rnn.mode} must be {wanted}, got {type(hx).__name__}.")
    if isinstance(x, PackedSequence):
        batch: tuple[int, ...] = (int(x.batch_sizes[0]),)
    else:
        batch = (x.shape[0 if rnn.batch_first else 1],) if x.ndim == 3 else ()
    for (name, width), state in zip(widths.items(), given, strict=True):
        if not isinstance(state, Tensor):
            raise TypeError(f"{name} in hx must be a Tensor, got {type(state).__name__}.")
        if state.shape != (shape := (rnn.num_layers * (1 + rnn.bidirectional), *batch, width)):
            raise ValueError(f"{name} in hx has shape {tuple(state.shape)}; this rnn and x need {shape}.")
    return given[0] if rnn.mode == "GRU" else given


class _Reading(NamedTuple):
    """One layer reading in one direction: its input and states ``(time, batch, width)``, h_0 and c_0.

    ``outside`` is True beyond the end of a packed sequence, ``(time, batch, 1)``.
    """

    weights: Weights
    x: Tensor
    states: Tensor
    initial: list[Tensor]
    backward: bool
    outside: Tensor | None


def _trace(call: KernelCall, output: Tensor | PackedSequence) -> GateTrace:
    """Read all layers; the states of the last are the output of the module, those of the others the kernel's."""
    packed = output if isinstance(output, PackedSequence) else None
    lengths, outside = _ends(packed)
    initial = [_unsorted(s, packed).reshape(call.num_layers, call.directions, *s.shape[1:]) for s in call.initial]
    data, x, outputs = call.input, _padded(call.input, packed), list[Tensor]()
    hidden_size = call.flat[0].shape[0] // len(GATE_NAMES[call.mode])
    gates = _room(x, (*initial[0].shape[:2], len(GATE_NAMES[call.mode]), *x.shape[:2], hidden_size))
    cell = _room(x, (*initial[0].shape[:2], *x.shape[:2], hidden_size)) if call.mode == "LSTM" else None
    gaps = []
    for k, layer in enumerate(call.layers):
        data = call.run_layer(k, data) if k < call.num_layers - 1 else _time_major(call, output)
        outputs.append(_padded(data, packed))
        for d, (weights, states) in enumerate(zip(layer, outputs[k].chunk(call.directions, -1), strict=True)):
            reading = _Reading(weights, x, states, [state[k, d] for state in initial], d == 1, outside)
            gaps += _read_gru(reading, gates[k, d]) if cell is None else _read_lstm(reading, gates[k, d], cell[k, d])
        x = outputs[k]
    if outside is not None:
        for values in (*outputs, gates, *([] if cell is None else [cell])):
            values.masked_fill_(outside, torch.nan)
    # Copies of the initial states: the trace stays as it is while their owner goes on with them.
    first = tuple(state.clone() for state in initial)
    return GateTrace(call.mode, lengths, _residual(torch.stack(gaps), len(x)), gates, cell, tuple(outputs), first)


def _ends(packed: PackedSequence | None) -> tuple[Tensor | None, Tensor | None]:
    """Lengths of the sequences, and what lies beyond them, ``(time, batch, 1)``."""
    if packed is None:
        return None, None
    lengths = pad_packed_sequence(packed)[1]
    outside = torch.arange(len(packed.batch_sizes))[:, None, None] >= lengths[:, None]
    return lengths, outside.to(packed.data.device)


def _unsorted(state: Tensor, packed: PackedSequence | None) -> Tensor:
    if packed is None or packed.unsorted_indices is None:
        return state
    return state.index_select(1, packed.unsorted_indices)


def _padded(data: Tensor, packed: PackedSequence | None) -> Tensor:
    """Packed rows as ``(time, batch, feature)`` with zeros beyond the ends; other input as it is."""
    return data if packed is None else pad_packed_sequence(packed._replace(data=data))[0]


def _time_major(call: KernelCall, output: Tensor | PackedSequence) -> Tensor:
    """The module's output as the kernel takes its input: packed rows, or ``(time, batch, width)``."""
    if isinstance(output, PackedSequence):
        return output.data
    if output.ndim == 2:
        return output.unsqueeze(1)
    return output.transpose(0, 1) if call.batch_first else output


def _room(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Memory for a result, not yet written."""
    if like.device.type != "cpu":
        return like.new_empty(shape)
    # NumPy asks the system for huge pages where torch does not: at these sizes the first touch of
    # small pages can cost as much as the forward pass.
    return torch.from_numpy(np.empty(shape, dtype=str(like.dtype).removeprefix("torch.")))


def _read_lstm(reading: _Reading, gates: Tensor, cell: Tensor) -> list[Tensor]:
    """Write i, f, g, o of every step into ``gates`` ``(gate, time, batch, hidden)`` and c_t into ``cell``."""
    i, f, g, o = gates.unbind()
    w_ih, w_hh, b_ih, b_hh, w_hr = reading.weights
    matrices = torch.cat([w_ih, w_hh], 1).chunk(4)
    biases = [None] * 4 if b_ih is None or b_hh is None else (b_ih + b_hh).chunk(4)
    c_prev, gaps, size = reading.initial[1], [], _size_of_terms(reading.weights)
    largest = _largest(c_prev)
    for block, rows in _blocks(reading):
        for gate, matrix, bias in zip((i, f, g, o), matrices, biases, strict=True):
            sums = _affine(rows, matrix, bias, out=gate[block].view(len(rows), -1))
            (torch.tanh if gate is g else torch.sigmoid)(sums, out=sums)
        if reading.outside is not None and reading.backward:
            # Beyond its end a sequence writes nothing and keeps all, so c_0 waits at the end.
            i[block].masked_fill_(reading.outside[block], 0.0)
            f[block].masked_fill_(reading.outside[block], 1.0)
        c = torch.mul(i[block], g[block], out=cell[block])
        c_prev = _recur(c, f[block], c_prev, backward=reading.backward)
        rebuilt = torch.tanh(c).mul_(o[block])
        if w_hr is not None:
            rebuilt = rebuilt @ w_hr.t()
        # What a large cell has rounded away stays in it when it is small again.
        terms, sizes = size(rows).view(c.shape[:2]), _largest(c)
        largest = torch.maximum(largest, sizes.amax(0))
        gaps.append(_gap(reading, block, rebuilt, terms + sizes, terms + largest))
    return gaps


def _recur(cell: Tensor, keep: Tensor, c_prev: Tensor, *, backward: bool) -> Tensor:
    """Turn ``i g`` into ``c_t = f c_{t-1} + i g``, in place; return the last state read."""
    pairs = list(zip(cell.unbind(), keep.unbind(), strict=True))
    for c, f in reversed(pairs) if backward else pairs:
        c_prev = c.addcmul_(f, c_prev)
    return c_prev


def _read_gru(reading: _Reading, gates: Tensor) -> list[Tensor]:
    """Write r, z, n of every step into ``gates`` ``(gate, time, batch, hidden)``."""
    w_ih, w_hh, b_ih, b_hh, _ = reading.weights
    width = w_ih.shape[1]
    w_in, w_hn = w_ih.chunk(3)[2], w_hh.chunk(3)[2]
    w_r, w_z, _ = torch.cat([w_ih, w_hh], 1).chunk(3)
    b_r = b_z = b_in = b_hn = None
    if b_ih is not None and b_hh is not None:
        (b_r, b_z, _), b_in, b_hn = (b_ih + b_hh).chunk(3), b_ih.chunk(3)[2], b_hh.chunk(3)[2]
    gaps, size = [], _size_of_terms(reading.weights)
    for block, rows in _blocks(reading):
        r, z, n = (gate[block].view(len(rows), -1) for gate in gates)
        torch.sigmoid(_affine(rows, w_r, b_r, out=r), out=r)
        torch.sigmoid(_affine(rows, w_z, b_z, out=z), out=z)
        # n = tanh(W_in x + b_in + r (W_hn h + b_hn)): the recurrent part stays apart for r.
        h_prev = rows[:, width:]
        recurrent = nn.functional.linear(h_prev, w_hn, b_hn)
        torch.tanh(_affine(rows[:, :width], w_in, b_in, out=n).addcmul_(r, recurrent), out=n)
        sizes = size(rows)
        gaps.append(_gap(reading, block, torch.lerp(n, h_prev, z), sizes, sizes))
    return gaps


def _blocks(reading: _Reading) -> Iterator[tuple[slice, Tensor]]:
    """Runs of steps in reading order, each with its rows ``[x_t, h_{t-1}]``, valid until the next.

    A run has about a thousand rows, so that what is computed from them stays in the processor's cache.
    """
    x, states, h_0 = reading.x, reading.states, reading.initial[0]
    if reading.backward and reading.outside is not None:
        # A short sequence that is read backward starts at its own end: h_0 waits there for it.
        states = torch.where(reading.outside, h_0, states)
    seq_len, batch_size, width = x.shape
    steps = min(seq_len, max(1, 1024 // batch_size))
    room = x.new_empty(steps, batch_size, width + states.shape[-1])
    starts = range(0, seq_len, steps)
    for start in reversed(starts) if reading.backward else starts:
        stop = min(start + steps, seq_len)
        pairs = room[: stop - start]
        pairs[..., :width] = x[start:stop]
        before = pairs[..., width:]
        if reading.backward:
            before[: min(stop, seq_len - 1) - start] = states[start + 1 : stop + 1]
            if stop == seq_len:
                before[-1] = h_0
        else:
            before[start == 0 :] = states[max(start - 1, 0) : stop - 1]
            if start == 0:
                before[0] = h_0
        yield slice(start, stop), pairs.flatten(0, 1)


def _affine(rows: Tensor, matrix: Tensor, bias: Tensor | None, *, out: Tensor) -> Tensor:
    """``x W^T + b`` for all rows x at once."""
    return torch.mm(rows, matrix.t(), out=out) if bias is None else torch.addmm(bias, rows, matrix.t(), out=out)


def _largest(values: Tensor) -> Tensor:
    largest: Tensor = torch.linalg.vector_norm(values, ord=torch.inf, dim=-1)
    return largest


def _size_of_terms(weights: Weights) -> Callable[[Tensor], Tensor]:
    """For each row ``[x_t, h_{t-1}]`` a bound on the numbers that are added up in its step, but for the cell's."""
    from_x, from_h = (float(matrix.abs().sum(1).max()) for matrix in weights[:2])
    bias = sum(float(values.abs().max()) for values in weights[2:4] if values is not None)
    width = weights.w_ih.shape[1]
    return lambda rows: _largest(rows[:, :width]) * from_x + _largest(rows[:, width:]) * max(from_h, 1.0) + bias


def _gap(reading: _Reading, block: slice, rebuilt: Tensor, size: Tensor, explained: Tensor) -> Tensor:
    """Largest difference from the module's states: relative to ``size``, at most 1, and in roundings of a size."""
    states = reading.states[block]
    gap = _largest(rebuilt.view_as(states) - states)
    if reading.outside is not None:
        gap.masked_fill_(reading.outside[block].squeeze(-1), 0.0)
    info = torch.finfo(gap.dtype)
    size, explained = (sizes.view_as(gap).clamp(min=info.tiny / info.eps) for sizes in (size, explained))
    return torch.stack([(gap / size.clamp(max=1.0)).max(), (gap / (info.eps * explained)).max()])


def _residual(gaps: Tensor, seq_len: int) -> float:
    """The largest gap, if rounding can explain it: a few times in each step, and once for each step in the cell."""
    residual, roundings = (float(gap) for gap in gaps.amax(0))
    if not roundings <= 64 + seq_len:
        raise ValueError(
            f"the output of rnn differs by {residual:.1e} from the one that its gates give; a hook or its own forward "
            "changes it: remove the hook, or pass a plain layer of these weights."
        )
    return residual


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
