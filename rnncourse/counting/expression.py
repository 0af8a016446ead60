"""A network written as one line, such as ``LSTM(1, 64, num_layers=2)``, read without evaluating code."""

import ast
import inspect
import operator
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

LONGEST = 10_000  # characters in an expression
LARGEST = 10**12  # number in an expression
DEEPEST = 1_000  # num_layers
WORDS = ("tanh", "relu", "none", "same", "valid", "zeros", "reflect", "replicate", "circular")  # no device among them
_KNOWN = (
    "RNN LSTM GRU RNNCell LSTMCell GRUCell Linear Embedding Conv1d Conv2d MaxPool1d MaxPool2d AvgPool1d AvgPool2d "
    "AdaptiveAvgPool1d AdaptiveAvgPool2d BatchNorm1d BatchNorm2d LayerNorm Dropout Flatten Identity ReLU LeakyReLU "
    "PReLU ELU GELU SiLU Tanh Sigmoid Softplus Softmax LogSoftmax"
)
LAYERS: dict[str, type[nn.Module]] = {name: getattr(nn, name) for name in _KNOWN.split()}

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


class Last(nn.Module):
    """The last step of a sequence: ``(batch, time, feature)`` to ``(batch, feature)``.

    Of a bidirectional layer's output, the last step is the backward direction's *first*: it has read one input.

    Args:
        dim: the dimension of time; 0 for ``(time, batch, feature)`` and ``(time, feature)``.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Select the last step."""
        return x.select(self.dim, -1)


class LayerChain(nn.Sequential):
    """``nn.Sequential`` that passes on the output sequence of a recurrent layer, and drops its final state."""

    def forward(self, x: Any) -> Any:
        """Run the layers in order; where one returns a tuple, its first item goes on."""
        for layer in self:
            x = layer(x)
            x = x[0] if isinstance(x, tuple) else x
        return x


class _Undrawn(TorchFunctionMode):
    """Leaves out the drawing of weights that have no numbers anyway: half of the time."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        weight = args[0] if args else (kwargs or {}).get("tensor")
        drawing = getattr(func, "__name__", "") in ("uniform_", "normal_", "kaiming_uniform_", "fill_", "zero_")
        return weight if drawing and weight is not None else func(*args, **(kwargs or {}))


def module_from_text(text: str) -> nn.Module:
    """Build a module from one line of text, on the ``meta`` device.

    Allowed are the layers of ``LAYERS``, ``Last()``, ``Sequential(...)`` of them, numbers and their arithmetic,
    ``True``, ``False``, ``None``, a few words and keyword arguments. Recurrent layers are batch first unless the text
    says ``batch_first=False``. No code is evaluated and no memory allocated, however large the layer.

    Args:
        text: the expression, such as ``"Sequential(RNN(64, 32), Last(), Linear(32, 10))"``.

    Raises:
        ValueError: the text is not such an expression; the message says what is wrong with it.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the expression has {len(text)} characters; at most {LONGEST} are read")
    try:
        return _build(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise ValueError(f"{shown!r} is not an expression ({error.msg}); write one like LSTM(1, 64)") from None
    except (RecursionError, MemoryError):
        raise ValueError("the expression is nested too deeply; write it flatter") from None


def _build(node: ast.expr) -> nn.Module:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"{ast.unparse(node)!r} is not a layer; write one like LSTM(1, 64) or Sequential(...)")
    name = node.func.id
    if name == "Sequential":
        if node.keywords or not node.args:
            raise ValueError("Sequential takes one or more layers and no keyword; write Sequential(RNN(64, 32))")
        return LayerChain(*[_build(argument) for argument in node.args])
    kind = Last if name == "Last" else LAYERS.get(name)
    if kind is None:
        known = ", ".join(("Sequential", "Last", *LAYERS))
        raise ValueError(f"{name!r} is not a known layer; known are {known}")
    return _layer(name, kind, _arguments(name, kind, node))


def _layer(name: str, kind: type[nn.Module], arguments: dict[str, Any]) -> nn.Module:
    layers = arguments.get("num_layers", 1)
    if not isinstance(layers, int) or layers > DEEPEST:
        raise ValueError(f"num_layers of {name} is {layers!r}; give a whole number up to {DEEPEST}")
    try:
        with torch.device("meta"), _Undrawn(), warnings.catch_warnings():
            # An unused dropout or an empty weight does not concern a count.
            warnings.simplefilter("ignore")
            return kind(**arguments)
    except Exception as error:
        reason = str(error).split("\n")[0]
        shown = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        raise ValueError(f"cannot build {name}({shown}): {reason}; check its arguments") from error


def _parameter_names(name: str, kind: type[nn.Module]) -> list[str]:
    """Names of a layer's arguments in order, without ``device`` and ``dtype``."""
    if issubclass(kind, nn.RNNBase):
        # The subclasses take *args; RNN has its nonlinearity where the others have the bias.
        names = list(inspect.signature(nn.RNNBase.__init__).parameters)[2:]
        if kind is nn.RNN:
            names.remove("proj_size")
            names.insert(names.index("bias"), "nonlinearity")
    else:
        names = list(inspect.signature(kind.__init__).parameters)[1:]
    return [one for one in names if one not in ("device", "dtype", "args", "kwargs")]


def _arguments(name: str, kind: type[nn.Module], node: ast.Call) -> dict[str, Any]:
    names = _parameter_names(name, kind)
    if len(node.args) > len(names):
        raise ValueError(f"{name} takes at most {len(names)} arguments ({', '.join(names)}), got {len(node.args)}")
    given = {key: _literal(value) for key, value in zip(names, node.args, strict=False)}
    for keyword in node.keywords:
        if keyword.arg not in names or keyword.arg in given:
            shown = keyword.arg or f"**{ast.unparse(keyword.value)}"
            problem = "is given twice" if keyword.arg in given else "is not one of its arguments"
            raise ValueError(f"{shown!r} of {name} {problem}; it takes {', '.join(names) or 'none'}")
        given[keyword.arg] = _literal(keyword.value)
    if issubclass(kind, nn.RNNBase):
        given.setdefault("batch_first", True)
    return given


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_literal(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _constant(_arithmetic(node))
    raise ValueError(f"{ast.unparse(node)!r} is not a number, a word or a list of them; write the value itself")


def _constant(value: Any) -> Any:
    if isinstance(value, str) and value not in WORDS:
        raise ValueError(f"the word {value!r} is not allowed; allowed are {', '.join(WORDS)}")
    if not isinstance(value, int | float | str | None):
        raise ValueError(f"{value!r} is not a number or a word; write the value itself")
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise ValueError(f"a number in the expression is larger than {LARGEST:,}; make it smaller")
    return value


def _number(node: ast.expr) -> int | float:
    value = _literal(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{ast.unparse(node)!r} is not a number; write one")
    return value


def _arithmetic(node: ast.BinOp) -> int | float:
    left, right = _number(node.left), _number(node.right)
    if isinstance(node.op, ast.Pow) and not 0 <= right <= 64:
        raise ValueError(f"the exponent in {ast.unparse(node)!r} is not between 0 and 64; write the number")
    try:
        result: int | float = _ARITHMETIC[type(node.op)](left, right)
    except ArithmeticError as error:
        raise ValueError(f"{ast.unparse(node)!r} has no value ({error}); write the number") from None
    return result
