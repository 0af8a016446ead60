"""One step of an RNN, an LSTM and a GRU in NumPy float64, with every intermediate kept.

A step takes vectors and matrices, not batches, and returns a frozen record: what went in, each
intermediate quantity under the name it has in the equations, and what comes out. The sequence functions
repeat a step over time. Weights have torch's layout and gate order, so a layer's own weights fit as they are.

An argument that does not hold real numbers is a ``TypeError``. A shape that contradicts the others, an entry that is
not finite, a result that overflows, or a nonlinearity that is unknown is a ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GRUStep", "LSTMSequence", "LSTMStep", "Nonlinearity", "RNNStep", "StepSequence"]
__all__ += ["gru_sequence", "gru_step", "lstm_sequence", "lstm_step", "rnn_sequence", "rnn_step", "sigmoid", "softmax"]

FloatArray = NDArray[np.float64]
Reals = ArrayLike  # of real numbers
Nonlinearity = Literal["tanh", "relu"]
Step = TypeVar("Step")


@dataclass(frozen=True, eq=False)
class StepSequence(Generic[Step]):
    """The steps of a sequence. Any quantity of a step is found here stacked over time: ``run.h`` is ``(time, hidden)``.

    Attributes:
        steps: one record per time step.
    """

    steps: tuple[Step, ...]

    def __getattr__(self, name: str) -> FloatArray:
        if name.startswith("__") or name == "steps":
            raise AttributeError(name)
        stacked = np.stack([getattr(step, name) for step in self.steps])
        self.__dict__[name] = stacked  # found at once the next time
        return stacked


def sigmoid(x: Reals) -> FloatArray:
    """The logistic function ``1 / (1 + exp(-x))`` of numbers of any shape, free of overflow."""
    return _sigmoid(_numbers("x", x))


def _sigmoid(values: FloatArray) -> FloatArray:
    # The exponent is never positive, so exp cannot overflow, and a small result keeps all its digits.
    decay = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0, decay) / (1.0 + decay)


def softmax(logits: Reals) -> FloatArray:
    """Probabilities from logits, ``(classes,)``: ``exp(y) / sum(exp(y))``.

    The largest logit is subtracted first, which changes nothing in exact arithmetic and keeps ``exp`` from overflowing.
    """
    values = _read({"logits": logits}, {"logits": ((1, "classes"),)})["logits"]
    with np.errstate(over="ignore"):
        weights = np.exp(values - values.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class RNNStep:
    """One step of a plain RNN, every vector of shape ``(hidden,)`` unless said."""

    x: FloatArray  #: input, ``(input,)``
    h_prev: FloatArray  #: state before the step
    W_xh: FloatArray  #: input weights, ``(hidden, input)``
    W_hh: FloatArray  #: recurrent weights, ``(hidden, hidden)``
    b_h: FloatArray  #: bias
    nonlinearity: Nonlinearity  #: ``"tanh"`` or ``"relu"``
    input_term: FloatArray  #: ``W_xh x``
    recurrent_term: FloatArray  #: ``W_hh h_prev``
    z: FloatArray  #: pre-activation, ``W_hh h_prev + W_xh x + b_h``
    h: FloatArray  #: state after the step


def rnn_step(
    x: Reals, h_prev: Reals, W_xh: Reals, W_hh: Reals, b_h: Reals, *, nonlinearity: Nonlinearity = "tanh"
) -> RNNStep:
    """One step of a plain RNN: ``h = tanh(W_hh h_prev + W_xh x + b_h)``, the arguments as :class:`RNNStep` keeps them.

    Torch keeps two biases; pass their sum. Source: Elman (1990).
    """
    given = {"x": x, "h_prev": h_prev, "W_xh": W_xh, "W_hh": W_hh, "b_h": b_h}
    return _rnn_step(_read(given, {**_RNN, "x": (_D,)}), _nonlinearity(nonlinearity))


@np.errstate(over="ignore", invalid="ignore")
def _rnn_step(a: dict[str, FloatArray], nonlinearity: Nonlinearity) -> RNNStep:
    terms = {"input_term": a["W_xh"] @ a["x"], "recurrent_term": a["W_hh"] @ a["h_prev"]}
    z = terms["recurrent_term"] + terms["input_term"] + a["b_h"]
    h = np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0.0)
    return _checked(RNNStep(nonlinearity=nonlinearity, z=z, h=h, **a, **terms))


def rnn_sequence(
    xs: Reals, h0: Reals, W_xh: Reals, W_hh: Reals, b_h: Reals, *, nonlinearity: Nonlinearity = "tanh"
) -> StepSequence[RNNStep]:
    """:func:`rnn_step` repeated over ``xs``, ``(time, input)``, from the state ``h0``, ``(hidden,)``."""
    a = _read({"xs": xs, "h0": h0, "W_xh": W_xh, "W_hh": W_hh, "b_h": b_h}, _over_time(_RNN))
    kind = _nonlinearity(nonlinearity)
    return _repeated(lambda given: _rnn_step(given, kind), a, ("h",))


@dataclass(frozen=True, eq=False, kw_only=True)
class LSTMStep:
    """One step of an LSTM, every vector of shape ``(hidden,)`` unless said."""

    x: FloatArray  #: input, ``(input,)``
    h_prev: FloatArray  #: hidden state before the step
    c_prev: FloatArray  #: cell state before the step
    W_ih: FloatArray  #: input weights, ``(4·hidden, input)``, rows in the order i, f, g, o
    W_hh: FloatArray  #: recurrent weights, ``(4·hidden, hidden)``
    b: FloatArray  #: bias, ``(4·hidden,)``
    input_term: FloatArray  #: ``W_ih x``, ``(4·hidden,)``
    recurrent_term: FloatArray  #: ``W_hh h_prev``, ``(4·hidden,)``
    a_i: FloatArray  #: pre-activation of the input gate
    a_f: FloatArray  #: pre-activation of the forget gate
    a_g: FloatArray  #: pre-activation of the candidate
    a_o: FloatArray  #: pre-activation of the output gate
    i: FloatArray  #: input gate, each entry in [0, 1]
    f: FloatArray  #: forget gate, each entry in [0, 1]; 1 keeps the cell, 0 clears it
    g: FloatArray  #: candidate, each entry in [-1, 1]
    o: FloatArray  #: output gate, each entry in [0, 1]
    kept: FloatArray  #: ``f * c_prev``, what the cell keeps
    written: FloatArray  #: ``i * g``, what the step writes
    c: FloatArray  #: cell state after the step, ``kept + written``
    tanh_c: FloatArray  #: ``tanh(c)``
    h: FloatArray  #: hidden state after the step, ``o * tanh(c)``


def lstm_step(x: Reals, h_prev: Reals, c_prev: Reals, W_ih: Reals, W_hh: Reals, b: Reals) -> LSTMStep:
    """One step of an LSTM with forget gate: ``c = f * c_prev + i * g``, ``h = o * tanh(c)``.

    The arguments are as :class:`LSTMStep` keeps them, rows in torch's order i, f, g, o. Torch keeps two biases; pass
    their sum. Source: Hochreiter & Schmidhuber (1997); forget gate by Gers, Schmidhuber & Cummins (2000).
    """
    given = {"x": x, "h_prev": h_prev, "c_prev": c_prev, "W_ih": W_ih, "W_hh": W_hh, "b": b}
    return _lstm_step(_read(given, {**_LSTM, "x": (_D,)}))


@np.errstate(over="ignore", invalid="ignore")
def _lstm_step(a: dict[str, FloatArray]) -> LSTMStep:
    terms = {"input_term": a["W_ih"] @ a["x"], "recurrent_term": a["W_hh"] @ a["h_prev"]}
    a_i, a_f, a_g, a_o = np.split(terms["input_term"] + terms["recurrent_term"] + a["b"], 4)
    i, f, g, o = _sigmoid(a_i), _sigmoid(a_f), np.tanh(a_g), _sigmoid(a_o)
    kept, written = f * a["c_prev"], i * g
    c = kept + written
    tanh_c = np.tanh(c)
    gates = {"a_i": a_i, "a_f": a_f, "a_g": a_g, "a_o": a_o, "i": i, "f": f, "g": g, "o": o}
    return _checked(LSTMStep(kept=kept, written=written, c=c, tanh_c=tanh_c, h=o * tanh_c, **a, **terms, **gates))


def lstm_sequence(xs: Reals, h0: Reals, c0: Reals, W_ih: Reals, W_hh: Reals, b: Reals) -> LSTMSequence:
    """:func:`lstm_step` repeated over ``xs``, ``(time, input)``, from the states ``h0`` and ``c0``, ``(hidden,)``."""
    a = _read({"xs": xs, "h0": h0, "c0": c0, "W_ih": W_ih, "W_hh": W_hh, "b": b}, _over_time(_LSTM))
    return _repeated(_lstm_step, a, ("h", "c"))


@dataclass(frozen=True, eq=False, kw_only=True)
class GRUStep:
    """One step of a GRU, every vector of shape ``(hidden,)`` unless said."""

    x: FloatArray  #: input, ``(input,)``
    h_prev: FloatArray  #: state before the step
    W_ih: FloatArray  #: input weights, ``(3·hidden, input)``, rows in the order r, z, n
    W_hh: FloatArray  #: recurrent weights, ``(3·hidden, hidden)``
    b_ih: FloatArray  #: input bias, ``(3·hidden,)``
    b_hh: FloatArray  #: recurrent bias, ``(3·hidden,)``
    input_term: FloatArray  #: ``W_ih x``, ``(3·hidden,)``
    recurrent_term: FloatArray  #: ``W_hh h_prev``, ``(3·hidden,)``
    a_r: FloatArray  #: pre-activation of the reset gate
    a_z: FloatArray  #: pre-activation of the update gate
    memory: FloatArray  #: ``W_hn h_prev + b_hn``, what the reset gate lets through
    reset_memory: FloatArray  #: ``r * memory``
    a_n: FloatArray  #: pre-activation of the candidate, ``W_in x + b_in + reset_memory``
    r: FloatArray  #: reset gate, each entry in [0, 1]; 0 hides the past from the candidate
    z: FloatArray  #: update gate, each entry in [0, 1]; 1 keeps the old state, 0 takes the candidate
    n: FloatArray  #: candidate, each entry in [-1, 1]
    written: FloatArray  #: ``(1 - z) * n``
    kept: FloatArray  #: ``z * h_prev``
    h: FloatArray  #: state after the step, ``written + kept``


def gru_step(x: Reals, h_prev: Reals, W_ih: Reals, W_hh: Reals, b_ih: Reals, b_hh: Reals) -> GRUStep:
    """One step of a GRU as torch defines it: ``h = (1 - z) * n + z * h_prev``.

    The reset gate acts after the recurrent product: ``n = tanh(W_in x + b_in + r * (W_hn h_prev + b_hn))``.
    The original paper applies it before, to ``h_prev``. The last third of ``b_hh`` stands inside the reset gate's
    product, so the two biases do not merge into one.

    The arguments are as :class:`GRUStep` keeps them, rows in torch's order r, z, n. Source: Cho et al. (2014); the
    reset gate placed as in torch's ``nn.GRU``.
    """
    given = {"x": x, "h_prev": h_prev, "W_ih": W_ih, "W_hh": W_hh, "b_ih": b_ih, "b_hh": b_hh}
    return _gru_step(_read(given, {**_GRU, "x": (_D,)}))


@np.errstate(over="ignore", invalid="ignore")
def _gru_step(a: dict[str, FloatArray]) -> GRUStep:
    input_term, recurrent_term = a["W_ih"] @ a["x"], a["W_hh"] @ a["h_prev"]
    in_r, in_z, in_n = np.split(input_term + a["b_ih"], 3)
    re_r, re_z, memory = np.split(recurrent_term + a["b_hh"], 3)
    a_r, a_z = in_r + re_r, in_z + re_z
    r, z = _sigmoid(a_r), _sigmoid(a_z)
    reset_memory = r * memory
    a_n = in_n + reset_memory
    n = np.tanh(a_n)
    written, kept = (1.0 - z) * n, z * a["h_prev"]
    terms = {"input_term": input_term, "recurrent_term": recurrent_term, "memory": memory, "reset_memory": reset_memory}
    gates = {"a_r": a_r, "a_z": a_z, "a_n": a_n, "r": r, "z": z, "n": n}
    return _checked(GRUStep(written=written, kept=kept, h=written + kept, **a, **terms, **gates))


def gru_sequence(xs: Reals, h0: Reals, W_ih: Reals, W_hh: Reals, b_ih: Reals, b_hh: Reals) -> StepSequence[GRUStep]:
    """:func:`gru_step` repeated over ``xs``, ``(time, input)``, from the state ``h0``, ``(hidden,)``."""
    a = _read({"xs": xs, "h0": h0, "W_ih": W_ih, "W_hh": W_hh, "b_ih": b_ih, "b_hh": b_hh}, _over_time(_GRU))
    return _repeated(_gru_step, a, ("h",))


LSTMSequence = StepSequence[LSTMStep]


def _repeated(
    step: Callable[[dict[str, FloatArray]], Step], a: dict[str, FloatArray], names: tuple[str, ...]
) -> StepSequence[Step]:
    """Take a step at each of ``xs``, and hand the states named on to the next one."""
    states = {f"{name}_prev": a[f"{name}0"] for name in names}
    weights = {name: value for name, value in a.items() if name != "xs" and not name.endswith("0")}
    steps: list[Step] = []
    for x in a["xs"]:
        steps.append(step({"x": x, **states, **weights}))
        states = {f"{name}_prev": getattr(steps[-1], name) for name in names}
    return StepSequence(tuple(steps))


# --- reading the arguments

# A shape in symbols: one (factor, dimension) pair per axis, so (4, "hidden_size") is 4·hidden_size.
_Shape = tuple[tuple[int, str], ...]
_D, _T = (1, "input_size"), (1, "time")
_H, _3H, _4H = (1, "hidden_size"), (3, "hidden_size"), (4, "hidden_size")
_RNN: dict[str, _Shape] = {"W_xh": (_H, _D), "W_hh": (_H, _H), "b_h": (_H,), "h_prev": (_H,)}
_LSTM: dict[str, _Shape] = {"W_ih": (_4H, _D), "W_hh": (_4H, _H), "b": (_4H,), "h_prev": (_H,), "c_prev": (_H,)}
_GRU: dict[str, _Shape] = {"W_ih": (_3H, _D), "W_hh": (_3H, _H), "b_ih": (_3H,), "b_hh": (_3H,), "h_prev": (_H,)}


def _over_time(step: Mapping[str, _Shape]) -> dict[str, _Shape]:
    """The shapes of a sequence: those of a step, with ``xs`` for ``x`` and ``h0`` for ``h_prev``."""
    return {**{name.replace("_prev", "0"): shape for name, shape in step.items()}, "xs": (_T, _D)}


def _read(given: Mapping[str, Reals], shapes: Mapping[str, _Shape]) -> dict[str, FloatArray]:
    """The arguments as arrays; each has to fit those before it in ``shapes``, the weights first."""
    arrays = {name: _numbers(name, value) for name, value in given.items()}
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        array, known = arrays[name], dict(sizes)
        fits = array.ndim == len(shape) and array.size > 0
        for length, (factor, size) in zip(array.shape, shape, strict=False):
            fits = fits and sizes.setdefault(size, length // factor) * factor == length
        if not fits:
            others = ", ".join(f"{other} {arrays[other].shape}" for other in shapes if other != name)
            wanted = f"{_expected(shape, known)}, that is {_expected(shape, {})}, none of them 0"
            raise ValueError(f"{name} has shape {array.shape}; expected {wanted}, beside {others}.")
    return arrays


def _numbers(name: str, value: Reals) -> FloatArray:
    """A float64 copy of an argument, or an error that names it."""
    try:
        array: NDArray[Any] = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} cannot be read as numbers ({error}); pass a list or an array of reals.") from error
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


def _expected(shape: _Shape, sizes: Mapping[str, int]) -> str:
    """A shape in numbers as far as the sizes are known, in words for the rest."""
    words = [
        str(factor * sizes[size]) if size in sizes else (size if factor == 1 else f"{factor}·{size}")
        for factor, size in shape
    ]
    return f"({', '.join(words)}{',' if len(words) == 1 else ''})"


def _nonlinearity(name: str) -> Nonlinearity:
    if name not in get_args(Nonlinearity):
        raise ValueError(f"nonlinearity is {name!r}; expected 'tanh' or 'relu'.")
    return name  # type: ignore[return-value]


def _checked(record: Step) -> Step:
    """A record all of whose numbers are finite."""
    for name, value in vars(record).items():
        if isinstance(value, np.ndarray) and not np.isfinite(value).all():
            raise ValueError(f"{name} overflows float64; scale the weights or the inputs down.")
    return record
