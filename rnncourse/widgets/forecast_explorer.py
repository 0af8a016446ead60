"""A window that slides over a series of days, four forecasts of the next day, and who is ahead so far."""

import math

import numpy as np
from traitlets import Float, Int

from rnncourse.cells import FloatArray
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, fixed

WINDOW = 10
MOST = 120
NAMES = {"persistence": "as today", "linear": "autoregression", "network": "network", "yours": "yours"}
_MADE_UP = tuple(18.0 + 6.0 * math.sin(0.7 * t) * math.cos(0.13 * t) for t in range(24))


class ForecastExplorer(PageWidget):
    """Forecasts of the next day from the ten before it: persistence, a linear autoregression, a network, and yours.

    Yours is ``usual + keep · (today - usual)``: some way from today back to what you call usual.
    """

    days = Numbers((None,), _MADE_UP, most=MOST)  #: the series, 11 to 120 numbers, such as daily maxima in °C
    #: recorded forecasts of a network for ``days[10]``, ``days[11]``, …, ten numbers fewer
    network = Numbers((None,), (18.0,) * (len(_MADE_UP) - WINDOW), most=MOST - WINDOW)
    weights = Numbers((WINDOW,), (0.8, 0.1, 0, 0, 0, 0, 0, 0, 0, 0.05))  #: of the autoregression, the latest day first
    intercept = Float(0.9, min=-50.0, max=50.0)  #: its constant
    at = Int(1, min=1, max=MOST - WINDOW)  #: which forecast is shown, from 1
    keep = Float(0.7, min=0.0, max=1.2)  #: how much of today's distance from the usual your forecast keeps
    usual = Float(18.0, min=-10.0, max=40.0)  #: what you take for usual

    @property
    def targets(self) -> FloatArray:
        """What was to be forecast, the days from the eleventh on."""
        return np.asarray(self.days)[WINDOW:]

    @property
    def forecasts(self) -> dict[str, FloatArray]:
        """The four forecasts of each target, by the keys ``persistence``, ``linear``, ``network`` and ``yours``."""
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(self.days), WINDOW)[:-1]
        today = windows[:, -1]
        return {
            "persistence": today.copy(),
            "linear": self.intercept + windows[:, ::-1] @ np.asarray(self.weights),
            "network": np.asarray(self.network),
            "yours": self.usual + self.keep * (today - self.usual),
        }

    @property
    def errors(self) -> dict[str, float]:
        """Mean squared error of each forecast over all targets, in squared units of the days."""
        return {name: float(np.mean((made - self.targets) ** 2)) for name, made in self.forecasts.items()}

    def _fallback(self) -> Fallback:
        at, errors = min(self.at, len(self.targets)) - 1, self.errors
        target = self.targets[at]
        rows = [
            (NAMES[name], fixed(made[at], 2), fixed(made[at] - target, 2), fixed(errors[name], 2))
            for name, made in self.forecasts.items()
        ]
        summary = f"mean squared error {', '.join(f'{name} {error}' for name, _, _, error in rows)}"
        caption = f"Forecasts of day {at + 1 + WINDOW}, which came to {fixed(target, 1)}"
        return Fallback(summary, caption, ("forecast", "of that day", "error", "mean squared error, all days"), rows)
