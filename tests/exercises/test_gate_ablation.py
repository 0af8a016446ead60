"""The checks of *Gate ablation* accept the solution and answer each typical mistake with its own hint."""

import numpy as np
from torch import nn

from rnncourse.ablation import ablate, learnable_parameters
from rnncourse.exercises import gate_ablation as ex
from rnncourse.statistics import holm, sign_flip_test

LEARNING = learnable_parameters(ablate(nn.LSTM(1, 64, num_layers=2), "forget_only")) + 65


RIGHT = [
    (ex.check_order, ("full", "input_only", "forget_only")),
    (ex.check_order, ["full", "input_only", "forget_only"]),
    (ex.check_learning_parameters, LEARNING),
    (ex.check_forget_only_level, 2.5),
    (ex.check_fewest_seeds, 9),
    (ex.check_holm, holm(ex.P_VALUES)),
    (ex.check_holm, (0.016, 0.06, 0.06, 0.5)),
    (ex.check_same_sum, ([1, 2, 3], [3, 1, 2])),
    (ex.check_same_sum, ([0.1, 0.7, -2], [0.7, -2, 0.1])),
]


WRONG = [
    (ex.check_order, ("full", "forget_only", "input_only"), "order of the report's text"),
    (ex.check_order, ("forget_only", "input_only", "full"), "worst first"),
    (ex.check_order, ("input_only", "full", "forget_only"), "Sort by the column"),
    (ex.check_order, ("full", "full", "forget_only"), "each once"),
    (ex.check_learning_parameters, 50_497, "full network"),
    (ex.check_learning_parameters, LEARNING - 65, "linear output is missing"),
    (ex.check_learning_parameters, LEARNING - 256, "two biases"),
    (ex.check_learning_parameters, (LEARNING - 65) // 2 + 65, "candidate is no gate"),
    (ex.check_learning_parameters, 3 * (LEARNING - 65) // 2 + 65, "holds two"),
    (ex.check_learning_parameters, 2 * 64 * 67 + 65, "two layers"),
    (ex.check_forget_only_level, 0.5, "Here i is 1"),
    (ex.check_forget_only_level, 0.625, "solve for c"),
    (ex.check_forget_only_level, 0.1, "Divide by"),
    (ex.check_forget_only_level, 4.0, "first term is whole"),
    (ex.check_forget_only_level, 5.0, "candidate of 1"),
    (ex.check_forget_only_level, np.inf, "Without a forget gate"),
    (ex.check_fewest_seeds, 6, "for one comparison"),
    (ex.check_fewest_seeds, 5, "one-sided"),
    (ex.check_fewest_seeds, 8, "two-sided"),
    (ex.check_fewest_seeds, 10, "fewer"),
    (ex.check_fewest_seeds, 11, "not the number of seeds"),
    (ex.check_holm, (0.016, 0.12, 0.08, 1.0), "Bonferroni"),
    (ex.check_holm, (0.016, 0.06, 0.06, 0.05), "Sort, multiply"),
    (ex.check_holm, (0.016, 0.09, 0.04, 0.5), "Sort first"),
    (ex.check_holm, (0.004, 0.09, 0.04, 2.0), "other way"),
    (ex.check_holm, (0.004, 0.03, 0.02, 0.5), "as they were"),
    (ex.check_same_sum, ([1, 2], [1, 2]), "same sequence"),
    (ex.check_same_sum, ([1, 2], [1, 2, 0]), "one length"),
    (ex.check_same_sum, ([1, 3], [2, 2]), "plain sums agree"),
    (ex.check_same_sum, ([1, 3], [2, 3]), "sums differ"),
]


def test_the_fewest_seeds_are_what_the_test_says() -> None:
    smallest = {n: 11 * sign_flip_test(np.ones(n), np.zeros(n)) for n in (8, 9)}
    assert smallest[9] <= 0.05 < smallest[8]
