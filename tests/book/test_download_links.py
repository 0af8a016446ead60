"""The publisher's addresses, and Binder's files, lead from a handout to the package that it imports."""

import re
import tomllib
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

from book._ext.downloads import Publisher, wheel_name
from book._ext.release import pinned_torch
from tools import pairs

BINDER, CONSTRAINTS = pairs.ROOT / "binder", pairs.ROOT / "constraints.txt"


def run_first_cell(cell: str, known: bool) -> list[str]:
    """Run the first cell where the package is or is not; a line that begins with % is IPython's."""
    plain = re.sub(r"^( *)%(.*)$", r"\1asked.append('\2')", cell, flags=re.MULTILINE)
    asked: list[str] = []

    def imported(name: str, *rest: object) -> None:
        if not known:
            raise ModuleNotFoundError(name)

    exec(plain, {"asked": asked, "__builtins__": {"__import__": imported, "ModuleNotFoundError": ModuleNotFoundError}})
    return asked


def test_without_an_address_nothing_runs_elsewhere_and_the_first_cell_names_the_wheel_of_the_archive() -> None:
    unknown = Publisher.of({})
    assert unknown.launchers("01-x") == {}
    assert unknown.binder(BINDER, CONSTRAINTS) == {}
    assert run_first_cell(unknown.install, known=True) == []
    with pytest.raises(ModuleNotFoundError, match=rf'%pip install .*whl/cpu "\.\./{re.escape(wheel_name())}\[book\]"$'):
        run_first_cell(unknown.install, known=False)


def test_the_publisher_s_addresses_lead_to_the_student_notebook() -> None:
    known = Publisher.of({"BOOK_REPOSITORY": "https://github.com/owner/name.git", "BOOK_SITE": "https://host/a"})
    assert known.site == "https://host/a/"
    assert run_first_cell(known.install, known=True) == []
    (install,) = run_first_cell(known.install, known=False)
    assert install.startswith("pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu ")
    assert install.endswith(' "rnncourse[book] @ git+https://github.com/owner/name"')
    assert known.launchers("01-x") == {
        "Colab": "https://colab.research.google.com/github/owner/name/blob/handouts/student/01-x.ipynb",
        "Binder": "https://mybinder.org/v2/gh/owner/name/handouts?labpath=student%2F01-x.ipynb",
    }
    elsewhere = Publisher.of({"BOOK_REPOSITORY": "https://codeberg.org/owner/name"})
    assert "git+https://codeberg.org/owner/name" in elsewhere.install
    assert elsewhere.launchers("01-x") == {}


def test_binder_finds_on_the_handouts_branch_all_that_it_needs(tmp_path: Path) -> None:
    known = Publisher.of({"BOOK_REPOSITORY": "https://github.com/owner/name"})
    files = known.binder(BINDER, CONSTRAINTS)
    needs = files["requirements.txt"].splitlines()
    assert {"rnncourse[book] @ git+https://github.com/owner/name", "--constraint constraints.txt"} < set(needs)
    assert not [need for need in needs if need.startswith(".") or ".." in need]
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
