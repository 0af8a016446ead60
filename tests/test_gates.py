"""Gate traces against loops over torch's cells, against the module's own call, and every refusal."""

import copy
import io
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnncourse import gates
from rnncourse.gates import GateTrace, trace_gates
from tests.cell_loop import initial_states, stacked, unroll
from tests.closeness import assert_close_ulp
from tests.conftest import FUZZ
from tests.layer_zoo import READABLE, SIZE, UNREADABLE, WRAPPED, Build, sequence
from tests.refusals import refusing

KINDS = pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
    # What strangers bring may be deprecated.
    pytest.mark.filterwarnings("ignore:.*deprecated.*"),
]


def as_hx(states: list[Tensor]) -> Any:
    return tuple(states) if len(states) == 2 else states[0]


def traced(trace: GateTrace) -> dict[str, Tensor]:
    found = dict(trace.gates) | {"h": trace.hidden, "h_prev": trace.hidden_prev}
    return found if trace.cell is None else found | {"c": trace.cell, "c_prev": trace.cell_prev}


def output_of(returned: Any) -> Tensor:
    """The module's output, ``(time, batch, width)``."""
    return returned if isinstance(returned, Tensor) else returned[0]


@st.composite
def layers(draw: st.DrawFn) -> tuple[nn.LSTM | nn.GRU, int]:
    """A random LSTM or GRU, and how many sequences to read."""
    kind, hidden_size = draw(st.sampled_from([nn.LSTM, nn.GRU])), draw(st.integers(2, 9))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    rnn = kind(
        draw(st.integers(1, 7)),
        hidden_size,
        num_layers=draw(st.integers(1, 4)),
        bidirectional=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        bias=draw(st.booleans()),
        dtype=draw(st.sampled_from([torch.float32, torch.float64])),
        **({"proj_size": draw(st.sampled_from([0, 0, hidden_size - 1]))} if kind is nn.LSTM else {}),
    )
    return rnn.requires_grad_(False), draw(st.integers(1, 5))


@settings(max_examples=500 if FUZZ else 150)
@given(layers(), st.data())
def test_every_gate_of_a_random_layer_equals_a_loop_over_cells(drawn: tuple[Any, int], data: st.DataObject) -> None:
    rnn, batch = drawn
    packed = data.draw(st.booleans())
    longest = st.integers(1, 9) if packed else st.one_of(st.integers(1, 12), st.integers(13, 60))
    lengths = [data.draw(longest) for _ in range(batch)] if packed else [data.draw(longest)] * batch
    x = torch.randn(max(lengths), batch, rnn.input_size, dtype=rnn.weight_ih_l0.dtype)
    states = initial_states(rnn, batch, torch.randn if data.draw(st.booleans()) else torch.zeros)
    rows: Any = x.transpose(0, 1) if rnn.batch_first else x
    if packed:
        rows = pack_padded_sequence(rows, torch.tensor(lengths), rnn.batch_first, enforce_sorted=False)
    trace = trace_gates(rnn, rows, as_hx(states))
    assert (trace.kind, trace.lengths is None) == (rnn.mode, not packed)
    assert trace.residual <= 8 * torch.finfo(x.dtype).eps
    with torch.no_grad():
        output = rnn(rows, as_hx(states))[0]
    output = pad_packed_sequence(output, True)[0] if packed else output if rnn.batch_first else output.transpose(0, 1)
    assert torch.equal(torch.cat(list(trace.hidden[-1]), -1).nan_to_num(0.0), output)
    # A gate is near 1, and the terms of its weighted sum can be larger than that.
    terms = max(values.abs().max() for values in (x, *states)) * max(w.abs().max() for w in rnn.parameters())
    scale = max(1.0, float(terms))
    exact = copy.deepcopy(rnn).double()
    for k, length in enumerate(lengths if packed else [lengths[0]]):
        members = slice(k, k + 1) if packed else slice(None)
        # In float64, so that one of the two does not round; a float64 layer has nothing better.
        alone = stacked(unroll(exact, x[:length, members].double(), [state[:, members].double() for state in states]))
        assert traced(trace).keys() == alone.keys()
        for name, values in traced(trace).items():
            assert_close_ulp(values[:, :, members, :length], alone[name], 4, scale=scale)
            assert values[:, :, members, length:].isnan().all()


@KINDS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_three_hundred_steps(kind: Any, dtype: torch.dtype) -> None:
    # With 24 sequences these steps are worked off in several runs, the last one shorter.
    torch.manual_seed(7)
    rnn = kind(3, 16, bidirectional=True, dtype=dtype).requires_grad_(False)
    x, states = torch.randn(300, 24, 3, dtype=dtype), initial_states(rnn, 24, torch.randn)
    expected = stacked(unroll(rnn, x, states))
    for name, values in traced(trace_gates(rnn, x, as_hx(states))).items():
        assert_close_ulp(values, expected[name], 8)


# --- a trace is what the module computes at that moment, or a refusal


@KINDS
@pytest.mark.parametrize("build", READABLE.values(), ids=READABLE.keys())
def test_whatever_a_call_computes_is_what_is_read_and_nothing_changes(kind: Any, build: Build) -> None:
    torch.manual_seed(0)
    rnn, x = build(kind), sequence()
    before = remember(rnn)
    trace = trace_gates(rnn, x)
    assert_remembered(rnn, before)
    with torch.no_grad():
        output = output_of(rnn(x))
    assert torch.equal(torch.cat(list(trace.hidden[-1]), -1).transpose(0, 1), output)
    assert trace.residual <= 8 * torch.finfo(output.dtype).eps
    # The equations of the cell, from the trace alone: no weight is read here.
    if trace.cell is None:
        rebuilt = torch.lerp(trace["new"], trace.hidden_prev, trace["update"])
    else:
        cell = trace["forget"] * trace.cell_prev + trace["input"] * trace["cell"]
        assert_close_ulp(trace.cell, cell, 2)
        rebuilt = trace["output"] * trace.cell.tanh()
    # The kernel and the reading each round their sums.
    assert_close_ulp(rebuilt, trace.hidden, 8)


def remember(rnn: nn.Module) -> dict[str, Any]:
    """All that a reader might change."""
    own = {name: {k: id(v) for k, v in vars(part).items()} for name, part in rnn.named_modules()}
    held = [v for part in rnn.modules() for v in vars(part).values() if isinstance(v, list | dict)]
    return {
        "state": copy.deepcopy({name: value.detach() for name, value in rnn.state_dict().items()}),
        "grads": [None if p.grad is None else p.grad.clone() for p in rnn.parameters()],
        "flags": [p.requires_grad for p in rnn.parameters()],
        "own": own,
        "held": [(v, list(v.items()) if isinstance(v, dict) else list(v)) for v in held],
        "random": torch.get_rng_state(),
        "mode": [part.training for part in rnn.modules()],
        "grad mode": torch.is_grad_enabled(),
    }


def assert_remembered(rnn: nn.Module, before: dict[str, Any]) -> None:
    now = remember(rnn)
    for name in ("own", "flags", "mode", "grad mode"):
        assert now[name] == before[name], name
    for (held, values), (_, were) in zip(now["held"], before["held"], strict=True):
        assert all(a is b or a == b for a, b in zip(values, were, strict=True)), held
    assert torch.equal(now["random"], before["random"])
    assert now["state"].keys() == before["state"].keys()
    for one, two in zip(
        [*now["state"].values(), *now["grads"]], [*before["state"].values(), *before["grads"]], strict=True
    ):
        assert (one is two) if one is None else torch.equal(one, two)


@KINDS
@pytest.mark.parametrize("build", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_not_the_kernels_output_is_refused_and_nothing_changes(kind: Any, build: Build) -> None:
    torch.manual_seed(0)
    rnn = build(kind)
    before = remember(rnn)
    with pytest.raises(ValueError, match="rnn"):
        trace_gates(rnn, sequence())
    assert_remembered(rnn, before)


@KINDS
@pytest.mark.parametrize(("build", "remedy"), WRAPPED.values(), ids=WRAPPED.keys())
def test_wrappers_are_refused_with_the_way_to_the_layer(kind: Any, build: Build, remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        trace_gates(build(kind), sequence())


def test_a_layer_compiled_in_place_and_weights_of_a_functional_call_are_read_as_they_are() -> None:
    rnn, other = nn.LSTM(SIZE, SIZE), nn.LSTM(SIZE, SIZE)
    expected = trace_gates(other, sequence())["forget"]
    with torch.nn.utils.stateless._reparametrize_module(rnn, dict(other.named_parameters())):
        assert torch.equal(trace_gates(rnn, sequence())["forget"], expected)
    other.compile(backend=lambda *_: pytest.fail("compiled"))
    assert torch.equal(trace_gates(other, sequence())["forget"], expected)


def test_parametrisations_cached_outside_stay_cached() -> None:
    rnn = READABLE["weight_norm"](nn.LSTM)
    with nn.utils.parametrize.cached():
        trace_gates(rnn, sequence())
        assert rnn.weight_hh_l0.requires_grad


def test_a_wrong_gate_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = gates.tanh
    monkeypatch.setattr(gates, "tanh", lambda values, out: (tanh(values, out), out.mul_(1 + 1e-3)))
    for rnn in (nn.LSTM(2, 3), nn.GRU(2, 3)):
        with pytest.raises(ValueError, match="differs by"):
            trace_gates(rnn, torch.randn(5, 2, 2))


# --- small signals


@KINDS
@pytest.mark.parametrize("size", [1e-7, 1e-12, 1e-30])
def test_small_signals_are_exact_relative_to_themselves(kind: Any, size: float) -> None:
    rnn = kind(1, 1, bias=False).requires_grad_(False)
    x = torch.full((1, 1, 1), size)
    exact = trace_gates(copy.deepcopy(rnn).double(), x.double())
    for name, values in traced(trace_gates(rnn, x)).items():
        assert_close_ulp(values, traced(exact)[name], 3)


# --- what a trace is


@pytest.mark.parametrize("batch_first", [True, False])
@KINDS
def test_unbatched_input_is_a_batch_of_one(kind: Any, batch_first: bool) -> None:
    rnn = kind(3, 4, num_layers=2, batch_first=batch_first)
    x, states = torch.randn(6, 3), initial_states(rnn, 1, torch.randn)
    single = trace_gates(rnn, x, as_hx([state[:, 0] for state in states]))
    batch = trace_gates(rnn, x[None] if batch_first else x[:, None], as_hx(states))
    assert single.hidden.shape == (2, 1, 1, 6, 4)
    for name, values in traced(single).items():
        assert torch.equal(values, traced(batch)[name])


def test_packed_in_order_has_no_index() -> None:
    rnn, x = nn.LSTM(2, 3), torch.randn(4, 2, 2)
    packed = pack_padded_sequence(x, torch.tensor([4, 2]))
    assert packed.sorted_indices is None
    trace = trace_gates(rnn, packed)
    assert trace.lengths.tolist() == [4, 2]
    assert_close_ulp(trace["forget"][:, :, 1, :2], trace_gates(rnn, x)["forget"][:, :, 1, :2], 2)


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [(nn.GRU, "forget", "'update'"), (nn.LSTM, "update", "'forget'"), (nn.LSTM, "valve", "'cell'")],
)
def test_a_missing_gate_says_which_there_are(kind: Any, name: str, near: str) -> None:
    trace = trace_gates(kind(1, 2), torch.zeros(1, 1, 1))
    with pytest.raises(KeyError, match=f"{name}.*{near}"):
        trace[name]


def test_the_trace_is_frozen_detached_and_its_own() -> None:
    rnn, x = nn.LSTM(2, 3, proj_size=2).double(), torch.randn(4, 2, 2).double().requires_grad_()
    states = initial_states(rnn, 2, torch.randn)
    trace = trace_gates(rnn, x, as_hx(states))
    expected = {name: values.clone() for name, values in traced(trace_gates(rnn, x, as_hx(states))).items()}
    with torch.no_grad():
        for tensor in (x, *states, *rnn.parameters()):
            tensor.fill_(7.0)
    for name, values in traced(trace).items():
        assert torch.equal(values, expected[name])
        assert not values.requires_grad
    with pytest.raises(FrozenInstanceError):
        trace.kind = "GRU"  # type: ignore[misc]
    with pytest.raises(TypeError):
        trace.gates["forget"] = x  # type: ignore[index]


def saved(trace: GateTrace) -> GateTrace:
    file = io.BytesIO()
    torch.save(trace, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@KINDS
@pytest.mark.filterwarnings("ignore:You are using `torch.load`:FutureWarning")  # PyTorch before 2.6, inside pickle
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, saved, lambda t: pickle.loads(pickle.dumps(t))])
def test_traces_can_be_copied_and_pickled_and_stay_light(kind: Any, duplicate: Any) -> None:
    rnn = kind(2, 16, num_layers=2)
    packed = pack_padded_sequence(torch.randn(50, 4, 2), torch.tensor([50, 40, 30, 20]))
    trace = trace_gates(rnn, packed)
    fresh = len(pickle.dumps(trace))
    numbers = 4 * 2 * 50 * 4 * 16 * (6 if kind is nn.LSTM else 4)
    assert fresh < numbers + 8000
    twin = duplicate(trace)
    assert (twin.kind, twin.residual, twin.lengths.tolist()) == (trace.kind, trace.residual, [50, 40, 30, 20])
    for name, values in traced(twin).items():
        torch.testing.assert_close(values, traced(trace)[name], rtol=0, atol=0, equal_nan=True)
    # Reading derived states has not made it heavier.
    assert len(pickle.dumps(trace)) == fresh


def test_dropout_between_layers_is_off_in_eval_mode_and_refused_in_training() -> None:
    rnn, x = nn.LSTM(3, 4, num_layers=2, dropout=0.5), torch.randn(5, 2, 3)
    with pytest.raises(ValueError, match=r"dropout=0.5.*rnn.eval\(\)"):
        trace_gates(rnn, x)
    expected = stacked(unroll(rnn, x))["forget"].detach()
    assert_close_ulp(trace_gates(rnn.eval(), x)["forget"], expected, 4)
    # One layer has nothing to drop between.
    rnn = nn.LSTM(3, 4)
    rnn.dropout = 0.5
    assert trace_gates(rnn, x).residual < 1e-6


@pytest.mark.parametrize("mode", [torch.autocast("cpu", dtype=torch.bfloat16), torch.inference_mode()])
def test_the_surrounding_mode_makes_no_difference(mode: Any) -> None:
    rnn, x = nn.LSTM(3, 4), torch.randn(5, 2, 3)
    with mode:
        trace = trace_gates(rnn, x)
    assert torch.equal(trace["forget"], trace_gates(rnn, x)["forget"])


# --- refusals


def of_two_dtypes() -> nn.LSTM:
    rnn = nn.LSTM(2, 3)
    rnn.bias_hh_l0 = nn.Parameter(rnn.bias_hh_l0.detach().double())
    return rnn


def with_rows(*sizes: int, rows: int) -> PackedSequence:
    return PackedSequence(torch.zeros(rows, 2), torch.tensor(sizes, dtype=torch.int64))


X = torch.zeros(4, 5, 2)
H = torch.zeros(1, 4, 3)


def traced_of(rnn: Any, x: Any, hx: Any = None) -> Callable[[], object]:
    return lambda: trace_gates(rnn, x, hx)


GRU, LSTM = nn.GRU(2, 3, batch_first=True), nn.LSTM(2, 3, batch_first=True)
test_bad_input_is_named = refusing(
    (traced_of(nn.RNN(2, 3), X), TypeError, "nn.RNN, which has no gates"),
    (traced_of(nn.Linear(2, 3), X), TypeError, "got Linear"),
    (traced_of(GRU, torch.zeros(4, 5, 3)), r"x has shape .*input_size=2"),
    (traced_of(GRU, torch.zeros(4, 0, 2)), r"x has shape \(4, 0, 2\)"),
    (traced_of(GRU, [[1.0, 2.0]]), TypeError, "x must be a Tensor or a PackedSequence, got list"),
    (traced_of(GRU, X.double()), r"float64.*float32|torch\.float32, got type torch\.float64"),
    (traced_of(nn.LSTM(2, 3).bfloat16(), X.bfloat16()), "rnn is torch.bfloat16; convert"),
    (traced_of(of_two_dtypes(), X), "bias_hh_l0 is torch.float64"),
    (traced_of(GRU, X.to("meta")), "x is on the meta device"),
    (traced_of(LSTM, X, H), TypeError, r"hx .* \(h_0, c_0\), got Tensor"),
    (traced_of(GRU, X, (H, H)), TypeError, "hx .* h_0, got tuple"),
    (traced_of(LSTM, X, (H, 0.0)), TypeError, "c_0 in hx must be a Tensor"),
    (traced_of(GRU, X, H.transpose(0, 1)), r"h_0 in hx has shape \(4, 1, 3\); .* \(1, 4, 3\)"),
    (traced_of(GRU, X, H.double()), "h_0 is torch.float64"),
    (traced_of(GRU, X, H + torch.nan), r"h_0 holds nan at index \(0, 0, 0\)"),
    (traced_of(GRU, with_rows(2, 0, rows=2)), "x packs a sequence of length 0"),
    (traced_of(GRU, with_rows(2, 1, rows=5)), r"x.data has shape \(5, 2\).* 3 rows"),
)


@settings(max_examples=40)
@given(st.data(), st.sampled_from([torch.nan, torch.inf, -torch.inf]))
def test_what_is_not_finite_is_named(data: st.DataObject, value: float) -> None:
    rnn, x = nn.LSTM(2, 3, num_layers=2, bidirectional=True, proj_size=2, batch_first=True), torch.zeros(4, 3, 2)
    name = data.draw(st.sampled_from(["x", *(name for name, _ in rnn.named_parameters())]))
    values = x if name == "x" else rnn.get_parameter(name).detach()
    index = tuple(data.draw(st.integers(0, size - 1)) for size in values.shape)
    values[index] = value
    place = ", ".join(map(str, index)) + ("," if len(index) == 1 else "")
    with pytest.raises(ValueError, match=rf"{name} holds {value} at index \({place}\)"):
        trace_gates(rnn, x)


def test_large_finite_numbers_are_not_refused() -> None:
    x = torch.full((2, 1, 2), 3e38)  # their sum overflows, they do not
    assert trace_gates(nn.GRU(2, 3), x)["update"].isfinite().all()
