"""``rnncourse count``: what it prints; and of every command how it refuses misuse, and how it exits."""

import contextlib
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import rnncourse
from rnncourse import cli
from rnncourse.counting import LayerChain, count, module_from_text

HW5 = "Sequential(RNN(64,32), RNN(32,64), Last(), Linear(64,512), Linear(512,10))"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["count", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_the_table_shows_every_number_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, HW5, "--input", "1,50,64")
    assert (code, err) == (0, "")
    for text in ("(1, 50, 32)", "47,818", "310,400", "620,800", "66,048", "10,250", "1,007,498", "498,688"):
        assert text in out
    assert "…" not in out


def test_json_holds_the_layers_and_the_total_by_convention_and_framework(capsys: pytest.CaptureFixture[str]) -> None:
    content = as_json(capsys, "LSTM(1,64,num_layers=2)", "--input", "1,60,1", "--convention", "gemm")
    sums = {"bias_additions": 61_440, "elementwise": 69_120, "flops": 5_928_960}
    assert content["total"] == {"parameters": 50_432, "macs": 2_964_480, **sums}
    assert content["layers"] == [{"layer": "(root)", "type": "LSTM", "output_shape": [1, 60, 64], **content["total"]}]
    for convention, flops in (("gemm", 997_376), ("coursework", 1_007_498), ("all", 1_012_298)):
        assert as_json(capsys, HW5, "--input", "1,50,64", "--convention", convention)["total"]["flops"] == flops
    content = as_json(capsys, "LSTM(1,64,2)", "--input", "1,60,1", "--framework", "keras")
    assert content["total"]["parameters"] == 49_920


MISUSE = {
    "count": "LAYER",
    "count LSTM(1,2)": "--input",
    "count LSTM(1,2) --input a,b": "--input must be whole numbers joined by commas, such as 1,60,1, got 'a,b'",
    "count LSTM(1,2) --input 0,2,1": "--input must be a tuple of positive integers",
    "count LSTM(input_size=1) --input 1,2,1": "cannot build LSTM(input_size=1, batch_first=True)",
    "count Lstm(1,2) --input 1,2,1": "'Lstm' is not a known layer; known are Sequential, Last, RNN, LSTM",
    f"count Linear(4,4) --input {2**40},{2**40},4": "more elements than a tensor can hold",
    "data fetch weather": "unknown data set 'weather': choose from seattle-weather, power, synthetic-power",
    "data fetch": "NAME",
    "data lst": "lst",
    "data": "COMMAND",
    "study run nope": "'nope'",
    "study run weather --seeds x": "--seeds",
    "study run weather --workers 2 --scheduler tcp://127.0.0.1:1": "workers",
    "study run weather --device gpu": "'gpu'",
    "exercise nothing": "nothing",
    "exercise hold-100": "hold-100",
    "exercise recall --seed -1": "--seed",
    "x-y-z": "x-y-z",
}


@pytest.mark.parametrize(("command", "sentence"), MISUSE.items())
def test_misuse_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], command: str, sentence: str
) -> None:
    assert cli.run(command.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("rnncourse: ")) == ("", 1, True)
    assert sentence in err


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert [cli.run(command) for command in ([], ["--help"], ["--version"])] == [0] * 3
    page = "".join(capsys.readouterr().out.rpartition("rnncourse " + rnncourse.__version__)[0])
    assert page[: len(page) // 2] == page[len(page) // 2 :]
    assert "count" in page


@pytest.mark.parametrize("kind", [OSError, RuntimeError, ValueError])  # the last is a bug: what was asked is right
def test_a_failure_is_one_sentence_and_exit_code_1(
    kind: type[Exception], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise kind("no space left")

    monkeypatch.setattr("rnncourse.exercises._drawn", fail)
    assert cli.run(["exercise", "recall"]) == 1
    assert capsys.readouterr() == ("", "rnncourse: no space left\n")


@pytest.mark.parametrize(
    ("arguments", "shown", "unwanted"),
    [
        (["count", "--help"], "Last() batch_first=False --convention --framework --json", "torch"),
        (["--version"], rnncourse.__version__, "torch"),
        (["data", "--help"], "list fetch check", "torch numpy pandas pooch sklearn requests"),
        (["count", "LSTM(1,64)", "--input", "1,60,1"], "998,400", "pandas matplotlib sklearn scipy"),
    ],
)
def test_a_command_loads_no_more_than_it_needs(arguments: list[str], shown: str, unwanted: str) -> None:
    script = (
        f"import sys; from rnncourse.cli import run; code = run({arguments}); "
        f"sys.exit(code + 10 * any(name in sys.modules for name in {unwanted.split()}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(text in done.stdout for text in shown.split())


# The expression


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("LSTM(1, 64, num_layers=2)", nn.LSTM(1, 64, 2, batch_first=True)),
        ("LSTM(1, 64, 2, False, False, 0.0, True, 3)", nn.LSTM(1, 64, 2, False, False, 0.0, True, 3)),
        ("RNN(2, 3, 1, 'relu')", nn.RNN(2, 3, 1, "relu", batch_first=True)),
        ("GRU(2, 3, batch_first=False)", nn.GRU(2, 3)),
        ("Conv2d(3, 4, kernel_size=(2, 3), padding='same')", nn.Conv2d(3, 4, (2, 3), padding="same")),
        ("Softmax(dim=-1)", nn.Softmax(dim=-1)),
        ("LayerNorm([4, 5], bias=False)", nn.LayerNorm([4, 5], bias=False)),
        (" Sequential( ReLU(), Flatten(1) ) ", LayerChain(nn.ReLU(), nn.Flatten(1))),
    ],
)
def test_an_expression_builds_the_layer_it_says(text: str, module: nn.Module) -> None:
    built = module_from_text(text)
    assert repr(built) == repr(module)
    assert [p.shape for p in built.parameters()] == [p.shape for p in module.parameters()]
    assert all(p.is_meta for p in built.parameters())


def test_a_huge_layer_allocates_nothing() -> None:
    c = count(module_from_text("Linear(1_000_000_000, 1_000_000_000)"), (1, 10**9))
    assert (c.parameters, c.macs) == (10**18 + 10**9, 10**18)


def test_sequences_pass_through_sequential_and_cells_too() -> None:
    c = count(module_from_text("Sequential(LSTM(3, 4), Last(), LSTMCell(4, 5), Linear(5, 1))"), (2, 7, 3))
    assert [layer.output_shape for layer in c.layers] == [(2, 7, 4), (2, 4), (2, 5), (2, 1)]
    timed = count(module_from_text("Sequential(GRU(3, 4, batch_first=False), Last(dim=0))"), (7, 2, 3))
    assert timed.layers[-1].output_shape == (2, 4)


# By the reason given, expressions that are no layer.
REFUSED = {
    "is not a layer": "1 + 1; __import__('os').system('true'); Linear.__class__(1, 2); Sequential(3)",
    "is not a number": "Linear(open('x'), 2); Linear((lambda: 1)(), 2); Linear([i for i in (1, 2)], 2); "
    "Linear(True.real, 2); Linear(f'{1}', 2); Linear(*(1, 2)); Linear(2**64, 1); Linear('tanh' * 3, 1)",
    "not one of the arguments": "Linear(**{'in_features': 1}); Linear(1, 2, device='cpu'); Linear(1, 2, dtype=None)",
    "cannot build": "Linear(-1, 2); Linear(10000000000, 10000000000); Linear(1e999, 1); Linear(1, 2, in_features=1); "
    "GRU(1, 2, nonlinearity='relu'); Linear(1, 2j); Linear(1, b'x'); GRU(1, 2, 1, True, True, 0, False, 0, 0, 5)",
    "num_layers of LSTM": "LSTM(1, 2, 1001); LSTM(1, 2, 'tanh'); LSTM(1, 2, num_layers=2.0)",
    "not an expression": "; Linear(1, 2",
    "not a known layer": "open('x')",
    "the word 'cpu' is not allowed": "Linear(1, 'cpu'); Linear(1, 2, True, 'cpu')",
    "one or more layers and no keyword": "Sequential(); Sequential(Linear(1, 1), bias=False)",
    "nested too deeply": "Linear(" + "-" * 5_000 + "1, 1)",
    "characters; at most 10000 are read": "Linear(1, " + "1" * 10_000 + ")",
}


@pytest.mark.parametrize(("reason", "text"), [(why, one) for why, all_ in REFUSED.items() for one in all_.split("; ")])
def test_anything_else_is_refused_in_one_sentence(reason: str, text: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        module_from_text(text)
    assert "\n" not in str(caught.value)


@given(
    st.one_of(
        st.text(max_size=30),
        st.text(alphabet="LSTMRNLinear(),=*-+1290.[]'\"_ {}:@\\\n", max_size=40),
        st.tuples(st.sampled_from(["Linear", "LSTM", "RNN", "Conv1d", "Last"]), st.text(max_size=15)).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
    )
)
@settings(max_examples=150)
def test_any_text_is_a_module_or_a_value_error(text: str) -> None:
    # Any other exception fails the test.
    with contextlib.suppress(ValueError):
        assert isinstance(module_from_text(text), nn.Module)
