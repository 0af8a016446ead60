"""The checks bite: each is shown a broken book and must object."""

import math
import subprocess
import sys
from collections import ChainMap, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace as altered
from itertools import combinations
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError

from rnncourse._ledger_files import read_lock
from rnncourse.ledger import Entry, Measured, load, shown
from tests.book import _binding
from tests.book._binding import Binding
from tools import accept, execute, pairs, prose

CHAPTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A chapter

The network has [47,818](#net.parameters) parameters.

```{code-cell}
from rnncourse.ledger import number

number("net.parameters", 47_000 + 818)
number("net.error", [1.0, 2.0, 3.0])
```

```{code-cell}
print("done")
```
"""
NUMBERS = """[net]
parameters = { what = "parameters", unit = "parameters" }
error = { what = "error", decimals = 1, recorded = "results/net.json" }
"""
LOCK = '{"net.parameters": 47818, "net.error": {"value": 2.0, "spread": 1.0, "n": 3}}'


def laid_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book of one chapter, and the tools at work on it."""
    for name, content in {
        "chapters/01-small.md": CHAPTER,
        "numbers.toml": NUMBERS,
        "numbers.lock.json": LOCK,
        "given.toml": "everywhere = []\n[pages]\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    monkeypatch.setattr(pairs, "BOOK", folder)
    monkeypatch.setattr(pairs, "CHAPTERS", folder / "chapters")
    monkeypatch.setattr(pairs, "NOTEBOOKS", folder / "notebooks")
    monkeypatch.setattr(prose, "GIVEN", folder / "given.toml")
    monkeypatch.setenv("RNNCOURSE_LEDGER", str(folder / "numbers.toml"))
    return folder


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The chapter's pair, made once."""
    with pytest.MonkeyPatch.context() as patch:
        book = laid_out(tmp_path_factory.mktemp("executed"), patch)
        (book / "notebooks").mkdir()
        assert execute.run(chapter(book)) is None
        return pair(book).read_bytes()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book whose chapter has not run."""
    return laid_out(tmp_path, monkeypatch)


@pytest.fixture
def book(bare: Path, executed: bytes) -> Path:
    """A book whose chapter has run."""
    (bare / "notebooks").mkdir()
    pair(bare).write_bytes(executed)
    return bare


def chapter(book: Path) -> Path:
    return book / "chapters" / "01-small.md"


def pair(book: Path) -> Path:
    return book / "notebooks" / "01-small.ipynb"


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_sound_book_runs_again_to_the_same_bytes_and_a_wrong_number_stops_it(book: Path, executed: bytes) -> None:
    assert execute.run(chapter(book)) is None
    assert pair(book).read_bytes() == executed
    assert pairs.drift(chapter(book)) is None
    replace(chapter(book), "818)", "819)")
    assert "net.parameters: expected 47818 (exact), got 47819" in str(execute.run(chapter(book)))
    assert pair(book).read_bytes() == executed


def test_a_changed_lock_and_a_changed_output_fail_nbval(book: Path) -> None:
    replace(book / "numbers.lock.json", '"spread": 1.0', '"spread": 1.0000000001')
    replace(pair(book), '"done\\n"', '"dome\\n"')
    options = ["-p", "no:cacheprovider", "--rootdir", str(book), "-c", "/dev/null"]
    command = [sys.executable, "-m", "pytest", "--nbval", str(pair(book)), *options]
    finished = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert finished.returncode == 1
    assert "net.error: expected 2.0 ± 1.0000000001 over 3 runs (exact, 3 seeds), got 2.0 ± 1.0" in finished.stdout
    assert "dome" in finished.stdout


def test_a_change_of_words_is_carried_over_and_a_change_of_code_is_not(book: Path) -> None:
    replace(pair(book), '"done\\n"', '"kept\\n"')
    replace(chapter(book), "A chapter", "A *reworded* paragraph.\n\nThe chapter")
    assert "source of cell 0" in str(pairs.drift(chapter(book)))
    reworded = pairs.reword(chapter(book))
    assert reworded is not None
    pairs.write_pair(reworded, pair(book))
    assert pairs.drift(chapter(book)) is None
    assert '"kept\\n"' in pair(book).read_text(encoding="utf-8")
    replace(pair(book), "print(", "print(1, ")
    assert "source of cell 2" in str(pairs.drift(chapter(book)))
    replace(chapter(book), "818)", "818 )")
    assert pairs.reword(chapter(book)) is None


def test_a_missing_pair_an_unmarked_source_and_a_changed_digit_are_seen(bare: Path) -> None:
    assert pairs.reword(chapter(bare)) is None
    assert "no executed pair" in str(pairs.drift(chapter(bare)))
    replace(chapter(bare), "[47,818]", "[47,819]")
    ledger = load(bare / "numbers.toml")
    assert prose.refresh(chapter(bare), ledger) == 1
    assert [link.text for link in prose.links(chapter(bare), ledger)] == ["47,818"]
    chapter(bare).write_text("# Plain Markdown\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not a MyST notebook"):
        pairs.read_source(chapter(bare))


LOOSE = (
    "It reaches 94.1 % of the test set.",
    "The error falls to 0.0458.",
    "That is 47,818 parameters.",
    "It scores $0.0458$ there.",
    "The table says `1007498`.",
    "| model | error |\n|---|---|\n| LSTM | 0.0458 |",
    ":::{admonition} Does not hold: 12 % of it\n:class: note\nIt was 3.\n:::",
)
NO_RESULT = (
    "See [the table](#net.parameters-table) and {cite}`hochreiter1997long`.",
    "The gate is $i_t = \\sigma(W_{ii} x_t + b_{ii})$ with $h_0 = 0$.",
    "Call `seq_len=50` on `nn.LSTM(1, 64)`.",
    "A GRU has three gates.",
    "1. First this.\n2. Then that.",
    "```python\nx = 94.1\n```",
)


def test_a_loose_result_is_seen_a_given_input_is_allowed_and_one_that_is_not_used_shows(bare: Path) -> None:
    ledger, whole = load(bare / "numbers.toml"), chapter(bare).read_text(encoding="utf-8")
    for sentence in (*LOOSE, *NO_RESULT):
        chapter(bare).write_text(whole.replace("The network has", f"{sentence}\n\nThe network has"), encoding="utf-8")
        loose, used = prose.loose_numbers(chapter(bare), ledger, [])
        assert (bool(loose), used) == (sentence in LOOSE, set()), sentence
    chapter(bare).write_text(whole.replace("The network has", "It reads 50 time steps. It has"), encoding="utf-8")
    assert prose.loose_numbers(chapter(bare), ledger, ["50 time steps", "60 minutes"]) == ([], {"50 time steps"})


# ---- Accepting


def test_accepting_takes_over_what_changed_and_keeps_what_the_tolerance_allows(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(book / "numbers.toml", ', recorded = "results/net.json"', "")
    replace(book / "numbers.toml", "parameters = {", 'depth = "layers"\nsize = {')
    replace(chapter(book), 'number("net.parameters", 47_000 + 818)', 'number("net.depth", 3)\nnumber("net.size", 4)')
    replace(chapter(book), "[1.0, 2.0, 3.0]", "[1.0, 2.0, 3.1]")
    replace(book / "numbers.lock.json", '"net.parameters"', '"net.size": 5, "net.parameters"')
    accept.accept(chapter(book), book / "numbers.toml")
    assert capsys.readouterr().out.splitlines() == [
        "net.parameters: dropped, was 47818",
        "net.depth: new, 3",
        "net.size: 5 → 4",
    ]
    assert list(read_lock(book / "numbers.lock.json").items()) == [
        ("net.depth", Measured(3)),
        ("net.size", Measured(4)),
        ("net.error", Measured(2.0, 1.0, 3)),
    ]
    assert execute.run(chapter(book)) is None


def test_accepting_leaves_all_as_it_was_when_a_cell_fails(book: Path) -> None:
    before = {path: path.read_bytes() for path in (pair(book), book / "numbers.lock.json")}
    replace(chapter(book), "818)", "819)")
    replace(chapter(book), 'print("done")', "1 / 0")
    with pytest.raises(CellExecutionError):
        accept.accept(chapter(book), book / "numbers.toml")
    assert before == {path: path.read_bytes() for path in before}


# ---- Mutations of the book


@pytest.fixture(scope="module")
def bound() -> Binding:
    """The book, with cells that show what the ledger says: whether they do is another test's question."""
    found = _binding.read()
    return altered(found, shown={id: {shown(entry)["text/html"]} for id, entry in found.entries.items()})


def siblings(entries: Mapping[str, Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Pairs of entries whose ids differ in one word, and whose values differ by more than rounding."""
    groups: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in entries.values():
        words = entry.id.split(".")
        for place in range(len(words)):
            groups[(*words[:place], "", *words[place + 1 :])].append(entry)
    for group in groups.values():
        yield from ((a, b) for a, b in combinations(group, 2) if a.measured != pytest.approx(b.measured, rel=1e-12))


def test_whatever_is_changed_of_an_entry_or_a_link_is_caught(bound: Binding) -> None:
    assert [fault for id in bound.ids() for fault in bound.faults(id)] == []
    entry = next(one for one in bound.entries.values() if one.n and one.reported and one.id in bound.links)
    for name in ("value", "what", "unit", "spread", "n", "reported"):
        was = getattr(entry, name)
        now = math.nextafter(was, math.inf) if isinstance(was, float) else was + (1 if isinstance(was, int) else "0")
        changed = altered(bound, entries={**bound.entries, entry.id: altered(entry, **{name: now})})
        assert list(changed.faults(entry.id)), name
    without = {id: one for id, one in bound.entries.items() if id != entry.id}
    for entries in (without, {**without, entry.id: altered(entry, reported=None)}):
        assert list(altered(bound, entries=entries).faults(entry.id))
    assert list(altered(bound, entries=ChainMap({"a.b": altered(entry, id="a.b")}, bound.entries)).faults("a.b")), (
        "idle"
    )
    wrong = altered(bound.links[entry.id][0], text=f"{entry.text}0")
    assert list(altered(bound, links={entry.id: [wrong]}).faults(entry.id))


def test_entries_that_are_exchanged_in_lock_and_cells_are_told_apart(bound: Binding) -> None:
    """By what cells show always; where a record is read again, by its values too."""
    for a, b in siblings(bound.entries):
        assert shown(altered(a, **b.measured._asdict())) != shown(a), f"{a.id} and {b.id}"
        confused = a.allows(b.measured) and b.allows(a.measured)
        assert not (confused and (a.recorded or b.recorded)), f"{a.id} and {b.id}"
