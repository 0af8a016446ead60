"""What the exercises state is computed a second way, by the package's instruments, by torch or by plain loops."""

import re

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, recall_score
from torch import nn

from rnncourse.baselines import HarmonicRegression, LinearAutoregression, Persistence
from rnncourse.cli import run
from rnncourse.counting import count
from rnncourse.data import Series, chronological, make_windows, seattle_weather, synthetic_power
from rnncourse.data.jumps import find_events, threshold
from rnncourse.exercises import check, draw, exercises
from rnncourse.receptive_field import stacked_field
from rnncourse.statistics import holm, sign_flip_test
from rnncourse.variants import ConvLSTM, SkipGRU


def size(*modules: nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())


def hw5(first: int, second: int, width: int) -> tuple[int, int]:
    rnns = (nn.RNN(64, first, batch_first=True), (1, 50, 64)), (nn.RNN(first, second, batch_first=True), (1, 50, first))
    heads = (nn.Linear(second, width), (1, second)), (nn.Linear(width, 10), (1, width))
    counts = [count(module, shape) for module, shape in (*rnns, *heads)]
    return sum(one.parameters for one in counts), sum(one.flops("coursework") for one in counts)


def projected(r: int) -> int:
    return count(nn.Linear(64, r), (1, 50, 64)).macs + count(nn.RNN(r, 32, batch_first=True), (1, 50, r)).macs


def longest_chain() -> int:
    below = torch.zeros(102, dtype=torch.long)
    for _ in range(3):
        forward, backward = torch.zeros_like(below), torch.zeros_like(below)
        for t in range(1, 101):
            forward[t] = 1 + max(below[t], forward[t - 1])
        for t in range(100, 0, -1):
            backward[t] = 1 + max(below[t], backward[t + 1])
        below = torch.maximum(forward, backward)
    return int(below.max())


def quiet_changes() -> int:
    load, last, events = [1, 1, 3, 3, 1, 1, 1, 1, 2.5, 2.5, 2.4, 2.5, 2.5, 0.5], -99, 0
    for minute in range(1, len(load)):
        if abs(load[minute] - load[minute - 1]) > 1:
            events, last = events + (minute - last > 3), minute
    return events


def pull(part) -> float:
    windows, targets = part.inputs[..., 0], part.targets[:, 0]
    away = (windows.mean(axis=1) - windows[:, -1])[:, None]
    return float(np.linalg.lstsq(away, targets - windows[:, -1], rcond=None)[0][0])


def events() -> list[int]:
    split = chronological(synthetic_power(days=21, seed=1), window=60)
    return [len(found.rows) for found in find_events(split, threshold(split)).values()]


WEEK = chronological(synthetic_power(days=7, seed=1), window=60)
CONFUSION = np.array([[45, 5, 0], [10, 30, 0], [5, 5, 0]])
TRUTH = np.repeat([0, 1, 2], CONFUSION.sum(axis=1))
NAMED = np.concatenate([np.repeat([0, 1, 2], row) for row in CONFUSION])
RISING = (np.diff(np.random.default_rng(0).normal(size=(10**6, 4, 3))) > 0).all(axis=-1).any(axis=-1).mean()
# The second way of each; a simulation has its tolerance.
AGAIN = {
    "gru-width": lambda: max(h for h in range(100, 200) if size(nn.GRU(32, h)) <= size(nn.LSTM(32, 128))),
    "gru-flops": lambda: count(nn.GRU(100, 128, batch_first=True, bidirectional=True), (1, 79, 100)).flops(
        "coursework"
    ),
    "power-macs": lambda: count(nn.LSTM(1, 64, 2, batch_first=True), (1, 60, 1)).macs + 64,
    "projection-pays": lambda: max(
        r for r in range(1, 64) if projected(r) < count(nn.RNN(64, 32, batch_first=True), (1, 50, 64)).macs
    ),
    "longest-chain": longest_chain,
    "layers-for-100": lambda: [
        next(n for n in range(1, 99) if stacked_field(3, [base**k for k in range(n)]) >= 100) for base in (1, 2)
    ],
    "perceptron-larger": lambda: next(t for t in range(1, 99) if size(nn.Linear(6 * t, 16)) > size(nn.RNN(6, 16))),
    "parameter-gap": lambda: size(nn.LSTM(10, 20)) - size(nn.GRU(10, 20)),
    "ramp-rise": lambda: next(n for n in range(1, 99) if np.var(np.linspace(0, n, 10**5)) >= 300 - 0.01),
    "pull-to-mean": lambda: pull(WEEK.train),
    "two-constants": lambda: [
        min(np.linspace(0, 5, 5001), key=lambda c: (np.abs(c - [1.0, 1.0, 1.0, 1.2, 1.3, 2.0, 4.0]) ** power).sum())
        for power in (2, 1)
    ],
    "cost-ratio": lambda: (
        count(nn.LSTM(1, 64, 2, batch_first=True, bidirectional=True), (1, 60, 1)).macs
        / count(nn.LSTM(1, 64, 2, batch_first=True), (1, 60, 1)).macs
    ),
    "equal-units": lambda: next(
        h for h in range(1, 99) if size(nn.LSTM(2, h)) + h == size(nn.LSTM(2, 15, bidirectional=True)) + 30
    ),
    "which-events": quiet_changes,
    "half-memory": lambda: next(n for n in range(99) if 0.5**n < 0.01),
    "count-events": events,
    "learning-parameters": lambda: size(nn.LSTM(1, 64, 2), nn.Linear(64, 1)) - 2 * 64 * (67 + 130),
    "holm": lambda: holm([0.004, 0.03, 0.02, 0.5]),
    "fewest-seeds": lambda: next(n for n in range(2, 20) if 11 * sign_flip_test(np.ones(n), np.zeros(n)) <= 0.05),
    "macro-f1": lambda: f1_score(TRUTH, NAMED, average="macro", zero_division=0),
    "steps-left": lambda: next(k for k in range(999) if 0.8**k < 0.001),
    "two-layer-width": lambda: min(range(1, 42), key=lambda h: abs(size(nn.LSTM(16, h, 2)) - size(nn.LSTM(16, 42)))),
    "map-parameters": lambda: size(ConvLSTM(1, 8, 3)),
}


@pytest.mark.parametrize("name", AGAIN)
def test_a_second_way_leads_to_the_same_answer(name: str) -> None:
    assert check(name, AGAIN[name]()).passed, AGAIN[name]()


def test_a_simulation_finds_the_chance_of_a_false_trend() -> None:
    assert abs(RISING - (1 - (5 / 6) ** 4)) < 2e-3  # four standard errors


def test_hw5_s_budget_is_what_the_instrument_counts() -> None:
    given = exercises()["half-the-work"].given
    assert hw5(32, 64, 512) == (given["needed"], pytest.approx(2 * given["limit"], abs=1))
    parameters, flops = hw5(16, 32, 1100)
    assert f"{parameters:,} parameters, {flops:,} FLOPs" in check("half-the-work", (16, 32, 1100)).message


def test_the_emotion_network_is_counted_as_torch_counts_it() -> None:
    layers = nn.Embedding(5_000, 100), nn.GRU(100, 128, bidirectional=True), nn.BatchNorm1d(256)
    total = size(*layers, nn.Linear(256, 64), nn.Linear(64, 6))
    assert f"{total:,} parameters" in check("smaller-embedding", (5_000, 100)).message


def test_the_forecasters_of_the_weather_have_these_errors() -> None:
    windows = make_windows(seattle_weather().select("temp_max"), window=10)
    parts = {"": windows[1000:], "_validation": windows[800:1000]}
    models = {
        "ar": LinearAutoregression(10),
        "persistence": Persistence(),
        "seasonal": HarmonicRegression(365.25, lags=10),
    }
    mse = {
        name + part: np.mean((model.fit(windows[:800]).predict(of) - of.targets) ** 2)
        for name, model in models.items()
        for part, of in parts.items()
    }
    skill, beat = exercises()["ar-skill"].given, exercises()["beat-ar"].given
    assert skill == pytest.approx({name: mse[name] for name in skill}, abs=5e-5)
    assert beat == pytest.approx({name: mse[f"{name}_validation"] for name in beat}, abs=1e-6)


def test_the_other_pulls_are_those_of_the_test_and_of_the_level() -> None:
    given = exercises()["pull-to-mean"].given
    windows, targets = WEEK.train.inputs[..., 0], WEEK.train.targets[:, 0]
    away = windows.mean(axis=1) - windows[:, -1]
    assert given["on_test"] == pytest.approx(pull(WEEK.test), abs=1e-4)
    assert given["on_target"] == pytest.approx(away @ targets / (away @ away), abs=1e-4)


def test_a_skip_gru_updates_at_every_fifth_step() -> None:
    skip = SkipGRU(1, 2, batch_first=True).double()
    for rise, period in ((0.11, 5), (0.13, 4), (0.09, 6)):
        with torch.no_grad():
            skip.update_weight.zero_()
            skip.update_bias.fill_(float(torch.logit(torch.tensor(rise, dtype=torch.float64))))
        updates = skip.run(torch.zeros(1, 30, 1, dtype=torch.float64)).updates[0]
        assert updates.nonzero().flatten().tolist() == list(range(0, 30, period))
        assert check("fifth-step", rise).passed == (period == 5)


# --- sheets with fresh numbers: the answer is found from the printed question -----------------------------------------

SEEDS = range(20)
DRAWABLE = [name for name, exercise in exercises().items() if exercise.sheet]


def numbers(text: str) -> list[float]:
    return [float(word.replace(",", "")) for word in re.findall(r"(?<![\w^{-])-?\d[\d,]*(?:\.\d+)?", text)]


def matrices(text: str) -> list[np.ndarray]:
    found = re.findall(r"\\begin\{bmatrix\} (.*?) \\end\{bmatrix\}", text)
    return [np.array([[float(cell) for cell in row.split("&")] for row in body.split(r"\\")]) for body in found]


def states(text: str) -> dict[str, torch.Tensor]:
    found = re.findall(r"(x|[hc]_\{prev\}) = (-?[\d.]+)", text)
    return {name[0]: torch.tensor([[float(value)]], dtype=torch.float64) for name, value in found}


def loaded(cell: nn.Module, W_ih: np.ndarray, W_hh: np.ndarray, b_ih: np.ndarray, b_hh: np.ndarray) -> nn.Module:
    values = {"weight_ih": W_ih, "weight_hh": W_hh, "bias_ih": b_ih[:, 0], "bias_hh": b_hh[:, 0]}
    cell.double().load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    return cell


def next_state(question: str) -> list[float]:
    W_xh, W_hh, b, x, h = matrices(question)
    return np.tanh(W_xh @ x + W_hh @ h + b)[:, 0].tolist()


def field(question: str) -> float:
    _, kernel, *dilations = map(int, numbers(question))
    net = nn.Sequential(*(nn.Conv1d(1, 1, kernel, dilation=d, bias=False) for d in dilations)).double()
    for layer in net:
        nn.init.constant_(layer.weight, 1 / kernel)
    x = torch.ones(1, 1, 6 + (kernel - 1) * sum(dilations), dtype=torch.float64, requires_grad=True)
    net(x)[0, 0, -1].backward()
    return x.shape[-1] - int((x.grad[0, 0] != 0).nonzero()[0])


def vanishing(question: str) -> int:
    factor, exponent = numbers(question)[0], int(re.search(r"10\^\{-(\d+)\}", question)[1])
    return next(k for k in range(9999) if factor**k <= 10.0**-exponent)


def forget_bias(question: str) -> float:
    percent, steps = numbers(question)[:2]
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-middle))) ** steps < percent / 100 else (low, middle)
    return low


def lstm(question: str) -> list[float]:
    W_ih, W_hh, b = matrices(question)
    given = states(question)
    h, c = loaded(nn.LSTMCell(1, 1), W_ih, W_hh, b, 0 * b)(given["x"], (given["h"], given["c"]))
    return [c.item(), h.item()]


def gru(question: str) -> float:
    given = states(question)
    return loaded(nn.GRUCell(1, 1), *matrices(question))(given["x"], given["h"]).item()


def drawn_series(values: np.ndarray) -> Series:
    begin, day = np.datetime64("2001-01-01"), np.timedelta64(1, "D")
    return Series("drawn", values[:, None].astype(float), ("value",), ("1",), begin, day)


def persistence(question: str) -> float:
    windows = make_windows(drawn_series(np.array(numbers(question)[:6])), window=1, horizon=1)
    return float(np.mean((Persistence().fit(windows).predict(windows) - windows.targets) ** 2))


def windows(question: str) -> int:
    rows, length, horizon = map(int, numbers(question)[:3])
    return len(make_windows(drawn_series(np.arange(rows)), window=length, horizon=horizon))


def sign_flips(question: str) -> list[float]:
    seeds, comparisons = (int(re.search(pattern, question)[1]) for pattern in (r"over (\d+)", r"smallest of (\d+)"))
    least = sign_flip_test(np.arange(1.0, seeds + 1), np.zeros(seeds))
    return [least, min(1.0, least * comparisons)]


def recall(question: str) -> list[float]:
    rows = [list(map(int, re.findall(r"\d+", line))) for line in question.split("\n")[-3:]]
    truth, named = (
        np.repeat([0, 1, 2], [sum(row) for row in rows]),
        np.concatenate([np.repeat(range(3), r) for r in rows]),
    )
    return [accuracy_score(truth, named), recall_score(truth, named, average="macro")]


FROM_THE_QUESTION = {
    "next-state": next_state,
    "lstm-parameters": lambda text: size(nn.LSTM(*map(int, numbers(text)[:2]))),
    "gru-both-ways": lambda text: size(nn.GRU(*map(int, numbers(text)[1::-1]), num_layers=2, bidirectional=True)),
    "rnn-flops": lambda text: (lambda H, T, D: count(nn.RNN(D, H, batch_first=True), (1, T, D)).flops("coursework"))(
        *map(int, numbers(text)[:3])
    ),
    "receptive-field": field,
    "vanishing": vanishing,
    "forget-bias": forget_bias,
    "lstm-step": lstm,
    "gru-step": gru,
    "windows": windows,
    "persistence": persistence,
    "skill": lambda text: 1 - np.sqrt(numbers(text)[1]) / np.sqrt(numbers(text)[0]),
    "sign-flips": sign_flips,
    "recall": recall,
}


@pytest.mark.parametrize("name", DRAWABLE)
def test_a_drawn_answer_follows_from_the_printed_question(name: str) -> None:
    for seed in SEEDS:
        sheet = draw(name, seed=seed)
        assert np.ravel(sheet.answer) == pytest.approx(np.ravel(FROM_THE_QUESTION[name](sheet.question)), rel=1e-9)
        shown = numbers(sheet.shown)
        percent = 100 if "%" in sheet.shown and name != "forget-bias" else 1
        places = [len(word) for word in re.findall(r"\.(\d+)", sheet.shown)] or [0] * len(shown)
        for value, text, decimals in zip(percent * np.ravel(sheet.answer), shown, places, strict=True):
            assert abs(value - text) <= 0.5000001 * 10.0**-decimals


@pytest.mark.parametrize("name", DRAWABLE)
def test_a_sheet_is_whole_keeps_its_answer_to_itself_and_is_the_same_again(name: str) -> None:
    sheet = draw(name, seed=3)
    full, question = sheet.text(), sheet.text(answer=False)
    assert full == draw(name, seed=3).text()
    assert sheet.question in question
    assert sheet.working not in question
    assert f"## Answer\n\n{sheet.working}\n\n**{sheet.shown}**" in full
    assert full.count("$$") % 2 == 0
    assert not re.search(r"nan|inf\b|-0\.0+\b", full)
    assert len({draw(name, seed=seed).question for seed in SEEDS}) > len(SEEDS) * 3 / 4


def test_the_command_lists_prints_and_writes_sheets(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exercise"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == DRAWABLE
    assert run(["exercise", "lstm-step", "--seed", "7"]) == 0
    assert capsys.readouterr().out == draw("lstm-step", seed=7).text()
    target, link = tmp_path / "sheet.md", tmp_path / "link.md"
    target.write_text("")
    target.chmod(0o600)
    link.symlink_to(target)
    assert run(["exercise", "recall", "--seed", "2", "--question-only", "--output", str(link)]) == 0
    assert target.read_text(encoding="utf-8") == draw("recall", seed=2).text(answer=False)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["nothing"], 2, "nothing"),
        (["hold-100"], 2, "hold-100"),
        (["recall", "--seed", "-1"], 2, "--seed"),
        (["recall", "--seed", "x"], 2, "--seed"),
        (["recall", "--output", "/dev/full"], 2, "--output"),
        (["recall", "--output", "no-such-folder/sheet.md"], 1, "sheet.md"),
    ],
)
def test_a_command_that_fails_says_so_in_a_sentence(arguments, code, word, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exercise", *arguments]) == code
    said = capsys.readouterr().err
    assert said.startswith("rnncourse: ")
    assert word in said
    assert said.count("\n") == 1


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed is -1"):
        draw("vanishing", seed=-1)
