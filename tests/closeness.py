"""Closeness in units in the last place, the same for every precision and size of numbers."""

import numpy as np
import torch
from numpy.typing import ArrayLike

# Why units in the last place of the *largest* value compared: a value computed in two orders (fused or step by step,
# one sequence or a batch) is a sum of n terms, and two orders of summing differ by at most n roundings, each half a
# unit in the last place of the partial sums. Those are about as large as the largest values of the array, also where
# the sum itself cancels to nearly 0. So the bound belongs to the array, never to a fixed absolute size (2e-7 is one
# unit of float32 for values near 2, and sixteen for values near 0.1), and never to each value alone.


def ulps_apart(actual: ArrayLike | torch.Tensor, expected: ArrayLike | torch.Tensor, scale: float = 0.0) -> float:
    """Largest difference, in units in the last place of the largest value compared.

    The unit is that of the coarser precision of the two. ``scale`` is the size of the terms that were summed, where
    they are larger than every result.
    """
    one, two = (np.asarray(v.detach().cpu() if isinstance(v, torch.Tensor) else v) for v in (actual, expected))
    assert one.shape == two.shape, f"shapes differ: {one.shape} and {two.shape}"
    coarse = max((v.dtype for v in (one, two) if v.dtype.kind == "f"), key=lambda dtype: np.finfo(dtype).eps)
    one, two = one.astype(np.float64), two.astype(np.float64)
    finite = np.isfinite(one) & np.isfinite(two)
    same = (one == two) | (np.isnan(one) & np.isnan(two))
    assert (finite | same).all(), "one is finite where the other is not, or infinite with another sign"
    one, two = one[finite], two[finite]
    if (one == two).all():
        return 0.0
    largest = max(np.abs(one).max(), np.abs(two).max(), scale)
    return float(np.abs(one - two).max() / np.spacing(coarse.type(largest)).astype(np.float64))


def assert_close_ulp(
    actual: ArrayLike | torch.Tensor, expected: ArrayLike | torch.Tensor, ulps: float, *, scale: float = 0.0
) -> None:
    """Assert that the shapes agree, and all values within ``ulps`` units in the last place of the largest."""
    apart = ulps_apart(actual, expected, scale)
    assert apart <= ulps, f"{apart:.3g} units in the last place apart, {ulps:g} allowed"
