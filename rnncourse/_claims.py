"""What the coursework claims, and the rule by which each claim is judged; ``book/claims.toml`` holds both.

A rule compares numbers of the ledger. Each stands for an interval: a comparison is true or false if all of it is so.
"""

import ast
import operator
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

VERDICTS = {
    "holds": "Holds",
    "holds-here": "Holds here",
    "undecided": "Undecided",
    "not-tested": "Not tested",
    "fails": "Does not hold",
}
# An id of the ledger, or ``reported.`` and one. Hyphens belong to ids: a difference is written with spaces.
NUMBER = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+")
Entries = Mapping[str, Any]  # of the ledger, by id, with interval, reported, verdict and text
Interval = tuple[float, float]


class ClaimError(ValueError):
    """The list of claims cannot be read, or has a rule that makes no sense."""


@dataclass(frozen=True)
class Claim:
    """One claim; the head of ``book/claims.toml`` says what its fields mean."""

    id: str
    says: str
    source: str
    rows: Sequence[str]
    holds_if: str = ""
    fails_if: str = ""
    argued: str = ""
    verdict: str = ""
    untested: str = ""
    chapter: str = ""
    answer: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.holds_if, self.argued, self.untested))) != 1:
            raise ClaimError(f"{self.id} must have one of holds_if, argued and untested.")
        if (self.verdict not in VERDICTS) if self.argued else self.verdict:
            raise ClaimError(f"{self.id}: an argued claim, and no other, states one of {', '.join(VERDICTS)}.")
        if self.fails_if and self.holds_if in ("", self.fails_if):
            raise ClaimError(f"{self.id}: fails_if must stand beside holds_if and say something else.")
        if bool(self.chapter) != bool(self.answer):
            raise ClaimError(f"{self.id}: chapter and answer go together.")

    def judged(self, entries: Entries) -> str:
        """The verdict, a key of `VERDICTS`.

        A claim holds if `holds_if` is true, and fails if that is false or `fails_if` is true. Both at once is *holds
        here*, neither is *undecided*. What is argued has the verdict it states.
        """
        if self.untested or self.argued:
            return self.verdict or "not-tested"
        shown = truth(self.holds_if, entries)
        refuted = shown is False or (self.fails_if and truth(self.fails_if, entries))
        if shown:
            return "holds-here" if refuted else "holds"
        return "fails" if refuted else "undecided"

    def why(self, show: Callable[[str], str]) -> str:
        """The rules, the argument, or what would decide it, as HTML; `show` writes an id."""
        if self.untested or self.argued:
            return escape(f"To decide it: {self.untested}" if self.untested else f"Argued: {self.argued}")
        text = f"Holds if {self.holds_if}" + (f"; fails if {self.fails_if}" if self.fails_if else "")
        return NUMBER.sub(lambda match: show(match[0]), escape(text))


@dataclass(frozen=True)
class Judgement:
    """A claim, its verdict and how the ledger leads there."""

    claim: Claim
    verdict: str
    why: str

    def __repr__(self) -> str:
        return f"{VERDICTS[self.verdict]}  [{self.claim.id}]"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        id, verdict = self.claim.id, VERDICTS[self.verdict]
        html = box(f'data-claim="{id}"', verdict, self.claim.says, self.why, id)
        return {"text/plain": repr(self), "text/html": html}

    def _ipython_display_(self) -> None:
        """Nothing: `judge` has displayed it already."""


def box(data: str, shown: str, says: str, how: str, id: str) -> str:
    """What a notebook displays of a number or a claim, as HTML; of these texts ``says`` alone is none yet."""
    head = f'<div class="ledger-number" {data}><strong>{shown}</strong>'
    return f"{head} {escape(says)} <small>{how} · <code>{id}</code></small></div>"


def load(path: Path) -> dict[str, Claim]:
    """Read the claims of a list by id, or raise a `ClaimError` that says what is wrong with it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return {id: Claim(**{"id": id, **fields}) for id, fields in document.items() if id.startswith("claim-")}
    except (OSError, ValueError, TypeError) as error:
        raise ClaimError(f"the claims {path} cannot be read: {error}; mend or restore the file.") from error


def judge(id: str, claims: Mapping[str, Claim], entries: Entries) -> Judgement:
    """Judge a claim, and say how: each id of its rules is followed by its value."""
    if id not in claims:
        raise ClaimError(f"'{id}' is not a claim; look it up in claims.toml, or add it there.")

    def show(name: str) -> str:
        entry = entries[name.removeprefix("reported.")]
        return f"<code>{name}</code> ({entry.reported if name.startswith('reported.') else entry.text})"

    return Judgement(claims[id], claims[id].judged(entries), claims[id].why(show))


def truth(rule: str, entries: Entries) -> bool | None:
    """Whether a rule is true, false or, as far as the intervals tell, either (None).

    A rule is made of comparisons, ``and`` and ``not``, of arithmetic with ids, ``reported.`` ids and numbers, of
    ``abs(…)``, and of ``reproduced(id, …)``: whether the printed numbers came out. Else a `ClaimError` is raised.
    """
    names = {f"_{place}": name for place, name in enumerate(NUMBER.findall(rule))}
    stand_ins = iter(names)
    try:
        tree = ast.parse(NUMBER.sub(lambda _: next(stand_ins), rule).strip(), mode="eval")
        return _truth(tree.body, names, entries)
    except (SyntaxError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ClaimError(f"the rule '{rule}' cannot be evaluated: {error}; mend it.") from error


def _truth(node: ast.expr, names: dict[str, str], entries: Entries) -> bool | None:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return _all(_truth(part, names, entries) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            inner = _truth(part, names, entries)
            return None if inner is None else not inner
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_interval(side, names, entries) for side in (left, *others)]
            return _all(_COMPARE[type(op)](a, b) for op, (a, b) in zip(ops, pairwise(sides), strict=True))
        case ast.Call(func=ast.Name("reproduced"), args=[_, *_] as ids, keywords=[]):
            verdicts = (entries[names[ast.unparse(one)]].verdict for one in ids)
            return _all({"holds": True, "not-reproduced": False}.get(verdict) for verdict in verdicts)
    raise TypeError(f"{ast.unparse(node)} is not true or false")


def _interval(node: ast.expr, names: dict[str, str], entries: Entries) -> Interval:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value, value
        case ast.Name(id=id) if names[id].startswith("reported."):
            return (float(entries[names[id].removeprefix("reported.")].reported.replace(",", "")),) * 2
        case ast.Name(id=id):
            return entries[names[id]].interval  # type: ignore[no-any-return]
        case ast.UnaryOp(op=ast.USub(), operand=part):
            low, high = _interval(part, names, entries)
            return -high, -low
        case ast.Call(func=ast.Name("abs"), args=[part], keywords=[]):
            low, high = _interval(part, names, entries)
            return max(low, -high, 0), max(high, -low)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _interval(left, names, entries), _interval(right, names, entries)
            if isinstance(op, ast.Div) and b[0] <= 0 <= b[1]:
                raise ZeroDivisionError("the divisor may be zero")
            ends = [_ARITHMETIC[type(op)](x, y) for x in a for y in b]
            return min(ends), max(ends)
    raise TypeError(f"{ast.unparse(node)} is not a number")


def _below(a: Interval, b: Interval) -> bool | None:
    return True if a[1] < b[0] else False if a[0] >= b[1] else None


def _equal(a: Interval, b: Interval) -> bool | None:
    return False if _below(a, b) or _below(b, a) else True if a == b and a[0] == a[1] else None


def _all(parts: Iterable[bool | None]) -> bool | None:
    found = list(parts)
    return False if False in found else None if None in found else True


_COMPARE = {ast.Lt: _below, ast.Gt: lambda a, b: _below(b, a), ast.Eq: _equal}
_ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
