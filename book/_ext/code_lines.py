"""Lines of code that can break: on a telephone and on paper, what goes on stands further in than the line began."""

from collections.abc import Iterator
from typing import Any

from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

Lines = Iterator[tuple[int, str]]


class LineFormatter(HtmlFormatter):  # type: ignore[misc]
    """The usual formatter, with each line in an element that knows how far in its code begins."""

    def wrap(self, source: Lines) -> Lines:
        """Wrap the lines, then the whole."""
        wrapped: Lines = super().wrap(self.lines(source))
        return wrapped

    def lines(self, source: Lines) -> Lines:
        """Each line in an element of its own."""
        for is_code, text in source:
            yield is_code, lined(text) if is_code else text


def lined(line: str) -> str:
    """A line in its element; the blanks before it stand apart, because a long word would break away from them."""
    code = line.lstrip(" ")
    blanks = line[: len(line) - len(code)]
    if not blanks:
        return f'<span class="line">{line}</span>'
    return f'<span class="line" style="--in: {len(blanks)}"><span class="in">{blanks}</span>{code}</span>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Let Sphinx use it."""
    PygmentsBridge.html_formatter = LineFormatter
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
