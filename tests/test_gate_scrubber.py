"""The gate scrubber's Python side: it reads both series with the cell of the package, and its state is checked."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.gates import trace_gates
from rnncourse.widgets import GateScrubber, StateError

LIMITED = settings(max_examples=25, deadline=None)
GATES = {"f": "forget", "i": "input", "o": "output"}


def layer(seed: int) -> nn.LSTM:
    torch.manual_seed(seed)
    return nn.LSTM(1, 8, batch_first=True, dtype=torch.float64)


def state(rnn: nn.LSTM) -> dict[str, Any]:
    """The weights of a torch layer, as the widget takes them."""
    weights = {name: weight.detach().numpy() for name, weight in rnn.named_parameters()}
    return {
        "W_ih": weights["weight_ih_l0"],
        "W_hh": weights["weight_hh_l0"],
        "b": weights["bias_ih_l0"] + weights["bias_hh_l0"],
    }


@LIMITED
@given(
    series=st.lists(st.floats(-4, 4), min_size=12, max_size=40),
    size=st.floats(-3, 3),
    jump_at=st.integers(1, 12),
    seed=st.integers(0, 99),
    unit=st.sampled_from([0, 3]),
)
def test_the_gates_are_those_of_torch_on_both_series(
    series: Any, size: float, jump_at: int, seed: int, unit: int
) -> None:
    rnn = layer(seed)
    widget = GateScrubber(series=series, size=size, jump_at=jump_at, at=1, unit=unit, **state(rnn))
    added = np.array(series) + np.where(np.arange(1, len(series) + 1) < jump_at, 0, size)
    assert widget.loads[0] == pytest.approx(added)
    trace = trace_gates(rnn, torch.tensor(np.stack((added, series)))[..., None])
    for name, gate in GATES.items():
        wanted = trace[gate][0, 0].numpy()
        both = wanted[..., unit - 1] if unit else wanted.mean(axis=-1)
        assert np.stack(widget.gate(name)) == pytest.approx(both, abs=1e-12)


def test_nothing_differs_before_the_jump_and_something_after() -> None:
    widget = GateScrubber(size=1.5, jump_at=30, at=29)
    for name in GATES:
        jumped, plain = widget.gate(name)
        assert np.array_equal(jumped[:29], plain[:29])
        assert (jumped[29:] != plain[29:]).all() or name == "o"
    widget.size = 0
    assert all(np.array_equal(*widget.gate(name)) for name in GATES)


def test_the_table_shows_the_jump_and_what_would_have_been() -> None:
    widget = GateScrubber(jump_at=3, at=3, size=1.0)
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in widget.fallback_html().split("<tr>")[2:]]
    assert [row[0] for row in rows] == ["2", "3", "4", "8", "18"]
    before, at_jump = rows[0], rows[1]
    assert all(cell.split(" (")[0] == cell.split("(")[1].rstrip(")") for cell in before[1:])
    jumped, plain = (float(text.strip("()").replace("−", "-")) for text in at_jump[1].split())
    assert jumped - plain == pytest.approx(1.0, abs=2e-3)
    f_jumped, f_plain = widget.gate("f")
    assert at_jump[2] == f"{f_jumped[2]:.3f} ({f_plain[2]:.3f})"


def test_the_summary_follows_minute_and_unit() -> None:
    widget = GateScrubber()
    first = widget.summary()
    widget.unit = 8
    second = widget.summary()
    widget.at = 40
    assert len({first, second, widget.summary()}) == 3
    assert widget.summary().startswith("minute 40: f ")


def test_a_minute_beyond_the_series_is_refused_and_leaves_no_trace() -> None:
    widget = GateScrubber(series=[0.0] * 30)
    before = widget.state_json()
    for change in ({"at": 31}, {"jump_at": 31}, {"series": [0.0] * 19}):
        ((name, value),) = change.items()
        with pytest.raises(StateError, match=r"at most \d+, the length of the series"):
            setattr(widget, name, value)
        assert widget.state_json() == before
    with pytest.raises(StateError, match="12 to 180 numbers"):
        widget.series = []
