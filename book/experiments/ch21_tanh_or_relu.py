"""A study for *Learning: a loop you write*: is a training with tanh more stable than one without a bound?

The network and the task are those of the chapter: the sign of the first of twenty inputs. Synthetic.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from rnncourse.studies import Scale, Study

STEPS, UNITS, BATCH, EPOCHS = 20, 16, 32, 50
RATES = {"adam": (0.003, 0.01, 0.03, 0.1), "sgd": (0.03, 0.1, 0.3, 1.0)}
GUESS = math.log(2)


@dataclass(frozen=True, kw_only=True)
class SignConfig:
    """One training.

    Attributes:
        phi: ``tanh`` or ``relu``.
        optimiser: ``adam``, or ``sgd`` with momentum 0.9.
        lr: its constant rate.
        seed: of data, initial weights and order of the batches.
    """

    phi: str
    optimiser: str
    lr: float
    seed: int


class FirstSign(nn.Module):
    """A plain RNN whose last state is read by a linear layer."""

    def __init__(self, phi: str) -> None:
        super().__init__()
        self.rnn, self.head = nn.RNN(1, UNITS, nonlinearity=phi, batch_first=True), nn.Linear(UNITS, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(batch,)`` and states ``(batch, time, unit)``."""
        states = self.rnn(x)[0]
        return self.head(states[:, -1])[:, 0], states


def first_sign(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Inputs ``(count, STEPS, 1)``, 1 or -1 at first and between -0.5 and 0.5 after it; and whether the first is 1."""
    x = torch.rand(count, STEPS, 1, generator=generator) - 0.5
    y = torch.randint(2, (count,), generator=generator).float()
    x[:, 0, 0] = 2 * y - 1
    return x, y


def run_sign(config: SignConfig, device: str) -> dict[str, Any]:
    """Train one network without clipping, and watch it after every epoch; always on the CPU.

    Returns:
        ``right``, by epochs, the share of the validation sequences that are answered right, and ``losses`` there;
        ``largest``, the largest size of an entry of a state there, of all epochs. ``unstable``: 1.0 where after some
        epoch that loss is above twice that of a guess or not finite, or where the share falls below 0.9 after it was
        0.99 or more; ``learned``: 1.0 where it is 0.99 or more at the end.
    """
    data, order = Generator().manual_seed(config.seed), Generator().manual_seed(config.seed)
    (x, y), (x_val, y_val) = first_sign(256, data), first_sign(500, data)
    torch.manual_seed(config.seed)
    net = FirstSign(config.phi)
    sgd = config.optimiser == "sgd"
    weights = [*net.parameters()]
    optimiser = torch.optim.SGD(weights, config.lr, momentum=0.9) if sgd else torch.optim.Adam(weights, config.lr)
    losses, right, largest = [], [], 0.0
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x), generator=order).split(BATCH):
            loss = binary_cross_entropy_with_logits(net(x[batch])[0], y[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            logits, states = net(x_val)
            losses.append(float(binary_cross_entropy_with_logits(logits, y_val)))
            right.append(float(((logits > 0) == (y_val > 0)).float().mean()))
        largest = max(largest, float(states.abs().max()))
    return {
        "learned": float(right[-1] >= 0.99),
        "unstable": float(not all(loss <= 2 * GUESS for loss in losses) or fell_back(right)),
        "largest": largest,
        "right": [round(share, 4) for share in right],
        "losses": [float(f"{loss:.4g}") for loss in losses],
    }


def fell_back(right: list[float]) -> bool:
    """Whether a share of at least 0.99 is followed by one below 0.9."""
    first = next((epoch for epoch, share in enumerate(right) if share >= 0.99), len(right))
    return any(share < 0.9 for share in right[first:])


def sign_grid(scale: Scale, seeds: int) -> list[SignConfig]:
    """Both functions at every rate; the two lowest rates at the small scale."""
    return [
        SignConfig(phi=phi, optimiser=optimiser, lr=lr, seed=seed)
        for seed, phi, (optimiser, rates) in product(range(seeds), ("tanh", "relu"), RATES.items())
        for lr in (rates if scale == "full" else rates[:1])
    ]


STUDY = Study(
    name="tanh-or-relu",
    about="is a training with tanh more stable than one with ReLU?",
    seeds=10,
    grid=sign_grid,
    run=run_sign,
    notes="Generated sequences of 20 steps. A plain RNN of 16 units, 50 epochs of 8 batches, no clipping; torch's "
    "initial weights, the same for both functions.",
)
STUDIES = (STUDY,)
