"""The networks of the coursework, and those that the book compares them with.

`Forecaster` predicts from windows, `TextClassifier` names the class of a text, `CausalConvolutions` read a sequence
without recurrence. Recurrent layers are untouched ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``, so every instrument of the
package attaches to ``net.rnn``. Initial weights are torch's; call ``torch.manual_seed`` before building. A kind or read
that does not exist, a size below 1, a dropout outside [0, 1) and an input that does not fit are a ``ValueError``.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnncourse.text import PADDING, Encoded, Layout, TextBatches
from rnncourse.training import predict

__all__ = ["CausalConvolutions", "Forecaster", "Kind", "Read", "TextClassifier", "TextRead", "class_logits"]
__all__ += ["emotion_network", "power_network", "weather_network"]

Kind = Literal["rnn", "lstm", "gru"]
Read = Literal["last", "ends", "each"]
TextRead = Literal["last", "true-last", "packed", "max", "mean"]
Recurrent = nn.RNN | nn.LSTM | nn.GRU

_KINDS: Mapping[str, type[Recurrent]] = MappingProxyType({"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU})


# --- from windows to forecasts


class Forecaster(nn.Module):
    """Recurrent layers, read at one or every step, and a linear layer on what is read.

    Args:
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        input_size: features per step.
        hidden_size: units per layer and direction; ``num_layers`` of them are stacked.
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
        _check_choice("read", read, get_args(Read))
        _check_sizes(output_size=output_size)
        _check_shares(dropout=dropout)
        self.kind, self.read = kind, read
        self.rnn = _layers(kind, input_size, hidden_size, num_layers, dropout, bidirectional)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(hidden_size * (1 + bidirectional), output_size)

    def forward(self, x: Tensor) -> Tensor:
        """From windows ``(batch, time, feature)`` to ``(batch, output_size)``, with a time axis if each is read."""
        features = self.rnn.input_size
        if x.ndim != 3 or x.shape[-1] != features or x.shape[1] < 1:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected (batch, time, {features}) with at least one step."
            )
        if not x.is_floating_point():
            raise ValueError(f"x has dtype {x.dtype}; expected floating-point numbers: convert with x.float().")
        seen, _ = self.rnn(x)
        if self.read == "ends" and self.rnn.bidirectional:
            forward, backward = seen.chunk(2, dim=-1)
            seen = torch.cat([forward[:, -1], backward[:, 0]], dim=-1)
        elif self.read != "each":
            seen = seen[:, -1]
        prediction: Tensor = self.head(self.dropout(seen))
        return prediction


def power_network(
    kind: Literal["rnn", "lstm", "gru", "bilstm"], *, input_size: int = 1, read: Read = "last"
) -> Forecaster:
    """A network of the household power task: 2 recurrent layers of 64 units, last step, one output.

    ``"rnn"`` has 12,673 parameters, ``"lstm"`` 50,497, ``"gru"`` 37,889 and ``"bilstm"`` 133,761 with one feature.

    Source: coursework, homework 5, question 7.
    """
    _check_choice("kind", kind, ("rnn", "lstm", "gru", "bilstm"))
    cell: Kind = "lstm" if kind == "bilstm" else kind
    return Forecaster(cell, input_size=input_size, num_layers=2, bidirectional=kind == "bilstm", read=read)


def weather_network(kind: Kind, *, input_size: int = 1) -> Forecaster:
    """A network of the weather task: 4 recurrent layers of 50 units, dropout 0.2 after each, one output.

    With one feature ``"lstm"``, ``"gru"`` and ``"rnn"`` have 71,051, 53,901 and 17,801 parameters as Keras stores them.
    torch keeps two biases per gate, so it has 71,851, 53,901 and 18,001.

    Source: coursework, homework 6, question 3.
    """
    return Forecaster(kind, input_size=input_size, hidden_size=50, num_layers=4, dropout=0.2)


# --- from texts to classes


class TextClassifier(nn.Module):
    """An embedding, recurrent layers, a way to read them, and a head on what is read.

    Texts are packed where two directions read them. One direction reaches the last token before any padding behind it,
    so its states there are the same with and without packing. It runs on the rectangle: on a CPU the backward pass of a
    packed sequence takes time that grows with the square of its length.

    Args:
        kind: as in `Forecaster`, as are ``hidden_size``, ``num_layers`` and ``bidirectional``.
        vocabulary_size: ids, padding 0 and unknown 1 included: ``len(vocabulary)``.
        classes: classes to name.
        embedding_dim: entries of a word's vector.
        read: what the head sees of the last layer. ``"last"``: the states after the last step of the row, padding
            read like words. ``"true-last"``: the outputs at the text's last token; the backward direction is read at
            the first one, where it has gone through the padding. ``"packed"``: the states after the text, which no
            direction leaves, as in a packed sequence. ``"max"`` and ``"mean"``: of each output over the text's tokens,
            likewise.
        dropout: probability of dropping an output of a recurrent layer while training, between layers and before
            the head.
        embedding_dropout: probability of dropping an entry of a word's vector while training.
        head: from what is read, ``(batch, hidden_size)`` or twice as wide with two directions, to ``(batch,
            classes)``. None takes one linear layer.

    Attributes:
        embedding: the table of word vectors; row 0, the padding, is zero and stays zero.
        rnn: the recurrent layers, ``batch_first``.
        head: as given, or the linear layer.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        vocabulary_size: int,
        hidden_size: int,
        classes: int,
        embedding_dim: int = 100,
        num_layers: int = 1,
        bidirectional: bool = False,
        read: TextRead = "packed",
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        _check_choice("read", read, get_args(TextRead))
        _check_sizes(vocabulary_size=vocabulary_size, embedding_dim=embedding_dim, classes=classes)
        _check_shares(dropout=dropout, embedding_dropout=embedding_dropout)
        self.kind, self.read, self.classes = kind, read, classes
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim, padding_idx=PADDING)
        self.embedding_dropout = nn.Dropout(embedding_dropout) if embedding_dropout else nn.Identity()
        self.rnn = _layers(kind, embedding_dim, hidden_size, num_layers, dropout, bidirectional)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = head if head is not None else nn.Linear(hidden_size * (1 + bidirectional), classes)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Score the classes of some texts.

        Args:
            ids: token ids, ``(batch, time)``, int64. Padding stands behind the tokens; ``read="last"`` takes it
                anywhere.
            lengths: tokens of each text, ``(batch,)``, from 1 to ``time``; None where no row has padding.

        Returns:
            Logits, ``(batch, classes)``.
        """
        _check_ids(ids, self.embedding.num_embeddings)
        if lengths is not None:
            lengths = _checked_lengths(ids, lengths, anywhere=self.read == "last")
            lengths = None if int(lengths.min()) == ids.shape[1] else lengths  # no padding: nothing to pack
        logits: Tensor = self.head(self.dropout(self._seen(ids, lengths)))
        return logits

    def vectors(self, ids: Tensor) -> Tensor:
        """Word vectors that enter the recurrent layers, ``(…, embedding_dim)``, of ids ``(…)``."""
        dropped: Tensor = self.embedding_dropout(self.embedding(ids))
        return dropped

    def _seen(self, ids: Tensor, lengths: Tensor | None) -> Tensor:
        """What the head sees, ``(batch, directions · hidden)``."""
        if self.read == "last" or (self.read == "packed" and lengths is None):
            return self._final(self.vectors(ids))
        if self.read == "true-last":
            return self._at_the_end(ids, lengths)
        if self.read == "packed" and lengths is not None:
            if self.rnn.bidirectional:
                return self._final(self._pack(ids, lengths))
            return self._at_the_end(ids[:, : int(lengths.max())], lengths)
        if lengths is None:
            output: Tensor = self.rnn(self.vectors(ids))[0]
            return output.amax(dim=1) if self.read == "max" else output.mean(dim=1)
        padding = torch.arange(int(lengths.max())) >= lengths[:, None]
        if self.rnn.bidirectional:
            output = pad_packed_sequence(self.rnn(self._pack(ids, lengths))[0], batch_first=True)[0]
        else:
            output = self.rnn(self.vectors(ids[:, : padding.shape[1]]))[0]
        padding = padding[..., None].to(ids.device)
        if self.read == "max":
            return output.masked_fill(padding, -torch.inf).amax(dim=1)
        return output.masked_fill(padding, 0.0).sum(dim=1) / (~padding).sum(dim=1)

    def _final(self, source: Tensor | PackedSequence) -> Tensor:
        """States of the last layer after the last step of each direction."""
        final = self.rnn(source)[1]
        hidden: Tensor = final[0] if isinstance(final, tuple) else final
        return hidden[-(1 + self.rnn.bidirectional) :].transpose(0, 1).flatten(1)

    def _at_the_end(self, ids: Tensor, lengths: Tensor | None) -> Tensor:
        """Outputs at the last token, of the backward direction at the first step."""
        output: Tensor = self.rnn(self.vectors(ids))[0]
        forward, *backward = output.chunk(1 + self.rnn.bidirectional, dim=-1)
        at_end = forward[:, -1] if lengths is None else forward[torch.arange(len(ids)), lengths - 1]
        return torch.cat([at_end, *(states[:, 0] for states in backward)], dim=-1)

    def _pack(self, ids: Tensor, lengths: Tensor) -> PackedSequence:
        """Word vectors without padding; the ids are packed rather than the vectors, which are many times as large."""
        in_order = bool((lengths[1:] <= lengths[:-1]).all())  # as `TextBatches` draws them; others have to be sorted
        packed = pack_padded_sequence(ids, lengths, batch_first=True, enforce_sorted=in_order)
        return packed._replace(data=self.vectors(packed.data))


def emotion_network(*, vocabulary_size: int = 60_000, classes: int = 6, read: TextRead = "last") -> TextClassifier:
    """The network of the emotion task: a bidirectional GRU of 128 units and two dense layers, with much dropout.

    With the sizes below it has 6,194,502 parameters in Keras, 512 of them the moving mean and variance of batch
    normalisation. torch keeps these as buffers and has 6,193,990. The coursework reads padding like words, ``"last"``.

    Source: coursework, homework 6, question 4.
    """
    _check_sizes(classes=classes)
    head = nn.Sequential(
        nn.BatchNorm1d(256), nn.Dropout(0.5), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, classes)
    )
    sizes = {"vocabulary_size": vocabulary_size, "hidden_size": 128, "classes": classes}
    return TextClassifier("gru", **sizes, bidirectional=True, read=read, head=head)


def class_logits(
    net: nn.Module,
    encoded: Encoded,
    *,
    batch_size: int = 256,
    layout: Layout = "packed",
    length: int | None = None,
    device: str = "auto",
) -> NDArray[np.float32] | NDArray[np.float64]:
    """What a network says of some texts, in evaluation mode, in the order of the texts.

    Inside, texts of similar length share a batch, which saves most of the padding; their order is put back.

    Args:
        net: a `TextClassifier`, or any module called with ids and lengths; afterwards as it was.
        encoded: the texts.
        batch_size: texts per batch; ``layout`` and ``length`` as in `TextBatches`, ``device`` as in `predict`.

    Returns:
        Logits, ``(n, classes)``; row k belongs to text k.
    """
    order = np.argsort(-encoded.lengths, kind="stable")
    nothing = np.zeros(len(encoded), np.int64)  # a prediction looks at no label
    logits = predict(net, TextBatches(encoded.take(order), nothing, batch_size, layout, length), device=device)
    back = np.empty_like(logits)
    back[order] = logits
    return back


# --- convolutions over time


class CausalConvolutions(nn.Module):
    """A stack of convolutions over time in which no output sees a later input, with tanh after each.

    Every layer puts out ``channels`` features; ``dilations`` are the distances between the steps under its kernel. An
    output can depend on ``receptive_field`` steps, itself included: 1 + (kernel_size - 1) · sum(dilations).

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
        """From ``(batch, time, input_size)`` to ``(batch, time, channels)``, each entry in (-1, 1)."""
        if x.ndim != 3 or x.shape[-1] != self.input_size:
            raise ValueError(f"x has shape {tuple(x.shape)}; expected (batch, time, {self.input_size}).")
        states = x.transpose(1, 2)
        for layer, pad in zip(self.layers, self.pads, strict=True):
            states = torch.tanh(layer(nn.functional.pad(states, (pad, 0))))
        return states.transpose(1, 2)


# --- checks


def _layers(
    kind: str, input_size: int, hidden_size: int, num_layers: int, dropout: float, bidirectional: bool
) -> Recurrent:
    _check_choice("kind", kind, _KINDS)
    _check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
    between = dropout if num_layers > 1 else 0.0  # torch's acts between the layers; the last one's is the network's
    sizes = (input_size, hidden_size, num_layers)
    return _KINDS[kind](*sizes, batch_first=True, dropout=between, bidirectional=bidirectional)


def _check_ids(ids: Tensor, known: int) -> None:
    if ids.ndim != 2 or 0 in ids.shape or ids.dtype not in (torch.int32, torch.int64):
        raise ValueError(
            f"ids have shape {tuple(ids.shape)} and dtype {ids.dtype}; expected token ids (batch, time), int64, "
            "with at least one text and one step."
        )
    # Elsewhere the look would wait for the device, and `meta` has nothing to look at.
    if ids.device.type == "cpu" and not 0 <= int(ids.min()) <= int(ids.max()) < known:
        raise ValueError(
            f"ids go from {int(ids.min())} to {int(ids.max())}; expected 0 to {known - 1}: "
            "encode the texts with the vocabulary that the network was built for."
        )


def _checked_lengths(ids: Tensor, lengths: Tensor, *, anywhere: bool) -> Tensor:
    """The lengths where packing wants them, on the CPU; ``anywhere``: the padding may be in front too."""
    if tuple(lengths.shape) != (len(ids),) or lengths.dtype not in (torch.int32, torch.int64):
        raise ValueError(
            f"lengths have shape {tuple(lengths.shape)} and dtype {lengths.dtype}; expected the tokens of each of the "
            f"{len(ids)} texts, int64."
        )
    lengths = lengths.cpu().long()
    if not 1 <= int(lengths.min()) <= int(lengths.max()) <= ids.shape[1]:
        raise ValueError(
            f"lengths go from {int(lengths.min())} to {int(lengths.max())}; expected 1 to {ids.shape[1]}, the steps of "
            "ids: rnncourse.text.pad gives an empty text one unknown token."
        )
    if not anywhere and ids.device.type == "cpu" and bool((ids[:, 0] == PADDING).any()):
        row = int((ids[:, 0] == PADDING).int().argmax())
        raise ValueError(f'row {row} of ids begins with padding; pad behind the text, or build with read="last".')
    return lengths


def _check_choice(name: str, choice: str, known: Iterable[str]) -> None:
    if choice not in (names := tuple(known)):
        raise ValueError(f"{name} is {choice!r}; expected one of {', '.join(map(repr, names))}.")


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} is {size!r}; expected a whole number of at least 1.")


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0.0 <= share < 1.0:
            raise ValueError(f"{name} is {share}; expected a probability in [0, 1).")
