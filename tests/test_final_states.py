"""The GRU of one study against ``nn.GRU``: both directions, packed and padded, states and gradients in float64."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from book.experiments.final_states import final_states

LENGTHS = {
    "texts of different lengths": [7, 7, 4, 2, 1],
    "texts of one length": [5, 5, 5],
    "a single text": [3],
    "padding beyond the longest text": [4, 2],
}


def made(lengths: list[int], width: int) -> tuple[nn.GRU, nn.Embedding, Tensor]:
    """A layer and word vectors with random weights, biases included, and ids with zeros after each text."""
    torch.manual_seed(len(lengths))
    gru = nn.GRU(4, 3, batch_first=True, bidirectional=True).double()
    embedding = nn.Embedding(11, 4).double()
    for weights in gru.parameters():
        nn.init.normal_(weights)
    ids = torch.randint(1, 11, (len(lengths), width))
    return gru, embedding, ids.masked_fill(torch.arange(width) >= torch.tensor(lengths)[:, None], 0)


def by_torch(gru: nn.GRU, embedding: nn.Embedding, ids: Tensor, lengths: Tensor | None) -> Tensor:
    """The same of ``nn.GRU``, on packed or on padded vectors."""
    vectors = embedding(ids)
    read = vectors if lengths is None else pack_padded_sequence(vectors, lengths, batch_first=True)
    return torch.cat([*gru(read)[1]], dim=1)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize("case", LENGTHS)
def test_states_and_gradients_are_those_of_torch(case: str, packed: bool) -> None:
    lengths = LENGTHS[case]
    width = max(lengths) + 3 * (case == "padding beyond the longest text")
    gru, embedding, ids = made(lengths, width)
    given = torch.tensor(lengths) if packed else None
    found, wanted = (read(gru, embedding, ids, given) for read in (final_states, by_torch))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    weights = [*gru.parameters(), embedding.weight]
    for one, other in zip(*(torch.autograd.grad((ends**3).sum(), weights) for ends in (found, wanted)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)
