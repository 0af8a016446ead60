"""Window lengths share their targets, hidden minutes stay hidden, and the compared fillers have equal size."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from book.experiments import ch10_looking_back as lb
from rnncourse.data import make_windows, synthetic_power
from rnncourse.studies.study import plan

HOUSE = synthetic_power(days=2)
FRAMES = make_windows(HOUSE, window=lb.FRAME)
WINDOW_STUDY, IMPUTATION = lb.STUDIES


@pytest.fixture(autouse=True)
def a_short_house(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days instead of twenty, so that a run takes a moment."""
    monkeypatch.setattr(lb, "power_series", lambda source: HOUSE)
    lb._longest.cache_clear()
    lb._frames.cache_clear()


def window_run(model: str, window: int, seed: int = 0) -> dict[str, object]:
    config = next(c for c in lb.window_grid("small", 1) if c.model == model and c.window == window)
    return lb.run_window(replace(config, seed=seed), "cpu")


def filling(model: str, seed: int = 0) -> dict[str, object]:
    return lb.run_imputation(lb.ImputationConfig(model=model, seed=seed, source="synthetic"), "cpu")


def test_the_full_grids_hold_every_cell_with_every_seed() -> None:
    cells = [(c.model, c.window, c.seed) for c in lb.window_grid("full", 5)]
    wanted = {(m, w, s) for m in ("rnn", "lstm", "gru", "bilstm") for w in (30, 60, 120) for s in range(5)}
    assert len(cells) == len(set(cells)) == 66
    assert wanted < set(cells)
    assert {c.longest for c in lb.window_grid("full", 5)} == {120}
    fillers = [(c.model, c.seed) for c in lb.imputation_grid("full", 5)]
    assert len(fillers) == len(set(fillers)) == 5 + 3 * 5
    assert {model for model, _ in fillers} == set(lb.FILLERS)


@pytest.mark.parametrize("study", lb.STUDIES)
def test_a_small_plan_can_be_made(study: lb.Study) -> None:
    assert len(plan(study, seeds=2).runs) == len(study.grid("small", 2))


@settings(max_examples=60, deadline=None)
@given(longest=st.integers(1, 90), data=st.data())
def test_shorter_windows_keep_the_targets_and_end_where_the_long_ones_end(longest: int, data: st.DataObject) -> None:
    window = data.draw(st.integers(1, longest))
    holed = HOUSE.values.copy()
    gap = data.draw(st.integers(200, 300))
    holed[gap : gap + data.draw(st.integers(1, 50))] = np.nan
    long = make_windows(replace(HOUSE, values=holed), window=longest)[:: data.draw(st.integers(1, 40))]
    short = lb.same_targets(long, window)
    np.testing.assert_array_equal(short.target_rows, long.target_rows)
    np.testing.assert_array_equal(short.targets, long.targets)
    np.testing.assert_array_equal(short.inputs, long.inputs[:, longest - window :])


def test_a_longer_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"window is 61, longer than the 60 rows at hand: choose a shorter one"):
        lb.same_targets(FRAMES, 61)


def test_all_lengths_are_scored_on_the_same_minutes() -> None:
    runs = [window_run("persistence", look) for look in lb.LOOKS["small"]]
    assert runs[0] == runs[1] == runs[2]
    one, other = window_run("ar", 5), window_run("ar", 20)
    assert one["daily_count"] == other["daily_count"] == runs[0]["daily_count"]
    assert one["mse"] != other["mse"]


def test_a_run_can_be_repeated_and_depends_on_its_seed() -> None:
    first, again, other = window_run("rnn", 5), window_run("rnn", 5), window_run("rnn", 5, seed=1)
    assert first == again
    assert first["mse"] != other["mse"]
    assert first["parameters"] == 12_673
    assert np.isfinite(first["mse"])


@pytest.mark.parametrize("run", [lambda: window_run("ar", 10), lambda: filling("linear")])
def test_daily_sums_add_up_to_the_means(run) -> None:
    metrics = run()
    n = sum(metrics["daily_count"])
    assert sum(metrics["daily_squared"]) / n == pytest.approx(metrics["mse"], rel=1e-12)
    assert sum(metrics["daily_absolute"]) / n == pytest.approx(metrics["mae"], rel=1e-12)


def test_the_rate_rises_and_falls_and_never_runs_out_of_steps() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = lb.one_cycle(0.1, 50)([weight])
    rates = []
    for _ in range(50):
        rates.append(optimiser.param_groups[0]["lr"])
        weight.grad = torch.ones(1)
        optimiser.step()
    assert max(rates) == pytest.approx(0.1, rel=0.01)
    assert 5 <= int(np.argmax(rates)) <= 15
    assert rates[0] < 0.005
    assert rates[-1] < 0.001


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, len(FRAMES) - 1), noise=st.integers(0, 2**32 - 1))
def test_no_filler_sees_a_hidden_minute(start: int, noise: int) -> None:
    frame = FRAMES.every[start : start + 1].copy()
    altered = frame.copy()
    altered[:, lb.HIDDEN] = np.random.default_rng(noise).normal(size=(1, lb.STRETCH, 1))
    shown = lb.hide(frame)
    np.testing.assert_array_equal(shown, lb.hide(altered))
    known = np.delete(np.arange(lb.FRAME), lb.HIDDEN)
    np.testing.assert_array_equal(shown[:, known, 0], frame[:, known, 0])
    assert shown[0, :, 1].sum() == lb.STRETCH


def test_the_compared_fillers_have_equal_size_and_see_what_they_should() -> None:
    sizes = {name: sum(p.numel() for p in lb.filler(name).parameters()) for name in lb.FILLERS if "lstm" in name}
    assert sizes == {"lstm-forward": 2311, "lstm-both": 2311, "lstm-late": 2320}
    frame = torch.from_numpy(lb.hide(FRAMES.every[:1])).float()
    later = frame.clone()
    later[:, lb.HIDDEN.stop, 0] += 1.0
    moves = {}
    for name in sizes:
        torch.manual_seed(0)
        net = lb.filler(name)
        with torch.no_grad():
            moves[name] = bool((lb.filled(net(frame)) != lb.filled(net(later))).any())
    assert moves == {"lstm-forward": False, "lstm-both": True, "lstm-late": True}


def test_a_test_frame_hides_only_test_minutes_and_no_minute_twice() -> None:
    train, validation, test, stamps = lb._frames("synthetic")
    rows = (stamps - HOUSE.start) // HOUSE.step
    hidden = rows[:, None] + np.arange(lb.STRETCH)
    assert len(set(hidden.ravel())) == hidden.size
    assert hidden.min() >= 0.85 * len(HOUSE)
    assert min(len(train), len(validation), len(test)) > 10


def test_the_fixed_fillers_fill_as_they_say() -> None:
    frame = np.zeros((1, lb.FRAME, 1))
    frame[0, lb.HIDDEN.start - 1], frame[0, lb.HIDDEN.stop] = 1.0, 12.0
    by = {name: lb._fill_without_network(name, frame, frame)[0][0] for name in ("previous", "sides", "linear")}
    np.testing.assert_array_equal(by["previous"], np.ones(10))
    np.testing.assert_array_equal(by["sides"], np.full(10, 6.5))
    np.testing.assert_allclose(by["linear"], np.arange(2, 12), rtol=1e-12)


def test_a_linear_fill_reads_the_sides_it_says() -> None:
    train = lb._frames("synthetic")[0]
    pushed = train.copy()
    pushed[:, lb.HIDDEN.stop] += 1.0
    moves = {}
    for both in (False, True):
        fills, measured = lb._linear_fill(train, train, both=both)
        assert measured == {"parameters": 10 * (51 if both else 26)}
        moves[both] = bool((fills != lb._linear_fill(train, pushed, both=both)[0]).any())
    assert moves == {False: False, True: True}


def test_a_network_learns_to_fill() -> None:
    first, again = filling("lstm-both"), filling("lstm-both")
    assert first == again
    assert first["validation_loss"] < 1.5
    assert len(first["by_minute"]) == lb.STRETCH
    assert np.mean(first["by_minute"]) == pytest.approx(first["mse"])


def test_an_unknown_filler_is_named() -> None:
    with pytest.raises(ValueError, match=r"model is 'spline'; expected one of previous, sides"):
        filling("spline")
