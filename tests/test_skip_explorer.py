"""The skip explorer's Python side: its gate is that of a Skip GRU, its bound holds, and its state is checked."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.variants import SkipGRU
from rnncourse.widgets import SkipExplorer, StateError

LIMITED = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("rise", [0.013, 0.07, 0.11, 0.26, 0.4999, 0.77])
def test_the_gate_is_that_of_a_skip_gru(rise: float) -> None:
    skip = SkipGRU(1, 2, batch_first=True).double()
    with torch.no_grad():
        skip.update_weight.zero_()
        skip.update_bias.fill_(math.log(rise / (1 - rise)))
        updates = skip.run(torch.zeros(1, 40, 1, dtype=torch.float64)).updates[0]
    path = SkipExplorer(waiting=rise, after=rise).path
    assert list(path.looks) == updates.nonzero().flatten().tolist()
    assert path.share == pytest.approx(updates.mean().item())


@LIMITED
@given(st.integers(1, 32), st.integers(1, 8), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_pulse_is_met_by_the_first_look_inside_it(start: int, lasts: int, waiting: float, after: float) -> None:
    path = SkipExplorer(start=start, lasts=lasts, waiting=waiting, after=after).path
    inside = [step for step in path.looks if start - 1 <= step < start - 1 + lasts]
    assert path.met == (inside[0] if inside else None)
    assert path.looks[0] == 0
    # Whoever looks at least once within the pulse's length cannot step over it.
    if waiting * lasts >= 0.5 + 1e-9:
        assert path.met is not None


def test_what_is_shown_without_a_browser() -> None:
    explorer = SkipExplorer(start=18, lasts=8, waiting=0.2, after=0.2)
    assert explorer.path.met == 18
    assert "met at step 19" in explorer.summary()
    assert "35.0 %" in explorer.fallback_html()
    missed = SkipExplorer(start=2, lasts=2, waiting=0.1)
    assert missed.path.met is None
    assert "missed" in missed.summary()
    assert "missed" in missed.fallback_html()


@pytest.mark.parametrize(
    ("trait", "value"), [("start", 0), ("start", 33), ("lasts", 9), ("waiting", 0.0), ("after", 1.5), ("waiting", "x")]
)
def test_a_value_that_does_not_fit_is_refused(trait: str, value: Any) -> None:
    with pytest.raises(StateError, match=rf"SkipExplorer\.{trait} must .*; \w+"):
        SkipExplorer(**{trait: value})
