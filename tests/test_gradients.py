"""The adjoint against autograd through a loop of cells, and far beyond the range of float64 against itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from rnncourse.gradients import GradientFlow, gradient_flow
from tests.cell_loop import Layer, unroll
from tests.closeness import assert_close_ulp
from tests.layer_zoo import READABLE, UNREADABLE, WRAPPED, Build, sequence
from tests.refusals import refusing
from tests.test_gates import assert_remembered, remember

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore:.*deprecated.*")]

KINDS: dict[str, Callable[..., Layer]] = {
    "tanh": lambda *a, **k: nn.RNN(*a, nonlinearity="tanh", **k),
    "relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "last": lambda out: (out[:, -1] ** 2).sum(),
    "first": lambda out: (out[:, 0] ** 2).sum(),
    "each sequence where it ends": lambda out: sum((row[k] ** 2).sum() for k, row in enumerate(out) if k < len(row)),
    "all": lambda out: (out * torch.linspace(-1, 2, out.shape[1], dtype=out.dtype)[:, None]).sin().mean(),
}


def build(kind: str, *sizes: int, seed: int = 0, **options: Any) -> Layer:
    torch.manual_seed(seed)
    return KINDS[kind](*sizes, **options)


def by_autograd(rnn: Layer, x: Tensor, loss: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Norms of dL/dh_t, dL/dc_t from gradients kept along a loop over cells, ``(layers, directions, time)``."""
    layers = unroll(rnn, x, retain=True)
    output = torch.stack([torch.cat(parts, -1) for parts in zip(*(way["h"] for way in layers[-1]), strict=True)], 1)
    loss(output).backward()

    def norms(states: list[Tensor]) -> list[float]:
        return [0.0 if state.grad is None else state.grad.norm().item() for state in states]

    names = [name for name in ("h", "c") if name in layers[0][0]]
    found = {name: [[norms(way[name]) for way in ways] for ways in layers] for name in names}
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in found.items()}


def assert_flow(flow: GradientFlow, expected: dict[str, Tensor]) -> None:
    measured = {"h": (flow.layers_dh, flow.layers_log10_dh, flow.dh, flow.log10_dh)}
    if flow.layers_dc is not None:
        measured["c"] = (flow.layers_dc, flow.layers_log10_dc, flow.dc, flow.log10_dc)
    assert measured.keys() == expected.keys()
    for name, (norms, logs, last, log_last) in measured.items():
        exact = expected[name].squeeze(1) if expected[name].shape[1] == 1 else expected[name]
        # Relative to each entry, however far it has decayed; the absolute part is far below the smallest of them.
        torch.testing.assert_close(norms, exact, rtol=1e-10, atol=1e-40)
        seen = exact > 1e-40
        torch.testing.assert_close(logs[seen], exact[seen].log10(), rtol=0, atol=1e-10)
        assert torch.equal(logs == -torch.inf, norms == 0)
        assert torch.equal(last, norms[-1])
        assert torch.equal(log_last, logs[-1])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Layer, Tensor, str]:
    def number(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    kind, hidden_size = draw(st.sampled_from(sorted(KINDS))), number(1, 7)
    rnn = build(
        kind,
        number(1, 5),
        hidden_size,
        seed=number(0, 2**31),
        num_layers=number(1, 4),
        bidirectional=draw(st.booleans()),
        bias=draw(st.booleans()),
        **({"proj_size": draw(st.sampled_from([0, hidden_size - 1]))} if kind == "lstm" else {}),
    ).double()
    return rnn, torch.randn(number(1, 60), number(1, 4), rnn.input_size).double(), draw(st.sampled_from(sorted(LOSSES)))


@settings(max_examples=60)
@given(cases())
def test_equals_autograd_through_an_unrolled_loop(case: tuple[Layer, Tensor, str]) -> None:
    rnn, x, loss = case
    assert_flow(gradient_flow(rnn, x, LOSSES[loss]), by_autograd(rnn, x, LOSSES[loss]))


@pytest.mark.parametrize("loss", ["last", "all"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equals_autograd_over_three_hundred_steps(kind: str, loss: str) -> None:
    rnn, x = build(kind, 3, 8, num_layers=2).double(), torch.randn(300, 2, 3).double()
    assert_flow(gradient_flow(rnn, x, LOSSES[loss]), by_autograd(rnn, x, LOSSES[loss]))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_layout_of_the_input_makes_no_difference(kind: str) -> None:
    first, x = build(kind, 3, 4, num_layers=2, batch_first=True), torch.randn(2, 7, 3)
    second = build(kind, 3, 4, num_layers=2)
    second.load_state_dict(first.state_dict())
    seen: list[torch.Size] = []

    def loss(output: Tensor) -> Tensor:
        seen.append(output.shape)
        assert output.dtype == torch.float64
        assert output.is_contiguous()
        return LOSSES["all"](output)

    flow = gradient_flow(first, x, loss)
    assert torch.equal(flow.layers_dh, gradient_flow(second, x.transpose(0, 1), loss).layers_dh)
    assert seen == [(2, 7, 4)] * 2
    alone = gradient_flow(first, x[0], loss)
    assert torch.equal(alone.layers_dh, gradient_flow(first, x[:1], loss).layers_dh)


# --- it is the gradient in what the module computes, or a refusal


# How a call is watched is tested with the gates; here, that this instrument watches it.
@pytest.mark.parametrize("build", [READABLE["old weight_norm"], READABLE["keeps statistics"]])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_whatever_a_call_computes_is_what_is_differentiated_and_nothing_changes(kind: Any, build: Build) -> None:
    torch.manual_seed(0)
    rnn, x, seen = build(kind), sequence(), []
    before = remember(rnn)
    flow = gradient_flow(rnn, x, lambda output: seen.append(output.detach()) or LOSSES["last"](output))
    assert_remembered(rnn, before)
    with torch.no_grad():
        returned = rnn(x)
    output = returned if isinstance(returned, Tensor) else returned[0]
    assert_close_ulp(seen[0].transpose(0, 1), output, 8)
    assert flow.loss == LOSSES["last"](seen[0]).item()


@pytest.mark.parametrize(
    "mode",
    [torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16)],
    ids=["no_grad", "inference", "autocast"],
)
def test_the_surrounding_mode_makes_no_difference(mode: Any) -> None:
    rnn, x, head = build("gru", 3, 4), torch.randn(6, 2, 3), torch.randn(4, 1, dtype=torch.float64)

    def loss(output: Tensor) -> Tensor:
        return (output @ head).square().mean()

    expected = gradient_flow(rnn, x, loss).dh
    assert not expected.is_inference()
    with mode:
        assert torch.equal(gradient_flow(rnn, x, loss).dh, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_module_of_low_precision_is_read_in_float64(dtype: torch.dtype) -> None:
    rnn, x = build("lstm", 3, 4).to(dtype), torch.randn(6, 2, 3).double()
    exact = nn.LSTM(3, 4).double()
    exact.load_state_dict({name: value.double() for name, value in rnn.state_dict().items()})
    assert torch.equal(gradient_flow(rnn, x, LOSSES["last"]).dh, gradient_flow(exact, x, LOSSES["last"]).dh)


# --- neither small nor large gradients leave the logarithm


def scalar_rnn(weight: float, nonlinearity: str = "tanh") -> nn.RNN:
    """``h_t = φ(weight · h_{t-1} + x_t)``."""
    rnn = nn.RNN(1, 1, nonlinearity=nonlinearity, bias=False)
    with torch.no_grad():
        rnn.weight_ih_l0.fill_(1.0)
        rnn.weight_hh_l0.fill_(weight)
    return rnn


@pytest.mark.parametrize("weight", [0.125, 8.0, 2.0**-120, 2.0**120])
def test_powers_are_exact_far_beyond_the_range_of_float64(weight: float) -> None:
    flow = gradient_flow(scalar_rnn(weight), torch.zeros(4_000, 1, 1), lambda output: output[:, -1].sum())
    exponents = math.log2(weight) * torch.arange(3_999, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(flow.log10_dh, exponents * math.log10(2), rtol=1e-14, atol=1e-9)
    assert flow.dh.tolist() == [math.ldexp(1, int(e)) if e < 1024 else math.inf for e in exponents]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_two_halves_of_a_long_sequence_add_up(kind: str) -> None:
    # The gradient is linear in the loss: scaled by 1e-200, or reaching only one sequence, it is as long a way down.
    rnn, x = build(kind, 3, 4, num_layers=2, bidirectional=True).double(), torch.randn(1_000, 2, 3).double()

    def logs(loss: Callable[[Tensor], Tensor]) -> Tensor:
        return gradient_flow(rnn, x, loss).layers_log10_dh

    one, two = (logs(lambda out, k=k: out[k, 500].sum()) for k in range(2))
    both = logs(lambda out: out[:, 500].sum())
    assert float(both.min()) < (-30 if kind != "relu" else 0)
    torch.testing.assert_close(both, torch.logaddexp(2 * one * L10, 2 * two * L10) / (2 * L10), rtol=0, atol=1e-9)
    torch.testing.assert_close(logs(lambda out: out[:, 500].sum() * 1e-200), both - 200, rtol=0, atol=1e-9)


L10 = math.log(10)


def test_a_gradient_survives_beside_a_larger_one_that_ends() -> None:
    # The first sequence's gradient is cut off at step 50; the second's is 1e-400 of it there, and goes on.
    rnn, x = scalar_rnn(2.0**-20, "relu"), torch.zeros(100, 2, 1)
    x[:, 1], x[50:, 0], x[49, 0] = 1.0, 2.0**20, -(2.0**21)
    flow = gradient_flow(rnn, x, lambda out: out[0, -1].sum() * 2.0**900 + out[1, -1].sum())
    exact = -20 * torch.arange(99, -1, -1, dtype=torch.float64) * math.log10(2)
    torch.testing.assert_close(flow.log10_dh[:49], exact[:49], rtol=0, atol=1e-9)


def test_memory_and_time_are_linear_in_time() -> None:
    def spent(seq_len: int) -> tuple[int, int]:
        rnn, x, calls = build("lstm", 2, 4), torch.randn(seq_len, 1, 2), 0
        with torch.profiler.profile(profile_memory=True) as profile:
            gradient_flow(rnn, x, LOSSES["last"])
        events = profile.events()
        calls = sum(event.name.startswith("aten::") for event in events)
        return calls, sum(max(event.self_cpu_memory_usage, 0) for event in events)

    (calls, memory), (more_calls, more_memory) = spent(128), spent(512)
    assert more_calls < 4.1 * calls
    assert more_memory < 4.1 * memory


# --- bad input


def flow_of(rnn: Any, x: Any, loss: Any = torch.sum) -> Callable[[], object]:
    return lambda: gradient_flow(rnn, x, loss)


X, GRU = torch.ones(5, 2, 3), build("gru", 3, 4)
test_bad_input_is_named = refusing(
    (flow_of(UNREADABLE["twice over"](nn.GRU), sequence()), "kernel 2 times"),
    (flow_of(WRAPPED["sequential"][0](nn.RNN), sequence()), TypeError, r"rnn\[1\]"),
    (flow_of(nn.Linear(3, 3), X), TypeError, "got Linear"),
    (flow_of(build("gru", 4, 4), X), r"x has shape \(5, 2, 3\).*input_size=4"),
    (flow_of(GRU, X[:0]), r"x has shape \(0, 2, 3\), which is empty"),
    (flow_of(GRU, pack_sequence([X[:, 0], X[:3, 0]])), TypeError, "x .* got PackedSequence"),
    (flow_of(GRU, X.long()), TypeError, "x is torch.int64"),
    (flow_of(GRU, X * math.nan), r"x holds nan at index \(0, 0, 0\)"),
    (flow_of(GRU, X, lambda output: output.sum(0)), r"loss .* scalar, got shape \(5, 4\)"),
    (flow_of(GRU, X, lambda output: output.sum().item()), TypeError, "loss .* tensor, got float"),
    (flow_of(GRU, X, lambda output: output.detach().sum()), "loss does not depend"),
    (flow_of(GRU, X, lambda output: (output.sum() * 0 - 1).log()), "loss is nan"),
    (flow_of(GRU, X, lambda out: (out * 0).norm().add(out.sum() * 0).sqrt()), "gradient of loss"),
    (flow_of(scalar_rnn(10.0, "relu"), torch.ones(400, 1, 1)), "states of rnn .* float64"),
)


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyError("mine"), StopIteration("mine")])
def test_an_error_in_the_loss_is_passed_on_as_it_is(error: Exception) -> None:
    def loss(output: Tensor) -> Tensor:
        raise error

    with pytest.raises(type(error)) as raised:
        gradient_flow(GRU, X, loss)
    assert raised.value is error
