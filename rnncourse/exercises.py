"""The chapters' exercises: data in ``book/exercises/NN.toml``, one `check` for all, and sheets with fresh numbers.

An exercise states its question, its numbers, its answer and the typical mistakes as expressions, and what is said of
each. So a notebook, a page and a printed sheet read the same data.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse import cells, working
from rnncourse._expressions import Evaluator, Stopped, Unreadable
from rnncourse._misuse import Misuse

__all__ = ["Exercise", "Feedback", "Sheet", "check", "draw", "exercises"]

_CLONE = Path(__file__).parents[1] / "book" / "exercises"
_FOLDER = _CLONE if _CLONE.is_dir() else Path(__file__).parent / "exercise_data"
_trials = import_module("book.exercises.trials" if _FOLDER == _CLONE else "rnncourse.exercise_data.trials")


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer: whether it is right, and one or two sentences, a hint if it is wrong."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Correct.' if self.passed else 'Not yet.'} {self.message}"


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise, as its table in ``book/exercises`` states it; texts hold ``{expressions}``."""

    name: str
    chapter: str
    title: str
    ask: str  # Markdown with TeX
    kind: Literal["number", "vector", "choice", "word", "code"]  # code: weights, a function or a module, to be tried
    given: dict[str, Any] = field(default_factory=dict)  # numbers by name
    draw: dict[str, str] = field(default_factory=dict)  # how fresh ones are drawn; the reader chooses what is not given
    let: dict[str, str] = field(default_factory=dict)  # expressions by name, evaluated where they are needed
    answer: Any = None  # the right one: an expression, or the value itself
    passes: str = "1"  # where many are right: what must hold of ``yours``, the answer given, if no mistake applies
    tolerance: float = 1e-6  # largest difference, in units of the larger of 1 and the value ...
    relative: bool = False  # ... or of the value alone
    right: str  # what is said of a right answer
    mistakes: list[dict[str, Any]]  # tried in order: an ``answer`` or a condition ``when``, and its ``hint``
    otherwise: str = ""  # the hint for any other wrong answer
    form: str = "Give numbers; this is of type {type}."  # what is said of an answer that cannot be read
    read: str = ""  # makes of ``yours`` what is compared, or fails where it has not the form
    choices: list[str] = field(default_factory=list)
    sheet: dict[str, str] = field(default_factory=dict)  # printed with fresh numbers: title, ask, working, shown
    examples: list[Any] = field(default_factory=list)  # right answers, found elsewhere; a mistake has its `example`
    chosen: dict[str, Any] = field(default_factory=dict)  # what a reader of the examples chose


@dataclass(frozen=True)
class Sheet:
    """An exercise with its numbers drawn, in Markdown with TeX."""

    title: str
    question: str
    working: str  # how the answer is found
    answer: NDArray[Any]  # unrounded
    shown: str  # the answer as a sheet prints it
    source: str  # which exercise, which numbers, which chapter
    numbers: Mapping[str, Any]  # those that were drawn, as `check` takes them

    def text(self, *, answer: bool = True) -> str:
        """The whole sheet, ready for pandoc or a notebook, with or without working and answer."""
        solution = ["## Answer", self.working, f"**{self.shown}**"] if answer else []
        return "\n\n".join([f"# {self.title}", self.question, *solution, f"*{self.source}*"]) + "\n"


@lru_cache(maxsize=1)
def exercises() -> Mapping[str, Exercise]:
    """All exercises by name, in the order of the chapters."""
    found = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        shared = tables.pop("given", {})
        for name, table in tables.items():
            table["given"] = shared | table.get("given", {})
            found[name] = Exercise(name=name, chapter=".".join(path.stem), **table)
    return MappingProxyType(found)


def _find(name: str, known: Mapping[str, Exercise]) -> Exercise:
    if name not in known:
        near = get_close_matches(str(name), known, n=3, cutoff=0.4) or list(known)[:3]
        raise Misuse(f"there is no exercise {name!r}; did you mean {' or '.join(map(repr, near))}?")
    return known[name]


def check(name: str, answer: Any, **given: Any) -> Feedback:
    """Say whether the answer to an exercise such as ``"hold-100"`` is right, and what went wrong if it is not.

    An answer ``...`` means not tried yet. ``given`` are numbers of your own, by name, in the place of the exercise's;
    they are needed where you are asked to choose them. A ``ValueError`` says that there is no such exercise or number.
    """
    exercise = _find(name, exercises())
    needed = exercise.draw.keys() - exercise.given.keys()
    if needed - given.keys() or given.keys() - needed - exercise.given.keys():
        wanted = ", ".join(f"{word}=…" for word in exercise.draw if word in needed) or "no numbers of yours"
        raise Misuse(f"{name} takes {wanted} beside the answer; given are {', '.join(given) or 'none'}.")
    if answer is None or answer is ...:
        return Feedback(False, "Put your answer in place of the dots, then run the cell again.")
    names = Names(exercise, exercise.given | given)
    names["yours"] = answer
    try:
        with np.errstate(all="ignore"):
            return _judge(exercise, names)
    except Stopped as stopped:
        return Feedback(False, str(stopped))
    except Unreadable as unreadable:
        return Feedback(False, exercise.form.format(type=type(answer).__name__, error=unreadable))


def draw(name: str, *, seed: int) -> Sheet:
    """Draw the numbers of an exercise that has a ``sheet``; the same seed gives the same sheet on every machine."""
    exercise = _find(name, {known: one for known, one in exercises().items() if one.sheet})
    if seed < 0:
        raise Misuse(f"seed is {seed}; expected a whole number of at least 0.")
    names = _drawn(exercise, seed)
    printed = {"title": exercise.title, "ask": exercise.ask} | exercise.sheet
    title, ask, work, shown = (names.fill(printed[part]) for part in ("title", "ask", "working", "shown"))
    source = f"Exercise {name}, seed {seed}; chapter {exercise.chapter}."
    numbers = MappingProxyType({word: names[word] for word in exercise.draw})
    return Sheet(title, ask, work, names["answer"], shown, source, numbers)


def _drawn(exercise: Exercise, seed: int) -> "Names":
    rng = np.random.default_rng([seed, *exercise.name.encode()])
    names = Names(exercise, exercise.given)
    drawing = Evaluator(names, {**FUNCTIONS, "integers": rng.integers, "tenths": partial(_tenths, rng)})
    for word, expression in exercise.draw.items():
        names[word] = drawing.value(expression)
    names["answer"] = np.asarray(names.of(exercise.answer))
    return names


def _tenths(rng: np.random.Generator, *shape: int, low: int = -12, high: int = 12) -> NDArray[np.float64]:
    """Numbers with one decimal that a person can multiply; none is zero."""
    values = rng.integers(low, high, size=shape)  # zero becomes the largest, so that every product counts
    return np.asarray(np.where(values == 0, high, values) / 10, dtype=np.float64)


class Names(dict[str, Any]):
    """Values by name; what an exercise states under ``let`` is evaluated when it is asked for."""

    def __init__(self, exercise: Exercise, numbers: Mapping[str, Any]) -> None:
        super().__init__({name: np.asarray(number) for name, number in numbers.items()}, choices=exercise.choices)
        self.let, self.evaluator = exercise.let, Evaluator(self, FUNCTIONS)
        self.fill = self.evaluator.fill

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.let

    def __missing__(self, name: str) -> Any:
        self[name] = self.of(self.let[name])
        return self[name]

    def of(self, expression: Any) -> Any:  # a value is its own
        return self.evaluator.value(expression) if isinstance(expression, str) else expression


def _judge(exercise: Exercise, names: Names) -> Feedback:
    names["yours"] = yours = _read(exercise, names)
    single = exercise.answer is not None
    if single:
        words = exercise.kind in ("choice", "word")
        names["answer"] = tuple(exercise.answer) if words else np.asarray(names.of(exercise.answer))
        if _same(yours, names["answer"], exercise):
            return Feedback(True, names.fill(exercise.right))
    comparable = not single or np.shape(yours) == np.shape(names["answer"])
    for mistake in exercise.mistakes:
        if "answer" in mistake:
            made = _same(yours, np.asarray(names.of(mistake["answer"])), exercise)
        else:
            made = comparable and names.of(mistake["when"])
        if made:
            return Feedback(False, names.fill(mistake["hint"]))
    if not single and names.of(exercise.passes):
        return Feedback(True, names.fill(exercise.right))
    shapes = "" if comparable else f"The answer has shape {np.shape(names['answer'])}; yours has {np.shape(yours)}. "
    return Feedback(False, shapes + names.fill(exercise.otherwise))


def _read(exercise: Exercise, names: Names) -> Any:
    yours = names["yours"]  # words become a tuple, numbers an array, code stays as it is
    try:
        if exercise.kind in ("choice", "word"):
            given = (yours,) if isinstance(yours, str) else yours  # one word needs no list
            words = tuple(str(word) if isinstance(word, str) else float(word) for word in given)
            if len(words) != len(exercise.answer):
                raise Unreadable
            return words
        if exercise.kind == "code" and not exercise.read:
            return yours
        return np.asarray(names.of(exercise.read) if exercise.read else yours, dtype=np.float64)
    except (TypeError, ValueError, LookupError, RuntimeError) as error:  # the last is torch's, of what needs a gradient
        raise Unreadable(error) from error


def _same(yours: Any, value: Any, exercise: Exercise) -> bool:
    if isinstance(yours, tuple):
        return bool(yours == value)
    if yours.shape != value.shape or not np.isfinite(yours).all():
        return False
    size = np.abs(value)
    unit = np.where(size > 0, size, 1e-6 / exercise.tolerance) if exercise.relative else np.maximum(1.0, size)
    return bool((np.abs(yours - value) <= exercise.tolerance * unit).all())


def _matrix(rows: ArrayLike) -> str:  # in TeX; a vector is a column
    array = np.asarray(rows, dtype=np.float64)
    body = r" \\ ".join(" & ".join(f"{value:g}" for value in row) for row in array.reshape(len(array), -1))
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


_CALLED: dict[Any, str] = {  # what the expressions of an exercise may call, by module
    np: """abs all any arange argmin argwhere ceil clip concatenate cumsum diag diff exp eye floor isclose isfinite
        isinf isnan log log10 max maximum mean median min minimum ones reshape shape sqrt sum tanh triu var zeros""",
    np.lib.stride_tricks: "sliding_window_view",
    cells: "gru_step lstm_step rnn_step sigmoid softmax",
    _trials: """call call_masked call_on_weather cell_gradients first_wrong_cut lstm_cells masked moved_by
        right_emotions rnn_states size_field_unreached""",
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(module, name) for module, names in _CALLED.items() for name in names.split()},
    "int": int,
    "len": len,
    "matrix": _matrix,
    "set": frozenset,
    "rnn_working": lambda step: working.rnn_working(step).latex,
    "lstm_working": lambda step: working.lstm_working(step).latex,
    "gru_working": lambda step: working.gru_working(step).latex,
    "joined": lambda values, by=", ": by.join(f"{value:g}" for value in values),
    "listed": lambda values: f"({', '.join(f'{value:.4f}' for value in values)})",
    "normal": lambda shape, seed=0: np.random.default_rng(seed).normal(size=shape),
    "relu": lambda values: np.maximum(values, 0.0),
    "round": lambda value, decimals: round(float(value), decimals),
    "uniform": lambda shape, seed=0: np.random.default_rng(seed).random(shape),
}
