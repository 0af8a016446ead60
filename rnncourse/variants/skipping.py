r"""A recurrent layer that learns when to update: Skip RNN.

Beside its state :math:`s_t` the layer carries the probability :math:`\tilde u_t` of the next update. At each step

.. math::

    u_t &= [\tilde u_t \ge 1/2] \\
    s_t &= u_t \, S(s_{t-1}, x_t) + (1 - u_t) \, s_{t-1} \\
    \Delta_t &= \sigma(w \cdot s_t + b) \\
    \tilde u_{t+1} &= u_t \, \Delta_t + (1 - u_t) \, \min(\tilde u_t + \Delta_t, 1)

where S is one step of the base layer. While the layer skips, the probability grows by the same :math:`\Delta_t` at
every step, until it reaches one half. The backward pass takes the rounding for the identity (straight-through). The
loop computes S at every step and then mixes: what is saved are updates, not time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnncourse.variants._arguments import initial_states, positive, time_major, uniform


def straight_through_step(probability: Tensor) -> Tensor:
    """1 where a probability is at least one half, else 0; the gradient passes unchanged.

    Source: Bengio, Léonard & Courville (2013), Estimating or propagating gradients through stochastic neurons.
    """
    hard = (probability >= 0.5).to(probability.dtype)
    # The bracket is exactly 0, so the value is exact; adding and subtracting one by one would round.
    return hard + (probability - probability.detach())


@dataclass(frozen=True)
class SkipRun:
    """One pass of a `SkipGRU`, with its decisions."""

    output: Tensor  #: h of the top layer at every step, laid out like the input
    state: Tensor  #: last h of each layer, ``(layers, batch, hidden)``
    updates: Tensor  #: 1 where the step updates, 0 where it skips, ``(batch, time)``; its gradient reaches the gate
    probability: Tensor  #: of an update at the step after the last, ``(batch,)``; hand it to the next pass

    @property
    def share(self) -> float:
        """Share of the steps that update, over the batch; 1 is the base layer."""
        return float(self.updates.detach().mean())

    def budget(self, cost: float) -> Tensor:
        """The budget loss: ``cost`` for each update, λ in the paper, summed over the steps, averaged over the batch."""
        return cost * self.updates.sum(dim=1).mean()


class SkipGRU(nn.Module):
    """A GRU that learns at which steps to update.

    The layers of a stack share one gate, which reads the top layer's h, as in the authors' implementation.

    Arguments are those of ``nn.GRU``, and ``update_bias``, with which the gate's bias starts; above 0 the layer starts
    out updating at every step.

    Source: Campos et al. (2018), Skip RNN: learning to skip state updates.
    """

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
        bound, rows = hidden_size**-0.5, 3 * hidden_size
        for layer in range(num_layers):
            width = hidden_size if layer else input_size
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, hidden_size)}
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
            for name, shape in shapes.items():
                self.register_parameter(f"{name}_l{layer}", uniform(shape, bound))
        self.update_weight = uniform((1, hidden_size), bound)
        self.update_bias = nn.Parameter(torch.full((1,), float(update_bias)))

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the sequence: ``output, h_n``, as ``nn.GRU``; `run` gives the decisions as well."""
        run = self.run(input, hx)
        return run.output, run.state

    def run(self, input: Tensor, hx: object = None, *, probability: Tensor | None = None) -> SkipRun:
        """Run the sequence and keep the decisions.

        ``probability`` is that of an update at the first step, ``(batch,)``; 1 if None, so that the first step updates.
        """
        steps = time_major(input, self.get_parameter("weight_ih_l0"), self.batch_first, self.input_size)
        batch = steps.shape[1]
        (initial,) = initial_states(hx, ("h_0",), (self.num_layers, batch, self.hidden_size), steps)
        chance = steps.new_ones(batch) if probability is None else probability
        if tuple(chance.shape) != (batch,):
            raise ValueError(f"probability has shape {tuple(chance.shape)}; expected one per sequence, ({batch},)")
        chance, states = chance.unsqueeze(1), list(initial)
        outputs, updates = [], []
        for x in self._product("ih", 0, steps).unbind(0):
            update = straight_through_step(chance)
            states = self._mixed(x, states, update)
            step_on = torch.sigmoid(functional.linear(states[-1], self.update_weight, self.update_bias))
            chance = torch.lerp(torch.clamp(chance + step_on, max=1.0), step_on, update)
            outputs.append(states[-1])
            updates.append(update)
        output = torch.stack(outputs, dim=1 if self.batch_first else 0)
        return SkipRun(output, torch.stack(states), torch.cat(updates, dim=1), chance.squeeze(1))

    def _product(self, side: str, layer: int, x: Tensor) -> Tensor:
        """One half of a layer's pre-activations, r, z, n side by side: from its input or from its state."""
        bias = self.get_parameter(f"bias_{side}_l{layer}") if self.bias else None
        return functional.linear(x, self.get_parameter(f"weight_{side}_l{layer}"), bias)

    def _mixed(self, x: Tensor, states: list[Tensor], update: Tensor) -> list[Tensor]:
        """States of all layers after one step: new where the step updates, old where it skips."""
        mixed: list[Tensor] = []
        for layer, hidden in enumerate(states):
            x_r, x_z, x_n = (self._product("ih", layer, mixed[-1]) if layer else x).chunk(3, dim=1)
            h_r, h_z, h_n = self._product("hh", layer, hidden).chunk(3, dim=1)
            # n = tanh(x_n + r h_n),  h = (1 - z) n + z h_prev
            new = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
            new = torch.lerp(new, hidden, torch.sigmoid(x_z + h_z))
            mixed.append(torch.lerp(hidden, new, update))
        return mixed
