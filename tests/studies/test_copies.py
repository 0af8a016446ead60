"""What a page makes its data with is what its study made them with: the page has a copy, without types."""

import ast
import re
from pathlib import Path

import pytest

from tools import pairs

BOOK = Path(__file__).parents[2] / "book"
COPIED = {
    "22-sequence-tasks": (
        *("synthetic_tagging", "plain", "either", "sentence", "phrase", "object_of", "TAG_WORDS", "AMBIGUOUS", "TAGS"),
    ),
    "23-reach-and-readout": ("synthetic_tones", "spectrogram"),
    "52-convlstm": ("moving_shapes", "SHAPES"),
    "53-skip": ("sparse_events",),
    "54-without-a-chain": ("scan", "MinGRU", "DeltaRule", "Attention"),
}

ELSEWHERE = {"23-reach-and-readout": "ch22_sequence_tasks"}


def strip(node: ast.AST) -> None:
    """Take types and the docstring away, in place."""
    if isinstance(node, ast.FunctionDef):
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        node.returns = None
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
        node.body = node.body[1:]


def defined(source: str) -> dict[str, str]:
    """What each name is bound to, without types, docstrings and leading underscores."""
    found = {}
    for node in ast.parse(re.sub(r"\b_(?=[A-Za-z])", "", source)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for part in ast.walk(node):
                strip(part)
            found[node.name] = ast.unparse(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.unparse(node.value)
    return found


@pytest.mark.parametrize("name", COPIED)
def test_a_page_and_its_study_make_their_data_alike(name: str) -> None:
    cells = pairs.read_source(BOOK / "chapters" / f"{name}.md").cells
    page = defined("\n".join(cell.source for cell in cells if cell.cell_type == "code"))
    module = ELSEWHERE.get(name, f"ch{name.replace('-', '_')}")
    study = defined((BOOK / "experiments" / f"{module}.py").read_text("utf-8"))
    for copied in COPIED[name]:
        assert page[copied] == study[copied]
