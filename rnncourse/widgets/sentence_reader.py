"""A bidirectional GRU that reads a sentence word by word, small enough to be computed in the page."""

import base64
import binascii
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import traitlets

from rnncourse.cells import FloatArray, gru_sequence, softmax
from rnncourse.widgets.base import Numbers, PageWidget, StateError, Text, Texts, WholeNumber, fixed, html_table

MOST_WORDS = 64  # read of one text
MOST_CHARACTERS = 10_000
MOST_KNOWN = 5_000
DIRECTIONS = ("forward", "backward")

Network = dict[str, FloatArray]


def split_words(text: str) -> list[str]:
    """Words as ``rnncourse.text.tokenise`` finds them; widgets may not import it, so a test holds the two together."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


def layout(*, words: int, classes: int, embedding_dim: int, hidden_size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each array in ``weights``, in order.

    A matrix is stored as one float32 scale per row, then its entries as signed bytes, row by row; a vector as float32.
    All are little-endian. An entry of a matrix is its byte times the scale of its row.
    """
    gates = 3 * hidden_size
    yield "embedding", (words + 1, embedding_dim)
    for direction in DIRECTIONS:
        yield f"{direction}.W_ih", (gates, embedding_dim)
        yield f"{direction}.W_hh", (gates, hidden_size)
        yield f"{direction}.b_ih", (gates,)
        yield f"{direction}.b_hh", (gates,)
    yield "W_hy", (classes, 2 * hidden_size)
    yield "b_y", (classes,)


def _size(shape: tuple[int, ...]) -> int:
    """Bytes of one array."""
    return 4 * shape[0] + (math.prod(shape) if len(shape) > 1 else 0)


def _take(data: bytes, shape: tuple[int, ...]) -> FloatArray:
    """One array from the front of ``data``."""
    rows = np.frombuffer(data, "<f4", count=shape[0]).astype(np.float64)
    if len(shape) == 1:
        return rows
    entries = np.frombuffer(data, np.int8, count=math.prod(shape), offset=4 * shape[0])
    return rows[:, None] * entries.reshape(shape)


@lru_cache(maxsize=8)
def unpack(weights: str, *, words: int, classes: int, embedding_dim: int, hidden_size: int) -> Network:
    """The network's arrays in float64, by the names of `layout`; a ``ValueError`` says what ``weights`` must."""
    try:
        data = base64.b64decode(weights, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("be base64, but is not; pass the recorded text") from error
    sizes = {"words": words, "classes": classes, "embedding_dim": embedding_dim, "hidden_size": hidden_size}
    arrays, wanted = dict(layout(**sizes)), 0
    if len(data) != (wanted := sum(map(_size, arrays.values()))):
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(f"hold {wanted:,} bytes for {told}, but holds {len(data):,}; pass those recorded together")
    found, at = {}, 0
    for name, shape in arrays.items():
        found[name] = _take(data[at : at + _size(shape)], shape)
        if not np.isfinite(found[name]).all():
            raise ValueError(f"hold finite numbers, but {name} does not; pass the recorded text")
        at += _size(shape)
    return found


@dataclass(frozen=True, eq=False)
class Reading:
    """A sentence, read."""

    words: tuple[str, ...]  #: the words read, in their order
    known: tuple[bool, ...]  #: whether the network knows each
    left_out: int  #: words of the text beyond the first 64, which are not read
    forward: FloatArray  #: length of each word's change of the forward state, ``(words,)``
    backward: FloatArray  #: the same of the backward state, which starts at the last word, ``(words,)``
    beliefs: FloatArray  #: probability of each class after one word, two words, … all words, ``(words, classes)``


def _made_up() -> dict[str, Any]:
    """A network to start from when none is given: eight words, and weights that follow a sine."""
    words = ("i", "am", "not", "happy", "sad", "you", "are", "afraid")
    sizes = {"embedding_dim": 4, "hidden_size": 3}
    shapes = dict(layout(words=len(words), classes=6, **sizes)).values()
    parts = []
    for number, shape in enumerate(shapes, start=1):
        entries = [round(120 * math.sin(1.7 * k + number)) for k in range(math.prod(shape) if len(shape) > 1 else 0)]
        parts.append(struct.pack(f"<{shape[0]}f{len(entries)}b", *[1 / 64] * shape[0], *entries))
    return {"words": words, "weights": base64.b64encode(b"".join(parts)).decode(), **sizes}


_MADE_UP = _made_up()


class SentenceReader(PageWidget):
    """A trained bidirectional GRU that reads a text in the page and says what it believes after each word.

    A word that the network does not know is read as one and the same unknown word. The network is passed as it was
    recorded; without it, a made-up one of eight words reads.
    """

    module: ClassVar[str] = "sentence_reader"

    text = Text("I am not happy", most=MOST_CHARACTERS)  #: what is read, up to its 64th word
    at = WholeNumber(0, MOST_WORDS, 0)  #: how many words are read; 0, or more than there are, for all
    #: texts on buttons
    examples = Texts(("you are not sad, i am", "i am not sad, you are"), least=0, most=8, longest=200)
    #: the words that the network knows, in the order of its table; row 0 of the table is the unknown word
    words = Texts(_MADE_UP["words"], least=1, most=MOST_KNOWN, longest=40)
    #: what it names
    classes = Texts(("sadness", "joy", "love", "anger", "fear", "surprise"), least=2, most=12, longest=20)
    weights = Text(_MADE_UP["weights"], most=10_000_000)  #: its arrays in base64, as `layout` says
    embedding_dim = WholeNumber(1, 128, _MADE_UP["embedding_dim"])  #: numbers per word
    hidden_size = WholeNumber(1, 128, _MADE_UP["hidden_size"])  #: units of each direction
    #: sentences it was tested on, percent right before its weights were rounded, and after; zeros where none are known
    held_out = Numbers((3,), (0, 0, 0))

    @traitlets.validate("words", "classes", "weights", "embedding_dim", "hidden_size")
    def _network_fits(self, proposal: Any) -> Any:
        """``proposal.value``, unless the weights are not those of the words and sizes."""
        try:
            self._network(self.held(proposal))
        except ValueError as error:
            raise StateError(f"SentenceReader.weights must {error}.") from error
        return proposal.value

    def _network(self, held: dict[str, Any] | None = None) -> Network:
        state = held or {name: getattr(self, name) for name in self.state_names()}
        sizes = {name: state[name] for name in ("embedding_dim", "hidden_size")}
        return unpack(state["weights"], words=len(state["words"]), classes=len(state["classes"]), **sizes)

    def _states(self, direction: str, xs: FloatArray) -> FloatArray:
        """States of one direction after each of ``xs``, the zero state in front: ``(1 + time, hidden)``."""
        network, nothing = self._network(), np.zeros(self.hidden_size)
        weights = {name: network[f"{direction}.{name}"] for name in ("W_ih", "W_hh", "b_ih", "b_hh")}
        return np.vstack((nothing, gru_sequence(xs, nothing, **weights).h))

    @property
    def reading(self) -> Reading:
        """The words read and what they do."""
        every = split_words(self.text)
        words = every[:MOST_WORDS][: self.at or None]
        row = {word: number for number, word in enumerate(self.words, start=1)}
        ids, left_out = [row.get(word, 0) for word in words], max(len(every) - MOST_WORDS, 0)
        if not words:
            return Reading((), (), left_out, np.zeros(0), np.zeros(0), np.zeros((0, len(self.classes))))
        network = self._network()
        xs = network["embedding"][ids]
        forward = self._states("forward", xs)
        # After t words the other direction starts at word t: each prefix is a sentence of its own.
        backward = [self._states("backward", xs[:t][::-1]) for t in range(1, len(words) + 1)]
        ends = [np.concatenate((forward[t], states[-1])) for t, states in enumerate(backward, start=1)]
        beliefs = np.array([softmax(network["W_hy"] @ end + network["b_y"]) for end in ends])
        moved, moved_back = (np.linalg.norm(np.diff(states, axis=0), axis=1) for states in (forward, backward[-1]))
        known = tuple(number > 0 for number in ids)
        return Reading(tuple(words), known, left_out, moved, moved_back[::-1], beliefs)

    def _belief(self, probabilities: FloatArray) -> str:
        best = int(probabilities.argmax())
        return f"{self.classes[best]} {fixed(100 * probabilities[best], 1)} %"

    def fallback_html(self) -> str:
        """Each word with the two state changes it causes and what the network believes after it."""
        reading = self.reading
        if not reading.words:
            return html_table("No words to read", ("word", "belief"), [("none", "–")])
        rows = [
            (word if known else f"{word} (unknown)", fixed(there, 3), fixed(back, 3), self._belief(belief))
            for word, known, there, back, belief in zip(
                reading.words, reading.known, reading.forward, reading.backward, reading.beliefs, strict=True
            )
        ]
        caption = f"A network reads: {self._belief(reading.beliefs[-1])} after {len(rows)} words"
        return html_table(caption, ("word", "forward change", "backward change", "belief so far"), rows)

    def summary(self) -> str:
        """What the network believes after the words read, and how many of them it does not know."""
        reading = self.reading
        if not reading.words:
            return "no words to read"
        unknown = reading.known.count(False)
        return f"{self._belief(reading.beliefs[-1])} after {len(reading.words)} words, {unknown} of them unknown"
