"""What a figure was made from is followed through the code, and no further."""

import ast

import pytest

from book._ext.dataflow import Dataflow, Source

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
