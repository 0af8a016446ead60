"""Widgets that work in Jupyter and on the published page, and panels that need Jupyter."""

from rnncourse.widgets.base import PageWidget, StateError
from rnncourse.widgets.cell_explorer import CellExplorer
from rnncourse.widgets.panel import Panel, panel
from rnncourse.widgets.parameter_calculator import ParameterCalculator, StackCounts

__all__ = ["CellExplorer", "PageWidget", "Panel", "ParameterCalculator", "StackCounts", "StateError", "panel"]
