"""Seattle's weather: what ships is what the book speaks of."""

import numpy as np
import pandas as pd
import pytest
from vega_datasets import local_data

from rnncourse.data import DataError, gaps, seattle_weather
from rnncourse.data.weather import from_frame


def test_the_series() -> None:
    series = seattle_weather()
    assert series.values.shape == (1461, 4)
    assert series.values[0].tolist() == [12.8, 5.0, 0.0, 4.7]
    assert (series.times[0], series.times[-1]) == (np.datetime64("2012-01-01"), np.datetime64("2015-12-31"))
    assert gaps(series).missing == 0
    assert (series.values[:, 0] >= series.values[:, 1]).all()
    assert not series.synthetic


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda f: f.drop(columns="temp_max"), "lacks the column 'temp_max'"),
        (lambda f: f.iloc[:-1], "got 1,460 rows"),
        (lambda f: f.iloc[::-1], "days in order"),
        (lambda f: pd.concat([f.iloc[:1], f.iloc[:-1]]), "days in order"),
        (lambda f: f.assign(wind="calm"), "no number"),
        (lambda f: f.assign(wind=np.nan), "no value in wind"),
    ],
)
def test_another_table_is_refused(damage: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        from_frame(damage(local_data.seattle_weather()))  # type: ignore[operator]
