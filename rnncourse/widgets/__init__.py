"""Widgets that work in Jupyter and on the published page, and panels that need Jupyter."""

from rnncourse.widgets.base import PageWidget, StateError
from rnncourse.widgets.cell_explorer import CellExplorer
from rnncourse.widgets.gate_explorer import GateExplorer
from rnncourse.widgets.gradient_explorer import ExplorerFlow, GradientExplorer
from rnncourse.widgets.panel import Panel, panel
from rnncourse.widgets.parameter_calculator import ParameterCalculator, StackCounts
from rnncourse.widgets.state_path import StatePath

__all__ = [
    "CellExplorer",
    "ExplorerFlow",
    "GateExplorer",
    "GradientExplorer",
    "PageWidget",
    "Panel",
    "ParameterCalculator",
    "StackCounts",
    "StateError",
    "StatePath",
    "panel",
]
