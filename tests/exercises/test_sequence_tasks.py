"""The checks of *Sequence tasks* accept the solution and answer each typical mistake with its own hint."""

import torch
from torch import nn

from rnncourse.exercises import sequence_tasks as ex
from rnncourse.networks import CausalConvolutions

SHAPES = ("many-to-one", "many-to-many", "one-to-one", "one-to-many")


def stack(channels=8, kernel_size=3, dilations=(1, 2, 4, 8, 16, 32, 64, 128)):
    torch.manual_seed(0)
    return CausalConvolutions(2, channels, kernel_size=kernel_size, dilations=dilations)


RIGHT = [
    (ex.check_shapes, SHAPES),
    (ex.check_shapes, list(SHAPES)),
    (ex.check_one_hot_ratio, 30_000),
    (ex.check_field, 61),
    (ex.check_layers, (50, 6)),
    (ex.check_break_even, 4),
    (ex.check_wide_reader, stack()),
    (ex.check_wide_reader, stack(channels=4, kernel_size=2, dilations=[2**k for k in range(9)])),
]


WRONG = [
    (ex.check_shapes, ("many-to-many", *SHAPES[1:]), "Task 1: The message"),
    (ex.check_shapes, (SHAPES[0], "many-to-one", *SHAPES[2:]), "Task 2: Every word"),
    (ex.check_shapes, (*SHAPES[:2], "many-to-one", SHAPES[3]), "Task 3: All numbers"),
    (ex.check_shapes, (*SHAPES[:3], "many-to-many"), "Task 4: A picture"),
    (ex.check_shapes, (*SHAPES[:3], "many to one"), "is none of"),
    (ex.check_shapes, "many-to-one", "four shapes"),
    (ex.check_shapes, 4, "four shapes"),
    (ex.check_one_hot_ratio, 60_000, "do not count entries alone"),
    (ex.check_one_hot_ratio, 8 / 240_000, "turned round"),
    (ex.check_one_hot_ratio, 240_000, "bytes of one vector"),
    (ex.check_one_hot_ratio, 120_000, "not the other way round"),
    (ex.check_one_hot_ratio, 240_000 * 32 * 79, "cancels"),
    (ex.check_one_hot_ratio, 7, "Bytes of one one-hot vector"),
    (ex.check_field, 17, "dilations are missing"),
    (ex.check_field, 60, "own step is missing"),
    (ex.check_field, 76, "adds four new steps"),
    (ex.check_field, 75, "adds four new steps"),
    (ex.check_field, 20, "do not add up"),
    (ex.check_field, 625, "Paths multiply"),
    (ex.check_field, 33, "Only the last dilation"),
    (ex.check_field, 7, "sum of the dilations"),
    (ex.check_layers, (49, 6), "Round up"),
    (ex.check_layers, (33, 6), "two new steps, not three"),
    (ex.check_layers, (100, 7), "not one"),
    (ex.check_layers, (50, 5), "see 63"),
    (ex.check_layers, (50, 7), "already see 127"),
    (ex.check_layers, (6, 50), "The order is"),
    (ex.check_layers, (50, 20), "1 + 2·L"),
    (ex.check_layers, 50, "shape"),
    (ex.check_break_even, 3, "304"),
    (ex.check_break_even, 1, "112"),
    (ex.check_break_even, 2, "208"),
    (ex.check_break_even, 23 / 6, "whole number"),
    (ex.check_break_even, 5, "Four steps are enough"),
    (ex.check_break_even, 24, "16·6·T"),
    (ex.check_wide_reader, nn.Conv1d(2, 3, 3), "Give a CausalConvolutions"),
    (ex.check_wide_reader, CausalConvolutions(3, 4, kernel_size=2, dilations=(1,)), "input_size 2"),
    (ex.check_wide_reader, stack(channels=24), "fewer channels"),
    (ex.check_wide_reader, stack(dilations=(1, 2, 4)), "It sees 15 steps"),
    (ex.check_wide_reader, stack(kernel_size=2, dilations=(1, 500)), "leaves holes"),
]


def test_the_break_even_is_what_torch_has() -> None:
    def size(module):
        return sum(parameter.numel() for parameter in module.parameters())

    rnn = size(nn.RNN(6, 16))
    lengths = [T for T in range(1, 20) if size(nn.Linear(6 * T, 16)) > rnn]
    assert ex.check_break_even(lengths[0]).passed
