"""Values that JSON can hold: what configs and metrics are made of."""

import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any, where: str) -> Any:
    """``value`` as JSON can hold it.

    Args:
        value: None, a string, a number, or a list, tuple or mapping of such; arrays and tensors become lists.
        where: name of the value, for the complaint.

    Returns:
        The same with lists for tuples and arrays, and None for every number that is not finite.

    Raises:
        TypeError: something else is in it.
        ValueError: a string in it is not valid Unicode.
    """
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is text that no file can hold
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}, which is not a string")
        return {key: plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if callable(listed := getattr(value, "tolist", None)):
        return plain(listed(), where)
    raise TypeError(f"{where} is a {type(value).__name__}, which JSON cannot hold: use numbers, strings and lists")


def canonical(value: Any) -> str:
    """The one JSON text of a plain value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
