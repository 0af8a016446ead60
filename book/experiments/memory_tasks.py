"""Memory tasks: generated sequences that a network can get right only by keeping, ignoring and clearing. Synthetic.

A task is a frozen description. ``task.sample(count, rng)`` draws sequences, ``task.score(outputs, sequences)`` scores
what a network says of them, and ``task.chance`` is the score of one who knows all but what must be remembered:

============================ ====================================== ================= ==============
task                         what must be kept                      score             without memory
============================ ====================================== ================= ==============
:class:`Adding`              two numbers out of many                squared error     1/6
:class:`Copy`                a list, symbol by symbol               bits per symbol   log2(symbols)
:class:`TemporalOrder`       two symbols and which came first       share right       1/4
:class:`ContinualReber`      one symbol, again and again            share right       1/2
============================ ====================================== ================= ==============
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Steps = NDArray[np.bool_]

REBER_SYMBOLS = "BTPSXVE"
"""The seven symbols of the Reber grammar, in the order of the features."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Generated sequences and what is to be said of them.

    Attributes:
        inputs: ``(batch, time, feature)``, float32.
        targets: ``(batch, time)``: float32 numbers, or int64 classes. Only the steps marked below mean anything.
        learned: ``(batch, time)``, the steps that the training loss counts.
        scored: ``(batch, time)``, the steps that the score counts; a part of ``learned``.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32] | Ints
    learned: Steps
    scored: Steps


class MemoryTask(ABC):
    """What every task can do and says of itself.

    Attributes:
        kind: ``number`` for a target that is a number, ``class`` for one out of ``output_size`` classes.
        input_size: features of one step.
        output_size: outputs of a network at one step.
        chance: the score without memory.
        best: the score of one who does everything right.
    """

    kind: ClassVar[Literal["number", "class"]] = "class"
    best: ClassVar[float] = 1.0
    input_size: int
    output_size: int
    chance: float

    @abstractmethod
    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw ``count`` sequences."""

    def score(self, outputs: ArrayLike, sequences: Sequences) -> float:
        """Score a network's outputs ``(batch, time, output_size)`` over the scored steps of what it has read."""
        said = np.asarray(outputs, dtype=np.float64)[sequences.scored]
        return float(self._mean_score(said, sequences.targets[sequences.scored]))

    def _mean_score(self, said: Floats, targets: NDArray[Any]) -> Any:
        return np.mean(said.argmax(axis=1) == targets)


def _last_steps(count: int, seq_len: int, steps: int = 1) -> Steps:
    return np.tile(np.arange(seq_len) >= seq_len - steps, (count, 1))


def _one_hot(classes: Ints, size: int) -> NDArray[np.float32]:
    return np.eye(size, dtype=np.float32)[classes]


@dataclass(frozen=True)
class Adding(MemoryTask):
    """Add the two numbers that are marked, one in the first half of ``seq_len`` steps and one in the second.

    A step holds a number, uniform in [0, 1], and a marker, 0 or 1. At the last step the sum is asked for. Who remembers
    nothing says 1, the mean of the sum, and errs by its variance: two times 1/12.

    Source: Hochreiter & Schmidhuber (1997), experiment 4. Here as in Le, Jaitly & Hinton (2015): numbers from
    [0, 1] rather than [-1, 1], no third marker value at the ends, one fixed length, the plain sum.
    """

    seq_len: int = 50
    kind, best, chance = "number", 0.0, 1 / 6
    input_size, output_size = 2, 1

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        half, rows = self.seq_len // 2, np.arange(count)
        inputs = np.zeros((count, self.seq_len, 2), dtype=np.float32)
        inputs[..., 0] = rng.random((count, self.seq_len), dtype=np.float32)
        inputs[rows, rng.integers(half, size=count), 1] = 1
        inputs[rows, rng.integers(half, self.seq_len, size=count), 1] = 1
        last = _last_steps(count, self.seq_len)
        return Sequences(inputs, last * (inputs[..., 0] * inputs[..., 1]).sum(axis=1, keepdims=True), last, last)

    def _mean_score(self, said: Floats, targets: NDArray[Any]) -> Any:
        return np.mean((said[:, 0] - targets) ** 2)


@dataclass(frozen=True)
class Copy(MemoryTask):
    """Repeat a list of ``length`` out of ``symbols`` different ones after a ``delay`` of blank steps.

    After the delay comes a signal, and from the signal on the list is asked for, symbol by symbol. A step is a one-hot
    vector of the symbols, the blank and the signal.

    Source: Hochreiter & Schmidhuber (1997) ask for symbols over long gaps; in this form in Arjovsky, Shah & Bengio
    (2016). There the blanks before the signal are learned too; here only the list is.
    """

    symbols: int = 8
    length: int = 5
    delay: int = 20
    best = 0.0

    input_size = property(lambda self: self.symbols + 2)
    output_size = property(lambda self: self.symbols)
    chance = property(lambda self: float(np.log2(self.symbols)))
    seq_len = property(lambda self: 2 * self.length + self.delay)

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        listed = rng.integers(self.symbols, size=(count, self.length))
        said = np.full((count, self.seq_len), self.symbols)
        said[:, : self.length] = listed
        said[:, self.length + self.delay] = self.symbols + 1
        targets = np.zeros((count, self.seq_len), dtype=np.int64)
        targets[:, -self.length :] = listed
        asked = _last_steps(count, self.seq_len, self.length)
        return Sequences(_one_hot(said, self.input_size), targets, asked, asked)

    def _mean_score(self, said: Floats, targets: NDArray[Any]) -> Any:
        right = np.take_along_axis(said, targets[:, None], axis=1)[:, 0]
        top = said.max(axis=1)
        nats = top + np.log(np.exp(said - top[:, None]).sum(axis=1)) - right
        return nats.mean() / np.log(2)


@dataclass(frozen=True)
class TemporalOrder(MemoryTask):
    """Say in which order two symbols came.

    A sequence of ``seq_len`` steps begins with a start symbol and ends with an end symbol; between them stand four
    meaningless ones, drawn at random, except at two steps that show X or Y, one in the second tenth of the sequence
    and one in the sixth. At the end the class is asked for: 0 for XX, 1 for XY, 2 for YX, 3 for YY. A step is a
    one-hot vector of X, Y, the four meaningless symbols, start and end.

    Source: Hochreiter & Schmidhuber (1997), experiment 6a. There a sequence has 100 to 110 steps.
    """

    seq_len: int = 50
    chance = 1 / 4
    input_size, output_size = 8, 4

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        tenth, rows = self.seq_len // 10, np.arange(count)
        said = rng.integers(2, 6, size=(count, self.seq_len))
        said[:, 0], said[:, -1] = 6, 7
        first, second = rng.integers(2, size=(2, count))
        said[rows, rng.integers(tenth, 2 * tenth, size=count)] = first
        said[rows, rng.integers(5 * tenth, 6 * tenth, size=count)] = second
        last = _last_steps(count, self.seq_len)
        return Sequences(_one_hot(said, self.input_size), last * (2 * first + second)[:, None], last, last)


@dataclass(frozen=True)
class ContinualReber(MemoryTask):
    """Predict a stream of embedded Reber strings that never says where a string begins.

    A string is B, then T or P, then a whole Reber string, then the *same* T or P, then E. The next B follows at once.
    At every step the next symbol is asked for; what is scored is the T or P that must be remembered. A network that
    never clears its memory mixes the strings up. A stream has ``seq_len`` steps and may end within a string.

    Source: Gers, Schmidhuber & Cummins (2000), section 3; the grammar is Reber's (1967), embedded by Hochreiter &
    Schmidhuber (1997), experiment 1. There the learning is online and a stream ends at the first mistake.
    """

    seq_len: int = 60
    # The shortest string has 9 symbols; much shorter streams would close none.
    chance = 1 / 2
    input_size, output_size = 7, 7

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        says, goes, closes = _embedded_grammar()
        node, said, closing = np.zeros(count, dtype=np.int64), [], []
        for coin in rng.integers(2, size=(self.seq_len + 1, count)):
            said.append(says[node, coin])
            closing.append(closes[node])
            node = goes[node, coin]
        stream, closed = np.stack(said, axis=1), np.stack(closing, axis=1)
        return Sequences(_one_hot(stream[:, :-1], 7), stream[:, 1:], np.ones_like(closed[:, 1:]), closed[:, 1:])


@cache
def _embedded_grammar() -> tuple[Ints, Ints, Steps]:
    """Tables of the automaton, by node and coin: what it says ``(20, 2)``, where it goes ``(20, 2)``; where it closes.

    Node 0 says the opening B, node 1 the T or P. Nodes 2 to 10 follow a T and 11 to 19 a P: seven of the Reber
    grammar, then the closing symbol, then E.
    """
    # Symbol and next node for either fall of the coin, counted from the node that says the inner B.
    inner = ("B1B1", "T2P3", "S2X4", "T3V5", "X3S6", "P4V6", "E7E7")
    nodes: list[tuple[Any, ...]] = [((0, 1), (0, 1)), ((1, 2), (2, 11))]
    for first, opening in ((2, "T"), (11, "P")):
        for path in (*inner, f"{opening}8{opening}8"):
            symbols, turns = map(REBER_SYMBOLS.index, path[::2]), (first + int(path[1]), first + int(path[3]))
            nodes.append(tuple(zip(symbols, turns, strict=True)))
        nodes.append(((REBER_SYMBOLS.index("E"), 0), (REBER_SYMBOLS.index("E"), 0)))
    table = np.array(nodes)
    return table[..., 0], table[..., 1], np.isin(np.arange(20), (9, 18))


def kept_value(count: int, *, distance: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A sign at the first step, noise of the same kind after it; the sign is asked for at the last step.

    Returns:
        Sequences ``(count, distance + 1, 2)``: a value of -1 or 1 and a mark, 1 at the first step and 0 elsewhere; and
        classes ``(count,)``, 1 where the first value is 1.
    """
    x = np.zeros((count, distance + 1, 2), dtype=np.float32)
    x[..., 0] = 2 * np.random.default_rng(seed).integers(0, 2, (count, distance + 1)) - 1
    x[:, 0, 1] = 1
    return x, (x[:, 0, 0] > 0).astype(np.int64)
