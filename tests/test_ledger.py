import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse import ledger
from rnncourse.ledger import LedgerError, NumberMismatch, Tolerance, format_value, load, number

GOOD = """
[net.parameters]
value = 47818
what = "parameters"
tolerance = "exact"
unit = "parameters"
reported = 47818
source = "HW5 Q1"
verdict = "holds"

[step.h]
value = 0.5227
what = "first state"
tolerance = { absolute = 5e-5, why = "four printed digits" }
decimals = 4

[runs.mse]
value = 0.0458
what = "test error"
tolerance = { seeds = 5, spread = 0.0004 }
decimals = 4
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "numbers.toml"
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("RNNCOURSE_LEDGER", str(path))
    return path


@pytest.mark.parametrize("value", [47818, np.int64(47818), np.array(47818), torch.tensor(47818), 47818.0])
def test_a_right_number_passes_and_shows_the_ledgers_text(book: Path, value: object) -> None:
    assert str(number("net.parameters", value)) == "47,818 parameters"
    assert repr(number("net.parameters", value)) == "47,818 parameters  [net.parameters]"


@pytest.mark.parametrize("value", [47817, 47818.4, math.nan, math.inf, -47818])
def test_a_wrong_number_fails_and_names_id_expected_and_got(book: Path, value: float) -> None:
    with pytest.raises(NumberMismatch, match=rf"net\.parameters: expected 47818 \(exact\), got {value!r}"):
        number("net.parameters", value)


def test_absolute_tolerance_is_a_bound(book: Path) -> None:
    number("step.h", 0.52274)
    with pytest.raises(NumberMismatch):
        number("step.h", 0.52276)


def test_seeds_accept_all_runs_or_their_mean_and_refuse_too_few(book: Path) -> None:
    number("runs.mse", [0.0458, 0.0452, 0.0464, 0.0455, 0.0461])
    number("runs.mse", 0.0460)
    with pytest.raises(NumberMismatch, match="expected 5 runs, got 4"):
        number("runs.mse", [0.0458] * 4)
    bound = Tolerance("seeds", 0.0004, 5).bound(0.0458)
    with pytest.raises(NumberMismatch):
        number("runs.mse", 0.0458 + 1.01 * bound)


def test_seed_tolerance_holds_for_repetitions_of_the_same_experiment() -> None:
    generator = np.random.default_rng(0)
    means = generator.normal(size=(2, 20_000, 5)).mean(axis=2)
    outside = np.abs(means[0] - means[1]) > Tolerance("seeds", 1.0, 5).bound(0.0)
    assert outside.mean() < 5e-4


@pytest.mark.parametrize("value", ["47818", None, True, [1, 2], np.arange(3), torch.arange(3)])
def test_what_is_not_one_number_is_refused(book: Path, value: object) -> None:
    with pytest.raises(TypeError, match="net.parameters: expected one number"):
        number("net.parameters", value)


def test_an_unknown_id_names_its_nearest_neighbour(book: Path) -> None:
    with pytest.raises(LedgerError, match="did you mean 'net.parameters'"):
        number("net.parameter", 1)


def test_an_edited_ledger_is_read_again(book: Path) -> None:
    number("net.parameters", 47818)
    book.write_text(GOOD.replace("value = 47818", "value = 47819"), encoding="utf-8")
    with pytest.raises(NumberMismatch):
        number("net.parameters", 47818)


BROKEN = {
    'value = "many"': "give a finite number",
    "value = true": "give a finite number",
    "value = nan": "give a finite number",
    "value = 1.5": "say how many",
    "value = 1\nunit = 3": "give a text",
    "value = 1\ndigits = 0": "integer from 1 to 17",
    "value = 1\ndigits = 2\ndecimals = 2": "keep one of them",
    'value = 1\ncolour = "red"': "unknown field 'colour'",
    "value = 1\nreported = 2": "all of reported, source and verdict",
    'value = 1\nreported = "two"\nsource = "HW5"\nverdict = "holds"': "give the printed number",
    'value = 1\nreported = 2\nsource = "HW5"\nverdict = "fails"': "say in one sentence",
    'value = 1\nreported = 2\nsource = "HW5"\nverdict = "maybe"': "choose from",
}


@pytest.mark.parametrize(("fields", "remedy"), BROKEN.items())
def test_a_broken_entry_is_named_with_its_remedy(tmp_path: Path, fields: str, remedy: str) -> None:
    path = tmp_path / "numbers.toml"
    path.write_text(f'[net.depth]\nwhat = "depth"\ntolerance = "exact"\n{fields}\n', encoding="utf-8")
    with pytest.raises(LedgerError, match="net.depth") as caught:
        load(path)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    "tolerance",
    ['"loose"', "{ absolute = 0.1 }", '{ absolute = -1, why = "x" }', "{ seeds = 1, spread = 0.1 }", "0.1"],
)
def test_a_tolerance_without_an_argument_is_refused(tmp_path: Path, tolerance: str) -> None:
    path = tmp_path / "numbers.toml"
    entry = f'[net.loss]\nwhat = "loss"\nvalue = 1.0\ndecimals = 1\ntolerance = {tolerance}\n'
    path.write_text(entry, encoding="utf-8")
    with pytest.raises(LedgerError, match=r"'net\.loss' has tolerance"):
        load(path)


def test_digits_that_the_tolerance_does_not_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "numbers.toml"
    path.write_text(
        '[a.b]\nvalue = 0.12345\nwhat = "x"\ndecimals = 5\ntolerance = { relative = 0.01, why = "one run" }\n',
        encoding="utf-8",
    )
    with pytest.raises(LedgerError, match="shows digits that its tolerance does not hold"):
        load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[a.b\nvalue = 1", "is not valid TOML"),
        (b"[a.b]\nvalue = 1\n[a.b]\nvalue = 2", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a = 1", "is not a table"),
        (b"[a]\n[a.b]\n", "has no value"),
        (b"[Net.Size]\nvalue = 1\n", "malformed id"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "numbers.toml"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=message):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"cannot read the ledger .*nowhere\.toml"):
        load(tmp_path / "nowhere.toml")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_ledger_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.toml"
        path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
        try:
            load(path)
        except LedgerError as error:
            assert str(error).endswith((".", "'"))  # noqa: PT017


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


def test_the_books_own_ledger_loads() -> None:
    assert len(ledger.load()) > 0
