"""Gate traces against loops over ``nn.LSTMCell`` and ``nn.GRUCell``, and every refusal."""

import copy
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnncourse.gates import GateTrace, trace_gates

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
# Rows of the stacked weight matrices, by torch's documentation.
LSTM_GATES = ("input", "forget", "cell", "output")
GRU_GATES = ("reset", "update", "new")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that share matrices this small mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# --- the reference: loops over cells, one sequence at a time where lengths differ


def cell_of(rnn: nn.LSTM | nn.GRU, suffix: str) -> nn.LSTMCell | nn.GRUCell:
    weight = getattr(rnn, f"weight_ih_{suffix}")
    kind = nn.LSTMCell if isinstance(rnn, nn.LSTM) else nn.GRUCell
    cell = kind(weight.shape[1], rnn.hidden_size, bias=rnn.bias, dtype=weight.dtype)
    names = ("weight_ih", "weight_hh") + (("bias_ih", "bias_hh") if rnn.bias else ())
    for name in names:
        setattr(cell, name, nn.Parameter(getattr(rnn, f"{name}_{suffix}").detach().clone()))
    return cell


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return nn.functional.linear(x, weight, bias)


def lstm_step(rnn: nn.LSTM, cell: nn.LSTMCell, suffix: str, x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
    sums = affine(x, cell.weight_ih, cell.bias_ih if rnn.bias else None)
    sums = sums + affine(h, cell.weight_hh, cell.bias_hh if rnn.bias else None)
    i, f, g, o = sums.chunk(4, -1)
    step = {"input": i.sigmoid(), "forget": f.sigmoid(), "cell": g.tanh(), "output": o.sigmoid()}
    if rnn.proj_size:
        c = step["forget"] * c + step["input"] * step["cell"]
        h = (step["output"] * c.tanh()) @ getattr(rnn, f"weight_hr_{suffix}").T
    else:
        h, c = cell(x, (h, c))
    return step | {"h": h, "c": c}


def gru_step(rnn: nn.GRU, cell: nn.GRUCell, x: Tensor, h: Tensor) -> dict[str, Tensor]:
    ir, iz, in_ = affine(x, cell.weight_ih, cell.bias_ih if rnn.bias else None).chunk(3, -1)
    hr, hz, hn = affine(h, cell.weight_hh, cell.bias_hh if rnn.bias else None).chunk(3, -1)
    r = (ir + hr).sigmoid()
    return {"reset": r, "update": (iz + hz).sigmoid(), "new": (in_ + r * hn).tanh(), "h": cell(x, h)}


def unroll(
    rnn: nn.LSTM | nn.GRU, suffix: str, x: Tensor, initial: list[Tensor], *, backward: bool
) -> dict[str, Tensor]:
    """Every quantity of one layer and direction, (time, batch, width), in the order of the input."""
    cell, state, steps = cell_of(rnn, suffix), list(initial), []
    for row in x.flip(0) if backward else x:
        before = {"h_prev": state[0]} | ({"c_prev": state[1]} if len(state) == 2 else {})
        if isinstance(rnn, nn.LSTM):
            step = lstm_step(rnn, cell, suffix, row, *state)
            state = [step["h"], step["c"]]
        else:
            step = gru_step(rnn, cell, row, state[0])
            state = [step["h"]]
        steps.append(step | before)
    ordered = steps[::-1] if backward else steps
    return {name: torch.stack([step[name] for step in ordered]) for name in steps[0]}


def reference(rnn: nn.LSTM | nn.GRU, x: Tensor, initial: list[Tensor]) -> dict[str, Tensor]:
    """Every quantity, (layers, directions, batch, time, width), of time-major ``x`` without padding."""
    directions = 1 + rnn.bidirectional
    layers = []
    for layer in range(rnn.num_layers):
        found = []
        for d in range(directions):
            states = [state[layer * directions + d] for state in initial]
            suffix = f"l{layer}" + ("_reverse" if d else "")
            found.append(unroll(rnn, suffix, x, states, backward=bool(d)))
        x = torch.cat([one["h"] for one in found], -1)
        layers.append(found)
    return {
        name: torch.stack([torch.stack([one[name].transpose(0, 1) for one in found]) for found in layers])
        for name in layers[0][0]
    }


def zero_states(rnn: nn.LSTM | nn.GRU, batch: int) -> list[Tensor]:
    layers, dtype = rnn.num_layers * (1 + rnn.bidirectional), rnn.weight_ih_l0.dtype
    h = torch.zeros(layers, batch, rnn.proj_size or rnn.hidden_size, dtype=dtype)
    return [h, torch.zeros(layers, batch, rnn.hidden_size, dtype=dtype)] if isinstance(rnn, nn.LSTM) else [h]


def random_states(rnn: nn.LSTM | nn.GRU, batch: int) -> list[Tensor]:
    return [torch.randn_like(state) for state in zero_states(rnn, batch)]


def as_hx(states: list[Tensor]) -> Any:
    return tuple(states) if len(states) == 2 else states[0]


def traced(trace: GateTrace) -> dict[str, Tensor]:
    found = dict(trace.gates) | {"h": trace.hidden, "h_prev": trace.hidden_prev}
    if trace.cell is not None:
        assert trace.cell_prev is not None
        found |= {"c": trace.cell, "c_prev": trace.cell_prev}
    return found


def assert_equal(trace: GateTrace, expected: dict[str, Tensor], dtype: torch.dtype) -> None:
    found = traced(trace)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        # The cell state is a sum over time: its rounding grows with its size, as the loop's own does.
        relative = TOLERANCE[dtype] if name in ("c", "c_prev") else 0.0
        torch.testing.assert_close(
            found[name], values, rtol=relative, atol=TOLERANCE[dtype], msg=lambda text, n=name: f"{n}: {text}"
        )


# --- random configurations


@dataclass(frozen=True)
class Case:
    kind: str
    input_size: int
    hidden_size: int
    num_layers: int
    bidirectional: bool
    batch_first: bool
    bias: bool
    proj_size: int
    dtype: torch.dtype
    batch: int
    seq_len: int
    start: bool
    seed: int

    def build(self) -> nn.LSTM | nn.GRU:
        torch.manual_seed(self.seed)
        kind = nn.LSTM if self.kind == "LSTM" else nn.GRU
        extra = {"proj_size": self.proj_size} if self.kind == "LSTM" else {}
        return kind(
            self.input_size,
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            batch_first=self.batch_first,
            bias=self.bias,
            dtype=self.dtype,
            **extra,
        ).requires_grad_(False)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    hidden_size = draw(st.integers(2, 9))
    return Case(
        kind=draw(st.sampled_from(["LSTM", "GRU"])),
        input_size=draw(st.integers(1, 7)),
        hidden_size=hidden_size,
        num_layers=draw(st.integers(1, 4)),
        bidirectional=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        bias=draw(st.booleans()),
        proj_size=draw(st.sampled_from([0, 0, hidden_size - 1])),
        dtype=draw(st.sampled_from([torch.float32, torch.float64])),
        batch=draw(st.integers(1, 5)),
        seq_len=draw(st.one_of(st.integers(1, 12), st.integers(13, 60))),
        start=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )


@settings(deadline=None, max_examples=40)
@given(cases())
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_every_gate_equals_a_loop_over_cells(case: Case) -> None:
    rnn = case.build()
    x = torch.randn(case.seq_len, case.batch, case.input_size, dtype=case.dtype)
    states = random_states(rnn, case.batch) if case.start else zero_states(rnn, case.batch)
    given_x = x.transpose(0, 1) if case.batch_first else x
    hx = as_hx(states) if case.start else None
    trace = trace_gates(rnn, given_x, hx)
    assert_equal(trace, reference(rnn, x, states), case.dtype)
    assert trace.residual <= TOLERANCE[case.dtype]
    output = rnn(given_x, hx)[0]
    found = torch.cat(list(trace.hidden[-1]), -1)
    expected = output if case.batch_first else output.transpose(0, 1)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=TOLERANCE[case.dtype] / 5)
    assert trace.kind == case.kind
    assert trace.lengths is None


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_three_hundred_steps(kind: str, dtype: torch.dtype) -> None:
    # With 24 sequences these steps are worked off in several runs, the last one shorter.
    case = Case(kind, 3, 16, 1, True, True, True, 0, dtype, 24, 300, True, 7)
    rnn = case.build()
    x, states = torch.randn(300, 24, 3, dtype=dtype), random_states(rnn, 24)
    trace = trace_gates(rnn, x.transpose(0, 1), as_hx(states))
    assert_equal(trace, reference(rnn, x, states), dtype)


@settings(deadline=None, max_examples=25)
@given(cases(), st.data())
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_packed_sequences_equal_each_sequence_alone(case: Case, data: st.DataObject) -> None:
    rnn = case.build()
    lengths = data.draw(st.lists(st.integers(1, 9), min_size=case.batch, max_size=case.batch))
    x = torch.randn(max(lengths), case.batch, case.input_size, dtype=case.dtype)
    states = random_states(rnn, case.batch)
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    trace = trace_gates(rnn, packed, as_hx(states))
    assert trace.lengths is not None
    assert trace.lengths.tolist() == lengths
    assert trace.residual <= TOLERANCE[case.dtype]
    for k, length in enumerate(lengths):
        alone = reference(rnn, x[:length, k : k + 1], [state[:, k : k + 1] for state in states])
        for name, values in traced(trace).items():
            torch.testing.assert_close(
                values[:, :, k, :length], alone[name][:, :, 0], rtol=0.0, atol=TOLERANCE[case.dtype]
            )
            assert values[:, :, k, length:].isnan().all()
    output = pad_packed_sequence(rnn(packed, as_hx(states))[0], batch_first=True)[0]
    found = torch.cat(list(trace.hidden[-1]), -1).nan_to_num(0.0)
    torch.testing.assert_close(found, output, rtol=0.0, atol=TOLERANCE[case.dtype] / 5)


def test_packed_in_order_has_no_index() -> None:
    rnn, x = nn.LSTM(2, 3), torch.randn(4, 2, 2)
    packed = pack_padded_sequence(x, torch.tensor([4, 2]))
    assert packed.sorted_indices is None
    trace = trace_gates(rnn, packed)
    assert trace.lengths is not None
    assert trace.lengths.tolist() == [4, 2]
    whole = trace_gates(rnn, x)
    torch.testing.assert_close(trace["forget"][:, :, 1, :2], whole["forget"][:, :, 1, :2])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_unbatched_input_is_a_batch_of_one(kind: type[nn.LSTM] | type[nn.GRU], batch_first: bool) -> None:
    rnn = kind(3, 4, num_layers=2, batch_first=batch_first)
    x, states = torch.randn(6, 3), random_states(rnn, 1)
    single = trace_gates(rnn, x, as_hx([state[:, 0] for state in states]))
    batch = trace_gates(rnn, x[None] if batch_first else x[:, None], as_hx(states))
    assert single.hidden.shape == (2, 1, 1, 6, 4)
    for name, values in traced(single).items():
        assert torch.equal(values, traced(batch)[name])


def test_one_step() -> None:
    rnn = nn.LSTM(2, 3, bidirectional=True, batch_first=True)
    trace = trace_gates(rnn, torch.randn(4, 1, 2))
    assert trace["forget"].shape == (1, 2, 4, 1, 3)
    assert not trace.hidden_prev.any()
    assert trace.residual <= 1e-6


def test_extreme_gates_are_exact() -> None:
    rnn = nn.LSTM(1, 2)
    with torch.no_grad():
        rnn.weight_ih_l0.zero_()
        rnn.weight_hh_l0.zero_()
        rnn.bias_hh_l0.zero_()
        rnn.bias_ih_l0.copy_(torch.tensor([40.0] * 2 + [-200.0] * 2 + [40.0] * 2 + [0.0] * 2))
    trace = trace_gates(rnn, torch.zeros(3, 1, 1))
    assert (trace["input"] == 1).all()
    assert (trace["forget"] == 0).all()
    assert (trace["cell"] == 1).all()
    assert (trace["output"] == 0.5).all()
    assert trace.cell is not None
    assert (trace.cell == 1).all()


# --- what a trace is


def test_names_and_shapes() -> None:
    lstm = trace_gates(nn.LSTM(3, 5, 2, bidirectional=True, proj_size=2).double(), torch.randn(7, 4, 3).double())
    assert tuple(lstm.gates) == LSTM_GATES
    assert all(values.shape == (2, 2, 4, 7, 5) for values in lstm.gates.values())
    assert lstm.hidden.shape == lstm.hidden_prev.shape == (2, 2, 4, 7, 2)
    assert lstm.cell is not None
    assert lstm.cell.shape == (2, 2, 4, 7, 5)
    gru = trace_gates(nn.GRU(3, 5), torch.randn(7, 4, 3))
    assert tuple(gru.gates) == GRU_GATES
    assert gru.cell is None
    assert gru.cell_prev is None


def test_a_missing_gate_says_which_there_are() -> None:
    gru, lstm = (trace_gates(kind(1, 2), torch.zeros(1, 1, 1)) for kind in (nn.GRU, nn.LSTM))
    with pytest.raises(
        KeyError, match="GRU has no gate 'forget'.*'update'.*nearest relative.*'reset', 'update', 'new'"
    ):
        gru["forget"]
    with pytest.raises(KeyError, match="LSTM has no gate 'update'; 'forget' is the nearest relative"):
        lstm["update"]
    with pytest.raises(KeyError, match="LSTM has no gate 'valve'. Its gates are 'input', 'forget', 'cell', 'output'"):
        lstm["valve"]


def test_the_trace_is_frozen_detached_and_its_own() -> None:
    rnn, x = nn.LSTM(2, 3, proj_size=2).double(), torch.randn(4, 2, 2).double().requires_grad_()
    states = random_states(rnn, 2)
    expected = reference(rnn, x.detach(), states)
    trace = trace_gates(rnn, x, as_hx(states))
    with torch.no_grad():
        for tensor in (x, *states, *rnn.parameters()):
            tensor.fill_(7.0)
    assert_equal(trace, {name: values.detach() for name, values in expected.items()}, torch.float64)
    assert trace.residual <= 1e-12
    assert not any(values.requires_grad for values in traced(trace).values())
    with pytest.raises(FrozenInstanceError):
        trace.kind = "GRU"  # type: ignore[misc]
    with pytest.raises(TypeError):
        trace.gates["forget"] = x  # type: ignore[index]


def test_the_residual_sees_a_wrong_gate() -> None:
    for kind, gate in ((nn.LSTM, "output"), (nn.GRU, "new")):
        trace = trace_gates(kind(2, 3), torch.randn(5, 2, 2))
        trace[gate][0, 0, 1, 3, 2] += 0.5
        assert trace.residual > 1e-3


def test_memory_is_linear_in_time() -> None:
    def storage(seq_len: int) -> int:
        trace = trace_gates(nn.LSTM(2, 4, 2, bidirectional=True), torch.randn(seq_len, 3, 2))
        tensors = (*trace.gates.values(), trace.hidden, trace.cell)
        held = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors if t is not None}
        return sum(held.values())

    four_gates_and_two_states = 6 * 4 * (2 * 2 * 3 * 4)
    assert storage(20) == 20 * four_gates_and_two_states
    assert storage(200) == 200 * four_gates_and_two_states


# --- the module stays as it was


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_the_module_is_not_touched(kind: type[nn.LSTM] | type[nn.GRU]) -> None:
    rnn = kind(3, 4, num_layers=2, bidirectional=True)  # training mode, no dropout: allowed
    calls: list[object] = []
    rnn.register_forward_hook(lambda *call: calls.append(call))
    before, flags = copy.deepcopy(rnn.state_dict()), [p.requires_grad for p in rnn.parameters()]
    versions = [p._version for p in rnn.parameters()]
    random_state, attributes = torch.get_rng_state(), set(vars(rnn))
    trace_gates(rnn, torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), random_state)
    assert rnn.training
    assert not calls
    assert len(rnn._forward_hooks) == 1
    assert set(vars(rnn)) == attributes
    assert [p.requires_grad for p in rnn.parameters()] == flags
    assert [p._version for p in rnn.parameters()] == versions
    assert all(p.grad is None for p in rnn.parameters())
    assert all(torch.equal(value, before[name]) for name, value in rnn.state_dict().items())
    assert torch.is_grad_enabled()


def test_dropout_is_off_in_eval_mode() -> None:
    rnn = nn.LSTM(3, 4, num_layers=2, dropout=0.5).eval()
    x = torch.randn(5, 2, 3)
    assert_equal(
        trace_gates(rnn, x), {k: v.detach() for k, v in reference(rnn, x, zero_states(rnn, 2)).items()}, torch.float32
    )


def test_one_layer_has_nothing_to_drop_between() -> None:
    rnn, x = nn.LSTM(3, 4), torch.randn(5, 2, 3)
    expected = trace_gates(rnn, x)["forget"]
    rnn.dropout = 0.5
    assert torch.equal(trace_gates(rnn, x)["forget"], expected)


def test_a_parametrised_weight_is_read_as_the_kernel_sees_it() -> None:
    class Doubled(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return 2 * weight

    rnn, x = nn.LSTM(2, 3), torch.randn(4, 2, 2)
    doubled = nn.LSTM(2, 3)
    doubled.load_state_dict({name: 2 * w if name == "weight_hh_l0" else w for name, w in rnn.state_dict().items()})
    nn.utils.parametrize.register_parametrization(rnn, "weight_hh_l0", Doubled())
    torch.testing.assert_close(trace_gates(rnn, x)["forget"], trace_gates(doubled, x)["forget"])


def test_autocast_does_not_lower_the_precision() -> None:
    rnn, x = nn.LSTM(3, 4), torch.randn(5, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        trace = trace_gates(rnn, x)
    assert torch.equal(trace["forget"], trace_gates(rnn, x)["forget"])


# --- refusals


@pytest.mark.parametrize(
    ("rnn", "message"),
    [
        (nn.RNN(2, 3), "nn.RNN, which has no gates"),
        (nn.LSTMCell(2, 3), "must be an nn.LSTM or nn.GRU, got LSTMCell"),
        (nn.Linear(2, 3), "must be an nn.LSTM or nn.GRU, got Linear"),
    ],
)
def test_refuses_other_modules(rnn: nn.Module, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        trace_gates(rnn, torch.zeros(1, 1, 2))  # type: ignore[arg-type]


def test_refuses_dropout_in_training_mode() -> None:
    rnn = nn.GRU(2, 3, num_layers=2, dropout=0.25)
    with pytest.raises(ValueError, match=r"training mode with dropout=0.25.*rnn.eval\(\)"):
        trace_gates(rnn, torch.zeros(1, 1, 2))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 5, 3), r"x has 3 features, but rnn has input_size=2"),
        ((4, 3), r"x has 3 features, but rnn has input_size=2"),
        ((2,), r"x has shape \(2,\); pass \(batch, time, feature\)"),
        ((1, 4, 5, 2), r"x has shape \(1, 4, 5, 2\); pass \(batch, time, feature\)"),
        ((4, 0, 2), r"x has shape \(4, 0, 2\), so there is no step"),
        ((0, 4, 2), r"x has shape \(0, 4, 2\), so there is no step"),
        ((0, 2), r"x has shape \(0, 2\), so there is no step"),
    ],
)
def test_refuses_other_shapes(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trace_gates(nn.LSTM(2, 3, batch_first=True), torch.zeros(shape))


def test_refuses_what_is_no_tensor() -> None:
    with pytest.raises(TypeError, match="x must be a Tensor or a PackedSequence, got list"):
        trace_gates(nn.LSTM(2, 3), [[1.0, 2.0]])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (torch.float64, "x is torch.float64 on cpu, rnn is torch.float32 on cpu"),
        (torch.int64, "x is torch.int64; convert it to float32 or float64"),
        (torch.float16, "x is torch.float16; convert it"),
    ],
)
def test_refuses_other_dtypes(dtype: torch.dtype, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trace_gates(nn.LSTM(2, 3), torch.zeros(4, 1, 2, dtype=dtype))


def test_refuses_a_low_precision_module() -> None:
    with pytest.raises(ValueError, match="parameter weight_ih_l0 is torch.bfloat16; convert it"):
        trace_gates(nn.LSTM(2, 3).bfloat16(), torch.zeros(4, 1, 2))


def test_refuses_a_module_of_two_dtypes() -> None:
    rnn = nn.LSTM(2, 3)
    rnn.bias_hh_l0 = nn.Parameter(rnn.bias_hh_l0.detach().double())
    with pytest.raises(ValueError, match="parameter bias_hh_l0 is torch.float64.*weight_ih_l0 is torch.float32"):
        trace_gates(rnn, torch.zeros(4, 1, 2))


def test_refuses_other_devices() -> None:
    with pytest.raises(ValueError, match="parameter weight_ih_l0 is on the meta device"):
        trace_gates(nn.LSTM(2, 3, device="meta"), torch.zeros(4, 1, 2))
    with pytest.raises(ValueError, match="x is on the meta device"):
        trace_gates(nn.LSTM(2, 3), torch.zeros(4, 1, 2, device="meta"))


@settings(deadline=None, max_examples=30)
@given(
    value=st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    index=st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)),
    batch_first=st.booleans(),
)
def test_names_the_entry_of_x_that_is_not_finite(value: float, index: tuple[int, int, int], batch_first: bool) -> None:
    x = torch.zeros(4, 3, 2)
    x[index] = value
    with pytest.raises(ValueError, match=rf"x holds {value} at index \({index[0]}, {index[1]}, {index[2]}\)"):
        trace_gates(nn.GRU(2, 3, batch_first=batch_first), x)


@settings(deadline=None, max_examples=30)
@given(data=st.data(), value=st.sampled_from([float("nan"), float("inf")]))
def test_names_the_parameter_that_is_not_finite(data: st.DataObject, value: float) -> None:
    rnn = nn.LSTM(2, 3, num_layers=2, bidirectional=True, proj_size=2)
    name = data.draw(st.sampled_from([name for name, _ in rnn.named_parameters()]))
    with torch.no_grad():
        rnn.get_parameter(name)[-1] = value
    with pytest.raises(ValueError, match=rf"parameter {name} holds {value} at index"):
        trace_gates(rnn, torch.zeros(4, 1, 2))


def test_large_finite_numbers_are_not_refused() -> None:
    x = torch.full((2, 1, 2), 3e38)  # their sum overflows, they do not
    assert trace_gates(nn.GRU(2, 3), x)["update"].isfinite().all()


@pytest.mark.parametrize(
    ("kind", "hx", "error", "message"),
    [
        (nn.LSTM, torch.zeros(1, 4, 3), TypeError, r"hx of an nn.LSTM must be a tuple \(h_0, c_0\), got Tensor"),
        (nn.GRU, (torch.zeros(1, 4, 3),) * 2, TypeError, "hx of an nn.GRU must be the tensor h_0, got tuple"),
        (nn.LSTM, (torch.zeros(1, 4, 3),), TypeError, r"must be a tuple \(h_0, c_0\)"),
        (nn.LSTM, (torch.zeros(1, 4, 3), 0.0), TypeError, "c_0 in hx must be a Tensor, got float"),
        (nn.GRU, 0.0, TypeError, "hx of an nn.GRU must be the tensor h_0, got float"),
        (nn.GRU, torch.zeros(4, 1, 3), ValueError, r"h_0 in hx has shape \(4, 1, 3\); .* need \(1, 4, 3\)"),
        (nn.GRU, torch.zeros(1, 3), ValueError, r"h_0 in hx has shape \(1, 3\)"),
        (nn.LSTM, (torch.zeros(1, 4, 3), torch.zeros(1, 4, 2)), ValueError, r"c_0 in hx has shape \(1, 4, 2\)"),
        (nn.GRU, torch.zeros(1, 4, 3).double(), ValueError, "h_0 in hx is torch.float64 on cpu, x is torch.float32"),
        (nn.GRU, torch.full((1, 4, 3), torch.nan), ValueError, r"h_0 in hx holds nan at index \(0, 0, 0\)"),
    ],
)
def test_refuses_other_initial_states(kind: type[nn.LSTM], hx: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        trace_gates(kind(2, 3, batch_first=True), torch.zeros(4, 5, 2), hx)


@pytest.mark.parametrize(
    "packed",
    [
        PackedSequence(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)),
        PackedSequence(torch.zeros(2, 2), torch.tensor([2, 0])),
        # Three members, of which the last has no step.
        PackedSequence(torch.zeros(3, 2), torch.tensor([2, 1]), torch.arange(3), torch.arange(3)),
    ],
)
def test_refuses_members_without_steps(packed: PackedSequence) -> None:
    with pytest.raises(ValueError, match="x packs a sequence of length 0"):
        trace_gates(nn.LSTM(2, 3), packed)


def test_refuses_a_packed_sequence_that_does_not_add_up() -> None:
    with pytest.raises(ValueError, match=r"x.data has shape \(5, 2\), batch_sizes add up to 3 rows"):
        trace_gates(nn.LSTM(2, 3), PackedSequence(torch.zeros(5, 2), torch.tensor([2, 1])))


def test_names_the_packed_row_that_is_not_finite() -> None:
    rows = torch.zeros(3, 2)
    rows[2, 1] = torch.nan
    with pytest.raises(ValueError, match=r"x.data holds nan at index \(2, 1\)"):
        trace_gates(nn.LSTM(2, 3), PackedSequence(rows, torch.tensor([2, 1])))


# The only path with kernels of its own; without a device there is none to compare.
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu() -> None:
    rnn, x = nn.LSTM(3, 4, num_layers=2, bidirectional=True).double(), torch.randn(5, 2, 3).double()
    expected = traced(trace_gates(rnn, x))
    for name, values in traced(trace_gates(copy.deepcopy(rnn).cuda(), x.cuda())).items():
        torch.testing.assert_close(values.cpu(), expected[name], rtol=0.0, atol=1e-12)
