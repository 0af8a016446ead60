"""Parameters and operations of a ``torch.nn`` module, counted without data.

``count`` runs one forward pass of a copy of the module and books every operator that PyTorch runs on the module that
calls it. Given sizes, the copy is on the ``meta`` device, where a tensor has a shape and no numbers; given data, it
runs for real. The module itself is not touched.

What is counted, for the batch given and in evaluation mode:

* **macs**: multiply-accumulates of matrix products and convolutions. For a recurrent layer this is, per step,
  sequence and direction, ``H (D + H)`` for an RNN, four times that for an LSTM, three times for a GRU. With
  ``proj_size`` P the recurrent width is P, and ``H P`` is added.
* **bias additions**: one per bias element and evaluation. PyTorch's recurrent layers have two biases per gate.
* **elementwise**: everything else that computes, one operation per element: an evaluation of an activation (softmax
  included) is one, a product of two vectors is one per element, a sum is one per element.

Three conventions turn these into FLOPs (floating-point operations, a count and no rate):

* ``gemm``: ``2 macs``. Matrix products alone, as ``torch.utils.flop_counter.FlopCounterMode`` counts them.
* ``coursework``: ``2 macs + bias additions``. Every product is one FLOP, every product is also one addition, every
  bias element is one addition, activations are free.
* ``all``: ``2 macs + bias additions + elementwise``.

Parameters are counted as each framework stores them:

* PyTorch: ``numel()`` of every distinct parameter; a shared one counts once. Buffers, such as the moving statistics
  of batch normalisation, stand apart.
* Keras: one bias per gate for SimpleRNN and LSTM, two for a GRU (``reset_after=True``, its default, and PyTorch's
  own formula). The moving mean and variance of batch normalisation count, as *non-trainable* parameters.
"""

from rnncourse.counting.expression import Last, LayerChain, module_from_text
from rnncourse.counting.fused import register_recurrent_flops
from rnncourse.counting.records import CONVENTIONS, Count, CountError, Layer, Operations, Rule
from rnncourse.counting.tracing import count

__all__ = ["CONVENTIONS", "Count", "CountError", "Last", "Layer", "LayerChain", "Operations", "Rule"]
__all__ += ["count", "module_from_text", "register_recurrent_flops"]
