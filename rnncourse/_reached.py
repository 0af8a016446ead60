"""What the code of a run is: a digest of each definition that the run reaches.

A digest is of the syntax tree without docstrings, comments, annotations and layout, and does not depend on where the
definition stands: what moves to another module unchanged is the same code. Names are followed through imports into the
package and into what lies beside the run, but not into libraries, whose versions a record names.
"""

import ast
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple


class _Place(NamedTuple):
    module: str
    name: str  # of a definition; empty for the module, or for its statements that bind no name


def code_digests(run: Callable[..., Any]) -> dict[str, str]:
    """Digest of all code that a function of a module executes: definition → 12 digits of a SHA-256, by name.

    Raises:
        ValueError: a source cannot be read.
    """
    try:
        return dict(_digests(_Place(run.__module__, run.__name__)))
    except (ImportError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"the source of {run.__qualname__} cannot be read ({error}): define it in a module") from error


@cache  # as this process loaded the code; a file may change afterwards
def _digests(start: _Place) -> dict[str, str]:
    shapes: dict[str, list[str]] = {}
    todo, seen = [start], set[_Place]()
    while todo:
        if (place := todo.pop()) in seen:
            continue
        seen.add(place)
        bound, imports = _parsed(place.module)
        todo.append(_Place(place.module, ""))
        for statement in bound.get(place.name, ()):
            used = set(_used(statement, place.module))
            libraries = {one for one in used if not _ours(one, start.module)}
            todo += used - libraries
            label = place.name or place.module.rpartition(".")[2]
            shapes.setdefault(label, []).append(repr((_shape(statement), sorted(libraries))))
        if place.name in imports and _ours(imports[place.name], start.module):
            todo.append(imports[place.name])
    return {name: hashlib.sha256("".join(sorted(shapes[name])).encode()).hexdigest()[:12] for name in sorted(shapes)}


def _ours(place: _Place, module: str) -> bool:
    return place.module.partition(".")[0] in ("rnncourse", module.partition(".")[0])


@cache
def _parsed(name: str) -> tuple[dict[str, list[ast.stmt]], dict[str, _Place]]:
    """The top-level statements of a module by the names that they bind, and what its imported names stand for."""
    module, bound, imports = import_module(name), dict[str, list[ast.stmt]](), dict[str, _Place]()
    if (file := getattr(module, "__file__", None)) is None and not hasattr(module, "__path__"):
        raise ValueError(f"{name} has no file")
    source = Path(file).read_text(encoding="utf-8") if file else ""
    for statement in _Bare().visit(ast.parse(source)).body:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            imports.update(_imported(statement, name))
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            for one in set(_bound(statement)) or {""}:
                bound.setdefault(one, []).append(statement)
    return bound, imports


class _Bare(ast.NodeTransformer):
    """Takes away what computes nothing: bare strings, annotations, and imports for type checkers."""

    def visit(self, node: ast.AST) -> Any:
        for name in {"annotation", "returns", "type_comment", "type_params"} & set(node._fields):
            setattr(node, name, None)
        match node:
            case ast.Expr(value=ast.Constant(value=str())) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return None
        return self.generic_visit(node)


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds in its own scope."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
            yield name
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _bound(child)


def _imported(tree: ast.AST, module: str) -> Iterator[tuple[str, _Place]]:
    """What the names that the import statements of a tree bind stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.asname or one.name.partition(".")[0], _Place(one.name, "")) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = resolve_name("." * node.level + (node.module or ""), import_module(module).__package__)
            yield from ((one.asname or one.name, _Place(home, one.name)) for one in node.names)


def _used(statement: ast.stmt, module: str) -> Iterator[_Place]:
    """What a statement names, of its own module and of others, and what it imports itself."""
    inner = dict(_imported(statement, module))
    imports = _parsed(module)[1] | inner
    yield from inner.values()
    modules = set[ast.AST]()
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(value=ast.Name(id=alias) as base, attr=name) if alias in imports:
                if home := _as_module(imports[alias], module):
                    modules.add(base)
                    yield _Place(home, name)
            case ast.Name(id=name) if node not in modules:
                yield imports.get(name, _Place(module, name))


def _as_module(place: _Place, module: str) -> str:
    """The name of the module that a place is; empty if it is none, or a library's."""
    if not place.name:
        return place.module
    is_module = _ours(place, module) and isinstance(getattr(import_module(place.module), place.name, None), ModuleType)
    return ".".join(place) * is_module


def _shape(node: Any) -> Any:
    """A tree as nested lists, without positions and without empty fields, which differ between versions of Python."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        return [type(node).__name__, *((name, _shape(value)) for name, value in fields)]
    if isinstance(node, list):
        return [_shape(item) for item in node if not isinstance(item, ast.Import | ast.ImportFrom)]
    return node
