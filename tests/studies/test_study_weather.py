"""The weather study: the coursework's own split, networks and starting weights, and no look ahead."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from book.experiments import ch08_weather as weather
from rnncourse.data import Series, make_windows
from rnncourse.networks import Forecaster
from rnncourse.studies import study_named as find
from rnncourse.studies.study import plan
from rnncourse.training import fit, predict, set_seed

SMALL = weather.Config(model="gru", network="small", units="scaled", epochs=3, lr=3e-3)


def df_to_xy(training_set, size):
    """The coursework's windows, as it meant them."""
    x = [training_set[i - size : i, 0] for i in range(size, len(training_set))]
    return np.array(x), np.array([training_set[i, 0] for i in range(size, len(training_set))])


def test_the_parts_are_those_of_the_coursework() -> None:
    x, y = df_to_xy(weather.series().values, 10)
    assert len(x) == 1451
    for part, first, last in zip(
        weather.split(make_windows(weather.series(), window=10)), (0, 800, 1000), (800, 1000, 1451), strict=True
    ):
        np.testing.assert_array_equal(part.inputs[:, :, 0], x[first:last])
        np.testing.assert_array_equal(part.targets[:, 0], y[first:last])


def test_the_full_grid_has_ten_seeds_of_every_network_and_each_baseline_once() -> None:
    planned = plan(find("weather"), scale="full")
    configs = [run.config for run in planned.runs.values()]
    still = [config.model for config in configs if config.network == "none"]
    assert still == list(weather.BASELINES)
    trained = [config for config in configs if config.network != "none"]
    kinds = {replace(config, seed=0) for config in trained}
    assert len(trained) == 10 * len(kinds)
    assert {(c.model, c.network, c.units) for c in kinds} >= {
        (model, "deep", units) for model in weather.KINDS for units in ("celsius", "scaled")
    }
    as_reported = [c for c in kinds if c.network == "deep" and c.units == "celsius"]
    assert [(c.epochs, c.patience, c.lr) for c in as_reported] == [(100, 0, 1e-3)] * 3


@pytest.mark.parametrize(("model", "reported"), [("lstm", 71_051), ("gru", 53_901), ("rnn", 17_801)])
def test_the_deep_networks_learn_as_many_parameters_as_reported(model, reported) -> None:
    net = weather.build(weather.Config(model=model, network="deep"))
    assert sum(weight.numel() for weight in net.parameters() if weight.requires_grad) == reported


@pytest.mark.parametrize("model", weather.KINDS)
def test_the_initial_weights_are_kerass(model) -> None:
    net = weather.build(weather.Config(model=model, network="deep"))
    for name, weight in net.rnn.named_parameters():
        if name.startswith("weight_hh"):
            torch.testing.assert_close(weight.T @ weight, torch.eye(50), atol=1e-5, rtol=0)
        elif name.startswith("weight_ih"):
            limit = (6 / sum(weight.shape)) ** 0.5
            assert 0.9 * limit < weight.abs().max() <= limit
        else:
            forget = torch.zeros_like(weight)
            if model == "lstm" and name.startswith("bias_ih"):
                forget[50:100] = 1.0
            torch.testing.assert_close(weight, forget)
    assert net.head.bias.item() == 0.0


def test_torchs_start_is_left_alone() -> None:
    set_seed(3)
    plain = Forecaster("lstm", hidden_size=32, num_layers=1)
    built = weather.build(weather.Config(model="lstm", network="small", start="torch", seed=3))
    for one, two in zip(plain.parameters(), built.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=0, rtol=0)


def test_training_never_moves_the_bias_that_keras_lacks() -> None:
    net = weather.build(replace(SMALL, model="lstm"))
    x = torch.randn(64, 10, 1)
    fit(net, (x, x[:, -1]), epochs=1, device="cpu", progress=False)
    assert not net.rnn.bias_hh_l0.any()
    assert (net.rnn.bias_ih_l0 != 0).all()


@pytest.mark.parametrize("units", ["celsius", "scaled"])
def test_the_scaler_sees_training_rows_alone(units) -> None:
    series = weather.series()
    later = series.values.copy()
    later[weather.TRAIN + weather.WINDOW :] += 1000.0
    spoiled = Series(series.name, later, series.columns, series.units, series.start, series.step)
    one, two = (weather._scaler(each, units) for each in (series, spoiled))
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.std, two.std)
    train = weather.split(make_windows(spoiled, window=10))[0]
    assert train.targets.max() < 1000


def test_the_calendar_is_known_in_advance_and_turns_once_a_year() -> None:
    values = weather.series("calendar").values
    np.testing.assert_array_equal(values[:, 0], weather.series().values[:, 0])
    np.testing.assert_allclose(values[:, 1] ** 2 + values[:, 3] ** 2, 1.0)
    np.testing.assert_allclose(values[1460, 1:], values[0, 1:], atol=0.05)
    assert (np.sign(np.diff(values[:366, 1])) != 0).all()


def test_baselines_score_what_is_known() -> None:
    results = {name: weather.run(weather.Config(model=name, network="none"), "cpu") for name in weather.BASELINES}
    known = {"persistence": (10.667, 8.110), "ar": (9.443, 7.096)}
    for name, (validation, test) in known.items():
        assert results[name]["last_validation"] == pytest.approx(validation, abs=5e-4)
        assert results[name]["test_mse"] == pytest.approx(test, abs=5e-4)
    assert [results[name]["parameters"] for name in weather.BASELINES] == [1, 5, 0, 11, 15]


def test_a_run_can_be_repeated_and_its_forecast_gives_its_score() -> None:
    result, again = weather.run(SMALL, "cpu"), weather.run(SMALL, "cpu")
    np.testing.assert_array_equal(result["forecast"], again["forecast"])
    targets = weather.split(make_windows(weather.series(), window=10))[2].targets[:, 0]
    assert np.mean((result["forecast"] - targets) ** 2) == pytest.approx(result["test_mse"], abs=5e-3)
    assert len(result["train_curve"]) == len(result["validation_curve"]) == result["epochs_run"] == 3
    assert result["validation_curve"][result["best_epoch"] - 1] == min(result["validation_curve"])
    other = weather.run(replace(SMALL, seed=1), "cpu")
    assert other["test_mse"] != result["test_mse"]


def test_losses_are_in_squared_degrees_whatever_the_network_sees() -> None:
    result = weather.run(replace(SMALL, epochs=1), "cpu")
    # A network that has learned nothing is about as good as the mean, whose loss is 75 on the validation windows.
    assert 5 < result["last_validation"] < 75


def test_the_last_epochs_score_is_that_of_the_last_weights() -> None:
    config = replace(SMALL, units="celsius", epochs=2)
    train, validation, test = weather.split(make_windows(weather.series(), window=10))
    net = weather.build(config)
    make = weather.Snapshot(net, at=1, lr=config.lr)
    sets = [(part.inputs, part.targets) for part in (train, validation)]
    fit(net, sets[0], epochs=2, batch_size=32, seed=0, device="cpu", progress=False, optimiser=make)
    error = float(np.mean((predict(net, test.inputs) - test.targets) ** 2))
    assert weather.run(config, "cpu")["last_test_mse"] == pytest.approx(error, rel=1e-6)


def test_a_snapshot_keeps_one_step_and_no_other() -> None:
    net = nn.Linear(1, 1)
    keep = weather.Snapshot(net, at=2, lr=0.1)
    adam = keep(net.parameters())
    seen = []
    for _ in range(3):
        adam.zero_grad()
        net(torch.ones(1, 1)).sum().backward()
        adam.step()
        seen.append(net.weight.detach().clone())
        assert (keep.weights is None) == (len(seen) < 2)
    assert keep.weights is not None
    torch.testing.assert_close(keep.weights["weight"], seen[1], atol=0, rtol=0)


def test_early_stopping_leaves_no_last_score() -> None:
    result = weather.run(replace(SMALL, lr=1.0, epochs=30, patience=1), "cpu")
    assert result["epochs_run"] < 30
    assert "last_test_mse" not in result
