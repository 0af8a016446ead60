"""The NumPy cells equal torch's, their gradients equal autograd's, and bad input is named."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse import cells
from tests.refusals import refusing

Arrays = dict[str, np.ndarray]

PROPERTY = settings(max_examples=60)
SIZES = st.integers(1, 9)
SCALES = st.sampled_from([1e-3, 0.3, 1.0, 10.0, 1e3])
SEEDS = st.integers(0, 2**32 - 1)

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
STEPS: dict[str, Callable[..., Any]] = {kind: getattr(cells, f"{kind}_step") for kind in GATES}
SEQUENCES: dict[str, Callable[..., Any]] = {kind: getattr(cells, f"{kind}_sequence") for kind in GATES}


def draw(kind: str, seed: int, input_size: int, hidden: int, scale: float = 1.0, time: int = 0) -> Arrays:
    """Arguments of a step, or of a sequence where ``time`` is positive, in the order of the signature."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return scale * rng.normal(size=shape)

    rows = GATES[kind] * hidden
    past = {"h0": normal(hidden)} if time else {"h_prev": normal(hidden)}
    if kind == "lstm":
        past["c0" if time else "c_prev"] = normal(hidden)
    w_in, w_rec = ("W_xh", "W_hh") if kind == "rnn" else ("W_ih", "W_hh")
    biases = {"rnn": ["b_h"], "lstm": ["b"], "gru": ["b_ih", "b_hh"]}[kind]
    return {
        **({"xs": normal(time, input_size)} if time else {"x": normal(input_size)}),
        **past,
        w_in: normal(rows, input_size),
        w_rec: normal(rows, hidden),
        **{name: normal(rows) for name in biases},
    }


def load(module: nn.Module, kind: str, a: Arrays, suffix: str = "") -> None:
    values = {
        "weight_ih": a["W_xh" if kind == "rnn" else "W_ih"],
        "weight_hh": a["W_hh"],
        "bias_ih": a[{"rnn": "b_h", "lstm": "b", "gru": "b_ih"}[kind]],
        "bias_hh": a["b_hh"] if kind == "gru" else np.zeros(len(a["W_hh"])),
    }
    with torch.no_grad():
        for name, value in values.items():
            getattr(module, name + suffix).copy_(torch.tensor(value))


def close(ours: np.ndarray, theirs: torch.Tensor, a: Arrays) -> None:
    """Equal to 1e-12, or to the rounding of the sums of products on the way where these are large."""
    x, h = np.abs(a["x"]), np.abs(a["h_prev"])
    w_in = np.abs(a["W_ih"] if "W_ih" in a else a["W_xh"])
    largest = (w_in @ x + np.abs(a["W_hh"]) @ h).max() + 2 * max(np.abs(v).max() for v in a.values())
    rounding = 2 * (len(x) + len(h) + 2) * np.finfo(np.float64).eps * largest
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12, atol=max(1e-12, rounding))


# --- equal to torch


@settings(max_examples=150)
@given(st.sampled_from([*GATES, "relu"]), SEEDS, SIZES, SIZES, SCALES)
def test_a_step_equals_torch(kind: str, seed: int, d: int, h: int, scale: float) -> None:
    options = {"nonlinearity": kind} if kind == "relu" else {}
    kind = "rnn" if kind == "relu" else kind
    a = draw(kind, seed, d, h, scale)
    cell = getattr(nn, f"{kind.upper()}Cell")(d, h, dtype=torch.float64, **options)
    load(cell, kind, a)
    step = STEPS[kind](**a, **options)
    hidden = torch.tensor(a["h_prev"])
    theirs = cell(torch.tensor(a["x"]), (hidden, torch.tensor(a["c_prev"])) if kind == "lstm" else hidden)
    close(step.h, theirs[0] if kind == "lstm" else theirs, a)
    if kind == "rnn":
        np.testing.assert_array_equal(step.input_term, a["W_xh"] @ a["x"])
        np.testing.assert_array_equal(step.z, step.recurrent_term + step.input_term + a["b_h"])
    elif kind == "lstm":
        close(step.c, theirs[1], a)
        for gate, pre in ((step.i, step.a_i), (step.f, step.a_f), (step.o, step.a_o)):
            np.testing.assert_allclose(gate, torch.sigmoid(torch.tensor(pre)), rtol=1e-14, atol=1e-307)
        np.testing.assert_array_equal(step.c, step.f * a["c_prev"] + step.i * step.g)
        np.testing.assert_array_equal(step.h, step.o * step.tanh_c)
    else:
        np.testing.assert_array_equal(step.h, (1 - step.z) * step.n + step.z * a["h_prev"])
        np.testing.assert_array_equal(step.reset_memory, step.r * step.memory)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_sequence_is_the_step_repeated(kind: str) -> None:
    a = draw(kind, 1, 3, 2, time=5)
    sequence = copy.deepcopy(SEQUENCES[kind](**a))
    weights = {name: value for name, value in a.items() if name not in ("xs", "h0", "c0")}
    state = {"h_prev": a["h0"]} | ({"c_prev": a["c0"]} if kind == "lstm" else {})
    for t, x in enumerate(a["xs"]):
        step = STEPS[kind](x=x, **state, **weights)
        for name in set(vars(step)) - {"nonlinearity"}:
            np.testing.assert_array_equal(getattr(sequence, name)[t], getattr(step, name), err_msg=name)
            np.testing.assert_array_equal(getattr(sequence.steps[t], name), getattr(step, name))
        state = {name: getattr(step, name[0]) for name in state}


# --- functions of one array


@PROPERTY
@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8))
def test_sigmoid_is_stable_and_softmax_equals_torchs(x: list[float]) -> None:
    values = np.array(x)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        ours = cells.sigmoid(values)
    # Torch underflows a little earlier than exp does, hence the smallest normal number beside the ratio.
    np.testing.assert_allclose(ours, torch.sigmoid(torch.tensor(values)), rtol=1e-14, atol=1e-307)
    np.testing.assert_allclose(ours + cells.sigmoid(-values), 1.0, rtol=1e-15)
    np.testing.assert_allclose(cells.softmax(x), torch.softmax(torch.tensor(values), 0), rtol=1e-12, atol=1e-300)


# --- input


def test_a_record_is_frozen_float64_with_its_own_copy_of_the_arguments() -> None:
    step = cells.rnn_step([1, 0], [0], [[2, 3]], [[1]], [-1])
    assert step.h.dtype == np.float64
    assert step.z.tolist() == [1.0]
    a = draw("lstm", 0, 2, 2)
    kept, before = cells.lstm_step(**a), a["W_ih"].copy()
    a["W_ih"][:] = 0
    np.testing.assert_array_equal(kept.W_ih, before)
    with pytest.raises(AttributeError):
        kept.h = np.zeros(2)  # type: ignore[misc]


CASES = [(kind, name) for kind in GATES for name in draw(kind, 0, 3, 2)]


@PROPERTY
@given(st.sampled_from(CASES), st.integers(1, 4), st.integers(1, 4), st.integers(0, 1), st.integers(1, 3), SEEDS)
def test_a_wrong_shape_names_the_argument(case: Any, d: int, h: int, axis: int, extra: int, seed: int) -> None:
    kind, name = case
    a = draw(kind, seed, d, h)
    good = a[name].shape
    axis = min(axis, len(good) - 1)
    a[name] = np.zeros([size + extra * (k == axis) for k, size in enumerate(good)])
    with pytest.raises(ValueError, match="expected") as error:
        STEPS[kind](**a)
    blamed, _, rest = str(error.value).partition(" has shape ")
    assert rest.startswith(f"{a[blamed].shape}; expected (")
    assert f"{name} {a[name].shape}" in rest or blamed == name
    # The weights say what the cell is: a state, an input or a bias that does not fit them is the wrong one.
    assert blamed == name or name.startswith("W_")


@PROPERTY
@given(
    st.sampled_from(CASES),
    st.sampled_from([np.nan, np.inf, -np.inf]),
    st.integers(0, 10**6),
    SEEDS,
    st.sampled_from(["complex128", "U3", "object", "bool", "datetime64[s]"]),
)
def test_what_is_no_finite_number_is_named(case: Any, value: float, place: int, seed: int, dtype: str) -> None:
    kind, name = case
    a = draw(kind, seed, 3, 2)
    index = np.unravel_index(place % a[name].size, a[name].shape)
    a[name][index] = value
    where = ", ".join(str(int(k)) for k in index)
    with pytest.raises(ValueError, match=rf"^{name}\[{where}\] is {value}; expected finite numbers"):
        STEPS[kind](**a)
    a[name] = np.zeros(a[name].shape, dtype=dtype)
    with pytest.raises(TypeError, match=rf"^{name} has dtype .*; expected real numbers"):
        STEPS[kind](**a)


RNN = draw("rnn", 0, 2, 2)


test_bad_input_is_named = refusing(
    (lambda: cells.rnn_sequence(np.zeros((0, 1)), [0], [[1]], [[1]], [0]), r"^xs has shape \(0, 1\)"),
    (lambda: cells.rnn_step(**RNN | {"W_xh": [[1, 2], [3]]}), TypeError, "^W_xh cannot be read"),
    (lambda: cells.rnn_step(**RNN | {"x": torch.zeros(2, requires_grad=True)}), TypeError, "^x cannot .*detach"),
    *((lambda k=k: STEPS[k](**draw(k, 0, 3, 2, 1e200)), "^input_term overflows float64") for k in GATES),
    (
        lambda: cells.rnn_sequence(np.ones((400, 1)), [1.0], [[1.0]], [[10.0]], [0.0], nonlinearity="relu"),
        ValueError,
        "^recurrent_term overflows float64",
    ),
    (lambda: cells.rnn_step(**RNN, nonlinearity="sine"), "^nonlinearity is 'sine'"),
    (lambda: cells.softmax([[1.0, 2.0]]), r"^logits has shape \(1, 2\)"),
    (lambda: cells.softmax([1.0, math.nan]), r"^logits\[1\] is nan"),
)


def test_cells_work_without_torch() -> None:
    """The module a chapter starts with needs NumPy alone."""
    code = "import sys; import rnncourse.cells, rnncourse.working; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
