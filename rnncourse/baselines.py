"""Forecasts that need no network: what any network has to beat.

All follow one protocol: ``baseline.fit(train)`` returns a `Fitted`, whose ``predict(windows)`` gives one row per
window. A forecast of a window uses nothing after its last row, which is when the forecast is made. A number out of
range, or training without a window, is a ``ValueError``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncourse.data import Windows

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A baseline after training: ``predict`` gives ``(n, outputs)``, in the unit of the windows."""

    name: str
    parameters: int  # how many numbers it learned
    predict: Callable[[Windows], Floats]


@dataclass(frozen=True)
class Mean:
    """The mean of the training targets, always: one parameter per output."""

    name: str = "mean"

    def fit(self, train: Windows) -> Fitted:
        """Take the mean."""
        level = _some(train).targets.mean(axis=0)
        return Fitted(self.name, len(level), lambda windows: np.tile(level, (len(windows), 1)))


@dataclass(frozen=True)
class Persistence:
    """The last value: tomorrow is as today."""

    name: str = "persistence"

    def fit(self, train: Windows) -> Fitted:
        """Learn nothing."""
        return Fitted(self.name, 0, _last)


@dataclass(frozen=True)
class LinearAutoregression:
    """A linear function of the last ``lags`` rows, fitted by least squares, with an intercept; 0: the whole window."""

    lags: int = 0

    def __post_init__(self) -> None:
        if self.lags < 0:
            raise ValueError(f"lags must be at least 0, got {self.lags}.")

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return f"AR({self.lags})" if self.lags else "AR(window)"

    def fit(self, train: Windows) -> Fitted:
        """Fit ``outputs · (lags · feature + 1)`` parameters by least squares."""
        lags = self.lags or train.window
        return _linear(f"AR({lags})", train, lambda windows: _lagged(windows, lags))


@dataclass(frozen=True)
class HarmonicRegression:
    """A linear function of the last ``lags`` rows and of sines and cosines of the calendar.

    With ``lags`` 0 it is a climatology: it knows the time of the target and nothing else. ``period`` is in steps, such
    as 365.25 days of a year; ``harmonics`` multiples of its frequency are taken.
    """

    period: float
    harmonics: int = 2
    lags: int = 0

    def __post_init__(self) -> None:
        if not self.period > 1:
            raise ValueError(f"period must be longer than 1 step, got {self.period}.")
        if self.harmonics < 1 or self.lags < 0:
            raise ValueError(f"harmonics must be at least 1 and lags at least 0, got {self.harmonics} and {self.lags}.")

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return f"AR({self.lags}) + harmonics" if self.lags else "climatology"

    def fit(self, train: Windows) -> Fitted:
        """Fit ``outputs · (lags · feature + 2 · harmonics + 1)`` parameters by least squares."""
        return _linear(self.name, train, self._features)

    def _features(self, windows: Windows) -> Floats:
        # Counted from a fixed day, so that the phase does not depend on where a series begins.
        since = windows.series.start.astype("datetime64[s]") - np.datetime64("2000-01-01T00:00:00")
        steps = since / windows.series.step + windows.target_rows
        angles = 2 * np.pi * steps[:, None] * np.arange(1, self.harmonics + 1) / self.period
        return np.hstack((_lagged(windows, self.lags), np.sin(angles), np.cos(angles)))


Baseline: TypeAlias = Mean | Persistence | LinearAutoregression | HarmonicRegression


def _some(train: Windows) -> Windows:
    if not len(train):
        raise ValueError("train holds no window: there is nothing to fit.")
    return train


def _last(windows: Windows) -> Floats:
    return windows.series.values[(windows.target_rows - windows.horizon)[:, None], windows.target]


def _lagged(windows: Windows, lags: int) -> Floats:
    if lags > windows.window:
        raise ValueError(f"lags must be at most the window of {windows.window} rows, got {lags}.")
    return windows.inputs[:, windows.window - lags :].reshape(len(windows), -1)


def _linear(name: str, train: Windows, features: Callable[[Windows], Floats]) -> Fitted:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(features(_some(train)), train.targets)

    def predict(windows: Windows) -> Floats:
        if not len(windows):
            return np.empty((0, len(windows.target)))
        prediction: Floats = model.predict(features(windows)).reshape(len(windows), -1)
        return prediction

    return Fitted(name, int(model.coef_.size + model.intercept_.size), predict)
