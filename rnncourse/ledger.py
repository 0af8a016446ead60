"""The ledger: every number the book states, looked up, compared and displayed.

``book/numbers.toml``, which people write, says what each number means; its head explains how. ``numbers.lock.json``
holds the values; ``make accept`` alone writes it. A chapter computes a value and calls `number` with it. Outside
the tolerance the run fails. Inside, the *ledger's* text is displayed, so that the output is the same on every machine
and prose can link to it.
"""

import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from rnncourse import _claims as claims
from rnncourse import _ledger_files as files
from rnncourse._ledger_files import Fields, LedgerError, Measured

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
# Set by ``tools.accept`` alone: the ledger in use is a copy, in which a chapter may change values.
ACCEPT = "RNNCOURSE_ACCEPT"
# Coverage of Student's intervals: of the mean over runs, and of one more run, inside which a printed number holds.
COVERAGE = 0.95


class NumberMismatch(LedgerError, AssertionError):
    """A computed value lies outside the tolerance of its ledger entry."""


@dataclass(frozen=True)
class Entry:
    """One row of the ledger: what a number means, what it is, and what the coursework printed in its place."""

    id: str  # dotted name, such as power.lstm.parameters
    value: int | float  # the mean, where it comes from seeds
    what: str  # what is counted or measured, in a few words
    tolerance: str  # how far a computed value may stray, in words
    bound: float  # and as a distance
    spread: float = 0.0  # standard deviation over runs
    n: int = 0  # number of runs; 0 for a single value
    unit: str = ""
    decimals: int | None = None  # digits shown after the point
    digits: int | None = None  # significant digits shown
    reported: str | None = None  # what the coursework printed, digit for digit
    source: str = ""  # where it printed it
    remark: str = ""  # one sentence on why the two differ
    incomparable: str = ""  # why the two cannot be compared
    recorded: str = ""  # file with the recorded run behind the number, relative to book/
    why: str = ""  # the argument for a tolerance

    @property
    def measured(self) -> Measured:
        """Value, spread and number of runs."""
        return Measured(self.value, self.spread, self.n)

    @property
    def interval(self) -> tuple[float, float]:
        """Student's interval of the mean over runs, with coverage `COVERAGE`; a single value stands for itself."""
        half = _student(self.n - 1) * self.spread / math.sqrt(self.n) if self.n else 0
        return self.value - half, self.value + half

    @property
    def text(self) -> str:
        """The value as prose shows it, without its unit."""
        shown = self.show(self.value)
        return f"{shown} ± {self.show(self.spread)}" if self.n else shown

    @property
    def reported_text(self) -> str:
        """What the coursework printed, as prose shows it, without a unit."""
        if self.reported is None:
            raise LedgerError(f"ledger entry '{self.id}' has no reported value; link to '#{self.id}' instead.")
        return self.reported.replace("-", "−")

    @property
    def verdict(self) -> str | None:
        """What became of the printed number, a key of `PRINTED_VERDICTS`; None where nothing was printed.

        It holds if both are equal at the printed digits (at ours, where a single value is known to fewer), or if it
        lies inside Student's prediction interval for one new run: mean ± t(n − 1) · spread · √(1 + 1/n).
        """
        if self.reported is None:
            return None
        if self.incomparable:
            return "not-comparable"
        printed = Decimal(self.reported.replace(",", ""))
        digit = printed if self.n else max(printed, self.last_digit(), key=lambda one: one.as_tuple().exponent)
        if Decimal(repr(self.value)).quantize(digit) == printed.quantize(digit):
            return "holds"
        reach = _student(self.n - 1) * self.spread * math.sqrt(1 + 1 / self.n) if self.n else 0
        return "holds" if abs(float(printed) - self.value) <= reach else "not-reproduced"

    def allows(self, got: Measured) -> bool:
        """Whether a computed number may pass for this one: by its value, its spread and its number of runs."""
        if got.n != self.n or not abs(got.value - self.value) <= self.bound:
            return False
        live = self.n > 0 and not self.recorded
        furthest = math.exp(SEED_SIGMAS / math.sqrt(self.n - 1)) if live else 1.0
        rounding = abs(self.value) * (FLOAT64 if live else RECORDED)
        return self.spread / furthest - rounding <= got.spread <= self.spread * furthest + rounding

    def show(self, value: float) -> str:
        """Write ``value`` with this entry's digits; a whole number has them all."""
        if isinstance(self.value, int):
            return format_value(value)
        return format_value(value, decimals=self.decimals, digits=self.digits)

    def last_digit(self) -> Decimal:
        """One unit in the last digit that `text` shows."""
        exponent = 0
        if isinstance(self.value, float) and self.decimals is not None:
            exponent = -self.decimals
        elif isinstance(self.value, float) and self.digits is not None and self.value:
            exponent = math.floor(math.log10(abs(self.value))) - self.digits + 1
        return Decimal(1).scaleb(exponent)


@lru_cache
def _student(freedom: int) -> float:
    """Two-sided quantile of Student's t at `COVERAGE`."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + COVERAGE) / 2))


def format_value(value: float, *, decimals: int | None = None, digits: int | None = None) -> str:
    """Write a number as the book does: with digits after the point, with significant digits, or as an integer.

    Thousands are separated by commas, the minus sign is a true one, and outside [1e-4, 1e7) stands a power of ten.
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


class Ledger(dict[str, Entry]):
    """All entries by id, in the order of the lock."""

    def __missing__(self, id: str) -> Entry:
        near = get_close_matches(id, self, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "describe it in numbers.toml and run 'make accept'."
        raise LedgerError(f"'{id}' is not in the ledger; {hint}")

    def text(self, target: str) -> str:
        """The text a link must show to an id, or to ``reported.`` and an id."""
        entry = self[target.removeprefix("reported.")]
        return entry.reported_text if target.startswith("reported.") else entry.text

    def resolves(self, target: str) -> bool:
        """Whether ``target`` is an id of the ledger, or ``reported.`` and one for which something was printed."""
        entry = self.get(target.removeprefix("reported."))
        return entry is not None and (not target.startswith("reported.") or entry.reported is not None)


def ledger_path() -> Path:
    """The ledger in use: ``RNNCOURSE_LEDGER`` if set, the copy in an installed package, else the repository's."""
    package = Path(__file__).parent
    installed = package / "numbers.toml"
    default = installed if installed.exists() else package.parent / "book" / "numbers.toml"
    return Path(os.environ.get("RNNCOURSE_LEDGER") or default)


def load(path: Path | None = None, *, whole: bool = True) -> Ledger:
    """Read a ledger, the one in use by default, and check every entry; a ``LedgerError`` says what is wrong.

    If it is ``whole``, values and descriptions cover each other.
    """
    path = path or ledger_path()
    described, values = files.read_descriptions(path), files.read_lock(files.lock_path(path))
    if whole and (idle := [id for id in values if id not in described]):
        raise LedgerError(f"'{idle[0]}' has a value and no description; describe it in {path.name}.")
    if whole and (empty := [id for id in described if id not in values]):
        raise LedgerError(f"'{empty[0]}' is described in {path.name} and has no value; run 'make accept'.")
    return Ledger({id: _entry(id, described[id], held) for id, held in values.items() if id in described})


def _entry(id: str, fields: Fields, held: Measured) -> Entry:
    """What a description and a value make together; raises LedgerError if they make no sense."""
    given = {key: value for key, value in fields.items() if key != "tolerance"}
    given["tolerance"], given["bound"], given["why"] = _tolerance(fields, held)
    reported = fields.get("reported")
    if reported is None:
        given |= {"source": "", "remark": "", "incomparable": ""}
    elif isinstance(reported, int):
        given["reported"] = f"{reported:,}"
    entry = Entry(id=id, **held._asdict(), **given)
    if isinstance(held.value, float) and entry.decimals is entry.digits is None:
        problem = f"has the value {held.value!r} and no digits; say how many: 'digits = 3' or 'decimals = 2'"
    elif reported is not None and not re.fullmatch(r"-?[\d,]+(\.\d+)?(e-?\d+)?", str(entry.reported)):
        problem = f"has reported = {reported!r}; give the printed number, as text to keep its zeros"
    elif not entry.bound >= 0:
        allowed = '{absolute|relative = size, why = "…"}, for a single value that is computed anew'
        problem = f"has tolerance {fields['tolerance']!r}; write {allowed}"
    else:
        return entry
    raise LedgerError(f"ledger entry '{id}' {problem}.")


def _tolerance(fields: Fields, held: Measured) -> tuple[str, float, str]:
    """A tolerance in words, as a distance (no number if it is unsound), and the argument for it."""
    size, recorded, runs = abs(held.value), fields.get("recorded"), f", {held.n} seeds" * (held.n > 0)
    match fields.get("tolerance"):
        case None if recorded or isinstance(held.value, int):
            return f"exact{runs}", RECORDED * size * isinstance(held.value, float), ""
        case None if held.spread:
            return f"{SEED_SIGMAS:g} standard errors{runs}", SEED_SIGMAS * held.spread * math.sqrt(2 / held.n), ""
        case None:
            return f"float64{runs}", FLOAT64 * size, ""
        case {"absolute": float(bound), "why": str(why), **rest} if not (recorded or runs or rest):
            return f"± {bound:g}", bound, why
        case {"relative": float(bound), "why": str(why), **rest} if not (recorded or runs or rest):
            return f"± {100 * bound:g} %", bound * size, why
    return "", math.nan, ""


def current() -> Ledger:
    """The ledger in use, read again whenever a file of it changes."""
    path = ledger_path()
    both = (path, files.lock_path(path))
    return _cached(path, *(file.stat().st_mtime_ns if file.exists() else 0 for file in both))


@lru_cache(maxsize=8)
def _cached(path: Path, *changed_ns: int) -> Ledger:
    return load(path, whole=not os.environ.get(ACCEPT))


def number(id: str, value: object) -> None:
    """Compare a number, or all runs of one, with the ledger; in a notebook, display the ledger's text at once.

    A ``NumberMismatch`` says that value, spread or number of runs lies outside the entry's tolerance.
    """
    _display([shown(_checked(id, value))])


def number_table(id: str, table: Any) -> None:
    """Compare a data frame, or a mapping of mappings, with the ledger, as `number` does with ``id.row.column``."""
    _display([shown(_checked(name, cell)) for name, cell in _cells(id, table)])


def _cells(id: str, table: Any) -> Iterator[tuple[str, object]]:
    if hasattr(table, "columns"):
        table = table.to_dict("index")
    if not isinstance(table, Mapping):
        yield id, table
        return
    for key, value in table.items():
        yield from _cells(".".join([id, *map(str, key if isinstance(key, tuple) else [key])]), value)


def _checked(id: str, value: object) -> Entry:
    book, got = current(), _measured(id, value)
    entry = book.get(id)
    if entry is not None and entry.allows(got):
        return entry
    if os.environ.get(ACCEPT):
        return _accepted(id, got)
    raise NumberMismatch(
        f"{id}: expected {book[id].measured} ({book[id].tolerance}), got {got}. If you changed an input on purpose, "
        "this is the ledger noticing; otherwise mend the code, or accept the new value and say why."
    )


def _accepted(id: str, got: Measured) -> Entry:
    lock, fields = files.lock_path(ledger_path()), files.read_descriptions(ledger_path()).get(id)
    if fields is None:
        raise LedgerError(f"'{id}' is not in the ledger; describe it in numbers.toml.")
    if not fields.keys() & {"decimals", "digits"} and not got.n and got.value == round(got.value):
        got = Measured(round(got.value))
    lock.write_text(files.lock_text({**files.read_lock(lock), id: got}), encoding="utf-8")
    return _entry(id, fields, got)


def _measured(id: str, value: Any) -> Measured:
    plain = value.tolist() if hasattr(value, "tolist") else value
    while isinstance(plain, list) and len(plain) == 1 and plain is not value:  # an array of one number
        plain = plain[0]
    if isinstance(plain, list | tuple) and len(plain) > 1:
        runs = [_measured(id, run).value for run in plain]
        mean = math.fsum(runs) / len(runs)
        return Measured(mean, math.sqrt(math.fsum((run - mean) ** 2 for run in runs) / (len(runs) - 1)), len(runs))
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError(f"{id}: expected one number or all runs, got {type(value).__name__}; pass a scalar or a list.")
    return Measured(plain)


def judge(id: str) -> claims.Judgement:
    """Judge a claim of the coursework by the ledger, and display the verdict with its rule."""
    judged = claims.judge(id, claims.load(ledger_path().with_name("claims.toml")), current())
    _display([judged._repr_mimebundle_()])
    return judged


def shown(entry: Entry) -> dict[str, str]:
    """What `number` displays. The full values in it bind an executed notebook and the lock to each other."""
    held = f'data-value="{entry.value!r}"' + f' data-spread="{entry.spread!r}" data-n="{entry.n}"' * (entry.n > 0)
    html = claims.box(f'data-ledger="{entry.id}" {held}', entry.text, entry.unit, escape(entry.what), entry.id)
    return {"text/plain": f"{entry.text} {entry.unit}".rstrip() + f"  [{entry.id}]", "text/html": html}


def _display(bundles: list[dict[str, str]]) -> None:
    ipython = sys.modules.get("IPython")  # not loaded where the book is only built
    if bundles and ipython is not None and ipython.get_ipython() is not None:
        joined = {kind: "\n".join(bundle[kind] for bundle in bundles) for kind in bundles[0]}
        ipython.display.display(joined, raw=True)
