"""Three LSTMs small enough to be computed in the page, with their weights on record: what padding does to each.

One learned without padding. Two learned with padding behind the text, read like words: from torch's weights, and from
gates that keep and write little. The weights are rounded to four decimals before anything is measured.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from book.experiments import ch14_padding as padding
from book.experiments.ch14_padding import Config as Recipe
from book.experiments.ch14_padding import accuracy, over_padding, reviews, train
from rnncourse.studies import Scale, Study

Network = Literal["packed", "padded", "padded, keeps"]

HIDDEN, EMBEDDING, EPOCHS, LENGTH = 8, 4, 24, 60
LR = 2e-2
DECIMALS = 4
RECIPES: dict[Network, Recipe] = {
    "packed": Recipe(seed=0, layout="packed", length=13),
    "padded": Recipe(seed=0, length=LENGTH),
    "padded, keeps": Recipe(seed=0, length=LENGTH, start="keep, write little"),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One small LSTM.

    Attributes:
        seed: of the initial weights and the order of the batches.
        network: how it learned: without padding, with it, or with it and gates that begin by keeping.
    """

    seed: int
    network: Network


def grid(scale: Scale, seeds: int) -> list[Config]:
    """One run per network and seed, the same at either scale."""
    return [Config(seed=seed, network=network) for network in RECIPES for seed in range(seeds)]


def run(config: Config, device: str) -> dict[str, Any]:
    """Train, round the weights, and score the rounded network as it learned and some padding later.

    Args:
        config: which.
        device: ignored; the network is too small for any but the CPU.

    Returns:
        ``words``, the vocabulary; ``embedding``, one row per word; ``W_ih``, ``W_hh`` and ``b`` (the sum of torch's two
        biases), rows in torch's order i, f, g, o; ``W_hy`` and ``b_y`` of the two classes; ``accuracy``, padded as it
        learned; ``late_accuracy``, read 0 to 60 padding steps behind the last word.
    """
    base = RECIPES[config.network]
    recipe = Recipe(
        seed=config.seed,
        layout=base.layout,
        length=base.length,
        start=base.start,
        hidden_size=HIDDEN,
        embedding_dim=EMBEDDING,
        epochs=EPOCHS,
        lr=LR,
    )
    net, _ = train(recipe)
    weights = dict(net.named_parameters())
    with torch.no_grad():
        weights["rnn.bias_ih_l0"].add_(weights["rnn.bias_hh_l0"])
        weights["rnn.bias_hh_l0"].zero_()
        for weight in weights.values():
            weight.copy_(weight.double().round(decimals=DECIMALS))
        data = reviews()
        late = net.head(over_padding(net, data.encode(data.test), LENGTH)[0].float()).argmax(dim=-1).numpy()
    rounded = {name: np.round(weight.detach().double().numpy(), DECIMALS).tolist() for name, weight in weights.items()}
    return {
        "words": list(data.vocabulary.words),
        "embedding": rounded["embedding.weight"],
        "W_ih": rounded["rnn.weight_ih_l0"],
        "W_hh": rounded["rnn.weight_hh_l0"],
        "b": rounded["rnn.bias_ih_l0"],
        "W_hy": rounded["head.weight"],
        "b_y": rounded["head.bias"],
        "accuracy": accuracy(net, recipe),
        "late_accuracy": (late == data.test.labels[:, None]).mean(axis=0).tolist(),
    }


def _data(scale: Scale) -> str:
    return padding.STUDIES[0].data(scale)


STUDY = Study(
    name="padding-reader",
    about="three small LSTMs on generated reviews, whose states over padding the page computes",
    seeds=1,
    grid=grid,
    run=run,
    data=_data,
    notes="Generated reviews at either scale. The weights are rounded to four decimals before the network is scored.",
)
STUDIES = (STUDY,)
