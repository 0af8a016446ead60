"""Training that can be repeated: seeds, early stopping on validation, best weights.

`fit` trains any ``torch.nn`` module on arrays of windows, or on an object that yields batches::

    set_seed(0)
    net = power_network("gru")
    history = fit(net, (x, y), (x_val, y_val), epochs=20, patience=3, seed=0)
    forecast = predict(net, x_test)

Two seeds decide a run: the caller's of the initial weights (`set_seed`), and ``fit``'s own of the order of the batches
and the dropout. On one CPU thread the same two give the same history, bit for bit.
"""

from rnncourse.training.batches import ArrayBatches, Batches, FreshWindows
from rnncourse.training.devices import set_seed
from rnncourse.training.loop import Diverged, History, fit, one_cycle, predict

__all__ = ["ArrayBatches", "Batches", "Diverged", "FreshWindows", "History", "fit", "one_cycle", "predict", "set_seed"]
