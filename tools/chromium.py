"""Find a Chromium for the browser tests, or get one: ``python tools/chromium.py`` prints its path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PACKAGES = {"apt-get": ["install", "--yes", "chromium"], "dnf": ["install", "--assumeyes", "chromium"]}
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TIME_LIMIT = 600  # seconds for one download


class NoChromium(RuntimeError):
    """No Chromium is installed and none could be had."""


def find() -> Path:
    """The path of a Chromium that starts, installed on the way if need be.

    Looked for in this order: the environment variable ``CHROMIUM``, the search path, Playwright's own folder,
    Playwright's download, the distribution's package (where it may be installed without asking).

    Raises:
        NoChromium: none of them gave one; the message says what was tried and what to do.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        path = Path(named)
        if not _starts(path):
            raise NoChromium(f"CHROMIUM names {named!r}, which does not start; unset it or correct it.")
        return path
    for look in (_on_path, _of_playwright, _downloaded, _packaged):
        path_found = look()
        if path_found is not None and _starts(path_found):
            return path_found
    raise NoChromium(
        "The browser tests need Chromium. None is on the search path, Playwright could not download one, and no "
        "package could be installed. Install Chromium, or set CHROMIUM to its path."
    )


def _starts(path: Path) -> bool:
    command = [str(path), *ARGUMENTS, "--headless", "--version"]
    return _runs(command, limit=60)


def _runs(command: list[str], *, limit: int = TIME_LIMIT) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _on_path() -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def _of_playwright() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def _downloaded() -> Path | None:
    _say("No Chromium on the search path: asking Playwright to download one.")
    if not _runs([sys.executable, "-m", "playwright", "install", "chromium"]):
        return None
    return _of_playwright()


def _packaged() -> Path | None:
    for tool, arguments in PACKAGES.items():
        if shutil.which(tool) is None:
            continue
        prefix = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
        _say(f"Asking {tool} for the distribution's Chromium.")
        if tool == "apt-get":
            _runs([*prefix, tool, "update"])
        if _runs([*prefix, tool, *arguments]):
            return _on_path()
    return None


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    """Print the path; 1 and a message where there is none."""
    try:
        print(find())
    except NoChromium as problem:
        _say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
