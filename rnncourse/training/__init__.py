"""Training that can be repeated: seeds, early stopping on validation, best weights, checkpoints.

`fit` trains any ``torch.nn`` module on arrays of windows, or on an object that yields batches::

    set_seed(0)
    net = power_network("gru")
    history = fit(net, (x, y), (x_val, y_val), epochs=20, patience=3, seed=0)
    forecast = predict(net, x_test)

Two seeds decide a run. The initial weights are the caller's (`set_seed` before the network is built); the order of
the batches and the dropout are ``fit``'s own ``seed``. On one CPU thread the same two give the same history, bit for
bit, also when the run was interrupted and resumed from its checkpoint.
"""

from rnncourse.training.batches import ArrayBatches, Batches
from rnncourse.training.devices import choose_device, set_seed
from rnncourse.training.divergence import Diverged
from rnncourse.training.epochs import predict
from rnncourse.training.files import CheckpointError
from rnncourse.training.history import History
from rnncourse.training.loop import fit
from rnncourse.training.weights import load_weights, save_weights

__all__ = [
    "ArrayBatches",
    "Batches",
    "CheckpointError",
    "Diverged",
    "History",
    "choose_device",
    "fit",
    "load_weights",
    "predict",
    "save_weights",
    "set_seed",
]
