"""One forward pass on ``meta``, watched layer by layer."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode

from rnncourse.counting.operators import operator_cost
from rnncourse.counting.records import Count, CountError, Layer, Operations, Rule
from rnncourse.counting.rules import LayerRule, find_rule
from rnncourse.counting.shadow import shadow


@dataclass(eq=False)
class _Tally:
    """A layer of the copy, and its calls so far."""

    path: str
    module: nn.Module
    rule: LayerRule | None
    output_shape: tuple[int, ...] | None = None
    calls: list[Operations] = field(default_factory=list)
    own: list[Operations] = field(default_factory=list)

    @property
    def type(self) -> str:
        # A parametrised layer has a generated class: show the one it was made from.
        return str(parametrize.type_before_parametrizations(self.module).__name__)

    @property
    def is_layer(self) -> bool:
        return self.rule is not None or not list(self.module.children())


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Books every operation on the layer that runs it, in the order of the first calls."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here, and guarding against it would import the compiler: seconds at the first count.
        return False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.running: list[_Tally] = []
        self.seen: list[_Tally] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        # Inside a known layer the closed form counts, outside any module nothing does.
        if self.running and self.running[-1].rule is None:
            tally = self.running[-1]
            cost = operator_cost(func, args, output)
            if cost is None:
                raise CountError(
                    f"module {tally.path!r} ({tally.type}) calls {func.overloadpacket.__name__}, whose cost is not "
                    f"defined; use a layer of torch.nn, or move the call into a module of its own and pass "
                    f"rules={{ThatModule: fn}}"
                )
            tally.own.append(cost)
        return output

    def enter(self, tally: _Tally) -> None:
        if tally not in self.seen:
            self.seen.append(tally)
        self.running.append(tally)


def _first_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return next((tensor for item in items if (tensor := _first_tensor(item)) is not None), None)


def _describe(args: tuple[Any, ...]) -> str:
    shown = _first_tensor(args)
    return "no tensor" if shown is None else f"shape {tuple(shown.shape)} ({shown.dtype})"


def _checked(tally: _Tally, args: tuple[Any, ...]) -> None:
    if tally.rule is None:
        return
    if not args or not isinstance(args[0], Tensor):
        got = type(args[0]).__name__ if args else "nothing"
        raise CountError(
            f"layer {tally.path!r} ({tally.type}) expected a tensor, got {got}; "
            "a recurrent layer returns (output, state): pass on its first item"
        )
    try:
        tally.rule.check(tally.module, args)
    except ValueError as error:
        raise CountError(f"layer {tally.path!r} ({tally.type}) {error}") from None


def _run(tally: _Tally, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        if tally.rule is not None and tally.rule.run is not None:
            return tally.rule.run(tally.module, args)
        return forward(*args, **kwargs)
    except CountError:
        raise
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise CountError(
            f"forward of {tally.path!r} ({tally.type}) fails on input of {_describe(args)}: {reason}; "
            "check input_size and dtype, and that no step depends on values of the data"
        ) from error


def _watched(tracer: _Tracer, tally: _Tally) -> Callable[..., Any]:
    forward = tally.module.forward
    signature = inspect.signature(forward)

    def call(*args: Any, **kwargs: Any) -> Any:
        if tally.rule is not None:
            args, kwargs = signature.bind(*args, **kwargs).args, {}
        tracer.enter(tally)
        try:
            _checked(tally, args)
            output = _run(tally, forward, args, kwargs)
            shown = _first_tensor(output)
            tally.output_shape = None if shown is None else tuple(shown.shape)
            rule = tally.rule.operations if tally.rule is not None else _nothing
            tally.calls.append(rule(tally.module, args, output))
        finally:
            tracer.running.pop()
        return output

    return call


def _nothing(module: nn.Module, args: tuple[Any, ...], output: Any) -> Operations:
    return Operations(backward_macs=0)


def _tallies(copy: nn.Module, rules: Mapping[type[nn.Module], Rule]) -> list[_Tally]:
    """Every module to watch: down to the known layers, and not into them."""
    found: list[_Tally] = []
    inside: set[int] = set()
    for path, module in copy.named_modules():
        if id(module) in inside:
            continue
        rule = find_rule(module, rules)
        tally = _Tally(path or "(root)", module, rule)
        if rule is not None:
            inside.update(id(part) for part in module.modules())
        elif any(True for _ in module.parameters(recurse=False)):
            raise CountError(
                f"layer {tally.path!r} of type {tally.type} has parameters and no rule; "
                f"pass rules={{{tally.type}: fn}}, where fn(module, args, output) returns Operations"
            )
        found.append(tally)
    return found


def _backward(operations: Sequence[Operations]) -> int | None:
    known = [one.backward_macs if one.macs or one.backward_macs else 0 for one in operations]
    return None if None in known else sum(number or 0 for number in known)


def _layer(tally: _Tally, counted: set[int]) -> Layer:
    """Sum up a layer; ``counted`` holds the tensors of earlier rows and grows."""
    whole = tally.rule is not None
    parameters = [p for p in tally.module.parameters(recurse=whole) if id(p) not in counted]
    buffers = [b for b in tally.module.buffers(recurse=whole) if id(b) not in counted]
    first_seen = bool(parameters) or not list(tally.module.parameters(recurse=whole))
    extra, fixed = tally.rule.keras(tally.module) if tally.rule is not None and first_seen else (0, 0)
    counted.update(id(tensor) for tensor in (*parameters, *buffers))
    operations = tally.calls + tally.own
    total = sum(p.numel() for p in parameters)
    return Layer(
        path=tally.path,
        type=tally.type,
        output_shape=tally.output_shape,
        calls=len(tally.calls),
        parameters=total,
        trainable_parameters=sum(p.numel() for p in parameters if p.requires_grad),
        buffers=sum(b.numel() for b in buffers),
        keras_parameters=total + extra,
        keras_non_trainable=fixed,
        macs=sum(one.macs for one in operations),
        bias_additions=sum(one.bias_additions for one in operations),
        elementwise=sum(one.elementwise for one in operations),
        backward_macs=_backward(operations),
    )


def _worth_a_row(tally: _Tally, layer: Layer) -> bool:
    work = layer.macs or layer.bias_additions or layer.elementwise
    container = isinstance(tally.module, nn.ModuleList | nn.ModuleDict)
    return (tally.is_layer and not container) or bool(work or layer.buffers)


def _checked_size(input_size: Sequence[int]) -> tuple[int, ...]:
    wrong = f"input_size must be a tuple of positive integers such as (1, 50, 64), got {input_size!r}"
    if isinstance(input_size, str | bytes) or not isinstance(input_size, Sequence) or not input_size:
        raise TypeError(wrong)
    try:
        sizes = tuple(index(size) for size in input_size)
    except TypeError:
        raise TypeError(wrong) from None
    if any(isinstance(size, bool) for size in input_size):
        raise TypeError(wrong)
    if min(sizes) < 1:
        raise ValueError(wrong)
    return sizes


def _input(copy: nn.Module, sizes: tuple[int, ...], dtype: torch.dtype | None, *, tracked: bool) -> Tensor:
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtype must be a torch.dtype such as torch.long, got {dtype!r}")
    floats = (p.dtype for p in copy.parameters() if p.is_floating_point())
    chosen = dtype or next(floats, torch.get_default_dtype())
    if tracked and not chosen.is_floating_point:
        raise ValueError(f"an input of {chosen} has no gradient; leave input_requires_grad False")
    try:
        # The clone is no leaf, so an in-place activation may act on it.
        return torch.empty(sizes, dtype=chosen, device="meta", requires_grad=tracked).clone()
    except RuntimeError:
        raise ValueError(f"input_size {sizes} has more elements than a tensor can hold; make it smaller") from None


def count(
    module: nn.Module,
    input_size: Sequence[int],
    *,
    dtype: torch.dtype | None = None,
    input_requires_grad: bool = False,
    rules: Mapping[type[nn.Module], Rule] | None = None,
) -> Count:
    """Count parameters and operations of one forward pass, without data.

    The module is copied to the ``meta`` device in evaluation mode, without its hooks, and the copy runs once. Shared
    parameters count once; a layer that is called several times is one row with the operations of all its calls.

    Args:
        module: any module built from known layers; it stays as it is.
        input_size: shape of its input, batch included, such as ``(1, 50, 64)`` for ``(batch, time, feature)``.
        dtype: of the input, ``torch.long`` for token ids; default: that of the module's first parameter.
        input_requires_grad: whether the backward pass goes on to the input, as inside a larger network.
        rules: for further types of layers, a function of the layer, its positional arguments and its output that
            returns ``Operations`` of one call. A rule for a container counts it as one layer.

    Returns:
        A ``Count``: totals, one row per layer, and a table.

    Raises:
        TypeError: ``module`` is no module, ``input_size`` no tuple of integers, or ``dtype`` no dtype.
        ValueError: a size is not positive.
        CountError: a layer has no rule, or cannot take its input.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}; build the layer first")
    sizes = _checked_size(input_size)
    # Leaving inference mode also turns gradients on, whatever the caller has chosen.
    with torch.inference_mode(False), torch.device("meta"):
        copy = shadow(module)
        x = _input(copy, sizes, dtype, tracked=input_requires_grad)
        tracer = _Tracer()
        tallies = _tallies(copy, rules or {})
        for tally in tallies:
            tally.module.forward = _watched(tracer, tally)
        with tracer:
            copy(x)
    never = [tally for tally in tallies if not any(tally is one for one in tracer.seen)]
    counted: set[int] = set()
    rows = [(tally, _layer(tally, counted)) for tally in (*tracer.seen, *never)]
    return Count(tuple(layer for tally, layer in rows if _worth_a_row(tally, layer)))
