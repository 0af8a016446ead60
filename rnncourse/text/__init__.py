"""From texts to batches of token ids: words, a vocabulary, and padding that a network need not read.

`tokenise` splits a text into words, `Vocabulary` numbers the words of the *training* texts, and ``encode`` turns any
texts into an `Encoded`: ids end to end, of any length each. `TextBatches` pads them batch by batch::

    vocabulary = Vocabulary.of(train.texts, size=20_000)
    batches = TextBatches(vocabulary.encode(train.texts), train.labels, batch_size=64)
    fit(net, batches, TextBatches(vocabulary.encode(validation.texts), validation.labels), loss=cross_entropy, epochs=5)

Two ids stand for no word: 0 is padding, 1 an unknown word.
"""

from rnncourse.text.batches import LAYOUTS, Layout, TextBatches, pad
from rnncourse.text.tokens import PADDING, UNKNOWN, Cut, Encoded, Vocabulary, tokenise

__all__ = [
    "LAYOUTS",
    "PADDING",
    "UNKNOWN",
    "Cut",
    "Encoded",
    "Layout",
    "TextBatches",
    "Vocabulary",
    "pad",
    "tokenise",
]
