"""What a figure was made from is followed through the code, and no further."""

import ast
import re

import nbformat
import pytest

from book._ext import provenance
from book._ext.provenance import Source, Trail, figures, record_in_words, runs_in_words
from tools import pairs

CHAPTERS = pairs.chapters()


def sources(*cells: str) -> set[Source]:
    """Sources of the last cell."""
    trail = Trail()
    for cell in cells[:-1]:
        trail.follow(ast.parse(cell).body)
    return set(trail.follow(ast.parse(cells[-1]).body))


WEATHER, POWER = Source(record="weather"), Source(record="power")
READ = 'record = recorded("weather").frame'


@pytest.mark.parametrize(
    "cells",
    [
        (READ, "plot(record)"),
        (READ, "mean = record.mean()", "plot(mean)"),
        (READ, "def curve(name):\n    return record[name]", "plot(curve('a'))"),
        (READ, "kept = []\nfor row in record:\n    kept.append(row)", "plot(kept)"),
        (READ, "found = {}\nfound['a'] = record", "plot(found)"),
        (READ, "total = 0\ntotal += record.sum()", "plot(total)"),
        (READ, "for name in record:\n    plot(name)"),
        ('record = json.loads((results_folder() / "weather.json").read_text())', "plot(record)"),
    ],
)
def test_a_record_is_found_however_it_comes_to_the_figure(cells: tuple[str, ...]) -> None:
    assert sources(*cells) == {WEATHER}


@pytest.mark.parametrize(
    "cells",
    [
        (READ, "plot(other)"),
        (READ, "record = [1, 2]", "plot(record)"),
        (READ, "plot([record for record in other])"),
        (READ, "def draw(record):\n    plot(record)", "draw(other)"),
        (READ, "for row in record:\n    kept = row", "for row in other:\n    plot(row)"),
    ],
)
def test_a_record_that_the_figure_does_not_use_is_not_named(cells: tuple[str, ...]) -> None:
    assert sources(*cells) == set()


def test_two_records_under_one_name_are_told_apart() -> None:
    assert sources(READ, 'record = recorded("power").frame', "plot(record)") == {POWER}


@pytest.mark.parametrize(
    ("code", "seeds"),
    [
        ("torch.manual_seed(7)", (7,)),
        ("x = draw(seed=3)", (3,)),
        ("runs = [train(seed) for seed in range(4)]", (0, 1, 2, 3)),
        ("SIZE, SEEDS = 8, range(2)", (0, 1)),
        ("SEEDS = (1, 5)", (1, 5)),
        ("for seed in range(2):\n    train(seed)", (0, 1)),
        ("for t in range(2):\n    step(t)", ()),
        ("def train(seed):\n    torch.manual_seed(seed)", ()),
    ],
)
def test_seeds(code: str, seeds: tuple[int, ...]) -> None:
    assert {seed for source in sources(code) for seed in source.seeds} == set(seeds)


def test_seeds_in_words() -> None:
    assert runs_in_words([0, 1, 2, 5, 7, 8]) == "0 to 2, 5, 7 to 8"


def test_a_record_in_words() -> None:
    assert re.fullmatch(r"recorded study weather: \d+ runs, \d+ seeds, \d{4}-\d\d-\d\d", record_in_words("weather"))
    assert record_in_words("counters") == "recorded measurement counters"


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
def test_every_figure_of_a_chapter_says_where_it_comes_from(source) -> None:
    chapter = nbformat.v4.reads(pairs.pair_of(source).read_text(encoding="utf-8"))
    names = {cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in chapter.cells} - {None}
    told = figures(chapter)
    assert set(told) == names
    for name, phrases in told.items():
        assert re.fullmatch(r"drawn by cell \d+", phrases[0]), name
        assert len(phrases) >= 2, name
        for phrase in phrases:
            assert " · " not in phrase  # the page parts them there


def test_the_number_of_a_figure_becomes_its_link() -> None:
    body = (
        '<figure class="align-default" id="fig-01-a"><img src="x"/><figcaption><p><span class="caption-number">'
        'Fig. 3 </span><span class="caption-text">Text.</span></p></figcaption></figure>'
        '<figure id="id2"><img src="y"/></figure>'
    )
    found = provenance._FIGURE.findall(body)
    assert [(name, number) for _, name, number, _ in found] == [("fig-01-a", "Fig. 3")]
