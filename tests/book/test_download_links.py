"""The publisher's addresses, and Binder's files, lead from a handout to the package that it imports."""

import importlib.util
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

from book._ext.downloads import Publisher
from book._ext.release import pinned_torch, wheel_name
from tools import pairs

BINDER, CONSTRAINTS = pairs.ROOT / "binder", pairs.ROOT / "constraints.txt"


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Publisher], str]:
    """What a first cell asks IPython to install, in an empty folder, until the package is there."""
    monkeypatch.chdir(tmp_path)

    def run(publisher: Publisher) -> str:
        asked: list[str] = []
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: asked or None)
        exec(re.sub(r"^( *)%(.*)$", r"\1asked.append(f'\2')", publisher.install, flags=re.MULTILINE), {"asked": asked})
        assert asked[0].startswith("pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu ")
        return asked[0].partition('"')[2].rstrip('"')

    return run


def test_without_an_address_nothing_runs_elsewhere_and_the_first_cell_asks_for_a_file_beside_it(
    asks: Callable[[Publisher], str], tmp_path: Path
) -> None:
    unknown = Publisher.of({})
    assert unknown.launchers("01-x") == {}
    assert unknown.binder(BINDER, CONSTRAINTS) == {}
    with pytest.raises(ModuleNotFoundError, match=f"put the file {re.escape(wheel_name())} beside the notebook, then"):
        asks(unknown)
    (tmp_path / wheel_name()).touch()
    assert asks(unknown) == f"rnncourse[book] @ {(tmp_path / wheel_name()).as_uri()}"


def test_the_publisher_s_addresses_lead_to_the_student_notebook(asks: Callable[[Publisher], str]) -> None:
    known = Publisher.of({"BOOK_REPOSITORY": "https://github.com/owner/name.git", "BOOK_SITE": "https://host/a"})
    assert known.site == "https://host/a/"
    assert asks(known) == f"rnncourse[book] @ https://host/a/notebooks/{wheel_name()}"
    assert known.launchers("01-x") == {
        "Colab": "https://colab.research.google.com/github/owner/name/blob/handouts/student/01-x.ipynb",
        "Binder": "https://mybinder.org/v2/gh/owner/name/handouts?labpath=student%2F01-x.ipynb",
    }
    elsewhere = Publisher.of({"BOOK_REPOSITORY": "https://codeberg.org/owner/name"})
    assert asks(elsewhere) == "rnncourse[book] @ git+https://codeberg.org/owner/name"
    assert elsewhere.launchers("01-x") == {}


def test_binder_finds_on_the_handouts_branch_all_that_it_needs(tmp_path: Path) -> None:
    known = Publisher.of({"BOOK_REPOSITORY": "https://github.com/owner/name"})
    files = known.binder(BINDER, CONSTRAINTS)
    needs = files["requirements.txt"].splitlines()
    assert {f"./{wheel_name()}[book]", "--constraint constraints.txt"} < set(needs)
    assert not [need for need in needs if ".." in need]
    assert files["constraints.txt"] == CONSTRAINTS.read_text(encoding="utf-8")
    assert files["runtime.txt"].startswith("python-3.")
    (tmp_path / "requirements.txt").write_text("torch==2.13.0\n")
    with pytest.raises(ExtensionError, match="has no line"):
        known.binder(tmp_path, CONSTRAINTS)


def test_binder_installs_what_the_chapters_need_with_the_torch_they_are_tested_with() -> None:
    needs = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((pairs.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {".[book]", pinned_torch()} < set(needs)
    assert "book" in project["optional-dependencies"]
    for line in needs:
        assert not line.startswith("--constraint ") or (BINDER / line.split()[1]).is_file()  # pip looks beside the file
    least = project["requires-python"].removeprefix(">=")
    assert (BINDER / "runtime.txt").read_text(encoding="utf-8") == f"python-{least}\n"


@pytest.mark.parametrize("address", ["owner/name", "http://host/x", "https://host/a b", 'https://h/"><script>'])
def test_a_broken_address_is_refused(address: str) -> None:
    with pytest.raises(ExtensionError, match="expected an address such as"):
        Publisher.of({"BOOK_REPOSITORY": address})
    with pytest.raises(ExtensionError, match="expected the word withheld"):
        Publisher.of({"BOOK_SOLUTIONS": address})
