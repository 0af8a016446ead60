"""How long a letter takes in the sentence reader on a slow processor: ``python -m benchmarks.keys``.

Two times of each key, in ms: until the letter is painted, and until what the network makes of it is. The same keys go
to an empty page with nothing but a text field, so that what the machine and its browser take by themselves is known.
"""

import argparse
import statistics
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.pages import SITE, SLOWED, served
from tools import chromium

PAGE = "book/notebooks/44-trust.html"
READER = ".rnn-widget[data-module=sentence_reader][data-ready]"
KEYS = " and not happy at all, only a little sad"
GOAL = 50  # ms, of the letter
WATCH = """(field, widget) => {
  window.letters = [];
  window.readings = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.name === "keydown") window.letters.push(entry.duration);
  }).observe({ type: "event", durationThreshold: 16 });
  let pressed = null;
  field.addEventListener("keydown", (event) => (pressed = event.timeStamp));
  new MutationObserver(() => {
    if (pressed === null) return;
    const began = pressed;
    pressed = null;
    requestAnimationFrame(() => setTimeout(() => window.readings.push(performance.now() - began)));
  }).observe(widget, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


def press(page: Page, field: str, widget: str, slowed: float) -> tuple[list[float], list[float]]:
    """Times until the letter, and until the widget has changed, of each key."""
    target = page.locator(field)
    target.scroll_into_view_if_needed()
    target.click()
    page.keyboard.press("Control+End")
    target.evaluate(WATCH, page.locator(widget).element_handle())
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowed})
    for key in KEYS:
        page.keyboard.type(key)
        page.wait_for_timeout(400)
    letters, readings = page.evaluate("[window.letters, window.readings]")
    # The browser reports no key that took less than two frames of its clock.
    return letters + [16.0] * (len(KEYS) - len(letters)), readings


def main() -> None:
    """Type into both and print medians and the slowest of ten."""
    parser = argparse.ArgumentParser(description="Time from a key to its letter and to the reading, slowed processor.")
    parser.add_argument("--site", type=Path, default=SITE, help="folder of the built site")
    parser.add_argument("--slowed", type=float, default=SLOWED, help=f"how much slower the processor is ({SLOWED})")
    options = parser.parse_args()
    with served(options.site) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.set_content("<div><textarea></textarea></div>")
        bare, _ = press(page, "textarea", "div", options.slowed)
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.goto(f"{server}/{PAGE}")
        page.evaluate("mountWidgets()")
        page.locator(READER).wait_for()
        letters, readings = press(page, f"{READER} textarea", READER, options.slowed)
        browser.close()
    print("| | median, ms | nine of ten within, ms |\n|---|---:|---:|")
    for name, times in (("a field alone", bare), ("the letter", letters), ("its reading", readings)):
        print(f"| {name} | {statistics.median(times):.0f} | {statistics.quantiles(times, n=10)[-1]:.0f} |")
    print(f"{sum(time > GOAL for time in letters)} of {len(letters)} letters: more than {GOAL} ms")


if __name__ == "__main__":
    main()
