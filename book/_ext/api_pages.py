"""API pages from docstrings, without the libraries that the package computes with.

The site is built where neither torch nor the package is installed: the package is read from the repository, and
autodoc stands mocks in for the libraries. Its mocks do not know ``Tensor | None`` nor write
``NDArray[np.float64]`` legibly; both are taught to them here.
"""

import sys
from typing import Any, Union

from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import _MockObject


def _either(one: Any, other: Any) -> Any:
    return Union[one, other]  # noqa: UP007 - the operator is what is being defined


def _or(self: Any, other: Any) -> Any:
    return _either(self, other)


def _ror(self: Any, other: Any) -> Any:
    return _either(other, self)


def _item(self: Any, key: object) -> Any:
    return self  # its own would write ``NDArray[np.float64]`` as the repr of the key


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the repository on the search path and complete the mocks."""
    sys.path.insert(0, str(app.confdir))
    for name, method in {"__or__": _or, "__ror__": _ror, "__getitem__": _item}.items():
        setattr(_MockObject, name, method)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
