"""The checks bite: each is shown a broken book and must object."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from rnncourse.ledger import load
from tools import execute, pairs, prose

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
CHAPTER = (
    HEADER
    + """# A chapter

The network has [47,818](#net.parameters) parameters.

```{code-cell}
from rnncourse.ledger import number

_ = number("net.parameters", 47_000 + 818)
print("done")
```
"""
)
LEDGER = '[net]\nparameters = { what = "parameters", unit = "parameters" }\n'


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "chapters").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "chapters" / "01-small.md").write_text(CHAPTER, encoding="utf-8")
    (tmp_path / "numbers.toml").write_text(LEDGER, encoding="utf-8")
    (tmp_path / "numbers.lock.json").write_text('{"net.parameters": 47818}', encoding="utf-8")
    (tmp_path / "given.toml").write_text("everywhere = []\n[pages]\n", encoding="utf-8")
    monkeypatch.setattr(pairs, "BOOK", tmp_path)
    monkeypatch.setattr(pairs, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.setattr(pairs, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(prose, "GIVEN", tmp_path / "given.toml")
    monkeypatch.setenv("RNNCOURSE_LEDGER", str(tmp_path / "numbers.toml"))
    return tmp_path


def chapter(book: Path) -> Path:
    return book / "chapters" / "01-small.md"


def pair(book: Path) -> Path:
    return book / "notebooks" / "01-small.ipynb"


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def nbval(path: Path) -> subprocess.CompletedProcess[str]:
    options = ["-p", "no:cacheprovider", "--rootdir", str(path.parent), "-c", "/dev/null"]
    command = [sys.executable, "-m", "pytest", "--nbval", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_sound_book_passes_and_runs_again_to_the_same_bytes(book: Path) -> None:
    assert execute.run(chapter(book)) is None
    first = pair(book).read_bytes()
    assert execute.run(chapter(book)) is None
    assert pair(book).read_bytes() == first
    assert pairs.drift(chapter(book)) is None
    finished = nbval(pair(book))
    assert finished.returncode == 0, finished.stdout


def test_a_wrong_number_stops_execution_and_leaves_the_pair_alone(book: Path) -> None:
    execute.run(chapter(book))
    before = pair(book).read_bytes()
    replace(chapter(book), "818)", "819)")
    message = execute.run(chapter(book))
    assert message is not None
    assert "net.parameters: expected 47818 (exact), got 47819" in message
    assert pair(book).read_bytes() == before


def test_a_change_of_words_is_carried_over_and_a_change_of_code_is_not(book: Path) -> None:
    assert pairs.reword(chapter(book)) is None
    execute.run(chapter(book))
    replace(pair(book), '"done\\n"', '"kept\\n"')
    replace(chapter(book), "A chapter", "A *reworded* paragraph.\n\nThe chapter")
    reworded = pairs.reword(chapter(book))
    assert reworded is not None
    pairs.write_pair(reworded, pair(book))
    assert pairs.drift(chapter(book)) is None
    assert '"kept\\n"' in pair(book).read_text(encoding="utf-8")
    replace(chapter(book), "818)", "818 )")
    assert pairs.reword(chapter(book)) is None


def test_a_changed_ledger_fails_nbval_with_id_expected_and_got(book: Path) -> None:
    execute.run(chapter(book))
    replace(book / "numbers.lock.json", "47818", "47819")
    finished = nbval(pair(book))
    assert finished.returncode == 1
    assert "net.parameters: expected 47819 (exact), got 47818" in finished.stdout


def test_a_changed_output_fails_nbval(book: Path) -> None:
    execute.run(chapter(book))
    replace(pair(book), '"done\\n"', '"dome\\n"')
    finished = nbval(pair(book))
    assert finished.returncode == 1
    assert "dome" in finished.stdout


def test_a_changed_source_is_drift(book: Path) -> None:
    execute.run(chapter(book))
    replace(chapter(book), "A chapter", "The chapter")
    assert "source of cell 0" in str(pairs.drift(chapter(book)))


def test_a_changed_notebook_is_drift(book: Path) -> None:
    execute.run(chapter(book))
    notebook = pairs.read_pair(pair(book))
    notebook.cells[-1].source += "\nprint('more')"
    nbformat.write(notebook, pair(book))
    assert "source of cell 1" in str(pairs.drift(chapter(book)))


def test_a_missing_pair_and_an_unmarked_source_are_named(book: Path) -> None:
    assert "no executed pair" in str(pairs.drift(chapter(book)))
    chapter(book).write_text("# Plain Markdown\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not a MyST notebook"):
        pairs.read_source(chapter(book))


def test_a_changed_digit_in_a_link_is_seen_and_refreshed(book: Path) -> None:
    replace(chapter(book), "[47,818]", "[47,819]")
    ledger = load(book / "numbers.toml")
    (link,) = prose.links(chapter(book), ledger)
    assert link.text != ledger.text(link.target)
    assert prose.refresh(chapter(book), ledger) == 1
    (link,) = prose.links(chapter(book), ledger)
    assert link.text == ledger.text(link.target)


def test_a_link_to_an_unknown_id_is_seen(book: Path) -> None:
    replace(chapter(book), "#net.parameters", "#net.size")
    ledger = load(book / "numbers.toml")
    assert [link.target for link in prose.links(chapter(book), ledger) if not ledger.resolves(link.target)] == [
        "net.size"
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "It reaches 94.1 % of the test set.",
        "The error falls to 0.0458.",
        "That is 47,818 parameters.",
        "It scores $0.0458$ there.",
        "The table says `1007498`.",
        "| model | error |\n|---|---|\n| LSTM | 0.0458 |",
        ":::{admonition} Does not hold: 12 % of it\n:class: note\nIt was 3.\n:::",
    ],
)
def test_a_loose_result_is_seen(book: Path, sentence: str) -> None:
    replace(chapter(book), "The network has", f"{sentence}\n\nThe network has")
    loose, _ = prose.loose_numbers(chapter(book), load(book / "numbers.toml"), [])
    assert loose


@pytest.mark.parametrize(
    "sentence",
    [
        "See [the table](#net.parameters-table) and {cite}`hochreiter1997long`.",
        "The gate is $i_t = \\sigma(W_{ii} x_t + b_{ii})$ with $h_0 = 0$.",
        "Call `seq_len=50` on `nn.LSTM(1, 64)`.",
        "A GRU has three gates.",
        "1. First this.\n2. Then that.",
        "```python\nx = 94.1\n```",
    ],
)
def test_what_is_no_result_is_left_alone(book: Path, sentence: str) -> None:
    replace(chapter(book), "The network has", f"{sentence}\n\nThe network has")
    assert prose.loose_numbers(chapter(book), load(book / "numbers.toml"), []) == ([], set())


def test_given_inputs_are_allowed_and_unused_ones_show(book: Path) -> None:
    replace(chapter(book), "The network has", "It reads 50 time steps. The network has")
    assert prose.loose_numbers(chapter(book), load(book / "numbers.toml"), [r"50 time steps", r"60 minutes"]) == (
        [],
        {r"50 time steps"},
    )
