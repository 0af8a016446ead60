"""What the values of a chapter's cells are made from: the records that its code reads, and the seeds that it sets.

The code is followed from the names that a statement reads to the statements that gave them their values.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode

SEEDING = {"manual_seed", "set_seed", "default_rng"}
CHANGING = {"append", "extend", "update", "fit", "load_state_dict"}


@dataclass(frozen=True, order=True)
class Source:
    """What a value was made from.

    Attributes:
        record: stem of a record's file; empty if it is none.
        seeds: the seeds that were set.
    """

    record: str = ""
    seeds: tuple[int, ...] = ()


Sources = frozenset[Source]


@dataclass
class Dataflow:
    """The sources of each name, as far as the statements have been followed."""

    known: dict[str, Sources] = field(default_factory=dict)

    def follow(self, statements: Sequence[ast.stmt], given: Sources = frozenset()) -> Sources:
        """Go through the statements of a cell, or of a loop in it, and return the sources of everything in them.

        Args:
            statements: in their order.
            given: sources of what they all depend on.
        """
        seen = given
        for statement in statements:
            if isinstance(statement, ast.For | ast.With | ast.If):
                seen |= self._block(statement, given)
                continue
            found = given | self._of(statement)
            for name in _given_a_value(statement):
                self.known[name] = found
            for name in _changed(statement):
                self.known[name] = found | self.known.get(name, frozenset())
            seen |= found
        return seen

    def _block(self, block: ast.For | ast.With | ast.If, given: Sources) -> Sources:
        match block:
            case ast.For(target=target, iter=over):
                given |= self._of(over) | frozenset(_seeds(target, over))
                for name in _names(target, ast.Store):
                    self.known[name] = given
            case ast.With(items=items):
                given = given.union(*(self._of(item) for item in items))
            case ast.If(test=test):
                given |= self._of(test)
        return self.follow(block.body, given) | self.follow(getattr(block, "orelse", []), given)

    def _of(self, node: ast.AST) -> Sources:
        read = _names(node, ast.Load) - _own_names(node)
        return frozenset(_direct(node)).union(*(self.known.get(name, ()) for name in read))


def _names(node: ast.AST, how: type[ast.expr_context]) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, how)}


def _own_names(node: ast.AST) -> set[str]:
    """Names that mean something inside comprehensions and functions alone."""
    own: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.comprehension):
            own |= _names(inner.target, ast.Store)
        elif isinstance(inner, ast.FunctionDef | ast.Lambda):
            own |= {argument.arg for argument in (*inner.args.args, *inner.args.kwonlyargs)}
            own |= _names(inner, ast.Store)
    return own


def _given_a_value(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    return set() if isinstance(statement, ast.AugAssign) else _names(statement, ast.Store) - _own_names(statement)


def _changed(statement: ast.stmt) -> Iterator[str]:
    """Names whose value a statement adds to."""
    if isinstance(statement, ast.AugAssign):
        yield from _names(statement.target, ast.Store)
    for node in ast.walk(statement):
        owner = None
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            owner = node.func.value
        if isinstance(owner, ast.Name):
            yield owner.id


def _direct(tree: ast.AST) -> Iterator[Source]:
    """Records that code reads, and seeds that it sets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".json"):
            yield Source(record=node.value.removesuffix(".json"))
        elif isinstance(node, ast.Call):
            yield from _call(node)
        elif isinstance(node, ast.comprehension | ast.For):
            yield from _seeds(node.target, node.iter)
        elif isinstance(node, ast.Assign):
            yield from _seeds_named(node.targets[0], node.value)


def _call(node: ast.Call) -> Iterator[Source]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    if name == "recorded" and isinstance(first, str):
        yield Source(record=first)
    if name in SEEDING and isinstance(first, int):
        yield Source(seeds=(first,))
    for word in node.keywords:
        if word.arg == "seed" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, int):
            yield Source(seeds=(word.value.value,))


def _seeds_named(target: ast.expr, value: ast.expr) -> Iterator[Source]:
    """The seeds of ``SEEDS = range(n)``, also among other names."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for name, one in zip(target.elts, value.elts, strict=False):
            yield from _seeds(name, one)
    else:
        yield from _seeds(target, value)


def _seeds(target: ast.expr, value: ast.expr) -> Iterator[Source]:
    """The seeds that a name for seeds is given, one by one or all at once."""
    if "seed" not in ast.unparse(target).lower():
        return
    match value:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            yield Source(seeds=tuple(range(count)))
        case ast.Tuple(elts=[ast.Constant(value=int()), *_] as listed):
            yield Source(seeds=tuple(ast.literal_eval(one) for one in listed))


def sources_of_figures(chapter: NotebookNode) -> dict[str, tuple[int, Sources]]:
    """The cell that draws each figure of an executed chapter, and the figure's sources, by its name."""
    flow, found = Dataflow(), {}
    for cell in chapter.cells:
        if cell.cell_type == "code":
            sources = flow.follow(ast.parse(cell.source).body)
            if name := cell.metadata.get("mystnb", {}).get("figure", {}).get("name"):
                found[name] = (cell.execution_count, sources)
    return found
