"""What every widget of the book has in common: one ES module, mounted in Jupyter and on the published page.

In Jupyter, anywidget runs the module and keeps its state equal to the traits here. On the page there is no kernel: the
HTML that a widget leaves in the executed notebook carries its state, and the page runs the same module with it.
"""

import html
import json
import reprlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import anywidget
import numpy as np
import traitlets

HERE = Path(__file__).parent


class StateError(traitlets.TraitError, ValueError):  # type: ignore[misc,unused-ignore]
    """A widget's state does not fit: a ``ValueError`` that traitlets also takes as a reason to roll back."""


def module_source(module: str) -> str:
    """Text of an ES module of this folder, with the shared runtime (every file ``_*.mjs``) in front, for a browser."""
    parts = [*sorted(HERE.glob("_*.mjs")), HERE / f"{module}.mjs"]
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


# --- traits: each has a rule, and keeps a value that fits or says what is wrong with it


class _Trait(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    metadata: ClassVar[dict[str, Any]] = {"sync": True}  # type: ignore[misc,unused-ignore]
    rule: str

    def validate(self, obj: Any, value: Any) -> Any:
        """The value as it is kept; a `StateError` says the rule that it breaks."""
        try:
            return self._kept(value)
        except ValueError as error:
            wrong = str(error) or f"is {reprlib.repr(value)}; choose another value"
            raise StateError(f"{type(obj).__name__}.{self.name} must {self.rule}, but {wrong}.") from error

    def _kept(self, value: Any) -> Any:
        raise NotImplementedError


class Numbers(_Trait):
    """Finite numbers of a fixed shape, kept as nested tuples; a first length of None is free, up to ``most``."""

    def __init__(self, shape: tuple[int | None, ...], default_value: Any, *, most: int = 0) -> None:
        self.shape, self.most = shape, most
        lengths = [f"at most {most}" if length is None else str(length) for length in shape]
        self.rule = f"hold finite numbers of shape ({', '.join(lengths)}{',' if len(shape) == 1 else ''})"
        super().__init__(default_value=_nested(np.asarray(default_value, dtype=float)))

    def _kept(self, value: Any) -> Any:
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{value!r} is not an array of numbers; pass nested lists") from error
        if array.size == 0 and self.shape[0] is None:
            return ()
        pairs = zip(array.shape, self.shape, strict=False)
        fits = all(have <= self.most if want is None else have == want for have, want in pairs)
        if array.ndim != len(self.shape) or not fits:
            raise ValueError(f"has shape {array.shape}; pass that many numbers")
        for where in np.argwhere(~np.isfinite(array)).tolist():
            raise ValueError(f"entry {tuple(where)} is {array[*where]}; replace that entry")
        return _nested(array)


def _nested(array: Any) -> Any:
    """Nested tuples of plain floats, which nobody can change in place behind the trait's back."""
    return float(array) if np.ndim(array) == 0 else tuple(_nested(entry) for entry in array)


class RealNumber(_Trait):
    """A number from ``low`` to ``high``."""

    kind: type = float

    def __init__(self, low: float, high: float, default_value: float) -> None:
        self.low, self.high = low, high
        self.rule = f"be a {'whole ' if self.kind is int else ''}number from {low} to {high}"
        super().__init__(default_value=default_value)

    def _kept(self, value: Any) -> Any:
        real = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
        if not (real and self.low <= value <= self.high and self.kind(value) == value):
            raise ValueError
        return self.kind(value)


class WholeNumber(RealNumber):
    """A whole number from ``low`` to ``high``."""

    kind = int


class Choice(_Trait):
    """One of a few words, or True or False, and nothing that only counts as one; the first is the default."""

    def __init__(self, choices: Sequence[str | bool]) -> None:
        self.choices, self.rule = tuple(choices), f"be {' or '.join(map(repr, choices))}"
        super().__init__(default_value=self.choices[0])

    def _kept(self, value: Any) -> Any:
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError


class Text(_Trait):
    """A text of at most ``most`` characters."""

    def __init__(self, default_value: str, *, most: int) -> None:
        self.most, self.rule = most, f"be a text of at most {most:,} characters"
        super().__init__(default_value=default_value)

    def _kept(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.most:
            raise ValueError
        return value


class Texts(_Trait):
    """From ``least`` to ``most`` different texts, each of 1 to ``longest`` characters."""

    def __init__(self, default_value: Sequence[str], *, least: int, most: int, longest: int) -> None:
        self.least, self.most, self.longest = least, most, longest
        self.rule = f"hold {least} to {most} different texts of 1 to {longest} characters"
        super().__init__(default_value=tuple(default_value))

    def _kept(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError
        if not self.least <= len(value) <= self.most:
            raise ValueError(f"holds {len(value)}; pass another number of them")
        for text in value:
            if not isinstance(text, str) or not 1 <= len(text) <= self.longest or list(value).count(text) > 1:
                raise ValueError(f"holds {text!r}, or holds it twice; replace it")
        return tuple(value)


# --- the widget


class Fallback(NamedTuple):
    """A widget's present numbers without its picture: in one short phrase, and as a table of texts."""

    summary: str  #: with the number that matters
    caption: str
    head: Iterable[str]
    rows: Iterable[Iterable[str]]


class PageWidget(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
    """Base of the book's widgets; the file of a widget's class has the name of its module.

    A widget declares its state as traits, which are also its keyword arguments, says which of them contradict each
    other, and gives what stands in for it in print, without scripts and on a code host. A value that does not fit is a
    ``StateError``, which is a ``ValueError``; a keyword that is no trait is a ``TypeError``.
    """

    module: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.module = cls.__module__.rpartition(".")[2]

    def __init__(self, **state: Any) -> None:
        known = self.state_names()
        if unknown := sorted(set(state) - set(known)):
            raise TypeError(f"{type(self).__name__} has no {unknown[0]!r}; it takes {', '.join(known)}.")
        self._register_validator(_agreeing, known)
        super().__init__(**state)

    @property
    def _esm(self) -> str:
        # anywidget replaces this property by a trait of the same name in each instance.
        return module_source(self.module)

    @classmethod
    def state_names(cls) -> tuple[str, ...]:
        """Names of the traits that make up the widget's state, in order of the alphabet."""
        own = cls.class_traits(sync=True).keys() - anywidget.AnyWidget.class_traits(sync=True).keys()
        return tuple(sorted(name for name in own if not name.startswith("_")))

    def state(self) -> dict[str, Any]:
        """The traits that make up the widget's state, by name."""
        return {name: getattr(self, name) for name in self.state_names()}

    def _conflicts(self, state: dict[str, Any]) -> Iterator[str]:
        """What in a state does not agree, each in a sentence that begins with the name of a trait."""
        yield from ()

    @abstractmethod
    def _fallback(self) -> Fallback:
        """What stands in for the widget."""

    def summary(self) -> str:
        """One short phrase with the number that matters, for a plain-text output."""
        return self._fallback().summary

    def fallback_html(self) -> str:
        """The widget's present numbers as a table of plain HTML."""
        return _html_table(*self._fallback()[1:])

    def state_json(self) -> str:
        """The state as JSON with sorted keys: the same text for the same state, on every machine."""
        return json.dumps(self.state(), sort_keys=True, allow_nan=False)

    def host_html(self) -> str:
        """The element that the published page finds and mounts the module in."""
        return (
            f'<div class="rnn-widget-host" data-widget="{html.escape(self.module)}" '
            f'data-state="{html.escape(self.state_json())}">\n'
            f'<div class="rnn-widget-fallback">\n{self.fallback_html()}\n</div>\n</div>'
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.summary()}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        return {**data, "text/html": self.host_html()}, metadata


def _agreeing(widget: PageWidget, proposal: Any) -> Any:
    """A proposed value, unless it contradicts the rest of the state."""
    for conflict in widget._conflicts(widget.state() | {proposal.trait.name: proposal.value}):
        raise StateError(f"{type(widget).__name__}.{conflict}.")
    return proposal.value


def fixed(value: float, digits: int) -> str:
    """Decimals without a negative zero, and with a true minus sign."""
    text = f"{abs(value):.{digits}f}"
    return f"\N{MINUS SIGN}{text}" if value < 0 and float(text) else text


def _html_table(caption: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A plain table. The first cell of each row is its header; entries are text, not markup."""

    def line(cells: Iterable[str], scope: str) -> str:
        first, *others = map(html.escape, cells)
        parts = [f'<th scope="col">{text}</th>' if scope == "col" else f"<td>{text}</td>" for text in others]
        return f'<tr><th scope="{scope}">{first}</th>{"".join(parts)}</tr>'

    body = "\n".join(line(row, "row") for row in rows)
    return (
        f"<table>\n<caption>{html.escape(caption)}</caption>\n"
        f"<thead>{line(head, 'col')}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )
