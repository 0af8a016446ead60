"""What a count is made of: operations, layers, and the whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    import pandas as pd

#: The FLOP conventions; ``rnncourse.counting`` defines them.
CONVENTIONS = ("gemm", "coursework", "all")


class CountError(ValueError):
    """A module or an input that cannot be counted; the message names the layer and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Operations of one call of one layer.

    Args:
        macs: multiply-accumulates of matrix products.
        bias_additions: additions of bias elements.
        elementwise: every other operation, one per element.
        backward_macs: multiply-accumulates of the matrix products of the backward pass; None where unknown.
    """

    macs: int = 0
    bias_additions: int = 0
    elementwise: int = 0
    backward_macs: int | None = None

    def __add__(self, other: "Operations") -> "Operations":
        # Without products there is nothing to know about their backward pass.
        backward = [one.backward_macs if one.macs or one.backward_macs else 0 for one in (self, other)]
        return Operations(
            macs=self.macs + other.macs,
            bias_additions=self.bias_additions + other.bias_additions,
            elementwise=self.elementwise + other.elementwise,
            backward_macs=None if None in backward else sum(one or 0 for one in backward),
        )


NOTHING = Operations(backward_macs=0)
#: A rule gets the layer, its positional arguments and its output and returns its operations.
Rule = Callable[[nn.Module, tuple[Any, ...], Any], Operations]


@dataclass(frozen=True, kw_only=True)
class Layer(Operations):
    """One row of a count: a layer, over all its calls, forward unless it says otherwise.

    Args:
        path: the layer's name in the module, dotted; ``(root)`` for the module itself.
        type: its class.
        output_shape: of the last call; the output sequence for a recurrent layer, None if it was never called.
        calls: how often the forward pass calls it.
        parameters: elements of its parameters that no earlier row has counted.
        trainable_parameters: those that require a gradient.
        buffers: elements of its buffers, such as moving statistics.
        keras_parameters: parameters as Keras counts them, non-trainable ones included.
        keras_non_trainable: moving statistics among them.
    """

    path: str
    type: str
    output_shape: tuple[int, ...] | None
    calls: int
    parameters: int
    trainable_parameters: int
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

    def total(self: "Count") -> int:
        rows = self._operated() if hasattr(Operations, name) else self.layers
        return sum(getattr(row, name) for row in rows)

    return property(total, doc=about)


@dataclass(frozen=True, repr=False)
class Count:
    """Parameters and operations of a module, layer by layer; a notebook shows it as a table.

    Args:
        layers: one row per layer, in the order of the forward pass.
        ran: whether there was a forward pass; without one only the parameters are known.
    """

    layers: tuple[Layer, ...]
    ran: bool = True

    parameters = _sum("parameters", "Distinct parameter elements, as PyTorch stores them.")
    trainable_parameters = _sum("trainable_parameters", "Those of ``parameters`` that require a gradient.")
    buffers = _sum("buffers", "Elements of PyTorch buffers, which are not parameters.")
    keras_parameters = _sum("keras_parameters", "Parameters as Keras counts the same layers, all of them.")
    keras_non_trainable = _sum("keras_non_trainable", "Moving statistics, *non-trainable* parameters to Keras.")
    macs = _sum("macs", "Multiply-accumulates of all matrix products, forward.")
    bias_additions = _sum("bias_additions", "Additions of bias elements, forward.")
    elementwise = _sum("elementwise", "Other operations, one per element, forward.")

    @property
    def backward_flops(self) -> int:
        """FLOPs of the backward pass under ``gemm``: twice its multiply-accumulates.

        Each product of the forward pass has two in the backward pass, one for the weight's gradient and one for
        the input's. An input that needs no gradient, a frozen weight and the zero initial state save theirs. Every
        product is taken to reach the loss.

        Raises:
            ValueError: a custom rule gives no ``backward_macs``.
        """
        total = 0
        for layer in self._operated():
            if layer.backward_macs is None:
                where = f"{layer.path!r} ({layer.type})"
                raise ValueError(f"the rule of layer {where} gives no backward_macs; return them in its Operations")
            total += layer.backward_macs
        return 2 * total

    def flops(self, convention: str) -> int:
        """Forward FLOPs of the whole module for the batch given, under ``gemm``, ``coursework`` or ``all``.

        Raises:
            ValueError: the convention is unknown.
        """
        return sum(layer.flops(convention) for layer in self._operated())

    def columns(self, *, framework: str = "torch", convention: str | None = None) -> dict[str, list[Any]]:
        """The table as lists, one entry per layer and the total last."""
        known = {"torch": "parameters", "keras": "keras_parameters"}
        if framework not in known:
            raise ValueError(f"framework must be one of {', '.join(known)}, got {framework!r}")
        fields = {"parameters": known[framework]}
        if self.ran:
            fields |= {"MACs": "macs", "bias additions": "bias_additions", "elementwise": "elementwise"}
        numbers = {name: [getattr(layer, field) for layer in self.layers] for name, field in fields.items()}
        if convention is not None:
            numbers[f"FLOPs ({convention})"] = [layer.flops(convention) for layer in self._operated()]
        shapes = [str(one.output_shape or "no tensor") if one.calls else "not called" for one in self.layers]
        return {
            "layer": [*(layer.path for layer in self.layers), "total"],
            "type": [*(layer.type for layer in self.layers), ""],
            "output shape": [*shapes, ""],
            **{name: [*column, sum(column)] for name, column in numbers.items()},
        }

    def table(self, *, framework: str = "torch", convention: str | None = None) -> "pd.DataFrame":
        """One row per layer and a total.

        Args:
            framework: whose parameters to show, ``torch`` or ``keras``.
            convention: where given, a column of FLOPs under it is added.

        Returns:
            Data frame with columns layer, type, output shape, parameters, MACs, bias additions, elementwise.
        """
        import pandas as pd

        return pd.DataFrame(self.columns(framework=framework, convention=convention))

    def text(self, *, framework: str = "torch", convention: str | None = None) -> str:
        """The table as text, the total below a rule; ``framework`` and ``convention`` as in :meth:`table`."""
        columns = self.columns(framework=framework, convention=convention)
        cells = [[name, *map(_in_words, column)] for name, column in columns.items()]
        widths = [max(map(len, column)) for column in cells]
        rows = [
            "  ".join(f"{cell:{'<' if place < 3 else '>'}{widths[place]}}" for place, cell in enumerate(row)).rstrip()
            for row in zip(*cells, strict=True)
        ]
        rule = "-" * (sum(widths) + 2 * len(widths) - 2)
        return "\n".join([rows[0], rule, *rows[1:-1], rule, rows[-1]])

    __repr__ = text

    def _repr_html_(self) -> str:
        columns = self.columns()
        rows = ("".join(f"<td>{_in_words(cell)}</td>" for cell in row) for row in zip(*columns.values(), strict=True))
        head = "".join(f"<th>{name}</th>" for name in columns)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f'<table class="dataframe rnncourse-count"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def _operated(self) -> tuple[Layer, ...]:
        if not self.ran:
            raise CountError("no input was given, so only the parameters are counted; pass input_size or data")
        return self.layers


def _in_words(cell: Any) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
