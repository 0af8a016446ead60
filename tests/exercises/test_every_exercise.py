"""Every exercise of every chapter: its solution passes, its stub asks for an answer, each mistake gets its own hint.

The answers stand with the other tests of a chapter's exercises, in ``test_MODULE.py``: ``RIGHT`` holds pairs of a check
and an answer, ``WRONG`` triples of a check, a typical wrong answer and words of the hint that it must get.
"""

import ast
import importlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from book._ext.handouts import TODO, stub
from rnncourse.exercises._grading import Feedback
from tools import pairs

LEAST = 4  # different hints of an exercise: three typical mistakes, and whatever else is wrong
NONSENSE = ["many", object(), [[1, 2], [3]], {"a": 1}, np.nan, ([1, np.nan], [1, 2]), b"", True, [], np.zeros((0, 3))]


@dataclass(frozen=True)
class Exercise:
    """An exercise of the book: its chapter, its solution, and what the solution printed when the chapter ran."""

    chapter: str
    module: str
    check: str
    solution: str
    printed: str

    def __str__(self) -> str:
        return f"{self.chapter[:2]}-{self.check}"


def exercises_of(source: Path) -> list[Exercise]:
    """The solutions of a chapter that call a check, in their order."""
    found, solving = [], False
    for cell in pairs.read_pair(pairs.pair_of(source)).cells:
        for mark in re.findall(r"\{solution-(start|end)\}", cell.source):
            solving = mark == "start"
        call = re.search(r"^(check_\w+)\(", cell.source, re.MULTILINE)
        if solving and cell.cell_type == "code" and call:
            module = re.search(r"from rnncourse\.exercises\.(\w+) import", cell.source)
            assert module, cell.source
            printed = str(cell.outputs[-1]["data"]["text/plain"])
            found.append(Exercise(source.stem, module[1], call[1], cell.source, printed))
    return found


CHAPTERS = {source.stem: exercises_of(source) for source in pairs.chapters()}
EXERCISES = [exercise for found in CHAPTERS.values() for exercise in found]
MODULES = sorted({exercise.module for exercise in EXERCISES})
TABLES = {module: importlib.import_module(f"test_{module}") for module in MODULES}
RIGHT = [(f"{module}-{check.__name__}", check, answer) for module in MODULES for check, answer in TABLES[module].RIGHT]
WRONG = [(f"{module}-{check.__name__}", check, *rest) for module in MODULES for check, *rest in TABLES[module].WRONG]
CHECKS = {name: check for name, check, _ in RIGHT}


def numbered(cases: list[Any]) -> list[Any]:
    return [pytest.param(*case[1:], id=f"{case[0]}-{index}") for index, case in enumerate(cases)]


def name_of(exercise: Exercise) -> str:
    return f"{exercise.module}-{exercise.check}"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_has_a_check_and_every_check_its_exercise(chapter: str) -> None:
    asked = (pairs.CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8").count(":::{exercise}")
    assert len(CHAPTERS[chapter]) == asked
    assert len({exercise.module for exercise in CHAPTERS[chapter]}) == min(asked, 1)
    for module in {exercise.module for exercise in CHAPTERS[chapter]}:
        offered = importlib.import_module(f"rnncourse.exercises.{module}").__all__
        assert sorted(exercise.check for exercise in CHAPTERS[chapter]) == sorted(offered)


@pytest.mark.parametrize("exercise", EXERCISES, ids=str)
def test_the_solution_in_the_book_passes(exercise: Exercise) -> None:
    assert exercise.printed.startswith("Correct. ")


@pytest.mark.parametrize("exercise", EXERCISES, ids=str)
def test_the_stub_asks_for_an_answer(exercise: Exercise) -> None:
    tree = ast.parse(stub(exercise.solution))
    assert TODO in stub(exercise.solution)
    *setting, call = tree.body
    assert isinstance(call, ast.Expr)
    space: dict[str, Any] = {"np": np}
    exec(compile(ast.Module(setting, []), "stub", "exec"), space)
    said = eval(compile(ast.Expression(call.value), "stub", "eval"), space)
    assert isinstance(said, Feedback)
    assert not said.passed
    assert len(said.message) > 20


@pytest.mark.parametrize("exercise", EXERCISES, ids=str)
def test_at_least_three_mistakes_are_told_apart(exercise: Exercise) -> None:
    hints = defaultdict(set)
    for name, check, answer, words in WRONG:
        if name == name_of(exercise):
            hints[check(answer).message].add(words)
    assert len(hints) >= LEAST, f"only {sorted(hints)}"


@pytest.mark.parametrize(("check", "answer"), numbered(RIGHT))
def test_a_right_answer_passes(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(("check", "answer", "words"), numbered(WRONG))
def test_a_wrong_answer_gets_its_own_hint(check: Any, answer: Any, words: str) -> None:
    feedback = check(answer)
    assert not feedback.passed
    assert words.lower() in feedback.message.lower(), feedback


@pytest.mark.parametrize("name", CHECKS)
def test_no_answer_is_no_pass(name: str) -> None:
    for nothing in (..., None):
        assert not CHECKS[name](nothing).passed
        assert "in place of the dots" in CHECKS[name](nothing).message


@pytest.mark.parametrize("name", CHECKS)
def test_nonsense_is_refused_in_words(name: str) -> None:
    for nonsense in NONSENSE:
        feedback = CHECKS[name](nonsense)
        assert not feedback.passed, nonsense
        assert len(feedback.message) > 15, nonsense


def test_every_table_is_of_a_chapter() -> None:
    there = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert there == {*MODULES, "drawn", "every_exercise"}
    assert {name_of(exercise) for exercise in EXERCISES} == set(CHECKS)
