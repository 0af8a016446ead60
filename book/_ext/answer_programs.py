"""An exercise as the page judges it: numbers and small programs, made at build time from what `check` evaluates.

Whatever does not depend on the reader's answer is computed here, by the same evaluator as in Jupyter. What does becomes
a program in JSON, the expression's syntax tree with names of operators and functions in it, which
``assets/answers.mjs`` carries out without `eval`. An exercise that holds anything else is answered in the notebook.
"""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

import numpy as np

from rnncourse.exercises import Exercise, Names, draw

# What the page can compute of an answer; the same names stand in assets/answers.mjs.
_IN_PAGE = """abs all any ceil clip concatenate cumsum diff exp floor int isclose isfinite isinf isnan joined len log
log10 max maximum mean median min minimum relu reshape round set shape sigmoid softmax sqrt sum tanh var"""
IN_PAGE = frozenset(_IN_PAGE.split())
FRESH = 20  # variants of a template, each with numbers of its own
_SPEC = {"f", "g", "%", ","}


class NotInPage(ValueError):
    """The page cannot judge this exercise: its answer is code, or a condition asks for more than the page computes."""


@dataclass
class _Program:
    """Compiles the expressions of one exercise with given numbers."""

    names: Names
    let: dict[str, Any] = field(default_factory=dict)  # compiled

    def __post_init__(self) -> None:
        fixed = set(self.names)  # a number that is given stands before an expression of its name
        self.moving = {"yours"}
        trees = {name: _words(ast.parse(text)) for name, text in self.names.let.items() if name not in fixed}
        while more := {name for name, words in trees.items() if words & self.moving} - self.moving:
            self.moving |= more

    def of(self, expression: Any) -> Any:
        """The program of an expression, or of a value that stands in its place."""
        if not isinstance(expression, str):
            return _literal(np.asarray(expression))
        return self._node(ast.parse(expression.strip(), mode="eval").body)

    def text(self, text: str) -> list[Any]:
        """A text in pieces: words, and programs with the format of their value."""
        pieces: list[Any] = [""]
        for words, expression, spec, conversion in Formatter().parse(text):
            pieces[-1] += words
            if expression is None:
                continue
            if _words(ast.parse(expression.strip())) & self.moving:
                if (spec and spec[-1] not in _SPEC) or conversion not in (None, "r"):
                    raise NotInPage(f"the format {spec!r}")
                pieces += [[self.of(expression), conversion or "", spec or ""], ""]
            else:
                ending = f"!{conversion}" if conversion else ""
                pieces[-1] += self.names.fill(f"{{{expression}{ending}:{spec}}}")
        return pieces

    def _node(self, node: ast.AST) -> Any:
        if not _words(node) & self.moving:
            return _literal(self.names.evaluator.value(ast.unparse(node)))
        match node:
            case ast.Name("yours"):
                return ["yours"]
            case ast.Name(name):
                if name not in self.let:
                    self.let[name] = self.of(self.names.let[name])
                return ["let", name]
            case ast.List(items) | ast.Tuple(items):
                return [type(node).__name__, *map(self._node, items)]
            case ast.Subscript(value, index):
                return ["at", self._node(value), self._index(index)]
            case ast.UnaryOp(sign, operand):
                return [type(sign).__name__, self._node(operand)]
            case ast.BinOp(left, sign, right) if not isinstance(sign, ast.MatMult):
                return [type(sign).__name__, self._node(left), self._node(right)]
            case ast.BoolOp(sign, parts):
                return [type(sign).__name__, *map(self._node, parts)]
            case ast.IfExp(test, chosen, other):
                return ["if", *map(self._node, (test, chosen, other))]
            case ast.Compare(left, signs, others):
                values = [self._node(part) for part in (left, *others)]
                pairs = [[type(sign).__name__, *values[k : k + 2]] for k, sign in enumerate(signs)]
                return pairs[0] if len(pairs) == 1 else ["And", *pairs]
            case ast.Call(ast.Name(name), arguments, keywords) if name in IN_PAGE:
                if [word.arg for word in keywords] not in ([], ["axis"]):
                    raise NotInPage(ast.unparse(node))
                return [name, *map(self._node, (*arguments, *(word.value for word in keywords)))]
        raise NotInPage(ast.unparse(node))

    def _index(self, node: ast.AST) -> Any:
        match node:
            case ast.Tuple(items):
                return ["Tuple", *map(self._index, items)]
            case ast.Slice(lower, upper, None):
                return ["slice", *(part and self._node(part) for part in (lower, upper))]
        return self._node(node)


def _words(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _literal(value: Any) -> Any:
    """A value as a program: arrays and tuples with their kind, since Python compares them differently."""
    match value:
        case np.ndarray() | np.generic():
            return ["value", _finite(value.tolist())] if np.ndim(value) else _finite(value.item())
        case tuple() | list() | frozenset():
            return ["Tuple", *map(_literal, sorted(value) if isinstance(value, frozenset) else value)]
        case bool() | int() | float() | str():
            return _finite(value)
    raise NotInPage(f"a value of type {type(value).__name__}")


def _finite(value: Any) -> Any:
    """JSON has no number for infinity; the page reads these words as what they are."""
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return f"@{value}" if isinstance(value, float) and not math.isfinite(value) else value


def _problem(exercise: Exercise, names: Names) -> dict[str, Any]:
    """All that the page needs to judge an answer to the exercise with these numbers, in the order of `check`."""
    program = _Program(names)
    words = exercise.kind in ("choice", "word")
    answer = None
    if exercise.answer is not None:
        names["answer"] = tuple(exercise.answer) if words else np.asarray(names.of(exercise.answer))
        answer = _literal(names["answer"])
    mistakes = [
        {
            key: program.text(value) if key == "hint" else program.of(value)
            for key, value in one.items()
            if key in ("answer", "when", "hint")
        }
        for one in exercise.mistakes
    ]
    return {
        "read": program.of(exercise.read) if exercise.read else None,
        "answer": answer,
        "mistakes": mistakes,
        "passes": program.of(exercise.passes),
        "right": program.text(exercise.right),
        "otherwise": program.text(exercise.otherwise),
        "let": program.let,
    }


def variants(exercise: Exercise) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Question, drawn numbers and program, for each of the problems that the exercise is asked with.

    The first is that of the chapter, whose question stands there already, unless the reader is to choose numbers.

    Raises:
        NotInPage: the page cannot judge it.
    """
    if exercise.kind == "code":
        raise NotInPage("its answer is code")
    if not exercise.draw.keys() - exercise.given.keys():
        yield "", {}, _problem(exercise, Names(exercise, exercise.given))
    asked: set[str] = set()
    for seed in range(10 * FRESH if exercise.sheet else 0):
        if len(asked) == FRESH:
            return
        sheet = draw(exercise.name, seed=seed)
        if sheet.question not in asked:
            asked.add(sheet.question)
            numbers = dict(sheet.numbers)
            yield sheet.question, numbers, _problem(exercise, Names(exercise, exercise.given | numbers))


def stated(exercise: Exercise) -> dict[str, Any]:
    """What holds of an exercise whatever its numbers."""
    form = exercise.form.format(type="{type}", error="")
    return {
        "title": exercise.title,
        "kind": exercise.kind,
        "form": form,
        "choices": exercise.choices,
        "tolerance": exercise.tolerance,
        "relative": exercise.relative,
    }
