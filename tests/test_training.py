"""Training: repeatable, judged on validation, honest about what goes wrong."""

import io
import itertools
import math
import pickle
import sys
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_sequence

from rnncourse.data import Series, make_windows
from rnncourse.networks import Forecaster, weather_network
from rnncourse.training import ArrayBatches, Diverged, FreshWindows, History, fit, one_cycle, predict, set_seed
from tests.closeness import assert_close_ulp
from tests.refusals import refusing

# Where there is no device there is nothing to move to; choosing one is tested without it.
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def windows(n=120, window=8, seed=0):
    """A noisy wave: inputs as a strided, read-only view of float64, and the next value."""
    rng = np.random.default_rng(seed)
    series = np.sin(np.arange(n + window) / 3) + 0.1 * rng.normal(size=n + window)
    view = sliding_window_view(series[:-1, None], window, axis=0)
    return np.moveaxis(view, -1, 1), series[window:, None]


X, Y = windows(20)


def network(kind="gru", seed=0, **options):
    set_seed(seed)
    return Forecaster(kind, **({"hidden_size": 5, "num_layers": 1} | options))


def run(net=None, train=None, validation=None, **options):
    """A short fit with settings that a test may change."""
    train = windows() if train is None else train
    validation = windows(40, seed=1) if validation is None else validation
    options = {"epochs": 3, "batch_size": 32, "lr": 0.01, "device": "cpu"} | options
    return fit(net or network(), train, validation, **options)


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


class Fixed:
    """Batches in an order of their own."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def batches(self, generator):
        yield from self.pairs


# --- what is computed


def test_fit_computes_what_a_bare_loop_computes():
    x, y = (torch.from_numpy(np.array(part)).float() for part in windows(90))
    pairs = list(zip(x.split(32), y.split(32), strict=True))
    net, bare = network(), network()
    history = run(net, Fixed(*pairs), clip_norm=0.5)
    optimiser = torch.optim.Adam(bare.parameters(), lr=0.01, fused=True)
    losses = []
    for inputs, targets in pairs * 3:
        loss = functional.mse_loss(bare(inputs), targets)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(bare.parameters(), 0.5)
        optimiser.step()
        losses.append(loss.item() * len(inputs) / 90)
    assert_close_ulp(history.train_loss, [sum(losses[k : k + 3]) for k in (0, 3, 6)], 4)
    assert equal(net, bare)


@settings(max_examples=15)
@given(n=st.integers(1, 50), batch_size=st.integers(1, 60))
def test_losses_are_means_over_targets_however_the_batches_fall(n, batch_size):
    net = network()
    x, y = windows(n)
    expected = float(np.mean((predict(net, x).astype(float) - y) ** 2))
    history = run(net, (x, y), (x, y), epochs=1, batch_size=batch_size, lr=1e-30)
    assert history.train_loss == pytest.approx([expected], rel=1e-5)
    assert history.validation_loss == pytest.approx([expected], rel=1e-5)


def test_the_rate_of_a_cycle_rises_and_falls():
    weight, rates = nn.Parameter(torch.zeros(1)), []
    optimiser = one_cycle(0.5, 100)([weight])
    for _ in range(100):
        weight.grad = torch.ones(1)
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
    assert max(rates) == rates[10] == pytest.approx(0.5, rel=1e-3)
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-3


# --- batches


def counted(n):
    """Windows of the numbers 0, 1, 2, …: each target is its window's last number and one."""
    values = np.arange(n + 3.0)[:, None]
    day = np.timedelta64(1, "D")
    return make_windows(Series("count", values, ("x",), ("",), np.datetime64("2000-01-01"), day), window=3)


@settings(max_examples=60)
@given(n=st.integers(1, 200), batch_size=st.integers(1, 70), fresh=st.booleans())
@example(n=65, batch_size=64, fresh=False)
def test_an_epoch_has_every_sample_once_and_no_single_one_is_left_over(n, batch_size, fresh):
    made, generator = counted(n), torch.Generator().manual_seed(n)
    batches = FreshWindows(made, n, batch_size) if fresh else ArrayBatches(made.inputs, made.targets, batch_size)
    drawn = [targets.flatten().tolist() for _, targets in batches.batches(generator)]
    again = [targets.flatten().tolist() for _, targets in batches.batches(generator)]
    flat, flat_again = itertools.chain(*drawn), itertools.chain(*again)
    assert sorted(flat) == sorted(flat_again) == made.targets.flatten().tolist()
    assert n < 10 or drawn != again
    assert len(drawn) == len(batches)
    assert all(len(batch) == batch_size for batch in drawn[:-1])
    assert len(drawn[-1]) <= batch_size + 1
    assert len(drawn[-1]) > 1 or 1 in (n, batch_size)


def test_fresh_windows_are_other_windows_in_each_epoch():
    batches, generator = FreshWindows(counted(50), 20, 8), torch.Generator().manual_seed(0)
    one, two = (torch.cat([y for _, y in batches.batches(generator)]).flatten().tolist() for _ in range(2))
    assert len(set(one)) == len(set(two)) == 20
    assert set(one) != set(two)
    for x, y in batches.batches(generator):
        assert x.dtype == y.dtype == torch.float32
        assert torch.equal(x[:, -1] + 1, y)
    assert torch.cat([y for _, y in batches.batches(None)]).flatten().tolist() == list(range(3, 23))
    for wrong in ({"per_epoch": 0}, {"per_epoch": 51}, {"batch_size": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FreshWindows(counted(50), **({"per_epoch": 5, "batch_size": 2} | wrong))


@pytest.mark.parametrize(
    "change",
    [
        np.ascontiguousarray,
        lambda a: np.asarray(a, np.float32),
        lambda a: torch.tensor(np.array(a)),
        lambda a: torch.tensor(np.array(a)).float(),
        lambda a: np.array(a).tolist(),
        lambda a: np.asarray(a, ">f8"),
    ],
    ids=["contiguous", "float32", "tensor", "float tensor", "list", "big-endian"],
)
def test_the_kind_of_array_does_not_matter_nor_an_axis_of_length_one(change):
    x, y = windows()
    assert run(train=(change(x), change(y[:, 0]))).train_loss == run(train=(x, y)).train_loss
    net = network().double()
    run(net, (change(x), change(y)))
    assert predict(net, change(x)).dtype == np.float64


def test_windows_are_never_copied_whole():
    series = np.zeros(60_000)
    view = np.moveaxis(sliding_window_view(series[:, None], 500, axis=0), -1, 1)  # 238 MB if it were copied
    batches = ArrayBatches(view, np.zeros((len(view), 1)), 64)
    tracemalloc.start()
    for _, (inputs, _) in zip(range(5), batches.batches(torch.Generator().manual_seed(0)), strict=False):
        assert inputs.shape == (64, 500, 1)
        assert inputs.dtype == torch.float32
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6


def test_classes_and_tokens_stay_whole_numbers():
    tokens = np.random.default_rng(0).integers(0, 4, size=(200, 3), dtype=np.int32)
    set_seed(0)
    net = nn.Sequential(nn.Embedding(4, 8), nn.Flatten(), nn.Linear(24, 4))
    labels = tokens[:, 0].astype(np.uint8)
    history = fit(net, (tokens, labels), epochs=20, lr=0.02, loss=functional.cross_entropy, device="cpu")
    assert history.train_loss[-1] < 0.1 < history.train_loss[0]


class OfPacked(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.GRU(1, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, packed):
        return self.head(self.rnn(packed)[1][-1])


def test_inputs_may_be_several_arguments_and_a_packed_sequence_is_one():
    a, b = torch.randn(2, 20, 1, generator=torch.Generator().manual_seed(0)).unbind()
    two = Fixed(((a, b), a * b))
    assert run(nn.Bilinear(1, 1, 1), two, two, epochs=100, lr=0.1).validation_loss[-1] < 1e-2
    packed = Fixed((pack_sequence([torch.randn(k, 1) for k in (5, 3, 1)]), torch.ones(3, 1)))
    net = OfPacked()
    assert len(run(net, packed, packed)) == 3
    assert predict(net, packed).shape == (3, 1)


# --- seeds


def test_the_same_seeds_give_the_same_run_bit_for_bit_and_others_do_not():
    def weather_run(seed):
        set_seed(0)
        net = weather_network("lstm")
        return run(net, epochs=2, seed=seed), net

    (first, net), (second, same), (third, _) = (weather_run(seed) for seed in (3, 3, 4))
    assert first == second
    assert equal(net, same)
    assert third.train_loss != first.train_loss
    one_batch = [run(network(dropout=0.5), epochs=1, batch_size=500, seed=seed).train_loss for seed in (0, 1)]
    assert abs(one_batch[0][0] - one_batch[1][0]) > 1e-4  # dropout's doing, more than the rounding of another order


def test_dropout_has_a_stream_of_its_own_and_the_callers_generators_go_on_undisturbed():
    state = []
    net = network(dropout=0.5)
    net.register_forward_pre_hook(lambda module, args: state.append(torch.get_rng_state()))
    torch.manual_seed(0)
    expected = torch.rand(3)
    set_seed(0)
    run(net, epochs=1, seed=0)
    assert torch.equal(torch.rand(3), expected)
    set_seed(0)
    assert not torch.equal(state[0], torch.get_rng_state())


# --- validation decides


def rising():
    """Validation data that every step towards the training data makes worse."""
    x, y = windows(40, seed=1)
    return x, -3 * y


def test_the_best_weights_are_restored_and_patience_stops_a_run_that_gets_worse():
    net, (x, y) = network(), rising()
    history = run(net, validation=(x, y), epochs=50, lr=0.03, patience=3)
    assert len(history) == history.best_epoch + 3 < 50
    assert history.best_validation_loss == min(history.validation_loss)
    assert float(np.mean((predict(net, x) - y) ** 2)) == pytest.approx(history.best_validation_loss, rel=1e-5)


def test_without_validation_the_last_weights_stay_and_nothing_is_learned_from_it():
    judged, alone = network(), network()
    history, seen = fit(alone, windows(), epochs=3, batch_size=32, lr=0.01, device="cpu"), run(judged)
    assert history.train_loss == seen.train_loss
    assert seen.best_epoch == 3
    assert equal(judged, alone)
    assert history.validation_loss == []
    assert history.best_epoch == 3
    assert math.isnan(history.best_validation_loss)


@settings(max_examples=60)
@given(
    losses=st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=12, max_size=12),
    patience=st.none() | st.integers(1, 5),
    epochs=st.integers(1, 12),
)
def test_patience_counts_epochs_without_a_lower_loss(losses, patience, epochs):
    told, best, stale, expected = iter(losses), math.inf, 0, 0

    def loss(outputs, targets):
        return outputs.sum() * 0 + (1.0 if outputs.requires_grad else next(told))

    data = X[:, 0], Y
    history = run(nn.Linear(1, 1), data, data, epochs=epochs, patience=patience, loss=loss)
    for value in losses[:epochs]:
        expected += 1
        best, stale = (value, 0) if value < best else (best, stale + 1)
        if stale == patience:
            break
    assert history.validation_loss == losses[:expected]
    assert history.best_epoch == losses.index(best) + 1


# --- prediction


@settings(max_examples=15)
@given(n=st.integers(1, 40), batch_size=st.integers(1, 50), training=st.booleans())
def test_predictions_come_in_order_and_without_dropout(n, batch_size, training):
    net = network(dropout=0.5).train(training)
    x, _ = windows(n)
    out = predict(net, x, batch_size=batch_size, device="cpu")
    assert net.training == training
    with torch.no_grad():
        assert_close_ulp(out, net.eval()(torch.from_numpy(np.array(x)).float()), 8)
    assert out.dtype == np.float32


test_what_cannot_be_predicted_is_refused = refusing(
    (lambda: predict(network(), X[:0]), "x is empty"),
    (lambda: predict(network(), X, batch_size=0), "batch_size is 0"),
    (lambda: predict(network(), X[..., [0, 0]]), "x has shape"),
)


# --- what goes wrong


def poisoned(call, error=None):
    """A loss that turns, or fails, at that call; an epoch of `run` has 4 for training and 1 for validation."""
    calls = itertools.count(1)

    def loss(outputs, targets):
        this = next(calls)
        if this == call and error:
            raise error
        return functional.mse_loss(outputs, targets) * (math.nan if this == call else 1.0)

    return loss


def slope_without_end(outputs, targets):
    return functional.mse_loss(outputs, targets) + (outputs * 0).sum().sqrt()  # the slope of a root at 0 is infinite


@pytest.mark.parametrize(
    ("options", "before", "error", "message"),
    [
        ({"lr": 1e30}, 0, Diverged, r"training loss became (inf|nan) in epoch 1, batch \d; the initial .* smaller lr"),
        ({"loss": poisoned(13)}, 2, Diverged, "training loss became nan in epoch 3, batch 3; the weights of epoch 2"),
        ({"loss": poisoned(15)}, 2, Diverged, "validation loss became nan in epoch 3, batch 1; the weights of epoch 2"),
        (
            {"loss": slope_without_end, "train": windows(32), "validation": None, "epochs": 1},
            0,
            Diverged,
            "a weight became nan in epoch 1; the initial weights are restored",
        ),
        ({"loss": poisoned(12, KeyboardInterrupt("stop"))}, 2, KeyboardInterrupt, "stop"),
    ],
)
def test_the_best_weights_so_far_survive_what_goes_wrong(options, before, error, message):
    net, expected = network(), network()
    if before:
        run(expected, epochs=before)
    options = {"train": windows(), "validation": windows(40, seed=1), "lr": 0.01, "epochs": 5} | options
    with pytest.raises(error, match=message) as caught:
        fit(net, batch_size=32, device="cpu", **options)
    assert equal(net, expected)
    assert not net.training
    if error is Diverged:
        assert len(caught.value.history) == before


@pytest.mark.parametrize(("spoiled", "part"), [*itertools.product(["train", "validation"], [0, 1])])
def test_missing_values_are_found(spoiled, part):
    data = {"train": windows(), "validation": windows(40, seed=1)}
    arrays = [np.array(array) for array in data[spoiled]]
    arrays[part][37] = np.nan
    with pytest.raises(Diverged, match="sample 37 of its data is not finite"):
        run(**data | {spoiled: tuple(arrays)})


def test_a_divergence_crosses_process_borders():
    again = pickle.loads(pickle.dumps(Diverged("it did", History([1.0], [2.0]))))
    assert (str(again), again.history) == ("it did", History([1.0], [2.0]))


WRONG = {
    **dict.fromkeys(("epochs", "batch_size", "patience"), (0, 2.5, True)),
    **{"lr": (-0.1, None, math.nan), "clip_norm": (0.0, math.inf), "seed": (-1, 1.5), "device": ("tpu", "cuda:99")},
}


def fitted(**options):
    usual = {"net": network(), "train": (X, Y), "validation": (X, Y), "epochs": 1, "device": "cpu"}
    return lambda: fit(**(usual | options))


test_bad_input_is_refused_in_a_sentence = refusing(
    *((fitted(**{name: value}), f"{name} is") for name, values in WRONG.items() for value in values),
    (fitted(validation=None, patience=3), "patience is 3"),
    (fitted(validation=Fixed()), "the validation set is empty"),
    *((fitted(train=(X, y)), "the training set") for y in (Y[:-1], 3.0)),
    *((fitted(train=data), "the training set") for data in (X, (X, Y, Y), (X[:0], Y[:0]), (X.astype(str), Y))),
    (fitted(train=(X, Y[:, [0, 0]])), "output has shape"),
    (fitted(loss=nn.MSELoss(reduction="none")), "the loss of a batch"),
    (fitted(net=network().requires_grad_(False)), "no parameter that requires a gradient"),
    error=(ValueError, TypeError),
)


# --- devices and the terminal


@needs_cuda
def test_a_network_returns_from_the_gpu_and_can_learn_again():
    net, home = network(), network()
    assert run(net, device="cuda").train_loss == pytest.approx(run(home).train_loss, rel=1e-3)
    assert predict(net, X, device="cuda") == pytest.approx(predict(net, X, device="cpu"), abs=1e-4)
    assert net.head.weight.device.type == "cpu"
    run(net)
    functional.mse_loss(net(torch.ones(1, 2, 1)), torch.ones(1, 1)).backward()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "progress"), [(Terminal(), True), (Terminal(), False), (io.StringIO(), True)])
def test_a_line_of_losses_moves_on_a_terminal_alone(monkeypatch, stream, progress):
    for name, value in {"TERM": "xterm", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", stream)
    run(progress=progress)
    text = stream.getvalue()
    assert (text != "") == (progress and stream.isatty())
    if text:
        assert "epoch 3/3" in text
        assert "validation 0." in text
        assert text.rstrip("\r\n").endswith("\x1b[2K")  # the line is erased
