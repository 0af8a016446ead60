"""What every widget of the book has in common: one ES module, mounted in Jupyter and on the published page.

In Jupyter, anywidget runs the module and keeps its state equal to the traits here. On the page there is no kernel: the
HTML that a widget leaves in the executed notebook carries its state, and the page runs the same module with it.
"""

import html
import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

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


# --- traits; each refuses what does not fit with a StateError that names it


class _Trait(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    metadata: ClassVar[dict[str, Any]] = {"sync": True}  # type: ignore[misc,unused-ignore]

    def _must(self, widget: Any, rule: str) -> str:
        return f"{type(widget).__name__}.{self.name} must {rule}"


class Numbers(_Trait):
    """Finite numbers of a fixed shape, kept as nested tuples; a first length of None is free, up to ``most``."""

    def __init__(self, shape: tuple[int | None, ...], default_value: Any, *, most: int = 0) -> None:
        self.shape, self.most = shape, most
        super().__init__(default_value=_nested(np.asarray(default_value, dtype=float)))

    def validate(self, obj: Any, value: Any) -> Any:
        """Value as nested tuples of floats."""
        lengths = [f"at most {self.most}" if length is None else str(length) for length in self.shape]
        wanted = f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"
        rule = self._must(obj, f"hold finite numbers of shape {wanted}")
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError) as error:
            raise StateError(f"{rule}, but {value!r} is not an array of numbers; pass nested lists.") from error
        if array.size == 0 and self.shape[0] is None:
            return ()
        if not self._fits(array.shape):
            raise StateError(f"{rule}, but has shape {array.shape}; pass that many numbers.")
        if not np.isfinite(array).all():
            where = tuple(int(axis) for axis in np.argwhere(~np.isfinite(array))[0])
            raise StateError(f"{rule}, but entry {where} is {array[where]}; replace that entry.")
        return _nested(array)

    def _fits(self, shape: Sequence[int]) -> bool:
        pairs = list(zip(shape, self.shape, strict=False))
        fit = all(have <= self.most if want is None else have == want for have, want in pairs)
        return len(shape) == len(self.shape) and fit


def _nested(array: Any) -> Any:
    """Nested tuples of plain floats, which nobody can change in place behind the trait's back."""
    return float(array) if np.ndim(array) == 0 else tuple(_nested(entry) for entry in array)


class RealNumber(_Trait):
    """A number from ``low`` to ``high``."""

    kind: type = float

    def __init__(self, low: float, high: float, default_value: float) -> None:
        self.low, self.high = low, high
        super().__init__(default_value=default_value)

    def validate(self, obj: Any, value: Any) -> Any:
        """Value as a ``float``, or an ``int`` where it is whole by kind."""
        real = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
        fits = real and self.low <= value <= self.high and self.kind(value) == value
        if not fits:
            kind = "a whole number" if self.kind is int else "a number"
            rule = self._must(obj, f"be {kind} from {self.low} to {self.high}")
            raise StateError(f"{rule}, but is {value!r}; choose one in that range.")
        return self.kind(value)


class WholeNumber(RealNumber):
    """A whole number from ``low`` to ``high``."""

    kind = int


class Choice(_Trait):
    """One of a few words; the first is the default."""

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = tuple(choices)
        super().__init__(default_value=self.choices[0])

    def validate(self, obj: Any, value: Any) -> str:
        """The word itself."""
        if not isinstance(value, str) or value not in self.choices:
            known = " or ".join(repr(choice) for choice in self.choices)
            raise StateError(f"{self._must(obj, f'be {known}')}, but is {value!r}; choose one of them.")
        return value


class Flag(_Trait):
    """True or False, and nothing that only counts as one."""

    def __init__(self, default_value: bool) -> None:
        super().__init__(default_value=default_value)

    def validate(self, obj: Any, value: Any) -> bool:
        """The flag itself."""
        if not isinstance(value, bool | np.bool_):
            raise StateError(f"{self._must(obj, 'be True or False')}, but is {value!r}; pass one of them.")
        return bool(value)


class Text(_Trait):
    """A text of at most ``most`` characters."""

    def __init__(self, default_value: str, *, most: int) -> None:
        self.most = most
        super().__init__(default_value=default_value)

    def validate(self, obj: Any, value: Any) -> str:
        """The text itself."""
        if not isinstance(value, str):
            raise StateError(f"{self._must(obj, 'be a text')}, but is {value!r}; pass a string.")
        if len(value) > self.most:
            rule = self._must(obj, f"have at most {self.most:,} characters")
            raise StateError(f"{rule}, but has {len(value):,}; shorten it.")
        return value


class Texts(_Trait):
    """From ``least`` to ``most`` different texts, each of 1 to ``longest`` characters."""

    def __init__(self, default_value: Sequence[str], *, least: int, most: int, longest: int) -> None:
        self.least, self.most, self.longest = least, most, longest
        super().__init__(default_value=tuple(default_value))

    def validate(self, obj: Any, value: Any) -> tuple[str, ...]:
        """The texts as a tuple."""
        rule = self._must(obj, f"hold {self.least} to {self.most} different texts")
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise StateError(f"{rule}, but is {value!r}; pass a list of strings.")
        if not self.least <= len(value) <= self.most:
            raise StateError(f"{rule}, but holds {len(value)}; pass another number of them.")
        for text in value:
            if not isinstance(text, str) or not 1 <= len(text) <= self.longest:
                raise StateError(f"{rule} of 1 to {self.longest} characters, but holds {text!r}; replace it.")
            if list(value).count(text) > 1:
                raise StateError(f"{rule}, but holds {text!r} twice; leave one out.")
        return tuple(value)


# --- the widget


class PageWidget(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
    """Base of the book's widgets.

    A widget names its module, declares its state as traits, which are also its keyword arguments, and gives the table
    that stands in for it in print, without scripts and on a code host. A value that does not fit its trait is a
    ``StateError``, which is a ``ValueError``; a keyword that is no trait is a ``TypeError``.
    """

    module: ClassVar[str]

    def __init__(self, **state: Any) -> None:
        known = self.state_names()
        unknown = sorted(set(state) - set(known))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {unknown[0]!r}; it takes {', '.join(known)}.")
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

    def held(self, proposal: Any) -> dict[str, Any]:
        """The state with a proposed value in it, for a check of several traits together."""
        return {name: getattr(self, name) for name in self.state_names()} | {proposal.trait.name: proposal.value}

    def state_json(self) -> str:
        """The state as JSON with sorted keys: the same text for the same state, on every machine."""
        state = {name: getattr(self, name) for name in self.state_names()}
        return json.dumps(state, sort_keys=True, allow_nan=False)

    @abstractmethod
    def fallback_html(self) -> str:
        """The widget's present numbers as a table of plain HTML."""

    @abstractmethod
    def summary(self) -> str:
        """One short phrase with the number that matters, for a plain-text output."""

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


def fixed(value: float, digits: int) -> str:
    """Decimals without a negative zero, and with a true minus sign."""
    text = f"{abs(value):.{digits}f}"
    return f"\N{MINUS SIGN}{text}" if value < 0 and float(text) else text


def html_table(caption: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A plain table. The first cell of each row is its header; entries are text, not markup."""

    def line(cells: Iterable[str], scope: str) -> str:
        texts = [html.escape(cell) for cell in cells]
        others = [f'<th scope="col">{text}</th>' if scope == "col" else f"<td>{text}</td>" for text in texts[1:]]
        return f'<tr><th scope="{scope}">{texts[0]}</th>{"".join(others)}</tr>'

    body = "\n".join(line(row, "row") for row in rows)
    return (
        f"<table>\n<caption>{html.escape(caption)}</caption>\n"
        f"<thead>{line(head, 'col')}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )
