"""One forward pass of a copy, watched operator by operator."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from rnncourse.counting import inputs
from rnncourse.counting.copying import copied, tensors_in
from rnncourse.counting.operators import Sums, operator_cost, rms_norm_operations
from rnncourse.counting.records import NOTHING, Count, CountError, Layer, Operations, Rule
from rnncourse.counting.recurrent import RECURRENT, recurrent_call, recurrent_operations


@dataclass(eq=False)
class _Row:
    """A module of the copy, and what it has cost so far."""

    path: str
    module: nn.Module
    rule: Rule | None = None
    output_shape: tuple[int, ...] | None = None
    calls: int = 0
    cost: Operations = NOTHING

    @property
    def type(self) -> str:
        # A parametrised layer has a generated class: show the one it was made from.
        plain = parametrize.type_before_parametrizations(self.module).__name__
        return str(getattr(self.module, "original_name", plain))


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Books every operation on the module that runs it, in the order of the first calls."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here, and guarding against it would import the compiler: seconds at the first count.
        return False

    def __init__(self, root: _Row, *, shapes_only: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.shapes_only = shapes_only
        self.running = [root]
        self.seen: dict[int, _Row] = {}
        self.failed: tuple[Exception, _Row, Any] | None = None
        self.refused: CountError | None = None
        self.paused = 0
        self._sums = Sums()
        self._written: dict[int, Tensor] = {}  # tensors with numbers into which one without was written, by storage

    def call(self, row: _Row, forward: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a module's forward and book what it costs on its row."""
        self.seen.setdefault(id(row), row)
        self.running.append(row)
        self.paused += row.rule is not None
        try:
            output = forward(*args, **kwargs)
        except Exception as error:
            if self.failed is None or self.failed[0] is not error:
                self.failed = (error, row, args)
            raise
        finally:
            self.running.pop()
            self.paused -= row.rule is not None
        row.calls += 1
        shown = next(tensors_in(output), None)
        row.output_shape = None if shown is None else tuple(shown.shape)
        if row.rule is not None:
            signature = inspect.signature(forward.forward if isinstance(forward, nn.Module) else forward)
            row.cost += row.rule(row.module, signature.bind(*args, **kwargs).args, output)
        return output

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        name, kwargs = str(func.overloadpacket.__name__), kwargs or {}
        output = self._run(func, name, args, kwargs)
        if not self.paused:
            cost = operator_cost(func, args, kwargs, output, self._sums)
            if cost is None:
                self.refused = _refusal(self.running[-1], name)
                raise self.refused
            self.book(cost)
        return output

    def book(self, cost: Operations) -> None:
        """Add a cost to the row of the module that runs."""
        row = self.running[-1]
        self.seen.setdefault(id(row), row)
        row.cost += cost

    def _run(self, operator: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operator, without numbers where one of its tensors has none."""
        tensors = list(tensors_in([args, kwargs]))
        if not any(self._lacks_numbers(one) for one in tensors) or name == "_pack_padded_sequence":
            return operator(*args, **kwargs)
        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": torch.device("meta")}
        output = operator(*_on_meta(args), **_on_meta(kwargs))
        if operator._schema.is_mutable and args and isinstance(args[0], Tensor) and not args[0].is_meta:
            self._written[args[0].untyped_storage()._cdata] = args[0]
            return args[0] if isinstance(output, Tensor) else output
        return output

    def _lacks_numbers(self, tensor: Tensor) -> bool:
        return tensor.is_meta or (bool(self._written) and tensor.untyped_storage()._cdata in self._written)


class _Functions(TorchFunctionMode):
    """Books the functions of the recurrent layers and the RMS norm, whose costs are their own whatever they run."""

    def __init__(self, tracer: _Tracer) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        name, tracer, kwargs = getattr(func, "__name__", ""), self.tracer, kwargs or {}
        if tracer.paused or (name not in RECURRENT and name != "rms_norm"):
            return func(*args, **kwargs)
        tracer.paused += 1
        try:
            call = recurrent_call(name, args) if name in RECURRENT else None
            output = call.outputs() if call and tracer.shapes_only else func(*args, **kwargs)
        finally:
            tracer.paused -= 1
        tracer.book(recurrent_operations(call) if call else rms_norm_operations(output, *args, **kwargs))
        return output


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if value.is_meta else torch.empty_like(value, device="meta")
    if isinstance(value, dict):
        return {key: _on_meta(one) for key, one in value.items()}
    return type(value)(_on_meta(one) for one in value) if isinstance(value, list | tuple) else value


def _rows(copy: nn.Module, rules: Mapping[type[nn.Module], Rule]) -> list[_Row]:
    """Every module of the copy, down to those with a rule and not into them."""
    rows: list[_Row] = []
    inside: set[int] = set()
    for path, module in copy.named_modules():
        if id(module) not in inside:
            rule = next((rules[kind] for kind in type(module).__mro__ if kind in rules), None)
            rows.append(_Row(path or "(root)", module, rule))
            inside.update(id(part) for part in module.modules() if rule is not None)
    return rows


def _layer(row: _Row, counted: set[int]) -> Layer:
    """Sum up a row; ``counted`` holds the tensors of earlier rows and grows."""
    whole = row.rule is not None
    named = [(n, p) for n, p in row.module.named_parameters(recurse=whole) if id(p) not in counted]
    buffers = [(n, b) for n, b in row.module.named_buffers(recurse=whole) if id(b) not in counted]
    counted.update(id(tensor) for _, tensor in (*named, *buffers))
    parameters = sum(p.numel() for _, p in named)
    moving = sum(b.numel() for n, b in buffers if n.startswith("running_"))
    # PyTorch stores two biases per gate, Keras one but for a GRU.
    second = sum(p.numel() for n, p in named if "bias_hh" in n and "GRU" not in row.type)
    return Layer(
        path=row.path,
        type=row.type,
        output_shape=row.output_shape,
        calls=row.calls,
        parameters=parameters,
        trainable_parameters=sum(p.numel() for _, p in named if p.requires_grad),
        buffers=sum(b.numel() for _, b in buffers),
        keras_parameters=parameters - second + moving,
        keras_non_trainable=moving,
        **vars(row.cost),
    )


def _worth_a_row(row: _Row, layer: Layer) -> bool:
    leaf = row.rule is not None or not list(row.module.children())
    held = layer.parameters or layer.buffers or layer.macs or layer.bias_additions or layer.elementwise
    return bool(held) or (leaf and not isinstance(row.module, nn.ModuleList | nn.ModuleDict))


@contextmanager
def _isolated(tensors: Sequence[Any]) -> Iterator[None]:
    """Gradients on, the plain form of attention, and random numbers as they were."""
    devices = {one.device for one in tensors_in(tensors) if one.is_cuda}
    distribution = torch.distributions.Distribution
    validated = distribution._validate_args
    try:
        distribution.set_default_validate_args(False)  # asks for numbers
        # Leaving inference mode also turns gradients on, whatever the caller has chosen.
        with torch.inference_mode(False), torch.random.fork_rng(list(devices)), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        distribution.set_default_validate_args(validated)


def _refusal(row: _Row, name: str) -> CountError:
    problem = f"module {row.path!r} ({row.type}) calls {name}, which may hide matrix products"
    remedy = "move the call into a module of its own and pass rules={ThatModule: fn}, where fn(module, args, output)"
    return CountError(f"{problem}; {remedy} returns Operations")


def _failure(error: Exception, row: _Row, args: Any, *, shapes_only: bool) -> CountError:
    """One sentence: what failed, on what, why, and what to do."""
    reason = str(error).split("\n")[0]
    shown = next(tensors_in(args), None)
    given = "no tensor" if shown is None else f"an input of shape {tuple(shown.shape)} ({shown.dtype})"
    floats = next((p.dtype for p in row.module.parameters() if p.is_floating_point()), torch.float32)
    remedy = "change input_size or the layer before"
    if args and isinstance(args[0], tuple):
        given, remedy = "a tuple", "a recurrent layer returns (output, state): pass on its first item"
    elif shapes_only and "meta" in reason.lower():
        remedy = "its steps depend on values of the input: give some in data"
    elif shown is not None and isinstance(row.module, nn.Embedding | nn.EmbeddingBag) and shown.is_floating_point():
        remedy = "token ids are whole: pass dtype=torch.long"
    elif shown is not None and shown.dtype != floats:
        remedy = f"pass dtype={floats}"
    layer = f"{row.type}({row.module.extra_repr()})"
    return CountError(f"forward of {row.path!r}, {layer}, fails on {given}: {reason}; {remedy}")


def count(
    module: nn.Module,
    input_size: Any = None,
    *,
    data: Any = None,
    lengths: Sequence[int] | None = None,
    dtype: torch.dtype | Sequence[torch.dtype] | Mapping[str, torch.dtype] | None = None,
    input_requires_grad: bool = False,
    rules: Mapping[type[nn.Module], Rule] | None = None,
) -> Count:
    """Count parameters and operations of one forward pass of a copy in evaluation mode, without the module's hooks.

    Shared parameters count once; a layer that is called several times is one row with the operations of all its calls.

    Args:
        module: any module; it stays as it is.
        input_size: shape of its input, batch included, such as ``(1, 50, 64)`` for ``(batch, time, feature)``. Several
            inputs are a list of sizes, or a dict for keywords, where options such as ``{"x": (1, 3), "deep": True}``
            may stand too. A tensor in place of a size lends its shape, and its numbers if they are whole. The pass
            then runs on the ``meta`` device, without data. With no input at all the parameters are counted alone.
        data: instead of sizes, a tensor, a list or a dict of keywords to run the copy on; for a forward whose steps
            depend on the numbers, or, with an empty list, one that takes none.
        lengths: of the sequences. They fill the input of their size, or the parameter of ``forward`` of that name;
            otherwise the input is packed.
        dtype: of the input, ``torch.long`` for token ids, or one for each input; default: that of the module's first
            parameter.
        input_requires_grad: whether the backward pass goes on to the input, as inside a larger network.
        rules: for further types of modules, a function of the module, its positional arguments and its output that
            returns ``Operations`` of one call. A rule for a container counts it as one layer.

    Returns:
        A ``Count``: totals, one row per layer, and a table.

    Raises:
        TypeError: ``module`` is no module, ``input_size`` no size, or ``dtype`` no dtype.
        ValueError: a size is not positive.
        CountError: an operator may hide matrix products, or the forward pass fails.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}; build the layer first")
    if data is not None and (input_size is not None or lengths is not None or dtype is not None):
        raise TypeError("data stands in place of input_size, lengths and dtype; give the one or the other")
    with _isolated([data, *module.parameters()]):
        copy = copied(module, shapes_only=data is None)
        if data is None:
            args, kwargs = inputs.from_sizes(copy, input_size, dtype, lengths, tracked=input_requires_grad)
        else:
            args, kwargs = inputs.from_data(data, tracked=input_requires_grad)
        rows = _rows(copy, rules or {})
        tracer = _Tracer(rows[0], shapes_only=data is None)
        ran = data is not None or input_size is not None
        if ran:
            _run(tracer, rows, copy, args, kwargs)
    for path, parameter in copy.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise CountError(f"parameter {path!r} has no shape yet; run the module once on data before counting")
    ordered = dict.fromkeys((*tracer.seen.values(), *rows))
    counted: set[int] = set()
    layers = [(row, _layer(row, counted)) for row in ordered]
    return Count(tuple(layer for row, layer in layers if _worth_a_row(row, layer)), ran=ran)


def _run(tracer: _Tracer, rows: list[_Row], copy: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for row in rows[1:]:
        if not isinstance(row.module, torch.jit.ScriptModule):
            row.module.forward = wraps(row.module.forward)(partial(tracer.call, row, row.module.forward))
    try:
        with _Functions(tracer), tracer:
            tracer.call(rows[0], copy, *args, **kwargs)
    except Exception as error:
        where = tracer.failed or (error, rows[0], args)
        raise tracer.refused or _failure(*where, shapes_only=tracer.shapes_only) from error
    if tracer.refused is not None:  # also where forward caught it
        raise tracer.refused
