"""The networks of the coursework: recurrent layers, a way to read them, one linear layer.

A `Forecaster` keeps its recurrent layers as an untouched ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``, so every instrument
of the package attaches to ``net.rnn``. Initial weights are torch's; call ``torch.manual_seed`` before building.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["KINDS", "READS", "Forecaster", "Kind", "Read", "power_network", "weather_network"]

Kind = Literal["rnn", "lstm", "gru"]
Read = Literal["last", "ends", "each"]

KINDS: Mapping[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]] = MappingProxyType(
    {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
)


def _last(output: Tensor, directions: int) -> Tensor:
    return output[:, -1]


def _ends(output: Tensor, directions: int) -> Tensor:
    if directions == 1:
        return output[:, -1]
    forward, backward = output.chunk(2, dim=-1)
    return torch.cat([forward[:, -1], backward[:, 0]], dim=-1)


def _each(output: Tensor, directions: int) -> Tensor:
    return output


READS: Mapping[str, Callable[[Tensor, int], Tensor]] = MappingProxyType({"last": _last, "ends": _ends, "each": _each})


class Forecaster(nn.Module):
    """Recurrent layers, read at one or every step, and a linear layer on what is read.

    Args:
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        input_size: features per step.
        hidden_size: units per layer and direction.
        num_layers: recurrent layers, stacked.
        dropout: probability of dropping an output of *each* recurrent layer while training, the last layer's
            included, as a dropout layer after every recurrent one does.
        output_size: numbers to predict.
        bidirectional: let a second set of layers read the window from its end.
        read: which outputs the linear layer sees. ``"last"``: those of the last step, in both directions, as the
            coursework does; the backward direction has then seen one step. ``"ends"``: each direction where it has
            read everything, the forward one at the last step, the backward one at the first. ``"each"``: every step.

    Attributes:
        rnn: the recurrent layers, ``batch_first``.
        head: the linear layer.

    Raises:
        ValueError: a kind or read that does not exist, a size below 1, or a dropout outside [0, 1).
    """

    def __init__(
        self,
        kind: Kind,
        *,
        input_size: int = 1,
        hidden_size: int = 64,
        num_layers: int = 2,
        dropout: float = 0.0,
        output_size: int = 1,
        bidirectional: bool = False,
        read: Read = "last",
    ) -> None:
        super().__init__()
        _check_choice("kind", kind, KINDS)
        _check_choice("read", read, READS)
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        _check_sizes(sizes | {"output_size": output_size})
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout is {dropout}; expected a probability in [0, 1).")
        self.kind, self.read = kind, read
        self.rnn = KINDS[kind](
            **sizes,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,  # torch's acts between the layers; the last one's stands below
            bidirectional=bidirectional,
        )
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(hidden_size * (1 + bidirectional), output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from windows.

        Args:
            x: windows, ``(batch, time, feature)``.

        Returns:
            ``(batch, output_size)``; with ``read="each"`` ``(batch, time, output_size)``.

        Raises:
            ValueError: ``x`` has another shape, no step, or holds no floating-point numbers.
        """
        features = self.rnn.input_size
        if x.ndim != 3 or x.shape[-1] != features or x.shape[1] < 1:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected (batch, time, {features}) with at least one step."
            )
        if not x.is_floating_point():
            raise ValueError(f"x has dtype {x.dtype}; expected floating-point numbers: convert with x.float().")
        output, _ = self.rnn(x)
        read = READS[self.read](output, 1 + self.rnn.bidirectional)
        prediction: Tensor = self.head(self.dropout(read))
        return prediction


def power_network(
    kind: Literal["rnn", "lstm", "gru", "bilstm"], *, input_size: int = 1, read: Read = "last"
) -> Forecaster:
    """A network of the household power task: 2 recurrent layers of 64 units, last step, one output.

    Args:
        kind: ``"rnn"`` (12,673 parameters), ``"lstm"`` (50,497), ``"gru"`` (37,889) or ``"bilstm"`` (133,761).
        input_size: features per step; the counts are for 1.
        read: as in `Forecaster`.

    Returns:
        The network, with torch's initial weights.

    Raises:
        ValueError: there is no such kind.

    Source: coursework, homework 5, question 7.
    """
    _check_choice("kind", kind, ("rnn", "lstm", "gru", "bilstm"))
    cell: Kind = "lstm" if kind == "bilstm" else kind
    return Forecaster(cell, input_size=input_size, num_layers=2, bidirectional=kind == "bilstm", read=read)


def weather_network(kind: Kind, *, input_size: int = 1) -> Forecaster:
    """A network of the weather task: 4 recurrent layers of 50 units, dropout 0.2 after each, one output.

    Args:
        kind: ``"lstm"``, ``"gru"`` or ``"rnn"``: 71,051, 53,901 and 17,801 parameters as Keras stores them. torch
            keeps two biases per gate, so it has 71,851, 53,901 and 18,001.
        input_size: features per step; the counts are for 1.

    Returns:
        The network, with torch's initial weights.

    Raises:
        ValueError: there is no such kind.

    Source: coursework, homework 6, question 3.
    """
    return Forecaster(kind, input_size=input_size, hidden_size=50, num_layers=4, dropout=0.2)


def _check_choice(name: str, choice: str, known: Mapping[str, object] | tuple[str, ...]) -> None:
    if choice not in known:
        raise ValueError(f"{name} is {choice!r}; expected one of {', '.join(map(repr, known))}.")


def _check_sizes(sizes: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} is {size!r}; expected a whole number of at least 1.")
