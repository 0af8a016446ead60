"""What every widget of the book has in common: one ES module, mounted in Jupyter and on the published page.

In Jupyter, anywidget runs the module and keeps its state equal to the traits here. On the page there is no kernel: the
HTML that a widget leaves in the executed notebook carries its state, and the page runs the same module with it.
"""

import html
import json
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import anywidget
import numpy as np
import traitlets

from rnncourse.cells import FloatArray

HERE = Path(__file__).parent


def module_source(module: str) -> str:
    """Text of an ES module of this folder, with the shared runtime (every file ``_*.mjs``) in front, for a browser."""
    parts = [*sorted(HERE.glob("_*.mjs")), HERE / f"{module}.mjs"]
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


class Numbers(traitlets.TraitType):  # type: ignore[type-arg,misc,unused-ignore]
    """Finite numbers of a fixed shape, kept as nested tuples; a first length of None is free, up to ``most``."""

    def __init__(self, shape: tuple[int | None, ...], default_value: Any, *, most: int = 0) -> None:
        self.shape, self.most = shape, most
        super().__init__(default_value=_nested(np.asarray(default_value, dtype=float)))

    def validate(self, obj: Any, value: Any) -> Any:
        """The numbers as nested tuples; a ``TraitError`` where their shape does not fit, or one is not finite."""
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            self.error(obj, value, info="an array of numbers")
        if array.size == 0 and self.shape[0] is None:
            return ()
        pairs = zip(array.shape, self.shape, strict=False)
        fits = all(have <= self.most if want is None else have == want for have, want in pairs)
        if array.ndim != len(self.shape) or not fits or not np.isfinite(array).all():
            lengths = ", ".join(f"at most {self.most}" if length is None else str(length) for length in self.shape)
            self.error(obj, value, info=f"finite numbers of shape ({lengths})")
        return _nested(array)


def _nested(array: Any) -> Any:
    return float(array) if np.ndim(array) == 0 else tuple(_nested(entry) for entry in array)


class Draws:
    """Numbers between 0 and 1 from a generator with exact integers: the page, which has no NumPy, draws the same."""

    def __init__(self, start: int) -> None:
        self._state = start

    def take(self, count: int) -> FloatArray:
        """The next numbers, ``(count,)``."""
        found = np.empty(count)
        for k in range(count):
            self._state = 16807 * self._state % (2**31 - 1)
            found[k] = self._state / (2**31 - 1)
        return found


class Fallback(NamedTuple):
    """A widget's present numbers without its picture: in one short phrase, and as a table of texts."""

    summary: str  #: with the number that matters
    caption: str
    head: Iterable[str]
    rows: Iterable[Iterable[str]]


class PageWidget(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
    """Base of the book's widgets; the file of a widget's class has the name of its module.

    A widget declares its state as traits, which are also its keyword arguments, and gives what stands in for it in
    print, without scripts and on a code host. A value that does not fit is a ``TraitError``, a keyword that is no trait
    a ``TypeError``; a state whose parts do not fit together is explained by the module.
    """

    module: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        cls.module = cls.__module__.rpartition(".")[2]
        for trait in vars(cls).values():
            if isinstance(trait, traitlets.TraitType):
                trait.tag(sync=True)
        super().__init_subclass__(**options)

    def __init__(self, **state: Any) -> None:
        if unknown := sorted(state.keys() - self.state_names()):
            raise TypeError(f"{type(self).__name__} has no {unknown[0]!r}; it takes {', '.join(self.state_names())}.")
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

    @abstractmethod
    def _fallback(self) -> Fallback:
        """What stands in for the widget."""

    def fallback_html(self) -> str:
        """The widget's present numbers as a table of plain HTML."""
        return _html_table(*self._fallback()[1:])

    def host_html(self) -> str:
        """The element that the published page finds and mounts the module in; the same text for the same state."""
        state = html.escape(json.dumps(self.state(), sort_keys=True, allow_nan=False))
        head = f'<div class="rnn-widget-host" data-widget="{html.escape(self.module)}" data-state="{state}">'
        return f'{head}\n<div class="rnn-widget-fallback">\n{self.fallback_html()}\n</div>\n</div>'

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self._fallback().summary}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        return {**data, "text/html": self.host_html()}, metadata


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

    top = f"<caption>{html.escape(caption)}</caption>\n<thead>{line(head, 'col')}</thead>"
    body = "\n".join(line(row, "row") for row in rows)
    return f"<table>\n{top}\n<tbody>\n{body}\n</tbody>\n</table>"
