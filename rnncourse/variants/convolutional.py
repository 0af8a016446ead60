"""An LSTM whose state is a map: every product is a convolution.

In an LSTM each pre-activation is ``W_ih x + b_ih + W_hh h + b_hh``. In a ConvLSTM the input x and the states h, c are
stacks of maps ``(channel, height, width)``, and both products are convolutions with zero padding. So one set of
weights serves every place, a unit sees the states of its neighbours only, and what is learned at one place holds at
every other.

Shi et al. (2015) also let the gates see the cell through peepholes, one weight per channel or per pixel. Torch's LSTM
has none, and neither has this one: with a 1 × 1 kernel on one pixel it is ``nn.LSTM``.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnncourse.variants._arguments import (
    expect_dtype,
    initial_states,
    lstm_update,
    positive,
    probability,
    time_major,
    uniform,
)

__all__ = ["ConvLSTM", "ConvLSTMCell"]


def _kernel(size: int) -> int:
    if positive("kernel_size", size) % 2 == 0:
        raise ValueError(f"kernel_size is {size}; expected an odd number, so that a map keeps its size")
    return size


class ConvLSTMCell(nn.Module):
    """One step of a convolutional LSTM; called like ``nn.LSTMCell``.

    Args:
        in_channels: channels of the input maps.
        hidden_channels: channels of the states.
        kernel_size: side of both kernels, odd; the maps are padded with zeros and keep their size.
        bias: whether there are biases, two per channel and gate as in torch.

    Source: Shi et al. (2015), Convolutional LSTM network, eq. 3, without peepholes.
    """

    def __init__(self, in_channels: int, hidden_channels: int, kernel_size: int, *, bias: bool = True) -> None:
        super().__init__()
        self.in_channels = positive("in_channels", in_channels)
        self.hidden_channels = positive("hidden_channels", hidden_channels)
        self.kernel_size = _kernel(kernel_size)
        self.bias = bias
        # torch's bound is one over the root of the hidden size; here a pre-activation sums over the kernel as well.
        bound = (hidden_channels * kernel_size**2) ** -0.5
        square = (kernel_size, kernel_size)
        self.weight_ih = uniform((4 * hidden_channels, in_channels, *square), bound)
        self.weight_hh = uniform((4 * hidden_channels, hidden_channels, *square), bound)
        self.bias_ih = uniform((4 * hidden_channels,), bound) if bias else None
        self.bias_hh = uniform((4 * hidden_channels,), bound) if bias else None

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """One step from maps ``(batch, channel, height, width)``: ``(h, c)``, shaped alike, as ``hx``."""
        if input.dim() != 4 or input.shape[1] != self.in_channels:
            raise ValueError(
                f"input has shape {tuple(input.shape)}; expected (batch, channel, height, width) with "
                f"{self.in_channels} channels; a cell takes one time step"
            )
        expect_dtype(input, self.weight_ih)
        shape = (len(input), self.hidden_channels, *input.shape[2:])
        hidden, cell = initial_states(hx, ("h", "c"), shape, input)
        return self.step(self.input_part(input), hidden, cell)

    def input_part(self, frames: Tensor) -> Tensor:
        """The part of the pre-activations that needs no state, ``W_ih * x + b_ih + b_hh``, for many frames at once."""
        bias = None if self.bias_ih is None or self.bias_hh is None else self.bias_ih + self.bias_hh
        return functional.conv2d(frames, self.weight_ih, bias, padding="same")

    def step(self, input_part: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step from `input_part` of its frame; returns ``(h, c)``."""
        recurrent = functional.conv2d(hidden, self.weight_hh, padding="same")
        return lstm_update(input_part + recurrent, cell)

    def extra_repr(self) -> str:
        """Sizes, for ``repr``."""
        return f"{self.in_channels}, {self.hidden_channels}, kernel_size={self.kernel_size}, bias={self.bias}"


class ConvLSTM(nn.Module):
    """Layers of `ConvLSTMCell` over a sequence of maps; called like ``nn.LSTM``.

    Args:
        in_channels: channels of the input maps.
        hidden_channels: channels of the states of every layer.
        kernel_size: side of all kernels, odd.
        num_layers: layers, each reading the one below.
        bias: whether there are biases.
        batch_first: whether input and output are ``(batch, time, …)`` instead of ``(time, batch, …)``.
        dropout: share of the entries dropped between layers while training.

    Source: Shi et al. (2015), Convolutional LSTM network, eq. 3, without peepholes.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        kernel_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_channels = positive("in_channels", in_channels)
        self.hidden_channels = positive("hidden_channels", hidden_channels)
        self.kernel_size = _kernel(kernel_size)
        self.num_layers = positive("num_layers", num_layers)
        self.bias, self.batch_first, self.dropout = bias, batch_first, probability("dropout", dropout)
        widths = [in_channels] + [hidden_channels] * (num_layers - 1)
        self.cells = nn.ModuleList(ConvLSTMCell(width, hidden_channels, kernel_size, bias=bias) for width in widths)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the sequence: ``output, (h_n, c_n)``.

        The input is ``(batch, time, channel, height, width)`` with ``batch_first``, else time first; the states are
        ``(layers, batch, hidden channel, height, width)``.
        """
        weight, axes = self.get_parameter("cells.0.weight_ih"), ("channel", "height", "width")
        steps = time_major(input, weight, self.batch_first, self.in_channels, axes)
        shape = (self.num_layers, steps.shape[1], self.hidden_channels, *steps.shape[3:])
        h_0, c_0 = initial_states(hx, ("h_0", "c_0"), shape, steps)
        last_hidden, last_cell = [], []
        for layer, cell in enumerate(self.cells):
            assert isinstance(cell, ConvLSTMCell)
            steps, hidden, content = _over_time(cell, steps, h_0[layer], c_0[layer])
            last_hidden.append(hidden)
            last_cell.append(content)
            if layer < self.num_layers - 1:
                steps = functional.dropout(steps, self.dropout, self.training)
        output = steps.transpose(0, 1) if self.batch_first else steps
        return output, (torch.stack(last_hidden), torch.stack(last_cell))


def _over_time(cell: ConvLSTMCell, steps: Tensor, hidden: Tensor, content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All h of one layer, ``(time, batch, hidden channel, height, width)``, and its last h and c."""
    # One convolution for the inputs of all steps: only what needs the state is left to the loop.
    parts = torch.split(cell.input_part(steps.flatten(0, 1)), steps.shape[1])
    outputs = []
    for part in parts:
        hidden, content = cell.step(part, hidden, content)
        outputs.append(hidden)
    return torch.stack(outputs), hidden, content
