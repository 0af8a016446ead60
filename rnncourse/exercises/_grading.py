"""How an answer is compared, and how typical mistakes are recognised."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer.

    Attributes:
        passed: whether the answer is right.
        message: one or two sentences; where the answer is wrong, a hint.
    """

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Correct.' if self.passed else 'Not yet.'} {self.message}"


NOT_TRIED = Feedback(False, "Put your answer in place of the dots, then run the cell again.")


def untried(answer: object) -> bool:
    """Whether the dots of the stub still stand where the answer belongs."""
    return answer is None or answer is ...


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer, recognised by its value or by a test, and the hint that answers it.

    Attributes:
        answer: the wrong value, or a function that says whether an answer is this mistake.
        hint: what to look at again.
    """

    answer: ArrayLike | Callable[[Any], bool]
    hint: str


def grade(
    answer: Any,
    expected: ArrayLike,
    *,
    praise: str,
    mistakes: Sequence[Mistake],
    otherwise: str,
    tolerance: float = 1e-6,
) -> Feedback:
    """Compare a numeric answer with the expected one.

    Args:
        answer: what the reader gives; ``None`` or ``...`` means not attempted.
        expected: the right value, a scalar or an array of any shape.
        praise: what to say of a right answer.
        mistakes: typical wrong answers, tried in order.
        otherwise: the hint for any other wrong answer.
        tolerance: largest permitted difference, relative to the larger of 1 and the expected value.

    Returns:
        The feedback; nothing is raised for a wrong answer.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        given = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        return Feedback(False, f"Give numbers; this is of type {type(answer).__name__}.")
    wanted = np.asarray(expected, dtype=np.float64)
    if _same(given, wanted, tolerance):
        return Feedback(True, praise)
    for mistake in mistakes:
        if callable(mistake.answer):
            found = given.shape == wanted.shape and mistake.answer(given)
        else:
            found = _same(given, np.asarray(mistake.answer, dtype=np.float64), tolerance)
        if found:
            return Feedback(False, mistake.hint)
    if given.shape != wanted.shape:
        return Feedback(False, f"The answer has shape {wanted.shape}; yours has {given.shape}. {otherwise}")
    return Feedback(False, otherwise)


def _same(given: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], tolerance: float) -> bool:
    if given.shape != wanted.shape or not np.all(np.isfinite(given)):
        return False
    return bool(np.all(np.abs(given - wanted) <= tolerance * np.maximum(1.0, np.abs(wanted))))
