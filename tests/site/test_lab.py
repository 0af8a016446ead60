"""A widget in real JupyterLab: a slider moves a number on the page and a trait in Python."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

SECONDS = 60
SETTINGS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)


def notebook() -> nbformat.NotebookNode:
    cells = [
        "from rnncourse.widgets import CellExplorer\nexplorer = CellExplorer()\nexplorer",
        "print('x is', explorer.x)\nexplorer.W_hh = [[0.5, 0], [0, 0.5]]\nprint(f'h is {explorer.step.h[0]:.4f}')",
    ]
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}", pytrace=False)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """Address of a notebook in a JupyterLab that keeps all its files in a temporary folder."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(notebook(), folder / "explorer.ipynb")
    # No news, and no question whether to fetch any.
    notices = tmp_path / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notices.parent.mkdir(parents=True)
    notices.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port, token = free_port(), secrets.token_hex(16)
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}
    environment = {**os.environ, **{name: str(tmp_path / part) for name, part in own.items()}}
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    log = tmp_path / "lab.log"
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "jupyterlab", *SETTINGS, *options]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=sink, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, log)
            yield f"http://127.0.0.1:{port}/lab/tree/explorer.ipynb?token={token}"
        finally:
            server.terminate()  # its kernels end with it
            server.wait(timeout=20)


def test_a_slider_in_jupyterlab_moves_the_number_and_the_trait(page: Page, lab: str) -> None:
    page.set_default_timeout(SECONDS * 1000)
    elsewhere: list[str] = []
    page.on("request", lambda request: None if "127.0.0.1" in request.url else elsewhere.append(request.url))
    page.goto(lab)
    # A cell run before the kernel is there is not run at all.
    expect(page.get_by_role("button", name="| Idle")).to_be_visible(timeout=SECONDS * 1000)
    page.locator(".jp-CodeCell").first.locator(".cm-content").click()
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

    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    expect(output).to_contain_text("x is (1.0, -0.5)", timeout=SECONDS * 500)
    # And back: the assignment in Python moves the widget.
    expect(widget.locator("output[data-name='recurrent_term_2']")).to_have_text("0.2000")
    h = widget.locator("output[data-name='h_1']").text_content() or "nothing"
    expect(output).to_contain_text(h.replace("−", "-"))
    assert [url for url in elsewhere if url.startswith(("http://", "https://"))] == []
