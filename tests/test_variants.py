"""The variants are their base where they must be, have right gradients, keep torch's conventions, and complain well."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rnncourse.variants import ConvLSTM, SkipGRU, straight_through_step
from tests.closeness import assert_close_ulp
from tests.refusals import refusing

sizes = st.integers(1, 4)
few = settings(max_examples=30)
shapes = st.tuples(sizes, sizes, st.integers(1, 3), st.integers(1, 7), st.integers(1, 3), st.booleans(), st.booleans())


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def doubles(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def parts(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def packed(state: Any) -> Any:
    return state if len(state) > 1 else state[0]


def assert_same(one: Any, other: Any, ulps: float = 64) -> None:
    """Outputs and states agree: at most twelve terms a sum, and rounding carried through at most thirty steps."""
    for left, right in zip([one[0], *parts(one[1])], [other[0], *parts(other[1])], strict=True):
        assert_close_ulp(left, right, ulps, scale=1.0)


def drawn(shape: Any) -> tuple[dict[str, Any], Tensor, Any]:
    """Options of a layer, an input for it and a state of an LSTM, from a draw of ``shapes``."""
    inputs, hidden, layers, steps, batch, bias, batch_first = shape
    sizes = {"input_size": inputs, "hidden_size": hidden, "num_layers": layers}
    x = doubles(batch, steps, inputs) if batch_first else doubles(steps, batch, inputs)
    state = doubles(layers, batch, hidden), doubles(layers, batch, hidden)
    return sizes | {"bias": bias, "batch_first": batch_first}, x, state


def check_gradients(layer: nn.Module, *inputs: Any, fast: bool = True) -> None:
    weights = {name: weight for name, weight in layer.named_parameters() if not name.startswith("update")}
    flat = [part.requires_grad_() for part in inputs]

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state, values = rest[: len(flat) - 1], rest[len(flat) - 1 :]
        named = dict(zip(weights, values, strict=True))
        output, last = torch.func.functional_call(layer, named, (x, state) if state else (x,))
        return output, *(part for one in parts(last) for part in parts(one))

    assert torch.autograd.gradcheck(run, (*flat, *weights.values()), fast_mode=fast)


# --- ConvLSTM


def on_one_pixel(lstm: nn.LSTM, kernel_size: int) -> ConvLSTM:
    """A ConvLSTM whose kernels have the LSTM's weights in their middle and noise around."""
    options = {"bias": lstm.bias, "batch_first": lstm.batch_first}
    conv = ConvLSTM(lstm.input_size, lstm.hidden_size, kernel_size, lstm.num_layers, **options)
    conv = conv.to(lstm.weight_ih_l0.dtype)
    middle = kernel_size // 2
    with torch.no_grad():
        for layer, cell in enumerate(conv.cells):
            for name, weight in cell.named_parameters():
                source = getattr(lstm, f"{name}_l{layer}")
                (weight[:, :, middle, middle] if weight.dim() == 4 else weight).copy_(source)
    return conv


@few
@given(shapes, st.sampled_from([1, 3]), st.sampled_from([torch.float32, torch.float64]))
def test_a_convlstm_on_one_pixel_is_an_lstm(shape: Any, kernel_size: int, dtype: torch.dtype) -> None:
    options, x, state = drawn(shape)
    lstm, x = nn.LSTM(**options, dtype=dtype), x.to(dtype)
    conv = on_one_pixel(lstm, kernel_size)
    for start in (None, tuple(part.to(dtype) for part in state)):
        output, last = conv(x[..., None, None], start and tuple(part[..., None, None] for part in start))
        assert_same((output[..., 0, 0], tuple(part[..., 0, 0] for part in last)), lstm(x, start))


def test_a_shifted_scene_shifts_the_output() -> None:
    conv = ConvLSTM(1, 3, 3, 2, batch_first=True).double()
    frames = torch.zeros(1, 3, 1, 20, 20, dtype=torch.float64)
    frames[..., 8:11, 8:11] = doubles(1, 3, 1, 3, 3)
    here, there = conv(frames)[0], conv(torch.roll(frames, (2, -1), dims=(3, 4)))[0]
    # Away from the border: three steps and two layers reach six pixels in.
    assert_close_ulp(there[..., 8:-8, 8:-8], torch.roll(here, (2, -1), dims=(3, 4))[..., 8:-8, 8:-8], 64, scale=1.0)


# --- Skip RNN


def skipping(push: float, **options: Any) -> SkipGRU:
    """A Skip RNN whose update gate's pre-activation is always ``push``."""
    skip = SkipGRU(**options).double()
    nn.init.zeros_(skip.update_weight)
    nn.init.constant_(skip.update_bias, push)
    return skip


@few
@given(shapes, st.sampled_from([torch.float32, torch.float64]))
def test_a_skip_rnn_that_always_updates_is_its_base(shape: Any, dtype: torch.dtype) -> None:
    options, x, (state, _) = drawn(shape)
    skip, base, x = skipping(40.0, **options).to(dtype), nn.GRU(**options, dtype=dtype), x.to(dtype)
    base.load_state_dict({name: w for name, w in skip.state_dict().items() if not name.startswith("update")})
    for start in (None, state.to(dtype)):
        assert_same(skip(x, start), base(x, start))
        assert skip.run(x, start).share == 1.0


def test_a_skipped_step_leaves_the_state_and_a_commitment_is_kept() -> None:
    skip = skipping(-1.6, input_size=2, hidden_size=4, batch_first=True)  # a step of 0.168: the third reaches 0.5
    run = skip.run(doubles(3, 9, 2))
    assert run.updates.tolist() == [[1, 0, 0, 1, 0, 0, 1, 0, 0]] * 3
    for t in (1, 2, 4, 5):
        assert torch.equal(run.output[:, t], run.output[:, t - 1])
    assert not torch.equal(run.output[:, 3], run.output[:, 2])
    assert run.share == pytest.approx(1 / 3)
    assert SkipGRU(2, 16).run(torch.randn(12, 4, 2)).share == 1.0  # untrained, it updates at every step


def one_sequence(skip: SkipGRU, x: Tensor) -> tuple[Tensor, list[float], float]:
    """The definition, by torch's cell; (time, feature) to states, decisions and the last probability."""
    cell = nn.GRUCell(skip.input_size, skip.hidden_size).double()
    cell.load_state_dict({name: getattr(skip, f"{name}_l0") for name in cell.state_dict()})
    state, chance, outputs, updates = torch.zeros(1, skip.hidden_size).double(), 1.0, [], []
    for step in x:
        update = chance >= 0.5
        if update:
            state = cell(step[None], state)
        rise = torch.sigmoid(state @ skip.update_weight.T + skip.update_bias).item()
        chance = rise if update else min(chance + rise, 1.0)
        outputs.append(state[0])
        updates.append(float(update))
    return torch.stack(outputs), updates, chance


def test_a_skip_rnn_against_its_definition() -> None:
    skip = SkipGRU(2, 3, batch_first=True, update_bias=-0.5).double()
    with torch.no_grad():
        skip.update_weight.mul_(6)
    x = doubles(8, 30, 2)
    run = skip.run(x)
    assert 0.2 < run.share < 0.95  # both decisions occur
    for row in range(8):
        outputs, updates, chance = one_sequence(skip, x[row])
        assert_close_ulp(run.output[row], outputs, 64, scale=1.0)
        assert run.updates[row].tolist() == updates
        assert run.probability[row].item() == pytest.approx(chance, abs=1e-12)


@pytest.mark.parametrize("batch_first", [True, False])
def test_two_passes_with_the_state_handed_on_are_one(batch_first: bool) -> None:
    skip = SkipGRU(2, 3, 2, batch_first=batch_first, update_bias=-1.0).double()
    time, x = int(batch_first), doubles(4, 11, 2) if batch_first else doubles(11, 4, 2)
    whole, first = skip.run(x), skip.run(x.narrow(time, 0, 5))
    second = skip.run(x.narrow(time, 5, 6), first.state, probability=first.probability)
    assert whole.share < 1
    assert_close_ulp(torch.cat([first.output, second.output], dim=time), whole.output, 64, scale=1.0)
    assert torch.equal(torch.cat([first.updates, second.updates], dim=1), whole.updates)
    assert_close_ulp(second.probability, whole.probability, 64)


def test_gradients_between_the_decisions() -> None:
    """The decisions are constant in a small neighbourhood; hold them, and every other derivative must be right."""
    skip = SkipGRU(2, 3, 2, batch_first=True, update_bias=-1.0).double()
    x = doubles(2, 6, 2)
    decided = skip.run(x).updates.detach().T.unsqueeze(-1)
    assert 0 < decided.mean() < 1
    held: list[Tensor] = []

    def hold(chance: Tensor) -> Tensor:
        held[:] = held or list(decided)
        return held.pop(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnncourse.variants.skipping.straight_through_step", hold)
        check_gradients(skip, x, fast=False)


def test_the_straight_through_step_passes_the_gradient_and_the_budget_pulls_the_gate_down() -> None:
    chance = torch.tensor([0.0, 0.1, 0.4999, 0.5, 0.9, 1.0], requires_grad=True)
    step, slopes = straight_through_step(chance), torch.arange(1.0, 7.0)
    assert step.tolist() == [0, 0, 0, 1, 1, 1]
    (step * slopes).sum().backward()
    assert torch.equal(chance.grad, slopes)  # type: ignore[arg-type]
    skip = SkipGRU(2, 4, batch_first=True)
    run = skip.run(torch.randn(3, 7, 2))
    budget = run.budget(0.5)
    assert budget.item() == pytest.approx(0.5 * run.updates.sum(dim=1).mean().item())
    budget.backward()
    assert skip.update_bias.grad.item() > 0  # type: ignore[union-attr]


# --- conventions

LAYERS: list[Any] = [
    lambda **o: ConvLSTM(2, 3, 3, 2, **o),
    lambda **o: SkipGRU(2, 3, 2, **o),
]


def an_input(layer: nn.Module, *, steps: int = 5, batch: int = 4) -> Tensor:
    return torch.randn(steps, batch, 2, *((6, 7) if isinstance(layer, ConvLSTM) else ()))


@pytest.mark.parametrize("make", LAYERS)
def test_layouts_copies_and_gradients(make: Any) -> None:
    one, other = make(), make(batch_first=True)
    other.load_state_dict(one.state_dict())
    x = an_input(one, steps=9)
    output, state = one(x)
    swapped, same = other(x.transpose(0, 1))
    assert_same((swapped.transpose(0, 1), same), (output, state))
    output.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in one.parameters())
    assert torch.equal(copy.deepcopy(one)(x)[0], output)


def test_gradients_are_right() -> None:
    check_gradients(
        ConvLSTM(1, 2, 3, 2).double(), doubles(2, 1, 1, 3, 2), doubles(2, 1, 2, 3, 2), doubles(2, 1, 2, 3, 2)
    )


@pytest.mark.parametrize("make", LAYERS)
def test_an_input_or_a_state_that_does_not_fit_is_named(make: Any) -> None:
    layer = make()
    x = an_input(layer)
    _, state = layer(x)
    for spoiled in (x[0], torch.cat([x, x], dim=2), x[:0], x.double(), x.tolist()):
        with pytest.raises((TypeError, ValueError), match="input"):
            layer(spoiled)
    wrong = tuple(part[..., :-1] if isinstance(part, Tensor) else part for part in parts(state))
    for given_state in (packed(wrong), (*parts(state), torch.zeros(1))):
        with pytest.raises((TypeError, ValueError), match="expected"):
            layer(x, given_state)


test_what_makes_no_layer_is_named = refusing(
    (lambda: ConvLSTM(1, 2, 4), "kernel_size is 4"),
    (lambda: ConvLSTM(0, 2, 3), "in_channels is 0"),
    (lambda: SkipGRU(1, 2.5), TypeError, "hidden_size is 2.5"),  # type: ignore[arg-type]
    (lambda: SkipGRU(1, 2, True), TypeError, "num_layers is True"),
    (lambda: SkipGRU(2, 3).run(torch.randn(5, 4, 2), probability=torch.ones(3)), "probability has"),
)
