"""What a figure was made from is followed through the code, and no further."""

import ast
import re

import nbformat
import pytest

from book._ext import provenance
from book._ext.dataflow import Dataflow, Source, sources_of_figures
from tools import pairs

CHAPTERS = pairs.chapters()
READ = 'record = recorded("weather").frame'
WEATHER, POWER = Source(record="weather"), Source(record="power")


def sources(*cells: str) -> set[Source]:
    """Sources of the last cell."""
    flow = Dataflow()
    return set([flow.follow(ast.parse(cell).body) for cell in cells][-1])


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ((READ, "plot(record)"), {WEATHER}),
        ((READ, "mean = record.mean()", "plot(mean)"), {WEATHER}),
        ((READ, "def curve(name):\n    return record[name]", "plot(curve('a'))"), {WEATHER}),
        ((READ, "kept = []\nfor row in record:\n    kept.append(row)", "plot(kept)"), {WEATHER}),
        ((READ, "found = {}\nfound['a'] = record", "plot(found)"), {WEATHER}),
        ((READ, "total = 0\ntotal += record.sum()", "plot(total)"), {WEATHER}),
        ((READ, "for name in record:\n    plot(name)"), {WEATHER}),
        (('record = json.loads((results_folder() / "weather.json").read_text())', "plot(record)"), {WEATHER}),
        ((READ, 'record = recorded("power").frame', "plot(record)"), {POWER}),
        ((READ, "plot(other)"), set()),
        ((READ, "record = [1, 2]", "plot(record)"), set()),
        ((READ, "plot([record for record in other])"), set()),
        ((READ, "def draw(record):\n    plot(record)", "draw(other)"), set()),
        ((READ, "for row in record:\n    kept = row", "for row in other:\n    plot(row)"), set()),
    ],
)
def test_a_record_is_followed_to_what_uses_it(cells: tuple[str, ...], found: set[Source]) -> None:
    assert sources(*cells) == found


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


def test_sources_in_words() -> None:
    assert provenance.runs_in_words([0, 1, 2, 5, 7, 8]) == "0 to 2, 5, 7 to 8"
    weather = provenance.record_in_words("weather")
    assert re.fullmatch(r"recorded study weather: \d+ runs, \d+ seeds, \d{4}-\d\d-\d\d", weather)
    assert provenance.record_in_words("counters") == "recorded measurement counters"


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
def test_every_figure_of_a_chapter_says_where_it_comes_from(source) -> None:
    chapter = nbformat.v4.reads(pairs.pair_of(source).read_text(encoding="utf-8"))
    names = {cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in chapter.cells} - {None}
    told = sources_of_figures(chapter)
    assert set(told) == names
    for name, (cell, found) in told.items():
        phrases = list(provenance.phrases(found))
        assert cell > 0, name
        assert phrases, name
        assert " · " not in "".join(phrases)  # the page parts them there


def test_the_number_of_a_figure_becomes_its_link() -> None:
    body = (
        '<figure class="align-default" id="fig-11-a"><img src="x"/><figcaption><p><span class="caption-number">'
        'Fig. 3 </span><span class="caption-text">Text.</span></p></figcaption></figure>'
        '<figure id="id2"><img src="y"/></figure>'
    )
    found = provenance._FIGURE.findall(body)
    assert [(name, number) for _, name, number, _ in found] == [("fig-11-a", "Fig. 3")]
