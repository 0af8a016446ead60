"""A widget's module on an empty page, a person's moves of its controls, and what it shows then."""

import html
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from _server import widget_pages
from playwright.sync_api import Locator, Page, expect

from rnncourse.widgets.base import PageWidget, module_source

WIDGETS: dict[str, type[PageWidget]] = {widget.module: widget for widget in PageWidget.__subclasses__()}
READY = ".rnn-widget[data-ready='1']"
HOST = re.compile(r'class="rnn-widget-host" data-widget="(\w+)" data-state="([^"]*)"')
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
# What follows from a letter is drawn in the frame after it.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
SET = f"""(control, value) => {{
  control.value = value;
  for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, {{bubbles: true}}));
  return ({DRAWN})();
}}"""
# Every number at full precision, or as words where it is none; every field's value, what can be pressed, and all words.
SHOWN = """widget => {
  const shown = {all: widget.innerText, can: [], status: widget.querySelector("[role=status]").textContent};
  for (const field of widget.querySelectorAll("select, textarea")) shown[field.labels[0].textContent] = field.value;
  for (const one of widget.querySelectorAll("button:enabled")) shown.can.push(one.textContent);
  shown.numbers = [...widget.querySelectorAll("output")].map(o => [o.dataset.name, o.textContent, o.dataset.value]);
  return shown;
}"""


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


def states_on(site: Path) -> dict[str, dict[str, Any]]:
    """Each widget's module and the first state of it on the site."""
    found: dict[str, dict[str, Any]] = {}
    for name in widget_pages(site):
        for module, state in HOST.findall((site / name).read_text(encoding="utf-8")):
            found.setdefault(module, json.loads(html.unescape(state)))
    return found


def do(widget: Locator, *moves: str | dict[str, Any]) -> None:
    """Press the buttons of these names, and set the controls of these labels."""
    for move in moves:
        if isinstance(move, str):
            widget.get_by_role("button", name=move, exact=True).click()
            continue
        for label, value in move.items():
            widget.get_by_label(label, exact=True).evaluate(SET, value)


def shown(widget: Locator) -> dict[str, Any]:
    """What the widget shows: by an output's name its number, by a field's label its value, and its ``words``."""
    found: dict[str, Any] = widget.evaluate(SHOWN)
    numbers = found.pop("numbers")
    assert numbers, "the widget shows no number"
    found["words"] = {name: text for name, text, _ in numbers}
    for name, text, value in numbers:
        found[name] = float(value) if value not in (None, "", "null", "undefined", "NaN") else float("nan")
        plain = text.replace("−", "-").replace(",", "")
        if re.fullmatch(r"-?\d+(\.\d+)?", plain):
            rounding = 0.5001 * 10.0 ** -len(plain.partition(".")[2])
            apart = min(abs(scale * found[name] - float(plain)) for scale in (1, 100))  # some are per cent
            assert apart <= rounding, f"{name} shows {text} for {value}"
    return found


def until(page: Page, holds: Callable[[], Any], seconds: float = 8) -> bool:
    """Whether something comes to hold soon."""
    for _ in range(int(50 * seconds)):
        if holds():
            return True
        page.wait_for_timeout(20)
    return False
