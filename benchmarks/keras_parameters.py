"""What Keras counts for the coursework's networks, layer by layer.

Builds every network in Keras and writes its parameter counts with their provenance::

    python benchmarks/keras_parameters.py book/results/keras-parameters.json --date YYYY-MM-DD

Keras is no dependency of the course: install it in an environment of its own, with any backend.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any

import keras
from keras import layers


def recurrent(kind: type[layers.Layer], units: int, depth: int, *, both: bool = False) -> list[layers.Layer]:
    """A stack whose last layer returns its last state alone."""
    stack = [kind(units, return_sequences=level < depth - 1) for level in range(depth)]
    return [layers.Bidirectional(layer) for layer in stack] if both else stack


def networks() -> dict[str, tuple[tuple[int, ...], Sequence[layers.Layer]]]:
    """Name → shape of one input without the batch, and the layers that have parameters."""
    kinds = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}
    hw5 = [layers.SimpleRNN(32, return_sequences=True), layers.SimpleRNN(64), layers.Dense(512), layers.Dense(10)]
    power = {f"power.{name}": ((60, 1), [*recurrent(kind, 64, 2), layers.Dense(1)]) for name, kind in kinds.items()}
    weather = {f"weather.{name}": ((10, 1), [*recurrent(kind, 50, 4), layers.Dense(1)]) for name, kind in kinds.items()}
    emotion = [
        layers.Embedding(60_000, 100),
        *recurrent(layers.GRU, 128, 1, both=True),
        layers.BatchNormalization(),
        layers.Dense(64),
        layers.Dense(6),
    ]
    return {
        "hw5": ((50, 64), hw5),
        **power,
        "power.bilstm": ((60, 1), [*recurrent(layers.LSTM, 64, 2, both=True), layers.Dense(1)]),
        **weather,
        "emotion": ((79,), emotion),
        "gru.reset-before": ((10, 1), [layers.GRU(50, reset_after=False)]),
    }


def measure(shape: tuple[int, ...], chain: Sequence[layers.Layer]) -> dict[str, Any]:
    """Parameters of one network as Keras counts them."""
    model = keras.Sequential([keras.Input(shape), *chain])
    return {
        "layers": [layer.count_params() for layer in model.layers],
        "total": model.count_params(),
        "trainable": sum(prod(weight.shape) for weight in model.trainable_weights),
    }


def record(date: str) -> dict[str, Any]:
    """Every network, and what counted it."""
    return {
        "question": "How many parameters does Keras count for the coursework's networks?",
        "date": date,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "call": "keras.Sequential([keras.Input(shape), *layers]).count_params()",
        "networks": {name: measure(shape, chain) for name, (shape, chain) in networks().items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the JSON file to write")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="date of the record")
    options = parser.parse_args()
    content = record(options.date)
    temporary = options.output.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, options.output)
    for name, row in content["networks"].items():
        print(f"{name:18} {row['total']:>10,}", row["layers"])


if __name__ == "__main__":
    main()
