"""Every exercise accepts its solution, refuses the untouched stub and nonsense, and gives each mistake its own hint."""

import ast
import re
from pathlib import Path
from string import Formatter
from typing import Any

import coded
import numpy as np
import pytest
import torch

from book._ext.handouts import TODO, stub
from rnncourse.exercises import Exercise, Feedback, check, exercises
from tools import pairs

EXERCISES = exercises()
NONSENSE = ["many", object(), [[1, 2], [3]], {"a": 1}, np.nan, ([1, np.nan], [1, 2]), b"", True, [], np.zeros((0, 3))]
# Wrong in no typical way; for all other exercises a number or an array of one number is.
OTHERWISE = {
    "smaller-embedding": (60_000, 100),
    "hold-100": (0, 12),
    "closed-gate": ("i", "z", 0),
    "coupled-gate": ([0, 0], np.zeros((2, 2)), [0, 0]),
    "table-order": ("input_only", "full", "forget_only"),
    "same-sum": ([1, 3], [2, 3]),
    "fifth-step": 0.09,
    "across-the-cut": ("state", "learns"),
    "erase-evidence": ("below", "better"),
    "swap-mirror": (1.5, 0.6, -0.8, 0),
}


def tried(exercise: Exercise, answer: Any) -> Feedback:
    return check(exercise.name, answer, **exercise.chosen)


def stated(exercise: Exercise) -> list[Any]:
    """Right answers: what the exercise states, where that is no expression, and its examples."""
    literal = [] if exercise.answer is None or isinstance(exercise.answer, str) else [exercise.answer]
    return [*literal, *exercise.examples, *coded.RIGHT.get(exercise.name, [])]


def pattern(hint: str) -> str:
    """What a filled hint looks like."""
    parts = Formatter().parse(hint)
    return "".join(re.escape(words) + (".+" if field is not None else "") for words, field, *_ in parts)


each = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))


@each
def test_right_answers_pass(exercise: Exercise) -> None:
    assert stated(exercise)
    for answer in stated(exercise):
        assert tried(exercise, answer).passed, (answer, tried(exercise, answer))


@each
def test_each_mistake_gets_its_hint(exercise: Exercise) -> None:
    coded_hints = [tried(exercise, answer) for answer, _ in coded.WRONG.get(exercise.name, [])]
    for mistake in exercise.mistakes:
        examples = [mistake[key] for key in ("example", "answer") if not isinstance(mistake.get(key, ""), str)]
        said = [tried(exercise, examples[0])] if examples else coded_hints
        assert any(re.fullmatch(pattern(mistake["hint"]), one.message) and not one.passed for one in said), mistake
    assert len({mistake["hint"] for mistake in exercise.mistakes} | {exercise.otherwise, exercise.form}) > 4


@pytest.mark.parametrize("name", coded.WRONG)
def test_each_mistake_in_code_gets_its_hint(name: str) -> None:
    for answer, words in coded.WRONG[name]:
        feedback = check(name, answer)
        assert not feedback.passed, words
        assert words.lower() in feedback.message.lower(), feedback


@pytest.mark.parametrize("name", [name for name, one in EXERCISES.items() if one.otherwise and name not in coded.WRONG])
def test_whatever_else_is_wrong_has_a_hint_and_another_shape_is_named(name: str) -> None:
    exercise = EXERCISES[name]
    shape = () if name in OTHERWISE else np.shape(stated(exercise)[0])
    others = [OTHERWISE.get(name, np.full(shape, number)) for number in (0.9, 12, 49, -1)]
    hints = [tried(exercise, other).message for other in others]
    assert [hint for hint in hints if re.fullmatch(pattern(exercise.otherwise), hint)], hints
    if exercise.answer is not None and exercise.kind in ("number", "vector") and not exercise.read:
        assert "has shape" in tried(exercise, np.full((*shape, 3), 0.9)).message


@each
def test_nothing_and_nonsense_are_refused_in_words(exercise: Exercise) -> None:
    for nothing in (..., None):
        assert "in place of the dots" in tried(exercise, nothing).message
    for nonsense in NONSENSE:
        feedback = tried(exercise, nonsense)
        assert not feedback.passed, nonsense
        assert len(feedback.message) > 15, nonsense
    assert re.fullmatch(pattern(exercise.form), tried(exercise, object()).message)


def test_feedback_is_a_sentence_and_an_answer_may_be_an_array_or_a_tensor() -> None:
    assert repr(check("lstm-parameters", 2560)).startswith("Correct. Each of the four gates")
    assert repr(check("lstm-parameters", 1920)).startswith("Not yet. This is a GRU")
    assert check("rows-behind-bar", np.array([19_969, 20_032])).passed
    assert check("rows-behind-bar", torch.tensor([19_969.0, 20_032.0])).passed
    assert "type Tensor" in check("rows-behind-bar", torch.ones(2, requires_grad=True)).message


def test_one_word_needs_no_list_and_several_do() -> None:
    assert check("no-gate-order", "most").passed
    assert check("no-gate-order", ["most"]).passed
    assert "all 500" in check("no-gate-order", "half").message
    assert "three names in a tuple" in check("table-order", "full").message


def test_an_unknown_name_is_told_its_neighbours() -> None:
    with pytest.raises(ValueError, match="'hold-100'"):
        check("hold-10", 1)
    with pytest.raises(ValueError, match="did you mean"):
        check("!", 1)


def test_a_function_cannot_change_what_it_is_judged_on() -> None:
    def spoils(values, days):
        values[:] = 0.0
        return values[:, -1]

    assert "worse than persistence" in check("beat-ar", spoils).message
    assert check("beat-ar", coded.seasonal).passed


def test_the_reader_may_choose_any_numbers_but_not_any_name_or_shape() -> None:
    for given in ({}, {"x": 1}, {"x": 1, "h_prev": 1, "W_xh": 1, "b_h": 1, "W_hh": 1, "y": 1}):
        with pytest.raises(ValueError, match="x=…, h_prev=…"):
            check("next-state", [0.0, 0.0], **given)
    with pytest.raises(ValueError, match="x has shape"):
        check("next-state", [0.0, 0.0], x=[1.0, 2.0, 3.0], h_prev=[0.0, 0.0])
    assert check("lstm-parameters", 4 * 7 * (5 + 7 + 2), D=5, H=7).passed


# --- the exercises and their chapters ---------------------------------------------------------------------------------

_ASKED = re.compile(r"^:::\{exercise\} (.+)\n:label: \S+\n((?:.*\n)+?):::$", re.MULTILINE)


def asked(source: Path) -> list[tuple[str, str]]:
    """Title and text of a chapter's exercises."""
    return [(title, " ".join(text.split())) for title, text in _ASKED.findall(source.read_text(encoding="utf-8"))]


def solutions(notebook: Any) -> list[tuple[str, Any]]:
    """Name of the exercise and cell, for each solution that calls a check."""
    found, solving = [], False
    for cell in notebook.cells:
        for mark in re.findall(r"\{solution-(start|end)\}", cell.source):
            solving = mark == "start"
        call = re.search(r'^check\("([\w-]+)", ', cell.source, re.MULTILINE)
        if solving and cell.cell_type == "code" and call:
            found.append((call[1], cell))
    return found


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_a_chapter_asks_what_its_exercises_state(source: Path) -> None:
    mine = [one for one in EXERCISES.values() if one.chapter == ".".join(source.stem[:2])]
    names = [name for name, _ in solutions(pairs.read_source(source))]
    assert names == [one.name for one in mine if one.name in names]
    assert all(one.sheet for one in mine if one.name not in names)
    for (title, text), name in zip(asked(source), names, strict=True):
        states = EXERCISES[name].ask.replace("{{", "{").replace("}}", "}")
        assert title == EXERCISES[name].title
        assert states in text.replace("{cite:t}`shi2015convolutional`", "Shi et al. (2015)")
        assert f'check("{name}", ' in text


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_the_solutions_in_the_book_pass_and_their_stubs_ask_for_an_answer(source: Path) -> None:
    found = solutions(pairs.read_pair(pairs.pair_of(source)))
    assert len(found) == len(asked(source))
    for name, cell in found:
        assert cell.outputs[-1]["data"]["text/plain"].startswith("Correct. "), name
        *setting, call = ast.parse(stub(cell.source)).body
        assert TODO in stub(cell.source)
        space: dict[str, Any] = {"np": np}
        exec(compile(ast.Module(setting, []), "stub", "exec"), space)
        assert isinstance(call, ast.Expr)
        said = eval(compile(ast.Expression(call.value), "stub", "eval"), space)
        assert repr(said).startswith("Not yet. "), name
        assert len(said.message) > 20, name
