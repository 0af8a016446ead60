"""Checks for the exercises of the chapter *Counting parameters*."""

from math import floor, isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = [
    "check_bidirectional_gru",
    "check_gru_width",
    "check_keras_to_torch",
    "check_lstm_layer",
    "check_redundant_biases",
    "check_smaller_network",
]

EXACT = 1e-9
BUDGET, FEWEST_WORDS, NARROWEST = 1_000_000, 5_000, 8


def _layer(gates: int, input_size: int, hidden_size: int, *, biases: int = 2) -> int:
    """Parameters of one recurrent layer in one direction."""
    return gates * hidden_size * (input_size + hidden_size + biases)


def check_lstm_layer(answer: ArrayLike) -> Feedback:
    """Check the parameters of ``nn.LSTM(10, 20)``, which reads sequences of 30 steps.

    Args:
        answer: the count in PyTorch's convention, a whole number.

    Returns:
        Feedback with a hint for one bias, no bias, another cell, swapped sizes, a missing matrix, or a count that
        grows with the steps.
    """
    right = _layer(4, 10, 20)
    return grade(
        answer,
        right,
        praise="Four gates, and for each of them two matrices and two biases. The number of steps does not enter.",
        mistakes=[
            Mistake(_layer(4, 10, 20, biases=1), "This has one bias per gate, as Keras counts; PyTorch keeps two."),
            Mistake(_layer(4, 10, 20, biases=0), "The biases are missing: two per gate, each of the hidden size."),
            Mistake(_layer(1, 10, 20), "This is a plain RNN; an LSTM has four such blocks, one per gate."),
            Mistake(_layer(3, 10, 20), "This is a GRU with its three gates; an LSTM has four."),
            Mistake(_layer(4, 20, 10), "Input and hidden size are swapped: every gate has one row per hidden unit."),
            Mistake(4 * 20 * (10 + 2), "The recurrent matrix is missing: each gate also reads the state."),
            Mistake(4 * 20 * (20 + 2), "The input matrix is missing: each gate also reads the features."),
            Mistake(30 * right, "The weights are shared by all steps; do not multiply by the sequence length."),
        ],
        otherwise="Take one gate: a matrix from the input, a matrix from the state, two biases. Then times four.",
        tolerance=EXACT,
    )


def check_bidirectional_gru(answer: ArrayLike) -> Feedback:
    """Check the parameters of ``nn.GRU(8, 16, num_layers=2, bidirectional=True)``.

    Args:
        answer: the count in PyTorch's convention, a whole number.

    Returns:
        Feedback with a hint for a forgotten direction, a wrong width of the second layer, one bias, another cell or
        a missing layer.
    """

    def stack(gates: int = 3, *, second: int = 32, directions: int = 2, biases: int = 2) -> int:
        return directions * (_layer(gates, 8, 16, biases=biases) + _layer(gates, second, 16, biases=biases))

    crossed = 2 * (_layer(3, 8, 16) + 3 * 16 * (32 + 32 + 2))
    return grade(
        answer,
        stack(),
        praise="The second layer is the larger one: each of its directions reads both directions of the first.",
        mistakes=[
            Mistake(stack(second=16, directions=1), "This reads in one direction; both layers have a second set."),
            Mistake(stack(directions=1), "The width of layer two is right. Now count both directions of each layer."),
            Mistake(stack(second=16), "Layer two reads the outputs of both directions: its input has width 2H."),
            Mistake(stack(second=8), "Layer two does not read the features; it reads the outputs of layer one."),
            Mistake(2 * _layer(3, 8, 16), "This is layer one alone; add layer two."),
            Mistake(stack(biases=1), "This has one bias per gate; torch's GRU, and Keras's, keep two."),
            Mistake(stack(4), "This is an LSTM with its four gates; a GRU has three."),
            Mistake(stack(1), "This is a plain RNN; a GRU has three such blocks."),
            Mistake(crossed, "The directions do not read each other's state: the recurrent matrix stays H by H."),
        ],
        otherwise="Count one direction of layer one, one direction of layer two with input 2H, and double both.",
        tolerance=EXACT,
    )


def check_keras_to_torch(answer: ArrayLike) -> Feedback:
    """Check both counts of 16 features → bidirectional LSTM of 32 → batch normalisation → 3 outputs.

    Args:
        answer: ``(keras, torch)``: all parameters in Keras's summary, and PyTorch's ``numel()`` over parameters.

    Returns:
        Feedback with a hint for swapped counts, moving statistics in the wrong place, a wrong number of biases or a
        forgotten direction.
    """
    keras_lstm, torch_lstm = 2 * _layer(4, 16, 32, biases=1), 2 * _layer(4, 16, 32)
    scale_shift, moving, dense = 2 * 64, 2 * 64, 65 * 3
    keras, torch = keras_lstm + scale_shift + moving + dense, torch_lstm + scale_shift + dense
    single = np.array([_layer(4, 16, 32, biases=b) for b in (1, 2)])
    return grade(
        answer,
        (keras, torch),
        praise="Two differences of opposite sign: PyTorch has the second biases, Keras counts the moving statistics.",
        mistakes=[
            Mistake((torch, keras), "The two are swapped: Keras first, PyTorch second."),
            Mistake((keras, torch + moving), "In PyTorch the moving statistics are buffers; numel() leaves them out."),
            Mistake((keras - moving, torch), "Keras counts moving mean and variance, as non-trainable parameters."),
            Mistake((keras - moving, torch + moving), "The moving statistics are in the wrong one: Keras counts them."),
            Mistake((keras, keras), "Two things differ: the LSTM's second biases and the moving statistics."),
            Mistake((torch, torch), "Two things differ: the LSTM's second biases and the moving statistics."),
            Mistake((keras, keras - moving), "PyTorch's LSTM has a second bias per gate; add those."),
            Mistake((torch + moving, torch), "Keras's LSTM has one bias per gate."),
            Mistake(
                (single[0] + 4 * 32 + 33 * 3, single[1] + 2 * 32 + 33 * 3),
                "Both directions count, and everything after the LSTM has twice the width.",
            ),
            Mistake(
                (single[0] + 4 * 64 + dense, single[1] + 2 * 64 + dense),
                "The LSTM reads in two directions: double its own parameters too.",
            ),
        ],
        otherwise="Write three rows (LSTM, batch normalisation, linear) and two columns, then add up each column.",
        tolerance=EXACT,
    )


def check_redundant_biases(answer: ArrayLike) -> Feedback:
    """Check how many numbers of ``nn.GRU(5, 7)`` can be removed without losing a function it can compute.

    Args:
        answer: a whole number.

    Returns:
        Feedback with a hint for the candidate's bias, for Keras's count and for an LSTM's.
    """
    return grade(
        answer,
        2 * 7,
        praise="The second biases of reset and update gate. The candidate's is scaled by the reset gate, and stays.",
        mistakes=[
            Mistake(3 * 7, "Not all three: the candidate's second bias stands inside the product with the reset gate."),
            Mistake(7, "It is the other way round: one gate's second bias is needed, those of the others are not."),
            Mistake(0, "That both frameworks store it does not make it needed: look at the sums inside r and z."),
            Mistake(6 * 7, "This removes all biases; a function with shifted gates would be lost."),
            Mistake(4 * 7, "A GRU has three gates. And not every second bias of it can go."),
            Mistake(2 * 5, "A bias has one entry per hidden unit, not per feature."),
            Mistake(2, "Two gates, yes. Each bias is a vector: count its entries."),
        ],
        otherwise="Write r, z and n with both biases. Where do the two biases enter only as their sum?",
        tolerance=EXACT,
    )


def check_gru_width(answer: ArrayLike) -> Feedback:
    """Check the widest GRU on 32 features that has no more parameters than ``nn.LSTM(32, 128)``.

    Args:
        answer: the hidden size, a whole number; both layers in PyTorch's convention.

    Returns:
        Feedback with a hint for equal widths, ratios used without the square, and widths above or below.
    """
    budget = _layer(4, 32, 128)
    widest = next(h for h in range(1000, 0, -1) if _layer(3, 32, h) <= budget)
    linear, root = 4 / 3 * 128, (4 / 3) ** 0.5 * 128

    def near(target: float, given: Any) -> bool:
        return abs(float(given) - target) < 1

    return grade(
        answer,
        widest,
        praise="About a sixth wider. Most weights grow with the square of H, so a third more budget buys less width.",
        mistakes=[
            Mistake(128, "At equal width the GRU leaves a quarter of the budget unused; it may be wider."),
            Mistake(lambda h: near(linear, h), "Four thirds is the ratio of the budgets. Most weights grow as H²."),
            Mistake(
                lambda h: near(root, h), "The root of four thirds is close, but the input weights grow as H, not H²."
            ),
            Mistake(lambda h: not float(h).is_integer(), "A hidden size is a whole number: round down."),
            Mistake(budget, "This is the budget itself; find the hidden size that spends it."),
            Mistake(lambda h: float(h) > widest, "This GRU has more parameters than the LSTM: make it narrower."),
            Mistake(lambda h: 0 < float(h) < widest, "This GRU fits, but a wider one fits too."),
        ],
        otherwise="Write the GRU's count as a function of H and try whole numbers, or solve the quadratic.",
        tolerance=EXACT,
    )


def check_smaller_network(answer: Any) -> Feedback:
    """Check a smaller embedding for the emotion network: at most a million parameters, its other sizes unchanged.

    Args:
        answer: ``(num_embeddings, embedding_dim)``, at least 5,000 words and 8 numbers per word.

    Returns:
        Feedback; any pair that keeps the limits is right. Hints for swapped sizes, a count of the embedding alone,
        too few words, too short vectors, or too many parameters.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        words, width = (float(size) for size in answer)
    except (TypeError, ValueError):
        return Feedback(False, "Give two numbers: (num_embeddings, embedding_dim).")
    if not all(isfinite(size) and size == floor(size) and size > 0 for size in (words, width)):
        return Feedback(False, "Both sizes are positive whole numbers.")
    return _judge_embedding(int(words), int(width))


def _judge_embedding(words: int, width: int) -> Feedback:
    if words < width:
        return Feedback(False, "The two are swapped: the number of words comes first, the length of a vector second.")
    if words < FEWEST_WORDS:
        return Feedback(False, f"The exercise asks for at least {FEWEST_WORDS:,} words; shorten the vectors instead.")
    if width < NARROWEST:
        return Feedback(False, f"The exercise asks for at least {NARROWEST} numbers per word; drop words instead.")
    embedding = words * width
    # Both directions of the GRU read the vectors, so its input matrices shrink with them.
    total = embedding + 2 * _layer(3, width, 128) + 2 * 256 + 257 * 64 + 65 * 6
    if total <= BUDGET:
        return Feedback(True, f"{total:,} parameters, {100 * embedding / total:.0f} % of them in the embedding.")
    if embedding <= BUDGET:
        return Feedback(False, f"The embedding alone fits, the whole network does not: it has {total:,} parameters.")
    return Feedback(False, f"{total:,} parameters are too many: the embedding alone has {embedding:,}.")
