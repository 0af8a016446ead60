"""Checks for the exercises of the chapter *LSTM gates*."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.cells import FloatArray, gru_step, lstm_sequence, sigmoid
from rnncourse.exercises._grading import NOT_TRIED, Feedback, Mistake, grade, untried

__all__ = [
    "check_counter",
    "check_coupled_gate",
    "check_gru_state",
    "check_hold_biases",
    "check_ignore_gates",
    "check_parameter_gap",
]

# The cells of the chapter.
H_PREV = np.array([0.5, -0.5])
GRU_W_IH = np.array([[1.0], [-1.0], [1.0], [-1.0], [0.5], [1.0]])
GRU_W_HH = np.array([[2.0, 0.0], [0.0, 2.0], [0.0, -2.0], [-2.0, 0.0], [1.0, -1.0], [2.0, 1.0]])
GRU_B_IH = np.zeros(6)
GRU_B_HH = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.5])
# Input weight, recurrent weights and bias of each forget gate, one row per unit.
FORGET_ROWS = np.array([[0.5, 1.0, 0.0, 1.0], [-1.5, 0.0, 1.0, 1.0]])
EXERCISE_X = (-0.5,)

# What a hand calculation with four decimals can be off by; the recognised mistakes lie further away.
HAND = 3e-4


def check_hold_biases(answer: Any) -> Feedback:
    """Check the biases of a cell that is to hold its value within 1 % over 100 steps.

    One unit whose weights are all zero, so the biases alone set the gates; the candidate's bias is 1. The cell
    starts at 1, 0 or -1.

    Args:
        answer: ``(b_i, b_f)``, the biases of the input gate and of the forget gate.

    Returns:
        Feedback with a hint for a cell that is cleared, fades, fills up, or holds one value only.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        b_i, b_f = (float(bias) for bias in answer)
    except (TypeError, ValueError):
        return Feedback(False, "Give two numbers: the bias of the input gate, then that of the forget gate.")
    if not np.isfinite([b_i, b_f]).all():
        return Feedback(False, "Give finite numbers: a large bias opens or closes a gate as far as you need.")
    drift = {start: _held(start, b_i, b_f) - start for start in (1.0, 0.0, -1.0)}
    worst = max(float(np.abs(path).max()) for path in drift.values())
    if worst <= 0.01:
        return Feedback(True, f"The cell strays by at most {100 * worst:.2f} % in 100 steps, wherever it starts.")
    return Feedback(False, _why_not_held(b_i, b_f, drift))


def _held(start: float, b_i: float, b_f: float) -> FloatArray:
    zeros = np.zeros((4, 1))
    run = lstm_sequence(np.zeros((100, 1)), [0.0], [start], zeros, zeros, [b_i, b_f, 1.0, 0.0])
    level: FloatArray = run.c[:, 0]
    return level


def _why_not_held(b_i: float, b_f: float, drift: dict[float, FloatArray]) -> str:
    kept = float(sigmoid(b_f)) ** 100
    if b_f < 0:
        return "A negative forget bias closes the forget gate, and the cell is cleared: f = 1 keeps, f = 0 clears."
    if np.abs(drift[1.0]).max() <= 0.01:
        return (
            "It holds 1 but not −1: what leaks out is balanced by what flows in. Close both ways, not just one value."
        )
    if kept < 0.99:
        return f"The forget gate leaks: over 100 steps it keeps {100 * kept:.2g} % of the cell. Raise its bias."
    return (
        "The forget gate is open far enough, but the input gate lets the candidate in at every step. Make b_i negative."
    )


def check_parameter_gap(answer: ArrayLike) -> Feedback:
    """Check how many parameters ``nn.LSTM(10, 20)`` has more than ``nn.GRU(10, 20)``.

    Args:
        answer: the difference, a whole number.

    Returns:
        Feedback with a hint for a missing bias, for two missing biases, or for one of the totals.
    """
    weights, bias = 20 * (10 + 20), 20
    return grade(
        answer,
        weights + 2 * bias,
        praise="One block of rows more: its weights from the input, from the state, and torch's two biases.",
        mistakes=[
            Mistake(weights + bias, "Torch keeps two biases for each gate; you have counted one."),
            Mistake(weights, "The biases are missing: torch keeps two for each gate."),
            Mistake(4 * (weights + 2 * bias), "This is the whole LSTM; subtract the GRU, which has three blocks."),
            Mistake(
                3 * (weights + 2 * bias), "This is the whole GRU; subtract it from the LSTM, which has four blocks."
            ),
            Mistake(2 * (weights + 2 * bias), "A GRU has three blocks of rows, not two: its candidate is a block too."),
            Mistake(20 * 10 + 2 * bias, "The recurrent weights are missing: a block reads the state as well."),
        ],
        otherwise="Count one block: H rows, each with D inputs, H states and two biases. How many blocks differ?",
        tolerance=1e-9,
    )


def check_gru_state(answer: ArrayLike) -> Feedback:
    """Check the state of the chapter's GRU after the input -0.5, from the chapter's previous state.

    Args:
        answer: the state after the step, shape ``(2,)``; four decimals are enough.

    Returns:
        Feedback with a hint for swapped shares, a missing or misplaced reset gate, the candidate alone, or the
        input's sign.
    """
    step = gru_step(EXERCISE_X, H_PREV, GRU_W_IH, GRU_W_HH, GRU_B_IH, GRU_B_HH)
    z, b_hn, W_hn = step.z, GRU_B_HH[4:], GRU_W_HH[4:]

    def state(candidate: FloatArray) -> FloatArray:
        mixed: FloatArray = (1 - z) * candidate + z * H_PREV
        return mixed

    x_n = step.input_term[4:]
    other = gru_step([1.0], H_PREV, GRU_W_IH, GRU_W_HH, GRU_B_IH, GRU_B_HH)
    return grade(
        answer,
        step.h,
        praise="Both rows agree. Here both update gates are alike, and both units keep a little more than they take.",
        mistakes=[
            Mistake(
                z * step.n + (1 - z) * H_PREV, "The shares have changed places: z keeps the old state, as in torch."
            ),
            Mistake(step.n, "This is the candidate n; mix it with the old state by the update gate."),
            Mistake(state(np.tanh(x_n + step.memory)), "The reset gate is missing: it multiplies W_hn h_prev + b_hn."),
            Mistake(
                state(np.tanh(x_n + W_hn @ (step.r * H_PREV) + b_hn)),
                "This resets the state before the product, as the paper does; torch resets after it.",
            ),
            Mistake(
                state(np.tanh(x_n + step.r * (W_hn @ H_PREV) + b_hn)),
                "The bias b_hn stands outside the reset gate; in torch it is inside.",
            ),
            Mistake(other.h, "This is the state after the input 1 of the chapter; here the input is −0.5."),
            Mistake(state(step.a_n), "tanh is missing: the candidate is tanh(a_n)."),
        ],
        otherwise="Go through r, z, n and h in this order; gru_working shows the same lines for the input 1.",
        tolerance=HAND,
    )


def check_ignore_gates(answer: Any) -> Feedback:
    """Check which gates make an LSTM and a GRU ignore an input and keep what they hold.

    Args:
        answer: ``(letter, letter, value)``: the gate that an LSTM must close, its forget gate being open; the
            gate of a GRU that does it, and that gate's value, 0 or 1.

    Returns:
        Feedback with a hint for each other gate and for the opposite value.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        lstm, gru, value = answer
    except (TypeError, ValueError):
        return Feedback(False, "Give three things: a letter of the LSTM, a letter of the GRU, and 0 or 1.")
    hints = {
        "f": "A closed forget gate clears what the cell holds; it does not keep the input out.",
        "o": "A closed output gate hides the cell, but the input has been written all the same.",
        "g": "g is no gate but the content to be written; the valve in front of it is another letter.",
    }
    if lstm != "i":
        return Feedback(False, hints.get(lstm, "The LSTM's letters are i, f, g and o."))
    if gru == "r":
        return Feedback(False, "A GRU's reset gate hides the state from the candidate; the input still gets in by n.")
    if gru != "z":
        return Feedback(False, "The GRU's letters are r, z and n, and n is no gate.")
    if value != 1:
        return Feedback(False, "At z = 0 the whole state is replaced by the candidate: that is the opposite.")
    return Feedback(True, "One valve in the LSTM. In the GRU one valve both keeps the old and shuts out the new.")


def check_coupled_gate(answer: Any) -> Feedback:
    """Check input-gate rows that couple the chapter's LSTM: ``i = 1 - f`` for every input and state.

    Args:
        answer: ``(W_ii, W_hi, b_i)``, of shapes ``(2, 1)``, ``(2, 2)`` and ``(2,)``.

    Returns:
        Feedback with a hint for a copied gate, for one minus the weights, and for a bias or weights left as they were.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        W_ii, W_hi, b_i = (np.asarray(part, dtype=np.float64) for part in answer)
        rows = np.column_stack([W_ii.reshape(2, 1), W_hi.reshape(2, 2), b_i.reshape(2)])
    except (TypeError, ValueError):
        return Feedback(False, "Give W_ii, W_hi and b_i, of shapes (2, 1), (2, 2) and (2,).")
    f, signs = FORGET_ROWS, np.array([-1.0, -1.0, -1.0, 1.0])
    return grade(
        rows,
        -f,
        praise="σ(−a) = 1 − σ(a), so the negative rows couple the gates at every step, with no weights of their own.",
        mistakes=[
            Mistake(f, "With the same rows i equals f; you need i = 1 − f."),
            Mistake(1 - f, "One minus must hold for the gates, not for the weights. What does σ do to −a?"),
            Mistake(signs * f, "The bias must change its sign too: the whole pre-activation turns round."),
            Mistake(-signs * f, "The weights must change their signs too, not the bias alone."),
        ],
        otherwise="Write 1 − σ(a) as σ of something, then read off the rows.",
        tolerance=1e-9,
    )


def check_counter(answer: Any) -> Feedback:
    """Check an LSTM cell that is to count: its first cell state is proportional to the number of ones read.

    The inputs are 0 or 1, thirty of them. A lone 1 must raise the state by at least 0.1; that rise is the unit.

    Args:
        answer: ``(W_ih, W_hh, b)`` of a cell with one input and H units, shapes ``(4H, 1)``, ``(4H, H)`` and
            ``(4H,)``, rows in the order i, f, g, o. Both states start at zero.

    Returns:
        Feedback with a hint for a cell that counts nothing, counts zeros, or forgets.
    """
    if untried(answer):
        return NOT_TRIED
    try:
        W_ih, W_hh, b = answer
        units = len(np.atleast_1d(np.asarray(b, dtype=np.float64))) // 4
        lstm_sequence([[0.0]], np.zeros(units), np.zeros(units), W_ih, W_hh, b)
    except (TypeError, ValueError) as error:
        return Feedback(False, f"Give W_ih, W_hh and b of shapes (4H, 1), (4H, H) and (4H,): {error}")
    return _judge_counter(W_ih, W_hh, b, units)


def _judge_counter(W_ih: ArrayLike, W_hh: ArrayLike, b: ArrayLike, units: int) -> Feedback:
    def levels(inputs: ArrayLike) -> FloatArray:
        xs = np.asarray(inputs, dtype=np.float64)[:, None]
        return lstm_sequence(xs, np.zeros(units), np.zeros(units), W_ih, W_hh, b).c[:, 0]

    unit = float(levels([1])[0])
    if unit < 0.1:
        return Feedback(False, f"A lone 1 raises the cell by {unit:.2g}: at x = 1 open the input gate, with g above 0.")
    if abs(levels(np.zeros(30))[-1]) > 0.3 * unit:
        return Feedback(False, "Zeros move the cell too: at x = 0 close the input gate, or let g be 0 there.")
    alone = levels(np.eye(30)[0])
    if alone[-1] < 0.7 * unit:
        return Feedback(
            False, f"The count fades: a 1 is worth {alone[-1] / unit:.0%} after thirty steps. Open f further."
        )
    rng = np.random.default_rng(0)
    strings = [np.ones(30), *(rng.random((100, 30)) < rng.random((100, 1)))]
    errors = [float(np.abs(levels(bits) / unit - np.cumsum(bits)).max()) for bits in strings]
    if max(errors) >= 0.5:
        return Feedback(
            False,
            f"Off by up to {max(errors):.1f} in thirty steps: each 1 must add the same, however high the count is.",
        )
    return Feedback(True, f"Right to within {max(errors):.2f} of a unit on {len(strings)} strings: i writes, f keeps.")
