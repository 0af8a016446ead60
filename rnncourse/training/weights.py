"""A network's weights in a file."""

from pathlib import Path
from typing import TypeVar

from torch import nn

from rnncourse.training.files import check_state, read_tensors, tensors_of, write_tensors

Net = TypeVar("Net", bound=nn.Module)


def save_weights(net: nn.Module, path: Path | str) -> Path:
    """Write a network's weights and buffers to a safetensors file, whole or not at all.

    Args:
        net: the network.
        path: the file; its folder is made.

    Returns:
        The path.

    Raises:
        CheckpointError: the file cannot be written.
    """
    path = Path(path)
    write_tensors(path, tensors_of(net), {"network": type(net).__name__})
    return path


def load_weights(net: Net, path: Path | str) -> Net:
    """Fill a network with the weights of a safetensors file. Nothing is executed, and a misfit changes nothing.

    Args:
        net: a network of the same build.
        path: a file of `save_weights`, or any safetensors file with the same names and shapes.

    Returns:
        The same network.

    Raises:
        CheckpointError: the file is not there, is damaged, or its names or shapes are not the network's.
    """
    tensors, _ = read_tensors(Path(path))
    check_state(Path(path), tensors, tensors_of(net))
    net.load_state_dict(tensors)
    return net
