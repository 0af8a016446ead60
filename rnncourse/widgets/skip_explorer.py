"""One reader of forty steps that looks at some of them, and one pulse that it must meet."""

from dataclasses import dataclass

from traitlets import Float, Int

from rnncourse.widgets.base import Fallback, PageWidget, fixed

STEPS = 40


@dataclass(frozen=True)
class SkipPath:
    """What the gate did."""

    probability: tuple[float, ...]  #: of an update at each step, before it is rounded
    looks: tuple[int, ...]  #: steps at which it updated, counted from 0
    met: int | None  #: the first of them within the pulse, or None

    @property
    def share(self) -> float:
        """Share of the steps that update."""
        return len(self.looks) / STEPS

    def __str__(self) -> str:
        return "missed" if self.met is None else f"met at step {self.met + 1}"


class SkipExplorer(PageWidget):
    """The update gate of a Skip RNN over forty steps: one rise while it waits, another once it met the pulse."""

    start = Int(18, min=1, max=32)  #: first step of the pulse, counted from 1
    lasts = Int(8, min=1, max=8)  #: steps that the pulse lasts
    waiting = Float(0.2, min=0.01, max=0.99)  #: rise of the probability at each step before the pulse was met
    after = Float(0.2, min=0.01, max=0.99)  #: rise at each step once it was met

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

    def _fallback(self) -> Fallback:
        path = self.path
        share = f"{fixed(100 * path.share, 1)} %"
        rows = [
            ("pulse", f"steps {self.start} to {self.start + self.lasts - 1}"),
            ("updates at steps", ", ".join(str(step + 1) for step in path.looks)),
            ("share of updates", share),
            ("the pulse is", str(path)),
        ]
        caption = "Update gate of a Skip RNN over forty steps"
        return Fallback(f"pulse {path}, {share} updates", caption, ("", "value"), rows)
