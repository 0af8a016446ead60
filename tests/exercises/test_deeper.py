"""The checks of *Deeper and sideways* accept the solution and answer each typical mistake with its own hint."""

from torch import nn

from rnncourse.data.events import least_looks
from rnncourse.exercises import deeper as ex
from rnncourse.variants import ConvLSTM, SkipGRU


def size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


SHARE = least_looks(steps=12, lasts=3)
RIGHT = [
    (ex.check_rise, 0.1),
    (ex.check_rise, 0.12),
    (ex.check_rise, 0.1249),
    (ex.check_width, 26),
    (ex.check_map_parameters, 2656),
    (ex.check_least_share, 7 / 30),
    (ex.check_recount, 7_585_296),
]


WRONG = [
    (ex.check_rise, 0.2, "one half is enough"),
    (ex.check_rise, -2.0, "into the sigmoid"),
    (ex.check_rise, 0.125, "Too steep: it updates again after 4"),
    (ex.check_rise, 1.0, "Too steep: it updates again after 1"),
    (ex.check_rise, 0.09, "Too flat: it updates again only after 6"),
    (ex.check_rise, "often", "Give one number"),
    (ex.check_width, 21, "Halving is too much"),
    (ex.check_width, 42, "comes on top"),
    (ex.check_width, 28, "reads the first one's state"),
    (ex.check_width, 25, "Add 4H"),
    (ex.check_map_parameters, 2624, "two biases per gate"),
    (ex.check_map_parameters, 2592, "biases are missing"),
    (ex.check_map_parameters, 352, "not one"),
    (ex.check_map_parameters, 1216 - 864, "not one"),
    (ex.check_map_parameters, 664, "four blocks"),
    (ex.check_map_parameters, 1_000_000, "size of the map does not matter"),
    (ex.check_map_parameters, 7, "nine places"),
    (ex.check_least_share, 1 / 3, "may stop looking"),
    (ex.check_least_share, 100 * SHARE, "not the percentage"),
    (ex.check_least_share, 2.8, "divide by the steps"),
    (ex.check_least_share, 1 / 12, "only if you know"),
    (ex.check_least_share, 0.5, "each of the ten starts"),
    (ex.check_recount, 7_585_296 - 2 * 256 * 3, "peepholes are missing"),
    (ex.check_recount, 7_585_296 + 2 * 4 * 256, "two are PyTorch's habit"),
    (ex.check_recount, 3_891_200, "encoder's kernels alone"),
    (ex.check_recount, 7_585_296 + 4 * 25 * 64 * 16, "has no input"),
    (ex.check_recount, 7_585_296 - 4112, "last convolution is missing"),
    (ex.check_recount, 1, "six layers"),
]


def test_the_answers_are_what_the_package_has() -> None:
    assert ex.check_map_parameters(size(ConvLSTM(1, 8, 3))).passed
    gap = abs(size(nn.LSTM(16, 26, 2)) - size(nn.LSTM(16, 42)))
    assert all(abs(size(nn.LSTM(16, width, 2)) - size(nn.LSTM(16, 42))) > gap for width in (25, 27))


def test_the_skip_gru_agrees_about_the_rise() -> None:
    import torch

    skip = SkipGRU(1, 2, batch_first=True).double()
    for rise, period in ((0.11, 5), (0.13, 4), (0.09, 6)):
        with torch.no_grad():
            skip.update_weight.zero_()
            skip.update_bias.fill_(float(torch.logit(torch.tensor(rise, dtype=torch.float64))))
        updates = skip.run(torch.zeros(1, 30, 1, dtype=torch.float64)).updates[0]
        assert updates.nonzero().flatten().tolist() == list(range(0, 30, period))
