"""Files of tensors: whole or not there. safetensors holds numbers and text, never code."""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

_DIGEST = "sha256"


class CheckpointError(ValueError):
    """A file of weights or a checkpoint cannot be written, or is damaged, foreign or of another network or run."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file under a temporary name, then give it its own.

    Args:
        path: the file; its folder is made.
        tensors: what goes in; copied to the CPU.
        metadata: text for its header.

    Raises:
        CheckpointError: the file cannot be written; what stood there before still does.
    """
    held = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    content = save(held, {**metadata, _DIGEST: _digest(held, metadata)})
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another path"
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}): {remedy}. "
            "An earlier file of that name is untouched."
        ) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file.

    Args:
        path: the file.

    Returns:
        Its tensors, on the CPU, and the text of its header.

    Raises:
        CheckpointError: it is not there, or is no whole safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            # Copied, as the file may be replaced while its tensors are in use.
            tensors = {name: stream.get_tensor(name).clone() for name in stream.keys()}  # noqa: SIM118
            metadata = dict(stream.metadata() or {})
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path} cannot be read as a safetensors file ({reason}).") from error
    digest = metadata.pop(_DIGEST, None)  # other programs' files have none
    if digest is not None and digest != _digest(tensors, metadata):
        raise CheckpointError(f"{path} is damaged: its content does not have the checksum in its header.")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 of all names, types, shapes, numbers and texts. The format itself notices missing bytes alone."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_state(path: Path, held: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Compare the tensors of a file with those of a network.

    Args:
        path: the file, for the complaint.
        held: tensors by name, from the file.
        wanted: the network's ``state_dict``.

    Raises:
        CheckpointError: a name is missing or too many, or a shape or kind of number differs.
    """
    for name in sorted(wanted.keys() - held.keys()):
        raise CheckpointError(f"{path} lacks the tensor {name!r} of this network: it is another network's.")
    for name in sorted(held.keys() - wanted.keys()):
        raise CheckpointError(f"{path} holds the tensor {name!r}, which this network has not: it is another network's.")
    for name, tensor in wanted.items():
        if held[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path} holds {name!r} of shape {tuple(held[name].shape)}, but this network's has "
                f"{tuple(tensor.shape)}: build the network with the same sizes."
            )
        if held[name].is_floating_point() != tensor.is_floating_point():
            raise CheckpointError(f"{path} holds {name!r} as {held[name].dtype}; expected {tensor.dtype}.")


def tensors_of(net: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of every tensor of a network's state."""
    return {name: value.detach().clone() for name, value in net.state_dict().items() if isinstance(value, Tensor)}
