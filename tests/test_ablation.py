import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rnncourse.ablation import VARIANTS, ablate, learnable_parameters
from rnncourse.gates import trace_gates
from tests.layer_zoo import READABLE, UNREADABLE, WRAPPED
from tests.refusals import refusing

KERNEL = [name for name, variant in VARIANTS.items() if variant.fused]
CELLS = [name for name, variant in VARIANTS.items() if not variant.fused]
# The gates each variant holds at 1, spelled out here so that a wrong table in the module shows.
OPEN = {
    "full": "",
    "no_input": "i",
    "no_forget": "f",
    "no_output": "o",
    "input_only": "fo",
    "forget_only": "io",
    "output_only": "if",
    "coupled": "",
}
GATES = {"i": "input", "f": "forget", "g": "cell", "o": "output"}
every = pytest.mark.parametrize("variant", list(VARIANTS))


pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore:.*deprecated.*")]


def lstm_of(*, seed: int = 0, dtype: torch.dtype = torch.float32, **options: object) -> nn.LSTM:
    torch.manual_seed(seed)
    return nn.LSTM(3, 5, **{"num_layers": 2, **options}).to(dtype)


def sequence(shape: tuple[int, ...] = (7, 4, 3), *, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gate_rows(lstm: nn.LSTM, letter: str) -> slice:
    start = "ifgo".index(letter) * lstm.hidden_size
    return slice(start, start + lstm.hidden_size)


def by_hand(lstm: nn.LSTM, variant: str) -> nn.LSTM:
    """A plain ``nn.LSTM`` with the rows of a variant written into it."""
    plain = copy.deepcopy(lstm)
    with torch.no_grad():
        for name, weight in plain.named_parameters():
            if name.startswith("weight_hr"):
                continue
            for letter in OPEN[variant]:
                weight[gate_rows(lstm, letter)] = 20.0 if name.startswith("bias") else 0.0
            if variant == "coupled":
                weight[gate_rows(lstm, "i")] = -weight[gate_rows(lstm, "f")]
    return plain


def cell_by_definition(module: nn.Module, lstm: nn.LSTM, variant: str, x: Tensor) -> Tensor:
    """One layer, float64, straight from the equations; gates held open are the number 1, not a sigmoid.

    Extra weights are the module's, the others those of the LSTM.
    """
    w_ih, w_hh, b = lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0
    h = c = x.new_zeros(x.shape[1], lstm.hidden_size)
    peep = dict(zip("ifo", module.peephole_l0.reshape(3, 5), strict=True)) if variant == "peephole" else {}
    matrix = (
        module.gate_recurrence_l0.reshape(3, 5, 3, 5) if variant == "full_gate_recurrence" else x.new_zeros(3, 5, 3, 5)
    )
    gate, outputs = dict.fromkeys("ifo", h), []
    for x_t in x:
        z = dict(zip("ifgo", (x_t @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=-1), strict=True))
        for k, name in enumerate("ifo"):
            z[name] = z[name] + sum(gate[seen] @ matrix[k, :, j].T for j, seen in enumerate("ifo"))
        gate = {k: torch.sigmoid(z[k] + peep.get(k, 0.0) * c) for k in "if"}
        gate |= {k: torch.ones_like(c) for k in OPEN.get(variant, "")}
        if variant == "coupled":
            gate["i"] = 1 - gate["f"]
        c = gate["f"] * c + gate["i"] * (z["g"] if variant == "no_input_activation" else torch.tanh(z["g"]))
        gate = {"o": torch.sigmoid(z["o"] + peep.get("o", 0.0) * c)} | gate
        h = gate["o"] * (c if variant == "no_output_activation" else torch.tanh(c))
        outputs.append(h)
    return torch.stack(outputs)


# --- what the kernel variants compute --------------------------------------------------------------------------


def test_every_variant_of_greff_and_of_the_coursework_exists() -> None:
    greff = {variant.greff for variant in VARIANTS.values()} - {None}
    assert greff == {"V", "NIG", "NFG", "NOG", "NIAF", "NOAF", "NP", "CIFG", "FGR"}
    assert {"full", "forget_only", "input_only"} <= VARIANTS.keys()
    assert set(KERNEL) == OPEN.keys()


LAYERS = {
    "num_layers": st.integers(1, 3),
    "bidirectional": st.booleans(),
    "batch_first": st.booleans(),
    "proj_size": st.sampled_from([0, 2]),
    "dtype": st.sampled_from([torch.float32, torch.float64]),
    "seed": st.integers(0, 1000),
}


# torch says so of its own LSTM with a projection in float32.
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("variant", KERNEL)
@given(
    options=st.fixed_dictionaries(LAYERS), steps=st.integers(1, 12), form=st.sampled_from(["batch", "one", "packed"])
)
@settings(max_examples=12)
def test_kernel_variants_are_an_lstm_with_rows_written_by_hand(variant, options, steps, form) -> None:
    lstm = lstm_of(**options)
    x = sequence((steps, 3) if form == "one" else (steps, 4, 3), seed=options["seed"], dtype=options["dtype"])
    if form == "packed":
        x = nn.utils.rnn.pack_sequence([x[: k + 1, 0] for k in range(steps)], enforce_sorted=False)
    ours, theirs = ablate(lstm, variant), by_hand(lstm, variant)
    assert isinstance(ours, nn.LSTM)
    state = tuple(torch.randn_like(each) for each in theirs(x)[1])
    for hx in (None, state):
        for mine, expected in zip(flat(ours(x, hx)), flat(theirs(x, hx)), strict=True):
            assert torch.equal(mine, expected)


def flat(result: tuple[Any, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    output = result[0]
    return output if isinstance(output, Tensor) else output.data, *result[1]


@pytest.mark.parametrize("variant", KERNEL)
def test_traced_gates_are_exactly_open(variant: str) -> None:
    trace = trace_gates(ablate(lstm_of(bidirectional=True), variant), sequence())
    for letter in OPEN[variant]:
        assert bool((trace[GATES[letter]] == 1.0).all())
    for letter in set("ifo") - set(OPEN[variant]):
        assert bool((trace[GATES[letter]] < 1.0).all())
    if variant == "coupled":
        torch.testing.assert_close(trace["input"] + trace["forget"], torch.ones_like(trace["input"]))
        assert float(trace.cell.abs().max()) <= 1.0
    assert trace.residual < 1e-6


@every
def test_every_variant_follows_its_definition(variant: str) -> None:
    lstm = lstm_of(num_layers=1, dtype=torch.float64)
    module = ablate(lstm, variant)
    if variant in CELLS:
        # Extra weights start at zero, where they change nothing.
        module.reset_parameters(generator=torch.Generator().manual_seed(4))
        lstm.load_state_dict({name: module.state_dict()[name] for name in lstm.state_dict()})
    x = sequence((30, 4, 3), dtype=torch.float64)
    expected = cell_by_definition(module, lstm, variant, x)
    torch.testing.assert_close(module(x)[0], expected, rtol=0, atol=1e-13)
    assert torch.allclose(expected, lstm(x)[0], atol=1e-3) == (variant == "full")


# --- gradients and training ------------------------------------------------------------------------------------


@every
def test_gradcheck(variant: str) -> None:
    torch.manual_seed(3)
    module = ablate(nn.LSTM(2, 2, num_layers=1 + (variant in CELLS)).double(), variant)
    module.reset_parameters()
    x = sequence((3, 2, 2), dtype=torch.float64).requires_grad_()
    names, weights = zip(*module.named_parameters(), strict=True)

    def outputs(x: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        output, (h, c) = torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x,))
        return output, h, c

    assert torch.autograd.gradcheck(outputs, (x, *weights))


# With the decay that would move a weight without a gradient.
OPTIMISERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "AdamW": lambda module: torch.optim.AdamW(module.parameters(), lr=0.05, weight_decay=0.1),
    "SGD": lambda module: torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
}


def train(module: nn.Module, kind: str = "AdamW", *, steps: int = 4) -> None:
    """Clipped steps on a small regression."""
    optimiser = OPTIMISERS[kind](module)
    x, target = sequence(), 0.3 * torch.tanh(sequence((7, 4, 5), seed=2))
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.mse_loss(module(x)[0], target).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("variant", KERNEL)
def test_frozen_rows_never_move(variant: str, optimiser: str) -> None:
    lstm = lstm_of()
    module = ablate(lstm, variant)
    before = {name: getattr(module, name).detach().clone() for name, _ in lstm.named_parameters()}
    train(module, optimiser)
    for name, start in before.items():
        now = getattr(module, name).detach()
        for letter in OPEN[variant]:
            rows = gate_rows(lstm, letter)
            assert now[rows].numpy().tobytes() == start[rows].numpy().tobytes()
            assert bool((now[rows] == (20.0 if name.startswith("bias") else 0.0)).all())
        if variant == "coupled":
            assert torch.equal(now[gate_rows(lstm, "i")], -now[gate_rows(lstm, "f")])
        if now.dim() == 2:
            for letter in set("ifgo") - set(OPEN[variant]):
                assert not torch.equal(now[gate_rows(lstm, letter)], start[gate_rows(lstm, letter)])


# --- parameters, copies, state dicts ---------------------------------------------------------------------------


@every
@given(hidden=st.integers(3, 6), layers=st.integers(1, 3), bidirectional=st.booleans(), projected=st.booleans())
@settings(max_examples=6)
def test_parameter_counts(variant, hidden, layers, bidirectional, projected) -> None:
    projected = projected and variant in KERNEL
    directions, p = 1 + bidirectional, 2 if projected else 0
    width = p or hidden
    lstm = nn.LSTM(4, hidden, layers, bidirectional=bidirectional, proj_size=p)
    gates = 3 if variant == "coupled" else 4 - len(OPEN.get(variant, ""))
    extra = {"peephole": 3 * hidden, "full_gate_recurrence": 9 * hidden**2}.get(variant, 0)
    inputs = [4] + [width * directions] * (layers - 1)
    per_direction = sum(gates * hidden * (d + width + 2) + hidden * p + extra for d in inputs)
    module = ablate(lstm, variant)
    assert learnable_parameters(module) == directions * per_direction
    assert learnable_parameters(module) == sum(p.numel() for p in module.parameters() if p.requires_grad)


@every
def test_the_given_module_is_left_alone(variant: str) -> None:
    lstm = lstm_of().eval()
    lstm.weight_hh_l0.requires_grad_(False)
    before = copy.deepcopy(lstm.state_dict())
    module = ablate(lstm, variant)
    assert not module.training
    assert learnable_parameters(module) < learnable_parameters(ablate(lstm_of(), variant))
    train(module)
    assert all(torch.equal(before[name], now) for name, now in lstm.state_dict().items())
    assert lstm.weight_ih_l0.grad is None


def saved(value: Any, **options: bool) -> Any:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, **options)


@every
def test_states_copies_casts_and_pickles_compute_the_same(variant: str) -> None:
    module, fresh = ablate(lstm_of(), variant), ablate(lstm_of(seed=9), variant)
    train(module)
    expected = module(sequence())[0]
    assert not torch.equal(fresh(sequence())[0], expected)
    state = saved(module.state_dict(), weights_only=True)
    # What formats without pickle ask for: tensors alone, contiguous, no two of them on the same memory.
    assert all(type(value) is Tensor and value.is_contiguous() for value in state.values())
    assert len({value.untyped_storage().data_ptr() for value in state.values()}) == len(state)
    assert sum(value.numel() for value in state.values()) == learnable_parameters(module)
    fresh.load_state_dict(state)
    for twin in (fresh, copy.deepcopy(module), saved(module, weights_only=False)):
        assert torch.equal(twin(sequence())[0], expected)
        assert {p.data_ptr() for p in twin.parameters()}.isdisjoint(p.data_ptr() for p in module.parameters())
    output = copy.deepcopy(module).to(torch.float64)(sequence().double())[0]
    assert output.dtype == torch.float64
    torch.testing.assert_close(output, expected.double(), rtol=0, atol=1e-6)


def test_weights_read_like_those_of_an_lstm_and_refuse_assignment() -> None:
    lstm = lstm_of(bidirectional=True)
    module = ablate(lstm, "no_output")
    assert [[w.shape for w in layer] for layer in module.all_weights] == [
        [w.shape for w in layer] for layer in lstm.all_weights
    ]
    with pytest.raises(AttributeError, match=r"weight_ih_l0 of an ablated LSTM .* live\['weight_ih_l0'\]"):
        module.weight_ih_l0 = nn.Parameter(torch.zeros(20, 3))
    assert not hasattr(module, "weight_ih_l7")
    assert "variant=no_output" in repr(module)
    assert not list(module.children())
    assert all(ours is theirs for ours, theirs in zip(module.live.values(), module.parameters(), strict=True))
    with torch.no_grad():
        module.live["bias_ih_l0"].zero_()
    assert not bool(module.bias_ih_l0[:15].any())
    module.flatten_parameters()
    assert module(sequence())[0].shape == (7, 4, 10)


def test_dropout_between_layers_is_that_of_the_lstm() -> None:
    lstm = lstm_of(dropout=0.5)
    module = ablate(lstm, "full")
    outputs = []
    for each in (lstm, module):
        torch.manual_seed(5)
        outputs.append(each(sequence())[0])
    assert torch.equal(*outputs)
    loop = ablate(lstm, "peephole")
    assert not torch.equal(loop(sequence())[0], loop(sequence())[0])
    assert torch.equal(loop.eval()(sequence())[0], loop(sequence())[0])


# --- cells the kernel cannot express ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["peephole", "full_gate_recurrence"])
@given(options=st.fixed_dictionaries(LAYERS | {"bias": st.booleans()}), steps=st.integers(1, 30))
@settings(max_examples=15)
def test_with_neutral_extras_the_loop_is_nn_lstm(form, options, steps) -> None:
    lstm = lstm_of(**options | {"dtype": torch.float64, "proj_size": 0})
    x = sequence((steps, 4, 3), seed=options["seed"], dtype=torch.float64)
    loop = ablate(lstm, form)
    state = tuple(torch.randn_like(each) for each in lstm(x)[1])
    for hx in (None, state):
        for ours, theirs in zip(flat(loop(x, hx)), flat(lstm(x, hx)), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", CELLS)
def test_a_sequence_in_two_halves_is_the_whole_but_for_remembered_gates(variant: str) -> None:
    module = ablate(lstm_of(dtype=torch.float64), variant)
    module.reset_parameters(generator=torch.Generator().manual_seed(4))
    x = sequence((10, 4, 3), dtype=torch.float64)
    whole = module(x)[0][5:]
    halves = module(x[5:], module(x[:5])[1])[0]
    # (h, c) carries no gates, so full gate recurrence starts its second half without them, as documented.
    assert torch.allclose(whole, halves, rtol=0, atol=1e-13) == (variant != "full_gate_recurrence")


# --- what strangers bring --------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["full", "peephole"])
@pytest.mark.parametrize("build", [*READABLE.values(), *UNREADABLE.values()], ids=[*READABLE, *UNREADABLE])
def test_what_is_accepted_runs_and_trains_and_the_rest_is_refused_at_once(
    build: Callable[[object], nn.Module], variant: str
) -> None:
    torch.manual_seed(0)
    lstm, x = build(nn.LSTM), torch.randn(7, 3, 4)
    plain = type(lstm) is nn.LSTM and not lstm._forward_hooks and not lstm._forward_pre_hooks
    names = {name for name, _ in lstm.named_parameters()}
    if not plain or names != {
        name for name, _ in nn.LSTM(4, 4, lstm.num_layers, bidirectional=lstm.bidirectional).named_parameters()
    }:
        with pytest.raises((TypeError, ValueError), match="LSTM"):
            ablate(lstm, variant)
        return
    module = ablate(lstm, variant)
    output = module(x)[0]
    if module.weight_ih_l0.requires_grad:
        output.sum().backward()
    torch.testing.assert_close(output, lstm(x)[0], rtol=0, atol=1e-6)


def scaled(module: nn.Module, name: str) -> nn.Module:
    """With each weight of the result computed anew in every call, in one of torch's ways."""
    return {
        "weight_norm": lambda: nn.utils.weight_norm(module, name),
        "parametrised": lambda: nn.utils.parametrizations.weight_norm(module, name),
        "pruned": lambda: nn.utils.prune.identity(module, name),
    }


@pytest.mark.parametrize("way", ["weight_norm", "parametrised", "pruned"])
@every
def test_the_weights_of_an_ablated_module_may_be_reparametrised(variant: str, way: str) -> None:
    module = ablate(lstm_of(), variant)
    expected = module(sequence())[0]
    name = next(name for name, weight in module.named_parameters() if weight.dim() == 2)
    scaled(module, name)[way]()
    torch.testing.assert_close(module(sequence())[0], expected, rtol=0, atol=1e-6)


# --- bad input -------------------------------------------------------------------------------------------------


def ablated(module: object, variant: str) -> Callable[[], object]:
    return lambda: ablate(module, variant)


def spoiled() -> nn.LSTM:
    lstm = lstm_of(bidirectional=True)
    lstm.bias_hh_l1_reverse.detach()[3] = torch.nan
    return lstm


def loop_on(*args: object) -> Callable[[], object]:
    return lambda: ablate(lstm_of(), "peephole")(*args)


X, H, C = torch.zeros(7, 4, 3), torch.zeros(2, 4, 5), torch.zeros(1, 4, 5)
PROJECTED, OTHER = lstm_of(proj_size=2), ablate(lstm_of(), "forget_only")
test_bad_input_is_named = refusing(
    (ablated(nn.GRU(3, 5), "full"), TypeError, r"an nn\.LSTM, got GRU"),
    (ablated(OTHER, "no_input"), TypeError, r"already ablated \(forget_only\)"),
    (ablated(nn.LSTM(3, 5, device="meta"), "no_input"), r"weight_ih_l0 is on the meta device .* lstm\.to_empty"),
    *((ablated(PROJECTED, name), "no projection, but the LSTM has proj_size=2") for name in CELLS),
    (ablated(WRAPPED["sequential"][0](nn.LSTM), "no_input"), TypeError, r"rnn\[1\]"),
    (ablated(spoiled(), "no_input"), r"bias_hh_l1_reverse of shape .* has 1 entries that are NaN or infinite"),
    (ablated(lstm_of(), "forget-only"), "'forget-only'; did you mean 'forget_only'"),
    *((loop_on(x), r"input has shape .* \(time, batch, feature\) with 3 features") for x in (X[..., :2], X[:, :0])),
    (loop_on(nn.utils.rnn.pack_sequence([X[:2, 0]])), TypeError, "input is a PackedSequence"),
    (loop_on(X.double()), r"input is torch\.float64 but the weights are torch\.float32"),
    (loop_on(X, (H, C)), r"c_0 has shape \(1, 4, 5\); expected .* = \(2, 4, 5\)"),
    (loop_on(X, H), TypeError, r"hx must be a pair \(h_0, c_0\), got Tensor"),
    (lambda: ablate(lstm_of(), "no_input")(X[..., :2]), RuntimeError, "Expected 3, got 2"),
    (
        lambda: ablate(lstm_of(), "input_only").load_state_dict(OTHER.state_dict()),
        RuntimeError,
        r"input_only_weight_ih_l0.*\n.*forget_only_weight_ih_l0",
    ),
    *(
        (ablated(lstm_of(bias=False), name), f"{name} holds a gate open .* bias=False; build it with bias=True")
        for name in KERNEL
        if OPEN[name]
    ),
)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if not OPEN.get(name)])
def test_what_holds_no_gate_open_needs_no_bias(variant: str) -> None:
    assert ablate(lstm_of(bias=False), variant)(sequence())[0].shape == (7, 4, 5)
