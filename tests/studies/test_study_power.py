"""The studies of *Power*, and what studies of forecasts share."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from book.experiments import ch09_power as power
from book.experiments.ch09_power import PowerConfig
from book.experiments.forecasting import daily_sums
from rnncourse.data import synthetic_power
from rnncourse.studies import study_named as find


def config(model: str, every: power.Every = "minute", **options) -> PowerConfig:
    return PowerConfig(**{"model": model, "every": every, "horizon": 1, "seed": 0, "source": "synthetic"} | options)


@pytest.mark.parametrize("name", ["power", "power-hourly"])
def test_every_network_gets_every_seed_at_full_scale(name) -> None:
    study = find(name)
    grid = study.grid("full", study.seeds)
    trained = Counter((one.model, one.loss, one.horizon, one.steps) for one in grid if one.model in power.NETWORKS)
    assert study.seeds >= 5
    for network in power.NETWORKS:
        assert any(model == network and runs == study.seeds for (model, *_), runs in trained.items())
    assert all(one.seed == 0 and one.steps == 0 for one in grid if one.model not in power.NETWORKS)
    assert len(set(grid)) == len(grid)


def test_the_full_grid_reads_the_household_and_the_small_one_does_not() -> None:
    for study in power.STUDIES:
        assert {one.source for one in study.grid("full", 2)} == {"household"}
        assert {one.source for one in study.grid("small", 2)} == {"synthetic"}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As in a worker: networks this small only wait for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def persistence() -> dict:
    return power.run(config("persistence"), "cpu")


def test_persistence_is_its_own_reference(persistence) -> None:
    assert persistence["skill"] == 0
    assert persistence["parameters"] == 0


def test_the_sums_add_up_to_the_means(persistence) -> None:
    n = persistence["test_windows"]
    for by in ("daily", "group"):
        assert sum(persistence[f"{by}_count"]) == n
        assert sum(persistence[f"{by}_squared"]) / n == pytest.approx(persistence["mse"])
        assert sum(persistence[f"{by}_absolute"]) / n == pytest.approx(persistence["mae"])


def test_persistence_errs_by_less_than_a_jump_where_no_jump_comes(persistence) -> None:
    """Groups in order: steady, jump next, jump behind, both."""
    largest = np.array(persistence["group_squared"]) / persistence["group_count"]
    assert (largest[[0, 2]] <= power.JUMP**2).all()
    assert (largest[[1, 3]] > power.JUMP**2).all()


def test_the_linear_forecast_lowers_the_squared_error_and_pays_in_steady_minutes(persistence) -> None:
    ar = power.run(config("ar"), "cpu")
    assert ar["skill"] > 0
    assert ar["parameters"] == 61
    assert ar["group_absolute"][0] > persistence["group_absolute"][0]


def test_a_network_run_can_be_repeated_and_says_what_it_cost() -> None:
    short = config("rnn", steps=20, epochs=2, lr=2e-3)
    first, again, other = (power.run(one, "cpu") for one in (short, short, replace(short, seed=1)))
    assert first["mse"] == again["mse"] != other["mse"]
    assert first["parameters"] == 12_673
    assert first["macs"] == 60 * (64 * 65 + 64 * 128) + 64
    assert first["windows_seen"] == 20 * 64
    assert len(first["validation"]) == 2
    assert first["seconds"] > 0
    assert first["mse"] < power.run(config("mean"), "cpu")["mse"]


def test_the_loss_decides_what_is_learned() -> None:
    squared, absolute = (power.run(one, "cpu") for one in power.minute_grid("small", 1) if one.model == "lstm")
    assert absolute["mae"] < squared["mae"]


def test_a_day_ahead_the_last_hour_is_yesterday() -> None:
    naive, yesterday = (power.run(config(model, "hour", horizon=24), "cpu") for model in ("persistence", "yesterday"))
    assert naive["mse"] == yesterday["mse"]


def test_no_window_reaches_across_a_long_gap(monkeypatch) -> None:
    minutes = synthetic_power(days=3)
    values = minutes.values.copy()
    values[100:103] = np.nan  # short: filled with the value before
    values[2000:2010] = np.nan  # long: left
    monkeypatch.setattr(power, "load_power", lambda: replace(minutes, values=values))
    power.power_series.cache_clear()
    series = power.power_series("household", "minute")
    hours = power.power_series("household", "hour")
    power.power_series.cache_clear()
    assert (series.values[100:103] == values[99]).all()
    assert np.isnan(series.values[2000:2010]).all()
    assert np.flatnonzero(np.isnan(hours.values[:, 0])).tolist() == [33]


# ---- What studies of forecasts share.


@settings(deadline=None, max_examples=50)
@given(
    minutes=st.lists(st.integers(0, 10_000), min_size=1, max_size=80, unique=True).map(sorted),
    seed=st.integers(0, 2**31),
)
def test_days_are_summed_apart(minutes, seed) -> None:
    errors = np.random.default_rng(seed).normal(size=(len(minutes), 1))
    times = np.datetime64("2007-01-01T00:00") + np.array(minutes)
    sums = daily_sums(errors, times)
    days = np.array(minutes) // 1440
    for position, day in enumerate(np.unique(days)):
        mine = errors[days == day]
        assert sums["daily_count"][position] == len(mine)
        assert sums["daily_squared"][position] == pytest.approx(float((mine**2).sum()))
        assert sums["daily_absolute"][position] == pytest.approx(float(np.abs(mine).sum()))


@pytest.mark.parametrize(("errors", "times"), [(0, 0), (2, 3)])
def test_errors_need_their_times(errors, times) -> None:
    stamps = np.datetime64("2007-01-01T00:00") + np.arange(times)
    with pytest.raises(ValueError, match="as many"):
        daily_sums(np.zeros((errors, 1)), stamps)
