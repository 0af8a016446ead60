"""Drawn exercises are right for every seed, say so by a second way of computing, and come as whole sheets."""

import re

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, recall_score
from torch import nn

from rnncourse.__main__ import run
from rnncourse.baselines import Persistence
from rnncourse.counting import count
from rnncourse.data import Series, make_windows
from rnncourse.exercises.drawn import TEMPLATES, draw, sheet
from rnncourse.statistics import sign_flip_test
from tools import pairs

SEEDS = range(40)


def numbers(text: str) -> list[float]:
    return [float(word.replace(",", "")) for word in re.findall(r"(?<![\w^{-])-?\d[\d,]*(?:\.\d+)?", text)]


def matrices(text: str) -> list[np.ndarray]:
    found = re.findall(r"\\begin\{bmatrix\} (.*?) \\end\{bmatrix\}", text)
    return [np.array([[float(cell) for cell in row.split("&")] for row in body.split(r"\\")]) for body in found]


def given(text: str, symbol: str) -> torch.Tensor:
    return torch.tensor([[float(re.search(rf"{symbol} = (-?[\d.]+)", text)[1])]], dtype=torch.float64)


def loaded(cell: nn.Module, **values: np.ndarray) -> nn.Module:
    cell = cell.double()
    cell.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    return cell


def again_next_state(question: str) -> list[float]:
    W_xh, W_hh, b, x, h = matrices(question)
    return np.tanh(W_xh @ x + W_hh @ h + b)[:, 0].tolist()


def again_lstm_parameters(question: str) -> list[float]:
    D, H = map(int, numbers(question)[:2])
    return [count(nn.LSTM(D, H, batch_first=True), (1, 2, D)).parameters]


def again_gru_both_ways(question: str) -> list[float]:
    H, D = map(int, numbers(question)[:2])
    return [sum(p.numel() for p in nn.GRU(D, H, num_layers=2, bidirectional=True).parameters())]


def again_rnn_flops(question: str) -> list[float]:
    H, T, D = map(int, numbers(question)[:3])
    return [count(nn.RNN(D, H, batch_first=True), (1, T, D)).flops("coursework")]


def again_field(question: str) -> list[float]:
    layers, kernel, *dilations = map(int, numbers(question))
    assert layers == len(dilations)
    net = nn.Sequential(*(nn.Conv1d(1, 1, kernel, dilation=d, bias=False) for d in dilations)).double()
    for layer in net:
        nn.init.constant_(layer.weight, 1 / kernel)
    x = torch.ones(1, 1, 1 + (kernel - 1) * sum(dilations) + 5, dtype=torch.float64, requires_grad=True)
    net(x)[0, 0, -1].backward()
    first = int((x.grad[0, 0] != 0).nonzero()[0])
    return [x.shape[-1] - first]


def again_vanishing(question: str) -> list[float]:
    factor, exponent = numbers(question)[0], int(re.search(r"10\^\{-(\d+)\}", question)[1])
    norm, steps = 1.0, 0
    while norm > 10.0**-exponent:
        norm, steps = norm * factor, steps + 1
    return [steps]


def again_forget_bias(question: str) -> list[float]:
    percent, steps = numbers(question)[:2]
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        left = (1 / (1 + np.exp(-middle))) ** steps
        low, high = (middle, high) if left < percent / 100 else (low, middle)
    return [low]


def again_lstm(question: str) -> list[float]:
    W_ih, W_hh, b = matrices(question)
    cell = loaded(nn.LSTMCell(1, 1), weight_ih=W_ih, weight_hh=W_hh, bias_ih=b[:, 0], bias_hh=0 * b[:, 0])
    x, h, c = (given(question, name) for name in ("x", r"h_\{prev\}", r"c_\{prev\}"))
    h, c = cell(x, (h, c))
    return [c.item(), h.item()]


def again_gru(question: str) -> list[float]:
    W_ih, W_hh, b_ih, b_hh = matrices(question)
    cell = loaded(nn.GRUCell(1, 1), weight_ih=W_ih, weight_hh=W_hh, bias_ih=b_ih[:, 0], bias_hh=b_hh[:, 0])
    x, h = (given(question, name) for name in ("x", r"h_\{prev\}"))
    return [cell(x, h).item()]


def series(values: np.ndarray) -> Series:
    day = np.timedelta64(1, "D")
    return Series("drawn", values[:, None].astype(float), ("value",), ("1",), np.datetime64("2001-01-01"), day)


def again_windows(question: str) -> list[float]:
    rows, size, horizon = map(int, numbers(question)[:3])
    return [len(make_windows(series(np.arange(rows)), window=size, horizon=horizon))]


def again_persistence(question: str) -> list[float]:
    days = np.array(numbers(question)[:6])
    windows = make_windows(series(days), window=1, horizon=1)
    return [float(np.mean((Persistence().fit(windows).predict(windows) - windows.targets) ** 2))]


def again_skill(question: str) -> list[float]:
    naive, model = numbers(question)[:2]
    return [100 * (1 - np.sqrt(model) / np.sqrt(naive))]


def again_sign_flips(question: str) -> list[float]:
    seeds, comparisons = (int(re.search(pattern, question)[1]) for pattern in (r"over (\d+)", r"smallest of (\d+)"))
    least = sign_flip_test(np.arange(1.0, seeds + 1), np.zeros(seeds))
    return [least, min(1.0, least * comparisons)]


def again_recall(question: str) -> list[float]:
    rows = [list(map(int, re.findall(r"\d+", line))) for line in question.split("\n")[-3:]]
    truth = np.repeat([0, 1, 2], [sum(row) for row in rows])
    predicted = np.concatenate([np.repeat([0, 1, 2], row) for row in rows])
    return [100 * accuracy_score(truth, predicted), 100 * recall_score(truth, predicted, average="macro")]


AGAIN = {
    "next-state": again_next_state,
    "lstm-parameters": again_lstm_parameters,
    "gru-both-ways": again_gru_both_ways,
    "rnn-flops": again_rnn_flops,
    "receptive-field": again_field,
    "vanishing": again_vanishing,
    "forget-bias": again_forget_bias,
    "lstm-step": again_lstm,
    "gru-step": again_gru,
    "windows": again_windows,
    "persistence": again_persistence,
    "skill": again_skill,
    "sign-flips": again_sign_flips,
    "recall": again_recall,
}


def test_every_template_is_computed_again() -> None:
    assert set(AGAIN) == set(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_answer_follows_from_the_printed_question(name: str) -> None:
    for seed in SEEDS:
        drawn = draw(name, seed=seed)
        assert np.ravel(drawn.answer) == pytest.approx(AGAIN[name](drawn.question), rel=1e-9), (name, seed)


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_shown_is_the_answer_rounded(name: str) -> None:
    for seed in SEEDS:
        drawn = draw(name, seed=seed)
        shown = numbers(drawn.shown)
        decimals = [len(word) for word in re.findall(r"\.(\d+)", drawn.shown)] or [0] * len(shown)
        assert len(shown) == np.size(drawn.answer)
        for value, text, places in zip(np.ravel(drawn.answer), shown, decimals, strict=True):
            assert abs(value - text) <= 0.5000001 * 10.0**-places


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_seed_is_a_sheet(name: str) -> None:
    assert draw(name, seed=7) == draw(name, seed=7)
    assert len({draw(name, seed=seed).question for seed in SEEDS}) > len(SEEDS) * 3 / 4


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_sheet_is_whole_and_keeps_its_answer_to_itself(name: str) -> None:
    full, asked = sheet(name, seed=3), sheet(name, seed=3, answer=False)
    drawn = draw(name, seed=3)
    assert drawn.question in asked
    assert drawn.working not in asked
    assert "## Answer" in full
    assert f"**{drawn.shown}**" in full
    assert full.count("$$") % 2 == 0
    assert not re.search(r"nan|inf\b|-0\.0+\b", full)


@pytest.mark.parametrize("name", TEMPLATES)
def test_its_chapter_exists(name: str) -> None:
    chapter = TEMPLATES[name].chapter
    assert [path for path in pairs.chapters() if path.name.startswith(f"{chapter:02}-")], chapter


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of next-state"):
        draw("nothing", seed=0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        draw("vanishing", seed=-1)


def test_the_command_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exercise"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(TEMPLATES)


def test_the_command_prints_a_sheet(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exercise", "lstm-step", "--seed", "7"]) == 0
    assert capsys.readouterr().out == sheet("lstm-step", seed=7)


def test_the_command_writes_a_file(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "sheet.md"
    assert run(["exercise", "recall", "--seed", "2", "--question-only", "--output", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == sheet("recall", seed=2, answer=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [["nothing"], ["recall", "--seed", "-1"], ["recall", "--seed", "x"]])
def test_a_misused_command_ends_with_two(arguments, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exercise", *arguments]) == 2
    assert capsys.readouterr().err.startswith("rnncourse: ")


def test_a_folder_that_cannot_be_written_is_a_failure(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["exercise", "recall", "--output", str(tmp_path / "file" / "sheet.md")]) == 1
    assert "sheet.md" in capsys.readouterr().err
