"""The network of a sentence reader as a torch module, for tests that compare the two."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rnncourse.networks import TextClassifier, class_logits
from rnncourse.text import Vocabulary
from rnncourse.widgets import SentenceReader
from rnncourse.widgets.sentence_reader import unpack


def vocabulary_of(widget: SentenceReader) -> Vocabulary:
    """Its words with torch's two special ids in front."""
    return Vocabulary(("<pad>", "<unk>", *widget.words))


def network_of(widget: SentenceReader) -> TextClassifier:
    """A `TextClassifier` in float64 with the widget's weights."""
    sizes = {"embedding_dim": widget.embedding_dim, "hidden_size": widget.hidden_size}
    arrays = unpack(widget.weights, words=len(widget.words), classes=len(widget.classes), **sizes)
    vocabulary = len(widget.words) + 2
    net = TextClassifier(
        "gru", vocabulary_size=vocabulary, classes=len(widget.classes), bidirectional=True, **sizes
    ).double()
    torch_names = {"W_ih": "weight_ih_l0", "W_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
    state = {
        f"rnn.{name}{way}": arrays[f"{direction}.{short}"]
        for direction, way in (("forward", ""), ("backward", "_reverse"))
        for short, name in torch_names.items()
    }
    padding = np.zeros((1, widget.embedding_dim))
    state |= {
        "embedding.weight": np.vstack((padding, arrays["embedding"])),
        "head.weight": arrays["W_hy"],
        "head.bias": arrays["b_y"],
    }
    net.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return net.eval()


def probabilities(widget: SentenceReader, texts: Sequence[str]) -> NDArray[np.float64]:
    """What torch says of some texts, none of which is without a word: ``(n, classes)``."""
    logits = class_logits(network_of(widget), vocabulary_of(widget).encode(texts), device="cpu")
    return torch.from_numpy(logits).softmax(dim=1).double().numpy()
