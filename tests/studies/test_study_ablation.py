"""The ablation study: the same start and the same batches for every variant, and scores that mean what they say."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from book.experiments import ch12_ablation as ablation
from book.experiments.ch12_ablation import COURSEWORK, POWER, RECIPES, STUDIES, Config, Fresh, Recipe, grid, train_on
from book.experiments.memory_tasks import Adding, ContinualReber, Copy
from rnncourse.ablation import VARIANTS, ablate, learnable_parameters
from rnncourse.networks import Forecaster
from rnncourse.studies import study_named as find
from rnncourse.training import Diverged

TINY = Recipe(Copy(4, 2, 3), Copy(4, 2, 3), 50, steps=10, lr=0.01, batch_size=4, hidden_size=5)


def test_the_full_grid_has_every_variant_on_every_task_with_every_seed() -> None:
    configs = grid("full", 3)
    assert len(set(configs)) == len(configs)
    cells = Counter((config.task, config.variant) for config in configs)
    for task in (*RECIPES, "power"):
        assert {variant for name, variant in cells if name == task} >= set(VARIANTS)
    assert {variant for name, variant in cells if name == "power, two layers of 64"} == set(COURSEWORK)
    assert {count for (_, variant), count in cells.items() if variant in VARIANTS} == {3}
    assert cells["power", "persistence"] == cells["power", "ar"] == 1
    assert {config.source for config in configs} == {"household"}
    assert {config.source for config in grid("small", 2)} == {"synthetic"}


def test_batches_are_fresh_in_each_epoch_and_the_same_for_each_variant() -> None:
    def read(generator):
        return [x for x, _ in Fresh(Adding(10), 3, 4, 8).batches(generator)]

    generator = torch.Generator().manual_seed(3)
    first, second = read(generator), read(generator)
    again = read(torch.Generator().manual_seed(3))
    assert len(first) == 4
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("task", [Adding(10), Copy(4, 2, 3), ContinualReber(20)])
def test_the_loss_counts_the_learned_steps_alone(task) -> None:
    inputs, targets = next(Fresh(task, 0, 1, 6).batches(None))
    drawn = task.sample(6, np.random.default_rng([0, 0]))
    assert torch.equal(inputs, torch.from_numpy(drawn.inputs))
    right = torch.from_numpy(drawn.targets)
    outputs = right[..., None].clone() if task.kind == "number" else 50.0 * nn.functional.one_hot(right).float()
    if task.kind == "class":
        outputs = nn.functional.pad(outputs, (0, task.output_size - outputs.shape[-1]))
    loss = ablation._LOSSES[task.kind]
    assert loss(outputs, targets).item() == pytest.approx(0, abs=1e-6)
    outputs[torch.from_numpy(~drawn.learned)] += 7 * torch.randn(outputs[torch.from_numpy(~drawn.learned)].shape)
    assert loss(outputs, targets).item() == pytest.approx(0, abs=1e-6)
    outputs[:, -1] = -outputs[:, -1] - 1
    assert loss(outputs, targets).item() > 0.1


def test_variants_start_from_the_same_lstm_and_count_what_learns(monkeypatch) -> None:
    starts = {}

    def stop_before_training(net, *arguments, **options):
        starts[len(starts)] = {name: weight.clone() for name, weight in net.state_dict().items()}
        raise Diverged("not trained", epoch=1, batch=1, loss=float("nan"), history=ablation.training.History())

    monkeypatch.setattr(ablation, "fit", stop_before_training)
    for variant in ("full", "forget_only"):
        _, measured = train_on(TINY, variant, 7)
        assert measured["diverged"]
    full, forget_only = starts[0], starts[1]
    assert torch.equal(full["head.weight"], forget_only["head.weight"])
    rows = full["rnn.full_weight_hh_l0"].chunk(4)
    assert torch.equal(torch.cat(rows[1:3]), forget_only["rnn.forget_only_weight_hh_l0"])
    biases = full["rnn.full_bias_ih_l0"] + full["rnn.full_bias_hh_l0"]
    assert biases.chunk(4)[1].tolist() == [1.0] * 5


@pytest.mark.parametrize("variant", ["full", "input_only", "coupled", "peephole"])
def test_a_run_repeats_itself_and_counts_its_parameters(variant) -> None:
    net, measured = train_on(TINY, variant, 1)
    other, again = train_on(TINY, variant, 1)
    assert measured == again
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))
    lstm = nn.LSTM(TINY.learned.input_size, 5)
    assert measured["parameters"] == learnable_parameters(ablate(lstm, variant)) + 5 * 4 + 4
    assert measured["parameters_of_full"] == learnable_parameters(lstm) + 5 * 4 + 4
    assert len(measured["losses"]) == 10
    assert not measured["diverged"]


def test_a_run_on_a_task_is_scored_on_the_tested_lengths(monkeypatch) -> None:
    recipe = Recipe(ContinualReber(20), ContinualReber(60), 20, steps=10, lr=0.01, batch_size=4, hidden_size=5)
    monkeypatch.setattr(ablation, "RECIPES", {"continual Reber": recipe})
    measured = STUDIES[0].run(Config("continual Reber", "full", 0), "cpu")
    assert measured["chance"] == 0.5
    assert measured["best"] == 1
    assert 0 <= measured["score"] <= 1


def test_power_is_scored_beside_forecasts_that_need_no_network(monkeypatch) -> None:
    small = replace(POWER["power"], hidden_size=4, stride=40, batch_size=32)
    monkeypatch.setattr(ablation, "POWER", {"power": small})
    full = STUDIES[0].run(Config("power", "full", 0, "synthetic"), "cpu")
    naive = STUDIES[0].run(Config("power", "persistence", 0, "synthetic"), "cpu")
    assert full["test_windows"] == naive["test_windows"] > 1000
    assert 0 < naive["score"] < naive["chance"] == full["chance"]
    assert full["train_windows"] % 32 == 0
    assert full["parameters"] == learnable_parameters(Forecaster("lstm", hidden_size=4, num_layers=1))
    assert STUDIES[0].run(Config("power", "full", 0, "synthetic"), "cpu") == full


def test_the_rate_holds_and_then_falls_to_nothing() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimiser = ablation._hold_then_fall(0.1, 40)([weight])
    rates = []
    for _ in range(40):
        rates.append(optimiser.param_groups[0]["lr"])
        weight.grad = torch.ones(1)
        optimiser.step()
    assert rates[:31] == [0.1] * 31
    assert rates[-1] == pytest.approx(0.01)
    assert (np.diff(rates[30:]) < 0).all()


def test_the_longer_study_trains_the_courseworks_three_on_more_windows() -> None:
    study = find("ablation-longer")
    full = study.grid("full", 2)
    assert {(config.variant, config.seed) for config in full} == {(v, seed) for v in COURSEWORK for seed in range(2)}
    assert {config.stride for config in full} == {3}
    assert POWER["power, two layers of 64"].stride > 3
    measured = study.run(replace(study.grid("small", 1)[0], stride=400), "cpu")
    assert measured["parameters"] == 50_497
    assert measured["train_windows"] < 40
    assert 0 < measured["score"] < 10
