"""A study for *Learning: a loop you write*: is a training with tanh more stable than one without a bound?

The network and the task are those of the chapter: the sign of the first of twenty inputs. Synthetic.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from rnncourse.studies import Scale, Study

STEPS, UNITS, BATCH, EPOCHS = 20, 16, 32, 25
SETTINGS = (*(("adam", lr) for lr in (0.003, 0.01, 0.03, 0.1)), *(("sgd", lr) for lr in (0.03, 0.1, 0.3, 1.0)))
GUESS = math.log(2)


@dataclass(frozen=True, kw_only=True)
class SignConfig:
    """One network, trained in each of the `SETTINGS`.

    Attributes:
        phi: ``tanh`` or ``relu``.
        seed: of data, initial weights and order of the batches.
    """

    phi: str
    seed: int


class FirstSign(nn.Module):
    """A plain RNN whose last state is read by a linear layer."""

    def __init__(self, phi: str) -> None:
        super().__init__()
        self.rnn, self.head = nn.RNN(1, UNITS, nonlinearity=phi, batch_first=True), nn.Linear(UNITS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch,)``."""
        logits: Tensor = self.head(self.rnn(x)[0][:, -1])[:, 0]
        return logits


def side_by_side(nets: Sequence[FirstSign], x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits ``(net, batch)`` of networks with one nonlinearity, and the largest size of an entry of their states."""
    names = ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0", "head.weight", "head.bias")
    w_in, w, b_in, b, v, b_out = (torch.stack([net.get_parameter(name) for net in nets]) for name in names)
    phi = {"tanh": torch.tanh, "relu": torch.relu}[nets[0].rnn.nonlinearity]
    reads = x * w_in[:, None, None, :, 0] + (b_in + b)[:, None, None]
    h, largest = x.new_zeros(len(nets), len(x), UNITS), x.new_zeros(len(nets))
    for read in reads.unbind(2):
        h = phi(read + h @ w.mT)
        largest = torch.maximum(largest, h.detach().abs().amax(dim=(1, 2)))
    return (h @ v.mT)[..., 0] + b_out, largest


def first_sign(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Inputs ``(count, STEPS, 1)``, 1 or -1 at first and between -0.5 and 0.5 after it; and whether the first is 1."""
    x = torch.rand(count, STEPS, 1, generator=generator) - 0.5
    y = torch.randint(2, (count,), generator=generator).float()
    x[:, 0, 0] = 2 * y - 1
    return x, y


def losses_of(logits: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of each network, ``(net,)``."""
    return binary_cross_entropy_with_logits(logits, y.expand_as(logits), reduction="none").mean(dim=1)


def run_sign(config: SignConfig, device: str) -> dict[str, Any]:
    """Train a network in every setting without clipping, and watch it after every epoch; always on the CPU.

    Returns:
        Lists, a setting each: ``right``, by epochs, the share of the validation sequences that are answered right, and
        ``losses`` there; ``largest``, the largest size of an entry of a state there, of all epochs. ``unstable``: 1
        where after some epoch that loss is above twice that of a guess or not finite, or where the share falls below
        0.9 after it was 0.99 or more; ``learned``: 1 where it is 0.99 or more at the end.
    """
    data, order = Generator().manual_seed(config.seed), Generator().manual_seed(config.seed)
    (x, y), (x_val, y_val) = first_sign(256, data), first_sign(500, data)
    torch.manual_seed(config.seed)
    first = FirstSign(config.phi)
    nets = [copy.deepcopy(first) for _ in SETTINGS]
    optimisers = [optimiser(net, *setting) for net, setting in zip(nets, SETTINGS, strict=True)]
    losses, right, largest = [], [], []
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x), generator=order).split(BATCH):  # type: ignore[no-untyped-call]
            loss = losses_of(side_by_side(nets, x[batch])[0], y[batch]).sum()  # no network has a part in another's
            for one in optimisers:
                one.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for one in optimisers:
                one.step()
        with torch.no_grad():
            logits, sizes = side_by_side(nets, x_val)
        losses.append(losses_of(logits, y_val).tolist())
        right.append(((logits > 0) == (y_val > 0)).float().mean(dim=1).tolist())
        largest.append(sizes.tolist())
    shares = [list(column) for column in zip(*right, strict=True)]
    courses = [list(column) for column in zip(*losses, strict=True)]
    return {
        "learned": [int(share[-1] >= 0.99) for share in shares],
        "unstable": [int(one) for one in map(unstable, courses, shares)],
        "largest": torch.tensor(largest).amax(dim=0).tolist(),
        "right": [[round(one, 4) for one in share] for share in shares],
        "losses": [[float(f"{one:.4g}") for one in course] for course in courses],
    }


def optimiser(net: nn.Module, name: str, lr: float) -> torch.optim.Optimizer:
    """Adam, or gradient descent with momentum."""
    if name == "adam":
        return torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    return torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, fused=True)


def unstable(losses: Sequence[float], right: Sequence[float]) -> bool:
    """Whether a loss is above twice that of a guess or not finite, or a share below 0.9 follows one of 0.99 or more."""
    first = next((epoch for epoch, share in enumerate(right) if share >= 0.99), len(right))
    return not all(loss <= 2 * GUESS for loss in losses) or any(share < 0.9 for share in right[first:])


def sign_grid(scale: Scale, seeds: int) -> list[SignConfig]:
    """Both functions, at both scales."""
    return [SignConfig(phi=phi, seed=seed) for seed in range(seeds) for phi in ("tanh", "relu")]


STUDY = Study(
    name="tanh-or-relu",
    about="is a training with tanh more stable than one with ReLU?",
    seeds=5,
    grid=sign_grid,
    run=run_sign,
    notes="Generated sequences of 20 steps. A plain RNN of 16 units, 25 epochs of 8 batches, no clipping; torch's "
    "initial weights, the same for both functions. The settings, in the order of the lists: Adam at 0.003, 0.01, 0.03 "
    "and 0.1, then SGD with momentum 0.9 at 0.03, 0.1, 0.3 and 1.",
)
STUDIES = (STUDY,)
