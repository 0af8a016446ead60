"""A widget's module on an empty page, and its controls and numbers."""

from functools import cache
from typing import Any

from playwright.sync_api import Locator, Page, expect

from rnncourse.widgets.base import PageWidget, module_source

READY = ".rnn-widget[data-ready='1']"
# A model that keeps a state in the page, as the site's own does.
RENDER = """(() => {
  const values = {...given}, listeners = {};
  const model = {
    get: key => values[key],
    set(key, value) {
      if (Object.is(values[key], value)) return;
      values[key] = value;
      (listeners[key] ?? []).forEach(heard => heard());
    },
    save_changes() {},
    on(name, heard) { (listeners[name.slice(7)] ??= []).push(heard); },
    off() {},
  };
  document.body.replaceChildren();
  module.render({model, el: document.body});
})()"""


@cache
def _as_function(module: str) -> str:
    return module_source(module).replace("\nexport default ", "\nreturn ")


def ask(page: Page, module: str, given: Any, body: str = "given.map(module.compute)") -> Any:
    """What an expression over a module and what is given is worth, on an empty page."""
    call = f"([source, given]) => {{ const module = new Function(source)(); return {body}; }}"
    return page.evaluate(call, [_as_function(module), given])


def mount(page: Page, module: str, state: dict[str, Any]) -> Locator:
    """The widget in this state, alone on the page."""
    ask(page, module, state, RENDER)
    widget = page.locator(READY)
    expect(widget).to_be_visible()
    return widget


def state_of(widget: PageWidget) -> dict[str, Any]:
    """The traits that a page is given."""
    return {name: getattr(widget, name) for name in widget.state_names()}


def turn(widget: Locator, label: str, value: float) -> None:
    """Set a slider."""
    slide(widget.get_by_label(label, exact=True), value)


def slide(slider: Locator, value: float) -> None:
    """Set this slider."""
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input', {bubbles: true})); }", value)


def press(widget: Locator, *names: str) -> None:
    """Press buttons by their names, one after the other."""
    for name in names:
        widget.get_by_role("button", name=name).click()


def read(widget: Locator, *names: str) -> Any:
    """Numbers at full precision, one or several."""
    numbers = "(w, names) => names.map(n => Number(w.querySelector(`output[data-name='${n}']`).dataset.value ?? NaN))"
    found = widget.evaluate(numbers, list(names))
    return found[0] if len(names) == 1 else tuple(found)


def texts(widget: Locator) -> list[str]:
    """Every number the widget shows."""
    found: list[str] = widget.locator("output").evaluate_all("all => all.map(o => o.textContent)")
    assert found, "the widget shows no number"
    return found
