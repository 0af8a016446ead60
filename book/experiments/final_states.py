"""The final states of a GRU on a CPU: the numbers of ``nn.GRU``, sooner, as padding of packed texts costs nothing."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class _Reading(torch.autograd.Function):
    """One direction over packed steps; the weights' gradient is one product at the end, not one per step."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, counts: list[int]) -> Tensor:
        """Final states ``(batch, hidden)`` of input terms ``(steps, 3 · hidden)``, ``counts`` rows to each step."""
        size = weight.shape[1]
        state = inputs.new_zeros(counts[0], size)
        kept, first, turned = [], 0, weight.t().contiguous()
        for count in counts:
            before = state[:count].clone()
            recurrent = torch.addmm(bias, before, turned)
            now = inputs[first : first + count]
            gates = torch.sigmoid(now[:, : 2 * size] + recurrent[:, : 2 * size])
            reset, update = gates[:, :size], gates[:, size:]
            new = torch.addcmul(now[:, 2 * size :], reset, recurrent[:, 2 * size :]).tanh_()
            state[:count] = torch.lerp(new, before, update)
            kept.append((before, gates, new, recurrent[:, 2 * size :]))
            first += count
        ctx.kept, ctx.counts, ctx.weight = kept, counts, weight
        return state

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Gradients of input terms, weight and bias; the counts have none."""
        weight, counts = ctx.weight, ctx.counts
        size, total = weight.shape[1], sum(counts)
        error = grads[0].clone()
        of_inputs, of_recurrent = error.new_empty(total, 3 * size), error.new_empty(total, 3 * size)
        last = total
        for count, (before, gates, new, proposal) in zip(reversed(counts), reversed(ctx.kept), strict=True):
            here, rows = error[:count], slice(last - count, last)
            reset, update = gates[:, :size], gates[:, size:]
            of_new = here * (1 - update) * (1 - new * new)
            of_gates = torch.cat([of_new * proposal, here * (before - new)], dim=1) * gates * (1 - gates)
            of_inputs[rows, : 2 * size], of_inputs[rows, 2 * size :] = of_gates, of_new
            of_recurrent[rows, : 2 * size], of_recurrent[rows, 2 * size :] = of_gates, of_new * reset
            error[:count] = torch.addmm(here * update, of_recurrent[rows], weight)
            last -= count
        states = torch.cat([before for before, *_ in ctx.kept])
        return of_inputs, of_recurrent.t() @ states, of_recurrent.sum(dim=0), None


def final_states(gru: nn.GRU, embedding: nn.Embedding, ids: Tensor, lengths: Tensor | None) -> Tensor:
    """What both directions hold at their end, side by side.

    Args:
        gru: one bidirectional layer.
        embedding: the word vectors.
        ids: ``(batch, time)``, padding behind the text where there are lengths.
        lengths: tokens to read of each text, the longest first; None to read whole rows.

    Returns:
        ``(batch, 2 · hidden)``, equal to ``gru(…)[1]`` of the vectors, packed if there are lengths.
    """
    if lengths is None:
        lengths = torch.full((len(ids),), ids.shape[1])
    steps = torch.arange(ids.shape[1])
    mirrored = ids.gather(1, torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, 0))
    packed = [pack_padded_sequence(source, lengths, batch_first=True) for source in (ids, mirrored)]
    vectors = embedding(torch.stack([source.data for source in packed]))
    ends = []
    for suffix, read in zip(("l0", "l0_reverse"), vectors, strict=True):
        weight, recurrent, bias, own = (
            getattr(gru, f"{kind}_{suffix}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        inputs = nn.functional.linear(read, weight, bias)
        read_by = _Reading.apply(inputs, recurrent, own, packed[0].batch_sizes.tolist())  # type: ignore[no-untyped-call]
        ends.append(read_by)
    return torch.cat(ends, dim=1)
