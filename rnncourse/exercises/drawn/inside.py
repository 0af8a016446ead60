"""Part II: what is seen, what vanishes, what a gate keeps."""

import math

import numpy as np

from rnncourse.cells import gru_step, lstm_step
from rnncourse.exercises.drawn._drawing import Exercise, Template, column, listed, matrix, tenths
from rnncourse.receptive_field import stacked_field
from rnncourse.working import gru_working, lstm_working


def field(rng: np.random.Generator) -> Exercise:
    """Receptive field of stacked dilated convolutions."""
    kernel, layers, base = int(rng.integers(2, 8)), int(rng.integers(3, 8)), int(rng.integers(1, 4))
    dilations = [base**layer for layer in range(layers)]
    total = stacked_field(kernel, dilations)
    question = (
        f"{layers} causal convolutions of width {kernel} are stacked, with the dilations "
        f"{', '.join(map(str, dilations))}. How many steps of the input does one output see?"
    )
    working = (
        f"Each layer adds (width − 1) × dilation steps: $1 + ({kernel} - 1) \\times "
        f"({' + '.join(map(str, dilations))}) = {total:,}$."
    )
    return Exercise(question, working, total, f"{total:,}")


def vanishing(rng: np.random.Generator) -> Exercise:
    """Steps until a gradient has shrunk to a given fraction."""
    factor, exponent = float(rng.integers(70, 100)) / 100, int(rng.integers(2, 7))
    steps = math.ceil(-exponent * math.log(10) / math.log(factor))
    question = (
        f"Each step back multiplies a gradient's norm by {factor:g}. After how many steps is it at most "
        f"$10^{{-{exponent}}}$ of what it was?"
    )
    working = (
        f"${factor:g}^k \\le 10^{{-{exponent}}}$, so $k \\ge {-exponent} \\ln 10 / \\ln {factor:g} \\approx "
        f"{-exponent * math.log(10) / math.log(factor):.2f}$, and the first whole number is {steps}."
    )
    return Exercise(question, working, steps, str(steps))


def forget_bias(rng: np.random.Generator) -> Exercise:
    """Forget bias for which a given share of the cell is left after a given time."""
    percent, steps = int(5 * rng.integers(2, 19)), int(10 * rng.integers(2, 41))
    gate = (percent / 100) ** (1 / steps)
    bias = math.log(gate / (1 - gate))
    question = (
        f"With no input and no recurrence, an LSTM's forget gate is $f = \\sigma(b)$. For which $b$ is {percent} % of "
        f"the cell left after {steps} steps? Three decimals."
    )
    working = (
        f"$f = {percent / 100:g}^{{1/{steps}}} \\approx {gate:.6f}$, and $b = \\ln\\frac{{f}}{{1 - f}} \\approx "
        f"{bias:.3f}$."
    )
    return Exercise(question, working, bias, f"{bias:.3f}")


def lstm(rng: np.random.Generator) -> Exercise:
    """One step of an LSTM with one unit and one feature."""
    x, h_prev, c_prev = tenths(rng, 1), tenths(rng, 1, low=-9, high=9), tenths(rng, 1)
    W_ih, W_hh, b = tenths(rng, 4, 1), tenths(rng, 4, 1), tenths(rng, 4)
    step = lstm_step(x, h_prev, c_prev, W_ih, W_hh, b)
    question = (
        "An LSTM has one unit and one input; the rows of its weights belong to $i, f, g, o$. Find $c$ and $h$, to four "
        f"decimals, for\n\n$$W_{{ih}} = {matrix(W_ih)},\\quad W_{{hh}} = {matrix(W_hh)},\\quad b = {column(b)},\\quad "
        f"x = {x[0]:g},\\quad h_{{prev}} = {h_prev[0]:g},\\quad c_{{prev}} = {c_prev[0]:g}$$"
    )
    answer = (float(step.c[0]), float(step.h[0]))
    return Exercise(question, f"$$\n{lstm_working(step).latex}\n$$", answer, f"(c, h) = {listed(answer)}")


def gru(rng: np.random.Generator) -> Exercise:
    """One step of a GRU with one unit and one feature."""
    x, h_prev = tenths(rng, 1), tenths(rng, 1, low=-9, high=9)
    W_ih, W_hh, b_ih, b_hh = tenths(rng, 3, 1), tenths(rng, 3, 1), tenths(rng, 3), tenths(rng, 3)
    step = gru_step(x, h_prev, W_ih, W_hh, b_ih, b_hh)
    question = (
        "A GRU has one unit and one input; the rows of its weights belong to $r, z, n$, as PyTorch orders them. Find "
        f"$h$, to four decimals, for\n\n$$W_{{ih}} = {matrix(W_ih)},\\quad W_{{hh}} = {matrix(W_hh)},\\quad "
        f"b_{{ih}} = {column(b_ih)},\\quad b_{{hh}} = {column(b_hh)},\\quad x = {x[0]:g},\\quad "
        f"h_{{prev}} = {h_prev[0]:g}$$"
    )
    answer = float(step.h[0])
    return Exercise(question, f"$$\n{gru_working(step).latex}\n$$", answer, f"{answer:.4f}")


TEMPLATES = (
    Template("receptive-field", "What one output sees", 4, field),
    Template("vanishing", "How soon it is gone", 5, vanishing),
    Template("forget-bias", "A bias that remembers", 5, forget_bias),
    Template("lstm-step", "An LSTM step by hand", 6, lstm),
    Template("gru-step", "A GRU step by hand", 6, gru),
)
