"""A network written as one line, such as ``LSTM(1, 64, num_layers=2)``, read without evaluating code."""

import ast
import warnings
from typing import Any

import torch
from torch import Tensor, nn

LONGEST = 10_000  # characters in an expression
DEEPEST = 1_000  # num_layers
WORDS = ("tanh", "relu", "none", "same", "valid", "zeros", "reflect", "replicate", "circular")  # no device among them
_KNOWN = """RNN LSTM GRU RNNCell LSTMCell GRUCell Linear Embedding Conv1d Conv2d MaxPool1d MaxPool2d AvgPool1d AvgPool2d
    AdaptiveAvgPool1d AdaptiveAvgPool2d BatchNorm1d BatchNorm2d LayerNorm Dropout Flatten Identity ReLU LeakyReLU PReLU
    ELU GELU SiLU Tanh Sigmoid Softplus Softmax LogSoftmax"""
LAYERS: dict[str, type[nn.Module]] = {name: getattr(nn, name) for name in _KNOWN.split()}


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


def module_from_text(text: str) -> nn.Module:
    """Build a module from one line of text, on the ``meta`` device.

    Allowed are the layers of ``LAYERS``, ``Last()``, ``Sequential(...)`` of them, and arguments written out: numbers,
    words, ``True``, ``False``, ``None`` and lists of these. Recurrent layers are batch first unless the text says
    ``batch_first=False``. No code is evaluated and no memory allocated, however large the layer.

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
    return _layer(kind, [_literal(one) for one in node.args], _keywords(node))


def _layer(kind: type[nn.Module], arguments: list[Any], keywords: dict[str, Any]) -> nn.Module:
    if issubclass(kind, nn.RNNBase):
        layers = keywords.get("num_layers", arguments[2] if len(arguments) > 2 else 1)
        if not isinstance(layers, int) or layers > DEEPEST:
            raise ValueError(f"num_layers of {kind.__name__} is {layers!r}; give a whole number up to {DEEPEST}")
        # RNN has its nonlinearity before the bias.
        if len(arguments) <= (5 if kind is nn.RNN else 4):
            keywords.setdefault("batch_first", True)
    try:
        with torch.device("meta"), warnings.catch_warnings():
            # An unused dropout or an empty weight does not concern a count.
            warnings.simplefilter("ignore")
            return kind(*arguments, **keywords)
    except Exception as error:
        reason = str(error).split("\n")[0]
        shown = ", ".join([*map(repr, arguments), *(f"{key}={value!r}" for key, value in keywords.items())])
        raise ValueError(f"cannot build {kind.__name__}({shown}): {reason}; check its arguments") from error


def _keywords(node: ast.Call) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in ("device", "dtype"):
            raise ValueError(f"{ast.unparse(keyword)!r} is not one of the arguments that a count needs; leave it out")
        given[keyword.arg] = _literal(keyword.value)
    return given


def _literal(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{ast.unparse(node)!r} is not a number, a word or a list; write the value itself") from None
    if isinstance(value, str) and value not in WORDS:
        raise ValueError(f"the word {value!r} is not allowed; allowed are {', '.join(WORDS)}")
    return value
