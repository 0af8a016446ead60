"""HTML that the Numbers page and the report card share: tables that scroll, marks of verdicts, filters."""

from collections.abc import Iterable, Mapping
from html import escape

from rnncourse._claims import VERDICTS
from rnncourse.ledger import PRINTED_VERDICTS

Options = Mapping[str, str]


def verdict_mark(verdict: str | None) -> str:
    """A verdict as a small labelled mark."""
    return f'<span class="verdict-mark {verdict}">{(VERDICTS | PRINTED_VERDICTS)[verdict]}</span>' if verdict else ""


def open_table(label: str, titles: Iterable[str], *, name: str, look: str = "") -> str:
    """The start of a table that scrolls inside its own frame and is reachable by keyboard.

    Args:
        label: name of the table for those who do not see it.
        titles: heads of the columns.
        name: id of the frame.
        look: further classes of the frame.
    """
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    classes = f"ledger-table {look}".strip()
    return (
        f'<div class="{classes}" id="{name}" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="table"><thead><tr>{head}</tr></thead>'
    )


CLOSE_TABLE = "</table></div>"


def choice(label: str, key: str, options: Options | Mapping[str, Options]) -> str:
    """A labelled drop-down; a mapping of mappings gives groups.

    Args:
        label: what is chosen.
        key: name of the rows' data attribute that the choice is held against.
        options: what is shown by its value, or such mappings by the name of their group.
    """
    shown = ['<option value="">all</option>']
    for value, text in options.items():
        if isinstance(text, str):
            shown.append(f'<option value="{escape(value)}">{escape(text)}</option>')
        else:
            inner = "".join(f'<option value="{escape(one)}">{escape(words)}</option>' for one, words in text.items())
            shown.append(f'<optgroup label="{escape(value)}">{inner}</optgroup>')
    return f'<label>{escape(label)} <select name="{key}">{"".join(shown)}</select></label>'


def filters(rows: str, choices: Iterable[str]) -> str:
    """A form that hides the rows it does not name; assets/filter.js shows it and sees to it.

    Args:
        rows: id of the table's frame.
        choices: the drop-downs.
    """
    return (
        f'<form class="row-filter" data-rows="{rows}" aria-label="Filter the rows" hidden>{"".join(choices)}'
        '<label>Words <input type="search" name="words" autocomplete="off" spellcheck="false"></label>'
        '<button type="reset">Show all</button><output></output></form>'
    )
