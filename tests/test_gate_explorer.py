"""The gate explorer's Python side: its steps are those of ``cells.lstm_step``, and its state is checked."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.cells import lstm_step
from rnncourse.widgets import GateExplorer, StateError
from rnncourse.widgets.gate_explorer import GATE_SEQUENCES

LIMITED = settings(max_examples=40, deadline=None)
ROW = st.tuples(*[st.floats(-8, 8)] * 4)
NAMES = ("i", "f", "g", "o", "kept", "written", "c", "h")


@LIMITED
@given(sequence=st.lists(ROW, min_size=8, max_size=8), c_0=st.floats(-3, 3))
def test_the_run_is_lstm_step_repeated(sequence: Any, c_0: float) -> None:
    explorer = GateExplorer(sequence=sequence, c_0=[c_0])
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in explorer.fallback_html().split("<tr>")[2:]]
    c = [c_0]
    for preactivations, shown, row in zip(sequence, explorer.run.steps, rows, strict=True):
        # The same gates another way: as biases alone, with nothing coming in.
        step = lstm_step([0.0], [0.0], c, np.zeros((4, 1)), np.zeros((4, 1)), preactivations)
        for name in NAMES:
            assert getattr(shown, name) == pytest.approx(getattr(step, name), rel=1e-12, abs=1e-15)
        texts = [float(text.replace("−", "-")) for text in row]
        assert texts == pytest.approx([getattr(step, name)[0] for name in NAMES], abs=5.1e-4)
        c = step.c


def levels(name: str) -> np.ndarray:
    return GateExplorer(sequence=GATE_SEQUENCES[name]).run.c[:, 0]


def test_each_sequence_does_what_its_name_says() -> None:
    hold, fade, clear, count = (levels(name) for name in ("hold", "fade", "clear", "count"))
    assert np.all(np.abs(hold - hold[0]) < 0.02 * hold[0])
    assert fade[1:] / fade[:-1] == pytest.approx([0.5] * 7, abs=0.03)
    assert clear[3] > 0.7
    assert np.all(np.abs(clear[4:]) < 0.002)
    assert np.all(np.diff(count) > 0.4)
    shown = GateExplorer(sequence=GATE_SEQUENCES["read once"]).run.h[:, 0]
    assert shown.argmax() == 5
    assert shown[5] > 50 * np.delete(shown, 5).max()


def test_the_summary_follows_the_step_shown() -> None:
    explorer = GateExplorer(sequence=GATE_SEQUENCES["count"])
    first = repr(explorer)
    explorer.at = 8
    assert first.startswith("GateExplorer: step 1: c = 0.4620")
    assert repr(explorer).startswith("GateExplorer: step 8: c = 3.6")


NOT_FITTING: list[tuple[str, Any]] = [
    ("sequence", [[0, 0, 0, 0]] * 7),
    ("sequence", [[0, 0, 0]] * 8),
    ("sequence", [[0, 0, 0, math.nan]] * 8),
    ("sequence", None),
    ("c_0", 0.0),
    ("c_0", [math.inf]),
    ("at", 0),
    ("at", 9),
    ("at", 1.5),
    ("at", True),
]


@pytest.mark.parametrize(("trait", "value"), NOT_FITTING)
def test_a_state_that_does_not_fit_is_named_and_leaves_no_trace(trait: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"GateExplorer\.{trait} must .*; \w+"):
        GateExplorer(**{trait: value})
    explorer = GateExplorer()
    before = explorer.state_json()
    with pytest.raises(StateError, match=rf"GateExplorer\.{trait} must .*; \w+"):
        setattr(explorer, trait, value)
    assert explorer.state_json() == before
