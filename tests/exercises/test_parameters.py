"""The checks of *Counting parameters* accept the solution and answer each typical mistake with its own hint."""

from torch import nn

from rnncourse.counting import LayerChain, count
from rnncourse.exercises import parameters as ex


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


LSTM = size(nn.LSTM(10, 20))
BIGRU = size(nn.GRU(8, 16, num_layers=2, bidirectional=True))


def mixed() -> tuple[int, int]:
    """The exercise's network, counted in both conventions by the package."""
    mixed = LayerChain(nn.LSTM(16, 32, bidirectional=True, batch_first=True), nn.Linear(64, 3))
    rest = count(mixed, input_size=(1, 5, 16))
    norm = count(nn.BatchNorm1d(64), input_size=(2, 64))
    return rest.keras_parameters + norm.keras_parameters, rest.parameters + norm.parameters


def widest_gru() -> int:
    budget, width = size(nn.LSTM(32, 128)), 128
    while size(nn.GRU(32, width + 1)) <= budget:
        width += 1
    return width


RIGHT = [
    (ex.check_lstm_layer, LSTM),
    (ex.check_bidirectional_gru, BIGRU),
    (ex.check_keras_to_torch, mixed()),
    (ex.check_redundant_biases, 14),
    (ex.check_gru_width, widest_gru()),
    (ex.check_smaller_network, (5_000, 100)),
    (ex.check_smaller_network, (20_000, 32)),
    (ex.check_smaller_network, (100_000, 8)),
]


WRONG = [
    (ex.check_lstm_layer, 2480, "as Keras counts"),
    (ex.check_lstm_layer, 2400, "biases are missing"),
    (ex.check_lstm_layer, size(nn.RNN(10, 20)), "plain RNN"),
    (ex.check_lstm_layer, size(nn.GRU(10, 20)), "three gates"),
    (ex.check_lstm_layer, size(nn.LSTM(20, 10)), "swapped"),
    (ex.check_lstm_layer, 960, "recurrent matrix is missing"),
    (ex.check_lstm_layer, 1760, "input matrix is missing"),
    (ex.check_lstm_layer, 30 * LSTM, "shared by all steps"),
    (ex.check_lstm_layer, 1, "Take one gate"),
    (ex.check_lstm_layer, [1, 2], "shape"),
    (ex.check_bidirectional_gru, size(nn.GRU(8, 16, num_layers=2)), "one direction"),
    (ex.check_bidirectional_gru, BIGRU / 2, "Now count both directions"),
    (ex.check_bidirectional_gru, 2 * size(nn.GRU(8, 16, num_layers=2)), "width 2H"),
    (ex.check_bidirectional_gru, 4 * size(nn.GRU(8, 16)), "does not read the features"),
    (ex.check_bidirectional_gru, size(nn.GRU(8, 16, bidirectional=True)), "layer one alone"),
    (ex.check_bidirectional_gru, 7104, "one bias per gate"),
    (ex.check_bidirectional_gru, size(nn.LSTM(8, 16, num_layers=2, bidirectional=True)), "four gates"),
    (ex.check_bidirectional_gru, size(nn.RNN(8, 16, num_layers=2, bidirectional=True)), "plain RNN"),
    (ex.check_bidirectional_gru, 8832, "H by H"),
    (ex.check_bidirectional_gru, 1, "double both"),
    (ex.check_keras_to_torch, (13123, 12995), "swapped"),
    (ex.check_keras_to_torch, (12995, 13251), "buffers"),
    (ex.check_keras_to_torch, (12867, 13123), "non-trainable"),
    (ex.check_keras_to_torch, (12867, 13251), "wrong one"),
    (ex.check_keras_to_torch, (12995, 12995), "Two things differ"),
    (ex.check_keras_to_torch, (13123, 13123), "Two things differ"),
    (ex.check_keras_to_torch, (12995, 12867), "second bias per gate"),
    (ex.check_keras_to_torch, (13251, 13123), "one bias per gate"),
    (ex.check_keras_to_torch, (6499, 6563), "twice the width"),
    (ex.check_keras_to_torch, (6723, 6723), "double its own"),
    (ex.check_keras_to_torch, (1, 2), "three rows"),
    (ex.check_keras_to_torch, 12995, "shape"),
    (ex.check_redundant_biases, 21, "Not all three"),
    (ex.check_redundant_biases, 7, "other way round"),
    (ex.check_redundant_biases, 0, "does not make it needed"),
    (ex.check_redundant_biases, 42, "removes all biases"),
    (ex.check_redundant_biases, 28, "three gates"),
    (ex.check_redundant_biases, 10, "per feature"),
    (ex.check_redundant_biases, 2, "count its entries"),
    (ex.check_redundant_biases, 5, "only as their sum"),
    (ex.check_gru_width, 128, "unused"),
    (ex.check_gru_width, 170, "Four thirds"),
    (ex.check_gru_width, 171, "Four thirds"),
    (ex.check_gru_width, 147.8, "root of four thirds"),
    (ex.check_gru_width, 148, "root of four thirds"),
    (ex.check_gru_width, 150.14, "round down"),
    (ex.check_gru_width, 82944, "budget itself"),
    (ex.check_gru_width, 151, "narrower"),
    (ex.check_gru_width, 140, "a wider one fits"),
    (ex.check_gru_width, -1, "solve the quadratic"),
    (ex.check_smaller_network, (32, 20_000), "swapped"),
    (ex.check_smaller_network, (1_000, 100), "at least 5,000 words"),
    (ex.check_smaller_network, (5_000, 4), "at least 8 numbers"),
    (ex.check_smaller_network, (10_000, 100), "The embedding alone fits"),
    (ex.check_smaller_network, (60_000, 100), "too many"),
    (ex.check_smaller_network, 5_000, "two numbers"),
    (ex.check_smaller_network, (5_000.5, 16), "whole numbers"),
    (ex.check_smaller_network, (float("inf"), 16), "whole numbers"),
]


def test_the_emotion_network_is_counted_as_torch_counts_it() -> None:
    modules = [
        nn.Embedding(5_000, 100),
        nn.GRU(100, 128, bidirectional=True),
        nn.BatchNorm1d(256),
        nn.Linear(256, 64),
        nn.Linear(64, 6),
    ]
    assert f"{sum(size(module) for module in modules):,} parameters" in ex.check_smaller_network((5_000, 100)).message
