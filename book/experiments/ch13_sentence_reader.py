"""A classifier of sentences small enough to read in the page, trained on generated ones, with its weights on record.

It learns from `order_sentences` and from nothing else, so that its weights may go wherever the book goes. They are
rounded to one byte each, with one scale per row of a matrix, and accuracy is measured before and after.
"""

import base64
import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnncourse.data import TextSplits, order_sentences, shared_texts
from rnncourse.networks import TextClassifier, class_logits
from rnncourse.studies import Scale, Study
from rnncourse.text import UNKNOWN, Encoded, TextBatches, Vocabulary
from rnncourse.text_baselines import LinearSVM, LogisticBagOfWords, TextBaseline
from rnncourse.training import fit, one_cycle, set_seed

TRAIN, VALIDATION, TEST = 8_000, 2_000, 4_000  # sentences
MASKED = 0.1  # share of the words that one copy of the training sentences makes unknown
BATCH = 64
LEVELS = 127  # largest entry of a rounded row
EXAMPLES = (
    "I pretend to feel happy but deep down I feel lonely",
    "I pretend to feel lonely but deep down I feel happy",
    "my friends are happy while I am sad",
    "my friends are sad while I am happy",
    "yesterday my cat felt miserable, but I felt cheerful",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One small network.

    Attributes:
        seed: of the initial weights, the order of the batches, and what is made unknown or cut off.
        sentences: generated sentences to learn from.
        epochs: passes over them.
        embedding_dim: entries of a word's vector.
        hidden_size: units of each direction.
    """

    seed: int
    sentences: int = TRAIN
    epochs: int = 4
    embedding_dim: int = 32
    hidden_size: int = 32


def grid(scale: Scale, seeds: int) -> list[Config]:
    """One run per seed, on generated sentences at either scale."""
    return [Config(seed=seed) for seed in range(seeds)]


def splits(sentences: int) -> TextSplits:
    """The corpus of the study: parts that share no pair of twins but by chance.

    Args:
        sentences: of the training part; the others have 2,000 and 4,000.

    Returns:
        Generated sentences.
    """
    return TextSplits(
        order_sentences(sentences, seed=101), order_sentences(VALIDATION, seed=102), order_sentences(TEST, seed=103)
    )


def masked(encoded: Encoded, *, share: float, seed: int) -> Encoded:
    """The same texts with some words made unknown, each with the same probability.

    Args:
        encoded: the texts.
        share: probability of a word.
        seed: of the choice.

    Returns:
        As many texts of the same lengths.
    """
    chosen = np.random.default_rng(seed).random(len(encoded.ids)) < share
    return Encoded(np.where(chosen, UNKNOWN, encoded.ids), encoded.offsets)


def beginnings(encoded: Encoded, *, seed: int) -> Encoded:
    """The first words of each text, as many as are drawn from one to all of them.

    Args:
        encoded: the texts, none of them empty.
        seed: of the draws.

    Returns:
        As many texts, each a beginning of the one it had.
    """
    kept = np.random.default_rng(seed).integers(1, encoded.lengths + 1)
    return Encoded.of([encoded[k][:length] for k, length in enumerate(kept)])


def train_reader(config: Config, parts: TextSplits, vocabulary: Vocabulary) -> TextClassifier:
    """A bidirectional GRU that sees every sentence three times per epoch: whole, with some words unknown, and begun.

    So it learns a vector for the unknown word, and what to believe before a sentence has said it all.

    Args:
        config: which.
        parts: what to train on and to select the epoch by.
        vocabulary: of the training part.

    Returns:
        The network on the CPU, in evaluation mode.
    """
    set_seed(config.seed)
    net = TextClassifier(
        "gru",
        vocabulary_size=len(vocabulary),
        embedding_dim=config.embedding_dim,
        hidden_size=config.hidden_size,
        classes=len(parts.train.classes),
        bidirectional=True,
    )
    whole = vocabulary.encode(parts.train.texts)
    copies = (whole, masked(whole, share=MASKED, seed=config.seed), beginnings(whole, seed=config.seed))
    every = Encoded.of([kind[k] for kind in copies for k in range(len(kind))])
    batches = TextBatches(every, np.tile(parts.train.labels, len(copies)), BATCH)
    fit(
        net,
        batches,
        TextBatches(vocabulary.encode(parts.validation.texts), parts.validation.labels, BATCH),
        epochs=config.epochs,
        loss=cross_entropy,
        optimiser=one_cycle(1e-2, config.epochs * len(batches)),
        clip_norm=1.0,
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    return net.eval()


def round_rows(matrix: Tensor) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """A matrix as signed bytes with one scale per row.

    Args:
        matrix: ``(rows, columns)``.

    Returns:
        Scales ``(rows,)``, the largest size of a row by 127, and entries ``(rows, columns)`` from −127 to 127.
    """
    values = matrix.detach().double().numpy()
    scales = (np.abs(values).max(axis=1) / LEVELS).astype(np.float32)
    entries = np.round(values / np.where(scales > 0, scales, 1)[:, None])
    return scales, np.clip(entries, -LEVELS, LEVELS).astype(np.int8)


def pack(net: TextClassifier) -> tuple[bytes, TextClassifier]:
    """Weights as the page reads them, and the network that has these weights.

    Args:
        net: a bidirectional GRU with one linear layer behind it.

    Returns:
        Bytes in the order of `rnncourse.widgets.SentenceReader`, and a copy of the network with the weights rounded.
    """
    rounded, packed = copy.deepcopy(net), b""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    recurrent = [getattr(rounded.rnn, name + way) for way in ("", "_reverse") for name in names]
    with torch.no_grad():
        rows = rounded.embedding.weight[UNKNOWN:]  # the padding is never read
        for array in (rows, *recurrent, *rounded.head.parameters()):
            if array.ndim == 1:
                packed += array.numpy().astype("<f4").tobytes()
                continue
            scales, entries = round_rows(array)
            array.copy_(torch.from_numpy(scales[:, None] * entries))
            packed += scales.astype("<f4").tobytes() + entries.tobytes()
    return packed, rounded


def accuracy(net: TextClassifier, encoded: Encoded, labels: NDArray[np.int64]) -> float:
    """Share of the texts that a network names right."""
    return float((class_logits(net, encoded, device="cpu").argmax(axis=1) == labels).mean())


def _scores(net: TextClassifier, rounded: TextClassifier, test: Encoded, labels: NDArray[np.int64]) -> dict[str, Any]:
    unknown = masked(test, share=MASKED, seed=0)
    before, after = (torch.from_numpy(class_logits(one, test, device="cpu")).softmax(1) for one in (net, rounded))
    mixed = test.shuffled(np.random.default_rng(0))
    return {
        "accuracy": accuracy(net, test, labels),
        "accuracy_rounded": accuracy(rounded, test, labels),
        "masked_accuracy": accuracy(net, unknown, labels),
        "masked_accuracy_rounded": accuracy(rounded, unknown, labels),
        "shuffled_accuracy": accuracy(rounded, mixed, labels),
        "largest_change": float((before - after).abs().max()),
    }


def run(config: Config, device: str) -> dict[str, Any]:
    """Train, round the weights, score the network before and after, and the baselines beside it.

    Args:
        config: which.
        device: ignored; the network is too small for any but the CPU.

    Returns:
        ``reader``, the state of the widget that shows it; accuracy on the test part, as shares, of the network before
        and after rounding, on whole sentences and with a tenth of the words unknown, and of the rounded network on
        the same words in random order; ``largest_change``, the largest difference that rounding makes to any
        probability; ``tfidf_logreg`` and ``tfidf_svm``, accuracy of the baselines; ``parameters``, ``bytes``,
        ``vocabulary``, ``tested``, the test sentences, and ``seen``, those of them that are in the training part too.
    """
    parts = splits(config.sentences)
    vocabulary = Vocabulary.of(parts.train.texts)
    net = train_reader(config, parts, vocabulary)
    packed, rounded = pack(net)
    test, labels = vocabulary.encode(parts.test.texts), parts.test.labels
    scores = _scores(net, rounded, test, labels)
    baselines: dict[str, TextBaseline] = {"tfidf_logreg": LogisticBagOfWords(), "tfidf_svm": LinearSVM()}
    for name, baseline in baselines.items():
        fitted = baseline.fit(parts.train.texts, parts.train.labels)
        scores[name] = float((fitted.predict(parts.test.texts) == labels).mean())
    reader = {
        "words": list(vocabulary.words[UNKNOWN + 1 :]),
        "classes": list(parts.train.classes),
        "weights": base64.b64encode(packed).decode(),
        "embedding_dim": config.embedding_dim,
        "hidden_size": config.hidden_size,
        "held_out": [len(test), 100 * scores["accuracy"], 100 * scores["accuracy_rounded"]],
        "examples": list(EXAMPLES),
        "text": EXAMPLES[0],
    }
    return {
        **scores,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "bytes": len(packed),
        "vocabulary": len(vocabulary),
        "tested": len(test),
        "seen": shared_texts(parts.train, parts.test),
        "reader": reader,
    }


def _data(scale: Scale) -> str:
    return splits(TRAIN).fingerprint


STUDY = Study(
    name="sentence-reader",
    about="a small bidirectional GRU on generated sentences that reads in the page",
    seeds=1,
    grid=grid,
    run=run,
    data=_data,
    notes="Synthetic data at either scale. The weights are rounded to one byte each before the network is shown.",
)
STUDIES = (STUDY,)
