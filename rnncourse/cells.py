"""One step of an RNN, an LSTM and a GRU in NumPy float64, with every intermediate kept.

A step takes vectors and matrices, not batches, and returns a frozen record: what went in, each
intermediate quantity under the name it has in the equations, and what comes out. The sequence functions
repeat a step over time. Weights have torch's layout and gate order, so a layer's own weights fit as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "GRUSequence",
    "GRUStep",
    "LSTMSequence",
    "LSTMStep",
    "LinearStep",
    "Nonlinearity",
    "RNNGradients",
    "RNNSequence",
    "RNNStep",
    "cross_entropy",
    "gru_sequence",
    "gru_step",
    "linear_step",
    "lstm_sequence",
    "lstm_step",
    "rnn_sequence",
    "rnn_step",
    "rnn_step_backward",
    "sigmoid",
    "softmax",
]

FloatArray = NDArray[np.float64]
Nonlinearity = Literal["tanh", "relu"]

# A shape in symbols: one (factor, dimension) pair per axis, so (4, "hidden_size") is 4·hidden_size.
_Shape = tuple[tuple[int, str], ...]

_D = (1, "input_size")
_H = (1, "hidden_size")
_T = (1, "time")
_RNN: dict[str, _Shape] = {"h_prev": (_H,), "W_xh": (_H, _D), "W_hh": (_H, _H), "b_h": (_H,)}
_LSTM: dict[str, _Shape] = {
    "h_prev": (_H,),
    "c_prev": (_H,),
    "W_ih": ((4, "hidden_size"), _D),
    "W_hh": ((4, "hidden_size"), _H),
    "b": ((4, "hidden_size"),),
}
_GRU: dict[str, _Shape] = {
    "h_prev": (_H,),
    "W_ih": ((3, "hidden_size"), _D),
    "W_hh": ((3, "hidden_size"), _H),
    "b_ih": ((3, "hidden_size"),),
    "b_hh": ((3, "hidden_size"),),
}
_LINEAR: dict[str, _Shape] = {
    "h": (_H,),
    "W_hy": ((1, "output_size"), _H),
    "b_y": ((1, "output_size"),),
}
_INITIAL = {"h_prev": "h0", "c_prev": "c0"}


# --- reading the arguments -------------------------------------------------------------------------------


def _numbers(name: str, value: ArrayLike) -> FloatArray:
    """A float64 copy of an argument, or an error that names it."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} cannot be read as an array of numbers ({error}); pass a list or an array of reals."
        ) from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers, integers or floats.")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = tuple(int(k) for k in bad[0])
        index = f"[{', '.join(map(str, where))}]" if where else ""
        raise ValueError(f"{name}{index} is {array[where]}; expected finite numbers, so replace it.")
    return array


def _sizes(arrays: Mapping[str, FloatArray], shapes: Mapping[str, _Shape]) -> dict[str, int] | None:
    """The size of each dimension, or None where two axes disagree."""
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        for length, (factor, size) in zip(arrays[name].shape, shape, strict=True):
            if length % factor or sizes.setdefault(size, length // factor) != length // factor:
                return None
    return sizes


def _expected(shape: _Shape, sizes: Mapping[str, int]) -> str:
    """A shape in numbers as far as the sizes are known, in words for the rest."""
    words = [
        str(factor * sizes[size]) if size in sizes else (size if factor == 1 else f"{factor}·{size}")
        for factor, size in shape
    ]
    return f"({', '.join(words)}{',' if len(words) == 1 else ''})"


def _check_shapes(arrays: Mapping[str, FloatArray], shapes: Mapping[str, _Shape]) -> None:
    """Raise a ValueError that names the one argument the others contradict."""
    for name, shape in shapes.items():
        if arrays[name].ndim != len(shape) or arrays[name].size == 0:
            raise ValueError(f"{name} has shape {arrays[name].shape}; expected {_expected(shape, {})}, none of them 0.")
    if _sizes(arrays, shapes) is not None:
        return
    for name, shape in shapes.items():
        # The culprit is the argument without which the others agree.
        sizes = _sizes(arrays, {other: s for other, s in shapes.items() if other != name})
        if sizes is not None:
            raise ValueError(
                f"{name} has shape {arrays[name].shape}; expected {_expected(shape, sizes)}, "
                f"that is {_expected(shape, {})} by the other arguments, so reshape or transpose it."
            )
    got = ", ".join(f"{name} {arrays[name].shape}" for name in shapes)
    wanted = ", ".join(f"{name} {_expected(shape, {})}" for name, shape in shapes.items())
    raise ValueError(f"the shapes {got} do not fit together; expected {wanted}.")


def _read(given: Mapping[str, ArrayLike], shapes: Mapping[str, _Shape]) -> dict[str, FloatArray]:
    arrays = {name: _numbers(name, value) for name, value in given.items()}
    _check_shapes(arrays, shapes)
    return arrays


def _nonlinearity(name: str) -> Nonlinearity:
    if name not in get_args(Nonlinearity):
        raise ValueError(f"nonlinearity is {name!r}; expected 'tanh' or 'relu'.")
    return name  # type: ignore[return-value]


def _finite(name: str, values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} overflows float64; scale the weights or the inputs down.")
    return values


def _product(name: str, matrix: FloatArray, vector: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(name, matrix @ vector)


def _sum(name: str, *terms: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(name, np.asarray(sum(terms[1:], start=terms[0]), dtype=np.float64))


# --- functions of one array --------------------------------------------------------------------------------


def sigmoid(x: ArrayLike) -> FloatArray:
    """The logistic function ``1 / (1 + exp(-x))``, free of overflow.

    Args:
        x: numbers of any shape.

    Returns:
        Array of the same shape, each entry in [0, 1].

    Raises:
        TypeError: ``x`` does not hold real numbers.
        ValueError: an entry is not finite.
    """
    values = _numbers("x", x)
    # The exponent is never positive, so exp cannot overflow, and a small result keeps all its digits.
    decay = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0, decay) / (1.0 + decay)


def softmax(logits: ArrayLike) -> FloatArray:
    """Probabilities from logits: ``exp(y) / sum(exp(y))``.

    Args:
        logits: one score per class, shape ``(classes,)``.

    Returns:
        Probabilities, shape ``(classes,)``; they sum to 1. The largest logit is subtracted first, which
        changes nothing in exact arithmetic and keeps ``exp`` from overflowing.

    Raises:
        TypeError: ``logits`` does not hold real numbers.
        ValueError: ``logits`` is not one axis of finite numbers.
    """
    values = _logits(logits)
    weights = np.exp(values - values.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def cross_entropy(logits: ArrayLike, target: int) -> float:
    """Loss of one example, ``-log softmax(logits)[target]``.

    Args:
        logits: one score per class, shape ``(classes,)``.
        target: index of the true class, from 0.

    Returns:
        The loss in nats, at least 0. Its gradient by the logits is ``softmax(logits)`` less 1 at ``target``.

    Raises:
        TypeError: ``logits`` does not hold real numbers, or ``target`` is not an integer.
        ValueError: ``logits`` is not one axis of finite numbers, or ``target`` is not one of its indices.
    """
    values = _logits(logits)
    if isinstance(target, bool) or not isinstance(target, (int, np.integer)):
        raise TypeError(f"target is {target!r}; expected the index of a class, an integer.")
    if not 0 <= target < len(values):
        raise ValueError(f"target is {target}; expected an index from 0 to {len(values) - 1}.")
    shifted = values - values.max()
    return float(np.log(np.exp(shifted).sum()) - shifted[target])


def _logits(logits: ArrayLike) -> FloatArray:
    values = _numbers("logits", logits)
    _check_shapes({"logits": values}, {"logits": ((1, "classes"),)})
    with np.errstate(over="ignore"):
        _finite("the spread of logits", values - values.max())
    return values


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearStep:
    """One linear layer applied to one vector: ``y = W_hy h + b_y``.

    Attributes:
        h: what goes in, shape ``(hidden,)``.
        W_hy: weights, shape ``(output, hidden)``.
        b_y: bias, shape ``(output,)``.
        product: ``W_hy h``, shape ``(output,)``.
        y: the logits, shape ``(output,)``.
    """

    h: FloatArray
    W_hy: FloatArray
    b_y: FloatArray
    product: FloatArray
    y: FloatArray


def linear_step(h: ArrayLike, W_hy: ArrayLike, b_y: ArrayLike) -> LinearStep:
    """The logits of one state, ``y = W_hy h + b_y``.

    Args:
        h: state, shape ``(hidden,)``.
        W_hy: weights, shape ``(output, hidden)``.
        b_y: bias, shape ``(output,)``.

    Returns:
        A :class:`LinearStep` with ``.product`` and ``.y``.

    Raises:
        TypeError: an argument does not hold real numbers.
        ValueError: a shape contradicts the others, or an entry is not finite.
    """
    a = _read({"h": h, "W_hy": W_hy, "b_y": b_y}, _LINEAR)
    product = _product("W_hy h", a["W_hy"], a["h"])
    return LinearStep(**a, product=product, y=_sum("y", product, a["b_y"]))


# --- the plain recurrent network -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class RNNStep:
    """One step of a plain RNN, every vector of shape ``(hidden,)`` unless said.

    Attributes:
        x: input, shape ``(input,)``.
        h_prev: state before the step.
        W_xh: input weights, shape ``(hidden, input)``.
        W_hh: recurrent weights, shape ``(hidden, hidden)``.
        b_h: bias.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        input_term: ``W_xh x``.
        recurrent_term: ``W_hh h_prev``.
        z: pre-activation, ``W_hh h_prev + W_xh x + b_h``.
        h: state after the step.
    """

    x: FloatArray
    h_prev: FloatArray
    W_xh: FloatArray
    W_hh: FloatArray
    b_h: FloatArray
    nonlinearity: Nonlinearity
    input_term: FloatArray
    recurrent_term: FloatArray
    z: FloatArray
    h: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class RNNSequence:
    """The steps of a plain RNN over a sequence, and their quantities stacked, each ``(time, hidden)``.

    Attributes:
        steps: one :class:`RNNStep` per time step.
        input_term: ``W_xh x_t``.
        recurrent_term: ``W_hh h_{t-1}``.
        z: pre-activations.
        h: states after each step.
    """

    steps: tuple[RNNStep, ...]
    input_term: FloatArray
    recurrent_term: FloatArray
    z: FloatArray
    h: FloatArray


def rnn_step(
    x: ArrayLike,
    h_prev: ArrayLike,
    W_xh: ArrayLike,
    W_hh: ArrayLike,
    b_h: ArrayLike,
    *,
    nonlinearity: Nonlinearity = "tanh",
) -> RNNStep:
    """One step of a plain RNN: ``h = tanh(W_hh h_prev + W_xh x + b_h)``.

    Args:
        x: input, shape ``(input,)``.
        h_prev: state before the step, shape ``(hidden,)``.
        W_xh: input weights, shape ``(hidden, input)``.
        W_hh: recurrent weights, shape ``(hidden, hidden)``.
        b_h: bias, shape ``(hidden,)``. Torch keeps two; pass their sum.
        nonlinearity: ``"tanh"`` or ``"relu"``.

    Returns:
        An :class:`RNNStep` with ``.input_term``, ``.recurrent_term``, ``.z`` and ``.h``.

    Raises:
        TypeError: an argument does not hold real numbers.
        ValueError: a shape contradicts the others, an entry is not finite, a result overflows, or the
            nonlinearity is unknown.

    Source: Elman (1990).
    """
    given = {"x": x, "h_prev": h_prev, "W_xh": W_xh, "W_hh": W_hh, "b_h": b_h}
    return _rnn_step(**_read(given, {"x": (_D,), **_RNN}), nonlinearity=_nonlinearity(nonlinearity))


def _rnn_step(
    x: FloatArray,
    h_prev: FloatArray,
    W_xh: FloatArray,
    W_hh: FloatArray,
    b_h: FloatArray,
    nonlinearity: Nonlinearity,
) -> RNNStep:
    input_term = _product("W_xh x", W_xh, x)
    recurrent_term = _product("W_hh h_prev", W_hh, h_prev)
    z = _sum("z", recurrent_term, input_term, b_h)
    return RNNStep(
        x=x,
        h_prev=h_prev,
        W_xh=W_xh,
        W_hh=W_hh,
        b_h=b_h,
        nonlinearity=nonlinearity,
        input_term=input_term,
        recurrent_term=recurrent_term,
        z=z,
        h=np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0.0),
    )


def rnn_sequence(
    xs: ArrayLike,
    h0: ArrayLike,
    W_xh: ArrayLike,
    W_hh: ArrayLike,
    b_h: ArrayLike,
    *,
    nonlinearity: Nonlinearity = "tanh",
) -> RNNSequence:
    """A plain RNN over a sequence: :func:`rnn_step` repeated, each state handed to the next step.

    Args:
        xs: inputs, shape ``(time, input)``, at least one step.
        h0: state before the first step, shape ``(hidden,)``.
        W_xh: input weights, shape ``(hidden, input)``.
        W_hh: recurrent weights, shape ``(hidden, hidden)``.
        b_h: bias, shape ``(hidden,)``.
        nonlinearity: ``"tanh"`` or ``"relu"``.

    Returns:
        An :class:`RNNSequence`; its arrays have shape ``(time, hidden)``.

    Raises:
        TypeError: an argument does not hold real numbers.
        ValueError: a shape contradicts the others, an entry is not finite, a result overflows, or the
            nonlinearity is unknown.
    """
    given = {"xs": xs, "h0": h0, "W_xh": W_xh, "W_hh": W_hh, "b_h": b_h}
    a = _read_sequence(given, _RNN)
    kind = _nonlinearity(nonlinearity)
    weights = {name: a[name] for name in ("W_xh", "W_hh", "b_h")}
    steps: list[RNNStep] = []
    h = a["h0"]
    for x in a["xs"]:
        steps.append(_rnn_step(x, h, **weights, nonlinearity=kind))
        h = steps[-1].h
    return RNNSequence(steps=tuple(steps), **_stacked(steps, ("input_term", "recurrent_term", "z", "h")))


@dataclass(frozen=True, eq=False, kw_only=True)
class RNNGradients:
    """The gradients of a loss ``L`` through one step of a plain RNN; each has the shape of its quantity.

    Attributes:
        step: the step gone back through.
        dh: dL/dh, what arrives from above and from the future, shape ``(hidden,)``.
        slope: derivative of the nonlinearity at ``z``, shape ``(hidden,)``; ``1 - h²`` for tanh.
        dz: dL/dz, shape ``(hidden,)``.
        dx: dL/dx, shape ``(input,)``.
        dh_prev: dL/dh_prev by way of this step, shape ``(hidden,)``.
        dW_xh: this step's share of dL/dW_xh, shape ``(hidden, input)``.
        dW_hh: this step's share of dL/dW_hh, shape ``(hidden, hidden)``.
        db_h: this step's share of dL/db_h, shape ``(hidden,)``.
    """

    step: RNNStep
    dh: FloatArray
    slope: FloatArray
    dz: FloatArray
    dx: FloatArray
    dh_prev: FloatArray
    dW_xh: FloatArray
    dW_hh: FloatArray
    db_h: FloatArray


def rnn_step_backward(step: RNNStep, dh: ArrayLike) -> RNNGradients:
    """The chain rule back through one step of a plain RNN.

    Over a sequence, call it from the last step to the first: the ``dh`` of a step is the gradient its own
    output receives plus ``dh_prev`` of the step after it; the weights' gradients add up over the steps.

    Args:
        step: a step from :func:`rnn_step` or :func:`rnn_sequence`.
        dh: gradient of the loss by ``step.h``, shape ``(hidden,)``.

    Returns:
        An :class:`RNNGradients`.

    Raises:
        TypeError: ``dh`` does not hold real numbers.
        ValueError: ``dh`` has not the shape of ``step.h``, or an entry is not finite.

    Source: Rumelhart, Hinton & Williams (1986); Werbos (1990).
    """
    error = _numbers("dh", dh)
    if error.shape != step.h.shape:
        raise ValueError(f"dh has shape {error.shape}; expected {step.h.shape}, the shape of step.h.")
    slope = 1.0 - step.h**2 if step.nonlinearity == "tanh" else (step.z > 0).astype(np.float64)
    dz = error * slope
    with np.errstate(over="ignore"):
        dW_xh, dW_hh = np.outer(dz, step.x), np.outer(dz, step.h_prev)
    return RNNGradients(
        step=step,
        dh=error,
        slope=slope,
        dz=dz,
        dx=_product("dx", step.W_xh.T, dz),
        dh_prev=_product("dh_prev", step.W_hh.T, dz),
        dW_xh=_finite("dW_xh", dW_xh),
        dW_hh=_finite("dW_hh", dW_hh),
        db_h=dz.copy(),
    )


# --- long short-term memory ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class LSTMStep:
    """One step of an LSTM, every vector of shape ``(hidden,)`` unless said.

    Attributes:
        x: input, shape ``(input,)``.
        h_prev: hidden state before the step.
        c_prev: cell state before the step.
        W_ih: input weights, shape ``(4·hidden, input)``, rows in the order i, f, g, o.
        W_hh: recurrent weights, shape ``(4·hidden, hidden)``.
        b: bias, shape ``(4·hidden,)``.
        input_term: ``W_ih x``, shape ``(4·hidden,)``.
        recurrent_term: ``W_hh h_prev``, shape ``(4·hidden,)``.
        a_i: pre-activation of the input gate.
        a_f: pre-activation of the forget gate.
        a_g: pre-activation of the candidate.
        a_o: pre-activation of the output gate.
        i: input gate, each entry in [0, 1].
        f: forget gate, each entry in [0, 1]; 1 keeps the cell, 0 clears it.
        g: candidate, each entry in [-1, 1].
        o: output gate, each entry in [0, 1].
        kept: ``f * c_prev``, what the cell keeps.
        written: ``i * g``, what the step writes.
        c: cell state after the step, ``kept + written``.
        tanh_c: ``tanh(c)``.
        h: hidden state after the step, ``o * tanh(c)``.
    """

    x: FloatArray
    h_prev: FloatArray
    c_prev: FloatArray
    W_ih: FloatArray
    W_hh: FloatArray
    b: FloatArray
    input_term: FloatArray
    recurrent_term: FloatArray
    a_i: FloatArray
    a_f: FloatArray
    a_g: FloatArray
    a_o: FloatArray
    i: FloatArray
    f: FloatArray
    g: FloatArray
    o: FloatArray
    kept: FloatArray
    written: FloatArray
    c: FloatArray
    tanh_c: FloatArray
    h: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class LSTMSequence:
    """The steps of an LSTM over a sequence, and their quantities stacked, each ``(time, hidden)``.

    Attributes:
        steps: one :class:`LSTMStep` per time step.
        a_i: pre-activations of the input gate.
        a_f: pre-activations of the forget gate.
        a_g: pre-activations of the candidate.
        a_o: pre-activations of the output gate.
        i: input gate.
        f: forget gate.
        g: candidate.
        o: output gate.
        kept: ``f * c_prev``.
        written: ``i * g``.
        c: cell states after each step.
        tanh_c: ``tanh(c)``.
        h: hidden states after each step.
    """

    steps: tuple[LSTMStep, ...]
    a_i: FloatArray
    a_f: FloatArray
    a_g: FloatArray
    a_o: FloatArray
    i: FloatArray
    f: FloatArray
    g: FloatArray
    o: FloatArray
    kept: FloatArray
    written: FloatArray
    c: FloatArray
    tanh_c: FloatArray
    h: FloatArray


_LSTM_STACKED = ("a_i", "a_f", "a_g", "a_o", "i", "f", "g", "o", "kept", "written", "c", "tanh_c", "h")


def lstm_step(
    x: ArrayLike, h_prev: ArrayLike, c_prev: ArrayLike, W_ih: ArrayLike, W_hh: ArrayLike, b: ArrayLike
) -> LSTMStep:
    """One step of an LSTM with forget gate: ``c = f * c_prev + i * g``, ``h = o * tanh(c)``.

    Args:
        x: input, shape ``(input,)``.
        h_prev: hidden state before the step, shape ``(hidden,)``.
        c_prev: cell state before the step, shape ``(hidden,)``.
        W_ih: input weights, shape ``(4·hidden, input)``, rows in torch's order i, f, g, o.
        W_hh: recurrent weights, shape ``(4·hidden, hidden)``, same order.
        b: bias, shape ``(4·hidden,)``, same order. Torch keeps two; pass their sum.

    Returns:
        An :class:`LSTMStep` with ``.i .f .g .o .c .h`` and every intermediate.

    Raises:
        TypeError: an argument does not hold real numbers.
        ValueError: a shape contradicts the others, an entry is not finite, or a result overflows.

    Source: Hochreiter & Schmidhuber (1997); forget gate by Gers, Schmidhuber & Cummins (2000).
    """
    given = {"x": x, "h_prev": h_prev, "c_prev": c_prev, "W_ih": W_ih, "W_hh": W_hh, "b": b}
    return _lstm_step(**_read(given, {"x": (_D,), **_LSTM}))


def _lstm_step(
    x: FloatArray,
    h_prev: FloatArray,
    c_prev: FloatArray,
    W_ih: FloatArray,
    W_hh: FloatArray,
    b: FloatArray,
) -> LSTMStep:
    input_term = _product("W_ih x", W_ih, x)
    recurrent_term = _product("W_hh h_prev", W_hh, h_prev)
    a_i, a_f, a_g, a_o = np.split(_sum("a pre-activation", input_term, recurrent_term, b), 4)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    kept, written = f * c_prev, i * g
    c = _sum("c", kept, written)
    tanh_c = np.tanh(c)
    return LSTMStep(
        x=x,
        h_prev=h_prev,
        c_prev=c_prev,
        W_ih=W_ih,
        W_hh=W_hh,
        b=b,
        input_term=input_term,
        recurrent_term=recurrent_term,
        a_i=a_i,
        a_f=a_f,
        a_g=a_g,
        a_o=a_o,
        i=i,
        f=f,
        g=g,
        o=o,
        kept=kept,
        written=written,
        c=c,
        tanh_c=tanh_c,
        h=o * tanh_c,
    )


def lstm_sequence(
    xs: ArrayLike, h0: ArrayLike, c0: ArrayLike, W_ih: ArrayLike, W_hh: ArrayLike, b: ArrayLike
) -> LSTMSequence:
    """An LSTM over a sequence: :func:`lstm_step` repeated, both states handed to the next step.

    Args:
        xs: inputs, shape ``(time, input)``, at least one step.
        h0: hidden state before the first step, shape ``(hidden,)``.
        c0: cell state before the first step, shape ``(hidden,)``.
        W_ih: input weights, shape ``(4·hidden, input)``, rows in torch's order i, f, g, o.
        W_hh: recurrent weights, shape ``(4·hidden, hidden)``, same order.
        b: bias, shape ``(4·hidden,)``, same order.

    Returns:
        An :class:`LSTMSequence`; its arrays have shape ``(time, hidden)``.

    Raises:
        TypeError: an argument does not hold real numbers.
        ValueError: a shape contradicts the others, an entry is not finite, or a result overflows.
    """
    a = _read_sequence({"xs": xs, "h0": h0, "c0": c0, "W_ih": W_ih, "W_hh": W_hh, "b": b}, _LSTM)
    weights = {name: a[name] for name in ("W_ih", "W_hh", "b")}
    steps: list[LSTMStep] = []
    h, c = a["h0"], a["c0"]
    for x in a["xs"]:
        steps.append(_lstm_step(x, h, c, **weights))
        h, c = steps[-1].h, steps[-1].c
    return LSTMSequence(steps=tuple(steps), **_stacked(steps, _LSTM_STACKED))


# --- gated recurrent unit ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class GRUStep:
    """One step of a GRU, every vector of shape ``(hidden,)`` unless said.

    Attributes:
        x: input, shape ``(input,)``.
        h_prev: state before the step.
        W_ih: input weights, shape ``(3·hidden, input)``, rows in the order r, z, n.
        W_hh: recurrent weights, shape ``(3·hidden, hidden)``.
        b_ih: input bias, shape ``(3·hidden,)``.
        b_hh: recurrent bias, shape ``(3·hidden,)``.
        input_term: ``W_ih x``, shape ``(3·hidden,)``.
        recurrent_term: ``W_hh h_prev``, shape ``(3·hidden,)``.
        a_r: pre-activation of the reset gate.
        a_z: pre-activation of the update gate.
        memory: ``W_hn h_prev + b_hn``, what the reset gate lets through.
        reset_memory: ``r * memory``.
        a_n: pre-activation of the candidate, ``W_in x + b_in + reset_memory``.
        r: reset gate, each entry in [0, 1]; 0 hides the past from the candidate.
        z: update gate, each entry in [0, 1]; 1 keeps the old state, 0 takes the candidate.
        n: candidate, each entry in [-1, 1].
        written: ``(1 - z) * n``.
        kept: ``z * h_prev``.
        h: state after the step, ``written + kept``.
    """

    x: FloatArray
    h_prev: FloatArray
    W_ih: FloatArray
    W_hh: FloatArray
    b_ih: FloatArray
    b_hh: FloatArray
    input_term: FloatArray
    recurrent_term: FloatArray
    a_r: FloatArray
    a_z: FloatArray
    memory: FloatArray
    reset_memory: FloatArray
    a_n: FloatArray
    r: FloatArray
    z: FloatArray
    n: FloatArray
    written: FloatArray
    kept: FloatArray
    h: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class GRUSequence:
    """The steps of a GRU over a sequence, and their quantities stacked, each ``(time, hidden)``.

    Attributes:
        steps: one :class:`GRUStep` per time step.
        a_r: pre-activations of the reset gate.
        a_z: pre-activations of the update gate.
        memory: ``W_hn h_prev + b_hn``.
        reset_memory: ``r * memory``.
        a_n: pre-activations of the candidate.
        r: reset gate.
        z: update gate.
        n: candidate.
        written: ``(1 - z) * n``.
        kept: ``z * h_prev``.
        h: states after each step.
    """

    steps: tuple[GRUStep, ...]
    a_r: FloatArray
    a_z: FloatArray
    memory: FloatArray
    reset_memory: FloatArray
    a_n: FloatArray
    r: FloatArray
    z: FloatArray
    n: FloatArray
    written: FloatArray
    kept: FloatArray
    h: FloatArray


_GRU_STACKED = ("a_r", "a_z", "memory", "reset_memory", "a_n", "r", "z", "n", "written", "kept", "h")


def gru_step(
    x: ArrayLike, h_prev: ArrayLike, W_ih: ArrayLike, W_hh: ArrayLike, b_ih: ArrayLike, b_hh: ArrayLike
) -> GRUStep:
    """One step of a GRU as torch defines it: ``h = (1 - z) * n + z * h_prev``.

    The reset gate acts after the recurrent product: ``n = tanh(W_in x + b_in + r * (W_hn h_prev + b_hn))``.
    The original paper applies it before, to ``h_prev``.

    Args:
        x: input, shape ``(input,)``.
        h_prev: state before the step, shape ``(hidden,)``.
        W_ih: input weights, shape ``(3·hidden, input)``, rows in torch's order r, z, n.
        W_hh: recurrent weights, shape ``(3·hidden, hidden)``, same order.
        b_ih: input bias, shape ``(3·hidden,)``, same order.
        b_hh: recurrent bias, shape ``(3·hidden,)``, same order. Its last third stands inside the reset
            gate's product, so the two biases do not merge into one.

    Returns:
        A :class:`GRUStep` with ``.r .z .n .h`` and every intermediate.

    Raises:
        TypeError: an argument does not hold real numbers.
        ValueError: a shape contradicts the others, an entry is not finite, or a result overflows.

    Source: Cho et al. (2014); the reset gate placed as in torch's ``nn.GRU``.
    """
    given = {"x": x, "h_prev": h_prev, "W_ih": W_ih, "W_hh": W_hh, "b_ih": b_ih, "b_hh": b_hh}
    return _gru_step(**_read(given, {"x": (_D,), **_GRU}))


def _gru_step(
    x: FloatArray,
    h_prev: FloatArray,
    W_ih: FloatArray,
    W_hh: FloatArray,
    b_ih: FloatArray,
    b_hh: FloatArray,
) -> GRUStep:
    input_term = _product("W_ih x", W_ih, x)
    recurrent_term = _product("W_hh h_prev", W_hh, h_prev)
    in_r, in_z, in_n = np.split(_sum("W_ih x + b_ih", input_term, b_ih), 3)
    re_r, re_z, memory = np.split(_sum("W_hh h_prev + b_hh", recurrent_term, b_hh), 3)
    a_r, a_z = _sum("a_r", in_r, re_r), _sum("a_z", in_z, re_z)
    r, z = sigmoid(a_r), sigmoid(a_z)
    reset_memory = r * memory
    a_n = _sum("a_n", in_n, reset_memory)
    n = np.tanh(a_n)
    written, kept = (1.0 - z) * n, z * h_prev
    return GRUStep(
        x=x,
        h_prev=h_prev,
        W_ih=W_ih,
        W_hh=W_hh,
        b_ih=b_ih,
        b_hh=b_hh,
        input_term=input_term,
        recurrent_term=recurrent_term,
        a_r=a_r,
        a_z=a_z,
        memory=memory,
        reset_memory=reset_memory,
        a_n=a_n,
        r=r,
        z=z,
        n=n,
        written=written,
        kept=kept,
        h=_sum("h", written, kept),
    )


def gru_sequence(
    xs: ArrayLike, h0: ArrayLike, W_ih: ArrayLike, W_hh: ArrayLike, b_ih: ArrayLike, b_hh: ArrayLike
) -> GRUSequence:
    """A GRU over a sequence: :func:`gru_step` repeated, each state handed to the next step.

    Args:
        xs: inputs, shape ``(time, input)``, at least one step.
        h0: state before the first step, shape ``(hidden,)``.
        W_ih: input weights, shape ``(3·hidden, input)``, rows in torch's order r, z, n.
        W_hh: recurrent weights, shape ``(3·hidden, hidden)``, same order.
        b_ih: input bias, shape ``(3·hidden,)``, same order.
        b_hh: recurrent bias, shape ``(3·hidden,)``, same order.

    Returns:
        A :class:`GRUSequence`; its arrays have shape ``(time, hidden)``.

    Raises:
        TypeError: an argument does not hold real numbers.
        ValueError: a shape contradicts the others, an entry is not finite, or a result overflows.
    """
    given = {"xs": xs, "h0": h0, "W_ih": W_ih, "W_hh": W_hh, "b_ih": b_ih, "b_hh": b_hh}
    a = _read_sequence(given, _GRU)
    weights = {name: a[name] for name in ("W_ih", "W_hh", "b_ih", "b_hh")}
    steps: list[GRUStep] = []
    h = a["h0"]
    for x in a["xs"]:
        steps.append(_gru_step(x, h, **weights))
        h = steps[-1].h
    return GRUSequence(steps=tuple(steps), **_stacked(steps, _GRU_STACKED))


# --- sequences -----------------------------------------------------------------------------------------------


def _read_sequence(given: Mapping[str, ArrayLike], step: Mapping[str, _Shape]) -> dict[str, FloatArray]:
    """The arguments of a sequence: those of a step, with ``xs`` for ``x`` and ``h0`` for ``h_prev``."""
    shapes = {_INITIAL.get(name, name): shape for name, shape in step.items()}
    return _read(given, {"xs": (_T, _D), **shapes})


def _stacked(steps: Sequence[object], names: Sequence[str]) -> dict[str, FloatArray]:
    return {name: np.stack([getattr(step, name) for step in steps]) for name in names}
