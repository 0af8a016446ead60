"""The engine of the studies: it runs what is missing of a grid of experiments, anywhere, and records it."""

from rnncourse.studies.records import Record, read_record, recorded, results_folder
from rnncourse.studies.study import Scale, Study, studies, study_named
from rnncourse.studies.sweeps import Failure, Progress, Sweep, sweep
from rnncourse.studies.values import StudyError, StudyMisuse

__all__ = ["Failure", "Progress", "Record", "Scale", "Study", "StudyError", "StudyMisuse", "Sweep"]
__all__ += ["read_record", "recorded", "results_folder", "studies", "study_named", "sweep"]
