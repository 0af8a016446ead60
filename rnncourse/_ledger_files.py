"""The two files of a ledger: what its numbers mean, which people write, and what they are, which a tool writes."""

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

Fields = dict[str, Any]
KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("what", "unit", "source", "remark", "incomparable", "recorded"), (str,)),
    **{"reported": (str, int), "decimals": (int,), "digits": (int,), "tolerance": (dict,), "words": (dict,)},
}
BY_WORD = ("reported", "remark", "incomparable")  # what may be said of each member of a family
PLACE = re.compile(r"\{(\w+)(?::([^}]*))?\}")


class LedgerError(ValueError):
    """The ledger cannot be read, or an id is not in it."""


class Measured(NamedTuple):
    """A number as it was computed: a single value (``n`` is 0), or the mean and standard deviation of n runs."""

    value: int | float
    spread: float = 0.0
    n: int = 0

    def __str__(self) -> str:
        return f"{self.value!r} ± {self.spread!r} over {self.n} runs" if self.n else repr(self.value)


def lock_path(numbers: Path) -> Path:
    """Where the values of a ledger lie."""
    return numbers.with_suffix(".lock.json")


def lock_text(values: Mapping[str, Measured]) -> str:
    """A lock file, one line for each id."""
    lines = (f"  {json.dumps(id)}: {json.dumps(one._asdict() if one.n else one.value)}" for id, one in values.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_lock(path: Path) -> dict[str, Measured]:
    """Read the values of a ledger; raises LedgerError if the file is missing or holds something else than numbers."""
    values = {}
    for id, held in _read(path, json.loads).items():
        runs = isinstance(held, dict) and held.keys() == set(Measured._fields)
        values[id] = one = Measured(**held) if runs else Measured(held)
        sound = all(type(part) in (int, float) and math.isfinite(part) for part in one)
        if not sound or one.spread < 0 or one.n == 1:
            raise LedgerError(f"'{id}' in {path.name} is {held!r}; write it with 'make accept'.")
    return values


def read_descriptions(path: Path) -> dict[str, Fields]:
    """Read what each id means, with all that the tables above it say; raises LedgerError if it makes no sense."""
    found: dict[str, Fields] = {}
    for id, fields in _described(_read(path, tomllib.loads), "", {"words": {}}):
        if id in found:
            raise LedgerError(f"'{id}' is described twice in {path.name}; keep one of the two.")
        found[id] = fields
    return found


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LedgerError(f"cannot read the ledger {path}: {error}; check the path, or mend the file.") from error
    if not isinstance(document, dict):
        raise LedgerError(f"the ledger {path} is no table of ids; mend it.")
    return document


def _described(table: Fields, prefix: str, above: Fields) -> Iterator[tuple[str, Fields]]:
    own = {key: value for key, value in table.items() if key in KINDS}
    below = {key: value for key, value in table.items() if key not in KINDS}
    if "decimals" in own or "digits" in own:  # one way of writing a number replaces the other
        above = {key: value for key, value in above.items() if key not in ("decimals", "digits")}
    fields = {**above, **own, "words": {**above["words"], **own.get("words", {})}}
    if "what" in own:
        if below:
            raise LedgerError(f"ledger entry '{prefix}' has an unknown field '{min(below)}'; mend its name.")
        yield from _family(prefix, fields)
    for key, child in below.items():
        name = f"{prefix}.{key}" if prefix else key
        if not isinstance(child, str | dict):
            raise LedgerError(f"'{name}' in the ledger is {child!r}; give a table, or a text that says what it is.")
        yield from _described({"what": child} if isinstance(child, str) else child, name, fields)


def _family(pattern: str, fields: Fields) -> Iterator[tuple[str, Fields]]:
    """One id for each choice of words that a pattern leaves open."""

    def wrong(problem: str) -> LedgerError:
        return LedgerError(f"'{pattern}' in the ledger {problem}.")

    words, places = fields.pop("words"), PLACE.findall(pattern)
    choices: list[list[tuple[str, str, str]]] = []
    for name, some in places:
        known = words.get(name)
        if not known:
            raise wrong(f"has no words for '{name}'; add 'words.{name} = …' above it")
        known = known if isinstance(known, dict) else {str(word): word for word in known}
        chosen = some.split(",") if some else list(known)
        if unknown := set(chosen) - set(known):
            raise wrong(f"names '{min(unknown)}', which is no word of '{name}'; add it there")
        choices.append([(name, key, str(known[key])) for key in chosen])
    members = {".".join(key for _, key, _ in choice): choice for choice in product(*choices)}
    by_word = {key: fields[key] for key in BY_WORD if isinstance(fields.get(key), dict)}
    for key, values in by_word.items():
        if unknown := values.keys() - members.keys():
            raise wrong(f"has {key} for '{min(unknown)}', which is none of its words; mend it")
    for member, choice in members.items():
        keys = iter(key for _, key, _ in choice)
        id = PLACE.sub(lambda _, keys=keys: next(keys), pattern)  # type: ignore[misc]
        mine = fields | {key: values.get(member) for key, values in by_word.items()}
        yield id, {key: _sound(id, key, value, choice) for key, value in mine.items() if value is not None}


def _sound(id: str, key: str, value: Any, choice: tuple[tuple[str, str, str], ...]) -> Any:
    """A field with the words of one member of a family in it."""
    for name, _, text in choice if isinstance(value, str) else ():
        value = value.replace(f"{{{name}}}", text)
    unfilled, too_small = type(value) is str and "{" in value, type(value) is int and value < (key == "digits")
    if type(value) not in KINDS[key] or unfilled or too_small:
        kinds = " or a ".join({str: "text", int: "whole number", dict: "table"}[kind] for kind in KINDS[key])
        raise LedgerError(f"ledger entry '{id}' has {key} = {value!r}; give a {kinds}, with words for each {{name}}.")
    return value
