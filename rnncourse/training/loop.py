"""Epoch after epoch, until the last or until patience runs out."""

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NoReturn, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from rnncourse.training.batches import Array, ArrayBatches, Batches, Data, as_batches, not_finite
from rnncourse.training.devices import device_named, on_device, own_randomness

Loss: TypeAlias = Callable[[Any, Tensor], Tensor]
MakeOptimiser: TypeAlias = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
Stream: TypeAlias = Iterable[tuple[Any, Tensor]]

_SCORING_BATCH = 1024
# These broadcast a target that does not fit, and average over pairs that do not belong together.
_ELEMENTWISE = (functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss, functional.huber_loss)
_ELEMENTWISE_MODULES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


@dataclass(frozen=True)
class History:
    """Mean losses of a run, epoch by epoch.

    ``train_loss`` is of the training targets *while* the weights moved and dropout acted, ``validation_loss`` of the
    validation targets after each epoch, empty without validation data.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.train_loss)

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest validation loss, the first of equals, from 1; the last one without validation."""
        if not self.validation_loss:
            return len(self)
        return self.validation_loss.index(min(self.validation_loss)) + 1

    @property
    def best_validation_loss(self) -> float:
        """The lowest validation loss; NaN without validation."""
        return min(self.validation_loss, default=math.nan)


class Diverged(ArithmeticError):
    """A loss or a weight is NaN or infinite; the network holds the best weights of the ``history`` before that."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message, history)  # both, so that a worker can send it back
        self.history = history

    def __str__(self) -> str:
        return str(self.args[0])


def fit(
    net: nn.Module,
    train: Data,
    validation: Data | None = None,
    *,
    epochs: int,
    batch_size: int = 64,
    lr: float = 1e-3,
    loss: Loss = functional.mse_loss,
    patience: int | None = None,
    clip_norm: float | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
    optimiser: MakeOptimiser | None = None,
) -> History:
    """Train a network, and leave the best weights in it: those with the lowest *validation* loss, else the last.

    It comes back in evaluation mode, on the device it was on; torch's global generators are left as they were.

    Args:
        net: any module; its present weights are the start.
        train: ``(inputs, targets)``, NumPy arrays or tensors with ``n`` samples on the first axis. Inputs may be a
            strided view ``(n, time, feature)``: each batch is gathered and cast when it is due. Or `Batches`.
        validation: likewise; nothing is learned from it.
        epochs: passes over the training data, at most, with ``batch_size`` samples per step.
        loss: of the network's output and the targets, the *mean* over the targets. Targets that differ from the
            output in axes of length 1 alone take its shape.
        patience: stop after that many epochs in a row without a lower validation loss; None never stops early.
        clip_norm: largest norm of the whole gradient; ``lr`` is Adam's learning rate.
        seed: decides the order of the batches and the dropout.
        device: ``"auto"`` (CUDA where there is one), ``"cpu"`` or ``"cuda"``.
        progress: show a line with the losses on a terminal.
        optimiser: makes another optimiser from the parameters; ``lr`` is then its own affair.

    Raises:
        Diverged: a loss or weight is NaN or infinite; the best weights so far, or the initial ones, are restored.
        ValueError: empty data, shapes that do not fit, a setting out of its range, or nothing to train.
        TypeError: data that are neither arrays nor batches.
    """
    _check_settings(epochs, batch_size, patience, lr, clip_norm)
    if patience is not None and validation is None:
        raise ValueError(f"patience is {patience}, but there are no validation data to judge by: give some, or None.")
    dtype, large = _precision(net), max(batch_size, _SCORING_BATCH)
    learned = as_batches(train, "the training set", batch_size, dtype)
    judged = None if validation is None else as_batches(validation, "the validation set", large, dtype)
    parameters, run = _trainable(net), _Run(net, loss, device_named(device))
    history = run.history
    with on_device(net, run.place), own_randomness(seed) as order:
        best = _state(net)
        stepper = optimiser(parameters) if optimiser else torch.optim.Adam(parameters, lr=lr, fused=True)

        def step(value: Tensor) -> None:
            stepper.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(parameters, clip_norm)
            stepper.step()

        try:
            while len(history) < epochs and len(history) - history.best_epoch < (patience or epochs):
                net.train()
                batches = learned.batches(order)
                shown = run.shown(batches, len(learned), epochs) if progress and sys.stderr.isatty() else batches
                run.close(run.mean_loss("training", learned, shown, step), learned, judged)
                if history.best_epoch == len(history):
                    best = _state(net)
        except BaseException:  # an interruption too: half an epoch's weights are no result
            net.load_state_dict(best)
            raise
        finally:
            stepper.zero_grad()
            net.eval()
        net.load_state_dict(best)
    return history


def predict(
    net: nn.Module, x: Array | Batches, *, batch_size: int = 1024, device: str = "auto"
) -> NDArray[np.float32] | NDArray[np.float64]:
    """What a network says of many samples, in evaluation mode; afterwards it is as it was.

    ``x`` are inputs ``(n, …)``, NumPy or torch, gathered batch by batch, or `Batches`, whose targets are not looked at.
    The outputs ``(n, outputs)`` come in the order of the inputs, in the network's precision.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected at least 1.")
    if not isinstance(x, Batches):
        x = ArrayBatches(x if isinstance(x, Tensor) else np.asarray(x), None, batch_size, _precision(net))
    if len(x) == 0:
        raise ValueError("x is empty; expected at least one sample.")
    place, training = device_named(device), net.training
    with on_device(net, place):
        net.eval()
        try:
            with torch.inference_mode():  # not around `on_device`: what is moved under it can never learn again
                parts = [_answer(net, inputs, place).cpu() for inputs, _ in x.batches(None)]
        finally:
            net.train(training)
    outputs: NDArray[np.float32] | NDArray[np.float64] = torch.cat(parts).numpy()
    return outputs


def one_cycle(lr: float, steps: int, *, rising: float = 0.1) -> MakeOptimiser:
    """Adam whose rate rises to ``lr`` over the first steps and falls to almost nothing by the last one.

    Few steps then end near a minimum, where a constant rate would leave them hopping about it. ``steps`` will be taken
    in all; over the share ``rising`` of them the rate rises.

    Source: Smith & Topin (2019), Super-convergence.
    """

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimiser = torch.optim.Adam(parameters, lr=lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps + 1, pct_start=rising)
        optimiser.register_step_post_hook(lambda *_: schedule.step())
        return optimiser

    return make


@dataclass(frozen=True)
class _Run:
    """A network in training, and the epochs behind it."""

    net: nn.Module
    loss: Loss
    place: torch.device
    history: History = field(default_factory=History)

    def mean_loss(
        self, name: str, data: Batches, batches: Stream, step: Callable[[Tensor], None] = lambda value: None
    ) -> float:
        """Mean over the targets of one pass; ``step`` answers the loss of each batch."""
        values, weights = [], []  # the losses stay on the device until the pass is over: no wait per batch
        for inputs, targets in batches:
            targets = targets.to(self.place, non_blocking=True)
            outputs = _answer(self.net, inputs, self.place)
            value = self.loss(outputs, _aligned(outputs, targets, self.loss))
            if not isinstance(value, Tensor) or value.numel() != 1:
                shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"the loss of a batch is {shape}; expected one number: use reduction='mean'.")
            step(value.reshape(()))
            values.append(value.detach().reshape(()))
            weights.append(targets.numel())
        numbers = torch.stack(values).double().cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(numbers))
        if len(bad):
            self._give_up(f"the {name} loss became {numbers[bad[0]]}", f", batch {bad[0] + 1}", data)
        return float(np.average(numbers, weights=weights))

    def close(self, train_loss: float, learned: Batches, judged: Batches | None) -> None:
        """Judge the weights that an epoch came to, and write both losses down."""
        self.net.eval()
        if judged is not None:
            with torch.inference_mode():
                self.history.validation_loss.append(self.mean_loss("validation", judged, judged.batches(None)))
        elif not all(bool(parameter.isfinite().all()) for parameter in self.net.parameters()):
            self._give_up("a weight became nan", "", learned)
        self.history.train_loss.append(train_loss)

    def _give_up(self, what: str, where: str, data: Batches) -> NoReturn:
        """Say what was seen, what the network holds now, and what to try."""
        best, spoiled = self.history.best_epoch, not_finite(data)
        kept = f"the weights of epoch {best}" if best else "the initial weights"
        remedy = "try a smaller lr, clip_norm=1.0, or data scaled to about unit size"
        if spoiled:
            remedy = f"{spoiled} of its data is not finite either, so fill or leave out missing values"
        epoch = len(self.history) + 1
        raise Diverged(f"{what} in epoch {epoch}{where}; {kept} are restored: {remedy}.", self.history)

    def shown(self, batches: Stream, total: int, epochs: int) -> Stream:
        """The batches, with a line of losses meanwhile."""
        from rich.console import Console
        from rich.progress import track

        text = f"epoch {len(self.history) + 1}/{epochs}"
        for name, losses in (("train", self.history.train_loss), ("validation", self.history.validation_loss)):
            text += f"  {name} {losses[-1]:.4g}" if losses else ""
        return track(batches, description=text, total=total, console=Console(stderr=True), transient=True)


def _answer(net: nn.Module, inputs: Any, place: torch.device) -> Any:
    """The network's answer to one batch of inputs: one argument, or a tuple of arguments."""
    # A PackedSequence is a named tuple, and still one argument.
    arguments = inputs if isinstance(inputs, tuple) and not isinstance(inputs, PackedSequence) else (inputs,)
    return net(*(part.to(place) if hasattr(part, "to") else part for part in arguments))


def _aligned(outputs: Any, targets: Tensor, loss: Loss) -> Tensor:
    """The targets in the outputs' shape, where the two differ in axes of length 1 alone."""
    if not isinstance(outputs, Tensor) or outputs.shape == targets.shape:
        return targets
    long, wanted = ([size for size in tensor.shape if size != 1] for tensor in (outputs, targets))
    if targets.is_floating_point() and long == wanted:
        return targets.view_as(outputs)
    if loss in _ELEMENTWISE or isinstance(loss, _ELEMENTWISE_MODULES):
        raise ValueError(
            f"the network's output has shape {tuple(outputs.shape)} and its targets {tuple(targets.shape)}; expected "
            "the same: change the network's output_size or the targets."
        )
    return targets


def _precision(net: nn.Module) -> torch.dtype:
    """Floating-point type of a network's parameters; float32 where it has none."""
    return next((p.dtype for p in net.parameters() if p.is_floating_point()), torch.float32)


def _state(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items() if isinstance(value, Tensor)}


def _trainable(net: nn.Module) -> list[nn.Parameter]:
    parameters = [p for p in net.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError(f"the {type(net).__name__} has no parameter that requires a gradient: nothing can be trained.")
    return parameters


def _check_settings(epochs: int, batch_size: int, patience: int | None, lr: float, clip_norm: float | None) -> None:
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not (whole and value >= 1) and not (name == "patience" and value is None):  # type: ignore[operator]
            raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1.")
    for name, size in (("lr", lr), ("clip_norm", clip_norm)):
        if not (isinstance(size, Real) and 0 < size < math.inf) and not (name == "clip_norm" and size is None):
            raise ValueError(f"{name} is {size!r}; expected a positive, finite number.")
