"""The settings of a run, checked."""

import math
from dataclasses import dataclass
from numbers import Integral, Real

from torch import nn

from rnncourse.training.devices import check_seed
from rnncourse.training.history import History


@dataclass(frozen=True)
class Plan:
    """The settings that are numbers; named and meant as in `fit`.

    Raises:
        ValueError: one is out of its range.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    patience: int | None
    clip_norm: float | None
    clip_value: float | None
    seed: int

    def __post_init__(self) -> None:
        check_seed(self.seed)
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not (whole and value >= 1) and not (name == "patience" and value is None):
                raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1.")
        for name in ("lr", "clip_norm", "clip_value"):
            value = getattr(self, name)
            if not (_is_finite(value) and value > 0) and not (name != "lr" and value is None):
                raise ValueError(f"{name} is {value!r}; expected a positive, finite number.")
        if not (_is_finite(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(f"weight_decay is {self.weight_decay!r}; expected 0 or a positive, finite number.")

    def clip(self, parameters: list[nn.Parameter]) -> None:
        """Limit the gradients: each entry first, then the norm of all."""
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(parameters, self.clip_value)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)

    def is_over(self, history: History) -> bool:
        """Whether the last epoch is done, or patience has run out."""
        patience = math.inf if self.patience is None else self.patience
        return len(history) >= self.epochs or len(history) - history.best_epoch >= patience


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)
