"""The ledger: every number the book states, looked up, compared and displayed.

``book/numbers.toml`` is written by people. Its tables are prefixes of ids; what a table says of unit, digits,
tolerance, source or record holds for all below it. A line names an id, or a whole family: ``"{model}.mse"`` stands for
one id per word of ``words.model``, and the same word fills ``what``. ``book/numbers.lock.json`` holds the values and is
written by ``make accept`` alone. Each described id has a value there, and each value a description.

A chapter computes a value and calls `number` with it. Outside the tolerance the run fails. Inside, the *ledger's* text
is displayed, so that the output is the same on every machine and prose can link to it.
"""

import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from html import escape
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from rnncourse import claims

ID = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
# Finds the ids in what `number` displayed: the mark that an executed cell leaves.
CHECKED = re.compile(r'data-ledger="([^"]+)"')
PRINTED_VERDICTS = {"holds": "Holds", "not-reproduced": "Not reproduced", "not-comparable": "Cannot be compared"}
# What is read from a record is the record's to its full precision. Arithmetic in another order, or another build of
# the same libraries, moves the last three or four of float64's sixteen digits.
RECORDED = 1e-12
# float64, computed anew: a sum of a few hundred terms on another BLAS differs in the last digits only; 1e-9 leaves room
# for that and none for a wrong formula.
FLOAT64 = 1e-9
# Two means of n runs, made on different machines, differ by less than this many standard errors of their difference
# in all but one of some 16,000 comparisons (normal theory). The logarithm of a ratio of two standard deviations of n
# runs has a standard error near 1/√(n − 1), which bounds the spread alike. Both are wide: the seeds are the same, so
# that another machine changes rounding, and not the draw.
SEED_SIGMAS = 4.0
# Coverage of Student's intervals: of the mean over runs, and of one more run, inside which a printed number holds.
COVERAGE = 0.95


class LedgerError(ValueError):
    """The ledger cannot be read, or an id is not in it."""


class NumberMismatch(LedgerError, AssertionError):
    """A computed value lies outside the tolerance of its ledger entry."""


Fields = dict[str, Any]


class Measured(NamedTuple):
    """A number as it was computed: a single value (``n`` is 0), or the mean and standard deviation of n runs."""

    value: int | float
    spread: float = 0.0
    n: int = 0


@dataclass(frozen=True)
class Tolerance:
    """How far a computed value may lie from the ledger's.

    Attributes:
        kind: ``exact``, ``float64``, ``absolute``, ``relative`` or ``seeds``.
        size: the bound of an ``absolute`` or ``relative`` tolerance.
        why: the argument for the size.
    """

    kind: str
    size: float = 0.0
    why: str = ""

    def bound(self, held: Measured) -> float:
        """Largest permitted distance from the ledger's value, in its units."""
        if self.kind == "seeds":
            return SEED_SIGMAS * held.spread * math.sqrt(2 / held.n) or FLOAT64 * abs(held.value)
        return {"exact": 0.0, "float64": FLOAT64 * abs(held.value), "absolute": self.size}.get(
            self.kind, self.size * abs(held.value)
        )

    def allows(self, got: Measured, held: Measured) -> bool:
        """Whether a computed number may pass for the ledger's."""
        if self.kind == "exact" and held.n:  # until the lock holds every recorded spread in full
            return abs(got.value - held.value) <= SEED_SIGMAS * held.spread * math.sqrt(2 / held.n) + 1e-9
        if got.n != held.n:
            return False
        if self.kind == "exact":
            return math.isclose(got.value, held.value, rel_tol=RECORDED if isinstance(held.value, float) else 0) and (
                math.isclose(got.spread, held.spread, rel_tol=RECORDED, abs_tol=RECORDED * abs(held.value))
            )
        if not abs(got.value - held.value) <= self.bound(held):
            return False
        if not held.n or max(got.spread, held.spread) <= FLOAT64 * abs(held.value):
            return True
        furthest = math.exp(SEED_SIGMAS / math.sqrt(held.n - 1))
        return held.spread / furthest <= got.spread <= held.spread * furthest

    def __str__(self) -> str:
        match self.kind:
            case "seeds":
                return f"{SEED_SIGMAS:g} standard errors"
            case "relative":
                return f"± {100 * self.size:g} %"
            case "absolute":
                return f"± {self.size:g}"
        return self.kind


@dataclass(frozen=True)
class Entry:
    """One row of the ledger.

    Attributes:
        id: dotted name, such as ``power.lstm.parameters``.
        value: the number itself; the mean where it comes from seeds.
        what: what is counted or measured, in a few words.
        tolerance: how far a computed value may stray.
        spread: standard deviation over runs; 0 for a single value.
        n: number of runs; 0 for a single value.
        unit: unit of the value, or the empty string.
        decimals: digits shown after the point, or None.
        digits: significant digits shown, or None.
        reported: what the coursework printed, digit for digit, or None.
        source: where the coursework printed it.
        remark: one sentence on why the two differ.
        incomparable: why the two cannot be compared, or the empty string.
        recorded: file with the recorded run behind the number, relative to ``book/``, or the empty string.
    """

    id: str
    value: int | float
    what: str
    tolerance: Tolerance
    spread: float = 0.0
    n: int = 0
    unit: str = ""
    decimals: int | None = None
    digits: int | None = None
    reported: str | None = None
    source: str = ""
    remark: str = ""
    incomparable: str = ""
    recorded: str = ""

    @property
    def measured(self) -> Measured:
        """Value, spread and number of runs."""
        return Measured(self.value, self.spread, self.n)

    @property
    def interval(self) -> tuple[float, float]:
        """Student's interval of the mean over runs, with coverage `COVERAGE`; a single value stands for itself."""
        half = _student_reach(self.n - 1) * self.spread / math.sqrt(self.n) if self.n else 0
        return self.value - half, self.value + half

    @property
    def text(self) -> str:
        """The value as prose shows it, without its unit."""
        shown = self.show(self.value)
        return f"{shown} ± {self.show(self.spread)}" if self.n else shown

    @property
    def reported_text(self) -> str:
        """What the coursework printed, as prose shows it, without a unit.

        Raises:
            LedgerError: the coursework reported nothing for this entry.
        """
        if self.reported is None:
            raise LedgerError(f"ledger entry '{self.id}' has no reported value; link to '#{self.id}' instead.")
        return self.reported.replace("-", "−")

    @property
    def verdict(self) -> str | None:
        """What became of the printed number, a key of `PRINTED_VERDICTS`; None where nothing was printed.

        It holds if both are equal at the printed digits (at ours, where a single value is known to fewer), or if it
        lies inside Student's prediction interval for one new run, mean ± t(n − 1) · spread · √(1 + 1/n), with
        coverage `COVERAGE`.
        """
        if self.reported is None:
            return None
        if self.incomparable:
            return "not-comparable"
        printed = Decimal(self.reported.replace(",", ""))
        ours, shown = Decimal(repr(self.value)), Decimal(repr(self.last_digit()))
        digit = printed if self.n else max(printed, shown, key=lambda one: one.as_tuple().exponent)
        if ours.quantize(digit) == printed.quantize(digit):
            return "holds"
        if self.spread:
            off = abs(float(printed) - self.value) / (self.spread * math.sqrt(1 + 1 / self.n))
            return "holds" if _student(off, self.n - 1) <= COVERAGE else "not-reproduced"
        return "not-reproduced"

    def show(self, value: float) -> str:
        """Write ``value`` with this entry's digits; a whole number has them all."""
        if isinstance(self.value, int) and not self.n:
            return format_value(value)
        return format_value(value, decimals=self.decimals, digits=self.digits)

    def last_digit(self) -> float:
        """Size of one unit in the last digit that `text` shows."""
        if isinstance(self.value, int):
            return 1.0
        if self.decimals is not None:
            return 10.0**-self.decimals
        if self.digits is not None and self.value:
            return float(10.0 ** (math.floor(math.log10(abs(self.value))) - self.digits + 1))
        return 1.0


def _student(t: float, freedom: int) -> float:
    """Probability that Student's variable lies within ±t (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle, odd = math.atan2(t, math.sqrt(freedom)), freedom % 2
    term, total = math.cos(angle) if odd else 1.0, 0.0
    for k in range(odd + 1, freedom, 2):
        total += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total


@lru_cache
def _student_reach(freedom: int) -> float:
    low, high = 0.0, 1e3
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _student(middle, freedom) < COVERAGE else (low, middle)
    return low


def format_value(value: float, *, decimals: int | None = None, digits: int | None = None) -> str:
    """Write a number as the book does.

    Args:
        value: the number, unitless.
        decimals: digits after the point, or None.
        digits: significant digits, or None; with neither, the number is an integer.

    Returns:
        The text, with thousands separated by commas, a true minus sign, and a power of ten outside [1e-4, 1e7).
    """
    if decimals is not None:
        text = f"{value:,.{decimals}f}"
    elif digits is None:
        text = f"{round(value):,}"
    elif value == 0 or 1e-4 <= abs(value) < 1e7:
        rounded = float(f"{value:.{digits - 1}e}")
        exponent = math.floor(math.log10(abs(rounded))) if rounded else 0
        text = f"{rounded:,.{max(digits - 1 - exponent, 0)}f}"
    else:
        mantissa, _, exponent_text = f"{value:.{digits - 1}e}".partition("e")
        superscript = str(int(exponent_text)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{mantissa}×10{superscript}"
    if re.fullmatch(r"-0(\.0*)?", text):  # a rounded-away negative is zero, not minus zero
        text = text[1:]
    return text.replace("-", "−")


@dataclass(frozen=True)
class Ledger(Mapping[str, Entry]):
    """All entries by id, in the order of the lock."""

    path: Path
    entries: dict[str, Entry] = field(repr=False)
    descriptions: dict[str, Fields] = field(repr=False)

    def __getitem__(self, key: str) -> Entry:
        try:
            return self.entries[key]
        except KeyError:
            near = get_close_matches(key, self.entries, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "add an entry for it."
            raise LedgerError(f"'{key}' is not in the ledger {self.path.name}; {hint}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def text(self, target: str) -> str:
        """The text a link to ``target`` must show.

        Args:
            target: an id, or ``reported.`` and an id.
        """
        if target.startswith("reported."):
            return self[target.removeprefix("reported.")].reported_text
        return self[target].text

    def resolves(self, target: str) -> bool:
        """Whether ``target`` is an id of the ledger, or ``reported.`` and one."""
        return target.removeprefix("reported.") in self.entries


def ledger_path() -> Path:
    """The ledger in use: ``RNNCOURSE_LEDGER`` if set, the repository's, else the copy in the installed package.

    Raises:
        LedgerError: there is none.
    """
    if chosen := os.environ.get("RNNCOURSE_LEDGER"):
        return Path(chosen)
    package = Path(__file__).parent
    for path in (package.parent / "book" / "numbers.toml", package / "numbers.toml"):
        if path.exists():
            return path
    raise LedgerError("no ledger was found; set RNNCOURSE_LEDGER to the path of a numbers.toml.")


def lock_path(path: Path) -> Path:
    """Where the values of a ledger lie."""
    return path.with_suffix(".lock.json")


def lock_text(values: Mapping[str, Measured]) -> str:
    """A lock file, one line for each id."""
    lines = (f"  {json.dumps(id)}: {json.dumps(one._asdict() if one.n else one.value)}" for id, one in values.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_lock(path: Path) -> dict[str, Measured]:
    """Read the values of a ledger.

    Raises:
        LedgerError: the file is missing, is not JSON, or holds something else than numbers.
    """
    values = {}
    for id, held in _read(path, json.loads).items():
        match held:
            case {"value": value, "spread": spread, "n": int(n), **rest} if not rest and n > 1 and spread >= 0:
                values[id] = Measured(float(value), float(spread), n)
            case int() | float() if _is_number(held):
                values[id] = Measured(held)
            case _:
                raise LedgerError(f"'{id}' in {path.name} is {held!r}; write it with 'make accept'.")
    return values


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LedgerError(f"cannot read the ledger {path}: {error.strerror}; check the path.") from error
    except UnicodeDecodeError as error:
        raise LedgerError(f"the ledger {path} is not UTF-8 at byte {error.start}; save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"the ledger {path} cannot be parsed: {error}; mend that line.") from error
    if not isinstance(document, dict):
        raise LedgerError(f"the ledger {path} is no table of ids; mend it.")
    return document


def load(path: Path | None = None, *, accepting: Path | None = None) -> Ledger:
    """Read a ledger and check every entry.

    Args:
        path: a TOML file, with its lock beside it; the ledger in use by default.
        accepting: a lock to read instead, which may lack values.

    Raises:
        LedgerError: a file is missing or malformed, an entry does not make sense, or values and descriptions do not
            cover each other.
    """
    path = path or ledger_path()
    descriptions: dict[str, Fields] = {}
    for id, fields in _described(_read(path, tomllib.loads), "", {"words": {}}):
        if id in descriptions:
            raise LedgerError(f"'{id}' is described twice in {path.name}; keep one of the two.")
        descriptions[id] = fields
    values = read_lock(accepting or lock_path(path))
    if unknown := [id for id in values if id not in descriptions]:
        raise LedgerError(f"'{unknown[0]}' has a value and no description; describe it in {path.name}.")
    if not accepting and (empty := [id for id in descriptions if id not in values]):
        raise LedgerError(f"'{empty[0]}' is described in {path.name} and has no value; run 'make accept'.")
    return Ledger(path, {id: _entry(id, descriptions[id], held) for id, held in values.items()}, descriptions)


_TEXTS = ("what", "unit", "source", "remark", "incomparable", "recorded")
_BY_WORD = ("reported", "remark", "incomparable")
_FIELDS = {*_TEXTS, "decimals", "digits", "tolerance", "reported", "words"}
_PLACE = re.compile(r"\{(\w+)(?::([^}]*))?\}")


def _described(table: Fields, prefix: str, inherited: Fields) -> Iterator[tuple[str, Fields]]:
    """The ids that a table describes, with all that it and the tables above it say of them."""
    own = {key: value for key, value in table.items() if key in _FIELDS}
    if not own.keys().isdisjoint({"decimals", "digits"}):
        inherited = {key: value for key, value in inherited.items() if key not in ("decimals", "digits")}
    fields = {**inherited, **own, "words": {**inherited["words"], **own.get("words", {})}}
    children = {key: value for key, value in table.items() if key not in _FIELDS}
    if "what" in own:
        if children:
            raise LedgerError(f"ledger entry '{prefix}' has an unknown field '{min(children)}'; mend its name.")
        yield from _family(prefix, fields)
    for key, child in children.items():
        name = f"{prefix}.{key}" if prefix else key
        if not isinstance(child, str | dict):
            raise LedgerError(f"'{name}' in the ledger is {child!r}; give a table, or a text that says what it is.")
        yield from _described({"what": child} if isinstance(child, str) else child, name, fields)


def _family(pattern: str, fields: Fields) -> Iterator[tuple[str, Fields]]:
    """One id for each choice of words that a pattern leaves open."""
    words, places = fields.pop("words"), _PLACE.findall(pattern)
    choices = []
    for name, some in places:
        if name not in words:
            raise LedgerError(f"'{pattern}' in the ledger has no words for '{name}'; add 'words.{name} = …' above it.")
        known = words[name] if isinstance(words[name], dict) else {str(word): str(word) for word in words[name]}
        chosen = some.split(",") if some else known
        if unknown := sorted(set(chosen) - set(known)):
            raise LedgerError(f"'{pattern}' in the ledger names '{unknown[0]}', which is no word of '{name}'; add it.")
        choices.append([(name, key, str(known[key])) for key in chosen])
    members = {".".join(key for _, key, _ in choice): choice for choice in product(*choices)}
    for key in _BY_WORD:
        if isinstance(fields.get(key), dict) and (unknown := sorted(set(fields[key]) - set(members))):
            raise LedgerError(f"'{pattern}' in the ledger has {key} for '{unknown[0]}', which is none of its words.")
    for member, choice in members.items():
        keys = iter(choice)
        mine = {
            key: value.get(member) if isinstance(value, dict) else value
            for key, value in fields.items()
            if key in _BY_WORD
        }
        yield (
            _PLACE.sub(lambda _: next(keys)[1], pattern),  # noqa: B023
            {key: _fill(value, choice) for key, value in {**fields, **mine}.items() if value is not None},
        )


def _fill(value: Any, choice: tuple[tuple[str, str, str], ...]) -> Any:
    if isinstance(value, str):
        for name, _, text in choice:
            value = value.replace(f"{{{name}}}", text)
    return value


def _entry(id: str, fields: Fields, held: Measured) -> Entry:
    def wrong(problem: str, remedy: str) -> LedgerError:
        return LedgerError(f"ledger entry '{id}' {problem}; {remedy}.")

    if not ID.fullmatch(id):
        raise wrong("has a malformed id", "use at least two lower-case words joined by dots")
    for key in _TEXTS:
        if not isinstance(fields.get(key, ""), str) or "{" in fields.get(key, ""):
            raise wrong(f"has {key} = {fields[key]!r}", "give a text, with words for each {name} in it")
    for key, least in (("decimals", 0), ("digits", 1)):
        if key in fields and not (type(fields[key]) is int and least <= fields[key] <= 17):
            raise wrong(f"has {key} = {fields[key]!r}", f"give an integer from {least} to 17")
    if {"decimals", "digits"} <= fields.keys():
        raise wrong("sets both decimals and digits", "keep one of them")
    if fields.keys().isdisjoint({"decimals", "digits"}) and (held.n or not isinstance(held.value, int)):
        raise wrong(f"has the value {held.value!r} and no digits", "say how many: 'digits = 3' or 'decimals = 2'")
    reported = fields.get("reported")
    if reported is None:
        fields = {key: value for key, value in fields.items() if key not in ("source", "remark", "incomparable")}
    elif not re.fullmatch(r"-?[\d,]+(\.\d+)?(e-?\d+)?", str(reported)):
        raise wrong(f"has reported = {reported!r}", "give the printed number, as text to keep its zeros")
    elif not fields.get("source"):
        raise wrong("has a reported value and no source", "say where it was printed")
    try:
        tolerance = _tolerance(fields, held)
    except ValueError as error:
        raise wrong(f"has tolerance {fields.get('tolerance')!r}", str(error)) from None
    given = {key: value for key, value in fields.items() if key not in ("tolerance", "reported")}
    entry = Entry(id, held.value, given.pop("what"), tolerance, held.spread, held.n, **given)
    if reported is not None:
        entry = replace(entry, reported=f"{reported:,}" if isinstance(reported, int) else str(reported))
    if not entry.n and tolerance.bound(held) > entry.last_digit():
        raise wrong("shows digits that its tolerance does not hold", "show fewer digits or tighten the tolerance")
    return entry


def _tolerance(fields: Fields, held: Measured) -> Tolerance:
    """The tolerance that is stated, else the one that follows from how the number comes about."""
    live = not fields.get("recorded")
    match fields.get("tolerance"):
        case None if not live or (isinstance(held.value, int) and not held.n):
            return Tolerance("exact")
        case None:
            return Tolerance("seeds" if held.n else "float64")
        case dict(stated) if live and not held.n and set(stated) in ({"absolute", "why"}, {"relative", "why"}):
            kind = min(set(stated) - {"why"})
            if _is_number(stated[kind]) and stated[kind] > 0 and isinstance(stated["why"], str):
                return Tolerance(kind, stated[kind], stated["why"])
    raise ValueError('write {absolute|relative = size, why = "…"}, for a single value that is computed anew')


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _scratch() -> Path | None:
    """The lock that ``tools.accept`` lets a chapter write, and that alone sets this variable."""
    chosen = os.environ.get("RNNCOURSE_ACCEPT")
    return Path(chosen) if chosen else None


@lru_cache(maxsize=8)
def _cached(path: Path, scratch: Path | None, changed_ns: tuple[int, ...]) -> Ledger:
    del changed_ns  # only there so that an edited file is read again in a running notebook
    return load(path, accepting=scratch)


def current() -> Ledger:
    """The ledger in use, read again whenever a file of it changes."""
    path, scratch = ledger_path(), _scratch()
    files = (path, scratch or lock_path(path))
    return _cached(path, scratch, tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files))


@dataclass(frozen=True)
class Number:
    """A value that was checked against its ledger entry."""

    entry: Entry

    def __str__(self) -> str:
        return f"{self.entry.text} {self.entry.unit}".rstrip()

    def __repr__(self) -> str:
        return f"{self}  [{self.entry.id}]"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        entry = self.entry
        name = escape(entry.id)
        # The full values, so that an executed notebook and the lock hold each other to account.
        held = f'data-value="{entry.value!r}"' + (f' data-spread="{entry.spread!r}" data-n="{entry.n}"' * bool(entry.n))
        html = (
            f'<div class="ledger-number" data-ledger="{name}" {held}><strong>{entry.text}</strong> '
            f"{escape(entry.unit)} <small>{escape(entry.what)} · <code>{name}</code></small></div>"
        )
        return {"text/plain": repr(self), "text/html": html}

    def _ipython_display_(self) -> None:
        """Nothing: `number` has displayed it already, and a cell's last value is not shown twice."""


def number(id: str, value: object) -> Number:
    """Compare a computed value with the ledger and display the ledger's text.

    Args:
        id: id of the entry.
        value: a number, a zero-dimensional array or tensor; for an entry from seeds, all runs.

    Returns:
        The checked number; in a notebook it is displayed at once, wherever in the cell the call stands.

    Raises:
        LedgerError: the id is not in the ledger.
        NumberMismatch: value, spread or number of runs lies outside the entry's tolerance.
        TypeError: the value is no number and no sequence of runs.
    """
    checked = _checked(id, value)
    _display([checked])
    return checked


def number_table(id: str, table: Any) -> None:
    """Compare a table with the ledger, cell by cell, and display the ledger's texts.

    Args:
        id: what the cells' ids begin with; ``id.row.column`` is one cell's.
        table: a data frame, or a mapping of mappings of what `number` takes, by row and column.

    Raises:
        LedgerError, NumberMismatch, TypeError: as `number` does, for the first cell that fails.
    """
    _display([_checked(name, value) for name, value in _cells(id, table)])


def _cells(id: str, table: Any) -> Iterator[tuple[str, object]]:
    if hasattr(table, "to_dict"):
        table = table.to_dict("index") if hasattr(table, "columns") else table.to_dict()
    if not isinstance(table, Mapping):
        yield id, table
        return
    for key, value in table.items():
        name = ".".join(map(str, key)) if isinstance(key, tuple) else str(key)
        yield from _cells(f"{id}.{name}", value)


def _checked(id: str, value: object) -> Number:
    book, got = current(), _measured(id, value)
    entry = book.entries.get(id)
    if entry is not None and entry.tolerance.allows(got, entry.measured):
        return Number(entry)
    scratch = _scratch()
    if scratch is not None and id in book.descriptions:
        if (
            not got.n
            and book.descriptions[id].keys().isdisjoint({"decimals", "digits"})
            and got.value == int(got.value)
        ):
            got = Measured(int(got.value))
        entry = _entry(id, book.descriptions[id], got)
        scratch.write_text(lock_text({**read_lock(scratch), id: got}), encoding="utf-8")
        return Number(entry)
    entry = book[id]
    raise NumberMismatch(
        f"{id}: expected {_say(entry.measured)} ({entry.tolerance}), got {_say(got)}. If you changed an input on "
        "purpose, this is the ledger noticing; otherwise mend the code, or accept the new value and say why."
    )


def _say(one: Measured) -> str:
    return f"{one.value!r} ± {one.spread!r} over {one.n} runs" if one.n else f"{one.value!r}"


def _measured(id: str, value: Any) -> Measured:
    plain = value
    if hasattr(value, "tolist"):
        plain = value.tolist()
        while isinstance(plain, list) and len(plain) == 1:
            plain = plain[0]
    if isinstance(plain, list | tuple) and len(plain) > 1:
        runs = [_measured(id, run).value for run in plain]
        mean = math.fsum(runs) / len(runs)
        return Measured(mean, math.sqrt(math.fsum((run - mean) ** 2 for run in runs) / (len(runs) - 1)), len(runs))
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError(f"{id}: expected one number or all runs, got {type(value).__name__}; pass a scalar or a list.")
    return Measured(plain)


def judge(id: str) -> claims.Judgement:
    """Judge a claim of the coursework by the ledger, and display the verdict with its rule.

    Raises:
        ClaimError: there is no such claim, or its rule makes no sense.
    """
    book = current()
    judged = claims.judge(id, claims.load(book.path.with_name("claims.toml")), book)
    _display([judged])
    return judged


def _display(checked: Sequence[Number | claims.Judgement]) -> None:
    try:
        from IPython import get_ipython  # absent where the book is only built
        from IPython.display import display
    except ImportError:
        return
    if checked and get_ipython() is not None:
        bundles = [one._repr_mimebundle_() for one in checked]
        joined = {kind: "\n".join(bundle[kind] for bundle in bundles) for kind in bundles[0]}
        display(joined, raw=True)  # type: ignore[no-untyped-call]
