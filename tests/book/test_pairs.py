"""Chapters and their executed notebooks belong together."""

import re
import tomllib

import nbformat
import pytest

from rnncourse import _claims
from rnncourse.ledger import current
from tools import pairs


def shown(source, mime: str) -> list[str]:
    """What the cells of a pair display as one kind of output."""
    cells = nbformat.read(pairs.pair_of(source), as_version=4).cells
    outputs = (output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    return [data[mime] for data in outputs if mime in data]


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_a_chapter_and_its_pair_agree(source) -> None:
    assert pairs.drift(source) is None


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_jupyter_changes_nothing_in_a_chapter_that_is_opened_run_and_saved(source) -> None:
    assert source.read_text(encoding="utf-8") == pairs.as_saved(source), "run 'make numbers'"


def test_there_are_chapters_and_no_orphaned_notebooks() -> None:
    sources = {path.stem for path in pairs.chapters()}
    assert sources
    assert {path.stem for path in pairs.NOTEBOOKS.glob("*.ipynb")} == sources


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_a_pair_carries_nothing_of_the_machine_that_ran_it(source) -> None:
    text = pairs.pair_of(source).read_text(encoding="utf-8")
    assert str(pairs.ROOT) not in text
    assert "application/vnd.jupyter.widget-view+json" not in text
    assert '"iopub' not in text
    assert '"output_type": "error"' not in text
    assert '"name": "stderr"' not in text


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_a_pair_shows_claims_and_answers_as_their_lists_have_them_now(source) -> None:
    """A word of a claim or of a hint is displayed by a cell, too: `python -m tools.execute` brings it there."""
    claims, told, path = (
        _claims.load(pairs.BOOK / "claims.toml"),
        set(),
        pairs.BOOK / f"exercises/{source.stem[:2]}.toml",
    )
    for html in shown(source, "text/html"):
        if found := re.search(r'data-claim="([^"]+)"', html):
            assert html == _claims.judge(found[1], claims, current())._repr_mimebundle_()["text/html"]
    if path.exists():  # appendices have no exercises
        tasks = tomllib.loads(path.read_text(encoding="utf-8")).values()
        told = {re.sub(r"\\\{.*?\\\}", ".*", re.escape(task["right"])) for task in tasks if "right" in task}
    for text in shown(source, "text/plain"):
        if text.startswith("Correct. "):
            assert any(re.fullmatch(right, text.removeprefix("Correct. ")) for right in told), text
