"""Part I: a step, parameters and operations."""

import numpy as np

from rnncourse.cells import rnn_step
from rnncourse.exercises.drawn._drawing import Exercise, Template, column, listed, matrix, tenths
from rnncourse.working import rnn_working


def next_state(rng: np.random.Generator) -> Exercise:
    """One step of a tanh RNN with two units and two features."""
    x, h_prev, b_h = tenths(rng, 2), tenths(rng, 2, low=-9, high=9), tenths(rng, 2, low=-5, high=5)
    W_xh, W_hh = tenths(rng, 2, 2), tenths(rng, 2, 2, low=-6, high=6)
    step = rnn_step(x, h_prev, W_xh, W_hh, b_h)
    question = (
        "An RNN computes $h = \\tanh(W_{xh} x + W_{hh} h_{prev} + b_h)$. Find $h$, to four decimals, for\n\n"
        f"$$W_{{xh}} = {matrix(W_xh)},\\quad W_{{hh}} = {matrix(W_hh)},\\quad b_h = {column(b_h)},\\quad "
        f"x = {column(x)},\\quad h_{{prev}} = {column(h_prev)}$$"
    )
    working = f"$$\n{rnn_working(step).latex}\n$$"
    return Exercise(question, working, tuple(map(float, step.h)), listed(step.h))


def lstm_parameters(rng: np.random.Generator) -> Exercise:
    """Parameters of one LSTM layer, with the two biases that torch keeps."""
    D, H = (int(8 * k) for k in rng.integers(1, 17, size=2))
    total = 4 * H * (D + H + 2)
    question = (
        f"How many parameters has an LSTM layer with {D} inputs and {H} units in PyTorch, which keeps two biases per "
        "gate?"
    )
    working = f"Four blocks of $H(D + H + 2)$: $4 \\times {H} \\times ({D} + {H} + 2) = {total:,}$."
    return Exercise(question, working, total, f"{total:,}")


def gru_both_ways(rng: np.random.Generator) -> Exercise:
    """Parameters of two stacked bidirectional GRU layers."""
    D, H = int(4 * rng.integers(2, 13)), int(8 * rng.integers(1, 9))
    first, second = 2 * 3 * H * (D + H + 2), 2 * 3 * H * (2 * H + H + 2)
    question = (
        f"Two bidirectional GRU layers with {H} units per direction are stacked on {D} inputs. How many parameters "
        "have they together in PyTorch?"
    )
    working = (
        f"First layer, both directions: $2 \\times 3 \\times {H} \\times ({D} + {H} + 2) = {first:,}$. The second "
        f"reads both directions of the first, $2H = {2 * H}$ inputs: $2 \\times 3 \\times {H} \\times "
        f"({2 * H} + {H} + 2) = {second:,}$. Sum: ${first + second:,}$."
    )
    return Exercise(question, working, first + second, f"{first + second:,}")


def rnn_flops(rng: np.random.Generator) -> Exercise:
    """FLOPs of an RNN layer over a sequence, in the coursework's convention."""
    D, H, T = int(8 * rng.integers(1, 13)), int(8 * rng.integers(1, 13)), int(10 * rng.integers(2, 11))
    macs = H * (D + H)
    total = (2 * macs + 2 * H) * T
    question = (
        f"An RNN layer of {H} units reads {T} steps of {D} features. Every product is one FLOP, every product is also "
        "one addition, every entry of its two biases is one addition, and activations are free. How many FLOPs does "
        "one sequence take?"
    )
    working = (
        f"Products per step: $H(D + H) = {H} \\times ({D} + {H}) = {macs:,}$. Additions per step: as many, and "
        f"$2H = {2 * H}$ for the biases. Together $({macs:,} + {macs:,} + {2 * H}) \\times {T} = {total:,}$."
    )
    return Exercise(question, working, total, f"{total:,}")


TEMPLATES = (
    Template("next-state", "One step by hand", 1, next_state),
    Template("lstm-parameters", "An LSTM layer", 2, lstm_parameters),
    Template("gru-both-ways", "Two layers, both ways", 2, gru_both_ways),
    Template("rnn-flops", "Operations of a layer", 3, rnn_flops),
)
