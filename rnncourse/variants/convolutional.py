"""An LSTM whose state is a map: every product is a convolution.

Input and states are stacks of maps ``(channel, height, width)``, and the products with both are convolutions with zero
padding. Shi et al. (2015) also let the gates see the cell through peepholes. Torch's LSTM has none, and neither has
this one: with a 1 × 1 kernel on one pixel it is ``nn.LSTM``.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnncourse.variants._arguments import initial_states, positive, time_major, uniform


class ConvLSTM(nn.Module):
    """Layers of convolutional LSTM cells over a sequence of maps; called like ``nn.LSTM``.

    ``kernel_size`` is the odd side of all kernels, which keep a map's size; biases are two per channel and gate.

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
    ) -> None:
        super().__init__()
        self.in_channels = positive("in_channels", in_channels)
        self.hidden_channels = positive("hidden_channels", hidden_channels)
        self.num_layers, self.batch_first = positive("num_layers", num_layers), batch_first
        if positive("kernel_size", kernel_size) % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}; expected an odd number, so that a map keeps its size")
        widths = [in_channels] + [hidden_channels] * (num_layers - 1)
        self.cells = nn.ModuleList(_Layer(width, hidden_channels, kernel_size, bias) for width in widths)

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
        for layer, h, c in zip(self.cells, h_0, c_0, strict=True):
            steps, hidden, cell = layer(steps, h, c)
            last_hidden.append(hidden)
            last_cell.append(cell)
        output = steps.transpose(0, 1) if self.batch_first else steps
        return output, (torch.stack(last_hidden), torch.stack(last_cell))


class _Layer(nn.Module):
    """One layer; its parameters are named as those of ``nn.LSTMCell``, gates i, f, g, o side by side."""

    def __init__(self, in_channels: int, hidden_channels: int, kernel_size: int, bias: bool) -> None:
        super().__init__()
        # torch's bound is one over the root of the hidden size; here a pre-activation sums over the kernel as well.
        bound = (hidden_channels * kernel_size**2) ** -0.5
        square = (kernel_size, kernel_size)
        self.weight_ih = uniform((4 * hidden_channels, in_channels, *square), bound)
        self.weight_hh = uniform((4 * hidden_channels, hidden_channels, *square), bound)
        self.bias_ih = uniform((4 * hidden_channels,), bound) if bias else None
        self.bias_hh = uniform((4 * hidden_channels,), bound) if bias else None

    def forward(self, steps: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All h of the layer, ``(time, batch, hidden channel, height, width)``, and its last h and c."""
        bias = None if self.bias_ih is None or self.bias_hh is None else self.bias_ih + self.bias_hh
        # One convolution for the inputs of all steps: only what needs the state is left to the loop.
        from_input = functional.conv2d(steps.flatten(0, 1), self.weight_ih, bias, padding="same")
        outputs = []
        for part in torch.split(from_input, steps.shape[1]):
            z = part + functional.conv2d(hidden, self.weight_hh, padding="same")
            z_i, z_f, z_g, z_o = z.chunk(4, dim=1)
            # c = σ(z_f) c_prev + σ(z_i) tanh(z_g),  h = σ(z_o) tanh(c)
            cell = torch.sigmoid(z_f) * cell + torch.sigmoid(z_i) * torch.tanh(z_g)
            hidden = torch.sigmoid(z_o) * torch.tanh(cell)
            outputs.append(hidden)
        return torch.stack(outputs), hidden, cell
