r"""LSTMs with a gate taken away, at the speed of the fused kernel.

A gate held open is a block of rows that does not learn: weights 0 and biases that sum to +40. The kernel
then computes :math:`\sigma(40)`, which rounds to exactly 1, and its derivative to exactly 0. Those rows are no
parameters: the module owns the rows that learn and assembles the full matrices before each call of the kernel. So no
weight decay can move them, and counts of parameters are honest.

**What "no" means.** A missing gate is 1, always open, as in Greff et al. (2017): what it guarded passes
unchecked. ``X_only`` keeps gate X and holds the two others at 1. The coursework's report states the same for
its input-only model: the forget gate counts as always 1. For its forget-only model it does not say, but a
closed input gate (0) would keep every input out of the cell, so 1 is the only reading that can learn.

**What bounds the cell.** With every gate the candidate content g lies in (−1, 1), so from a zero start the cell lies
within t after t steps. Where f stays below 1, also without an input gate, it lies within 1/(1 − f); where the forget
gate is held at 1, nothing ever leaves it; coupled, it is an average of the old cell and g, and lies within 1. The
hidden state stays in (−1, 1), but for a form without the output activation.

**Greff et al.'s names.** Their vanilla LSTM (V) has peepholes, torch's has none. So ``nn.LSTM`` is their NP
(no peepholes), their V is the variant ``peephole``, and the seven others here start from NP, not from V.
:data:`VARIANTS` lists all names.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from rnncourse._kernel_call import check_layer
from rnncourse._loop_lstm import LoopLSTM

__all__ = ["VARIANTS", "AblatedLSTM", "LoopLSTM", "Variant", "ablate", "learnable_parameters"]

KernelVariant = Literal[
    "full", "no_input", "no_forget", "no_output", "input_only", "forget_only", "output_only", "coupled"
]
CellVariant = Literal["no_input_activation", "no_output_activation", "peephole", "full_gate_recurrence"]


@dataclass(frozen=True)
class Variant:
    """One way to ablate an LSTM.

    Attributes:
        name: what :func:`ablate` calls it.
        description: one line: what is changed.
        greff: the abbreviation of Greff et al. (2017), or None where they do not have the variant.
        fused: whether it runs on torch's fused kernel; the others loop over the steps.
        blocks: the rows of a fused variant from top to bottom, as runs: letters of ``ifgo`` are rows that learn,
            ``1`` is one gate held open, ``-f`` the rows of f with the sign turned. Empty for the others.
    """

    name: str
    description: str
    greff: str | None
    fused: bool
    blocks: tuple[str, ...] = ()

    @property
    def learned(self) -> str:
        """The gates that own rows, letters in torch's order ``ifgo``; empty for a variant off the kernel."""
        return "".join(gate for gate in "ifgo" if any(gate in run for run in self.blocks))

    def __str__(self) -> str:
        greff = f"Greff et al.: {self.greff}" if self.greff else "not in Greff et al."
        return f"{self.description} ({greff}; {'fused kernel' if self.fused else 'cell loop'})"


def _variants(*variants: Variant) -> Mapping[str, Variant]:
    return MappingProxyType({variant.name: variant for variant in variants})


#: Every variant by name; ``str()`` of an entry is a one-line description.
VARIANTS = _variants(
    Variant("full", "nothing removed: nn.LSTM as it is", "NP", True, ("ifgo",)),
    Variant("no_input", "input gate held at 1", "NIG", True, ("1", "fgo")),
    Variant("no_forget", "forget gate held at 1", "NFG", True, ("i", "1", "go")),
    Variant("no_output", "output gate held at 1", "NOG", True, ("ifg", "1")),
    Variant("input_only", "forget and output gate held at 1", None, True, ("i", "1", "g", "1")),
    Variant("forget_only", "input and output gate held at 1", None, True, ("1", "fg", "1")),
    Variant("output_only", "input and forget gate held at 1", None, True, ("1", "1", "go")),
    Variant("coupled", "input gate tied to the forget gate, i = 1 - f", "CIFG", True, ("-f", "f", "go")),
    Variant("no_input_activation", "candidate content left linear, g = its pre-activation", "NIAF", False),
    Variant("no_output_activation", "cell shown unsquashed, h = o c", "NOAF", False),
    Variant("peephole", "gates see their own unit's cell", "V", False),
    Variant("full_gate_recurrence", "gates see all gates of the step before", "FGR", False),
)

# Half of +40 for each of torch's two biases; exact in every float format, and σ(40) rounds to 1 in each.
_OPEN_BIAS = 20.0


class AblatedLSTM(nn.LSTM):
    """An ``nn.LSTM`` on the fused kernel, some of whose rows are constants.

    Its parameters are the rows that learn, named after the variant: ``forget_only_weight_ih_l0`` holds the
    rows of f and g. So a state dict says what it is a state of, and loading it into another variant fails
    with the names of both. The attributes ``weight_ih_l0``,
    ``bias_hh_l1_reverse``, … are read-only: the full matrices in torch's row order, assembled on reading.
    Writing into such a tensor in place changes a temporary copy, so initialise the LSTM first, then ablate.

    Made by :func:`ablate`, which checks what it is given.

    Args:
        lstm: where sizes, options and the learning rows' values come from. Not changed.
        variant: an entry of :data:`VARIANTS` that is fused.
    """

    def __init__(self, lstm: nn.LSTM, variant: Variant) -> None:
        # On the meta device: the base class only lends its names and checks, no memory and no random numbers.
        super().__init__(
            lstm.input_size,
            lstm.hidden_size,
            num_layers=lstm.num_layers,
            bias=lstm.bias,
            batch_first=lstm.batch_first,
            bidirectional=lstm.bidirectional,
            proj_size=lstm.proj_size,
            device="meta",
        )
        for name in self._flat_weights_names:
            delattr(self, name)
        self.dropout = lstm.dropout
        self.variant = variant.name
        for name, weight in lstm.named_parameters():
            self.register_parameter(self._live_name(name), self._learning_rows(name, weight))
        self.train(lstm.training)

    @property
    def live(self) -> dict[str, Tensor]:
        """The parameters that learn, by the name of the matrix whose rows they are."""
        return {name: getattr(self, self._live_name(name)) for name in self._flat_weights_names}

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> Any:
        """Assemble the weights once and run the fused kernel; arguments and results are those of ``nn.LSTM``."""
        self._flat_weights = [self._assemble(name) for name in self._flat_weights_names]
        try:
            return super().forward(input, hx)
        finally:
            # They belong to this call's graph. Kept, they would hold it in memory and break deepcopy.
            del self._flat_weights

    def extra_repr(self) -> str:
        """Sizes and options of ``nn.LSTM``, and the variant."""
        return f"{super().extra_repr()}, variant={self.variant}"

    def _live_name(self, name: str) -> str:
        return f"{self.variant}_{name}"

    def _learning_rows(self, name: str, weight: nn.Parameter) -> nn.Parameter:
        """A copy of the rows of one matrix that learn; a projection has no gates and learns whole."""
        rows = weight.detach()
        if not name.startswith("weight_hr"):
            blocks = dict(zip("ifgo", rows.chunk(4), strict=True))
            rows = torch.cat([blocks[gate] for gate in VARIANTS[self.variant].learned])
        return nn.Parameter(rows.clone(), requires_grad=weight.requires_grad)

    def _assemble(self, name: str) -> Tensor:
        """The full matrix or bias ``name``, rows in torch's order i, f, g, o; part of the autograd graph."""
        live: Tensor = getattr(self, self._live_name(name))
        blocks = VARIANTS[self.variant].blocks
        if len(blocks) == 1 or name.startswith("weight_hr"):
            return live
        # One split and one cat: its backward pass is again one of each, whatever the number of runs.
        own = [run for run in blocks if run.isalpha()]
        rows = dict(zip(own, live.split_with_sizes([len(run) * self.hidden_size for run in own]), strict=True))
        if "1" in blocks:
            value = _OPEN_BIAS if live.dim() == 1 else 0.0
            rows["1"] = live.new_full((self.hidden_size, *live.shape[1:]), value)
        if "-f" in blocks:
            # σ(−a) = 1 − σ(a): the rows of f with the sign turned are the rows of 1 − f.
            rows["-f"] = -rows["f"]
        return torch.cat([rows[run] for run in blocks])

    # torch's base class caches its weights in ``_flat_weights`` and refreshes the cache through the three
    # methods below. Here nothing is cached, so they have nothing to do.

    def _init_flat_weights(self) -> None:
        self._flat_weight_refs: list[Any] = []

    def _update_flat_weights(self) -> None:
        pass

    def flatten_parameters(self) -> None:
        """Nothing to do: the matrices are assembled anew in every call."""

    def __getattr__(self, name: str) -> Any:
        names = self.__dict__.get("_flat_weights_names", ())
        if name in names:
            return self._assemble(name)
        if name == "_flat_weights":
            return [self._assemble(each) for each in names]
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_flat_weights_names", ()):
            raise AttributeError(
                f"{name} of an ablated LSTM is assembled from the rows that learn and cannot be assigned; "
                f"write to live[{name!r}], or set the weights of the nn.LSTM before ablating it"
            )
        super().__setattr__(name, value)


@overload
def ablate(lstm: nn.LSTM, variant: KernelVariant) -> AblatedLSTM: ...
@overload
def ablate(lstm: nn.LSTM, variant: CellVariant) -> LoopLSTM: ...
@overload
def ablate(lstm: nn.LSTM, variant: str) -> AblatedLSTM | LoopLSTM: ...
def ablate(lstm: nn.LSTM, variant: str) -> AblatedLSTM | LoopLSTM:
    """A copy of an LSTM with a part of its cell taken away.

    What still learns starts at the values it has in ``lstm``. The result shares no memory with it.

    Args:
        lstm: an ``nn.LSTM`` of any layers and directions; biases are needed to hold a gate open. Not changed.
        variant: a key of :data:`VARIANTS`.

    Returns:
        For a fused variant an :class:`AblatedLSTM`, which is an ``nn.LSTM``; for one the kernel cannot express
        a :class:`LoopLSTM`. Both are called like ``lstm`` and return
        ``output, (h_n, c_n)``.

    Raises:
        TypeError: ``lstm`` is not a plain ``nn.LSTM``, or already ablated.
        ValueError: ``variant`` is unknown, a weight is not finite, on the meta device, shared, or computed from other
            parameters, ``lstm`` has hooks, a gate is to be held open in an LSTM without biases, or a projection meets
            a variant off the kernel.

    Source: Greff et al. (2017), LSTM: a search space odyssey, section IV; Jozefowicz, Zaremba & Sutskever (2015).
    """
    _check_module(lstm)
    chosen = _find_variant(variant)
    _check_weights(lstm)
    if not chosen.fused:
        return LoopLSTM(lstm, chosen.name)
    if "1" in chosen.blocks and not lstm.bias:
        raise ValueError(
            f"{chosen.name} holds a gate open through its biases, but the LSTM has bias=False; "
            "build it with bias=True (full and coupled need no bias)"
        )
    return AblatedLSTM(lstm, chosen)


def learnable_parameters(module: nn.Module) -> int:
    """Number of weights that learn.

    Args:
        module: any module; a parameter shared between parts counts once.

    Returns:
        Entries of all parameters that require a gradient. Rows held constant by :func:`ablate` are none.
    """
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def _find_variant(name: str) -> Variant:
    if name in VARIANTS:
        return VARIANTS[name]
    close = difflib.get_close_matches(str(name), VARIANTS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise ValueError(f"unknown variant {name!r}{hint} The variants are {', '.join(VARIANTS)}.")


def _check_module(lstm: object) -> None:
    if isinstance(lstm, AblatedLSTM | LoopLSTM):
        done = lstm.variant if isinstance(lstm, AblatedLSTM) else lstm.form
        raise TypeError(f"the module is already ablated ({done}); ablate the nn.LSTM it was made from")
    check_layer(lstm, "an nn.LSTM")
    if type(lstm) is not nn.LSTM:
        raise TypeError(
            f"expected an nn.LSTM, got {type(lstm).__name__}; only torch's own LSTM has the rows this changes "
            "(remove parametrizations, and pass the LSTM inside a larger model)"
        )
    if lstm._forward_pre_hooks or lstm._forward_hooks:
        raise ValueError(
            "the LSTM has forward hooks, which its ablated copy would not have; remove them, also those of "
            "torch.nn.utils (remove_weight_norm, prune.remove, …)"
        )


def _check_weights(lstm: nn.LSTM) -> None:
    own = dict(lstm.named_parameters(remove_duplicate=False))
    if own.keys() != set(lstm._flat_weights_names) or len({id(weight) for weight in own.values()}) < len(own):
        raise ValueError(
            f"the LSTM has the parameters {', '.join(dict(lstm.named_parameters()))}; expected one for each of its "
            "matrices and biases, since rows of one that is shared or computed cannot be taken away: give it its own"
        )
    for name, weight in own.items():
        if weight.is_meta:
            raise ValueError(
                f"{name} is on the meta device and has no values to start from; "
                "call lstm.to_empty(device='cpu') and lstm.reset_parameters() first"
            )
        wrong = int(weight.numel() - weight.isfinite().sum())
        if wrong:
            raise ValueError(
                f"{name} of shape {tuple(weight.shape)} has {wrong} entries that are NaN or infinite; "
                "expected finite weights, so ablate before training diverges or from an earlier checkpoint"
            )
