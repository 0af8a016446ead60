"""A line that moves while a network trains, and is gone afterwards."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from torch import Tensor

from rnncourse.training.history import History

Stream: TypeAlias = Iterable[tuple[Any, Tensor]]
Watch: TypeAlias = Callable[[History, Stream, int], Stream]


def _silent(history: History, batches: Stream, total: int) -> Stream:
    return batches


@contextlib.contextmanager
def watch_epochs(epochs: int, *, show: bool) -> Iterator[Watch]:
    """Show epochs, batches and losses on the terminal.

    Where there is no terminal, as in a notebook, a pipe or a worker, nothing is shown: an executed notebook would
    keep it as output.

    Args:
        epochs: how many are planned.
        show: False keeps silent on a terminal too.

    Yields:
        A function of the history so far, the batches of an epoch and their number, which hands the batches through.
    """
    if not (show and sys.stderr.isatty()):
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def watch(history: History, batches: Stream, total: int) -> Stream:
            done = len(history)
            bar.update(task, description=_describe(history, epochs), total=epochs * total, completed=done * total)
            for batch in batches:
                yield batch
                bar.advance(task)

        yield watch


def _describe(history: History, epochs: int) -> str:
    text = f"epoch {len(history) + 1}/{epochs}"
    if history.train_loss:
        text += f"  train {history.train_loss[-1]:.4g}"
    if history.validation_loss:
        text += f"  validation {history.validation_loss[-1]:.4g}  best {history.best_validation_loss:.4g}"
    return text
