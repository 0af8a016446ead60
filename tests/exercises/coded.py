"""Answers that are functions or torch modules; all others stand with the exercises, as their examples."""

from typing import Any

import numpy as np
import torch
from torch import nn

from rnncourse.data.sentences import EMOTION_WORDS
from rnncourse.initialisation import chrono_, forget_bias_
from rnncourse.networks import CausalConvolutions

EMOTION_OF = {word: emotion for emotion, words in EMOTION_WORDS.items() for word in words}
DISMISS = {"not", "never", "no", "nobody", "used", "pretend", "instead", "far", "from", "say"}
ALL = np.ones(7, dtype=bool)


def cut(series, size):
    return np.lib.stride_tricks.sliding_window_view(series, size)[:-1], series[size:]


def listed(series, size):
    starts = range(len(series) - size)
    return [list(series[start : start + size]) for start in starts], [series[start + size] for start in starts]


def seasonal(values, days):
    """A little of the way from today to the mean of the season."""
    return 0.7 * values[:, -1] + 0.3 * (16.5 - 8.0 * np.cos(2 * np.pi * (days - 20) / 365.25))


def trailing(x):
    return np.array([x[max(t - 4, 0) : t + 1].mean() for t in range(len(x))])


def named(sentence):
    return [EMOTION_OF[word] for word in sentence.split() if word in EMOTION_OF]


def by_order(sentence):
    """The second emotion where a word of dismissal stands before the first."""
    words = sentence.split()
    first = next(place for place, word in enumerate(words) if word in EMOTION_OF)
    return named(sentence)[bool(DISMISS & set(words[:first]))]


def masked_run(step, xs, mask, h0, *, otherwise=lambda state: state):
    states = [h0]
    for x, is_word in zip(xs, mask, strict=True):
        states.append(step(states[-1], x) if is_word else otherwise(states[-1]))
    return np.array(states[1:])


def causal(channels=8, kernel_size=3, dilations=(1, 2, 4, 8, 16, 32, 64, 128), features=2):
    torch.manual_seed(0)
    return CausalConvolutions(features, channels, kernel_size=kernel_size, dilations=dilations)


def lstm(inputs=4, **options):
    torch.manual_seed(0)
    return nn.LSTM(inputs, 16, **{"batch_first": True, **options})


def changed(layer, *, stretch=1.0, output_bias=0.0):
    with torch.no_grad():
        layer.weight_hh_l0.mul_(stretch)
        layer.bias_ih_l0[48:] += output_bias
    return layer


RIGHT: dict[str, list[Any]] = {
    "cut-windows": [cut, listed],
    "beat-ar": [seasonal],
    "causal-smoother": [trailing],
    "emotion-rule": [by_order],
    "masked-run": [masked_run],
    "see-500": [causal(), causal(channels=4, kernel_size=2, dilations=[2**k for k in range(9)])],
    "gradient-lane": [chrono_(net, t_max=200, seed=0) for net in (lstm(), lstm().double(), lstm(batch_first=False))],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "cut-windows": [
        (lambda series, size: cut(series, 10 if len(series) > 20 else 3), "does not read its argument size"),
        (lambda series, size: cut(np.arange(50.0), size), "does it read its argument series"),
        (lambda series, size: cut(series[::-1], size), "in their order"),
        (lambda series, size: [part[:-1] for part in cut(series, size)], "last window is missing"),
        (lambda series, size: [part[:-5] for part in cut(series, size)], "instead of"),
        (lambda series, size: (cut(series, size)[0], cut(series, size)[0][:, -1]), "already seen it"),
        (lambda series, size: (cut(series, size)[0], np.append(series[size + 1 :], 0.0)), "that follows its window"),
        (lambda series, size: (cut(series, size)[0][:, :, None], series[size:]), "must be (windows, size)"),
        (lambda series, size: series, "raises ValueError"),
        (lambda series, size: [][0], "raises IndexError: list index out of range"),
        (7, "function itself"),
    ],
    "beat-ar": [
        (lambda values, days: values.mean(axis=1), "worse than persistence"),
        (lambda values, days: values[:, -1], "the time of the year"),
        (lambda values, days: 0.74 * values[:, -1] + 0.26 * values.mean(axis=1), "no better than AR(10)"),
        (lambda values, days: values, "one forecast per window"),
        (lambda values, days: values[:, -1] * np.nan, "not finite"),
        (lambda values: values, "raises TypeError"),
        ("persistence", "function itself"),
    ],
    "causal-smoother": [
        ([1, 2], "Give a function"),
        (lambda x: [][0], "IndexError"),
        (lambda x: x[4:], "one value per step"),
        (lambda x: np.convolve(x, np.ones(5) / 5, mode="same"), "looks ahead: input 2 moves output 1"),
        (lambda x: x - x.mean(), "looks ahead"),
        (lambda x: np.concatenate([x[:1], trailing(x)[:-1]]), "known too"),
        (lambda x: x, "depends on 1 input"),
        (lambda x: np.cumsum(x) / (1 + np.arange(len(x))), "depends on 13 inputs"),
        (lambda x: np.convolve(x, [0.4, 0.2, 0.2, 0.1, 0.1])[: len(x)], "plain average"),
        (lambda x: np.convolve(x, np.ones(5) / 5)[: len(x)], "from step five on"),
    ],
    "emotion-rule": [
        (lambda text: min(named(text)), "one of the two twins"),
        (lambda text: named(text)[0], "first of two emotion words"),
        (lambda text: by_order(text) if text.count("feel") < 2 else min(named(text)), "Short sentences are right"),
        (lambda text: by_order(text) if len(text) % 3 else "joy", "Read some of its errors"),
        (lambda text: "joy", "find the two emotion words"),
        (lambda text: "anticipation", "none of the six"),
        (lambda text: {}[text], "raises KeyError"),
        (0.5, "Give a function"),
    ],
    "masked-run": [
        (lambda step, xs, mask, h0: masked_run(step, xs, ALL, h0), "padding too"),
        (lambda step, xs, mask, h0: masked_run(step, xs, ~mask, h0), "inverted"),
        (lambda *given: masked_run(*given, otherwise=np.zeros_like), "state to zero"),
        (lambda step, xs, mask, h0: masked_run(step, xs * mask[:, None], ALL, h0), "still a step"),
        (lambda step, xs, mask, h0: masked_run(step, xs, mask, h0)[mask], "for each step"),
        (lambda *given: np.zeros((7, 2)), "For each step"),
        (lambda *given: 1 / 0, "ZeroDivisionError"),
        (0.5, "function itself"),
    ],
    "see-500": [
        (nn.Conv1d(2, 3, 3), "Give a CausalConvolutions"),
        (causal(features=3), "input_size 2"),
        (causal(channels=24), "fewer channels"),
        (causal(dilations=(1, 2, 4)), "It sees 15 steps"),
        (causal(kernel_size=2, dilations=(1, 500)), "leaves holes"),
    ],
    "gradient-lane": [
        (nn.GRU(4, 16), "nn.LSTM"),
        (lstm(bidirectional=True), "one layer"),
        (lstm(3), "one layer"),
        (lstm(), "loses"),
        (forget_bias_(lstm(), 1.0), "loses"),
        (changed(forget_bias_(lstm(), 40.0), stretch=6), "grows"),
        (changed(forget_bias_(lstm(), -1e4), stretch=0), "forget gate is closed"),
        (changed(lstm(), output_bias=-1e4), "No finite gradient"),
    ],
}
