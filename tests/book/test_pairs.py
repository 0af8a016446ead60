"""Chapters and their executed notebooks belong together."""

import pytest

from tools import pairs


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
