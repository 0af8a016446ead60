"""A chapter's source (MyST Markdown) and its executed pair (a notebook)."""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from jupytext.config import load_jupytext_config
from nbformat import NotebookNode

from rnncourse._files import write_whole

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
CHAPTERS = BOOK / "chapters"
NOTEBOOKS = BOOK / "notebooks"
# Fixed, because the kernel would write this machine's Python version into every notebook.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
}


def chapters() -> list[Path]:
    """All chapter sources, in the order of their numbers."""
    return sorted(CHAPTERS.glob("[0-9][0-9]-*.md"))


def chosen(names: Sequence[str], parser: argparse.ArgumentParser) -> list[Path]:
    """The chapters whose names begin with one of ``names``; the parser's error where there are none."""
    found = [source for source in chapters() if source.stem.startswith(tuple(names))]
    if not found:
        parser.error(f"no chapter starts with {' or '.join(names)}; see book/chapters.")
    return found


def pair_of(source: Path) -> Path:
    """Where the executed notebook of a chapter source lies."""
    return NOTEBOOKS / f"{source.stem}.ipynb"


def read_source(path: Path) -> NotebookNode:
    """Read a chapter source as a notebook without outputs, with cell ids that depend on its text alone.

    Raises:
        ValueError: the header does not declare a MyST notebook, so tools would take it for plain Markdown.
    """
    notebook: NotebookNode = jupytext.read(path)
    if notebook.metadata.get("jupytext", {}).get("text_representation", {}).get("format_name") != "myst":
        raise ValueError(
            f"{path.name} is not a MyST notebook; give its header jupytext.text_representation.format_name."
        )
    notebook.metadata = NotebookNode(METADATA)  # type: ignore[no-untyped-call]
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for index, cell in enumerate(notebook.cells):
        cell.id = f"{index:03d}-{hashlib.sha256(cell.source.encode()).hexdigest()[:8]}"
    return notebook


def read_pair(path: Path) -> NotebookNode:
    """Read an executed notebook."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def write_pair(notebook: NotebookNode, path: Path) -> bool:
    """Write a notebook in one step; say whether its bytes changed."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"  # type: ignore[no-untyped-call]
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(exist_ok=True)
    write_whole(path, text)
    return True


def as_saved(source: Path) -> str:
    """A chapter's text as JupyterLab leaves it when it is opened, run and saved unedited."""
    notebook = jupytext.read(source)
    notebook.metadata.kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3", "version": "3.11"}
    return str(jupytext.writes(notebook, "md:myst", config=load_jupytext_config(str(source))))


def reword(source: Path) -> NotebookNode | None:
    """The chapter with the outputs of its pair; None where there is no pair, or code has changed since it ran."""
    if not pair_of(source).exists():
        return None
    notebook, pair = read_source(source), read_pair(pair_of(source))
    ours, theirs = ([cell for cell in one.cells if cell.cell_type == "code"] for one in (notebook, pair))
    if [cell.source for cell in ours] != [cell.source for cell in theirs]:
        return None
    for cell, executed in zip(ours, theirs, strict=True):
        cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
    return notebook


def drift(source: Path) -> str | None:
    """Say where a chapter and its pair differ, or None.

    Outputs are not compared here: re-execution compares them.
    """
    pair = pair_of(source)
    if not pair.exists():
        return f"{source.name} has no executed pair; run 'make execute'."
    wanted, found = read_source(source), read_pair(pair)
    if found.metadata != wanted.metadata:
        return f"{pair.name} has other notebook metadata than its source; run 'make execute'."
    if len(wanted.cells) != len(found.cells):
        return f"{pair.name} has {len(found.cells)} cells, its source {len(wanted.cells)}; run 'make execute'."
    for index, (ours, theirs) in enumerate(zip(wanted.cells, found.cells, strict=True)):
        for field in ("cell_type", "source", "metadata", "id"):
            if ours.get(field) != theirs.get(field):
                return f"{pair.name} differs from its source in the {field} of cell {index}; run 'make execute'."
        if ours.cell_type == "code" and theirs.execution_count is None:
            return f"{pair.name} has not executed cell {index}; run 'make execute'."
    return None
