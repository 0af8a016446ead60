"""What a training run has to tell."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class History:
    """Losses of a run, epoch by epoch.

    Attributes:
        train_loss: mean loss over the training targets *while* the weights moved and dropout acted.
        validation_loss: mean loss over the validation targets after each epoch; empty without validation data.
        seconds: wall time of each epoch, validation included.
        stopped_early: patience ran out before the last epoch asked for.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped_early: bool = False

    def __len__(self) -> int:
        return len(self.train_loss)

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest validation loss, the first of equals, from 1; without validation the last one.

        0 before any epoch.
        """
        if not self.validation_loss:
            return len(self)
        return self.validation_loss.index(min(self.validation_loss)) + 1

    @property
    def best_validation_loss(self) -> float:
        """The lowest validation loss; NaN without validation."""
        return min(self.validation_loss, default=float("nan"))

    def frame(self) -> pd.DataFrame:
        """The run as a table.

        Returns:
            One row per epoch, indexed by ``epoch`` from 1, with the columns ``train_loss``, ``validation_loss``
            (NaN without validation) and ``seconds``.
        """
        validation = self.validation_loss or [float("nan")] * len(self)
        columns = {"train_loss": self.train_loss, "validation_loss": validation, "seconds": self.seconds}
        return pd.DataFrame(columns, index=pd.RangeIndex(1, len(self) + 1, name="epoch"), dtype=float)
