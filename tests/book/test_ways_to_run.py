"""The container and the workflow name commands and places that exist."""

import json
import re

import pytest

from tools import pairs

MAKEFILE = (pairs.ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
CONTAINER = (pairs.ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
PUBLISH = (pairs.ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [CONTAINER, PUBLISH], ids=["container", "publish"])
def test_only_commands_that_the_makefile_has_are_named(text: str) -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert named
    assert named <= TARGETS


def test_the_container_has_a_python_that_the_package_runs_on_and_opens_the_book_s_port() -> None:
    container = json.loads(CONTAINER)
    least = re.search(
        r'requires-python = ">=(\d+)\.(\d+)"', (pairs.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    image = re.search(r"python:(\d+)\.(\d+)$", container["image"])
    assert least
    assert image
    assert tuple(map(int, image.groups())) >= tuple(map(int, least.groups()))
    port = re.search(r"^PORT \?= (\d+)$", MAKEFILE, re.MULTILINE)
    assert port
    assert int(port[1]) in container["forwardPorts"]
    assert {int(name) for name in container["portsAttributes"]} == set(container["forwardPorts"])


def test_the_publisher_tells_both_addresses_and_pushes_the_branch_that_the_buttons_open() -> None:
    from book._ext.downloads import BRANCH

    assert "BOOK_REPOSITORY:" in PUBLISH
    assert "BOOK_SITE:" in PUBLISH
    assert f"--initial-branch {BRANCH}" in PUBLISH
    assert "working-directory: _build/html/notebooks" in PUBLISH
