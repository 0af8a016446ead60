"""axe-core over whole pages, with nothing measured twice (a chapter as it is would take it minutes), and the focus."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
from _server import probe
from playwright.sync_api import Locator, Page

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


SCENERY = "grid|axis|zero|ground|frame|column|edge"  # classes of marks that may be faint
COLOURS = ("color-contrast", "link-in-text-block")


def thin(page: Page) -> None:
    """Leave out of the page what only repeats; the page is of no use for anything else afterwards."""
    probe(page, "thin")
    page.evaluate(AXE)  # not as a script of the page, which its policy would refuse


@dataclass
class Audit:
    """axe over many pages in one state, a theme at a width; it remembers which colours it has measured."""

    measured: list[int] = field(default_factory=list)

    def look(self, page: Page) -> list[str]:
        """What axe finds on this page, which has been thinned, by every rule that is on, and by target-size."""
        self.measured += probe(page, "mark", self.measured)
        page.evaluate("() => window.measureBoxes?.()")  # as if the reader had scrolled through it in this window
        found: list[str] = probe(page, "runAxe", [])
        return found

    def look_at_colours(self, page: Page) -> list[str]:
        """What axe finds in those colours of this page, which has been thinned, that are new."""
        added = probe(page, "mark", self.measured)
        self.measured += added
        found: list[str] = probe(page, "runAxe", list(COLOURS)) if added else []
        return found


def faults_of_focus(node: Locator) -> list[str]:
    """Why a person would not see where the focus is."""
    return faults_of(probe(node, "focus"))


def faults_of(look: dict[str, Any]) -> list[str]:
    """Why a focus that looks so would not be seen."""
    faults = {
        "has no outline": look["width"] < 2,
        "has an outline too faint": look["contrast"] < 3,
        "lies under something": look["covered"],
    }
    return [f"{look['name']} {fault}" for fault, found in faults.items() if found]
