"""A network of two to four units that learns in the page which sign came first."""

import math
from typing import NamedTuple

import numpy as np
from traitlets import Enum, Float, Int

from rnncourse.cells import FloatArray, sigmoid
from rnncourse.widgets.base import Draws, Fallback, PageWidget

BATCH, MOST = 32, 1_000


class Look(NamedTuple):
    """What weights give on a batch."""

    loss: float  #: mean cross-entropy
    right: float  #: share of right answers
    gradient: FloatArray  #: of the loss by all weights, in their order, ``(weights,)``
    norms: FloatArray  #: norms of dL/dh_t for t = 1 to T, ``(time,)``


class Training(NamedTuple):
    """A training after its updates; the last `Look` is at the batch that comes next."""

    losses: FloatArray  #: before each update and after the last one, ``(updates + 1,)``
    weights: FloatArray  #: W_xh, W_hh, b_h, W_hy and b_y one after the other, ``(weights,)``
    look: Look  #: at the batch that comes next
    step: FloatArray  #: what the optimiser takes off the weights next, ``(weights,)``


def learn(weights: FloatArray, hidden_size: int, x: FloatArray, y: FloatArray) -> Look:
    """Loss of ``h = tanh(W_xh x + W_hh h_prev + b_h)`` read out at the last step, and its gradients.

    Args:
        weights: as in `Training`.
        hidden_size: units.
        x: inputs, ``(batch, time)``.
        y: labels 0 or 1, ``(batch,)``.
    """
    ends = np.cumsum([hidden_size, hidden_size**2, hidden_size, hidden_size])
    W_xh, square, b_h, W_hy, b_y = np.split(weights, ends)
    W_hh, h = square.reshape(hidden_size, hidden_size), np.zeros((1 + x.shape[1], len(x), hidden_size))
    for t, column in enumerate(x.T):
        h[t + 1] = np.tanh(h[t] @ W_hh.T + np.outer(column, W_xh) + b_h)
    logits = h[-1] @ W_hy + b_y
    error = np.where(y > 0, -sigmoid(-logits), sigmoid(logits)) / len(y)
    parts = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b_h), error @ h[-1], error.sum()]
    dh, norms = np.outer(error, W_hy), np.zeros(x.shape[1])
    for t in range(len(norms), 0, -1):
        norms[t - 1] = np.linalg.norm(dh)
        dz = dh * (1.0 - h[t] ** 2)
        for part, share in enumerate((x[:, t - 1] @ dz, dz.T @ h[t - 1], dz.sum(axis=0))):
            parts[part] += share
        dh = dz @ W_hh
    loss, right = np.logaddexp(0.0, logits) - logits * y, (logits > 0) == (y > 0)
    return Look(float(loss.mean()), float(right.mean()), np.concatenate([np.ravel(part) for part in parts]), norms)


class TrainingLoop(PageWidget):
    """A tiny network that is trained in the page to name the sign of the first input after the last step.

    The first of ``seq_len`` inputs is 1 or -1, the others lie between -0.5 and 0.5. Every update uses 32 new
    sequences. It draws loss, weights, and the gradient at each time step, and trains as far as ``updates`` says.
    """

    hidden_size = Int(4, min=2, max=4)  #: units
    seq_len = Int(20, min=2, max=40)  #: time steps
    optimiser = Enum(("Adam", "gradient descent"), "Adam")
    rate = Float(0.03, min=0.001, max=30.0)  #: learning rate
    seed = Int(2, min=0, max=9_999)  #: of the initial weights and the sequences
    updates = Int(0, min=0, max=MOST)  #: how far it is trained

    @property
    def training(self) -> Training:
        """The training after ``updates``, or before the update whose numbers overflow."""
        draws, moments, size = Draws(48271 * self.seed + 11), np.zeros(2), self.hidden_size
        draws.take(8)  # small seeds begin alike
        weights = (2.0 * draws.take(size**2 + 3 * size + 1) - 1.0) / math.sqrt(size)
        losses, kept = [], None
        with np.errstate(over="ignore", invalid="ignore"):
            for count in range(1, self.updates + 2):
                look = learn(weights, size, *self._batch(draws))
                moments, step = self._step(look.gradient, moments, count)
                if not all(np.isfinite(part).all() for part in (look.loss, look.gradient, look.norms, step)):
                    break
                losses.append(look.loss)
                kept = Training(np.array(losses), weights, look, step)
                weights = weights - step
        assert kept is not None  # initial weights are small
        return kept

    def _batch(self, draws: Draws) -> tuple[FloatArray, FloatArray]:
        numbers = draws.take(BATCH * self.seq_len).reshape(BATCH, self.seq_len)
        y = np.where(numbers[:, 0] < 0.5, 0.0, 1.0)
        return np.column_stack((2.0 * y - 1.0, numbers[:, 1:] - 0.5)), y

    def _step(self, gradient: FloatArray, moments: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
        if self.optimiser != "Adam":
            return moments, self.rate * gradient
        decay = np.array([[0.9], [0.999]])
        moments = decay * moments.reshape(2, -1) + (1.0 - decay) * np.stack((gradient, gradient**2))
        mean, square = moments / (1.0 - decay**count)
        return moments, self.rate * mean / (np.sqrt(square) + 1e-8)

    def _fallback(self) -> Fallback:
        training = self.training
        norms, done = training.look.norms, len(training.losses) - 1
        places = sorted({round(part * (len(norms) - 1) / 4) for part in range(5)})
        loss = f"loss {training.losses[-1]:.3g} after {done} updates"
        rows = [(str(t + 1), f"{norms[t]:.2e}") for t in places]
        made = f"{self.hidden_size} units, {self.optimiser} at rate {self.rate:g}, seed {self.seed}"
        caption = f"{made}: {loss}; norms of the gradient dL/dh by time step"
        return Fallback(loss, caption, ("time step", "norm of the gradient"), rows)
