"""The book's experiments: each runs at a small scale and repeats itself, and what they compute by rule is right."""

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st
from scipy.special import logsumexp
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import nn

from book.experiments import ch12_forget_gates as forget_gates
from book.experiments import ch21_tanh_or_relu as signs
from book.experiments import ch22_images as images
from book.experiments import ch22_sequence_tasks as tasks
from book.experiments import ch22_spelling as spelling
from book.experiments import ch23_reach_and_readout as reach
from book.experiments import ch24_gradients as gradients
from book.experiments import ch24_review_gradients as review_gradients
from book.experiments import ch25_votes_and_flags as dynamics
from book.experiments import ch31_weather as weather
from book.experiments import ch31_weather_controls as controls
from book.experiments import ch32_house as home
from book.experiments import ch32_next_minute as minute
from book.experiments import ch33_looking_back as back
from book.experiments import ch34_gate_reader as reader
from book.experiments import ch35_gate_ablation as ablation
from book.experiments import ch36_hours as hours
from book.experiments import ch37_both_ways as both
from book.experiments import ch41_emotion as emotion
from book.experiments import ch42_rows_of_400 as rows
from book.experiments import ch42_sequence_length as lengths
from book.experiments import ch51_deeper as deeper
from book.experiments import ch52_convlstm as films
from book.experiments import ch53_skip as skips
from book.experiments import ch54_without_a_chain as chainless
from book.experiments import text_training
from book.experiments.ch34_gates_at_work import AFTER, AT, BEFORE, WINDOW, find_events, threshold
from book.experiments.memory_tasks import ContinualReber, TemporalOrder, kept_value
from rnncourse.ablation import learnable_parameters
from rnncourse.data import Series, Split, chronological, make_windows, synthetic_power
from rnncourse.data.corpus import Corpus, TextSplits
from rnncourse.networks import Forecaster
from rnncourse.receptive_field import input_influence
from rnncourse.studies import studies
from rnncourse.text import UNKNOWN, Encoded, TextBatches, Vocabulary
from rnncourse.training import fit, predict

MINUTES = minute.minutes.__wrapped__  # as it is where nothing stands in for the household
HOUSE, FORTNIGHT = synthetic_power(days=2), synthetic_power(days=14)
SHORT = text_training.Recipe(epochs=2, batch_size=16, lr=1e-2)
TEXTS = (
    {"i am sad": 0, "so sad": 0, "so glad": 1, "i am glad": 1, "i am here": 1, "i am here ": 0},
    {"sad day": 0, "glad day": 1},
    {"so glad": 1, "so sad": 1, "never mind": 1},
)
CORPUS = TextSplits(
    *(Corpus("rows", tuple(map(str.strip, rows)), np.array(list(rows.values())), ("low", "high")) for rows in TEXTS)
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A moment's worth of data and training in every experiment; caches of larger data are forgotten."""
    caches = [value for module in MODULES for value in vars(module).values() if hasattr(value, "cache_clear")]
    for cached in caches:
        cached.cache_clear()
    for module, name, value in SMALL:
        monkeypatch.setattr(module, name, value)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker
    yield
    torch.set_num_threads(threads)
    for cached in caches:
        cached.cache_clear()


MODULES = [
    value
    for value in list(globals().values())
    if isinstance(value, ModuleType) and "book.experiments" in value.__name__
]
SMALL = (
    (review_gradients, "COUNTS", {"sentences": (60, 40, 70)}),
    (review_gradients, "EPOCHS", 2),
    (gradients, "SCORED", 60),
    (reach, "LIMITS", dict.fromkeys(reach.LIMITS, (1, 1))),
    (signs, "EPOCHS", 2),
    (images, "LIMITS", (2, 1)),
    (spelling, "LIMITS", (2, 1)),
    (dynamics, "EPOCHS", 1),
    (dynamics, "UPDATES", 2),
    (minute, "minutes", lambda source: FORTNIGHT),
    (minute, "chosen_rates", lambda: dict.fromkeys(minute.NETWORKS, 0.01)),
    (both, "power_series", lambda source: HOUSE),
    (ablation, "RECIPES", {name: replace(of, held_out=20, steps=3) for name, of in ablation.RECIPES.items()}),
    (ablation, "CHECKED", 1),
    (emotion, "SENTENCES", {"train": 200, "validation": 40, "test": 60}),
    (emotion, "RECIPES", dict.fromkeys(emotion.NETWORKS, replace(SHORT, forget=0.05))),
    (emotion, "QUARTER", 150),
    (emotion, "VALIDATION", 80),
    (emotion, "TEST", 200),
    (lengths, "SENTENCES", {"train": 120, "validation": 40, "test": 60}),
    (lengths, "RECIPES", {"sentences": SHORT}),
    (lengths, "READER_PASSES", 1),
    (deeper, "PASSES", {"made": (2, 1, 32)}),
    (films, "STEPS", 2),
    (films, "EPOCHS", dict.fromkeys(films.EPOCHS, 2)),
    (films, "CONTROL_EPOCHS", dict.fromkeys(films.CONTROL_EPOCHS, 2)),
    (skips, "FREE", 1),
    (skips, "PRICED", 2),
    (skips, "STEPS", 2),
    (chainless, "PASSES", 2),
    (chainless, "STEPS", 2),
    (chainless, "HELD_OUT", 20),
)
HERE: dict[str, Any] = {"seed": 0, "source": "synthetic"}
ROWS: dict[str, Any] = {"length": 40, "seed": 0, "source": "sentences"}
SEQUENCE: dict[str, Any] = {"length": 12, "cut": "front", "seed": 0, "source": "sentences"}
RUNS: dict[str, list[Any]] = {
    "tanh-or-relu": [signs.SignConfig(phi=phi, seed=0) for phi in ("relu", "tanh")],
    "images-plateau": [images.ImageConfig(model, 0.03, 0) for model in ("linear", "mlp", "rows")],
    "sequence-tasks": [tasks.Config("images", "linear", "", 0), tasks.Config("tags", "majority", "", 0)],
    "tones-readout": [
        reach.ToneConfig("linear", "spectrogram", "all", 0.01, 0),
        reach.ToneConfig("cnn-whole", "spectrogram", "last", 0.01, 0),
    ],
    "retention-borders": [reach.RetentionConfig("plain", 11, 0.01, 0), reach.RetentionConfig("lstm-open", 10, 0.01, 0)],
    "lengths-equal": [reach.LengthConfig("counts", 0.01, 0), reach.LengthConfig("mlp-8", 0.01, 0)],
    "spelling": [spelling.SpellingConfig("look-up", 0.03, 0), spelling.SpellingConfig("gru", 0.03, 0)],
    "votes-and-flags": [dynamics.Config("votes", "held", 0.03, 0), dynamics.Config("flags", "coupled", 0.03, 0)],
    "vote-controls": [
        dynamics.ControlConfig(model, steps, 1, 0.03, 0) for model, steps in (("border", 40), ("lstm", 160))
    ],
    "votes-longer": [dynamics.ControlConfig("bias-5", 40, 1, 0.03, 0)],
    "imdb-gradients": [
        review_gradients.ReviewConfig(model=model, lr=2e-3, seed=0, source="sentences")
        for model in ("lstm", "tfidf-lr")
    ],
    "imdb-gradients-faster": [review_gradients.ReviewConfig(model="rnn", lr=2e-3, seed=0, source="sentences")],
    "erased-evidence": [gradients.EvidenceConfig(cell=cell, updates=10, seed=0) for cell in ("rnn", "chrono")],
    "resting-points": [gradients.EvidenceConfig(cell="rnn", updates=10, seed=0)],
    "clipping-and-truncation": [
        gradients.StreamConfig(clip=clip, back=20, optimiser=name, lr=0.01, seed=0, updates=20)
        for clip, name in ((None, "sgd"), (1.0, "adam"))
    ],
    "clipping-longer": [
        gradients.StreamConfig(clip=clip, back=200, optimiser="sgd", lr=0.3, seed=0, updates=20) for clip in (None, 1.0)
    ],
    "forget-product": [forget_gates.ProductConfig(forget_bias=1.0, seed=0, features=2, units=4, steps=9)],
    "weather": [weather.Config(model="gru", network="small", units="scaled", epochs=2, lr=3e-3)],
    "weather-controls": [controls.Config(model="gru", network="small", units="scaled", epochs=2, lr=3e-3)],
    "next-minute-rates": [minute.Config(model="rnn", lr=1e-2, passes=2, share=0.01, **HERE)],
    "next-minute": [
        minute.Config(model="ar", **HERE),
        minute.Config(model="gru", lr=1e-2, passes=1, share=0.02, traced=True, **HERE),
    ],
    "next-minute-bilstm": [minute.Config(model="bilstm", window=30, lr=1e-2, passes=1, share=0.02, **HERE)],
    "next-minute-bias": [minute.Config(model="lstm", forget_bias=1.0, traced=True, **HERE)],
    "next-minute-longer": [minute.Config(model="rnn", lr=1e-2, passes=2, share=0.01, **HERE)],
    "next-minute-slower": [minute.Config(model="rnn", lr=3e-3, passes=2, share=0.01, **HERE)],
    "next-minute-slower-bilstm": [minute.Config(model="bilstm", window=30, lr=3e-3, passes=1, share=0.01, **HERE)],
    "next-minute-faster-rnn": [minute.Config(model="rnn", lr=1e-3, passes=1, share=0.01, **HERE)],
    "next-minute-windows": [minute.Config(model="lstm", window=30, **HERE)],
    "next-minute-ablation": [minute.Config(model="lstm", variant="no_input", forget_bias=1.0, **HERE)],
    "next-minute-absolute": [minute.Config(model="rnn", loss="mae", lr=1e-2, passes=1, share=0.02, **HERE)],
    "next-minute-origins": [minute.Config(model="ar-harmonics", origin=1, **HERE)],
    "next-minute-house": [home.HouseConfig(**HERE)],
    "hours": [
        hours.Config(model="line", calendar=True, ahead=1, cut=1, **HERE),
        hours.Config(model="small", calendar=False, ahead=24, cut=3, lr=1e-2, epochs=2, **HERE),
    ],
    "hours-intervals": [
        hours.IntervalConfig(model="line", method="quantile", cut=1, **HERE),
        hours.IntervalConfig(model="small", method="quantile", cut=1, lr=1e-2, epochs=2, **HERE),
    ],
    "hours-leaks": [hours.LeakConfig(model=m, leak="weeks", lr=1e-2, epochs=2, **HERE) for m in ("line", "small")],
    "hours-load": [hours.LoadConfig(**HERE)],
    "ninety-minutes": [
        back.LookConfig(model=model, window=120, seed=0, runs=70, passes=1) for model in ("told", "ar", "gru-chrono")
    ],
    "half-started": [back.HalfConfig(start=start, seed=0, runs=70, passes=1) for start in ("input", "forget")],
    "lags": [back.LagConfig(lags=2, **HERE)],
    "imputation": [both.ImputationConfig(model=model, **HERE) for model in ("ar-both", "lstm-both")],
    "gate-reader": [reader.ReaderConfig(seed=3, source="synthetic", passes=1, share=0.02, hidden_size=4)],
    "ablation-rates": [ablation.Config("reber", "full", 0.02, 0)],
    "ablation": [ablation.Config("order", "forget_only", 0.02, 0)],
    "emotion": [
        emotion.EmotionConfig(model=m, words="ordered", seed=0, source="sentences")
        for m in ("small", "bag", "tfidf-svm")
    ],
    "emotion-padding": [
        emotion.PaddingConfig(
            model="report", layout=layout, how=how, lr=1e-3, dropout=dropout, seed=0, source="sentences"
        )
        for layout, how, dropout in (("left", "report", True), ("packed", "cycle", False))
    ],
    "emotion-corpus": [emotion.CorpusConfig(part="test", data="sentences")],
    "sentence-reader": [emotion.ReaderConfig(seed=1, sentences=200, epochs=1, embedding_dim=4, hidden_size=3)],
    "collapse": [
        rows.LengthConfig(model="lstm", way="left", rate="cycle", **ROWS),
        rows.LengthConfig(model="lstm", way="mean", rate="fixed", **ROWS),
        rows.LengthConfig(model="rnn", way="word", rate="fixed", **ROWS),
        rows.LengthConfig(model="tfidf-lr", way="none", rate="none", **ROWS),
    ],
    "sequence-length": [
        lengths.LengthConfig(model="lstm", layout="right", read="last", **SEQUENCE),
        lengths.LengthConfig(model="tfidf-lr", layout="none", read="none", **SEQUENCE),
    ],
    "padding-reader": [lengths.ReaderConfig(seed=0, network="packed")],
    "depth": [deeper.DepthConfig(model=model, lr=1e-2, seed=1, texts="made") for model in ("bag", "4 × 17, residual")],
    "depth-imdb": [deeper.DepthConfig(model="2 × 26", lr=1e-2, seed=1, texts="made")],
    "skip-rnn": [skips.SkipConfig(lasts=8, cost=0.01, seed=1)],
    "moving-shapes": [films.SceneConfig(model="ConvLSTM", lr=1e-2, seed=0)],
    "moving-shapes-controls": [films.ControlConfig(model="three frames", epochs=2, seed=0)],
    "without-a-chain": [
        chainless.Config("parity", "delta-signed", 0.01, 0),
        chainless.Config("adding", "attention", 0.01, 0),
        chainless.Config("recall", "gru", 0.01, 0),
    ],
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # torch's own, in its forward mode
@pytest.mark.parametrize("name", list(studies()))
def test_a_study_runs_and_repeats_itself(name: str) -> None:
    run, (first, *others) = studies()[name].run, RUNS[name]
    for config in others:
        assert run(config, "cpu")
    one, again = (run(first, "cpu") for _ in range(2))
    assert one.keys() == again.keys()
    for metric in one.keys() - {"seconds"}:
        np.testing.assert_equal(one[metric], again[metric])


@pytest.mark.parametrize("name", list(studies()))
def test_a_grid_has_every_seed_and_takes_real_data_at_full_scale_alone(name: str) -> None:
    for scale, real in (("small", False), ("full", True)):
        grid = studies()[name].grid(scale, 3)
        assert len(set(map(str, grid))) == len(grid)
        assert {config.seed for config in grid} in ({0}, {0, 1, 2})
        sources = {getattr(config, "source", getattr(config, "data", None)) for config in grid} - {None}
        assert all((source in ("household", "messages", "reviews", "tweets")) == real for source in sources)


# ---- Forecasts


def test_sums_by_day_and_by_group_add_up_to_the_means_and_jumps_err_most() -> None:
    run = studies()["next-minute"].run(replace(RUNS["next-minute"][0], model="persistence"), "cpu")
    assert run["parameters"] == 0
    for by in ("daily", "group"):
        assert sum(run[f"{by}_count"]) == run["test_windows"]
        assert sum(run[f"{by}_squared"]) / run["test_windows"] == pytest.approx(run["mse"])
        assert sum(run[f"{by}_absolute"]) / run["test_windows"] == pytest.approx(run["mae"])
    largest = np.array(run["group_squared"]) / run["group_count"]  # steady, jump next, jump behind, both
    assert (largest[[0, 2]] <= minute.JUMP**2).all()
    assert (largest[[1, 3]] > minute.JUMP**2).all()


def test_the_rate_of_a_network_is_the_one_with_the_lowest_mean_of_best_losses() -> None:
    rows = [("rnn", 0.001, 3.0), ("rnn", 0.001, 3.0), ("rnn", 0.01, 1.0), ("rnn", 0.01, 6.0), ("gru", 0.001, 2.0)]
    frame = pd.DataFrame([*rows, ("gru", 0.01, 1.5)], columns=["model", "lr", "best_loss"])
    assert minute.lowest(frame) == {"rnn": 0.001, "gru": 0.01}


def test_a_family_goes_seed_by_seed_each_network_at_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minute, "chosen_rates", lambda: {"rnn": 1.0, "lstm": 2.0, "gru": 3.0, "bilstm": 4.0})
    for family, networks in (("next-minute", (1, 2, 3)), ("next-minute-absolute", (1, 2, 3, 4))):
        trained = [one for one in minute.grid(family, "full", 2) if one.passes == minute.PASSES]
        loss = "mae" if family == "next-minute-absolute" else "mse"
        assert [(one.seed, one.loss, one.lr) for one in trained] == [
            (seed, loss, rate) for seed in (0, 1) for rate in networks
        ]


def test_all_windows_of_an_origin_forecast_the_same_minutes_and_no_origin_sees_its_test() -> None:
    wholes = [minute.split_of("synthetic", origin, 120) for origin in (0, 1, 2)]
    for origin, whole in enumerate(wholes):
        short = minute.split_of("synthetic", origin, 30)
        for part in ("train", "validation", "test"):
            assert (getattr(short, part).times == getattr(whole, part).times).all()
        assert whole.train.times[-1] < whole.validation.times[0] <= whole.validation.times[-1] < whole.test.times[0]
    tests = [(whole.test.times[0], whole.test.times[-1]) for whole in wholes]
    assert tests[2][1] < tests[1][0] <= tests[1][1] < tests[0][0]


def test_short_gaps_are_filled_and_long_ones_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    values = synthetic_power(days=3).values.copy()
    values[100:103] = np.nan
    values[2000:2010] = np.nan
    measured = replace(synthetic_power(days=3), values=values)
    monkeypatch.setattr(minute, "load_power", lambda: measured)
    series = MINUTES("household")
    assert (series.values[100:103] == measured.values[99]).all()
    assert np.isnan(series.values[2000:2010]).all()


def test_a_run_ends_as_it_began_and_only_a_window_of_120_holds_its_start() -> None:
    runs = back.washing_machine(300)
    load, ago = runs.series.values[:, 0], runs.ends - runs.starts
    assert set(ago) == set(range(80, 101))
    level = np.where(runs.hot, 3.0, 1.0)
    for which in (runs.starts, runs.starts + 9, runs.ends):
        assert np.abs(load[which] - level).mean() < 0.3
    for window in back.LOOKS:
        parts = back.last_minutes(runs, window)
        assert [len(part) for part in parts] == [171, 43, 86]
        assert np.concatenate([part.target_rows for part in parts]).tolist() == runs.ends.tolist()
        cold, hot = (back.restarted(runs, parts[2], kilowatts) for kilowatts in back.PROGRAMMES)
        moved = (hot != cold)[..., 0]
        assert (moved.sum(axis=1) == (10 if window == 120 else 0)).all()
        kept = ~moved
        np.testing.assert_array_equal(hot[..., 0][kept], parts[2].inputs[..., 0][kept])


@given(start=st.integers(0, 2000), noise=st.integers(0, 2**32 - 1))
def test_no_filler_sees_a_hidden_minute(start: int, noise: int) -> None:
    frame = HOUSE.values[None, start : start + both.FRAME].copy()
    altered = frame.copy()
    altered[:, both.HIDDEN] = np.random.default_rng(noise).normal(size=(1, both.STRETCH, 1))
    shown, known = both.hide(frame), np.delete(np.arange(both.FRAME), both.HIDDEN)
    np.testing.assert_array_equal(shown, both.hide(altered))
    np.testing.assert_array_equal(shown[:, known, 0], frame[:, known, 0])


def test_fillers_have_equal_size_and_see_what_they_should() -> None:
    frame = torch.from_numpy(both.hide(HOUSE.values[None, : both.FRAME])).float()
    later = frame.clone()
    later[:, both.HIDDEN.stop, 0] += 1.0
    for name, size, sees in (("lstm-forward", 2311, False), ("lstm-both", 2311, True), ("lstm-late", 2320, True)):
        net = both.filler(name)
        assert learnable_parameters(net) == size
        assert bool((both.filled(net(frame)) != both.filled(net(later))).any()) == sees
    line = np.zeros((1, both.FRAME, 1))
    line[0, both.HIDDEN.start - 1], line[0, both.HIDDEN.stop] = 1.0, 12.0
    for name, wanted in (("previous", [1.0] * 10), ("sides", [6.5] * 10), ("linear", range(2, 12))):
        np.testing.assert_allclose(both._fill_without_network(name, line, line)[0][0], list(wanted))


def test_a_test_frame_hides_only_test_minutes_and_no_minute_twice() -> None:
    stamps = both._frames("synthetic")[3]
    hidden = ((stamps - HOUSE.start) // HOUSE.step)[:, None] + np.arange(both.STRETCH)
    assert len(set(hidden.ravel())) == hidden.size
    assert hidden.min() >= 0.85 * len(HOUSE)


def test_the_weather_is_split_as_in_the_coursework_and_scaled_by_training_rows_alone() -> None:
    values = weather.series().values[:, 0]
    parts = weather.split(make_windows(weather.series(), window=10))
    assert np.concatenate([part.targets[:, 0] for part in parts]).tolist() == values[10:].tolist()
    assert [len(part) for part in parts] == [800, 200, 451]
    later = weather.series().values.copy()
    later[weather.TRAIN + weather.WINDOW :] += 1000.0
    scaled = [weather._scaler(each, "scaled") for each in (weather.series(), replace(weather.series(), values=later))]
    np.testing.assert_array_equal(scaled[0].mean, scaled[1].mean)
    for name, validation, test in (("persistence", 10.667, 8.110), ("ar", 9.443, 7.096)):
        found = weather.run(weather.Config(model=name, network="none"), "cpu")
        assert (found["last_validation"], found["test_mse"]) == pytest.approx((validation, test), abs=5e-4)


@pytest.mark.parametrize(("model", "reported"), [("lstm", 71_051), ("gru", 53_901), ("rnn", 17_801)])
def test_the_deep_networks_start_as_in_keras_and_are_as_large_as_reported(model: str, reported: int) -> None:
    net = weather.build(weather.Config(model=model, network="deep"))
    assert sum(weight.numel() for weight in net.parameters() if weight.requires_grad) == reported
    for name, weight in net.rnn.named_parameters():
        if name.startswith("weight_hh"):
            torch.testing.assert_close(weight.T @ weight, torch.eye(50), atol=1e-5, rtol=0)
        elif name.startswith("bias"):
            assert weight.sum() == 50 * (model == "lstm" and name.startswith("bias_ih"))


def test_the_watch_scores_training_windows_after_each_epoch_with_dropout_off() -> None:
    train = weather.split(make_windows(weather.series(), window=10))[0][:64]
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(10, 1))
    nn.init.constant_(net[2].weight, 0.1)  # the mean of the window, of which dropout leaves one day in ten
    nn.init.zeros_(net[2].bias)
    watch = controls.Watch(net, train, lr=0.0, device="cpu")
    data = (train.inputs, train.targets)
    history = fit(net, data, epochs=3, batch_size=32, seed=0, device="cpu", optimiser=watch)
    quiet = np.mean((predict(net, train.inputs) - train.targets) ** 2)
    np.testing.assert_allclose(watch.quiet, [quiet] * 3, rtol=1e-5)  # a rate of zero: the weights never move
    assert min(history.train_loss) > 1.5 * quiet
    assert watch.weights.keys() == net.state_dict().keys()


# ---- Gates and their absence


def house(seed: int) -> Split:
    """A load with many small changes and some large ones."""
    rng, minutes = np.random.default_rng(seed), 1440 * 20
    level = np.cumsum(np.where(rng.random(minutes) < 0.012, rng.normal(0, 2, minutes), 0.0))
    start, step = np.datetime64("2026-01-01T00:00", "s"), np.timedelta64(60, "s")
    values = (level + rng.normal(0, 0.02, minutes))[:, None]
    return chronological(Series("made", values, ("power",), ("kW",), start, step), window=WINDOW)


@given(seed=st.integers(0, 10_000))
def test_events_and_controls_keep_the_rule_and_no_control_fits_better(seed: int) -> None:
    split = house(seed)
    values, limit = split.test.series.values[:, 0], threshold(split)
    jump = np.abs(np.diff(values, prepend=values[0])) > limit
    first, last = split.test.target_rows[0] + AT, len(values) - AFTER
    counted = np.concatenate(([0], np.cumsum(jump)))
    every = np.arange(first, last)
    quiet = every[counted[every + AFTER + 1] == counted[every - BEFORE]]
    try:
        found = find_events(split, limit)
    except ValueError:  # an hour of these few days may be restless throughout
        reject()
    for way, events in found.items():
        for row, control in zip(events.rows, events.controls, strict=True):
            assert jump[row]
            assert not jump[row - BEFORE : row].any()
            assert (values[row] > values[row - 1]) == (way == "up")
            pool = quiet[quiet // 60 % 24 == row // 60 % 24]  # the series starts at midnight
            assert control in pool
            assert abs(values[control - 1] - values[row - 1]) == np.abs(values[pool - 1] - values[row - 1]).min()


def test_to_hold_a_gate_that_never_moves_changes_no_forecast_and_to_hold_one_that_moves_does() -> None:
    split = minute.split_of("synthetic", 0, 60)
    torch.manual_seed(4)
    net = Forecaster("lstm", input_size=1, hidden_size=4, num_layers=1)
    with torch.no_grad():
        for weight in (net.rnn.weight_ih_l0, net.rnn.weight_hh_l0):
            weight[4:8] = 0  # the forget gate is the sigmoid of its bias
    free = predict(net, split.test.every[split.test.starts])
    np.testing.assert_allclose(reader.forecast_held(net, split, "forget"), free, atol=1e-6)
    assert np.abs(reader.forecast_held(net, split, "input") - free).max() > 1e-4


class Says(nn.Module):
    """Says the same of every input."""

    def __init__(self, outputs: torch.Tensor) -> None:
        super().__init__()
        self.outputs = nn.Parameter(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outputs


@pytest.mark.parametrize("task", [TemporalOrder(10), ContinualReber(20)])
def test_only_the_answers_that_are_learned_count(task: Any) -> None:
    drawn = task.sample(6, np.random.default_rng(0))
    right = torch.from_numpy(drawn.targets)
    outputs = 50.0 * nn.functional.one_hot(right, task.output_size).float()
    outputs[torch.from_numpy(~drawn.learned)] = 7
    loss = nn.functional.cross_entropy(*ablation._answers(Says(outputs), drawn))  # type: ignore[arg-type]
    assert loss.item() == pytest.approx(0, abs=1e-6)
    outputs[:, -1] = -outputs[:, -1]
    assert nn.functional.cross_entropy(*ablation._answers(Says(outputs), drawn)).item() > 0.1  # type: ignore[arg-type]


def test_variants_start_from_the_same_lstm() -> None:
    recipe = ablation.RECIPES["order"]
    full, part = (ablation.build(recipe, variant, 7).state_dict() for variant in ("full", "forget_only"))
    assert torch.equal(full["head.weight"], part["head.weight"])
    assert torch.equal(torch.cat(full["rnn.full_weight_hh_l0"].chunk(4)[1:3]), part["rnn.forget_only_weight_hh_l0"])
    assert (full["rnn.full_bias_ih_l0"] + full["rnn.full_bias_hh_l0"]).chunk(4)[1].tolist() == [1.0] * ablation.UNITS


@pytest.mark.parametrize(
    ("task", "scores", "taken", "kept"),
    [
        ("order", [0.2, 0.995, 0.6, 0.99, 1.0, 0.3], 4, 4),  # solved twice in a row; the best comes last
        ("order", [0.2, 0.9, 0.6, 0.98, 0.5, 0.9], 5, 3),  # not solved
    ],
)
def test_a_training_ends_when_its_task_is_solved_and_the_best_weights_stay(
    monkeypatch: pytest.MonkeyPatch, task: str, scores: list[float], taken: int, kept: int
) -> None:
    recipe = replace(ablation.RECIPES[task], steps=5)
    net, seen, said = ablation.build(recipe, "full", 0), [], iter(scores)

    def score(net: nn.Module, *_: object) -> float:
        seen.append(net.state_dict()["head.bias"].clone())
        return next(said)

    monkeypatch.setattr(ablation, "score", score)
    nothing = recipe.tested.sample(1, np.random.default_rng(0))
    curve, best = ablation.train(net, recipe, nothing, lr=0.02, seed=0)
    assert curve == scores[: taken + 1]
    assert torch.equal(best["head.bias"], seen[kept])


def test_the_rate_is_the_one_that_solves_soonest_or_comes_nearest() -> None:
    rows = [("order", "full", lr, steps, curve) for lr, steps, curve in [(0.1, 300, [0.0, 1.0]), (0.2, 200, [0.9])]]
    rows += [("reber", "no_input", lr, 800, curve) for lr, curve in [(0.1, [0.5, 0.3]), (0.2, [0.4, 0.4])]]
    rows += [("reber", "full", lr, 100, [1.0]) for lr in (0.1, 0.2)]
    frame = pd.DataFrame(rows, columns=["task", "variant", "lr", "steps", "curve"])
    assert ablation.soonest(frame) == {("order", "full"): 0.2, ("reber", "no_input"): 0.1, ("reber", "full"): 0.2}


# ---- Texts


@pytest.mark.parametrize(
    ("accuracies", "losses", "wanted"),
    [([0.5, 0.9, 0.7], [1.0, 1.0, 0.1], 2), ([0.5, 0.9, 0.9], [1.0, 0.3, 0.2], 3), ([0.9] * 3, [0.3] * 3, 1)],
)
def test_validation_chooses_the_epoch_and_its_weights_stay(
    accuracies: list[float], losses: list[float], wanted: int
) -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return self.weight.expand(len(ids), 2)

    net, seen = Constant(), []

    def judge() -> dict[str, float]:
        seen.append(net.weight.detach().clone())
        number = len(seen) - 1
        return {
            "validation_accuracy": accuracies[number],
            "validation_loss": losses[number],
            "test_accuracy": -accuracies[number],
        }

    batches = TextBatches(Encoded.of([[2, 3], [4]] * 10), np.zeros(20, dtype=np.int64), 4)
    course = text_training.train_and_judge(net, batches, judge, replace(SHORT, epochs=3), seed=0, device="cpu")
    assert course.selected == wanted
    assert torch.equal(net.weight, seen[wanted - 1])
    assert not torch.equal(seen[0], seen[1])


@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 60),
    classes=st.integers(2, 9),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_scores_and_calibration_are_what_they_say(seed: int, n: int, classes: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = scale * rng.normal(size=(n, classes)), rng.integers(0, classes, n)
    named, names = logits.argmax(axis=1), range(classes)
    found = emotion.class_scores(named, labels, classes)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, named, labels=names, zero_division=0)
    np.testing.assert_allclose([found["precision"], found["recall"]], [precision, recall])
    assert found["macro_f1"] == pytest.approx(f1.mean())
    assert found["confusion"] == confusion_matrix(labels, named, labels=names).tolist()
    wanted = np.mean(logsumexp(logits, axis=1) - logits[np.arange(n), labels])
    assert text_training.nll(logits, labels) == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    binned = emotion.calibration(logits, labels)
    assert (sum(binned["counts"]), sum(binned["correct"])) == (n, np.sum(named == labels))
    for number, (count, total) in enumerate(zip(binned["counts"], binned["sums"], strict=True)):
        assert count * number / emotion.BINS - 1e-3 <= total <= count * (number + 1) / emotion.BINS + 1e-3


def test_what_is_recorded_per_text_stands_by_class_and_not_in_the_order_of_the_files() -> None:
    given = Corpus("four", ("a", "b", "c", "d"), np.array([1, 0, 1, 0]), ("sad", "glad"))
    for order in ([0, 1, 2, 3], [3, 0, 2, 1]):
        found = emotion.unordered(given.take(order))
        assert found.labels.tolist() == [0, 0, 1, 1]
        assert found.texts == ("d", "b", "c", "a")


def test_without_order_twins_look_the_same_and_what_is_mixed_keeps_its_words() -> None:
    bag, pairs = (emotion.run(config, "cpu") for config in RUNS["emotion"][1:])
    assert bag["shuffled_predictions"] == bag["predictions"] != pairs["predictions"]
    assert max(bag["accuracy"], pairs["accuracy"] - 0.25) <= 0.5  # twins have the same words and different emotions
    assert bag["accuracy"] == bag["test_accuracy"][bag["selected"] - 1]
    texts = CORPUS.train.texts
    assert [sorted(text.split()) for text in emotion.mixed(texts, 0)] == [sorted(text.split()) for text in texts]
    assert text_training.size(emotion.network("report", 15_000, 6)[0]) == 6_193_990


def test_a_corpus_is_counted_and_read_by_one_word(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = emotion.word_shares(CORPUS.train.texts, CORPUS.train.labels, classes=2, strength=2.0)
    assert shares["sad"].tolist() == [3 / 4, 1 / 4]  # two texts seen, two imagined ones, half of them each
    assert emotion.telling_word("sad glad", shares) == "sad"
    assert emotion.by_one_word(["so sad", "who knows"], shares, otherwise=1).tolist() == [0, 1]
    monkeypatch.setattr(emotion, "corpus_splits", lambda name: CORPUS)
    found = emotion.count_part(emotion.CorpusConfig(part="test", data="tweets"), "cpu")
    wanted = {
        "in_train": 2,
        "in_train_same": 1,
        "words": 6,
        "unknown": 2,
        "denies": "001",
        "labels": "111",
        "one_word": "100",
    }
    assert {name: found[name] for name in wanted} == wanted
    whole = emotion.count_part(emotion.CorpusConfig(part="all", data="tweets"), "cpu")
    assert (whole["rows"], whole["exact"], whole["conflicting"], whole["conflict_pairs"]) == (
        11,
        1,
        2,
        [[0, 2], [0, 0]],
    )


def test_words_are_masked_and_sentences_begun() -> None:
    texts = emotion.reader_splits(4).test.texts
    encoded = Vocabulary.of(texts).encode(texts)
    hidden, begun = emotion.masked(encoded, share=0.1, seed=3), emotion.beginnings(encoded, seed=3)
    assert (hidden.ids[hidden.ids != encoded.ids] == UNKNOWN).all()
    assert np.mean(hidden.ids != encoded.ids) == pytest.approx(0.1, abs=0.03)
    assert all(begun[k].tolist() == encoded[k][: len(begun[k])].tolist() for k in range(len(encoded)))
    assert begun.lengths.min() >= 1


def test_texts_are_cut_counted_and_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus("two", ("A b, c d e.", "f"), np.array([0, 1]), ("x", "y"))
    assert lengths.shortened(corpus, 2, "front") == ["d e", "f"]
    assert lengths.shortened(corpus, 2, "back") == ["a b", "f"]
    counted = lengths.by_length(np.array([0, 1, 49, 50, 99, 100, 200, 399, 400, 5000]), np.array([True, False] * 5))
    assert (counted["bin_total"], counted["bin_right"]) == ([3, 2, 1, 2, 2], [2, 1, 0, 1, 1])
    reviews = Corpus("reviews", tuple(f"review {number}" for number in range(60)), np.arange(60) % 2, ("bad", "good"))
    monkeypatch.setattr(lengths, "load_imdb", lambda: TextSplits(reviews, reviews, reviews))
    monkeypatch.setattr(lengths, "TRAINED", 20)
    monkeypatch.setattr(lengths, "CHOSEN", 10)
    parts = lengths.splits("reviews")
    assert (parts.train.counts, parts.validation.counts) == ({"bad": 10, "good": 10}, {"bad": 5, "good": 5})
    assert not set(parts.train.texts) & set(parts.validation.texts)


# ---- Sequences, depth, films


def test_what_is_compared_at_equal_reach_or_size_is_equal() -> None:
    def sizes(build: Any, names: tuple[str, ...]) -> list[int]:
        return [learnable_parameters(build(name)) for name in names]

    assert sizes(reach.length_network, ("mlp-8", "rnn-56")) == [3866, 3866]
    for found in (
        sizes(reach.retention_network, ("plain", "dilated", "rnn", "lstm", "lstm-open")),
        sizes(spelling.speller, ("mlp", "blind", "gru")),
        sizes(
            lambda model: reach.tone_network(model, "raw", "max"),
            ("cnn", "cnn-whole", "cnn-far", "rnn", "lstm", "lstm-open"),
        ),
        sizes(lambda model: reach.tone_network(model, "spectrogram", "max"), ("cnn-whole", "rnn", "lstm")),
        sizes(images.image_network, ("mlp", "rows")),
    ):
        assert max(found) < 1.15 * min(found)
    for model, features, steps, inputs in (
        ("cnn-whole", "raw", 128, 1),
        ("cnn-far", "raw", 128, 1),
        ("cnn-whole", "spectrogram", 7, 17),
    ):
        net = reach.tone_network(model, features, "last")
        assert (input_influence(net, torch.randn(2, steps, inputs)) > 0).all()


@pytest.mark.parametrize(("model", "border"), [("plain", 10), ("dilated", 62)])
def test_a_value_within_reach_counts_and_one_beyond_it_does_not(model: str, border: int) -> None:
    net = reach.retention_network(model)
    for distance, seen in ((border, True), (border + 1, False)):
        x = torch.from_numpy(kept_value(20, distance=distance, seed=0)[0])
        assert (input_influence(net, x)[0] > 0) == (reach.flips(net, x)[0] > 0) == seen


def test_names_are_spelt_and_read_as_they_were_said() -> None:
    assert ["".join(spelling.LETTERS[k] for k in row) for row in spelling.spelt()] == [
        n.ljust(6, ".") for n in spelling.NAMES
    ]
    images, letters = torch.randn(10, 64), torch.from_numpy(spelling.spelt())
    told = spelling.Speller(blind=False)
    torch.testing.assert_close(told(images), told(images, told(images).argmax(dim=2)))
    assert not torch.equal(told(images, letters), told(images, letters.flip(0)))
    blind = spelling.Speller(blind=True)
    assert torch.equal(blind(images, letters), blind(images))


def test_compared_stacks_have_nearly_as_many_parameters_each() -> None:
    sizes = {name: learnable_parameters(deeper.ReviewReader(34, name).body) for name in deeper.STACKS}
    assert max(sizes.values()) < 1.05 * min(sizes.values())
    nets = {name: learnable_parameters(make()) for name, make in films.FORECASTERS.items()}
    equal = [size for name, size in nets.items() if name != "CNN + LSTM, wide"]
    equal.append(learnable_parameters(films.ThreeFrames()))
    assert max(equal) < 1.05 * min(equal)


@given(st.integers(1, 20), st.integers(1, 60), st.integers(0, 2**31))
def test_votes_are_counted_and_the_last_flag_is_kept(batch: int, time: int, seed: int) -> None:
    x, leads = dynamics.votes(torch.Generator().manual_seed(seed), batch, time)
    assert (x.abs() == 1).all()
    assert ((x[..., 0].cumsum(1) > 0) == (leads == 1)).all()
    x, last = dynamics.flags(torch.Generator().manual_seed(seed), batch, time)
    for row, answers in zip(x[..., 0].tolist(), last.tolist(), strict=True):
        shown = 0.0
        for flag, answer in zip(row, answers, strict=True):
            shown = flag or shown
            assert answer == (shown > 0)


def test_a_sum_with_a_border_is_the_sum_until_it_meets_it() -> None:
    nets = []
    for make in (dynamics.Bordered, lambda: dynamics.Answering("held", 1)):
        torch.manual_seed(0)
        nets.append(make().double())
    bordered, held = (net(torch.ones(3, 2, 1, dtype=torch.float64)) for net in nets)
    torch.testing.assert_close(bordered, held)
    for net in nets:  # the states themselves, with an open output gate
        net.rnn.live["bias_ih_l0"].data[-dynamics.UNITS :] = 40.0  # type: ignore[operator,index,union-attr]
        setattr(net, "head", nn.Identity())  # noqa: B010
    bordered, held = (net(torch.ones(1, 400, 1, dtype=torch.float64)).abs().max().item() for net in nets)
    assert bordered <= np.tanh(1) + 1e-12 < held


@given(st.lists(st.floats(0, 1), max_size=9))
def test_what_was_learned_is_lost_below_nine_tenths(right: list[float]) -> None:
    lost = any(a >= 0.99 and b < 0.9 for k, a in enumerate(right) for b in right[k:])
    assert signs.unstable([0.1], right) == lost
    assert signs.unstable([0.1, 1.5], right)
    assert signs.unstable([float("nan")], right)


@pytest.mark.parametrize("phi", ["tanh", "relu"])
def test_networks_side_by_side_say_what_each_says_alone(phi: str) -> None:
    torch.manual_seed(0)
    nets, x = [signs.FirstSign(phi) for _ in range(3)], torch.randn(5, 20, 1)
    logits, largest = signs.side_by_side(nets, x)
    for net, said, size in zip(nets, logits, largest, strict=True):
        torch.testing.assert_close(said, net(x))
        torch.testing.assert_close(size, net.rnn(x)[0].abs().max())


def test_an_update_has_its_price_and_the_right_film_no_error() -> None:
    net = skips.PulseReader()
    output, kinds = net(torch.randn(6, 40, 2)), torch.zeros(6, dtype=torch.long)
    gap = skips.skip_loss(0.1)(output, kinds) - skips.skip_loss(0.0)(output, kinds)
    assert gap.item() == pytest.approx(0.1 * output[1].mean().item(), rel=1e-5)
    _, wanted = films.films(films.TEST_FILMS, np.random.default_rng([2**31, *films.HALVES["right"]]), "right")
    assert films.squared_error(lambda seen: wanted, "right") == 0
    assert films.squared_error(lambda seen: 1 - wanted, "right") == films.SIDE**2


def test_a_film_hides_its_third_frame_and_no_other() -> None:
    seen, wanted = films.films(50, np.random.default_rng(0), "left")
    assert not seen[:, 2].any()
    assert all(part.any(dim=(1, 2, 3)).all() for part in (seen[:, 0], seen[:, 1], wanted))


@pytest.mark.parametrize("model", films.FORECASTERS)
def test_a_forecaster_paints_one_frame_and_two_frames_see_two(model: str) -> None:
    net, film = films.FORECASTERS[model]().eval(), torch.rand(2, 3, 1, films.SIDE, films.SIDE)
    other = film.clone()
    other[:, 0] = 0
    assert net(film).shape == film[:, 0].shape
    assert torch.equal(net(film), net(other)) == (model == "two frames")


@given(st.integers(1, 4), st.integers(1, 40), st.integers(0, 2**31))
def test_a_scan_is_its_loop(batch: int, time: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, batch, time, 3, generator=generator, dtype=torch.float64)
    h, states = torch.zeros(batch, 3, dtype=torch.float64), []
    for t in range(time):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    torch.testing.assert_close(chainless.scan(a, b), torch.stack(states, 1))


@pytest.mark.parametrize("most", [1.0, 2.0])
def test_a_delta_rule_at_once_is_its_loop(most: float) -> None:
    cell, x = chainless.DeltaRule(5, most).double(), torch.randn(2, 9, 5, dtype=torch.float64)
    q, k, v, beta = cell.parts(x)
    state, read = torch.zeros(2, 5, 5, dtype=torch.float64), []
    for t in range(9):
        error = v[:, t] - (state @ k[:, t, :, None])[..., 0]
        state = state + (beta[:, t] * error)[:, :, None] * k[:, t, None]
        read.append((state @ q[:, t, :, None])[..., 0])
    torch.testing.assert_close(cell(x), cell.out(torch.stack(read, 1)))


@pytest.mark.parametrize(("chained", "layer"), [(chainless.LSTM, torch.nn.LSTM), (chainless.GRU, torch.nn.GRU)])
def test_a_chained_cell_is_the_layer_of_torch(chained: Any, layer: Any) -> None:
    own, given = chained(5).double(), layer(5, 5, batch_first=True).double()
    for name, weight in (("ih", own.inputs), ("hh", own.states)):
        getattr(given, f"weight_{name}_l0").data = weight.weight.data
        getattr(given, f"bias_{name}_l0").data = weight.bias.data
    x = torch.randn(3, 9, 5, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(own(x), given(x)[0])
    slopes = [torch.autograd.grad((cell(x) if cell is own else cell(x)[0])[:, -1].sum(), x)[0] for cell in (own, given)]
    torch.testing.assert_close(*slopes)


def test_networks_side_by_side_take_the_steps_of_torchs_adam_each_clipped_alone() -> None:
    together = {"weight": torch.randn(2, 4, 3, dtype=torch.float64), "bias": torch.randn(2, 4, dtype=torch.float64)}
    alone = [[nn.Parameter(value[net].clone()) for value in together.values()] for net in range(2)]
    adam, others = chainless.Adam(together, 0.1), [torch.optim.Adam(mine, lr=0.1) for mine in alone]
    for _ in range(5):
        slopes = {name: 3 * torch.randn_like(value) for name, value in together.items()}
        slopes = {
            name: slope * torch.tensor([1.0, 0.01]).view(2, *(1,) * (slope.dim() - 1)) for name, slope in slopes.items()
        }
        adam.step(together, slopes)
        for net, (mine, other) in enumerate(zip(alone, others, strict=True)):
            for weight, slope in zip(mine, slopes.values(), strict=True):
                weight.grad = slope[net].clone()
            nn.utils.clip_grad_norm_(mine, 1.0)
            other.step()
    for name, value in together.items():
        expected = torch.stack([dict(zip(together, mine, strict=True))[name].detach() for mine in alone])
        torch.testing.assert_close(value, expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", list(chainless.CELLS))
def test_compared_cells_have_nearly_as_many_parameters_and_see_no_later_step(name: str) -> None:
    for task in chainless.TASKS.values():
        assert chainless.parameters(chainless.sized(name, task)) == pytest.approx(chainless.PARAMETERS, rel=0.01)
    net, x = chainless.sized(name, chainless.TASKS["parity"]), torch.randn(3, 7, 2)
    other = x.clone()
    other[:, 4:] = 0
    torch.testing.assert_close(net(x)[:, :4], net(other)[:, :4])


@given(st.integers(1, 6), st.integers(0, 2**31))
def test_every_key_is_asked_once_and_ones_are_counted(pairs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    task = chainless.Recall(pairs, 6, 3)
    drawn = task.sample(10, rng)
    keys, told = drawn.inputs[..., :6].argmax(-1), drawn.inputs[..., 6:]
    assert (told[:, :pairs].sum(-1) == 1).all()
    assert (told[:, pairs:] == 0).all()
    for row, answers in enumerate(drawn.targets[:, pairs:]):
        known = dict(zip(keys[row, :pairs], told[row, :pairs].argmax(-1), strict=True))
        assert len(known) == pairs
        assert sorted(keys[row, pairs:]) == sorted(known)
        assert [known[key] for key in keys[row, pairs:]] == answers.tolist()
    drawn = chainless.Parity(9).sample(10, rng)
    assert (drawn.targets[:, -1] == drawn.inputs[..., 1].sum(1) % 2).all()


def test_no_hour_named_in_training_is_named_in_a_later_part() -> None:
    series = hours.windows("synthetic")
    for cut in hours.CUTS:
        parts = hours.cut_at(series, cut)
        named = [
            {int(row) + ahead for row in series.first[mask] for ahead in range(hours.AHEAD)}
            for mask in (parts.train, parts.validation, parts.test)
        ]
        assert max(named[0]) < min(named[1]) <= max(named[1]) < min(named[2])


def test_a_shuffled_split_shares_hours_and_shuffled_weeks_share_none() -> None:
    series = hours.windows("synthetic")
    shared = {}
    for leak in ("windows", "weeks"):
        parts = hours.leaky(series, leak, 0)
        seen, tested = (
            {int(row) + hour for row in series.first[mask] for hour in range(-hours.WINDOW, hours.AHEAD)}
            for mask in (parts.train, parts.test)
        )
        shared[leak] = len(seen & tested)
    assert shared["weeks"] == 0 < shared["windows"]


def test_three_leaks_share_their_test_and_differ_in_what_they_give_away() -> None:
    series = hours.windows("synthetic")
    apart, trained, both = (hours.leaky(series, leak, 1) for leak in hours.NEIGHBOURS)
    assert (apart.test == trained.test).all()
    assert (apart.test == both.test).all()
    assert apart.train.sum() == trained.train.sum() == both.train.sum()
    assert (trained.train == both.train).all()
    assert (apart.validation == trained.validation).all()
    weeks = {name: set(series.first[mask] // 168) for name, mask in (("test", apart.test), ("stop", both.validation))}
    assert weeks["stop"] <= weeks["test"]
    for parts in (apart, trained, both):
        assert not (
            (parts.train & parts.validation) | (parts.train & parts.test) | (parts.validation & parts.test)
        ).any()


@given(residuals=st.lists(st.floats(0, 9), min_size=9, max_size=60))
def test_a_conformal_margin_covers_nine_of_ten_of_one_more(residuals: list[float]) -> None:
    margin = hours.conformal_margin(np.array(residuals)[:, None], 0.9)[0]
    assert np.mean([*(value <= margin for value in residuals), False]) >= 0.9


def test_the_first_hour_of_a_recursive_line_is_the_direct_one() -> None:
    series = hours.windows("synthetic")
    parts = hours.cut_at(series, 3)
    config = hours.Config(model="line", calendar=True, ahead=1, cut=3, **HERE)
    weights = hours.fit_line(config, series, parts.train)
    step = lambda power, stamps: hours.line_inputs(config, power, stamps) @ weights  # noqa: E731
    direct = step(series.power[parts.test], series.calendar[parts.test])[:, 0]
    np.testing.assert_allclose(hours.recursive(step, series, parts.test)[:, 0], direct)
