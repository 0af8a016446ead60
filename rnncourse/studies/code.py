"""What the code of a run is: a digest that a changed line changes, and a reworded comment does not.

Taken of the syntax tree without docstrings, comments and layout. Of the module that defines a study's ``run``, only
what ``run`` reaches counts: a longer grid or another note leaves the old runs valid.
"""

import ast
import hashlib
import importlib
import inspect
import os
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from rnncourse.studies.errors import StudyError

Digests = Mapping[str, str]


def code_digests(run: Callable[..., Any], modules: Iterable[ModuleType]) -> dict[str, str]:
    """Digest of everything that a run executes, by module.

    Args:
        run: the study's function.
        modules: what it depends on; a package stands for all its modules.

    Returns:
        Name of the module → SHA-256 in hexadecimal. The part of its own module that ``run`` reaches stands under
        ``MODULE:FUNCTION``.

    Raises:
        StudyError: a source cannot be read.
    """
    own = f"{run.__module__}:{run.__qualname__}"
    in_module = getattr(sys.modules.get(run.__module__), "__file__", None) is not None
    digests = {own: digest(own) if in_module else _typed_in(run)}
    return digests | {name: digest(name) for module in modules for name in sorted(_with_children(module))}


def changed(digests: Digests) -> list[str]:
    """Names in ``digests`` whose code is another in this process.

    What was typed into a session is not looked at: it travels with the run.
    """
    return [name for name, wanted in digests.items() if not name.startswith("__main__:") and _loaded(name) != wanted]


@cache
def _loaded(name: str) -> str:
    """Digest when this process first asked for it, which is when it loads the code: a file may change afterwards."""
    return digest(name)


def digest(name: str) -> str:
    """Digest of a module, or of what one of its functions reaches in it, as the file is now.

    Args:
        name: ``MODULE`` or ``MODULE:FUNCTION``.

    Returns:
        SHA-256 in hexadecimal.

    Raises:
        StudyError: the source cannot be read.
    """
    module, _, function = name.partition(":")
    try:
        file = importlib.import_module(module).__file__ or ""
        return _digest_of_file(file, os.stat(file).st_mtime_ns, function)
    except (ImportError, OSError, SyntaxError, ValueError) as error:
        raise StudyError(f"the source of {name} cannot be read: {error}") from error


@lru_cache(maxsize=256)
def _digest_of_file(file: str, changed_ns: int, function: str) -> str:
    return source_digest(Path(file).read_text(encoding="utf-8"), function)


def source_digest(source: str, function: str = "") -> str:
    """SHA-256 of a source's syntax tree without docstrings, comments and layout.

    Args:
        source: text of a module.
        function: where to start; by default, everything counts.

    Returns:
        SHA-256 in hexadecimal.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = ast.parse(source)
    shape = _shape(_reached(tree, function))
    return hashlib.sha256(repr(shape).encode("utf-8", "surrogatepass")).hexdigest()


def _typed_in(run: Callable[..., Any]) -> str:
    """Digest of a function that was typed into a session: its own text."""
    try:
        return source_digest(textwrap.dedent(inspect.getsource(run)))
    except (OSError, TypeError, SyntaxError) as error:
        raise StudyError(f"the source of {run.__qualname__} cannot be read: define it in a module") from error


def _with_children(module: ModuleType) -> Iterator[str]:
    yield module.__name__
    for child in pkgutil.walk_packages(getattr(module, "__path__", []), f"{module.__name__}."):
        yield child.name


def _reached(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The top-level statements that ``name`` reaches by names, and those that bind none, such as calls."""
    binds = [(statement, _bound(statement)) for statement in tree.body]
    if not any(name in names for _, names in binds):
        return tree.body
    todo = [name, *(used for statement, names in binds if not names for used in _used(statement))]
    seen: set[str] = set()
    while todo:
        if (here := todo.pop()) not in seen:
            seen.add(here)
            todo.extend(used for statement, names in binds if here in names for used in _used(statement))
    return [statement for statement, names in binds if not names or names & seen]


def _bound(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
        case ast.Assign() | ast.AnnAssign():
            names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
            return {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return set()


def _used(statement: ast.stmt) -> Iterator[str]:
    return (node.id for node in ast.walk(statement) if isinstance(node, ast.Name))


def _shape(node: Any) -> Any:
    """The tree as nested lists, without positions and without empty fields, which differ between versions of Python."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        return [type(node).__name__, *((name, _shape(value)) for name, value in fields)]
    if isinstance(node, list):
        return [_shape(item) for item in node if not _is_remark(item)]
    return node


def _is_remark(node: Any) -> bool:
    """Whether a statement is a bare string: a docstring, or a comment in that form."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
