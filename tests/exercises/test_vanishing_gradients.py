"""The checks of *Vanishing and exploding gradients* accept the solution and answer each typical mistake."""

import numpy as np
import torch
from torch import nn

from rnncourse.exercises import vanishing_gradients as ex
from rnncourse.initialisation import chrono_, forget_bias_

W = np.array([[0.3, 0.1], [-0.4, 0.2]])
GATE = 0.5**0.01
BIAS = np.log(GATE / (1 - GATE))
G = np.array([3.0, -4.0, 12.0])


def lstm(**options) -> nn.LSTM:
    torch.manual_seed(0)
    return nn.LSTM(4, 16, batch_first=True, **options)


def grown() -> nn.LSTM:
    layer = forget_bias_(lstm(), 40.0)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(6)
    return layer


RIGHT = [
    (ex.check_steps_to_thousandth, 66),
    (ex.check_ten_step_bound, np.linalg.norm(W, 2) ** 10),
    (ex.check_ten_step_bound, float(f"{np.linalg.norm(W, 2) ** 10:.3g}")),
    (ex.check_forget_bias, BIAS),
    (ex.check_forget_bias, 4.97),
    (ex.check_clip_cosine, 38 / (13 * 12**0.5)),
    (ex.check_clip_cosine, 0.844),
    (ex.check_gradient_lane, chrono_(lstm(), t_max=200, seed=0)),
    (ex.check_gradient_lane, chrono_(lstm().double(), t_max=200, seed=1)),
]


WRONG = [
    (ex.check_steps_to_thousandth, 65, "round up"),
    (ex.check_steps_to_thousandth, 65.5629, "whole steps"),
    (ex.check_steps_to_thousandth, -66, "negative"),
    (ex.check_steps_to_thousandth, 7, "halves"),
    (ex.check_steps_to_thousandth, 9990, "not a fixed amount"),
    (ex.check_steps_to_thousandth, 50, "logarithm of both sides"),
    (ex.check_ten_step_bound, np.linalg.norm(W, 2), "one step"),
    (ex.check_ten_step_bound, np.abs(np.linalg.eigvals(W)).max() ** 10, "eigenvalue"),
    (ex.check_ten_step_bound, np.linalg.norm(W) ** 10, "Frobenius"),
    (ex.check_ten_step_bound, 10 * np.linalg.norm(W, 2), "do not add"),
    (ex.check_ten_step_bound, 0.4**10, "largest entry"),
    (ex.check_ten_step_bound, np.linalg.norm(W, 2) ** 20, "square"),
    (ex.check_ten_step_bound, 0.0, "power of ten"),
    (ex.check_forget_bias, GATE, "the gate"),
    (ex.check_forget_bias, BIAS / 2, "one of two"),
    (ex.check_forget_bias, 2 * BIAS, "twice"),
    (ex.check_forget_bias, -BIAS, "sign"),
    (ex.check_forget_bias, 0, "one half"),
    (ex.check_forget_bias, np.log(100), "time scale"),
    (ex.check_forget_bias, 1.0, "Find f"),
    (ex.check_clip_cosine, 1.0, "by norm"),
    (ex.check_clip_cosine, 46 / (13 * 24**0.5), "negative entry"),
    (ex.check_clip_cosine, 32.455, "degrees"),
    (ex.check_clip_cosine, 0.56645, "the angle"),
    (ex.check_clip_cosine, 38, "both norms"),
    (ex.check_clip_cosine, 38 / 169, "clipped g"),
    (ex.check_clip_cosine, 0.5, "Cut each entry"),
    (ex.check_gradient_lane, nn.GRU(4, 16), "nn.LSTM"),
    (ex.check_gradient_lane, lstm(bidirectional=True), "one layer"),
    (ex.check_gradient_lane, nn.LSTM(3, 16), "one layer"),
    (ex.check_gradient_lane, lstm(), "loses"),
    (ex.check_gradient_lane, forget_bias_(lstm(), 1.0), "loses"),
    (ex.check_gradient_lane, forget_bias_(lstm(), -1e4), "loses"),
    (ex.check_gradient_lane, grown(), "grows"),
]


def test_a_lane_may_be_time_major() -> None:
    torch.manual_seed(0)
    assert ex.check_gradient_lane(chrono_(nn.LSTM(4, 16), t_max=200, seed=0)).passed
