"""What every widget of the book has in common: one ES module, mounted in Jupyter and on the published page.

In Jupyter, anywidget runs the module and keeps its state equal to the traits here. On the page there is no kernel: the
HTML that a widget leaves in the executed notebook carries its state, and the page runs the same module with it.
"""

import html
import json
import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import numpy as np
import traitlets

__all__ = [
    "Choice",
    "Flag",
    "Numbers",
    "PageWidget",
    "RealNumber",
    "StateError",
    "Text",
    "Texts",
    "WholeNumber",
    "module_source",
]

HERE = Path(__file__).parent
SYNCED = {"sync": True}


class StateError(traitlets.TraitError, ValueError):  # type: ignore[misc,unused-ignore]
    """A widget's state does not fit: a ``ValueError`` that traitlets also takes as a reason to roll back."""


def module_source(module: str) -> str:
    """Text of a widget's ES module, with the shared runtime (every file ``_*.mjs``) in front.

    Args:
        module: name of the file in this folder, without ``.mjs``.

    Returns:
        Source with one ``export default``, ready for a browser.
    """
    parts = [*sorted(HERE.glob("_*.mjs")), HERE / f"{module}.mjs"]
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


def _name(trait: Any, widget: Any) -> str:
    return f"{type(widget).__name__}.{trait.name}"


class Numbers(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """Finite numbers of a fixed shape, kept as nested tuples.

    Args:
        shape: shape that a value must have; None as the first length leaves it free, up to ``most``.
        default_value: anything NumPy reads as that shape.
        most: the greatest first length, where that is free.
    """

    metadata: ClassVar[dict[str, Any]] = SYNCED  # type: ignore[misc,unused-ignore]

    def __init__(self, shape: tuple[int | None, ...], default_value: Any, *, most: int = 0) -> None:
        self.shape, self.most = shape, most
        super().__init__(default_value=_nested(np.asarray(default_value, dtype=float)))

    def validate(self, obj: Any, value: Any) -> Any:
        """Value as nested tuples of floats; raises ``StateError`` for another shape or a number that is not finite."""
        wanted = f"{_name(self, obj)} must hold finite numbers of shape {self._wanted()}"
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError) as error:
            raise StateError(f"{wanted}, but {value!r} is not an array of numbers; pass nested lists.") from error
        if array.size == 0 and self.shape[0] is None:
            return ()
        if not self._fits(array.shape):
            raise StateError(f"{wanted}, but has shape {array.shape}; pass that many numbers.")
        if not np.isfinite(array).all():
            where = tuple(int(axis) for axis in np.argwhere(~np.isfinite(array))[0])
            raise StateError(f"{wanted}, but entry {where} is {array[where]}; replace that entry.")
        return _nested(array)

    def _wanted(self) -> str:
        lengths = [f"at most {self.most}" if length is None else str(length) for length in self.shape]
        return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"

    def _fits(self, shape: Sequence[int]) -> bool:
        if len(shape) != len(self.shape):
            return False
        pairs = zip(shape, self.shape, strict=True)
        return all(have <= self.most if want is None else have == want for have, want in pairs)


def _nested(array: Any) -> Any:
    """Nested tuples of plain floats, which nobody can change in place behind the trait's back."""
    return float(array) if np.ndim(array) == 0 else tuple(_nested(entry) for entry in array)


class RealNumber(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """A number from ``low`` to ``high``."""

    metadata: ClassVar[dict[str, Any]] = SYNCED  # type: ignore[misc,unused-ignore]

    def __init__(self, low: float, high: float, default_value: float) -> None:
        self.low, self.high = low, high
        super().__init__(default_value=default_value)

    def validate(self, obj: Any, value: Any) -> float:
        """Value as a ``float``; raises ``StateError`` for another type or a number out of range."""
        real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not real or not self.low <= value <= self.high:
            raise StateError(
                f"{type(obj).__name__}.{self.name} must be a number from {self.low} to {self.high}, "
                f"but is {value!r}; choose one in that range."
            )
        return float(value)


class WholeNumber(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """A whole number from ``low`` to ``high``."""

    metadata: ClassVar[dict[str, Any]] = SYNCED  # type: ignore[misc,unused-ignore]

    def __init__(self, low: int, high: int, default_value: int) -> None:
        self.low, self.high = low, high
        super().__init__(default_value=default_value)

    def validate(self, obj: Any, value: Any) -> int:
        """Value as an ``int``; raises ``StateError`` for a fraction, another type or a number out of range."""
        whole = isinstance(value, int | float | np.number) and math.isfinite(value) and int(value) == value
        if isinstance(value, bool | np.bool_) or not whole or not self.low <= value <= self.high:
            raise StateError(
                f"{_name(self, obj)} must be a whole number from {self.low} to {self.high}, "
                f"but is {value!r}; choose one in that range."
            )
        return int(value)


class Choice(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """One of a few words; the first is the default."""

    metadata: ClassVar[dict[str, Any]] = SYNCED  # type: ignore[misc,unused-ignore]

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = tuple(choices)
        super().__init__(default_value=self.choices[0])

    def validate(self, obj: Any, value: Any) -> str:
        """The word itself; raises ``StateError`` for any other value."""
        if not isinstance(value, str) or value not in self.choices:
            known = " or ".join(repr(choice) for choice in self.choices)
            raise StateError(f"{_name(self, obj)} must be {known}, but is {value!r}; choose one of them.")
        return value


class Flag(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """True or False, and nothing that only counts as one."""

    metadata: ClassVar[dict[str, Any]] = SYNCED  # type: ignore[misc,unused-ignore]

    def __init__(self, default_value: bool) -> None:
        super().__init__(default_value=default_value)

    def validate(self, obj: Any, value: Any) -> bool:
        """The flag itself; raises ``StateError`` for any other value."""
        if not isinstance(value, bool | np.bool_):
            raise StateError(f"{_name(self, obj)} must be True or False, but is {value!r}; pass one of them.")
        return bool(value)


class Text(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """A text of at most ``most`` characters."""

    metadata: ClassVar[dict[str, Any]] = SYNCED  # type: ignore[misc,unused-ignore]

    def __init__(self, default_value: str, *, most: int) -> None:
        self.most = most
        super().__init__(default_value=default_value)

    def validate(self, obj: Any, value: Any) -> str:
        """The text itself; raises ``StateError`` for anything else and for a longer one."""
        if not isinstance(value, str):
            raise StateError(f"{_name(self, obj)} must be a text, but is {value!r}; pass a string.")
        if len(value) > self.most:
            raise StateError(
                f"{_name(self, obj)} must have at most {self.most:,} characters, but has {len(value):,}; shorten it."
            )
        return value


class Texts(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """From ``least`` to ``most`` different texts, each of 1 to ``longest`` characters."""

    metadata: ClassVar[dict[str, Any]] = SYNCED  # type: ignore[misc,unused-ignore]

    def __init__(self, default_value: Sequence[str], *, least: int, most: int, longest: int) -> None:
        self.least, self.most, self.longest = least, most, longest
        super().__init__(default_value=tuple(default_value))

    def validate(self, obj: Any, value: Any) -> tuple[str, ...]:
        """The texts as a tuple; raises ``StateError`` for another number of them, a repeated or an unfitting one."""
        wanted = f"{_name(self, obj)} must hold {self.least} to {self.most} different texts"
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise StateError(f"{wanted}, but is {value!r}; pass a list of strings.")
        if not self.least <= len(value) <= self.most:
            raise StateError(f"{wanted}, but holds {len(value)}; pass another number of them.")
        for text in value:
            if not isinstance(text, str) or not 1 <= len(text) <= self.longest:
                raise StateError(f"{wanted} of 1 to {self.longest} characters, but holds {text!r}; replace it.")
        if len(set(value)) != len(value):
            twice = next(text for text in value if value.count(text) > 1)
            raise StateError(f"{wanted}, but holds {twice!r} twice; leave one out.")
        return tuple(value)


class PageWidget(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
    """Base of the book's widgets.

    A widget names its module, declares its state as traits (``Numbers``, ``WholeNumber``, ``Choice``, ``Flag``)
    and gives the table that stands in for it in print, without scripts and on a code host.

    Raises:
        StateError: a value does not fit its trait. It is a ``ValueError``.
        TypeError: a keyword is not a trait of the widget.
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
