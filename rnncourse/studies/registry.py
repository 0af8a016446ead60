"""Which studies there are. A module is loaded when one of its studies is asked for."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from rnncourse.studies.errors import StudyError, StudyMisuse
from rnncourse.studies.study import Study

# Name of the study → module that holds it in ``STUDY`` or ``STUDIES``.
MODULES: dict[str, str] = {
    "depth": "book.experiments.ch15_deeper",
    "time-skips": "book.experiments.ch15_deeper",
    "skip-rnn": "book.experiments.ch15_deeper",
    "moving-shapes": "book.experiments.ch15_deeper",
    "ablation": "book.experiments.ch12_ablation",
    "ablation-longer": "book.experiments.ch12_ablation_longer",
    "weather": "book.experiments.ch08_weather",
    "power": "book.experiments.ch09_power",
    "power-hourly": "book.experiments.ch09_power",
    "power-window": "book.experiments.ch10_looking_back",
    "imputation": "book.experiments.ch10_looking_back",
    "gates-at-work": "book.experiments.ch11_gates_at_work",
    "gate-reader": "book.experiments.ch11_gate_reader",
    "padding": "book.experiments.ch14_padding",
    "padding-reader": "book.experiments.ch14_padding_reader",
    "sentence-reader": "book.experiments.ch13_sentence_reader",
    "sequence-tasks": "book.experiments.ch04_sequence_tasks",
    "emotion-corpus": "book.experiments.ch13_emotion_corpus",
    "emotion": "book.experiments.ch13_emotion",
    "sequence-length": "book.experiments.ch14_sequence_length",
}


class _Registry(Mapping[str, Study]):
    """The studies by name, loaded on demand."""

    def __getitem__(self, name: str) -> Study:
        if (clone := str(Path(__file__).parents[2])) not in sys.path:
            sys.path.append(clone)  # experiments lie in the book, beside the package
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
