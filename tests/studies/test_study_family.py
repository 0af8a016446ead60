"""The studies of the family: their grids, their networks, and short runs that must come out as built."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from book.experiments import ch15_deeper as family
from book.experiments.ch15_deeper import (
    FORECASTERS,
    HALVES,
    LADDERS,
    SIDE,
    STACKS,
    DepthConfig,
    Fresh,
    PulseReader,
    Recaller,
    ReviewReader,
    SceneConfig,
    SkipConfig,
    TimeConfig,
    film_loss,
    forecaster,
    run_depth,
    run_scenes,
    run_skip,
    run_time,
    skip_loss,
    squared_error,
)
from rnncourse.studies import study_named as find

NAMES = ("depth", "time-skips", "skip-rnn", "moving-shapes")


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_found_and_its_full_grid_contains_every_comparison(name) -> None:
    study = find(name)
    full, small = study.grid("full", study.seeds), study.grid("small", 1)
    assert study.seeds >= 5
    assert len(full) == len(set(full))
    assert {replace(config, seed=0) for config in small} <= {replace(config, seed=0) for config in full}


def test_the_stacks_have_nearly_as_many_parameters_each() -> None:
    size = {name: sum(w.numel() for w in ReviewReader(34, name).body.parameters()) for name in STACKS}
    equal = [size[name] for name in STACKS if name != "2 × 42"]
    assert max(equal) < 1.05 * min(equal)
    assert size["2 × 42"] > 2 * size["1 × 42"]


def test_a_review_is_judged_at_its_last_word() -> None:
    torch.manual_seed(0)
    net = ReviewReader(10, "2 × 26")
    short = torch.tensor([[3, 4, 5, 0, 0], [1, 2, 3, 4, 5]])
    torch.testing.assert_close(net(short)[:1], net(torch.tensor([[3, 4, 5]])))


def test_the_dilated_stack_has_as_many_parameters_as_the_plain_one() -> None:
    sizes = {name: sum(w.numel() for w in Recaller(name).parameters()) for name in LADDERS}
    assert sizes["RNN"] == sizes["dilated RNN"]


def test_baselines_without_order() -> None:
    majority = run_depth(DepthConfig(model="majority", sentences=150, seed=0), "cpu")
    bag = run_depth(DepthConfig(model="bag", sentences=150, seed=0), "cpu")
    assert 45 < majority["accuracy"] < 55
    assert majority["accuracy"] < bag["accuracy"] < 90
    assert bag["parameters"] == 35


def test_a_short_run_of_each_study_repeats_itself() -> None:
    configs = [
        (run_depth, DepthConfig(model="4 × 17, residual", sentences=150, seed=1, epochs=1)),
        (run_time, TimeConfig(model="dilated RNN", distance=15, seed=1, steps=3)),
        (run_skip, SkipConfig(model="skip", lasts=8, stride=1, cost=0.01, seed=1, free=2, priced=2)),
        (run_skip, SkipConfig(model="stride", lasts=8, stride=8, cost=0.0, seed=1, free=2, priced=2)),
    ]
    for run, config in configs:
        first = run(config, "cpu")
        assert first == run(config, "cpu")
        assert 0 <= first["accuracy"] <= 100
    assert run_skip(configs[-1][1], "cpu")["share"] == 12.5


def test_the_skip_readers_loss_prices_each_update() -> None:
    net = PulseReader(SkipConfig(model="skip", lasts=1, stride=1, cost=0.1, seed=0))
    scores, updates = net(torch.randn(6, 40, 2))
    kinds = torch.zeros(6, dtype=torch.long)
    gap = skip_loss(0.1)((scores, updates), kinds) - skip_loss(0.0)((scores, updates), kinds)
    assert gap.item() == pytest.approx(0.1 * updates.mean().item(), rel=1e-5)
    assert updates.tolist() == [40.0] * 6  # at first it always updates


def test_persistence_errs_by_the_pixels_that_change() -> None:
    config = SceneConfig(model="persistence", region="all", seed=0)
    errors = run_scenes(config, "cpu")
    assert errors["parameters"] == 0
    frames = family._films(500, np.random.default_rng([2**31, *HALVES["left"]]), "left")
    changed = (frames[:, 2:] != frames[:, 1:-1]).sum(dim=(2, 3, 4)).double().mean()
    assert errors["left"] == pytest.approx(changed.item(), rel=1e-6)


def test_the_right_forecast_has_no_error() -> None:
    frames = family._films(500, np.random.default_rng([2**31, *HALVES["right"]]), "right")
    assert squared_error(lambda seen: frames[:, 1:], "right") == 0
    assert squared_error(lambda seen: 1 - frames[:, 1:], "right") == SIDE**2


@pytest.mark.parametrize("model", FORECASTERS)
def test_a_forecaster_paints_a_frame_for_each_and_looks_at_no_later_one(model) -> None:
    torch.manual_seed(0)
    net = forecaster(model).eval()
    film = torch.rand(2, 5, 1, SIDE, SIDE)
    other = film.clone()
    other[:, 3:] = 0
    assert net(film).shape == film.shape
    torch.testing.assert_close(net(film)[:, :3], net(other)[:, :3])
    assert film_loss(net(film), torch.rand(2, 6, 1, SIDE, SIDE)).ndim == 0


def test_an_unknown_forecaster_is_named() -> None:
    with pytest.raises(ValueError, match="model is 'mlp'; expected one of two frames"):
        forecaster("mlp")


def test_fresh_batches_differ_and_repeat_with_their_seed() -> None:
    made = Fresh(3, lambda rng: (torch.tensor(rng.random(2)), torch.tensor(0)))
    first = [x.tolist() for x, _ in made.batches(torch.Generator().manual_seed(1))]
    again = [x.tolist() for x, _ in made.batches(torch.Generator().manual_seed(1))]
    other = [x.tolist() for x, _ in made.batches(torch.Generator().manual_seed(2))]
    assert len(made) == len(first) == 3
    assert first == again != other
    assert first[0] != first[1]


def test_a_pulse_stands_where_it_is_said_to_stand() -> None:
    inputs, kinds, starts = family.sparse_events(3000, np.random.default_rng(0), steps=10, lasts=3)
    assert (set(kinds.tolist()), set(starts.tolist())) == (set(range(4)), set(range(8)))
    during = np.abs(np.arange(10) - starts[:, None] - 1) <= 1
    signs = np.stack([2 * (kinds // 2) - 1, 2 * (kinds % 2) - 1], axis=-1)
    noise = inputs - during[:, :, None] * signs[:, None, :]
    assert (np.abs(noise.mean(axis=(0, 1))) < 0.005).all()
    assert noise.std() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("columns", [(0, 9), (2, 7)])
def test_a_whole_shape_moves_straight_within_its_columns(columns) -> None:
    frames = family.moving_shapes(2000, np.random.default_rng(0), steps=3, side=9, columns=columns)[:, :, 0]
    ink = frames.sum(axis=(2, 3))
    assert set(ink[:, 0].tolist()) == {9.0, 8.0, 5.0}
    assert (ink == ink[:, :1]).all()
    assert frames[..., : columns[0]].sum() == frames[..., columns[1] :].sum() == 0
    assert frames.any(axis=(0, 1))[:, slice(*columns)].all()  # each place is reached
    centres = np.stack([(frames * place).sum(axis=(2, 3)) / ink for place in np.mgrid[:9, :9]], axis=-1)
    moves = np.diff(centres, axis=1)
    np.testing.assert_allclose(moves[:, 0], moves[:, 1], atol=1e-5)
    assert len({tuple(move) for move in moves[:, 0].round().astype(int).tolist()}) == 8
