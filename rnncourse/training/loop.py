"""Epoch after epoch, until the last or until patience runs out."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rnncourse.training.batches import Batches, Data, as_batches, fingerprint
from rnncourse.training.checkpoint import Run, resume_run, save_run
from rnncourse.training.devices import choose_device, on_device, own_randomness
from rnncourse.training.divergence import Diverged, all_finite, not_finite
from rnncourse.training.epochs import Loss, Losses, learn, precision, score
from rnncourse.training.files import CheckpointError, tensors_of
from rnncourse.training.history import History
from rnncourse.training.plan import Plan
from rnncourse.training.progress import Watch, watch_epochs

MakeOptimiser = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
_SCORING_BATCH = 1024


@dataclass(frozen=True)
class _Task:
    """What a run learns from, is judged on and by."""

    train: Batches
    validation: Batches | None
    loss: Loss
    device: torch.device


def fit(
    net: nn.Module,
    train: Data,
    validation: Data | None = None,
    *,
    epochs: int,
    batch_size: int = 64,
    lr: float = 1e-3,
    loss: Loss = functional.mse_loss,
    weight_decay: float = 0.0,
    patience: int | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
    checkpoint: Path | str | None = None,
    optimiser: MakeOptimiser | None = None,
    restore_best: bool = True,
) -> History:
    """Train a network, and leave the best weights in it.

    Best is the epoch with the lowest *validation* loss. Without validation data the last epoch's weights stay. The
    network comes back in evaluation mode, on the device it was on; torch's global generators are left as they were.

    Args:
        net: any module; its present weights are the start.
        train: ``(inputs, targets)``, NumPy arrays or tensors with ``n`` samples on the first axis. Inputs may be a
            strided view of windows ``(n, time, feature)``: each batch is gathered and cast when it is due. Or an
            object with ``batches`` (see `Batches`).
        validation: likewise; nothing is learned from it.
        epochs: passes over the training data, at most.
        batch_size: samples per step.
        lr: Adam's learning rate.
        loss: of the network's output and the targets, the *mean* over the targets. Targets that differ from the
            output in axes of length 1 alone take its shape.
        weight_decay: Adam's L2 penalty.
        patience: stop after that many epochs in a row without a lower validation loss; None never stops early.
        clip_norm: largest norm of the whole gradient.
        clip_value: largest size of any entry of the gradient; acts before ``clip_norm``.
        seed: decides the order of the batches and the dropout.
        device: ``"auto"`` (CUDA where there is one), ``"cpu"`` or ``"cuda"``.
        progress: show a line with the losses on a terminal; elsewhere there is none.
        checkpoint: file that holds the run after every epoch. Where it is there already, the run goes on from it,
            and ends as if it had never stopped. ``epochs`` may grow meanwhile; all else must be the same.
        optimiser: makes another optimiser from the parameters; ``lr`` and ``weight_decay`` are then its own affair.
        restore_best: False leaves the last weights instead of the best.

    Returns:
        The losses, epoch by epoch.

    Raises:
        Diverged: a loss or weight is NaN or infinite; the best weights so far, or the initial ones, are restored.
        CheckpointError: the checkpoint cannot be written, is damaged or belongs to another network or run.
        ValueError: empty data, lengths or shapes that do not fit, a setting out of its range, an unknown device,
            ``patience`` without validation data, or nothing to train.
        TypeError: data that are neither arrays nor batches.
    """
    plan = Plan(epochs, batch_size, lr, weight_decay, patience, clip_norm, clip_value, seed)
    if patience is not None and validation is None:
        raise ValueError(f"patience is {patience}, but there are no validation data to judge by: give some, or None.")
    task = _task(net, train, validation, batch_size, loss, choose_device(device))
    with on_device(net, task.device), own_randomness(seed) as order:
        parameters = _trainable(net)
        make = optimiser or (lambda held: _adam(held, lr, weight_decay))
        run = Run(net, make(parameters), order, tensors_of(net), History())
        try:
            _train(run, plan, task, parameters, None if checkpoint is None else Path(checkpoint), show=progress)
        except BaseException:  # an interruption too: half an epoch's weights are no result
            net.load_state_dict(run.best)
            raise
        finally:
            run.optimiser.zero_grad()
            net.eval()
        if restore_best:
            net.load_state_dict(run.best)
    return replace(run.history, stopped_early=len(run.history) < epochs)


def _train(
    run: Run, plan: Plan, task: _Task, parameters: list[nn.Parameter], checkpoint: Path | None, *, show: bool
) -> None:
    recipe = {} if checkpoint is None else _recipe(run, plan, task)
    if checkpoint is not None and checkpoint.exists():
        resume_run(run, checkpoint, recipe)
        _check_length(checkpoint, run.history, plan.epochs)
    with watch_epochs(plan.epochs, show=show) as watch:
        while not plan.is_over(run.history):
            _one_epoch(run, plan, task, parameters, watch)
            if checkpoint is not None:
                save_run(run, checkpoint, recipe)


def _task(
    net: nn.Module, train: Data, validation: Data | None, batch_size: int, loss: Loss, device: torch.device
) -> _Task:
    dtype = precision(net)
    learned = as_batches(train, name="the training set", batch_size=batch_size, dtype=dtype)
    if validation is None:
        return _Task(learned, None, loss, device)
    large = max(batch_size, _SCORING_BATCH)
    return _Task(
        learned, as_batches(validation, name="the validation set", batch_size=large, dtype=dtype), loss, device
    )


def _trainable(net: nn.Module) -> list[nn.Parameter]:
    parameters = [p for p in net.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError(
            f"the {type(net).__name__} has no parameter that requires a gradient: there is nothing to train."
        )
    return parameters


def _adam(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=lr, weight_decay=weight_decay, fused=True)


def _recipe(run: Run, plan: Plan, task: _Task) -> dict[str, str]:
    """What decides a run besides its state, as text. ``epochs`` is no part of it: a run may grow."""
    return {
        "network": type(run.net).__name__,
        "optimiser": type(run.optimiser).__name__,
        **{f"optimiser's {name}": str(value) for name, value in run.optimiser.defaults.items()},
        "loss": getattr(task.loss, "__qualname__", type(task.loss).__name__),
        **{name: str(getattr(plan, name)) for name in ("batch_size", "patience", "clip_norm", "clip_value", "seed")},
        "training set": fingerprint(task.train),
        "validation set": "none" if task.validation is None else fingerprint(task.validation),
    }


def _check_length(path: Path, history: History, epochs: int) -> None:
    if len(history) > epochs:
        raise CheckpointError(
            f"{path} holds {len(history)} epochs, but {epochs} are asked for: ask for at least as many."
        )


def _one_epoch(run: Run, plan: Plan, task: _Task, parameters: list[nn.Parameter], watch: Watch) -> None:
    """Learn, judge, note; change ``run`` to the state after one more epoch."""
    started = time.perf_counter()
    batches = watch(run.history, task.train.batches(run.order), len(task.train))
    learned = learn(run.net, batches, task.loss, run.optimiser, lambda: plan.clip(parameters), task.device)
    train_loss = _mean(run, plan, learned, task.train, "training")
    judged: list[float] = []
    if task.validation is not None:
        scored = score(run.net, task.validation.batches(None), task.loss, task.device)
        judged.append(_mean(run, plan, scored, task.validation, "validation"))
    elif not all_finite(run.net):
        _give_up(run, plan, task.train, "a weight", batch=0, loss=math.nan)
    run.history = History(
        [*run.history.train_loss, train_loss],
        [*run.history.validation_loss, *judged],
        [*run.history.seconds, time.perf_counter() - started],
    )
    if run.history.best_epoch == len(run.history):
        run.best = tensors_of(run.net)


def _mean(run: Run, plan: Plan, losses: Losses, data: Batches, name: str) -> float:
    numbers = losses.numbers()
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        _give_up(run, plan, data, f"the {name} loss", batch=int(bad[0]) + 1, loss=float(numbers[bad[0]]))
    return float(np.average(numbers, weights=losses.weights))


def _give_up(run: Run, plan: Plan, data: Batches, what: str, *, batch: int, loss: float) -> NoReturn:
    """Say what was seen, what the network holds now, and what to try."""
    epoch, best = len(run.history) + 1, run.history.best_epoch
    where = f"epoch {epoch}, batch {batch}" if batch else f"epoch {epoch}"
    kept = f"the weights of epoch {best}" if best else "the initial weights"
    spoiled = not_finite(data)
    if spoiled:
        remedy = f"{spoiled} of its data is not finite either, so fill or leave out missing values"
    else:
        remedy = f"try a smaller lr than {plan.lr:g}, clip_norm=1.0, or data scaled to about unit size"
    message = f"{what} became {loss} in {where}; {kept} are restored: {remedy}."
    raise Diverged(message, epoch=epoch, batch=batch, loss=loss, history=run.history)
