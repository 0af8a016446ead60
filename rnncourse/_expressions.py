"""Expressions that stand in data files, evaluated without `eval`: arithmetic, comparisons, indices, named functions."""

import ast
import dataclasses
import operator
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

import numpy as np

_NAMED = """Add:add Sub:sub Mult:mul Div:truediv FloorDiv:floordiv Mod:mod Pow:pow MatMult:matmul USub:neg Not:not_
Eq:eq NotEq:ne Lt:lt LtE:le Gt:gt GtE:ge"""
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    **{getattr(ast, node): getattr(operator, name) for node, name in (pair.split(":") for pair in _NAMED.split())},
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


class Unreadable(Exception):
    """An answer has not the form that its exercise asks for."""


class Stopped(Exception):
    """A function of the reader's failed; the message says how."""


class ExpressionError(ValueError):
    """An expression holds something that is not allowed, or a name that nothing defines."""


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """Evaluates expressions in Python's notation, where a list makes an array."""

    names: Mapping[str, Any]  # values
    functions: Mapping[str, Callable[..., Any]]  # what may be called

    def value(self, expression: str) -> Any:
        """The value of an expression; an `ExpressionError` if it is none, or holds anything that is not allowed."""
        try:
            return self._of(ast.parse(expression.strip(), mode="eval").body)
        except SyntaxError as error:
            raise ExpressionError(f"{expression!r} is no expression: {error.msg}.") from error

    def fill(self, text: str) -> str:
        """A text with each ``{expression:format}`` replaced by its value; ``{{`` and ``}}`` are braces."""
        filler = Formatter()
        filler.get_field = lambda expression, *_: (self.value(expression), "")  # type: ignore[method-assign]
        return filler.vformat(text, (), {})

    def _of(self, node: ast.AST | None) -> Any:
        match node:
            case None | ast.Constant():
                return None if node is None else node.value
            case ast.Name(name) if name in self.names:
                return self.names[name]
            case ast.List(items) | ast.Tuple(items):
                values = tuple(map(self._of, items))
                return np.array(values) if isinstance(node, ast.List) else values
            case ast.Slice(lower, upper, step):
                return slice(self._of(lower), self._of(upper), self._of(step))
            case ast.Subscript(value, index):
                return self._of(value)[self._of(index)]
            case ast.UnaryOp(sign, operand) if type(sign) in _OPERATORS:
                return _OPERATORS[type(sign)](self._of(operand))
            case ast.BinOp(left, sign, right) if type(sign) in _OPERATORS:
                return _OPERATORS[type(sign)](self._of(left), self._of(right))
            case ast.BoolOp(sign, parts):
                return any(map(self._of, parts)) if isinstance(sign, ast.Or) else all(map(self._of, parts))
            case ast.IfExp(test, chosen, other):
                return self._of(chosen if self._of(test) else other)
            case ast.Compare(left, signs, others) if all(type(sign) in _OPERATORS for sign in signs):
                values = tuple(map(self._of, (left, *others)))
                found = [_OPERATORS[type(sign)](*values[k : k + 2]) for k, sign in enumerate(signs)]
                return found[0] if len(found) == 1 else all(found)
            case ast.Attribute(value, name) if not name.startswith("_"):
                return self._part(self._of(value), name)
            case ast.Call(ast.Name(name), items, words) if name in self.functions and all(word.arg for word in words):
                named = {str(word.arg): self._of(word.value) for word in words}
                return self.functions[name](*map(self._of, items), **named)
        raise ExpressionError(f"{ast.unparse(node)!r} is unknown here, or not allowed in an expression.")

    @staticmethod
    def _part(value: Any, name: str) -> Any:
        # The transpose of an array, or a field of a dataclass, such as a step of a cell.
        if (name == "T" and isinstance(value, np.ndarray)) or name in getattr(value, "__dataclass_fields__", {}):
            return getattr(value, name)
        raise ExpressionError(f"{name!r} cannot be asked of a {type(value).__name__}.")
