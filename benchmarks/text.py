"""What texts cost: words to ids to rectangles against plain loops, and padding to a network that reads it.

Run with ``python -m benchmarks.text``. A corpus has the lengths of tweets or of film reviews, and
tokens drawn at random. One round of training takes some batches of an epoch, the batches being made meanwhile; a token
of padding is no token.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks._measure import interleaved, machine, markdown_table, ratios
from rnncourse.networks import TextClassifier
from rnncourse.text import Encoded, Layout, TextBatches, Vocabulary, pad, tokenise

WORDS, EMBEDDING, CLASSES, BATCH, THREADS = 10_000, 100, 6, 64, 2
TEXTS = 12_800  # enough for two pools of buckets
BATCHES = 6  # of an epoch, evenly spread from its longest to its shortest
BASE = "padded to the longest of all"
BUCKETS = "in buckets"
GOAL = 1.0  # a bucket must never be slower than blind padding


@dataclass(frozen=True)
class Corpus:
    """Lengths to imitate, and the network that reads them."""

    name: str
    lengths: Callable[[np.random.Generator], NDArray[np.int64]]
    network: Callable[[], TextClassifier]


def tweets(rng: np.random.Generator) -> NDArray[np.int64]:
    """Lengths of the emotion tweets: mean 19, longest 66."""
    return np.clip(rng.gamma(3.0, 19 / 3, TEXTS), 2, 66).astype(np.int64)


def reviews(rng: np.random.Generator) -> NDArray[np.int64]:
    """Lengths of film reviews: median 175, 95 % below 600, cut at 400."""
    # A log-normal whose 95th percentile lies 1.645 standard deviations above its median.
    return np.exp(rng.normal(np.log(175), np.log(600 / 175) / 1.645, TEXTS)).clip(1, 400).astype(np.int64)


CORPORA = (
    Corpus("tweets, BiGRU 128", tweets, lambda: _network("gru", 128, bidirectional=True)),
    Corpus("reviews, LSTM 64", reviews, lambda: _network("lstm", 64, bidirectional=False)),
)


def _network(kind: Any, hidden_size: int, *, bidirectional: bool) -> TextClassifier:
    return TextClassifier(
        kind,
        vocabulary_size=WORDS,
        embedding_dim=EMBEDDING,
        hidden_size=hidden_size,
        classes=CLASSES,
        bidirectional=bidirectional,
    )


class Packing(nn.Module):
    """A classifier that packs every batch, as most people write it: vectors first, packed then."""

    def __init__(self, net: TextClassifier) -> None:
        super().__init__()
        self.net = net

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, classes)`` of padded ids ``(batch, time)``."""
        vectors = self.net.embedding(ids)
        packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        final = self.net.rnn(packed)[1]
        hidden = final[0] if isinstance(final, tuple) else final
        logits: torch.Tensor = self.net.head(hidden[-(1 + self.net.rnn.bidirectional) :].transpose(0, 1).flatten(1))
        return logits


class Padding(nn.Module):
    """A classifier that reads padding like words."""

    def __init__(self, net: TextClassifier) -> None:
        super().__init__()
        net.read = "last"
        self.net = net

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, classes)`` of padded ids ``(batch, time)``."""
        logits: torch.Tensor = self.net(ids)
        return logits


METHODS: Mapping[str, tuple[Callable[[TextClassifier], nn.Module], Layout, bool, bool]] = {
    # name: (module, layout, bucket, padded to the longest of all)
    BASE: (Padding, "right", False, True),
    "padded to the longest of the batch": (Padding, "right", False, False),
    "packed": (Packing, "right", False, False),
    "packed, in buckets": (Packing, "packed", True, False),
    BUCKETS: (lambda net: net, "packed", True, False),
}


def candidate(corpus: Corpus, encoded: Encoded, method: str) -> tuple[Callable[[], None], int]:
    """A round of training by one method, and how many tokens it reads."""
    torch.manual_seed(0)
    make, layout, bucket, to_longest = METHODS[method]
    net = make(corpus.network()).train()
    optimiser = torch.optim.Adam(net.parameters(), fused=True)
    length = int(encoded.lengths.max()) if to_longest else None
    labels = np.arange(len(encoded)) % CLASSES
    batches = TextBatches(encoded, labels, BATCH, layout, length, bucket)
    order = sorted(batches.order(torch.Generator().manual_seed(0)), key=lambda which: -encoded.lengths[which].sum())
    chosen = order[len(order) // (2 * BATCHES) :: len(order) // BATCHES]

    def train() -> None:
        for which in chosen:
            inputs = pad(encoded.take(which), layout=layout, length=length)
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(*inputs), torch.from_numpy(labels[which])).backward()
            optimiser.step()

    return train, int(encoded.lengths[np.concatenate(chosen)].sum())


def vocabulary_by_loop(texts: Sequence[str]) -> dict[str, int]:
    """Ids by word, the most frequent first."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in tokenise(text):
            counts[word] = counts.get(word, 0) + 1
    kept = sorted(counts, key=lambda word: (-counts[word], word))[: WORDS - 2]
    return {word: number for number, word in enumerate(kept, 2)}


def encoded_by_loop(texts: Sequence[str], ids: Mapping[str, int]) -> list[list[int]]:
    """The ids of every text, 1 for an unknown word."""
    rows = []
    for text in texts:
        row = []
        for word in tokenise(text):
            row.append(ids.get(word, 1))
        rows.append(row)
    return rows


def padded_by_loop(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """A rectangle of ids, filled row by row, and the lengths."""
    rectangle = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for number, row in enumerate(rows):
        rectangle[number, : len(row)] = torch.tensor(row)
    return rectangle, torch.tensor([len(row) for row in rows])


def _prepare(
    corpus: Corpus, tokens: NDArray[np.int64], lengths: NDArray[np.int64], repeats: int
) -> list[dict[str, Any]]:
    """Rows for each step from words to rectangles: the cost of the package relative to a plain loop's."""
    texts = [" ".join(f"w{token}" for token in part) for part in np.split(tokens, np.cumsum(lengths)[:-1])]
    vocabulary, ids = Vocabulary.of(texts, size=WORDS), vocabulary_by_loop(texts)
    encoded, rows = vocabulary.encode(texts), encoded_by_loop(texts, ids)
    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "vocabulary": (lambda: Vocabulary.of(texts, size=WORDS), lambda: vocabulary_by_loop(texts)),
        "encoding": (lambda: vocabulary.encode(texts), lambda: encoded_by_loop(texts, ids)),
        "padding": (lambda: pad(encoded), lambda: padded_by_loop(rows)),
    }
    # What is compared computes the same.
    assert vocabulary.words[2:] == tuple(ids)
    assert all(torch.equal(mine, loops) for mine, loops in zip(pad(encoded), padded_by_loop(rows), strict=True))
    found = []
    for step, (ours, loop) in pairs.items():
        times = interleaved({"rnncourse.text": ours, "plain loop": loop}, repeats=repeats, warmup=1)
        middle, low, high = ratios(times, "plain loop")["rnncourse.text"]
        milliseconds = {f"{name} ms": 1e3 * statistics.median(seconds) for name, seconds in times.items()}
        found.append({"corpus": corpus.name, "step": step, **milliseconds, "relative": middle, "q1": low, "q3": high})
    return found


def run(*, repeats: int = 5, seed: int = 0) -> dict[str, Any]:
    """Measure every step and every method on both corpora.

    Args:
        repeats: interleaved rounds per corpus.
        seed: of lengths and tokens.

    Returns:
        ``setting``, ``machine``, ``goal``; ``rows``: per corpus and method the median tokens per second, and the
        median and quartiles of how many times as many that is as with `BASE`; ``steps``: per corpus and step from
        words to a rectangle the median milliseconds, and the cost relative to a plain loop.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    rows: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    try:
        for corpus in CORPORA:
            rng = np.random.default_rng(seed)
            lengths = corpus.lengths(rng)
            tokens = rng.integers(1, WORDS, size=lengths.sum())
            steps += _prepare(corpus, tokens, lengths, repeats)
            rows += _measure(corpus, Encoded(tokens, np.concatenate([[0], np.cumsum(lengths)])), repeats)
    finally:
        torch.set_num_threads(threads)
    setting = {"words": WORDS, "embedding": EMBEDDING, "batch": BATCH, "batches a round": BATCHES, "rounds": repeats}
    return {"setting": setting, "machine": machine(), "goal": GOAL, "rows": rows, "steps": steps}


def _measure(corpus: Corpus, encoded: Encoded, repeats: int) -> list[dict[str, Any]]:
    both = {method: candidate(corpus, encoded, method) for method in METHODS}
    times = interleaved({method: train for method, (train, _) in both.items()}, repeats=repeats, warmup=1)
    # Methods read other batches, so what is compared is the time of one token.
    each = {method: [second / both[method][1] for second in seconds] for method, seconds in times.items()}
    return [
        {
            "corpus": corpus.name,
            "method": method,
            "tokens_per_second": 1 / statistics.median(each[method]),
            # A speed is the inverse of a time, so the quartiles change places.
            "speed_up": 1 / middle,
            "q1": 1 / high,
            "q3": 1 / low,
        }
        for method, (middle, low, high) in ratios(each, BASE).items()
    ]


def report(result: Mapping[str, Any]) -> None:
    """Print the table of what `run` returned."""
    print("Training on texts,", ", ".join(f"{k} = {v}" for k, v in result["setting"].items()))
    print(", ".join(str(value) for value in result["machine"].values()), "\n")
    shown = [
        {
            "corpus": row["corpus"],
            "method": row["method"],
            "tokens/s": f"{row['tokens_per_second']:,.0f}",
            "speed-up": f"{row['speed_up']:.2f}",
            "quartiles": f"{row['q1']:.2f}–{row['q3']:.2f}",
        }
        for row in result["rows"]
    ]
    print(markdown_table(shown), markdown_table(result["steps"]), sep="\n\n")
    slowest = min(row["speed_up"] for row in result["rows"] if row["method"] == BUCKETS)
    print(f"\nbuckets, least speed-up: {slowest:.2f} (goal: more than {result['goal']:.1f})")


if __name__ == "__main__":
    report(run())
