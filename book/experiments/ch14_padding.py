"""What padding does to a state and to a gradient, and when training survives it. The texts are generated.

Reviews of 5 to 13 words are padded to a length, read at the last step, and classified. Everything else is held
constant: whatever changes with the length is the work of the padding.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncourse.data.corpus import Corpus
from rnncourse.data.toys import synthetic_reviews
from rnncourse.gates import trace_gates
from rnncourse.gradients import gradient_flow
from rnncourse.initialisation import chrono_, forget_bias_
from rnncourse.networks import Kind, TextClassifier, class_logits
from rnncourse.studies import Scale, Study
from rnncourse.text import PADDING, Encoded, Layout, TextBatches, Vocabulary, pad
from rnncourse.training import fit, one_cycle, set_seed

Floats = NDArray[np.float64]
Start = Literal["torch", "keep", "keep, write little"]

LENGTHS = (13, 20, 30, 60)  # the longest review has 13 words
STEPS = 40  # of padding, over which states and gradients are followed
FORGET_BIAS = 3.0


def _keep(lstm: nn.LSTM, length: int, seed: int) -> None:
    forget_bias_(lstm, FORGET_BIAS)


def _keep_write_little(lstm: nn.LSTM, length: int, seed: int) -> None:
    chrono_(lstm, t_max=length, seed=seed)


STARTS: Mapping[Start, Callable[[nn.LSTM, int, int], None]] = MappingProxyType(
    {"torch": lambda lstm, length, seed: None, "keep": _keep, "keep, write little": _keep_write_little}
)
"""How a network begins: torch's weights; forget gates near one; and input gates near zero as well (chrono)."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network.

    Attributes:
        seed: of the initial weights and the order of the batches.
        kind: ``rnn``, ``lstm`` or ``gru``.
        layout: ``packed``, or padding on the ``right`` or ``left`` that is read like words.
        length: steps that every review is padded to; 13, the longest, where it is packed.
        start: how the gates of an LSTM begin, as in `STARTS`.
        epochs: passes over the training reviews.
        hidden_size: units.
        embedding_dim: entries of a word's vector.
        lr: highest learning rate.
    """

    seed: int
    kind: Kind = "lstm"
    layout: Layout = "right"
    length: int = 60
    start: Start = "torch"
    epochs: int = 8
    hidden_size: int = 32
    embedding_dim: int = 16
    lr: float = 1e-2


@dataclass(frozen=True, eq=False)
class Reviews:
    """Generated reviews, split and encoded.

    Attributes:
        vocabulary: of the training reviews.
        train, validation, test: the reviews of each part.
    """

    vocabulary: Vocabulary
    train: Corpus
    validation: Corpus
    test: Corpus

    def encode(self, part: Corpus) -> Encoded:
        """Ids of a part."""
        return self.vocabulary.encode(part.texts)


@lru_cache(maxsize=1)
def reviews() -> Reviews:
    """The reviews of the study, no two the same: 2,000 to learn from, 500 to choose by, 1,500 to score."""
    made = synthetic_reviews(4_000, seed=0)
    texts = tuple(" ".join(words) for words in made.words)
    every = Corpus("synthetic reviews", texts, made.labels.astype(np.int64), ("unfriendly", "friendly"))
    parts = [every.take(np.arange(*bounds)) for bounds in ((0, 2_000), (2_000, 2_500), (2_500, 4_000))]
    return Reviews(Vocabulary.of(parts[0].texts), *parts)


def build(config: Config) -> TextClassifier:
    """The network of a config, untrained.

    Args:
        config: which.

    Returns:
        It, with its initial weights.
    """
    set_seed(config.seed)
    net = TextClassifier(
        config.kind,
        vocabulary_size=len(reviews().vocabulary),
        embedding_dim=config.embedding_dim,
        hidden_size=config.hidden_size,
        classes=2,
        read="packed" if config.layout == "packed" else "last",
    )
    if isinstance(net.rnn, nn.LSTM):
        STARTS[config.start](net.rnn, config.length, config.seed)
    return net


def train(config: Config) -> tuple[TextClassifier, list[float]]:
    """The network of a config, trained.

    Args:
        config: which.

    Returns:
        It, with the weights of its best epoch on the validation reviews, and its training loss epoch by epoch, in
        nats.
    """
    data, net = reviews(), build(config)
    shape: dict[str, Any] = {"layout": config.layout, "length": config.length}
    learned, chosen = (
        TextBatches(data.encode(part), part.labels, 64, **shape) for part in (data.train, data.validation)
    )
    history = fit(
        net,
        learned,
        chosen,
        epochs=config.epochs,
        loss=nn.functional.cross_entropy,
        clip_norm=1.0,
        optimiser=one_cycle(config.lr, config.epochs * len(learned)),
        seed=config.seed,
        device="cpu",
        progress=False,
    )
    return net, history.train_loss


def accuracy(net: TextClassifier, config: Config) -> float:
    """Share of test reviews that a network names rightly, padded as its config says."""
    data = reviews()
    logits = class_logits(net, data.encode(data.test), layout=config.layout, length=config.length, device="cpu")
    return float((logits.argmax(axis=1) == data.test.labels).mean())


@torch.no_grad()
def over_padding(net: TextClassifier, encoded: Encoded, steps: int) -> tuple[Tensor, Tensor | None]:
    """States of a network that has read texts to their last tokens and goes on over padding.

    Args:
        net: a classifier with one recurrent layer in one direction.
        encoded: the texts, ``n`` of them.
        steps: padding steps.

    Returns:
        ``h`` and, of an LSTM, ``c``: ``(n, steps + 1, hidden)``, float64. The first entry is the state at the last
        token.
    """
    rnn, (ids, lengths) = copy.deepcopy(net.rnn).double(), pad(encoded)
    packed = nn.utils.rnn.pack_padded_sequence(
        net.embedding(ids).double(), lengths, batch_first=True, enforce_sorted=False
    )
    state = rnn(packed)[1]
    nothing = net.embedding(torch.full((len(encoded), 1), PADDING)).double()
    states = [state]
    for _ in range(steps):
        states.append(rnn(nothing, states[-1])[1])
    if isinstance(rnn, nn.LSTM):
        return torch.cat([h for h, _ in states]).transpose(0, 1), torch.cat([c for _, c in states]).transpose(0, 1)
    return torch.cat(states).transpose(0, 1), None


def apart(states: Tensor) -> Floats:
    """How far the states of different texts lie from one another.

    Args:
        states: ``(n, steps, hidden)``.

    Returns:
        Root of the mean squared distance from the mean over texts, ``(steps,)``.
    """
    away = states - states.mean(dim=0)
    return away.square().sum(dim=-1).mean(dim=0).sqrt().numpy()


def reaches(
    net: TextClassifier, encoded: Encoded, labels: NDArray[np.int64], steps: int
) -> tuple[Floats, Floats | None]:
    """Gradient of the loss at each padding step, for texts of one length.

    Args:
        net: a classifier with one recurrent layer in one direction.
        encoded: texts of one length.
        labels: their classes, ``(n,)``.
        steps: padding steps behind each text; the loss is read after the last one.

    Returns:
        Norm of the gradient at ``h`` and, of an LSTM, at ``c``, after the last token and after each padding step,
        ``(steps + 1,)``.

    Raises:
        ValueError: the texts have different lengths.
    """
    ids, lengths = pad(encoded, length=int(encoded.lengths.max()) + steps)
    if len(set(lengths.tolist())) > 1:
        raise ValueError(f"encoded has texts of {lengths.min()} to {lengths.max()} tokens; pass texts of one length.")
    with torch.no_grad():
        vectors = net.embedding(ids)
    head, targets = copy.deepcopy(net.head).double(), torch.from_numpy(labels)

    def loss(output: Tensor) -> Tensor:
        return nn.functional.cross_entropy(head(output[:, -1]), targets)

    flow = gradient_flow(net.rnn, vectors, loss)
    return flow.dh[-steps - 1 :].numpy(), None if flow.dc is None else flow.dc[-steps - 1 :].numpy()


def _followed(net: TextClassifier) -> dict[str, Any]:
    """What padding does to a network: states, gradient and gates over `STEPS` steps of it."""
    data = reviews()
    encoded = data.encode(data.test)
    h, c = over_padding(net, encoded, STEPS)
    alike = np.flatnonzero(encoded.lengths == 6)
    with torch.no_grad():
        said = net.head(h.float()).argmax(dim=-1).numpy()
    dh, dc = reaches(net, encoded.take(alike), data.test.labels[alike], STEPS)
    found: dict[str, Any] = {
        "apart": apart(h if c is None else torch.cat([h, c], dim=-1)).tolist(),
        "norm": h.norm(dim=-1).mean(dim=0).tolist(),
        "late_accuracy": (said == data.test.labels[:, None]).mean(axis=0).tolist(),
        "gradient": dh.tolist(),
    }
    if c is not None and dc is not None:
        found |= {"cell_norm": c.norm(dim=-1).mean(dim=0).tolist(), "cell_gradient": dc.tolist()}
    if isinstance(net.rnn, nn.LSTM | nn.GRU):
        found |= _gates(net.rnn, h, c)
    return found


def _gates(layer: nn.LSTM | nn.GRU, h: Tensor, c: Tensor | None) -> dict[str, Any]:
    """Each gate, mean over texts and units, step by step of padding."""
    rnn, first = copy.deepcopy(layer).double(), h[:, 0].unsqueeze(0).contiguous()
    vectors = torch.zeros(len(h), STEPS, rnn.input_size, dtype=torch.float64)
    trace = trace_gates(rnn, vectors, first if c is None else (first, c[:, 0].unsqueeze(0).contiguous()))
    names = ("update",) if c is None else ("forget", "input")
    return {f"{name}_gate": trace[name][0, 0].mean(dim=(0, 2)).tolist() for name in names}


def run(config: Config, device: str) -> dict[str, Any]:
    """Train one network, score it, and follow it over padding before and after training.

    Args:
        config: which.
        device: ignored; the networks are too small for any but the CPU.

    Returns:
        ``accuracy`` on the test reviews; ``train_loss`` by epoch; ``mean_pad``, padding steps per test review; and,
        step by step of padding behind the last token, before training (``untrained_…``) and after: ``apart`` (how far
        the states of the reviews differ), ``norm`` of h, ``cell_norm``, ``late_accuracy`` (read that late),
        ``gradient`` at h and ``cell_gradient`` at c of the loss after the last step, and the mean ``forget_gate``,
        ``input_gate`` or ``update_gate``.
    """
    before = _followed(build(config))
    net, losses = train(config)
    lengths = reviews().encode(reviews().test).lengths
    return {
        "accuracy": accuracy(net, config),
        "train_loss": losses,
        "mean_pad": 0.0 if config.layout == "packed" else float((config.length - lengths).mean()),
        **_followed(net),
        **{f"untrained_{name}": values for name, values in before.items()},
    }


def grid(scale: Scale, seeds: int) -> list[Config]:
    """LSTMs in every layout, from every start, and plain networks; at the small scale two lengths of padding."""
    lengths = LENGTHS[::3] if scale == "small" else LENGTHS
    longest = lengths[-1]
    configs = [Config(seed=0, layout="packed", length=LENGTHS[0]), Config(seed=0, layout="left", length=longest)]
    configs += [Config(seed=0, length=length) for length in lengths]
    configs += [Config(seed=0, length=longest, start=start) for start in ("keep, write little", "keep")]
    configs += [Config(seed=0, kind="rnn", length=length) for length in (longest, lengths[0])]
    return [replace(config, seed=seed) for config in configs for seed in range(seeds)]


def _data(scale: Scale) -> str:
    data = reviews()
    return "-".join(part.fingerprint[:12] for part in (data.train, data.validation, data.test))


STUDY = Study(
    name="padding",
    about="generated reviews padded to growing lengths: what the state keeps, what the gradient reaches, who learns",
    seeds=5,
    grid=grid,
    run=run,
    data=_data,
    notes="Generated reviews at either scale. 2,000 training reviews, 8 epochs.",
)
STUDIES = (STUDY,)
