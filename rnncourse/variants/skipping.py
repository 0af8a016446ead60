r"""Recurrent layers that learn when to update: Skip RNN.

Beside its state :math:`s_t` such a layer carries the probability :math:`\tilde u_t` of the next update. At each step

.. math::

    u_t &= [\tilde u_t \ge 1/2] \\
    s_t &= u_t \, S(s_{t-1}, x_t) + (1 - u_t) \, s_{t-1} \\
    \Delta_t &= \sigma(w \cdot s_t + b) \\
    \tilde u_{t+1} &= u_t \, \Delta_t + (1 - u_t) \, \min(\tilde u_t + \Delta_t, 1)

where S is one step of the base layer. An update sets the probability back to :math:`\Delta_t`; while the layer skips,
neither the state nor :math:`\Delta_t` changes and the probability grows by it at every step, until it reaches one half.
So at an update the layer *commits* itself to a number of steps to skip. It does not see what it skips.

The rounding has no useful derivative. The backward pass takes it for the identity (straight-through).

The loop computes S at every step and then mixes, since the sequences of a batch skip at different times: what
is saved are updates, not time. An implementation for one sequence leaves the skipped steps out.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnncourse.variants._arguments import gru_update, initial_states, lstm_update, positive, time_major, uniform

__all__ = ["SkipGRU", "SkipLSTM", "SkipRun", "straight_through_step"]

Parts = tuple[Tensor, ...]


def straight_through_step(probability: Tensor) -> Tensor:
    """1 where a probability is at least one half, else 0; the gradient passes unchanged.

    Source: Bengio, Léonard & Courville (2013), Estimating or propagating gradients through stochastic neurons.
    """
    hard = (probability >= 0.5).to(probability.dtype)
    # The bracket is exactly 0, so the value is exact; adding and subtracting one by one would round.
    return hard + (probability - probability.detach())


@dataclass(frozen=True)
class SkipRun:
    """One pass of a Skip RNN, with its decisions.

    Attributes:
        output: h of the top layer at every step, laid out like the input.
        state: ``(h_n, c_n)`` of a `SkipLSTM`, ``h_n`` of a `SkipGRU`.
        updates: 1 where the step updates, 0 where it skips; ``(batch, time)``, whatever the layout of the input. Its
            gradient reaches the update gate.
        probability: probability of an update at the step after the last, ``(batch,)``; hand it to the next pass.
    """

    output: Tensor
    state: Tensor | tuple[Tensor, Tensor]
    updates: Tensor
    probability: Tensor

    @property
    def share(self) -> float:
        """Share of the steps that update, over the batch; 1 is the base layer."""
        return float(self.updates.detach().mean())

    def budget(self, cost: float) -> Tensor:
        """The budget loss: ``cost`` for each update, λ in the paper, summed over the steps, averaged over the batch.

        Source: Campos et al. (2018), Skip RNN, the section on limiting computation.
        """
        return cost * self.updates.sum(dim=1).mean()


class _SkipRNN(nn.Module, ABC):
    """What `SkipLSTM` and `SkipGRU` share: parameters, the gate, and the loop."""

    gates: int
    state_names: tuple[str, ...]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        update_bias: float = 1.0,
    ) -> None:
        super().__init__()
        self.input_size = positive("input_size", input_size)
        self.hidden_size = positive("hidden_size", hidden_size)
        self.num_layers = positive("num_layers", num_layers)
        self.bias, self.batch_first = bias, batch_first
        bound, rows = hidden_size**-0.5, self.gates * hidden_size
        for layer in range(num_layers):
            width = hidden_size if layer else input_size
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, hidden_size)}
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
            for name, shape in shapes.items():
                self.register_parameter(f"{name}_l{layer}", uniform(shape, bound))
        self.update_weight = uniform((1, hidden_size), bound)
        self.update_bias = nn.Parameter(torch.full((1,), float(update_bias)))

    def run(self, input: Tensor, hx: object = None, *, probability: Tensor | None = None) -> SkipRun:
        """Run the sequence and keep the decisions.

        Args:
            input: as for ``forward``.
            hx: likewise.
            probability: of an update at the first step, ``(batch,)``; 1 if None, so that the first step updates.
        """
        weight = self.get_parameter("weight_ih_l0")
        steps = time_major(input, weight, self.batch_first, self.input_size)
        shape = (self.num_layers, steps.shape[1], self.hidden_size)
        initial = initial_states(hx, self.state_names, shape, steps)
        chance = self._initial_probability(probability, steps)
        states = [tuple(part[layer] for part in initial) for layer in range(self.num_layers)]
        outputs, updates = [], []
        for x in self._input_part(0, steps).unbind(0):
            update = straight_through_step(chance)
            states = self._mixed(x, states, update)
            step_on = torch.sigmoid(functional.linear(states[-1][-1], self.update_weight, self.update_bias))
            chance = torch.lerp(torch.clamp(chance + step_on, max=1.0), step_on, update)
            outputs.append(states[-1][0])
            updates.append(update)
        output = torch.stack(outputs, dim=1 if self.batch_first else 0)
        last = tuple(torch.stack(parts) for parts in zip(*states, strict=True))
        state = last[0] if len(last) == 1 else (last[0], last[1])
        return SkipRun(output, state, torch.cat(updates, dim=1), chance.squeeze(1))

    def extra_repr(self) -> str:
        """Sizes and options, for ``repr``."""
        return (
            f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, bias={self.bias}, "
            f"batch_first={self.batch_first}"
        )

    def _initial_probability(self, given: Tensor | None, steps: Tensor) -> Tensor:
        batch = steps.shape[1]
        if given is None:
            return steps.new_ones(batch, 1)
        if tuple(given.shape) != (batch,):
            raise ValueError(f"probability has shape {tuple(given.shape)}; expected one entry per sequence, ({batch},)")
        return given.unsqueeze(1)

    def _input_part(self, layer: int, x: Tensor) -> Tensor:
        """The part of the pre-activations that needs no state, ``(…, rows)``."""
        bias = self.get_parameter(f"bias_ih_l{layer}") if self.bias else None
        return functional.linear(x, self.get_parameter(f"weight_ih_l{layer}"), bias)

    def _mixed(self, x: Tensor, states: list[Parts], update: Tensor) -> list[Parts]:
        """States of all layers after one step: new where the step updates, old where it skips."""
        mixed: list[Parts] = []
        for layer, state in enumerate(states):
            from_input = self._input_part(layer, mixed[-1][0]) if layer else x
            bias = self.get_parameter(f"bias_hh_l{layer}") if self.bias else None
            from_state = functional.linear(state[0], self.get_parameter(f"weight_hh_l{layer}"), bias)
            new = self._base_step(from_input, from_state, state)
            mixed.append(tuple(torch.lerp(old, one, update) for one, old in zip(new, state, strict=True)))
        return mixed

    @abstractmethod
    def _base_step(self, from_input: Tensor, from_state: Tensor, state: Parts) -> Parts:
        """The state that an update leads to, from both halves of the pre-activations."""


class SkipLSTM(_SkipRNN):
    """An LSTM that learns at which steps to update.

    The layers of a stack share one gate, which reads the top layer's cell c, as in the authors' implementation.

    Args:
        input_size: features of the input.
        hidden_size: units of each layer.
        num_layers: layers, updated together.
        bias: whether the base layers have biases.
        batch_first: whether input and output are ``(batch, time, feature)``.
        update_bias: initial bias of the update gate; above 0 the layer starts out updating at every step.

    Source: Campos et al. (2018), Skip RNN: learning to skip state updates.
    """

    gates = 4
    state_names = ("h_0", "c_0")

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the sequence: ``output, (h_n, c_n)``, as ``nn.LSTM``; `run` gives the decisions as well."""
        run = self.run(input, hx)
        assert isinstance(run.state, tuple)
        return run.output, run.state

    def _base_step(self, from_input: Tensor, from_state: Tensor, state: Parts) -> Parts:
        return lstm_update(from_input + from_state, state[1])


class SkipGRU(_SkipRNN):
    """A GRU that learns at which steps to update; the gate reads the top layer's h. Arguments as of `SkipLSTM`."""

    gates = 3
    state_names = ("h_0",)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the sequence: ``output, h_n``, as ``nn.GRU``; `run` gives the decisions as well."""
        run = self.run(input, hx)
        assert isinstance(run.state, Tensor)
        return run.output, run.state

    def _base_step(self, from_input: Tensor, from_state: Tensor, state: Parts) -> Parts:
        return (gru_update(from_input, from_state, state[0]),)
