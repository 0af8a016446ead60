"""LSTM cells that the fused kernel cannot express, run one step at a time.

A step leads from the pre-activations ``z = W_ih x + b + W_hh h``, ``(batch, 4 * hidden)`` in torch's order i, f, g, o,
and the state before to the state after. Source: Greff et al. (2017), section IV, but for
the peepholes: Gers & Schmidhuber (2000), Recurrent nets that time and count.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class State(NamedTuple):
    """h and c, ``(batch, hidden)``, and the gates i, f, o side by side, which only full gate recurrence reads."""

    hidden: Tensor
    cell: Tensor
    gates: Tensor


# The weights that a form takes beside those of ``nn.LSTM``: form → name and shape in hidden sizes.
EXTRA: Mapping[str, tuple[str, tuple[int, ...]]] = MappingProxyType(
    {"peephole": ("peephole", (3,)), "full_gate_recurrence": ("gate_recurrence", (3, 3))}
)


def step(form: str, z: Tensor, state: State, extra: Tensor | None) -> State:
    """One step of a form, from the pre-activations ``z``, the state before it and the form's extra weights.

    Peepholes show i and f their own unit's old cell, and o the new one. Full gate recurrence shows all gates those of
    the step before; rows of its matrix are gates written to, columns read.
    """
    z_i, z_f, z_g, z_o = z.chunk(4, dim=-1)
    g = z_g if form == "no_input_activation" else torch.tanh(z_g)
    if form == "full_gate_recurrence" and extra is not None:
        gates = torch.sigmoid(torch.addmm(torch.cat((z_i, z_f, z_o), dim=-1), state.gates, extra.T))
        i, f, o = gates.chunk(3, dim=-1)
        cell = f * state.cell + i * g
        return State(o * torch.tanh(cell), cell, gates)
    p_i, p_f, p_o = (None, None, None) if extra is None else extra.chunk(3)
    i, f = torch.sigmoid(_seen(z_i, p_i, state.cell)), torch.sigmoid(_seen(z_f, p_f, state.cell))
    cell = f * state.cell + i * g
    o = torch.sigmoid(_seen(z_o, p_o, cell))
    return state._replace(hidden=o * (cell if form == "no_output_activation" else torch.tanh(cell)), cell=cell)


def _seen(z: Tensor, peephole: Tensor | None, cell: Tensor) -> Tensor:
    return z if peephole is None else torch.addcmul(z, peephole, cell)


class LoopLSTM(nn.Module):
    """An LSTM of another form, one step at a time, called like ``nn.LSTM``.

    Made by :func:`~rnncourse.ablation.ablate`. It starts from the weights of an ``nn.LSTM``, under the same names
    (``weight_ih_l0``, …). Extra weights (``peephole_l0``, ``gate_recurrence_l0``, …) start at zero: then the module
    computes what the plain LSTM does. :meth:`reset_parameters` draws all of them at random instead.

    Full gate recurrence sees gates of zero before its first step, also when a state is handed in: ``(h, c)`` does not
    carry them.

    Args:
        lstm: where sizes and weights come from; any layers, both directions, ``proj_size=0``. Not changed.
        form: ``no_input_activation``, ``no_output_activation``, ``peephole`` or ``full_gate_recurrence``.

    Raises:
        ValueError: ``lstm`` projects its hidden state.
    """

    def __init__(self, lstm: nn.LSTM, form: str) -> None:
        super().__init__()
        if lstm.proj_size:
            raise ValueError(
                f"the {form} loop has no projection, but the LSTM has proj_size={lstm.proj_size}; "
                "build it with proj_size=0 and put a Linear behind it"
            )
        self.form = form
        self.input_size, self.hidden_size, self.num_layers = lstm.input_size, lstm.hidden_size, lstm.num_layers
        self.bias, self.batch_first, self.bidirectional = lstm.bias, lstm.batch_first, lstm.bidirectional
        self.dropout = lstm.dropout
        for name, weight in lstm.named_parameters():
            copy = weight.detach().clone(memory_format=torch.contiguous_format)
            self.register_parameter(name, nn.Parameter(copy, requires_grad=weight.requires_grad))
        if form in EXTRA:
            name, multiples = EXTRA[form]
            shape = [multiple * self.hidden_size for multiple in multiples]
            for suffix in self._suffixes():
                zeros = lstm.get_parameter("weight_ih_l0").detach().new_zeros(shape)
                self.register_parameter(name + suffix, nn.Parameter(zeros))
        self.train(lstm.training)

    def reset_parameters(self, *, generator: torch.Generator | None = None) -> None:
        """Draw every weight, the extra ones too, uniformly from ±1/√hidden_size, as ``nn.LSTM`` does."""
        bound = self.hidden_size**-0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound, generator=generator)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the sequence; arguments and results are those of ``nn.LSTM``.

        Raises:
            TypeError: ``input`` is not a tensor (a ``PackedSequence``, say), or ``hx`` no pair of states.
            ValueError: a shape does not fit, or the sequence is empty.
        """
        steps = self._time_major(input)
        h_0, c_0 = self._initial_states(steps, hx)
        gates_0 = c_0.new_zeros(steps.shape[1], 3 * self.hidden_size)
        last: list[State] = []
        for layer in range(self.num_layers):
            directions = []
            for suffix in self._suffixes(layer):
                hidden, end = self._run(suffix, steps, State(h_0[len(last)], c_0[len(last)], gates_0))
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
            f"{self.form}, {self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, bias={self.bias}, "
            f"batch_first={self.batch_first}, dropout={self.dropout}, bidirectional={self.bidirectional}"
        )

    def _suffixes(self, layer: int | None = None) -> Iterator[str]:
        """``_l0``, ``_l0_reverse``, ``_l1``, …: all of them, or those of one layer."""
        layers = range(self.num_layers) if layer is None else (layer,)
        directions = ("", "_reverse") if self.bidirectional else ("",)
        return (f"_l{index}{direction}" for index in layers for direction in directions)

    def _run(self, suffix: str, steps: Tensor, state: State) -> tuple[Tensor, State]:
        """Hidden states ``(time, batch, hidden)`` of one layer in one direction, and the state it ends in."""

        def weight(name: str) -> Tensor:
            # By attribute, so that it may be parametrised, pruned or replaced in a functional call.
            found: Tensor = getattr(self, name + suffix)
            return found

        extra = weight(EXTRA[self.form][0]) if self.form in EXTRA else None
        bias = weight("bias_ih") + weight("bias_hh") if self.bias else None
        # The input part of every pre-activation needs no state: one product for all steps.
        z_input = functional.linear(steps, weight("weight_ih"), bias).unbind(0)
        recurrent = weight("weight_hh").T
        hidden, order = [steps] * len(z_input), range(len(z_input))
        for t in order[::-1] if suffix.endswith("_reverse") else order:
            state = step(self.form, torch.addmm(z_input[t], state.hidden, recurrent), state, extra)
            hidden[t] = state.hidden
        return torch.stack(hidden), state

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
        dtype = self.weight_ih_l0.dtype
        if input.dtype != dtype and not torch.is_autocast_enabled(input.device.type):
            raise ValueError(f"input is {input.dtype} but the weights are {dtype}; convert one of them with .to()")
        return input.transpose(0, 1) if self.batch_first else input

    def _initial_states(self, steps: Tensor, hx: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """Checked ``(h_0, c_0)``, each ``(layers * directions, batch, hidden)``; zeros if none are given."""
        shape = (self.num_layers * (1 + self.bidirectional), steps.shape[1], self.hidden_size)
        if hx is None:
            return steps.new_zeros(shape), steps.new_zeros(shape)
        if isinstance(hx, Tensor) or len(hx) != 2:
            raise TypeError(f"hx must be a pair (h_0, c_0), got {type(hx).__name__}")
        for name, state in zip(("h_0", "c_0"), hx, strict=True):
            if tuple(state.shape) != shape:
                raise ValueError(
                    f"{name} has shape {tuple(state.shape)}; expected (layers * directions, batch, hidden) = {shape}"
                )
        return hx
