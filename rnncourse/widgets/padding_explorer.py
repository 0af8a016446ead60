"""What padding does to the state of a small trained LSTM: behind a sentence, in front of it, or masked."""

import math
from typing import Any

import numpy as np
from traitlets import Enum, Int, List, Unicode

from rnncourse.cells import FloatArray, lstm_sequence, sigmoid
from rnncourse.widgets.base import Fallback, Numbers, PageWidget, fixed

HIDDEN, EMBEDDING = 8, 4
NETWORKS = ("packed", "padded", "padded, keeps")
PLACES = {"behind": "on the right", "in front": "on the left", "masked": "on the right, masked"}
MOST_PADS, MOST_SENTENCES, MOST_WORDS = 60, 6, 40
SHOWN = (0, 1, 2, 5, 10, 20, 40, 60)  # padding steps in the table

_SENTENCES = ["the plot was good", "the plot was not good", "the cast was bad but the plot was good"]
_WORDS = ["the", "plot", "cast", "was", "not", "but", "good", "bad"]


def _made_up(*shape: int, scale: float = 1.0) -> Any:
    return np.reshape([round(scale * math.sin(1.7 * k), 3) for k in range(math.prod(shape))], shape)


class PaddingExplorer(PageWidget):
    """Small LSTMs of eight units, three that learned differently, that read short reviews and go on over padding."""

    #: two to six reviews of words from ``words``, in lower case, with single spaces
    sentences = List(Unicode(), _SENTENCES, minlen=2, maxlen=MOST_SENTENCES)
    labels = Numbers((None,), (1, 0, 1), most=MOST_SENTENCES)  #: 1 for each friendly sentence, 0 for the others
    words = List(Unicode(), _WORDS, minlen=1, maxlen=MOST_WORDS)
    #: a vector of each word for each network; padding is the zero vector
    embedding = Numbers((None, len(NETWORKS), EMBEDDING), _made_up(len(_WORDS), 3, EMBEDDING), most=MOST_WORDS)
    #: input weights of each network, rows in torch's order i, f, g, o
    W_ih = Numbers((3, 4 * HIDDEN, EMBEDDING), _made_up(3, 4 * HIDDEN, EMBEDDING))
    W_hh = Numbers((3, 4 * HIDDEN, HIDDEN), _made_up(3, 4 * HIDDEN, HIDDEN, scale=0.5))  #: recurrent weights
    b = Numbers((3, 4 * HIDDEN), _made_up(3, 4 * HIDDEN, scale=0.3))  #: sum of both biases
    W_hy = Numbers((3, HIDDEN), _made_up(3, HIDDEN))  #: weights of the friendly class less those of the other
    b_y = Numbers((3,), (0.0, 0.0, 0.0))  #: bias of the friendly class less that of the other
    network = Enum(NETWORKS, NETWORKS[0])  #: how the network learned
    place = Enum(tuple(PLACES), "behind")  #: where the padding goes, and whether it is read
    pads = Int(10, min=0, max=MOST_PADS)  #: padding steps
    sentence = Int(1, min=1, max=MOST_SENTENCES)  #: which sentence is shown, from 1

    def friendly(self, sentence: int, pads: int) -> FloatArray:
        """Probability of the friendly class at the last word of a sentence, counted from 1, and after its padding."""
        n = NETWORKS.index(self.network)
        rows = [self.words.index(word) for word in self.sentences[sentence - 1].split(" ")]
        vectors, nothing = np.asarray(self.embedding)[rows, n], np.zeros((pads, EMBEDDING))
        parts = {"behind": [vectors, nothing], "in front": [nothing, vectors], "masked": [vectors]}[self.place]
        zero = np.zeros(HIDDEN)
        h = lstm_sequence(np.concatenate(parts), zero, zero, self.W_ih[n], self.W_hh[n], self.b[n]).h
        last_word = len(rows) + (pads if self.place == "in front" else 0)
        return sigmoid(h[[last_word - 1, -1]] @ np.asarray(self.W_hy[n]) + self.b_y[n])

    def _fallback(self) -> Fallback:
        shown = min(self.sentence, len(self.sentences))
        word, read = (fixed(value, 3) for value in self.friendly(shown, self.pads))
        rows = []
        for number, (sentence, label) in enumerate(zip(self.sentences, self.labels, strict=True), start=1):
            ends = [fixed(self.friendly(number, pads)[1], 3) for pads in SHOWN]
            rows.append((f"{sentence} ({'friendly' if label else 'unfriendly'})", *ends))
        summary = f"friendly {word} at the last word, {read} after {self.pads} padding steps {PLACES[self.place]}"
        caption = f"Probability of friendly; network: {self.network}; steps of padding {PLACES[self.place]}"
        return Fallback(summary, caption, ("sentence", *map(str, SHOWN)), rows)
