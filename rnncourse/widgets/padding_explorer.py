"""What padding does to the state of a small trained LSTM: behind a sentence, in front of it, or masked."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnncourse.cells import FloatArray, LSTMStep, lstm_sequence, sigmoid
from rnncourse.widgets.base import Choice, Fallback, Numbers, PageWidget, Texts, WholeNumber, fixed

HIDDEN, EMBEDDING = 8, 4
NETWORKS = ("packed", "padded", "padded, keeps")
PLACES = ("behind", "in front", "masked")
MOST_PADS, MOST_SENTENCES, MOST_WORDS = 60, 6, 40
LONGEST = 120  # characters of a sentence
SHOWN = (0, 1, 2, 5, 10, 20, 40, 60)  # padding steps in the table

_SENTENCES = ("the plot was good", "the plot was not good", "the cast was bad but the plot was good")
_WORDS = ("the", "plot", "cast", "was", "not", "but", "good", "bad")


def _made_up(*shape: int, scale: float = 1.0) -> Any:
    return np.reshape([round(scale * math.sin(1.7 * k), 3) for k in range(math.prod(shape))], shape)


@dataclass(frozen=True, eq=False)
class PaddedReading:
    """One sentence, read with padding."""

    last_word: int  #: step after which the last word has been read, from 1
    h: FloatArray  #: hidden state after each step, ``(time, 8)``
    friendly: FloatArray  #: probability of the friendly class after each step, ``(time,)``
    forget: float  #: mean forget gate of the last step that was computed
    written: float  #: mean input gate of that step
    #: log10 of the gradient of the answer at the state (h, c) after the last word, relative to that where it is read
    reaches: float


class PaddingExplorer(PageWidget):
    """Small LSTMs of eight units, three that learned differently, that read short reviews and go on over padding."""

    #: two to six reviews of words from ``words``, in lower case, with single spaces
    sentences = Texts(_SENTENCES, least=2, most=MOST_SENTENCES, longest=LONGEST)
    labels = Numbers((None,), (1, 0, 1), most=MOST_SENTENCES)  #: 1 for each friendly sentence, 0 for the others
    words = Texts(_WORDS, least=1, most=MOST_WORDS, longest=20)
    #: a vector of each word for each network; padding is the zero vector
    embedding = Numbers((None, len(NETWORKS), EMBEDDING), _made_up(len(_WORDS), 3, EMBEDDING), most=MOST_WORDS)
    #: input weights of each network, rows in torch's order i, f, g, o
    W_ih = Numbers((3, 4 * HIDDEN, EMBEDDING), _made_up(3, 4 * HIDDEN, EMBEDDING))
    W_hh = Numbers((3, 4 * HIDDEN, HIDDEN), _made_up(3, 4 * HIDDEN, HIDDEN, scale=0.5))  #: recurrent weights
    b = Numbers((3, 4 * HIDDEN), _made_up(3, 4 * HIDDEN, scale=0.3))  #: sum of both biases
    W_hy = Numbers((3, HIDDEN), _made_up(3, HIDDEN))  #: weights of the friendly class less those of the other
    b_y = Numbers((3,), (0.0, 0.0, 0.0))  #: bias of the friendly class less that of the other
    network = Choice(NETWORKS)  #: how the network learned
    place = Choice(PLACES)  #: where the padding goes, and whether it is read
    pads = WholeNumber(0, MOST_PADS, 10)  #: padding steps
    sentence = WholeNumber(1, MOST_SENTENCES, 1)  #: which sentence is shown, from 1

    def _conflicts(self, state: dict[str, Any]) -> Iterator[str]:
        sentences, words = state["sentences"], state["words"]
        for name, other in (("labels", "sentences"), ("embedding", "words")):
            has, needs = len(state[name]), len(state[other])
            if has != needs:
                yield f"{name} must have one entry for each of the {needs} {other}, but has {has}; pass both together"
        for word in " ".join(sentences).split(" "):
            if word not in words:
                yield f"sentences must be made of words, but holds {word!r}; add it to words"
        if state["sentence"] > len(sentences):
            most = f"at most {len(sentences)}, the number of sentences"
            yield f"sentence must be {most}, but is {state['sentence']}; choose another"

    def reading(self, sentence: int) -> PaddedReading:
        """One sentence, counted from 1, read with the padding of the present state."""
        n = NETWORKS.index(self.network)
        rows = [self.words.index(word) for word in self.sentences[sentence - 1].split(" ")]
        vectors, nothing = np.asarray(self.embedding)[rows, n], np.zeros((self.pads, EMBEDDING))
        parts = {"behind": [vectors, nothing], "in front": [nothing, vectors], "masked": [vectors]}[self.place]
        zero = np.zeros(HIDDEN)
        run = lstm_sequence(np.concatenate(parts), zero, zero, self.W_ih[n], self.W_hh[n], self.b[n])
        copies = self.pads if self.place == "masked" else 0  # a masked step hands the state on as it is
        h = np.concatenate([run.h, np.repeat(run.h[-1:], copies, axis=0)])
        last_word = len(rows) + (self.pads if self.place == "in front" else 0)
        weights = np.asarray(self.W_hy[n])
        friendly, reaches = sigmoid(h @ weights + self.b_y[n]), _reaches(run.steps[last_word:], weights)
        return PaddedReading(last_word, h, friendly, float(run.f[-1].mean()), float(run.i[-1].mean()), reaches)

    @property
    def readings(self) -> list[PaddedReading]:
        """Every sentence, read."""
        return [self.reading(sentence) for sentence in range(1, len(self.sentences) + 1)]

    @property
    def apart(self) -> tuple[float, float]:
        """How far the states h of the sentences lie apart, after the last word and where they are read.

        Root of the mean squared distance from their mean.
        """
        readings = self.readings
        at_word = np.stack([reading.h[reading.last_word - 1] for reading in readings])
        at_read = np.stack([reading.h[-1] for reading in readings])
        word, read = (float(np.linalg.norm(states.std(axis=0))) for states in (at_word, at_read))
        return word, read

    def _fallback(self) -> Fallback:
        reading = self.reading(self.sentence)
        word, read = fixed(reading.friendly[reading.last_word - 1], 3), fixed(reading.friendly[-1], 3)
        padded = [type(self)(**(self.state() | {"pads": pads})).readings for pads in SHOWN]
        names = [
            f"{sentence} ({'friendly' if label else 'unfriendly'})"
            for sentence, label in zip(self.sentences, self.labels, strict=True)
        ]
        return Fallback(
            f"friendly {word} at the last word, {read} after {self.pads} padding steps {self.place}",
            f"Probability of friendly; network: {self.network}; padding {self.place}, in steps",
            ("sentence", *map(str, SHOWN)),
            [(name, *(fixed(made[row].friendly[-1], 3) for made in padded)) for row, name in enumerate(names)],
        )


def _reaches(steps: Sequence[LSTMStep], weights: FloatArray) -> float:
    """Decades of gradient from ``weights`` at the last h back to the state before the steps."""
    dh, dc = weights, np.zeros(HIDDEN)
    for step in reversed(steps):
        dc_step = dc + dh * step.o * (1 - step.tanh_c**2)
        di, df, dg, do = dc_step * step.g, dc_step * step.c_prev, dc_step * step.i, dh * step.tanh_c
        bends = (step.i * (1 - step.i), step.f * (1 - step.f), 1 - step.g**2, step.o * (1 - step.o))
        da = np.concatenate([d * bend for d, bend in zip((di, df, dg, do), bends, strict=True)])
        dh, dc = da @ step.W_hh, dc_step * step.f
    return float(np.log10(np.hypot(np.linalg.norm(dh), np.linalg.norm(dc)) / np.linalg.norm(weights)))
