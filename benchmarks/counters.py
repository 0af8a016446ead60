"""What public counters print for four recurrent layers.

Measures every tool that can be imported, each in its documented call, and writes the figures with their provenance::

    python benchmarks/counters.py book/results/counters.json --date YYYY-MM-DD

The tools are no dependencies of the course: install those of interest in an environment of their own.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Network:
    """A recurrent layer and the shape it reads, ``(batch, time, feature)``."""

    id: str
    label: str
    build: Callable[[], nn.Module]
    input_size: tuple[int, int, int]


@dataclass(frozen=True)
class Tool:
    """A public counter: its package, what it reports and how it is called."""

    package: str
    unit: str
    call: str
    measure: Callable[[nn.Module, tuple[int, ...]], float]


NETWORKS = (
    Network("rnn", "RNN 64→32, T 50", lambda: nn.RNN(64, 32, batch_first=True), (1, 50, 64)),
    Network("lstm", "LSTM 1→64, 2 layers, T 60", lambda: nn.LSTM(1, 64, 2, batch_first=True), (1, 60, 1)),
    Network(
        "bilstm",
        "BiLSTM 1→64, 2 layers, T 60",
        lambda: nn.LSTM(1, 64, 2, batch_first=True, bidirectional=True),
        (1, 60, 1),
    ),
    Network(
        "bigru",
        "BiGRU 100→128, T 79",
        lambda: nn.GRU(100, 128, batch_first=True, bidirectional=True),
        (1, 79, 100),
    ),
)


def torchinfo(module: nn.Module, size: tuple[int, ...]) -> float:
    from torchinfo import summary

    return summary(module, input_size=size, verbose=0).total_mult_adds


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
}


def closed_form(module: nn.Module, size: tuple[int, ...]) -> int:
    """Multiply-accumulates: every entry of every weight matrix once per step and sequence."""
    return size[0] * size[1] * sum(p.numel() for p in module.parameters() if p.dim() == 2)


def measure(tool: Tool) -> dict[str, Any] | None:
    """One row of the record, or None if the tool cannot be imported."""
    try:
        importlib.import_module(tool.package)
    except ImportError as error:
        print(f"{tool.package} left out: {error}", file=sys.stderr)
        return None
    version = importlib.metadata.version(tool.package)
    figures: dict[str, int] = {}
    for network in NETWORKS:
        module = network.build().eval()
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            figures[network.id] = round(tool.measure(module, network.input_size))
    return {
        "package": tool.package,
        "version": version,
        "unit": tool.unit,
        "call": tool.call,
        "figures": figures,
    }


def record(date: str) -> dict[str, Any]:
    """Every installed tool on every network."""
    torch.manual_seed(0)
    rows = {name: row for name, tool in TOOLS.items() if (row := measure(tool)) is not None}
    return {
        "question": "What do public counters print for recurrent layers, forward, batch 1?",
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
        "tools": rows,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, so that a killed run leaves the old one."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as f:
        f.write(text)
    os.chmod(f.name, 0o644)
    os.replace(f.name, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the JSON file to write")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="date of the record")
    options = parser.parse_args()
    content = record(options.date)
    write(options.output, content)
    for name, row in content["tools"].items():
        print(f"{name:22} {row['version']:>16} {row['unit']:>5}", *row["figures"].values())


if __name__ == "__main__":
    main()
