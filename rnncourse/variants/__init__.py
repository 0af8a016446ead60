"""Recurrent layers beyond ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU``, called like them.

* `ConvLSTM` keeps a map instead of a vector: its products are convolutions. On one pixel with a 1 × 1 kernel it is an
  LSTM.
* `SkipGRU` learns at which steps to update. Where it always updates it is ``nn.GRU``.

Both take ``(time, batch, feature)``, or ``(batch, time, feature)`` with ``batch_first=True``, and an optional state
shaped like torch's, zeros without one, and return ``output, state``. Parameters carry the names and the row order of
torch's layers or cells (gates i, f, g, o or r, z, n), so weights can be copied to and from them. Both compute the input
products of a layer in one call before the loop over time.

An input or state that is no tensor is a ``TypeError``; a shape or dtype that does not fit, an empty sequence, or a size
below 1 is a ``ValueError``.
"""

from rnncourse.variants.convolutional import ConvLSTM
from rnncourse.variants.skipping import SkipGRU, SkipRun, straight_through_step

__all__ = ["ConvLSTM", "SkipGRU", "SkipRun", "straight_through_step"]
