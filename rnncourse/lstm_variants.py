"""LSTM variants that the fused kernel cannot express, run one step at a time.

Each variant is a pure step function; one module, :class:`LoopLSTM`, runs any of them with the calling
conventions of ``nn.LSTM``. The input products of all steps are one matrix product before the loop.
The variants are built from torch's LSTM, which has no peepholes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "FORMS",
    "Carry",
    "CellForm",
    "LoopLSTM",
    "full_gate_recurrence_step",
    "no_input_activation_step",
    "no_output_activation_step",
    "peephole_step",
    "plain_step",
]


class Carry(NamedTuple):
    """What one step hands to the next.

    Attributes:
        hidden: h, shape ``(batch, hidden)``.
        cell: c, shape ``(batch, hidden)``.
        gates: activations of i, f, o side by side, shape ``(batch, 3 * hidden)``; only full gate recurrence
            reads them, every other form hands them on.
    """

    hidden: Tensor
    cell: Tensor
    gates: Tensor


def plain_step(z: Tensor, carry: Carry) -> Carry:
    """One step of torch's LSTM.

    Args:
        z: pre-activations ``W_ih x + b + W_hh h`` in torch's order i, f, g, o, shape ``(batch, 4 * hidden)``.
        carry: state before the step.

    Returns:
        State after the step.

    Source: Hochreiter & Schmidhuber (1997) with the forget gate of Gers, Schmidhuber & Cummins (2000).
    """
    z_i, z_f, z_g, z_o = z.chunk(4, dim=-1)
    # c = σ(z_f) c_prev + σ(z_i) tanh(z_g)
    cell = torch.sigmoid(z_f) * carry.cell + torch.sigmoid(z_i) * torch.tanh(z_g)
    # h = σ(z_o) tanh(c)
    return carry._replace(hidden=torch.sigmoid(z_o) * torch.tanh(cell), cell=cell)


def no_input_activation_step(z: Tensor, carry: Carry) -> Carry:
    """One step with the candidate content left linear: g is its own pre-activation.

    The cell grows as fast as its input lets it, since nothing bounds what one step writes.

    Args:
        z: pre-activations in torch's order i, f, g, o, shape ``(batch, 4 * hidden)``.
        carry: state before the step.

    Returns:
        State after the step.

    Source: Greff et al. (2017), section IV, variant NIAF.
    """
    z_i, z_f, z_g, z_o = z.chunk(4, dim=-1)
    # c = σ(z_f) c_prev + σ(z_i) z_g
    cell = torch.sigmoid(z_f) * carry.cell + torch.sigmoid(z_i) * z_g
    # h = σ(z_o) tanh(c)
    return carry._replace(hidden=torch.sigmoid(z_o) * torch.tanh(cell), cell=cell)


def no_output_activation_step(z: Tensor, carry: Carry) -> Carry:
    """One step with the cell shown unsquashed: h is ``o * c``.

    A growing cell then reaches the next step's gates undamped.

    Args:
        z: pre-activations in torch's order i, f, g, o, shape ``(batch, 4 * hidden)``.
        carry: state before the step.

    Returns:
        State after the step.

    Source: Greff et al. (2017), section IV, variant NOAF.
    """
    z_i, z_f, z_g, z_o = z.chunk(4, dim=-1)
    # c = σ(z_f) c_prev + σ(z_i) tanh(z_g)
    cell = torch.sigmoid(z_f) * carry.cell + torch.sigmoid(z_i) * torch.tanh(z_g)
    # h = σ(z_o) c
    return carry._replace(hidden=torch.sigmoid(z_o) * cell, cell=cell)


def peephole_step(z: Tensor, carry: Carry, peephole: Tensor) -> Carry:
    """One step whose gates see the cell: i and f the old one, o the new one, each unit its own.

    Args:
        z: pre-activations in torch's order i, f, g, o, shape ``(batch, 4 * hidden)``.
        carry: state before the step.
        peephole: weights ``p_i``, ``p_f``, ``p_o`` one after the other, shape ``(3 * hidden,)``;
            all zero is the plain step.

    Returns:
        State after the step.

    Source: Gers & Schmidhuber (2000), Recurrent nets that time and count; the vanilla LSTM of Greff et al. (2017).
    """
    z_i, z_f, z_g, z_o = z.chunk(4, dim=-1)
    p_i, p_f, p_o = peephole.chunk(3)
    # i = σ(z_i + p_i c_prev),  f = σ(z_f + p_f c_prev)
    i = torch.sigmoid(torch.addcmul(z_i, p_i, carry.cell))
    f = torch.sigmoid(torch.addcmul(z_f, p_f, carry.cell))
    # c = f c_prev + i tanh(z_g)
    cell = f * carry.cell + i * torch.tanh(z_g)
    # o = σ(z_o + p_o c),  h = o tanh(c)
    o = torch.sigmoid(torch.addcmul(z_o, p_o, cell))
    return carry._replace(hidden=o * torch.tanh(cell), cell=cell)


def full_gate_recurrence_step(z: Tensor, carry: Carry, gate_recurrence: Tensor) -> Carry:
    """One step whose gates also see all three gates of the step before.

    Args:
        z: pre-activations in torch's order i, f, g, o, shape ``(batch, 4 * hidden)``.
        carry: state before the step, with the gates i, f, o of that step (zero before the first).
        gate_recurrence: the nine matrices as one, rows the gates written to and columns the gates read,
            both in the order i, f, o; shape ``(3 * hidden, 3 * hidden)``; all zero is the plain step.

    Returns:
        State after the step, with its gates.

    Source: Greff et al. (2017), section IV, variant FGR, after Hochreiter & Schmidhuber (1997).
    """
    z_i, z_f, z_g, z_o = z.chunk(4, dim=-1)
    # [i f o] = σ([z_i z_f z_o] + R [i_prev f_prev o_prev])
    z_gates = torch.cat((z_i, z_f, z_o), dim=-1)
    gates = torch.sigmoid(torch.addmm(z_gates, carry.gates, gate_recurrence.T))
    i, f, o = gates.chunk(3, dim=-1)
    # c = f c_prev + i tanh(z_g),  h = o tanh(c)
    cell = f * carry.cell + i * torch.tanh(z_g)
    return Carry(hidden=o * torch.tanh(cell), cell=cell, gates=gates)


@dataclass(frozen=True)
class CellForm:
    """A step function and the weights it takes beside those of ``nn.LSTM``.

    Attributes:
        step: ``step(z, carry, *extra) -> carry``.
        extra: name of each extra weight → its shape, in multiples of the hidden size.
    """

    step: Callable[..., Carry]
    extra: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


FORMS: Mapping[str, CellForm] = MappingProxyType(
    {
        "plain": CellForm(plain_step),
        "no_input_activation": CellForm(no_input_activation_step),
        "no_output_activation": CellForm(no_output_activation_step),
        "peephole": CellForm(peephole_step, {"peephole": (3,)}),
        "full_gate_recurrence": CellForm(full_gate_recurrence_step, {"gate_recurrence": (3, 3)}),
    }
)
"""The step functions by name; ``plain`` is torch's own LSTM, the yardstick for what the loop costs."""


class LoopLSTM(nn.Module):
    """An LSTM of any form, one step at a time, called like ``nn.LSTM``.

    It starts from the weights of an ``nn.LSTM``, copied under the same names (``weight_ih_l0``, …). Extra
    weights (``peephole_l0``, ``gate_recurrence_l0``, …) start at zero: the module first computes what the
    plain LSTM computes, and learns from there. :meth:`reset_parameters` draws all of them at random instead.

    Full gate recurrence sees gates of zero before its first step, also when a state is handed in:
    ``(h, c)`` does not carry them.

    Args:
        lstm: where sizes and weights come from; any layers, both directions, ``proj_size=0``. Not changed.
        form: a key of :data:`FORMS`.

    Raises:
        ValueError: ``form`` is unknown, or ``lstm`` projects its hidden state.

    Source: Greff et al. (2017), LSTM: a search space odyssey.
    """

    def __init__(self, lstm: nn.LSTM, form: str) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"unknown form {form!r}; expected one of {', '.join(FORMS)}")
        if lstm.proj_size:
            raise ValueError(
                f"the {form} loop has no projection, but the LSTM has proj_size={lstm.proj_size}; "
                "build it with proj_size=0 and put a Linear behind it"
            )
        self.form = form
        self.input_size = lstm.input_size
        self.hidden_size = lstm.hidden_size
        self.num_layers = lstm.num_layers
        self.bias = lstm.bias
        self.batch_first = lstm.batch_first
        self.dropout = lstm.dropout
        self.bidirectional = lstm.bidirectional
        for name, weight in lstm.named_parameters():
            copy = weight.detach().clone(memory_format=torch.contiguous_format)
            self.register_parameter(name, nn.Parameter(copy, requires_grad=weight.requires_grad))
        first = lstm.get_parameter("weight_ih_l0")
        for suffix in self._suffixes():
            for name, multiples in FORMS[form].extra.items():
                shape = [multiple * self.hidden_size for multiple in multiples]
                self.register_parameter(name + suffix, nn.Parameter(first.new_zeros(shape)))
        self.train(lstm.training)

    def reset_parameters(self, *, generator: torch.Generator | None = None) -> None:
        """Draw every weight, the extra ones too, uniformly from ±1/√hidden_size, as ``nn.LSTM`` does.

        Args:
            generator: source of randomness; torch's default one if None.
        """
        bound = self.hidden_size**-0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound, generator=generator)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the sequence.

        Args:
            input: ``(batch, time, feature)`` with ``batch_first``, else ``(time, batch, feature)``.
            hx: initial ``(h_0, c_0)``, each ``(layers * directions, batch, hidden)``; zeros if None.

        Returns:
            ``output, (h_n, c_n)``: output ``(batch, time, hidden * directions)`` (or time first, like the
            input), states shaped like the initial ones.

        Raises:
            TypeError: ``input`` is not a tensor (a ``PackedSequence``, say).
            ValueError: a shape does not fit, or the sequence is empty.
        """
        steps = self._time_major(input)
        h_0, c_0 = self._initial_states(steps, hx)
        gates_0 = c_0.new_zeros(steps.shape[1], 3 * self.hidden_size)
        last: list[Carry] = []
        for layer in range(self.num_layers):
            directions = []
            for suffix in self._suffixes(layer):
                start = Carry(h_0[len(last)], c_0[len(last)], gates_0)
                hidden, end = self._run(suffix, steps, start)
                directions.append(hidden)
                last.append(end)
            steps = torch.cat(directions, dim=-1)
            if layer < self.num_layers - 1:
                steps = functional.dropout(steps, self.dropout, self.training)
        output = steps.transpose(0, 1) if self.batch_first else steps
        return output, (torch.stack([end.hidden for end in last]), torch.stack([end.cell for end in last]))

    def extra_repr(self) -> str:
        """Form, sizes and options, for ``repr``."""
        return (
            f"{self.form}, {self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, "
            f"bias={self.bias}, batch_first={self.batch_first}, dropout={self.dropout}, "
            f"bidirectional={self.bidirectional}"
        )

    def _suffixes(self, layer: int | None = None) -> Iterator[str]:
        """``_l0``, ``_l0_reverse``, ``_l1``, …: all of them, or those of one layer."""
        layers = range(self.num_layers) if layer is None else (layer,)
        directions = ("", "_reverse") if self.bidirectional else ("",)
        return (f"_l{index}{direction}" for index in layers for direction in directions)

    def _run(self, suffix: str, steps: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """Hidden states ``(time, batch, hidden)`` of one layer in one direction, and the state it ends in."""
        form = FORMS[self.form]
        extra = [self.get_parameter(name + suffix) for name in form.extra]
        bias = None
        if self.bias:
            bias = self.get_parameter(f"bias_ih{suffix}") + self.get_parameter(f"bias_hh{suffix}")
        # The input part of every pre-activation needs no state: one product for all steps.
        z_input = functional.linear(steps, self.get_parameter(f"weight_ih{suffix}"), bias).unbind(0)
        recurrent = self.get_parameter(f"weight_hh{suffix}").T
        order = range(len(z_input))
        if suffix.endswith("_reverse"):
            order = order[::-1]
        hidden = [steps] * len(z_input)
        for t in order:
            carry = form.step(torch.addmm(z_input[t], carry.hidden, recurrent), carry, *extra)
            hidden[t] = carry.hidden
        return torch.stack(hidden), carry

    def _time_major(self, input: Tensor) -> Tensor:
        """The input as ``(time, batch, feature)``, after checking that it is one."""
        layout = "(batch, time, feature)" if self.batch_first else "(time, batch, feature)"
        if not isinstance(input, Tensor):
            raise TypeError(
                f"input is a {type(input).__name__}, but a cell loop takes a tensor {layout}; "
                "pad the sequences and read each at its own last step"
            )
        if input.dim() != 3 or input.shape[-1] != self.input_size or 0 in input.shape:
            raise ValueError(
                f"input has shape {tuple(input.shape)}; expected {layout} with {self.input_size} features, "
                "at least one step and one sequence"
            )
        weight = self.get_parameter("weight_ih_l0")
        if input.dtype != weight.dtype and not torch.is_autocast_enabled(input.device.type):
            raise ValueError(
                f"input is {input.dtype} but the weights are {weight.dtype}; convert one of them with .to()"
            )
        return input.transpose(0, 1) if self.batch_first else input

    def _initial_states(self, steps: Tensor, hx: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """Checked ``(h_0, c_0)``, each ``(layers * directions, batch, hidden)``; zeros if none are given."""
        shape = (self.num_layers * (1 + self.bidirectional), steps.shape[1], self.hidden_size)
        if hx is None:
            return steps.new_zeros(shape), steps.new_zeros(shape)
        for name, state in zip(("h_0", "c_0"), hx, strict=True):
            if tuple(state.shape) != shape:
                raise ValueError(
                    f"{name} has shape {tuple(state.shape)}; expected (layers * directions, batch, hidden) = {shape}"
                )
        return hx
