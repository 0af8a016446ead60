"""The adjoint against autograd through a loop of cells and exact arithmetic, the Jacobians against autograd's."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.nn.utils.rnn import pack_sequence

from rnncourse.gradients import GradientFlow, gradient_flow, spectral_bound, state_jacobians
from tests.cell_loop import Layer, unroll
from tests.closeness import assert_close_ulp
from tests.layer_zoo import READABLE, UNREADABLE, WRAPPED, Build, sequence
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
    return {
        name: torch.stack(
            [torch.stack([torch.stack([norm(h.grad) for h in way[name]]) for way in ways]) for ways in layers]
        )
        for name in ("h", "c")
        if name in layers[0][0]
    }


def norm(gradient: Tensor | None) -> Tensor:
    return torch.zeros((), dtype=torch.float64) if gradient is None else gradient.norm()


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


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equals_autograd_over_three_hundred_steps(kind: str, loss: str) -> None:
    rnn, x = build(kind, 3, 8, num_layers=2).double(), torch.randn(300, 2, 3).double()
    assert_flow(gradient_flow(rnn, x, LOSSES[loss]), by_autograd(rnn, x, LOSSES[loss]))


def test_shapes() -> None:
    one_way = gradient_flow(build("lstm", 3, 4, num_layers=3), torch.randn(9, 2, 3), LOSSES["last"])
    assert one_way.layers_dh.shape == one_way.layers_dc.shape == one_way.layers_log10_dh.shape == (3, 9)
    assert one_way.dh.shape == one_way.dc.shape == one_way.log10_dc.shape == (9,)
    assert one_way.dh.dtype == one_way.log10_dh.dtype == torch.float64
    both = gradient_flow(build("gru", 3, 4, num_layers=3, bidirectional=True), torch.randn(9, 2, 3), LOSSES["last"])
    assert both.layers_dh.shape == both.layers_log10_dh.shape == (3, 2, 9)
    assert both.dh.shape == (2, 9)
    assert both.dc is both.log10_dc is None


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


@pytest.mark.parametrize("build", READABLE.values(), ids=READABLE.keys())
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


@pytest.mark.parametrize("build", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_not_the_kernels_output_is_refused_and_nothing_changes(build: Build) -> None:
    rnn = build(nn.LSTM)
    before = remember(rnn)
    with pytest.raises(ValueError, match="rnn"):
        gradient_flow(rnn, sequence(), LOSSES["last"])
    assert_remembered(rnn, before)


@pytest.mark.parametrize(("build", "remedy"), WRAPPED.values(), ids=WRAPPED.keys())
def test_wrappers_are_refused_with_the_way_to_the_layer(build: Build, remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        gradient_flow(build(nn.RNN), sequence(), LOSSES["last"])


def test_a_learned_initial_state_is_where_the_sequence_starts() -> None:
    class Learned(nn.GRU):
        def forward(self, x: Tensor, hx: Tensor | None = None) -> Any:
            return super().forward(x, self.h_0.expand(-1, x.shape[1], -1))

    rnn = Learned(3, 4).double()
    rnn.h_0 = nn.Parameter(torch.randn(1, 1, 4).double())
    x, start = torch.randn(6, 2, 3).double(), rnn.h_0.detach().expand(-1, 2, -1)
    layers = unroll(rnn, x, [start], retain=True)
    LOSSES["last"](torch.stack(layers[0][0]["h"], 1)).backward()
    torch.testing.assert_close(
        gradient_flow(rnn, x, LOSSES["last"]).dh, torch.stack([norm(h.grad) for h in layers[0][0]["h"]])
    )


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


class HeadError(Exception):
    pass


def fails(error: Exception) -> Callable[[Tensor], Tensor]:
    def loss(output: Tensor) -> Tensor:
        raise error

    return loss


@pytest.mark.parametrize("error", [HeadError("mine"), RuntimeError("mine"), KeyError("mine"), StopIteration("mine")])
def test_an_error_in_the_loss_is_passed_on_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        gradient_flow(build("gru", 3, 4), X, fails(error))
    assert raised.value is error


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


def exact_flow(lstm: nn.LSTM, x: Tensor) -> tuple[Tensor, Tensor]:
    """log10 of dL/dh_t and dL/dc_t of the last state of a single unit, in 30 digits."""
    mpmath.mp.dps = 30
    w, u = ([mpmath.mpf(v) for v in weight.flatten().tolist()] for weight in (lstm.weight_ih_l0, lstm.weight_hh_l0))
    b = [mpmath.mpf(p) + mpmath.mpf(q) for p, q in zip(lstm.bias_ih_l0.tolist(), lstm.bias_hh_l0.tolist(), strict=True)]
    h = c = mpmath.mpf(0)
    tape, found = [], []
    for x_t in x.flatten().tolist():
        i, f, g, o = (w[k] * mpmath.mpf(x_t) + u[k] * h + b[k] for k in range(4))
        i, f, o = (1 / (1 + mpmath.exp(-a)) for a in (i, f, o))
        g, before = mpmath.tanh(g), c
        c = f * c + i * g
        h = o * mpmath.tanh(c)
        tape.append((i, f, g, o, before, mpmath.tanh(c)))
    dh, carry = mpmath.mpf(1), mpmath.mpf(0)
    for i, f, g, o, before, tanh_c in reversed(tape):
        dc = carry + dh * o * (1 - tanh_c**2)
        found.append((float(mpmath.log10(abs(dh))), float(mpmath.log10(abs(dc)))))
        to_i, to_f, to_g = dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g**2)
        dh, carry = u[0] * to_i + u[1] * to_f + u[2] * to_g + u[3] * dh * tanh_c * o * (1 - o), dc * f
    dh, dc = torch.tensor(found[::-1], dtype=torch.float64).unbind(1)
    return dh, dc


def test_twenty_thousand_steps_equal_exact_arithmetic() -> None:
    lstm, x = build("lstm", 1, 1, seed=3).double(), torch.randn(20_000, 1, 1).double()
    flow = gradient_flow(lstm, x, lambda output: output[:, -1].sum())
    dh, dc = exact_flow(lstm, x)
    assert dh[0] < -2000
    torch.testing.assert_close(flow.log10_dh, dh, rtol=0, atol=1e-9)
    torch.testing.assert_close(flow.log10_dc, dc, rtol=0, atol=1e-9)


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


# --- the Jacobian view


def final_state(rnn: Layer, x: Tensor, start: list[Tensor], layer: int, state: Tensor) -> Tensor:
    """Full state of ``layer`` after ``x``, if its state before is ``state``: (h,), or h and c in one vector."""
    parts = state.split([start[0].shape[-1], *(part.shape[-1] for part in start[1:])])
    hx = [torch.cat([s[:layer], p.view(1, 1, -1), s[layer + 1 :]]) for s, p in zip(start, parts, strict=True)]
    _, last = rnn(x, tuple(hx) if isinstance(rnn, nn.LSTM) else hx[0])
    return torch.cat([part[layer, 0] for part in (last if isinstance(rnn, nn.LSTM) else (last,))])


def jacobians_by_autograd(rnn: Layer, x: Tensor, layer: int) -> list[Tensor]:
    """``∂s_T / ∂s_t`` of one layer for every step; ``x`` has shape ``(time, 1, feature)``, both in float64."""
    matrices = []
    for t in range(1, len(x)):
        _, start = rnn(x[:t])
        states = [part.detach() for part in (start if isinstance(rnn, nn.LSTM) else (start,))]
        at = torch.cat([part[layer, 0] for part in states])
        matrices.append(jacobian(partial(final_state, rnn, x[t:], states, layer), at))
    return [*matrices, torch.eye(len(matrices[0]), dtype=torch.float64)]


@pytest.mark.parametrize("options", [{}, {"num_layers": 3, "bias": False}, {"proj_size": 2}])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_singular_values_equal_those_of_autograds_jacobian(kind: str, options: dict[str, int]) -> None:
    if "proj_size" in options and kind != "lstm":
        options = {"num_layers": 2}
    rnn = build(kind, 3, 4, **options).double()
    x = torch.randn(12, 1, 3, dtype=torch.float64)
    for layer in {0, rnn.num_layers - 1}:
        measured = state_jacobians(rnn, x, layer=layer)
        exact = jacobians_by_autograd(rnn, x, layer)
        compare_spectra(measured.log10_singular_values, torch.stack(exact))
        if kind == "lstm":
            width = len(exact[0]) - rnn.hidden_size
            assert measured.log10_cell is not None
            compare_spectra(measured.log10_cell, torch.stack(exact)[:, width:, width:])
        else:
            assert measured.log10_cell is None


def compare_spectra(log10_values: Tensor, matrices: Tensor) -> None:
    expected = torch.linalg.svdvals(matrices)
    assert log10_values.shape == expected.shape
    clear = expected > 1e-5 * expected[:, :1]
    assert bool(torch.isfinite(log10_values[clear]).all())
    torch.testing.assert_close(10 ** log10_values[clear], expected[clear], rtol=1e-9, atol=0)


def test_singular_values_outlive_float64() -> None:
    values = state_jacobians(scalar_rnn(0.125), torch.zeros(2000, 1)).log10_singular_values
    expected = math.log10(0.125) * torch.arange(1999, -1, -1, dtype=torch.float64)
    assert float(values[0, 0]) < -1800
    torch.testing.assert_close(values[:, 0], expected, rtol=1e-12, atol=1e-12)


def test_what_drowns_in_rounding_is_nan_and_a_dead_layer_minus_infinity() -> None:
    rnn = nn.RNN(1, 2, bias=False).double()
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(torch.diag(torch.tensor([1.0, 1e-3])))
    values = state_jacobians(rnn, torch.zeros(8, 1)).log10_singular_values
    torch.testing.assert_close(values[:, 0], torch.zeros(8, dtype=torch.float64))
    # 1e-3 per step: resolved down to 1e-12 after four steps, no more from the fifth on.
    torch.testing.assert_close(values[4:, 1], torch.tensor([-9.0, -6.0, -3.0, 0.0], dtype=torch.float64))
    assert bool(torch.isnan(values[:3, 1]).all())
    dead = scalar_rnn(1.0, "relu")
    assert state_jacobians(dead, -torch.ones(3, 1)).log10_singular_values.squeeze(1).tolist() == [-math.inf] * 2 + [0]
    assert spectral_bound(dead, -torch.ones(3, 1)).tolist() == [-math.inf] * 2 + [0]


@settings(max_examples=25)
@given(
    st.sampled_from(["tanh", "relu"]), st.integers(1, 6), st.integers(1, 40), st.integers(0, 2**31), st.floats(0.1, 3)
)
def test_bound_lies_above_the_jacobian_and_the_gradient(
    kind: str, hidden_size: int, seq_len: int, seed: int, gain: float
) -> None:
    rnn = build(kind, 2, hidden_size, seed=seed, num_layers=2)
    with torch.no_grad():
        rnn.weight_hh_l1.mul_(gain)
    x = torch.randn(seq_len, 3, 2)
    bound = spectral_bound(rnn, x)
    assert bound.shape == (seq_len,)
    for row in x.unbind(1):
        norm = state_jacobians(rnn, row).log10_singular_values[:, 0]
        assert bool((norm <= bound + 1e-9).all())
    dh = gradient_flow(rnn, x, LOSSES["last"]).dh
    assert bool((dh <= 10**bound * dh[-1] * (1 + 1e-9)).all())


def test_bound_is_the_product_it_says() -> None:
    rnn, x = build("tanh", 2, 5).double(), torch.randn(10, 1, 2, dtype=torch.float64)
    slopes = (1 - rnn(x)[0].detach()[:, 0].square()).amax(dim=1)
    norm = torch.linalg.svdvals(rnn.weight_hh_l0.detach())[0]
    expected = torch.stack([(slopes[t + 1 :] * norm).prod() for t in range(10)]).log10()
    torch.testing.assert_close(spectral_bound(rnn, x), expected, rtol=1e-12, atol=1e-12)


# --- bad input


def spoiled(name: str, value: float) -> Layer:
    lstm = build("lstm", 3, 4, num_layers=2)
    getattr(lstm, name).detach().view(-1)[2] = value
    return lstm


X, GRU = torch.ones(5, 2, 3), build("gru", 3, 4)
BAD: dict[str, tuple[Any, Any, Any, type[Exception], str]] = {
    "wrong kind": (nn.Linear(3, 3), X, torch.sum, TypeError, "got Linear"),
    "a cell": (nn.LSTMCell(3, 3), X, torch.sum, TypeError, "got LSTMCell"),
    "dropout": (build("gru", 3, 4, num_layers=2, dropout=0.5), X, torch.sum, ValueError, r"dropout=0.5.*rnn.eval\(\)"),
    "feature size": (build("gru", 4, 4), X, torch.sum, ValueError, r"x has shape \(5, 2, 3\).*input_size=4"),
    "empty sequence": (GRU, X[:0], torch.sum, ValueError, r"x has shape \(0, 2, 3\), which is empty"),
    "empty batch": (GRU, X[:, :0], torch.sum, ValueError, "x has shape"),
    "four axes": (GRU, X[None], torch.sum, ValueError, r"x has shape .*\(time, batch"),
    "packed": (GRU, pack_sequence([X[:, 0], X[:3, 0]]), torch.sum, TypeError, "x .* got PackedSequence"),
    "integers": (GRU, X.long(), torch.sum, TypeError, "x is torch.int64"),
    "nan in a weight": (spoiled("weight_hh_l1", math.nan), X, torch.sum, ValueError, r"weight_hh_l1 .* \(0, 2\)"),
    "inf in a bias": (spoiled("bias_ih_l0", -math.inf), X, torch.sum, ValueError, r"bias_ih_l0 holds -inf .* \(2,\)"),
    "nan in x": (GRU, X * math.nan, torch.sum, ValueError, r"x holds nan at index \(0, 0, 0\)"),
    "meta device": (build("gru", 3, 4).to("meta"), X.to("meta"), torch.sum, ValueError, "x is on the meta device"),
    "devices differ": (build("gru", 3, 4).to("meta"), X, torch.sum, ValueError, "weight_ih_l0 is on the meta device"),
    "vector loss": (GRU, X, lambda output: output.sum(0), ValueError, r"loss .* scalar, got shape \(5, 4\)"),
    "float loss": (GRU, X, lambda output: output.sum().item(), TypeError, "loss .* tensor, got float"),
    "constant loss": (GRU, X, lambda output: torch.tensor(1.0), ValueError, "loss does not depend"),
    "detached loss": (GRU, X, lambda output: output.detach().sum(), ValueError, "loss does not depend"),
    "another's loss": (GRU, X, lambda _: torch.ones(1, requires_grad=True).sum(), ValueError, "loss does not depend"),
    "nan loss": (GRU, X, lambda output: (output.sum() * 0 - 1).log(), ValueError, "loss is nan"),
    "nan gradient": (GRU, X, lambda out: (out * 0).norm().add(out.sum() * 0).sqrt(), ValueError, "gradient of loss"),
    "overflow": (scalar_rnn(10.0, "relu"), torch.ones(400, 1, 1), torch.sum, ValueError, "states of rnn .* float64"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    rnn, x, loss, error, message = BAD[case]
    with pytest.raises(error, match=message):
        gradient_flow(rnn, x, loss)


@pytest.mark.parametrize(
    ("instrument", "rnn", "options", "error", "message"),
    [
        (state_jacobians, GRU, {}, ValueError, "x holds 2 sequences"),
        (state_jacobians, build("gru", 3, 4, bidirectional=True), {}, ValueError, "rnn is bidirectional"),
        (state_jacobians, GRU, {"layer": 1}, ValueError, "layer is 1"),
        (spectral_bound, GRU, {}, TypeError, "rnn must be an nn.RNN, got GRU"),
        (spectral_bound, build("tanh", 3, 4, bidirectional=True), {}, ValueError, "rnn is bidirectional"),
        (spectral_bound, build("tanh", 3, 4), {"layer": -2}, ValueError, "layer is -2"),
    ],
)
def test_bad_input_of_the_jacobian_view_is_named(
    instrument: Any, rnn: Layer, options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        instrument(rnn, X, **options)
