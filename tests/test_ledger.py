import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse import ledger
from rnncourse._ledger_files import lock_path, lock_text
from rnncourse.ledger import LedgerError, Measured, format_value, load, number, number_table

NUMBERS = """
[net]
unit = "parameters"
words.cell = { rnn = "SimpleRNN", lstm = "LSTM" }
words.length = [50, 400]
parameters = { what = "parameters", reported = 47818, source = "HW5 Q1" }
"{cell}.l{length}" = "parameters of the {cell}, {length} steps"

[net.error]
unit = ""
decimals = 4
recorded = "results/net.json"
"{cell:lstm}" = "test error of the {cell}"
best = "lowest test error"

[step]
h = { what = "first state", tolerance = { absolute = 5e-5, why = "four printed digits" }, decimals = 4 }
y = { what = "logit", digits = 3 }

[live]
error = { what = "test error, computed anew", decimals = 1 }
"""
RUNS = [0.0458, 0.0452, 0.0464, 0.0455, 0.0461]
LIVE = [3.0, 4.0, 5.0, 6.0, 7.0]
VALUES = {
    "net.parameters": Measured(47818),
    "net.rnn.l50": Measured(1),
    "net.rnn.l400": Measured(2),
    "net.lstm.l50": Measured(3),
    "net.lstm.l400": Measured(4),
    "net.error.lstm": ledger._measured("", RUNS),
    "net.error.best": Measured(0.0452),
    "step.h": Measured(0.5227),
    "step.y": Measured(1.199),
    "live.error": ledger._measured("", LIVE),
}


def write(folder: Path, numbers: str, values: dict[str, object]) -> Path:
    path = folder / "numbers.toml"
    path.write_text(numbers, encoding="utf-8")
    held = {id: one if isinstance(one, Measured) else Measured(one) for id, one in values.items()}
    lock_path(path).write_text(lock_text(held), encoding="utf-8")
    return path


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = write(tmp_path, NUMBERS, VALUES)
    monkeypatch.setenv("RNNCOURSE_LEDGER", str(path))
    return path


FRAME = pd.DataFrame({"l50": [1, 3], "l400": [2, 4]}, index=["rnn", "lstm"])


@pytest.mark.parametrize(
    ("id", "value"),
    [
        *(
            ("net.parameters", value)
            for value in (47818, np.int64(47818), np.array([47818]), torch.tensor(47818), 47818.0)
        ),
        *(("net.error.lstm", runs) for runs in (RUNS, tuple(RUNS), np.array(RUNS), pd.Series(RUNS))),
        ("net.error.lstm", torch.tensor(RUNS, dtype=torch.float64)),
        ("live.error", [run + 1 for run in LIVE]),  # what is computed anew has room in mean and spread
        ("live.error", [2 * run - 5 for run in LIVE]),
        ("step.h", 0.52274),
        ("step.y", 1.199 + 1e-9),
        ("net", FRAME),
        ("net", pd.DataFrame({"l50": [1], "l400": [2]}, index=pd.MultiIndex.from_tuples([("rnn",)]))),
        ("net", {"rnn": {"l50": 1}, "error": {"lstm": pd.Series(RUNS), "best": 0.0452}}),
    ],
)
def test_what_was_computed_rightly_passes(book: Path, id: str, value: object) -> None:
    (number_table if id == "net" else number)(id, value)


WRONG_RECORD = r"error\.lstm: expected 0\.0457\d+ ± .* over 5 runs \(exact, 5 seeds\), got "


@pytest.mark.parametrize(
    ("id", "value", "message"),
    [
        *(
            ("net.parameters", value, rf"net\.parameters: expected 47818 \(exact\), got {value!r}")
            for value in (47817, 47818.4, math.nan, math.inf, -47818)
        ),
        *(
            ("net.parameters", value, r"net\.parameters: expected")
            for value in ("47818", None, True, {1: 2}.keys(), ["a", "b"], [1], [[1, 2], [3, 4]], RUNS)
        ),
        ("net.parameter", 1, r"did you mean 'net\.parameters'"),
        # A record must be met to its last digit, in mean, spread and number of runs.
        ("net.error.lstm", RUNS[:4], WRONG_RECORD),
        ("net.error.lstm", 0.0458, WRONG_RECORD),
        ("net.error.lstm", [0.0458] * 5, WRONG_RECORD),
        ("net.error.lstm", [run + 1e-9 for run in RUNS], WRONG_RECORD),
        ("net.error.best", 0.0452 + 1e-9, "expected"),
        ("live.error", [run + 5 for run in LIVE], "expected 5.0 ± .* over 5 runs"),
        ("live.error", [5 + (run - 5) / 10 for run in LIVE], "expected"),
        ("live.error", [5 + (run - 5) * 10 for run in LIVE], "expected"),
        ("step.h", 0.52276, "± 5e-05"),
        ("step.y", 1.199 + 2e-9, "float64"),
        ("net", FRAME.iloc[::-1].set_axis(FRAME.index), r"net\.rnn\.l50: expected 1"),
        ("net", {"rnn": {"l51": 1}}, r"did you mean 'net\.rnn\.l50'"),
    ],
)
def test_what_was_not_is_refused(book: Path, id: str, value: object, message: str) -> None:
    with pytest.raises((TypeError, LedgerError), match=message):
        (number_table if id == "net" else number)(id, value)


def test_what_a_notebook_shows_holds_value_spread_and_runs_in_full(book: Path) -> None:
    bundle, held = ledger.shown(load(book)["net.error.lstm"]), VALUES["net.error.lstm"]
    assert f'data-value="{held.value!r}" data-spread="{held.spread!r}" data-n="5"' in bundle["text/html"]
    assert bundle["text/plain"] == "0.0458 ± 0.0005  [net.error.lstm]"


def test_a_family_describes_each_of_its_ids(book: Path) -> None:
    entries = load(book)
    assert entries["net.rnn.l400"].what == "parameters of the SimpleRNN, 400 steps"
    assert (entries["net.error.lstm"].what, entries["net.error.lstm"].unit) == ("test error of the LSTM", "")
    assert entries["net.error.best"].recorded == "results/net.json"


@pytest.mark.parametrize("n", [5, 10, 20])
def test_bounds_hold_for_repetitions_of_the_same_experiment(n: int) -> None:
    generator = np.random.default_rng(0)
    pairs = [[ledger._measured("", runs) for runs in generator.normal(size=(2, n))] for _ in range(2_000)]
    passed = [ledger._entry("a.b", {"what": "x", "decimals": 1}, held).allows(got) for held, got in pairs]
    assert np.mean(passed) > 0.98


@pytest.mark.parametrize("lock", [False, True])
def test_an_edited_ledger_is_read_again(book: Path, lock: bool) -> None:
    number("net.parameters", 47818)
    path, old, new = (lock_path(book), "47818", "47819") if lock else (book, "parameters =", "parameter =")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(LedgerError):
        number("net.parameters", 47818)


# ---- Printed numbers


@pytest.mark.parametrize(
    ("held", "reported", "verdict"),
    [
        (0.52266, "0.5227", "holds"),
        (-0.83058, "-0.8305", "not-reproduced"),
        (47818, "47,818", "holds"),
        (3.2e-26, "3e-26", "holds"),
        (1.2919, "1.292088", "holds"),  # we show 1.292: our value is known no better
        (1.2929, "1.292088", "not-reproduced"),
        (LIVE, "5.0", "holds"),
        (LIVE, "9.8", "holds"),
        (LIVE, "9.9", "not-reproduced"),
        ([5.0, 5.0], "5.1", "not-reproduced"),
    ],
)
def test_a_printed_number_gets_its_verdict(tmp_path: Path, held: object, reported: str, verdict: str) -> None:
    line = f'[a]\nb = {{ what = "x", decimals = 3, reported = "{reported}", source = "HW5" }}\n'
    entry = load(write(tmp_path, line, {"a.b": ledger._measured("", held)}))["a.b"]
    assert entry.verdict == verdict
    assert entry.reported_text == reported.replace("-", "−")


def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    line = '[a]\nsource = "HW5"\nincomparable = "another split"\nb = { what = "x", reported = 2 }\nc = "y"\n'
    entries = load(write(tmp_path, line, {"a.b": 2, "a.c": 3}))
    assert (entries["a.b"].verdict, entries["a.b"].incomparable) == ("not-comparable", "another split")
    assert (entries["a.c"].verdict, entries["a.c"].incomparable, entries["a.c"].source) == (None, "", "")
    with pytest.raises(LedgerError, match="has no reported value"):
        entries.text("reported.a.c")


# ---- Reading


BROKEN = {
    'b = { what = "x", unit = 3 }': "unit = 3",
    'b = { what = "x", digits = 0 }': "digits = 0",
    'b = { what = "x", decimals = "2" }': "decimals = '2'",
    'b = { what = "x", colour = "red" }': "unknown field 'colour'",
    'b = { what = "x", reported = "two", source = "HW5" }': "reported = 'two'",
    'b = { what = "x of {y}" }': "words",
    'words.y = [1]\nb = { what = "x", reported = { 1 = 2 }, source = "HW5" }': "reported for '1'",
    'b = { what = "x", tolerance = "loose" }': "tolerance = 'loose'",
    'b = { what = "x", tolerance = { absolute = 0.1 } }': "tolerance",
    'b = { what = "x", tolerance = { absolute = -1, why = "x" } }': "tolerance",
    'recorded = "r.json"\nb = { what = "x", tolerance = { absolute = 1, why = "x" } }': "tolerance",
    'b = "x"\nc = "y"': "'a.c' is described in numbers.toml and has no value",
    'c = "y"': "'a.b' has a value and no description",
    'b = "x"\n"{y}" = "x"': "words for 'y'",
    'words.y = ["b", "c"]\n"{y:d}" = "x"': "'d', which is no word of 'y'",
    'words.y = ["b"]\nb = "x"\n"{y}" = "x"': "described twice",
    "b = 1": "'a.b' in the ledger is 1",
}


@pytest.mark.parametrize(("fields", "remedy"), BROKEN.items())
def test_a_broken_description_is_named(tmp_path: Path, fields: str, remedy: str) -> None:
    with pytest.raises(LedgerError, match=r"'a[.'b]") as caught:
        load(write(tmp_path, f"[a]\n{fields}\n", {"a.b": 1}))
    assert remedy in str(caught.value)


def test_a_value_needs_its_digits(tmp_path: Path) -> None:
    for value in (1.5, [1, 2]):
        with pytest.raises(LedgerError, match=r"'a\.b' has the value .* no digits"):
            load(write(tmp_path, '[a]\nb = "x"\n', {"a.b": ledger._measured("", value)}))


@pytest.mark.parametrize(
    "held", ['"many"', "true", "NaN", "null", "[1, 2]", '{"value": 1}', '{"value": 1, "spread": 0, "n": 1}']
)
def test_a_lock_that_holds_no_number_is_refused(book: Path, held: str) -> None:
    lock_path(book).write_text(f'{{"net.parameters": {held}}}', encoding="utf-8")
    with pytest.raises(LedgerError, match="make accept"):
        load(book)


@pytest.mark.parametrize(
    "content", [b"[a.b\nc = 1", b"[a.b]\nc = 1\n[a.b]\nc = 2", b"\xff\xfe", b"a = 1", b"[a]\nb='x'", None]
)
def test_a_malformed_or_missing_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = write(tmp_path, "", {})
    path.write_bytes(content) if content else path.unlink()
    with pytest.raises(LedgerError, match=r"numbers\.toml|'a' in the ledger"):
        load(path)


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_read_or_refused_with_a_ledger_error(text: str, lock: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), NUMBERS, VALUES)
        (lock_path(path) if lock else path).write_bytes(text.encode("utf-8", errors="surrogatepass"))
        try:
            load(path)
        except LedgerError as error:
            assert str(error).endswith((".", "'"))  # noqa: PT017


# ---- How numbers are written


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1007498, {}, "1,007,498"),
        (-19, {}, "−19"),
        (0.5226654, {"decimals": 4}, "0.5227"),
        (-0.00001, {"decimals": 2}, "0.00"),
        (0.04580, {"digits": 3}, "0.0458"),
        (123456.7, {"digits": 3}, "123,000"),
        (0.9999, {"digits": 3}, "1.00"),
        (1.2e-54, {"digits": 2}, "1.2×10⁻⁵⁴"),
        (-3e9, {"digits": 1}, "−3×10⁹"),
        (0.0, {"digits": 3}, "0.00"),
    ],
)
def test_numbers_are_written_as_the_book_writes_them(value: float, form: dict[str, int], text: str) -> None:
    assert format_value(value, **form) == text


@given(st.floats(-1e12, 1e12), st.integers(1, 8))
def test_significant_digits_lose_less_than_half_a_unit(value: float, digits: int) -> None:
    text = format_value(value, digits=digits).replace("−", "-").replace(",", "")
    superscripts = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, power = text.partition("×10")
    shown = float(f"{mantissa}e{power.translate(superscripts)}") if power else float(mantissa)
    assert abs(shown - value) <= 0.5001 * 10.0 ** -(digits - 1) * abs(value)
