"""Which studies there are. A module is loaded when one of its studies is asked for."""

import importlib
from collections.abc import Iterator, Mapping

from rnncourse.studies.errors import StudyError, StudyMisuse
from rnncourse.studies.study import Study

# Name of the study → module that holds it in ``STUDY`` or ``STUDIES``.
MODULES: dict[str, str] = {
    "depth": "rnncourse.studies.family",
    "time-skips": "rnncourse.studies.family",
    "skip-rnn": "rnncourse.studies.family",
    "moving-shapes": "rnncourse.studies.family",
    "ablation": "rnncourse.studies.ablation",
    "ablation-longer": "rnncourse.studies.ablation_longer",
    "weather": "rnncourse.studies.weather",
    "power": "rnncourse.studies.power",
    "power-hourly": "rnncourse.studies.power",
    "power-window": "rnncourse.studies.looking_back",
    "imputation": "rnncourse.studies.looking_back",
    "gates-at-work": "rnncourse.studies.gates_at_work",
    "gate-reader": "rnncourse.studies.gate_reader",
    "padding": "rnncourse.studies.padding",
    "padding-reader": "rnncourse.studies.padding_reader",
    "sentence-reader": "rnncourse.studies.sentence_reader",
    "sequence-tasks": "rnncourse.studies.sequence_tasks",
    "emotion-corpus": "rnncourse.studies.emotion_corpus",
    "emotion": "rnncourse.studies.emotion",
    "sequence-length": "rnncourse.studies.sequence_length",
}


class _Registry(Mapping[str, Study]):
    """The studies by name, loaded on demand."""

    def __getitem__(self, name: str) -> Study:
        module = importlib.import_module(MODULES[name])
        studies: tuple[Study, ...] = (*getattr(module, "STUDIES", ()), *filter(None, [getattr(module, "STUDY", None)]))
        for study in studies:
            if study.name == name:
                return study
        raise StudyError(f"the module {MODULES[name]} has no study {name!r} in STUDY or STUDIES")

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


STUDIES: Mapping[str, Study] = _Registry()


def find(name: str) -> Study:
    """The study of that name.

    Args:
        name: as `STUDIES` has it.

    Returns:
        The study.

    Raises:
        StudyMisuse: there is none of that name.
    """
    if name not in STUDIES:
        raise StudyMisuse(f"unknown study {name!r}: choose from {', '.join(STUDIES) or 'none yet'}")
    return STUDIES[name]
