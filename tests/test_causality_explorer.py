"""The causality explorer's Python side: its networks are torch's, its influence is what each network's shape says."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.widgets import CausalityExplorer, StateError
from rnncourse.widgets.causality_explorer import BACKWARD, FORWARD, INPUTS, NETWORKS, STEPS, WINDOW

LIMITED = settings(max_examples=40, deadline=None)
# Too small a push drowns in the rounding of what it is added to.
PUSHES = st.floats(0.01, 2) | st.floats(-2, -0.01)
OUTPUT, INPUT = np.indices((STEPS, STEPS))
PATTERNS = {
    "forwards": INPUT <= OUTPUT,
    "both ways": np.ones((STEPS, STEPS), dtype=bool),
    "past windows": (INPUT < OUTPUT) & (INPUT >= OUTPUT - WINDOW) & (OUTPUT >= WINDOW),
    "centred average": abs(INPUT - OUTPUT) <= 2,
}


def torch_layer() -> torch.nn.RNN:
    """The weights of both directions in torch's own layer."""
    layer = torch.nn.RNN(1, 2, batch_first=True, bidirectional=True, bias=False, dtype=torch.float64)
    weights = (FORWARD[0], FORWARD[1], BACKWARD[0], BACKWARD[1])
    with torch.no_grad():
        for parameter, weight in zip(layer.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight))
    return layer.requires_grad_(False)


def test_forwards_and_both_ways_are_torchs_layer() -> None:
    h = torch_layer()(torch.from_numpy(INPUTS)[None, :, None])[0][0].numpy()
    ahead, back = h[:, :2] @ FORWARD[2], h[:, 2:] @ BACKWARD[2]
    np.testing.assert_allclose(CausalityExplorer(network="forwards").before, ahead, rtol=0, atol=1e-12)
    np.testing.assert_allclose(CausalityExplorer(network="both ways").before, ahead + back, rtol=0, atol=1e-12)


def test_a_forecast_reads_each_direction_at_its_end() -> None:
    before = CausalityExplorer(network="past windows").before
    assert np.isnan(before[:WINDOW]).all()
    for t in range(WINDOW, STEPS):
        h = torch_layer()(torch.from_numpy(INPUTS[t - WINDOW : t])[None, :, None])[0][0].numpy()
        assert before[t] == pytest.approx(h[-1, :2] @ FORWARD[2] + h[0, 2:] @ BACKWARD[2], abs=1e-12)


@LIMITED
@given(network=st.sampled_from(sorted(NETWORKS)), step=st.integers(1, STEPS), push=PUSHES)
def test_exactly_the_outputs_that_can_move_do(network: str, step: int, push: float) -> None:
    widget = CausalityExplorer(network=network, step=step, push=push)
    assert ((widget.influence > 0) == PATTERNS[network]).all()
    column = PATTERNS[network][:, step - 1]
    assert (widget.earlier, widget.later) == (column[: step - 1].sum(), column[step - 1 :].sum())
    np.testing.assert_array_equal(np.nan_to_num(abs(widget.after - widget.before)), widget.influence[:, step - 1])


def test_no_push_moves_nothing() -> None:
    for network in NETWORKS:
        assert not CausalityExplorer(network=network, push=0.0).influence.any()


def test_table_and_summary_show_the_push() -> None:
    widget = CausalityExplorer(network="past windows", step=5, push=-1.5)
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in widget.fallback_html().split("<tr>")[2:]]
    assert len(rows) == STEPS
    for t, (given_, before, after) in enumerate(rows):
        assert float(given_.replace("−", "-")) == pytest.approx(INPUTS[t] - 1.5 * (t == 4), abs=5.1e-4)
        shown = [math.nan if text == "–" else float(text.replace("−", "-")) for text in (before, after)]
        assert shown == pytest.approx([widget.before[t], widget.after[t]], abs=5.1e-4, nan_ok=True)
    assert repr(widget) == "CausalityExplorer: input 5 pushed, past windows: 0 earlier and 4 later outputs move"


NOT_FITTING: list[tuple[str, Any]] = [
    ("network", "sideways"),
    ("network", None),
    ("step", 0),
    ("step", 11),
    ("step", 2.5),
    ("push", 2.1),
    ("push", math.nan),
    ("push", "1"),
]


@pytest.mark.parametrize(("trait", "value"), NOT_FITTING)
def test_a_state_that_does_not_fit_is_named_and_leaves_no_trace(trait: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"CausalityExplorer\.{trait} must .*; \w+"):
        CausalityExplorer(**{trait: value})
    widget = CausalityExplorer()
    before = widget.state_json()
    with pytest.raises(StateError, match=rf"CausalityExplorer\.{trait} must .*; \w+"):
        setattr(widget, trait, value)
    assert widget.state_json() == before
