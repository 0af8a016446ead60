"""What public counters print for recurrent layers, and for networks around them.

Measures every tool that can be imported, each in its documented call, and writes the figures with their provenance::

    PYTHONPATH=. python benchmarks/counters.py book/results/counters.json --date YYYY-MM-DD

The tools are no dependencies of the course: install those of interest in an environment of their own.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence


@dataclass(frozen=True)
class Network:
    """A module and the shape it reads, ``(batch, time, feature)``."""

    id: str
    label: str
    build: Callable[[], nn.Module]
    input_size: tuple[int, int, int]


@dataclass(frozen=True)
class Tool:
    """A public counter: its package, what it reports, how it is called, and whether the short table shows it."""

    package: str
    unit: str
    call: str
    measure: Callable[[nn.Module, tuple[int, ...]], float]
    short: bool = True


class Assembled(nn.Module):
    """Parts by name, and a function of the module and its input."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Any:
        """Run the function."""
        return self.run(self, x)


def cell_loop(net: Any, x: Tensor) -> Any:
    """A recurrent layer as a loop over its cell."""
    state = None
    for step in x.unbind(1):
        state = net.cell(step, state)
    return state


def by_hand(net: Any, x: Tensor) -> Tensor:
    """An LSTM from two linear layers and a loop."""
    h = c = x.new_zeros(len(x), net.from_state.in_features)
    for step in x.unbind(1):
        i, f, g, o = (net.from_input(step) + net.from_state(h)).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h


def packed(net: Any, x: Tensor) -> Tensor:
    """A sequence of 20 steps, padded to 50 and packed."""
    return net.rnn(pack_padded_sequence(x, torch.tensor([20]), batch_first=True))[1][0]


def learned(net: Any, x: Tensor) -> Tensor:
    """A recurrent layer whose initial state is a parameter."""
    return net.rnn(x, net.start.expand(-1, len(x), -1).contiguous())[0]


def tied(net: Any, x: Tensor) -> Tensor:
    """A recurrent layer between a matrix and its transpose."""
    return functional.linear(net.rnn(net.into(x))[0], net.into.weight.T)


def attentive(net: Any, x: Tensor) -> Tensor:
    """The last state attends to all states."""
    states, (last, _) = net.rnn(x)
    weights = torch.softmax(states @ last[-1].unsqueeze(-1), dim=1)
    return net.head((weights.transpose(1, 2) @ states).squeeze(1))


def self_attention(net: Any, x: Tensor) -> Tensor:
    """Multi-head attention of a sequence to itself."""
    return net.attention(x, x, x, need_weights=False)[0]


def layer(kind: type[nn.RNNBase], *sizes: int, **options: Any) -> Callable[[], nn.Module]:
    """A batch-first recurrent layer, to be built."""
    return lambda: kind(*sizes, batch_first=True, **options)


ONE = (1, 50, 64)
LSTM, GRU = layer(nn.LSTM, 64, 32), layer(nn.GRU, 64, 32)
NETWORKS = (
    Network("rnn", "RNN 64→32, T 50", layer(nn.RNN, 64, 32), ONE),
    Network("lstm", "LSTM 1→64, 2 layers, T 60", layer(nn.LSTM, 1, 64, 2), (1, 60, 1)),
    Network("bilstm", "BiLSTM 1→64, 2 layers, T 60", layer(nn.LSTM, 1, 64, 2, bidirectional=True), (1, 60, 1)),
    Network("bigru", "BiGRU 100→128, T 79", layer(nn.GRU, 100, 128, bidirectional=True), (1, 79, 100)),
)
MODULES = (
    Network("rnn", "RNN", layer(nn.RNN, 64, 32), ONE),
    Network("lstm", "LSTM", LSTM, ONE),
    Network("gru", "GRU", GRU, ONE),
    Network("bilstm", "LSTM, two layers, both directions", layer(nn.LSTM, 64, 32, 2, bidirectional=True), ONE),
    Network("projected", "LSTM, projected state", layer(nn.LSTM, 64, 32, proj_size=8), ONE),
    Network("packed", "LSTM, packed: 20 steps", lambda: Assembled(packed, rnn=LSTM()), ONE),
    Network("rnn-cells", "RNNCell in a loop", lambda: Assembled(cell_loop, cell=nn.RNNCell(64, 32)), ONE),
    Network("lstm-cells", "LSTMCell in a loop", lambda: Assembled(cell_loop, cell=nn.LSTMCell(64, 32)), ONE),
    Network("gru-cells", "GRUCell in a loop", lambda: Assembled(cell_loop, cell=nn.GRUCell(64, 32)), ONE),
    Network(
        "by-hand",
        "LSTM by hand",
        lambda: Assembled(by_hand, from_input=nn.Linear(64, 128), from_state=nn.Linear(32, 128)),
        ONE,
    ),
    Network(
        "learned",
        "GRU, learned initial state",
        lambda: Assembled(learned, rnn=GRU(), start=nn.Parameter(torch.zeros(1, 1, 32))),
        ONE,
    ),
    Network(
        "tied",
        "GRU, tied weights",
        lambda: Assembled(tied, into=nn.Linear(64, 32), rnn=nn.GRU(32, 32, batch_first=True)),
        ONE,
    ),
    Network("attentive", "LSTM with attention", lambda: Assembled(attentive, rnn=LSTM(), head=nn.Linear(32, 6)), ONE),
    Network(
        "self-attention",
        "multi-head attention",
        lambda: Assembled(self_attention, attention=nn.MultiheadAttention(64, 4, batch_first=True)),
        ONE,
    ),
    Network("transformer", "transformer layer", lambda: nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), ONE),
)


def torchinfo(module: nn.Module, size: tuple[int, ...]) -> float:
    from torchinfo import summary

    return summary(module, input_size=size, verbose=0).total_mult_adds


def thop(module: nn.Module, size: tuple[int, ...]) -> float:
    from thop import profile

    return profile(module, inputs=(torch.randn(size),), verbose=False)[0]


def deepspeed(module: nn.Module, size: tuple[int, ...]) -> float:
    from deepspeed.profiling.flops_profiler import get_model_profile

    return get_model_profile(module, input_shape=size, print_profile=False, as_string=False)[1]


def fvcore(module: nn.Module, size: tuple[int, ...]) -> float:
    from fvcore.nn import FlopCountAnalysis

    return FlopCountAnalysis(module, torch.randn(size)).total()


def ptflops_aten(module: nn.Module, size: tuple[int, ...]) -> float:
    return _ptflops(module, size, backend="aten")


def ptflops_pytorch(module: nn.Module, size: tuple[int, ...]) -> float:
    return _ptflops(module, size, backend="pytorch")


def _ptflops(module: nn.Module, size: tuple[int, ...], *, backend: str) -> float:
    from ptflops import get_model_complexity_info

    macs, _ = get_model_complexity_info(
        module, size[1:], as_strings=False, print_per_layer_stat=False, verbose=False, backend=backend
    )
    return macs


def torchprofile(module: nn.Module, size: tuple[int, ...]) -> float:
    from torchprofile import profile_macs

    return profile_macs(module, torch.randn(size))


def calflops_flops(module: nn.Module, size: tuple[int, ...]) -> float:
    return _calflops(module, size)[0]


def calflops_macs(module: nn.Module, size: tuple[int, ...]) -> float:
    return _calflops(module, size)[1]


def _calflops(module: nn.Module, size: tuple[int, ...]) -> tuple[float, float]:
    from calflops import calculate_flops

    flops, macs, _ = calculate_flops(
        model=module, input_shape=size, output_as_string=False, print_results=False, print_detailed=False
    )
    return flops, macs


def flop_counter(module: nn.Module, size: tuple[int, ...]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(torch.randn(size))
    return counter.get_total_flops()


def flop_counter_unfused(module: nn.Module, size: tuple[int, ...]) -> float:
    with torch.backends.mkldnn.flags(enabled=False):
        return flop_counter(module, size)


def flop_counter_registered(module: nn.Module, size: tuple[int, ...]) -> float:
    """Last of all: the registered formulas stay."""
    from rnncourse.counting import register_recurrent_flops

    register_recurrent_flops()
    return flop_counter(module, size)


def rnncourse(module: nn.Module, size: tuple[int, ...]) -> float:
    from rnncourse.counting import count

    return count(module, size).macs


TOOLS = {
    "torchinfo": Tool("torchinfo", "MACs", "summary(module, input_size=size, verbose=0).total_mult_adds", torchinfo),
    "fvcore": Tool("fvcore", "MACs", "FlopCountAnalysis(module, torch.randn(size)).total()", fvcore),
    "ptflops-aten": Tool(
        "ptflops", "MACs", "get_model_complexity_info(module, size[1:], backend='aten')", ptflops_aten
    ),
    "ptflops-pytorch": Tool(
        "ptflops", "MACs", "get_model_complexity_info(module, size[1:], backend='pytorch')", ptflops_pytorch
    ),
    "torchprofile": Tool("torchprofile", "MACs", "profile_macs(module, torch.randn(size))", torchprofile),
    "calflops-flops": Tool("calflops", "FLOPs", "calculate_flops(model=module, input_shape=size)[0]", calflops_flops),
    "calflops-macs": Tool("calflops", "MACs", "calculate_flops(model=module, input_shape=size)[1]", calflops_macs),
    "flop-counter": Tool("torch", "FLOPs", "torch.utils.flop_counter.FlopCounterMode on CPU, float32", flop_counter),
    "flop-counter-unfused": Tool(
        "torch",
        "FLOPs",
        "the same with torch.backends.mkldnn.flags(enabled=False)",
        flop_counter_unfused,
    ),
    "thop": Tool("thop", "MACs", "profile(module, inputs=(torch.randn(size),))[0]", thop, short=False),
    "deepspeed": Tool("deepspeed", "MACs", "get_model_profile(module, input_shape=size)[1]", deepspeed, short=False),
    "flop-counter-registered": Tool(
        "torch", "FLOPs", "FlopCounterMode after register_recurrent_flops()", flop_counter_registered, short=False
    ),
    "rnncourse": Tool("rnncourse", "MACs", "count(module, size).macs", rnncourse, short=False),
}


def closed_form(module: nn.Module, size: tuple[int, ...]) -> int:
    """Multiply-accumulates of a recurrent layer: every entry of every weight matrix once per step and sequence."""
    return size[0] * size[1] * sum(p.numel() for p in module.parameters() if p.dim() == 2)


def counted(network: Network) -> int:
    """Multiply-accumulates of any module here: PyTorch's own counter, where no fused kernel hides a product."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        return round(flop_counter_unfused(network.build().eval(), network.input_size) / 2)


def answer(tool: Tool, network: Network) -> int | str:
    """What a tool prints for a module, or why it does not."""
    module = network.build().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return round(tool.measure(module, network.input_size))
        except Exception as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def installed(tool: Tool) -> bool:
    """Whether a tool can be imported."""
    try:
        importlib.import_module(tool.package)
    except ImportError as error:
        print(f"{tool.package} left out: {error}", file=sys.stderr)
        return False
    return True


def described(tool: Tool) -> dict[str, Any]:
    """What was called, and in which version."""
    version = importlib.metadata.version(tool.package) if tool.package != "rnncourse" else "this one"
    return {"package": tool.package, "version": version, "unit": tool.unit, "call": tool.call}


def record(date: str) -> dict[str, Any]:
    """Every installed tool on every network and module."""
    torch.manual_seed(0)
    modules = {one.id: {"label": one.label, "input_size": one.input_size, "macs": counted(one)} for one in MODULES}
    short: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for name, tool in TOOLS.items():
        if not installed(tool):
            continue
        if tool.short:
            short[name] = described(tool) | {"figures": {n.id: answer(tool, n) for n in NETWORKS}}
        answers[name] = described(tool) | {"figures": {one.id: answer(tool, one) for one in MODULES}}
    return {
        "question": "What do public counters print for recurrent layers, forward?",
        "date": date,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": f"cpu, {platform.machine()}",
        "networks": {
            n.id: {
                "label": n.label,
                "input_size": n.input_size,
                "closed_form_macs": closed_form(n.build(), n.input_size),
            }
            for n in NETWORKS
        },
        "tools": short,
        "modules": modules,
        "answers": answers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the JSON file to write")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="date of the record")
    options = parser.parse_args()
    content = record(options.date)
    temporary = options.output.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temporary, options.output)
    for name, row in content["answers"].items():
        print(f"{name:24} {row['version']:>16} {row['unit']:>5}", *row["figures"].values())


if __name__ == "__main__":
    main()
