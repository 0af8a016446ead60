"""The coursework's experiments as grids of runs, and the engine that runs them."""

from rnncourse.studies.errors import StudyError, StudyMisuse
from rnncourse.studies.registry import STUDIES, find
from rnncourse.studies.results import Record, mean_and_spread, read_record, recorded, results_folder
from rnncourse.studies.study import SCALES, Scale, Study
from rnncourse.studies.sweeping import Failure, Progress, Sweep, sweep

__all__ = [
    "SCALES",
    "STUDIES",
    "Failure",
    "Progress",
    "Record",
    "Scale",
    "Study",
    "StudyError",
    "StudyMisuse",
    "Sweep",
    "find",
    "mean_and_spread",
    "read_record",
    "recorded",
    "results_folder",
    "sweep",
]
