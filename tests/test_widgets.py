"""The widgets' Python side: state, errors, and the HTML they leave behind."""

import html
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import traitlets

from rnncourse import widgets
from rnncourse.widgets import CellExplorer, ForecastExplorer, GateScrubber, PaddingExplorer, PageWidget
from rnncourse.widgets.base import HERE, Numbers, _html_table, module_source

WIDGETS: list[type[PageWidget]] = [
    made for made in vars(widgets).values() if isinstance(made, type) and issubclass(made, PageWidget)
]
WIDGETS.remove(PageWidget)
VIEW = "application/vnd.jupyter.widget-view+json"


def host_state(widget: PageWidget) -> dict[str, Any]:
    found = re.search(r'data-state="([^"]*)"', widget.host_html())
    assert found is not None
    return json.loads(html.unescape(found[1]))


def test_every_module_belongs_to_a_widget() -> None:
    modules = {path.stem for path in HERE.glob("*.mjs") if not path.stem.startswith("_")}
    assert modules == {widget.module for widget in WIDGETS}
    assert len(modules) == len(WIDGETS)


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_module_is_one_file_with_one_default_export(widget: type[PageWidget]) -> None:
    source = module_source(widget.module)
    assert len(re.findall(r"^export default \{ render\b", source, re.MULTILINE)) == 1
    assert not re.search(r"^\s*import\b|\bimport\(|innerHTML|insertAdjacentHTML|\beval\(", source, re.MULTILINE)
    assert "http://" not in source.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in source
    assert widget()._esm == source


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_bundle_has_a_view_a_host_with_every_trait_and_a_plain_text(widget: type[PageWidget]) -> None:
    first, second = (widget()._repr_mimebundle_()[0] for _ in range(2))
    assert first[VIEW]["model_id"] != second[VIEW]["model_id"]
    assert {**first, VIEW: None} == {**second, VIEW: None}
    assert "0x" not in first["text/plain"]
    host = first["text/html"]
    assert host.startswith(f'<div class="rnn-widget-host" data-widget="{widget.module}" data-state="')
    assert "<table>" in host
    state = host_state(widget())
    assert list(state) == sorted(state) == list(widget.state_names())
    assert host_state(widget(**state)) == state


def test_markup_in_a_table_is_text() -> None:
    table = _html_table("<b>", ("</table>", "&"), [('"', "<script>")])
    assert not re.search("<b>|<script>", table)
    assert table.count("</table>") == 1


# --- what does not fit


def unfit(trait: Any) -> Iterator[Any]:
    """Values that no trait of this kind takes."""
    if isinstance(trait, traitlets.Float | traitlets.Int):
        yield from (trait.min - 1, trait.max + 1, "1", None)
    elif isinstance(trait, Numbers):
        shape = [trait.most if length is None else length for length in trait.shape]
        yield from (None, "ab", [[1.0], [2.0, 3.0]], np.zeros([size + 1 for size in shape]), np.zeros([*shape, 2]))
        yield from (np.full(shape, value) for value in (math.nan, math.inf))
    else:
        yield from (None, 3)


TRAITS = [(widget, name) for widget in WIDGETS for name in widget.state_names()]


@pytest.mark.parametrize(("widget", "name"), TRAITS)
def test_a_value_that_does_not_fit_is_named_and_leaves_no_trace(widget: type[PageWidget], name: str) -> None:
    present = widget()
    before = present.state()
    for value in unfit(widget.class_traits()[name]):
        with pytest.raises(traitlets.TraitError, match=name):
            widget(**{name: value})
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(present, name, value)
        assert present.state() == before


@pytest.mark.parametrize(
    "widget",
    [ForecastExplorer(at=110), GateScrubber(series=[0.0] * 15, at=180, jump_at=9), PaddingExplorer(sentence=6)],
)
def test_a_place_beyond_the_end_leaves_the_table_at_the_last_one(widget: PageWidget) -> None:
    assert "<td>" in widget.host_html()  # what is wrong with it is said by the module


def test_traits_are_values_that_can_be_observed_and_not_changed_in_place() -> None:
    rows, seen = [[1.0, 2.0], [3.0, 4.0]], []
    explorer = CellExplorer(W_hh=rows)
    rows[0][0] = 9.0
    assert explorer.W_hh == ((1.0, 2.0), (3.0, 4.0))
    explorer.observe(lambda change: seen.append(change["new"]), "x")
    explorer.x = [1, 2]
    assert seen == [(1.0, 2.0)]
    with pytest.raises(TypeError, match=r"CellExplorer has no 'W_xx'; it takes W_hh, W_xh, b_h"):
        CellExplorer(W_xx=[[1, 0], [0, 1]])
