"""What a count is made of: operations, layers, and the whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

CONVENTIONS = ("gemm", "coursework", "all")
"""The FLOP conventions; ``rnncourse.counting`` defines them."""


class CountError(ValueError):
    """A module or an input that cannot be counted; the message names the layer and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Operations of a call.

    Args:
        macs: multiply-accumulates of matrix products.
        bias_additions: additions of bias elements.
        elementwise: every other operation, one per element.
        backward_macs: multiply-accumulates of the matrix products of the backward pass.
    """

    macs: int = 0
    bias_additions: int = 0
    elementwise: int = 0
    backward_macs: int = 0

    def __add__(self, other: "Operations") -> "Operations":
        return Operations(**{name: getattr(self, name) + getattr(other, name) for name in vars(NOTHING)})


NOTHING = Operations()


@dataclass(frozen=True, kw_only=True)
class Layer(Operations):
    """One row of a count: a layer, over all its calls, forward unless it says otherwise.

    Args:
        path: the layer's name in the module, dotted; ``(root)`` for the module itself.
        type: its class.
        output_shape: of the last call; the output sequence for a recurrent layer, None if it was never called.
        calls: how often the forward pass calls it.
        parameters: elements of its parameters that no earlier row has counted.
        buffers: elements of its buffers, such as moving statistics.
        keras_parameters: parameters as Keras counts them, non-trainable ones included.
        keras_non_trainable: moving statistics among them.
    """

    path: str
    type: str
    output_shape: tuple[int, ...] | None
    calls: int
    parameters: int
    buffers: int
    keras_parameters: int
    keras_non_trainable: int

    def flops(self, convention: str) -> int:
        """Forward FLOPs of this layer under ``gemm``, ``coursework`` or ``all``.

        Raises:
            ValueError: the convention is unknown.
        """
        if convention not in CONVENTIONS:
            raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {convention!r}")
        biases = self.bias_additions if convention != "gemm" else 0
        return 2 * self.macs + biases + (self.elementwise if convention == "all" else 0)


def _sum(name: str, about: str) -> property:
    """The total of a field over all rows."""
    return property(lambda self: sum(getattr(row, name) for row in self.layers), doc=about)


@dataclass(frozen=True, repr=False)
class Count:
    """Parameters and operations of a module, layer by layer; it prints as a table.

    Args:
        layers: one row per layer, in the order of the forward pass.
    """

    layers: tuple[Layer, ...]

    parameters = _sum("parameters", "Distinct parameter elements, as PyTorch stores them.")
    buffers = _sum("buffers", "Elements of PyTorch buffers, which are not parameters.")
    keras_parameters = _sum("keras_parameters", "Parameters as Keras counts the same layers, all of them.")
    keras_non_trainable = _sum("keras_non_trainable", "Those that Keras calls non-trainable: moving statistics.")
    macs = _sum("macs", "Multiply-accumulates of all matrix products, forward.")
    bias_additions = _sum("bias_additions", "Additions of bias elements, forward.")
    elementwise = _sum("elementwise", "Other operations, one per element, forward.")

    @property
    def backward_flops(self) -> int:
        """FLOPs of the backward pass under ``gemm``: twice its multiply-accumulates.

        Each product of the forward pass has two in the backward pass, one for the weight's gradient and one for
        the input's. An input that needs no gradient, a frozen weight and the zero initial state save theirs. Every
        product is taken to reach the loss.
        """
        return 2 * sum(layer.backward_macs for layer in self.layers)

    def flops(self, convention: str) -> int:
        """Forward FLOPs of the whole module for the batch given, under ``gemm``, ``coursework`` or ``all``.

        Raises:
            ValueError: the convention is unknown.
        """
        return sum(layer.flops(convention) for layer in self.layers)

    def _columns(self, convention: str | None) -> dict[str, list[Any]]:
        """The table as lists, one entry per layer and the total last."""
        fields = {"parameters": "parameters", "MACs": "macs", "bias additions": "bias_additions"}
        fields["elementwise"] = "elementwise"
        numbers = {name: [getattr(layer, field) for layer in self.layers] for name, field in fields.items()}
        if convention is not None:
            numbers[f"FLOPs ({convention})"] = [layer.flops(convention) for layer in self.layers]
        shapes = [str(one.output_shape or "no tensor") if one.calls else "not called" for one in self.layers]
        return {
            "layer": [*(layer.path for layer in self.layers), "total"],
            "type": [*(layer.type for layer in self.layers), ""],
            "output shape": [*shapes, ""],
            **{name: [*column, sum(column)] for name, column in numbers.items()},
        }

    def table(self, *, convention: str | None = None) -> "pd.DataFrame":
        """One row per layer and a total: layer, type, output shape, parameters, MACs, bias additions, elementwise.

        Where a convention is given, a column of FLOPs under it is added.
        """
        import pandas as pd

        return pd.DataFrame(self._columns(convention))

    def text(self, *, convention: str | None = None) -> str:
        """The table as text, the total below a rule; ``convention`` as in :meth:`table`."""
        columns = self._columns(convention)
        cells = [[name, *(f"{one:,}" if isinstance(one, int) else one for one in col)] for name, col in columns.items()]
        widths = [max(map(len, column)) for column in cells]
        rows = [
            "  ".join(f"{cell:{'<' if place < 3 else '>'}{widths[place]}}" for place, cell in enumerate(row)).rstrip()
            for row in zip(*cells, strict=True)
        ]
        rule = "-" * (sum(widths) + 2 * len(widths) - 2)
        return "\n".join([rows[0], rule, *rows[1:-1], rule, rows[-1]])

    __repr__ = text
