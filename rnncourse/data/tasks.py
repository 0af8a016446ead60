"""Memory tasks: generated sequences that a network can get right only by keeping, ignoring and clearing. Synthetic.

A task is a frozen description. ``task.sample(count, rng)`` draws sequences, ``task.score(outputs, sequences)`` scores
what a network says of them, and ``task.chance`` is the score without any memory, known from how the task is made:

============================ ====================================== ================= ==============
task                         what must be kept                      score             without memory
============================ ====================================== ================= ==============
:class:`Adding`              two numbers out of many                squared error     1/6
:class:`Copy`                a list, symbol by symbol               bits per symbol   log2(symbols)
:class:`TemporalOrder`       two symbols and which came first       share right       1/4
:class:`ContinualReber`      one symbol, again and again            share right       1/2
============================ ====================================== ================= ==============

A score without memory is that of a network which knows everything else about the task. One that knows less scores
worse.
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnncourse.data.errors import DataError

__all__ = [
    "REBER_SYMBOLS",
    "TASKS",
    "Adding",
    "ContinualReber",
    "Copy",
    "MemoryTask",
    "Sequences",
    "TemporalOrder",
    "find_task",
]

Floats = NDArray[np.float64]
Kind = Literal["number", "class"]


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
    targets: NDArray[np.float32] | NDArray[np.int64]
    learned: NDArray[np.bool_]
    scored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, which: slice) -> "Sequences":
        """Some of the sequences, as views: ``sequences[:32]``."""
        return Sequences(self.inputs[which], self.targets[which], self.learned[which], self.scored[which])


class MemoryTask(Protocol):
    """What every task can do and says of itself.

    Attributes:
        name: what to call it in a table.
        kind: ``number`` for a target that is a number, ``class`` for one out of ``output_size`` classes.
        unit: what the score is measured in.
        input_size: features of one step.
        output_size: outputs of a network at one step.
        chance: the score without memory.
        best: the score of one who does everything right.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    unit: ClassVar[str]
    best: ClassVar[float]

    @property
    def input_size(self) -> int:
        """Features of one step."""
        ...

    @property
    def output_size(self) -> int:
        """Outputs of a network at one step."""
        ...

    @property
    def chance(self) -> float:
        """The score without memory."""
        ...

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw sequences.

        Args:
            count: how many, at least 1.
            rng: where the randomness comes from.

        Returns:
            ``count`` sequences.
        """
        ...

    def score(self, outputs: ArrayLike, sequences: Sequences) -> float:
        """Score a network's outputs.

        Args:
            outputs: ``(batch, time, output_size)``: numbers, or scores of the classes before the softmax.
            sequences: what the network has read.

        Returns:
            The mean over the scored steps, in the task's unit.
        """
        ...


@dataclass(frozen=True)
class Adding:
    """Add the two numbers that are marked.

    A step holds a number, uniform in [0, 1], and a marker, 0 or 1. One step of the first half and one of the second
    are marked. At the last step the sum of their numbers is asked for. Who remembers nothing says 1, the mean of
    the sum, and errs by its variance: two times 1/12.

    Attributes:
        seq_len: steps of a sequence, at least 2.

    Source: Hochreiter & Schmidhuber (1997), experiment 4. Here as in Le, Jaitly & Hinton (2015): numbers from
    [0, 1] rather than [-1, 1], no third marker value at the ends, one fixed length, the plain sum.
    """

    seq_len: int = 50
    name: ClassVar[str] = "adding"
    kind: ClassVar[Kind] = "number"
    unit: ClassVar[str] = "squared error"
    input_size: ClassVar[int] = 2
    output_size: ClassVar[int] = 1
    chance: ClassVar[float] = 1 / 6
    best: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        _whole("seq_len", self.seq_len, least=2)

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw sequences.

        Args:
            count: how many, at least 1.
            rng: where the randomness comes from.

        Returns:
            Inputs ``(count, seq_len, 2)``; the last step is learned and scored.

        Raises:
            DataError: ``count`` is below 1, or ``rng`` is no generator.
        """
        _drawing(count, rng)
        half, rows = self.seq_len // 2, np.arange(count)
        inputs = np.zeros((count, self.seq_len, 2), dtype=np.float32)
        inputs[..., 0] = rng.random((count, self.seq_len), dtype=np.float32)
        inputs[rows, rng.integers(half, size=count), 1] = 1
        inputs[rows, rng.integers(half, self.seq_len, size=count), 1] = 1
        targets = np.zeros((count, self.seq_len), dtype=np.float32)
        targets[:, -1] = (inputs[..., 0] * inputs[..., 1]).sum(axis=1)
        last = _last_step(count, self.seq_len)
        return Sequences(inputs, targets, last, last)

    def score(self, outputs: ArrayLike, sequences: Sequences) -> float:
        """Mean squared error of the sum.

        Args:
            outputs: ``(batch, seq_len, 1)``.
            sequences: from :meth:`sample`.

        Returns:
            The error; 0 is perfect, 1/6 is chance.

        Raises:
            DataError: ``outputs`` has another shape, or holds NaN or infinity.
        """
        said = _outputs(outputs, sequences, self.output_size)[sequences.scored][:, 0]
        return float(np.mean((said - sequences.targets[sequences.scored]) ** 2))


@dataclass(frozen=True)
class Copy:
    """Repeat a list of symbols after a delay.

    The list comes first, then nothing for ``delay`` steps, then a signal, and from the signal on the list is asked
    for, symbol by symbol. A step is a one-hot vector of the symbols, the blank and the signal.

    Attributes:
        symbols: different symbols, at least 2.
        length: symbols of the list, at least 1.
        delay: blank steps between the last symbol and the signal, at least 0.

    Source: Hochreiter & Schmidhuber (1997) ask for symbols over long gaps; in this form in Arjovsky, Shah & Bengio
    (2016). There the blanks before the signal are learned too; here only the list is.
    """

    symbols: int = 8
    length: int = 5
    delay: int = 20
    name: ClassVar[str] = "copy"
    kind: ClassVar[Kind] = "class"
    unit: ClassVar[str] = "bits per symbol"
    best: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        _whole("symbols", self.symbols, least=2)
        _whole("length", self.length, least=1)
        _whole("delay", self.delay, least=0)

    @property
    def seq_len(self) -> int:
        """Steps of a sequence, which are the list, the delay, and the list again from the signal on."""
        return 2 * self.length + self.delay

    @property
    def input_size(self) -> int:
        """Features of one step, one each for the symbols, the blank and the signal."""
        return self.symbols + 2

    @property
    def output_size(self) -> int:
        """Number of classes, which are the symbols."""
        return self.symbols

    @property
    def chance(self) -> float:
        """Bits of one symbol that cannot be known, log2 of their number."""
        return float(np.log2(self.symbols))

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw sequences.

        Args:
            count: how many, at least 1.
            rng: where the randomness comes from.

        Returns:
            Inputs ``(count, seq_len, symbols + 2)``; the last ``length`` steps are learned and scored.

        Raises:
            DataError: ``count`` is below 1, or ``rng`` is no generator.
        """
        _drawing(count, rng)
        listed = rng.integers(self.symbols, size=(count, self.length))
        said = np.full((count, self.seq_len), self.symbols)
        said[:, : self.length] = listed
        said[:, self.length + self.delay] = self.symbols + 1
        targets = np.zeros((count, self.seq_len), dtype=np.int64)
        targets[:, -self.length :] = listed
        asked = np.zeros((count, self.seq_len), dtype=np.bool_)
        asked[:, -self.length :] = True
        return Sequences(_one_hot(said, self.input_size), targets, asked, asked)

    def score(self, outputs: ArrayLike, sequences: Sequences) -> float:
        """Cross-entropy of the repeated symbols.

        Args:
            outputs: ``(batch, seq_len, symbols)``, before the softmax.
            sequences: from :meth:`sample`.

        Returns:
            Bits per symbol; 0 is perfect, log2 of ``symbols`` is chance, confident mistakes cost more.

        Raises:
            DataError: ``outputs`` has another shape, or holds NaN or infinity.
        """
        said = _outputs(outputs, sequences, self.output_size)[sequences.scored]
        right = np.take_along_axis(said, sequences.targets[sequences.scored].astype(np.int64)[:, None], axis=1)[:, 0]
        top = said.max(axis=1)
        nats = top + np.log(np.exp(said - top[:, None]).sum(axis=1)) - right
        return float(nats.mean() / np.log(2))


@dataclass(frozen=True)
class TemporalOrder:
    """Say in which order two symbols came.

    A sequence begins with a start symbol and ends with an end symbol; between them stand four meaningless ones,
    drawn at random, except at two steps that show X or Y. The first lies in the second tenth of the sequence, the
    second in the sixth. At the end the class is asked for: XX, XY, YX or YY.

    Attributes:
        seq_len: steps of a sequence, at least 20.

    Source: Hochreiter & Schmidhuber (1997), experiment 6a. There a sequence has 100 to 110 steps.
    """

    seq_len: int = 50
    name: ClassVar[str] = "temporal order"
    kind: ClassVar[Kind] = "class"
    unit: ClassVar[str] = "share right"
    input_size: ClassVar[int] = 8
    output_size: ClassVar[int] = 4
    chance: ClassVar[float] = 1 / 4
    best: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        _whole("seq_len", self.seq_len, least=20)

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw sequences.

        Args:
            count: how many, at least 1.
            rng: where the randomness comes from.

        Returns:
            Inputs ``(count, seq_len, 8)``, one-hot: X, Y, four meaningless symbols, start, end. The last step is
            learned and scored; its class is 0 for XX, 1 for XY, 2 for YX, 3 for YY.

        Raises:
            DataError: ``count`` is below 1, or ``rng`` is no generator.
        """
        _drawing(count, rng)
        tenth, rows = self.seq_len // 10, np.arange(count)
        said = rng.integers(2, 6, size=(count, self.seq_len))
        said[:, 0], said[:, -1] = 6, 7
        first, second = rng.integers(2, size=(2, count))
        said[rows, rng.integers(tenth, 2 * tenth, size=count)] = first
        said[rows, rng.integers(5 * tenth, 6 * tenth, size=count)] = second
        targets = np.zeros((count, self.seq_len), dtype=np.int64)
        targets[:, -1] = 2 * first + second
        last = _last_step(count, self.seq_len)
        return Sequences(_one_hot(said, self.input_size), targets, last, last)

    def score(self, outputs: ArrayLike, sequences: Sequences) -> float:
        """Share of sequences whose order is named rightly.

        Args:
            outputs: ``(batch, seq_len, 4)``.
            sequences: from :meth:`sample`.

        Returns:
            The share; 1 is perfect, 1/4 is chance.

        Raises:
            DataError: ``outputs`` has another shape, or holds NaN or infinity.
        """
        return _share_right(outputs, sequences, self.output_size)


REBER_SYMBOLS = "BTPSXVE"
"""The seven symbols of the Reber grammar, in the order of the features."""


@dataclass(frozen=True)
class ContinualReber:
    """Predict a stream of embedded Reber strings that never says where a string begins.

    A string is B, then T or P, then a whole Reber string, then the *same* T or P, then E. The next B follows at once.
    At every step the next symbol is asked for; what is scored is the T or P that must be remembered. A network that
    never clears its memory mixes the strings up.

    Attributes:
        seq_len: steps of a stream, at least 12; it begins at the beginning of a string and may end within one.

    Source: Gers, Schmidhuber & Cummins (2000), section 3; the grammar is Reber's (1967), embedded by Hochreiter &
    Schmidhuber (1997), experiment 1. There the learning is online and a stream ends at the first mistake.
    """

    seq_len: int = 60
    name: ClassVar[str] = "continual Reber"
    kind: ClassVar[Kind] = "class"
    unit: ClassVar[str] = "share right"
    input_size: ClassVar[int] = 7
    output_size: ClassVar[int] = 7
    chance: ClassVar[float] = 1 / 2
    best: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        # The shortest string has 9 symbols; much shorter streams would close none.
        _whole("seq_len", self.seq_len, least=12)

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Draw streams.

        Args:
            count: how many, at least 1.
            rng: where the randomness comes from.

        Returns:
            Inputs ``(count, seq_len, 7)``, one-hot in the order of :data:`REBER_SYMBOLS`; targets are the next
            symbols. Every step is learned. Scored is where the target is the T or P that closes a string.

        Raises:
            DataError: ``count`` is below 1, or ``rng`` is no generator.
        """
        _drawing(count, rng)
        coins = rng.integers(2, size=(self.seq_len + 1, count))
        says, goes, closes = _embedded_grammar()
        node, said, closing = np.zeros(count, dtype=np.int64), [], []
        for coin in coins:
            said.append(says[node, coin])
            closing.append(closes[node])
            node = goes[node, coin]
        stream, closed = np.stack(said, axis=1), np.stack(closing, axis=1)
        everywhere = np.ones((count, self.seq_len), dtype=np.bool_)
        return Sequences(_one_hot(stream[:, :-1], self.input_size), stream[:, 1:], everywhere, closed[:, 1:])

    def score(self, outputs: ArrayLike, sequences: Sequences) -> float:
        """Share of closing symbols named rightly.

        Args:
            outputs: ``(batch, seq_len, 7)``.
            sequences: from :meth:`sample`.

        Returns:
            The share; 1 is perfect, 1/2 is who knows the grammar and has forgotten the opening symbol.

        Raises:
            DataError: ``outputs`` has another shape, or holds NaN or infinity, or no string is closed.
        """
        return _share_right(outputs, sequences, self.output_size)


@cache
def _embedded_grammar() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Tables of the automaton, by node and coin: what it says ``(20, 2)``, where it goes ``(20, 2)``; where it closes.

    Node 0 says the opening B, node 1 the T or P. Nodes 2 to 10 follow a T and 11 to 19 a P: seven of the Reber
    grammar, then the closing symbol, then E.
    """
    # Symbol and next node for either fall of the coin, counted from the node that says the inner B.
    inner = ("B1B1", "T2P3", "S2X4", "T3V5", "X3S6", "P4V6", "E7E7")
    says, goes = np.zeros((20, 2), dtype=np.int64), np.zeros((20, 2), dtype=np.int64)
    says[0], goes[0] = REBER_SYMBOLS.index("B"), 1
    says[1], goes[1] = (REBER_SYMBOLS.index("T"), REBER_SYMBOLS.index("P")), (2, 11)
    for first, opening in ((2, "T"), (11, "P")):
        paths = (*inner, f"{opening}8{opening}8")
        for node, path in enumerate(paths, first):
            says[node] = [REBER_SYMBOLS.index(path[0]), REBER_SYMBOLS.index(path[2])]
            goes[node] = [first + int(path[1]), first + int(path[3])]
        says[first + 8] = REBER_SYMBOLS.index("E")
    closes = np.isin(np.arange(20), (9, 18))
    return says, goes, closes


def _whole(what: str, value: int, *, least: int) -> None:
    if not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"{what} must be a whole number, at least {least}, got {value!r}.")


def _drawing(count: int, rng: np.random.Generator) -> None:
    _whole("count", count, least=1)
    if not isinstance(rng, np.random.Generator):
        raise DataError(f"rng must be a NumPy generator such as numpy.random.default_rng(0), got {rng!r}.")


def _last_step(count: int, seq_len: int) -> NDArray[np.bool_]:
    mask = np.zeros((count, seq_len), dtype=np.bool_)
    mask[:, -1] = True
    return mask


def _one_hot(classes: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    return np.eye(size, dtype=np.float32)[classes]


def _outputs(outputs: ArrayLike, sequences: Sequences, size: int) -> Floats:
    said = np.asarray(outputs, dtype=np.float64)
    wanted = (*sequences.targets.shape, size)
    if said.shape != wanted:
        raise DataError(f"outputs has shape {said.shape}; expected (batch, time, output_size) = {wanted}.")
    if not sequences.scored.any():
        raise DataError("the sequences have no step to score: take more of them, or longer ones.")
    if not np.isfinite(said[sequences.scored]).all():
        raise DataError("outputs holds NaN or infinity at a scored step: the network has diverged.")
    return said


def _share_right(outputs: ArrayLike, sequences: Sequences, size: int) -> float:
    said = _outputs(outputs, sequences, size)[sequences.scored]
    return float(np.mean(said.argmax(axis=1) == sequences.targets[sequences.scored]))


TASKS: tuple[MemoryTask, ...] = (Adding(), Copy(), TemporalOrder(), ContinualReber())
"""The tasks at the lengths the book uses."""


def find_task(name: str) -> MemoryTask:
    """A task of :data:`TASKS` by its name.

    Args:
        name: such as ``adding``.

    Returns:
        The task.

    Raises:
        DataError: there is none of that name.
    """
    for task in TASKS:
        if task.name == name:
            return task
    raise DataError(f"unknown task {name!r}; the memory tasks are {', '.join(task.name for task in TASKS)}.")
