"""The checks bite: each is shown a broken book and must object."""

import math
import subprocess
import sys
from collections import ChainMap, Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace as altered
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from nbclient.exceptions import CellExecutionError

from rnncourse._ledger_files import read_lock
from rnncourse.ledger import SEED_SIGMAS, Entry, Measured, load, shown
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


# ---- Generated mutations of the whole book


@pytest.fixture(scope="module")
def bound() -> Binding:
    """The book, with cells that show what the ledger says: whether they do is another test's question."""
    found = _binding.read()
    return altered(found, shown={id: {shown(entry)["text/html"]} for id, entry in found.entries.items()})


def with_entry(bound: Binding, entry: Entry, **fields: Any) -> Binding:
    return altered(bound, entries=ChainMap({entry.id: altered(entry, **fields)}, bound.entries))


def nearest(value: float) -> float:
    return value + 1 if isinstance(value, int) else math.nextafter(value, math.inf)


def siblings(entries: Mapping[str, Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Pairs of entries whose ids differ in one word, and whose values differ by more than rounding."""
    groups: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in entries.values():
        words = entry.id.split(".")
        for place in range(len(words)):
            groups[(*words[:place], "", *words[place + 1 :])].append(entry)
    for group in groups.values():
        yield from ((a, b) for a, b in combinations(group, 2) if a.measured != pytest.approx(b.measured, rel=1e-12))


def of_entries(bound: Binding) -> Iterator[tuple[str, str, Binding]]:
    for id, entry in bound.entries.items():
        yield "value", id, with_entry(bound, entry, value=nearest(entry.value))
        yield "what", id, with_entry(bound, entry, what=f"{entry.what}.")
        yield "unit", id, with_entry(bound, entry, unit=f"{entry.unit}s")
        yield "id", id, altered(bound, entries={key: one for key, one in bound.entries.items() if key != id})
        idle = altered(entry, id=f"{id}-x")
        yield "idle", idle.id, altered(bound, entries=ChainMap({idle.id: idle}, bound.entries))
        if entry.n:
            yield "spread", id, with_entry(bound, entry, spread=nearest(entry.spread))
            yield "n", id, with_entry(bound, entry, n=entry.n + 1)
        field = "digits" if entry.decimals is None else "decimals"
        if isinstance(entry.value, float):
            changed = [altered(entry, **{field: getattr(entry, field) + more}) for more in (1, 2)]
            yield from (("digits", id, with_entry(bound, one)) for one in changed if one.text != entry.text)
        if entry.reported is not None:
            yield "reported", id, with_entry(bound, entry, reported=f"{entry.reported}0")
            yield "reported", id, with_entry(bound, entry, reported=None)
    for a, b in siblings(bound.entries):
        swapped = with_entry(bound, a, **b.measured._asdict())
        yield "swap", a.id, with_entry(swapped, b, **a.measured._asdict())


def of_links(bound: Binding) -> Iterator[tuple[str, str, Binding]]:
    ids = list(bound.entries)
    for place, (target, links) in enumerate(bound.links.items()):
        for at, link in enumerate(links):
            kept = [*links[:at], *links[at + 1 :]]
            wrong = altered(link, text=f"{link.text}0")
            yield (
                "link text",
                target.removeprefix("reported."),
                altered(bound, links=ChainMap({target: [*kept, wrong]}, bound.links)),
            )
            other = next(id for id in ids[place % len(ids) :] + ids if bound.entries[id].text != link.text)
            moved = {target: kept, other: [*bound.links.get(other, ()), altered(link, target=other)]}
            yield "link id", other, altered(bound, links=ChainMap(moved, bound.links))


def test_every_mutation_of_the_book_is_caught(bound: Binding, record_property: Any) -> None:
    assert [fault for id in bound.ids() for fault in bound.faults(id)] == []
    seen: Counter[str] = Counter()
    for mutants in (of_entries, of_links):
        for kind, id, mutant in mutants(bound):
            assert next(mutant.faults(id), None), f"{kind} of {id}"
            seen[kind] += 1
    record_property("mutations", f"{seen.total()} of entries and links: {dict(seen)}")


def test_every_forgery_of_lock_and_cells_is_caught_when_a_record_is_read_again(
    bound: Binding, record_property: Any
) -> None:
    """Lock and notebook changed alike: the record, or the run, disagrees."""
    seen: Counter[str] = Counter()
    for entry in bound.entries.values():
        got, live = entry.measured, entry.n and not entry.recorded
        forged = {"value": entry.value + (2 * entry.bound or 1), "n": entry.n + 1}
        if entry.n:
            factor = math.exp(SEED_SIGMAS / math.sqrt(entry.n - 1)) if live else 1
            forged["spread"] = 1.01 * got.spread * factor + 1e-6
        for kind, value in forged.items():
            assert not altered(entry, **{kind: value}).allows(got), f"{kind} of {entry.id}"
            seen[kind] += 1
    alike: Counter[str] = Counter()
    for a, b in siblings(bound.entries):
        confused = a.allows(b.measured) and b.allows(a.measured)
        assert not (confused and (a.recorded or b.recorded)), f"{a.id} and {b.id}"
        alike["confused" if confused else "told apart"] += 1
    record_property(
        "mutations", f"{seen.total()} forgeries: {dict(seen)}; siblings exchanged in a chapter: {dict(alike)}"
    )
