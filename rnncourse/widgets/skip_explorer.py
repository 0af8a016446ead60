"""One reader of forty steps that looks at some of them, and one pulse that it must meet."""

from dataclasses import dataclass
from typing import ClassVar

from rnncourse.widgets.base import PageWidget, RealNumber, WholeNumber, html_table
from rnncourse.widgets.cell_explorer import fixed

__all__ = ["SkipExplorer", "SkipPath"]

STEPS = 40


@dataclass(frozen=True)
class SkipPath:
    """What the gate did.

    Attributes:
        probability: probability of an update at each step, before it is rounded.
        looks: steps at which it updated, counted from 0.
        met: the first of them within the pulse, or None.
    """

    probability: tuple[float, ...]
    looks: tuple[int, ...]
    met: int | None

    @property
    def share(self) -> float:
        """Share of the steps that update."""
        return len(self.looks) / STEPS


class SkipExplorer(PageWidget):
    """The update gate of a Skip RNN over forty steps, with one rise while it waits and another once it met the pulse.

    Args:
        start: first step of the pulse, counted from 1, 1 to 32.
        lasts: steps that the pulse lasts, 1 to 8.
        waiting: rise of the probability at each step before the pulse was met, 0.01 to 0.99.
        after: rise at each step once it was met, 0.01 to 0.99.

    Raises:
        StateError: a value is of another type or out of range. It is a ``ValueError``.
    """

    module: ClassVar[str] = "skip_explorer"

    start = WholeNumber(1, 32, 18)
    lasts = WholeNumber(1, 8, 8)
    waiting = RealNumber(0.01, 0.99, 0.2)
    after = RealNumber(0.01, 0.99, 0.2)

    @property
    def path(self) -> SkipPath:
        """The gate's decisions, from the present traits.

        Source: Campos et al. (2018), Skip RNN.
        """
        chance, met = 1.0, None
        probability, looks = [], []
        for step in range(STEPS):
            probability.append(chance)
            if chance >= 0.5:
                looks.append(step)
                if met is None and 0 <= step - (self.start - 1) < self.lasts:
                    met = step
            rise = self.waiting if met is None else self.after
            chance = rise if chance >= 0.5 else min(chance + rise, 1.0)
        return SkipPath(tuple(probability), tuple(looks), met)

    def fallback_html(self) -> str:
        """The pulse, the looks and what came of them."""
        path = self.path
        looks = ", ".join(str(step + 1) for step in path.looks)
        rows = [
            ("pulse", f"steps {self.start} to {self.start + self.lasts - 1}"),
            ("updates at steps", looks),
            ("share of updates", f"{fixed(100 * path.share, 1)} %"),
            ("pulse", "missed" if path.met is None else f"met at step {path.met + 1}"),
        ]
        return html_table("Update gate of a Skip RNN over forty steps", ("", "value"), rows)

    def summary(self) -> str:
        """Whether the pulse was met, and the share of updates."""
        path = self.path
        outcome = "missed" if path.met is None else f"met at step {path.met + 1}"
        return f"pulse {outcome}, {fixed(100 * path.share, 1)} % updates"
