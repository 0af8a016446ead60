"""A bidirectional GRU that reads a sentence word by word, small enough to be computed in the page."""

import base64
import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from traitlets import Enum, Int, List, Unicode, default

from rnncourse.cells import FloatArray, gru_sequence, softmax
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, fixed

MOST_WORDS = 64  # read of one text
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
    """The network's arrays in float64, by the names of `layout`."""
    stored = layout(words=words, classes=classes, embedding_dim=embedding_dim, hidden_size=hidden_size)
    arrays = np.frombuffer(base64.b64decode(weights), stored)[0]
    names = stored.names or ()
    found = {name: arrays[name].astype(np.float64) for name in names if not name.endswith(".scale")}
    for name in found:
        if f"{name}.scale" in names:
            found[name] *= arrays[f"{name}.scale"].astype(np.float64)[:, None]
    return found


class Reading(NamedTuple):
    """A sentence, read."""

    words: tuple[str, ...]  #: the words read, in their order
    known: tuple[bool, ...]  #: whether the network knows each
    forward: FloatArray  #: length of each word's change of the forward state, ``(words,)``
    backward: FloatArray  #: the same of the backward state, which starts at the last word, ``(words,)``
    beliefs: FloatArray  #: probability of each class after one word, two words, … all words, ``(words, classes)``


_WORDS, _SIZES = ["i", "am", "not", "happy", "sad"], {"embedding_dim": 4, "hidden_size": 3}


class SentenceReader(PageWidget):
    """A trained bidirectional GRU that reads a text in the page and says what it believes after each word.

    A word that the network does not know is read as one and the same unknown word. The network is passed as it was
    recorded; without it, one of zeros believes nothing.
    """

    text = Unicode("I am not happy")  #: what is read, up to its 64th word
    at = Int(0, min=0, max=MOST_WORDS)  #: how many words are read; 0, or more than there are, for all
    #: whether the table shows how each word moves the states, or what the answer depends on and which units hold it
    view = Enum(("moves", "depends"), "moves")
    #: texts on buttons
    examples = List(Unicode(), ["you are not sad, i am", "i am not sad, you are"], maxlen=8)
    #: the words that the network knows, in the order of its table; row 0 of the table is the unknown word
    words = List(Unicode(), _WORDS, minlen=1, maxlen=5_000)
    #: what it names
    classes = List(Unicode(), ["sadness", "joy", "love", "anger", "fear", "surprise"], minlen=2, maxlen=12)
    weights = Unicode()  #: its arrays in base64, as `layout` says
    embedding_dim = Int(_SIZES["embedding_dim"], min=1, max=128)  #: numbers per word
    hidden_size = Int(_SIZES["hidden_size"], min=1, max=128)  #: units of each direction
    #: sentences it was tested on, percent right before its weights were rounded, and after; zeros where none are known
    held_out = Numbers((3,), (0, 0, 0))

    @default("weights")
    def _zeros(self) -> str:
        zeros = np.zeros((), layout(words=len(_WORDS), classes=6, **_SIZES))
        return base64.b64encode(zeros.tobytes()).decode()

    @property
    def reading(self) -> Reading:
        """The words read and what they do."""
        words = split_words(self.text)[: min(self.at or MOST_WORDS, MOST_WORDS)]
        row = {word: number for number, word in enumerate(self.words, start=1)}
        ids = [row.get(word, 0) for word in words]
        if not words:
            return Reading((), (), np.zeros(0), np.zeros(0), np.zeros((0, len(self.classes))))
        sizes = {"embedding_dim": self.embedding_dim, "hidden_size": self.hidden_size}
        network = unpack(self.weights, words=len(self.words), classes=len(self.classes), **sizes)
        xs = network["embedding"][ids]
        forward = _states(network, "forward", xs)
        # After t words the other direction starts at word t: each prefix is a sentence of its own.
        backward = [_states(network, "backward", xs[:t][::-1]) for t in range(1, len(words) + 1)]
        ends = [np.concatenate((forward[t], states[-1])) for t, states in enumerate(backward, start=1)]
        beliefs = np.array([softmax(network["W_hy"] @ end + network["b_y"]) for end in ends])
        moved, moved_back = (np.linalg.norm(np.diff(states, axis=0), axis=1) for states in (forward, backward[-1]))
        known = tuple(number > 0 for number in ids)
        return Reading(tuple(words), known, moved, moved_back[::-1], beliefs)

    def _fallback(self) -> Fallback:
        reading = self.reading
        if not reading.words:
            return Fallback("no words to read", "No words to read", ("word", "belief"), [("none", "–")])
        rows = []
        for word, known, *changes, belief in zip(*reading, strict=True):
            likeliest = f"{self.classes[int(belief.argmax())]} {fixed(100 * belief.max(), 1)} %"
            shown = word if known else f"{word} (unknown)"
            rows.append((shown, *(fixed(change, 3) for change in changes), likeliest))
        last = f"{rows[-1][-1]} after {len(rows)} words"
        summary, head = f"{last}, {reading.known.count(False)} of them unknown", ("word", "forward change")
        return Fallback(summary, f"A network reads: {last}", (*head, "backward change", "belief so far"), rows)


def _states(network: Network, direction: str, xs: FloatArray) -> FloatArray:
    """States of one direction after each of ``xs``, the zero state in front: ``(1 + time, hidden)``."""
    weights = {name: network[f"{direction}.{name}"] for name in ("W_ih", "W_hh", "b_ih", "b_hh")}
    nothing = np.zeros(weights["W_hh"].shape[1])
    return np.vstack((nothing, gru_sequence(xs, nothing, **weights).h))
