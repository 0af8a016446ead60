"""How an answer that is code is tried out: weights, a function or a torch module, each run on made-up input.

The expressions of the exercises call these functions and judge what they return; ``rnncourse.exercises`` lists them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncourse._expressions import Stopped, Unreadable
from rnncourse.cells import lstm_sequence, rnn_sequence

Floats = NDArray[np.float64]
H0 = np.array([0.5, -0.5])


@contextmanager
def _weights() -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError) as error:
        raise Unreadable(error) from error


def rnn_states(weights: Any, rows: Floats) -> Floats:
    """State of the first unit of a tanh cell ``(W_xh, W_hh, b_h)`` over each row of numbers."""
    with _weights():
        W_xh, W_hh, b = weights
        zeros = np.zeros(np.size(b))
        return np.array([rnn_sequence(row[:, None], zeros, W_xh, W_hh, b).h[:, 0] for row in rows])


def lstm_cells(weights: Any, rows: Floats, units: int = 0) -> Floats:
    """Cell of the first unit of an LSTM ``(W_ih, W_hh, b)`` over each row of numbers or vectors; 0 units are any."""
    with _weights():
        W_ih, W_hh, b = weights
        zeros = np.zeros(units or np.size(b) // 4)
        shaped = np.atleast_3d(rows).astype(np.float64)
        return np.array([lstm_sequence(row, zeros, zeros, W_ih, W_hh, b).c[:, 0] for row in shaped])


@contextmanager
def _running(function: Any, whose: str = "Your") -> Iterator[None]:
    if not callable(function):
        raise Unreadable
    try:
        yield
    except Exception as error:
        raise Stopped(f"{whose} function raises {type(error).__name__}: {error}") from error


def call(function: Any, *arguments: Any) -> Floats:
    """What a function of the reader's returns, as an array; arrays reach it as copies."""
    with _running(function):
        copies = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments]
        return np.asarray(function(*copies), dtype=np.float64)


def first_wrong_cut(function: Any) -> tuple[Floats, int, Floats, Floats]:
    """Series, size, inputs and targets, for the first of three series that is cut wrongly; the last if none is."""
    for length, size in ((12, 3), (12, 5), (40, 10)):
        series = np.arange(float(length)) ** 2
        with _running(function):
            inputs, targets = (np.asarray(part, dtype=np.float64) for part in function(series.copy(), size))
        windows = np.lib.stride_tricks.sliding_window_view(series, size)[:-1]
        if not (np.array_equal(inputs, windows) and np.array_equal(targets, series[size:])):
            break
    return series, size, inputs, targets


def moved_by(function: Any, series: Floats) -> NDArray[np.bool_]:
    """Which outputs ``[t, s]`` of a function from series to series move when input s is pushed."""
    plain, pushes = call(function, series), 100.0 * np.eye(len(series))
    return np.stack([np.abs(call(function, series + push) - plain) > 1e-9 for push in pushes], axis=1)


def masked(xs: Floats, mask: Floats, kept: float = 1.0) -> Floats:
    """States of a made-up step over ``xs``; where the mask is 0, ``kept`` times the state before."""
    states = [H0]
    for x, is_word in zip(xs, mask, strict=True):
        states.append(_step(states[-1], x) if is_word else kept * states[-1])
    return np.array(states[1:])


def call_masked(function: Any, xs: Floats, mask: Floats) -> Floats:
    """What the reader's ``function(step, xs, mask, h0)`` makes of the step of `masked`."""
    return call(function, _step, xs, mask > 0, H0)


def _step(state: Floats, x: Floats) -> Floats:  # no state stands still under it
    return np.tanh(np.array([[0.6, -0.4], [0.3, 0.5]]) @ state + x + 0.2)


def call_on_weather(function: Any) -> tuple[Floats, Floats]:
    """A function's forecasts, from ten maxima and the day of the year, on the validation windows; and what came."""
    from rnncourse.data import make_windows, seattle_weather

    windows = make_windows(seattle_weather().select("temp_max"), window=10)[800:1000]
    days = windows.times.astype("datetime64[D]")
    of_the_year = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    return call(function, windows.inputs[:, :, 0], of_the_year), windows.targets[:, 0]


def right_emotions(function: Any) -> NDArray[np.bool_]:
    """Whether a function names the emotion of each of 400 generated sentences: rows of two far and two near twins."""
    from rnncourse.data.sentences import EMOTION_WORDS, order_sentences

    sentences, right = order_sentences(400, seed=20_261), []
    for sentence, label in zip(sentences.texts, sentences.labels, strict=True):
        with _running(function, whose=f"On “{sentence}” your"):
            named = function(sentence)
            known = named in EMOTION_WORDS
        if not known:
            raise Stopped(f"On “{sentence}” it returns {named!r}, which is none of the six emotions.")
        right.append(named == sentences.classes[label])
    return np.array(right).reshape(-1, 4)


def size_field_unreached(net: Any) -> tuple[int, int, int]:
    """Of causal convolutions over two features: parameters, receptive field, and how many of 500 inputs are lost."""
    import torch

    from rnncourse.networks import CausalConvolutions
    from rnncourse.receptive_field import input_influence

    if not isinstance(net, CausalConvolutions) or net.input_size != 2:
        raise Unreadable
    x = torch.randn(2, 500, 2, generator=torch.Generator().manual_seed(0))
    lost = int((input_influence(net, x) == 0).sum())
    return sum(parameter.numel() for parameter in net.parameters()), net.receptive_field, lost


def cell_gradients(net: Any) -> tuple[float, float]:
    """Gradient norm of the first and of the last cell of an LSTM, over 200 steps of noise; nan if it is not 4 to 16."""
    import torch

    from rnncourse.gradients import gradient_flow

    if not isinstance(net, torch.nn.LSTM):
        raise Unreadable
    if (net.input_size, net.hidden_size, net.num_layers, net.bidirectional) != (4, 16, 1, False):
        return np.nan, np.nan
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 200, 4, generator=generator).to(next(net.parameters()).dtype)
    direction = torch.randn(16, generator=generator, dtype=torch.float64)
    shaped = x if net.batch_first else x.transpose(0, 1)
    cells: Any = gradient_flow(net, shaped, lambda output: (output[:, -1] @ direction).mean()).dc
    return float(cells[0]), float(cells[-1])
