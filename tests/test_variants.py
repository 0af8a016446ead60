"""The variants are their base where they must be, have right gradients, keep torch's conventions, and complain well."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rnncourse.variants import (
    ConvLSTM,
    ConvLSTMCell,
    DilatedRNN,
    ResidualRNN,
    SkipGRU,
    SkipLSTM,
    straight_through_step,
)

SKIPS = {SkipLSTM: nn.LSTM, SkipGRU: nn.GRU}
TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
sizes = st.integers(1, 4)
few = settings(max_examples=30, deadline=None)
shapes = st.tuples(sizes, sizes, st.integers(1, 3), st.integers(1, 7), st.integers(1, 3), st.booleans(), st.booleans())


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def doubles(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def parts(state) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def packed(state):
    return state if len(state) > 1 else state[0]


def assert_same(one, other, atol=1e-12) -> None:
    for left, right in zip([one[0], *parts(one[1])], [other[0], *parts(other[1])], strict=True):
        assert left.shape == right.shape
        torch.testing.assert_close(left, right, rtol=0, atol=atol)


# --- ConvLSTM


def one_pixel(lstm: nn.LSTM, in_channels: int, *, kernel_size: int = 1) -> ConvLSTM:
    """A ConvLSTM whose kernels have the LSTM's weights in their middle and noise around."""
    conv = ConvLSTM(
        in_channels, lstm.hidden_size, kernel_size, lstm.num_layers, bias=lstm.bias, batch_first=lstm.batch_first
    ).to(lstm.weight_ih_l0.dtype)
    middle = kernel_size // 2
    with torch.no_grad():
        for layer, cell in enumerate(conv.cells):
            for name, weight in cell.named_parameters():
                source = getattr(lstm, f"{name}_l{layer}")
                (weight[:, :, middle, middle] if weight.dim() == 4 else weight).copy_(source)
    return conv


@given(shapes, st.sampled_from([1, 3]))
@few
def test_a_convlstm_on_one_pixel_is_an_lstm(shape, kernel_size) -> None:
    inputs, hidden, layers, steps, batch, bias, batch_first = shape
    lstm = nn.LSTM(inputs, hidden, layers, bias=bias, batch_first=batch_first, dtype=torch.float64)
    conv = one_pixel(lstm, inputs, kernel_size=kernel_size)
    x = doubles(batch, steps, inputs) if batch_first else doubles(steps, batch, inputs)
    state = doubles(layers, batch, hidden), doubles(layers, batch, hidden)
    for start in (None, state):
        output, last = conv(x[..., None, None], start and tuple(part[..., None, None] for part in start))
        assert_same((output[..., 0, 0], tuple(part[..., 0, 0] for part in last)), lstm(x, start))


def test_in_float32_too_a_convlstm_on_one_pixel_is_an_lstm() -> None:
    lstm = nn.LSTM(3, 5, 2, batch_first=True)
    x = torch.randn(4, 9, 3)
    output, last = one_pixel(lstm, 3)(x[..., None, None])
    assert_same((output[..., 0, 0], tuple(part[..., 0, 0] for part in last)), lstm(x), atol=1e-6)


def test_a_map_of_one_by_one_kernels_is_one_lstm_per_pixel() -> None:
    lstm = nn.LSTM(2, 3, batch_first=True, dtype=torch.float64)
    frames = doubles(2, 4, 2, 5, 6)
    output, _ = one_pixel(lstm, 2)(frames)
    pixels = frames.permute(0, 3, 4, 1, 2).reshape(2 * 30, 4, 2)
    expected = lstm(pixels)[0].reshape(2, 5, 6, 4, 3).permute(0, 3, 4, 1, 2)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)


def test_a_shifted_scene_shifts_the_output() -> None:
    conv = ConvLSTM(1, 3, 3, 2, batch_first=True).double()
    frames = torch.zeros(1, 3, 1, 20, 20, dtype=torch.float64)
    frames[..., 8:11, 8:11] = doubles(1, 3, 1, 3, 3)
    shifted = torch.roll(frames, (2, -1), dims=(3, 4))
    here, there = conv(frames)[0], conv(shifted)[0]
    # Away from the border: three steps and two layers reach six pixels in.
    inner = torch.roll(here, (2, -1), dims=(3, 4))[..., 8:-8, 8:-8]
    torch.testing.assert_close(there[..., 8:-8, 8:-8], inner, rtol=0, atol=1e-12)


def test_the_cell_is_one_step_of_the_layer() -> None:
    conv = ConvLSTM(2, 3, 3).double()
    x, state = doubles(1, 2, 2, 4, 5), (doubles(1, 2, 3, 4, 5), doubles(1, 2, 3, 4, 5))
    _, (h, c) = conv(x, state)
    expected = conv.cells[0](x[0], (state[0][0], state[1][0]))
    assert_same((h[0], c[0]), expected, atol=0)
    zero = conv.cells[0](x[0])
    assert_same(zero, conv.cells[0](x[0], (torch.zeros(2, 3, 4, 5).double(), torch.zeros(2, 3, 4, 5).double())), atol=0)


def test_gradients_of_a_convlstm() -> None:
    conv = ConvLSTM(1, 2, 3, 2).double()
    state = doubles(2, 1, 2, 3, 2).requires_grad_(), doubles(2, 1, 2, 3, 2).requires_grad_()
    frames = doubles(2, 1, 1, 3, 2).requires_grad_()
    weights = dict(conv.named_parameters())

    def run(x, h, c, *values):
        output, last = torch.func.functional_call(conv, dict(zip(weights, values, strict=True)), (x, (h, c)))
        return output, *last

    assert torch.autograd.gradcheck(run, (frames, *state, *weights.values()), fast_mode=True)


# --- Skip RNN


def always(kind, **options):
    """A Skip RNN that always updates: the update gate's pre-activation is +40, so the sigmoid is 1."""
    skip = kind(**options)
    with torch.no_grad():
        skip.update_weight.zero_()
        skip.update_bias.fill_(40.0)
    return skip


def base_of(skip) -> nn.Module:
    base = SKIPS[type(skip)](
        skip.input_size, skip.hidden_size, skip.num_layers, bias=skip.bias, batch_first=skip.batch_first
    ).to(skip.weight_ih_l0.dtype)
    base.load_state_dict({name: weight for name, weight in skip.state_dict().items() if not name.startswith("update")})
    return base


@pytest.mark.parametrize("kind", SKIPS)
@given(shapes)
@few
def test_a_skip_rnn_that_always_updates_is_its_base(kind, shape) -> None:
    inputs, hidden, layers, steps, batch, bias, batch_first = shape
    skip = always(
        kind, input_size=inputs, hidden_size=hidden, num_layers=layers, bias=bias, batch_first=batch_first
    ).double()
    base = base_of(skip)
    x = doubles(batch, steps, inputs) if batch_first else doubles(steps, batch, inputs)
    state = packed(tuple(doubles(layers, batch, hidden) for _ in skip.state_names))
    for start in (None, state):
        assert_same(skip(x, start), base(x, start))
        assert skip.run(x, start).share == 1.0


@pytest.mark.parametrize("kind", SKIPS)
def test_in_float32_too_it_is_its_base(kind) -> None:
    skip = always(kind, input_size=3, hidden_size=8, num_layers=2, batch_first=True)
    x = torch.randn(5, 20, 3)
    assert_same(skip(x), base_of(skip)(x), atol=1e-6)


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skipped_step_leaves_the_state_and_a_commitment_is_kept(kind) -> None:
    skip = kind(2, 4, batch_first=True).double()
    with torch.no_grad():
        skip.update_weight.zero_()
        skip.update_bias.fill_(-1.6)  # a step of 0.168: one half is reached by the third
    run = skip.run(doubles(3, 9, 2))
    assert run.updates.tolist() == [[1, 0, 0, 1, 0, 0, 1, 0, 0]] * 3
    for t in (1, 2, 4, 5):
        assert torch.equal(run.output[:, t], run.output[:, t - 1])
    assert not torch.equal(run.output[:, 3], run.output[:, 2])
    assert run.share == pytest.approx(1 / 3)


def loop(skip, x):
    """The definition, one sequence at a time, by torch's cell; (time, feature) to states and decisions."""
    cell = (nn.LSTMCell if isinstance(skip, SkipLSTM) else nn.GRUCell)(skip.input_size, skip.hidden_size).double()
    cell.load_state_dict({name: getattr(skip, f"{name}_l0") for name in cell.state_dict()})
    state, chance, outputs, updates = None, 1.0, [], []
    for step in x:
        update = chance >= 0.5
        if update:
            state = cell(step[None], state)
        shown = parts(state)
        rise = torch.sigmoid(shown[-1] @ skip.update_weight.T + skip.update_bias).item()
        chance = rise if update else min(chance + rise, 1.0)
        outputs.append(shown[0][0])
        updates.append(float(update))
    return torch.stack(outputs), updates, chance


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_rnn_against_its_definition(kind) -> None:
    skip = kind(2, 3, batch_first=True, update_bias=-0.5).double()
    with torch.no_grad():
        skip.update_weight.mul_(6)
    x = doubles(8, 30, 2)
    run = skip.run(x)
    assert 0.2 < run.share < 0.95  # both decisions occur
    for row in range(8):
        outputs, updates, chance = loop(skip, x[row])
        torch.testing.assert_close(run.output[row], outputs, rtol=0, atol=1e-12)
        assert run.updates[row].tolist() == updates
        assert run.probability[row].item() == pytest.approx(chance, abs=1e-12)


@pytest.mark.parametrize("kind", SKIPS)
@pytest.mark.parametrize("batch_first", [True, False])
def test_two_passes_with_the_state_handed_on_are_one(kind, batch_first) -> None:
    skip = kind(2, 3, 2, batch_first=batch_first, update_bias=-1.0).double()
    x = doubles(4, 11, 2)
    laid = x if batch_first else x.transpose(0, 1)
    time = 1 if batch_first else 0
    whole = skip.run(laid)
    assert whole.share < 1
    first = skip.run(laid.narrow(time, 0, 5))
    second = skip.run(laid.narrow(time, 5, 6), first.state, probability=first.probability)
    torch.testing.assert_close(torch.cat([first.output, second.output], dim=time), whole.output)
    assert torch.equal(torch.cat([first.updates, second.updates], dim=1), whole.updates)
    torch.testing.assert_close(second.probability, whole.probability)


@pytest.mark.parametrize("kind", SKIPS)
def test_gradients_between_the_decisions(kind) -> None:
    """The decisions are constant in a small neighbourhood; hold them, and every other derivative must be right."""
    skip = kind(2, 3, 2, batch_first=True, update_bias=-1.0).double()
    x = doubles(2, 6, 2).requires_grad_()
    weights = {name: weight for name, weight in skip.named_parameters() if not name.startswith("update")}
    decided = skip.run(x.detach()).updates.detach().T.unsqueeze(-1)
    assert 0 < decided.mean() < 1
    held = iter(())

    def run(x, *values):
        nonlocal held
        held = iter(decided)
        output, state = torch.func.functional_call(skip, dict(zip(weights, values, strict=True)), (x,))
        return output, *parts(state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnncourse.variants.skipping.straight_through_step", lambda chance: next(held))
        assert torch.autograd.gradcheck(run, (x, *weights.values()))


def test_the_straight_through_step_rounds_and_passes_the_gradient() -> None:
    chance = torch.tensor([0.0, 0.1, 0.4999, 0.5, 0.9, 1.0], requires_grad=True)
    step = straight_through_step(chance)
    assert step.tolist() == [0, 0, 0, 1, 1, 1]
    slopes = torch.arange(1.0, 7.0)
    (step * slopes).sum().backward()
    assert torch.equal(chance.grad, slopes)


def test_the_budget_pulls_the_update_gate_down() -> None:
    skip = SkipGRU(2, 4, batch_first=True)
    run = skip.run(torch.randn(3, 7, 2))
    budget = run.budget(0.5)
    assert budget.item() == pytest.approx(0.5 * run.updates.sum(dim=1).mean().item())
    budget.backward()
    assert skip.update_bias.grad.item() > 0


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_rnn_starts_out_updating(kind) -> None:
    assert kind(2, 16).run(torch.randn(12, 4, 2)).share == 1.0


# --- residual and dilated stacks


@pytest.mark.parametrize("kind", TORCH)
@given(shapes)
@few
def test_a_residual_stack_against_its_definition(kind, shape) -> None:
    inputs, hidden, layers, steps, batch, bias, batch_first = shape
    stack = ResidualRNN(kind, inputs, hidden, layers, bias=bias, batch_first=batch_first).double()
    x = doubles(batch, steps, inputs) if batch_first else doubles(steps, batch, inputs)
    state = tuple(doubles(layers, batch, hidden) for _ in ("hc" if kind == "lstm" else "h"))
    expected, last = (x.transpose(0, 1) if batch_first else x), []
    for index, layer in enumerate(stack.layers):
        plain = TORCH[kind](layer.input_size, hidden, bias=bias).double()
        plain.load_state_dict(layer.state_dict())
        added, end = plain(expected, packed(tuple(part[index : index + 1] for part in state)))
        expected = expected + added if index or inputs == hidden else added
        last.append(parts(end))
    expected = expected.transpose(0, 1) if batch_first else expected
    ends = packed(tuple(torch.cat(part) for part in zip(*last, strict=True)))
    assert_same(stack(x, packed(state)), (expected, ends))


@pytest.mark.parametrize("kind", TORCH)
def test_one_residual_layer_is_torchs(kind) -> None:
    stack = ResidualRNN(kind, 3, 5, batch_first=True)
    x = torch.randn(2, 6, 3)
    torchs = TORCH[kind](3, 5, batch_first=True)
    torchs.load_state_dict(stack.layers[0].state_dict())
    assert_same(stack(x), torchs(x), atol=1e-6)


def test_upper_layers_of_zero_change_nothing() -> None:
    stack = ResidualRNN("lstm", 3, 5, 4, batch_first=True)
    with torch.no_grad():
        for layer in stack.layers[1:]:
            for weight in layer.parameters():
                weight.zero_()
    x = torch.randn(2, 6, 3)
    one = ResidualRNN("lstm", 3, 5, batch_first=True)
    one.layers[0].load_state_dict(stack.layers[0].state_dict())
    assert torch.equal(stack(x)[0], one(x)[0])


@given(
    st.sampled_from(sorted(TORCH)), st.lists(sizes, min_size=1, max_size=3), st.integers(1, 9), st.integers(1, 3), sizes
)
@few
def test_a_dilated_stack_against_its_definition(kind, dilations, steps, batch, inputs) -> None:
    stack = DilatedRNN(kind, inputs, 3, dilations, batch_first=True).double()
    cells = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
    x = doubles(batch, steps, inputs)
    starts = tuple(packed(tuple(doubles(d, batch, 3) for _ in ("hc" if kind == "lstm" else "h"))) for d in dilations)
    expected = list(x.unbind(1))
    output, last = stack(x, starts)
    for layer, dilation, start, end in zip(stack.layers, dilations, starts, last, strict=True):
        cell = cells[kind](layer.input_size, 3).double()
        cell.load_state_dict({name: getattr(layer, f"{name}_l0") for name in cell.state_dict()})
        states = [tuple(part[d] for part in parts(start)) for d in range(dilation)]
        for t, step in enumerate(expected):
            states.append(parts(cell(step, packed(states[t]))))
        expected = [state[0] for state in states[dilation:]]
        for index, part in enumerate(parts(end)):
            kept = torch.stack([state[index] for state in states[-dilation:]])
            torch.testing.assert_close(part, kept, rtol=0, atol=1e-12)
    torch.testing.assert_close(output, torch.stack(expected, dim=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", TORCH)
def test_dilation_one_is_torchs_stack(kind) -> None:
    stack = DilatedRNN(kind, 3, 5, (1, 1))
    torchs = TORCH[kind](3, 5, 2)
    torchs.load_state_dict(
        {f"{name[:-1]}{layer}": weight for layer in (0, 1) for name, weight in stack.layers[layer].state_dict().items()}
    )
    x = torch.randn(6, 2, 3)
    output, last = stack(x)
    expected, state = torchs(x)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)
    stacked = packed(tuple(torch.cat(part) for part in zip(*[parts(one) for one in last], strict=True)))
    assert_same((output, stacked), (expected, state), atol=1e-6)


@pytest.mark.parametrize("make", [lambda: ResidualRNN("gru", 2, 2, 2), lambda: DilatedRNN("lstm", 2, 2, (1, 2))])
def test_gradients_of_the_stacks(make) -> None:
    stack = make().double()
    x = doubles(5, 1, 2).requires_grad_()
    weights = dict(stack.named_parameters())

    def run(x, *values):
        return torch.func.functional_call(stack, dict(zip(weights, values, strict=True)), (x,))[0]

    assert torch.autograd.gradcheck(run, (x, *weights.values()), fast_mode=True)


# --- conventions

LAYERS = [
    lambda **o: ConvLSTM(2, 3, 3, 2, **o),
    lambda **o: SkipLSTM(2, 3, 2, **o),
    lambda **o: SkipGRU(2, 3, 2, **o),
    lambda **o: ResidualRNN("lstm", 2, 3, 2, **o),
    lambda **o: DilatedRNN("gru", 2, 3, (1, 2), **o),
]


def an_input(layer, *, steps=5, batch=4, features=2) -> Tensor:
    rest = (6, 7) if isinstance(layer, ConvLSTM) else ()
    return torch.randn(steps, batch, features, *rest)


@pytest.mark.parametrize("make", LAYERS)
def test_batch_first_swaps_two_axes_and_nothing_else(make) -> None:
    one = make()
    other = make(batch_first=True)
    other.load_state_dict(one.state_dict())
    x = an_input(one)
    output, state = one(x)
    swapped, same = other(x.transpose(0, 1))
    torch.testing.assert_close(swapped.transpose(0, 1), output)
    for left, right in zip(parts(state), parts(same), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("make", LAYERS)
def test_every_weight_gets_a_gradient_and_a_copy_computes_the_same(make) -> None:
    layer = make()
    x = an_input(layer, steps=9)
    loss = layer(x)[0].square().sum()
    loss.backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in layer.parameters())
    again = copy.deepcopy(layer)
    assert torch.equal(again(x)[0], layer(x)[0])


@pytest.mark.parametrize("make", [LAYERS[0], LAYERS[3]])
def test_dropout_acts_between_layers_while_training_alone(make) -> None:
    layer = make(dropout=0.5)
    x = an_input(layer)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda x: x[0], ValueError, "input has shape"),
        (lambda x: torch.cat([x, x], dim=2), ValueError, "2 in the axis"),
        (lambda x: x[:0], ValueError, "no axis of length 0"),
        (lambda x: x.double(), ValueError, "weights are torch.float32"),
        (lambda x: x.tolist(), TypeError, "is a list"),
    ],
)
def test_an_input_that_does_not_fit_is_named(make, spoil, error, words) -> None:
    layer = make()
    with pytest.raises(error, match=words):
        layer(spoil(an_input(layer)))


@pytest.mark.parametrize("make", LAYERS)
def test_a_state_that_does_not_fit_is_named(make) -> None:
    layer = make()
    _, state = layer(an_input(layer))
    wrong = tuple(part[..., :-1] if isinstance(part, Tensor) else part for part in parts(state))
    with pytest.raises(ValueError, match="expected"):
        layer(an_input(layer), packed(wrong))
    with pytest.raises((TypeError, ValueError), match="expected"):
        layer(an_input(layer), (*parts(state), torch.zeros(1)))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: ConvLSTM(1, 2, 4), ValueError, "kernel_size is 4; expected an odd"),
        (lambda: ConvLSTM(0, 2, 3), ValueError, "in_channels is 0"),
        (lambda: ConvLSTM(1, 2, 3, dropout=1.0), ValueError, "dropout is 1.0"),
        (lambda: ConvLSTMCell(1, 2.5, 3), TypeError, "hidden_channels is 2.5"),
        (lambda: SkipLSTM(1, 0), ValueError, "hidden_size is 0"),
        (lambda: SkipGRU(1, 2, True), TypeError, "num_layers is True"),
        (lambda: ResidualRNN("cnn", 1, 2), ValueError, "kind is 'cnn'"),
        (lambda: ResidualRNN("gru", 1, 2, 0), ValueError, "num_layers is 0"),
        (lambda: DilatedRNN("gru", 1, 2, ()), ValueError, "dilations is empty"),
        (lambda: DilatedRNN("gru", 1, 2, (1, 0)), ValueError, "a dilation is 0"),
    ],
)
def test_sizes_that_make_no_layer_are_named(make, error, words) -> None:
    with pytest.raises(error, match=words):
        make()


def test_what_only_one_variant_asks_for() -> None:
    cell = ConvLSTMCell(2, 3, 3)
    with pytest.raises(ValueError, match="a cell takes one time step"):
        cell(torch.randn(5, 1, 2, 4, 4))
    with pytest.raises(ValueError, match="probability has shape"):
        SkipGRU(2, 3).run(torch.randn(5, 4, 2), probability=torch.ones(3))
    with pytest.raises(ValueError, match="one per layer, 2"):
        DilatedRNN("gru", 2, 3, (1, 2))(torch.randn(5, 4, 2), (torch.zeros(1, 4, 3),))


@pytest.mark.parametrize("make", [*LAYERS, lambda **o: ConvLSTMCell(2, 3, 3)])
def test_a_layer_says_what_it_is(make) -> None:
    shown = repr(make())
    assert type(make()).__name__ in shown
    assert "2, 3" in shown
