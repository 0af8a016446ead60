"""A bidirectional GRU that reads a sentence word by word, small enough to be computed in the page."""

import base64
import binascii
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from rnncourse.cells import FloatArray, gru_sequence, softmax
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, Text, Texts, WholeNumber, fixed

MOST_WORDS = 64  # read of one text
MOST_CHARACTERS = 10_000
MOST_KNOWN = 5_000
DIRECTIONS = ("forward", "backward")

Network = dict[str, FloatArray]


def split_words(text: str) -> list[str]:
    """Words as ``rnncourse.text.tokenise`` finds them; widgets may not import it, so a test holds the two together."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


def layout(*, words: int, classes: int, embedding_dim: int, hidden_size: int) -> np.dtype[np.void]:
    """How the arrays lie in ``weights``, by their names.

    A matrix is stored as one float32 scale per row, then its entries as signed bytes, row by row; a vector as float32.
    All are little-endian. An entry of a matrix is its byte times the scale of its row.
    """
    gates, fields = 3 * hidden_size, list[tuple[str, str, tuple[int, ...]]]()

    def matrix(name: str, rows: int, columns: int) -> None:
        fields.extend([(f"{name}.scale", "<f4", (rows,)), (name, "i1", (rows, columns))])

    matrix("embedding", words + 1, embedding_dim)
    for direction in DIRECTIONS:
        matrix(f"{direction}.W_ih", gates, embedding_dim)
        matrix(f"{direction}.W_hh", gates, hidden_size)
        fields.extend((f"{direction}.{bias}", "<f4", (gates,)) for bias in ("b_ih", "b_hh"))
    matrix("W_hy", classes, 2 * hidden_size)
    return np.dtype([*fields, ("b_y", "<f4", (classes,))])


@lru_cache(maxsize=8)
def unpack(weights: str, *, words: int, classes: int, embedding_dim: int, hidden_size: int) -> Network:
    """The network's arrays in float64, by the names of `layout`; a ``ValueError`` says what ``weights`` must."""
    try:
        data = base64.b64decode(weights, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("be base64, but is not; pass the recorded text") from error
    sizes = {"words": words, "classes": classes, "embedding_dim": embedding_dim, "hidden_size": hidden_size}
    stored = layout(**sizes)
    if len(data) != stored.itemsize:
        told = f"{stored.itemsize:,} bytes for {', '.join(f'{name} {size}' for name, size in sizes.items())}"
        raise ValueError(f"hold {told}, but holds {len(data):,}; pass those recorded together")
    found, arrays = {}, np.frombuffer(data, stored)[0]
    names = stored.names or ()
    for name in [name for name in names if not name.endswith(".scale")]:
        found[name] = arrays[name].astype(np.float64)
        if f"{name}.scale" in names:
            found[name] *= arrays[f"{name}.scale"].astype(np.float64)[:, None]
        if not np.isfinite(found[name]).all():
            raise ValueError(f"hold finite numbers, but {name} does not; pass the recorded text")
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
    stored = np.zeros((), layout(words=len(words), classes=6, **sizes))
    number = 0
    for name in stored.dtype.names or ():
        number += not name.endswith(".scale")
        array, whole = stored[name], stored[name].dtype == np.int8
        entries = [round(120 * math.sin(1.7 * k + number)) if whole else 1 / 64 for k in range(array.size)]
        array[...] = np.reshape(entries, array.shape)
    return {"words": words, "weights": base64.b64encode(stored.tobytes()).decode(), **sizes}


_MADE_UP = _made_up()


class SentenceReader(PageWidget):
    """A trained bidirectional GRU that reads a text in the page and says what it believes after each word.

    A word that the network does not know is read as one and the same unknown word. The network is passed as it was
    recorded; without it, a made-up one of eight words reads.
    """

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

    def _conflicts(self, state: dict[str, Any]) -> Iterator[str]:
        try:
            self._network(state)
        except ValueError as error:
            yield f"weights must {error}"

    def _network(self, state: dict[str, Any]) -> Network:
        sizes = {name: state[name] for name in ("embedding_dim", "hidden_size")}
        return unpack(state["weights"], words=len(state["words"]), classes=len(state["classes"]), **sizes)

    @property
    def reading(self) -> Reading:
        """The words read and what they do."""
        every = split_words(self.text)
        words = every[:MOST_WORDS][: self.at or None]
        row = {word: number for number, word in enumerate(self.words, start=1)}
        ids, left_out = [row.get(word, 0) for word in words], max(len(every) - MOST_WORDS, 0)
        if not words:
            return Reading((), (), left_out, np.zeros(0), np.zeros(0), np.zeros((0, len(self.classes))))
        network = self._network(self.state())
        xs = network["embedding"][ids]
        forward = _states(network, "forward", xs)
        # After t words the other direction starts at word t: each prefix is a sentence of its own.
        backward = [_states(network, "backward", xs[:t][::-1]) for t in range(1, len(words) + 1)]
        ends = [np.concatenate((forward[t], states[-1])) for t, states in enumerate(backward, start=1)]
        beliefs = np.array([softmax(network["W_hy"] @ end + network["b_y"]) for end in ends])
        moved, moved_back = (np.linalg.norm(np.diff(states, axis=0), axis=1) for states in (forward, backward[-1]))
        known = tuple(number > 0 for number in ids)
        return Reading(tuple(words), known, left_out, moved, moved_back[::-1], beliefs)

    def _belief(self, probabilities: FloatArray) -> str:
        best = int(probabilities.argmax())
        return f"{self.classes[best]} {fixed(100 * probabilities[best], 1)} %"

    def _fallback(self) -> Fallback:
        reading = self.reading
        if not reading.words:
            return Fallback("no words to read", "No words to read", ("word", "belief"), [("none", "–")])
        rows = [
            (word if known else f"{word} (unknown)", fixed(there, 3), fixed(back, 3), self._belief(belief))
            for word, known, there, back, belief in zip(
                reading.words, reading.known, reading.forward, reading.backward, reading.beliefs, strict=True
            )
        ]
        belief = f"{rows[-1][-1]} after {len(rows)} words"
        return Fallback(
            f"{belief}, {reading.known.count(False)} of them unknown",
            f"A network reads: {belief}",
            ("word", "forward change", "backward change", "belief so far"),
            rows,
        )


def _states(network: Network, direction: str, xs: FloatArray) -> FloatArray:
    """States of one direction after each of ``xs``, the zero state in front: ``(1 + time, hidden)``."""
    weights = {name: network[f"{direction}.{name}"] for name in ("W_ih", "W_hh", "b_ih", "b_hh")}
    nothing = np.zeros(weights["W_hh"].shape[1])
    return np.vstack((nothing, gru_sequence(xs, nothing, **weights).h))
