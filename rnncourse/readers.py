"""Networks that read a sequence and name something: causal convolutions, and one frame for all bodies.

A *body* turns a sequence of features into a sequence of states: an untouched ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``,
or `CausalConvolutions`. A `SequenceReader` puts tokens in front of it and a linear layer behind it, and says where the
body is read. So two bodies can be compared with everything else the same.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["CausalConvolutions", "FlatReader", "Recurrent", "SequenceReader"]

Recurrent = nn.RNN | nn.LSTM | nn.GRU
Where = Literal["last", "max", "each"]


class CausalConvolutions(nn.Module):
    """A stack of convolutions over time in which no output sees a later input, with tanh after each.

    Args:
        input_size: features per step.
        channels: output features of every layer.
        kernel_size: steps under a kernel, at least 1.
        dilations: distance between the steps under a kernel, one number per layer.

    Attributes:
        receptive_field: steps that an output can depend on, itself included: 1 + (kernel_size - 1) · sum(dilations).

    Raises:
        ValueError: a size or a dilation is below 1, or there is no layer.

    Source: van den Oord et al. (2016), WaveNet, section 2.1.
    """

    def __init__(self, input_size: int, channels: int, *, kernel_size: int, dilations: Sequence[int]) -> None:
        super().__init__()
        if not dilations or min(input_size, channels, kernel_size, *dilations) < 1:
            raise ValueError(
                "input_size, channels, kernel_size and each of dilations must be at least 1, got "
                f"{input_size}, {channels}, {kernel_size} and {tuple(dilations)}; give one dilation per layer."
            )
        widths = [input_size, *[channels] * (len(dilations) - 1)]
        self.input_size = input_size
        self.pads = [(kernel_size - 1) * dilation for dilation in dilations]
        self.layers = nn.ModuleList(
            nn.Conv1d(width, channels, kernel_size, dilation=dilation)
            for width, dilation in zip(widths, dilations, strict=True)
        )
        self.receptive_field = 1 + sum(self.pads)

    def forward(self, x: Tensor) -> Tensor:
        """Read sequences.

        Args:
            x: ``(batch, time, input_size)``.

        Returns:
            ``(batch, time, channels)``, each entry in (-1, 1).

        Raises:
            ValueError: ``x`` has another shape.
        """
        if x.ndim != 3 or x.shape[-1] != self.input_size:
            raise ValueError(f"x has shape {tuple(x.shape)}; expected (batch, time, {self.input_size}).")
        states = x.transpose(1, 2)
        for layer, pad in zip(self.layers, self.pads, strict=True):
            states = torch.tanh(layer(nn.functional.pad(states, (pad, 0))))
        return states.transpose(1, 2)


class SequenceReader(nn.Module):
    """Tokens or features, a body, a place to read it, a linear layer.

    Args:
        body: a recurrent layer with ``batch_first``, or `CausalConvolutions`.
        width: features that the body puts out; twice its units where it is bidirectional.
        num_classes: classes to name.
        read: ``"last"``: the last step that is no padding; ``"max"``: the maximum of each feature over time;
            ``"each"``: every step.
        num_embeddings: tokens, padding 0 included; None where the input is features.

    Attributes:
        embedding: the table of token vectors, or None.
        body: as given.
        head: the linear layer.

    Raises:
        ValueError: ``read`` is no such place, or a recurrent body is not ``batch_first``.
    """

    def __init__(
        self,
        body: Recurrent | CausalConvolutions,
        *,
        width: int,
        num_classes: int,
        read: Where = "last",
        num_embeddings: int | None = None,
    ) -> None:
        super().__init__()
        if read not in ("last", "max", "each"):
            raise ValueError(f"read must be 'last', 'max' or 'each', got {read!r}.")
        if isinstance(body, Recurrent) and not body.batch_first:
            raise ValueError("body must read (batch, time, feature); build it with batch_first=True.")
        self.read = read
        self.embedding = None if num_embeddings is None else nn.Embedding(num_embeddings, body.input_size, 0)
        self.body, self.head = body, nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Score the classes.

        Args:
            x: tokens ``(batch, time)``, 0 for padding at the end, or features ``(batch, time, feature)`` without
                padding.

        Returns:
            Logits ``(batch, num_classes)``; with ``read="each"`` ``(batch, time, num_classes)``.
        """
        if self.embedding is None:
            lengths = torch.full((len(x),), x.shape[1])
            states = self.states(x, lengths)
        else:
            lengths = (x != 0).sum(dim=1)
            states = self.states(self.embedding(x), lengths)
        logits: Tensor = self.head(self._place(states, lengths))
        return logits

    def states(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What the body says at each step.

        Args:
            features: ``(batch, time, feature)``.
            lengths: steps of each sequence that are no padding, ``(batch,)``.

        Returns:
            ``(batch, time, width)``.
        """
        if isinstance(self.body, CausalConvolutions):
            read: Tensor = self.body(features)
            return read
        if self.body.bidirectional:  # its second direction must not start in the padding
            packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
            return pad_packed_sequence(self.body(packed)[0], batch_first=True, total_length=features.shape[1])[0]
        output: Tensor = self.body(features)[0]
        return output

    def _place(self, states: Tensor, lengths: Tensor) -> Tensor:
        if self.read == "each":
            return states
        if self.read == "last":
            return states[torch.arange(len(states)), lengths - 1]
        padding = torch.arange(states.shape[1]) >= lengths[:, None]
        return states.masked_fill(padding[..., None], -torch.inf).amax(dim=1)


class FlatReader(nn.Module):
    """A multilayer perceptron on a sequence of tokens, one-hot, each place with weights of its own.

    Args:
        num_embeddings: tokens, padding 0 included; padding is a row of zeros.
        longest: places.
        hidden_size: units of the hidden layer, with ReLU.
        num_classes: classes to name.
    """

    def __init__(self, num_embeddings: int, longest: int, hidden_size: int, num_classes: int) -> None:
        super().__init__()
        self.tokens = num_embeddings
        self.hidden = nn.Linear(longest * (num_embeddings - 1), hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of tokens ``(batch, longest)``."""
        one_hot = nn.functional.one_hot(ids, self.tokens)[..., 1:].flatten(1)
        logits: Tensor = self.head(torch.relu(self.hidden(one_hot.to(self.hidden.weight.dtype))))
        return logits
