"""The state of a run between two epochs, in one safetensors file: tensors as tensors, the rest as JSON in its header.

Any tree of dictionaries, lists, tuples, numbers, text and tensors goes through: each tensor gets a number, and the
tree with numbers in their place is JSON. So an optimiser of any kind can be saved without pickles.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.training.files import CheckpointError, check_state, read_tensors, tensors_of, write_tensors
from rnncourse.training.history import History

FORMAT = "rnncourse checkpoint 1"


@dataclass
class Run:
    """What changes while a run goes on.

    Attributes:
        net: the network.
        optimiser: its optimiser.
        order: draws the order of the batches.
        best: the network's tensors after the best epoch so far, at first the initial ones.
        history: the epochs so far.
    """

    net: nn.Module
    optimiser: torch.optim.Optimizer
    order: torch.Generator
    best: dict[str, Tensor]
    history: History


def save_run(run: Run, path: Path, recipe: Mapping[str, str]) -> None:
    """Write a checkpoint.

    Args:
        run: the run, between two epochs.
        path: the file.
        recipe: what decides the run besides its state; compared on resuming.

    Raises:
        CheckpointError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = {
        "recipe": dict(recipe),
        "network": tensors_of(run.net),
        "best": run.best,
        "optimiser": run.optimiser.state_dict(),
        "order": run.order.get_state(),
        "noise": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "history": asdict(run.history),
    }
    write_tensors(path, tensors, {"format": FORMAT, "tree": json.dumps(_pack(tree, tensors))})


def resume_run(run: Run, path: Path, recipe: Mapping[str, str]) -> None:
    """Bring a run to where its checkpoint left it.

    Args:
        run: the run at its start; changed in place, or not at all where the file is refused.
        path: the checkpoint.
        recipe: what decides this run; must equal what decided the other.

    Raises:
        CheckpointError: the file is damaged, is no checkpoint, or belongs to another network or run.
    """
    tree = _read_tree(path)
    try:
        check_state(path, tree["network"], tensors_of(run.net))
        check_state(path, tree["best"], tensors_of(run.net))
        _check_recipe(path, tree["recipe"], recipe)
        history = History(**tree["history"])
        run.order.set_state(tree["order"])
        torch.set_rng_state(tree["noise"])
        if len(tree["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(tree["cuda"])
        run.optimiser.load_state_dict(tree["optimiser"])
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} is a damaged checkpoint ({type(error).__name__}: {error}): remove it."
        ) from error
    run.net.load_state_dict(tree["network"])
    run.best = {name: tensor.to(run.best[name].device) for name, tensor in tree["best"].items()}
    run.history = history


def _read_tree(path: Path) -> dict[str, Any]:
    tensors, metadata = read_tensors(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has the format {metadata.get('format')!r}; expected {FORMAT!r}: choose another path, or remove it."
        )
    try:
        tree = _unpack(json.loads(metadata["tree"]), tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is a damaged checkpoint ({type(error).__name__}: {error}): remove it."
        ) from error
    if not isinstance(tree, dict):
        raise CheckpointError(f"{path} is a damaged checkpoint (no table of contents): remove it.")
    return tree


def _check_recipe(path: Path, held: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for name in [*wanted, *(held.keys() - wanted.keys())]:
        if held.get(name) != wanted.get(name):
            raise CheckpointError(
                f"{path} belongs to a run with {name} {held.get(name)}, but this one has {wanted.get(name)}: "
                "choose another path, or remove the file to start anew."
            )


def _pack(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """The tree as JSON; its tensors go to ``tensors``. All but plain values are wrapped in ``{"kind": content}``."""
    if isinstance(tree, Tensor):
        tensors[str(len(tensors))] = tree
        return {"tensor": str(len(tensors) - 1)}
    if isinstance(tree, Mapping):  # as pairs: an optimiser's keys are numbers
        return {"pairs": [[_pack(key, tensors), _pack(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, tuple):
        return {"tuple": [_pack(part, tensors) for part in tree]}
    if isinstance(tree, list):
        return [_pack(part, tensors) for part in tree]
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise CheckpointError(f"the run holds a {type(tree).__name__}, which a checkpoint cannot: train without one.")


def _unpack(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(packed, list):
        return [_unpack(part, tensors) for part in packed]
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "tuple":
        return tuple(_unpack(part, tensors) for part in content)
    if kind == "pairs":
        return {_unpack(key, tensors): _unpack(value, tensors) for key, value in content}
    raise ValueError(f"unknown kind {kind!r}")
