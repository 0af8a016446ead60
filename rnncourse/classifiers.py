"""Recurrent networks that read a text and name its class.

A `TextClassifier` keeps its recurrent layers as an untouched ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``, so every
instrument of the package attaches to ``net.rnn``; what it reads is ``net.embedding(ids)``. Initial weights are
torch's; call ``torch.manual_seed`` before building.

Texts are packed where two directions read them. One direction reaches the last token before any padding behind it, so
its states there are the same with and without packing. It runs on the rectangle: on a CPU the backward pass of a packed
sequence takes time that grows with the square of its length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnncourse.models import KINDS, Kind
from rnncourse.text import PADDING, Encoded, Layout, TextBatches
from rnncourse.training import predict

__all__ = ["TEXT_READS", "TextClassifier", "TextRead", "class_logits", "emotion_network"]

TextRead = Literal["last", "true-last", "packed", "max", "mean"]


class TextClassifier(nn.Module):
    """An embedding, recurrent layers, a way to read them, and a head on what is read.

    Args:
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        vocabulary_size: ids, padding 0 and unknown 1 included: ``len(vocabulary)``.
        hidden_size: units per layer and direction.
        classes: classes to name.
        embedding_dim: entries of a word's vector.
        num_layers: recurrent layers, stacked.
        bidirectional: let a second set of layers read the text from its end.
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

    Raises:
        ValueError: a kind or read that does not exist, a size below 1, or a dropout outside [0, 1).
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
        _check_choice("kind", kind, KINDS)
        _check_choice("read", read, TEXT_READS)
        _check_sizes(
            vocabulary_size=vocabulary_size,
            embedding_dim=embedding_dim,
            hidden_size=hidden_size,
            classes=classes,
            num_layers=num_layers,
        )
        _check_shares(dropout=dropout, embedding_dropout=embedding_dropout)
        self.kind, self.read, self.classes = kind, read, classes
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim, padding_idx=PADDING)
        self.embedding_dropout = nn.Dropout(embedding_dropout) if embedding_dropout else nn.Identity()
        self.rnn = KINDS[kind](
            embedding_dim,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=bidirectional,
        )
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

        Raises:
            ValueError: ``ids`` or ``lengths`` have another shape, dtype or range, or padding stands in front of a
                text that is not read at the last step.
        """
        self._check_ids(ids)
        if lengths is not None:
            lengths = _checked_lengths(ids, lengths, anywhere=self.read == "last")
            lengths = None if int(lengths.min()) == ids.shape[1] else lengths  # no padding: nothing to pack
        logits: Tensor = self.head(self.dropout(TEXT_READS[self.read](self, ids, lengths)))
        return logits

    def vectors(self, ids: Tensor) -> Tensor:
        """Word vectors that enter the recurrent layers, ``(…, embedding_dim)``, of ids ``(…)``."""
        dropped: Tensor = self.embedding_dropout(self.embedding(ids))
        return dropped

    def _check_ids(self, ids: Tensor) -> None:
        if ids.ndim != 2 or 0 in ids.shape or ids.dtype not in (torch.int32, torch.int64):
            raise ValueError(
                f"ids have shape {tuple(ids.shape)} and dtype {ids.dtype}; expected token ids (batch, time), int64, "
                "with at least one text and one step."
            )
        # Elsewhere the look would wait for the device, and `meta` has nothing to look at.
        if ids.device.type == "cpu" and not 0 <= int(ids.min()) <= int(ids.max()) < self.embedding.num_embeddings:
            raise ValueError(
                f"ids go from {int(ids.min())} to {int(ids.max())}; expected 0 to {self.embedding.num_embeddings - 1}: "
                "encode the texts with the vocabulary that the network was built for."
            )


def _last(net: TextClassifier, ids: Tensor, lengths: Tensor | None) -> Tensor:
    return _final(net, net.vectors(ids))


def _true_last(net: TextClassifier, ids: Tensor, lengths: Tensor | None) -> Tensor:
    output: Tensor = net.rnn(net.vectors(ids))[0]
    forward, *backward = output.chunk(1 + net.rnn.bidirectional, dim=-1)
    at_end = forward[:, -1] if lengths is None else forward[torch.arange(len(ids)), lengths - 1]
    return torch.cat([at_end, *(states[:, 0] for states in backward)], dim=-1)


def _packed(net: TextClassifier, ids: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return _final(net, net.vectors(ids))
    if net.rnn.bidirectional:
        return _final(net, _pack(net, ids, lengths))
    return _true_last(net, ids[:, : int(lengths.max())], lengths)


def _max(net: TextClassifier, ids: Tensor, lengths: Tensor | None) -> Tensor:
    output, padding = _outputs(net, ids, lengths)
    return (output if padding is None else output.masked_fill(padding, -torch.inf)).amax(dim=1)


def _mean(net: TextClassifier, ids: Tensor, lengths: Tensor | None) -> Tensor:
    output, padding = _outputs(net, ids, lengths)
    if padding is None:
        return output.mean(dim=1)
    return output.masked_fill(padding, 0.0).sum(dim=1) / (~padding).sum(dim=1)


TEXT_READS: Mapping[str, Callable[[TextClassifier, Tensor, Tensor | None], Tensor]] = MappingProxyType(
    {"last": _last, "true-last": _true_last, "packed": _packed, "max": _max, "mean": _mean}
)
"""The places where a `TextClassifier` can be read."""


def _pack(net: TextClassifier, ids: Tensor, lengths: Tensor) -> PackedSequence:
    """Word vectors without padding; the ids are packed rather than the vectors, which are many times as large."""
    in_order = bool((lengths[1:] <= lengths[:-1]).all())  # as `TextBatches` draws them; others have to be sorted
    packed = pack_padded_sequence(ids, lengths, batch_first=True, enforce_sorted=in_order)
    return packed._replace(data=net.vectors(packed.data))


def _final(net: TextClassifier, source: Tensor | PackedSequence) -> Tensor:
    """States of the last layer after the last step of each direction, ``(batch, directions · hidden)``."""
    final = net.rnn(source)[1]
    hidden: Tensor = final[0] if isinstance(final, tuple) else final
    return hidden[-(1 + net.rnn.bidirectional) :].transpose(0, 1).flatten(1)


def _outputs(net: TextClassifier, ids: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Outputs of the last layer, ``(batch, time, directions · hidden)``, and where there is none, if anywhere."""
    if lengths is None:
        return net.rnn(net.vectors(ids))[0], None
    padding = torch.arange(int(lengths.max())) >= lengths[:, None]
    if net.rnn.bidirectional:
        output, _ = pad_packed_sequence(net.rnn(_pack(net, ids, lengths))[0], batch_first=True)
    else:
        output = net.rnn(net.vectors(ids[:, : padding.shape[1]]))[0]
    return output, padding[..., None].to(ids.device)


def emotion_network(*, vocabulary_size: int = 60_000, classes: int = 6, read: TextRead = "last") -> TextClassifier:
    """The network of the emotion task: a bidirectional GRU of 128 units and two dense layers, with much dropout.

    An embedding of 100 entries; both final states through batch normalisation and dropout 0.5; 64 units with ReLU and
    dropout 0.5; one output per class. With the sizes below it has 6,194,502 parameters in Keras, 512 of them the
    moving mean and variance of batch normalisation. torch keeps these as buffers and has 6,193,990 parameters.

    Args:
        vocabulary_size: rows of the embedding.
        classes: classes to name.
        read: as in `TextClassifier`; the coursework reads padding like words, ``"last"``.

    Returns:
        The network, with torch's initial weights and torch's settings of batch normalisation.

    Raises:
        ValueError: a size is below 1, or there is no such read.

    Source: coursework, homework 6, question 4.
    """
    _check_sizes(classes=classes)
    head = nn.Sequential(
        nn.BatchNorm1d(256), nn.Dropout(0.5), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, classes)
    )
    return TextClassifier(
        "gru",
        vocabulary_size=vocabulary_size,
        embedding_dim=100,
        hidden_size=128,
        classes=classes,
        bidirectional=True,
        read=read,
        head=head,
    )


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
        batch_size: texts per batch.
        layout: where the padding goes, as in `TextBatches`.
        length: steps of every batch; None takes those of its longest text.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Returns:
        Logits, ``(n, classes)``; row k belongs to text k.

    Raises:
        ValueError: there is no text, one is longer than ``length``, or the device or layout is unknown.
    """
    order = np.argsort(-encoded.lengths, kind="stable")
    nothing = np.zeros(len(encoded), np.int64)  # a prediction looks at no label
    batches = TextBatches(encoded.take(order), nothing, batch_size, layout, length)
    logits = predict(net, batches, device=device)
    back = np.empty_like(logits)
    back[order] = logits
    return back


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


def _check_choice(name: str, choice: str, known: Mapping[str, object]) -> None:
    if choice not in known:
        raise ValueError(f"{name} is {choice!r}; expected one of {', '.join(map(repr, known))}.")


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} is {size!r}; expected a whole number of at least 1.")


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0.0 <= share < 1.0:
            raise ValueError(f"{name} is {share}; expected a probability in [0, 1).")
