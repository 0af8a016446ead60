"""The container and the workflow name commands and places that exist."""

import json
import re
import tomllib

from book._ext.downloads import BRANCH
from tools import pairs

MAKEFILE = (pairs.ROOT / "Makefile").read_text(encoding="utf-8")
CONTAINER = (pairs.ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
PUBLISH = (pairs.ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")


def test_only_commands_that_the_makefile_has_are_named() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    for text in (CONTAINER, PUBLISH):
        assert set() < set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets


def test_the_container_has_a_python_that_the_package_runs_on_and_opens_the_book_s_port() -> None:
    container = json.loads(CONTAINER)
    project = tomllib.loads((pairs.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    image, least = (re.findall(r"\d+", text)[-2:] for text in (container["image"], project["requires-python"]))
    assert [*map(int, image)] >= [*map(int, least)]
    (port,) = re.findall(r"^PORT \?= (\d+)$", MAKEFILE, re.MULTILINE)
    assert int(port) in container["forwardPorts"]
    assert {int(name) for name in container["portsAttributes"]} == set(container["forwardPorts"])


def test_the_publisher_tells_both_addresses_and_pushes_the_branch_that_the_buttons_open() -> None:
    for told in ("BOOK_REPOSITORY:", "BOOK_SITE:", f"--initial-branch {BRANCH}", "_build/html/notebooks"):
        assert told in PUBLISH
