"""Widgets that work in Jupyter and on the published page."""

from rnncourse.widgets.base import PageWidget
from rnncourse.widgets.causality_explorer import CausalityExplorer
from rnncourse.widgets.cell_explorer import CellExplorer
from rnncourse.widgets.forecast_explorer import ForecastExplorer
from rnncourse.widgets.gate_explorer import GateExplorer
from rnncourse.widgets.gate_scrubber import GateScrubber
from rnncourse.widgets.gradient_explorer import GradientExplorer
from rnncourse.widgets.lstm_walk import LSTMWalk
from rnncourse.widgets.padding_explorer import PaddingExplorer
from rnncourse.widgets.parameter_calculator import ParameterCalculator
from rnncourse.widgets.receptive_field import ReceptiveField
from rnncourse.widgets.sentence_reader import SentenceReader
from rnncourse.widgets.skip_explorer import SkipExplorer
from rnncourse.widgets.state_path import StatePath
from rnncourse.widgets.training_loop import TrainingLoop

__all__ = ["CausalityExplorer", "CellExplorer", "ForecastExplorer", "GateExplorer", "GateScrubber", "GradientExplorer"]
__all__ += ["LSTMWalk", "PaddingExplorer", "PageWidget", "ParameterCalculator", "ReceptiveField"]
__all__ += ["SentenceReader", "SkipExplorer", "StatePath", "TrainingLoop"]
