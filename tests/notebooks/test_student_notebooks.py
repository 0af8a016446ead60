"""The student notebooks run from top to bottom with nothing filled in, and every check says that nothing is."""

import re
from pathlib import Path

import pytest
from nbclient import NotebookClient

from book._ext.downloads import bibliography
from book._ext.handouts import TODO, Press, handout
from tools import pairs


@pytest.mark.parametrize("source", pairs.chapters(), ids=lambda path: path.stem)
def test_it_runs_unanswered(source: Path, tmp_path: Path) -> None:
    press = Press(bibliography(pairs.BOOK / "references.bib"))
    notebook = handout(pairs.read_pair(pairs.pair_of(source)), "student", press)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell in notebook.cells:
        if TODO in cell.source:
            assert re.search(r"^Not yet\. ", cell.outputs[-1]["data"]["text/plain"]), cell.source
