"""Bad input, tested in one way everywhere: the call is refused, and the message names what was wrong with it."""

from collections.abc import Callable
from typing import Any

import pytest


def refusing(*cases: tuple[Any, ...], error: Any = ValueError) -> Callable[..., None]:
    """A test of refused calls; a row holds the call, its error if it is another than ``error``, and what is named."""

    @pytest.mark.parametrize(("call", "kind", "named"), [(one[0], *(one[1:-1] or [error]), one[-1]) for one in cases])
    def test(call: Callable[[], object], kind: type[Exception], named: str) -> None:
        with pytest.raises(kind, match=named):
            call()

    return test
