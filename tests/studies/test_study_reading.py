"""What studies of texts share: words that go missing, epochs that are chosen, scores and calibration."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support
from torch import nn

from book.experiments import reading
from book.experiments.reading import (
    BINS,
    ForgottenWords,
    Recipe,
    calibration,
    class_scores,
    digits,
    log_softmax,
    nll,
    temperature,
    train_and_judge,
)
from rnncourse.text import PADDING, UNKNOWN, Encoded, TextBatches

ROWS = [[2, 3, 4], [5], [6, 7, 8, 9, 2, 3], [4, 5]] * 5
LABELS = np.array([0, 1, 0, 1] * 5)


def batches(size: int = 4) -> TextBatches:
    return TextBatches(Encoded.of(ROWS), LABELS, size)


def test_words_go_missing_in_training_and_never_in_scoring() -> None:
    forgetful = ForgottenWords(batches(), 0.5)
    assert len(forgetful) == len(batches())
    for (ids, lengths), labels in forgetful.batches(None):
        assert UNKNOWN not in ids
        assert len(ids) == len(lengths) == len(labels)
    drawn = list(forgetful.batches(torch.Generator().manual_seed(0)))
    again = list(forgetful.batches(torch.Generator().manual_seed(0)))
    assert all(torch.equal(a[0][0], b[0][0]) for a, b in zip(drawn, again, strict=True))
    tokens = sum(int(lengths.sum()) for (_, lengths), _ in drawn)
    lost = sum(int((ids == UNKNOWN).sum()) for (ids, _), _ in drawn)
    assert tokens == sum(map(len, ROWS))
    assert 0.25 * tokens < lost < 0.75 * tokens
    for (ids, lengths), _ in drawn:
        assert ((ids != PADDING).sum(dim=1) == lengths).all()


def test_a_share_of_all_words_takes_all_words() -> None:
    (ids, lengths), _ = next(ForgottenWords(batches(), 1.0).batches(torch.Generator().manual_seed(0)))
    assert ((ids == UNKNOWN).sum(dim=1) == lengths).all()


class Counted(nn.Module):
    """One weight per class, moved by the loss alone."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.weight.expand(len(ids), 2)


@pytest.mark.parametrize(
    ("accuracies", "losses", "wanted"),
    [
        ([0.5, 0.9, 0.7], [1.0, 1.0, 0.1], 2),
        ([0.5, 0.9, 0.9], [1.0, 0.3, 0.2], 3),
        ([0.9, 0.9, 0.9], [0.3, 0.3, 0.3], 1),
    ],
)
def test_the_chosen_epoch_is_the_best_on_validation_and_its_weights_stay(
    accuracies: list[float], losses: list[float], wanted: int
) -> None:
    net, seen = Counted(), []

    def judge() -> dict[str, float]:
        seen.append(net.weight.detach().clone())
        number = len(seen) - 1
        # A test score that would choose otherwise has no say.
        return {
            "validation_accuracy": accuracies[number],
            "validation_loss": losses[number],
            "test_accuracy": 1 - accuracies[number],
        }

    uneven = TextBatches(Encoded.of(ROWS), np.zeros(len(ROWS), dtype=np.int64), 4)
    course = train_and_judge(net, uneven, judge, Recipe(epochs=3, batch_size=4, lr=0.1), seed=0, device="cpu")
    assert course.selected == wanted
    assert course.curves["validation_accuracy"] == accuracies
    assert len(course.curves["train_loss"]) == 3
    assert torch.equal(net.weight, seen[wanted - 1])
    assert not torch.equal(seen[0], seen[1])


def test_the_rate_rises_and_falls_over_all_epochs_and_may_stay_constant() -> None:
    rates: dict[bool, list[float]] = {True: [], False: []}
    for cycle, noted in rates.items():
        weight = nn.Parameter(torch.zeros(1))
        optimiser = Recipe(epochs=10, batch_size=4, lr=0.1, cycle=cycle).optimiser([weight], 50)
        for _ in range(50):
            noted.append(optimiser.param_groups[0]["lr"])
            weight.grad = torch.ones(1)
            optimiser.step()
    assert max(rates[True]) == pytest.approx(0.1, rel=1e-3)
    assert rates[True].index(max(rates[True])) == 5
    assert rates[True][-1] < 0.001
    assert set(rates[False]) == {0.1}


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), classes=st.integers(2, 9))
def test_scores_are_those_of_scikit_learn(seed: int, n: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    labels, named = generator.integers(0, classes, (2, n))
    found = class_scores(named, labels, classes)
    names = range(classes)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, named, labels=names, zero_division=0)
    weighted = precision_recall_fscore_support(labels, named, labels=names, average="weighted", zero_division=0)[2]
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, named))
    assert found["macro_f1"] == pytest.approx(f1.mean())
    assert found["weighted_f1"] == pytest.approx(weighted)
    np.testing.assert_allclose(found["recall"], recall)
    np.testing.assert_allclose(found["precision"], precision)
    assert found["confusion"] == confusion_matrix(labels, named, labels=names).tolist()
    assert [int(digit) for digit in digits(named)] == named.tolist()


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), scale=st.sampled_from([0.01, 1.0, 30.0, 1e4]))
def test_every_text_is_in_one_bin_of_its_probability(seed: int, n: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = scale * generator.normal(size=(n, 4)), generator.integers(0, 4, n)
    found = calibration(logits, labels)
    assert len(found["counts"]) == len(found["sums"]) == len(found["correct"]) == BINS
    assert sum(found["counts"]) == n
    assert sum(found["correct"]) == np.sum(logits.argmax(axis=1) == labels)
    for number, (count, total) in enumerate(zip(found["counts"], found["sums"], strict=True)):
        assert count * number / BINS - 1e-3 <= total <= count * (number + 1) / BINS + 1e-3
    assert 0 <= found["ece"] <= 1
    np.testing.assert_allclose(np.exp(log_softmax(logits)).sum(axis=1), 1)


def test_a_sure_and_right_network_has_no_calibration_error_and_a_sure_and_wrong_one_has_all() -> None:
    logits = np.array([[50.0, 0.0], [0.0, 50.0]])
    assert calibration(logits, np.array([0, 1]))["ece"] == pytest.approx(0)
    assert calibration(logits, np.array([1, 0]))["ece"] == pytest.approx(1)
    assert calibration(np.zeros((2, 2)), np.array([0, 1]))["ece"] == pytest.approx(0)


def test_one_temperature_undoes_a_scale() -> None:
    generator = np.random.default_rng(0)
    logits = 2 * generator.normal(size=(4000, 3))
    probability = np.exp(log_softmax(logits))
    labels = (probability.cumsum(axis=1) > generator.random((4000, 1))).argmax(axis=1)
    assert nll(logits, labels) == pytest.approx(log_loss(labels, probability))
    assert temperature(logits, labels) == pytest.approx(1, abs=0.08)
    assert temperature(3 * logits, labels) == pytest.approx(3, abs=0.24)
    assert nll(3 * logits / temperature(3 * logits, labels), labels) <= nll(logits, labels) + 1e-4


def test_a_class_of_two_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="named holds classes 0 to 10; expected 0 to 9"):
        digits(np.array([0, 10]))
    assert digits(np.empty(0, np.int64)) == ""
    assert reading.size(Counted()) == 2
