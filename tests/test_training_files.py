"""Checkpoints and weights: resumed to the bit, whole or not there, refused when foreign."""

import errno
import itertools
import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from rnncourse.models import Forecaster, power_network
from rnncourse.training import CheckpointError, fit, load_weights, save_weights, set_seed
from rnncourse.training.checkpoint import _pack, _unpack

SEARCH = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = itertools.count()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 1))
Y = X.sum(axis=1)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(hidden_size=3, **options):
    set_seed(0)
    return Forecaster("lstm", hidden_size=hidden_size, num_layers=2, dropout=0.3, **options)


def run(net, checkpoint=None, **options):
    options = {"epochs": 5, "batch_size": 16, "lr": 0.03, "seed": 1, "device": "cpu"} | options
    return fit(
        net, options.pop("train", (X, Y)), options.pop("validation", (X[:10], Y[:10])), checkpoint=checkpoint, **options
    )


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def losses(history):
    return history.train_loss, history.validation_loss


class Stopping:
    """The squared error, until it is called once too often."""

    def __init__(self, calls):
        self.left = calls

    def __call__(self, outputs, targets):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return functional.mse_loss(outputs, targets)


# --- resuming ---------------------------------------------------------------------------------------------------------

OPTIMISERS = {
    "adam": None,
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
    "amsgrad": lambda p: torch.optim.Adam(p, 0.03, amsgrad=True, foreach=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01, centered=True),
    "rprop": lambda p: torch.optim.Rprop(p, 0.01),
}


@settings(SEARCH, max_examples=10)
@given(calls=st.lists(st.integers(0, 20), min_size=1, max_size=3), optimiser=st.sampled_from(sorted(OPTIMISERS)))
def test_an_interrupted_run_ends_as_if_it_had_never_stopped(tmp_path, calls, optimiser):
    path = tmp_path / f"{next(NUMBERS)}.safetensors"
    whole, parts = network(), network()
    expected = run(whole, loss=Stopping(99), optimiser=OPTIMISERS[optimiser])
    for stop in calls:
        try:
            run(network(), path, loss=Stopping(stop), optimiser=OPTIMISERS[optimiser])
        except KeyboardInterrupt:
            torch.rand(7)  # a generator elsewhere does not matter
    history = run(parts, path, loss=Stopping(99), optimiser=OPTIMISERS[optimiser])
    assert losses(history) == losses(expected)
    assert same(whole, parts)
    assert list(tmp_path.glob("*.part")) == []


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.safetensors"
    net, again = network(), network()
    first = run(net, path, loss=Stopping(99))
    assert run(again, path, loss=Stopping(0)) == first
    assert same(net, again)


def test_a_run_may_grow(tmp_path):
    path = tmp_path / "run.safetensors"
    whole, grown = network(), network()
    run(network(), path, epochs=2)
    assert losses(run(grown, path)) == losses(run(whole))
    assert same(whole, grown)
    with pytest.raises(CheckpointError, match="holds 5 epochs, but 4 are asked for"):
        run(network(), path, epochs=4)


def test_patience_goes_on_counting(tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"validation": (X[:10], -5 * Y[:10]), "patience": 3, "epochs": 30, "lr": 0.1}
    whole = run(network(), **options)
    run(network(), path, **(options | {"epochs": whole.best_epoch + 2}))
    resumed = run(network(), path, **options)
    assert losses(resumed) == losses(whole)
    assert resumed.stopped_early
    assert len(whole) < 30


def test_without_validation_too(tmp_path):
    path = tmp_path / "run.safetensors"
    whole, parts = network(), network()
    expected = fit(whole, (X, Y), epochs=4, device="cpu")
    fit(network(), (X, Y), epochs=2, device="cpu", checkpoint=path)
    assert losses(fit(parts, (X, Y), epochs=4, device="cpu", checkpoint=str(path))) == losses(expected)
    assert same(whole, parts)


# --- refusals ---------------------------------------------------------------------------------------------------------


class Content(bytes):
    """The bytes of a file; hypothesis would print them all."""

    def __repr__(self):
        return f"Content of {len(self)} bytes"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A checkpoint after two epochs."""
    path = tmp_path_factory.mktemp("run") / "run.safetensors"
    run(network(), path, epochs=2)
    return Content(path.read_bytes())


def refused(tmp_path, content, match=None, **options):
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)
    net = options.pop("net", None) or network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(CheckpointError, match=match) as caught:
        run(net, path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert path.read_bytes() == content


@SEARCH
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_truncated_checkpoint_is_refused(tmp_path, content, part):
    refused(tmp_path, content[: int(part * len(content))])


@SEARCH
@given(data=st.data())
def test_a_changed_byte_is_noticed(tmp_path, content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    flip = data.draw(st.integers(1, 255))
    spoiled = bytearray(content)
    spoiled[place] ^= flip
    path = tmp_path / "run.safetensors"
    path.write_bytes(bytes(spoiled))
    expected = run(network(), None, epochs=3)
    try:
        history = run(network(), path, epochs=3)
    except CheckpointError:
        return
    assert losses(history) == losses(expected)  # the byte was padding, or the name of the checksum


@SEARCH
@given(noise=st.binary(max_size=300))
def test_noise_is_refused(tmp_path, noise):
    refused(tmp_path, noise, "cannot be read as a safetensors file")


def test_foreign_files_are_refused(tmp_path, content):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.ones(3)}, foreign)
    refused(tmp_path, foreign.read_bytes(), "has the format None; expected 'rnncourse checkpoint 1'")
    save_file({"a": torch.ones(3)}, foreign, {"format": "rnncourse checkpoint 1", "tree": "[1]"})
    refused(tmp_path, foreign.read_bytes(), "is a damaged checkpoint")
    save_file({"a": torch.ones(3)}, foreign, {"format": "rnncourse checkpoint 1", "tree": '{"pairs": [[1, 2]]}'})
    refused(tmp_path, foreign.read_bytes(), "is a damaged checkpoint")
    torch.save({"a": 1}, foreign)
    refused(tmp_path, foreign.read_bytes(), "cannot be read as a safetensors file")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        run(network(), tmp_path)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"net": Forecaster("lstm", hidden_size=4, num_layers=2)}, r"'rnn.weight_ih_l0' of shape \(12, 1\)"),
        ({"net": Forecaster("gru", hidden_size=3, num_layers=2)}, "shape"),
        ({"net": Forecaster("lstm", hidden_size=3, num_layers=3)}, "lacks the tensor 'rnn.bias_hh_l2'"),
        ({"net": Forecaster("lstm", hidden_size=3, num_layers=1)}, "which this network has not"),
        ({"lr": 0.02}, "a run with optimiser's lr 0.03, but this one has 0.02"),
        ({"batch_size": 8}, "a run with batch_size 16, but this one has 8: choose another path"),
        ({"seed": 2}, "a run with seed 1, but this one has 2"),
        ({"patience": 2}, "a run with patience None"),
        ({"clip_norm": 1.0}, "a run with clip_norm None"),
        ({"loss": functional.l1_loss}, "a run with loss mse_loss, but this one has l1_loss"),
        ({"train": (X[:30], Y[:30])}, "a run with training set"),
        ({"train": (X + 1, Y)}, "a run with training set"),
        ({"train": (X, 2 * Y)}, "a run with training set"),
        ({"validation": (X[10:20], Y[10:20])}, "a run with validation set"),
        ({"optimiser": OPTIMISERS["sgd"]}, "a run with optimiser Adam"),
    ],
)
def test_another_run_is_refused(tmp_path, content, options, complaint):
    refused(tmp_path, content, complaint, **options)


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path, monkeypatch, content):
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot be written \(No space left on device\): free some space"):
        run(network(), path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="choose another path"):
        run(network(), tmp_path / "file" / "run.safetensors")


# --- weights ----------------------------------------------------------------------------------------------------------


def test_weights_come_back(tmp_path):
    net, other = network(), power_network("lstm")
    path = save_weights(net, str(tmp_path / "deep" / "net.safetensors"))
    torch.manual_seed(5)
    fresh = Forecaster("lstm", hidden_size=3, num_layers=2)
    assert not same(net, fresh)
    assert load_weights(fresh, path) is fresh
    assert same(net, fresh)
    with pytest.raises(
        CheckpointError, match=r"'head.weight' of shape \(1, 3\), but this network's has \(1, 64\)|of shape"
    ):
        load_weights(other, path)


def test_a_misfit_names_the_tensor_and_changes_nothing(tmp_path):
    path = save_weights(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), tmp_path / "net.safetensors")
    cases = {
        "lacks the tensor '2.bias'": nn.Sequential(*(nn.Linear(2, 2) for _ in range(3))),
        "holds the tensor '1.bias', which this network has not": nn.Sequential(nn.Linear(2, 2)),
        r"holds '1.weight' of shape \(2, 2\), but this network's has \(2, 3\)": nn.Sequential(
            nn.Linear(2, 2), nn.Linear(3, 2)
        ),
    }
    for complaint, net in cases.items():
        before = net[0].weight.detach().clone()
        with pytest.raises(CheckpointError, match=complaint):
            load_weights(net, path)
        assert torch.equal(net[0].weight, before)


def test_weights_of_other_programs_are_read(tmp_path):
    net = network()
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, tmp_path / "other.safetensors")
    set_seed(9)
    fresh = Forecaster("lstm", hidden_size=3, num_layers=2)
    assert same(load_weights(fresh, tmp_path / "other.safetensors"), net)


def test_whole_numbers_are_no_weights(tmp_path):
    save_file({"weight": torch.ones(1, 1, dtype=torch.int64)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="'weight' as torch.int64; expected torch.float32"):
        load_weights(nn.Linear(1, 1, bias=False), tmp_path / "w.safetensors")


def test_shared_weights_and_buffers_are_saved(tmp_path):
    def build():
        net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2))
        net[1].weight = net[0].weight
        return net

    net = build()
    net(torch.randn(5, 2))
    again = load_weights(build(), save_weights(net, tmp_path / "net.safetensors"))
    assert same(net, again)
    assert again[1].weight is again[0].weight
    assert int(again[2].num_batches_tracked) == 1


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere.safetensors cannot be read"):
        load_weights(network(), tmp_path / "nowhere.safetensors")


def test_a_changed_weight_is_noticed(tmp_path):
    path = save_weights(network(), tmp_path / "net.safetensors")
    spoiled = bytearray(path.read_bytes())
    spoiled[-3] ^= 1
    path.write_bytes(bytes(spoiled))
    assert load_file(path)  # the format itself does not notice
    with pytest.raises(CheckpointError, match="does not have the checksum in its header"):
        load_weights(network(), path)


# --- trees ------------------------------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.integers() | st.text(), inner)
    ),
    max_leaves=10,
)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(tree=TREES)
def test_trees_come_back_as_they_were(tree):
    assert _unpack(_pack(tree, {}), {}) == tree


def test_tensors_in_trees_come_back_and_objects_are_refused():
    held = {}
    again = _unpack(_pack({1: [torch.arange(3), (torch.ones(2), "a")]}, held), held)
    assert torch.equal(again[1][0], torch.arange(3))
    assert again[1][1][1] == "a"
    assert len(held) == 2
    with pytest.raises(CheckpointError, match="holds a object"):
        _pack([object()], {})
