"""The checks of *Weather* accept the solution and answer each typical mistake with its own hint."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.exercises import weather as ex

STEPS = np.diff(ex.DAYS)
GLOBAL = np.arange(50.0)


def windows(series, size):
    inputs = np.lib.stride_tricks.sliding_window_view(series, size)[:-1]
    return inputs, series[size:]


def listed(series, size):
    return [list(series[i : i + size]) for i in range(len(series) - size)], [
        series[i] for i in range(size, len(series))
    ]


def ignores_size(series, size):
    return windows(series, 10 if len(series) > 20 else 3)


def ignores_series(series, size):
    return windows(GLOBAL, size)


def wrong_values(series, size):
    return windows(series[::-1], size)


def drops_the_last(series, size):
    inputs, targets = windows(series, size)
    return inputs[:-1], targets[:-1]


def shows_the_target(series, size):
    inputs, _ = windows(series, size)
    return inputs, inputs[:, -1]


def two_ahead(series, size):
    inputs, _ = windows(series, size)
    return inputs, np.append(series[size + 1 :], 0.0)


def with_a_feature_axis(series, size):
    inputs, targets = windows(series, size)
    return inputs[:, :, None], targets


def raises(series, size):
    raise IndexError("no such row")


def last(values, days):
    return values[:, -1]


def mean(values, days):
    return values.mean(axis=1)


def seasonal(values, days):
    """A little of the way from today to the mean of the season."""
    usual = 16.5 - 8.0 * np.cos(2 * np.pi * (days - 20) / 365.25)
    return 0.7 * values[:, -1] + 0.3 * usual


def linear(values, days):
    return ex._forecasters()[0].fit(ex._parts()[0]).predict(ex._parts()[1])[:, 0]


RIGHT = [
    (ex.check_persistence_error, 7.85),
    (ex.check_persistence_error, np.mean(STEPS**2)),
    (ex.check_window_count, 1425),
    (ex.check_windows, windows),
    (ex.check_windows, listed),
    (ex.check_skill, 0.0646),
    (ex.check_skill, 0.065),
    (ex.check_reported_loss, 7.7),
    (ex.check_forecast, seasonal),
]


WRONG = [
    (ex.check_persistence_error, 39.25, "sum of the squared errors"),
    (ex.check_persistence_error, 39.25 / 6, "five forecasts"),
    (ex.check_persistence_error, np.sqrt(7.85), "This is the root"),
    (ex.check_persistence_error, 2.3, "mean absolute error"),
    (ex.check_persistence_error, np.var(ex.DAYS), "mean of the six days"),
    (ex.check_persistence_error, STEPS.mean() ** 2, "opposite sign cancel"),
    (ex.check_persistence_error, 100, "Subtract each day"),
    (ex.check_window_count, 1431, "one day ahead"),
    (ex.check_window_count, 1432, "no target any more"),
    (ex.check_window_count, 1424, "One too few"),
    (ex.check_window_count, 1426, "One too many"),
    (ex.check_window_count, 48, "Windows overlap"),
    (ex.check_window_count, 3, "The first window starts"),
    (ex.check_windows, ignores_size, "does not read its argument size"),
    (ex.check_windows, ignores_series, "does it read its argument series"),
    (ex.check_windows, wrong_values, "in their order"),
    (ex.check_windows, drops_the_last, "last window is missing"),
    (ex.check_windows, shows_the_target, "has been shown"),
    (ex.check_windows, two_ahead, "that follows its window"),
    (ex.check_windows, with_a_feature_axis, "must be (windows, size)"),
    (ex.check_windows, raises, "raises IndexError: no such row"),
    (ex.check_windows, 7, "function itself"),
    (ex.check_skill, 1 - 7.0957 / 8.1097, "mean squares"),
    (ex.check_skill, 0.9354, "what is missing to one"),
    (ex.check_skill, -0.0691, "below the line"),
    (ex.check_skill, 6.46, "In per cent"),
    (ex.check_skill, 0.0591, "validation windows"),
    (ex.check_skill, 0.5, "Take the roots"),
    (ex.check_reported_loss, 7.5, "training on it"),
    (ex.check_reported_loss, 9.1, "chosen because it is low"),
    (ex.check_reported_loss, 7.9, "no privilege"),
    (ex.check_reported_loss, 9.8, "what HW6 reports"),
    (ex.check_reported_loss, 1.0, "First find the epoch"),
    (ex.check_forecast, mean, "worse than persistence"),
    (ex.check_forecast, last, "the time of the year"),
    (ex.check_forecast, linear, "no better than AR(10)"),
    (ex.check_forecast, lambda values, days: values, "one forecast per window"),
    (ex.check_forecast, lambda values, days: values[:, -1] * np.nan, "not finite"),
    (ex.check_forecast, lambda values: values, "raises TypeError"),
    (ex.check_forecast, "persistence", "function itself"),
]


def test_the_forecast_cannot_change_the_windows_it_is_judged_on() -> None:
    def spoils(values, days):
        values[:] = 0.0
        return values[:, -1]

    ex.check_forecast(spoils)
    assert ex._parts()[1].inputs.any()
    assert ex.check_forecast(seasonal).passed


@settings(deadline=None, max_examples=50)
@given(lost=st.integers(2, 9))
def test_any_other_number_of_windows_is_refused(lost: int) -> None:
    def short(series, size):
        inputs, targets = windows(series, size)
        return inputs[:-lost], targets[:-lost]

    feedback = ex.check_windows(short)
    assert not feedback.passed
