"""Checks for the exercises of the chapter *Weather*."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.baselines import HarmonicRegression, LinearAutoregression, Persistence
from rnncourse.data import Windows, make_windows, seattle_weather
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried
from rnncourse.statistics import mse

__all__ = [
    "check_forecast",
    "check_persistence_error",
    "check_reported_loss",
    "check_skill",
    "check_window_count",
    "check_windows",
]

Floats = NDArray[np.float64]

# Maxima of six days, in °C, and the losses of a run, in °C².
DAYS = (14.0, 16.0, 13.0, 13.5, 18.5, 17.5)
VALIDATION_LOSS = (14.2, 10.9, 9.6, 9.1, 9.4, 9.8)
TEST_LOSS = (12.8, 9.0, 8.1, 7.7, 7.5, 7.9)


def check_persistence_error(answer: ArrayLike) -> Feedback:
    """Check the mean squared error of "as today" on the maxima 14, 16, 13, 13.5, 18.5 and 17.5 °C.

    Args:
        answer: the error in °C², to two decimals.

    Returns:
        Feedback with a hint for a sum, a root, absolute errors, a wrong number of forecasts or a wrong reference.
    """
    steps = np.diff(DAYS)
    squared = steps**2
    return grade(
        answer,
        squared.mean(),
        praise="Five forecasts, five squared errors, and their mean is in °C².",
        mistakes=[
            Mistake(squared.sum(), "This is the sum of the squared errors; divide it by the number of forecasts."),
            Mistake(squared.sum() / len(DAYS), "Six days allow five forecasts: there is no day before the first."),
            Mistake(np.sqrt(squared.mean()), "This is the root, in °C; the mean squared error is in °C²."),
            Mistake(np.abs(steps).mean(), "This is the mean absolute error; square each error before you average."),
            Mistake(np.var(DAYS), "This is the error of the mean of the six days; the forecast is the day before."),
            Mistake(steps.mean() ** 2, "Square each error first: before that, errors of opposite sign cancel."),
        ],
        otherwise="Subtract each day from the next one, square the five differences, and take their mean.",
        tolerance=2e-3,
    )


def check_window_count(answer: ArrayLike) -> Feedback:
    """Check how many windows of 30 days with a target 7 days ahead a series of 1,461 days has.

    Args:
        answer: the number, whole.

    Returns:
        Feedback with a hint for a neglected horizon and for a slip by one.
    """
    days, window, horizon = 1461, 30, 7
    right = days - window - horizon + 1
    return grade(
        answer,
        right,
        praise="N − w − h + 1: the last window is the one whose target is the last day.",
        mistakes=[
            Mistake(days - window, "That is for a target one day ahead; here it lies seven days after the window."),
            Mistake(days - window + 1, "That many windows fit, but the last ones have no target any more."),
            Mistake(right - 1, "One too few: a series of w + h days holds one window, not none."),
            Mistake(right + 1, "One too many: the target of the last window would lie after the last day."),
            Mistake(days // window, "Windows overlap: each starts one day after the one before."),
        ],
        otherwise="The first window starts on day 0. On which day does the last one start, if its target must exist?",
        tolerance=1e-9,
    )


def check_windows(function: Any) -> Feedback:
    """Check a function that cuts windows.

    Args:
        function: called as ``function(series, size)`` with a series ``(n,)`` and a window size; returns inputs
            ``(n - size, size)`` and the value after each window, ``(n - size,)``.

    Returns:
        Feedback with a hint for a function that ignores an argument, loses the last window, lets the target into the
        window, or looks past it.
    """
    if untried(function):
        return NOT_TRIED
    if not callable(function):
        return Feedback(False, f"Give the function itself, without calling it; this is a {type(function).__name__}.")
    try:
        answers = [_cut(function, n, size) for n, size in ((12, 3), (12, 5), (40, 10))]
    except Exception as error:
        return Feedback(False, f"It raises {type(error).__name__}: {error}")
    for (inputs, targets), (n, size) in zip(answers, ((12, 3), (12, 5), (40, 10)), strict=True):
        if problem := _window_problem(inputs, targets, _series(n), size):
            return Feedback(False, problem)
    return Feedback(True, "It reads what it is given: three lengths and three sizes, every window and every target.")


def _series(n: int) -> Floats:
    return np.square(np.arange(n, dtype=np.float64))


def _cut(function: Callable[[Floats, int], Any], n: int, size: int) -> tuple[Floats, Floats]:
    inputs, targets = function(_series(n), size)
    return np.asarray(inputs, dtype=np.float64), np.asarray(targets, dtype=np.float64)


def _window_problem(inputs: Floats, targets: Floats, series: Floats, size: int) -> str:
    """What is wrong with the windows of one series, or nothing."""
    n = len(series) - size
    asked = f"a series of {len(series)} values and a size of {size}"
    if inputs.ndim != 2 or targets.ndim != 1 or len(inputs) != len(targets):
        return f"Inputs must be (windows, size) and targets (windows,); got {inputs.shape} and {targets.shape}."
    if inputs.shape[1] != size:
        return f"Asked for {asked}, it gives windows of {inputs.shape[1]}: it does not read its argument size."
    if len(inputs) == n - 1:
        return "The last window is missing: the value after it is the last of the series."
    if len(inputs) != n:
        return f"Asked for {asked}, it gives {len(inputs)} windows instead of {n}: does it read its argument series?"
    if not np.array_equal(inputs, np.lib.stride_tricks.sliding_window_view(series, size)[:n]):
        return "The windows do not hold the values of the series that it was given, in their order."
    if np.array_equal(targets, inputs[:, -1]):
        return "The target is the last value of its own window: what is to be forecast has been shown."
    if not np.array_equal(targets, series[size:]):
        return "The target must be the one value that follows its window."
    return ""


def check_skill(answer: ArrayLike) -> Feedback:
    """Check the skill of the linear autoregression over persistence on the chapter's test windows.

    Args:
        answer: ``1 - RMSE / RMSE(persistence)``, a number without unit, to three decimals.

    Returns:
        Feedback with a hint for mean squares in the place of their roots, for a ratio, a swap and the wrong windows.
    """
    _, validation, test = _parts()
    ar, persistence = _forecasters()
    root = {name: np.sqrt(_error(ar, part) / _error(persistence, part)) for name, part in _named(validation, test)}
    ratio = float(root["test"])
    return grade(
        answer,
        1 - ratio,
        praise="Ten weights and an intercept take some six per cent off the typical error of persistence.",
        mistakes=[
            Mistake(1 - ratio**2, "This compares mean squares; skill, as this book has it, compares their roots."),
            Mistake(ratio, "This is the ratio of the two; skill is what is missing to one."),
            Mistake(1 - 1 / ratio, "The reference belongs below the line: persistence, not the autoregression."),
            Mistake(100 * (1 - ratio), "In per cent; give the plain number."),
            Mistake(1 - float(root["validation"]), "These are the validation windows; the question is about the test."),
        ],
        otherwise="Take the roots of both mean squared errors of the test, divide, and subtract from one.",
        tolerance=6e-4,
    )


def _named(validation: Windows, test: Windows) -> tuple[tuple[str, Windows], tuple[str, Windows]]:
    return ("validation", validation), ("test", test)


def check_reported_loss(answer: ArrayLike) -> Feedback:
    """Check which loss to report for a run of six epochs.

    The validation losses are 14.2, 10.9, 9.6, 9.1, 9.4 and 9.8, the test losses 12.8, 9.0, 8.1, 7.7, 7.5 and 7.9.

    Args:
        answer: the loss in °C².

    Returns:
        Feedback with a hint for the last epoch, for a choice on the test set, and for the validation loss.
    """
    best = int(np.argmin(VALIDATION_LOSS))
    return grade(
        answer,
        TEST_LOSS[best],
        praise="Chosen on the validation windows, scored on the test windows: nothing was chosen by its own score.",
        mistakes=[
            Mistake(min(TEST_LOSS), "The lowest test loss is found by looking at the test: that is training on it."),
            Mistake(
                VALIDATION_LOSS[best], "This loss has been chosen because it is low, so it is too good. Use the test."
            ),
            Mistake(TEST_LOSS[-1], "The last epoch has no privilege: the validation loss had been lower before."),
            Mistake(VALIDATION_LOSS[-1], "This is the last epoch's validation loss, which is what HW6 reports."),
        ],
        otherwise="First find the epoch, by the validation losses alone. Then read off one number of that epoch.",
        tolerance=1e-9,
    )


def check_forecast(function: Any) -> Feedback:
    """Check a forecast against the linear autoregression over ten days, on the chapter's validation windows.

    Args:
        function: called as ``function(windows, days)`` with the last ten maxima in °C, ``(n, 10)``, and the day of
            the year of each target, ``(n,)``, from 1; returns forecasts ``(n,)`` in °C.

    Returns:
        Feedback with the error, and a hint for a wrong shape, for missing numbers and for what to try next.
    """
    if untried(function):
        return NOT_TRIED
    if not callable(function):
        return Feedback(False, f"Give the function itself, without calling it; this is a {type(function).__name__}.")
    _, validation, _ = _parts()
    try:
        forecast = np.asarray(function(validation.inputs[:, :, 0].copy(), _day_of_year(validation)), dtype=np.float64)
    except Exception as error:
        return Feedback(False, f"It raises {type(error).__name__}: {error}")
    if forecast.shape != (len(validation),):
        return Feedback(False, f"Give one forecast per window, shape ({len(validation)},); got {forecast.shape}.")
    if not np.isfinite(forecast).all():
        return Feedback(False, "Some forecasts are not finite: does it divide by zero, or read before the window?")
    return _judge(mse(forecast, validation.targets[:, 0]), validation)


def _judge(error: float, validation: Windows) -> Feedback:
    ar, persistence = (_error(model, validation) for model in _forecasters())
    seasonal = _error(HarmonicRegression(365.25, lags=10), validation)
    said = f"Mean squared error {error:.2f} °C²"
    if error > persistence + 1e-9:
        return Feedback(False, f"{said}, worse than persistence ({persistence:.2f}). Begin with the last column.")
    if error >= ar - 1e-9:
        return Feedback(
            False, f"{said}, no better than AR(10) ({ar:.2f}). What does it not know? The time of the year."
        )
    if error < seasonal - 0.02:
        return Feedback(
            True, f"{said}, below AR(10) with harmonics ({seasonal:.2f}) too. Now score it on the test windows, once."
        )
    return Feedback(True, f"{said}, below AR(10) ({ar:.2f}). Now score it on the test windows, once.")


def _day_of_year(windows: Windows) -> NDArray[np.int64]:
    days = windows.times.astype("datetime64[D]")
    since: NDArray[np.int64] = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    return since


@lru_cache(maxsize=1)
def _parts() -> tuple[Windows, Windows, Windows]:
    """The chapter's training, validation and test windows."""
    windows = make_windows(seattle_weather().select("temp_max"), window=10)
    return windows[:800], windows[800:1000], windows[1000:]


def _forecasters() -> Sequence[LinearAutoregression | Persistence]:
    return LinearAutoregression(10), Persistence()


def _error(model: LinearAutoregression | Persistence | HarmonicRegression, windows: Windows) -> float:
    return mse(model.fit(_parts()[0]).predict(windows), windows.targets)
