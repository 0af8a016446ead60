"""Widgets that work in Jupyter and on the published page, and panels that need Jupyter."""

from rnncourse.widgets.base import PageWidget, StateError
from rnncourse.widgets.causality_explorer import CausalityExplorer
from rnncourse.widgets.cell_explorer import CellExplorer
from rnncourse.widgets.forecast_explorer import ForecastExplorer
from rnncourse.widgets.gate_explorer import GateExplorer
from rnncourse.widgets.gate_scrubber import GateScrubber
from rnncourse.widgets.gradient_explorer import ExplorerFlow, GradientExplorer
from rnncourse.widgets.padding_explorer import PaddedReading, PaddingExplorer
from rnncourse.widgets.panel import Panel, panel
from rnncourse.widgets.parameter_calculator import ParameterCalculator, StackCounts
from rnncourse.widgets.receptive_field import FieldReach, ReceptiveField
from rnncourse.widgets.sentence_reader import Reading, SentenceReader
from rnncourse.widgets.skip_explorer import SkipExplorer, SkipPath
from rnncourse.widgets.state_path import StatePath

__all__ = [
    "CausalityExplorer",
    "CellExplorer",
    "ExplorerFlow",
    "FieldReach",
    "ForecastExplorer",
    "GateExplorer",
    "GateScrubber",
    "GradientExplorer",
    "PaddedReading",
    "PaddingExplorer",
    "PageWidget",
    "Panel",
    "ParameterCalculator",
    "Reading",
    "ReceptiveField",
    "SentenceReader",
    "SkipExplorer",
    "SkipPath",
    "StackCounts",
    "StateError",
    "StatePath",
    "panel",
]
