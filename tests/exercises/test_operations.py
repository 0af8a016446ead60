"""The checks of *Counting operations* accept the solution and answer each typical mistake with its own hint."""

import torch
from torch import nn

from rnncourse.counting import count
from rnncourse.exercises import operations as ex

GRU_MACS = 13_833_216
GRU_BIAS = 2 * 79 * 3 * 128
GRU = 2 * GRU_MACS + 2 * GRU_BIAS
LSTM = 2_964_480


RIGHT = [
    (ex.check_gru_flops, GRU),
    (ex.check_power_macs, LSTM + 64),
    (ex.check_break_even, 21),
    (ex.check_chain, 300),
    (ex.check_budget, (16, 32, 1100)),
    (ex.check_budget, [8, 8, 3000]),
]


def test_the_right_answers_are_what_the_instrument_counts() -> None:
    gru = count(nn.GRU(100, 128, batch_first=True, bidirectional=True), (1, 79, 100))
    assert ex.check_gru_flops(gru.flops("coursework")).passed
    lstm = count(nn.LSTM(1, 64, 2, batch_first=True), (1, 60, 1)).macs
    assert ex.check_power_macs(lstm + count(nn.Linear(64, 1), (1, 64)).macs).passed


def test_break_even_is_where_the_count_says() -> None:
    def projected(width: int) -> int:
        behind = nn.RNN(width, 32, batch_first=True)
        return count(nn.Linear(64, width), (1, 50, 64)).macs + count(behind, (1, 50, width)).macs

    plain = count(nn.RNN(64, 32, batch_first=True), (1, 50, 64)).macs
    assert max(width for width in range(1, 64) if projected(width) < plain) == 21


def test_the_chain_is_the_longest_path() -> None:
    # Each state is one step later than the latest thing it reads; both directions of the layer below are read.
    below = torch.zeros(102, dtype=torch.long)
    for _ in range(3):
        forward, backward = torch.zeros_like(below), torch.zeros_like(below)
        for t in range(1, 101):
            forward[t] = 1 + max(below[t], forward[t - 1])
        for t in range(100, 0, -1):
            backward[t] = 1 + max(below[t], backward[t + 1])
        below = torch.maximum(forward, backward)
    assert ex.check_chain(int(below.max())).passed


WRONG = [
    (ex.check_gru_flops, GRU_MACS, "These are MACs"),
    (ex.check_gru_flops, 2 * GRU_MACS, "bias additions are missing"),
    (ex.check_gru_flops, 2 * GRU_MACS + GRU_BIAS, "two biases"),
    (ex.check_gru_flops, GRU // 2, "one direction"),
    (ex.check_gru_flops, GRU // 3, "a single gate"),
    (ex.check_gru_flops, GRU // 3 * 4, "an LSTM"),
    (ex.check_gru_flops, GRU // 79, "one step"),
    (ex.check_gru_flops, GRU + 1, "Count one gate"),
    (ex.check_power_macs, 2 * (LSTM + 64), "FLOPs under gemm"),
    (ex.check_power_macs, LSTM, "head is missing"),
    (ex.check_power_macs, LSTM + 60 * 64, "runs once"),
    (ex.check_power_macs, 2 * 60 * 4 * 64 * 65 + 64, "does not read one feature"),
    (ex.check_power_macs, 2 * 60 * 4 * 64 * 128 + 64, "reads one"),
    (ex.check_power_macs, 60 * 4 * 64 * 65 + 64, "second layer is missing"),
    (ex.check_power_macs, LSTM // 60 + 64, "one step"),
    (ex.check_power_macs, LSTM // 4 + 64, "four gates"),
    (ex.check_power_macs, 1, "each layer on its own"),
    (ex.check_break_even, 22, "round down"),
    (ex.check_break_even, 64 / 3, "no width"),
    (ex.check_break_even, 63, "not free"),
    (ex.check_break_even, 31, "still reads"),
    (ex.check_break_even, 32, "still reads"),
    (ex.check_break_even, 20, "One more"),
    (ex.check_break_even, 7, "Without"),
    (ex.check_chain, 102, "staircase"),
    (ex.check_chain, 100, "one layer"),
    (ex.check_chain, 600, "wait for each other"),
    (ex.check_chain, 200, "there are three"),
    (ex.check_chain, 3, "convolutions"),
    (ex.check_chain, 301, "Ask of the first state"),
    (ex.check_budget, (32, 64, 512), "Save in the recurrent layers"),
    (ex.check_budget, (64, 64, 512), "work at every step"),
    (ex.check_budget, (16, 32, 512), "Add them"),
    (ex.check_budget, (16, 32), "three whole numbers"),
    (ex.check_budget, (16, 32, 0), "from 1 on"),
    (ex.check_budget, (16.0, 32, 64), "from 1 on"),
    (ex.check_budget, 7, "three whole numbers"),
]
