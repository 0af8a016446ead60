"""One call of a recurrent layer, watched where it reaches torch's kernel.

What a layer computes is decided in the moment of the call: weights may be recomputed right before it, hooks and an
overridden ``forward`` may change what goes in and what comes out. So the instruments call the module once, as anyone
does, and read what the kernel was given. Afterwards the module and the random state are put back as they were.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

Layer = nn.RNN | nn.LSTM | nn.GRU

_MODES: Mapping[Callable[..., Any], str] = {
    torch.lstm: "LSTM",
    torch.gru: "GRU",
    torch.rnn_tanh: "RNN_TANH",
    torch.rnn_relu: "RNN_RELU",
}


class Weights(NamedTuple):
    """Weights of one layer in one direction, rows in torch's order; biases and projection may be missing."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None = None

    def double(self) -> "Weights":
        """The same in float64."""
        parts = [None if part is None else part.double() for part in self[2:]]
        return Weights(self.w_ih.double(), self.w_hh.double(), *parts)


@dataclass(frozen=True, eq=False)
class KernelCall:
    """What torch's kernel was given.

    Attributes:
        mode: ``LSTM``, ``GRU``, ``RNN_TANH`` or ``RNN_RELU``.
        input: ``(time, batch, feature)``, or the rows of a packed sequence.
        initial: h_0 and, for an LSTM, c_0, each ``(layers * directions, batch, width)``.
        flat: all weights, layer by layer, direction by direction.
        batch_sizes: those of a packed sequence, else None.
    """

    mode: str
    input: Tensor
    initial: tuple[Tensor, ...]
    flat: tuple[Tensor, ...]
    bias: bool
    num_layers: int
    directions: int
    batch_first: bool
    batch_sizes: Tensor | None

    @cached_property
    def layers(self) -> list[list[Weights]]:
        """The weights by layer and direction."""
        size = len(self.flat) // (self.num_layers * self.directions)
        parts = [self.flat[k : k + size] for k in range(0, len(self.flat), size)]
        none = () if self.bias else (None, None)
        ways = [Weights(*part[:2], *none, *part[2:]) for part in parts]
        return [ways[k : k + self.directions] for k in range(0, len(ways), self.directions)]

    def run_layer(self, layer: int, data: Tensor) -> Tensor:
        """Output of one layer, all directions side by side, for the input ``data``: torch's kernel once more."""
        weights = [part for way in self.layers[layer] for part in way if part is not None]
        initial = [state[layer * self.directions : (layer + 1) * self.directions] for state in self.initial]
        states = initial if self.mode == "LSTM" else initial[0]
        kernel = next(kernel for kernel, mode in _MODES.items() if mode == self.mode)
        options = (self.bias, 1, 0.0, False, self.directions == 2)
        if self.batch_sizes is None:
            output: Tensor = kernel(data, states, weights, *options, False)[0]
        else:
            output = kernel(data, self.batch_sizes, states, weights, *options)[0]
        return output


def tanh(values: Tensor, out: Tensor) -> Tensor:
    """As ``torch.tanh``; on a processor NumPy's, which takes a fraction of the time."""
    if values.device.type == "cpu":
        np.tanh(values.numpy(), out=out.numpy())
    else:
        torch.tanh(values, out=out)
    return out


def check_layer(rnn: object, wanted: str = "an nn.RNN, nn.LSTM or nn.GRU") -> None:
    """Refuse with TypeError what is no recurrent layer of torch's; name the layers inside a wrapper."""
    if isinstance(rnn, Layer):
        return
    got = f"rnn must be {wanted}, got {type(rnn).__name__}"
    if isinstance(rnn, torch.jit.ScriptModule):
        raise TypeError(f"{got}, which is scripted; pass the module that was scripted.")
    paths = (
        [path for path, part in rnn.named_modules() if isinstance(part, Layer)] if isinstance(rnn, nn.Module) else []
    )
    if not paths:
        raise TypeError(f"{got}.")
    names = ["rnn" + "".join(f"[{p}]" if p.isdigit() else f".{p}" for p in path.split(".")) for path in paths[:3]]
    raise TypeError(f"{got}, which holds one; pass the layer itself: {' or '.join(names)}.")


def check_input(rnn: Layer, x: object, wanted: str = "a Tensor") -> None:
    """Refuse what is none of the wanted, does not fit the layer, or holds no step."""
    if isinstance(x, PackedSequence) and "PackedSequence" in wanted:
        return
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be {wanted}, got {type(x).__name__}.")
    if x.ndim not in (2, 3) or x.shape[-1] != rnn.input_size:
        order = "(batch, time, feature)" if rnn.batch_first else "(time, batch, feature)"
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected {order}, or (time, feature) for one sequence, and "
            f"rnn.input_size={rnn.input_size} features."
        )
    if x.numel() == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}, which is empty; pass at least one step of one sequence.")


def watch(
    rnn: Layer, x: Tensor | PackedSequence, hx: Any = None, run: Callable[[KernelCall], Tensor] | None = None
) -> tuple[KernelCall, Tensor | PackedSequence]:
    """Call ``rnn`` on ``x`` and catch its call of torch's kernel.

    Args:
        rnn: what :func:`check_layer` accepts.
        x: input as the module takes it.
        hx: initial states as the module takes them, or None.
        run: computes the output ``(time, batch, width)`` in place of the kernel.

    Returns:
        What the kernel was given, and what the module returned as its output: the kernel's output, unchanged.

    Raises:
        ValueError: the kernel was not called exactly once, the module returns something else than the kernel's
            output, layers drop out in training mode, or what the kernel was given are no finite numbers.
    """
    data = x.data if isinstance(x, PackedSequence) else x
    _check_numbers(data, "x.data" if isinstance(x, PackedSequence) else "x")
    watcher = _Watcher(run)
    # Tensors of inference mode do not tell whether a hook has written into them.
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(data.device.type, enabled=False), unchanged(rnn):
        with watcher:
            # Not rnn(...), which a compiled module would answer from code that nobody can watch.
            call: Callable[..., Any] = rnn._call_impl
            returned = call(x) if hx is None else call(x, hx)
        output = returned[0] if isinstance(returned, tuple) and not isinstance(returned, PackedSequence) else returned
        if len(watcher.calls) != 1:
            raise ValueError(
                f"a call of rnn runs torch's kernel {len(watcher.calls)} times, expected once; its own forward or a "
                "hook does something else than one recurrent layer: pass the plain layer."
            )
        if not watcher.is_output(output.data if isinstance(output, PackedSequence) else output):
            raise ValueError(
                "rnn returns something else than torch's kernel computes, because of its own forward or a forward "
                "hook; remove the hook, or pass a plain layer of these weights."
            )
    return watcher.calls[0], output


class _Watcher(TorchFunctionMode):
    """Keeps what torch's kernels are given, and what they return."""

    def __init__(self, run: Callable[[KernelCall], Tensor] | None) -> None:
        super().__init__()
        self.run, self.calls = run, list[KernelCall]()
        self.output, self.version = torch.empty(0), 0

    def __torch_function__(self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        mode = _MODES.get(func)
        if mode is None:
            return func(*args, **(kwargs or {}))
        call = _read_call(mode, *args)
        self.calls.append(call)
        result = func(*args) if self.run is None else (self._output_of_run(call), *call.initial)
        self.output, self.version = result[0], result[0]._version
        return result

    def _output_of_run(self, call: KernelCall) -> Tensor:
        assert self.run is not None
        output = self.run(call).to(call.input.dtype)
        return output.transpose(0, 1) if call.batch_first else output

    def is_output(self, returned: object) -> bool:
        """Whether these are the kernel's values still; the module may have dropped a batch axis of one."""
        if not isinstance(returned, Tensor) or self.output._version != self.version:
            return False
        if returned.numel() != self.output.numel() or returned.dtype != self.output.dtype:
            return False
        values = returned.reshape(self.output.shape)
        return values.is_set_to(self.output) or torch.equal(values, self.output)


def _read_call(mode: str, input: Tensor, *given: Any) -> KernelCall:
    """Read and check a kernel's arguments; where the input is packed, ``batch_sizes`` stand before the states."""
    dense = isinstance(given[2], bool)
    hx, flat, bias, num_layers, dropout, training, two_ways, *last = given if dense else given[1:]
    if training and dropout > 0 and num_layers > 1:
        raise ValueError(
            f"rnn is in training mode with dropout={dropout} between its layers, so every pass differs; "
            "call rnn.eval() first."
        )
    initial = (hx,) if isinstance(hx, Tensor) else tuple(hx)
    names = [f"parameter {name}" for name in _names(len(flat), bias, num_layers, 1 + two_ways)]
    for name, values in zip((*names, "x", "h_0", "c_0"), (*flat, input, *initial), strict=False):
        if name != "x":  # That was checked when it was given.
            _check_numbers(values, name)
        if values.dtype != flat[0].dtype or values.device != flat[0].device:
            raise ValueError(
                f"{name} is {values.dtype} on {values.device}, {names[0]} is {flat[0].dtype} on {flat[0].device}; "
                "bring both to one dtype and device with .to()."
            )
    batch_first = dense and last[0]
    data = input.transpose(0, 1) if batch_first else input
    batch_sizes = None if dense else given[0]
    # Copies: the call may have written into the module's own weights, which are put back afterwards.
    weights = tuple(weight.clone() for weight in flat)
    return KernelCall(mode, data, initial, weights, bias, num_layers, 1 + two_ways, batch_first, batch_sizes)


def _names(count: int, bias: bool, num_layers: int, directions: int) -> Iterator[str]:
    """The names that torch gives to the weights that its kernel takes, in that order."""
    size = count // (num_layers * directions)
    parts = ["weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if bias else ()), "weight_hr"][:size]
    for layer in range(num_layers):
        for suffix in ("", "_reverse")[:directions]:
            yield from (f"{part}_l{layer}{suffix}" for part in parts)


def _check_numbers(values: Tensor, name: str) -> None:
    """Refuse tensors without storage, NaN and infinity."""
    if values.is_meta:
        raise ValueError(f"{name} is on the meta device and holds no numbers; load it on a real device.")
    # A finite sum proves finite entries in one pass; only a suspicious one is searched.
    if math.isfinite(float(values.sum())):
        return
    wrong = torch.nonzero(~torch.isfinite(values))
    if len(wrong):
        index = tuple(wrong[0].tolist())
        raise ValueError(f"{name} holds {values[index].item()} at index {index}; every entry must be finite.")


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Put back, at the end, whatever a call changes in a module, its parts and torch's random state."""
    parts = [(part, dict(vars(part))) for part in module.modules()]
    contents = [(held, held.copy()) for _, own in parts for held in own.values() if isinstance(held, dict | list | set)]
    contents.append((parametrize._cache, parametrize._cache.copy()))
    tensors = [t for t in (*module.parameters(), *module.buffers()) if not t.is_meta]
    saved = [(tensor, tensor.detach().clone(), tensor.requires_grad, tensor.grad) for tensor in tensors]
    devices = {tensor.device for tensor in tensors if tensor.is_cuda}
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            for part, own in parts:
                vars(part).clear()
                vars(part).update(own)
            for held, before in contents:
                held.clear()
                held.extend(before) if isinstance(held, list) else held.update(before)
            with torch.no_grad():
                for tensor, values, learns, grad in saved:
                    if not torch.equal(tensor, values):
                        tensor.copy_(values)
                    if tensor.is_leaf:
                        tensor.requires_grad_(learns).grad = grad
