"""JupyterLab as `make lab` starts it: a widget's slider moves a trait, and a chapter's text survives a save."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
SETTINGS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
CHAPTER = "11-one-step"
FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)
CELLS = (
    "from rnncourse.widgets import CellExplorer\nexplorer = CellExplorer()\nexplorer",
    "print('x is', explorer.x)\nexplorer.W_hh = [[0.5, 0], [0, 0.5]]\nprint(f'h is {explorer.step.h[0]:.4f}')",
)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, what opens it, and the folder it shows."""

    address: str
    token: str
    tree: Path

    def answers(self) -> bool:
        """Whether the server has started."""
        request = urllib.request.Request(f"{self.address}/api/status", headers={"Authorization": f"token {self.token}"})
        try:
            return bool(urllib.request.urlopen(request, timeout=30).status == 200)
        except OSError:
            return False


def planted(tree: Path) -> Path:
    """A notebook with a widget, and a chapter with its pair."""
    for name in ("pyproject.toml", f"book/chapters/{CHAPTER}.md", f"book/notebooks/{CHAPTER}.ipynb"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tree / "explorer.ipynb")
    return tree


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab with the options of `make lab`, which keeps all its files in a temporary folder."""
    folder = tmp_path_factory.mktemp("lab")
    environment = {**os.environ, **{name: str(folder / name) for name in FOLDERS}}
    # No news, and no question whether to fetch any.
    notices = folder / "JUPYTERLAB_SETTINGS_DIR/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    notices.parent.mkdir(parents=True)
    notices.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    one = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(16), planted(folder / "tree"))
    line = re.search(r"^\t\$\(BIN\)/jupyter lab ([^#\n]*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert line, "the Makefile starts no JupyterLab"
    options = [*line[1].split(), *SETTINGS, f"--ServerApp.port={port}", f"--IdentityProvider.token={one.token}"]
    command, log = [sys.executable, "-m", "jupyterlab", *options], folder / "lab.log"
    with log.open("wb") as sink:
        server = subprocess.Popen(command, cwd=one.tree, env=environment, stdout=sink, stderr=subprocess.STDOUT)
        try:
            wait_for(one, server, log)
            yield one
        finally:
            server.terminate()  # its kernels end with it
            server.wait(timeout=20)


def wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        if lab.answers():
            return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}", pytrace=False)


def test_a_slider_in_jupyterlab_moves_the_number_and_the_trait(page: Page, lab: Lab) -> None:
    page.set_default_timeout(SECONDS * 1000)
    elsewhere: list[str] = []
    page.on("request", lambda request: None if "127.0.0.1" in request.url else elsewhere.append(request.url))
    page.goto(f"{lab.address}/lab/tree/explorer.ipynb?token={lab.token}")
    # A cell run before the kernel is there is not run at all.
    expect(page.get_by_role("button", name="| Idle")).to_be_visible(timeout=SECONDS * 1000)
    first, second = (page.locator(".jp-CodeCell").nth(number) for number in (0, 1))
    first.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")

    widget = page.locator(".rnn-widget[data-ready='1']")
    expect(widget).to_be_visible(timeout=SECONDS * 1000)  # after the kernel has started
    term = widget.locator("output[data-name='input_term_1']")
    expect(term).to_have_text("0.5000")
    slider = widget.get_by_label("x row 1")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    expect(slider).to_be_focused()
    expect(term).to_have_text("0.6000")

    second.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    output = second.locator(".jp-OutputArea-output")
    expect(output).to_contain_text("x is (1.0, -0.5)", timeout=SECONDS * 500)
    # And back: the assignment in Python moves the widget.
    expect(widget.locator("output[data-name='recurrent_term_2']")).to_have_text("0.2000")
    h = widget.locator("output[data-name='h_1']").text_content() or "nothing"
    expect(output).to_contain_text(h.replace("−", "-"))
    assert [url for url in elsewhere if url.startswith(("http://", "https://"))] == []


@pytest.mark.timeout(900)
def test_a_chapter_that_is_opened_run_and_saved_keeps_its_text(page: Page, lab: Lab) -> None:
    page.set_default_timeout(SECONDS * 1000)
    text = lab.tree / "book" / "chapters" / f"{CHAPTER}.md"
    pair = lab.tree / "book" / "notebooks" / f"{CHAPTER}.ipynb"
    before, copied = text.read_text(encoding="utf-8"), [path.stat().st_mtime_ns for path in (pair, text)]
    # With no tab of another notebook: its kernel is the one that the status line would call idle.
    page.goto(f"{lab.address}/lab/workspaces/chapter/tree/book/notebooks/{CHAPTER}.ipynb?token={lab.token}&reset")
    expect(page.get_by_role("button", name="| Idle")).to_be_visible(timeout=SECONDS * 1000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    waiting = page.locator(".jp-InputPrompt").filter(has_text="*")
    expect(waiting).not_to_have_count(0, timeout=SECONDS * 1000)
    expect(waiting).to_have_count(0, timeout=10 * SECONDS * 1000)
    page.get_by_role("menuitem", name="File", exact=True).click()  # a key goes to whatever has the focus by now
    page.get_by_role("menuitem", name=re.compile("^Save Notebook(?! As)")).click()

    def saved() -> bool:
        """Whether both halves have been written since: the text comes second, and is empty for a moment."""
        return all(path.stat().st_mtime_ns > was for path, was in zip((pair, text), copied, strict=True))

    end = time.monotonic() + SECONDS
    while not (saved() and text.read_text(encoding="utf-8") == before) and time.monotonic() < end:
        time.sleep(0.2)
    assert saved(), "it was not saved"
    assert text.read_text(encoding="utf-8") == before
