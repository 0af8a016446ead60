"""Baselines: known answers, one protocol, no look ahead, and the coursework's data."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.baselines import Baseline, HarmonicRegression, LinearAutoregression, Mean, Persistence
from rnncourse.data import Series, Windows, make_windows
from rnncourse.statistics import rmse
from tests.closeness import assert_close_ulp
from tests.refusals import refusing

ALL: tuple[Baseline, ...] = (
    Mean(),
    Persistence(),
    LinearAutoregression(3),
    LinearAutoregression(),
    HarmonicRegression(7.5, 2),
    HarmonicRegression(7.5, 1, 3),
)


def series(values: np.ndarray) -> Series:
    table = np.asarray(values, dtype=float).reshape(len(values), -1)
    names = tuple("abc"[: table.shape[1]])
    start, step = np.datetime64("2007-01-01T00:00"), np.timedelta64(1, "m")
    return Series("house", table, names, ("kW",) * len(names), start, step)


def windows(values: np.ndarray, *, window: int = 6, horizon: int = 1) -> Windows:
    return make_windows(series(values), window=window, horizon=horizon)


TWENTY = windows(np.arange(20.0))


@pytest.mark.parametrize("baseline", ALL, ids=lambda b: b.name)
@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("horizon", [1, 4])
def test_all_follow_one_protocol(baseline: Baseline, features: int, horizon: int) -> None:
    data = windows(np.random.default_rng(0).normal(size=(60, features)), horizon=horizon)
    fitted = baseline.fit(data[:40])
    for part in (data[40:], data[:40], data[:1], data[:0]):
        assert fitted.predict(part).shape == part.targets.shape
    assert fitted.name
    assert_close_ulp(fitted.predict(data[40:])[:3], fitted.predict(data[40:43]), 16)


@pytest.mark.parametrize("baseline", ALL, ids=lambda b: b.name)
@settings(max_examples=8)
@given(seed=st.integers(0, 1000), cut=st.integers(20, 58), horizon=st.integers(1, 8))
def test_no_forecast_looks_ahead(baseline: Baseline, seed: int, cut: int, horizon: int) -> None:
    """Rows from ``cut`` on change; forecasts made before that, from windows that end before it, do not."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=60)
    other = np.concatenate((values[:cut], rng.normal(9, 9, size=60 - cut)))
    fitted = baseline.fit(windows(rng.normal(size=60), horizon=horizon))
    one, two = (windows(v, horizon=horizon) for v in (values, other))
    known = one.target_rows - horizon < cut
    assert_close_ulp(fitted.predict(one[known]), fitted.predict(two[known]), 16)


def test_mean_and_persistence_by_hand() -> None:
    data = windows(np.arange(10.0), window=3, horizon=2)
    assert Mean().fit(data[:2]).predict(data).tolist() == [[4.5]] * len(data)
    np.testing.assert_array_equal(Persistence().fit(data).predict(data), data.targets - 2)
    assert (Mean().fit(data).parameters, Persistence().fit(data).parameters) == (1, 0)


def test_autoregression_finds_the_rule_that_made_the_series() -> None:
    values = [1.0, 0.5]
    for _ in range(200):
        values.append(1.6 * values[-1] - 0.95 * values[-2] + 0.3)
    data = windows(np.array(values))
    fitted = LinearAutoregression(2).fit(data[:100])
    assert rmse(fitted.predict(data[100:]), data.targets[100:]) < 1e-8
    assert (fitted.name, fitted.parameters) == ("AR(2)", 3)
    assert LinearAutoregression().fit(data).name == "AR(6)"


def test_harmonics_find_the_season_and_keep_its_phase() -> None:
    time = np.arange(400)
    wave = 3 + np.sin(2 * np.pi * time / 31.7) + 0.4 * np.cos(4 * np.pi * time / 31.7)
    data = windows(wave)
    fitted = HarmonicRegression(31.7, 2).fit(data[:200])
    assert rmse(fitted.predict(data[200:]), data.targets[200:]) < 1e-8
    assert (fitted.name, fitted.parameters) == ("climatology", 5)
    # The same moments in a series that begins later.
    whole = series(wave)
    later = make_windows(replace(whole, values=whole.values[57:], start=whole.start + 57 * whole.step), window=6)
    np.testing.assert_allclose(fitted.predict(later), fitted.predict(data)[57:], atol=1e-9)
    assert HarmonicRegression(31.7, 2, 3).fit(data).parameters == 8


test_they_refuse = refusing(
    (lambda: LinearAutoregression(-1), "lags"),
    *((lambda p=p: HarmonicRegression(p), "period") for p in (1.0, float("nan"))),
    (lambda: HarmonicRegression(7.0, 0), "harmonics"),
    *((lambda b=b: b.fit(TWENTY), "lags") for b in (LinearAutoregression(7), HarmonicRegression(7.0, 1, 7))),
    *((lambda b=b: b.fit(TWENTY[:0]), "train") for b in (Mean(), LinearAutoregression(2))),
)
