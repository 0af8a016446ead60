"""The state path's Python side: its run is that of an LSTM layer, its limit holds, and its state is checked."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.widgets import StateError, StatePath

LIMITED = settings(max_examples=40, deadline=None)
STATES = st.fixed_dictionaries(
    {
        "forget_bias": st.floats(-2, 8),
        "output_bias": st.floats(-4, 4),
        "input_strength": st.floats(0, 2),
        "recurrent_scale": st.floats(0, 4),
        "angle": st.floats(-180, 180),
        "inputs": st.sampled_from(["constant", "alternating", "pulse", "noise"]),
        "at": st.integers(1, 100),
    }
)
XS = {
    "constant": [1.0] * 100,
    "alternating": [1.0, -1.0] * 50,
    "pulse": [1.0] * 10 + [0.0] * 90,
}


@LIMITED
@given(state=STATES)
def test_no_state_leaves_its_region(state: dict[str, Any]) -> None:
    path = StatePath(**state)
    assert np.linalg.norm(path.run.c, axis=1).max() <= path.limit * (1 + 1e-12)
    assert np.abs(path.run.h).max() <= 1 / (1 + math.exp(-state["output_bias"])) * (1 + 1e-12)


@pytest.mark.parametrize("inputs", XS)
def test_the_run_is_that_of_torchs_lstm(inputs: str) -> None:
    path = StatePath(inputs=inputs, forget_bias=2.5, output_bias=0.5, recurrent_scale=1.2, angle=40.0)
    lstm = torch.nn.LSTM(1, 2, batch_first=True, dtype=torch.float64)
    cosine, sine = 1.2 * math.cos(math.radians(40)), 1.2 * math.sin(math.radians(40))
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.zero_()
        lstm.weight_ih_l0[4:6, 0] = torch.tensor([0.5, 0.25], dtype=torch.float64)
        lstm.weight_hh_l0[4:6] = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
        lstm.bias_ih_l0[2:4], lstm.bias_hh_l0[6:8] = 2.5, 0.5
        h, (_, c) = lstm(torch.tensor(XS[inputs], dtype=torch.float64)[None, :, None])
    np.testing.assert_allclose(path.run.h, h[0].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(path.run.c[-1], c[0, 0].numpy(), rtol=0, atol=1e-12)


def test_noise_is_spread_between_minus_one_and_one() -> None:
    x = np.array([step.x[0] for step in StatePath(inputs="noise").run.steps])
    assert -1 < x.min() < -0.9
    assert 0.9 < x.max() < 1
    assert abs(x.mean()) < 0.15
    assert len(set(x)) == 100


def test_a_shut_loop_and_a_constant_write_give_a_geometric_series() -> None:
    path = StatePath(recurrent_scale=0.0, forget_bias=0.0, input_strength=1.0)
    written = 0.5 * math.tanh(1.0)
    assert path.run.c[:, 0] == pytest.approx([2 * written * (1 - 0.5**t) for t in range(1, 101)], rel=1e-12)


def test_table_and_summary_show_the_run() -> None:
    path = StatePath(at=25)
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in path.fallback_html().split("<tr>")[2:]]
    for t, row in zip((1, 10, 25, 50, 100), rows, strict=True):
        c, h = path.run.c[t - 1], path.run.h[t - 1]
        wanted = [*c, *h, np.linalg.norm(c), np.linalg.norm(h)]
        assert [float(text.replace("−", "-")) for text in row] == pytest.approx(wanted, abs=5.1e-4)
    assert repr(path).startswith(f"StatePath: step 25: norm of c = {np.linalg.norm(path.run.c[24]):.4f}, of h = ")


NOT_FITTING: list[tuple[str, Any]] = [
    ("forget_bias", 9.0),
    ("forget_bias", math.nan),
    ("output_bias", "1"),
    ("input_strength", -0.1),
    ("recurrent_scale", None),
    ("angle", 181.0),
    ("inputs", "silence"),
    ("at", 0),
    ("at", 101),
    ("at", 1.5),
]


@pytest.mark.parametrize(("trait", "value"), NOT_FITTING)
def test_a_state_that_does_not_fit_is_named_and_leaves_no_trace(trait: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"StatePath\.{trait} must .*; \w+"):
        StatePath(**{trait: value})
    path = StatePath()
    before = path.state_json()
    with pytest.raises(StateError, match=rf"StatePath\.{trait} must .*; \w+"):
        setattr(path, trait, value)
    assert path.state_json() == before
