"""The adjoint against autograd through an unrolled loop of cells, and the Jacobians against autograd's."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.nn.functional import linear
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_sequence

from rnncourse.gradients import gradient_flow, spectral_bound, state_jacobians
from rnncourse.initialisation import identity_

Rnn = nn.RNN | nn.LSTM | nn.GRU
KINDS: dict[str, Callable[..., Rnn]] = {
    "tanh": lambda *a, **k: nn.RNN(*a, nonlinearity="tanh", **k),
    "relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "last": lambda out: (out[:, -1] ** 2).sum(),
    "all": lambda out: (out * torch.linspace(-1, 2, out.shape[1], dtype=out.dtype)[:, None]).sin().mean(),
}


def build(kind: str, *sizes: int, seed: int = 0, **options: object) -> Rnn:
    torch.manual_seed(seed)
    return KINDS[kind](*sizes, **options)


def cell_of(rnn: Rnn, suffix: str) -> nn.Module:
    """The torch cell that holds the weights of one layer and direction of ``rnn``."""
    size = getattr(rnn, f"weight_ih_{suffix}").shape[1], rnn.hidden_size
    options = {"nonlinearity": rnn.nonlinearity} if isinstance(rnn, nn.RNN) else {}
    kind = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[type(rnn)]
    cell = kind(*size, bias=rnn.bias, **options).double()
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            parameter.copy_(getattr(rnn, f"{name}_{suffix}"))
    return cell


def unrolled(cell: nn.Module, steps: list[Tensor], hidden_size: int) -> tuple[list[Tensor], list[Tensor]]:
    """Retained h_t and c_t of a loop over one cell, in the order of ``steps``."""
    h = c = steps[0].new_zeros(steps[0].shape[0], hidden_size)
    hs, cs = [], []
    for step in steps:
        if isinstance(cell, nn.LSTMCell):
            h, c = cell(step, (h, c))
            c.retain_grad()
            cs.append(c)
        else:
            h = cell(step, h)
        h.retain_grad()
        hs.append(h)
    return hs, cs


def by_autograd(rnn: Rnn, x: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor | None]:
    """Norms of all layers and directions from ``retain_grad`` on a loop, ``(layers, directions, time)``."""
    steps = list((x if not rnn.batch_first else x.transpose(0, 1)).double())
    states: list[list[tuple[list[Tensor], list[Tensor]]]] = []
    for layer in range(rnn.num_layers):
        forward = unrolled(cell_of(rnn, f"l{layer}"), steps, rnn.hidden_size)
        runs = [forward]
        if rnn.bidirectional:
            hs, cs = unrolled(cell_of(rnn, f"l{layer}_reverse"), steps[::-1], rnn.hidden_size)
            runs.append((hs[::-1], cs[::-1]))
        steps = [torch.cat(parts, dim=-1) for parts in zip(*(hs for hs, _ in runs), strict=True)]
        states.append(runs)
    loss(torch.stack(steps, dim=1)).backward()

    def norms(which: int) -> Tensor:
        return torch.stack(
            [torch.stack([torch.stack([_norm(state.grad) for state in run[which]]) for run in runs]) for runs in states]
        )

    return norms(0), norms(1) if isinstance(rnn, nn.LSTM) else None


def _norm(gradient: Tensor | None) -> Tensor:
    return torch.zeros((), dtype=torch.float64) if gradient is None else gradient.norm()


def assert_equal(measured: Tensor, expected: Tensor) -> None:
    expected = expected.squeeze(1) if expected.shape[1] == 1 else expected
    # Relative to each entry, however far it has decayed; the absolute part is far below the smallest of them.
    torch.testing.assert_close(measured, expected, rtol=1e-10, atol=1e-40)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rnn, Tensor, str]:
    def number(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    input_size, seq_len, batch_size = number(1, 5), number(1, 60), number(1, 4)
    rnn = build(
        draw(st.sampled_from(sorted(KINDS))),
        input_size,
        number(1, 7),
        seed=number(0, 2**31),
        num_layers=number(1, 4),
        batch_first=draw(st.booleans()),
        bidirectional=draw(st.booleans()),
        bias=draw(st.booleans()),
    )
    shape = (batch_size, seq_len) if rnn.batch_first else (seq_len, batch_size)
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    return rnn.to(dtype), torch.randn(*shape, input_size).to(dtype), draw(st.sampled_from(sorted(LOSSES)))


@settings(deadline=None, max_examples=40)
@given(cases())
def test_equals_autograd_through_an_unrolled_loop(case: tuple[Rnn, Tensor, str]) -> None:
    rnn, x, loss = case
    flow = gradient_flow(rnn, x, LOSSES[loss])
    hidden, cell = by_autograd(rnn, x, LOSSES[loss])
    assert_equal(flow.layers_dh, hidden)
    assert torch.equal(flow.dh, flow.layers_dh[-1])
    if cell is None:
        assert flow.dc is None
        assert flow.layers_dc is None
    else:
        assert flow.layers_dc is not None
        assert_equal(flow.layers_dc, cell)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equals_autograd_over_three_hundred_steps(kind: str, loss: str) -> None:
    rnn, x = build(kind, 3, 8, num_layers=2, batch_first=True), torch.randn(2, 300, 3)
    flow = gradient_flow(rnn, x, LOSSES[loss])
    assert_equal(flow.layers_dh, by_autograd(rnn, x, LOSSES[loss])[0])


def test_equals_autograd_with_a_projection() -> None:
    lstm, x = build("lstm", 3, 8, proj_size=5).double(), torch.randn(20, 2, 3).double()
    assert isinstance(lstm, nn.LSTM)
    # LSTMCell knows no projection, so the step is written out here.
    h, c = torch.zeros(2, 5, dtype=torch.float64), torch.zeros(2, 8, dtype=torch.float64)
    hs, cs = [], []
    for step in x:
        gates = linear(step, lstm.weight_ih_l0, lstm.bias_ih_l0) + linear(h, lstm.weight_hh_l0, lstm.bias_hh_l0)
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = linear(o.sigmoid() * c.tanh(), lstm.weight_hr_l0)
        h.retain_grad()
        c.retain_grad()
        hs.append(h)
        cs.append(c)
    torch.testing.assert_close(torch.stack(hs), lstm(x)[0])
    LOSSES["all"](torch.stack(hs, dim=1)).backward()
    flow = gradient_flow(lstm, x, LOSSES["all"])
    assert_equal(flow.layers_dh, torch.stack([_norm(h.grad) for h in hs]).view(1, 1, -1))
    assert flow.layers_dc is not None
    assert_equal(flow.layers_dc, torch.stack([_norm(c.grad) for c in cs]).view(1, 1, -1))


def test_shapes() -> None:
    x = torch.randn(2, 9, 3)
    one_way = gradient_flow(build("lstm", 3, 4, num_layers=3, batch_first=True), x, LOSSES["last"])
    assert one_way.layers_dh.shape == (3, 9)
    assert one_way.dc is not None
    assert one_way.dh.shape == one_way.dc.shape == (9,)
    assert one_way.dh.dtype == torch.float64
    both = gradient_flow(build("gru", 3, 4, num_layers=3, batch_first=True, bidirectional=True), x, LOSSES["last"])
    assert both.layers_dh.shape == (3, 2, 9)
    assert both.dh.shape == (2, 9)
    assert both.dc is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_layout_of_the_input_makes_no_difference(kind: str) -> None:
    first, x = build(kind, 3, 4, num_layers=2, batch_first=True), torch.randn(2, 7, 3)
    second = build(kind, 3, 4, num_layers=2)
    second.load_state_dict(first.state_dict())
    seen: list[torch.Size] = []

    def loss(output: Tensor) -> Tensor:
        seen.append(output.shape)
        assert output.dtype == torch.float64
        return LOSSES["all"](output)

    flow = gradient_flow(first, x, loss)
    assert torch.equal(flow.layers_dh, gradient_flow(second, x.transpose(0, 1), loss).layers_dh)
    assert seen == [(2, 7, 4)] * 2
    alone = gradient_flow(first, x[0], loss)
    assert torch.equal(alone.layers_dh, gradient_flow(first, x[:1], loss).layers_dh)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_step(kind: str) -> None:
    rnn, x = build(kind, 3, 4), torch.randn(1, 2, 3)
    flow = gradient_flow(rnn, x, lambda output: output.sum())
    # All eight entries of the last state have a gradient of 1.
    torch.testing.assert_close(flow.dh, torch.tensor([math.sqrt(8.0)], dtype=torch.float64))


def test_module_input_and_random_state_are_untouched() -> None:
    rnn = build("lstm", 3, 4, num_layers=2, dropout=0.5).eval()
    rnn.register_forward_hook(lambda *_: pytest.fail("a hook ran"))
    x = torch.randn(5, 2, 3, requires_grad=True)
    head = nn.Linear(4, 1).double()
    before, given, state = copy.deepcopy(rnn.state_dict()), x.detach().clone(), torch.get_rng_state()
    gradient_flow(rnn, x, lambda output: head(output).sum())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(x, given)
    assert all(torch.equal(value, before[name]) for name, value in rnn.state_dict().items())
    assert all(parameter.grad is None for parameter in [*rnn.parameters(), *head.parameters(), x])
    assert not rnn.training
    assert all(parameter.requires_grad and parameter.dtype == torch.float32 for parameter in rnn.parameters())


def test_the_surrounding_mode_makes_no_difference() -> None:
    rnn, x = build("gru", 3, 4), torch.randn(6, 2, 3)
    head = torch.randn(4, 1, dtype=torch.float64)

    def loss(output: Tensor) -> Tensor:
        return (output @ head).square().mean()

    expected = gradient_flow(rnn, x, loss).dh
    assert not expected.is_inference()
    for mode in (torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16)):
        with mode:
            assert torch.equal(gradient_flow(rnn, x, loss).dh, expected)


def test_half_precision_and_parametrised_weights_are_read_as_they_act() -> None:
    rnn, x = build("lstm", 3, 4).bfloat16(), torch.randn(6, 2, 3)
    exact = copy.deepcopy(rnn).double()
    assert torch.equal(gradient_flow(rnn, x, LOSSES["last"]).dh, gradient_flow(exact, x, LOSSES["last"]).dh)
    normed = parametrizations.weight_norm(build("lstm", 3, 4).double(), "weight_hh_l0")
    plain = build("lstm", 3, 4).double()
    torch.testing.assert_close(
        gradient_flow(normed, x, LOSSES["last"]).dh, gradient_flow(plain, x, LOSSES["last"]).dh, rtol=1e-10, atol=0
    )


def scalar_rnn(weight: float, nonlinearity: str = "tanh") -> nn.RNN:
    """``h_t = φ(weight · h_{t-1} + x_t)``."""
    rnn = nn.RNN(1, 1, nonlinearity=nonlinearity, bias=False)
    with torch.no_grad():
        rnn.weight_ih_l0.fill_(1.0)
        rnn.weight_hh_l0.fill_(weight)
    return rnn


def test_norms_do_not_underflow_with_their_squares() -> None:
    flow = gradient_flow(scalar_rnn(0.125), torch.zeros(300, 1, 1), lambda output: output[:, -1].sum())
    expected = 0.125 ** torch.arange(299, -1, -1, dtype=torch.float64)
    assert float(expected[0]) < 1e-260
    torch.testing.assert_close(flow.dh, expected, rtol=1e-12, atol=0)


def test_an_exploding_gradient_is_inf_where_it_overflows() -> None:
    flow = gradient_flow(scalar_rnn(8.0), torch.zeros(500, 1, 1), lambda output: output[:, -1].sum())
    exponent = torch.arange(499, -1, -1)
    finite = exponent * 3 < 1024
    torch.testing.assert_close(flow.dh[finite], 8.0 ** exponent[finite].double(), rtol=1e-12, atol=0)
    assert bool(torch.isinf(flow.dh[~finite]).all())


# The Jacobian view


def final_state(rnn: Rnn, x: Tensor, start: list[Tensor], layer: int, state: Tensor) -> Tensor:
    """Full state of ``layer`` after ``x``, if its state before is ``state``: (h,), or h and c in one vector."""
    parts = state.split([start[0].shape[-1], *(part.shape[-1] for part in start[1:])])
    hx = [torch.cat([s[:layer], p.view(1, 1, -1), s[layer + 1 :]]) for s, p in zip(start, parts, strict=True)]
    _, last = rnn(x, tuple(hx) if isinstance(rnn, nn.LSTM) else hx[0])
    return torch.cat([part[layer, 0] for part in (last if isinstance(rnn, nn.LSTM) else (last,))])


def jacobians_by_autograd(rnn: Rnn, x: Tensor, layer: int) -> list[Tensor]:
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


@settings(deadline=None, max_examples=25)
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
    for sequence in x.unbind(1):
        norm = state_jacobians(rnn, sequence).log10_singular_values[:, 0]
        assert bool((norm <= bound + 1e-9).all())
    dh = gradient_flow(rnn, x, LOSSES["last"]).dh
    assert bool((dh <= 10**bound * dh[-1] * (1 + 1e-9)).all())


def test_bound_is_the_product_it_says() -> None:
    rnn, x = build("tanh", 2, 5).double(), torch.randn(10, 1, 2, dtype=torch.float64)
    slopes = (1 - rnn(x)[0].detach()[:, 0].square()).amax(dim=1)
    norm = torch.linalg.svdvals(rnn.weight_hh_l0.detach())[0]
    expected = torch.stack([(slopes[t + 1 :] * norm).prod() for t in range(10)]).log10()
    torch.testing.assert_close(spectral_bound(rnn, x), expected, rtol=1e-12, atol=1e-12)


def test_bound_is_reached_by_the_identity() -> None:
    rnn = identity_(nn.RNN(2, 5, nonlinearity="relu"))
    x = torch.rand(30, 1, 2)
    with torch.no_grad():
        rnn.weight_ih_l0.abs_()
    torch.testing.assert_close(spectral_bound(rnn, x), torch.zeros(30, dtype=torch.float64))
    values = state_jacobians(rnn, x).log10_singular_values
    torch.testing.assert_close(values, torch.zeros(30, 5, dtype=torch.float64))


# Bad input


def spoiled(name: str, value: float) -> nn.LSTM:
    lstm = build("lstm", 3, 4, num_layers=2)
    with torch.no_grad():
        getattr(lstm, name).view(-1)[2] = value
    assert isinstance(lstm, nn.LSTM)
    return lstm


X = torch.ones(5, 2, 3)
BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "wrong kind": (lambda: gradient_flow(nn.Linear(3, 3), X, torch.sum), TypeError, "got Linear"),
    "a cell": (lambda: gradient_flow(nn.LSTMCell(3, 3), X, torch.sum), TypeError, "got LSTMCell"),
    "training with dropout": (
        lambda: gradient_flow(build("gru", 3, 4, num_layers=2, dropout=0.5), X, torch.sum),
        ValueError,
        r"training mode with dropout=0.5.*rnn.eval\(\)",
    ),
    "feature size": (
        lambda: gradient_flow(build("gru", 4, 4), X, torch.sum),
        ValueError,
        r"x has shape \(5, 2, 3\).*input_size=4",
    ),
    "empty sequence": (
        lambda: gradient_flow(build("gru", 3, 4), X[:0], torch.sum),
        ValueError,
        r"x has shape \(0, 2, 3\), which is empty",
    ),
    "empty batch": (lambda: gradient_flow(build("gru", 3, 4), X[:, :0], torch.sum), ValueError, "which is empty"),
    "four axes": (lambda: gradient_flow(build("gru", 3, 4), X[None], torch.sum), ValueError, "expected .time, batch"),
    "packed": (
        lambda: gradient_flow(build("gru", 3, 4), pack_sequence([X[:, 0], X[:3, 0]]), torch.sum),
        TypeError,
        "got PackedSequence",
    ),
    "integers": (lambda: gradient_flow(build("gru", 3, 4), X.long(), torch.sum), TypeError, "x is torch.int64"),
    "nan in a weight": (
        lambda: gradient_flow(spoiled("weight_hh_l1", math.nan), X, torch.sum),
        ValueError,
        r"parameter weight_hh_l1 is nan at index \(0, 2\)",
    ),
    "inf in a bias": (
        lambda: gradient_flow(spoiled("bias_ih_l0", -math.inf), X, torch.sum),
        ValueError,
        r"parameter bias_ih_l0 is -inf at index \(2,\)",
    ),
    "nan in x": (
        lambda: gradient_flow(build("gru", 3, 4), torch.full((5, 2, 3), math.nan), torch.sum),
        ValueError,
        r"x is nan at index \(0, 0, 0\)",
    ),
    "meta device": (
        lambda: gradient_flow(build("gru", 3, 4).to("meta"), X.to("meta"), torch.sum),
        ValueError,
        "on the meta device",
    ),
    "devices differ": (lambda: gradient_flow(build("gru", 3, 4), X.to("meta"), torch.sum), ValueError, "x is on meta"),
    "vector loss": (
        lambda: gradient_flow(build("gru", 3, 4), X, lambda output: output.sum(0)),
        ValueError,
        r"loss must return a scalar, got shape \(5, 4\)",
    ),
    "float loss": (
        lambda: gradient_flow(build("gru", 3, 4), X, lambda output: output.sum().item()),
        TypeError,
        "loss must return a tensor, got float",
    ),
    "constant loss": (
        lambda: gradient_flow(build("gru", 3, 4), X, lambda output: torch.tensor(1.0)),
        ValueError,
        "loss does not depend on the output",
    ),
    "detached loss": (
        lambda: gradient_flow(build("gru", 3, 4), X, lambda output: output.detach().sum()),
        ValueError,
        "loss does not depend on the output",
    ),
    "loss of something else": (
        lambda: gradient_flow(build("gru", 3, 4), X, lambda output: torch.ones(1, requires_grad=True).sum()),
        ValueError,
        "loss does not depend on the output",
    ),
    "nan loss": (
        lambda: gradient_flow(build("gru", 3, 4), X, lambda output: (output.sum() * 0 - 1).log()),
        ValueError,
        "the loss is nan",
    ),
    "nan gradient": (
        lambda: gradient_flow(build("gru", 3, 4), X, lambda output: (output * 0).norm().add(output.sum() * 0).sqrt()),
        ValueError,
        "gradient of loss at the output is nan",
    ),
    "state overflows": (
        lambda: gradient_flow(scalar_rnn(10.0, "relu"), torch.ones(400, 1, 1), torch.sum),
        ValueError,
        "the states of rnn leave the range of float64",
    ),
    "state overflows before its jacobian": (
        lambda: state_jacobians(scalar_rnn(10.0, "relu"), torch.ones(400, 1)),
        ValueError,
        "the states of rnn leave the range of float64",
    ),
    "jacobians of a batch": (lambda: state_jacobians(build("gru", 3, 4), X), ValueError, "x holds 2 sequences"),
    "jacobians both ways": (
        lambda: state_jacobians(build("gru", 3, 4, bidirectional=True), X[:, 0]),
        ValueError,
        "rnn is bidirectional",
    ),
    "no such layer": (lambda: state_jacobians(build("gru", 3, 4), X[:, 0], layer=1), ValueError, "layer is 1"),
    "bound of a gru": (lambda: spectral_bound(build("gru", 3, 4), X), TypeError, "must be an nn.RNN, got GRU"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    act, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        act()


def test_a_float32_head_is_explained() -> None:
    head = nn.Linear(4, 1)
    with pytest.raises(TypeError, match=r"loss failed on the float64 output .*; convert the heads and targets"):
        gradient_flow(build("gru", 3, 4), X, lambda output: head(output).sum())
