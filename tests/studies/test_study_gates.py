"""The studies of *Gates at work*: events and controls by the rule, answers, twins, and the small reader."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from torch import nn

from book.experiments import ch11_gate_reader as gate_reader
from book.experiments import ch11_gates_at_work as gates_at_work
from book.experiments.ch11_gates_at_work import Config, stretches, twins
from rnncourse.cells import lstm_sequence
from rnncourse.data import Series, Split, chronological
from rnncourse.data.jumps import AFTER, AT, BEFORE, WINDOW, find_events, threshold
from rnncourse.gates import trace_gates
from rnncourse.studies import study_named as find

LIMITED = settings(max_examples=15, deadline=None)


def split_of(values: np.ndarray) -> Split:
    start, step = np.datetime64("2026-01-01T00:00", "s"), np.timedelta64(60, "s")
    return chronological(Series("made", values[:, None], ("power",), ("kW",), start, step), window=WINDOW)


def house(seed: int, days: int = 20) -> Split:
    """A load with many small changes and some large ones."""
    rng = np.random.default_rng(seed)
    minutes = 1440 * days
    level = np.cumsum(np.where(rng.random(minutes) < 0.012, rng.normal(0, 2, minutes), 0.0))
    return split_of(level + rng.normal(0, 0.02, minutes))


@LIMITED
@given(seed=st.integers(0, 10_000))
def test_events_and_controls_keep_the_rule(seed: int) -> None:
    split = house(seed)
    limit = threshold(split)
    values = split.test.series.values[:, 0]
    jump = np.abs(np.diff(values, prepend=values[0])) > limit
    try:
        found = find_events(split, limit)
    except ValueError:  # an hour of these few days may be restless throughout
        reject()
    for way, events in found.items():
        assert len(events.rows) == len(events.controls) > 0
        assert events.rows.min() >= split.test.target_rows[0] + AT
        for row, control in zip(events.rows, events.controls, strict=True):
            assert jump[row]
            assert not jump[row - BEFORE : row].any()
            assert (values[row] > values[row - 1]) == (way == "up")
            assert not jump[control - BEFORE : control + AFTER + 1].any()
            assert control // 60 % 24 == row // 60 % 24  # the series starts at midnight


def test_no_quiet_minute_of_the_hour_matches_a_jump_better() -> None:
    split = house(5)
    limit = threshold(split)
    values = split.test.series.values[:, 0]
    jump = np.abs(np.diff(values, prepend=values[0])) > limit
    first, last = split.test.target_rows[0] + AT, len(values) - AFTER
    quiet = [row for row in range(first, last) if not jump[row - BEFORE : row + AFTER + 1].any()]
    for events in find_events(split, limit).values():
        for row, control in zip(events.rows, events.controls, strict=True):
            pool = [values[other - 1] for other in quiet if other // 60 % 24 == row // 60 % 24]
            best = np.abs(np.array(pool) - values[row - 1]).min()
            assert abs(values[control - 1] - values[row - 1]) == pytest.approx(best, abs=1e-12)


def test_the_limit_does_not_know_the_test_part() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=6000)
    changed = values.copy()
    changed[4500:] *= 50
    assert threshold(split_of(values)) == threshold(split_of(changed))


def test_a_test_part_without_a_jump_is_named() -> None:
    split = house(3)
    with pytest.raises(ValueError, match=r"no upward jump beyond 1e\+03"):
        find_events(split, 1e3)


def test_a_stretch_has_its_row_at_the_step_that_is_read() -> None:
    split = house(2)
    rows = np.array([split.test.target_rows[0] + 100])
    stretch = stretches(split, rows)
    assert stretch.shape == (1, WINDOW, 1)
    assert stretch[0, AT, 0] == pytest.approx(split.test.series.values[rows[0], 0])


def traces(seed: int, twin: bool = False):
    """Traces of an LSTM and a GRU; as twins, each forget gate is some update gate."""
    torch.manual_seed(seed)
    lstm, gru = nn.LSTM(1, 4, batch_first=True), nn.GRU(1, 4, batch_first=True)
    x = torch.randn(6, WINDOW, 1)
    forget, update = trace_gates(lstm, x), trace_gates(gru, x)
    if twin:
        forget = replace(forget, gates={**forget.gates, "forget": update["update"].flip(-1)})
    return forget, update


def test_twins_know_a_twin_and_a_mirror_image() -> None:
    forget, update = traces(0, twin=True)
    assert all(found == [pytest.approx(1.0)] for found in twins(forget, update).values())
    mirrored = replace(forget, gates={**forget.gates, "forget": 1 - forget["forget"]})
    assert twins(mirrored, update)["twin_mean"] == [pytest.approx(-1.0)]
    assert twins(mirrored, update)["twin_within"] == [pytest.approx(-1.0)]


def test_twins_are_those_of_numpy() -> None:
    forget, update = traces(4)
    f, z = (t[:, 0, :, BEFORE:].double().numpy()[0] for t in (forget["forget"], update["update"]))
    found = twins(forget, update)
    assert found["twin_mean"][0] == pytest.approx(np.corrcoef(f.mean(-1).ravel(), z.mean(-1).ravel())[0, 1])
    scores = []
    for unit in range(4):
        fits = [np.corrcoef(f[:3, :, unit].ravel(), z[:3, :, other].ravel())[0, 1] for other in range(4)]
        best = int(np.argmax(fits))
        scores.append(np.corrcoef(f[3:, :, unit].ravel(), z[3:, :, best].ravel())[0, 1])
    assert found["twin_units"][0] == pytest.approx(np.mean(scores))


def test_traces_of_other_windows_are_refused() -> None:
    forget, _ = traces(0)
    _, other = traces(1)
    shorter = replace(other, gates={name: gate[:, :, :5] for name, gate in other.gates.items()})
    with pytest.raises(ValueError, match="same windows"):
        twins(forget, shorter)


def test_each_seed_is_run_trained_and_untrained() -> None:
    for scale, source in (("small", "synthetic"), ("full", "household")):
        configs = find("gates-at-work").grid(scale, 3)
        assert {(c.seed, c.steps > 0) for c in configs} == {(s, t) for s in range(3) for t in (True, False)}
        assert {c.source for c in configs} == {source}


def test_an_untrained_run_reads_every_gate() -> None:
    found = gates_at_work.run(Config(seed=0, source="synthetic", steps=0, epochs=0), "cpu")
    for kind, names in gates_at_work.GATES.items():
        for gate in names:
            assert len(found[f"{kind}_{gate}_mean"]) == 2
            # torch's small weights and biases about zero leave every gate near one half.
            assert found[f"{kind}_{gate}_mean"] == pytest.approx([0.5, 0.5], abs=0.05)
            assert found[f"{kind}_{gate}_over_9"] == [0, 0]
            around, control = (np.array(found[f"{kind}_{gate}_around_up{end}"]) for end in ("", "_control"))
            assert around.shape == control.shape == (2, BEFORE + AFTER + 1)
            answer = (around - control)[:, BEFORE] - (around - control)[:, BEFORE - 5 : BEFORE].mean(axis=1)
            assert answer == pytest.approx(found[f"{kind}_{gate}_answer_up"], abs=1e-6)


def test_the_reader_is_recorded_as_it_was_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []
    train = gate_reader.train_small
    monkeypatch.setattr(gate_reader, "train_small", lambda *a, **k: trained.append(train(*a, **k)) or trained[-1])
    found = gate_reader.run(gate_reader.Config(seed=3, steps=3, hidden_size=4), "cpu")
    assert np.array_equal(np.round(found["W_hh"], 4), found["W_hh"])
    series = torch.tensor(found["series"], dtype=torch.float32)[:, None]
    with torch.no_grad():
        wanted = trained[0].rnn(series[None])[0][0].numpy()
    weights = (found[name] for name in ("W_ih", "W_hh", "b"))
    run = lstm_sequence(np.array(found["series"])[:, None], np.zeros(4), np.zeros(4), *weights)
    assert run.h == pytest.approx(wanted, abs=1e-5)
    assert abs(found["series"][60] - found["series"][59]) > 0.5  # the jump stands in the middle
    assert found["sd_kw"] > 0
