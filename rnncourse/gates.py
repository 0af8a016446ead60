"""Every gate of a trained ``nn.LSTM`` or ``nn.GRU``, read off afterwards and exactly.

The kernel returns every hidden state. All pre-activations of a layer are ``W_ih x_t + W_hh h_{t-1} + b``, so one
matrix product over many steps recovers their gates; for an LSTM the cell state follows from ``c_t = f c_{t-1} + i g``.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from rnncourse._kernel_call import KernelCall, Weights, check_input, check_layer, tanh, watch

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
    """

    kind: str
    lengths: Tensor | None
    _gates: Tensor  # (layers, directions, gates, time, batch, hidden)
    _cell: Tensor | None  # (layers, directions, time, batch, hidden)
    _outputs: tuple[Tensor, ...]  # of each layer: (time, batch, directions * width)
    _initial: tuple[Tensor, ...]  # h_0 and c_0: (layers, directions, batch, width)
    _projection: Tensor | None  # (layers, directions, width, hidden)
    _size: Tensor  # of the largest numbers that were added up: (layers, directions)

    def __getitem__(self, name: str) -> Tensor:
        """Activations of one gate, a key of ``gates``; KeyError where the module has none of that name."""
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

    @cached_property
    def residual(self) -> float:
        """Largest difference between the module's states and the same states rebuilt from the gates.

        It is relative to the size of the numbers that they were computed from (to 1 where these are larger), so that
        it is a few float roundings where the trace is exact. Computed on first use.
        """
        return float((self._gaps() / self._size.clamp(max=1.0)).max())

    def _gaps(self, members: slice = slice(None)) -> Tensor:
        """Largest difference between states and rebuilt states of some sequences, ``(layers, directions)``."""
        hidden = self.hidden[:, :, members]
        if self.cell is None:
            lengths = None if self.lengths is None else self.lengths[members]
            before = _previous(hidden, self._initial[0][:, :, members], lengths)
            rebuilt = torch.lerp(self["new"][:, :, members], before, self["update"][:, :, members])
        else:
            rebuilt = torch.empty_like(self.cell[:, :, members])
            tanh(self.cell[:, :, members], out=rebuilt)
            rebuilt.mul_(self["output"][:, :, members])
        if self._projection is not None:
            rebuilt = rebuilt @ self._projection.mT.unsqueeze(2)
        gaps = rebuilt.sub_(hidden).abs_()
        if self.lengths is not None:
            gaps.masked_fill_(hidden.isnan(), 0.0)
        return gaps.amax((2, 3, 4))

    def _check(self) -> None:
        """Refuse a trace where rounding, a few times in each step, does not explain how far it is off.

        A gate that is read wrongly is wrong in every sequence, so one of them tells.
        """
        gaps = self._gaps(slice(1))
        roundings = gaps / (torch.finfo(gaps.dtype).eps * self._size)
        if not bool((roundings <= 64 + self._gates.shape[3]).all()):
            raise ValueError(
                f"the output of rnn differs by {float(gaps.max()):.1e} from the one that its gates give; a hook or its "
                "own forward changes it: remove the hook, or pass a plain layer of these weights."
            )


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
    data, x, outputs, sizes = call.input, _padded(call.input, packed), list[Tensor](), list[float]()
    names, width = GATE_NAMES[call.mode], call.flat[1].shape[0] // len(GATE_NAMES[call.mode])
    gates = _room(x, (*initial[0].shape[:2], len(names), *x.shape[:2], width))
    cell = _room(x, (*initial[0].shape[:2], *x.shape[:2], width)) if call.mode == "LSTM" else None
    for k, layer in enumerate(call.layers):
        data = call.run_layer(k, data) if k < call.num_layers - 1 else _time_major(call, output)
        outputs.append(_padded(data, packed))
        for d, (weights, states) in enumerate(zip(layer, outputs[k].chunk(call.directions, -1), strict=True)):
            reading = _Reading(weights, x, states, [state[k, d] for state in initial], d == 1, outside)
            if cell is None:
                _read_gru(reading, gates[k, d])
            else:
                _read_lstm(reading, gates[k, d], cell[k, d])
            sizes.append(_size_of_terms(reading, None if cell is None else cell[k, d]))
        x = outputs[k]
    if outside is not None:
        for values in (*outputs, gates, *([] if cell is None else [cell])):
            values.masked_fill_(outside, torch.nan)
    # Copies of the initial states: the trace stays as it is while their owner goes on with them.
    first = tuple(state.clone() for state in initial)
    projections = [way.w_hr for layer in call.layers for way in layer if way.w_hr is not None]
    projection = torch.stack(projections).view(*initial[0].shape[:2], *projections[0].shape) if projections else None
    size = x.new_tensor(sizes).clamp(min=torch.finfo(x.dtype).tiny / torch.finfo(x.dtype).eps)
    trace = GateTrace(
        call.mode, lengths, gates, cell, tuple(outputs), first, projection, size.view(initial[0].shape[:2])
    )
    trace._check()
    return trace


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


def _read_lstm(reading: _Reading, gates: Tensor, cell: Tensor) -> None:
    """Write i, f, g, o of every step into ``gates`` ``(gate, time, batch, hidden)`` and c_t into ``cell``."""
    w_ih, w_hh, b_ih, b_hh, _ = reading.weights
    matrix, bias = torch.cat([w_ih, w_hh], 1), None if b_ih is None or b_hh is None else b_ih + b_hh
    c_prev = reading.initial[1]
    for block, rows in _blocks(reading):
        i, f, g, o = gates[:, block]
        sums = nn.functional.linear(rows, matrix, bias).view(*i.shape[:2], -1).chunk(4, -1)
        for gate, values in zip((i, f, o), (*sums[:2], sums[3]), strict=True):
            torch.sigmoid(values, out=gate)
        tanh(sums[2], out=g)
        if reading.outside is not None and reading.backward:
            # Beyond its end a sequence writes nothing and keeps all, so c_0 waits at the end.
            i.masked_fill_(reading.outside[block], 0.0)
            f.masked_fill_(reading.outside[block], 1.0)
        steps = list(zip(torch.mul(i, g, out=cell[block]).unbind(), f.unbind(), strict=True))
        for written, keep in reversed(steps) if reading.backward else steps:
            c_prev = written.addcmul_(keep, c_prev)


def _read_gru(reading: _Reading, gates: Tensor) -> None:
    """Write r, z, n of every step into ``gates`` ``(gate, time, batch, hidden)``."""
    w_ih, w_hh, b_ih, b_hh, _ = reading.weights
    width, hidden_size = w_ih.shape[1], gates.shape[-1]
    w_rz = torch.cat([w_ih, w_hh], 1)[: 2 * hidden_size]
    b_rz = b_in = b_hn = None
    if b_ih is not None and b_hh is not None:
        b_rz, b_in, b_hn = (b_ih + b_hh)[: 2 * hidden_size], b_ih[2 * hidden_size :], b_hh[2 * hidden_size :]
    for block, rows in _blocks(reading):
        r, z, n = gates[:, block]
        sums = nn.functional.linear(rows, w_rz, b_rz).view(*r.shape[:2], -1)
        torch.sigmoid(sums[..., :hidden_size], out=r)
        torch.sigmoid(sums[..., hidden_size:], out=z)
        # n = tanh(W_in x + b_in + r (W_hn h + b_hn)): the recurrent part stays apart for r.
        content = nn.functional.linear(rows[:, :width], w_ih[2 * hidden_size :], b_in).view_as(n)
        recurrent = nn.functional.linear(rows[:, width:], w_hh[2 * hidden_size :], b_hn).view_as(n)
        tanh(content.addcmul_(r, recurrent), out=n)


def _blocks(reading: _Reading) -> Iterator[tuple[slice, Tensor]]:
    """Runs of steps in reading order, each with its rows ``[x_t, h_{t-1}]``.

    A run has about a thousand rows, so that what is computed from them stays in the processor's cache.
    """
    x, states, h_0 = reading.x, reading.states, reading.initial[0]
    if reading.backward and reading.outside is not None:
        # A short sequence that is read backward starts at its own end: h_0 waits there for it.
        states = torch.where(reading.outside, h_0, states)
    seq_len, steps = len(x), max(1, 1024 // x.shape[1])
    starts = range(0, seq_len, steps)
    for start in reversed(starts) if reading.backward else starts:
        stop = min(start + steps, seq_len)
        if reading.backward:
            before = states[start + 1 : stop + 1] if stop < seq_len else torch.cat([states[start + 1 :], h_0[None]])
        else:
            before = states[start - 1 : stop - 1] if start else torch.cat([h_0[None], states[: stop - 1]])
        yield slice(start, stop), torch.cat([x[start:stop], before], -1).flatten(0, 1)


def _size_of_terms(reading: _Reading, cell: Tensor | None) -> float:
    """A bound on the numbers that are added up in any step of a layer."""
    weights, states = reading.weights, (reading.states, reading.initial[0])
    from_x, from_h = (float(matrix.abs().sum(1).max()) for matrix in weights[:2])
    bias = sum(_largest(values) for values in weights[2:4] if values is not None)
    content = 0.0 if cell is None else max(_largest(cell), _largest(reading.initial[1]))
    return _largest(reading.x) * from_x + max(map(_largest, states)) * max(from_h, 1.0) + bias + content


def _largest(values: Tensor) -> float:
    low, high = torch.aminmax(values)
    return max(-float(low), float(high))


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
