"""The ledger: every number the book states, looked up, compared and displayed.

A chapter computes a value and calls `number` with it. The ledger (``book/numbers.toml``) says what the value must
be and how far it may stray. Outside that, the run fails. Inside, the *ledger's* text is displayed, so that the
output is the same on every machine and prose can link to it.
"""

import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

ID = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
# Finds the ids in what `number` displayed: the mark that an executed cell leaves.
CHECKED = re.compile(r'data-ledger="([^"]+)"')
VERDICTS = {"holds": "Holds", "condition": "Holds with a condition", "fails": "Does not hold"}
# float64: a sum of a few hundred terms on another BLAS differs in the last digits only; 1e-9 leaves room for that
# and none for a wrong formula. float32: the same argument with 24 bits.
PRESETS = {"float64": 1e-9, "float32": 1e-4}
# Two means of n runs, made on different machines, differ by less than this many standard errors of their difference
# in all but one of some 16,000 comparisons (normal theory).
SEED_SIGMAS = 4.0


class LedgerError(ValueError):
    """The ledger cannot be read, or an id is not in it."""


Wrong = Callable[[str, str], LedgerError]


class NumberMismatch(LedgerError, AssertionError):
    """A computed value lies outside the tolerance of its ledger entry."""


@dataclass(frozen=True)
class Tolerance:
    """How far a computed value may lie from the ledger's.

    Attributes:
        kind: ``exact``, ``float64``, ``float32``, ``absolute``, ``relative`` or ``seeds``.
        size: the bound of an ``absolute`` or ``relative`` tolerance; the standard deviation over runs of ``seeds``.
        runs: number of runs behind a ``seeds`` entry, else 0.
        why: the argument for the size.
    """

    kind: str
    size: float = 0.0
    runs: int = 0
    why: str = ""

    def bound(self, value: float) -> float:
        """Largest permitted distance from ``value``, in the units of the value."""
        if self.kind == "seeds":
            return SEED_SIGMAS * self.size * math.sqrt(2 / self.runs)
        if self.kind == "absolute":
            return self.size
        return abs(value) * PRESETS.get(self.kind, self.size)

    def __str__(self) -> str:
        match self.kind:
            case "exact" | "float64" | "float32":
                return self.kind
            case "seeds":
                return f"{SEED_SIGMAS:g} standard errors of {self.runs} seeds"
            case "relative":
                return f"± {100 * self.size:g} %"
            case _:
                return f"± {self.size:g}"


@dataclass(frozen=True)
class Entry:
    """One row of the ledger.

    Attributes:
        id: dotted name, such as ``power.lstm.parameters``.
        value: the number itself; the mean where it comes from seeds.
        what: what is counted or measured, in a few words.
        tolerance: how far a computed value may stray.
        unit: unit of the value, or the empty string.
        decimals: digits shown after the point, or None.
        digits: significant digits shown, or None.
        reported: what the coursework printed, digit for digit, or None.
        source: where the coursework printed it.
        verdict: ``holds``, ``condition`` or ``fails`` where something was reported, else None.
        remark: one sentence on why the two differ.
        recorded: file with the recorded run behind the number, relative to ``book/``, or the empty string.
    """

    id: str
    value: float
    what: str
    tolerance: Tolerance
    unit: str = ""
    decimals: int | None = None
    digits: int | None = None
    reported: str | None = None
    source: str = ""
    verdict: str | None = None
    remark: str = ""
    recorded: str = ""

    @property
    def text(self) -> str:
        """The value as prose shows it, without its unit."""
        shown = self.show(self.value)
        if self.tolerance.kind == "seeds":
            return f"{shown} ± {self.show(self.tolerance.size)}"
        return shown

    @property
    def reported_text(self) -> str:
        """What the coursework printed, as prose shows it, without a unit.

        Raises:
            LedgerError: the coursework reported nothing for this entry.
        """
        if self.reported is None:
            raise LedgerError(f"ledger entry '{self.id}' has no reported value; link to '#{self.id}' instead.")
        return self.reported.replace("-", "−")

    def show(self, value: float) -> str:
        """Write ``value`` with this entry's digits."""
        return format_value(value, decimals=self.decimals, digits=self.digits)

    def last_digit(self) -> float:
        """Size of one unit in the last digit that `text` shows."""
        if self.decimals is not None:
            return 10.0**-self.decimals
        if self.digits is not None and self.value:
            return float(10.0 ** (math.floor(math.log10(abs(self.value))) - self.digits + 1))
        return 1.0


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
    """All entries by id, in the order of the file."""

    path: Path
    entries: dict[str, Entry] = field(repr=False)

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


def load(path: Path | None = None) -> Ledger:
    """Read a ledger and check every entry.

    Args:
        path: a TOML file; the ledger in use by default.

    Raises:
        LedgerError: the file is missing, is not TOML, or has an entry that does not make sense.
    """
    path = path or ledger_path()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LedgerError(f"cannot read the ledger {path}: {error.strerror}; check the path.") from error
    except UnicodeDecodeError as error:
        raise LedgerError(f"the ledger {path} is not UTF-8 at byte {error.start}; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise LedgerError(f"the ledger {path} is not valid TOML: {error}; mend that line.") from error
    return Ledger(path, {entry.id: entry for entry in _entries(document, "")})


def _entries(table: dict[str, Any], prefix: str) -> Iterator[Entry]:
    for key, child in table.items():
        name = f"{prefix}{key}"
        if not isinstance(child, dict):
            raise LedgerError(f"'{name}' in the ledger is not a table; write [{prefix or 'topic.'}name] above it.")
        if "value" in child and not isinstance(child["value"], dict):
            yield _entry(name, child)
        elif child and all(isinstance(grandchild, dict) for grandchild in child.values()):
            yield from _entries(child, f"{name}.")
        else:
            raise LedgerError(f"ledger entry '{name}' has no value; add 'value = …'.")


_FIELDS = {
    "value",
    "what",
    "tolerance",
    "unit",
    "decimals",
    "digits",
    "reported",
    "source",
    "verdict",
    "remark",
    "recorded",
}


def _entry(name: str, fields: dict[str, Any]) -> Entry:
    def wrong(problem: str, remedy: str) -> LedgerError:
        return LedgerError(f"ledger entry '{name}' {problem}; {remedy}.")

    if not ID.fullmatch(name):
        raise wrong("has a malformed id", "use at least two lower-case words joined by dots")
    if unknown := sorted(set(fields) - _FIELDS):
        raise wrong(f"has an unknown field '{unknown[0]}'", f"choose from {', '.join(sorted(_FIELDS))}")
    if missing := sorted({"what", "tolerance"} - set(fields)):
        raise wrong(f"lacks '{missing[0]}'", f"add '{missing[0]} = …'")
    if not _is_number(fields["value"]):
        raise wrong(f"has value = {fields['value']!r}", "give a finite number")
    if "reported" in fields and not re.fullmatch(r"-?[\d,]+(\.\d+)?(e-?\d+)?", str(fields["reported"])):
        raise wrong(f"has reported = {fields['reported']!r}", "give the printed number, as text to keep its zeros")
    for key in ("decimals", "digits"):
        smallest = 0 if key == "decimals" else 1
        if key in fields and not (type(fields[key]) is int and smallest <= fields[key] <= 17):
            raise wrong(f"has {key} = {fields[key]!r}", f"give an integer from {smallest} to 17")
    for key in ("what", "unit", "source", "remark", "recorded"):
        if key in fields and not isinstance(fields[key], str):
            raise wrong(f"has {key} = {fields[key]!r}", "give a text")
    tolerance = _tolerance(fields["tolerance"], wrong)
    reported = fields.get("reported")
    if isinstance(reported, int | float):
        reported = f"{reported:,}"
    entry = Entry(id=name, **{**fields, "tolerance": tolerance, "reported": reported})
    _check_sense(entry, wrong)
    return entry


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _tolerance(spec: object, wrong: Wrong) -> Tolerance:
    match spec:
        case "exact" | "float64" | "float32":
            return Tolerance(str(spec))
        case {"absolute": size, "why": str(why), **rest} if not rest and _is_number(size) and size > 0:
            return Tolerance("absolute", size, why=why)
        case {"relative": size, "why": str(why), **rest} if not rest and _is_number(size) and size > 0:
            return Tolerance("relative", size, why=why)
        case {"seeds": int(runs), "spread": spread, **rest} if (
            not rest and runs > 1 and _is_number(spread) and spread >= 0
        ):
            return Tolerance("seeds", spread, runs)
    raise wrong(
        f"has tolerance {spec!r}",
        "write 'exact', 'float64', 'float32', {absolute|relative = size, why = \"…\"} or {seeds = n, spread = sd}",
    )


def _check_sense(entry: Entry, wrong: Wrong) -> None:
    whole = entry.decimals is None and entry.digits is None
    if entry.decimals is not None and entry.digits is not None:
        raise wrong("sets both decimals and digits", "keep one of them")
    if whole and (not isinstance(entry.value, int) or entry.tolerance.kind == "seeds"):
        raise wrong(f"has the value {entry.value!r} and no digits", "say how many: 'digits = 3' or 'decimals = 2'")
    if entry.tolerance.kind == "exact" and not isinstance(entry.value, int):
        raise wrong("is a float that must match exactly", "use the tolerance 'float64'")
    if entry.tolerance.kind != "seeds" and entry.tolerance.bound(entry.value) > entry.last_digit():
        raise wrong("shows digits that its tolerance does not hold", "show fewer digits or tighten the tolerance")
    if entry.verdict is not None and entry.verdict not in VERDICTS:
        raise wrong(f"has the verdict {entry.verdict!r}", f"choose from {', '.join(VERDICTS)}")
    if (entry.reported is None) != (entry.verdict is None) or (entry.reported is None) != (not entry.source):
        raise wrong("must have all of reported, source and verdict, or none", "add what is missing")
    if entry.verdict in ("condition", "fails") and not entry.remark:
        raise wrong(f"has the verdict '{entry.verdict}' and no remark", "say in one sentence why the two differ")


@lru_cache(maxsize=8)
def _cached(path: Path, changed_ns: int) -> Ledger:
    del changed_ns  # only there so that an edited file is read again in a running notebook
    return load(path)


def current() -> Ledger:
    """The ledger in use, read again whenever the file changes."""
    path = ledger_path()
    return _cached(path, path.stat().st_mtime_ns if path.exists() else 0)


@dataclass(frozen=True)
class Number:
    """A value that was checked against its ledger entry."""

    entry: Entry

    def __str__(self) -> str:
        return f"{self.entry.text} {self.entry.unit}".rstrip()

    def __repr__(self) -> str:
        return f"{self}  [{self.entry.id}]"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        name, unit = escape(self.entry.id), escape(self.entry.unit)
        html = (
            f'<div class="ledger-number" data-ledger="{name}"><strong>{self.entry.text}</strong> {unit} '
            f"<small>{escape(self.entry.what)} · <code>{name}</code></small></div>"
        )
        return {"text/plain": repr(self), "text/html": html}

    def _ipython_display_(self) -> None:
        """Nothing: `number` has displayed it already, and a cell's last value is not shown twice."""


def number(id: str, value: object) -> Number:
    """Compare a computed value with the ledger and display the ledger's text.

    Args:
        id: id of the entry.
        value: a number, a zero-dimensional array or tensor; for an entry from seeds, its mean or the sequence of
            all runs.

    Returns:
        The checked number; in a notebook it is displayed at once, wherever in the cell the call stands.

    Raises:
        LedgerError: the id is not in the ledger.
        NumberMismatch: the value lies outside the entry's tolerance.
        TypeError: the value is not a number.
    """
    entry = current()[id]
    got = _as_float(id, value, entry)
    allowed = entry.tolerance.bound(entry.value)
    # An exact entry compares unrounded: 47,818.4 parameters are not 47,818.
    if not abs(got - entry.value) <= allowed:
        raise NumberMismatch(
            f"{id}: expected {entry.value!r} ({entry.tolerance}), got {got!r}. If you changed an input on purpose, "
            "this is the ledger noticing; otherwise mend the code, or record the new value and say why."
        )
    checked = Number(entry)
    _display(checked)
    return checked


def _as_float(id: str, value: Any, entry: Entry) -> float:
    if entry.tolerance.kind == "seeds" and isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != entry.tolerance.runs:
            raise NumberMismatch(f"{id}: expected {entry.tolerance.runs} runs, got {len(value)}; run every seed.")
        return math.fsum(float(run) for run in value) / len(value)
    item = getattr(value, "item", None)
    try:
        plain = item() if callable(item) else value
        if isinstance(plain, bool) or not isinstance(plain, int | float):
            raise TypeError
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{id}: expected one number, got {type(value).__name__}; pass a scalar.") from None
    return plain


def _display(checked: Number) -> None:
    try:
        from IPython import get_ipython  # absent where the book is only built
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        display(checked._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]
