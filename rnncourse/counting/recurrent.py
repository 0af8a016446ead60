"""Closed forms of PyTorch's recurrent functions, which ``nn.LSTM``, ``nn.GRUCell`` and their like call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rnncourse.counting.records import Operations

_GATES = {"rnn": 1, "lstm": 4, "gru": 3}
_ELEMENTWISE = {"rnn": 1, "lstm": 9, "gru": 9}  # per hidden unit and step; the page on counting derives them
#: Names of the functions, and the kind of cell that each runs.
RECURRENT = {
    **{"rnn_tanh": "rnn", "rnn_tanh_cell": "rnn", "rnn_relu": "rnn", "rnn_relu_cell": "rnn"},
    **{"lstm": "lstm", "lstm_cell": "lstm", "gru": "gru", "gru_cell": "gru"},
}


@dataclass(frozen=True)
class _Run:
    """One direction of one layer: its weights, and over how many steps and sequences it runs."""

    matrices: Sequence[Tensor]  # from the input, from the state, and the projection where there is one
    biases: Sequence[Tensor]
    steps: int  # summed over the sequences
    firsts: int  # sequences whose state before the step is the initial one


_Layers = tuple[tuple[_Run, ...], ...]  # of each layer its directions


@dataclass(frozen=True)
class Call:
    """A call of one of the functions, its arguments sorted out."""

    kind: str
    x: Tensor
    states: tuple[Tensor, ...]
    layers: _Layers
    batch: int
    is_cell: bool

    @property
    def hidden_size(self) -> int:
        """Units of each direction of each layer."""
        return len(self.layers[0][0].matrices[0]) // _GATES[self.kind]

    def outputs(self) -> Any:
        """What the function returns, by shape alone."""
        width, directions = self.layers[0][0].matrices[1].shape[1], len(self.layers[0])
        weights = [weight for layer in self.layers for run in layer for weight in (*run.matrices, *run.biases)]
        tracked = any(one.requires_grad for one in (self.x, *self.states, *weights))

        def empty(*shape: int) -> Tensor:
            # The clone is no leaf, so the caller may write into it as into a real output.
            return self.x.new_empty(shape).requires_grad_(tracked).clone()

        if self.is_cell:
            one = empty(self.batch, self.hidden_size)
            return (one, empty(self.batch, self.hidden_size)) if self.kind == "lstm" else one
        stack = len(self.layers) * directions
        output, final = empty(*self.x.shape[:-1], width * directions), empty(stack, self.batch, width)
        return (output, final, empty(stack, self.batch, self.hidden_size)) if self.kind == "lstm" else (output, final)


def recurrent_call(name: str, args: tuple[Any, ...]) -> Call:
    """Read the arguments of a recurrent function, as ``torch.nn`` gives them.

    Raises:
        ValueError: the input does not fit the weights.
    """
    is_cell, x = name.endswith("_cell"), args[0]
    if is_cell:
        given, w_ih, w_hh, *biases = args[1:]
        batch = len(x)
        run = _Run([w_ih, w_hh], [bias for bias in biases if bias is not None], batch, batch)
        layers: _Layers = ((run,),)
    elif isinstance(args[3], list | tuple):  # packed
        sizes, given, weights, has_biases, depth, _, _, bidirectional = args[1:]
        batch = int(sizes[0])
        firsts = (batch, int(sizes[-1])) if bidirectional else (batch,)
        layers = _layers(weights, has_biases, depth, steps=len(x), firsts=firsts)
    else:
        given, weights, has_biases, depth, _, _, bidirectional, batch_first = args[1:]
        batch = x.shape[0 if batch_first else 1]
        firsts = (batch, batch) if bidirectional else (batch,)
        layers = _layers(weights, has_biases, depth, steps=x.shape[:2].numel(), firsts=firsts)
    call = Call(RECURRENT[name], x, (given,) if isinstance(given, Tensor) else tuple(given), layers, batch, is_cell)
    _check(call)
    return call


def recurrent_operations(call: Call) -> Operations:
    """Operations of a call over all layers, directions, steps and sequences.

    The backward pass has, per step, the products for ``dW_ih``, ``dW_hh`` and ``dh``, and for ``dx`` if the input
    needs a gradient. The gradient of the initial state is wanted only if the state is given and needs it.
    """
    initial = bool(call.states) and call.states[0].requires_grad
    any_state = any(state.requires_grad for state in call.states)
    wanted = call.x.requires_grad
    macs = biases = backward = runs = 0
    for layer in call.layers:
        tracked = wanted or any_state
        for run in layer:
            macs += run.steps * sum(matrix.numel() for matrix in run.matrices)
            biases += run.steps * sum(bias.numel() for bias in run.biases)
            runs += run.steps
            backward += _backward(run, wanted=wanted, initial=initial, any_state=any_state)
            tracked = tracked or any(one.requires_grad for one in (*run.matrices, *run.biases))
        wanted = tracked
    elementwise = runs * call.hidden_size * _ELEMENTWISE[call.kind]
    return Operations(macs=macs, bias_additions=biases, elementwise=elementwise, backward_macs=backward)


def _backward(run: _Run, *, wanted: bool, initial: bool, any_state: bool) -> int:
    """Multiply-accumulates of the gradients of one direction of one layer."""
    w_ih, w_hh, *projections = run.matrices
    # Where the projection alone learns, the first step's gates depend on nothing that needs a gradient.
    from_the_first = wanted or any_state or any(one.requires_grad for one in (w_ih, w_hh, *run.biases))
    tracked = from_the_first or any(one.requires_grad for one in projections)
    later = run.steps - run.firsts
    into_state = later + run.firsts * initial if tracked else 0
    macs = run.steps * w_ih.numel() * (int(w_ih.requires_grad) + wanted)
    macs += w_hh.numel() * (run.steps * w_hh.requires_grad + into_state)
    for projection in projections:
        into_unprojected = run.steps if from_the_first else later if tracked else 0
        macs += projection.numel() * (run.steps * projection.requires_grad + into_unprojected)
    return macs


def _layers(weights: Sequence[Tensor], has_biases: bool, depth: int, *, steps: int, firsts: tuple[int, ...]) -> _Layers:
    """The flat list of weights, by layer and direction."""
    directions, biases = len(firsts), 2 if has_biases else 0
    each = len(weights) // (depth * directions)
    runs = []
    for start, first in zip(range(0, len(weights), each), firsts * depth, strict=True):
        w_ih, w_hh, *rest = weights[start : start + each]
        runs.append(_Run([w_ih, w_hh, *rest[biases:]], rest[:biases], steps, first))
    return tuple(tuple(runs[start : start + directions]) for start in range(0, len(runs), directions))


def _check(call: Call) -> None:
    weight = call.layers[0][0].matrices[0]
    if call.x.shape[-1] != weight.shape[1]:
        raise ValueError(f"expected {weight.shape[1]} features, got {call.x.shape[-1]}")
    if call.x.dtype != weight.dtype:
        raise ValueError(f"expected {weight.dtype}, got {call.x.dtype}")
    wanted = (call.batch, call.hidden_size)
    if call.is_cell and any(tuple(state.shape) != wanted for state in call.states):
        raise ValueError(f"expected a state of shape {wanted}, got {tuple(call.states[0].shape)}")
