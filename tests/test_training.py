"""Training: repeatable, judged on validation, honest about what goes wrong."""

import math
import os
import pickle
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_sequence

from rnncourse.models import Forecaster, weather_network
from rnncourse.training import ArrayBatches, Diverged, History, fit, predict, set_seed
from rnncourse.training.plan import Plan

FEW = settings(deadline=None, max_examples=15)
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


def network(kind="gru", seed=0, **options):
    set_seed(seed)
    return Forecaster(kind, **({"hidden_size": 5, "num_layers": 1} | options))


def run(net=None, train=None, validation=None, **options):
    """A short fit with settings that a test may change."""
    net = net or network()
    options = {"epochs": 3, "batch_size": 32, "lr": 0.01, "device": "cpu"} | options
    return fit(net, train or windows(), validation or windows(40, seed=1), **options)


class Fixed:
    """Batches in an order of their own."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def batches(self, generator):
        yield from self.pairs


# --- what is computed -------------------------------------------------------------------------------------------------


def test_a_network_learns():
    net = network(hidden_size=16)
    history = run(net, epochs=15)
    x, y = windows(40, seed=2)
    error = float(np.mean((predict(net, x) - y) ** 2))
    assert history.validation_loss[-1] < 0.2 * history.validation_loss[0]
    assert error < 0.2 * float(np.mean((x[:, -1] - y) ** 2)) or error < 0.05


def test_fit_computes_what_a_bare_loop_computes():
    x, y = (torch.from_numpy(np.array(part)).float() for part in windows(90))
    pairs = list(zip(x.split(32), y.split(32), strict=True))
    net, bare = network(), network()
    history = run(net, Fixed(*pairs), clip_norm=0.5, weight_decay=0.1)
    optimiser = torch.optim.Adam(bare.parameters(), lr=0.01, weight_decay=0.1, fused=True)
    losses = []
    for _ in range(3):
        for inputs, targets in pairs:
            loss = functional.mse_loss(bare(inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(bare.parameters(), 0.5)
            optimiser.step()
            losses.append(loss.item() * len(inputs) / 90)
    assert history.train_loss == pytest.approx([sum(losses[k : k + 3]) for k in (0, 3, 6)], rel=1e-9)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), bare.parameters(), strict=True))


@FEW
@given(n=st.integers(1, 50), batch_size=st.integers(1, 60))
def test_losses_are_means_over_targets_however_the_batches_fall(n, batch_size):
    net = network()
    x, y = windows(n)
    expected = float(np.mean((predict(net, x).astype(float) - y) ** 2))
    history = run(net, (x, y), (x, y), epochs=1, batch_size=batch_size, lr=1e-30)
    assert history.train_loss == pytest.approx([expected], rel=1e-5)
    assert history.validation_loss == pytest.approx([expected], rel=1e-5)


def test_an_epoch_sees_every_sample_once_and_in_another_order_each_time():
    seen = []

    def loss(outputs, targets):
        seen.append(targets.flatten().tolist())
        return functional.mse_loss(outputs, targets)

    x, y = windows(70)[0], np.arange(70.0)[:, None]
    fit(network(), (x, y), epochs=2, batch_size=32, loss=loss, device="cpu")
    epochs = [[*a, *b, *c] for a, b, c in (seen[:3], seen[3:])]
    assert [len(batch) for batch in seen] == [32, 32, 6] * 2
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(70))
    assert epochs[0] != epochs[1] != list(range(70)) != epochs[0]


@pytest.mark.parametrize("clip", ["clip_norm", "clip_value"])
def test_gradients_are_clipped(clip):
    net, x, y = network(), *windows(32)
    before = torch.cat([p.detach().flatten().clone() for p in net.parameters()])
    fit(
        net, (x, 1000 * y), epochs=1, batch_size=32, device="cpu", optimiser=lambda p: torch.optim.SGD(p, 1.0),
        **{clip: 0.01},
    )  # fmt: skip
    moved = torch.cat([p.detach().flatten() for p in net.parameters()]) - before
    size = moved.norm() if clip == "clip_norm" else moved.abs().max()
    assert float(size) == pytest.approx(0.01, rel=1e-3)


# --- seeds ------------------------------------------------------------------------------------------------------------


def test_the_same_seeds_give_the_same_run_bit_for_bit():
    first, second = (weather_network_run(seed=3) for _ in range(2))
    assert first[0].train_loss == second[0].train_loss
    assert first[0].validation_loss == second[0].validation_loss
    assert all(torch.equal(a, b) for a, b in zip(first[1].parameters(), second[1].parameters(), strict=True))


def weather_network_run(seed):
    set_seed(0)
    net = weather_network("lstm")
    return run(net, epochs=2, seed=seed), net


def test_another_seed_gives_another_order_and_other_dropout():
    assert weather_network_run(seed=3)[0].train_loss != weather_network_run(seed=4)[0].train_loss
    one_batch = [run(network(dropout=0.5), epochs=1, batch_size=500, seed=seed).train_loss for seed in (0, 1)]
    assert abs(one_batch[0][0] - one_batch[1][0]) > 1e-4  # more than the rounding of another order


def test_dropout_has_a_stream_of_its_own():
    state = []
    net = network(dropout=0.5)
    net.register_forward_pre_hook(lambda module, args: state.append(torch.get_rng_state()))
    run(net, epochs=1, seed=0)
    set_seed(0)
    assert not torch.equal(state[0], torch.get_rng_state())


def test_the_callers_generators_go_on_undisturbed():
    net = network(dropout=0.5)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    run(net)
    assert torch.equal(torch.rand(3), expected)


# --- validation decides -----------------------------------------------------------------------------------------------


def rising():
    """Validation data that every step towards the training data makes worse."""
    x, y = windows(40, seed=1)
    return x, -3 * y


def test_the_best_weights_are_restored():
    net = network()
    history = run(net, validation=rising(), epochs=6, lr=0.03)
    x, y = rising()
    assert history.best_epoch < 6
    assert float(np.mean((predict(net, x) - y) ** 2)) == pytest.approx(min(history.validation_loss), rel=1e-5)


def test_the_last_weights_stay_on_request_or_without_validation():
    kept, best, alone = network(), network(), network()
    run(kept, validation=rising(), epochs=6, lr=0.03, restore_best=False)
    run(best, validation=rising(), epochs=6, lr=0.03)
    history = fit(alone, windows(), epochs=6, batch_size=32, lr=0.03, device="cpu")
    assert torch.equal(kept.head.weight, alone.head.weight)
    assert not torch.equal(kept.head.weight, best.head.weight)
    assert history.validation_loss == []
    assert history.best_epoch == 6
    assert math.isnan(history.best_validation_loss)


def test_patience_stops_a_run_that_gets_worse():
    history = run(validation=rising(), epochs=50, lr=0.03, patience=3)
    assert len(history) == history.best_epoch + 3 < 50
    assert history.stopped_early
    assert not run(epochs=2, patience=2).stopped_early


@settings(deadline=None, max_examples=200)
@given(
    losses=st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=12),
    patience=st.integers(1, 5),
    epochs=st.integers(1, 12),
)
def test_patience_counts_epochs_without_a_lower_loss(losses, patience, epochs):
    best, stale, expected = math.inf, 0, 0
    for loss in losses[:epochs]:
        expected += 1
        best, stale = (loss, 0) if loss < best else (best, stale + 1)
        if stale == patience:
            break
    plan = Plan(epochs, 32, 0.01, 0.0, patience, None, None, 0)
    over = [plan.is_over(History(losses[:k], losses[:k], losses[:k])) for k in range(len(losses) + 1)]
    if True in over:
        assert over.index(True) == expected
    else:
        assert expected == len(losses) < epochs


def test_nothing_is_learned_from_validation():
    net, other = network(), network()
    run(net, restore_best=False)
    run(other, validation=rising(), restore_best=False)
    assert torch.equal(net.head.weight, other.head.weight)


def test_the_history_is_a_table():
    frame = run().frame()
    assert list(frame.columns) == ["train_loss", "validation_loss", "seconds"]
    assert list(frame.index) == [1, 2, 3]
    assert frame.index.name == "epoch"
    assert (frame > 0).all().all()
    assert History([1.0], [], [0.1]).frame().validation_loss.isna().all()


def test_the_network_comes_back_ready_for_use():
    net = network(dropout=0.5)
    run(net)
    assert not net.training
    assert all(p.grad is None for p in net.parameters())


# --- data -------------------------------------------------------------------------------------------------------------


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
def test_the_kind_of_array_does_not_matter(change):
    x, y = windows()
    assert run(train=(change(x), change(y))).train_loss == run(train=(x, y)).train_loss


def test_targets_need_no_axis_of_length_one():
    x, y = windows()
    assert run(train=(x, y[:, 0])).train_loss == run(train=(x, y)).train_loss


def test_a_double_network_is_fed_doubles():
    net = network().double()
    run(net)
    assert predict(net, windows()[0]).dtype == np.float64


def test_windows_are_never_copied_whole():
    series = np.zeros(60_000)
    view = np.moveaxis(sliding_window_view(series[:, None], 500, axis=0), -1, 1)  # 238 MB if it were copied
    targets = np.zeros((len(view), 1))
    batches = ArrayBatches(view, targets, 64)
    tracemalloc.start()
    for _, (inputs, _) in zip(range(5), batches.batches(torch.Generator().manual_seed(0)), strict=False):
        assert inputs.shape == (64, 500, 1)
        assert inputs.dtype == torch.float32
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6


def test_classes_and_tokens_stay_whole_numbers():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, size=(200, 3), dtype=np.int32)
    labels = tokens[:, 0].astype(np.uint8)
    set_seed(0)
    net = nn.Sequential(nn.Embedding(4, 8), nn.Flatten(), nn.Linear(24, 4))
    history = fit(net, (tokens, labels), epochs=20, lr=0.02, loss=functional.cross_entropy, device="cpu")
    assert history.train_loss[-1] < 0.1 < history.train_loss[0]


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, a, b):
        return self.linear(torch.cat([a, b], dim=1))


def test_inputs_may_be_several_arguments():
    a, b = torch.randn(2, 20, 1).unbind()
    history = run(Pair(), Fixed(((a, b), a + b)), Fixed(((a, b), a + b)), epochs=200, lr=0.1)
    assert history.validation_loss[-1] < 1e-3
    assert history.best_epoch > 10


class OfPacked(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.GRU(1, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, packed):
        return self.head(self.rnn(packed)[1][-1])


def test_a_packed_sequence_is_one_argument():
    packed = pack_sequence([torch.randn(k, 1) for k in (5, 3, 1)])
    net = OfPacked()
    history = run(net, Fixed((packed, torch.ones(3, 1))), Fixed((packed, torch.ones(3, 1))))
    assert len(history) == 3
    assert predict(net, Fixed((packed, torch.ones(3, 1)))).shape == (3, 1)


# --- prediction -------------------------------------------------------------------------------------------------------


@FEW
@given(n=st.integers(1, 40), batch_size=st.integers(1, 50), training=st.booleans())
def test_predictions_come_in_order_and_without_dropout(n, batch_size, training):
    net = network(dropout=0.5).train(training)
    x, _ = windows(n)
    out = predict(net, x, batch_size=batch_size, device="cpu")
    assert net.training == training
    with torch.no_grad():
        expected = net.eval()(torch.from_numpy(np.array(x)).float()).numpy()
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
    assert out.dtype == np.float32


def test_nothing_to_predict_is_refused():
    with pytest.raises(ValueError, match="x is empty"):
        predict(network(), np.zeros((0, 8, 1)))
    with pytest.raises(ValueError, match="batch_size is 0"):
        predict(network(), windows()[0], batch_size=0)
    with pytest.raises(ValueError, match=r"expected \(batch, time, 1\)"):
        predict(network(), np.zeros((4, 8, 2)))


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_an_explosion_is_named_and_the_start_restored():
    net = network("rnn")
    before = net.head.weight.detach().clone()
    with pytest.raises(
        Diverged, match=r"the training loss became (inf|nan) in epoch 1, batch \d; the initial"
    ) as caught:
        run(net, lr=1e30, epochs=5)
    error = caught.value
    assert (error.epoch, len(error.history)) == (1, 0)
    assert 1 < error.batch <= 4
    assert not math.isfinite(error.loss)
    assert "try a smaller lr than 1e+30" in str(error)
    assert torch.equal(net.head.weight, before)
    assert not net.training


def poisoned(call, value=math.nan):
    """A loss that turns at that call; an epoch of `run` has 4 for training and 1 for validation."""
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        return functional.mse_loss(outputs, targets) * (value if len(calls) == call else 1.0)

    return loss


@pytest.mark.parametrize(("call", "where", "batch"), [(13, "training", 3), (15, "validation", 1)])
def test_the_best_weights_so_far_survive(call, where, batch):
    net, two_epochs = network(), network()
    run(two_epochs, epochs=2)
    with pytest.raises(
        Diverged, match=f"the {where} loss became nan in epoch 3, batch {batch}; the weights of epoch 2"
    ):
        run(net, epochs=5, loss=poisoned(call))
    assert torch.equal(net.head.weight, two_epochs.head.weight)


def test_a_weight_that_is_no_number_is_noticed_in_the_last_epoch():
    def loss(outputs, targets):
        return (
            functional.mse_loss(outputs, targets) + (outputs * 0).sum().sqrt()
        )  # the slope of a root at 0 is infinite

    net = network()
    with pytest.raises(Diverged, match="a weight became nan in epoch 1; the initial weights are restored"):
        fit(net, windows(32), epochs=1, batch_size=32, loss=loss, device="cpu")
    assert torch.isfinite(net.head.weight).all()


@pytest.mark.parametrize("spoiled", ["train", "validation"])
@pytest.mark.parametrize("part", [0, 1])
def test_missing_values_are_found(spoiled, part):
    data = {"train": windows(), "validation": windows(40, seed=1)}
    arrays = [np.array(array) for array in data[spoiled]]
    arrays[part][37] = np.nan
    data[spoiled] = tuple(arrays)
    with pytest.raises(Diverged, match="sample 37 of its data is not finite"):
        run(**data)


def test_a_divergence_crosses_process_borders():
    error = Diverged("it did", epoch=2, batch=3, loss=math.inf, history=History([1.0], [2.0], [0.1]))
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "it did"
    assert (again.epoch, again.batch, again.loss, again.history) == (2, 3, math.inf, error.history)


def test_an_interruption_leaves_the_best_weights():
    def loss(outputs, targets, calls=[]):  # noqa: B006
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return functional.mse_loss(outputs, targets)

    net, two_epochs = network(), network()
    run(two_epochs, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        run(net, loss=loss)
    assert torch.equal(net.head.weight, two_epochs.head.weight)


X, Y = windows(20)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"epochs": 0}, "epochs is 0; expected a whole number of at least 1"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"epochs": True}, "epochs is True"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"lr": -0.1}, "lr is -0.1; expected a positive, finite number"),
        ({"lr": None}, "lr is None"),
        ({"lr": math.nan}, "lr is nan"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0"),
        ({"clip_value": math.inf}, "clip_value is inf"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"device": "tpu"}, "device is 'tpu'; expected 'auto', 'cpu' or 'cuda'"),
        ({"device": "cuda:zero"}, "device is 'cuda:zero'"),
        ({"device": "cuda:99"}, "device is 'cuda:99', but torch sees"),
        ({"train": (X[:0], Y[:0])}, "the training set is empty"),
        ({"validation": (X[:0], Y[:0])}, "the validation set is empty"),
        ({"train": (X, Y[:-1])}, "the training set has 20 inputs and 19 targets"),
        ({"train": (X[:, :, [0, 0]], Y)}, r"x has shape \(20, 8, 2\); expected \(batch, time, 1\)"),
        ({"train": (X, Y[:, [0, 0]])}, r"output has shape \(20, 1\) and its targets \(20, 2\)"),
        ({"train": (X, Y[:, [0, 0]]), "loss": nn.L1Loss()}, r"output has shape \(20, 1\)"),
        ({"train": (X, 3.0)}, "the targets of the training set are a single number"),
        ({"loss": nn.MSELoss(reduction="none")}, r"the loss of a batch is \(20, 1\); expected one number"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        run(**({"train": (X, Y), "validation": (X, Y)} | options))


@pytest.mark.parametrize(
    ("train", "complaint"),
    [
        (X, "the training set is a ndarray; expected"),
        ((X, Y, Y), "the training set is a tuple of 3"),
        ((X.astype(str), Y), "the inputs of the training set have dtype <U"),
    ],
)
def test_what_are_no_data_is_refused(train, complaint):
    with pytest.raises(TypeError, match=complaint):
        fit(network(), train, epochs=1)


def test_patience_needs_validation():
    with pytest.raises(ValueError, match="patience is 3, but there are no validation data"):
        fit(network(), (X, Y), epochs=1, patience=3)


def test_a_frozen_network_is_refused():
    with pytest.raises(ValueError, match="the Forecaster has no parameter that requires a gradient"):
        run(network().requires_grad_(False))


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="device is 'cuda', but torch sees 0 CUDA devices"):
        run(device="cuda")


# --- devices and the terminal -----------------------------------------------------------------------------------------


@needs_cuda
def test_a_network_returns_from_the_gpu_and_can_learn_again():
    net, home = network(), network()
    assert run(net, device="cuda").train_loss == pytest.approx(run(home).train_loss, rel=1e-3)
    assert predict(net, X, device="cuda") == pytest.approx(predict(net, X, device="cpu"), abs=1e-4)
    assert net.head.weight.device.type == "cpu"
    run(net)
    functional.mse_loss(net(torch.ones(1, 2, 1)), torch.ones(1, 1)).backward()


def test_without_a_terminal_nothing_is_written(capfd):
    run(progress=True)
    assert capfd.readouterr() == ("", "")


def shown(monkeypatch, **options):
    """What a run writes on a terminal."""
    master, slave = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    parts = []

    def drain():
        with open(master, "rb", buffering=0, closefd=True) as stream:
            try:
                while part := stream.read(4096):
                    parts.append(part)
            except OSError:  # how Linux tells that the other end is closed
                pass

    reader = threading.Thread(target=drain)
    reader.start()
    with open(slave, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        run(**options)
    reader.join(10)
    return b"".join(parts).decode()


def test_a_terminal_shows_the_losses_and_is_clean_afterwards(monkeypatch):
    text = shown(monkeypatch)
    assert "epoch 3/3" in text
    assert "validation 0." in text
    assert text.rstrip("\r\n").endswith("\x1b[2K")  # the line is erased


def test_a_terminal_stays_silent_on_request(monkeypatch):
    assert shown(monkeypatch, progress=False) == ""
