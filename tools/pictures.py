"""Draw the README's pictures from the built site: ``python -m tools.pictures``."""

import sys
from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

from rnncourse._files import write_whole
from tools import chromium, pairs
from tools.cover import with_palette

SITE = pairs.ROOT / "_build" / "html" / "book"
PICTURES = pairs.ROOT / ".github" / "pictures"
COLOURS = 128


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of the file, without its ending.
        page: where it is taken, below ``book/`` of the site.
        place: selector of what stands at the top of the picture.
        size: width and height of the window, in CSS pixels.
        scheme: of colours, ``light`` or ``dark``.
        hover: selector of what the pointer rests on; none if empty.
    """

    name: str
    page: str
    place: str
    size: tuple[int, int]
    scheme: str = "light"
    hover: str = ""


SHOTS = (
    Shot(
        "chapter",
        "notebooks/31-weather.html",
        "#the-last-epoch-the-selected-epoch-and-the-test",
        (1180, 720),
        hover='td a.ledger[href$="#seattle.deep.lstm.test"]',
    ),
    Shot("widget", "notebooks/34-gates-at-work.html", "#with-the-jump-and-without-it", (1180, 760)),
    Shot("card", "report-card.html#verdict=fails", "#claims-and-numbers", (1180, 720)),
    Shot("telephone", "notebooks/12-lstm-and-gru.html", "#gates-are-valves", (390, 760), scheme="dark"),
)


def take(page: Page, shot: Shot) -> bytes:
    """A PNG of what a reader sees there."""
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    page.emulate_media(color_scheme="dark" if shot.scheme == "dark" else "light", reduced_motion="reduce")
    address, _, fragment = shot.page.partition("#")
    page.goto((SITE / address).as_uri() + (f"#{fragment}" if fragment else ""))
    page.wait_for_timeout(500)  # fonts and widgets are drawn once more when they have arrived
    page.locator("#pst-back-to-top").evaluate("button => button.remove()")  # it would lie over the text
    page.locator(shot.place).first.evaluate("e => scrollTo(0, e.getBoundingClientRect().top + scrollY - 70)")
    if shot.hover:
        page.locator(shot.hover).first.hover()
    page.wait_for_timeout(500)
    return page.screenshot()


def main() -> int:
    """Take every picture."""
    if not SITE.is_dir():
        sys.exit("There is no built site; run `make book` first.")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        page = browser.new_page()
        for shot in SHOTS:
            path = PICTURES / f"{shot.name}.png"
            write_whole(path, with_palette(take(page, shot), COLOURS))
            print(f"{path.relative_to(pairs.ROOT)}: {path.stat().st_size // 1000} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
