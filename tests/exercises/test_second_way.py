"""What the exercises state is computed a second way, by the package's instruments, by torch or by plain loops."""

import re
from itertools import count as naturals

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, recall_score
from torch import nn

from rnncourse.ablation import ablate
from rnncourse.baselines import HarmonicRegression, LinearAutoregression, Persistence
from rnncourse.cli import run
from rnncourse.counting import count
from rnncourse.data import Series, chronological, make_windows, seattle_weather, synthetic_power
from rnncourse.exercises import check, draw, exercises
from rnncourse.statistics import sign_flip_test
from rnncourse.variants import ConvLSTM, SkipGRU

JUMPS = np.repeat([1.0, 0.0], [3, 97])
WEEK = chronological(synthetic_power(days=7, seed=1), window=60)
WEATHER = make_windows(seattle_weather().select("temp_max"), window=10)
TRUTH = np.repeat([0, 1, 2], [50, 40, 10])  # of the emotion chapter's classes, and how each text was named
NAMED = np.repeat([0, 1, 0, 1, 0, 1], [45, 5, 10, 30, 5, 5])


def size(*modules: nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())


def macs(kind: type[nn.RNNBase], inputs: int, units: int, layers: int = 1, **options) -> int:
    return count(kind(inputs, units, layers, batch_first=True, **options), (1, 60, inputs)).macs


def first(holds) -> int:
    return next(number for number in naturals(1) if holds(number))


def best_constant(power: int) -> float:
    minutes = np.array([1.0, 1.0, 1.0, 1.2, 1.3, 2.0, 4.0])
    return min(np.linspace(0, 5, 5001), key=lambda constant: (np.abs(minutes - constant) ** power).sum())


def pull(part, *, towards_change: bool = True) -> float:
    windows, targets = part.inputs[..., 0], part.targets[:, 0]
    away = (windows.mean(axis=1) - windows[:, -1])[:, None]
    return float(np.linalg.lstsq(away, targets - towards_change * windows[:, -1], rcond=None)[0][0])


def untrained(added: float) -> float:
    """MSE of an untrained LSTM plus so much of the last value on the synthetic house, persistence at 100."""
    test = chronological(synthetic_power(days=14), window=60).test
    torch.manual_seed(0)
    rnn, head = nn.LSTM(1, 64, 2, batch_first=True), nn.Linear(64, 1)
    last = test.inputs[:, -1]
    with torch.no_grad():
        outputs = head(rnn(torch.tensor(test.inputs, dtype=torch.float32))[1][0][-1]).numpy()
    return float(100 * np.mean((outputs + added * last - test.targets) ** 2) / np.mean((last - test.targets) ** 2))


# Of those whose solution in the chapter takes the way of the exercise; the others are computed a second way there.
AGAIN = {
    "gru-flops": lambda: count(nn.GRU(100, 128, batch_first=True, bidirectional=True), (1, 79, 100)).flops(
        "coursework"
    ),
    "power-macs": lambda: macs(nn.LSTM, 1, 64, 2) + 64,
    "ramp-rise": lambda: first(lambda rise: np.var(np.linspace(0, rise, 10**5)) >= 300 - 0.01),
    "two-constants": lambda: [best_constant(2), best_constant(1)],
    "start-at-persistence": lambda: [untrained(0.0), untrained(1.0)],
    "equal-units": lambda: min(
        range(1, 99), key=lambda h: abs(size(nn.LSTM(3, h)) + h - size(nn.LSTM(3, 24, bidirectional=True)) - 48)
    ),
    "five-ratios": lambda: sign_flip_test([0.98, 1.02, 1.01, 1.15, 1.12], np.ones(5)),
    "jump-ratios": lambda: [np.mean(abs(JUMPS - 0.03) ** power) / np.mean(JUMPS**power) for power in (2, 1)],
    "learning-parameters": lambda: size(nn.LSTM(1, 48, 2), nn.Linear(48, 1)) - 2 * 48 * (51 + 98),
    "macro-f1": lambda: f1_score(TRUTH, NAMED, average="macro", zero_division=0),
    "two-layer-width": lambda: min(range(1, 60), key=lambda h: abs(size(nn.LSTM(24, h, 2)) - size(nn.LSTM(24, 60)))),
    "map-parameters": lambda: size(ConvLSTM(2, 12, 5)),
}


@pytest.mark.parametrize("name", AGAIN)
def test_a_second_way_leads_to_the_same_answer(name: str) -> None:
    assert check(name, AGAIN[name]()).passed, AGAIN[name]()


def test_a_simulation_finds_the_chance_of_a_false_trend() -> None:
    rising = (np.diff(np.random.default_rng(0).normal(size=(10**6, 4, 3))) > 0).all(axis=-1).any(axis=-1).mean()
    assert abs(rising - (1 - (5 / 6) ** 4)) < 2e-3  # four standard errors


def test_the_budgets_are_what_the_instrument_and_torch_count() -> None:
    def hw5(one: int, two: int, width: int) -> tuple[int, int]:
        layers = {nn.RNN(64, one, batch_first=True): (1, 50, 64), nn.RNN(one, two, batch_first=True): (1, 50, one)}
        layers |= {nn.Linear(two, width): (1, two), nn.Linear(width, 10): (1, width)}
        return size(*layers), sum(count(layer, shape).flops("coursework") for layer, shape in layers.items())

    given = exercises()["half-the-work"].given
    assert hw5(32, 64, 512) == (given["needed"], pytest.approx(2 * given["limit"], abs=1))
    parameters, flops = hw5(16, 32, 1100)
    assert f"{parameters:,} parameters and needs {flops:,} FLOPs" in check("half-the-work", (16, 32, 1100)).message
    emotion = nn.Embedding(5_000, 100), nn.GRU(100, 128, bidirectional=True), nn.BatchNorm1d(256), nn.Linear(256, 64)
    assert f"{size(*emotion, nn.Linear(64, 6)):,} parameters" in check("smaller-embedding", (5_000, 100)).message


def test_the_constants_of_the_weather_and_of_the_power_chapter_are_what_the_data_give() -> None:
    validation = WEATHER[800:1000]
    models = {
        "ar": LinearAutoregression(10),
        "persistence": Persistence(),
        "seasonal": HarmonicRegression(365.25, lags=10),
    }
    mse = {
        name: np.mean((model.fit(WEATHER[:800]).predict(validation) - validation.targets) ** 2)
        for name, model in models.items()
    }
    beat, week = (exercises()[name].given for name in ("beat-ar", "pull-to-mean"))
    assert beat == pytest.approx({name: mse[name] for name in beat}, abs=1e-6)
    assert week["on_test"] == pytest.approx(pull(WEEK.test), abs=1e-4)
    assert week["on_target"] == pytest.approx(pull(WEEK.train, towards_change=False), abs=1e-4)


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
    found = (float(word.replace(",", "")) for word in re.findall(r"(?<![\w^{-])-?\d[\d,]*(?:\.\d+)?", text))
    return [int(number) if number.is_integer() else number for number in found]


def arrays(text: str) -> dict[str, np.ndarray]:
    """The vectors, matrices and numbers of a question by their names in TeX, braces left out."""
    found = re.findall(r"([\w{}]+) = (?:\\begin\{bmatrix\} (.*?) \\end\{bmatrix\}|(-?[\d.]+))", text)
    rows = {re.sub(r"[{}]", "", name): (matrix or number).split(r"\\") for name, matrix, number in found}
    return {name: np.array([[float(cell) for cell in row.split("&")] for row in given]) for name, given in rows.items()}


def next_state(question: str) -> np.ndarray:
    given = arrays(question)
    return np.tanh(given["W_xh"] @ given["x"] + given["W_hh"] @ given["h_prev"] + given["b_h"])


def by_torch(cell: nn.RNNCellBase, question: str) -> list[float]:
    given = {name: torch.tensor(value) for name, value in arrays(question).items()}
    b_ih = given.get("b_ih", given.get("b"))[:, 0]
    biases = {"bias_ih": b_ih, "bias_hh": given["b_hh"][:, 0] if "b_hh" in given else 0 * b_ih}
    cell.double().load_state_dict({"weight_ih": given["W_ih"], "weight_hh": given["W_hh"], **biases})
    if isinstance(cell, nn.GRUCell):
        return [cell(given["x"], given["h_prev"]).item()]
    h, c = cell(given["x"], (given["h_prev"], given["c_prev"]))
    return [c.item(), h.item()]


def field(question: str) -> int:
    _, kernel, *dilations = numbers(question)
    net = nn.Sequential(*(nn.Conv1d(1, 1, kernel, dilation=d, bias=False) for d in dilations)).double()
    for layer in net:
        nn.init.constant_(layer.weight, 1 / kernel)
    x = torch.ones(1, 1, 6 + (kernel - 1) * sum(dilations), dtype=torch.float64, requires_grad=True)
    net(x)[0, 0, -1].backward()
    return x.shape[-1] - int((x.grad[0, 0] != 0).nonzero()[0])


def forget_bias(question: str) -> float:
    (percent, steps, *_), low, high = numbers(question), -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-middle))) ** steps < percent / 100 else (low, middle)
    return low


def windows_of(values: np.ndarray, window: int, horizon: int):
    begin, day = np.datetime64("2001-01-01"), np.timedelta64(1, "D")
    series = Series("drawn", values[:, None].astype(float), ("value",), ("1",), begin, day)
    return make_windows(series, window=window, horizon=horizon)


def persistence(question: str) -> float:
    windows = windows_of(np.array(numbers(question)[:6]), 1, 1)
    return float(np.mean((Persistence().fit(windows).predict(windows) - windows.targets) ** 2))


def sign_flips(question: str) -> list[float]:
    seeds, comparisons = (int(re.search(pattern, question)[1]) for pattern in (r"over (\d+)", r"smallest of (\d+)"))
    least = sign_flip_test(np.arange(1.0, seeds + 1), np.zeros(seeds))
    return [least, min(1.0, least * comparisons)]


def recall(question: str) -> list[float]:
    rows = [list(map(int, re.findall(r"\d+", line))) for line in question.split("\n")[-3:]]
    truth, named = np.repeat(range(3), [sum(row) for row in rows]), np.repeat([0, 1, 2] * 3, np.ravel(rows))
    return [accuracy_score(truth, named), recall_score(truth, named, average="macro")]


def derivative(function, at: float, step: float = 1e-5) -> float:
    return (function(at + step) - function(at - step)) / (2 * step)


def kept_bias(question: str) -> float:
    gate = lambda bias: torch.sigmoid(torch.tensor(bias, dtype=torch.float64)).item()  # noqa: E731
    return derivative(lambda bias: 0.5 * (gate(bias) ** 2 - 1) ** 2, numbers(question)[0])


def back_macs(question: str) -> int:
    H, D = numbers(question)[:2]
    layer = nn.RNN(D, H, batch_first=True)
    return count(layer, (1, 1, D)).macs + layer.weight_hh_l0.numel()


def one_update(question: str) -> float:
    start, rate = (
        float(re.search(rf"{words} (-?[\d.]+)", question)[1].rstrip(".")) for words in ("starts at", "rate is")
    )
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.softplus(-torch.tanh(w * np.tanh(1.0))).backward()
    return start - rate * w.grad.item()


def clipped(question: str) -> np.ndarray:
    first, second = (
        torch.tensor(numbers(part)[:2], dtype=torch.float64) for part in re.findall(r"\([^)]+\)", question)[:2]
    )
    weights = [nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(2)]
    for weight, gradient in zip(weights, (first, second), strict=True):
        weight.grad = gradient
    nn.utils.clip_grad_norm_(weights, 1.0)
    return weights[0].grad.numpy()


def reached(question: str) -> int:
    length, piece = numbers(question)
    state, x = torch.zeros(1, dtype=torch.float64), torch.ones(length, 1, dtype=torch.float64, requires_grad=True)
    for step in range(length):
        state = torch.tanh(0.9 * (state.detach() if step and step % piece == 0 else state) + x[step])
    state.backward()
    return int((x.grad != 0).sum())


def three_steps(question: str) -> list[float]:
    kept, written = numbers(question)[:2]
    cell, after = 0.0, 0.0
    for step in range(2000):
        cell = kept * cell + written
        after = cell if step == 2 else after
    return [after, cell]


def readers(question: str) -> list[int]:
    window, minute = numbers(question)
    targets = [t for t in range(window, minute + 2 * window) if minute in range(t - window, t)]
    return [targets[0], targets[-1]]


def gate_answer(question: str) -> float:
    found = np.array(numbers(question)[:12])
    return float((found[5] - found[:5].mean()) - (found[11] - found[6:11].mean()))


def unit_changes(question: str) -> list[float]:
    before, after = np.array(numbers(question)).reshape(2, 3)
    return [after.mean() - before.mean(), np.abs(after - before).mean()]


def learning(question: str) -> int:
    (H,) = numbers(question)
    gates = {"input": False, "forget": True, "cell": True, "output": False}
    layers = [nn.LSTM(1, H), nn.LSTM(H, H)]
    blocks = [part for layer in layers for weight in layer.parameters() for part in weight.chunk(4)]
    return sum(part.numel() for part, learns in zip(blocks, list(gates.values()) * 99, strict=False) if learns) + H + 1


def emptied(question: str) -> int:
    held, gate, *_ = numbers(question)
    return first(lambda steps: held < steps * gate)


def two_ways(question: str) -> list[float]:
    one, hours, far, above = numbers(question)
    recursive = above
    for _ in range(hours):
        recursive *= one
    return [recursive, above * far]


FROM_THE_QUESTION = {
    "matrix-or-memory": lambda text: next(T for T in range(1, 99) if 2 * numbers(text)[0] * T > numbers(text)[0] ** 2),
    "two-ways": two_ways,
    "kept-share": lambda text: (lambda gate, steps, *_: [np.prod(np.full(steps, gate)), 2 ** (-1 / steps)])(
        *numbers(text)
    ),
    "kept-numbers": lambda text: (lambda H, T, D: len([1] * (T * D)) + sum(H for _ in range(T + 1)))(*numbers(text)),
    "forget-gradient": kept_bias,
    "projected-lstm": lambda text: (lambda D, H, P, *_: size(nn.LSTM(D, H, proj_size=P)))(*numbers(text)),
    "backward-macs": lambda text: back_macs(text.partition("layer of")[2]),
    "longest-chain": lambda text: sum(numbers(text)[1] for _ in range(numbers(text)[0])),
    "one-update": one_update,
    "clip-together": clipped,
    "reached-inputs": reached,
    "one-hot-memory": lambda text: torch.zeros(numbers(text)[0]).nbytes / torch.zeros(1, dtype=torch.long).nbytes,
    "three-steps": three_steps,
    "ramp-rise": lambda text: np.sqrt(numbers(text)[0] / np.var(np.linspace(0, 1, 10**7))),
    "coupled-bound": lambda text: np.linalg.norm(np.ones(numbers(text)[0])),
    "two-constants": lambda text: [np.mean(numbers(text)[:7]), sorted(numbers(text)[:7])[3]],
    "who-reads": readers,
    "gate-answer": gate_answer,
    "unit-changes": unit_changes,
    "learning-parameters": learning,
    "emptied-by-writing": emptied,
    "coupled-parameters": lambda text: (lambda H, D, *_: size(ablate(nn.LSTM(D, H), "coupled")))(*numbers(text)),
    "next-state": next_state,
    "lstm-parameters": lambda text: size(nn.LSTM(*numbers(text)[:2])),
    "gru-both-ways": lambda text: size(nn.GRU(*numbers(text)[1::-1], num_layers=2, bidirectional=True)),
    "rnn-flops": lambda text: (
        lambda H, T, D, *_: count(nn.RNN(D, H, batch_first=True), (1, T, D)).flops("coursework")
    )(*numbers(text)),
    "receptive-field": field,
    "vanishing": lambda text: first(lambda k: numbers(text)[0] ** k <= 10.0 ** -int(re.search(r"\{-(\d+)", text)[1])),
    "forget-bias": forget_bias,
    "lstm-step": lambda text: by_torch(nn.LSTMCell(1, 1), text),
    "gru-step": lambda text: by_torch(nn.GRUCell(1, 1), text),
    "persistence": persistence,
    "skill": lambda text: 1 - np.sqrt(numbers(text)[1]) / np.sqrt(numbers(text)[0]),
    "sign-flips": sign_flips,
    "recall": recall,
}


NEARLY = {
    "forget-gradient": 1e-7,
    "ramp-rise": 1e-6,
    "clip-together": 1e-5,
}  # a difference quotient, a sample, an epsilon


@pytest.mark.parametrize("name", DRAWABLE)
def test_a_drawn_answer_follows_from_the_printed_question(name: str) -> None:
    for seed in SEEDS:
        sheet = draw(name, seed=seed)
        assert np.ravel(sheet.answer) == pytest.approx(
            np.ravel(FROM_THE_QUESTION[name](sheet.question)), rel=NEARLY.get(name, 1e-9), abs=1e-12
        )
        shown, places = numbers(sheet.shown), re.findall(r"\.(\d+)", sheet.shown) or [""] * 9
        for value, text, decimals in zip(np.ravel(sheet.answer), shown, places, strict=False):
            assert abs((100 if "%" in sheet.shown else 1) * value - text) <= 0.5000001 * 10.0 ** -len(decimals)
        assert len(shown) == np.size(sheet.answer)


def test_the_command_judges_words_the_chapters_numbers_and_fresh_ones(capsys: pytest.CaptureFixture[str]) -> None:
    for name, answer in (("closed-gate", "i, z, 0"), ("lstm-parameters", "2560")):
        assert run(["exercise", name, "--answer", answer]) == 0
    for answer in (draw("gru-step", seed=3).answer, 7.0):
        assert run(["exercise", "gru-step", "--seed", "3", f"--answer={answer}"]) == 0
    said = [line.split(".")[0] for line in capsys.readouterr().out.splitlines()]
    assert said == ["Not yet", "Correct", "Correct", "Not yet"]


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
    with pytest.raises(ValueError, match="seed is -1"):
        draw(name, seed=-1)


def test_the_command_lists_prints_and_writes_sheets(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["exercise"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == DRAWABLE
    assert run(["exercise", "lstm-step", "--seed", "7"]) == 0
    assert capsys.readouterr().out == draw("lstm-step", seed=7).text()
    target, link = tmp_path / "sheet.md", tmp_path / "link.md"
    target.touch(0o600)
    link.symlink_to(target)
    assert run(["exercise", "recall", "--seed", "2", "--question-only", "--output", str(link)]) == 0
    assert target.read_text(encoding="utf-8") == draw("recall", seed=2).text(answer=False)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().out == ""
