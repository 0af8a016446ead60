"""`make lab` shows the chapters, and what is written in a notebook is written in its text."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "01-one-step"
SECONDS = 60
Ask = Callable[..., dict[str, Any]]


def arguments() -> list[str]:
    """What `make lab` hands to JupyterLab."""
    line = re.search(
        r"^\t\$\(BIN\)/jupyter lab ([^#\n]*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert line, "the Makefile starts no JupyterLab"
    return line[1].split()


def asker(address: str, token: str) -> Ask:
    def ask(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{address}/api/{path}",
            data=data,
            method="GET" if data is None else "PUT",
            headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    return ask


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One chapter, both halves, and what pairs them."""
    folder = tmp_path / "tree"
    for name in ("pyproject.toml", f"book/chapters/{CHAPTER}.md", f"book/notebooks/{CHAPTER}.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def ask(tree: Path, tmp_path: Path) -> Iterator[Ask]:
    """A question to a JupyterLab that stands where `make lab` starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    token = secrets.token_hex(16)
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    options = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--LabApp.extension_manager=readonly"]
    options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    log = tmp_path / "lab.log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments(), *options],
            cwd=tree,
            env={**os.environ, **own},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            question, end = asker(f"http://127.0.0.1:{port}", token), time.monotonic() + SECONDS
            while True:
                try:
                    question("status")
                    break
                except (urllib.error.URLError, OSError):
                    if time.monotonic() > end or server.poll() is not None:
                        pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}", pytrace=False)
                    time.sleep(0.2)
            yield question
        finally:
            server.terminate()
            server.wait(timeout=20)


def test_chapters_open_as_notebooks_and_stay_in_step_with_their_text(ask: Ask, tree: Path) -> None:
    listed = [item["name"] for item in ask("contents/book/notebooks")["content"]]
    assert listed == [f"{CHAPTER}.ipynb"]
    place, text = f"contents/book/notebooks/{CHAPTER}.ipynb", tree / "book" / "chapters" / f"{CHAPTER}.md"
    notebook = ask(place)["content"]
    notebook["cells"][0]["source"] += "\n\nA sentence that was added."
    ask(place, {"type": "notebook", "format": "json", "content": notebook})
    assert "A sentence that was added." in text.read_text(encoding="utf-8")

    text.write_text(text.read_text(encoding="utf-8").replace("that was added", "from the text"), encoding="utf-8")
    later = time.time() + 5
    os.utime(text, (later, later))
    assert "A sentence from the text." in ask(place)["content"]["cells"][0]["source"]
